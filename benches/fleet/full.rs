//! Filling a store: many settled payouts like one that the house has settled, by statements that make rows from one row.
//!
//! Every row has the size and the places in indexes of a true one: ids in the order of time, keys and transaction ids at random. Its
//! journal is a sound one, rows and seals, for a house pauses upon any other.

use crate::common::house::seal;
use crate::database;
use crate::stage;
use payoutd::store::CheckpointFile;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, Executor, PgConnection};
use std::fmt::Write as _;
use std::sync::Arc;

/// A store that was filled.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Filled {
    pub(crate) payouts: u64,
    pub(crate) megabytes: u64,
}

/// The id of the payout of a number: a UUID version 7 of times long ago.
macro_rules! id {
    () => {
        "'01880000-' || lpad(to_hex(n / 4096), 4, '0') || '-7' || lpad(to_hex(n % 4096), 3, '0') || '-8000-' || \
         lpad(to_hex(n), 12, '0')"
    };
}
/// A row's hash, as docs/journal.md has it.
const HASH: &str = concat!(
    "sha256(decode('00', 'hex') || convert_to('{\"at_ms\":' || s.at_ms - 864000000 || ',\"body\":' || s.body || ',\"kind\":\"' || \
     s.kind || '\",\"payout_id\":\"' || ",
    id!(),
    " || '\",\"seq\":' || n * $2 + s.place || '}', 'UTF8'))"
);

/// Columns that are not the sample's own, and how each is made from the number `n`. Times are ten days ago.
const PAYOUT: [(&str, &str); 10] = [
    ("id", id!()),
    ("idempotency_key", "md5(n::text)"),
    ("reference", "'old-invoice-' || n"),
    ("order_digest", "sha256(int8send(n))"),
    ("admitted_seq", "n * $2 + 1"),
    ("last_seq", "n * $2 + $2"),
    ("created_at_ms", "s.created_at_ms - 864000000"),
    ("updated_at_ms", "s.updated_at_ms - 864000000"),
    ("settled_at_ms", "s.settled_at_ms - 864000000"),
    ("claimed_by", "NULL"),
];
const TRANSFER: [(&str, &str); 5] = [
    ("txid", "sha256(int8send(-1 - n))"),
    ("payout_id", id!()),
    ("expires_at_ms", "s.expires_at_ms - 864000000 + n / 1000 * 200"),
    ("signed_at_ms", "s.signed_at_ms - 864000000 + n / 1000 * 200"),
    ("block_number", "-1 - n / 1000"),
];
const RECORD: [(&str, &str); 4] =
    [("seq", "n * $2 + s.place"), ("at_ms", "s.at_ms - 864000000"), ("payout_id", id!()), ("hash", HASH)];

const SAMPLES: [&str; 3] = [
    "CREATE TEMP TABLE sample_payout AS SELECT * FROM {like}.payout WHERE stage = 'settled' AND version = 5 ORDER BY id LIMIT 1",
    "CREATE TEMP TABLE sample_transfer AS SELECT * FROM {like}.transfer WHERE payout_id = (SELECT id FROM sample_payout)",
    "CREATE TEMP TABLE sample_journal AS SELECT *, row_number() OVER (ORDER BY seq) AS place FROM {like}.journal \
     WHERE payout_id = (SELECT id FROM sample_payout) AND seq >= (SELECT admitted_seq FROM sample_payout) \
     AND seq <= (SELECT last_seq FROM sample_payout)",
];
const TALLY: &str = "UPDATE tally SET payouts = $1, amount_micro_usdt = $1 * (SELECT amount_micro_usdt FROM sample_payout) \
     WHERE stage = 'settled'";
const SIZE: &str = "SELECT sum(pg_total_relation_size(format('%I.%I', schemaname, tablename)))::bigint FROM pg_tables \
     WHERE schemaname = current_schema()";

/// Makes a store with so many settled payouts.
pub(crate) async fn fill(like: &str, schema: &str, payouts: u64) -> Filled {
    database::store(schema).await.close().await;
    let mut connection = database::connect(schema).await;
    let count = i64::try_from(payouts).unwrap();
    // What is read here is read whole.
    connection.execute("SET enable_seqscan = on").await.unwrap();
    connection.execute("BEGIN").await.unwrap();
    for sample in SAMPLES {
        let sample = sample.replace("{like}", like);
        connection.execute(sqlx::AssertSqlSafe(sample)).await.unwrap();
    }
    let records: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sample_journal").fetch_one(&mut connection).await.unwrap();
    // References are looked after by triggers, and true here by the making of it.
    let _ = connection.execute("SET LOCAL session_replication_role = replica").await;
    many(&mut connection, "payout", &PAYOUT, count, records).await;
    many(&mut connection, "transfer", &TRANSFER, count, records).await;
    many(&mut connection, "journal", &RECORD, count, records).await;
    connection.execute(sqlx::query(TALLY).bind(count)).await.unwrap();
    connection.execute("COMMIT").await.unwrap();
    let keeper = CheckpointFile::beside(&stage::bench_folder().join(schema));
    seal(Arc::new(database::store(schema).await), keeper).await;
    database::come_to_rest(&mut connection).await;
    let found: i64 = sqlx::query_scalar("SELECT count(*) FROM payout WHERE stage = 'settled'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let bytes: i64 = sqlx::query_scalar(SIZE).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    Filled { payouts: found.unsigned_abs(), megabytes: bytes.unsigned_abs() / 1_000_000 }
}

/// Rows of a table like those of its sample.
async fn many(connection: &mut PgConnection, table: &str, own: &[(&str, &str)], count: i64, records: i64) {
    let columns = "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() \
                   AND table_name = $1 AND is_generated = 'NEVER' ORDER BY ordinal_position";
    let columns: Vec<String> =
        sqlx::query_scalar(columns).bind(table).fetch_all(&mut *connection).await.unwrap();
    let mut values = String::new();
    for column in &columns {
        let sample = format!("s.{column}");
        let value = own.iter().find(|(name, _)| name == column).map_or(sample.as_str(), |(_, value)| value);
        write!(values, "{}{value}", if values.is_empty() { "" } else { ", " }).unwrap();
    }
    let fill = format!(
        "INSERT INTO {table} ({}) SELECT {values} FROM generate_series(0, $1 - 1) AS n CROSS JOIN sample_{table} AS s \
         WHERE $2 > 0 ORDER BY n",
        columns.join(", ")
    );
    let fill = if table == "journal" { format!("{fill}, s.place") } else { fill };
    connection.execute(sqlx::query(sqlx::AssertSqlSafe(fill)).bind(count).bind(records)).await.unwrap();
}
