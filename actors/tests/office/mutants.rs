//! The simulation bites: with one rule weakened it must fail within a thousand runs. Each weakness is put between the
//! office and its world, so that the office's own code stays as it is.

use crate::simulation::run_all;
use async_trait::async_trait;
use payoutd_actors::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use payoutd_actors::domain::journal::Cause;
use payoutd_actors::domain::limits::{LimitBook, LimitRules, Spender};
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::payout::{
    AbsenceProof, BlockRef, Event, Payout, Reason, Settlement, Stage, apply, journal_draft,
};
use payoutd_actors::domain::tron::broadcast::BroadcastCode;
use payoutd_actors::domain::tron::{BlockId, SignedTransfer, TransferKey};
use payoutd_actors::fakes::{Disguise, SharedChain};
use payoutd_actors::ledger::OnFile;
use payoutd_actors::office::World;
use payoutd_actors::ports::{
    Admitted, BroadcastReply, ChainFault, ChainNode, Gate, InFlight, LiveTransfer, NewPayout, PayoutFilter,
    Payouts, StageCount, Step, StepResult, StoreFault, Urgency, View,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Runs within which a weakness must show.
const SHOWS_WITHIN: u64 = 1_000;

fn must_be_noticed(weakness: &str, tamper: fn(World, &SharedChain) -> World) {
    match run_all(0, SHOWS_WITHIN, Some(tamper), true) {
        Some((seed, why)) => {
            eprintln!("{weakness}: noticed with seed {seed}: {}", why.lines().next().unwrap_or_default())
        }
        None => panic!("{weakness} was not noticed in {SHOWS_WITHIN} runs: the simulation has no teeth"),
    }
}

/// A transfer is dead when the *solidified* chain is past its expiration, not when the head is.
#[test]
fn simulation_notices_head_time_in_place_of_solid_time() {
    must_be_noticed("head time in place of solid time", |mut world, _| {
        world.nodes = world.nodes.into_iter().map(|node| weak(node, None, Weakness::HeadForSolid)).collect();
        world
    });
}

/// The first solidified block past the expiration may itself hold the transfer.
#[test]
fn simulation_notices_that_the_last_block_is_not_searched() {
    must_be_noticed("the last block is not searched", |mut world, _| {
        world.payouts = Arc::new(ShortSighted(world.payouts));
        world
    });
}

/// DUP proves nothing: a node says it of what it has refused.
#[test]
fn simulation_notices_dup_read_as_paid() {
    must_be_noticed("DUP read as paid", |mut world, _| {
        let payouts = world.payouts.clone();
        world.nodes = world
            .nodes
            .into_iter()
            .map(|node| weak(node, Some(payouts.clone()), Weakness::DupIsPaid))
            .collect();
        world
    });
}

/// F-P03: what may have been broadcast never becomes payable again without a proof.
#[test]
fn simulation_notices_a_broadcast_payout_that_becomes_payable_again() {
    must_be_noticed("a broadcast payout becomes payable again", |mut world, _| {
        let payouts = world.payouts.clone();
        world.nodes = world
            .nodes
            .into_iter()
            .map(|node| weak(node, Some(payouts.clone()), Weakness::SilenceIsFailure))
            .collect();
        world
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weakness {
    HeadForSolid,
    DupIsPaid,
    SilenceIsFailure,
}

struct WeakNode {
    inner: Arc<dyn ChainNode>,
    payouts: Option<Arc<dyn Payouts>>,
    weakness: Weakness,
}

fn weak(
    inner: Arc<dyn ChainNode>,
    payouts: Option<Arc<dyn Payouts>>,
    weakness: Weakness,
) -> Arc<dyn ChainNode> {
    Arc::new(WeakNode { inner, payouts, weakness })
}

impl WeakNode {
    /// Writes what the rules would have refused.
    async fn forge(&self, transfer: &SignedTransfer, event: impl FnOnce(&Payout) -> Event) {
        let Some(payouts) = &self.payouts else { return };
        let Ok(found) = payouts.find_by_transfers(&[transfer.key()]).await else { return };
        let Some(before) = found.into_iter().find(|payout| payout.live_attempt().is_some()) else { return };
        let event = event(&before);
        let Ok(after) = apply(before.clone(), &event, before.updated_at_ms) else { return };
        let draft = journal_draft(Some(before.standing()), &after, &event, &Cause::nobody()).unwrap();
        let step = Step { version_before: before.version, before: before.standing(), after, event, draft };
        let _ = payouts.commit(&[step], Gate::Open).await;
    }
}

fn no_block(timestamp: i64) -> (BlockRef, i64) {
    (BlockRef { number: 1, id: BlockId::new([1; 32]) }, timestamp)
}

#[async_trait]
impl Disguise for WeakNode {
    fn node(&self) -> &dyn ChainNode {
        self.inner.as_ref()
    }

    fn view(&self, view: View) -> View {
        if self.weakness == Weakness::HeadForSolid { View::Head } else { view }
    }

    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        let answer = self.inner.broadcast(transfer).await;
        let (block, at_ms) = no_block(transfer.get().expires_at_ms());
        match (&answer, self.weakness) {
            (Ok(reply), Weakness::DupIsPaid) if reply.code == BroadcastCode::DupTransactionError => {
                self.forge(transfer.get(), |payout| Event::PayoutSettled {
                    proof: Box::new(Settlement {
                        txid: transfer.get().txid(),
                        block,
                        block_timestamp_ms: at_ms,
                        amount_micro_usdt: payout.order.amount.micro(),
                        confirmations: 19,
                        fee_sun: 0,
                        energy: 0,
                        sources: vec!["a reply to a broadcast".to_owned()],
                    }),
                })
                .await;
            }
            (Err(_), Weakness::SilenceIsFailure) => {
                self.forge(transfer.get(), |_| Event::TransferExpired {
                    proof: AbsenceProof {
                        txid: transfer.get().txid(),
                        from: block,
                        to: block,
                        to_timestamp_ms: at_ms,
                        sources: 1,
                    },
                })
                .await;
            }
            _ => {}
        }
        answer
    }
}

/// One slot of the town's chain, ms: with expirations read so much too early, the walk ends one block too early.
const ONE_SLOT_MS: i64 = 1_000;

/// Reads every expiration one slot too early, so that the block that may still hold the transfer is not searched.
struct ShortSighted(Arc<dyn Payouts>);

fn too_early(mut payout: Payout) -> Payout {
    for attempt in &mut payout.attempts {
        attempt.expires_at_ms -= ONE_SLOT_MS;
    }
    payout
}

#[async_trait]
impl Payouts for ShortSighted {
    async fn expired(
        &self,
        until_ms: i64,
        after: Option<(i64, PayoutId)>,
        limit: u32,
    ) -> Result<Vec<LiveTransfer>, StoreFault> {
        let after = after.map(|(expires_at_ms, id)| (expires_at_ms + ONE_SLOT_MS, id));
        let mut found = self.0.expired(until_ms + ONE_SLOT_MS, after, limit).await?;
        found.iter_mut().for_each(|live| live.expires_at_ms -= ONE_SLOT_MS);
        Ok(found)
    }

    async fn find_many(&self, ids: &[PayoutId]) -> Result<Vec<Payout>, StoreFault> {
        Ok(self.0.find_many(ids).await?.into_iter().map(too_early).collect())
    }

    async fn admit(
        &self,
        batch: Vec<NewPayout>,
        rules: &LimitRules,
        now_ms: i64,
        all_or_none: bool,
    ) -> Result<Vec<Admitted>, StoreFault> {
        self.0.admit(batch, rules, now_ms, all_or_none).await
    }

    async fn commit(&self, steps: &[Step], gate: Gate) -> Result<Vec<StepResult>, StoreFault> {
        self.0.commit(steps, gate).await
    }

    async fn find(&self, id: PayoutId) -> Result<Option<Payout>, StoreFault> {
        self.0.find(id).await
    }

    async fn find_by_key(
        &self,
        account: &AccountId,
        key: &IdempotencyKey,
    ) -> Result<Option<Payout>, StoreFault> {
        self.0.find_by_key(account, key).await
    }

    async fn find_by_transfers(&self, keys: &[TransferKey]) -> Result<Vec<Payout>, StoreFault> {
        self.0.find_by_transfers(keys).await
    }

    async fn settlement(&self, id: PayoutId) -> Result<Option<Settlement>, StoreFault> {
        self.0.settlement(id).await
    }

    async fn list(&self, filter: &PayoutFilter, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        self.0.list(filter, limit).await
    }

    async fn payable(
        &self,
        now_ms: i64,
        limit: u32,
        except: &[PayoutId],
    ) -> Result<Vec<(Payout, [u8; 32])>, StoreFault> {
        self.0.payable(now_ms, limit, except).await
    }

    async fn unincluded(
        &self,
        expires_after_ms: i64,
        after: Option<PayoutId>,
        limit: u32,
    ) -> Result<Vec<LiveTransfer>, StoreFault> {
        self.0.unincluded(expires_after_ms, after, limit).await
    }

    async fn seen_blocks(&self, number: u64) -> Result<Vec<BlockId>, StoreFault> {
        self.0.seen_blocks(number).await
    }

    async fn included_between(&self, first: u64, last: u64, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        self.0.included_between(first, last, limit).await
    }

    async fn held_for(
        &self,
        reasons: &[Reason],
        after: Option<Urgency>,
        limit: u32,
    ) -> Result<Vec<Payout>, StoreFault> {
        self.0.held_for(reasons, after, limit).await
    }

    async fn overdue(&self, now_ms: i64, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        self.0.overdue(now_ms, limit).await
    }

    async fn waiting_for_room(&self) -> Result<BTreeMap<Spender, MicroUsdt>, StoreFault> {
        self.0.waiting_for_room().await
    }

    async fn in_flight(&self) -> Result<InFlight, StoreFault> {
        self.0.in_flight().await
    }

    async fn limit_book(&self, now_ms: i64) -> Result<LimitBook, StoreFault> {
        self.0.limit_book(now_ms).await
    }

    async fn held_by_reason(&self) -> Result<BTreeMap<Reason, u64>, StoreFault> {
        self.0.held_by_reason().await
    }

    async fn counts(&self) -> Result<BTreeMap<Stage, StageCount>, StoreFault> {
        self.0.counts().await
    }

    async fn in_blocks(
        &self,
        first: u64,
        last: u64,
        after: Option<PayoutId>,
        limit: u32,
    ) -> Result<Vec<Payout>, StoreFault> {
        self.0.in_blocks(first, last, after, limit).await
    }
}
