//! Taking payouts in: which are new, which were there, and whether the limits have room, all in one transaction.

use std::collections::BTreeMap;

use payoutd_actors::{
    domain::{
        identity::{AccountId, IdempotencyKey, PayoutId},
        limits::LimitRules,
        payout::Payout,
    },
    ports::{
        Admitted, NewPayout, StoreFault,
        birth::{born, kept_out},
    },
};
use sqlx::{Executor, SqliteConnection};

use super::{
    SqliteStore, books, cells::Cells, fault, journal, journal::Chapter, reads, rows, rows::Rows, sql,
    writer::Write,
};
use crate::store::{
    books::{Asked, Books},
    verdicts::{Births, Keys, Known, Verdict, answers, judge, repeated},
};

const KNOWN_KEYS: &str = "SELECT p.account, p.idempotency_key, p.id, p.request_digest FROM jsonb_each(?1) AS asked \
     CROSS JOIN payout AS p ON p.account = asked.value ->> 0 AND p.idempotency_key = asked.value ->> 1";

const TAKE_IN: &str = "INSERT INTO payout (id, account, idempotency_key, request_digest, recipient, amount_micro_usdt, route, \
     reference, memo, kyc, not_before_ms, not_after_ms, priority, metadata, order_digest, admitted_seq, last_seq, stage, \
     reason, reservation, attempts, version, created_at_ms, updated_at_ms, settled_at_ms, ordered_by, ordered_as) \
     SELECT value ->> 0, value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5, value ->> 6, value ->> 7, \
     value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, unhex(value ->> 14), value ->> 15, \
     value ->> 15, value ->> 16, value ->> 17, value ->> 18, 0, value ->> 19, value ->> 20, value ->> 21, NULL, \
     value ->> 22, value ->> 23 \
     FROM jsonb_each(?1)";

impl SqliteStore {
    pub(super) async fn take_in(
        &self,
        batch: Vec<NewPayout>,
        rules: &LimitRules,
        now_ms: i64,
        all_or_none: bool,
    ) -> Result<Vec<Admitted>, StoreFault> {
        let mut write = self.begin().await?;
        let at_ms = self.at_ms(now_ms);
        let verdicts = judge(&batch, known_keys(write.connection(), &batch).await?);
        let refused = all_or_none && verdicts.iter().any(|verdict| matches!(verdict, Verdict::Reuses(_)));
        let repeats = on_file(write.connection(), &verdicts).await?;
        let nothing_new = !verdicts.iter().any(|verdict| matches!(verdict, Verdict::New(_)));
        if refused || nothing_new {
            write.give_up().await?;
            return Ok(answers(&verdicts, &repeats, &Births::default()));
        }
        let fresh = batch.into_iter().zip(&verdicts);
        let fresh =
            fresh.filter_map(|(new, verdict)| matches!(verdict, Verdict::New(_)).then_some(new)).collect();
        let births = self.give_birth(write, fresh, rules, at_ms, all_or_none).await?;
        Ok(answers(&verdicts, &repeats, &births))
    }

    /// Writes the new ones, each admitted, held or kept out as the limits have room.
    async fn give_birth(
        &self,
        mut write: Write<'_>,
        fresh: Vec<NewPayout>,
        rules: &LimitRules,
        at_ms: i64,
        all_or_none: bool,
    ) -> Result<Births, StoreFault> {
        let connection = write.connection();
        let mut limits = reads::limit_book(
            connection,
            Some(&Asked::of(fresh.iter().map(|new| new.payout.spender()))),
            at_ms,
        )
        .await?;
        let mut chapter = Chapter::after(journal::last_seq(connection).await?);
        let (mut payouts, mut births) = (Vec::with_capacity(fresh.len()), Births::default());
        let mut rows = Rows::with_room_for(fresh.len(), 600);
        for new in fresh {
            let NewPayout { payout, .. } = &new;
            let room = limits.reserve(payout.spender(), payout.order.amount, rules, at_ms);
            if let Some(broken) = kept_out(room, rules.on_excess) {
                births.kept_out.insert(payout.id, broken);
                continue;
            }
            let birth = born(new, room, at_ms)?;
            let seq = chapter.add(birth.draft);
            push(&mut rows, &birth.payout, seq)?;
            payouts.push(birth.payout);
        }
        if !births.kept_out.is_empty() && (payouts.is_empty() || all_or_none) {
            write.give_up().await?;
            return Ok(births);
        }
        connection.execute(sqlx::query(TAKE_IN).bind(rows.into_json())).await.map_err(fault::of)?;
        chapter.write(connection).await?;
        let mut moved = Books::default();
        payouts.iter().for_each(|payout| moved.birth(payout));
        books::keep(moved, connection, at_ms).await?;
        write.commit().await?;
        self.passed(at_ms);
        births.born = payouts.into_iter().map(|payout| (payout.id, payout)).collect();
        Ok(births)
    }
}

/// The keys of a batch, as far as they are on file.
async fn known_keys(connection: &mut SqliteConnection, batch: &[NewPayout]) -> Result<Keys, StoreFault> {
    let mut asked = Rows::with_room_for(batch.len(), 80);
    for NewPayout { payout: new, .. } in batch {
        asked.row().text(new.account.as_str()).text(new.idempotency_key.as_str()).end();
    }
    let question = sqlx::query(KNOWN_KEYS).bind(asked.into_json());
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
    connection: &mut SqliteConnection,
    verdicts: &[Verdict],
) -> Result<BTreeMap<PayoutId, Payout>, StoreFault> {
    let ids = repeated(verdicts);
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = reads::payouts(connection, sqlx::query(sql::FIND_MANY).bind(rows::texts(&ids))).await?;
    Ok(found.into_iter().map(|payout| (payout.id, payout)).collect())
}

/// A birth's row, in the order of [`TAKE_IN`].
fn push(rows: &mut Rows, payout: &Payout, seq: i64) -> Result<(), StoreFault> {
    let order = &payout.order;
    let written = |why: serde_json::Error| StoreFault::Corrupt(format!("payout {}: {why}", payout.id));
    let kyc = order.kyc.as_ref().map(serde_json::to_string).transpose().map_err(written)?;
    let metadata = match order.metadata.is_empty() {
        true => None,
        false => Some(serde_json::to_string(&order.metadata).map_err(written)?),
    };
    rows.row()
        .display(payout.id)
        .text(payout.account.as_str())
        .text(payout.idempotency_key.as_str())
        .blob(&payout.request_digest)
        .display(order.recipient)
        .whole(order.amount.micro())
        .text(order.route.word())
        .maybe_text(order.reference.as_deref())
        .maybe_text(order.memo.as_deref())
        .maybe_text(kyc.as_deref())
        .maybe_whole(order.not_before_ms)
        .maybe_whole(order.not_after_ms)
        .whole(order.priority)
        .maybe_text(metadata.as_deref())
        .blob(&payout.order_digest)
        .whole(seq)
        .text(payout.stage.word())
        .maybe_text(payout.reason.map(payoutd_actors::domain::payout::Reason::word))
        .text(payout.reservation.word())
        .whole(payout.version)
        .whole(payout.created_at_ms)
        .whole(payout.updated_at_ms)
        .maybe_text(payout.ordered_by.as_ref().map(|by| by.principal.as_str()))
        .maybe_text(payout.ordered_by.as_ref().map(|by| by.role.word()))
        .end();
    Ok(())
}
