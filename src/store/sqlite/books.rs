//! How the books are written: added up by [`Books`], kept in one go.

use payoutd_actors::ports::StoreFault;
use sqlx::{Executor, SqliteConnection};

use super::{fault, rows::Rows};
use crate::store::books::{Books, MINUTES_KEPT_MS};

/// Eight statements in one go, each with the next of the arguments.
const KEEP: &str = "\
    INSERT INTO reserved (scope, reserved_micro_usdt) \
        SELECT value ->> 0, 0 FROM jsonb_each(?) WHERE TRUE ON CONFLICT DO NOTHING; \
    UPDATE reserved SET reserved_micro_usdt = reserved_micro_usdt + (moved.value ->> 1) \
        FROM jsonb_each(?) AS moved WHERE scope = moved.value ->> 0; \
    INSERT INTO spending (scope, minute_ms, settled_micro_usdt) \
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?) WHERE TRUE \
        ON CONFLICT (scope, minute_ms) DO UPDATE SET settled_micro_usdt = settled_micro_usdt + excluded.settled_micro_usdt; \
    INSERT INTO scope_reserved (scope, reserved_micro_usdt) \
        SELECT value ->> 0, 0 FROM jsonb_each(?) WHERE TRUE ON CONFLICT DO NOTHING; \
    UPDATE scope_reserved SET reserved_micro_usdt = reserved_micro_usdt + (moved.value ->> 1) \
        FROM jsonb_each(?) AS moved WHERE scope = moved.value ->> 0; \
    INSERT INTO scope_spending (scope, minute_ms, settled_micro_usdt) \
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?) WHERE TRUE \
        ON CONFLICT (scope, minute_ms) DO UPDATE SET settled_micro_usdt = settled_micro_usdt + excluded.settled_micro_usdt; \
    UPDATE tally SET payouts = payouts + (moved.value ->> 1), \
            amount_micro_usdt = amount_micro_usdt + (moved.value ->> 2), fee_limit_sun = fee_limit_sun + (moved.value ->> 3) \
        FROM jsonb_each(?) AS moved WHERE stage = moved.value ->> 0; \
    UPDATE house SET value = ? WHERE fact = 'latest_ms'";

/// Writes it all, and the latest moment with it.
pub(super) async fn keep(
    books: Books<'_>,
    connection: &mut SqliteConnection,
    latest_ms: i64,
) -> Result<(), StoreFault> {
    let (mut reserved, mut settled) = (Rows::with_room_for(2, 60), Rows::with_room_for(2, 80));
    let (mut more_reserved, mut more_settled) = (Rows::with_room_for(3, 60), Rows::with_room_for(3, 80));
    let mut tally = Rows::with_room_for(books.tally.len(), 80);
    for (scope, moved) in books.reserved {
        reserved.row().text(scope).whole(moved).end();
    }
    for ((scope, minute_ms), amount) in books.settled {
        settled.row().text(scope).whole(minute_ms).whole(amount).end();
    }
    for (scope, moved) in books.more_reserved {
        more_reserved.row().display(scope).whole(moved).end();
    }
    for ((scope, minute_ms), amount) in books.more_settled {
        more_settled.row().display(scope).whole(minute_ms).whole(amount).end();
    }
    for (stage, moved) in books.tally {
        let row = tally.row().text(stage.word()).whole(moved.payouts);
        row.whole(moved.amount_micro_usdt).whole(moved.fee_limit_sun).end();
    }
    let (reserved, more_reserved) = (reserved.into_json(), more_reserved.into_json());
    let keep = sqlx::query(KEEP)
        .bind(reserved.clone())
        .bind(reserved)
        .bind(settled.into_json())
        .bind(more_reserved.clone())
        .bind(more_reserved)
        .bind(more_settled.into_json())
        .bind(tally.into_json())
        .bind(latest_ms.to_string());
    connection.execute(keep).await.map(|_| ()).map_err(fault::of)
}

/// Minutes that no window reaches any more.
pub(super) async fn forget_old_minutes(
    connection: &mut SqliteConnection,
    latest_ms: i64,
) -> Result<(), StoreFault> {
    for forget in
        ["DELETE FROM spending WHERE minute_ms < ?1", "DELETE FROM scope_spending WHERE minute_ms < ?1"]
    {
        let forget = sqlx::query(forget).bind(latest_ms.saturating_sub(MINUTES_KEPT_MS));
        (&mut *connection).execute(forget).await.map_err(fault::of)?;
    }
    Ok(())
}
