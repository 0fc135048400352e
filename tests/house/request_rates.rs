//! The fear: somebody who asks too often slows others down, somebody chooses whose rate they use up, or the operator is locked out.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use payoutd::{
    http::Settings,
    identity::{
        Gatekeeper, GatekeeperSettings, Keyring,
        people::{Hasher, PasswordPolicy, People},
        vault::Vault,
    },
    world::SystemClock,
};
use payoutd_actors::{
    domain::rates::{BookLimits, RateClass, RatePolicies},
    fakes::{MemoryStore, TestClock},
    guardian::{Hiring, HiringRules},
    ports::{Clock, Register},
    rate_limiter::{RateLimiterTools, RateLimiters},
    roster::Roster,
};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use sfv::{BareItem, ListEntry, Parser};

use crate::kit::{
    daemon::Daemon,
    desk::Desk,
    door::{Answer, OpenDoor, order, send},
    network::Network,
};
use crate::people::Peopled;

const ANN: &str = "203.0.113.7";
const BOB: &str = "203.0.113.8";

/// A door that measures, and whoever measures.
pub(crate) struct Measured {
    door: OpenDoor,
    roster: Roster,
}

impl Measured {
    async fn open(policies: RatePolicies) -> Self {
        Self::open_with(policies, |_| {}).await
    }

    /// A door behind a proxy on this machine, so that a story's callers have addresses.
    pub(crate) async fn behind_a_proxy(policies: RatePolicies) -> Self {
        Self::open_with(policies, |settings| {
            settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        })
        .await
    }

    async fn open_with(policies: RatePolicies, change: impl FnOnce(&mut Settings)) -> Self {
        let door = OpenDoor::open_with(|settings| {
            settings.takes_keys = true;
            change(settings);
        })
        .await;
        let give_up = Arc::new(|name: &'static str, why: &str| panic!("{name}: {why}"));
        let clock = Arc::new(TestClock::default());
        let hiring = Hiring { rules: HiringRules::default(), clock: clock.clone(), give_up };
        let mut roster = Roster::new(hiring);
        let limiters = RateLimiters::vacant(policies, [5; 32]);
        let house = Arc::new(MemoryStore::new("store-of-rates"));
        let tools = RateLimiterTools { house, clock, limits: BookLimits::default() };
        limiters.hire(&tools, |post, factory| roster.hire(post, factory));
        door.within.measure_rates(limiters);
        Self { door, roster }
    }

    /// A request as a proxy passes it on that saw this address.
    fn from(&self, address: &str, method: Method, path: &str) -> RequestBuilder {
        self.door.stranger(method, path).header("X-Forwarded-For", address)
    }

    /// The same door, with people who come to it.
    pub(crate) fn with_people(self, gatekeeper: fn(&MemoryStore) -> Arc<Gatekeeper>) -> (Peopled, Roster) {
        let store = MemoryStore::new("s");
        let gatekeeper = gatekeeper(&store);
        self.door.within.take_keys(gatekeeper.clone());
        (Peopled { door: self.door, store, gatekeeper }, self.roster)
    }

    async fn health(&self, address: &str) -> Answer {
        send(self.from(address, Method::GET, "/health")).await
    }
}

/// How often each status was answered, in the order of their first.
async fn statuses(times: usize, ask: impl AsyncFn() -> Answer) -> Vec<(u16, usize)> {
    let mut counted: Vec<(u16, usize)> = Vec::new();
    for _ in 0..times {
        let answer = ask().await;
        match counted.iter_mut().find(|(status, _)| *status == answer.status) {
            Some((_, count)) => *count += 1,
            None => counted.push((answer.status, 1)),
        }
    }
    counted
}

/// F000-25, D-05, D-58: 120 pass and the 121st does not; another address is not concerned, nor is what machines watch by.
#[actix_web::test]
async fn a_health_check_too_many_is_refused_to_its_address_alone() {
    let measured = Measured::behind_a_proxy(RatePolicies::default()).await;
    assert_eq!(statuses(125, async || measured.health(ANN).await).await, [(200, 120), (429, 5)]);
    assert_eq!(measured.health(BOB).await.status, 200);
    for path in ["/livez", "/readyz", "/v1/openapi.json", "/problems/busy", "/docs/index.html"] {
        let asked = async || send(measured.from(ANN, Method::GET, path)).await;
        assert_eq!(statuses(3, asked).await, [(200, 3)], "{path}");
    }
    let scrape = async || send(measured.door.stranger(Method::GET, "/metrics")).await;
    assert_eq!(statuses(150, scrape).await, [(200, 150)], "a Prometheus of this machine");
    let other_door = send(measured.from(ANN, Method::GET, "/v1/health")).await;
    assert_eq!(other_door.status, 429, "two paths of one class are one");
    let stranger = send(measured.from(ANN, Method::GET, "/v1/stats")).await;
    assert_eq!(stranger.status, 401, "another class has its own rate");
}

/// F001-24, D-19: whoever writes X-Forwarded-For before a door that trusts no proxy has written nothing.
#[actix_web::test]
async fn a_forged_address_changes_nothing() {
    let measured = Measured::open(RatePolicies::default()).await;
    let forged = async |number: usize| {
        let request = measured.door.stranger(Method::GET, "/v1/stats");
        send(request.header("X-Forwarded-For", format!("198.51.100.{number}"))).await
    };
    for number in 0..10 {
        assert_eq!(forged(number).await.status, 401);
    }
    let refused = forged(11).await;
    assert_eq!((refused.status, refused.problem().as_str()), (429, "quota-exceeded"));
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=65).contains(&seconds), "{seconds}");
    // Strangers of this machine are one; whoever shows a good credential is none of them (F000-26).
    assert_eq!(measured.door.get("/v1/stats").await.status, 200);
}

/// F004-02: a hundred wrong credentials and no more, whatever they are tried on; then none from that address is looked at.
#[actix_web::test]
async fn whoever_tries_credentials_is_shut_out_and_nobody_else() {
    let measured = Measured::behind_a_proxy(RatePolicies::default()).await;
    let wrong = async || {
        let request = measured.from(ANN, Method::POST, "/v1/payouts").bearer_auth("not-the-token");
        send(request.json(&order("1"))).await
    };
    assert_eq!(statuses(105, wrong).await, [(401, 100), (429, 5)]);
    let with_token = async |address: &str| {
        send(measured.from(address, Method::GET, "/v1/stats").bearer_auth(crate::kit::door::TOKEN)).await
    };
    assert_eq!(with_token(ANN).await.status, 429, "no credential from there is looked at");
    // The house's own token does not count from elsewhere; it was looked at, which is what this is about.
    assert_eq!(with_token(BOB).await.status, 401);
    assert_eq!(measured.door.get("/v1/stats").await.status, 200);
    assert_eq!(measured.door.office.taken(), 0);
}

/// A program of this machine that tries credentials, or shows none, does not lock out the operator who has one.
#[actix_web::test]
async fn a_neighbour_on_this_machine_does_not_lock_the_operator_out() {
    let measured = Measured::open(RatePolicies::default()).await;
    let wrong = async || send(measured.door.stranger(Method::GET, "/v1/stats").bearer_auth("wrong")).await;
    assert_eq!(statuses(110, wrong).await, [(401, 100), (429, 10)]);
    assert_eq!(statuses(300, async || measured.door.get("/v1/stats").await).await, [(200, 300)]);
    let paused = measured.door.post("/v1/admin/pause", Some(&json!({ "reason": "now" }))).await;
    assert_eq!(paused.status, 200);
    assert_eq!(paused.header("ratelimit"), "", "what is not measured says nothing");
}

/// F000-25: what is in no route is measured by the default, not let pass without end (D-44).
#[actix_web::test]
async fn what_does_not_exist_is_asked_for_a_hundred_times_and_no_more() {
    let measured = Measured::behind_a_proxy(RatePolicies::default()).await;
    let scan = async || send(measured.from(ANN, Method::GET, "/.git/config")).await;
    assert_eq!(statuses(105, scan).await, [(404, 100), (429, 5)]);
    let other_method = send(measured.from(BOB, Method::DELETE, "/v1/payouts")).await;
    assert_eq!((other_method.status, other_method.header("x-ratelimit-remaining")), (405, "99"));
}

/// F003-01, F003-14: 429 is said before 401, 401 before 403 and 400; each of them with the headers that every answer has.
#[actix_web::test]
async fn a_rate_is_asked_before_a_credential_and_a_credential_before_the_request() {
    let policies = RatePolicies { anonymous: 2, token_file: Some(2), ..RatePolicies::default() };
    let measured = Measured::behind_a_proxy(policies).await;
    let stranger = async || send(measured.from(ANN, Method::GET, "/v1/stats?colour=red")).await;
    let known = async || send(measured.door.request(Method::GET, "/v1/stats?colour=red")).await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(stranger().await);
        answers.push(known().await);
    }
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [401, 422, 401, 422, 429, 429]);
    for answer in answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-request-id").len(), 36);
        assert!(!answer.header("ratelimit").is_empty() && !answer.header("ratelimit-policy").is_empty());
    }
}

/// A door that measures and takes keys; what they ask for need not be signed here.
async fn with_keys(policies: RatePolicies) -> Measured {
    let measured = Measured::open_with(policies, |settings| settings.takes_keys = true).await;
    let store = MemoryStore::new("store-of-keys");
    let (register, clock): (Arc<dyn Register>, Arc<dyn Clock>) = (Arc::new(store), Arc::new(SystemClock));
    let vault = Vault::of_base64(&BASE64_STANDARD.encode([7; 32])).unwrap();
    let keyring = Arc::new(Keyring::new(register.clone(), vault, clock.clone()));
    let people = People::new(register.clone(), clock.clone(), Hasher::new().unwrap(), PasswordPolicy::Length);
    let settings = GatekeeperSettings { require_signed_requests: false };
    measured.door.within.take_keys(Arc::new(Gatekeeper::new(
        keyring,
        Arc::new(people),
        register,
        clock,
        settings,
    )));
    measured
}

impl Measured {
    /// The text of a fresh key.
    async fn key(&self, account: &str, tier: &str, per_minute: Option<u16>) -> String {
        let wanted = json!({
            "name": "billing", "account": account, "networks": ["any"], "tier": tier, "rate_per_minute": per_minute,
            "permissions": ["payout:create", "payout:read", "house:read"], "batch": true,
        });
        let made = self.door.post("/v1/admin/keys", Some(&wanted)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["text"].as_str().unwrap().to_owned()
    }

    async fn asks(&self, key: &str, class: RateClass) -> Answer {
        let shows = |method, path: &str| self.door.stranger(method, path).bearer_auth(key);
        let orders = |path: &str| shows(Method::POST, path).header("Idempotency-Key", path);
        send(match class {
            RateClass::PayoutCreate => orders("/v1/payouts").json(&order("1")),
            RateClass::PayoutBatch => orders("/v1/payouts/batch").json(&json!({ "payouts": [order("1")] })),
            RateClass::PayoutList => shows(Method::GET, "/v1/payouts"),
            RateClass::Stats => shows(Method::GET, "/v1/stats"),
            _ => shows(Method::GET, "/v1/wallet"),
        })
        .await
    }
}

/// F000-25, D-05: of each class exactly so many as is said, whatever of the others was used up; what one account does is its own.
#[actix_web::test]
async fn each_class_lets_its_number_pass_and_leaves_the_others_alone() {
    let measured = with_keys(RatePolicies::default()).await;
    let billing = measured.key("billing", "standard", None).await;
    let classes = [
        (RateClass::PayoutCreate, 202, 10),
        (RateClass::PayoutBatch, 202, 5),
        (RateClass::PayoutList, 200, 30),
        (RateClass::Stats, 200, 20),
    ];
    for (class, passes, quota) in classes {
        let asked = statuses(quota + 3, async || measured.asks(&billing, class).await).await;
        assert_eq!(asked, [(passes, quota), (429, 3)], "{}", class.word());
        let refused = measured.asks(&billing, class).await;
        assert_eq!(refused.json()["violated-policies"], json!([class.word()]));
    }
    // 65 are used of the hundred that the tier has over all routes together; a refusal has cost nothing of it.
    let asked = statuses(40, async || measured.asks(&billing, RateClass::Default).await).await;
    assert_eq!(asked, [(200, 35), (429, 5)]);
    let same_account = measured.key("billing", "standard", None).await;
    assert_eq!(measured.asks(&same_account, RateClass::Default).await.status, 429);
    let other = measured.key("shop", "standard", None).await;
    for (class, passes, quota) in classes {
        let asked = statuses(quota, async || measured.asks(&other, class).await).await;
        assert_eq!(asked, [(passes, quota)], "{}", class.word());
    }
    assert_eq!(measured.door.office.taken(), 4);
}

/// F001-13, F003-05: a key's own rate is its own, the tier's is the account's; a higher tier holds from the next request on.
#[actix_web::test]
async fn keys_have_their_own_rates_and_share_their_accounts() {
    let measured = with_keys(RatePolicies { standard: 20, premium: 30, ..RatePolicies::default() }).await;
    let narrow = measured.key("billing", "standard", Some(4)).await;
    let other = measured.key("billing", "standard", Some(50)).await;
    let premium = measured.key("billing", "premium", None).await;
    let asks = async |key: &str| statuses(40, async || measured.asks(key, RateClass::Default).await).await;
    assert_eq!(asks(&narrow).await, [(200, 4), (429, 36)]);
    assert_eq!(asks(&other).await, [(200, 16), (429, 24)]);
    assert_eq!(asks(&premium).await, [(200, 10), (429, 30)]);
    let told = measured.asks(&narrow, RateClass::Default).await;
    for policy in ["standard", "burst", "api-key"] {
        assert!(told.header("ratelimit-policy").contains(&format!("\"{policy}\";q=")), "{:?}", told.headers);
    }
}

/// The token of `http.token_file` has a rate of its own, where one is set.
#[actix_web::test]
async fn the_houses_token_is_measured_where_a_rate_is_set() {
    let policies = RatePolicies { token_file: Some(7), ..RatePolicies::default() };
    let measured = Measured::open(policies).await;
    let asked = statuses(10, async || measured.door.order("k", &order("1")).await).await;
    assert_eq!(asked, [(202, 7), (429, 3)]);
    assert_eq!(measured.door.office.taken(), 1);
}

/// F004-06: integer Retry-After, structured fields, and one number everywhere.
#[actix_web::test]
async fn every_answer_says_how_the_rate_stands() {
    let policies = RatePolicies { health: 2, ..RatePolicies::default() };
    let measured = Measured::behind_a_proxy(policies).await;
    for (status, remaining) in [(200, 1), (200, 0), (429, 0)] {
        let answer = measured.health(ANN).await;
        assert_eq!(answer.status, status);
        let (name, standing) = item(answer.header("ratelimit"));
        let (policy, numbers) = item(answer.header("ratelimit-policy"));
        assert_eq!((name.as_str(), policy.as_str()), ("health", "health"));
        assert_eq!(numbers, [("q".to_owned(), 2), ("w".to_owned(), 60)]);
        let old = |name: &str| answer.header(&format!("x-ratelimit-{name}")).parse::<i64>().unwrap();
        assert_eq!(standing, [("r".to_owned(), old("remaining")), ("t".to_owned(), old("reset"))]);
        assert_eq!((old("limit"), old("remaining")), (2, remaining));
        assert!((1..=65).contains(&old("reset")), "{:?}", answer.headers);
        if status == 429 {
            assert_eq!(answer.header("retry-after"), old("reset").to_string());
            assert_eq!(answer.json()["violated-policies"], json!(["health"]));
        }
    }
}

/// The one item of a structured list: its name, and its parameters.
fn item(field: &str) -> (String, Vec<(String, i64)>) {
    let list: sfv::List = Parser::new(field).parse().unwrap();
    let [ListEntry::Item(item)] = list.as_slice() else { panic!("{field}") };
    let number = |value: &BareItem| i64::from(value.as_integer().unwrap());
    let parameters = item.params.iter().map(|(key, value)| (key.to_string(), number(value)));
    (item.bare_item.as_string().unwrap().as_str().to_owned(), parameters.collect())
}

/// Whoever gets no answer from the limiters does not pass, and is told when to come back; probes do not ask them.
#[actix_web::test]
async fn without_its_limiters_a_door_lets_nothing_pass() {
    let Measured { door, roster } =
        Measured::open(RatePolicies { token_file: Some(100), ..RatePolicies::default() }).await;
    assert_eq!(door.get("/v1/stats").await.status, 200);
    assert_eq!(roster.leave(Duration::from_secs(5)).await, Vec::<&str>::new());
    let refused = door.get("/v1/stats").await;
    let told = (refused.status, refused.problem(), refused.header("retry-after").to_owned());
    assert_eq!(told, (503, "unavailable".to_owned(), "1".to_owned()));
    assert_eq!(send(door.stranger(Method::GET, "/v1/stats")).await.status, 503);
    assert_eq!(send(door.stranger(Method::GET, "/livez")).await.status, 200);
}

/// F004-05: a whole daemon measures, counts its refusals, and writes them into its journal before it leaves.
#[actix_rt::test]
async fn a_daemon_measures_and_says_so_in_its_journal() {
    let network = Network::of_two_nodes();
    let desk = Desk::beside(&network);
    let daemon = Daemon::open(&desk).await;
    let stranger = async || send(daemon.caller.stranger(Method::GET, "/v1/payouts")).await;
    assert_eq!(statuses(40, stranger).await, [(401, 10), (429, 30)]);
    let metrics = daemon.caller.get("/metrics").await.text;
    assert!(metrics.contains("payoutd_rate_limit_hits_total{policy=\"anonymous\"} 30"), "{metrics}");
    assert_eq!(statuses(150, async || daemon.caller.get("/v1/payouts").await).await, [(200, 150)]);
    daemon.stop();
    let exported = desk.run(&["audit", "export"]);
    let journal = String::from_utf8(exported.stdout).unwrap();
    let records: Vec<_> = journal.lines().filter(|line| line.contains("rate_limit_exceeded")).collect();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    for fact in [r#""count":30"#, r#""policy":"anonymous""#, r#""principal":"this machine""#] {
        assert!(record.contains(fact), "{fact}: {record}");
    }
}

/// D-20: the table of policies, as it holds for a configuration and as it is without one.
#[test]
fn the_policies_can_be_read() {
    let desk = Desk::new();
    let shown = desk.run(&["limits", "--json"]);
    let rows: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let rows = rows["request_rates"].as_array().unwrap();
    let of = |policy: &str| rows.iter().find(|row| row["policy"] == policy).unwrap().clone();
    assert_eq!((&of("payout-create")["quota"], &of("burst")["refill_per_second"]), (&10.into(), &10.into()));
    assert!(of("token-file")["quota"].is_null());
    let table = desk.run(&["limits"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.lines().any(|line| line.starts_with("payout-list ") && line.contains(" 30/min ")),
        "{table}"
    );
}
