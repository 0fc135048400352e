//! The questions that are asked of payouts, each a constant, so that a test can ask the database how it would answer them:
//! none that is asked often may walk through what is settled.
//!
//! `stage IN (…)` is written out beside `stage = ?`: only so does SQLite know that a partial index covers the question.

/// The columns of a transfer, under a name for its table.
macro_rules! transfer_columns {
    ($t:literal) => {
        concat!(
            $t,
            ".txid, ",
            $t,
            ".attempt, ",
            $t,
            ".raw_data, ",
            $t,
            ".signature, ",
            $t,
            ".owner, ",
            $t,
            ".token, ",
            $t,
            ".contract, ",
            $t,
            ".route, ",
            $t,
            ".ref_block_number, ",
            $t,
            ".ref_block_id, ",
            $t,
            ".expires_at_ms, ",
            $t,
            ".fee_limit_sun, ",
            $t,
            ".signed_at_ms, ",
            $t,
            ".outcome, ",
            $t,
            ".block_number, ",
            $t,
            ".block_id"
        )
    };
}

/// Payouts whole in one look: each with its one transfer that is not buried, if it has one.
macro_rules! payouts {
    ($from:expr, $rest:expr) => {
        payouts!("", "", $from, $rest)
    };
    ($more_columns:expr, $more_tables:expr, $from:expr, $rest:expr) => {
        concat!(
            "SELECT p.id, p.account, p.ordered_by, p.ordered_as, p.idempotency_key, p.request_digest, p.recipient, p.amount_micro_usdt, p.route, ",
            "p.reference, p.memo, p.kyc, p.not_before_ms, p.not_after_ms, p.priority, p.metadata, p.order_digest, ",
            "p.stage, p.reason, p.reservation, p.attempts, p.version, p.created_at_ms, p.updated_at_ms, ",
            "p.settled_at_ms, ", transfer_columns!("t"), $more_columns, " FROM ", $from,
            " LEFT JOIN transfer AS t ON t.payout_id = p.id AND t.outcome <> 'expired' ", $more_tables, " ", $rest
        )
    };
}

/// As much of a live transfer as the watcher needs.
macro_rules! live_transfers {
    ($rest:expr) => {
        concat!(
            "SELECT t.payout_id, t.txid, t.ref_block_number, t.ref_block_id, t.expires_at_ms, t.signed_at_ms, p.stage ",
            "FROM transfer AS t CROSS JOIN payout AS p ON p.id = t.payout_id ",
            "WHERE t.outcome = 'pending' AND t.block_number IS NULL AND ", $rest
        )
    };
}

/// A page of payouts, newest first: `$way` is the term that leads to them, the others sift; `$id` is how their id is named,
/// with a plus where the way there is not by id. `?1` are the accounts whose they are, NULL for everybody's.
macro_rules! page {
    ($way:expr, $id:expr) => {
        payouts!(
            "payout AS p",
            concat!(
                "WHERE ",
                $way,
                " AND (?1 IS NULL OR p.account IN (SELECT value FROM jsonb_each(?1))) AND (?2 IS NULL OR p.stage = ?2) ",
                "AND (?3 IS NULL OR p.recipient = ?3) AND (?4 IS NULL OR p.reference = ?4) AND ",
                $id,
                " >= ?5 AND ",
                $id,
                " < ?6 ORDER BY ",
                $id,
                " DESC LIMIT ?7"
            )
        )
    };
}

pub(super) const FIND: &str = payouts!("payout AS p", "WHERE p.id = ?1");
pub(super) const FIND_MANY: &str =
    payouts!("jsonb_each(?1) AS asked CROSS JOIN payout AS p ON p.id = asked.value", "");
pub(super) const FIND_BY_KEY: &str =
    payouts!("payout AS p", "WHERE p.account = ?1 AND p.idempotency_key = ?2");
pub(super) const FIND_BY_TRANSFERS: &str = payouts!(
    "(SELECT DISTINCT f.payout_id FROM jsonb_each(?1) AS asked CROSS JOIN transfer AS f \
      ON f.expires_at_ms = asked.value ->> 0 AND f.txid = unhex(asked.value ->> 1)) \
     AS found CROSS JOIN payout AS p ON p.id = found.payout_id",
    ""
);

/// Transfers that are proved dead, of the payouts that have some.
pub(super) const BURIED: &str = concat!(
    "SELECT t.payout_id, ",
    transfer_columns!("t"),
    " FROM jsonb_each(?1) AS asked ",
    "CROSS JOIN transfer AS t ON t.payout_id = asked.value AND t.outcome = 'expired' ORDER BY t.payout_id, t.attempt"
);

pub(super) const SETTLEMENT: &str = "SELECT j.body FROM payout AS p CROSS JOIN journal AS j ON j.seq = p.last_seq \
     WHERE p.id = ?1 AND p.stage = 'settled' AND j.kind = 'payout_settled' AND j.payout_id = p.id";

// Ways to a page. A recipient has no index: it would be the one that is written at random places for every order, and
// costs a third of all speed; who asks for a recipient walks the ids.
pub(super) const PAGE: &str = page!("TRUE", "p.id");
/// Of some accounts: of each its newest, one after the other in the index of accounts, and of all these the newest. However many others
/// have ordered meanwhile, nothing of theirs is looked at.
pub(super) const PAGE_OF_ACCOUNTS: &str = payouts!(
    "(SELECT q.id FROM jsonb_each(?1) AS asked CROSS JOIN payout AS q ON q.id IN ( \
        SELECT f.id FROM payout AS f WHERE f.account = asked.value AND (?2 IS NULL OR f.stage = ?2) \
          AND (?3 IS NULL OR f.recipient = ?3) AND (?4 IS NULL OR f.reference = ?4) \
          AND f.id >= ?5 AND f.id < ?6 ORDER BY f.id DESC LIMIT ?7) \
      ORDER BY q.id DESC LIMIT ?7) AS found CROSS JOIN payout AS p ON p.id = found.id",
    "ORDER BY p.id DESC"
);
pub(super) const PAGE_OF_REFERENCE: &str = page!("p.reference = ?4", "p.id");
pub(super) const PAGE_OF_STAGE: &str = page!(
    "p.stage = ?2 AND p.stage IN ('admitted', 'held', 'signed', 'broadcast', 'included', 'mismatched', 'unknown')",
    "+p.id"
);
pub(super) const PAGE_OF_ENDED: &str =
    page!("p.stage = ?2 AND p.stage IN ('rejected', 'failed', 'cancelled')", "p.id");

pub(super) const PAYABLE: &str = payouts!(
    ", j.body ->> '$.order_digest'",
    "LEFT JOIN journal AS j ON j.seq = p.admitted_seq AND json_valid(j.body)",
    "payout AS p",
    "WHERE p.stage = 'admitted' AND (p.not_before_ms IS NULL OR p.not_before_ms <= ?1) \
     AND p.id NOT IN (SELECT value FROM jsonb_each(?3)) \
     ORDER BY p.priority DESC, p.id LIMIT ?2"
);
pub(super) const HELD_FOR: &str = payouts!(
    "payout AS p",
    "WHERE p.stage = 'held' AND p.reason IN (SELECT value FROM jsonb_each(?1)) \
     AND p.priority <= ?2 AND (p.priority < ?2 OR p.id > ?3) ORDER BY p.priority DESC, p.id LIMIT ?4"
);
pub(super) const OVERDUE: &str = payouts!(
    "payout AS p",
    "WHERE p.stage IN ('held', 'admitted') AND p.not_after_ms IS NOT NULL AND p.not_after_ms <= ?1 \
     ORDER BY p.not_after_ms, p.id LIMIT ?2"
);
pub(super) const WAITING_FOR_ROOM: &str = "SELECT p.account, p.ordered_by, p.ordered_as, p.route, \
     sum(p.amount_micro_usdt) FROM payout AS p \
     WHERE p.stage = 'held' AND p.reservation = 'reserved' AND p.reason IN (SELECT value FROM jsonb_each(?1)) \
     GROUP BY p.account, p.ordered_by, p.ordered_as, p.route";

pub(super) const HELD_BY_REASON: &str = "SELECT p.reason, count(*) FROM payout AS p WHERE p.stage = 'held' AND p.reason IS NOT NULL GROUP BY p.reason";

pub(super) const EXPIRED: &str = live_transfers!(
    "t.expires_at_ms <= ?1 AND (t.expires_at_ms, t.payout_id) > (?2, ?3) ORDER BY t.expires_at_ms, t.payout_id LIMIT ?4"
);
pub(super) const UNINCLUDED: &str =
    live_transfers!("t.expires_at_ms > ?1 AND t.payout_id > ?2 ORDER BY t.payout_id LIMIT ?3");
pub(super) const INCLUDED_BETWEEN: &str = payouts!(
    "(SELECT f.payout_id, f.block_number FROM transfer AS f \
      WHERE f.outcome = 'pending' AND f.block_number IS NOT NULL AND f.block_number BETWEEN ?1 AND ?2 \
      ORDER BY f.block_number, f.payout_id LIMIT ?3) AS seen CROSS JOIN payout AS p ON p.id = seen.payout_id",
    "ORDER BY seen.block_number, p.id"
);
pub(super) const SEEN_BLOCKS: &str = "SELECT DISTINCT t.block_id FROM transfer AS t \
     WHERE t.outcome = 'pending' AND t.block_number IS NOT NULL AND t.block_number = ?1";
pub(super) const IN_BLOCKS: &str = payouts!(
    "(SELECT f.payout_id FROM transfer AS f \
      WHERE f.outcome = 'pending' AND f.block_number IS NOT NULL AND f.block_number BETWEEN ?1 AND ?2 \
        AND +f.payout_id > ?3 \
      UNION SELECT f.payout_id FROM transfer AS f \
      WHERE f.outcome <> 'pending' AND f.block_number IS NOT NULL AND f.block_number BETWEEN ?1 AND ?2 \
        AND +f.payout_id > ?3 \
      ORDER BY 1 LIMIT ?4) AS seen CROSS JOIN payout AS p ON p.id = seen.payout_id",
    "ORDER BY p.id"
);

pub(super) const COUNTS: &str = "SELECT c.stage, c.payouts, c.amount_micro_usdt, \
     (SELECT min(max(p.updated_at_ms, CASE p.stage WHEN 'admitted' THEN coalesce(p.not_before_ms, 0) ELSE 0 END)) \
      FROM payout AS p WHERE p.stage = c.stage \
      AND p.stage IN ('admitted', 'held', 'signed', 'broadcast', 'included', 'mismatched', 'unknown')) \
     FROM tally AS c";
pub(super) const IN_FLIGHT: &str = "SELECT coalesce(sum(payouts) FILTER (WHERE stage IN ('signed', 'broadcast', 'included', 'unknown')), 0), \
     coalesce(sum(amount_micro_usdt) FILTER (WHERE stage IN ('signed', 'broadcast', 'included', 'unknown')), 0), \
     coalesce(sum(fee_limit_sun) FILTER (WHERE stage IN ('signed', 'broadcast', 'included', 'unknown')), 0), \
     coalesce(sum(amount_micro_usdt) FILTER (WHERE stage IN ('settled', 'mismatched')), 0) FROM tally";

/// What each scope has reserved, has settled within the hour, and within the rest of the day, and the limit that is set for it.
/// Minutes later than `?2` are in the hour's window, later than `?1` in the day's. House and accounts first: those that are asked for.
/// Then those of principals, roles and routes that have a limit: where none is set, this is one look into an empty index.
macro_rules! limit_book {
    ($asked:expr, $set:expr) => {
        concat!(
            "SELECT asked.limit_id, coalesce(r.reserved_micro_usdt, 0), ",
            "(SELECT coalesce(sum(s.settled_micro_usdt), 0) FROM spending AS s ",
            " WHERE s.scope = asked.scope AND s.minute_ms > ?2), ",
            "(SELECT coalesce(sum(s.settled_micro_usdt), 0) FROM spending AS s ",
            " WHERE s.scope = asked.scope AND s.minute_ms > ?1 AND s.minute_ms <= ?2), l.body ",
            "FROM (SELECT scope, CASE scope WHEN '' THEN 'house' ELSE 'account:' || scope END AS limit_id FROM ",
            $asked,
            ") AS asked LEFT JOIN reserved AS r ON r.scope = asked.scope ",
            "LEFT JOIN register AS l ON l.kind = 'limit' AND l.id = asked.limit_id ",
            "UNION ALL SELECT l.id, coalesce(r.reserved_micro_usdt, 0), ",
            "(SELECT coalesce(sum(s.settled_micro_usdt), 0) FROM scope_spending AS s ",
            " WHERE s.scope = l.id AND s.minute_ms > ?2), ",
            "(SELECT coalesce(sum(s.settled_micro_usdt), 0) FROM scope_spending AS s ",
            " WHERE s.scope = l.id AND s.minute_ms > ?1 AND s.minute_ms <= ?2), l.body ",
            "FROM register AS l LEFT JOIN scope_reserved AS r ON r.scope = l.id WHERE l.kind = 'limit' AND ",
            $set
        )
    };
}

pub(super) const LIMIT_BOOK: &str = limit_book!(
    "(SELECT scope FROM reserved UNION SELECT CASE l.id WHEN 'house' THEN '' ELSE substr(l.id, 9) END FROM register AS l \
      WHERE l.kind = 'limit' AND (l.id = 'house' OR l.id LIKE 'account:%')) AS known",
    "NOT (l.id = 'house' OR l.id LIKE 'account:%')"
);
pub(super) const LIMIT_BOOK_OF: &str = limit_book!(
    "(SELECT value AS scope FROM jsonb_each(?3)) AS asked",
    "l.id IN (SELECT value FROM jsonb_each(?4))"
);

/// Every question that is asked while payouts are on their way, with the tables that it must not walk through.
#[cfg(test)]
pub(super) const HOT: [(&str, &str); 24] = [
    ("find", FIND),
    ("find_many", FIND_MANY),
    ("find_by_key", FIND_BY_KEY),
    ("find_by_transfers", FIND_BY_TRANSFERS),
    ("buried", BURIED),
    ("settlement", SETTLEMENT),
    ("page", PAGE),
    ("page_of_accounts", PAGE_OF_ACCOUNTS),
    ("page_of_reference", PAGE_OF_REFERENCE),
    ("page_of_stage", PAGE_OF_STAGE),
    ("page_of_ended", PAGE_OF_ENDED),
    ("payable", PAYABLE),
    ("held_for", HELD_FOR),
    ("overdue", OVERDUE),
    ("waiting_for_room", WAITING_FOR_ROOM),
    ("held_by_reason", HELD_BY_REASON),
    ("expired", EXPIRED),
    ("unincluded", UNINCLUDED),
    ("included_between", INCLUDED_BETWEEN),
    ("seen_blocks", SEEN_BLOCKS),
    ("in_blocks", IN_BLOCKS),
    ("counts", COUNTS),
    ("search", super::journal::SEARCH),
    ("place_behind", super::journal::PLACE_BEHIND),
];
