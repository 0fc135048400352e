//! The gate: what stands between a request and its handler. Rates, who is a gateway, the token, the permission, the parameters of routes that take
//! none, whether somebody stands behind the door yet, and a bound on what is worked on at once. It reads the route's line in
//! the table and nothing else.

use std::sync::Arc;

use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
    web::Data,
};
use tokio::sync::Semaphore;

use super::{
    credentials,
    door::Door,
    gateway, peer,
    problem::{Kind, Problem},
    query, rates,
    refusals::Seen,
    routes::{self, Asked, Lane, Line},
};
use crate::identity::Principal;

/// When asking again makes sense for who found a lane full, ms.
const FULL_RETRY_AFTER_MS: i64 = 1_000;

/// How many requests of each lane are worked on at once, all workers together.
#[derive(Clone)]
pub struct Turnstiles {
    write: Arc<Semaphore>,
    read: Arc<Semaphore>,
    operate: Arc<Semaphore>,
    sign_in: Arc<Semaphore>,
}

impl Default for Turnstiles {
    fn default() -> Self {
        let places = |lane: Lane| Arc::new(Semaphore::new(lane.at_once_max()));
        Self {
            write: places(Lane::Write),
            read: places(Lane::Read),
            operate: places(Lane::Operate),
            sign_in: places(Lane::SignIn),
        }
    }
}

impl Turnstiles {
    fn of(&self, lane: Lane) -> Option<&Arc<Semaphore>> {
        match lane {
            Lane::Write => Some(&self.write),
            Lane::Read => Some(&self.read),
            Lane::Operate => Some(&self.operate),
            Lane::SignIn => Some(&self.sign_in),
            Lane::Probe => None,
        }
    }
}

/// Lets a request through to its handler, or answers in its place. What is refused, here or by the handler, is noted.
pub async fn gate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let seen = Seen::of(&request);
    let answer = let_through(request, next).await?;
    if let Some(seen) = seen {
        seen.note(&answer);
    }
    Ok(answer)
}

async fn let_through(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(door) = request.app_data::<Data<Door>>().cloned() else {
        return Ok(refuse(request, Problem::new(Kind::Internal, "the door is not open")));
    };
    gateway::strip(&mut request);
    let line = routes::line_of(&request);
    if let Err(problem) = rates::before_identity(&door, &request, line).await {
        return Ok(refuse(request, problem));
    }
    if gateway::is_of_a_stranger(&request) {
        let answer = rates::of_unknown(&door, &request, line, gateway::not_a_gateway()).await;
        return Ok(refuse(request, answer));
    }
    let Some(line) = line else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    if let Some(asked) = line.asks(peer::is_at_home(request.request(), &door.settings.trusted_proxies)) {
        match credentials::principal_of(&door, &mut request, asked).await {
            Ok(principal) => {
                let measured = rates::of_principal(&door, &request, line, &principal).await;
                let mut fits = measured
                    .and_then(|()| principal.must_fit(asked))
                    .and_then(|()| fresh(&door, line, asked, &principal));
                if fits.is_ok() {
                    fits = gateway::note(&door, &request, line, &principal).await;
                }
                request.extensions_mut().insert::<Principal>(principal);
                if let Err(problem) = fits {
                    return Ok(refuse(request, problem));
                }
            }
            Err(problem) => {
                let answer = rates::of_unknown(&door, &request, Some(line), problem).await;
                return Ok(refuse(request, answer));
            }
        }
    }
    if line.parameters.is_empty()
        && let Err(problem) = query::must_be_empty(request.query_string())
    {
        return Ok(refuse(request, problem));
    }
    if line.wants_office()
        && let Err(problem) = door.office()
    {
        return Ok(refuse(request, problem));
    }
    // A place is for work: whoever sends slowly waits with their body before it.
    if line.has_few_places()
        && let Err(problem) = credentials::read_whole(&mut request).await
    {
        return Ok(refuse(request, problem));
    }
    let turnstile = door.turnstiles.of(line.lane).map(|places| places.clone().try_acquire_owned());
    match turnstile.transpose() {
        Ok(_place) => next.call(request).await.map(ServiceResponse::map_into_boxed_body),
        Err(_) => {
            let problem =
                Problem::new(Kind::Busy, "as many requests as are taken at once are being worked on");
            Ok(refuse(request, problem.retry_after_ms(FULL_RETRY_AFTER_MS)))
        }
    }
}

/// Whoever changes what is grave has shown their second factor a moment ago.
fn fresh(door: &Door, line: &Line, asked: Asked, principal: &Principal) -> Result<(), Problem> {
    let changes = line.method != Method::GET;
    match door.gatekeeper()? {
        Some(gatekeeper) => principal.must_be_fresh(asked, changes, gatekeeper.keyring().now_ms()),
        None => Ok(()),
    }
}

fn refuse(request: ServiceRequest, problem: Problem) -> ServiceResponse<BoxBody> {
    request.error_response(problem)
}
