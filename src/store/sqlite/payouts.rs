//! The port of payouts: each question is a constant in [`sql`], each answer read by [`reads`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use payoutd_actors::{
    domain::{
        access::Reached,
        identity::{AccountId, IdempotencyKey, PayoutId},
        journal::Body,
        limits::{LimitBook, LimitRules, Spender},
        money::MicroUsdt,
        payout::{Payout, Reason, Settlement, Stage},
        tron::{BlockId, TransferKey},
    },
    ports::{
        Admitted, Gate, InFlight, LiveTransfer, NewPayout, PayoutFilter, Payouts, StageCount, Step,
        StepResult, StoreFault, Urgency,
    },
};
use serde::Deserialize;
use sqlx::{Executor, Sqlite, pool::PoolConnection};

use super::{SqliteStore, cells, cells::Cells, fault, reads, reads::Question, rows, rows::Rows, sql};

/// Below every id, and above: ids are lower-case hex.
const LOWEST: &str = "";
const HIGHEST: &str = "~";

impl SqliteStore {
    /// A connection that reads.
    pub(super) async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreFault> {
        self.inner.readers.acquire().await.map_err(fault::of)
    }

    async fn whole(&self, question: Question<'_>) -> Result<Vec<Payout>, StoreFault> {
        reads::payouts(&mut *self.reader().await?, question).await
    }
}

#[async_trait]
impl Payouts for SqliteStore {
    async fn admit(
        &self,
        batch: Vec<NewPayout>,
        rules: &LimitRules,
        now_ms: i64,
        all_or_none: bool,
    ) -> Result<Vec<Admitted>, StoreFault> {
        self.take_in(batch, rules, now_ms, all_or_none).await
    }

    async fn commit(&self, steps: &[Step], gate: Gate) -> Result<Vec<StepResult>, StoreFault> {
        self.take_steps(steps, gate).await
    }

    async fn find(&self, id: PayoutId) -> Result<Option<Payout>, StoreFault> {
        Ok(self.whole(sqlx::query(sql::FIND).bind(id.to_string())).await?.pop())
    }

    async fn find_many(&self, ids: &[PayoutId]) -> Result<Vec<Payout>, StoreFault> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.whole(sqlx::query(sql::FIND_MANY).bind(rows::texts(ids))).await
    }

    async fn settlement(&self, id: PayoutId) -> Result<Option<Settlement>, StoreFault> {
        #[derive(Deserialize)]
        struct Facts {
            proof: Settlement,
        }
        let question = sqlx::query(sql::SETTLEMENT).bind(id.to_string());
        let Some(row) = reads::one(&mut *self.reader().await?, question).await? else { return Ok(None) };
        let body = Body::from_stored(Cells::of(&row).take()?);
        match body.read::<Facts>() {
            Ok(facts) => Ok(Some(facts.proof)),
            Err(why) => Err(StoreFault::Corrupt(format!("payout {id}: its proof can not be read: {why}"))),
        }
    }

    async fn find_by_key(
        &self,
        account: &AccountId,
        key: &IdempotencyKey,
    ) -> Result<Option<Payout>, StoreFault> {
        let question = sqlx::query(sql::FIND_BY_KEY).bind(account.as_str()).bind(key.as_str());
        Ok(self.whole(question).await?.pop())
    }

    async fn find_by_transfers(&self, keys: &[TransferKey]) -> Result<Vec<Payout>, StoreFault> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked = Rows::with_room_for(keys.len(), 90);
        for key in keys {
            asked.row().whole(key.expires_at_ms).blob(key.txid.as_bytes()).end();
        }
        self.whole(sqlx::query(sql::FIND_BY_TRANSFERS).bind(asked.into_json())).await
    }

    async fn list(&self, filter: &PayoutFilter, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        let whose = match &filter.whose {
            Reached::Everybody => None,
            Reached::Accounts(accounts) => Some(rows::texts(accounts)),
        };
        let question = match (&filter.reference, filter.stage) {
            (Some(_), _) => sql::PAGE_OF_REFERENCE,
            (None, Some(Stage::Rejected | Stage::Failed | Stage::Cancelled)) => sql::PAGE_OF_ENDED,
            (None, None | Some(Stage::Settled)) if whose.is_some() => sql::PAGE_OF_ACCOUNTS,
            (None, None | Some(Stage::Settled)) => sql::PAGE,
            (None, Some(_)) => sql::PAGE_OF_STAGE,
        };
        // A UUID version 7 begins with its moment, so a span of time is a span of ids.
        let least = |at_ms: i64| PayoutId::new(at_ms, [0; 10]).to_string();
        let from = filter.from_ms.map_or_else(|| LOWEST.to_owned(), least);
        let to = filter.to_ms.map_or_else(|| HIGHEST.to_owned(), least);
        let before = filter.before.map_or_else(|| HIGHEST.to_owned(), |id| id.to_string());
        let question = sqlx::query(question)
            .bind(whose)
            .bind(filter.stage.map(Stage::word))
            .bind(filter.recipient.map(|recipient| recipient.to_string()))
            .bind(filter.reference.as_deref())
            .bind(from)
            .bind(to.min(before))
            .bind(limit);
        self.whole(question).await
    }

    async fn payable(
        &self,
        now_ms: i64,
        limit: u32,
        except: &[PayoutId],
    ) -> Result<Vec<(Payout, [u8; 32])>, StoreFault> {
        let question = sqlx::query(sql::PAYABLE).bind(now_ms).bind(limit).bind(rows::texts(except));
        reads::payouts_with(&mut *self.reader().await?, question, recorded_digest).await
    }

    async fn expired(
        &self,
        until_ms: i64,
        after: Option<(i64, PayoutId)>,
        limit: u32,
    ) -> Result<Vec<LiveTransfer>, StoreFault> {
        let (after_ms, after) =
            after.map_or_else(|| (i64::MIN, LOWEST.to_owned()), |(at_ms, id)| (at_ms, id.to_string()));
        let question = sqlx::query(sql::EXPIRED).bind(until_ms).bind(after_ms).bind(after).bind(limit);
        reads::live_transfers(&mut *self.reader().await?, question).await
    }

    async fn unincluded(
        &self,
        expires_after_ms: i64,
        after: Option<PayoutId>,
        limit: u32,
    ) -> Result<Vec<LiveTransfer>, StoreFault> {
        let after = after.map_or_else(|| LOWEST.to_owned(), |id| id.to_string());
        let question = sqlx::query(sql::UNINCLUDED).bind(expires_after_ms).bind(after).bind(limit);
        reads::live_transfers(&mut *self.reader().await?, question).await
    }

    async fn included_between(&self, first: u64, last: u64, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        let (first, last) = (block_number(first), block_number(last));
        self.whole(sqlx::query(sql::INCLUDED_BETWEEN).bind(first).bind(last).bind(limit)).await
    }

    async fn seen_blocks(&self, number: u64) -> Result<Vec<BlockId>, StoreFault> {
        let question = sqlx::query(sql::SEEN_BLOCKS).bind(block_number(number));
        let rows = self.inner.readers.fetch_all(question).await.map_err(fault::of)?;
        rows.iter().map(|row| Ok(BlockId::new(Cells::of(row).hash()?))).collect()
    }

    async fn held_for(
        &self,
        reasons: &[Reason],
        after: Option<Urgency>,
        limit: u32,
    ) -> Result<Vec<Payout>, StoreFault> {
        let words = rows::texts(reasons.iter().map(|reason| reason.word()));
        let (priority, id) = after
            .map_or_else(|| (u8::MAX, HIGHEST.to_owned()), |after| (after.priority, after.id.to_string()));
        self.whole(sqlx::query(sql::HELD_FOR).bind(words).bind(priority).bind(id).bind(limit)).await
    }

    async fn overdue(&self, now_ms: i64, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        self.whole(sqlx::query(sql::OVERDUE).bind(now_ms).bind(limit)).await
    }

    async fn waiting_for_room(&self) -> Result<BTreeMap<Spender, MicroUsdt>, StoreFault> {
        let words = rows::texts(Reason::WANT_OF_ROOM.iter().map(|reason| reason.word()));
        let question = sqlx::query(sql::WAITING_FOR_ROOM).bind(words);
        let rows = self.inner.readers.fetch_all(question).await.map_err(fault::of)?;
        rows.iter().map(cells::waiting).collect()
    }

    async fn in_flight(&self) -> Result<InFlight, StoreFault> {
        reads::in_flight(&mut *self.reader().await?).await
    }

    async fn limit_book(&self, now_ms: i64) -> Result<LimitBook, StoreFault> {
        reads::limit_book(&mut *self.reader().await?, None, self.at_ms(now_ms)).await
    }

    async fn held_by_reason(&self) -> Result<BTreeMap<Reason, u64>, StoreFault> {
        let rows = self.inner.readers.fetch_all(sqlx::query(sql::HELD_BY_REASON)).await.map_err(fault::of)?;
        let count = |row| {
            let mut cells = Cells::of(row);
            Ok((cells.word(Reason::from_word)?, cells.whole()?))
        };
        rows.iter().map(count).collect()
    }

    async fn counts(&self) -> Result<BTreeMap<Stage, StageCount>, StoreFault> {
        let rows = self.inner.readers.fetch_all(sqlx::query(sql::COUNTS)).await.map_err(fault::of)?;
        let mut counts = BTreeMap::new();
        for row in &rows {
            let mut cells = Cells::of(row);
            let stage = cells.word(Stage::from_word)?;
            let (payouts, amount_micro_usdt) = (cells.whole()?, cells.whole()?);
            let oldest = cells.take::<Option<i64>>()?;
            let oldest_updated_at_ms = oldest.filter(|_| !stage.is_final());
            counts.insert(stage, StageCount { payouts, amount_micro_usdt, oldest_updated_at_ms });
        }
        Ok(counts)
    }

    async fn in_blocks(
        &self,
        first: u64,
        last: u64,
        after: Option<PayoutId>,
        limit: u32,
    ) -> Result<Vec<Payout>, StoreFault> {
        let (first, last) = (block_number(first), block_number(last));
        let after = after.map_or_else(|| LOWEST.to_owned(), |id| id.to_string());
        self.whole(sqlx::query(sql::IN_BLOCKS).bind(first).bind(last).bind(after).bind(limit)).await
    }
}

/// A block's number as SQL has it; no chain comes near the largest.
fn block_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The journal's own word for an order's digest; zeros where there is none.
fn recorded_digest(cells: &mut Cells<'_>) -> Result<[u8; 32], StoreFault> {
    let text: Option<&str> = cells.take()?;
    let mut digest = [0; 32];
    match text.map(|text| hex::decode_to_slice(text, &mut digest)) {
        Some(Ok(())) => Ok(digest),
        Some(Err(_)) | None => Ok([0; 32]),
    }
}
