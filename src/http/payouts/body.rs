//! The shape of a payout outside: fixed, added to, never renamed.
//!
//! Amounts are decimal strings, times RFC 3339 in UTC; the same words as in the store, the log and the metrics.

use std::collections::BTreeMap;

use payoutd_actors::domain::{
    money::{MicroUsdt, Sun},
    payout::{Attempt, AttemptOutcome, Payout, Reason, Reservation, Settlement, Stage},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    http::{office::Shown, openapi::words},
    wire::moment,
};

/// A payout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Payout)]
pub struct PayoutBody {
    /// Its id, a UUID. Later ids sort later.
    pub id: String,
    /// Whose money it is: the scope of its idempotency key.
    pub account: String,
    /// Who ordered it: `key:…` (an API key), `user:…` (a person) or `house` (the house's own token). Unknown of those from before this
    /// was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_by: Option<String>,
    /// The role that they had when they ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_as: Option<String>,
    /// Where it stands.
    #[schema(value_type = words::StageWord)]
    pub stage: Stage,
    /// Why it stands there, where a reason is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::ReasonWord>)]
    pub reason: Option<Reason>,
    /// The reason as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_detail: Option<String>,
    /// Who is paid: 34 characters starting with T.
    pub recipient: String,
    /// How much, in USDT, as a decimal string.
    #[schema(example = "25.5")]
    pub amount: String,
    /// Always `USDT`.
    pub currency: String,
    /// Always `TRON`.
    pub network: String,
    /// How money leaves the wallet.
    #[schema(value_type = words::RouteWord)]
    pub route: String,
    /// The sender's own word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What is written on chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
    /// The sender's own notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// 0 to 9; higher is signed first.
    pub priority: u8,
    /// Not signed before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub not_before: Option<String>,
    /// Cancelled if it is not signed by this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub not_after: Option<String>,
    /// What became of the money set aside for it.
    #[schema(value_type = words::ReservationWord)]
    pub reservation: Reservation,
    /// The transaction that paid it, or may still pay it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txid: Option<String>,
    /// The number of the block that holds that transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// The proof that it was paid, once it is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofBody>,
    /// Its transfers, oldest first. All but the last are proved dead.
    pub attempts: Vec<AttemptBody>,
    /// When it was taken in.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When something last happened to it.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// When it was proved paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub settled_at: Option<String>,
}

/// One signed transfer of a payout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptBody {
    /// 1 for the first.
    pub number: u32,
    /// The transaction's id.
    pub txid: String,
    /// When it was signed.
    #[schema(format = DateTime)]
    pub signed_at: String,
    /// After a block of this time it can not be included any more.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// What became of it.
    #[schema(value_type = words::OutcomeWord)]
    pub outcome: AttemptOutcome,
    /// The most that it may burn, in TRX.
    pub fee_limit_trx: String,
    /// The number of the block that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// That block's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_id: Option<String>,
}

/// The proof that a payout was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Proof)]
pub struct ProofBody {
    /// The transaction that paid.
    pub txid: String,
    /// The number of the solidified block that holds it.
    pub block: u64,
    /// That block's id.
    pub block_id: String,
    /// That block's time.
    #[schema(format = DateTime)]
    pub block_time: String,
    /// What the token's log says arrived, in USDT.
    pub amount: String,
    /// Blocks on top when it was judged, the block itself counted: 19 at least.
    pub confirmations: u64,
    /// TRX burned for it.
    pub fee_trx: String,
    /// Energy that it used.
    pub energy: u64,
    /// Who agreed, by name.
    pub sources: Vec<String>,
}

impl From<&Payout> for PayoutBody {
    fn from(payout: &Payout) -> Self {
        let order = &payout.order;
        let telling = telling_attempt(payout);
        Self {
            id: payout.id.to_string(),
            account: payout.account.to_string(),
            ordered_by: payout.ordered_by.as_ref().map(|by| by.principal.clone()),
            ordered_as: payout.ordered_by.as_ref().map(|by| by.role.word().to_owned()),
            stage: payout.stage,
            reason: payout.reason,
            reason_detail: payout.reason.map(|reason| reason.says().to_owned()),
            recipient: order.recipient.to_string(),
            amount: order.amount.to_string(),
            currency: "USDT".to_owned(),
            network: "TRON".to_owned(),
            route: order.route.word().to_owned(),
            reference: order.reference.clone(),
            memo: order.memo.clone(),
            metadata: order.metadata.clone(),
            priority: order.priority,
            not_before: order.not_before_ms.map(moment::write),
            not_after: order.not_after_ms.map(moment::write),
            reservation: payout.reservation,
            txid: telling.map(|attempt| attempt.txid.to_string()),
            block: telling.and_then(|attempt| attempt.block).map(|block| block.number),
            proof: None,
            attempts: payout.attempts.iter().map(AttemptBody::from).collect(),
            created_at: moment::write(payout.created_at_ms),
            updated_at: moment::write(payout.updated_at_ms),
            settled_at: payout.settled_at_ms.map(moment::write),
        }
    }
}

impl From<&Shown> for PayoutBody {
    fn from(shown: &Shown) -> Self {
        Self { proof: shown.proof.as_ref().map(ProofBody::from), ..Self::from(&shown.payout) }
    }
}

/// The transfer that a payout's own `txid` names: the last, unless it is proved dead.
fn telling_attempt(payout: &Payout) -> Option<&Attempt> {
    payout.attempts.last().filter(|attempt| attempt.outcome != AttemptOutcome::Expired)
}

impl From<&Attempt> for AttemptBody {
    fn from(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            txid: attempt.txid.to_string(),
            signed_at: moment::write(attempt.signed_at_ms),
            expires_at: moment::write(attempt.expires_at_ms),
            outcome: attempt.outcome,
            fee_limit_trx: Sun::new(attempt.fee_limit_sun).to_string(),
            block: attempt.block.map(|block| block.number),
            block_id: attempt.block.map(|block| block.id.to_string()),
        }
    }
}

impl From<&Settlement> for ProofBody {
    fn from(proof: &Settlement) -> Self {
        Self {
            txid: proof.txid.to_string(),
            block: proof.block.number,
            block_id: proof.block.id.to_string(),
            block_time: moment::write(proof.block_timestamp_ms),
            amount: MicroUsdt::new(proof.amount_micro_usdt).to_string(),
            confirmations: proof.confirmations,
            fee_trx: Sun::new(proof.fee_sun).to_string(),
            energy: proof.energy,
            sources: proof.sources.clone(),
        }
    }
}

/// An order, as it is described to senders. It is read by `wire::payout_order`, which names every mistake.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PayoutOrder)]
#[serde(deny_unknown_fields)]
pub struct OrderBody {
    /// Who is paid: 34 characters starting with T.
    #[schema(min_length = 34, max_length = 34)]
    pub recipient: String,
    /// How much: a canonical decimal string of USDT, at most 6 places, no sign, no leading zeros, at most 1000000.
    #[schema(pattern = r"^(0|[1-9][0-9]{0,6})(\.[0-9]{1,6})?$", example = "25.5")]
    pub amount: String,
    /// `USDT`, or left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::CurrencyWord>)]
    pub currency: Option<String>,
    /// `TRON`, or left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::NetworkWord>)]
    pub network: Option<String>,
    /// Your own word for it, e.g. an invoice's number; the list can be filtered by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub reference: Option<String>,
    /// Written on chain, for all to read: the transaction's data, or a router's `reason`. TRON charges for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub memo: Option<String>,
    /// How money leaves the wallet; `transfer` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::RouteWord>)]
    pub route: Option<String>,
    /// The compliance officer's clearance; with the route `router_kyc` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kyc: Option<ClearanceBody>,
    /// Not signed before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub not_before: Option<String>,
    /// Cancelled, reason `deadline`, if it is not signed by this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub not_after: Option<String>,
    /// 0 to 9; higher is signed first; 0 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 9)]
    pub priority: Option<u8>,
    /// Your own notes, given back as they came: at most 20 texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
}

/// The compliance officer's clearance of a recipient.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Clearance)]
#[serde(deny_unknown_fields)]
pub struct ClearanceBody {
    /// Hash of the papers, 64 hex digits, with or without 0x.
    pub hash: String,
    /// Unix seconds after which the router refuses.
    pub expiry: u64,
    /// 27 or 28.
    #[schema(minimum = 27, maximum = 28)]
    pub v: u8,
    /// 64 hex digits, with or without 0x.
    pub r: String,
    /// 64 hex digits, with or without 0x.
    pub s: String,
}

/// Several orders, taken whole or refused whole.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PayoutBatch)]
#[serde(deny_unknown_fields)]
pub struct BatchBody {
    /// 1 to 500 orders.
    #[schema(min_items = 1, max_items = 500)]
    pub payouts: Vec<OrderBody>,
}

/// The payouts of a batch, in its order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PayoutBatchTaken)]
pub struct BatchTakenBody {
    /// One for each order.
    pub payouts: Vec<PayoutBody>,
}
