//! How the books are written: added up by [`Books`], kept in the statement that writes the payouts, behind the pen.

use payoutd_actors::ports::StoreFault;
use sqlx::{Executor, PgConnection};

use super::{
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
