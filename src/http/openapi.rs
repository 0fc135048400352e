//! The API's description (OpenAPI 3.1), made from the same types that the handlers speak. A test compares it with the table
//! of routes and holds answers against it.

use std::{collections::BTreeMap, sync::LazyLock};

use actix_web::HttpResponse;
use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        ContentBuilder, RefOr, Response, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{
    actors, audit, audit_trail, auth, dead_jobs, docs, events, health, house, keys, limits, links, metrics,
    nodes, pause,
    payouts::{self, batch, create, decide, list, read, verify},
    problem::{Kind, PROBLEM_JSON, ProblemBody},
    problem_pages, second_factor, users,
};

/// The words of the domain's closed sets, so that the description has them all.
pub mod words {
    use payoutd_actors::domain::{
        journal::vocabulary::Severity,
        order::Route,
        payout::{AttemptOutcome, Reason, Reservation, Stage},
    };
    use utoipa::{
        PartialSchema, ToSchema,
        openapi::{ObjectBuilder, RefOr, Schema, Type},
    };

    macro_rules! words {
        ($($name:ident, $schema:literal, $says:literal, $all:expr;)+) => {$(
            #[doc = $says]
            pub struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let words = $all.into_iter().map(|word| word.to_owned()).collect::<Vec<String>>();
                    ObjectBuilder::new().schema_type(Type::String).description(Some($says)).enum_values(Some(words)).into()
                }
            }

            impl ToSchema for $name {
                fn name() -> std::borrow::Cow<'static, str> {
                    $schema.into()
                }
            }
        )+};
    }

    words! {
        StageWord, "Stage", "Where a payout stands.", Stage::ALL.map(Stage::word);
        ReasonWord, "Reason", "Why a payout stands where it stands.", Reason::ALL.iter().map(|reason| reason.word());
        RouteWord, "Route", "How money leaves the wallet.", Route::ALL.map(Route::word);
        OutcomeWord, "Outcome", "What became of a transfer.", AttemptOutcome::ALL.map(AttemptOutcome::word);
        ReservationWord, "Reservation", "What became of the money set aside.", Reservation::ALL.map(Reservation::word);
        SeverityWord, "Severity", "How grave a record is, the gravest last.", Severity::ALL.map(Severity::word);
        CurrencyWord, "Currency", "The currency.", ["USDT"];
        NetworkWord, "Network", "The network.", ["TRON"];
    }
}

macro_rules! problems {
    ($($(#[doc = $doc:literal])+ $name:ident: $($kind:ident),+;)+) => {$(
        $(#[doc = $doc])+
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                problems(&[$(Kind::$kind),+])
            }
        }
    )+};
}

problems! {
    /// What may go wrong with any question that needs a token.
    OnReading: QuotaExceeded, Unauthorized, Forbidden, RequestReplayed, Internal, Busy, Unavailable;
    /// … with asking whether the process answers.
    OnProbing: QuotaExceeded;
    /// … with a document that is not there before the house is.
    OnStarting: Unavailable;
    /// … with one payout.
    OnReadingOne: QuotaExceeded, Unauthorized, Forbidden, NotFound, RequestReplayed, Internal, Busy, Unavailable;
    /// … with a list.
    OnListing: QuotaExceeded, Unauthorized, Forbidden, RequestReplayed, InvalidQuery, ForeignCursor, Internal, Busy, Unavailable;
    /// … with a list from the register, which a daemon without a master key does not have.
    OnListingKept: QuotaExceeded, Unauthorized, Forbidden, NotFound, RequestReplayed, InvalidQuery, Internal, Busy, Unavailable;
    /// … with a list about one of many.
    OnListingOne: QuotaExceeded, Unauthorized, NotFound, RequestReplayed, InvalidQuery, ForeignCursor, Internal, Busy, Unavailable;
    /// … with an order.
    OnOrdering: MalformedRequest, IdempotencyKeyMissing, IdempotencyKeyInvalid, QuotaExceeded, Unauthorized, Forbidden, SignatureRequired,
        RequestReplayed, RequestTimeout,
        LimitExceeded, BodyTooLarge, UnsupportedMediaType, InvalidOrder, IdempotencyKeyReused, Internal, Busy, Unavailable;
    /// … with a decision.
    OnDeciding: MalformedRequest, QuotaExceeded, Unauthorized, StepUpRequired, Forbidden, NotFound, RequestTimeout, WrongStage, RequestReplayed, SignatureRequired, BodyTooLarge,
        UnsupportedMediaType, InvalidOrder, Internal, Busy, Unavailable;
    /// … with the kill switch.
    OnActing: MalformedRequest, QuotaExceeded, Unauthorized, StepUpRequired, Forbidden, SignatureRequired, RequestReplayed, RequestTimeout, BodyTooLarge, UnsupportedMediaType, InvalidOrder,
        Internal, Busy, Unavailable;
    /// … with a change of what there is.
    OnChanging: MalformedRequest, QuotaExceeded, Unauthorized, StepUpRequired, Forbidden, NotFound, SignatureRequired, Conflict, RequestReplayed, RequestTimeout,
        BodyTooLarge, UnsupportedMediaType, InvalidOrder, Internal, Busy, Unavailable;
    /// … with showing a secret for the first time.
    OnSigningIn: MalformedRequest, QuotaExceeded, Unauthorized, NotFound, Conflict, RequestTimeout, BodyTooLarge, UnsupportedMediaType, InvalidOrder,
        Internal, Busy, Unavailable;
    /// … with what a person does about themselves.
    OnTrying: MalformedRequest, QuotaExceeded, Unauthorized, StepUpRequired, Forbidden, NotFound, Conflict, RequestReplayed, RequestTimeout, BodyTooLarge,
        UnsupportedMediaType, InvalidOrder, Internal, Busy, Unavailable;
    /// … with setting a second factor up.
    OnEnrolling: MalformedRequest, QuotaExceeded, Unauthorized, Forbidden, NotFound, Conflict, RequestReplayed, RequestTimeout, BodyTooLarge,
        UnsupportedMediaType, InvalidOrder, MfaMethodUnsupported, Internal, Busy, Unavailable;
    /// … with a verification.
    OnVerifying: MalformedRequest, QuotaExceeded, Unauthorized, StepUpRequired, Forbidden, SignatureRequired, NotFound, RequestReplayed, RequestTimeout, BodyTooLarge, UnsupportedMediaType,
        InvalidOrder, Internal, Busy, Unavailable;
}

/// One response for each status, naming the problems that have it.
fn problems(kinds: &[Kind]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for kind in kinds {
        by_status.entry(kind.status().as_u16()).or_default().push(*kind);
    }
    let response = |kinds: Vec<Kind>| {
        let said: Vec<_> = kinds.iter().map(|kind| format!("{} (`{}`)", kind.title(), kind.word())).collect();
        let schema = utoipa::openapi::Ref::from_schema_name("Problem");
        let content = ContentBuilder::new().schema(Some(schema)).build();
        ResponseBuilder::new().description(said.join("; ")).content(PROBLEM_JSON, content).build()
    };
    by_status.into_iter().map(|(status, kinds)| (status.to_string(), response(kinds).into())).collect()
}

/// The API's description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "payoutd",
        description = "Pays USDT (TRC-20) on TRON, exactly once, and can prove it.\n\nAmounts are decimal strings, times are RFC 3339 in UTC. Whatever is not a success is a problem document (RFC 9457) with a `type` from a closed set; the type is a path of this server where its page is served. Every answer carries `X-Request-ID`. Where GET is answered, HEAD is, without the body. A parameter that a route does not know is refused (`invalid-query`).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        create::create, batch::create_batch, list::list, read::read, decide::cancel, decide::release, decide::reject,
        decide::resolve, verify::verify, events::events, house::stats, house::wallet, actors::actors, dead_jobs::list,
        dead_jobs::explain, dead_jobs::requeue, dead_jobs::discard, keys::create, keys::list, keys::show, keys::rotate, keys::revoke,
        users::invite, users::list, users::show, users::invite_anew, users::disable, users::enable, users::change_role, links::link, links::unlink, links::list, auth::accept,
        second_factor::finish, second_factor::step_up, second_factor::enrol, second_factor::verify, second_factor::disable,
        second_factor::backup_codes, second_factor::status, users::reset_factor,
        users::revoke, users::revoke_tokens, auth::sign_in, auth::refresh, auth::sign_out, auth::me, auth::change_password, auth::jwks,
        pause::pause, pause::resume, limits::show, limits::set, nodes::list, nodes::assign, nodes::remove,
        audit::public_key, audit::checkpoint, audit_trail::records, audit_trail::of_user, audit_trail::suspicious, audit_trail::alerts, document, health_v1, health::health, health::livez, health::readyz,
        metrics::metrics, problem_pages::page, docs::front, docs::file,
    ),
    components(schemas(ProblemBody, payouts::body::OrderBody)),
    modifiers(&Token),
    tags(
        (name = "payouts", description = "Order payouts, follow them, decide about them"),
        (name = "house", description = "The house itself: its numbers, its wallet, its kill switch"),
        (name = "events", description = "What happened, in order, from any place on"),
        (name = "jobs", description = "Jobs of the broker that could not be done"),
        (name = "keys", description = "API keys: what programs show"),
        (name = "users", description = "People: who may sign in; and which accounts are of one node"),
        (name = "auth", description = "What people do with their own secrets"),
        (name = "2fa", description = "Second factors"),
        (name = "audit", description = "What outsiders need to check the journal"),
        (name = "health", description = "For machines that watch"),
        (name = "documents", description = "For people who read")
    )
)]
struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of `http.token_file`, an API key, or the access token of a person who has signed in; what a key does that moves money is signed besides (docs/identity.md)"));
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
    }
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| description().to_json().unwrap_or_default());

/// The description, as a value.
#[must_use]
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// Read this description
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "documents", operation_id = "readOpenApi",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = serde_json::Value))
)]
pub async fn document() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT.as_str())
}

/// Whether the process answers
#[utoipa::path(
    get, path = "/v1/health", tag = "health", operation_id = "healthV1",
    responses((status = 200, description = "It does", body = health::HealthBody), OnProbing)
)]
#[allow(
    dead_code,
    reason = "the description of a second path to one handler; the table of routes has the handler"
)]
fn health_v1() {}
