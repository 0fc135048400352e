//! The limit: a bare loop that writes the rows which the office has written, by plain prepared statements.
//!
//! Same tables, same triggers and indexes, same settings of the database, same rows but for fresh ids, keys and transaction ids;
//! 200 payouts a batch and a synced commit for each of the five steps: admitted, signed, broadcast, included, settled, each with
//! its journal record and the sums of the books. It asks nothing, checks nothing, reads nothing. A batch's statements go to the
//! database in one call a table, so that the way there weighs nothing.

use crate::parts::Limit;
use payoutd::store::{SqliteSettings, SqliteStore};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, Row, Sqlite, SqliteConnection, TypeInfo, ValueRef};
use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

/// Payouts of one commit.
const BATCH: usize = 200;
/// Payouts that are written, at most.
const PAYOUTS_MAX: i64 = 20_000;

const PAYOUT: &str = "INSERT INTO payout (id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, \
     reference, memo, kyc, not_before_ms, not_after_ms, priority, metadata, order_digest, admitted_seq, last_seq, stage, reason, \
     reservation, attempts, version, created_at_ms, updated_at_ms, settled_at_ms) VALUES ";
/// The columns of [`PAYOUT`], in its order.
const NEWEST: &str = "SELECT id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, reference, memo, \
     kyc, not_before_ms, not_after_ms, priority, metadata, order_digest, admitted_seq, last_seq, stage, reason, reservation, \
     attempts, version, created_at_ms, updated_at_ms, settled_at_ms FROM (SELECT * FROM payout WHERE stage = 'settled' \
     AND version = 5 ORDER BY id DESC LIMIT ?1) ORDER BY id";
const TRANSFER: &str = "INSERT INTO transfer (txid, payout_id, attempt, raw_data, signature, owner, token, contract, route, \
     ref_block_number, ref_block_id, expires_at_ms, fee_limit_sun, signed_at_ms, outcome, block_number, block_id) VALUES ";
const RECORD: &str = "INSERT INTO journal (seq, at_ms, kind, payout_id, body, hash) VALUES ";
const MOVE: &str = "UPDATE payout SET stage = ?, reservation = ?, attempts = ?, version = ?, updated_at_ms = ?, settled_at_ms = ?, \
     last_seq = ? WHERE id = ? AND version = ? AND stage = ? AND reservation = ?;";
const JUDGE: &str = "UPDATE transfer SET outcome = ?, block_number = ?, block_id = ? \
     WHERE expires_at_ms = ? AND txid = ? AND payout_id = ? AND outcome = 'pending';";
const BOOKS: &str = "UPDATE reserved SET reserved_micro_usdt = reserved_micro_usdt + ? WHERE scope IN ('', 'house'); \
     UPDATE tally SET payouts = payouts + ?, amount_micro_usdt = amount_micro_usdt + ? WHERE stage = ?; \
     UPDATE tally SET payouts = payouts - ?, amount_micro_usdt = amount_micro_usdt - ? WHERE stage = ?; \
     UPDATE house SET value = ? WHERE fact = 'latest_ms'";
const SPENT: &str = "INSERT INTO spending (scope, minute_ms, settled_micro_usdt) VALUES ('', ?1, ?2), ('house', ?1, ?2) \
     ON CONFLICT (scope, minute_ms) DO UPDATE SET settled_micro_usdt = settled_micro_usdt + excluded.settled_micro_usdt";
const SCOPES: &str =
    "INSERT INTO reserved (scope, reserved_micro_usdt) VALUES ('', 0), ('house', 0) ON CONFLICT DO NOTHING";

/// A step: the stage that it leads to, and what is reserved from then on.
const STEPS: [(&str, &str); 5] = [
    ("admitted", "reserved"),
    ("signed", "reserved"),
    ("broadcast", "reserved"),
    ("included", "reserved"),
    ("settled", "settled"),
];

/// What stands in a column.
#[derive(Debug, Clone)]
enum Cell {
    Null,
    Whole(i64),
    Text(String),
    Blob(Vec<u8>),
}

/// A payout that was settled, and everything that was written of it.
struct Settled {
    payout: Vec<Cell>,
    transfer: Vec<Cell>,
    records: Vec<Vec<Cell>>,
}

/// The places of some columns.
mod column {
    pub(super) const ID: usize = 0;
    pub(super) const KEY: usize = 2;
    pub(super) const AMOUNT: usize = 5;
    pub(super) const ADMITTED_SEQ: usize = 15;
    pub(super) const LAST_SEQ: usize = 16;
    pub(super) const STAGE: usize = 17;
    pub(super) const RESERVATION: usize = 19;
    pub(super) const ATTEMPTS: usize = 20;
    pub(super) const VERSION: usize = 21;
    pub(super) const UPDATED: usize = 23;
    pub(super) const SETTLED: usize = 24;
    pub(super) const TXID: usize = 0;
    pub(super) const PAYOUT_ID: usize = 1;
    pub(super) const EXPIRES: usize = 11;
    pub(super) const OUTCOME: usize = 14;
    pub(super) const BLOCK: usize = 15;
    pub(super) const BLOCK_ID: usize = 16;
}

type Statement = Query<'static, Sqlite, SqliteArguments>;

/// Writes what one store holds into another, or once more into the same.
pub(crate) async fn run(from: &Path, into: &Path) -> Limit {
    let mut settled = read(from).await;
    let store = SqliteStore::open_file(into, SqliteSettings::default()).await.unwrap();
    store.close().await;
    drop(store);
    let mut connection = connect(into).await;
    connection.execute(SCOPES).await.unwrap();
    let seq: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM journal")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let mut seq = seq;
    settled.iter_mut().for_each(Settled::make_fresh);
    let statements = Statements::new();
    let mut batches = settled.chunks_exact(BATCH);
    // The first one prepares the statements.
    let first = batches.next().expect("a batch of settled payouts");
    statements.live(&mut connection, first, &mut seq).await;
    let (began, mut payouts) = (Instant::now(), 0);
    for batch in batches {
        statements.live(&mut connection, batch, &mut seq).await;
        payouts += batch.len();
    }
    let took = began.elapsed();
    connection.close().await.unwrap();
    Limit { lifecycles_per_s: payouts as f64 / took.as_secs_f64(), payouts: payouts as u64 }
}

/// The settings of the store's own writer.
async fn connect(database: &Path) -> SqliteConnection {
    let SqliteSettings { wal_pages, cache_kb, .. } = SqliteSettings::default();
    SqliteConnectOptions::new()
        .filename(database)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("wal_autocheckpoint", wal_pages.to_string())
        .pragma("journal_size_limit", (u64::from(wal_pages) * 4_096).to_string())
        .pragma("cache_size", format!("-{cache_kb}"))
        .connect()
        .await
        .unwrap()
}

/// The newest payouts that a store has settled in five steps, in their order.
async fn read(database: &Path) -> Vec<Settled> {
    let mut connection = connect(database).await;
    let payouts = all(&mut connection, sqlx::query(NEWEST).bind(PAYOUTS_MAX)).await;
    let first_seq =
        payouts.iter().map(|payout| payout[column::ADMITTED_SEQ].whole()).min().expect("settled payouts");
    let first_id = payouts[0][column::ID].clone();
    let records = "SELECT * FROM journal WHERE seq >= ?1 AND payout_id IS NOT NULL ORDER BY seq";
    let mut records_of: HashMap<String, Vec<Vec<Cell>>> = HashMap::new();
    for record in all(&mut connection, sqlx::query(records).bind(first_seq)).await {
        records_of.entry(record[3].text().to_owned()).or_default().push(record);
    }
    let transfers = "SELECT * FROM transfer WHERE payout_id >= ?1 AND outcome <> 'expired'";
    let transfers = all(&mut connection, bind(sqlx::query(transfers), &first_id)).await;
    let mut transfer_of: HashMap<String, Vec<Cell>> = transfers
        .into_iter()
        .map(|transfer| (transfer[column::PAYOUT_ID].text().to_owned(), transfer))
        .collect();
    connection.close().await.unwrap();
    let settled = payouts.into_iter().filter_map(|payout| {
        let id = payout[column::ID].text();
        let records = records_of.remove(id).filter(|records| records.len() == STEPS.len())?;
        Some(Settled { transfer: transfer_of.remove(id)?, records, payout })
    });
    settled.collect()
}

async fn all(connection: &mut SqliteConnection, question: Statement) -> Vec<Vec<Cell>> {
    let rows = connection.fetch_all(question).await.unwrap();
    rows.iter().map(|row| (0..row.len()).map(|place| Cell::of(row, place)).collect()).collect()
}

impl Cell {
    fn of(row: &SqliteRow, place: usize) -> Self {
        let raw = row.try_get_raw(place).unwrap();
        if raw.is_null() {
            return Self::Null;
        }
        match raw.type_info().name() {
            "INTEGER" => Self::Whole(row.get(place)),
            "TEXT" => Self::Text(row.get(place)),
            "BLOB" => Self::Blob(row.get(place)),
            other => panic!("a column of {other}"),
        }
    }

    fn whole(&self) -> i64 {
        match self {
            Self::Whole(number) => *number,
            other => panic!("no number: {other:?}"),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("no text: {other:?}"),
        }
    }
}

impl Settled {
    /// Another id, in the same order and behind all that were; another key and another transaction, at random as they were.
    fn make_fresh(&mut self) {
        let id = Cell::Text(format!("f{}", &self.payout[column::ID].text()[1..]));
        self.payout[column::ID] = id.clone();
        self.payout[column::KEY] = Cell::Text(format!("{:032x}", fastrand::u128(..)));
        self.transfer[column::PAYOUT_ID] = id.clone();
        self.transfer[column::TXID] =
            Cell::Blob(std::iter::repeat_with(|| fastrand::u8(..)).take(32).collect());
        for record in &mut self.records {
            record[3] = id.clone();
        }
    }

    /// The payout's row at its birth.
    fn born(&self, seq: i64) -> Vec<Cell> {
        let mut row = self.payout.clone();
        let (stage, reservation) = STEPS[0];
        row[column::ADMITTED_SEQ] = Cell::Whole(seq);
        row[column::LAST_SEQ] = Cell::Whole(seq);
        row[column::STAGE] = Cell::Text(stage.to_owned());
        row[column::RESERVATION] = Cell::Text(reservation.to_owned());
        row[column::ATTEMPTS] = Cell::Whole(0);
        row[column::VERSION] = Cell::Whole(1);
        row[column::UPDATED] = self.records[0][1].clone();
        row[column::SETTLED] = Cell::Null;
        row
    }

    /// Its transfer's row when it was signed.
    fn signed(&self) -> Vec<Cell> {
        let mut row = self.transfer.clone();
        row[column::OUTCOME] = Cell::Text("pending".to_owned());
        row[column::BLOCK] = Cell::Null;
        row[column::BLOCK_ID] = Cell::Null;
        row
    }
}

/// The statements of a whole batch.
struct Statements {
    payouts: &'static str,
    transfers: &'static str,
    records: &'static str,
    moves: &'static str,
    fates: &'static str,
}

impl Statements {
    fn new() -> Self {
        // As long as the process lives, as a statement's text has to.
        let of_many = |text: String| -> &'static str { text.leak() };
        let insert = |into: &str, columns: usize| {
            let row = format!("({})", vec!["?"; columns].join(","));
            of_many(format!("{into}{}", vec![row; BATCH].join(",")))
        };
        Self {
            payouts: insert(PAYOUT, 25),
            transfers: insert(TRANSFER, 17),
            records: insert(RECORD, 6),
            moves: of_many(MOVE.repeat(BATCH)),
            fates: of_many(JUDGE.repeat(BATCH)),
        }
    }

    /// A batch's whole life.
    async fn live(&self, connection: &mut SqliteConnection, batch: &[Settled], seq: &mut i64) {
        for step in 0..STEPS.len() {
            connection.execute("BEGIN IMMEDIATE").await.unwrap();
            self.step(connection, batch, step, *seq + 1).await;
            connection.execute("COMMIT").await.unwrap();
            *seq += batch.len() as i64;
        }
    }

    async fn step(&self, connection: &mut SqliteConnection, batch: &[Settled], step: usize, first_seq: i64) {
        let numbered = || (first_seq..).zip(batch);
        if step == 0 {
            let rows = numbered().map(|(seq, settled)| settled.born(seq));
            write(
                connection,
                rows.flatten().fold(sqlx::query(self.payouts), |query, cell| bind(query, &cell)),
            )
            .await;
        } else {
            let moved = numbered()
                .fold(sqlx::query(self.moves), |query, (seq, settled)| moves(query, settled, step, seq));
            write(connection, moved).await;
        }
        if step == 1 {
            let rows = batch.iter().flat_map(Settled::signed);
            write(connection, rows.fold(sqlx::query(self.transfers), |query, cell| bind(query, &cell))).await;
        }
        if step >= 3 {
            let outcome = if step == 4 { "settled" } else { "pending" };
            let fates = batch.iter().fold(sqlx::query(self.fates), |query, Settled { transfer, .. }| {
                let query =
                    bind(bind(query.bind(outcome), &transfer[column::BLOCK]), &transfer[column::BLOCK_ID]);
                let query = bind(bind(query, &transfer[column::EXPIRES]), &transfer[column::TXID]);
                bind(query, &transfer[column::PAYOUT_ID])
            });
            write(connection, fates).await;
        }
        let records = numbered().fold(sqlx::query(self.records), |query, (seq, settled)| {
            settled.records[step][1..].iter().fold(query.bind(seq), bind)
        });
        write(connection, records).await;
        keep_books(connection, batch, step).await;
    }
}

fn moves(query: Statement, settled: &Settled, step: usize, seq: i64) -> Statement {
    let ((before, reserved), (stage, reservation)) = (STEPS[step - 1], STEPS[step]);
    let settled_at = if step == 4 { settled.payout[column::SETTLED].clone() } else { Cell::Null };
    let query = query.bind(stage).bind(reservation).bind(1).bind(step as i64 + 1);
    let query = bind(bind(query, &settled.records[step][1]), &settled_at).bind(seq);
    bind(query, &settled.payout[column::ID]).bind(step as i64).bind(before).bind(reserved)
}

async fn keep_books(connection: &mut SqliteConnection, batch: &[Settled], step: usize) {
    let amount: i64 = batch.iter().map(|settled| settled.payout[column::AMOUNT].whole()).sum();
    let reserved = [amount, 0, 0, 0, -amount][step];
    let (count, at_ms) = (batch.len() as i64, batch[0].records[step][1].whole());
    // Nobody stood anywhere before the first step.
    let (left, left_amount, before) =
        if step == 0 { (0, 0, "held") } else { (count, amount, STEPS[step - 1].0) };
    let books = sqlx::query(BOOKS).bind(reserved).bind(count).bind(amount).bind(STEPS[step].0);
    let books = books.bind(left).bind(left_amount).bind(before).bind(at_ms.to_string());
    connection.execute(books).await.unwrap();
    if step == 4 {
        let spent = sqlx::query(SPENT).bind(at_ms - at_ms % 60_000).bind(amount);
        connection.execute(spent).await.unwrap();
    }
}

/// One call for a batch, and every row must be written.
async fn write(connection: &mut SqliteConnection, statement: Statement) {
    let done = connection.execute(statement).await.unwrap();
    assert_eq!(done.rows_affected(), BATCH as u64, "the bare loop writes every row");
}

fn bind(query: Statement, cell: &Cell) -> Statement {
    match cell {
        Cell::Null => query.bind(None::<i64>),
        Cell::Whole(number) => query.bind(*number),
        Cell::Text(text) => query.bind(text.clone()),
        Cell::Blob(bytes) => query.bind(bytes.clone()),
    }
}
