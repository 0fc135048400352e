//! The order: what a sender asks for, read strictly, and what every order must satisfy whichever door it came by.
//!
//! Promises that an [`Order`] is payable in form: a real recipient, a positive amount under the cap, a route with all
//! it needs. Never here: limits over time (see `limits`), who may ask (the door's), anything that waits.

use super::address::Address;
use super::money::MicroUsdt;
use super::tron::KycClearance;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;

/// Characters that a memo may have at most (F001-26).
pub const MEMO_CHARS_MAX: usize = 500;
/// Characters that a reference may have at most.
pub const REFERENCE_CHARS_MAX: usize = 128;
/// Entries that metadata may have at most.
pub const METADATA_ENTRIES_MAX: usize = 20;
/// Characters that a metadata name may have at most.
pub const METADATA_NAME_CHARS_MAX: usize = 64;
/// Characters that a metadata value may have at most.
pub const METADATA_VALUE_CHARS_MAX: usize = 500;
/// The most urgent priority; 0 is the least and the default.
pub const PRIORITY_MAX: u8 = 9;
/// No payout is larger than this, whatever the configuration says (F001-26): 1 000 000 USDT.
pub const AMOUNT_CAP: MicroUsdt = MicroUsdt::new(1_000_000_000_000);

/// How money leaves the wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// TRC-20 `transfer` from the wallet.
    Transfer,
    /// `disburse` on PayoutRouterV0, by the wallet's allowance.
    RouterV0,
    /// `disburseKYC` on PayoutRouterKYC, by the wallet's allowance, with the compliance officer's signature.
    RouterKyc,
}

impl Route {
    /// Every route, for schemas and help texts.
    pub const ALL: [Self; 3] = [Self::Transfer, Self::RouterV0, Self::RouterKyc];

    /// The word in SQL, JSON and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::RouterV0 => "router_v0",
            Self::RouterKyc => "router_kyc",
        }
    }

    /// The route of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.word() == word)
    }
}

/// An order that may be paid: what the sender asked for, checked in form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Who is paid.
    pub recipient: Address,
    /// How much, in micro-USDT; positive.
    pub amount: MicroUsdt,
    /// How.
    pub route: Route,
    /// The sender's own word for it, e.g. an invoice number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Written on chain: the transaction's data on a plain transfer (TRON charges a memo fee), `reason` on a router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
    /// The compliance officer's clearance; present exactly on [`Route::RouterKyc`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kyc: Option<KycClearance>,
    /// Not signed before this moment, unix ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<i64>,
    /// Cancelled, reason `deadline`, if not signed by this moment, unix ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after_ms: Option<i64>,
    /// 0 to 9; higher is signed first.
    #[serde(default)]
    pub priority: u8,
    /// The sender's own notes, given back as they came.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// One thing wrong with an order: where (RFC 6901 pointer) and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderProblem {
    /// A JSON pointer into the order.
    pub pointer: String,
    /// What was wrong and what would be right.
    pub detail: String,
}

impl OrderProblem {
    /// A problem at a pointer.
    #[must_use]
    pub fn at(pointer: &str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.to_owned(), detail: detail.into() }
    }
}

/// What this house pays, and whom it never pays: asked when an order comes in, and once more before it is signed (F002-04).
#[derive(Debug, Clone)]
pub struct HousePolicy {
    /// Our own wallet, which must not pay itself.
    pub wallet: Address,
    /// The token contract.
    pub token: Address,
    /// The router of [`Route::RouterV0`], where one is configured.
    pub router_v0: Option<Address>,
    /// The router of [`Route::RouterKyc`], where one is configured.
    pub router_kyc: Option<Address>,
    /// Whose signature clears a KYC payout.
    pub kyc_officer: Option<Address>,
    /// The largest single payout.
    pub per_payout: MicroUsdt,
}

impl HousePolicy {
    /// The contract that a route calls, or `None` where that route is not configured.
    #[must_use]
    pub fn contract_of(&self, route: Route) -> Option<Address> {
        match route {
            Route::Transfer => Some(self.token),
            Route::RouterV0 => self.router_v0,
            Route::RouterKyc => self.router_kyc,
        }
    }

    /// Everything in an order that this house refuses; empty means that it may be paid.
    /// `now_ms` is the later of stored and present time.
    #[must_use]
    pub fn refusals(&self, order: &Order, now_ms: i64) -> Vec<OrderProblem> {
        let mut problems = Vec::new();
        problems.extend(self.recipient_refusal(&order.recipient));
        problems.extend(self.amount_refusal(order.amount));
        problems.extend(self.route_refusal(order, now_ms));
        problems.extend(text_problems(order));
        problems.extend(window_problem(order, now_ms));
        problems
    }

    /// Whether an order is none for any house, at any time and under any configuration: nobody ever took it in.
    #[must_use]
    pub fn is_never_payable(order: &Order) -> bool {
        let nobody = [Address::ZERO, Address::BLACKHOLE].contains(&order.recipient);
        nobody || order.amount.micro() == 0 || !text_problems(order).is_empty()
    }

    /// Whom this house never pays (TRON has no way back from any of them).
    #[must_use]
    pub fn recipient_refusal(&self, recipient: &Address) -> Option<OrderProblem> {
        let why = if *recipient == self.wallet {
            "the recipient is the paying wallet itself"
        } else if *recipient == self.token {
            "the recipient is the token contract: USDT sent there is lost"
        } else if Some(*recipient) == self.router_v0 || Some(*recipient) == self.router_kyc {
            "the recipient is a payout router: USDT sent there is lost"
        } else if *recipient == Address::ZERO {
            "the recipient is the zero address, which the token refuses"
        } else if *recipient == Address::BLACKHOLE {
            "the recipient is TRON's Blackhole, where everything is lost"
        } else {
            return None;
        };
        Some(OrderProblem::at("/recipient", format!("{why}; give the payee's own address")))
    }

    fn amount_refusal(&self, amount: MicroUsdt) -> Option<OrderProblem> {
        let cap = self.per_payout.min(AMOUNT_CAP);
        if amount.micro() == 0 {
            return Some(OrderProblem::at(
                "/amount",
                "the amount is 0: the least that can be paid is 0.000001",
            ));
        }
        (amount > cap).then(|| {
            OrderProblem::at("/amount", format!("{amount} USDT is above the largest payout of {cap} USDT"))
        })
    }

    fn route_refusal(&self, order: &Order, now_ms: i64) -> Option<OrderProblem> {
        let Some(_) = self.contract_of(order.route) else {
            let word = order.route.word();
            return Some(OrderProblem::at("/route", format!("the route {word} is not configured here")));
        };
        match (order.route, &order.kyc) {
            (Route::Transfer | Route::RouterV0, None) => None,
            (Route::Transfer | Route::RouterV0, Some(_)) => {
                Some(OrderProblem::at("/kyc", "a clearance is given only with the route router_kyc"))
            }
            (Route::RouterKyc, None) => {
                Some(OrderProblem::at("/kyc", "the route router_kyc needs kyc: hash, expiry, v, r and s"))
            }
            (Route::RouterKyc, Some(kyc)) => self.clearance_refusal(order, kyc, now_ms),
        }
    }

    fn clearance_refusal(&self, order: &Order, kyc: &KycClearance, now_ms: i64) -> Option<OrderProblem> {
        let Some(officer) = self.kyc_officer else {
            return Some(OrderProblem::at("/route", "no compliance officer is configured here"));
        };
        if let Err(why) = kyc.verify(officer, order.recipient) {
            return Some(OrderProblem::at(
                "/kyc",
                format!("{why}; ask the compliance officer for a clearance of this recipient"),
            ));
        }
        kyc.is_over_at(now_ms)
            .then(|| OrderProblem::at("/kyc/expiry", "the clearance has run out: ask for a new one"))
    }
}

fn text_problems(order: &Order) -> Vec<OrderProblem> {
    let mut problems = Vec::new();
    if let Some(memo) = &order.memo {
        problems.extend(plain_text("/memo", memo, MEMO_CHARS_MAX));
    }
    if let Some(reference) = &order.reference {
        problems.extend(plain_text("/reference", reference, REFERENCE_CHARS_MAX));
    }
    if order.metadata.len() > METADATA_ENTRIES_MAX {
        let count = order.metadata.len();
        let detail = format!("metadata has {count} entries: at most {METADATA_ENTRIES_MAX} are kept");
        problems.push(OrderProblem::at("/metadata", detail));
    }
    for (name, value) in &order.metadata {
        problems.extend(plain_text("/metadata", name, METADATA_NAME_CHARS_MAX));
        problems.extend(plain_text("/metadata", value, METADATA_VALUE_CHARS_MAX));
    }
    if order.priority > PRIORITY_MAX {
        let detail = format!("priority {} is above the most urgent, {PRIORITY_MAX}", order.priority);
        problems.push(OrderProblem::at("/priority", detail));
    }
    problems
}

/// F001-27: texts are kept verbatim, so they must already be in NFC and free of control characters.
fn plain_text(pointer: &str, text: &str, chars_max: usize) -> Option<OrderProblem> {
    let count = text.chars().count();
    if count > chars_max {
        return Some(OrderProblem::at(
            pointer,
            format!("{count} characters are too many: at most {chars_max}"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Some(OrderProblem::at(pointer, "control characters are not kept: leave them out"));
    }
    if !unicode_normalization::is_nfc(text) {
        let nfc: String = text.nfc().take(40).collect();
        return Some(OrderProblem::at(
            pointer,
            format!("the text is not in Unicode NFC form; it would begin `{nfc}`"),
        ));
    }
    None
}

fn window_problem(order: &Order, now_ms: i64) -> Option<OrderProblem> {
    let until = order.not_after_ms?;
    if until <= now_ms {
        return Some(OrderProblem::at(
            "/not_after",
            "not_after has already passed: give a later moment or leave it out",
        ));
    }
    match order.not_before_ms {
        Some(from) if from >= until => {
            Some(OrderProblem::at("/not_after", "not_after must be later than not_before"))
        }
        Some(_) | None => None,
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
