//! The door: what every handler is given, and how far the house is.
//!
//! It opens before there is an office behind it, so that whoever watches sees a house that starts and not a port that is
//! shut: until [`Door::staff`] only probes and documents answer, everything else is told to come back.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use actix_web::web::{self, Data};

use payoutd_actors::{rate_limiter::RateLimiters, refusal_recorder::Refusals};

use super::{
    events::StreamPlaces,
    gate::Turnstiles,
    listeners::{self, CannotListen, Opened},
    office::{Fault, Office, SharedOffice},
    problem::{Kind, Problem},
    routes,
    settings::Settings,
};
use crate::{identity::Gatekeeper, limits::LimitDesk, nodes::NodeDesk, telemetry::Metrics};

/// When asking a house that starts makes sense again, ms.
const STARTING_RETRY_AFTER_MS: i64 = 1_000;

/// How far the house is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nobody stands behind the door yet.
    Starting,
    /// Open.
    Open,
    /// Finishing what it has; the door is about to shut.
    Draining,
}

/// What every handler is given.
#[derive(Clone)]
pub struct Door {
    /// Whom handlers ask; nobody while the house starts.
    office: Arc<OnceLock<SharedOffice>>,
    /// Who says how often somebody may ask; nobody while the house starts.
    rates: Arc<OnceLock<RateLimiters>>,
    /// Who knows API keys; nobody while the house starts, and nobody where none are taken.
    gatekeeper: Arc<OnceLock<Arc<Gatekeeper>>>,
    /// Where spending limits are set; nobody while the house starts.
    limits: Arc<OnceLock<Arc<LimitDesk>>>,
    /// Who knows which account is of which node; nobody while the house starts.
    nodes: Arc<OnceLock<Arc<NodeDesk>>>,
    draining: Arc<AtomicBool>,
    /// The door's own limits.
    pub settings: Settings,
    /// The numbers, for `/metrics`.
    pub metrics: Metrics,
    /// The bounds on what is worked on at once.
    pub turnstiles: Turnstiles,
    /// Where what is refused is noted, for the journal.
    pub refusals: Refusals,
    /// The places for streams of events.
    pub streams: StreamPlaces,
}

impl Door {
    /// A door with nobody behind it yet.
    #[must_use]
    pub fn new(settings: Settings, metrics: Metrics) -> Self {
        Self {
            office: Arc::default(),
            rates: Arc::default(),
            gatekeeper: Arc::default(),
            limits: Arc::default(),
            nodes: Arc::default(),
            draining: Arc::default(),
            settings,
            metrics,
            turnstiles: Turnstiles::default(),
            refusals: Refusals::default(),
            streams: StreamPlaces::default(),
        }
    }

    /// From now on callers are let through to this office. Whoever stands there already stays.
    pub fn staff(&self, office: SharedOffice) {
        self.office.get_or_init(|| office);
    }

    /// From now on requests are measured; before [`Self::staff`], so that nobody is let through unmeasured.
    pub fn measure_rates(&self, limiters: RateLimiters) {
        self.rates.get_or_init(|| limiters);
    }

    /// Who says how often somebody may ask; `None` while the house starts, and for a door that measures nothing.
    #[must_use]
    pub fn rates(&self) -> Option<&RateLimiters> {
        self.rates.get()
    }

    /// From now on the house shows that it closes.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// How far the house is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match (self.draining.load(Ordering::Acquire), self.office.get()) {
            (true, _) => Phase::Draining,
            (false, None) => Phase::Starting,
            (false, Some(_)) => Phase::Open,
        }
    }

    /// Whom handlers ask.
    ///
    /// # Errors
    /// While the house starts.
    pub fn office(&self) -> Result<&dyn Office, Problem> {
        self.office.get().map(AsRef::as_ref).ok_or_else(|| {
            Problem::new(
                Kind::Unavailable,
                "the house is starting: its store and its nodes are looked at first",
            )
            .retry_after_ms(STARTING_RETRY_AFTER_MS)
        })
    }

    /// From now on API keys are known, too; before [`Self::staff`].
    pub fn take_keys(&self, gatekeeper: Arc<Gatekeeper>) {
        self.gatekeeper.get_or_init(|| gatekeeper);
    }

    /// Who knows API keys; `None` where none are taken.
    ///
    /// # Errors
    /// While the house starts: whether a key is good is not known yet.
    pub fn gatekeeper(&self) -> Result<Option<&Gatekeeper>, Problem> {
        match self.gatekeeper.get() {
            Some(gatekeeper) => Ok(Some(gatekeeper)),
            None if self.settings.takes_keys => self.office().map(|_| None),
            None => Ok(None),
        }
    }

    /// From now on spending limits can be set; before [`Self::staff`].
    pub fn take_limits(&self, limits: Arc<LimitDesk>) {
        self.limits.get_or_init(|| limits);
    }

    /// Where spending limits are set; `None` while the house starts, and for a door behind which none are.
    #[must_use]
    pub fn limits(&self) -> Option<&LimitDesk> {
        self.limits.get().map(AsRef::as_ref)
    }

    /// From now on nodes are known; before [`Self::staff`].
    pub fn take_nodes(&self, nodes: Arc<NodeDesk>) {
        self.nodes.get_or_init(|| nodes);
    }

    /// Who knows which account is of which node; `None` while the house starts, and for a door behind which no account is of any.
    #[must_use]
    pub fn nodes(&self) -> Option<&NodeDesk> {
        self.nodes.get().map(AsRef::as_ref)
    }

    /// Opens the door: every listener of its settings. Signals are the caller's.
    ///
    /// # Errors
    /// When one of the places can not be listened on.
    pub fn open(self) -> Result<Opened, CannotListen> {
        listeners::open(self)
    }
}

/// Puts up the door and its routes, for a server.
pub(super) fn furnish(config: &mut web::ServiceConfig, door: &Data<Door>) {
    config.app_data(door.clone());
    routes::mount(config);
    config.default_service(web::to(|| async {
        Err::<actix_web::HttpResponse, _>(Problem::new(
            Kind::NotFound,
            "no route has this path; /docs lists them",
        ))
    }));
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Busy { retry_after_ms } => {
                Self::new(Kind::Busy, "more is waiting than is taken on at once")
                    .retry_after_ms(retry_after_ms)
            }
            Fault::Away { who, retry_after_ms } => {
                Self::new(Kind::Unavailable, format!("{who} is away")).retry_after_ms(retry_after_ms)
            }
            Fault::Broken { cause } => {
                tracing::error!(cause, "the office could not answer");
                Self::new(Kind::Internal, "the cause stands in the log, under this request's id")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F003-24: what broke inside stays inside.
    #[test]
    fn a_fault_inside_never_reaches_the_caller() {
        let cause = "SELECT * FROM payouts; /home/me/store.db: panicked at src/x.rs:1".to_owned();
        let problem = Problem::from(Fault::Broken { cause });
        let text = serde_json::to_string(&problem.document("r-1")).unwrap();
        for inside in ["SELECT", "/home/", "panicked", ".rs", ".db"] {
            assert!(!text.contains(inside), "{text}");
        }
    }
}
