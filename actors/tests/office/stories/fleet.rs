//! Two offices of one house: the same store, the same network, one that judges and seals and one that stands by.

use super::kit::{LONG_MS, outgoing, pay, settle_in};
use crate::town::{Life, Town, judge};
use payoutd_actors::domain::payout::Stage;
use payoutd_actors::guardian::{Handle, ShowView};
use payoutd_actors::office::Office;
use payoutd_actors::ports::Journal;
use serde_json::Value;
use std::time::Duration;

/// What an office's watcher says of itself.
async fn watcher(office: &Office) -> Value {
    view(&office.confirmation_watcher).await
}

async fn view<A>(handle: &Handle<A>) -> Value
where
    A: actix::Actor<Context = actix::Context<A>> + actix::Handler<ShowView>,
{
    handle.ask(ShowView).await.unwrap().state
}

/// While one judges, the other sees the chain as far, signs by what it sees, and judges nothing; when the first sleeps through its
/// leases the other takes over, and the first stands by when it wakes. Each order is paid once, and the journal is one chain.
#[test]
fn whoever_stands_by_sees_as_far_and_takes_over() {
    let mut town = Town::new(71);
    town.live(async |life: &Life| {
        settle_in(life).await;
        let other = life.open_another("second").await;
        for n in 0..6 {
            pay(life, n).await;
            life.pass(400).await;
        }
        assert!(life.until_all_ended(LONG_MS).await);
        let (first, second) = (watcher(&life.office).await, watcher(&other).await);
        assert_eq!((&first["stands_by"], &second["stands_by"]), (&Value::from(false), &Value::from(true)));
        let apart = first["solid_number"].as_u64().unwrap() - second["solid_number"].as_u64().unwrap();
        assert!(apart <= 5, "{first} {second}");
        assert_eq!(second["settled"], 0, "whoever stands by settles nothing: {second}");
        assert_eq!(view(&other.audit_writer).await["stands_by"], true);
        let sealed_to = life.store.last_seal().await.unwrap().unwrap().last_seq;

        life.roles.put_to_sleep("first");
        for n in 6..12 {
            pay(life, n).await;
            life.pass(400).await;
        }
        assert!(life.until_all_ended(LONG_MS).await);
        life.roles.wake("first");
        life.pass(10_000).await;
        let (first, second) = (watcher(&life.office).await, watcher(&other).await);
        assert_eq!((&first["stands_by"], &second["stands_by"]), (&Value::from(true), &Value::from(false)));
        assert_eq!(second["settled"], 6, "{second}");
        assert!(life.store.last_seal().await.unwrap().unwrap().last_seq > sealed_to);
        assert_eq!(other.close(Duration::from_secs(20)).await, Vec::<&str>::new());
    });
    judge(&town).unwrap();
    let payouts = town.payouts();
    assert_eq!(payouts.len(), 12);
    assert!(payouts.iter().all(|payout| payout.stage == Stage::Settled), "{payouts:#?}");
    assert_eq!(outgoing(&town).len(), 12);
}
