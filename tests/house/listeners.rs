//! The fear: a token that travels in clear text, a house token that opens the door to the whole internet, a certificate that ends
//! because nobody restarted the daemon, and a half-written one that takes the API away.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, process::Command};

use payoutd::http::settings::CONNECTIONS_PER_ADDRESS_MAX;
use reqwest::{Client, Method};
use rustls::version::{TLS12, TLS13};
use tokio::task::spawn_blocking;

use crate::kit::{
    daemon::{Daemon, lasting_port},
    desk::{Desk, told},
    door::{Answer, OpenDoor, TOKEN, send},
    network::Network,
    tls::{NAME, Pair, at_socket, says},
};

/// A daemon's desk with a TLS listener and a socket beside its plain one.
struct Wired {
    desk: Desk,
    tls: SocketAddr,
}

impl Wired {
    fn beside(network: &Network, pair: &Pair) -> Self {
        let wired = Self { desk: Desk::beside(network), tls: lasting_port() };
        let file = wired.desk.path("payoutd.toml");
        let config = fs::read_to_string(&file).unwrap().replace("[log]\nfilter = \"warn\"", "");
        let lines = format!(
            "[http]\ntls_listen = \"{}\"\ntls_certificate_file = \"tls.pem\"\ntls_key_file = \"tls.key\"\n\
             unix_socket = \"door.sock\"\nunix_socket_mode = \"0600\"\n",
            wired.tls
        );
        fs::write(&file, config.replace("[http]\n", &lines)).unwrap();
        wired.put(pair);
        wired
    }

    /// Writes a pair as an ACME client does: one file after the other.
    fn put(&self, pair: &Pair) {
        fs::write(self.desk.path("tls.pem"), &pair.certificate).unwrap();
        self.desk.write_secret("tls.key", &pair.key);
    }

    async fn is_served(&self, pair: &Pair) -> bool {
        let (pair, address) = (pair.clone(), self.tls);
        spawn_blocking(move || pair.shake_hands(address, &[&TLS13]).is_ok()).await.unwrap()
    }
}

fn over_tls(client: &Client, address: SocketAddr, path: &str) -> reqwest::RequestBuilder {
    client.get(format!("https://{NAME}:{}{path}", address.port()))
}

async fn metric(daemon: &Daemon, line: &str) -> bool {
    let text = daemon.caller.get("/metrics").await.text;
    text.lines().any(|found| found.starts_with(line) && !found.ends_with(" 0"))
}

/// What is the same in every refusal of a credential: all but the request's own id.
fn refusal(answer: &Answer) -> (u16, String) {
    let instance = answer.header("x-request-id");
    (answer.status, answer.text.replace(instance, "…"))
}

/// F001-02: TLS 1.3 and nothing below it; what is no TLS gets no word of HTTP; each failure is counted by its reason. The house's
/// token counts on this machine, by either way, and elsewhere it is as unknown as any other text; the start-up log says so once. A
/// certificate is changed without a restart, by a signal or by nobody's, and one that does not fit its key changes nothing.
#[actix_web::test]
async fn a_daemon_speaks_tls_outside_plain_at_home_and_changes_its_certificate_while_it_works() {
    let network = Network::start(&[]);
    let (first, second, third) = (Pair::fresh(), Pair::until(4000), Pair::until(4001));
    let wired = Wired::beside(&network, &first);
    let mut daemon = Daemon::open(&wired.desk).await;
    let tls = wired.tls;

    // Who comes from elsewhere.
    let outside = first.client(tls);
    let ready = send(over_tls(&outside, tls, "/readyz")).await;
    assert_eq!(ready.status, 200, "{}", ready.text);
    assert_eq!(ready.header("strict-transport-security"), "max-age=31536000; includeSubDomains");
    let with_token = send(over_tls(&outside, tls, "/v1/stats").bearer_auth(TOKEN)).await;
    let with_a_guess = send(over_tls(&outside, tls, "/v1/stats").bearer_auth("a-guess")).await;
    assert_eq!(with_token.status, 401, "{}", with_token.text);
    assert_eq!(refusal(&with_token), refusal(&with_a_guess));

    assert_eq!(
        send(over_tls(&outside, tls, "/metrics")).await.status,
        401,
        "what is in the wallet is nobody's"
    );

    // Who is at home.
    let plain = daemon.caller.get("/v1/stats").await;
    assert_eq!((plain.status, plain.header("strict-transport-security")), (200, ""));
    let socket = wired.desk.path("door.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let at_home = at_socket(&socket).get("http://localhost/v1/stats");
    assert_eq!(send(at_home.bearer_auth(TOKEN)).await.status, 200);
    let line = "is the house itself, without signatures; elsewhere it is unknown";
    let log = fs::read_to_string(wired.desk.path("daemon.log")).unwrap();
    let said: Vec<_> = log.lines().filter(|said| said.contains(line)).collect();
    assert_eq!(said.len(), 1, "{log}");
    assert!(said[0].contains("\"house\"") && said[0].contains("door.sock"), "{}", said[0]);
    assert!(said[0].contains(&wired.desk.door.to_string()), "{}", said[0]);

    // Who speaks otherwise.
    let old = first.clone();
    let refused = spawn_blocking(move || old.shake_hands(tls, &[&TLS12]).unwrap_err()).await.unwrap();
    assert!(refused.to_string().contains("ProtocolVersion"), "an alert that says why: {refused}");
    let answer = spawn_blocking(move || says(tls, b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")).await.unwrap();
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/"), "{answer:?}");
    assert!(!wired.is_served(&second).await, "a client that trusts another certificate");
    let silent = std::net::TcpStream::connect(tls).unwrap();
    for reason in ["nothing_in_common", "not_tls", "refused_by_client", "timed_out"] {
        let line = format!("payoutd_tls_handshake_failures_total{{reason=\"{reason}\"}}");
        daemon.until(reason, async |_| Some(())).await;
        while !metric(&daemon, &line).await {
            daemon.must_live();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
    drop(silent);

    // Another certificate.
    wired.put(&second);
    daemon.hang_up();
    daemon
        .until("the second certificate is served", async |_| wired.is_served(&second).await.then_some(()))
        .await;
    assert!(metric(&daemon, "payoutd_tls_certificate_expires_timestamp_seconds 64060588800").await);
    for broken in [
        Pair { key: third.key.clone(), ..second.clone() },
        Pair { certificate: "no certificate".to_owned(), ..third.clone() },
        Pair::until(2021),
    ] {
        let refused = "payoutd_tls_reloads_refused_total";
        let before = daemon.caller.get("/metrics").await.text;
        let before = before.lines().find(|line| line.starts_with(refused)).unwrap_or_default().to_owned();
        wired.put(&broken);
        daemon.hang_up();
        daemon
            .until("a certificate is refused", async |caller| {
                let now = caller.get("/metrics").await.text;
                now.lines().any(|line| line.starts_with(refused) && line != before).then_some(())
            })
            .await;
        assert!(wired.is_served(&second).await, "the one before stays");
    }
    wired.put(&third);
    daemon.until("the files were looked at", async |_| wired.is_served(&third).await.then_some(())).await;
    assert!(daemon.last_words().contains("the new certificate is refused, and the one before stays"));
    daemon.stop();
    assert!(!socket.exists(), "a socket at which nobody listens");
}

/// Whoever a trusted proxy brings is not at home, and shows a credential of their own.
#[actix_web::test]
async fn the_houses_token_does_not_come_through_a_proxy() {
    let door = OpenDoor::open_with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let brought = door.request(Method::GET, "/v1/stats").header("X-Forwarded-For", "203.0.113.7");
    assert_eq!(send(brought).await.status, 401);
    let scrape = door.stranger(Method::GET, "/metrics");
    assert_eq!(send(scrape.header("X-Forwarded-For", "203.0.113.7")).await.status, 401);
    assert_eq!(door.get("/v1/stats").await.status, 200);
}

/// Without a TLS listener a SIGHUP has nothing to read, and ends nothing.
#[actix_web::test]
async fn a_daemon_without_a_certificate_outlives_a_hang_up() {
    let network = Network::start(&[]);
    let desk = Desk::beside(&network);
    let mut daemon = Daemon::open(&desk).await;
    daemon.hang_up();
    daemon
        .until("it answers", async |caller| (caller.get("/v1/stats").await.status == 200).then_some(()))
        .await;
    daemon.stop();
}

/// F001-02: every mistake about a listener is named, with what would be right, before a port is opened.
#[test]
fn what_would_listen_wrongly_does_not_start() {
    let (good, other) = (Pair::fresh(), Pair::fresh());
    let tls = "tls_listen = \"0.0.0.0:0\"\n";
    let certificate = "tls_certificate_file = \"tls.pem\"\n";
    let key = "tls_key_file = \"tls.key\"\n";
    let whole = [tls, certificate, key].concat();
    let long = format!("unix_socket = \"/{}\"\n", "s".repeat(120));
    let table: [(&str, &Pair, &[&str]); 9] = [
        (tls, &good, &["http.tls_certificate_file", "http.tls_key_file"]),
        (certificate, &good, &["http.tls_listen", "http.tls_key_file"]),
        (key, &good, &["http.tls_listen", "http.tls_certificate_file"]),
        (&whole, &Pair { key: other.key, ..good.clone() }, &["http.tls_key_file"]),
        (&whole, &Pair { key: "no key".to_owned(), ..good.clone() }, &["http.tls_key_file"]),
        (&whole, &Pair { certificate: good.key.clone(), ..good.clone() }, &["http.tls_certificate_file"]),
        (
            &whole,
            &Pair { certificate: "-----BEGIN CERTIFICATE-----\n".to_owned(), ..good.clone() },
            &["http.tls_certificate_file"],
        ),
        (&long, &good, &["http.unix_socket"]),
        ("unix_socket_mode = \"0777\"\n", &good, &["http.unix_socket_mode"]),
    ];
    for (lines, pair, mistakes) in table {
        let said = refused(lines, pair, None);
        for key in mistakes {
            assert!(said.contains(&format!("\n  {key}")), "{key} is not named in {said}");
        }
        assert!(said.contains(&format!("{} mistake", mistakes.len())), "{said}");
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    }
    for open in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"] {
        let said = refused("", &good, Some(open));
        assert!(said.contains("http.listen") && said.contains("http.tls_listen"), "{said}");
    }
}

/// What a daemon says that does not start with these lines.
fn refused(lines: &str, pair: &Pair, listen: Option<&str>) -> String {
    let desk = Desk::new();
    fs::write(desk.path("tls.pem"), &pair.certificate).unwrap();
    desk.write_secret("tls.key", &pair.key);
    let config = fs::read_to_string(desk.path("payoutd.toml")).unwrap();
    let config = config.replace("[http]\n", &format!("[http]\n{lines}"));
    fs::write(desk.path("payoutd.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
    command.args(["run", "--config"]).arg(desk.path("payoutd.toml"));
    if let Some(listen) = listen {
        command.env("PAYOUTD_HTTP__LISTEN", listen);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", told(&output));
    assert!(!desk.path("payoutd.db").exists());
    told(&output)
}

/// One address opens connection after connection and says nothing: it has its share and no more, and whoever comes from elsewhere is
/// served. When it leaves, it is served too.
#[actix_web::test]
async fn a_stranger_who_opens_connections_and_says_nothing_shuts_no_door() {
    use std::io::Read as _;
    let network = Network::start(&[]);
    let pair = Pair::fresh();
    let wired = Wired::beside(&network, &pair);
    let daemon = Daemon::open(&wired.desk).await;
    let tls = wired.tls;
    let silent: Vec<_> =
        (0..CONNECTIONS_PER_ADDRESS_MAX).map(|_| std::net::TcpStream::connect(tls).unwrap()).collect();
    // One more is let go without a word: the others are waited for, this one is not.
    let refused = spawn_blocking(move || {
        let mut one_more = std::net::TcpStream::connect(tls).unwrap();
        // A reset is an end, too.
        one_more.read(&mut [0]).unwrap_or(0)
    });
    assert_eq!(refused.await.unwrap(), 0);
    assert!(
        metric(&daemon, "payoutd_tls_handshake_failures_total{reason=\"too_many_of_one_address\"}").await
    );
    let elsewhere = pair.client_from(tls, [127, 0, 0, 2].into());
    assert_eq!(send(over_tls(&elsewhere, tls, "/readyz")).await.status, 200);
    drop(silent);
    let outside = pair.client(tls);
    for _ in 0..100 {
        if over_tls(&outside, tls, "/readyz").send().await.is_ok_and(|answer| answer.status() == 200) {
            daemon.stop();
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("whoever has left is still counted: {}", daemon.last_words());
}
