//! The fear: whoever stands between a daemon and its database or its broker reads along, or is taken for them.
//!
//! A PostgreSQL and a RabbitMQ of the story's own with certificates that an authority of its own has signed; the daemon is told
//! which one, or is not told, or is told another.

use std::{fs, net::TcpListener};

use reqwest::Method;
use serde_json::Value;
use sqlx::{ConnectOptions, Row, postgres::PgConnectOptions};

use crate::kit::{
    amqp::Queues, certificates::Certificates, desk::Desk, door::Caller, fleet::Fleet,
    own_service::OwnService, postgres::Database,
};

/// Which authority a daemon is told to believe.
enum Believes<'a> {
    This(&'a Certificates),
    Nobody,
}

/// A database and a broker that speak TLS.
struct Protected {
    of_database: Certificates,
    of_broker: Certificates,
    postgres: OwnService,
    broker: OwnService,
    broker_tls: String,
}

impl Protected {
    /// `None` where they are not installed.
    fn start() -> Option<Self> {
        let (of_database, of_broker) =
            (Certificates::of_a_server("postgres"), Certificates::of_a_server("rabbitmq"));
        let postgres = OwnService::postgres(&format!(
            "ssl = on\nssl_min_protocol_version = 'TLSv1.3'\nssl_cert_file = '{}'\nssl_key_file = '{}'",
            of_database.certificate().display(),
            of_database.key().display()
        ))?;
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let broker = OwnService::broker_with(&format!(
            "listeners.ssl.1 = {free}\nssl_options.cacertfile = {}\nssl_options.certfile = {}\n\
             ssl_options.keyfile = {}\nssl_options.verify = verify_none\nssl_options.fail_if_no_peer_cert = false\n\
             ssl_options.versions.1 = tlsv1.3",
            of_broker.authority().display(),
            of_broker.certificate().display(),
            of_broker.key().display()
        ))?;
        let broker_tls = format!("amqps://payoutd:payoutd@{free}/%2f");
        Some(Self { of_database, of_broker, postgres, broker, broker_tls })
    }

    async fn fleet(&self) -> Fleet {
        Fleet::beside(Queues::at(&self.broker.url()).await, Database::at(&self.postgres.url()).await)
    }

    /// Tells a daemon's configuration to come to both over TLS, and whom to believe.
    fn come_protected(&self, desk: &Desk, database: &Believes<'_>, broker: &Believes<'_>) {
        let path = desk.path("payoutd.toml");
        let config = fs::read_to_string(&path).unwrap();
        let line = |name: &str| {
            let of_url = |line: &&str| line.starts_with("url = \"") && line.contains(name);
            config.lines().find(of_url).unwrap().to_owned()
        };
        let (postgres, amqp) = (line("postgres://"), line("amqp://"));
        let root = match database {
            Believes::This(authority) => format!("&sslrootcert={}", authority.authority().display()),
            Believes::Nobody => String::new(),
        };
        let with_tls = postgres.trim_end_matches('"').to_owned() + "&sslmode=verify-full" + &root + "\"";
        let ca_file = match broker {
            Believes::This(authority) => format!("ca_file = \"{}\"\n", authority.authority().display()),
            Believes::Nobody => String::new(),
        };
        let config = config
            .replace(&postgres, &with_tls)
            .replace(&amqp, &format!("url = \"{}\"\n{ca_file}", self.broker_tls));
        fs::write(path, config).unwrap();
    }

    /// How many of the daemon's connections the database has, and how many of them are not encrypted.
    async fn connections(&self) -> (i64, i64) {
        let options: PgConnectOptions = self.postgres.url().parse().unwrap();
        let mut own = options.connect().await.unwrap();
        let asked = "SELECT count(*), count(*) FILTER (WHERE NOT ssl.ssl) FROM pg_stat_activity AS one \
             JOIN pg_stat_ssl AS ssl USING (pid) WHERE one.application_name LIKE 'payoutd%'";
        let row = sqlx::query(asked).fetch_one(&mut own).await.unwrap();
        (row.get(0), row.get(1))
    }
}

/// F001-02, F-N17: a job comes over a protected wire, its payout is kept over a protected wire, and is paid.
#[actix_rt::test]
async fn a_house_pays_over_wires_that_nobody_reads_along() {
    let Some(protected) = Protected::start() else { return };
    let mut fleet = protected.fleet().await;
    let mut member = fleet.member("");
    let (database, broker) = (Believes::This(&protected.of_database), Believes::This(&protected.of_broker));
    protected.come_protected(&member.desk, &database, &broker);
    member.start();
    member.is_open().await;
    for n in 0..5 {
        fleet.job(n).await;
    }
    member.at_work().until_stage("settled", 5).await;
    let (all, in_clear) = protected.connections().await;
    assert!(all > 0 && in_clear == 0, "{in_clear} of {all} in clear");
    fleet.each_is_paid_once(5).await;
    member.stop();
}

/// A database whose certificate is not believed gets no password, and the start says why and what to do.
#[actix_rt::test]
async fn a_database_that_can_not_be_believed_is_not_spoken_to() {
    let Some(protected) = Protected::start() else { return };
    let mut fleet = protected.fleet().await;
    for believed in [Believes::Nobody, Believes::This(&protected.of_broker)] {
        let member = fleet.member("");
        protected.come_protected(&member.desk, &believed, &Believes::This(&protected.of_broker));
        let refused = member.desk.run(&["migrate"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(69), "{said}");
        assert!(said.contains("certificate") && !said.contains("payoutd:payoutd"), "{said}");
    }
    assert_eq!(protected.connections().await, (0, 0));
}

/// F-P17: a broker whose certificate is not believed gets no password either; the daemon lives, pays what comes to its door, and
/// `/readyz` and its log name the broker.
#[actix_rt::test]
async fn a_broker_that_can_not_be_believed_is_away_and_orders_at_the_door_are_paid() {
    let Some(protected) = Protected::start() else { return };
    let mut fleet = protected.fleet().await;
    let mut member = fleet.member("");
    let database = Believes::This(&protected.of_database);
    protected.come_protected(&member.desk, &database, &Believes::Nobody);
    member.start();
    let trouble = member.until("the broker is said to be away", async |caller: &Caller| {
        let ready: Value = caller.request(Method::GET, "/readyz").send().await.ok()?.json().await.ok()?;
        let amqp = ready["components"]["amqp"].clone();
        (amqp["status"] == "down").then_some(amqp)
    });
    let trouble = trouble.await;
    let lives = Caller::at(member.desk.door).get("/livez").await;
    assert_eq!(lives.status, 200, "{}", lives.text);
    fleet.ask(&[Caller::at(member.desk.door)], 0).await;
    member.at_work().until_stage("settled", 1).await;
    let log = fs::read_to_string(member.desk.path("daemon.log")).unwrap();
    assert!(log.contains("certificate"), "{trouble}\n{log}");
    assert!(!log.contains("payoutd:payoutd"), "{log}");
    member.stop();
}
