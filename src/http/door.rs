//! The door: what every handler is given, how far the house is, and the server that listens.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use actix_web::{
    App, HttpServer,
    dev::Server,
    http::header::HeaderMap,
    middleware::from_fn,
    web::{self, Data},
};

use super::{
    access::Caller,
    envelope::envelope,
    gate::{Turnstiles, gate},
    office::{Fault, SharedOffice},
    problem::{Kind, Problem},
    routes,
    settings::{CONNECTIONS_MAX, DRAIN_WITHIN, HEADERS_WITHIN, KEEP_ALIVE, LINGER, Settings},
};
use crate::telemetry::Metrics;

/// How far the house is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Not yet ready for orders.
    Starting = 0,
    /// Open.
    Open = 1,
    /// Finishing what it has, taking nothing new.
    Draining = 2,
}

/// How far the house is, told by whoever starts and stops it.
#[derive(Debug, Clone, Default)]
pub struct PhaseSign(Arc<AtomicU8>);

impl PhaseSign {
    /// Turns the sign.
    pub fn show(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }

    /// What the sign shows.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Open,
            _ => Phase::Draining,
        }
    }
}

/// What every handler is given.
#[derive(Clone)]
pub struct Door {
    /// Whom handlers ask.
    pub office: SharedOffice,
    /// The door's own limits.
    pub settings: Settings,
    /// How far the house is.
    pub phase: PhaseSign,
    /// The numbers, for `/metrics`.
    pub metrics: Metrics,
    /// The bounds on what is worked on at once.
    pub turnstiles: Turnstiles,
}

impl Door {
    /// A door before an office. The sign shows "starting" until it is turned.
    #[must_use]
    pub fn new(office: SharedOffice, settings: Settings, metrics: Metrics) -> Self {
        Self { office, settings, phase: PhaseSign::default(), metrics, turnstiles: Turnstiles::default() }
    }

    /// Whoever shows the token.
    #[must_use]
    pub fn caller_of(&self, headers: &HeaderMap) -> Option<Caller> {
        self.settings.token.is_shown_by(headers).then(Caller::house)
    }

    /// Opens the door: the server, to be awaited or spawned, and where it listens. Signals are the caller's.
    ///
    /// # Errors
    /// When the address can not be listened on.
    pub fn open(self) -> io::Result<(Server, SocketAddr)> {
        let listener = TcpListener::bind(self.settings.listen)?;
        let address = listener.local_addr()?;
        let workers = self.settings.workers.max(1);
        let data = Data::new(self);
        let server = HttpServer::new(move || {
            App::new().configure(|config| furnish(config, &data)).wrap(from_fn(gate)).wrap(from_fn(envelope))
        })
        .workers(workers)
        .max_connections(CONNECTIONS_MAX.div_ceil(workers))
        .client_request_timeout(HEADERS_WITHIN)
        .client_disconnect_timeout(LINGER)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(DRAIN_WITHIN.as_secs())
        .disable_signals()
        .listen(listener)?
        .run();
        Ok((server, address))
    }
}

fn furnish(config: &mut web::ServiceConfig, door: &Data<Door>) {
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

    #[test]
    fn the_sign_shows_what_it_was_turned_to() {
        let sign = PhaseSign::default();
        assert_eq!(sign.phase(), Phase::Starting);
        for phase in [Phase::Open, Phase::Draining, Phase::Starting] {
            sign.clone().show(phase);
            assert_eq!(sign.phase(), phase);
        }
    }
}
