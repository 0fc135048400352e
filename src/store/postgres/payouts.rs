//! The port of payouts: each question is a constant in [`sql`], each answer read by [`reads`].

use std::collections::BTreeMap;

use super::{PostgresStore, cells, cells::Cells, reads, reads::Question, rows, rows::column, sql};
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
        Admitted, CLAIM_LEASE_MS, CLAIM_PASSES_MS, Gate, InFlight, LiveTransfer, NewPayout, PayoutFilter,
        Payouts, StageCount, Step, StepResult, StoreFault, Urgency,
    },
};
use serde::Deserialize;

/// Below every id, and above: ids are lower-case hex.
const LOWEST: &str = "";
const HIGHEST: &str = "~";

impl PostgresStore {
    async fn whole(&self, question: Question<'static>) -> Result<Vec<Payout>, StoreFault> {
        let whole = |store: Self| async move {
            let mut reader = store.reader().await?;
            let found = store.waited_for(reads::payouts(reader.ask()?, question)).await;
            reader.back(found)
        };
        self.apart(whole).await
    }

    async fn live(&self, question: Question<'static>) -> Result<Vec<LiveTransfer>, StoreFault> {
        let live = |store: Self| async move {
            let mut reader = store.reader().await?;
            let found = store.waited_for(reads::live_transfers(reader.ask()?, question)).await;
            reader.back(found)
        };
        self.apart(live).await
    }
}

#[async_trait]
impl Payouts for PostgresStore {
    async fn admit(
        &self,
        batch: Vec<NewPayout>,
        rules: &LimitRules,
        now_ms: i64,
        all_or_none: bool,
    ) -> Result<Vec<Admitted>, StoreFault> {
        let rules = *rules;
        let take_in = |store: Self| async move {
            store.written(Box::pin(store.take_in(batch, &rules, now_ms, all_or_none))).await
        };
        self.apart(take_in).await
    }

    async fn commit(&self, steps: &[Step], gate: Gate) -> Result<Vec<StepResult>, StoreFault> {
        let steps = steps.to_vec();
        self.apart(|store| async move { store.written(Box::pin(store.take_steps(&steps, gate))).await }).await
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
        let Some(row) = self.rows(question).await?.pop() else { return Ok(None) };
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
        let question = sqlx::query(sql::FIND_BY_TRANSFERS)
            .bind(column(keys, |key| key.expires_at_ms))
            .bind(column(keys, |key| key.txid.as_bytes().to_vec()));
        self.whole(question).await
    }

    async fn list(&self, filter: &PayoutFilter, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        let whose = match &filter.whose {
            Reached::Everybody => None,
            Reached::Accounts(accounts) => Some(rows::texts(accounts)),
        };
        let question = match (&filter.reference, filter.stage) {
            (Some(_), _) => sql::PAGE_OF_REFERENCE,
            (None, Some(Stage::Rejected | Stage::Failed | Stage::Cancelled | Stage::Mismatched)) => {
                sql::PAGE_OF_ENDED
            }
            (None, None | Some(Stage::Settled)) if whose.is_some() => sql::PAGE_OF_ACCOUNTS,
            (None, None | Some(Stage::Settled)) => sql::PAGE,
            (None, Some(Stage::Admitted)) => sql::PAGE_OF_ADMITTED,
            (None, Some(Stage::Held)) => sql::PAGE_OF_HELD,
            (None, Some(Stage::Signed | Stage::Broadcast | Stage::Included | Stage::Unknown)) => {
                sql::PAGE_OF_IN_FLIGHT
            }
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
            .bind(i64::from(limit));
        self.whole(question).await
    }

    async fn payable(
        &self,
        now_ms: i64,
        limit: u32,
        except: &[PayoutId],
    ) -> Result<Vec<(Payout, [u8; 32])>, StoreFault> {
        self.may_write()?;
        let question = sqlx::query(sql::PAYABLE)
            .bind(now_ms)
            .bind(i64::from(limit))
            .bind(&self.inner.holder)
            .bind(i64::from(CLAIM_LEASE_MS))
            .bind(i64::from(CLAIM_PASSES_MS))
            .bind(rows::texts(except));
        let payable = |store: Self| async move {
            let mut reader = store.reader().await?;
            let found = reads::payouts_with(reader.ask()?, question, recorded_digest);
            let found = store.waited_for(found).await;
            reader.back(found)
        };
        self.apart(payable).await
    }

    async fn expired(
        &self,
        until_ms: i64,
        after: Option<(i64, PayoutId)>,
        limit: u32,
    ) -> Result<Vec<LiveTransfer>, StoreFault> {
        let (after_ms, after) =
            after.map_or_else(|| (i64::MIN, LOWEST.to_owned()), |(at_ms, id)| (at_ms, id.to_string()));
        let question =
            sqlx::query(sql::EXPIRED).bind(until_ms).bind(after_ms).bind(after).bind(i64::from(limit));
        self.live(question).await
    }

    async fn unincluded(
        &self,
        expires_after_ms: i64,
        after: Option<PayoutId>,
        limit: u32,
    ) -> Result<Vec<LiveTransfer>, StoreFault> {
        let after = after.map_or_else(|| LOWEST.to_owned(), |id| id.to_string());
        let question = sqlx::query(sql::UNINCLUDED).bind(expires_after_ms).bind(after).bind(i64::from(limit));
        self.live(question).await
    }

    async fn included_between(&self, first: u64, last: u64, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        let (first, last) = (block_number(first), block_number(last));
        self.whole(sqlx::query(sql::INCLUDED_BETWEEN).bind(first).bind(last).bind(i64::from(limit))).await
    }

    async fn seen_blocks(&self, number: u64) -> Result<Vec<BlockId>, StoreFault> {
        let question = sqlx::query(sql::SEEN_BLOCKS).bind(block_number(number));
        let rows = self.rows(question).await?;
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
        let question =
            sqlx::query(sql::HELD_FOR).bind(words).bind(i64::from(priority)).bind(id).bind(i64::from(limit));
        self.whole(question).await
    }

    async fn overdue(&self, now_ms: i64, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        self.whole(sqlx::query(sql::OVERDUE).bind(now_ms).bind(i64::from(limit))).await
    }

    async fn waiting_for_room(&self) -> Result<BTreeMap<Spender, MicroUsdt>, StoreFault> {
        let words = rows::texts(Reason::WANT_OF_ROOM.iter().map(|reason| reason.word()));
        let question = sqlx::query(sql::WAITING_FOR_ROOM).bind(words);
        let rows = self.rows(question).await?;
        rows.iter().map(cells::waiting).collect()
    }

    async fn in_flight(&self) -> Result<InFlight, StoreFault> {
        let mut reader = self.reader().await?;
        let in_flight = self.waited_for(reads::in_flight(reader.ask()?)).await;
        reader.back(in_flight)
    }

    async fn limit_book(&self, now_ms: i64) -> Result<LimitBook, StoreFault> {
        let mut reader = self.reader().await?;
        let book = self.waited_for(reads::limit_book(reader.ask()?, None, self.at_ms(now_ms))).await;
        reader.back(book)
    }

    async fn held_by_reason(&self) -> Result<BTreeMap<Reason, u64>, StoreFault> {
        let rows = self.rows(sqlx::query(sql::HELD_BY_REASON)).await?;
        let count = |row| {
            let mut cells = Cells::of(row);
            Ok((cells.word(Reason::from_word)?, cells.whole()?))
        };
        rows.iter().map(count).collect()
    }

    async fn counts(&self) -> Result<BTreeMap<Stage, StageCount>, StoreFault> {
        let rows = self.rows(sqlx::query(sql::COUNTS)).await?;
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
        self.whole(sqlx::query(sql::IN_BLOCKS).bind(first).bind(last).bind(after).bind(i64::from(limit)))
            .await
    }
}

/// A block's number as SQL has it; no chain comes near the largest.
fn block_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The digest of the order as the journal's admission record has it; zeros where that record is gone or unreadable.
fn recorded_digest(cells: &mut Cells<'_>) -> Result<[u8; 32], StoreFault> {
    #[derive(Deserialize)]
    struct Facts {
        order_digest: String,
    }
    let mut digest = [0; 32];
    let body: Option<&str> = cells.take()?;
    let facts = body.and_then(|body| serde_json::from_str::<Facts>(body).ok());
    match facts.map(|facts| hex::decode_to_slice(facts.order_digest, &mut digest)) {
        Some(Ok(())) => Ok(digest),
        Some(Err(_)) | None => Ok([0; 32]),
    }
}
