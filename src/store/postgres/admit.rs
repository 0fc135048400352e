//! Taking payouts in: which are new, which were there, and whether the limits have room, all in one transaction.
//!
//! Which keys are known is looked up before the pen is taken, so that repeated orders keep nobody waiting. Whoever takes a key
//! in between makes the batch begin again: the key is then known.

use std::collections::BTreeMap;

use payoutd_actors::{
    domain::{
        identity::{AccountId, IdempotencyKey, PayoutId},
        journal::JournalDraft,
        limits::LimitRules,
        payout::{Payout, Reason},
    },
    ports::{
        Admitted, NewPayout, StoreFault,
        birth::{Birth, born, kept_out},
    },
};
use sqlx::{Executor, PgConnection, postgres::PgRow};

use super::{
    PostgresStore, books,
    cells::Cells,
    fault, journal, reads,
    reads::Question,
    rows,
    rows::{column, whole},
    sql,
    writer::Write,
};
use crate::store::{
    books::{Asked, Books},
    verdicts::{Births, Keys, Known, Verdict, answers, judge, repeated},
};

pub(super) const KNOWN_KEYS: &str = "SELECT p.account, p.idempotency_key, p.id, p.request_digest \
     FROM unnest($1::text[], $2::text[]) AS asked (account, key) \
     JOIN payout AS p ON p.account = asked.account AND p.idempotency_key = asked.key";

/// The payouts, their records and what they move in the books: one statement, one way to the database. A payout's first record is
/// the one that this statement adds for it.
const TAKE_IN: &str = concat!(
    "WITH taken AS (INSERT INTO payout (id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, \
     reference, memo, kyc, not_before_ms, not_after_ms, priority, metadata, order_digest, ordered_by, ordered_as, \
     admitted_seq, last_seq, stage, reason, reservation, attempts, version, created_at_ms, updated_at_ms) \
     SELECT id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, reference, memo, kyc, \
     not_before_ms, not_after_ms, priority, metadata, order_digest, ordered_by, ordered_as, seq, seq, stage, reason, \
     reservation, 0, version, created_at_ms, updated_at_ms FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], \
     $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], \
     $14::text[], $15::bytea[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::bigint[], \
     $22::bigint[], $23::bigint[], $42::bigint[]) \
     AS new (id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, reference, memo, kyc, \
     not_before_ms, not_after_ms, priority, metadata, order_digest, ordered_by, ordered_as, stage, reason, reservation, \
     version, created_at_ms, updated_at_ms, seq) RETURNING 1), added AS (",
    journal::add!("$24", "$25", "$26", "$27", "$42", "$43"),
    " RETURNING 1), ",
    books::keep!(
        "$28", "$29", "$30", "$31", "$32", "$33", "$34", "$35", "$36", "$37", "$38", "$39", "$40", "$41",
        "$44"
    ),
    " SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM added)"
);

/// How often a batch begins again because somebody was faster with one of its keys.
const TRIES_MAX: u32 = 5;

impl PostgresStore {
    pub(super) async fn take_in(
        &self,
        batch: Vec<NewPayout>,
        rules: &LimitRules,
        now_ms: i64,
        all_or_none: bool,
    ) -> Result<Vec<Admitted>, StoreFault> {
        for _ in 0..TRIES_MAX {
            let mut write = self.begin_with_kept_plans().await?;
            let verdicts = judge(&batch, known_keys(write.connection()?, &batch).await?);
            let refused = all_or_none && verdicts.iter().any(|verdict| matches!(verdict, Verdict::Reuses(_)));
            let repeats = on_file(write.connection()?, &verdicts).await?;
            let nothing_new = !verdicts.iter().any(|verdict| matches!(verdict, Verdict::New(_)));
            if refused || nothing_new {
                write.give_up().await?;
                return Ok(answers(&verdicts, &repeats, &Births::default()));
            }
            let fresh = batch.iter().zip(&verdicts);
            let fresh = fresh.filter(|(_, verdict)| matches!(verdict, Verdict::New(_)));
            let fresh = fresh.map(|(new, _)| new.clone()).collect();
            if let Some(births) = self.give_birth(write, fresh, rules, now_ms, all_or_none).await? {
                return Ok(answers(&verdicts, &repeats, &births));
            }
        }
        Err(StoreFault::Away(format!("{TRIES_MAX} times somebody was faster with a key of the batch")))
    }

    /// Writes the new ones, each admitted, held or kept out as the limits have room; `None` where one of their keys is taken now.
    async fn give_birth(
        &self,
        mut write: Write,
        fresh: Vec<NewPayout>,
        rules: &LimitRules,
        now_ms: i64,
        all_or_none: bool,
    ) -> Result<Option<Births>, StoreFault> {
        // What was ordered is put into words before anybody has to wait for it.
        let mut words =
            ordered(sqlx::query(TAKE_IN), &fresh.iter().map(|new| &new.payout).collect::<Vec<_>>())?;
        let mut pen = self.take_pen(&mut write).await?;
        let at_ms = pen.at_ms(now_ms)?;
        let asked = Asked::of(fresh.iter().map(|new| new.payout.spender()));
        let mut limits = reads::limit_book(write.connection()?, Some(&asked), at_ms).await?;
        let (mut payouts, mut drafts) = (Vec::with_capacity(fresh.len()), Vec::with_capacity(fresh.len()));
        let (mut births, mut turned_away) = (Births::default(), Vec::new());
        for new in fresh {
            let NewPayout { payout, .. } = &new;
            let room = limits.reserve(payout.spender(), payout.order.amount, rules, at_ms);
            if let Some(broken) = kept_out(room, rules.on_excess) {
                births.kept_out.insert(payout.id, broken);
                turned_away.push(new);
                continue;
            }
            let Birth { payout, draft } = born(new, room, at_ms)?;
            payouts.push(payout);
            drafts.push(draft);
        }
        if !births.kept_out.is_empty() {
            // What is written meets its own key; what is not written has to ask, or somebody's order is called refused that was taken.
            if !known_keys(write.connection()?, &turned_away).await?.is_empty() {
                write.give_up().await?;
                return Ok(None);
            }
            if payouts.is_empty() || all_or_none {
                write.give_up().await?;
                return Ok(Some(births));
            }
            words = ordered(sqlx::query(TAKE_IN), &payouts.iter().collect::<Vec<_>>())?;
        }
        let statement = taken_in(words, &payouts, &drafts, &mut pen.last_seq, at_ms);
        match write.connection()?.fetch_one(statement).await {
            Ok(written) => all_written(&written, payouts.len())?,
            Err(error) if fault::is_refused(&error) => {
                write.give_up().await?;
                return Ok(None);
            }
            Err(error) => return Err(fault::of(error)),
        }
        write.commit().await?;
        self.passed(at_ms);
        births.born = payouts.into_iter().map(|payout| (payout.id, payout)).collect();
        Ok(Some(births))
    }
}

/// The keys of a batch, as far as they are on file.
async fn known_keys(connection: &mut PgConnection, batch: &[NewPayout]) -> Result<Keys, StoreFault> {
    let question = sqlx::query(KNOWN_KEYS)
        .bind(column(batch, |new| new.payout.account.as_str()))
        .bind(column(batch, |new| new.payout.idempotency_key.as_str()));
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

/// Every payout and every record of it is there, or nothing of it is believed.
fn all_written(written: &PgRow, count: usize) -> Result<(), StoreFault> {
    let mut cells = Cells::of(written);
    match (cells.small::<usize>()?, cells.small::<usize>()?) == (count, count) {
        true => Ok(()),
        false => Err(StoreFault::Corrupt("the store did not take every payout of a batch".to_owned())),
    }
}

/// What was ordered: `$1` to `$17` of [`TAKE_IN`].
fn ordered(statement: Question<'static>, new: &[&Payout]) -> Result<Question<'static>, StoreFault> {
    let (mut kyc, mut metadata) = (Vec::with_capacity(new.len()), Vec::with_capacity(new.len()));
    for Payout { id, order, .. } in new {
        let written = |why: serde_json::Error| StoreFault::Corrupt(format!("payout {id}: {why}"));
        kyc.push(order.kyc.as_ref().map(serde_json::to_string).transpose().map_err(written)?);
        metadata.push(match order.metadata.is_empty() {
            true => None,
            false => Some(serde_json::to_string(&order.metadata).map_err(written)?),
        });
    }
    Ok(statement
        .bind(column(new, |new| new.id.to_string()))
        .bind(column(new, |new| new.account.as_str().to_owned()))
        .bind(column(new, |new| new.idempotency_key.as_str().to_owned()))
        .bind(column(new, |new| new.request_digest.to_vec()))
        .bind(column(new, |new| new.order.recipient.to_string()))
        .bind(column(new, |new| whole(new.order.amount.micro())))
        .bind(column(new, |new| new.order.route.word()))
        .bind(column(new, |new| new.order.reference.clone()))
        .bind(column(new, |new| new.order.memo.clone()))
        .bind(kyc)
        .bind(column(new, |new| new.order.not_before_ms))
        .bind(column(new, |new| new.order.not_after_ms))
        .bind(column(new, |new| whole(new.order.priority)))
        .bind(metadata)
        .bind(column(new, |new| new.order_digest.to_vec()))
        .bind(column(new, |new| new.ordered_by.as_ref().map(|by| by.principal.as_str().to_owned())))
        .bind(column(new, |new| new.ordered_by.as_ref().map(|by| by.role.word()))))
}

/// What became of it behind the pen: the rest of [`TAKE_IN`].
fn taken_in<'q>(
    ordered: Question<'q>,
    payouts: &'q [Payout],
    drafts: &'q [JournalDraft],
    last_seq: &mut i64,
    at_ms: i64,
) -> Question<'q> {
    let mut moved = Books::default();
    payouts.iter().for_each(|payout| moved.birth(payout));
    let drafts: Vec<&JournalDraft> = drafts.iter().collect();
    let statement = ordered
        .bind(column(payouts, |payout| payout.stage.word()))
        .bind(column(payouts, |payout| payout.reason.map(Reason::word)))
        .bind(column(payouts, |payout| payout.reservation.word()))
        .bind(column(payouts, |payout| whole(payout.version)))
        .bind(column(payouts, |payout| payout.created_at_ms))
        .bind(column(payouts, |payout| payout.updated_at_ms));
    let statement = books::bound(journal::bound(statement, &drafts), moved);
    journal::placed(statement, &drafts, last_seq).bind(at_ms.to_string())
}
