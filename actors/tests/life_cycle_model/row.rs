//! A payout as the model keeps it: everything of a [`Payout`] that the rules look at, small enough to be counted.

use crate::chain::{raw_data, txid};
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::order::{Order, Route};
use payoutd_actors::domain::payout::{
    Attempt, AttemptOutcome, BlockRef, Event, Payout, Reason, Reservation, Stage, apply,
};
use payoutd_actors::domain::tron::RefBlock;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// One micro-USDT: the model counts payments, not money.
pub(crate) const AMOUNT: MicroUsdt = MicroUsdt::new(1);

/// One signed transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Transfer {
    /// The how-manieth that was ever signed; it makes the bytes.
    pub(crate) nonce: u8,
    pub(crate) ref_block: BlockRef,
    pub(crate) expires: u8,
    pub(crate) outcome: AttemptOutcome,
    pub(crate) block: Option<BlockRef>,
}

/// A payout's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) stage: Stage,
    pub(crate) reason: Option<Reason>,
    pub(crate) reservation: Reservation,
    pub(crate) transfers: Vec<Transfer>,
    /// Only "the present one" (1) and "an older one" (0) can be told apart; see [`Row::grow_old`].
    pub(crate) version: u32,
}

impl Hash for Row {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.stage.hash(hasher);
        self.reason.map(Reason::word).hash(hasher);
        self.reservation.word().hash(hasher);
        self.transfers.hash(hasher);
        self.version.hash(hasher);
    }
}

/// The version of what is on disk, and of every copy that is as new.
pub(crate) const PRESENT: u32 = 1;
/// The version of every copy that somebody has overtaken: it can never be the present one again.
pub(crate) const OVERTAKEN: u32 = 0;

impl Row {
    /// A payout that came in by this event.
    pub(crate) fn born(event: &Event) -> Self {
        let cradle = Self {
            stage: Stage::Admitted,
            reason: None,
            reservation: Reservation::None,
            transfers: Vec::new(),
            version: 0,
        };
        let born = apply(cradle.payout(), event, 0).unwrap();
        Self { version: PRESENT, ..Self::of(&born) }
    }

    /// The real thing, for the real rules.
    pub(crate) fn payout(&self) -> Payout {
        let order = Order {
            recipient: Address::from_evm([7; 20]),
            amount: AMOUNT,
            route: Route::Transfer,
            reference: None,
            memo: None,
            kyc: None,
            not_before_ms: None,
            not_after_ms: None,
            priority: 0,
            metadata: BTreeMap::new(),
        };
        Payout {
            id: PayoutId::new(0, [0; 10]),
            account: AccountId::house(),
            ordered_by: None,
            idempotency_key: IdempotencyKey::restored("k".to_owned()),
            request_digest: [0; 32],
            order,
            order_digest: [0; 32],
            stage: self.stage,
            reason: self.reason,
            reservation: self.reservation,
            attempts: self
                .transfers
                .iter()
                .zip(1..)
                .map(|(transfer, number)| transfer.attempt(number))
                .collect(),
            version: self.version,
            created_at_ms: 0,
            updated_at_ms: 0,
            settled_at_ms: None,
        }
    }

    /// What the model keeps of a payout.
    pub(crate) fn of(payout: &Payout) -> Self {
        let transfer = |attempt: &Attempt| Transfer {
            nonce: attempt.raw_data[1],
            ref_block: BlockRef { number: attempt.ref_block.number, id: attempt.ref_block.id },
            expires: u8::try_from(attempt.expires_at_ms).unwrap(),
            outcome: attempt.outcome,
            block: attempt.block,
        };
        Self {
            stage: payout.stage,
            reason: payout.reason,
            reservation: payout.reservation,
            transfers: payout.attempts.iter().map(transfer).collect(),
            version: payout.version,
        }
    }

    /// The transfer that is not proved dead.
    pub(crate) fn live(&self) -> Option<&Transfer> {
        self.transfers.last().filter(|transfer| transfer.outcome == AttemptOutcome::Pending)
    }

    /// Somebody else has written: this copy is not what is on disk.
    pub(crate) fn grow_old(&mut self) {
        self.version = OVERTAKEN;
    }

    /// All that an overtaken copy is good for behind the version's guard: the bytes that its holder may still send.
    pub(crate) fn lean(&self) -> Option<Self> {
        let bytes = Transfer { block: None, ..*self.live()? };
        Some(Self {
            stage: Stage::Broadcast,
            reason: None,
            reservation: Reservation::Reserved,
            transfers: vec![bytes],
            version: OVERTAKEN,
        })
    }
}

impl Transfer {
    /// The real thing, for the real rules.
    pub(crate) fn attempt(&self, number: u32) -> Attempt {
        Attempt {
            number,
            txid: txid(self.nonce),
            raw_data: raw_data(self.nonce),
            signature: Vec::new(),
            owner: Address::from_evm([1; 20]),
            token: Address::from_evm([2; 20]),
            contract: Address::from_evm([2; 20]),
            route: Route::Transfer,
            ref_block: RefBlock { number: self.ref_block.number, id: self.ref_block.id },
            expires_at_ms: i64::from(self.expires),
            fee_limit_sun: 0,
            signed_at_ms: 0,
            outcome: self.outcome,
            block: self.block,
        }
    }
}
