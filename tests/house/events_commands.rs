//! The fear: somebody follows what happens, the daemon is started anew meanwhile, and what happened at that moment is never told.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use serde_json::Value;

use crate::kit::{
    daemon::Daemon,
    desk::{Desk, told},
    network::Network,
};

/// It settles long before this, however busy the machine is.
const WITHIN: Duration = Duration::from_secs(240);

/// `payoutd events --follow --json` in a process of its own.
struct Follower {
    process: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn of(desk: &Desk) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_payoutd"))
            .args(["events", "--after", "0", "--follow", "--json", "--config"])
            .arg(desk.path("payoutd.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (said, lines) = mpsc::channel();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        Self { process, lines }
    }

    /// Listens until an event of this kind has come; all that came, with it.
    async fn until(&self, kind: &str) -> Vec<Value> {
        let mut heard: Vec<Value> = Vec::new();
        while heard.last().is_none_or(|event| event["type"] != kind) {
            let line = tokio::task::block_in_place(|| self.lines.recv_timeout(WITHIN));
            heard.push(
                serde_json::from_str(&line.unwrap_or_else(|_| panic!("no {kind}: {heard:?}"))).unwrap(),
            );
        }
        heard
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It follows for ever.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn sequences(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| event["data"]["sequence"].as_i64().unwrap()).collect()
}

/// F-P12: whoever follows hears everything once and in order, across a restart of the daemon; a list says the same.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_misses_nothing_of_a_daemon_that_is_started_anew() {
    let network = Network::of_two_nodes();
    let desk = Desk::beside(&network);
    let mut daemon = Daemon::open(&desk).await;
    let follower = Follower::of(&desk);
    desk.ends(0, &["payouts", "create", network.account(1), "1.5", "--key", "first"]);
    let mut heard = follower.until("payout.settled").await;
    daemon.stop();
    daemon = Daemon::open(&desk).await;
    desk.ends(0, &["payouts", "create", network.account(1), "2.5", "--key", "second"]);
    heard.extend(follower.until("payout.settled").await);
    assert_eq!(sequences(&heard), (1..=i64::try_from(heard.len()).unwrap()).collect::<Vec<_>>());

    let listed = desk.ends(0, &["events", "--after", "0", "--json"]);
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(listed[..heard.len()], heard[..]);
    let rest = desk.ends(0, &["events", "--after", "3", "--json"]);
    assert_eq!(rest.lines().count(), listed.len() - 3);

    // For a person: one line an event, the newest at the end.
    let lines = desk.ends(0, &["events"]);
    let settled = lines.lines().rfind(|line| line.contains("payout.settled")).unwrap();
    assert!(settled.contains("2.5 USDT  second"), "{settled}");
    let beyond = desk.run(&["events", "--after", "1000000"]);
    assert!(beyond.stdout.is_empty() && told(&beyond).contains("the last event is"), "{}", told(&beyond));
    daemon.stop();
}

#[test]
fn without_a_daemon_a_list_says_so() {
    let desk = Desk::new();
    let asked = desk.run(&["events"]);
    assert_eq!(asked.status.code(), Some(69), "{}", told(&asked));
    let nonsense = desk.run(&["events", "--after", "-1"]);
    assert_eq!(nonsense.status.code(), Some(2), "{}", told(&nonsense));
}
