//! The breaker as its callers share it.

use crate::domain::breaker::{Breaker, BreakerRules};
use crate::metrics_names as names;
use crate::ports::{ChainFault, Clock};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::{info, warn};

/// How long callers stay away from a dependency that refuses them without saying for how long, ms.
pub const PENALTY_DEFAULT_MS: i64 = 1_000;
/// For how long an answer of the dependency weighs more than another daemon's word that it is away, ms.
pub const OWN_WORD_MS: i64 = 10_000;
/// No penalty keeps callers away for longer, whatever the dependency says, ms.
pub const PENALTY_MAX_MS: i64 = 600_000;

/// One dependency's breaker, shared by everybody who calls it. `Send + Sync`.
#[derive(Clone)]
pub struct SharedBreaker(Arc<Inner>);

struct Inner {
    name: String,
    rules: BreakerRules,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    owner: Mutex<Option<Box<dyn Fn() + Send>>>,
    meters: Meters,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    breaker: Breaker,
    /// What the store has of it, as far as is known: this daemon's word, or another's.
    known: Breaker,
    /// What our own calls have changed that the store does not have.
    news: News,
    away_until_ms: i64,
    calls: u64,
    faults: u64,
    not_asked: u64,
    last_fault_at_ms: Option<i64>,
    last_answer: Option<LastAnswer>,
    last_answer_at_ms: i64,
}

/// What our own calls have changed since the store was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum News {
    /// Nothing.
    #[default]
    None,
    /// How many faults were counted.
    Count,
    /// The state's word.
    Word,
}

/// How the last call that was let through came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LastAnswer {
    /// With an answer.
    Well,
    /// With a fault of the dependency.
    Fault,
}

impl State {
    /// A clock that was set back keeps nobody away for longer.
    fn under(&mut self, now_ms: i64) {
        self.breaker = self.breaker.under(now_ms);
        if self.away_until_ms.saturating_sub(now_ms) > PENALTY_MAX_MS {
            self.away_until_ms = now_ms.saturating_add(PENALTY_DEFAULT_MS);
        }
    }
}

/// A breaker's view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakerView {
    /// Which dependency.
    pub dependency: String,
    /// `closed`, `open` or `half_open`.
    pub state: &'static str,
    /// Faults in a row, while it is closed.
    pub faults_in_a_row: u32,
    /// When it may be asked again, unix ms; absent while it may be asked.
    pub closed_to_callers_until_ms: Option<i64>,
    /// Calls that were let through since the process started.
    pub calls: u64,
    /// Of these, calls that met a fault.
    pub faults: u64,
    /// Calls that were not let through.
    pub not_asked: u64,
    /// When the last fault came, unix ms.
    pub last_fault_at_ms: Option<i64>,
    /// How the last call came back; absent until one has, since the process started.
    pub last_answer: Option<LastAnswer>,
}

impl SharedBreaker {
    /// The breaker of a dependency; `remembered` is what the store has of it (F004-42).
    #[must_use]
    pub fn new(name: &str, rules: BreakerRules, remembered: Option<Breaker>, clock: Arc<dyn Clock>) -> Self {
        let remembered = remembered.unwrap_or_default();
        let state = State { breaker: remembered, known: remembered, ..State::default() };
        let meters = Meters::of(name);
        meters.show(remembered);
        let (state, owner) = (Mutex::new(state), Mutex::new(None));
        Self(Arc::new(Inner { name: name.to_owned(), rules, clock, state, owner, meters }))
    }

    /// The dependency's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Asks to make one call now.
    pub fn permit(&self) -> Result<(), ChainFault> {
        let now_ms = self.0.clock.now_ms();
        let mut state = self.state();
        state.under(now_ms);
        let penalty_ms = state.away_until_ms.saturating_sub(now_ms);
        let permitted = if penalty_ms > 0 {
            Err(penalty_ms)
        } else {
            state.breaker.permit(&self.0.rules, now_ms).map_err(|open| open.retry_after_ms)
        };
        match permitted {
            Ok(next) => {
                state.calls += 1;
                self.move_on(state, next);
                Ok(())
            }
            Err(retry_after_ms) => {
                state.not_asked += 1;
                self.0.meters.not_asked.increment(1);
                Err(ChainFault::BreakerOpen { retry_after_ms })
            }
        }
    }

    /// Says how a call that was let through came back.
    pub fn report<T>(&self, result: &Result<T, ChainFault>, took: Duration) {
        self.0.meters.seconds.record(took.as_secs_f64());
        match result {
            Ok(_) => self.succeeded(),
            Err(fault) => self.failed(fault),
        }
    }

    fn succeeded(&self) {
        self.0.meters.ok.increment(1);
        let mut state = self.state();
        state.last_answer = Some(LastAnswer::Well);
        state.last_answer_at_ms = self.0.clock.now_ms();
        let next = state.breaker.succeeded(&self.0.rules);
        self.move_on(state, next);
    }

    fn failed(&self, fault: &ChainFault) {
        let now_ms = self.0.clock.now_ms();
        let mut state = self.state();
        let counts = match fault {
            ChainFault::Silent(_) => {
                self.0.meters.silent.increment(1);
                true
            }
            ChainFault::Garbled(_) => {
                self.0.meters.garbled.increment(1);
                true
            }
            ChainFault::Penalty { retry_after_ms, .. } => {
                self.0.meters.penalty.increment(1);
                // Thirty calls that left together and were refused together met one penalty, not thirty.
                let is_new = state.away_until_ms <= now_ms;
                let stay_away_ms = retry_after_ms.unwrap_or(PENALTY_DEFAULT_MS).clamp(0, PENALTY_MAX_MS);
                state.away_until_ms = state.away_until_ms.max(now_ms.saturating_add(stay_away_ms));
                is_new
            }
            // A breaker further in was not asked either: nobody learned anything.
            ChainFault::BreakerOpen { .. } => return,
        };
        state.faults += 1;
        state.last_fault_at_ms = Some(now_ms);
        state.last_answer = Some(LastAnswer::Fault);
        let next = if counts { state.breaker.failed(&self.0.rules, now_ms) } else { state.breaker };
        self.move_on(state, next);
    }

    fn move_on(&self, mut state: MutexGuard<'_, State>, next: Breaker) {
        let before = std::mem::replace(&mut state.breaker, next);
        let is_moved = before.word() != next.word();
        match (is_moved, before != next) {
            (true, _) => state.news = News::Word,
            (false, true) if state.news == News::None => state.news = News::Count,
            (false, _) => {}
        }
        drop(state);
        if !is_moved {
            return;
        }
        match next {
            Breaker::Open { .. } => {
                warn!(dependency = self.name(), "its circuit breaker opens");
                self.0.meters.opens.increment(1);
            }
            Breaker::Closed { .. } | Breaker::HalfOpen { .. } => {
                info!(dependency = self.name(), state = next.word(), "its circuit breaker moves on");
            }
        }
        self.0.meters.show(next);
        if let Some(tell) = self.0.owner.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            tell();
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn breaker(&self) -> Breaker {
        self.state().breaker
    }

    /// Where it stands, and how the last call came back: `None` until one has, since the process started.
    #[must_use]
    pub fn standing(&self) -> (Breaker, Option<LastAnswer>) {
        let state = self.state();
        (state.breaker, state.last_answer)
    }

    /// Its state, if our own calls have changed it and the store does not have it yet. A count of faults is never written over
    /// another daemon's open breaker.
    pub(super) fn unwritten(&self) -> Option<Breaker> {
        let state = self.state();
        let is_to_be_told = match (state.news, state.breaker, state.known) {
            (News::Word, ..) | (News::Count, Breaker::Closed { .. }, Breaker::Closed { .. }) => true,
            (News::None | News::Count, ..) => false,
        };
        (is_to_be_told && state.breaker != state.known).then_some(state.breaker)
    }

    /// The store has it now.
    pub(super) fn note_written(&self, written: Breaker) {
        let mut state = self.state();
        state.known = written;
        state.news = match state.breaker {
            now if now == written => News::None,
            now if now.word() == written.word() => News::Count,
            _ => News::Word,
        };
    }

    /// Hears what the store has of it: where another daemon of the fleet wrote it, this one follows, unless the dependency
    /// answers it ([`Breaker::hearing`]).
    pub(super) fn hear(&self, heard: Breaker) {
        let now_ms = self.0.clock.now_ms();
        let mut state = self.state();
        let before = std::mem::replace(&mut state.known, heard);
        if before == heard {
            return;
        }
        let since_ms = now_ms.saturating_sub(state.last_answer_at_ms);
        let answers_us = state.last_answer == Some(LastAnswer::Well) && (0..OWN_WORD_MS).contains(&since_ms);
        let next = state.breaker.hearing(before, heard, answers_us, &self.0.rules);
        let ours = std::mem::replace(&mut state.breaker, next);
        if ours == next {
            return;
        }
        state.news = News::None;
        drop(state);
        if ours.word() != next.word() {
            info!(
                dependency = self.name(),
                state = next.word(),
                "its circuit breaker follows another daemon's"
            );
            self.0.meters.show(next);
        }
    }

    /// Whom to tell when the state's word changes.
    pub(super) fn tell_owner(&self, tell: impl Fn() + Send + 'static) {
        *self.0.owner.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(tell));
    }

    /// Its view.
    #[must_use]
    pub fn view(&self) -> BreakerView {
        let (state, now_ms) = (*self.state(), self.0.clock.now_ms());
        let opens_ms = match state.breaker {
            Breaker::Open { since_ms } => since_ms.saturating_add(self.0.rules.recovery_ms),
            Breaker::Closed { .. } | Breaker::HalfOpen { .. } => 0,
        };
        let until_ms = opens_ms.max(state.away_until_ms);
        BreakerView {
            dependency: self.0.name.clone(),
            state: state.breaker.word(),
            faults_in_a_row: if let Breaker::Closed { faults } = state.breaker { faults } else { 0 },
            closed_to_callers_until_ms: (until_ms > now_ms).then_some(until_ms),
            calls: state.calls,
            faults: state.faults,
            not_asked: state.not_asked,
            last_fault_at_ms: state.last_fault_at_ms,
            last_answer: state.last_answer,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The metrics of one dependency, looked up once.
struct Meters {
    ok: Counter,
    silent: Counter,
    penalty: Counter,
    garbled: Counter,
    not_asked: Counter,
    seconds: Histogram,
    opens: Counter,
    states: [(&'static str, Gauge); 3],
}

impl Meters {
    fn of(dependency: &str) -> Self {
        let outcome = |outcome: &'static str| counter!(names::DEPENDENCY_CALLS_TOTAL, "dependency" => dependency.to_owned(), "outcome" => outcome);
        let state = |state: &'static str| {
            let gauge =
                gauge!(names::CIRCUIT_BREAKER_STATE, "dependency" => dependency.to_owned(), "state" => state);
            (state, gauge)
        };
        Self {
            ok: outcome("ok"),
            silent: outcome("silent"),
            penalty: outcome("penalty"),
            garbled: outcome("garbled"),
            not_asked: outcome("not_asked"),
            seconds: histogram!(names::DEPENDENCY_CALL_SECONDS, "dependency" => dependency.to_owned()),
            opens: counter!(names::CIRCUIT_BREAKER_OPENS_TOTAL, "dependency" => dependency.to_owned()),
            states: ["closed", "open", "half_open"].map(state),
        }
    }

    fn show(&self, breaker: Breaker) {
        for (word, gauge) in &self.states {
            gauge.set(u32::from(*word == breaker.word()));
        }
    }
}
