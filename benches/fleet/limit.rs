//! The database's limit: a bare loop that writes the rows which the house has written, by plain prepared statements.
//!
//! Same tables, same triggers and indexes, same durability, same rows but for fresh ids, keys and transaction ids; batches of 200
//! as arrays, on two connections, and a synced commit for each of the five steps: admitted, signed, broadcast, included, settled,
//! each with its journal records and the sums of the books. It asks nothing, checks nothing, reads nothing, and nobody numbers
//! the journal's rows but a counter in memory.

use crate::{database, stretch};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Connection, Decode, Executor, PgConnection, Postgres, Row, Type};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Payouts of one commit.
const BATCH: usize = 200;
/// Writers at a time.
const CONNECTIONS: usize = 2;
/// Different payouts that are written again and again, each time as others.
const SAMPLES_MAX: i64 = 10_000;
/// How long it writes before it is measured.
const WARM_UP: Duration = Duration::from_secs(2);

const NEWEST: &str = "SELECT * FROM payout WHERE stage = 'settled' AND version = 5 ORDER BY id DESC LIMIT $1";
const RECORDS: &str =
    "SELECT * FROM journal WHERE seq >= $1 AND payout_id IS NOT NULL ORDER BY seq LIMIT 1000000";
const TRANSFERS: &str = "SELECT * FROM transfer WHERE payout_id >= $1 AND outcome <> 'expired'";

const TAKE_IN: &str = "INSERT INTO payout (id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, \
     reference, priority, order_digest, admitted_seq, last_seq, stage, reservation, attempts, version, created_at_ms, \
     updated_at_ms) SELECT id, account, key, request_digest, recipient, amount, route, reference, 0, order_digest, seq, seq, \
     'admitted', 'reserved', 0, 1, at_ms, at_ms FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], \
     $6::bigint[], $7::text[], $8::text[], $9::bytea[], $10::bigint[], $11::bigint[]) AS new (id, account, key, \
     request_digest, recipient, amount, route, reference, order_digest, seq, at_ms)";
const FILE: &str = "INSERT INTO transfer (txid, payout_id, attempt, raw_data, signature, owner, token, contract, route, \
     ref_block_number, ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms, outcome) SELECT txid, payout_id, 1, raw_data, \
     signature, owner, token, contract, route, ref_block_number, ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms, \
     'pending' FROM unnest($1::bytea[], $2::text[], $3::bytea[], $4::bytea[], $5::text[], $6::text[], $7::text[], $8::text[], \
     $9::bigint[], $10::bytea[], $11::bigint[], $12::bigint[], $13::bigint[]) AS new (txid, payout_id, raw_data, signature, \
     owner, token, contract, route, ref_block_number, ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms)";
const MOVE: &str = "UPDATE payout AS p SET stage = $1, reservation = $2, attempts = 1, version = $3, \
     updated_at_ms = step.at_ms, settled_at_ms = step.settled_at_ms, last_seq = step.seq \
     FROM unnest($4::text[], $5::bigint[], $6::bigint[], $7::bigint[]) AS step (id, at_ms, settled_at_ms, seq) \
     WHERE p.id = step.id AND p.version = $3 - 1";
const JUDGE: &str = "UPDATE transfer AS t SET outcome = $1, block_number = fate.block_number, block_id = fate.block_id \
     FROM unnest($2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[]) AS fate (expires_at_ms, txid, block_number, block_id) \
     WHERE t.expires_at_ms = fate.expires_at_ms AND t.txid = fate.txid AND t.outcome = 'pending'";
const ADD: &str = "INSERT INTO journal (seq, at_ms, kind, payout_id, body, hash) SELECT * FROM \
     unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bytea[])";
const BOOKS: &str = "WITH reserving AS (UPDATE reserved SET reserved_micro_usdt = reserved_micro_usdt + $1), \
     spent AS (INSERT INTO spending AS s (scope, minute_ms, settled_micro_usdt) SELECT scope, $2, $3 FROM \
        unnest(ARRAY['', 'house']) AS scope WHERE $3 > 0 ON CONFLICT (scope, minute_ms) \
        DO UPDATE SET settled_micro_usdt = s.settled_micro_usdt + excluded.settled_micro_usdt), \
     counted AS (UPDATE tally AS c SET payouts = c.payouts + moved.payouts, \
            amount_micro_usdt = c.amount_micro_usdt + moved.amount FROM (VALUES ($4, $5, $6), ($7, -$5, -$6)) \
            AS moved (stage, payouts, amount) WHERE c.stage = moved.stage) \
     UPDATE house SET value = $8 WHERE fact = 'latest_ms'";

/// A step: where it leads to, and what is set aside from then on.
const STEPS: [(&str, &str); 5] = [
    ("admitted", "reserved"),
    ("signed", "reserved"),
    ("broadcast", "reserved"),
    ("included", "reserved"),
    ("settled", "settled"),
];

/// What it did.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Limit {
    pub(crate) lifecycles_per_s: f64,
    pub(crate) lifecycles: u64,
}

/// A payout that was settled, and everything that was written of it.
struct Settled {
    payout: PgRow,
    transfer: PgRow,
    records: Vec<Record>,
}

struct Record {
    at_ms: i64,
    kind: String,
    body: String,
    hash: Vec<u8>,
}

/// Writes into a schema what a house has written there.
pub(crate) async fn run(schema: &str) -> Limit {
    let mut reader = database::connect(schema).await;
    database::come_to_rest(&mut reader).await;
    let settled = Rc::new(read(&mut reader).await);
    assert!(settled.len() >= BATCH, "{} payouts were settled in five steps", settled.len());
    let last: i64 = sqlx::query_scalar("SELECT max(seq) FROM journal").fetch_one(&mut reader).await.unwrap();
    reader.close().await.unwrap();
    let seq = Rc::new(AtomicI64::new(last + 1));
    let from = Instant::now() + WARM_UP;
    let until = from + stretch();
    let writers = (0..CONNECTIONS).map(|writer| {
        let (schema, settled, seq) = (schema.to_owned(), settled.clone(), seq.clone());
        actix::spawn(async move {
            let mut connection = database::connect(&schema).await;
            let (mut written, mut batches) = (0, settled.chunks_exact(BATCH).cycle().skip(writer));
            while Instant::now() < until {
                let counts = Instant::now() >= from;
                live(&mut connection, batches.next().unwrap(), &seq).await;
                if counts && Instant::now() < until {
                    written += BATCH as u64;
                }
            }
            connection.close().await.unwrap();
            written
        })
    });
    let mut lifecycles = 0;
    for writer in writers.collect::<Vec<_>>() {
        lifecycles += writer.await.unwrap();
    }
    Limit { lifecycles_per_s: lifecycles as f64 / stretch().as_secs_f64(), lifecycles }
}

/// The newest payouts that were settled in five steps, in their order.
async fn read(connection: &mut PgConnection) -> Vec<Settled> {
    let mut payouts = connection.fetch_all(sqlx::query(NEWEST).bind(SAMPLES_MAX)).await.unwrap();
    payouts.reverse();
    let first_seq: i64 =
        payouts.iter().map(|payout| payout.get("admitted_seq")).min().expect("settled payouts");
    let first_id: String = payouts[0].get("id");
    let mut records: HashMap<String, Vec<Record>> = HashMap::new();
    for row in connection.fetch_all(sqlx::query(RECORDS).bind(first_seq)).await.unwrap() {
        let (at_ms, kind, body, hash) = (row.get("at_ms"), row.get("kind"), row.get("body"), row.get("hash"));
        records.entry(row.get("payout_id")).or_default().push(Record { at_ms, kind, body, hash });
    }
    let transfers = connection.fetch_all(sqlx::query(TRANSFERS).bind(first_id)).await.unwrap();
    let mut transfers: HashMap<String, PgRow> =
        transfers.into_iter().map(|row| (row.get("payout_id"), row)).collect();
    let settled = payouts.into_iter().filter_map(|payout| {
        let id: String = payout.get("id");
        let records = records.remove(&id).filter(|records| records.len() == STEPS.len())?;
        Some(Settled { transfer: transfers.remove(&id)?, records, payout })
    });
    settled.collect()
}

/// One payout as another: a fresh id behind all that were, and everything that is random.
struct Fresh<'s> {
    like: &'s Settled,
    id: String,
    key: String,
    txid: Vec<u8>,
}

impl<'s> Fresh<'s> {
    fn of(like: &'s Settled, number: i64) -> Self {
        let id = format!(
            "f{:07x}-{:04x}-7000-8000-{:012x}",
            number >> 16,
            number & 0xffff,
            fastrand::u64(..) >> 16
        );
        let txid = std::iter::repeat_with(|| fastrand::u8(..)).take(32).collect();
        Self { like, id, key: format!("{:032x}", fastrand::u128(..)), txid }
    }
}

/// A batch's whole life.
async fn live(connection: &mut PgConnection, batch: &[Settled], seq: &AtomicI64) {
    let many = batch.len() as i64;
    let mut fresh: Vec<Fresh<'_>> = Vec::with_capacity(batch.len());
    for step in 0..STEPS.len() {
        // Numbers are taken for the whole batch at once; between two writers there is no order, and none is promised.
        let first_seq = seq.fetch_add(many, Ordering::Relaxed);
        if step == 0 {
            fresh.extend((first_seq..).zip(batch).map(|(number, like)| Fresh::of(like, number)));
        }
        connection.execute("BEGIN").await.unwrap();
        write_step(connection, &fresh, step, first_seq).await;
        keep_books(connection, &fresh, step).await;
        connection.execute("COMMIT").await.unwrap();
    }
}

async fn write_step(connection: &mut PgConnection, batch: &[Fresh<'_>], step: usize, first_seq: i64) {
    let seqs: Vec<i64> = (first_seq..first_seq + batch.len() as i64).collect();
    let ids: Vec<&str> = batch.iter().map(|fresh| fresh.id.as_str()).collect();
    let records: Vec<&Record> = batch.iter().map(|fresh| &fresh.like.records[step]).collect();
    let at_ms: Vec<i64> = records.iter().map(|record| record.at_ms).collect();
    if step == 1 {
        write(connection, file(batch, &ids)).await;
    }
    if step == 0 {
        write(connection, take_in(batch, &ids, &seqs, &at_ms)).await;
    } else {
        let (stage, reservation) = STEPS[step];
        let settled_at_ms: Vec<Option<i64>> =
            at_ms.iter().map(|at_ms| (step == 4).then_some(*at_ms)).collect();
        let moved = sqlx::query(MOVE).bind(stage).bind(reservation).bind(step as i64 + 1);
        write(connection, moved.bind(ids.clone()).bind(at_ms.clone()).bind(settled_at_ms).bind(seqs.clone()))
            .await;
    }
    if step >= 3 {
        write(connection, judge(batch, if step == 4 { "settled" } else { "pending" })).await;
    }
    let add = sqlx::query(ADD)
        .bind(seqs)
        .bind(at_ms)
        .bind(records.iter().map(|record| record.kind.as_str()).collect::<Vec<_>>())
        .bind(ids)
        .bind(records.iter().map(|record| record.body.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.hash.as_slice()).collect::<Vec<_>>());
    write(connection, add).await;
}

type Statement<'q> = Query<'q, Postgres, PgArguments>;

fn take_in<'q>(batch: &[Fresh<'q>], ids: &[&'q str], seqs: &[i64], at_ms: &[i64]) -> Statement<'q> {
    let payouts = || batch.iter().map(|fresh| &fresh.like.payout);
    sqlx::query(TAKE_IN)
        .bind(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>())
        .bind(column::<String>(payouts(), "account"))
        .bind(batch.iter().map(|fresh| fresh.key.clone()).collect::<Vec<_>>())
        .bind(column::<Vec<u8>>(payouts(), "request_digest"))
        .bind(column::<String>(payouts(), "recipient"))
        .bind(column::<i64>(payouts(), "amount_micro_usdt"))
        .bind(column::<String>(payouts(), "route"))
        .bind(column::<Option<String>>(payouts(), "reference"))
        .bind(column::<Vec<u8>>(payouts(), "order_digest"))
        .bind(seqs.to_vec())
        .bind(at_ms.to_vec())
}

fn file<'q>(batch: &[Fresh<'q>], ids: &[&'q str]) -> Statement<'q> {
    let transfers = || batch.iter().map(|fresh| &fresh.like.transfer);
    sqlx::query(FILE)
        .bind(batch.iter().map(|fresh| fresh.txid.clone()).collect::<Vec<_>>())
        .bind(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>())
        .bind(column::<Vec<u8>>(transfers(), "raw_data"))
        .bind(column::<Vec<u8>>(transfers(), "signature"))
        .bind(column::<String>(transfers(), "owner"))
        .bind(column::<String>(transfers(), "token"))
        .bind(column::<String>(transfers(), "contract"))
        .bind(column::<String>(transfers(), "route"))
        .bind(column::<i64>(transfers(), "ref_block_number"))
        .bind(column::<Vec<u8>>(transfers(), "ref_block_id"))
        .bind(column::<i64>(transfers(), "expires_at_ms"))
        .bind(column::<i64>(transfers(), "fee_limit_sun"))
        .bind(column::<i64>(transfers(), "signed_at_ms"))
}

fn judge<'q>(batch: &[Fresh<'q>], outcome: &'q str) -> Statement<'q> {
    let transfers = || batch.iter().map(|fresh| &fresh.like.transfer);
    sqlx::query(JUDGE)
        .bind(outcome)
        .bind(column::<i64>(transfers(), "expires_at_ms"))
        .bind(batch.iter().map(|fresh| fresh.txid.clone()).collect::<Vec<_>>())
        .bind(column::<i64>(transfers(), "block_number"))
        .bind(column::<Vec<u8>>(transfers(), "block_id"))
}

async fn keep_books(connection: &mut PgConnection, batch: &[Fresh<'_>], step: usize) {
    let amounts = batch.iter().map(|fresh| fresh.like.payout.get::<i64, _>("amount_micro_usdt"));
    let (amount, at_ms) = (amounts.sum::<i64>(), batch[0].like.records[step].at_ms);
    let (reserved, spent) = ([amount, 0, 0, 0, -amount][step], [0, 0, 0, 0, amount][step]);
    // Nobody stood anywhere before the first step.
    let before = if step == 0 { "" } else { STEPS[step - 1].0 };
    let books = sqlx::query(BOOKS)
        .bind(reserved)
        .bind(at_ms - at_ms % 60_000)
        .bind(spent)
        .bind(STEPS[step].0)
        .bind(batch.len() as i64)
        .bind(amount)
        .bind(before)
        .bind(at_ms.to_string());
    connection.execute(books).await.unwrap();
}

/// One column of many rows.
fn column<'r, T>(rows: impl Iterator<Item = &'r PgRow>, name: &str) -> Vec<T>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    rows.map(|row| row.get(name)).collect()
}

/// One call for a batch, and every row must be written.
async fn write(connection: &mut PgConnection, statement: Statement<'_>) {
    let done = connection.execute(statement).await.unwrap();
    assert_eq!(done.rows_affected(), BATCH as u64, "the bare loop writes every row");
}
