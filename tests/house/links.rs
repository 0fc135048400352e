//! The fear: something that a daemon needs goes away and comes back, and the daemon does not: it holds on to a connection that is
//! dead, or waits longer and longer between two tries. How long it took is printed; what must be true is that all are paid once.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::kit::{
    amqp::Queues,
    door::Caller,
    fleet::{Fleet, Member, Part, key},
    link::{Cut, Memory},
    own_service::OwnService,
    postgres::Database,
};

/// Longer than anything here takes, however busy the machine is.
const WITHIN: Duration = Duration::from_secs(120);
/// How long a part is away.
const AWAY: Duration = Duration::from_secs(6);
/// Orders that come while it is.
const ORDERS_MEANWHILE: usize = 10;

/// How long until an order that comes now stands in a block.
async fn back_at_work(fleet: &Fleet, n: usize) -> Duration {
    let began = Instant::now();
    fleet.job(n).await;
    loop {
        let paid = fleet.network.paid_by(fleet.network.account(0)).await;
        if paid.iter().any(|row| row.micro_usdt == 1_000_000 + 1_000 * n as u64) {
            return began.elapsed();
        }
        assert!(began.elapsed() < WITHIN, "order {n} is not paid");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn all_is_settled(fleet: &Fleet, members: &mut [Member], orders: usize) {
    for member in members.iter_mut() {
        member.at_work().until_stage("settled", orders as u64).await;
    }
    fleet.each_is_paid_once(orders).await;
    fleet.events_are_gapless(&Caller::at(members[0].desk.door)).await;
    members.iter_mut().for_each(Member::stop);
    assert_eq!(fleet.queues.ready(&fleet.queues.config.queue).await, 0);
    assert_eq!(fleet.queues.ready(&fleet.queues.config.dead_queue).await, 0);
    let report = members[0].desk.json(0, &["audit", "verify", "--json"]);
    assert_eq!((&report["sound"], &report["findings"]), (&json!(true), &json!([])), "{report}");
}

/// F-N18: each wire of a daemon is cut in every way, and whole again: connections that go on, that were reset, that are dead
/// and do not say so.
#[actix_rt::test]
async fn a_daemon_is_back_at_work_after_each_wire_was_cut() {
    let mut fleet = Fleet::new().await;
    let mut members = fleet.at_work(1).await;
    let mut orders = 0;
    for part in Part::ALL {
        for (how, memory) in
            [(Cut::Reset, Memory::Kept), (Cut::Silence, Memory::Kept), (Cut::Silence, Memory::Lost)]
        {
            let before = back_at_work(&fleet, orders).await;
            members[0].cut(part, how);
            for n in orders + 1..orders + ORDERS_MEANWHILE {
                fleet.job(n).await;
            }
            tokio::time::sleep(AWAY).await;
            members[0].heal(part, memory);
            orders += ORDERS_MEANWHILE;
            let after = back_at_work(&fleet, orders).await;
            println!("{part:?} {how:?} {memory:?}: paid in {after:.1?}, {before:.1?} without a fault");
            orders += 1;
        }
    }
    all_is_settled(&fleet, &mut members, orders).await;
}

/// PostgreSQL and RabbitMQ are restarted under three daemons at work.
#[actix_rt::test]
async fn three_daemons_are_back_at_work_after_what_they_share_was_restarted() {
    let (Some(broker), Some(postgres)) = (OwnService::broker(""), OwnService::postgres("")) else { return };
    let queues = Queues::at(&broker.url()).await;
    let mut fleet = Fleet::beside(queues, Database::at(&postgres.url()).await);
    let mut members = fleet.at_work(3).await;
    let mut orders = 0;
    for (name, service) in [("PostgreSQL", &postgres), ("RabbitMQ", &broker)] {
        let before = back_at_work(&fleet, orders).await;
        for n in orders + 1..orders + 100 {
            fleet.job(n).await;
        }
        service.restart();
        orders += 100;
        if name == "RabbitMQ" {
            fleet.queues.come_again().await;
        }
        let after = back_at_work(&fleet, orders).await;
        println!("{name} restarted: paid in {after:.1?}, {before:.1?} without a fault");
        orders += 1;
    }
    all_is_settled(&fleet, &mut members, orders).await;
}

/// A full disk under the database: nothing is taken in, which the door says; no job and no order is lost, and none is paid twice.
/// PostgreSQL itself may fall over its full disk: whoever runs it makes room and starts it again.
#[actix_rt::test]
async fn a_full_disk_under_the_database_loses_nothing() {
    /// With what PostgreSQL needs to be born.
    const DISK_MEGABYTES: u32 = 160;
    let few = "max_wal_size = '48MB'\nmin_wal_size = '32MB'\nshared_buffers = '16MB'";
    let Some(postgres) = OwnService::postgres_on_a_small_disk(DISK_MEGABYTES, few) else { return };
    let mut fleet = Fleet::beside(Queues::names().await, Database::at(&postgres.url()).await);
    let mut members = fleet.at_work(2).await;
    let mut orders = 0;
    for n in 0..20 {
        fleet.job(n).await;
        orders += 1;
    }
    back_at_work(&fleet, orders).await;
    orders += 1;
    postgres.fill_disk();
    // A page that is there can be written on once more: at some order there is no place any more.
    let door = Caller::at(members[0].desk.door);
    let mut refused = false;
    let began = Instant::now();
    while !refused {
        fleet.job(orders).await;
        let asked = door.request(reqwest::Method::POST, "/v1/payouts").json(&fleet.order(orders));
        let asked =
            asked.header("Idempotency-Key", key(orders)).timeout(Duration::from_secs(10)).send().await;
        refused = asked.is_ok_and(|answer| answer.status() == 503);
        orders += 1;
        assert!(began.elapsed() < WITHIN, "a full disk is never said");
    }
    postgres.make_room();
    postgres.restart();
    back_at_work(&fleet, orders).await;
    orders += 1;
    all_is_settled(&fleet, &mut members, orders).await;
}
