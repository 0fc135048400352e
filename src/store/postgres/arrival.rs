//! A house that moves in: into an empty store, in one transaction, with every row as it was.

use payoutd_actors::ports::StoreFault;
use sqlx::Executor;

use super::{PostgresStore, cells::Cells, fault, writer::Write};

/// As many rows as the move takes; nobody else waits for an empty store.
const TAKE_TIME: &str = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// Whether anything was ever written here, besides the store's own name.
const IS_USED: &str = "SELECT EXISTS (SELECT 1 FROM payout) OR EXISTS (SELECT 1 FROM journal) \
     OR EXISTS (SELECT 1 FROM seal) OR EXISTS (SELECT 1 FROM stranger) OR EXISTS (SELECT 1 FROM register) \
     OR EXISTS (SELECT 1 FROM house WHERE fact NOT IN ('store_id', 'latest_ms', 'lineage')) \
     OR EXISTS (SELECT 1 FROM house WHERE fact = 'latest_ms' AND value <> '0')";

/// How a page of each table comes in. What a store has from its birth on is written over; a row that names nothing known fails.
const TAKE_UP: [(&str, &str); 14] = [
    (
        "payout",
        "INSERT INTO payout (id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, reference, memo, \
         kyc, not_before_ms, not_after_ms, priority, metadata, order_digest, admitted_seq, last_seq, stage, reason, reservation, \
         attempts, version, created_at_ms, updated_at_ms, settled_at_ms, claimed_by, claimed_until_ms, \
         ordered_by, ordered_as) \
         SELECT id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, reference, memo, \
         kyc, not_before_ms, not_after_ms, priority, metadata, order_digest, admitted_seq, last_seq, stage, reason, reservation, \
         attempts, version, created_at_ms, updated_at_ms, settled_at_ms, claimed_by, claimed_until_ms, \
         ordered_by, ordered_as \
         FROM json_populate_recordset(NULL::payout, $1::json)",
    ),
    ("transfer", "INSERT INTO transfer SELECT * FROM json_populate_recordset(NULL::transfer, $1::json)"),
    ("journal", "INSERT INTO journal SELECT * FROM json_populate_recordset(NULL::journal, $1::json)"),
    ("seal", "INSERT INTO seal SELECT * FROM json_populate_recordset(NULL::seal, $1::json)"),
    ("reserved", "INSERT INTO reserved SELECT * FROM json_populate_recordset(NULL::reserved, $1::json)"),
    ("spending", "INSERT INTO spending SELECT * FROM json_populate_recordset(NULL::spending, $1::json)"),
    (
        "scope_reserved",
        "INSERT INTO scope_reserved SELECT * FROM json_populate_recordset(NULL::scope_reserved, $1::json)",
    ),
    (
        "scope_spending",
        "INSERT INTO scope_spending SELECT * FROM json_populate_recordset(NULL::scope_spending, $1::json)",
    ),
    (
        "tally",
        "INSERT INTO tally SELECT * FROM json_populate_recordset(NULL::tally, $1::json) \
         ON CONFLICT (stage) DO UPDATE SET payouts = excluded.payouts, \
         amount_micro_usdt = excluded.amount_micro_usdt, fee_limit_sun = excluded.fee_limit_sun",
    ),
    (
        "house",
        "INSERT INTO house SELECT * FROM json_populate_recordset(NULL::house, $1::json) \
         ON CONFLICT (fact) DO UPDATE SET value = excluded.value",
    ),
    ("stranger", "INSERT INTO stranger SELECT * FROM json_populate_recordset(NULL::stranger, $1::json)"),
    ("register", "INSERT INTO register SELECT * FROM json_populate_recordset(NULL::register, $1::json)"),
    ("used_once", "INSERT INTO used_once SELECT * FROM json_populate_recordset(NULL::used_once, $1::json)"),
    ("key_usage", "INSERT INTO key_usage SELECT * FROM json_populate_recordset(NULL::key_usage, $1::json)"),
];

/// A house on its way in; it is not here before [`Arrival::complete`].
pub(in crate::store) struct Arrival {
    write: Write,
}

impl PostgresStore {
    /// Begins; `None` where the store is in use.
    pub(in crate::store) async fn begin_arrival(&self) -> Result<Option<Arrival>, StoreFault> {
        let mut write = self.begin().await?;
        write.connection()?.execute(sqlx::raw_sql(TAKE_TIME)).await.map_err(fault::of)?;
        self.take_pen(&mut write).await?;
        let row = write.connection()?.fetch_one(IS_USED).await.map_err(fault::of)?;
        if Cells::of(&row).take()? {
            write.give_up().await?;
            return Ok(None);
        }
        Ok(Some(Arrival { write }))
    }
}

impl Arrival {
    /// Takes up a page of a table.
    pub(in crate::store) async fn take_up(&mut self, table: &str, json: String) -> Result<u64, StoreFault> {
        let statement = TAKE_UP.iter().find(|(name, _)| *name == table).map(|(_, statement)| *statement);
        let Some(statement) = statement else {
            return Err(StoreFault::Corrupt(format!("{table} is a table that nobody knows")));
        };
        let done = self.write.connection()?.execute(sqlx::query(statement).bind(json)).await;
        Ok(done.map_err(fault::of)?.rows_affected())
    }

    /// The house is here.
    pub(in crate::store) async fn complete(self) -> Result<(), StoreFault> {
        self.write.commit().await
    }
}
