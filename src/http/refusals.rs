//! What the door refuses, noted for the journal: who wanted what, and why not (F000-13, F004-29). Who is known is named; of a stranger
//! the address is, as the rates know it, and of a gateway's the name. **Never here:** a credential, or any of it.

use std::net::IpAddr;

use actix_web::{
    HttpMessage,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    web::Data,
};
use payoutd_actors::{
    domain::{
        rates::Whom,
        refusals::{Refusal, RefusalKind},
    },
    ports::Clock as _,
};

use super::{
    door::Door,
    listeners::visitor_of,
    peer,
    problem::{Kind, Problem},
    routes::{self, Line, Needs},
};
use crate::{
    identity::{Principal, gateway::Visitor},
    record,
    world::SystemClock,
};

/// What is kept of a request until its answer is known.
pub struct Seen {
    door: Data<Door>,
    line: &'static Line,
    peer: Option<IpAddr>,
    visitor: Option<Visitor>,
}

impl Seen {
    /// A request on its way in; `None` where no route has its path.
    #[must_use]
    pub fn of(request: &ServiceRequest) -> Option<Self> {
        let door = request.app_data::<Data<Door>>()?.clone();
        let line = routes::line_of(request)?;
        let peer = peer::address_of(request.request(), &door.settings.trusted_proxies);
        let visitor = visitor_of(request.request()).cloned();
        Some(Self { door, line, peer, visitor })
    }

    /// Notes what its answer refuses, where it refuses something.
    pub fn note(self, answer: &ServiceResponse<impl MessageBody>) {
        let error = answer.response().error();
        let Some(problem) = error.and_then(|error| error.as_error::<Problem>()) else { return };
        let Some(kind) = kind_of(problem) else { return };
        let known = answer.request().extensions().get::<Principal>().map(|who| who.name().to_owned());
        let stranger = || match &self.visitor {
            Some(Visitor::Gateway(gateway)) => gateway.name().to_owned(),
            Some(Visitor::Stranger(Some(name))) => format!("no gateway: {name}"),
            Some(Visitor::Stranger(None)) | None => self.peer.map_or(Whom::Nearby, Whom::at).to_string(),
        };
        let refusal = Refusal {
            kind,
            principal: known.unwrap_or_else(stranger),
            action: self.line.action,
            permission: permission_of(self.line),
            reason: problem.why.unwrap_or(problem.kind.word()),
        };
        self.door.refusals.note(refusal, &record::cause(), SystemClock.now_ms());
    }
}

fn kind_of(problem: &Problem) -> Option<RefusalKind> {
    match problem.kind {
        Kind::Unauthorized => Some(RefusalKind::AuthenticationFailed),
        Kind::Forbidden if problem.why.is_some() => Some(RefusalKind::SuspiciousActivity),
        Kind::Forbidden | Kind::SignatureRequired => Some(RefusalKind::AuthorizationDenied),
        Kind::RequestReplayed => Some(RefusalKind::SuspiciousActivity),
        _ => None,
    }
}

fn permission_of(line: &Line) -> Option<&'static str> {
    match line.needs {
        Needs::Permission(grant) | Needs::PermissionElsewhere(grant) => Some(grant.permission.word()),
        _ => None,
    }
}
