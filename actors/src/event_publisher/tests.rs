//! Stories of the outbox, on paused time.

use super::*;
use crate::domain::journal::{Body, JournalKey};
use crate::domain::payout::{Command, Stage};
use crate::domain::tron::TxId;
use crate::fakes::{MemoryStore, PocketBus, PocketKeeper, PocketRoles, TestClock};
use crate::ports::exam::kit::{MORNING_MS, admit, go, payout, sign};
use actix::Addr;
use serde_json::json;

struct Town {
    store: MemoryStore,
    roles: PocketRoles,
    keeper: Arc<PocketKeeper>,
    bus: Arc<PocketBus>,
    clock: Arc<TestClock>,
}

fn town() -> Town {
    tokio::time::pause();
    Town {
        store: MemoryStore::new("town"),
        roles: PocketRoles::of("one"),
        keeper: Arc::default(),
        bus: Arc::default(),
        clock: Arc::default(),
    }
}

impl Town {
    fn tools(&self, roles: PocketRoles) -> EventPublisherTools {
        EventPublisherTools {
            journal: Arc::new(self.store.clone()),
            payouts: Arc::new(self.store.clone()),
            house: Arc::new(self.store.clone()),
            roles: Arc::new(roles),
            keeper: self.keeper.clone(),
            bus: self.bus.clone(),
            clock: self.clock.clone(),
            settings: EventPublisherSettings { batch_max: 10, ..EventPublisherSettings::default() },
        }
    }

    fn hire(&self) -> Addr<EventPublisher> {
        EventPublisher::new(self.tools(self.roles.clone())).start()
    }

    async fn write(&self, rows: u32) {
        let alarm = |n| HouseChange::Alarm {
            kind: "rehearsal",
            payout_id: None,
            body: Body::of(&json!({ "n": n })).unwrap(),
        };
        self.store.change((0..rows).map(alarm).collect(), self.clock.now_ms()).await.unwrap();
    }

    fn told(&self) -> Vec<i64> {
        self.bus.taken().iter().map(|event| event.sequence).collect()
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// F-P12: everything that happens goes out in order, without a gap and without a repetition while nothing goes wrong.
#[actix::test]
async fn what_happens_is_told_in_order_and_once() {
    let town = town();
    let publisher = town.hire();
    for rows in [1, 25, 3] {
        town.write(rows).await;
        pass(1).await;
    }
    assert_eq!(town.told(), (1..=29).collect::<Vec<_>>());
    let view = publisher.send(ShowView).await.unwrap().state;
    assert_eq!((view["published_seq"].as_i64(), view["unpublished"].as_u64()), (Some(29), Some(0)));
    assert_eq!(town.store.facts().await.unwrap().events_published_seq, 29);
}

/// F-P12: each event says how its payout stood then, though the payout has gone on long before it is told.
#[actix::test]
async fn an_event_says_how_things_stood_when_it_happened() {
    let town = town();
    let taken = admit(&town.store, payout(1)).await.unwrap();
    let signed = go(&town.store, &taken, sign(&taken, MORNING_MS), MORNING_MS).await.unwrap();
    go(&town.store, &signed, Command::NoteBroadcast { nodes: 1 }, MORNING_MS).await.unwrap();
    town.hire();
    pass(1).await;
    let told: Vec<(String, Stage, u32, Option<TxId>)> = town
        .bus
        .taken()
        .into_iter()
        .map(|event| {
            let then = event.payout.unwrap();
            assert_eq!((then.ordered.id, &then.ordered.order), (taken.id, &taken.order));
            (event.name.into_owned(), then.stage, then.version, then.txid)
        })
        .collect();
    let txid = Some(signed.attempts[0].txid);
    assert_eq!(
        told,
        [
            ("payout.admitted".to_owned(), Stage::Admitted, 1, None),
            ("payout.signed".to_owned(), Stage::Signed, 2, txid),
            ("payout.broadcast".to_owned(), Stage::Broadcast, 3, txid),
        ]
    );
}

/// Whoever reads on from the middle has not seen the order: it is read from the store, and nothing else of it.
#[actix::test]
async fn a_reader_from_the_middle_is_told_the_same() {
    let town = town();
    let taken = admit(&town.store, payout(1)).await.unwrap();
    let signed = go(&town.store, &taken, sign(&taken, MORNING_MS), MORNING_MS).await.unwrap();
    go(&town.store, &signed, Command::NoteBroadcast { nodes: 1 }, MORNING_MS).await.unwrap();
    let store = Arc::new(town.store.clone());
    let whole = EventStream::of(store.clone(), store.clone()).after(0, 100).await.unwrap();
    for from in 0..3 {
        let rest = EventStream::of(store.clone(), store.clone()).after(from, 100).await.unwrap();
        assert_eq!(rest, whole[usize::try_from(from).unwrap()..]);
    }
}

/// The transfer's bytes are nobody's business before they stand on the chain, the digests never are.
#[actix::test]
async fn what_is_inside_stays_inside() {
    let town = town();
    let taken = admit(&town.store, payout(1)).await.unwrap();
    go(&town.store, &taken, sign(&taken, MORNING_MS), MORNING_MS).await.unwrap();
    town.hire();
    pass(1).await;
    let said = format!("{:?}", town.bus.taken().iter().map(|event| &event.facts).collect::<Vec<_>>());
    for word in ["raw_data", "signature", "digest"] {
        assert!(!said.contains(word), "{word} in {said}");
    }
    assert!(said.contains("txid"));
}

/// While the bus is away nothing is lost, and what waits is shown with its age.
#[actix::test]
async fn a_bus_that_is_away_costs_time_only() {
    let town = town();
    let publisher = town.hire();
    town.bus.set_away(true);
    let since_ms = town.clock.now_ms();
    town.write(4).await;
    pass(60).await;
    let view = publisher.send(ShowView).await.unwrap().state;
    assert_eq!(
        (view["unpublished"].as_u64(), view["oldest_unpublished_at_ms"].as_i64()),
        (Some(4), Some(since_ms))
    );
    assert!(view["trouble"].as_str().unwrap().contains("away"));
    town.bus.set_away(false);
    pass(1).await;
    assert_eq!(town.told(), [1, 2, 3, 4]);
    assert!(publisher.send(ShowView).await.unwrap().state["trouble"].is_null());
}

/// A confirm that was lost: the same events again under the same sequence, and no gap.
#[actix::test]
async fn a_lost_confirm_is_a_repetition_and_never_a_gap() {
    let town = town();
    town.bus.lose_confirms(true);
    town.hire();
    town.write(3).await;
    pass(2).await;
    town.bus.lose_confirms(false);
    town.write(1).await;
    pass(2).await;
    let told = town.told();
    assert!(told.len() > 4);
    let mut sequence: Vec<_> = told.clone();
    sequence.sort_unstable();
    sequence.dedup();
    assert_eq!(sequence, [1, 2, 3, 4]);
    assert_eq!(told.last(), Some(&4));
}

/// A publisher that dies is followed by one that goes on where the bus had confirmed.
#[actix::test]
async fn whoever_follows_goes_on_where_the_last_one_stopped() {
    let town = town();
    let first = town.hire();
    town.write(12).await;
    pass(1).await;
    first.send(Drain).await.unwrap();
    drop(first);
    town.write(2).await;
    town.hire();
    pass(1).await;
    assert_eq!(town.told(), (1..=14).collect::<Vec<_>>());
}

/// F-P26: what happened while the house closed goes out before it is closed.
#[actix::test]
async fn leaving_tells_what_is_left() {
    let town = town();
    let publisher = town.hire();
    pass(1).await;
    town.write(35).await;
    publisher.send(Drain).await.unwrap();
    assert_eq!(town.told().len(), 35);
}

/// Two processes share a store: one tells, the other stands by and goes on when the first one's lease has ended.
#[actix::test]
async fn one_of_a_fleet_tells_and_another_takes_over() {
    let town = town();
    town.hire();
    let second = EventPublisher::new(town.tools(town.roles.seen_by("two"))).start();
    town.write(5).await;
    pass(1).await;
    assert_eq!(second.send(ShowView).await.unwrap().state["stands_by"], true);
    town.roles.put_to_sleep("one");
    town.clock.jump(6_000);
    pass(1).await;
    town.write(5).await;
    pass(1).await;
    assert_eq!(second.send(ShowView).await.unwrap().state["stands_by"], false);
    assert_eq!(town.told(), (1..=10).collect::<Vec<_>>());
    // The first one wakes up, gets the role back when the second falls asleep, and goes on behind it.
    town.roles.wake("one");
    town.roles.put_to_sleep("two");
    town.clock.jump(6_000);
    town.write(5).await;
    pass(1).await;
    assert_eq!(town.told(), (1..=15).collect::<Vec<_>>());
}

/// F002-05: signed checkpoints go out beside the events, for whoever keeps them elsewhere; not one for each seal.
#[actix::test]
async fn checkpoints_go_out_now_and_then() {
    use crate::domain::journal::{Checkpoint, SealRun};
    let town = town();
    town.hire();
    town.write(2).await;
    let rows = town.store.records(1, 10).await.unwrap();
    let key = JournalKey::from_seed(&[9; 32]);
    let mut head = crate::domain::journal::ChainHead::GENESIS;
    for row in &rows {
        let mut run = SealRun::after(head);
        run.push(row).unwrap();
        let seal = run.close("town", &key, 1).unwrap();
        head = seal.head();
        town.keeper.keep(&Checkpoint::of(&seal, "town", &key)).await.unwrap();
        pass(2).await;
    }
    assert_eq!(town.bus.checkpoints().iter().map(|kept| kept.last_seq).collect::<Vec<_>>(), [1]);
    town.clock.jump(60_000);
    pass(2).await;
    assert_eq!(town.bus.checkpoints().iter().map(|kept| kept.last_seq).collect::<Vec<_>>(), [1, 2]);
}

/// F-P25: a publisher that is cut from the bus, and well otherwise, must not keep the role: the events of the whole fleet would
/// wait for its wire. It is back when the other one is cut off.
#[actix::test]
async fn a_publisher_that_is_cut_off_leaves_its_role_to_one_that_is_not() {
    let town = town();
    let first = town.hire();
    let bus = Arc::new(PocketBus::default());
    let tools = town.tools(town.roles.seen_by("two"));
    let second = EventPublisher::new(EventPublisherTools { bus: bus.clone(), ..tools }).start();
    town.write(3).await;
    pass(1).await;
    town.bus.set_away(true);
    town.write(4).await;
    pass(60).await;
    let told = |bus: &PocketBus| bus.taken().iter().map(|event| event.sequence).collect::<Vec<_>>();
    assert_eq!((town.told(), told(&bus)), (vec![1, 2, 3], vec![4, 5, 6, 7]));
    assert_eq!(first.send(ShowView).await.unwrap().state["stands_by"], true);
    town.bus.set_away(false);
    bus.set_away(true);
    town.write(2).await;
    pass(60).await;
    assert_eq!((town.told(), told(&bus)), (vec![1, 2, 3, 8, 9], vec![4, 5, 6, 7]));
    assert_eq!(second.send(ShowView).await.unwrap().state["stands_by"], true);
}

/// F-N18: one that is alone gives its role up too, and has it again as soon as the bus is back; meanwhile it counts what waits.
#[actix::test]
async fn a_publisher_that_is_alone_is_at_work_as_soon_as_the_bus_is_back() {
    let town = town();
    let publisher = town.hire();
    town.bus.set_away(true);
    town.write(4).await;
    // In every part of a turn of giving up, standing back and asking again.
    for seconds in [7, 11, 13, 26, 90] {
        pass(seconds).await;
        assert_eq!(publisher.send(ShowView).await.unwrap().state["unpublished"], 4);
        town.bus.set_away(false);
        pass(1).await;
        assert_eq!(publisher.send(ShowView).await.unwrap().state["unpublished"], 0, "after {seconds} s");
        town.bus.set_away(true);
        town.write(4).await;
    }
}
