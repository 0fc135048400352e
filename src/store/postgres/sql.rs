//! The questions that are asked of payouts, each a constant, so that a test can ask the database how it would answer them:
//! none that is asked often may walk through what is settled.
//!
//! Indexes of payouts speak of `resting_stage` (migration 4 says why), and a question names the stage as the index does: only so
//! does PostgreSQL know that a partial index covers it. What is on its way has no such stage and is found by its transfer.
//! Many ids travel as one array (`unnest`).

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
            "FROM transfer AS t JOIN payout AS p ON p.id = t.payout_id ",
            "WHERE t.outcome = 'pending' AND t.block_number IS NULL AND ", $rest
        )
    };
}

/// The payouts that are on their way: those with a transfer of which nothing final is known, in a block or in none.
macro_rules! in_flight {
    () => {
        "(SELECT f.payout_id FROM transfer AS f WHERE f.outcome = 'pending' AND f.block_number IS NULL \
          UNION ALL SELECT f.payout_id FROM transfer AS f WHERE f.outcome = 'pending' AND f.block_number IS NOT NULL)"
    };
}

/// A page of payouts, newest first: `$way` is the term that leads to them, the others sift; `$1` are the accounts whose they are,
/// NULL for everybody's.
macro_rules! page {
    ($way:expr) => {
        page!("payout AS p", $way)
    };
    ($from:expr, $way:expr) => {
        payouts!(
            $from,
            concat!(
                "WHERE ",
                $way,
                " AND ($1::text[] IS NULL OR p.account = ANY ($1)) AND ($2::text IS NULL OR p.stage = $2) ",
                "AND ($3::text IS NULL OR p.recipient = $3) AND ($4::text IS NULL OR p.reference = $4) ",
                "AND p.id >= $5 AND p.id < $6 ORDER BY p.id DESC LIMIT $7"
            )
        )
    };
}

pub(super) const FIND: &str = payouts!("payout AS p", "WHERE p.id = $1");
pub(super) const FIND_MANY: &str =
    payouts!("unnest($1::text[]) AS asked (id) JOIN payout AS p ON p.id = asked.id", "");
pub(super) const FIND_BY_KEY: &str =
    payouts!("payout AS p", "WHERE p.account = $1 AND p.idempotency_key = $2");
pub(super) const FIND_BY_TRANSFERS: &str = payouts!(
    "(SELECT DISTINCT f.payout_id FROM unnest($1::bigint[], $2::bytea[]) AS asked (expires_at_ms, txid) \
      JOIN transfer AS f ON f.expires_at_ms = asked.expires_at_ms AND f.txid = asked.txid) AS found JOIN payout AS p ON p.id = found.payout_id",
    ""
);

/// Transfers that are proved dead, of the payouts that have some.
pub(super) const BURIED: &str = concat!(
    "SELECT t.payout_id, ",
    transfer_columns!("t"),
    " FROM unnest($1::text[]) AS asked (id) ",
    "JOIN transfer AS t ON t.payout_id = asked.id AND t.outcome = 'expired' ORDER BY t.payout_id, t.attempt"
);

pub(super) const SETTLEMENT: &str = "SELECT j.body FROM payout AS p JOIN journal AS j ON j.seq = p.last_seq \
     WHERE p.id = $1 AND p.stage = 'settled' AND j.kind = 'payout_settled' AND j.payout_id = p.id";

// Ways to a page. A recipient has no index: it would be the one that is written at random places for every order; who
// asks for a recipient walks the ids.
pub(super) const PAGE: &str = page!("TRUE");
/// Of some accounts: of each its newest, one after the other in the index of accounts, and of all these the newest. However many others
/// have ordered meanwhile, nothing of theirs is looked at. The collation is that index's.
pub(super) const PAGE_OF_ACCOUNTS: &str = payouts!(
    "(SELECT newest.id FROM unnest($1::text[]) AS asked (account) CROSS JOIN LATERAL ( \
        SELECT q.id FROM payout AS q WHERE q.account COLLATE \"POSIX\" = asked.account AND ($2::text IS NULL OR q.stage = $2) \
          AND ($3::text IS NULL OR q.recipient = $3) AND ($4::text IS NULL OR q.reference = $4) \
          AND q.id >= $5 AND q.id < $6 ORDER BY q.id DESC LIMIT $7) AS newest \
      ORDER BY newest.id DESC LIMIT $7) AS found JOIN payout AS p ON p.id = found.id",
    "ORDER BY p.id DESC"
);
pub(super) const PAGE_OF_REFERENCE: &str = page!("p.reference = $4");
pub(super) const PAGE_OF_ADMITTED: &str = page!("p.stage = $2 AND p.resting_stage = 'admitted'");
pub(super) const PAGE_OF_HELD: &str = page!("p.stage = $2 AND p.resting_stage = 'held'");
pub(super) const PAGE_OF_IN_FLIGHT: &str =
    page!(concat!(in_flight!(), " AS moving JOIN payout AS p ON p.id = moving.payout_id"), "p.stage = $2");
pub(super) const PAGE_OF_ENDED: &str =
    page!("p.resting_stage = $2 AND p.resting_stage IN ('rejected', 'failed', 'cancelled', 'mismatched')");

/// Gives the most urgent to `$3` for `$4` ms: what others have is passed over, whether they are about to have it (`SKIP
/// LOCKED`) or have had it for less than its lease. The lease is told by the database's clock, which is one for all. Whoever asks
/// again has no more of it; and what `$3` could not pay within it is for others alone for another `$5` ms. A claim is a courtesy, and
/// need not outlive a crash: its commit waits for no disk.
pub(super) const PAYABLE: &str = concat!(
    "WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms, \
        set_config('synchronous_commit', 'off', true) AS waits), due AS ( \
     SELECT p.id FROM payout AS p WHERE p.resting_stage = 'admitted' AND (p.not_before_ms IS NULL OR p.not_before_ms <= $1) \
       AND (p.claimed_by IS NULL OR (p.claimed_by = $3) = (p.claimed_until_ms > (SELECT now_ms FROM clock)) \
         OR p.claimed_until_ms <= (SELECT now_ms FROM clock) - $5) AND p.id <> ALL ($6::text[]) \
     ORDER BY p.priority DESC, p.id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED), claimed AS ( \
     UPDATE payout AS c SET claimed_by = $3, claimed_until_ms = CASE \
       WHEN c.claimed_by = $3 AND c.claimed_until_ms > (SELECT now_ms FROM clock) THEN c.claimed_until_ms \
       ELSE (SELECT now_ms FROM clock) + $4 END FROM due \
     WHERE c.id = due.id RETURNING c.*) ",
    payouts!(
        ", j.body",
        "LEFT JOIN journal AS j ON j.seq = p.admitted_seq",
        "claimed AS p",
        "ORDER BY p.priority DESC, p.id"
    )
);
/// `coalesce` keeps the reason a sieve: as a way into the index it would cost the index's order, and sort all that is held.
pub(super) const HELD_FOR: &str = payouts!(
    "payout AS p",
    "WHERE p.resting_stage = 'held' AND coalesce(p.reason, '') = ANY ($1::text[]) \
     AND p.priority <= $2 AND (p.priority < $2 OR p.id > $3) ORDER BY p.priority DESC, p.id LIMIT $4"
);
pub(super) const OVERDUE: &str = payouts!(
    "payout AS p",
    "WHERE p.resting_stage IN ('held', 'admitted') AND p.not_after_ms IS NOT NULL AND p.not_after_ms <= $1 \
     ORDER BY p.not_after_ms, p.id LIMIT $2"
);
pub(super) const WAITING_FOR_ROOM: &str = "SELECT p.account, p.ordered_by, p.ordered_as, p.route, \
     sum(p.amount_micro_usdt)::bigint FROM payout AS p \
     WHERE p.resting_stage = 'held' AND p.reservation = 'reserved' AND coalesce(p.reason, '') = ANY ($1::text[]) \
     GROUP BY p.account, p.ordered_by, p.ordered_as, p.route";

pub(super) const HELD_BY_REASON: &str = "SELECT p.reason, count(*) FROM payout AS p \
     WHERE p.resting_stage = 'held' AND p.reason IS NOT NULL GROUP BY p.reason";

pub(super) const EXPIRED: &str = live_transfers!(
    "t.expires_at_ms <= $1 AND (t.expires_at_ms, t.payout_id) > ($2, $3) ORDER BY t.expires_at_ms, t.payout_id LIMIT $4"
);
pub(super) const UNINCLUDED: &str =
    live_transfers!("t.expires_at_ms > $1 AND t.payout_id > $2 ORDER BY t.payout_id LIMIT $3");
pub(super) const INCLUDED_BETWEEN: &str = payouts!(
    "(SELECT f.payout_id, f.block_number FROM transfer AS f \
      WHERE f.outcome = 'pending' AND f.block_number IS NOT NULL AND f.block_number BETWEEN $1 AND $2 \
      ORDER BY f.block_number, f.payout_id LIMIT $3) AS seen JOIN payout AS p ON p.id = seen.payout_id",
    "ORDER BY seen.block_number, p.id"
);
pub(super) const SEEN_BLOCKS: &str = "SELECT DISTINCT t.block_id FROM transfer AS t \
     WHERE t.outcome = 'pending' AND t.block_number IS NOT NULL AND t.block_number = $1";
pub(super) const IN_BLOCKS: &str = payouts!(
    "(SELECT f.payout_id FROM transfer AS f \
      WHERE f.outcome = 'pending' AND f.block_number IS NOT NULL AND f.block_number BETWEEN $1 AND $2 \
        AND f.payout_id > $3 \
      UNION SELECT f.payout_id FROM transfer AS f \
      WHERE f.outcome <> 'pending' AND f.block_number IS NOT NULL AND f.block_number BETWEEN $1 AND $2 \
        AND f.payout_id > $3 \
      ORDER BY 1 LIMIT $4) AS seen JOIN payout AS p ON p.id = seen.payout_id",
    "ORDER BY p.id"
);

pub(super) const COUNTS: &str = concat!(
    "WITH oldest AS (SELECT p.stage, min(p.updated_at_ms) AS updated_at_ms FROM ",
    in_flight!(),
    " AS moving JOIN payout AS p ON p.id = moving.payout_id GROUP BY p.stage \
     UNION ALL SELECT 'admitted', min(greatest(p.updated_at_ms, p.not_before_ms)) FROM payout AS p WHERE p.resting_stage = 'admitted' \
     UNION ALL SELECT 'held', min(p.updated_at_ms) FROM payout AS p WHERE p.resting_stage = 'held' \
     UNION ALL SELECT 'mismatched', min(p.updated_at_ms) FROM payout AS p WHERE p.resting_stage = 'mismatched' \
        AND p.resting_stage IN ('rejected', 'failed', 'cancelled', 'mismatched')) \
     SELECT c.stage, c.payouts, c.amount_micro_usdt, \
     (SELECT oldest.updated_at_ms FROM oldest WHERE oldest.stage = c.stage) FROM tally AS c"
);
pub(super) const IN_FLIGHT: &str = "SELECT coalesce(sum(payouts) FILTER (WHERE stage IN ('signed', 'broadcast', 'included', 'unknown')), 0)::bigint, \
     coalesce(sum(amount_micro_usdt) FILTER (WHERE stage IN ('signed', 'broadcast', 'included', 'unknown')), 0)::bigint, \
     coalesce(sum(fee_limit_sun) FILTER (WHERE stage IN ('signed', 'broadcast', 'included', 'unknown')), 0)::bigint, \
     coalesce(sum(amount_micro_usdt) FILTER (WHERE stage IN ('settled', 'mismatched')), 0)::bigint FROM tally";

/// What each scope has reserved, has settled within the hour, and within the rest of the day, and the limit that is set for it.
/// Minutes later than `$2` are in the hour's window, later than `$1` in the day's. House and accounts first: those that are asked for.
/// Then those of principals, roles and routes that have a limit: where none is set, this is one look into an empty index.
macro_rules! limit_book {
    ($asked:expr, $set:expr) => {
        concat!(
            "SELECT asked.limit_id, coalesce(r.reserved_micro_usdt, 0), ",
            "(SELECT coalesce(sum(s.settled_micro_usdt), 0)::bigint FROM spending AS s ",
            " WHERE s.scope = asked.scope AND s.minute_ms > $2), ",
            "(SELECT coalesce(sum(s.settled_micro_usdt), 0)::bigint FROM spending AS s ",
            " WHERE s.scope = asked.scope AND s.minute_ms > $1 AND s.minute_ms <= $2), l.body ",
            "FROM (SELECT scope, CASE scope WHEN '' THEN 'house' ELSE 'account:' || scope END AS limit_id FROM ",
            $asked,
            ") AS asked LEFT JOIN reserved AS r ON r.scope = asked.scope ",
            "LEFT JOIN register AS l ON l.kind = 'limit' AND l.id = asked.limit_id ",
            "UNION ALL SELECT l.id, coalesce(r.reserved_micro_usdt, 0), ",
            "(SELECT coalesce(sum(s.settled_micro_usdt), 0)::bigint FROM scope_spending AS s ",
            " WHERE s.scope = l.id AND s.minute_ms > $2), ",
            "(SELECT coalesce(sum(s.settled_micro_usdt), 0)::bigint FROM scope_spending AS s ",
            " WHERE s.scope = l.id AND s.minute_ms > $1 AND s.minute_ms <= $2), l.body ",
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
pub(super) const LIMIT_BOOK_OF: &str =
    limit_book!("unnest($3::text[]) AS asked (scope)", "l.id = ANY ($4::text[])");
