//! The fear: the database's host dies, its standby takes over without having heard of the last commits, and what had been sent is
//! signed and sent again. A real PostgreSQL with a real standby, real daemons; the judge is the network's own book.

use std::time::Duration;

use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};

use crate::kit::{
    amqp::Queues,
    door::Caller,
    fleet::{Fleet, Member},
    link::Cut,
    own_service::OwnService,
    postgres::Database,
    standby::Standby,
};

/// How a daemon leaves whose database lost something: an actor gave up.
const GAVE_UP: i32 = 80;
const SOON: Duration = Duration::from_millis(100);

/// Waits until the standby has so many payouts.
async fn has_heard_of(standby: &Standby, database: &Database, payouts: i64) {
    let options: PgConnectOptions = database.url.parse().unwrap();
    let options = options.port(standby.address.port());
    for _ in 0..600 {
        if let Ok(mut connection) = options.connect().await
            && let Ok(heard) =
                sqlx::query_scalar::<_, i64>("SELECT count(*) FROM payout").fetch_one(&mut connection).await
            && heard == payouts
        {
            return;
        }
        tokio::time::sleep(SOON).await;
    }
    panic!("the standby does not follow");
}

/// Waits until the daemon has left because of its database, and starts it again, as a service manager does.
async fn leaves_and_comes_back(member: &mut Member) {
    for _ in 0..1_200 {
        let ended = member.daemon.as_mut().unwrap().ended();
        if ended.is_some() {
            assert_eq!(ended, Some(GAVE_UP), "{}", member.daemon.as_ref().unwrap().last_words());
            member.daemon = None;
            return member.start();
        }
        tokio::time::sleep(SOON).await;
    }
    panic!(
        "it works on upon a database that lost something: {}",
        member.daemon.as_ref().unwrap().last_words()
    );
}

/// F-N06, F-P25: of what was signed and sent after the standby had fallen behind, the promoted one knows nothing. Every daemon
/// leaves, the restore gate is shut, the transfer is found on the chain, and the payout takes it over: it is paid once.
#[actix_rt::test]
async fn what_a_promoted_standby_never_heard_of_is_not_paid_twice() {
    let Some(primary) = OwnService::postgres("") else { return };
    let standby = Standby::of(&primary);
    let mut fleet = Fleet::beside(Queues::names().await, Database::at(&primary.url()).await);
    let mut members = fleet.at_work(2).await;
    let doors: Vec<Caller> = members.iter().map(|member| Caller::at(member.desk.door)).collect();
    for n in 0..3 {
        fleet.ask(&doors, n).await;
    }
    members[0].desk.ends(0, &["pause", "the next one is taken in, and waits"]);
    fleet.ask(&doors, 3).await;
    has_heard_of(&standby, fleet.database(), 4).await;
    standby.wire.cut(Cut::Silence);
    members[0].desk.ends(0, &["resume", "and now it is signed and sent"]);
    let is_paid = async || fleet.network.paid_by(fleet.network.account(0)).await.len() == 4;
    while !is_paid().await {
        tokio::time::sleep(SOON).await;
    }

    standby.outlives_the_primary();
    standby.is_promoted();
    members.iter().for_each(|member| member.database_is_at(standby.address));
    for member in &mut members {
        leaves_and_comes_back(member).await;
    }
    let [first, second] = members.as_mut_slice() else { unreachable!() };
    first.is_open().await;
    second.is_open().await;
    // The resumption was lost, too; whoever finds what the new primary does not know pauses again, and a person says: go on.
    let mut gate_was_shut = false;
    loop {
        let stats = first.at_work().caller.get("/v1/stats").await.json();
        if stats["stages"]["settled"]["payouts"] == 4 {
            break;
        }
        gate_was_shut |= !stats["pause"]["restore_gate"].is_null();
        if stats["pause"]["paused"] == true {
            second.desk.ends(0, &["resume", "it is ours: the payout takes it over"]);
        }
        tokio::time::sleep(SOON).await;
    }
    assert!(gate_was_shut, "nothing is signed before the chain has been asked");
    fleet.each_is_paid_once(4).await;
}
