//! How the books are written: added up by [`Books`], kept in the statement that writes the payouts, behind the pen.

use payoutd_actors::ports::StoreFault;
use sqlx::{Executor, PgConnection};

use super::{
    cells::Cells,
    fault,
    reads::Question,
    rows::{column, whole},
};
use crate::store::books::{Books, MINUTES_KEPT_MS};

/// Six tables, no two parts of the statement touch the same row. A scope is opened by the first money that it sets aside. (An
/// upsert would hold what is given back, a negative number, against the CHECK before it finds the row.)
macro_rules! keep {
    ($scope:literal, $moved:literal, $settled_scope:literal, $minute:literal, $settled:literal, $stage:literal, $payouts:literal,
     $amount:literal, $fee_limit:literal, $more_scope:literal, $more_moved:literal, $more_settled_scope:literal,
     $more_minute:literal, $more_settled:literal, $latest_ms:literal) => {
        concat!(
        "moving AS (SELECT * FROM unnest(", $scope, "::text[], ", $moved, "::bigint[]) AS moving (scope, moved)), \
         reserving AS (UPDATE reserved AS r SET reserved_micro_usdt = r.reserved_micro_usdt + moving.moved \
            FROM moving WHERE r.scope = moving.scope), \
         opening AS (INSERT INTO reserved (scope, reserved_micro_usdt) SELECT scope, moved FROM moving \
            WHERE NOT EXISTS (SELECT 1 FROM reserved AS r WHERE r.scope = moving.scope)), \
         spent AS (INSERT INTO spending AS s (scope, minute_ms, settled_micro_usdt) \
            SELECT * FROM unnest(", $settled_scope, "::text[], ", $minute, "::bigint[], ", $settled, "::bigint[]) \
            ON CONFLICT (scope, minute_ms) \
            DO UPDATE SET settled_micro_usdt = s.settled_micro_usdt + excluded.settled_micro_usdt), \
         more_moving AS (SELECT * FROM unnest(", $more_scope, "::text[], ", $more_moved, "::bigint[]) AS moving (scope, moved)), \
         more_reserving AS (UPDATE scope_reserved AS r SET reserved_micro_usdt = r.reserved_micro_usdt + more_moving.moved \
            FROM more_moving WHERE r.scope = more_moving.scope), \
         more_opening AS (INSERT INTO scope_reserved (scope, reserved_micro_usdt) SELECT scope, moved FROM more_moving \
            WHERE NOT EXISTS (SELECT 1 FROM scope_reserved AS r WHERE r.scope = more_moving.scope)), \
         more_spent AS (INSERT INTO scope_spending AS s (scope, minute_ms, settled_micro_usdt) \
            SELECT * FROM unnest(", $more_settled_scope, "::text[], ", $more_minute, "::bigint[], ", $more_settled, "::bigint[]) \
            ON CONFLICT (scope, minute_ms) \
            DO UPDATE SET settled_micro_usdt = s.settled_micro_usdt + excluded.settled_micro_usdt), \
         counted AS (UPDATE tally AS c SET payouts = c.payouts + moved.payouts, \
                amount_micro_usdt = c.amount_micro_usdt + moved.amount_micro_usdt, \
                fee_limit_sun = c.fee_limit_sun + moved.fee_limit_sun \
            FROM unnest(", $stage, "::text[], ", $payouts, "::bigint[], ", $amount, "::bigint[], ", $fee_limit, "::bigint[]) \
                AS moved (stage, payouts, amount_micro_usdt, fee_limit_sun) WHERE c.stage = moved.stage), \
         passing AS (UPDATE house SET value = ", $latest_ms, " WHERE fact = 'latest_ms')"
        )
    };
}
pub(super) use keep;

/// What is set aside by principal, role and route, as the payouts that are under way say it.
macro_rules! set_aside {
    () => {
        "SELECT s.scope, sum(p.amount_micro_usdt)::bigint AS reserved_micro_usdt FROM \
         (SELECT a.id FROM payout AS a WHERE a.resting_stage = 'admitted' \
          UNION ALL SELECT h.id FROM payout AS h WHERE h.resting_stage = 'held' \
          UNION ALL SELECT f.payout_id FROM transfer AS f WHERE f.outcome = 'pending' AND f.block_number IS NULL \
          UNION ALL SELECT f.payout_id FROM transfer AS f WHERE f.outcome = 'pending' AND f.block_number IS NOT NULL) AS moving \
         JOIN payout AS p ON p.id = moving.id CROSS JOIN LATERAL (VALUES ('principal:' || p.ordered_by), \
         ('role:' || p.ordered_as), ('route:' || p.route)) AS s (scope) \
         WHERE p.reservation = 'reserved' AND p.ordered_by IS NOT NULL GROUP BY s.scope"
    };
}

/// One statement sees the books and the payouts at one moment.
const SAYS_OTHERWISE: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM (SELECT scope, reserved_micro_usdt FROM scope_reserved UNION ALL \
     SELECT told.scope, -told.reserved_micro_usdt FROM (",
    set_aside!(),
    ") AS told) AS both_of_them GROUP BY scope HAVING sum(reserved_micro_usdt) <> 0)"
);
const TELL_ANEW: &str = concat!(
    "BEGIN; SELECT fact FROM house WHERE fact = 'latest_ms' FOR UPDATE; DELETE FROM scope_reserved; \
     INSERT INTO scope_reserved (scope, reserved_micro_usdt) ",
    set_aside!(),
    "; COMMIT"
);

/// Tells anew, behind the pen, what is set aside by principal, role and route, where the books say otherwise: a daemon of an earlier
/// version, which knows none of these scopes, may have ended what one of this version has taken in.
pub(super) async fn tell_scopes_anew(connection: &mut PgConnection) -> Result<(), StoreFault> {
    let row = (&mut *connection).fetch_one(SAYS_OTHERWISE).await.map_err(fault::of)?;
    if !Cells::of(&row).take::<bool>()? {
        return Ok(());
    }
    tracing::warn!("the books of principals, roles and routes are told anew: another version was at work");
    connection.execute(sqlx::raw_sql(TELL_ANEW)).await.map(|_| ()).map_err(fault::of)
}

/// What it all is, in the order of [`keep!`]; the latest moment, which is the last, is not known yet.
pub(super) fn bound<'q>(statement: Question<'q>, books: Books<'q>) -> Question<'q> {
    let reserved: Vec<_> = books.reserved.into_iter().collect();
    let settled: Vec<_> = books.settled.into_iter().collect();
    let more_reserved: Vec<_> = books.more_reserved.into_iter().collect();
    let more_settled: Vec<_> = books.more_settled.into_iter().collect();
    let tally: Vec<_> = books.tally.into_iter().collect();
    statement
        .bind(column(&reserved, |(scope, _)| *scope))
        .bind(column(&reserved, |(_, moved)| whole(*moved)))
        .bind(column(&settled, |((scope, _), _)| *scope))
        .bind(column(&settled, |((_, minute_ms), _)| *minute_ms))
        .bind(column(&settled, |(_, amount)| whole(*amount)))
        .bind(column(&tally, |(stage, _)| stage.word()))
        .bind(column(&tally, |(_, moved)| whole(moved.payouts)))
        .bind(column(&tally, |(_, moved)| whole(moved.amount_micro_usdt)))
        .bind(column(&tally, |(_, moved)| whole(moved.fee_limit_sun)))
        .bind(column(&more_reserved, |(scope, _)| scope.to_string()))
        .bind(column(&more_reserved, |(_, moved)| whole(*moved)))
        .bind(column(&more_settled, |((scope, _), _)| scope.to_string()))
        .bind(column(&more_settled, |((_, minute_ms), _)| *minute_ms))
        .bind(column(&more_settled, |(_, amount)| whole(*amount)))
}

/// Minutes that no window reaches any more.
pub(super) async fn forget_old_minutes(
    connection: &mut PgConnection,
    latest_ms: i64,
) -> Result<(), StoreFault> {
    for forget in
        ["DELETE FROM spending WHERE minute_ms < $1", "DELETE FROM scope_spending WHERE minute_ms < $1"]
    {
        let forget = sqlx::query(forget).bind(latest_ms.saturating_sub(MINUTES_KEPT_MS));
        (&mut *connection).execute(forget).await.map_err(fault::of)?;
    }
    Ok(())
}
