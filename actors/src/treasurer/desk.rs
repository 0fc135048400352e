//! The treasurer's desk: the newest look, what is remembered, and how an answer is found.

use super::preflight::Preflights;
use super::wallet::{self, Terms, WalletLook};
use super::{Cover, Covers, TreasurerTools, WalletView, Want};
use crate::domain::address::Address;
use crate::domain::funds::{FeeNeed, Funds, Promised, fee_limit_sun};
use crate::domain::money::{MicroUsdt, Sun};
use crate::domain::order::{Order, Route};
use crate::domain::payout::Reason;
use crate::domain::tron::{TrialFailure, abi};
use crate::ports::{ChainFault, ChainNode, InFlight, StoreFault, TrialRun, View};
use std::cell::Cell;
use std::future::Future;
use std::time::Duration;
use tracing::warn;

/// Bytes that a signed USDT transfer takes at most without a memo, bandwidth's surcharge included.
const TRANSFER_BYTES: u64 = 345 + 8;
/// Bytes that a router call takes beyond that, at most, without its words.
const ROUTER_BYTES: u64 = 512;
/// A recipient that never was: what it costs to pay it is what it costs to pay any new holder of the token.
const COLD_PROBE: Address = Address::from_evm(*b"payoutd cold probe\0\0");
/// Trial runs of one call that must fail before its payout is held for a person.
const TRIALS_BEFORE_HOLD: u32 = 3;
/// The least that can be sent: enough for a trial run.
const PROBE_AMOUNT: MicroUsdt = MicroUsdt::new(1);

/// How long a promise is taken off each new look, ms, if nobody says that it is over: what the worker was promised is on file by
/// then, and counted there, or was let go. Until then it may be counted twice, never not at all.
const PROMISE_MS: i64 = 15_000;

const NOT_READ: &str = "the wallet was not read yet";

/// How long one node is waited for before the next is asked.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) struct Desk {
    tools: TreasurerTools,
    /// The node that answered last.
    answers: Cell<usize>,
    look: Option<(WalletLook, i64)>,
    terms: Option<(Terms, i64)>,
    /// When it was last tried to read the wallet, unix ms.
    tried_at_ms: i64,
    in_flight: InFlight,
    funds: Funds,
    /// What the last answer promised: the store may not show it as on its way yet.
    promised: Promised,
    /// When that was, unix ms.
    promised_at_ms: i64,
    preflights: Preflights,
    trouble: Option<String>,
}

impl Desk {
    pub(super) fn new(tools: TreasurerTools) -> Self {
        Self {
            tools,
            answers: Cell::new(0),
            look: None,
            terms: None,
            tried_at_ms: 0,
            in_flight: InFlight::default(),
            funds: Funds::default(),
            promised: Promised::default(),
            promised_at_ms: 0,
            preflights: Preflights::default(),
            trouble: None,
        }
    }

    /// Reads balances (and, less often, prices and switches) anew.
    pub(super) async fn look(&mut self) {
        let result = self.try_look().await;
        self.tried_at_ms = self.tools.clock.now_ms();
        if let Err(trouble) = &result {
            warn!(%trouble, "the wallet can not be read");
        }
        self.trouble = result.err();
    }

    async fn try_look(&mut self) -> Result<(), String> {
        let now_ms = self.tools.clock.now_ms();
        // The store first, the chain second: what settles between the two is counted twice, never not at all. What is filed
        // between them was promised, and is taken off for that.
        let in_flight = self.tools.ledger.payouts().in_flight().await.map_err(|fault| fault.to_string())?;
        let policy = self.tools.policy.clone();
        let look = self
            .ask(|node| {
                let policy = &policy;
                async move { wallet::look(node, policy).await }
            })
            .await?;
        let terms_are_old = self
            .terms
            .as_ref()
            .is_none_or(|(_, at)| now_ms.saturating_sub(*at) >= self.tools.settings.terms_every_ms);
        if terms_are_old {
            let terms = self
                .ask(|node| {
                    let policy = &policy;
                    async move { wallet::terms(node, policy).await }
                })
                .await?;
            self.terms = Some((terms, now_ms));
        }
        self.in_flight = in_flight;
        self.look = Some((look, now_ms));
        self.funds = self.funds_now(&look);
        if now_ms.saturating_sub(self.promised_at_ms) < PROMISE_MS {
            self.promised.take_off(&mut self.funds);
        }
        Ok(())
    }

    fn funds_now(&self, look: &WalletLook) -> Funds {
        let terms = self.terms.as_ref().map(|(terms, _)| &terms.parameters);
        let energy_price = terms.map_or(1, |p| p.energy_price_sun.max(1));
        let byte_price = terms.map_or(0, |p| p.bandwidth_price_sun);
        Funds {
            balance_micro_usdt: look.balance_micro_usdt,
            balance_sun: look.balance_sun,
            energy_left: look.energy_left,
            allowance_v0_micro_usdt: look.allowance_v0_micro_usdt,
            allowance_kyc_micro_usdt: look.allowance_kyc_micro_usdt,
            in_flight_micro_usdt: self.in_flight.amount_micro_usdt,
            in_flight_energy: self.in_flight.fee_limit_sun / energy_price,
            in_flight_other_sun: self
                .in_flight
                .transfers
                .saturating_mul(TRANSFER_BYTES)
                .saturating_mul(byte_price),
        }
    }

    /// The nodes in the order in which they are asked: the one that answered last is asked first.
    fn in_turn(&self) -> impl Iterator<Item = (usize, &dyn ChainNode)> {
        let nodes = &self.tools.nodes;
        let first = self.answers.get().min(nodes.len());
        (first..nodes.len()).chain(0..first).map(|place| (place, nodes[place].as_ref()))
    }

    /// Asks the nodes one after the other until one answers, and none of them for ever.
    async fn ask<'a, T, F, Fut>(&'a self, question: F) -> Result<T, String>
    where
        F: Fn(&'a dyn ChainNode) -> Fut,
        Fut: Future<Output = Result<T, ChainFault>>,
    {
        let mut why = "no node is configured".to_owned();
        for (place, node) in self.in_turn() {
            match patiently(question(node)).await {
                Ok(answer) => {
                    self.answers.set(place);
                    return Ok(answer);
                }
                Err(fault) => why = format!("{}: {fault}", node.name()),
            }
        }
        Err(why)
    }

    /// Why nothing at all is covered now. A trouble is looked into once more, but not with each question.
    pub(super) async fn what_blocks(&mut self) -> Option<String> {
        let now_ms = self.tools.clock.now_ms();
        let tried_lately = now_ms.saturating_sub(self.tried_at_ms) < self.tools.settings.shortage_look_ms;
        if (self.look.is_none() || self.trouble.is_some()) && !tried_lately {
            self.look().await;
        }
        let stop = || self.terms.as_ref().and_then(|(terms, _)| terms.token_stop.clone());
        let unread = || self.look.is_none().then(|| NOT_READ.to_owned());
        self.trouble.clone().or_else(unread).or_else(stop)
    }

    /// Answers a batch, the most urgent first.
    pub(super) async fn cover(&mut self, wants: Vec<Want>) -> Covers {
        if self.look.is_none() || self.trouble.is_some() {
            self.look().await;
        }
        // Whoever asks again has filed what was promised before, or let it go.
        self.promised = Promised::default();
        let mut each = Vec::with_capacity(wants.len());
        for want in &wants {
            let mut answer = self.cover_one(want).await;
            if matches!(answer, Cover::Hold(reason) if reason.releases_itself()) && self.look_is_old() {
                self.look().await;
                answer = self.cover_one(want).await;
            }
            each.push(answer);
        }
        // What had left before the look is not in the balance; what was on its way may be, and counts until it has left.
        let committed_max_micro_usdt =
            self.funds.balance_micro_usdt.saturating_add(self.in_flight.spent_micro_usdt);
        Covers { each, committed_max_micro_usdt }
    }

    /// What was promised is on file, or was let go: the next look counts it as the store does.
    pub(super) fn promises_are_over(&mut self) {
        self.promised = Promised::default();
    }

    fn look_is_old(&self) -> bool {
        let now_ms = self.tools.clock.now_ms();
        self.look
            .as_ref()
            .is_none_or(|(_, at)| now_ms.saturating_sub(*at) >= self.tools.settings.shortage_look_ms)
    }

    async fn cover_one(&mut self, want: &Want) -> Cover {
        let (Some(_), Some((terms, _)), None) = (&self.look, self.terms.clone(), &self.trouble) else {
            return Cover::Later(self.trouble.clone().unwrap_or_else(|| NOT_READ.to_owned()));
        };
        if let Some(stop) = terms.token_stop {
            return Cover::Later(stop);
        }
        match self.recipient_is_clean(&want.order.recipient).await {
            Ok(true) => {}
            Ok(false) => return Cover::Hold(Reason::RecipientBlacklisted),
            Err(why) => return Cover::Later(why),
        }
        if !self.allowance_covers(&want.order) {
            return Cover::Hold(Reason::Allowance);
        }
        let energy = match self.energy_of(want).await {
            Ok(energy) => energy,
            Err(EnergyUnknown::WouldFail) => return self.would_fail(&want.order),
            Err(EnergyUnknown::Later(why)) => return Cover::Later(why),
        };
        let parameters = terms.parameters;
        let cap_sun = self.tools.settings.fee_limit_cap_sun.min(parameters.fee_limit_max_sun);
        let Some(fee_limit_sun) = fee_limit_sun(energy, parameters.energy_price_sun, cap_sun) else {
            return Cover::Hold(Reason::FeeAboveCap);
        };
        let need = FeeNeed {
            energy,
            energy_price_sun: parameters.energy_price_sun,
            other_sun: other_sun(&want.order, parameters.bandwidth_price_sun, parameters.memo_fee_sun),
        };
        match self.funds.cover(want.order.amount, &need) {
            Ok(()) => {
                self.promised.add(want.order.amount, &need);
                self.promised_at_ms = self.tools.clock.now_ms();
                Cover::Covered { fee_limit_sun }
            }
            Err(reason) => Cover::Hold(reason),
        }
    }

    /// Which of these the newest look would cover, the cost of the ones before them taken off. A router's call is taken to cost
    /// what a transfer costs, and its own trial waits until the worker asks for it: this only says when it is worth asking.
    pub(super) async fn would_cover(&mut self, orders: Vec<Order>) -> Vec<bool> {
        let terms = self.terms.as_ref().filter(|(terms, _)| terms.token_stop.is_none());
        let (Some(_), Some(parameters), None) =
            (&self.look, terms.map(|(terms, _)| terms.parameters), &self.trouble)
        else {
            return vec![false; orders.len()];
        };
        let Ok(energy) = self.transfer_energy().await else { return vec![false; orders.len()] };
        let mut funds = self.funds;
        let mut answers = Vec::with_capacity(orders.len());
        for order in &orders {
            let other_sun = other_sun(order, parameters.bandwidth_price_sun, parameters.memo_fee_sun);
            let need = FeeNeed { energy, energy_price_sun: parameters.energy_price_sun, other_sun };
            answers.push(self.allowance_covers(order) && funds.cover(order.amount, &need).is_ok());
        }
        answers
    }

    /// A trial that fails for want of money is a shortage, which time can end; any other failure is for a person.
    fn would_fail(&self, order: &Order) -> Cover {
        let short = self.funds.free_micro_usdt() < order.amount.micro();
        Cover::Hold(if short { Reason::FundsUsdt } else { Reason::WouldFail })
    }

    fn allowance_covers(&self, order: &Order) -> bool {
        let allowance = match order.route {
            Route::Transfer => return true,
            Route::RouterV0 => self.funds.allowance_v0_micro_usdt,
            Route::RouterKyc => self.funds.allowance_kyc_micro_usdt,
        };
        allowance >= order.amount.micro()
    }

    async fn recipient_is_clean(&mut self, recipient: &Address) -> Result<bool, String> {
        let now_ms = self.tools.clock.now_ms();
        let settings = &self.tools.settings;
        if self.preflights.is_clean(recipient, now_ms, settings.recipient_check_ms) {
            return Ok(true);
        }
        let policy = &self.tools.policy;
        let blacklisted = self
            .ask(|node| async move { wallet::flag(node, policy, abi::is_black_listed(*recipient)).await })
            .await?;
        if !blacklisted {
            let checks_max = settings.recipient_checks_max;
            self.preflights.note_clean(*recipient, now_ms, checks_max);
        }
        Ok(!blacklisted)
    }

    /// Plain transfers cost the same to every new recipient: one trial per period serves them all. A router's call is
    /// tried as it will be made, since its words and its clearance are part of the cost.
    async fn energy_of(&mut self, want: &Want) -> Result<u64, EnergyUnknown> {
        let route = want.order.route;
        if route == Route::Transfer {
            return self.transfer_energy().await;
        }
        let contract = self.tools.policy.contract_of(route).ok_or(EnergyUnknown::WouldFail)?;
        let tried = self.trial(contract, want.call_data.clone()).await;
        let fails = matches!(tried, Err(EnergyUnknown::WouldFail));
        if self.preflights.note_trial(&want.call_data, fails) < TRIALS_BEFORE_HOLD && fails {
            return Err(EnergyUnknown::Later(
                "a trial run failed: it is tried again before anybody is asked".to_owned(),
            ));
        }
        tried
    }

    async fn transfer_energy(&mut self) -> Result<u64, EnergyUnknown> {
        let now_ms = self.tools.clock.now_ms();
        if let Some(energy) =
            self.preflights.energy(Route::Transfer, now_ms, self.tools.settings.terms_every_ms)
        {
            return Ok(energy);
        }
        let probe = abi::Call::Transfer { recipient: COLD_PROBE, amount: PROBE_AMOUNT.into() }.encode();
        // A probe that fails says nothing of any one payout: all of them wait.
        let energy = self.trial(self.tools.policy.token, probe).await.map_err(EnergyUnknown::at_all)?;
        self.preflights.note_energy(Route::Transfer, energy, now_ms);
        Ok(energy)
    }

    /// "It would fail" is said only when every configured node has the contract's own word for it.
    async fn trial(&self, contract: Address, call_data: Vec<u8>) -> Result<u64, EnergyUnknown> {
        let caller = self.tools.policy.wallet;
        let mut silent = None;
        for (place, node) in self.in_turn() {
            match patiently(node.trial_run(View::Head, caller, contract, call_data.clone())).await {
                Ok(TrialRun { failure: None, energy_used, .. }) => {
                    self.answers.set(place);
                    return Ok(energy_used);
                }
                Ok(TrialRun { failure: Some(TrialFailure::Refused(_)), .. }) => {}
                Ok(TrialRun { failure: Some(TrialFailure::GaveUp(why)), .. }) => {
                    silent = Some(format!("{}: {why}", node.name()));
                }
                Err(fault) => silent = Some(format!("{}: {fault}", node.name())),
            }
        }
        Err(silent.map_or(EnergyUnknown::WouldFail, EnergyUnknown::Later))
    }

    /// The wallet, with what is on its way as the store has it now.
    pub(super) async fn show_wallet(&self) -> Result<WalletView, StoreFault> {
        Ok(self.view_beside(self.tools.ledger.payouts().in_flight().await?))
    }

    /// The wallet as it was at the last look.
    pub(super) fn last_view(&self) -> WalletView {
        self.view_beside(self.in_flight)
    }

    /// What is reserved and how many transfers that is come out of one reading of the store: they speak of the same transfers, and
    /// no promise is counted beside its transfer.
    fn view_beside(&self, in_flight: InFlight) -> WalletView {
        let look = self.look.as_ref().map(|(look, _)| *look);
        let stop = self.terms.as_ref().and_then(|(terms, _)| terms.token_stop.clone());
        let usdt = |micro: u64| MicroUsdt::new(micro).to_string();
        let beside = |balance: u64| balance.saturating_sub(in_flight.amount_micro_usdt);
        let available = |look: WalletLook| self.funds.free_micro_usdt().min(beside(look.balance_micro_usdt));
        WalletView {
            address: self.tools.policy.wallet.to_string(),
            balance_usdt: look.map(|look| usdt(look.balance_micro_usdt)),
            balance_trx: look.map(|look| Sun::new(look.balance_sun).to_string()),
            reserved_usdt: usdt(in_flight.amount_micro_usdt),
            available_usdt: look.map(available).map(usdt),
            energy_left: look.map(|look| look.energy_left),
            bandwidth_left: look.map(|look| look.bandwidth_left),
            transfers_in_flight: in_flight.transfers,
            read_at_ms: self.look.as_ref().map(|(_, at)| *at),
            blocked_by: self.trouble.clone().or(stop),
        }
    }
}

/// A node that does not answer in time is one that does not answer: another is asked.
async fn patiently<T>(answer: impl Future<Output = Result<T, ChainFault>>) -> Result<T, ChainFault> {
    let late = |_| Err(ChainFault::Silent("it does not answer in time".to_owned()));
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(late)
}

enum EnergyUnknown {
    WouldFail,
    Later(String),
}

impl EnergyUnknown {
    fn at_all(self) -> Self {
        match self {
            Self::WouldFail => {
                Self::Later("a trial run of the smallest transfer fails on every node".to_owned())
            }
            Self::Later(why) => Self::Later(why),
        }
    }
}

/// Bandwidth as if none were free, and the memo's fee where a plain transfer carries one.
fn other_sun(order: &Order, byte_price_sun: u64, memo_fee_sun: u64) -> u64 {
    let memo_bytes = order.memo.as_ref().map_or(0, |memo| memo.len() as u64 + 8);
    let (bytes, memo_fee) = match order.route {
        Route::Transfer if memo_bytes > 0 => (TRANSFER_BYTES + memo_bytes, memo_fee_sun),
        Route::Transfer => (TRANSFER_BYTES, 0),
        Route::RouterV0 | Route::RouterKyc => (TRANSFER_BYTES + ROUTER_BYTES + memo_bytes, 0),
    };
    bytes.saturating_mul(byte_price_sun).saturating_add(memo_fee)
}
