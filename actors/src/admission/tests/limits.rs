//! Stories of limits at the door: who is held, who is kept out, and whom room lets go on.

use super::*;
use crate::domain::limits::{LimitBroken, OnExcess, Whose, Window};

/// F000-17: whoever comes in whichever crowd, what is reserved never exceeds a limit; the rest waits.
#[actix::test]
async fn a_crowd_never_reserves_more_than_the_limit() {
    let town = town();
    let keys: Vec<_> = (0..64).map(|n| format!("k{n}")).collect();
    let asked = keys.iter().map(|key| town.ask(request("house", key, vec![order(usdt(25))], false)));
    let answers = join_all(asked).await;
    let payouts = answers.into_iter().map(|answer| match answer.unwrap().remove(0) {
        Admitted::New(payout) => payout,
        other => panic!("{other:?}"),
    });
    let (admitted, held): (Vec<_>, Vec<_>) = payouts.partition(|payout| payout.stage == Stage::Admitted);
    assert_eq!((admitted.len(), held.len()), (24, 40));
    for payout in held {
        assert_eq!((payout.stage, payout.reason), (Stage::Held, Some(Reason::LimitAccountHourly)));
        assert_eq!(payout.reservation, Reservation::None);
    }
}

/// F-N13: a limit's excess holds the offender, and nobody else.
#[actix::test]
async fn a_flooding_account_is_held_and_its_neighbour_is_not() {
    let town = town();
    let loud = town.admit("loud", "k1", usdt(600)).await;
    let flood = town.admit("loud", "k2", usdt(1)).await;
    let quiet = town.admit("quiet", "k1", usdt(400)).await;
    assert_eq!((loud.stage, flood.stage, quiet.stage), (Stage::Admitted, Stage::Held, Stage::Admitted));
    assert_eq!(flood.reason, Some(Reason::LimitAccountHourly));
}

/// What was held for want of room goes on by itself, the most urgent first, and who does not fit lets others pass.
#[actix::test]
async fn room_lets_held_payouts_go_on_by_themselves() {
    let town = town();
    let first = town.admit("house", "first", usdt(600)).await;
    let large = town.admit("house", "large", usdt(500)).await;
    let small = town.admit("house", "small", usdt(100)).await;
    assert_eq!((large.stage, small.stage), (Stage::Held, Stage::Held));
    pass_ms(60_000).await;
    assert_eq!(town.now(&small).await.stage, Stage::Held);
    let nudged = town.nudges();
    town.decide(&first, Decision::Cancel).await.unwrap();
    pass_ms(6_000).await;
    let (large, small) = (town.now(&large).await, town.now(&small).await);
    assert_eq!((large.stage, large.reservation), (Stage::Admitted, Reservation::Reserved));
    assert_eq!((small.stage, small.reservation), (Stage::Admitted, Reservation::Reserved));
    assert!(town.nudges() > nudged);
    assert_eq!(town.view().await["released"], 2);
}

/// F-N13: what waits for one account's limit keeps nobody else waiting.
#[actix::test]
async fn a_large_one_that_does_not_fit_does_not_keep_a_small_one_waiting() {
    let town = town();
    let blocker = town.admit("house", "a", usdt(450)).await;
    let rest = town.admit("house", "b", usdt(100)).await;
    let large = town.admit("house", "large", usdt(550)).await;
    let small = town.admit("house", "small", usdt(60)).await;
    assert_eq!((large.stage, small.stage), (Stage::Held, Stage::Held));
    town.decide(&rest, Decision::Cancel).await.unwrap();
    pass_ms(6_000).await;
    assert_eq!(town.now(&small).await.stage, Stage::Admitted);
    assert_eq!(town.now(&large).await.stage, Stage::Held);
    assert_eq!(town.now(&blocker).await.stage, Stage::Admitted);
}

/// Whoever wants a plain no instead of a payout that waits gets it: with the limit's name and the order's place, nothing is kept, and
/// whoever shares the transaction is not kept out along with it.
#[actix::test]
async fn a_house_that_refuses_what_is_in_excess_says_which_limit_and_keeps_nothing() {
    let town = town();
    let limits = LimitRules { on_excess: OnExcess::Refuse, ..town.tools.limits };
    let strict = Admission::new(AdmissionTools { limits, ..town.tools.clone() }).start();
    let ask = |account: &str, key: &str, amounts: &[u64], batch| {
        let orders = amounts.iter().map(|amount| order(usdt(*amount))).collect();
        strict.send(request(account, key, orders, batch))
    };
    let (kept_out, other) =
        tokio::join!(ask("house", "a", &[500, 90, 200], true), ask("next", "b", &[90], false));
    let broken = LimitBroken { whose: Whose::Account, window: Window::Hourly };
    match kept_out.unwrap().unwrap_err() {
        AdmissionRefusal::OverLimit { place: 2, broken: told } => assert_eq!(told, broken),
        refusal => panic!("{refusal:?}"),
    }
    assert!(matches!(other.unwrap().unwrap().as_slice(), [Admitted::New(_)]));
    // The key is as good as new, and what fits is taken.
    let taken = ask("house", "a", &[500], false).await.unwrap().unwrap();
    assert!(matches!(taken.as_slice(), [Admitted::New(payout)] if payout.stage == Stage::Admitted));
    let refused = ask("house", "c", &[101], false).await.unwrap().unwrap_err();
    assert_eq!(refused.to_string(), "limit_account_hourly has no room for the order");
    let book = town.store.limit_book(town.clock.now_ms()).await.unwrap();
    assert_eq!(book.house.reserved_micro_usdt, usdt(590).micro());
}

/// Limits that were lowered hold what is above them, and nothing goes round and round between the worker and the door.
#[actix::test]
async fn what_the_worker_would_hold_again_is_not_released() {
    let town = town();
    let first = town.admit("house", "a", usdt(300)).await;
    let second = town.admit("house", "b", usdt(300)).await;
    let hold = |payout: &Payout| (payout.clone(), Command::Hold(Reason::LimitAccountHourly));
    let ledger = &town.tools.ledger;
    ledger.carry_out(vec![hold(&first), hold(&second)], Gate::Open, town.clock.now_ms()).await.unwrap();
    let lower = LimitRules { account_hourly: usdt(400), ..town.tools.limits };
    let _strict = Admission::new(AdmissionTools { limits: lower, ..town.tools.clone() }).start();
    pass_ms(1).await;
    // The strict door lets one go on and no other, for the worker would hold it again; the other door does, for it would not.
    assert_eq!((town.now(&first).await.stage, town.now(&first).await.version), (Stage::Admitted, 3));
    assert_eq!((town.now(&second).await.stage, town.now(&second).await.version), (Stage::Held, 2));
    pass_ms(6_000).await;
    assert_eq!(town.now(&first).await.version, 3);
    assert_eq!((town.now(&second).await.stage, town.now(&second).await.version), (Stage::Admitted, 3));
}

/// A person releases what was held without a reservation only into room that is there.
#[actix::test]
async fn a_person_can_not_release_above_a_limit() {
    let town = town();
    let first = town.admit("house", "first", usdt(600)).await;
    let held = town.admit("house", "held", usdt(10)).await;
    let release = Decision::Release { by: "ada".to_owned() };
    let refused = town.decide(&held, release.clone()).await;
    assert!(
        matches!(
            refused,
            Err(DecisionRefusal::NoRoom(LimitBroken { whose: Whose::Account, window: Window::Hourly }))
        ),
        "{refused:?}"
    );
    town.decide(&first, Decision::Cancel).await.unwrap();
    let nudged = town.nudges();
    assert_eq!(town.decide(&held, release).await.unwrap().stage, Stage::Admitted);
    assert!(town.nudges() > nudged);
}
