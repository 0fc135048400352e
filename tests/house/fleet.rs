//! The fear: several daemons share the work, one of them dies, sleeps or loses a wire in the one moment that nobody thought of,
//! and somebody is paid twice or never. Real daemons, a PostgreSQL, a RabbitMQ; the judge is the network's own book.

use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Executor as _};

use crate::kit::{
    door::Caller,
    fleet::{Fleet, Member, Part},
    link::{Cut, Memory},
};

/// Longer than every lease of the fleet: of a role, of a claim.
const LONGER_THAN_EVERY_LEASE: Duration = Duration::from_millis(16_500);

/// What happens to a daemon.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// SIGKILL; another life begins after a while.
    Death,
    /// SIGSTOP for longer than every lease, and SIGCONT.
    Sleep,
    /// Its wire to a part is cut, and whole again after a while.
    Apart(Part, Cut, Memory),
}

/// Every fault once, in an order and in ways that the dice say.
fn faults(dice: &mut fastrand::Rng) -> Vec<Fault> {
    let mut faults = vec![Fault::Death, Fault::Sleep, Fault::Death];
    for part in Part::ALL {
        let how = *dice.choice([Cut::Silence, Cut::Reset].iter()).unwrap();
        let memory = *dice.choice([Memory::Kept, Memory::Lost].iter()).unwrap();
        faults.push(Fault::Apart(part, how, memory));
    }
    dice.shuffle(&mut faults);
    faults
}

/// Goes through its faults, with a while between them.
async fn suffer(member: &mut Member, faults: Vec<Fault>, mut dice: fastrand::Rng) {
    let mut a_while = |ms| tokio::time::sleep(Duration::from_millis(dice.u64(ms)));
    for fault in faults {
        a_while(200..2_000).await;
        match fault {
            Fault::Death => {
                member.kill();
                a_while(0..1_500).await;
                member.start();
            }
            Fault::Sleep => {
                member.at_work().freeze();
                tokio::time::sleep(LONGER_THAN_EVERY_LEASE).await;
                member.at_work().thaw();
            }
            Fault::Apart(part, how, memory) => {
                member.cut(part, how);
                a_while(500..4_000).await;
                member.heal(part, memory);
            }
        }
        member.at_work().must_live();
    }
}

fn doors(members: &[Member]) -> Vec<Caller> {
    members.iter().map(|member| Caller::at(member.desk.door)).collect()
}

/// A third of the orders comes as jobs, a third at the doors, a third both ways.
async fn order(fleet: &Fleet, doors: &[Caller], n: usize) {
    match n % 3 {
        0 => fleet.job(n).await,
        1 => fleet.ask(doors, n).await,
        _ => {
            join(fleet.job(n), fleet.ask(doors, n)).await;
        }
    }
}

/// Waits until all are settled and nothing is left anywhere, as this member tells it.
async fn all_is_settled(member: &mut Member, orders: usize) {
    let all_settled = async |caller: &Caller| {
        let asked = caller.request(reqwest::Method::GET, "/v1/stats").timeout(Duration::from_secs(5));
        let stats: Value = asked.send().await.ok()?.json().await.ok()?;
        let done = stats["stages"]["settled"]["payouts"] == orders;
        // A member that starts again says nothing of it yet.
        assert_ne!(stats["pause"]["paused"], true, "{stats}");
        done.then_some(())
    };
    member.until("every order is settled", all_settled).await;
}

/// The end of every story: the book, the journal and the events say the same; nothing is left in a queue.
async fn all_agree(fleet: &Fleet, members: &mut [Member], orders: usize) {
    all_is_settled(&mut members[0], orders).await;
    fleet.each_is_paid_once(orders).await;
    let caller = Caller::at(members[0].desk.door);
    assert!(fleet.events_are_gapless(&caller).await >= 4 * orders as i64);
    assert_eq!(fleet.queues.ready(&fleet.queues.config.dead_queue).await, 0);
    for member in members.iter_mut() {
        member.stop();
    }
    assert_eq!(fleet.queues.ready(&fleet.queues.config.queue).await, 0);
    let report = members[0].desk.json(0, &["audit", "verify", "--json"]);
    assert_eq!((&report["sound"], &report["findings"]), (&json!(true), &json!([])), "{report}");
    let compared = members[0].desk.json(0, &["reconcile", "--json"]);
    assert_eq!((&compared["findings"], &compared["payouts"]), (&json!([]), &json!(orders)), "{compared}");
}

/// F-P25, F-N16: three daemons under a load of jobs and orders; each is killed, put to sleep for longer than every lease, and cut
/// from the database, the broker and the chain, in an order that the seed says. Each order is paid once.
#[actix_rt::test]
async fn whatever_happens_to_three_daemons_every_order_is_paid_once() {
    const ORDERS: usize = 600;
    /// Between two orders: the load lasts as long as the faults.
    const PACE: Duration = Duration::from_millis(50);
    // The same faults each time, so that a red run can be looked into; another number tells another story.
    let seed: u64 =
        std::env::var("PAYOUTD_FLEET_SEED").map_or(16_932_885_860_252_272_950, |seed| seed.parse().unwrap());
    println!("PAYOUTD_FLEET_SEED={seed}");
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut fleet = Fleet::new().await;
    let mut members = fleet.at_work(3).await;
    let doors = doors(&members);
    let orders = (0..ORDERS).map(|n| {
        let (fleet, doors) = (&fleet, &doors);
        async move {
            tokio::time::sleep(PACE * u32::try_from(n).unwrap()).await;
            order(fleet, doors, n).await;
        }
    });
    let sufferings = members.iter_mut().map(|member| {
        let faults = faults(&mut dice);
        println!("{}: {faults:?}", member.desk.door);
        suffer(member, faults, dice.fork())
    });
    join(join_all(orders), join_all(sufferings)).await;
    all_agree(&fleet, &mut members, ORDERS).await;
}

/// F-P26, F-P25: under a load of jobs and orders each of three daemons is stopped as a service manager does it, and started again,
/// one after the other as in an upgrade, and one more joins: each drains within its time, and nothing is lost or done twice.
#[actix_rt::test]
async fn daemons_that_are_stopped_and_started_one_by_one_under_load_lose_nothing() {
    const ORDERS: usize = 300;
    const PACE: Duration = Duration::from_millis(30);
    /// A drain ends within 30 s; a machine that is busy with other tests is given as much again.
    const DRAINS_WITHIN: Duration = Duration::from_secs(60);
    let mut fleet = Fleet::new().await;
    let mut members = fleet.at_work(3).await;
    let mut fourth = fleet.member("");
    let doors = doors(&members);
    let orders = join_all((0..ORDERS).map(|n| {
        let (fleet, doors) = (&fleet, &doors);
        async move {
            tokio::time::sleep(PACE * u32::try_from(n).unwrap()).await;
            order(fleet, doors, n).await;
        }
    }));
    let upgrade = async {
        for member in &mut members {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let began = std::time::Instant::now();
            member.stop_meanwhile().await;
            assert!(began.elapsed() < DRAINS_WITHIN, "{:?}", began.elapsed());
            member.start();
            member.is_open().await;
        }
        fourth.start();
        fourth.is_open().await;
    };
    join(orders, upgrade).await;
    members.push(fourth);
    all_agree(&fleet, &mut members, ORDERS).await;
}

/// What a version to come brings along: columns that may be left out, a table, a value that a column may have, another index in
/// the place of one that this version asks.
const TO_COME: &str = "BEGIN; \
     ALTER TABLE payout ADD COLUMN to_come TEXT; \
     ALTER TABLE transfer ADD COLUMN to_come BIGINT NOT NULL DEFAULT 0; \
     CREATE TABLE to_come (payout_id TEXT PRIMARY KEY); \
     ALTER TABLE register DROP CONSTRAINT register_kind_check; \
     DROP INDEX payout_payable; \
     CREATE INDEX payout_payable ON payout (priority DESC, id, not_before_ms, to_come) WHERE resting_stage = 'admitted'; \
     INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9000, 'to come', TRUE, decode('00', 'hex'), 0); COMMIT";
const IT_NEVER_CAME: &str = "DELETE FROM _sqlx_migrations WHERE version = 9000";

/// F-P26: while two daemons work, a third of a version to come brings the schema forward. Those of this version work on for as long as
/// they live, and one that begins a new life is kept out and told why: nobody writes what he does not understand.
#[actix_rt::test]
async fn daemons_of_this_version_work_on_when_the_schema_of_a_version_to_come_arrives() {
    const ORDERS: usize = 120;
    const PACE: Duration = Duration::from_millis(40);
    let mut fleet = Fleet::new().await;
    let mut members = fleet.at_work(2).await;
    let doors = doors(&members);
    let orders = join_all((0..ORDERS).map(|n| {
        let (fleet, doors) = (&fleet, &doors[..1]);
        async move {
            tokio::time::sleep(PACE * u32::try_from(n).unwrap()).await;
            order(fleet, doors, n).await;
        }
    }));
    let mut database = fleet.database().options().connect().await.unwrap();
    let arrival = async {
        tokio::time::sleep(PACE * u32::try_from(ORDERS / 3).unwrap()).await;
        // As the house's own migrations do: whom the database ends for the sake of those who work begins again.
        while database.execute(TO_COME).await.is_err() {
            database.execute("ROLLBACK").await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        members[1].kill();
        members[1].start();
        let began = std::time::Instant::now();
        let newcomer = members[1].daemon.as_mut().unwrap();
        while newcomer.ended().is_none() && began.elapsed() < Duration::from_secs(60) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let said = newcomer.last_words();
        assert_eq!(newcomer.ended(), Some(78), "{said}");
        assert!(
            said.contains("its schema is 9000") && said.contains("run the payoutd that wrote it"),
            "{said}"
        );
    };
    join(orders, arrival).await;
    all_is_settled(&mut members[0], ORDERS).await;
    // The commands of this version look at its own schema alone.
    database.execute(IT_NEVER_CAME).await.unwrap();
    members.truncate(1);
    all_agree(&fleet, &mut members, ORDERS).await;
}

/// F000-17, F-N13: three doors are hammered at once by orders that together are more than the limit: what is let through, by
/// whichever daemon, is no more than the limit, and the rest waits for it.
#[actix_rt::test]
async fn the_limits_of_three_daemons_are_one_limit() {
    const ORDERS: usize = 60;
    const LIMIT_USDT: u64 = 20;
    let mut fleet = Fleet::new().await;
    let mut members: Vec<Member> = (0..3).map(|_| fleet.member("")).collect();
    for member in &members {
        member.set("account_hourly_usdt", &format!("\"{LIMIT_USDT}\""));
    }
    for member in &mut members {
        member.start();
    }
    for member in &mut members {
        member.is_open().await;
    }
    let doors = doors(&members);
    join_all((0..ORDERS).map(|n| order(&fleet, &doors, n))).await;
    // Jobs are taken in when they are taken in; from then on every order has its place.
    let all_placed = async |caller: &Caller| {
        let stats = caller.get("/v1/stats").await.json();
        let (held, settled) = (&stats["stages"]["held"]["payouts"], &stats["stages"]["settled"]["payouts"]);
        (held.as_u64()? + settled.as_u64()? == ORDERS as u64).then(|| settled.as_u64().unwrap())
    };
    let settled = members[0].until("every order is paid or waits", all_placed).await;
    let paid = fleet.network.paid_by(fleet.network.account(0)).await;
    let micro_usdt: u64 = paid.iter().map(|row| row.micro_usdt).sum();
    assert!(micro_usdt <= LIMIT_USDT * 1_000_000, "{micro_usdt}");
    // Each order is of 1.000 to 1.059 USDT: whatever the order in which they come, this many find room.
    assert!(
        settled >= LIMIT_USDT - 2 && paid.len() as u64 == settled,
        "{settled} settled, {} paid",
        paid.len()
    );
    for member in &mut members {
        member.stop();
    }
}

/// What an actor of this member says of itself.
async fn said_by(caller: &Caller, actor: &str) -> Option<Value> {
    let asked = caller.request(reqwest::Method::GET, "/v1/admin/actors").timeout(Duration::from_secs(5));
    let actors: Value = asked.send().await.ok()?.json().await.ok()?;
    let found = actors["actors"].as_array()?.iter().find(|one| one["name"] == actor)?;
    Some(found["state"].clone())
}

/// Waits until an actor of this member holds its role, or stands by.
async fn stands_by(member: &mut Member, actor: &str, wanted: bool) {
    let as_wanted =
        async |caller: &Caller| (said_by(caller, actor).await?["stands_by"] == wanted).then_some(());
    member.until(&format!("{actor} stands by: {wanted}"), as_wanted).await;
}

/// F-P25: the daemon that judges the chain and publishes the events loses both wires for longer than every lease, and keeps its
/// database: the others pay, settle and tell meanwhile.
#[actix_rt::test]
async fn a_daemon_that_is_cut_off_and_has_its_database_does_not_stop_the_fleet() {
    const ORDERS: usize = 30;
    const ROLES: [&str; 2] = ["confirmation_watcher", "event_publisher"];
    let mut fleet = Fleet::new().await;
    let mut members = fleet.at_work(1).await;
    for role in ROLES {
        stands_by(&mut members[0], role, false).await;
    }
    for _ in 0..2 {
        members.push(fleet.member(""));
        members.last_mut().unwrap().start();
    }
    for member in &mut members[1..] {
        member.is_open().await;
    }
    members[0].cut(Part::Chain, Cut::Silence);
    members[0].cut(Part::Broker, Cut::Silence);
    let doors = doors(&members[1..]);
    for n in 0..ORDERS {
        fleet.ask(&doors, n).await;
        tokio::time::sleep(LONGER_THAN_EVERY_LEASE / u32::try_from(ORDERS).unwrap()).await;
    }
    all_is_settled(&mut members[1], ORDERS).await;
    for role in ROLES {
        stands_by(&mut members[0], role, true).await;
    }
    // One of the other two tells, and has told all.
    let callers = [Caller::at(members[1].desk.door), Caller::at(members[2].desk.door)];
    let all_is_told = async |_: &Caller| {
        for caller in &callers {
            let publisher = said_by(caller, "event_publisher").await?;
            if publisher["stands_by"] == false {
                return (publisher["unpublished"] == 0).then_some(());
            }
        }
        None
    };
    members[1].until("every event is told", all_is_told).await;
    members[0].heal(Part::Chain, Memory::Lost);
    members[0].heal(Part::Broker, Memory::Lost);
    all_agree(&fleet, &mut members, ORDERS).await;
}
