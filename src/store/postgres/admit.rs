//! Taking payouts in: which are new, which were there, and whether the limits have room, all in one transaction.
//!
//! Which keys are known is looked up before the pen is taken, so that repeated orders keep nobody waiting. Whoever takes a key
//! in between makes the batch begin again: the key is then known.

use std::collections::BTreeMap;

use payoutd_actors::{
    domain::{
        identity::{AccountId, IdempotencyKey, PayoutId},
        limits::LimitRules,
        payout::{Payout, Reason},
    },
    ports::{Admitted, NewPayout, StoreFault, birth::born},
};
use sqlx::{Executor, PgConnection};

use super::{
    PostgresStore, books,
    cells::Cells,
    fault,
    journal::Chapter,
    reads,
    reads::Question,
    rows,
    rows::{column, whole},
    sql,
    writer::Write,
};
use crate::store::{
    books::{Asked, Books},
    verdicts::{Keys, Known, Verdict, answers, judge, repeated},
};

pub(super) const KNOWN_KEYS: &str = "SELECT p.account, p.idempotency_key, p.id, p.request_digest \
     FROM unnest($1::text[], $2::text[]) AS asked (account, key) \
     JOIN payout AS p ON p.account = asked.account AND p.idempotency_key = asked.key";

const TAKE_IN: &str = "INSERT INTO payout (id, account, ordered_by, ordered_as, idempotency_key, request_digest, recipient, amount_micro_usdt, route, \
     reference, memo, kyc, not_before_ms, not_after_ms, priority, metadata, order_digest, admitted_seq, last_seq, stage, \
     reason, reservation, attempts, version, created_at_ms, updated_at_ms) \
     SELECT id, account, ordered_by, ordered_as, idempotency_key, request_digest, recipient, amount_micro_usdt, route, reference, memo, kyc, \
     not_before_ms, not_after_ms, priority, metadata, order_digest, seq, seq, stage, reason, reservation, 0, version, \
     created_at_ms, updated_at_ms FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::bigint[], \
     $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], \
     $15::bytea[], $16::bigint[], $17::text[], $18::text[], $19::text[], $20::bigint[], $21::bigint[], $22::bigint[], \
     $23::text[], $24::text[]) \
     AS new (id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, reference, memo, kyc, \
     not_before_ms, not_after_ms, priority, metadata, order_digest, seq, stage, reason, reservation, version, \
     created_at_ms, updated_at_ms, ordered_by, ordered_as)";

/// How often a batch begins again because somebody was faster with one of its keys.
const TRIES_MAX: u32 = 5;

/// A birth on its way into its row.
struct NewRow {
    payout: Payout,
    seq: i64,
    kyc: Option<String>,
    metadata: Option<String>,
}

impl PostgresStore {
    pub(super) async fn take_in(
        &self,
        batch: Vec<NewPayout>,
        rules: &LimitRules,
        now_ms: i64,
        all_or_none: bool,
    ) -> Result<Vec<Admitted>, StoreFault> {
        for _ in 0..TRIES_MAX {
            let mut write = self.begin().await?;
            let verdicts = judge(&batch, known_keys(write.connection()?, &batch).await?);
            let refused = all_or_none && verdicts.iter().any(|verdict| matches!(verdict, Verdict::Reuses(_)));
            let repeats = on_file(write.connection()?, &verdicts).await?;
            let nothing_new = !verdicts.iter().any(|verdict| matches!(verdict, Verdict::New(_)));
            if refused || nothing_new {
                write.give_up().await?;
                return Ok(answers(&verdicts, &repeats, &BTreeMap::new()));
            }
            let fresh = batch.iter().zip(&verdicts);
            let fresh = fresh.filter(|(_, verdict)| matches!(verdict, Verdict::New(_)));
            let fresh = fresh.map(|(new, _)| new.clone()).collect();
            if let Some(born) = self.give_birth(write, fresh, rules, now_ms).await? {
                return Ok(answers(&verdicts, &repeats, &born));
            }
        }
        Err(StoreFault::Away(format!("{TRIES_MAX} times somebody was faster with a key of the batch")))
    }

    /// Writes the new ones, each admitted or held as the limits have room; `None` where one of their keys is taken now.
    async fn give_birth(
        &self,
        mut write: Write,
        fresh: Vec<NewPayout>,
        rules: &LimitRules,
        now_ms: i64,
    ) -> Result<Option<BTreeMap<PayoutId, Payout>>, StoreFault> {
        let pen = self.take_pen(&mut write).await?;
        let at_ms = pen.latest_ms.max(now_ms);
        let mut limits = reads::limit_book(
            write.connection()?,
            Some(&Asked::of(fresh.iter().map(Payout::spender))),
            at_ms,
        )
        .await?;
        let mut chapter = Chapter::after(pen.last_seq);
        let mut rows = Vec::with_capacity(fresh.len());
        for new in fresh {
            let room = limits.reserve(new.spender(), new.order.amount, rules, at_ms);
            let birth = born(new, room, at_ms)?;
            rows.push(NewRow::of(birth.payout, chapter.add(birth.draft))?);
        }
        match write.connection()?.execute(take_in(&rows)).await {
            Ok(_) => {}
            Err(error) if fault::is_refused(&error) => {
                write.give_up().await?;
                return Ok(None);
            }
            Err(error) => return Err(fault::of(error)),
        }
        chapter.write(write.connection()?).await?;
        let mut moved = Books::default();
        rows.iter().for_each(|row| moved.birth(&row.payout));
        books::keep(moved, write.connection()?, at_ms).await?;
        write.commit().await?;
        self.passed(at_ms);
        Ok(Some(rows.into_iter().map(|row| (row.payout.id, row.payout)).collect()))
    }
}

/// The keys of a batch, as far as they are on file.
async fn known_keys(connection: &mut PgConnection, batch: &[NewPayout]) -> Result<Keys, StoreFault> {
    let question = sqlx::query(KNOWN_KEYS)
        .bind(column(batch, |new| new.account.as_str()))
        .bind(column(batch, |new| new.idempotency_key.as_str()));
    let rows = connection.fetch_all(question).await.map_err(fault::of)?;
    let mut keys = Keys::new();
    for row in &rows {
        let mut cells = Cells::of(row);
        let account = AccountId::new(cells.take::<String>()?);
        let account = account.map_err(|why| StoreFault::Corrupt(why.to_string()))?;
        let key = IdempotencyKey::restored(cells.take()?);
        let known = Known { id: cells.parsed()?, request_digest: cells.hash()? };
        keys.insert((account, key), known);
    }
    Ok(keys)
}

/// The payouts that are repeated and on file, whole.
async fn on_file(
    connection: &mut PgConnection,
    verdicts: &[Verdict],
) -> Result<BTreeMap<PayoutId, Payout>, StoreFault> {
    let ids = repeated(verdicts);
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = reads::payouts(connection, sqlx::query(sql::FIND_MANY).bind(rows::texts(&ids))).await?;
    Ok(found.into_iter().map(|payout| (payout.id, payout)).collect())
}

impl NewRow {
    fn of(payout: Payout, seq: i64) -> Result<Self, StoreFault> {
        let order = &payout.order;
        let written = |why: serde_json::Error| StoreFault::Corrupt(format!("payout {}: {why}", payout.id));
        let kyc = order.kyc.as_ref().map(serde_json::to_string).transpose().map_err(written)?;
        let metadata = match order.metadata.is_empty() {
            true => None,
            false => Some(serde_json::to_string(&order.metadata).map_err(written)?),
        };
        Ok(Self { payout, seq, kyc, metadata })
    }
}

/// In the order of [`TAKE_IN`].
fn take_in<'q>(rows: &[NewRow]) -> Question<'q> {
    sqlx::query(TAKE_IN)
        .bind(column(rows, |row| row.payout.id.to_string()))
        .bind(column(rows, |row| row.payout.account.as_str()))
        .bind(column(rows, |row| row.payout.idempotency_key.as_str()))
        .bind(column(rows, |row| row.payout.request_digest.to_vec()))
        .bind(column(rows, |row| row.payout.order.recipient.to_string()))
        .bind(column(rows, |row| whole(row.payout.order.amount.micro())))
        .bind(column(rows, |row| row.payout.order.route.word()))
        .bind(column(rows, |row| row.payout.order.reference.as_deref()))
        .bind(column(rows, |row| row.payout.order.memo.as_deref()))
        .bind(column(rows, |row| row.kyc.as_deref()))
        .bind(column(rows, |row| row.payout.order.not_before_ms))
        .bind(column(rows, |row| row.payout.order.not_after_ms))
        .bind(column(rows, |row| whole(row.payout.order.priority)))
        .bind(column(rows, |row| row.metadata.as_deref()))
        .bind(column(rows, |row| row.payout.order_digest.to_vec()))
        .bind(column(rows, |row| row.seq))
        .bind(column(rows, |row| row.payout.stage.word()))
        .bind(column(rows, |row| row.payout.reason.map(Reason::word)))
        .bind(column(rows, |row| row.payout.reservation.word()))
        .bind(column(rows, |row| whole(row.payout.version)))
        .bind(column(rows, |row| row.payout.created_at_ms))
        .bind(column(rows, |row| row.payout.updated_at_ms))
        .bind(column(rows, |row| row.payout.ordered_by.as_ref().map(|by| by.principal.as_str())))
        .bind(column(rows, |row| row.payout.ordered_by.as_ref().map(|by| by.role.word())))
}
