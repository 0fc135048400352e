//! The fears about limits that somebody sets: they are read too late, count too little, stop the wrong ones or never pass away.

use super::kit::{
    AMPLE, MORNING_MS, admit_under, all, go, newly, payout_at, payout_of, rules, settle, sign, step, usdt,
};
use super::{Examinee, Hall, Told, Trouble};
use crate::domain::access::{Orderer, Role};
use crate::domain::identity::AccountId;
use crate::domain::limits::{Ceilings, DAY_MS, HOUR_MS, MINUTE_MS, Scope, SetLimit};
use crate::domain::order::{Order, Route};
use crate::domain::payout::{Command, Payout, Reason, Reservation, Stage};
use crate::ports::{Admitted, Entry, EntryKind, Gate, Payouts, RegisterChange, Registered, Step, StepResult};
use futures_util::future::join_all;

/// Sets a limit for a scope, in place of the one that is there.
pub async fn set(
    store: &impl Examinee,
    scope: &Scope,
    ceilings: Ceilings,
    expires_at_ms: Option<i64>,
) -> Told {
    let id = scope.to_string();
    let version = store.entry(EntryKind::Limit, &id).await?.map_or(0, |entry| entry.version);
    let reason = "a story".to_owned();
    let set =
        SetLimit { ceilings, expires_at_ms, set_by: "user:1".to_owned(), set_at_ms: MORNING_MS, reason };
    let body = serde_json::to_string(&set)?;
    let entry =
        Entry { kind: EntryKind::Limit, id, name: None, owner: None, version, body, expires_at_ms: None };
    let change = RegisterChange { put: vec![entry], ..RegisterChange::default() };
    match store.register(change, MORNING_MS).await? {
        Registered::Done => Ok(()),
        other => Err(format!("a limit was to be set, and the answer is {other:?}").into()),
    }
}

/// So many whole USDT an hour.
#[must_use]
pub fn hourly(whole: u64) -> Ceilings {
    Ceilings { hourly: Some(usdt(whole)), ..Ceilings::default() }
}

fn ordered_by(principal: &str, role: Role, new: Payout) -> Payout {
    Payout { ordered_by: Some(Orderer { principal: principal.to_owned(), role }), ..new }
}

fn principal(name: &str) -> Scope {
    Scope::Principal(name.to_owned())
}

/// F000-17, D-03: 64 who submit at once for two principals: the one with a limit is held beyond it, the other is not held.
pub async fn one_principals_excess_holds_its_own_however_many_come_at_once(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    set(&store, &principal("key:loud"), hourly(100), None).await?;
    let submissions = (0..64).map(|n| {
        let store = store.clone();
        let name = if n % 2 == 0 { "key:loud" } else { "key:quiet" };
        let new = ordered_by(name, Role::Service, payout_of(n, 30));
        async move { admit_under(&store, AMPLE, new, MORNING_MS).await }
    });
    let (mut loud, mut quiet) = (0, 0);
    for answer in join_all(submissions).await {
        let payout = answer?;
        let is_loud = payout.ordered_by.as_ref().is_some_and(|by| by.principal == "key:loud");
        match (payout.stage, payout.reason, payout.reservation) {
            (Stage::Admitted, None, Reservation::Reserved) if is_loud => loud += 1,
            (Stage::Admitted, None, Reservation::Reserved) => quiet += 1,
            (Stage::Held, Some(Reason::LimitPrincipalHourly), Reservation::None) if is_loud => {}
            other => return Err(format!("{other:?}").into()),
        }
    }
    assert_eq!((loud, quiet), (100 / 30, 32));
    Ok(())
}

/// F000-17, F000-19: what a principal has spent counts in a new process and from 23:59 to 00:01.
pub async fn what_a_principal_spent_counts_after_a_restart_and_across_midnight(hall: &impl Hall) -> Told {
    let reasons = [Reason::LimitPrincipalHourly, Reason::LimitPrincipalDaily];
    what_was_spent_counts(hall, principal("key:1"), reasons).await
}

/// F000-17, F000-19: so does what was spent under a role.
pub async fn what_a_role_spent_counts_after_a_restart_and_across_midnight(hall: &impl Hall) -> Told {
    let reasons = [Reason::LimitRoleHourly, Reason::LimitRoleDaily];
    what_was_spent_counts(hall, Scope::Role(Role::Service), reasons).await
}

/// F000-17, F000-19: and by a route.
pub async fn what_went_by_a_route_counts_after_a_restart_and_across_midnight(hall: &impl Hall) -> Told {
    let reasons = [Reason::LimitRouteHourly, Reason::LimitRouteDaily];
    what_was_spent_counts(hall, Scope::Route(Route::Transfer), reasons).await
}

/// Also where the limit is set only afterwards.
async fn what_was_spent_counts(hall: &impl Hall, scope: Scope, [hour, day]: [Reason; 2]) -> Told {
    let midnight_ms = MORNING_MS - MORNING_MS.rem_euclid(DAY_MS) + DAY_MS;
    let (late_ms, early_ms) = (midnight_ms - MINUTE_MS, midnight_ms + MINUTE_MS);
    let limit = Ceilings { hourly: Some(usdt(100)), daily: Some(usdt(110)), per_payout: None };
    let order = async |store: &_, n: u32, whole: u64, now_ms: i64| {
        let new = payout_at(n, now_ms);
        let new = Payout { order: Order { amount: usdt(whole), ..new.order.clone() }, ..new };
        admit_under(store, AMPLE, ordered_by("key:1", Role::Service, new), now_ms).await
    };
    let store = hall.fresh().await?;
    let payout = order(&store, 1, 90, late_ms).await?;
    let payout = go(&store, &payout, sign(&payout, late_ms), late_ms).await?;
    go(&store, &payout, settle(&payout, 1_001)?, late_ms).await?;
    order(&store, 2, 5, late_ms).await?;

    let store = hall.reopened(store).await?;
    set(&store, &scope, limit, None).await?;
    let store = hall.reopened(store).await?;
    assert_eq!(order(&store, 3, 6, early_ms).await?.reason, Some(hour));
    assert_eq!(order(&store, 4, 5, early_ms).await?.stage, Stage::Admitted);
    let hour_over_ms = early_ms + HOUR_MS + MINUTE_MS;
    assert_eq!(order(&store, 5, 11, hour_over_ms).await?.reason, Some(day));
    let fits = order(&store, 6, 10, hour_over_ms).await?;
    assert_eq!(fits.stage, Stage::Admitted);
    go(&store, &fits, Command::Cancel(Reason::CancelledBySender), hour_over_ms).await?;
    assert_eq!(order(&store, 7, 10, hour_over_ms).await?.stage, Stage::Admitted, "given back");
    assert_eq!(order(&store, 8, 1, hour_over_ms).await?.reason, Some(day), "once");
    let day_over_ms = late_ms + DAY_MS + MINUTE_MS;
    assert_eq!(order(&store, 9, 80, day_over_ms).await?.stage, Stage::Admitted);
    Ok(())
}

/// F000-21: what is held for a limit goes on when it is raised, and not one micro-USDT further than it was raised.
pub async fn a_raised_limit_lets_what_is_held_go_on_and_no_more(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let scope = Scope::Role(Role::EndUser);
    set(&store, &scope, hourly(30), None).await?;
    let mut held = Vec::new();
    for n in 0..4 {
        let new = ordered_by("user:7", Role::EndUser, payout_of(n, 30));
        let payout = admit_under(&store, AMPLE, new, MORNING_MS).await?;
        if payout.stage == Stage::Held {
            assert_eq!(payout.reason, Some(Reason::LimitRoleHourly));
            held.push(payout);
        }
    }
    assert_eq!(held.len(), 3);
    let let_go = async |store: &_| -> Result<usize, Trouble> {
        let release = || Command::Release { by: "time".to_owned() };
        let waiting: Vec<Payout> =
            all(store).await?.into_iter().filter(|one| one.stage == Stage::Held).collect();
        let steps: Result<Vec<_>, _> = waiting.iter().map(|one| step(one, release(), MORNING_MS)).collect();
        let answers = store_commit(store, &steps?).await?;
        Ok(answers.iter().filter(|answer| **answer == StepResult::Taken).count())
    };
    assert_eq!(let_go(&store).await?, 0, "there is no room");
    set(&store, &scope, hourly(89), None).await?;
    assert_eq!(let_go(&store).await?, 1, "room for two, and one was there");
    set(&store, &scope, hourly(1_000), None).await?;
    assert_eq!(let_go(&store).await?, 2);
    Ok(())
}

async fn store_commit(store: &impl Examinee, steps: &[Step]) -> Result<Vec<StepResult>, Trouble> {
    Ok(store.commit(steps, Gate::RoomUnder(AMPLE)).await?)
}

/// F000-21: the house's own limit can be raised for a while; from its last moment on it is the configuration's again.
pub async fn an_override_passes_away_by_itself(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let rules = rules(100, 1_000);
    let until_ms = MORNING_MS + 10_000;
    set(&store, &Scope::House, hourly(200), Some(until_ms)).await?;
    set(&store, &Scope::Account(AccountId::house()), hourly(200), Some(until_ms)).await?;
    assert_eq!(admit_under(&store, rules, payout_of(1, 150), MORNING_MS).await?.stage, Stage::Admitted);
    let store = hall.reopened(store).await?;
    assert_eq!(admit_under(&store, rules, payout_of(2, 50), until_ms - 1).await?.stage, Stage::Admitted);
    let late = admit_under(&store, rules, payout_of(3, 1), until_ms).await?;
    assert_eq!((late.stage, late.reason), (Stage::Held, Some(Reason::LimitHourly)));
    let book = store.limit_book(until_ms).await?;
    let kept = book.house.set.as_ref().map(|set| (set.expires_at_ms, set.reason.as_str()));
    assert_eq!(kept, Some((Some(until_ms), "a story")), "what it was is still told");
    Ok(())
}

/// A limit for one payout: the large one waits for a person or another limit, the small ones pass it by.
pub async fn one_that_is_too_large_by_itself_stops_nobody_behind_it(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let most = Ceilings { per_payout: Some(usdt(20)), ..Ceilings::default() };
    set(&store, &Scope::Route(Route::Transfer), most, None).await?;
    let batch = [(1, 21), (2, 20), (3, 1)].map(|(n, whole)| payout_of(n, whole));
    let answers = store.admit(newly(batch), &AMPLE, MORNING_MS, true).await?;
    let reasons = answers.iter().map(|answer| match answer {
        Admitted::New(payout) => Ok(payout.reason),
        other => Err(format!("{other:?}")),
    });
    let reasons: Vec<_> = reasons.collect::<Result<_, _>>()?;
    assert_eq!(reasons, [Some(Reason::LimitRoutePerPayout), None, None]);
    Ok(())
}
