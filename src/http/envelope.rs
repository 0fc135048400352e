//! The envelope around every answer: the request's id, the security headers (F003-10, F001-30), problems written out with
//! their `instance`, how the caller's rate stands, one line in the log and two numbers in the metrics.
//!
//! The log names routes by what they do (F000-16), never by the path as it was sent: no ids, no query, no body.

use std::time::Instant;

use actix_cors::CorsError;
use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use payoutd_actors::{domain::journal::Cause, rate_limiter::Verdict};

use super::{
    cors,
    door::Door,
    listeners::{Arrival, gateway_of},
    peer,
    problem::{Kind, Problem},
    rates::fields,
    request_id::{self, RequestId},
    rest::Rest,
    routes,
};
use crate::{record, telemetry::names};

/// What a route is called that is in no table.
const NO_ROUTE: &str = "no_route";
/// Characters of a user agent that the log keeps.
const AGENT_CHARS_MAX: usize = 120;

/// The policy of every answer but the pages for people: nothing may be loaded, nobody may frame it.
pub const API_CSP: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, API_CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    // The filter that this header once steered did harm; 0 turns what is left of it off.
    (header::X_XSS_PROTECTION, "0"),
];

/// What an answer says to browsers about pages of other origins; a problem is shown to the same pages.
const FOR_BROWSERS: [HeaderName; 3] =
    [header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_EXPOSE_HEADERS, header::VARY];

/// Whoever came over TLS once does not come otherwise for a year (RFC 6797); said over TLS alone.
const TLS_FROM_NOW_ON: &str = "max-age=31536000; includeSubDomains";

/// Wraps a request on its way in and its answer on its way out.
pub async fn envelope(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let rest = Rest::of(&mut request);
    let id = RequestId::of(request.headers());
    id.attach(&request);
    let cause = id.cause(request.headers());
    let log = LogLine::of(&request, &cause);
    let arrival = Arrival::of(request.request());
    let mut answer = record::caused_by(cause, next.call(request)).await?.map_into_boxed_body();
    if let Some(problem) = problem_of(&answer) {
        answer = with_problem(answer, &problem, &id);
    }
    adorn(answer.headers_mut(), &id, arrival);
    let measured = answer.request().extensions().get::<Verdict>().cloned();
    if let Some(verdict) = measured {
        fields::write(&verdict, answer.headers_mut());
    }
    log.write(&answer, &id, began);
    if let Some(rest) = rest {
        rest.pass().await;
    }
    Ok(answer)
}

/// The problem in an answer that is not a success. What no handler made a problem of (the framework's own refusals) is
/// given the nearest one of the closed set.
fn problem_of(answer: &ServiceResponse<BoxBody>) -> Option<Problem> {
    let status = answer.status();
    if status.is_success() || status.is_redirection() || status.is_informational() {
        return None;
    }
    if let Some(problem) = answer.response().error().and_then(|error| error.as_error::<Problem>()) {
        return Some(problem.clone());
    }
    if let Some(error) = answer.response().error().and_then(|error| error.as_error::<CorsError>()) {
        return Some(cors::problem_of(error));
    }
    let Some(error) = answer.response().error() else {
        // A handler's own words (a readiness of 503) stand as they are; an empty refusal is the framework's.
        return (answer.response().body().size().is_eof()).then(|| nearest(answer));
    };
    tracing::debug!(%status, %error, "a request was refused before its handler");
    Some(nearest(answer))
}

fn nearest(answer: &ServiceResponse<BoxBody>) -> Problem {
    match answer.status() {
        StatusCode::NOT_FOUND => Problem::new(Kind::NotFound, "no route has this path; /docs lists them"),
        StatusCode::METHOD_NOT_ALLOWED => Problem {
            allow: answer
                .headers()
                .get(header::ALLOW)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
            ..Problem::new(Kind::MethodNotAllowed, "another method is wanted; the header Allow names it")
        },
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Kind::BodyTooLarge, "the body is longer than is taken here")
        }
        StatusCode::REQUEST_TIMEOUT => {
            Problem::new(Kind::RequestTimeout, "the request did not arrive in time")
        }
        status if status.is_client_error() => {
            Problem::new(Kind::MalformedRequest, "the request can not be read")
        }
        _ => Problem::new(Kind::Internal, "the cause stands in the log, under this request's id"),
    }
}

fn with_problem(
    answer: ServiceResponse<BoxBody>,
    problem: &Problem,
    id: &RequestId,
) -> ServiceResponse<BoxBody> {
    let for_browsers: Vec<_> = FOR_BROWSERS
        .iter()
        .filter_map(|name| Some((name.clone(), answer.headers().get(name)?.clone())))
        .collect();
    let mut answer = answer.into_response(problem.respond(id.as_str()));
    for (name, value) in for_browsers {
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn adorn(headers: &mut HeaderMap, id: &RequestId, arrival: Option<Arrival>) {
    for (name, value) in SECURITY_HEADERS {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if arrival == Some(Arrival::Tls) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_FROM_NOW_ON));
    }
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(HeaderName::from_static(request_id::HEADER), value);
    }
}

/// Where a request comes from, behind the proxies that are trusted; the gateway's name, where one has brought it; nothing for a local
/// socket.
fn client_of(request: &ServiceRequest) -> String {
    if let Some(gateway) = gateway_of(request.request()) {
        return gateway.name().to_owned();
    }
    let door = request.app_data::<Data<Door>>();
    let trusted = door.map_or(&[][..], |door| &door.settings.trusted_proxies);
    peer::address_of(request.request(), trusted).map(|address| address.to_string()).unwrap_or_default()
}

/// What is kept of a request for its line in the log.
struct LogLine {
    method: Method,
    action: &'static str,
    route: &'static str,
    client: String,
    agent: String,
    trace_id: Option<String>,
}

impl LogLine {
    fn of(request: &ServiceRequest, cause: &Cause) -> Self {
        let line = routes::line_of(request);
        let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            method: request.method().clone(),
            action: line.map_or(NO_ROUTE, |line| line.action),
            route: line.map_or(NO_ROUTE, |line| line.path),
            client: client_of(request),
            agent: agent.unwrap_or_default().chars().take(AGENT_CHARS_MAX).collect(),
            trace_id: cause.trace_id.map(|id| id.to_string()),
        }
    }

    fn write(self, answer: &ServiceResponse<BoxBody>, id: &RequestId, began: Instant) {
        let Self { method, action, route, client, agent, trace_id } = self;
        let (status, took) = (answer.status().as_u16(), began.elapsed());
        let request_id = id.as_str();
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        // A probe every second would drown the rest.
        if route == NO_ROUTE || !routes::is_probe(route) || status >= 400 {
            tracing::info!(target: "payoutd::access", request_id, trace_id, action, route, %method, status, took_ms, client, agent, "answered");
        } else {
            tracing::debug!(target: "payoutd::access", request_id, trace_id, action, route, %method, status, took_ms, client, agent, "answered");
        }
        metrics::counter!(names::HTTP_REQUESTS_TOTAL, "action" => action, "status" => status.to_string())
            .increment(1);
        metrics::histogram!(names::HTTP_REQUEST_SECONDS, "action" => action).record(took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, middleware::from_fn, test};
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// F000-16: the line says what was done, by the route; what stood in the path and in the query stays with the caller.
    #[actix_web::test]
    async fn the_log_tells_the_action_and_keeps_the_callers_words_to_itself() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let app = test::init_service(App::new().configure(routes::mount).wrap(from_fn(envelope))).await;
        for uri in ["/health", "/v1/payouts?recipient=SECRET", "/v1/payouts/SECRET", "/SECRET?SECRET"] {
            let request =
                test::TestRequest::get().uri(uri).insert_header((header::AUTHORIZATION, "Bearer SECRET"));
            let request = request.insert_header((request_id::TRACEPARENT, format!("00-{TRACE}-{PARENT}-01")));
            let _ = test::call_service(&app, request.to_request()).await;
        }
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let told: Vec<_> = text.lines().filter(|line| line.contains("payoutd::access")).collect();
        assert_eq!(told.len(), 3, "{text}");
        for (line, action) in told.iter().zip(["payout_list", "payout_read", "no_route"]) {
            assert!(line.contains(&format!("action=\"{action}\"")), "{line}");
            assert!(line.contains(&format!("trace_id=\"{TRACE}\"")) && !line.contains(PARENT), "{line}");
        }
        assert!(!text.contains("SECRET"), "{text}");
    }
}
