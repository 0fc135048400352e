//! The treasurer: knows what the wallet holds, what a transfer will cost, and says which payouts are covered.
//!
//! It looks at the chain now and then, never once per payout: estimates are kept by route, checks of recipients by
//! recipient. What it can not find out it does not assume: a payout waits. Never here: signing, sending.

mod desk;
mod preflight;
#[cfg(test)]
mod tests;
mod wallet;

use crate::domain::address::Address;
use crate::domain::order::{HousePolicy, Order};
use crate::domain::payout::Reason;
use crate::guardian::{ActorView, Drain, LookNow, ShowView};
use crate::ledger::Ledger;
use crate::ports::{ChainNode, Clock, StoreFault};
use crate::rounds::{Found, Rounds};
use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture};
use desk::Desk;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The treasurer's name in the roster, in views and in metrics.
pub const NAME: &str = "treasurer";

/// The treasurer's limits and periods.
#[derive(Debug, Clone)]
pub struct TreasurerSettings {
    /// How often balances are read, ms.
    pub look_every_ms: u64,
    /// How old a look may be before a shortage or a trouble is believed, ms.
    pub shortage_look_ms: i64,
    /// How often prices and the token's switches are read, ms.
    pub terms_every_ms: i64,
    /// How long a recipient's check is kept, ms.
    pub recipient_check_ms: i64,
    /// How many recipients' checks are kept.
    pub recipient_checks_max: usize,
    /// The most that one transfer may burn, sun.
    pub fee_limit_cap_sun: u64,
}

impl Default for TreasurerSettings {
    fn default() -> Self {
        Self {
            look_every_ms: 10_000,
            shortage_look_ms: 3_000,
            terms_every_ms: 60_000,
            recipient_check_ms: 600_000,
            recipient_checks_max: 100_000,
            fee_limit_cap_sun: 100_000_000,
        }
    }
}

/// What the treasurer works with.
#[derive(Clone)]
pub struct TreasurerTools {
    /// The nodes, in the order in which they are asked.
    pub nodes: Vec<Arc<dyn ChainNode>>,
    /// For what is in flight.
    pub ledger: Ledger,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Wallet, token and routers.
    pub policy: HousePolicy,
    /// Limits and periods.
    pub settings: TreasurerSettings,
}

/// One payout that asks to be covered.
#[derive(Debug, Clone)]
pub struct Want {
    /// What is to be paid.
    pub order: Order,
    /// The call that will be made, for a trial run on the router routes.
    pub call_data: Vec<u8>,
}

/// The treasurer's answer on one payout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cover {
    /// Its amount and fee are set aside; the limit leaves the low six digits to the fingerprint.
    Covered {
        /// The most that it may burn, sun.
        fee_limit_sun: u64,
    },
    /// It is to be held.
    Hold(Reason),
    /// It can not be said now: leave it and ask again.
    Later(String),
}

/// The treasurer's answers on a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covers {
    /// One for each payout, in their order.
    pub each: Vec<Cover>,
    /// The most that may be committed when they are filed, over all time and by all daemons: what had left before the wallet
    /// was looked at, and what was in it then, micro-USDT.
    pub committed_max_micro_usdt: u64,
}

/// Asks for cover for a batch of payouts, in the order of their urgency.
#[derive(Debug, Message)]
#[rtype(result = "Covers")]
pub struct CoverPayouts(pub Vec<Want>);

/// Asks which of these held payouts the newest look at the wallet would cover, in their order. Nothing is set aside: the worker
/// asks [`CoverPayouts`] for each once more.
#[derive(Debug, Message)]
#[rtype(result = "Vec<bool>")]
pub struct WouldCover(pub Vec<Order>);

/// Asks why nothing at all is covered now; `None`: something may be. Asked before payouts are claimed.
#[derive(Debug, Message)]
#[rtype(result = "Option<String>")]
pub struct WhatBlocks;

/// Tells that what the last [`CoverPayouts`] was promised is on file now, where the store counts it, or was let go.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct PromisesOver;

/// Asks for the wallet's state.
#[derive(Debug, Message)]
#[rtype(result = "Result<WalletView, StoreFault>")]
pub struct ShowWallet;

/// The wallet, as `GET /v1/wallet` shows it. What the chain says is as old as `read_at_ms`, and absent until the first look
/// succeeded: an unread wallet is not an empty one. What is on its way is as the store has it when somebody asks.
#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
pub struct WalletView {
    /// The paying wallet.
    pub address: String,
    /// USDT in the solidified view, decimal.
    pub balance_usdt: Option<String>,
    /// TRX in the solidified view, decimal.
    pub balance_trx: Option<String>,
    /// USDT of the transfers in flight, decimal.
    pub reserved_usdt: String,
    /// USDT that a payout would be covered with now, decimal: neither on its way nor promised. Rather too little than too much.
    pub available_usdt: Option<String>,
    /// Staked energy left.
    pub energy_left: Option<u64>,
    /// Staked and free bandwidth left, bytes.
    pub bandwidth_left: Option<u64>,
    /// Transfers in flight: signed, and neither proved paid nor proved dead.
    pub transfers_in_flight: u64,
    /// When this was read, unix ms; absent until the first look succeeded.
    pub read_at_ms: Option<i64>,
    /// Why nothing is covered now, where that is so.
    pub blocked_by: Option<String>,
}

/// The treasurer.
pub struct Treasurer {
    desk: Arc<Mutex<Desk>>,
    rounds: Rounds,
    look_every: Duration,
    wallet: Address,
}

impl Treasurer {
    /// A treasurer with its tools; it has not looked at anything yet.
    #[must_use]
    pub fn new(tools: TreasurerTools) -> Self {
        let look_every = Duration::from_millis(tools.settings.look_every_ms);
        let wallet = tools.policy.wallet;
        Self { desk: Arc::new(Mutex::new(Desk::new(tools))), rounds: Rounds::default(), look_every, wallet }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        self.rounds.run(ctx, move || {
            let desk = desk.clone();
            async move {
                desk.lock().await.look().await;
                Found::Nothing
            }
        });
    }
}

impl Actor for Treasurer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
        ctx.run_interval(self.look_every, |treasurer, ctx| treasurer.look(ctx));
    }
}

impl Handler<LookNow> for Treasurer {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<CoverPayouts> for Treasurer {
    type Result = ResponseFuture<Covers>;

    fn handle(&mut self, CoverPayouts(wants): CoverPayouts, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move { desk.lock().await.cover(wants).await })
    }
}

impl Handler<WhatBlocks> for Treasurer {
    type Result = ResponseFuture<Option<String>>;

    fn handle(&mut self, _: WhatBlocks, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move { desk.lock().await.what_blocks().await })
    }
}

impl Handler<WouldCover> for Treasurer {
    type Result = ResponseFuture<Vec<bool>>;

    fn handle(&mut self, WouldCover(orders): WouldCover, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move { desk.lock().await.would_cover(orders).await })
    }
}

impl Handler<ShowWallet> for Treasurer {
    type Result = ResponseFuture<Result<WalletView, StoreFault>>;

    fn handle(&mut self, _: ShowWallet, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move { desk.lock().await.show_wallet().await })
    }
}

impl Handler<PromisesOver> for Treasurer {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: PromisesOver, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move { desk.lock().await.promises_are_over() })
    }
}

/// Nothing of the treasurer's work needs finishing: what it knows it can read again.
impl Handler<Drain> for Treasurer {
    type Result = ();

    fn handle(&mut self, _: Drain, _: &mut Self::Context) {}
}

impl Handler<ShowView> for Treasurer {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        match self.desk.try_lock() {
            Ok(desk) => ActorView::of(NAME, &desk.last_view()),
            // What it knows is being made anew.
            Err(_) => ActorView::of(NAME, &json!({ "address": self.wallet.to_string(), "looking": true })),
        }
    }
}
