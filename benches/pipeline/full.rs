//! Filling a store: many settled payouts like one that the office has settled, by statements that make rows from one row.
//!
//! Every row has the size and the places in indexes of a true one: ids in the order of time, keys and transaction ids at random.
//! Its journal is a sound one, rows and seals, for a house pauses upon any other. ANALYZE follows: the database plans by what is
//! really there.

use crate::common::house::seal;
use crate::parts::Filled;
use payoutd::store::{CheckpointFile, SqliteSettings, SqliteStore};
use payoutd_actors::domain::journal::{Body, Hash, JournalRecord};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};
use std::path::Path;
use std::sync::Arc;

const SAMPLE: &str =
    "CREATE TEMP TABLE sample AS SELECT * FROM model.payout WHERE stage = 'settled' ORDER BY id LIMIT 1";
const SAMPLE_TRANSFER: &str = "CREATE TEMP TABLE sample_transfer AS SELECT * FROM model.transfer \
     WHERE payout_id = (SELECT id FROM sample) AND outcome <> 'expired'";
const SAMPLE_RECORDS: &str = "CREATE TEMP TABLE record AS SELECT row_number() OVER (ORDER BY seq) - 1 AS place, at_ms, kind, body \
     FROM model.journal WHERE payout_id = (SELECT id FROM sample)";

/// Numbers from 0, `?1` of them.
macro_rules! numbers {
    () => {
        " WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1) "
    };
}

/// The id of the payout of a number: a UUID version 7 of times long ago.
macro_rules! id {
    ($number:literal) => {
        concat!(
            "printf('01880000-%04x-7%03x-8000-00000%07x', ",
            $number,
            " / 4096, ",
            $number,
            " % 4096, ",
            $number,
            ")"
        )
    };
}

const PAYOUTS: &str = concat!(
    "INSERT INTO payout (id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, reference, memo, kyc, ",
    "not_before_ms, not_after_ms, priority, metadata, order_digest, admitted_seq, last_seq, stage, reason, reservation, attempts, ",
    "version, created_at_ms, updated_at_ms, settled_at_ms)",
    numbers!(),
    "SELECT ",
    id!("n.i"),
    ", s.account, lower(hex(randomblob(16))), s.request_digest, s.recipient, s.amount_micro_usdt, s.route, ",
    "'old-invoice-' || n.i, s.memo, s.kyc, s.not_before_ms, s.not_after_ms, s.priority, s.metadata, randomblob(32), ",
    "n.i * ?2 + 1, n.i * ?2 + ?2, s.stage, s.reason, s.reservation, s.attempts, s.version, s.created_at_ms - 864000000, ",
    "s.updated_at_ms - 864000000, s.settled_at_ms - 864000000 ",
    "FROM n CROSS JOIN sample AS s"
);

const TRANSFERS: &str = concat!(
    "INSERT INTO transfer (txid, payout_id, attempt, raw_data, signature, owner, token, contract, route, ref_block_number, ",
    "ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms, outcome, block_number, block_id)",
    numbers!(),
    "SELECT randomblob(32), ",
    id!("n.i"),
    ", t.attempt, t.raw_data, t.signature, t.owner, t.token, t.contract, t.route, t.ref_block_number, t.ref_block_id, ",
    "t.expires_at_ms - 864000000, t.fee_limit_sun, t.signed_at_ms - 864000000, t.outcome, -1 - n.i / 500, t.block_id ",
    "FROM n CROSS JOIN sample_transfer AS t"
);

/// Rows of the journal as they come out of one's hands: their hashes are no database's business.
const RECORDS: &str = "INSERT INTO journal (seq, at_ms, kind, payout_id, body, hash) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5) FROM json_each(?1)";
/// Payouts whose rows are written at a time.
const AT_ONCE: usize = 1_000;

const TALLY: &str = "UPDATE tally SET payouts = ?1, amount_micro_usdt = ?1 * (SELECT amount_micro_usdt FROM sample) \
     WHERE stage = 'settled'";

/// Makes a store with so many settled payouts.
pub(crate) async fn fill(like: &Path, database: &Path, payouts: u64) -> Filled {
    let store = SqliteStore::open_file(database, SqliteSettings::default()).await.unwrap();
    store.close().await;
    drop(store);
    let options = SqliteConnectOptions::new().filename(database).synchronous(SqliteSynchronous::Off);
    let mut connection =
        options.pragma("cache_size", "-1000000").foreign_keys(false).connect().await.unwrap();
    let count = i64::try_from(payouts).unwrap();
    let attach = sqlx::query("ATTACH DATABASE ?1 AS model").bind(like.to_str().unwrap());
    connection.execute(attach).await.unwrap();
    for statement in [SAMPLE, SAMPLE_TRANSFER, SAMPLE_RECORDS, "BEGIN"] {
        connection.execute(statement).await.unwrap();
    }
    let records: i64 =
        sqlx::query_scalar("SELECT count(*) FROM record").fetch_one(&mut connection).await.unwrap();
    connection.execute(sqlx::query(PAYOUTS).bind(count).bind(records)).await.unwrap();
    connection.execute(sqlx::query(TRANSFERS).bind(count)).await.unwrap();
    write_journal(&mut connection, count).await;
    connection.execute(sqlx::query(TALLY).bind(count)).await.unwrap();
    for statement in ["COMMIT", "DETACH DATABASE model"] {
        connection.execute(statement).await.unwrap();
    }
    let store = SqliteStore::open_file(database, SqliteSettings::default()).await.unwrap();
    seal(Arc::new(store), CheckpointFile::beside(database)).await;
    for statement in ["ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        connection.execute(statement).await.unwrap();
    }
    let found = count_settled(&mut connection).await;
    connection.close().await.unwrap();
    // Or the disk would still be busy with it while the full store is measured.
    std::fs::File::open(database).unwrap().sync_all().unwrap();
    Filled { payouts: found, megabytes: std::fs::metadata(database).unwrap().len() / 1_000_000 }
}

/// The rows of so many payouts, each the sample's with a place, an id and a hash of its own.
async fn write_journal(connection: &mut SqliteConnection, count: i64) {
    let sample: Vec<(i64, String, String)> =
        sqlx::query_as("SELECT at_ms, kind, body FROM record ORDER BY place")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    let ids = concat!(numbers!(), "SELECT ", id!("n.i"), " FROM n");
    let ids: Vec<String> = sqlx::query_scalar(ids).bind(count).fetch_all(&mut *connection).await.unwrap();
    let mut seq = 0;
    for ids in ids.chunks(AT_ONCE) {
        let mut rows = Vec::with_capacity(ids.len() * sample.len());
        for id in ids {
            for (at_ms, kind, body) in &sample {
                seq += 1;
                let record = JournalRecord {
                    seq,
                    at_ms: at_ms - 864_000_000,
                    kind: kind.clone().into(),
                    payout_id: Some(id.clone()),
                    body: Body::from_stored(body.clone()),
                    hash: Hash::ZERO,
                };
                let hash = record.computed_hash().to_hex();
                rows.push(json!([seq, record.at_ms, kind, id, body, hash]));
            }
        }
        let rows = serde_json::to_string(&rows).unwrap();
        connection.execute(sqlx::query(RECORDS).bind(rows)).await.unwrap();
    }
}

async fn count_settled(connection: &mut SqliteConnection) -> u64 {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM payout WHERE stage = 'settled'")
        .fetch_one(connection)
        .await
        .unwrap();
    count.unsigned_abs()
}
