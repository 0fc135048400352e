//! The fear: a death between two steps, at the one instant that nobody thought of, and a recipient who is paid twice or never. Here the
//! real process dies, by SIGKILL, again and again, under load; the judge is the network's own book, in another process.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    rc::Rc,
    time::Duration,
};

use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::ports::House as _;
use serde_json::json;

use crate::kit::{
    daemon::Daemon,
    desk::Desk,
    door::{Caller, send},
    network::Network,
};

/// How often it is killed, unless `PAYOUTD_KILLS` says otherwise.
const KILLS: u32 = 200;
/// New orders for each life.
const ORDERS_A_LIFE: u64 = 15;
/// Clients that order at a time.
const CLIENTS: u64 = 4;
/// A client takes a breath after each answer, and after each silence.
const BREATH: Duration = Duration::from_millis(10);
/// One life in so many ends while the house opens.
const EARLY_ONE_IN: u32 = 4;
/// Such a life lasts so long at most, µs: about as long as an opening takes.
const EARLY_US_MAX: u64 = 250_000;
/// Any other life goes on for so long at most after it has taken in its first new order, µs: two blocks and more.
const LATE_US_MAX: u64 = 300_000;

/// F-P02, F000-15, F002-20: 200 deaths under load; every order is paid exactly once, and nobody else is paid.
#[actix_rt::test]
async fn killed_at_any_instant_under_load_every_order_is_paid_exactly_once() {
    let kills = number("PAYOUTD_KILLS").map_or(KILLS, |kills| u32::try_from(kills).unwrap());
    let seed = number("PAYOUTD_KILLS_SEED").unwrap_or_else(|| fastrand::u64(..));
    // Shown when the test fails: the same moments again, as far as the machine keeps time.
    println!("PAYOUTD_KILLS={kills} PAYOUTD_KILLS_SEED={seed}");
    let mut dice = fastrand::Rng::with_seed(seed);
    let network = Network::of_two_nodes();
    let desk = Desk::beside(&network);
    let shop = Shop::open(&desk, &network);
    for _ in 0..kills {
        shop.wants_more();
        live_and_die(&desk, &shop, &mut dice).await;
    }
    let mut daemon = Daemon::open(&desk).await;
    daemon.until("every order is answered", async |_| shop.all_answered().then_some(())).await;
    let ordered = shop.close();
    let look = async |caller: &Caller| settled_or_paused(caller, ordered.len()).await;
    let paused = daemon.until("every order is settled", look).await;
    the_book_agrees(&ordered, &network).await;
    assert_eq!(paused, None);
    the_house_agrees(&ordered, &desk, daemon).await;
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

/// Whether the waiting is over: all are settled, or the house has stopped itself, and why.
async fn settled_or_paused(caller: &Caller, ordered: usize) -> Option<Option<String>> {
    let stats = caller.get("/v1/stats").await.json();
    let paused = stats["pause"]["reason"].as_str().map(str::to_owned);
    (paused.is_some() || stats["stages"]["settled"]["payouts"] == ordered).then_some(paused)
}

/// One life: it ends while the house opens, or some time after it has taken in a new order.
async fn live_and_die(desk: &Desk, shop: &Shop, dice: &mut fastrand::Rng) {
    let answered = shop.answered();
    let mut daemon = Daemon::start(desk);
    let us_max = if dice.u32(..EARLY_ONE_IN) == 0 {
        EARLY_US_MAX
    } else {
        daemon.until("a new order is taken in", async |_| (shop.answered() > answered).then_some(())).await;
        LATE_US_MAX
    };
    tokio::time::sleep(Duration::from_micros(dice.u64(..us_max))).await;
    daemon.kill();
}

/// An order, known by its number: its key and its amount are made from it, so that the book's rows are known again.
#[derive(Debug, Clone)]
struct Ordered {
    recipient: String,
    micro_usdt: u64,
    payout_id: String,
}

/// Whoever orders: sends each key again until it has its answer, and an answered one now and then, whose answer must stay.
#[derive(Clone)]
struct Shop(Rc<RefCell<Ledger>>);

#[derive(Default)]
struct Ledger {
    recipients: Vec<String>,
    /// So many may be ordered.
    wanted: u64,
    /// Orders that were sent and not answered yet, and by whom they are sent now.
    unanswered: BTreeMap<u64, bool>,
    answered: BTreeMap<u64, Ordered>,
    /// Answers that must not be.
    wrong: Vec<String>,
    closed: bool,
}

impl Shop {
    fn open(desk: &Desk, network: &Network) -> Self {
        let recipients = (1..10).map(|n| network.account(n).to_owned()).collect();
        let shop = Self(Rc::new(RefCell::new(Ledger { recipients, ..Ledger::default() })));
        for _ in 0..CLIENTS {
            let (shop, caller) = (shop.clone(), Caller::at(desk.door));
            actix_rt::spawn(async move { shop.serve(&caller).await });
        }
        shop
    }

    fn wants_more(&self) {
        self.0.borrow_mut().wanted += ORDERS_A_LIFE;
    }

    /// How many orders have their answer; every answer so far must be right.
    fn answered(&self) -> usize {
        let ledger = self.0.borrow();
        assert!(ledger.wrong.is_empty(), "{:#?}", ledger.wrong);
        ledger.answered.len()
    }

    fn all_answered(&self) -> bool {
        self.answered() as u64 == self.0.borrow().wanted
    }

    fn close(&self) -> Vec<Ordered> {
        self.answered();
        let mut ledger = self.0.borrow_mut();
        ledger.closed = true;
        ledger.answered.values().cloned().collect()
    }

    async fn serve(&self, caller: &Caller) {
        while !self.0.borrow().closed {
            let next = self.0.borrow_mut().next();
            if let Some(n) = next {
                let answer = self.order(caller, n).await;
                self.0.borrow_mut().note(n, answer);
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Orders, and gives what was taken in; nothing when nobody answered, or not the whole answer came, or the house is not open.
    async fn order(&self, caller: &Caller, n: u64) -> Option<Ordered> {
        let recipient = self.0.borrow().recipient(n).to_owned();
        let micro_usdt = 1_000_000 + n;
        let body = json!({ "recipient": recipient, "amount": MicroUsdt::new(micro_usdt) });
        let request = caller.request(reqwest::Method::POST, "/v1/payouts");
        let answer = request.header("Idempotency-Key", format!("order-{n}")).json(&body).send().await.ok()?;
        let (status, text) = (answer.status().as_u16(), answer.text().await.ok()?);
        if !matches!(status, 202 | 503) {
            self.0.borrow_mut().wrong.push(format!("order {n}: {status} {text}"));
        }
        let taken: serde_json::Value = serde_json::from_str(&text).ok().filter(|_| status == 202)?;
        Some(Ordered { recipient, micro_usdt, payout_id: taken["id"].as_str().unwrap().to_owned() })
    }
}

impl Ledger {
    fn recipient(&self, n: u64) -> &str {
        &self.recipients[usize::try_from(n).unwrap() % self.recipients.len()]
    }

    /// What a client sends now: an order without an answer, a new one, or one that was answered, again.
    fn next(&mut self) -> Option<u64> {
        if let Some((n, sent)) = self.unanswered.iter_mut().find(|(_, sent)| !**sent) {
            *sent = true;
            return Some(*n);
        }
        let known = (self.answered.len() + self.unanswered.len()) as u64;
        if known < self.wanted {
            self.unanswered.insert(known, true);
            return Some(known);
        }
        let (first, _) = self.answered.first_key_value()?;
        let (last, _) = self.answered.last_key_value()?;
        Some(fastrand::u64(*first..=*last)).filter(|n| self.answered.contains_key(n))
    }

    fn note(&mut self, n: u64, answer: Option<Ordered>) {
        let Some(new) = answer else {
            self.unanswered.entry(n).and_modify(|sent| *sent = false);
            return;
        };
        self.unanswered.remove(&n);
        let first = self.answered.entry(n).or_insert_with(|| new.clone());
        if first.payout_id != new.payout_id {
            self.wrong.push(format!("order {n} is two payouts: {} and {}", first.payout_id, new.payout_id));
        }
    }
}

/// The judge: each order once, to its recipient, with its amount; nothing else left the wallet; none of it can be undone.
async fn the_book_agrees(ordered: &[Ordered], network: &Network) {
    let paid = network.paid_by(network.account(0)).await;
    let mut rows: BTreeMap<(&str, u64), Vec<&str>> = BTreeMap::new();
    for row in &paid {
        rows.entry((&row.to, row.micro_usdt)).or_default().push(&row.txid);
    }
    let (mut wrong, mut unpaid) = (Vec::new(), Vec::new());
    for order in ordered {
        match rows.remove(&(order.recipient.as_str(), order.micro_usdt)).as_deref() {
            Some([_]) => {}
            Some(several) => wrong.push(format!("{order:?} was paid {} times: {several:?}", several.len())),
            None => unpaid.push(format!("{order:?} was not paid")),
        }
    }
    wrong.extend(rows.into_iter().map(|row| format!("nobody ordered {row:?}")));
    wrong.extend(paid.iter().filter(|row| !row.solid).map(|row| format!("settled, and not solid: {row:?}")));
    wrong.extend(unpaid);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The house says the same: its sums, its journal, the chain as it reads it; and no death was taken for a restore.
async fn the_house_agrees(ordered: &[Ordered], desk: &Desk, daemon: Daemon) {
    let ids: BTreeSet<_> = ordered.iter().map(|order| &order.payout_id).collect();
    assert_eq!(ids.len(), ordered.len(), "two orders are one payout");
    let stats = send(daemon.caller.request(reqwest::Method::GET, "/v1/stats")).await.json();
    let sum = MicroUsdt::new(ordered.iter().map(|order| order.micro_usdt).sum());
    assert_eq!(stats["stages"]["settled"]["amount"], json!(sum), "{stats}");
    for (stage, count) in stats["stages"].as_object().unwrap() {
        assert!(stage == "settled" || count["payouts"] == 0, "{stats}");
    }
    let checkpoint = desk.ends(0, &["audit", "checkpoint"]);
    daemon.stop();

    fs::write(desk.path("checkpoint.json"), checkpoint).unwrap();
    let report = desk.json(0, &["audit", "verify", "--checkpoint", "checkpoint.json", "--json"]);
    assert_eq!((&report["sound"], &report["checkpoints"]), (&json!(true), &json!(1)), "{report}");
    let compared = desk.json(0, &["reconcile", "--json"]);
    assert_eq!(compared["findings"], json!([]));
    assert_eq!((&compared["payouts"], &compared["outgoing"]), (&json!(ids.len()), &json!(ids.len())));
    assert!(!desk.ends(0, &["audit", "export"]).contains("restore_noticed"));
    let store = desk.store().await;
    let facts = store.facts().await.unwrap();
    assert_eq!((facts.pause, facts.restore_gate), (None, None));
    store.close().await;
}
