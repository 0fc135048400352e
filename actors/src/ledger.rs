//! The ledger: the store of payouts with the rules in front of it.
//!
//! Promises that nothing is written which [`decide`] refuses, that every step goes with its journal record, and that it
//! alone makes [`OnFile`]: the proof, carried by a type, that bytes are durably filed before they may leave.
//! Never here: chain, clock, policy.

use crate::domain::identity::PayoutId;
use crate::domain::invariants;
use crate::domain::journal::Cause;
use crate::domain::payout::{Attempt, Command, Event, Payout, Refusal, apply, decide, journal_draft};
use crate::domain::tron::{Signature, SignedTransfer};
use crate::metrics_names;
use crate::ports::{Gate, Payouts, Step, StepResult, StoreFault};
use std::sync::Arc;

/// Something that is durably on file. Only the ledger makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnFile<T>(T);

impl<T> OnFile<T> {
    /// What is on file.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// A filed transfer and whose it is.
#[derive(Debug, Clone)]
pub struct Filed {
    /// The payout, as it is on file.
    pub payout: Payout,
    /// Its live transfer.
    pub transfer: OnFile<SignedTransfer>,
}

/// What became of one command of a batch.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Done: the payout as it is now, and what happened.
    Done(Box<Payout>, Event),
    /// Refused by the rules; nothing was written.
    Refused(Refusal),
    /// Somebody else moved the payout first, or the gate was shut; look again.
    Lost,
}

impl Outcome {
    /// The payout, where it was done.
    #[must_use]
    pub fn done(self) -> Option<Payout> {
        match self {
            Self::Done(payout, _) => Some(*payout),
            Self::Refused(_) | Self::Lost => None,
        }
    }
}

/// The store of payouts with the rules in front of it.
#[derive(Clone)]
pub struct Ledger {
    payouts: Arc<dyn Payouts>,
}

impl Ledger {
    /// A ledger upon a store.
    #[must_use]
    pub fn new(payouts: Arc<dyn Payouts>) -> Self {
        Self { payouts }
    }

    /// The store, for reading.
    #[must_use]
    pub fn payouts(&self) -> &dyn Payouts {
        self.payouts.as_ref()
    }

    /// Carries out a batch of commands of the house's own in one transaction; each by itself, in order.
    pub async fn carry_out(
        &self,
        batch: Vec<(Payout, Command)>,
        gate: Gate,
        now_ms: i64,
    ) -> Result<Vec<Outcome>, StoreFault> {
        self.carry_out_for(&Cause::nobody(), batch, gate, now_ms).await
    }

    /// Carries out a batch of commands that somebody wants.
    pub async fn carry_out_for(
        &self,
        cause: &Cause,
        batch: Vec<(Payout, Command)>,
        gate: Gate,
        now_ms: i64,
    ) -> Result<Vec<Outcome>, StoreFault> {
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(batch.len());
        let mut steps = Vec::with_capacity(batch.len());
        for (payout, command) in batch {
            match step(payout, command, cause, now_ms)? {
                Ok(step) => {
                    steps.push(step);
                    outcomes.push(None);
                }
                Err(refusal) => outcomes.push(Some(Outcome::Refused(refusal))),
            }
        }
        if steps.is_empty() {
            return Ok(outcomes.into_iter().flatten().collect());
        }
        let written = self.payouts.commit(&steps, gate).await?;
        let mut written = steps.into_iter().zip(written);
        Ok(outcomes.into_iter().map(|early| early.unwrap_or_else(|| outcome_of(written.next()))).collect())
    }

    /// Files signed transfers: from here on, and not before, their bytes may leave. A house that is paused files none, and none
    /// is filed that would commit more than the wallet was seen to have ([`Gate::Covered`]).
    pub async fn file(
        &self,
        signed: Vec<(Payout, Attempt, SignedTransfer)>,
        committed_max_micro_usdt: u64,
        now_ms: i64,
    ) -> Result<Vec<Option<Filed>>, StoreFault> {
        let (mut batch, mut transfers) = (Vec::with_capacity(signed.len()), Vec::with_capacity(signed.len()));
        for (payout, attempt, transfer) in signed {
            batch.push((payout, Command::Sign(Box::new(attempt))));
            transfers.push(transfer);
        }
        let outcomes = self.carry_out(batch, Gate::Covered { committed_max_micro_usdt }, now_ms).await?;
        let filed = |(outcome, transfer): (Outcome, SignedTransfer)| {
            let payout = outcome.done()?;
            let same = payout
                .live_attempt()
                .is_some_and(|a| a.txid == transfer.txid() && a.raw_data == transfer.raw_data());
            same.then_some(Filed { payout, transfer: OnFile(transfer) })
        };
        Ok(outcomes.into_iter().zip(transfers).map(filed).collect())
    }

    /// The filed live transfers of some payouts, read from the store; payouts without one are left out.
    pub async fn on_file(&self, ids: &[PayoutId]) -> Result<Vec<Filed>, StoreFault> {
        Ok(self.payouts.find_many(ids).await?.into_iter().filter_map(restored).collect())
    }
}

fn step(
    payout: Payout,
    command: Command,
    cause: &Cause,
    now_ms: i64,
) -> Result<Result<Step, Refusal>, StoreFault> {
    let event = match decide(&payout, command, now_ms) {
        Ok(event) => event,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (version_before, before) = (payout.version, payout.standing());
    let after = match apply(payout, &event, now_ms) {
        Ok(after) => after,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    if let Some(broken) = invariants::broken_by(&after) {
        return Err(StoreFault::Corrupt(format!("payout {}: {broken}", after.id)));
    }
    let draft = journal_draft(Some(before), &after, &event, cause).map_err(|why| {
        StoreFault::Corrupt(format!("payout {}: its record can not be written: {why}", after.id))
    })?;
    Ok(Ok(Step { version_before, before, after, event, draft }))
}

fn outcome_of(written: Option<(Step, StepResult)>) -> Outcome {
    match written {
        Some((step, StepResult::Taken)) => {
            metrics::counter!(metrics_names::PAYOUT_EVENTS_TOTAL, "event" => step.event.name().word())
                .increment(1);
            Outcome::Done(Box::new(step.after), step.event)
        }
        Some((_, StepResult::Lost)) | None => Outcome::Lost,
    }
}

/// Private on purpose: called only with payouts that were just read from the store. Bytes that are not what they were when
/// they were filed (another id, another signer) are nobody's transfer.
fn restored(payout: Payout) -> Option<Filed> {
    let attempt = payout.live_attempt()?;
    let signature = Signature::from_slice(&attempt.signature).ok()?;
    let transfer = SignedTransfer::restore(attempt.raw_data.clone(), signature).ok()?;
    (transfer.txid() == attempt.txid).then_some(Filed { payout, transfer: OnFile(transfer) })
}
