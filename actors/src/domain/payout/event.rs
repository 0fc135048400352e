//! What happened: events in the past tense, and the values that they carry.

use super::stage::Reason;
use crate::domain::address::Address;
use crate::domain::money::MicroUsdt;
use crate::domain::order::Route;
use crate::domain::tron::{BlockId, RefBlock, TransferKey, TxId};
use serde::{Deserialize, Serialize};

/// One block, by number and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockRef {
    /// The block's number.
    pub number: u64,
    /// The block's id.
    pub id: BlockId,
}

/// What became of one signed transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// It may still be, or become, part of the chain.
    Pending,
    /// Proved paid.
    Settled,
    /// Executed and reverted, on the solidified chain.
    Failed,
    /// Proved absent, and too old ever to be included.
    Expired,
    /// Executed, but not what was ordered.
    Mismatched,
}

impl AttemptOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Settled, Self::Failed, Self::Expired, Self::Mismatched];

    /// The word in SQL and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Settled => "settled",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Mismatched => "mismatched",
        }
    }

    /// The outcome of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.word() == word)
    }
}

/// One signed transfer of a payout. It is judged by what stands here, never by today's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// The transaction's id: sha256 of `raw_data`.
    pub txid: TxId,
    /// Exactly the bytes that were signed.
    pub raw_data: Vec<u8>,
    /// The 65 bytes of the signature, r || s || v.
    pub signature: Vec<u8>,
    /// The paying wallet.
    pub owner: Address,
    /// The token contract whose log proves the payment.
    pub token: Address,
    /// The contract that is called: the token on [`Route::Transfer`], else the router.
    pub contract: Address,
    /// The route it was built for.
    pub route: Route,
    /// The solidified block that it refers to (TAPOS).
    pub ref_block: RefBlock,
    /// After a block of this time (unix ms) it can not be included any more.
    pub expires_at_ms: i64,
    /// The most it may burn, in sun.
    pub fee_limit_sun: u64,
    /// When it was signed, unix ms.
    pub signed_at_ms: i64,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// The block in which it was seen.
    pub block: Option<BlockRef>,
}

impl Attempt {
    /// What a store looks it up by.
    #[must_use]
    pub const fn key(&self) -> TransferKey {
        TransferKey { expires_at_ms: self.expires_at_ms, txid: self.txid }
    }
}

/// Why an attempt is dead: no block from its reference block up to the first solidified one past its expiration has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbsenceProof {
    /// The attempt that is proved dead.
    pub txid: TxId,
    /// The block that it referred to, where the walk begins (exclusive).
    pub from: BlockRef,
    /// The solidified block with a time at or past the expiration, where the walk ends (inclusive).
    pub to: BlockRef,
    /// That block's time, unix ms.
    pub to_timestamp_ms: i64,
    /// How many sources showed the same blocks.
    pub sources: u32,
}

/// The proof that a payout was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The transfer that paid.
    pub txid: TxId,
    /// The solidified block that holds it.
    pub block: BlockRef,
    /// That block's time, unix ms.
    pub block_timestamp_ms: i64,
    /// What the Transfer log says arrived, micro-USDT.
    pub amount_micro_usdt: u64,
    /// Blocks on top, the block itself counted, when it was judged.
    pub confirmations: u64,
    /// TRX burned for it, in sun.
    pub fee_sun: u64,
    /// Energy that it used.
    pub energy: u64,
    /// Who agreed, by name: the node and the second opinion.
    pub sources: Vec<String>,
}

/// What happened to a payout. Stored in the journal under [`EventName`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Taken in, its money reserved.
    PayoutAdmitted,
    /// Put aside until a person or time releases it.
    PayoutHeld {
        /// Why.
        reason: Reason,
    },
    /// Back among the payable; where it had no reservation it has one now.
    HoldReleased {
        /// Who or what released it.
        by: String,
    },
    /// A person refused it.
    PayoutRejected {
        /// Why.
        reason: Reason,
        /// Their words.
        note: String,
    },
    /// Called off before anything was signed.
    PayoutCancelled {
        /// Why.
        reason: Reason,
    },
    /// A transfer was signed and put on file, in this very transaction.
    TransferSigned {
        /// The transfer.
        attempt: Box<Attempt>,
    },
    /// A transfer that an older copy of this store had made was found on the chain and taken over.
    TransferAdopted {
        /// The transfer.
        attempt: Box<Attempt>,
    },
    /// At least one node may have taken the bytes.
    TransferBroadcast {
        /// Nodes that took it, or may have.
        nodes: u32,
    },
    /// Seen in a block.
    TransferIncluded {
        /// Which.
        block: BlockRef,
    },
    /// The block that held it is no longer part of the chain.
    InclusionLost {
        /// Which.
        block: BlockRef,
    },
    /// Neither payment nor absence can be proved.
    FateUnknown {
        /// Why.
        reason: Reason,
    },
    /// Proved dead: the one road on which a second transfer may be signed.
    TransferExpired {
        /// The proof.
        proof: AbsenceProof,
    },
    /// Proved paid.
    PayoutSettled {
        /// The proof.
        proof: Box<Settlement>,
    },
    /// Executed and reverted on the solidified chain.
    TransferFailed {
        /// Why.
        reason: Reason,
        /// Where.
        block: BlockRef,
        /// TRX burned, in sun.
        fee_sun: u64,
    },
    /// Executed on the solidified chain, but not what was ordered.
    TransferMismatched {
        /// How it differs.
        reason: Reason,
        /// Where.
        block: BlockRef,
        /// What the recipient got, where that is known.
        paid: Option<MicroUsdt>,
    },
    /// A person looked at a mismatch and decided.
    MismatchResolved {
        /// `true`: it counts as paid; `false`: it counts as failed.
        paid: bool,
        /// Their words.
        note: String,
    },
}

/// An event's name, as the journal, the metrics and the logs have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each name is documented at the event of the same name")]
pub enum EventName {
    PayoutAdmitted,
    PayoutHeld,
    HoldReleased,
    PayoutRejected,
    PayoutCancelled,
    TransferSigned,
    TransferAdopted,
    TransferBroadcast,
    TransferIncluded,
    InclusionLost,
    FateUnknown,
    TransferExpired,
    PayoutSettled,
    TransferFailed,
    TransferMismatched,
    MismatchResolved,
}

impl EventName {
    /// Every event.
    pub const ALL: [Self; 16] = [
        Self::PayoutAdmitted,
        Self::PayoutHeld,
        Self::HoldReleased,
        Self::PayoutRejected,
        Self::PayoutCancelled,
        Self::TransferSigned,
        Self::TransferAdopted,
        Self::TransferBroadcast,
        Self::TransferIncluded,
        Self::InclusionLost,
        Self::FateUnknown,
        Self::TransferExpired,
        Self::PayoutSettled,
        Self::TransferFailed,
        Self::TransferMismatched,
        Self::MismatchResolved,
    ];

    /// The event's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::PayoutAdmitted => "payout_admitted",
            Self::PayoutHeld => "payout_held",
            Self::HoldReleased => "hold_released",
            Self::PayoutRejected => "payout_rejected",
            Self::PayoutCancelled => "payout_cancelled",
            Self::TransferSigned => "transfer_signed",
            Self::TransferAdopted => "transfer_adopted",
            Self::TransferBroadcast => "transfer_broadcast",
            Self::TransferIncluded => "transfer_included",
            Self::InclusionLost => "inclusion_lost",
            Self::FateUnknown => "fate_unknown",
            Self::TransferExpired => "transfer_expired",
            Self::PayoutSettled => "payout_settled",
            Self::TransferFailed => "transfer_failed",
            Self::TransferMismatched => "transfer_mismatched",
            Self::MismatchResolved => "mismatch_resolved",
        }
    }
}

impl Event {
    /// The event's name.
    #[must_use]
    pub fn name(&self) -> EventName {
        match self {
            Self::PayoutAdmitted => EventName::PayoutAdmitted,
            Self::PayoutHeld { .. } => EventName::PayoutHeld,
            Self::HoldReleased { .. } => EventName::HoldReleased,
            Self::PayoutRejected { .. } => EventName::PayoutRejected,
            Self::PayoutCancelled { .. } => EventName::PayoutCancelled,
            Self::TransferSigned { .. } => EventName::TransferSigned,
            Self::TransferAdopted { .. } => EventName::TransferAdopted,
            Self::TransferBroadcast { .. } => EventName::TransferBroadcast,
            Self::TransferIncluded { .. } => EventName::TransferIncluded,
            Self::InclusionLost { .. } => EventName::InclusionLost,
            Self::FateUnknown { .. } => EventName::FateUnknown,
            Self::TransferExpired { .. } => EventName::TransferExpired,
            Self::PayoutSettled { .. } => EventName::PayoutSettled,
            Self::TransferFailed { .. } => EventName::TransferFailed,
            Self::TransferMismatched { .. } => EventName::TransferMismatched,
            Self::MismatchResolved { .. } => EventName::MismatchResolved,
        }
    }
}
