//! The table of routes: every method and path of the door, what it does in one word, who may, how many at once and how often.
//!
//! To add a route: one line here, a handler in its resource's file, and its name in `openapi.rs`. A test compares the
//! table with the API's description, so that neither can forget the other.

use actix_web::{
    Resource, Route,
    dev::ServiceRequest,
    guard::fn_guard,
    http::Method,
    web::{self, ServiceConfig},
};
use payoutd_actors::domain::{
    access::{Detail, Grant, Reach},
    rates::RateClass,
};

use super::{
    access::Permission::{self, *},
    actors, audit, audit_trail, auth, dead_jobs, docs, events, health, house, keys, limits, links, metrics,
    nodes, openapi, pause,
    payouts::{batch, create, decide, list, read, verify},
    problem::{Kind, Problem},
    problem_pages, second_factor, users,
};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Everybody: probes, documents, and whoever is about to show who they are.
    Nothing,
    /// Everybody on this machine, and from elsewhere whoever has a grant that covers this one.
    PermissionElsewhere(Grant),
    /// A person who has signed in, whatever they may do: it is about themselves.
    Person,
    /// Whoever is known; the handler keeps to what is theirs.
    Somebody,
    /// Whoever has a grant that covers this one.
    Permission(Grant),
}

/// What a route asks of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To be a person who has signed in.
    Person,
    /// To be known.
    Somebody,
    /// To have a grant that covers this one.
    Grant(Grant),
}

/// The lane that a request stands in: how many of its kind are worked on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Orders and decisions.
    Write,
    /// Reading.
    Read,
    /// Questions that go out to the network, the kill switch, and the fresh code that it wants.
    Operate,
    /// Secrets of people: each costs a hash. Nobody who floods it keeps the kill switch from whoever runs the house.
    SignIn,
    /// Probes and documents: cheap, and never refused, so that a busy house is not taken for a dead one.
    Probe,
}

impl Lane {
    /// Requests of the lane that are worked on at once; one more is told to come back. What the office answers from its
    /// own memory and store is bounded by the connections alone: whoever has one is served.
    #[must_use]
    pub const fn at_once_max(self) -> usize {
        match self {
            Self::Write | Self::Read | Self::Probe => super::settings::CONNECTIONS_MAX,
            Self::Operate => 16,
            Self::SignIn => 64,
        }
    }
}

/// One line of the table.
pub struct Line {
    /// The method.
    pub method: Method,
    /// The path, with the names of its parts.
    pub path: &'static str,
    /// What it does, in a word: the `action` of the log and the metrics.
    pub action: &'static str,
    /// Who may.
    pub needs: Needs,
    /// How many are worked on at once.
    pub lane: Lane,
    /// How often one principal may ask.
    pub rate: RateClass,
    /// The parameters that its handler takes after the `?`; without any, the gate refuses all.
    pub parameters: &'static [&'static str],
    /// Makes its handler.
    route: fn() -> Route,
}

impl Line {
    /// What is asked of a caller who is on this machine, or is not.
    #[must_use]
    pub const fn asks(&self, is_at_home: bool) -> Option<Asked> {
        match self.needs {
            Needs::Nothing => None,
            Needs::PermissionElsewhere(_) if is_at_home => None,
            Needs::Person => Some(Asked::Person),
            Needs::Somebody => Some(Asked::Somebody),
            Needs::Permission(grant) | Needs::PermissionElsewhere(grant) => Some(Asked::Grant(grant)),
        }
    }

    /// Whether a place in its lane is one of few.
    #[must_use]
    pub const fn has_few_places(&self) -> bool {
        matches!(self.lane, Lane::Operate | Lane::SignIn)
    }

    /// Whether its answer comes from the office: probes and documents answer while the house starts, too.
    #[must_use]
    pub fn wants_office(&self) -> bool {
        self.lane != Lane::Probe
    }
}

/// A line: method, path, action, permission, lane, rate class, parameters where it takes some, handler.
macro_rules! lines {
    (@parameters) => { &[] };
    (@parameters $parameters:path) => { $parameters };
    ($($method:ident $path:literal $action:literal $needs:expr, $lane:ident, $rate:ident $(, $parameters:path)? => $handler:path;)+) => {
        /// Every route of the door.
        pub static TABLE: &[Line] = &[$(Line {
            method: Method::$method,
            path: $path,
            action: $action,
            needs: $needs,
            lane: Lane::$lane,
            rate: RateClass::$rate,
            parameters: lines!(@parameters $($parameters)?),
            route: || Route::new().guard(fn_guard(|asked| takes(&Method::$method, &asked.head().method))).to($handler),
        },)+];
    };
}

lines! {
    POST "/v1/payouts"              "payout_create"    may(PayoutCreate),   Write, PayoutCreate      => create::create;
    POST "/v1/payouts/batch"        "payout_batch"     may_many(PayoutCreate), Write, PayoutBatch       => batch::create_batch;
    GET  "/v1/payouts"              "payout_list"      may(PayoutRead),     Read, PayoutList, list::PARAMETERS => list::list;
    GET  "/v1/payouts/{id}"         "payout_read"      may(PayoutRead),     Read, Default            => read::read;
    POST "/v1/payouts/{id}/cancel"  "payout_cancel"    may(PayoutCancel),   Write, Default           => decide::cancel;
    POST "/v1/payouts/{id}/release" "payout_release"   may(PayoutOperate),  Write, Default           => decide::release;
    POST "/v1/payouts/{id}/reject"  "payout_reject"    may(PayoutOperate),  Write, Default           => decide::reject;
    POST "/v1/payouts/{id}/resolve" "payout_resolve"   may(PayoutOperate),  Write, Default           => decide::resolve;
    POST "/v1/payouts/{id}/verify"  "payout_verify"    may(PayoutOperate),  Operate, Default         => verify::verify;
    GET  "/v1/events"               "events_read"      may_to_all(EventRead), Read, Default, events::PARAMETERS => events::events;
    GET  "/v1/stats"                "stats_read"       may(HouseRead),      Read, Stats              => house::stats;
    GET  "/v1/wallet"               "wallet_read"      may_fully(HouseRead), Read, Default            => house::wallet;
    GET  "/v1/admin/actors"         "actors_read"      may_fully(HouseRead), Read, Default            => actors::actors;
    GET  "/v1/admin/jobs/dead"      "dead_jobs_list"   may_to_all(PayoutRead), Operate, Default         => dead_jobs::list;
    GET  "/v1/admin/jobs/dead/{id}" "dead_job_read"    may_to_all(PayoutRead), Operate, Default         => dead_jobs::explain;
    POST "/v1/admin/jobs/dead/{id}/requeue" "dead_job_requeue" may_to_all(PayoutOperate), Operate, Default         => dead_jobs::requeue;
    POST "/v1/admin/jobs/dead/{id}/discard" "dead_job_discard" may_to_all(PayoutOperate), Operate, Default         => dead_jobs::discard;
    POST "/v1/admin/keys"           "api_key_create"   may(KeyAdmin),       Operate, Default         => keys::create;
    GET  "/v1/admin/keys"           "api_key_list"     may(KeyAdmin),       Operate, Default, keys::PARAMETERS => keys::list;
    GET  "/v1/admin/keys/{id}"      "api_key_read"     may(KeyAdmin),       Operate, Default         => keys::show;
    POST "/v1/admin/keys/{id}/rotate" "api_key_rotate" may(KeyAdmin),       Operate, Default         => keys::rotate;
    POST "/v1/admin/keys/{id}/revoke" "api_key_revoke" may(KeyAdmin),       Operate, Default         => keys::revoke;
    POST "/v1/admin/users"          "user_invite"      may(UserAdmin),      Operate, Default         => users::invite;
    GET  "/v1/admin/users"          "user_list"        may(UserAdmin),      Operate, Default, users::PARAMETERS => users::list;
    GET  "/v1/admin/users/{id}"     "user_read"        may(UserAdmin),      Operate, Default         => users::show;
    POST "/v1/admin/users/{id}/invite" "user_invite"   may(UserAdmin),      Operate, Default         => users::invite_anew;
    POST "/v1/admin/users/{id}/disable" "user_disable" may(UserAdmin),      Operate, Default         => users::disable;
    POST "/v1/admin/users/{id}/enable" "user_enable"   may(UserAdmin),      Operate, Default         => users::enable;
    POST "/v1/admin/users/{id}/role" "user_change_role" may(UserAdmin),     Operate, Default         => users::change_role;
    POST "/v1/admin/users/{id}/reset-second-factor" "user_reset_factor" may(UserAdmin), Operate, Default => users::reset_factor;
    POST "/v1/admin/users/{id}/link" "user_link"       may(UserAdmin),      Operate, Default         => links::link;
    POST "/v1/admin/users/{id}/unlink" "user_unlink"   may(UserAdmin),      Operate, Default         => links::unlink;
    GET  "/v1/admin/users/{id}/links" "user_links"     may(UserAdmin),      Operate, Default         => links::list;
    POST "/v1/admin/users/{id}/revoke" "user_revoke"   may(UserAdmin),      Operate, Default         => users::revoke;
    POST "/v1/admin/tokens/revoke"  "token_revoke"     may(UserAdmin),      Operate, Default         => users::revoke_tokens;
    GET  "/v1/admin/limits"         "limits_read"      may_fully(HouseRead), Operate, Default         => limits::show;
    PUT  "/v1/admin/limits"         "limit_set"        may(LimitAdmin),     Operate, Default         => limits::set;
    GET  "/v1/admin/nodes"          "node_list"        may(UserAdmin),      Operate, Default, nodes::PARAMETERS => nodes::list;
    PUT  "/v1/admin/nodes/{account}" "node_assign"     may(UserAdmin),      Operate, Default         => nodes::assign;
    POST "/v1/admin/nodes/{account}/remove" "node_remove" may(UserAdmin),   Operate, Default         => nodes::remove;
    POST "/v1/auth/accept"          "auth_accept"      Needs::Nothing,      SignIn, Auth             => auth::accept;
    POST "/v1/auth/sign-in"         "auth_sign_in"     Needs::Nothing,      SignIn, Auth             => auth::sign_in;
    POST "/v1/auth/second-factor"   "auth_second_factor" Needs::Nothing,    SignIn, Auth             => second_factor::finish;
    POST "/v1/auth/step-up"         "auth_step_up"     Needs::Person,       Operate, Auth             => second_factor::step_up;
    POST "/v1/2fa/enroll"           "mfa_enrol"        Needs::Person,       SignIn, Auth             => second_factor::enrol;
    POST "/v1/2fa/verify"           "mfa_verify"       Needs::Person,       Operate, Auth             => second_factor::verify;
    POST "/v1/2fa/disable"          "mfa_disable"      Needs::Person,       SignIn, Auth             => second_factor::disable;
    POST "/v1/2fa/backup-codes"     "mfa_backup_codes" Needs::Person,       Operate, Auth             => second_factor::backup_codes;
    GET  "/v1/2fa/status"           "mfa_status"       Needs::Person,       Read, Default            => second_factor::status;
    POST "/v1/auth/refresh"         "auth_refresh"     Needs::Nothing,      SignIn, AuthRefresh      => auth::refresh;
    POST "/v1/auth/sign-out"        "auth_sign_out"    Needs::Person,       Operate, Default         => auth::sign_out;
    GET  "/v1/auth/me"              "auth_me"          Needs::Person,       Read, Default            => auth::me;
    POST "/v1/auth/password"        "auth_password"    Needs::Person,       SignIn, Auth             => auth::change_password;
    GET  "/.well-known/jwks.json"   "jwks_read"        Needs::Nothing,      Probe, Unlimited         => auth::jwks;
    POST "/v1/admin/pause"          "house_pause"      may(HousePause),     Operate, Default         => pause::pause;
    POST "/v1/admin/resume"         "house_resume"     may(HousePause),     Operate, Default         => pause::resume;
    GET  "/v1/audit/pubkey"         "audit_pubkey"     may(AuditRead),      Read, Default            => audit::public_key;
    GET  "/v1/audit/checkpoint"     "audit_checkpoint" may(AuditRead),      Read, Default            => audit::checkpoint;
    GET  "/v1/audit/records"        "audit_records"    may_to_all(AuditRead), Read, Default, audit_trail::PARAMETERS => audit_trail::records;
    GET  "/v1/audit/users/{id}"     "audit_of_user"    Needs::Somebody,     Read, Default, audit_trail::PARAMETERS => audit_trail::of_user;
    GET  "/v1/audit/suspicious"     "audit_suspicious" may_to_all(AuditRead), Read, Default, audit_trail::PARAMETERS => audit_trail::suspicious;
    GET  "/v1/audit/alerts"         "audit_alerts"     may_to_all(AuditRead), Read, Default, audit_trail::PARAMETERS => audit_trail::alerts;
    GET  "/v1/openapi.json"         "openapi_read"     Needs::Nothing,      Probe, Unlimited         => openapi::document;
    GET  "/v1/health"               "health_check"     Needs::Nothing,      Probe, Health            => health::health;
    GET  "/health"                  "health_check"     Needs::Nothing,      Probe, Health            => health::health;
    GET  "/livez"                   "liveness_check"   Needs::Nothing,      Probe, Unlimited         => health::livez;
    GET  "/readyz"                  "readiness_check"  Needs::Nothing,      Probe, Unlimited         => health::readyz;
    GET  "/metrics"                 "metrics_read"     at_home_or_fully(HouseRead), Probe, Unlimited         => metrics::metrics;
    GET  "/problems/{word}"         "problem_page"     Needs::Nothing,      Probe, Unlimited         => problem_pages::page;
    GET  "/docs"                    "docs_page"        Needs::Nothing,      Probe, Unlimited         => docs::front;
    GET  "/docs/{file}"             "docs_page"        Needs::Nothing,      Probe, Unlimited         => docs::file;
}

/// Whether a route of one method answers a request of another: HEAD is GET without the body (RFC 9110 §9.3.2), which the server
/// leaves out.
fn takes(own: &Method, asked: &Method) -> bool {
    own == asked || (own == Method::GET && asked == Method::HEAD)
}

/// Whoever has the permission, however far it reaches: the handler keeps to whose things they are.
const fn may(permission: Permission) -> Needs {
    Needs::Permission(Grant::least(permission))
}

/// Whoever has it for many at once.
const fn may_many(permission: Permission) -> Needs {
    Needs::Permission(Grant::least(permission).many())
}

/// Whoever has it for everybody's things: what is shown here is not told apart by account.
const fn may_to_all(permission: Permission) -> Needs {
    Needs::Permission(Grant::least(permission).reaching(Reach::All))
}

/// Whoever has it with everything to see.
const fn may_fully(permission: Permission) -> Needs {
    Needs::Permission(Grant::least(permission).showing(Detail::Full))
}

/// Whoever is on this machine, and whoever has it with everything to see.
const fn at_home_or_fully(permission: Permission) -> Needs {
    Needs::PermissionElsewhere(Grant::least(permission).showing(Detail::Full))
}

/// Puts the whole table up. A known path with another method is answered with 405 and the methods that it has.
pub fn mount(config: &mut ServiceConfig) {
    let mut paths: Vec<&'static str> = Vec::new();
    for line in TABLE {
        if !paths.contains(&line.path) {
            paths.push(line.path);
        }
    }
    for path in paths {
        config.service(resource(path));
    }
}

fn resource(path: &'static str) -> Resource {
    let lines = || TABLE.iter().filter(|line| line.path == path);
    let head = |line: &Line| takes(&line.method, &Method::HEAD).then_some(Method::HEAD.as_str());
    let methods: Vec<_> =
        lines().flat_map(|line| [Some(line.method.as_str()), head(line)]).flatten().collect();
    let allow = methods.join(", ");
    let resource = lines().fold(web::resource(path), |resource, line| resource.route((line.route)()));
    resource.default_service(web::to(move || {
        let problem = Problem::new(Kind::MethodNotAllowed, format!("taken here: {allow}"));
        let problem = Problem { allow: Some(allow.clone()), ..problem };
        async move { Err::<actix_web::HttpResponse, Problem>(problem) }
    }))
}

/// The line of a request, before or after routing.
#[must_use]
pub fn line_of(request: &ServiceRequest) -> Option<&'static Line> {
    let pattern = request.match_pattern()?;
    TABLE.iter().find(|line| line.path == pattern && takes(&line.method, request.method()))
}

/// Whether a path is one that machines ask all day.
#[must_use]
pub fn is_probe(path: &str) -> bool {
    TABLE.iter().any(|line| line.path == path && line.lane == Lane::Probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every route says who may use it; what everybody may use is this list and no more.
    #[test]
    fn only_probes_documents_and_signing_in_are_public() {
        let public: Vec<_> =
            TABLE.iter().filter(|line| line.needs == Needs::Nothing).map(|line| line.path).collect();
        assert_eq!(
            public,
            [
                "/v1/auth/accept",
                "/v1/auth/sign-in",
                "/v1/auth/second-factor",
                "/v1/auth/refresh",
                "/.well-known/jwks.json",
                "/v1/openapi.json",
                "/v1/health",
                "/health",
                "/livez",
                "/readyz",
                "/problems/{word}",
                "/docs",
                "/docs/{file}"
            ]
        );
        let at_home: Vec<_> =
            TABLE.iter().filter(|line| line.asks(true) != line.asks(false)).map(|line| line.path).collect();
        assert_eq!(at_home, ["/metrics"]);
    }

    #[test]
    fn no_line_stands_twice_and_no_permission_is_idle() {
        for (place, line) in TABLE.iter().enumerate() {
            let twin =
                TABLE[..place].iter().find(|other| other.path == line.path && other.method == line.method);
            assert!(twin.is_none(), "{} {}", line.method, line.path);
        }
        for permission in Permission::ALL {
            let asks = |line: &Line| matches!(line.needs, Needs::Permission(grant) if grant.permission == *permission);
            assert!(TABLE.iter().any(asks), "{}", permission.word());
        }
    }

    /// D-58: what watches this process is never refused; everything else is measured.
    #[test]
    fn only_what_machines_watch_by_and_documents_are_unlimited() {
        let unlimited: Vec<_> =
            TABLE.iter().filter(|line| line.rate == RateClass::Unlimited).map(|line| line.path).collect();
        let watched = [
            "/.well-known/jwks.json",
            "/v1/openapi.json",
            "/livez",
            "/readyz",
            "/metrics",
            "/problems/{word}",
            "/docs",
            "/docs/{file}",
        ];
        assert_eq!(unlimited, watched);
        assert!(TABLE.iter().all(|line| line.rate != RateClass::Unlimited || line.asks(true).is_none()));
    }

    /// F000-16: what a request does is told by its route, not by its verb.
    #[test]
    fn a_health_check_is_no_payout_read() {
        let readers: Vec<_> =
            TABLE.iter().filter(|line| line.action == "payout_read").map(|line| line.path).collect();
        assert_eq!(readers, ["/v1/payouts/{id}"]);
    }
}
