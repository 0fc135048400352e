//! Orders, settlements, failures, people and rules that change, as they come: what is set aside ends once, nothing moves above
//! today's limits, and nobody waits for ever.

use super::*;
use crate::domain::access::{Orderer, Role};
use crate::domain::identity::{AccountId, PayoutId};
use crate::domain::limits::{Ceilings, DAY_MS, HOUR_MS, MINUTE_MS, OnExcess, Scope};
use crate::domain::payout::{Command, Reason, Stage};
use crate::fakes::MemoryStore;
use crate::ledger::{Ledger, Outcome};
use crate::ports::exam::kit::{MORNING_MS, all, bury, newly, payout_of, settle, sign, usdt};
use crate::ports::exam::set_limits::set;
use crate::ports::{Admitted, Gate};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The largest order; no rule of a story is tighter, so that everybody fits some day.
const LARGEST_USDT: u64 = 120;
const SEEDS: u64 = 60;
const STEPS: u32 = 150;

struct House {
    store: MemoryStore,
    ledger: Ledger,
    dice: fastrand::Rng,
    rules: LimitRules,
    now_ms: i64,
    orders: u32,
    /// How often what was set aside for a payout has ended.
    ended: BTreeMap<PayoutId, u32>,
    /// What was settled, and when.
    settled: Vec<(i64, Payout)>,
}

impl House {
    fn new(seed: u64) -> Self {
        let store = MemoryStore::new("room");
        let ledger = Ledger::new(Arc::new(store.clone()));
        let (dice, rules) = (fastrand::Rng::with_seed(seed), tight());
        let (ended, settled) = (BTreeMap::new(), Vec::new());
        Self { store, ledger, dice, rules, now_ms: MORNING_MS, orders: 0, ended, settled }
    }

    async fn step(&mut self) {
        match self.dice.u8(..13) {
            0..=2 => self.order().await,
            3..=4 => self.work().await,
            5..=6 => self.watch().await,
            7..=8 => self.let_go_on().await,
            9 => self.call_off().await,
            10 => self.rules = self.some_rules(),
            11 => self.set_some_limit().await,
            _ => self.now_ms += self.dice.i64(1..3 * HOUR_MS),
        }
        self.assert_books().await;
    }

    fn some_rules(&mut self) -> LimitRules {
        let mut limit = |times: u64| usdt(LARGEST_USDT * self.dice.u64(1..times));
        let (account_hourly, account_daily) = (limit(4), limit(12));
        let (hourly, daily) = (limit(6), limit(24));
        LimitRules { hourly, daily, account_hourly, account_daily, on_excess: OnExcess::Hold }
    }

    /// A person: a limit for somebody or for a role, for good or for a while.
    async fn set_some_limit(&mut self) {
        let mut limit = |times: u64| Some(usdt(LARGEST_USDT * self.dice.u64(1..times)));
        let ceilings = Ceilings { hourly: limit(4), daily: limit(12), per_payout: None };
        let scope = match self.dice.u8(..4) {
            0 => Scope::Role(Role::Service),
            1 => Scope::House,
            n => Scope::Principal(format!("key:{n}")),
        };
        let until_ms = self.dice.bool().then(|| self.now_ms + self.dice.i64(..12 * HOUR_MS));
        set(&self.store, &scope, ceilings, until_ms).await.unwrap();
    }

    /// Admission: what is newly set aside fits under the rules of this moment, beside everything else.
    async fn order(&mut self) {
        self.orders += 1;
        let account = AccountId::new(["loud", "quiet", "small"][self.dice.usize(..3)]).unwrap();
        let ordered_by = Orderer { principal: format!("key:{}", self.dice.u8(..4)), role: Role::Service };
        let new = payout_of(self.orders, self.dice.u64(1..=LARGEST_USDT));
        let new = Payout { account, ordered_by: Some(ordered_by), ..new };
        let answer = self.store.admit(newly([new]), &self.rules, self.now_ms, false).await.unwrap();
        let [Admitted::New(payout)] = answer.as_slice() else { panic!("{answer:?}") };
        if payout.reservation == Reservation::Reserved {
            self.assert_within(payout, "set aside").await;
        }
    }

    async fn assert_within(&self, payout: &Payout, how: &str) {
        let book = self.store.limit_book(self.now_ms).await.unwrap();
        assert_eq!(book.holds(payout.spender(), &self.rules, self.now_ms), Ok(()), "{how}");
    }

    /// The worker: signs what still has room, and nothing beyond today's rules.
    async fn work(&mut self) {
        let payable = self.store.payable(self.now_ms, 5, &[]).await.unwrap();
        let payable: Vec<Payout> = payable.into_iter().map(|(payout, _)| payout).collect();
        let spenders = payable.iter().map(Payout::spender);
        let room = Room::of_those_who_move(&self.store, spenders, self.rules, self.now_ms).await;
        let mut room = room.unwrap();
        for payout in payable.into_iter().rev() {
            let command = match room.keep(&payout) {
                Ok(()) => sign(&payout, self.now_ms),
                Err(broken) => Command::Hold(broken.into()),
            };
            let signs = matches!(command, Command::Sign(_));
            self.carry_out(payout.clone(), command, Gate::Open).await;
            if signs {
                self.assert_moving_within(&payout).await;
            }
        }
    }

    /// Counted by hand, for every scope of a payout: what is settled within a window and what is on its way.
    async fn assert_moving_within(&self, payout: &Payout) {
        let payouts = all(&self.store).await.unwrap();
        let book = self.store.limit_book(self.now_ms).await.unwrap();
        for scope in payout.spender().scopes() {
            let page = book.page(&scope).unwrap();
            let limits = page.ceilings(self.rules.of(scope.whose()), self.now_ms);
            let is_theirs = |one: &Payout| one.spender().scopes().contains(&scope);
            for (window_ms, limit) in [(HOUR_MS, limits.hourly), (DAY_MS, limits.daily)] {
                let Some(limit) = limit else { continue };
                let under_way = payouts.iter().filter(|one| one.stage.is_in_flight() && is_theirs(one));
                let settled = self.settled.iter().map(|(at_ms, one)| (*at_ms, one));
                let settled =
                    settled.filter(|(at_ms, one)| *at_ms > self.now_ms - window_ms && is_theirs(one));
                let sum = under_way.chain(settled.map(|(_, one)| one));
                let sum = sum.map(|one| one.order.amount.micro()).sum::<u64>();
                assert!(sum <= limit.micro(), "{sum} is on its way or settled, and {limit} may be: {scope}");
            }
        }
    }

    /// The watcher: what is on its way settles, fails, or is proved absent and waits again.
    async fn watch(&mut self) {
        for payout in all(&self.store).await.unwrap() {
            let Some(live) = payout.live_attempt() else { continue };
            let (txid, block) = (live.txid, crate::ports::exam::kit::block(2_000));
            let command = match self.dice.u8(..6) {
                0 => bury(&payout).unwrap(),
                1 => Command::Fail { txid, reason: Reason::Reverted, block, fee_sun: 1 },
                2 => continue,
                _ => settle(&payout, 2_000).unwrap(),
            };
            self.carry_out(payout, command, Gate::Open).await;
        }
    }

    /// Time: lets those go on who fit.
    async fn let_go_on(&mut self) {
        let mut held = self.store.held_for(&Reason::WANT_OF_ROOM, None, 10_000).await.unwrap();
        let room = Room::of_those_who_wait(&self.store, self.rules, self.now_ms).await;
        let mut room = room.unwrap();
        held.retain(|payout| room.let_go_on(payout));
        for payout in held {
            let command = Command::Release { by: "time".to_owned() };
            let was_reserved = payout.reservation == Reservation::Reserved;
            let after = self.carry_out(payout, command, Gate::RoomUnder(self.rules)).await;
            if !was_reserved {
                self.assert_within(&after, "set aside when it was let go on").await;
            }
        }
    }

    async fn call_off(&mut self) {
        let payouts = all(&self.store).await.unwrap();
        let waiting: Vec<_> =
            payouts.into_iter().filter(|one| matches!(one.stage, Stage::Admitted | Stage::Held)).collect();
        if let Some(payout) = self.dice.choice(waiting) {
            self.carry_out(payout, Command::Cancel(Reason::CancelledBySender), Gate::Open).await;
        }
    }

    async fn carry_out(&mut self, payout: Payout, command: Command, gate: Gate) -> Payout {
        let before = payout.reservation;
        let outcome = self.ledger.carry_out(vec![(payout, command)], gate, self.now_ms).await.unwrap().pop();
        let Some(Outcome::Done(after, _)) = outcome else { panic!("{outcome:?}") };
        let over = |reservation| matches!(reservation, Reservation::Settled | Reservation::Released);
        if over(after.reservation) {
            assert!(!over(before), "it had ended before");
            if before == Reservation::Reserved {
                *self.ended.entry(after.id).or_default() += 1;
            }
            if after.reservation == Reservation::Settled {
                self.settled.push((self.now_ms, (*after).clone()));
            }
        }
        *after
    }

    /// What is set aside is what the payouts say, to the last micro-USDT.
    async fn assert_books(&self) {
        let reserved = all(&self.store).await.unwrap();
        let reserved = reserved.iter().filter(|one| one.reservation == Reservation::Reserved);
        let sum: u64 = reserved.map(|one| one.order.amount.micro()).sum();
        let book = self.store.limit_book(self.now_ms).await.unwrap();
        assert_eq!(book.house.reserved_micro_usdt, sum);
    }

    /// The rules stay as they are, and time goes by: one after the other everybody goes on and ends.
    async fn end(&mut self) {
        self.rules = tight();
        for _ in 0..24 * 60 {
            self.now_ms += HOUR_MS;
            self.let_go_on().await;
            self.work().await;
            self.watch().await;
            if self
                .store
                .counts()
                .await
                .unwrap()
                .iter()
                .all(|(stage, count)| stage.is_final() || count.payouts == 0)
            {
                return;
            }
        }
        let left = all(&self.store).await.unwrap().into_iter().filter(|one| !one.stage.is_final());
        panic!(
            "they wait for ever: {:#?}",
            left.map(|one| (one.stage, one.reason, one.reservation)).collect::<Vec<_>>()
        );
    }
}

/// As tight as can be: one large order an hour.
fn tight() -> LimitRules {
    let (hourly, daily) = (usdt(LARGEST_USDT), usdt(LARGEST_USDT * 24));
    LimitRules { hourly, daily, account_hourly: hourly, account_daily: daily, on_excess: OnExcess::Hold }
}

/// F000-17, F-P05: whatever comes in which order and however the rules are changed meanwhile, nothing is set aside beyond the
/// rules of its moment, nothing is signed beyond today's, what is set aside ends once, and whoever waits for room gets it.
#[actix::test]
async fn nobody_waits_for_ever_and_nothing_moves_above_todays_limits() {
    for seed in 0..SEEDS {
        let mut house = House::new(seed);
        house.rules = house.some_rules();
        for _ in 0..STEPS {
            house.step().await;
        }
        house.end().await;
        house.assert_books().await;
        for payout in all(&house.store).await.unwrap() {
            let ended = house.ended.get(&payout.id).copied().unwrap_or_default();
            let was_set_aside = payout.reservation != Reservation::None;
            assert_eq!(ended, u32::from(was_set_aside), "seed {seed}: {payout:?}");
        }
    }
}

/// The fear itself: limits are made tighter than what is set aside. Those who wait stand still and keep nobody there; one
/// after the other they go on.
#[actix::test]
async fn those_who_wait_under_lowered_limits_do_not_keep_one_another_there() {
    let mut house = House::new(1);
    house.rules = LimitRules { hourly: usdt(900), account_hourly: usdt(900), ..tight() };
    for n in 1..=30 {
        let answer = house.store.admit(newly([payout_of(n, 30)]), &house.rules, house.now_ms, false).await;
        assert!(
            matches!(answer.unwrap().as_slice(), [Admitted::New(payout)] if payout.stage == Stage::Admitted)
        );
    }
    house.rules = LimitRules { hourly: usdt(100), account_hourly: usdt(100), ..house.rules };
    for _ in 0..6 {
        house.work().await;
    }
    let counts = house.store.counts().await.unwrap();
    assert_eq!((counts[&Stage::Signed].payouts, counts[&Stage::Held].payouts), (3, 27));
    for payout in all(&house.store).await.unwrap().into_iter().filter(|one| one.stage == Stage::Signed) {
        let command = settle(&payout, 2_000).unwrap();
        house.carry_out(payout, command, Gate::Open).await;
    }
    house.let_go_on().await;
    assert_eq!(house.store.counts().await.unwrap()[&Stage::Held].payouts, 27, "the hour is full");
    house.now_ms += HOUR_MS + MINUTE_MS;
    house.let_go_on().await;
    house.work().await;
    let counts = house.store.counts().await.unwrap();
    assert_eq!((counts[&Stage::Signed].payouts, counts[&Stage::Held].payouts), (3, 24));
}
