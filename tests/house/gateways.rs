//! The fear: a header makes somebody an administrator, a program that is no gateway speaks for people, or a stolen gateway pays whom it
//! likes.

use std::{fs, path::PathBuf, sync::Arc};

use payoutd::{
    config::{Sources, TlsFiles},
    http::{
        Settings, TokenDigest,
        listeners::{Certificates, InternalListener, InternalSettings, UnixSocketSettings},
    },
    identity::{
        gateway::{GatewayName, Gateways},
        signature::Signable,
    },
};
use payoutd_actors::ports::Journal;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    api_keys::{Held, gatekeeper},
    kit::{
        certificates::Authority,
        daemon::Daemon,
        desk::{Desk, told},
        door::{Answer, OpenDoor, TOKEN, order, send},
        network::Network,
        tls::{NAME, Pair, at_socket},
    },
    people::Peopled,
};

/// What gateways show besides, where a story wants it.
const INTERNAL_TOKEN: &str = "an-internal-token-of-thirty-two-ch";

/// A house with a socket for gateways.
struct Gated {
    house: Peopled,
    folder: TempDir,
}

fn me() -> String {
    format!("uid:{}", rustix::process::getuid().as_raw())
}

fn names(names: &[&str]) -> Arc<Gateways> {
    Arc::new(Gateways::of(names.iter().map(|name| GatewayName::parse(name).unwrap()).collect()))
}

async fn house_with(change: impl FnOnce(&mut Settings)) -> Peopled {
    let door = OpenDoor::open_with(|settings| {
        settings.takes_keys = true;
        change(settings);
    })
    .await;
    let store = payoutd_actors::fakes::MemoryStore::new("s");
    let gatekeeper = gatekeeper(&store);
    door.within.take_keys(gatekeeper.clone());
    Peopled { door, store, gatekeeper }
}

impl Gated {
    /// The tests themselves are the gateway.
    async fn open() -> Self {
        Self::for_gateways(&[&me()], None).await
    }

    async fn for_gateways(gateways: &[&str], token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixSocketSettings { path: folder.path().join("gateway.sock"), mode: 0o600 };
        let internal = InternalSettings {
            listener: InternalListener::UnixSocket(socket),
            gateways: names(gateways),
            token: token.map(TokenDigest::of),
        };
        let house = house_with(|settings| settings.internal = Some(internal)).await;
        Self { house, folder }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("gateway.sock")
    }

    /// A request over the socket, without headers.
    fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        at_socket(&self.socket()).request(method, format!("http://localhost{path}"))
    }

    /// A request for somebody.
    fn brings(&self, person: &str, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).header("X-User-ID", person)
    }

    async fn status(&self, person: &str, path: &str) -> u16 {
        send(self.brings(person, Method::GET, path)).await.status
    }

    /// A key of an account, for a gateway.
    async fn key(&self, account: &str) -> Held {
        let wanted = json!({
            "name": "gateway", "account": account, "networks": ["any"], "permissions": ["payout:create", "payout:cancel"]
        });
        Held::of(&self.house.door.post("/v1/admin/keys", Some(&wanted)).await.json())
    }

    /// An order for somebody, signed by the gateway.
    fn order(&self, person: &str, key: &Held, nonce: &str) -> RequestBuilder {
        let body = order("1").to_string();
        let nonce = format!("nonce-of-a-gateway-{nonce}");
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().to_string();
        let signable = Signable {
            method: "POST",
            target: "/v1/payouts",
            body: body.as_bytes(),
            idempotency_key: &nonce,
            timestamp: &now,
            nonce: &nonce,
        };
        self.brings(person, Method::POST, "/v1/payouts")
            .header("Idempotency-Key", &nonce)
            .header("Content-Type", "application/json")
            .header("X-Payoutd-Key", &key.id)
            .header("X-Payoutd-Timestamp", &now)
            .header("X-Payoutd-Nonce", &nonce)
            .header("X-Payoutd-Signature", signable.sign(key.secret()))
            .body(body)
    }

    async fn brought(&self) -> Vec<Value> {
        let records = self.house.store.records(1, 999).await.unwrap();
        let brought = records.iter().filter(|record| record.kind == "gateway_request");
        brought.map(|record| record.body.read().unwrap()).collect()
    }
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

/// F000-05: a gateway says who asks, and the register says what they may; a role that is named takes away and never adds.
#[actix_web::test]
async fn whom_a_gateway_brings_may_what_the_register_says() {
    let gated = Gated::open().await;
    let viewer = gated.house.person("alice", "viewer").await;
    let admin = gated.house.person("bob", "admin").await;
    assert_eq!(gated.status(&viewer, "/v1/payouts").await, 200);
    for role in [None, Some("admin"), Some("node_operator")] {
        let request = gated.brings(&viewer, Method::GET, "/v1/admin/users");
        let request = role.into_iter().fold(request, |request, role| request.header("X-User-Role", role));
        let answer = send(request.header("X-Request-ID", "of-the-gateway")).await;
        assert_eq!(said(&answer), (403, "forbidden".to_owned()), "{role:?}");
        assert_eq!(answer.header("x-request-id"), "of-the-gateway");
    }
    assert_eq!(gated.status(&admin, "/v1/admin/users").await, 200);
    let narrowed = gated.brings(&admin, Method::GET, "/v1/admin/users").header("X-User-Role", "viewer");
    assert_eq!(said(&send(narrowed).await), (403, "forbidden".to_owned()));
    let unheard = gated.brings(&admin, Method::GET, "/v1/admin/users").header("X-User-Role", "root");
    assert_eq!(said(&send(unheard).await), (400, "malformed-request".to_owned()));
    // ASVS 8.2.3: one answer, with the fields that each may see.
    let limits = async |person: &str| {
        send(gated.brings(person, Method::GET, "/v1/stats")).await.json()["limits"].as_object().unwrap().len()
    };
    assert_eq!((limits(&viewer).await, limits(&admin).await > 0), (0, true));
    // What is somebody's own is shown to them, and what is another's is not.
    assert_eq!(gated.status(&viewer, &format!("/v1/audit/users/{viewer}")).await, 200);
    assert_eq!(gated.status(&viewer, &format!("/v1/audit/users/{admin}")).await, 404);
    // F001-06: from the next request on.
    let out = gated.house.door.post(&format!("/v1/admin/users/{admin}/disable"), None).await;
    assert_eq!(out.status, 200);
    assert_eq!(gated.status(&admin, "/v1/payouts").await, 401);
    assert!(gated.brought().await.is_empty(), "nothing was changed");
}

/// F000-05: 400 names what is missing; whoever is not in the register is nobody, and the house's token is no name.
#[actix_web::test]
async fn a_gateway_that_does_not_say_who_asks_is_told_what_is_missing() {
    let gated = Gated::for_gateways(&[&me()], Some(INTERNAL_TOKEN)).await;
    let alice = gated.house.person("alice", "viewer").await;
    let nothing = send(gated.bare(Method::GET, "/v1/payouts").bearer_auth(TOKEN)).await;
    assert_eq!(said(&nothing), (400, "malformed-request".to_owned()));
    assert!(
        nothing.text.contains("X-User-ID") && nothing.text.contains("X-Internal-Token"),
        "{}",
        nothing.text
    );
    let without_token = send(gated.brings(&alice, Method::GET, "/v1/payouts")).await;
    assert_eq!(said(&without_token), (400, "malformed-request".to_owned()));
    assert!(!without_token.text.contains("X-User-ID"), "{}", without_token.text);
    let with = |person: &str, token: &str| {
        send(gated.brings(person, Method::GET, "/v1/payouts").header("X-Internal-Token", token))
    };
    assert_eq!(with(&alice, INTERNAL_TOKEN).await.status, 200);
    let invited = gated.house.invite("carol", "viewer").await["user"]["id"].as_str().unwrap().to_owned();
    let mut bodies = std::collections::BTreeSet::new();
    for (person, token) in [
        (alice.as_str(), "another-token-of-thirty-two-chars"),
        (&alice, &INTERNAL_TOKEN[1..]),
        ("0123456789abcdef", INTERNAL_TOKEN),
        ("house", INTERNAL_TOKEN),
        ("", INTERNAL_TOKEN),
        ("alice", INTERNAL_TOKEN),
        (&invited, INTERNAL_TOKEN),
    ] {
        let answer = with(person, token).await;
        assert_eq!(said(&answer), (401, "unauthorized".to_owned()), "{person}");
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("instance");
        bodies.insert(body.to_string());
    }
    assert_eq!(bodies.len(), 1, "F000-03: one body for every cause");
    let twice = gated.brings(&alice, Method::GET, "/v1/payouts").header("X-User-ID", "another");
    let twice = send(twice.header("X-Internal-Token", INTERNAL_TOKEN)).await;
    assert_eq!(said(&twice), (400, "malformed-request".to_owned()));
}

/// F000-05, D-17: who is a gateway is told by the kernel; everybody else hears nothing at this listener, and the headers count at no other.
#[actix_web::test]
async fn whoever_is_no_gateway_is_nobody() {
    let another = rustix::process::getuid().as_raw() + 1;
    let gated = Gated::for_gateways(&[&format!("uid:{another}")], None).await;
    let alice = gated.house.person("alice", "admin").await;
    for path in
        ["/v1/payouts", "/v1/admin/keys", "/readyz", "/metrics", "/docs", "/v1/auth/sign-in", "/nowhere"]
    {
        let answer = send(gated.brings(&alice, Method::GET, path).bearer_auth(TOKEN)).await;
        assert_eq!(answer.status, 401, "{path}: {}", answer.text);
    }
    let forged = gated.house.door.stranger(Method::GET, "/v1/payouts").header("X-User-ID", &alice);
    let forged = forged.header("X-User-Role", "admin").header("X-Internal-Token", INTERNAL_TOKEN);
    assert_eq!(said(&send(forged).await), (401, "unauthorized".to_owned()));
}

/// F004-38, D-17: what moves money carries the gateway's own signature, of the account whose money it is, and stands in the journal.
#[actix_web::test]
async fn a_gateway_pays_with_its_own_signature_and_never_from_another_account() {
    let gated = Gated::open().await;
    let alice = gated.house.person("alice", "end_user").await;
    let viewer = gated.house.person("vera", "viewer").await;
    let (own, foreign) = (gated.key("treasury").await, gated.key("billing").await);
    let unsigned =
        gated.brings(&alice, Method::POST, "/v1/payouts").header("Idempotency-Key", "k").json(&order("1"));
    assert_eq!(said(&send(unsigned).await), (403, "signature-required".to_owned()));
    assert_eq!(said(&send(gated.order(&alice, &foreign, "foreign")).await), (403, "forbidden".to_owned()));
    assert_eq!(said(&send(gated.order(&viewer, &own, "viewer")).await), (403, "forbidden".to_owned()));
    let narrowed = gated.order(&alice, &own, "narrowed").header("X-User-Role", "viewer");
    assert_eq!(said(&send(narrowed).await), (403, "forbidden".to_owned()));
    let altered = gated.order(&alice, &own, "altered").body(order("9").to_string());
    assert_eq!(said(&send(altered).await), (401, "unauthorized".to_owned()));
    assert_eq!((gated.house.door.office.taken(), gated.brought().await.len()), (0, 0));

    let paid = send(gated.order(&alice, &own, "paid").header("X-Request-ID", "r-7")).await;
    assert_eq!((paid.status, &paid.json()["account"]), (202, &json!("treasury")), "{}", paid.text);
    assert_eq!(said(&send(gated.order(&alice, &own, "paid")).await), (409, "request-replayed".to_owned()));
    assert_eq!(gated.house.door.office.taken(), 1);
    let brought = gated.brought().await;
    let said_of_it = json!({
        "principal": format!("user:{alice}"), "account": "treasury", "gateway": format!("gateway:{}", me()),
        "api_key": own.id, "action": "payout_create", "correlation_id": "r-7",
    });
    assert_eq!(brought, [said_of_it]);
    // What the journal does not take is not done.
    gated.house.store.fail_after(0);
    assert_eq!(send(gated.order(&alice, &own, "unwritten")).await.status, 503);
    assert_eq!(gated.house.door.office.taken(), 1);
}

/// F001-09: a gateway shows nobody's second factor, and nobody changes their own secrets through it.
#[actix_web::test]
async fn nothing_grave_is_done_through_a_gateway() {
    let gated = Gated::open().await;
    let admin = gated.house.person("bob", "admin").await;
    let key = gated.key("treasury").await;
    for (path, body) in [
        ("/v1/admin/pause", json!({ "note": "by a gateway" })),
        ("/v1/admin/keys", json!({})),
        ("/v1/admin/users", json!({})),
        ("/v1/admin/tokens/revoke", json!({ "everything": true })),
    ] {
        let answer = send(gated.brings(&admin, Method::POST, path).json(&body)).await;
        assert_eq!(said(&answer), (401, "step-up-required".to_owned()), "{path}");
        assert!(answer.text.contains("gateway"), "{}", answer.text);
    }
    for path in ["/v1/auth/password", "/v1/2fa/enroll", "/v1/auth/sign-out", "/v1/auth/step-up"] {
        let answer = send(gated.brings(&admin, Method::POST, path).json(&json!({}))).await;
        assert_eq!(said(&answer), (403, "forbidden".to_owned()), "{path}");
    }
    assert_eq!(send(gated.order(&admin, &key, "an-admins")).await.status, 202, "what is not grave is done");
}

/// The listener for gateways over TLS, in this process.
struct Secure {
    house: Peopled,
    server: Pair,
    _folder: TempDir,
}

impl Secure {
    async fn open(authority: &Authority) -> Self {
        let (folder, server) = (tempfile::tempdir().unwrap(), Pair::fresh());
        let desk = Desk::new();
        for (name, text) in [("ca.pem", &authority.pem), ("tls.pem", &server.certificate)] {
            fs::write(desk.path(name), text).unwrap();
        }
        desk.write_secret("tls.key", &server.key);
        let master = desk.run_alone(&["keys", "new", "master", "--out", "master.key"]);
        assert!(master.status.success(), "{}", told(&master));
        let config = fs::read_to_string(desk.path("payoutd.toml")).unwrap().replace(
            "[http]\n",
            "[identity]\nmaster_key_file = \"master.key\"\n[http]\ninternal_listen = \"127.0.0.1:0\"\n\
             internal_peers = [\"dns:gw.internal\"]\ninternal_client_ca_file = \"ca.pem\"\n\
             tls_certificate_file = \"tls.pem\"\ntls_key_file = \"tls.key\"\n",
        );
        fs::write(desk.path("payoutd.toml"), config).unwrap();
        let sources = Sources { file: Some(desk.path("payoutd.toml")), environment: Vec::new() };
        let (loaded, secrets) = sources.load_with_secrets().unwrap();
        let http = loaded.config.http;
        let files: TlsFiles = http.tls_files.unwrap();
        let listener = InternalListener::Tls {
            listen: "127.0.0.1:0".parse().unwrap(),
            certificates: Arc::new(Certificates::new(files, secrets.tls.unwrap())),
            clients: secrets.gateway_certificates.unwrap(),
        };
        let gateways = Arc::new(Gateways::of(http.internal.unwrap().peers));
        let internal = InternalSettings { listener, gateways, token: None };
        let house = house_with(|settings| settings.internal = Some(internal)).await;
        Self { house, server, _folder: folder }
    }

    fn client(&self, identity: Option<reqwest::Identity>) -> Client {
        self.server.client_with(self.house.door.internal.unwrap(), identity)
    }

    fn url(&self, path: &str) -> String {
        format!("https://{NAME}:{}{path}", self.house.door.internal.unwrap().port())
    }
}

/// F000-05: without a certificate 401, with one and without headers 400; another authority's ends the handshake, another name opens
/// nothing.
#[actix_web::test]
async fn a_gateway_elsewhere_is_known_by_its_certificate() {
    let (authority, other) = (Authority::fresh(), Authority::fresh());
    let secure = Secure::open(&authority).await;
    let alice = secure.house.person("alice", "viewer").await;
    let ask = |client: Client| client.get(secure.url("/v1/payouts")).header("X-User-ID", &alice);
    let without = send(ask(secure.client(None))).await;
    assert_eq!(said(&without), (401, "unauthorized".to_owned()));
    let named = secure.client(Some(authority.identity("gw.internal")));
    let headless = send(named.get(secure.url("/v1/payouts"))).await;
    assert_eq!(said(&headless), (400, "malformed-request".to_owned()));
    assert!(headless.text.contains("X-User-ID"), "{}", headless.text);
    assert_eq!(send(ask(named)).await.status, 200);
    let another = secure.client(Some(authority.identity("billing.internal")));
    assert_eq!(said(&send(ask(another)).await), (401, "unauthorized".to_owned()));
    let forged = secure.client(Some(other.identity("gw.internal")));
    assert!(ask(forged).send().await.is_err(), "a certificate of somebody else's authority");
}

/// F000-05: a whole daemon with a socket for gateways. A request that a gateway brings is in its journal.
#[actix_web::test]
async fn a_daemon_takes_what_its_gateway_brings() {
    let network = Network::start(&[]);
    let desk = Desk::beside(&network);
    let made = desk.run_alone(&["keys", "new", "master", "--out", "master.key"]);
    assert!(made.status.success(), "{}", told(&made));
    let file = desk.path("payoutd.toml");
    let lines = format!(
        "[identity]\nmaster_key_file = \"master.key\"\n[http]\ninternal_listen = \"unix:gateway.sock\"\n\
         internal_peers = [\"{}\"]\nunix_socket_mode = \"0600\"\n",
        me()
    );
    let config = fs::read_to_string(&file).unwrap().replace("[http]\n", &lines);
    fs::write(&file, config).unwrap();
    let daemon = Daemon::open(&desk).await;
    let invited = json!({ "name": "alice", "role": "end_user", "account": "treasury" });
    let invited = daemon.caller.post("/v1/admin/users", Some(&invited)).await.json();
    let accept = json!({ "invitation": invited["invitation"], "password": crate::people::PASSWORD });
    assert_eq!(daemon.caller.post("/v1/auth/accept", Some(&accept)).await.status, 200);
    let person = invited["user"]["id"].as_str().unwrap();
    let socket = desk.path("gateway.sock");
    let ask = |path: &str| at_socket(&socket).get(format!("http://localhost{path}"));
    assert_eq!(send(ask("/v1/payouts").header("X-User-ID", person)).await.status, 200);
    assert_eq!(send(ask("/v1/payouts")).await.status, 400);
    let cancelled =
        at_socket(&socket).post("http://localhost/v1/payouts/0/cancel").header("X-User-ID", person);
    assert_eq!(said(&send(cancelled).await), (403, "signature-required".to_owned()));
    daemon.stop();
    assert!(!socket.exists(), "a socket at which nobody listens");
}

/// F000-05: what would let in nobody, or everybody, does not start; every mistake is named at its key.
#[test]
fn a_listener_for_gateways_that_is_half_written_does_not_start() {
    let authority = Authority::fresh();
    let listen = "internal_listen = \"unix:gateway.sock\"\n";
    let tls =
        "internal_listen = \"0.0.0.0:0\"\ntls_certificate_file = \"tls.pem\"\ntls_key_file = \"tls.key\"\n";
    let by_name = "internal_peers = [\"dns:gw.internal\"]\n";
    let by_user = "internal_peers = [\"uid:998\"]\n";
    let ca = "internal_client_ca_file = \"ca.pem\"\n";
    let table: [(String, bool, &[&str]); 12] = [
        ([listen, by_user].concat(), true, &[]),
        ([tls, by_name, ca].concat(), true, &[]),
        (listen.to_owned(), true, &["http.internal_peers"]),
        ([listen, by_name].concat(), true, &["http.internal_peers"]),
        ([listen, by_user, ca].concat(), true, &["http.internal_client_ca_file"]),
        ([tls, by_user].concat(), true, &["http.internal_peers", "http.internal_client_ca_file"]),
        (
            ["internal_listen = \"0.0.0.0:0\"\n", by_name, ca].concat(),
            true,
            &["http.tls_certificate_file", "http.tls_key_file"],
        ),
        (
            [tls, by_name, "internal_client_ca_file = \"tls.key\"\n"].concat(),
            true,
            &["http.internal_client_ca_file"],
        ),
        ([by_user, ca].concat(), true, &["http.internal_peers", "http.internal_client_ca_file"]),
        ([listen, "internal_peers = [\"uid:65534\"]\n"].concat(), true, &["http.internal_peers"]),
        (
            [listen, by_user, "internal_token_file = \"short\"\n"].concat(),
            true,
            &["http.internal_token_file"],
        ),
        ([listen, by_user].concat(), false, &["http.internal_listen"]),
    ];
    for (lines, has_master_key, mistakes) in table {
        let (desk, server) = (Desk::new(), Pair::fresh());
        for (name, text) in [("ca.pem", &authority.pem), ("tls.pem", &server.certificate)] {
            fs::write(desk.path(name), text).unwrap();
        }
        desk.write_secret("tls.key", &server.key);
        desk.write_secret("short", "short");
        let mut added = format!("[http]\n{lines}");
        if has_master_key {
            desk.run_alone(&["keys", "new", "master", "--out", "master.key"]);
            added = format!("[identity]\nmaster_key_file = \"master.key\"\n{added}");
        }
        let config = fs::read_to_string(desk.path("payoutd.toml")).unwrap().replace("[http]\n", &added);
        fs::write(desk.path("payoutd.toml"), config).unwrap();
        let sources = Sources { file: Some(desk.path("payoutd.toml")), environment: Vec::new() };
        let found = sources.load_with_secrets().map_or_else(
            |mistakes| mistakes.mistakes.into_iter().map(|mistake| mistake.key).collect(),
            |_| Vec::new(),
        );
        assert_eq!(found, mistakes, "{lines}");
    }
}
