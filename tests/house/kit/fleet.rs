//! Several daemons of one house: one wallet, one journal key, one PostgreSQL, one RabbitMQ, one simulated network; each with wires
//! of its own to all of them, which a story can cut.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    amqp::Queues,
    daemon::Daemon,
    desk::Desk,
    door::Caller,
    link::{Cut, Link, Memory},
    network::{Network, text},
    postgres::Database,
};

/// Everything here is done long before this, however busy the machine is.
const WITHIN: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long whoever orders at a door waits for its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What a daemon needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// PostgreSQL.
    Store,
    /// RabbitMQ.
    Broker,
    /// The nodes and the index.
    Chain,
}

impl Part {
    pub(crate) const ALL: [Self; 3] = [Self::Store, Self::Broker, Self::Chain];
}

/// What all of them share.
pub(crate) struct Fleet {
    pub(crate) network: Network,
    pub(crate) queues: Queues,
    database: Database,
    /// The journal key of all of them.
    journal_pem: Option<String>,
}

/// One of them, at work or not.
pub(crate) struct Member {
    pub(crate) desk: Desk,
    /// Nobody is there between two lives.
    pub(crate) daemon: Option<Daemon>,
    links: Vec<(Part, Link)>,
}

impl Fleet {
    /// What a fleet needs, upon the tests' services.
    pub(crate) async fn new() -> Self {
        Self::beside(Queues::names().await, Database::make().await)
    }

    /// The same, upon a broker and a database of the story's own.
    pub(crate) fn beside(queues: Queues, database: Database) -> Self {
        Self { network: Network::of_two_nodes(), queues, database, journal_pem: None }
    }

    /// What they all stand upon.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// One more member, with what stands at the end of its configuration; it does not work yet.
    pub(crate) fn member(&mut self, more: &str) -> Member {
        let desk = Desk::beside(&self.network);
        match &self.journal_pem {
            Some(key) => desk.write_secret("journal.pem", key),
            None => self.journal_pem = Some(fs::read_to_string(desk.path("journal.pem")).unwrap()),
        }
        let config = fs::read_to_string(desk.path("payoutd.toml")).unwrap();
        let (file, journal) = ("sqlite:payoutd.db", "[journal]\n");
        assert!(config.contains(file) && config.contains(journal), "{config}");
        let mut config = config
            .replace(file, &self.database.url)
            .replace(journal, "[journal]\ncheckpoint_file = \"payoutd.checkpoint\"\n");
        config.push_str(&self.queues.section());
        config.push_str(more);
        let mut links = Vec::new();
        for (part, target) in self.targets() {
            let link = Link::to(target);
            config = config.replace(&target.to_string(), &link.address.to_string());
            links.push((part, link));
        }
        fs::write(desk.path("payoutd.toml"), config).unwrap();
        Member { desk, daemon: None, links }
    }

    /// So many members, at work.
    pub(crate) async fn at_work(&mut self, count: usize) -> Vec<Member> {
        let mut members: Vec<Member> = (0..count).map(|_| self.member("")).collect();
        for member in &mut members {
            member.start();
        }
        for member in &mut members {
            member.is_open().await;
        }
        members
    }

    fn targets(&self) -> Vec<(Part, SocketAddr)> {
        let about = &self.network.about;
        let nodes = about["more_nodes_http"].as_array().into_iter().flatten().map(text);
        let chain = [self.network.text("http"), self.network.text("tronscan_http")].into_iter().chain(nodes);
        let mut targets: Vec<_> = chain.map(|url| (Part::Chain, address_in(url))).collect();
        targets.push((Part::Store, address_in(&self.database.url)));
        targets.push((Part::Broker, address_in(&self.queues.url)));
        targets.sort_by_key(|(_, address)| *address);
        targets.dedup_by_key(|(_, address)| *address);
        targets
    }

    /// Order `n`: its amount is its number.
    pub(crate) fn order(&self, n: usize) -> Value {
        json!({ "recipient": self.network.account(1 + n % 3), "amount": format!("1.{n:03}") })
    }

    /// Puts order `n` into the queue.
    pub(crate) async fn job(&self, n: usize) {
        self.queues.job(&key(n), &self.order(n)).await;
    }

    /// Brings order `n` to these doors, one after the other, until one of them has taken it in.
    pub(crate) async fn ask(&self, doors: &[Caller], n: usize) {
        let began = Instant::now();
        for door in doors.iter().cycle().skip(n % doors.len()) {
            let request = door.request(reqwest::Method::POST, "/v1/payouts");
            let sent = request.header("Idempotency-Key", key(n)).json(&self.order(n)).timeout(ANSWER_WITHIN);
            match sent.send().await.map(|answer| answer.status().as_u16()) {
                Ok(200 | 202) => return,
                Ok(503) | Err(_) => {}
                Ok(status) => panic!("order {n}: {status}"),
            }
            assert!(began.elapsed() < WITHIN, "nobody takes order {n} in");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Each of so many orders was paid once, by the network's own book, and nothing else was.
    pub(crate) async fn each_is_paid_once(&self, orders: usize) {
        let mut paid = BTreeMap::new();
        for one in self.network.paid_by(self.network.account(0)).await {
            *paid.entry(one.micro_usdt).or_insert(0) += 1;
        }
        let expected = (0..orders).map(|n| (1_000_000 + 1_000 * n as u64, 1)).collect();
        assert_eq!(paid, expected);
    }

    /// Every event there is, as the door tells them: from 1 on, without a gap.
    pub(crate) async fn events_are_gapless(&self, caller: &Caller) -> i64 {
        let mut after = 0;
        loop {
            let page = caller.get(&format!("/v1/events?after={after}&limit=1000")).await.json();
            let events = page["events"].as_array().unwrap();
            if events.is_empty() {
                return after;
            }
            for event in events {
                after += 1;
                assert_eq!(event["data"]["sequence"], after, "{event}");
            }
        }
    }
}

impl Member {
    /// Gives a key of its configuration, the only one of this name, another value.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let path = self.desk.path("payoutd.toml");
        let config = fs::read_to_string(&path).unwrap();
        let is_it = |line: &&str| line.split('=').next().is_some_and(|key| key.trim() == name);
        let [line] = config.lines().filter(is_it).collect::<Vec<_>>()[..] else { panic!("{name}: {config}") };
        fs::write(path, config.replace(line, &format!("{name} = {value}"))).unwrap();
    }

    /// Begins a life.
    pub(crate) fn start(&mut self) {
        assert!(self.daemon.is_none(), "it lives already");
        self.daemon = Some(Daemon::start(&self.desk));
    }

    /// Waits until its door is open and its broker is there.
    pub(crate) async fn is_open(&mut self) {
        let open = async |caller: &Caller| {
            let asked =
                caller.request(reqwest::Method::GET, "/readyz").timeout(ANSWER_WITHIN).send().await.ok()?;
            let ready: Value = asked.json().await.ok()?;
            (ready["components"]["amqp"]["status"] == "up" && ready["components"]["store"]["status"] == "up")
                .then_some(())
        };
        self.until("it is open", open).await;
    }

    /// Whoever works. One that has left because something was away is started again, as a service manager does it.
    pub(crate) fn at_work(&mut self) -> &mut Daemon {
        if self.daemon.as_mut().expect("it lives").wants_another_start() {
            self.daemon = Some(Daemon::start(&self.desk));
        }
        self.daemon.as_mut().expect("it lives")
    }

    /// Waits for what `look` looks for.
    pub(crate) async fn until<T>(&mut self, what: &str, look: impl AsyncFn(&Caller) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look(&self.at_work().caller).await {
                return found;
            }
            self.at_work().must_live();
            assert!(began.elapsed() < WITHIN, "never: {what}\n{}", self.at_work().last_words());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Ends its life, by SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.at_work();
        self.daemon.take().expect("it lives").kill();
    }

    /// Ends its life as a service manager does.
    pub(crate) fn stop(&mut self) {
        self.daemon.take().expect("it lives").stop();
    }

    /// The same, while the story goes on.
    pub(crate) async fn stop_meanwhile(&mut self) {
        let daemon = self.daemon.take().expect("it lives");
        tokio::task::spawn_blocking(move || daemon.stop()).await.unwrap();
    }

    /// Lets its wire to the database lead elsewhere, as a name that is moved to another host; connections that there were are reset.
    pub(crate) fn database_is_at(&self, target: SocketAddr) {
        for link in self.links_to(Part::Store) {
            link.cut(Cut::Reset);
            link.lead_to(target);
            link.heal(Memory::Lost);
        }
    }

    /// Cuts its wires to a part.
    pub(crate) fn cut(&self, part: Part, how: Cut) {
        self.links_to(part).for_each(|link| link.cut(how));
    }

    /// Makes them whole again.
    pub(crate) fn heal(&self, part: Part, memory: Memory) {
        self.links_to(part).for_each(|link| link.heal(memory));
    }

    fn links_to(&self, part: Part) -> impl Iterator<Item = &Link> {
        self.links.iter().filter(move |(to, _)| *to == part).map(|(_, link)| link)
    }
}

/// The key of order `n`.
pub(crate) fn key(n: usize) -> String {
    format!("key-{n}")
}

/// The `host:port` of a URL.
pub(crate) fn address_in(url: &str) -> SocketAddr {
    let (_, rest) = url.split_once("://").unwrap();
    let host = rest.split(['/', '?']).next().unwrap();
    host.rsplit('@').next().unwrap().parse().unwrap_or_else(|why| panic!("{url}: {why}"))
}
