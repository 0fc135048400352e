//! Stories of a dependency that fails, on paused time.

use super::*;
use crate::domain::address::Address;
use crate::domain::breaker::{Breaker, BreakerRules};
use crate::domain::money::MicroUsdt;
use crate::domain::tron::TxId;
use crate::fakes::TestClock;
use crate::ports::{ChainFault, HouseFacts, IndexedTransfer, SecondOpinion, StoreFault};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// An index that answers by a script, and counts how often it was asked.
#[derive(Default)]
struct ScriptedIndex {
    script: Mutex<VecDeque<ChainFault>>,
    asked: AtomicU32,
}

#[async_trait]
impl SecondOpinion for ScriptedIndex {
    fn name(&self) -> &str {
        "index"
    }

    async fn outgoing(
        &self,
        _: Address,
        _: Address,
        _: i64,
        _: i64,
    ) -> Result<Vec<IndexedTransfer>, ChainFault> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.script.lock().unwrap().pop_front() {
            Some(fault) => Err(fault),
            None => Ok(vec![IndexedTransfer {
                txid: TxId::new([1; 32]),
                token: Address::ZERO,
                from: Address::ZERO,
                to: Address::BLACKHOLE,
                amount: Some(MicroUsdt::new(1)),
                block_number: 1,
                confirmed: true,
                succeeded: true,
            }]),
        }
    }
}

/// A house that remembers breakers, and can be away.
#[derive(Default)]
struct Memory {
    facts: Mutex<HouseFacts>,
    away: std::sync::atomic::AtomicBool,
    writes: AtomicU32,
}

#[async_trait]
impl House for Memory {
    async fn facts(&self) -> Result<HouseFacts, StoreFault> {
        Ok(self.facts.lock().unwrap().clone())
    }

    async fn change(&self, changes: Vec<HouseChange>, _: i64) -> Result<(), StoreFault> {
        if self.away.load(Ordering::Relaxed) {
            return Err(StoreFault::Away("out for lunch".to_owned()));
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        for change in changes {
            let HouseChange::Breaker(name, breaker) = change else {
                panic!("only breakers are written here")
            };
            self.facts.lock().unwrap().breakers.insert(name, breaker);
        }
        Ok(())
    }
}

struct Town {
    index: Arc<ScriptedIndex>,
    guarded: Guarded<dyn SecondOpinion>,
    breaker: SharedBreaker,
    house: Arc<Memory>,
    clock: Arc<TestClock>,
    addr: actix::Addr<CircuitBreaker>,
}

fn town_on(house: Arc<Memory>) -> Town {
    let (clock, index) = (Arc::new(TestClock::default()), Arc::new(ScriptedIndex::default()));
    let remembered = house.facts.lock().unwrap().breakers.get("index").copied();
    let breaker = SharedBreaker::new("index", BreakerRules::default(), remembered, clock.clone());
    let inner: Arc<dyn SecondOpinion> = index.clone();
    let guarded = Guarded::new(inner, breaker.clone());
    let addr = CircuitBreaker::new(breaker.clone(), house.clone(), clock.clone()).start();
    Town { index, guarded, breaker, house, clock, addr }
}

fn town() -> Town {
    tokio::time::pause();
    town_on(Arc::default())
}

impl Town {
    async fn ask(&self) -> Result<usize, ChainFault> {
        self.guarded.outgoing(Address::ZERO, Address::ZERO, 0, 1).await.map(|page| page.len())
    }

    fn will_answer(&self, times: usize, fault: &ChainFault) {
        self.index.script.lock().unwrap().extend(std::iter::repeat_n(fault.clone(), times));
    }

    fn asked(&self) -> u32 {
        self.index.asked.load(Ordering::Relaxed)
    }

    fn written(&self) -> Option<Breaker> {
        self.house.facts.lock().unwrap().breakers.get("index").copied()
    }
}

fn silent() -> ChainFault {
    ChainFault::Silent("connection reset".to_owned())
}

async fn pass(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// F000-18: five faults open it, nobody is asked while it is open, three probes close it.
#[actix::test]
async fn a_dependency_that_fails_five_times_is_left_alone_and_then_probed() {
    let town = town();
    town.will_answer(5, &silent());
    for _ in 0..5 {
        assert_eq!(town.ask().await, Err(silent()));
    }
    assert_eq!(town.ask().await, Err(ChainFault::BreakerOpen { retry_after_ms: 300_000 }));
    assert_eq!(town.asked(), 5);
    pass(Duration::from_secs(300)).await;
    for _ in 0..3 {
        assert_eq!(town.ask().await, Ok(1));
    }
    assert_eq!(town.breaker.breaker(), Breaker::Closed { faults: 0 });
    let view = town.breaker.view();
    assert_eq!((view.calls, view.faults, view.not_asked, view.closed_to_callers_until_ms), (8, 5, 1, None));
}

/// F000-18: one probe that fails opens it again.
#[actix::test]
async fn a_probe_that_fails_shuts_the_door_again() {
    let town = town();
    town.will_answer(6, &silent());
    for _ in 0..5 {
        assert!(town.ask().await.is_err());
    }
    pass(Duration::from_secs(300)).await;
    assert_eq!(town.ask().await, Err(silent()));
    assert_eq!(town.ask().await, Err(ChainFault::BreakerOpen { retry_after_ms: 300_000 }));
}

/// F004-42: the breaker is open still after a restart.
#[actix::test]
async fn a_restart_does_not_forgive() {
    let first = town();
    first.will_answer(5, &ChainFault::Garbled("<html>".to_owned()));
    for _ in 0..5 {
        assert!(first.ask().await.is_err());
    }
    pass(Duration::from_millis(1)).await;
    assert!(matches!(first.written(), Some(Breaker::Open { .. })));
    let second = town_on(first.house.clone());
    assert!(matches!(second.ask().await, Err(ChainFault::BreakerOpen { .. })));
    assert_eq!(second.asked(), 0);
}

/// F004-42: what could not be written down is written when the store is back.
#[actix::test]
async fn a_state_that_could_not_be_written_down_is_not_forgotten() {
    let town = town();
    town.house.away.store(true, Ordering::Relaxed);
    town.will_answer(5, &silent());
    for _ in 0..5 {
        assert!(town.ask().await.is_err());
    }
    pass(Duration::from_secs(20)).await;
    assert_eq!(town.written(), None);
    town.house.away.store(false, Ordering::Relaxed);
    pass(Duration::from_secs(6)).await;
    assert!(matches!(town.written(), Some(Breaker::Open { .. })));
    assert_eq!(town.house.writes.load(Ordering::Relaxed), 1);
}

/// A clock that is set back by a day keeps nobody away for a day.
#[actix::test]
async fn a_clock_that_is_set_back_does_not_keep_the_door_shut() {
    let town = town();
    town.will_answer(5, &silent());
    for _ in 0..5 {
        assert!(town.ask().await.is_err());
    }
    town.clock.jump(-86_400_000);
    assert_eq!(town.ask().await, Err(ChainFault::BreakerOpen { retry_after_ms: 300_000 }));
    pass(Duration::from_secs(300)).await;
    assert_eq!(town.ask().await, Ok(1));
}

#[actix::test]
async fn a_quiet_breaker_writes_nothing() {
    let town = town();
    for _ in 0..100 {
        assert_eq!(town.ask().await, Ok(1));
        pass(Duration::from_secs(1)).await;
    }
    assert_eq!(town.house.writes.load(Ordering::Relaxed), 0);
}

/// A 429 keeps everybody away for as long as it says, and a crowd that is refused together was refused once.
#[actix::test]
async fn a_penalty_is_waited_out_and_a_crowd_meets_it_once() {
    let town = town();
    let penalty = ChainFault::Penalty { status: 429, retry_after_ms: Some(7_000) };
    town.will_answer(30, &penalty);
    for _ in 0..30 {
        assert!(town.breaker.permit().is_ok());
    }
    for _ in 0..30 {
        town.breaker.report::<()>(&Err(penalty.clone()), Duration::ZERO);
    }
    assert_eq!(town.breaker.breaker(), Breaker::Closed { faults: 1 });
    assert_eq!(town.ask().await, Err(ChainFault::BreakerOpen { retry_after_ms: 7_000 }));
    assert_eq!(town.asked(), 0);
    town.index.script.lock().unwrap().clear();
    pass(Duration::from_secs(7)).await;
    assert_eq!(town.ask().await, Ok(1));
}

/// A dependency that asks us to stay away for a year is probed before that.
#[actix::test]
async fn no_penalty_is_for_ever() {
    let town = town();
    town.will_answer(1, &ChainFault::Penalty { status: 403, retry_after_ms: Some(i64::MAX) });
    assert!(town.ask().await.is_err());
    assert_eq!(town.ask().await, Err(ChainFault::BreakerOpen { retry_after_ms: PENALTY_MAX_MS }));
    pass(Duration::from_millis(PENALTY_MAX_MS.unsigned_abs())).await;
    assert_eq!(town.ask().await, Ok(1));
}

#[actix::test]
async fn a_breaker_shows_itself() {
    let town = town();
    town.will_answer(2, &silent());
    assert!(town.ask().await.is_err());
    assert!(town.ask().await.is_err());
    let view = town.addr.send(ShowView).await.unwrap();
    assert_eq!(view.name, NAME);
    assert_eq!(view.state["dependency"], "index");
    assert_eq!(view.state["state"], "closed");
    assert_eq!(view.state["faults_in_a_row"], 2);
    assert_eq!(view.state["last_fault_at_ms"], town.clock.now_ms());
}

/// An index that never answers.
struct SilentIndex;

#[async_trait]
impl SecondOpinion for SilentIndex {
    fn name(&self) -> &str {
        "index"
    }

    async fn outgoing(
        &self,
        _: Address,
        _: Address,
        _: i64,
        _: i64,
    ) -> Result<Vec<IndexedTransfer>, ChainFault> {
        std::future::pending().await
    }
}

/// Callers who do not wait for long are heard by the breaker too: a dependency that hangs is left alone. Who leaves at once has
/// only changed his mind.
#[actix::test]
async fn a_dependency_that_is_given_up_again_and_again_is_left_alone() {
    tokio::time::pause();
    let breaker = SharedBreaker::new("index", BreakerRules::default(), None, Arc::new(TestClock::default()));
    let inner: Arc<dyn SecondOpinion> = Arc::new(SilentIndex);
    let index = Guarded::new(inner, breaker.clone());
    for _ in 0..10 {
        let asked = index.outgoing(Address::ZERO, Address::ZERO, 0, 1);
        assert!(tokio::time::timeout(Duration::from_millis(100), asked).await.is_err());
    }
    assert_eq!(breaker.breaker(), Breaker::Closed { faults: 0 });
    for _ in 0..5 {
        let asked = index.outgoing(Address::ZERO, Address::ZERO, 0, 1);
        assert!(tokio::time::timeout(Duration::from_secs(3), asked).await.is_err());
    }
    assert_eq!(breaker.breaker().word(), "open");
    let asked = index.outgoing(Address::ZERO, Address::ZERO, 0, 1).await;
    assert!(matches!(asked, Err(ChainFault::BreakerOpen { .. })));
}

/// Two daemons of one fleet, each with its own way to the dependency.
fn fleet() -> (Town, Town) {
    let first = town();
    let second = town_on(first.house.clone());
    (first, second)
}

/// F000-18: what one daemon of a fleet has learned keeps the others away, and what its probes find lets them back.
#[actix::test]
async fn what_one_daemon_was_burned_by_the_others_leave_alone() {
    let (first, second) = fleet();
    first.will_answer(5, &silent());
    for _ in 0..5 {
        assert!(first.ask().await.is_err());
    }
    pass(Duration::from_millis(1_100)).await;
    assert!(matches!(second.ask().await, Err(ChainFault::BreakerOpen { .. })));
    pass(Duration::from_secs(300)).await;
    assert_eq!(first.ask().await, Ok(1));
    pass(Duration::from_millis(1_100)).await;
    assert!(
        matches!(second.ask().await, Err(ChainFault::BreakerOpen { .. })),
        "the first one probes for both"
    );
    assert_eq!((first.ask().await, first.ask().await), (Ok(1), Ok(1)));
    pass(Duration::from_millis(1_100)).await;
    assert_eq!((second.ask().await, second.asked()), (Ok(1), 1));
}

/// One daemon that is cut off from a node stops nobody whom the node answers, and nobody writes over what it found.
#[actix::test]
async fn one_that_is_cut_off_keeps_nobody_away_whom_the_node_answers() {
    let (cut, well) = fleet();
    cut.will_answer(5, &silent());
    for _ in 0..5 {
        assert!(cut.ask().await.is_err());
        assert_eq!(well.ask().await, Ok(1));
    }
    pass(Duration::from_millis(1_100)).await;
    assert_eq!(well.ask().await, Ok(1));
    well.will_answer(1, &silent());
    assert!(well.ask().await.is_err());
    pass(Duration::from_secs(6)).await;
    assert!(matches!(cut.written(), Some(Breaker::Open { .. })), "a fault that was counted does not undo it");
    assert!(matches!(cut.ask().await, Err(ChainFault::BreakerOpen { .. })));
    assert_eq!(well.ask().await, Ok(1));
}

/// Two who count their own faults do not write over each other's counts without end.
#[actix::test]
async fn two_who_count_do_not_quarrel() {
    let (first, second) = fleet();
    first.will_answer(1, &silent());
    second.will_answer(2, &silent());
    assert!(first.ask().await.is_err() && second.ask().await.is_err() && second.ask().await.is_err());
    pass(Duration::from_secs(60)).await;
    assert!(first.house.writes.load(Ordering::Relaxed) <= 2);
}
