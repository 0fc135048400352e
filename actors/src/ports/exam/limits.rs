//! The fears about limits: more leaves than may, money that is set aside twice or never given back.

use super::kit::{
    AMPLE, MORNING_MS, admit_under, all, block, bury, found, go, newly, payout, payout_at, payout_of, rules,
    settle, sign, step, usdt,
};
use super::{Examinee, Hall, Told, Trouble, set_limits};
use crate::domain::identity::AccountId;
use crate::domain::limits::{
    DAY_MS, HOUR_MS, LimitBook, LimitBroken, LimitRules, MINUTE_MS, OnExcess, Whose, Window,
};
use crate::domain::money::MicroUsdt;
use crate::domain::payout::{AttemptOutcome, Command, EventName, Payout, Reason, Reservation, Stage};
use crate::ports::{
    Admitted, Gate, House, HouseChange, InFlight, Journal, Pause, Payouts, StageCount, StepResult,
};
use futures_util::future::join_all;
use std::collections::BTreeMap;

/// What the whole house has used of a window, micro-USDT.
async fn used(store: &impl Examinee, window_ms: i64, now_ms: i64) -> Result<u64, Trouble> {
    Ok(store.limit_book(now_ms).await?.house.used_micro_usdt(window_ms, now_ms))
}

/// F000-17: 64 who submit at once are admitted up to the limit, not a micro-USDT further; the rest is held, not lost.
pub async fn limits_hold_however_many_come_at_once(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let submissions = (0..64).map(|n| {
        let store = store.clone();
        async move { admit_under(&store, rules(1_000, 10_000), payout_of(n, 30), MORNING_MS).await }
    });
    let mut admitted = 0;
    for answer in join_all(submissions).await {
        let payout = answer?;
        match (payout.stage, payout.reason, payout.reservation) {
            (Stage::Admitted, None, Reservation::Reserved) => admitted += 1,
            (Stage::Held, Some(Reason::LimitHourly), Reservation::None) => {}
            other => return Err(format!("{other:?}").into()),
        }
    }
    assert_eq!(admitted, 1_000 / 30);
    assert_eq!(used(&store, HOUR_MS, MORNING_MS).await?, usdt(990).micro());
    let batch = (100..120).map(|n| payout_of(n, 1));
    let answers = store.admit(newly(batch), &rules(1_000, 10_000), MORNING_MS, true).await?;
    let admitted = |one: &&Admitted| matches!(one, Admitted::New(payout) if payout.stage == Stage::Admitted);
    assert_eq!(answers.iter().filter(admitted).count(), 10, "within one batch, too");
    Ok(())
}

/// F000-17, F000-19: spent money counts for its hour and its day, also in a new process, also from 23:59 to 00:01.
pub async fn limits_hold_after_a_restart_and_across_midnight(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let rules = rules(100, 150);
    let midnight_ms = MORNING_MS - MORNING_MS.rem_euclid(DAY_MS) + DAY_MS;
    let late_ms = midnight_ms - MINUTE_MS;
    let spend = async |store: &_, n: u32, whole: u64, now_ms: i64| -> Result<Payout, Trouble> {
        let mut new = payout_at(n, now_ms);
        new.order.amount = usdt(whole);
        let payout = admit_under(store, rules, new, now_ms).await?;
        if payout.stage == Stage::Held {
            return Ok(payout);
        }
        let payout = go(store, &payout, sign(&payout, now_ms), now_ms).await?;
        go(store, &payout, settle(&payout, 1_001)?, now_ms).await
    };
    assert_eq!(spend(&store, 1, 90, late_ms).await?.stage, Stage::Settled);

    let store = hall.reopened(store).await?;
    let early_ms = midnight_ms + MINUTE_MS;
    assert_eq!(spend(&store, 2, 20, early_ms).await?.reason, Some(Reason::LimitHourly));
    assert_eq!(spend(&store, 3, 10, early_ms).await?.stage, Stage::Settled);

    let hour_later_ms = late_ms + HOUR_MS;
    assert_eq!(spend(&store, 4, 50, hour_later_ms).await?.reason, Some(Reason::LimitHourly));
    let hour_over_ms = early_ms + HOUR_MS + MINUTE_MS;
    assert_eq!(spend(&store, 5, 60, hour_over_ms).await?.reason, Some(Reason::LimitDaily));
    assert_eq!(spend(&store, 6, 50, hour_over_ms).await?.stage, Stage::Settled);

    let store = hall.reopened(store).await?;
    let day_over_ms = late_ms + DAY_MS + MINUTE_MS;
    assert_eq!(used(&store, DAY_MS, day_over_ms).await?, usdt(60).micro());
    assert_eq!(used(&store, HOUR_MS, day_over_ms).await?, 0);
    assert_eq!(spend(&store, 7, 90, day_over_ms).await?.stage, Stage::Settled);
    Ok(())
}

/// F-N13: who floods the door is held; the next account is not.
pub async fn one_accounts_flood_leaves_room_for_the_others(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let rules = LimitRules { account_hourly: usdt(50), ..rules(1_000, 10_000) };
    let of = |n: u32, account: &AccountId| Payout { account: account.clone(), ..payout_of(n, 30) };
    let (loud, quiet) = (AccountId::new("loud")?, AccountId::new("quiet")?);
    let batch = vec![of(1, &loud), of(2, &loud), of(3, &loud), of(4, &quiet)];
    let answers = store.admit(newly(batch), &rules, MORNING_MS, false).await?;
    let reasons = answers.iter().map(|answer| match answer {
        Admitted::New(payout) => Ok(payout.reason),
        other => Err(format!("{other:?}")),
    });
    let held = Some(Reason::LimitAccountHourly);
    assert_eq!(reasons.collect::<Result<Vec<_>, _>>()?, [None, held, held, None]);
    let book = store.limit_book(MORNING_MS).await?;
    assert_eq!(book.house.reserved_micro_usdt, usdt(60).micro());
    assert_eq!(book.accounts[&loud].reserved_micro_usdt, usdt(30).micro());
    // The same key is another account's own.
    let twin = Payout { id: payout(9).id, account: quiet.clone(), ..payout_of(1, 1) };
    assert!(matches!(
        store.admit(newly([twin]), &rules, MORNING_MS, false).await?.as_slice(),
        [Admitted::New(_)]
    ));
    Ok(())
}

/// Where the house refuses what is in excess, nothing of it is written, its key is free, and the others of the transaction stand; a
/// batch is refused whole.
pub async fn what_is_refused_for_a_limit_leaves_no_trace(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let rules = LimitRules { on_excess: OnExcess::Refuse, ..rules(100, 1_000) };
    let over = Admitted::OverLimit(LimitBroken { whose: Whose::House, window: Window::Hourly });
    let twin = Payout { id: payout(9).id, ..payout_of(2, 90) };
    let other = Payout { id: payout(10).id, request_digest: [9; 32], ..payout_of(2, 1) };
    let three = vec![payout_of(1, 60), payout_of(2, 90), payout_of(3, 40), twin, other];
    let answers = store.admit(newly(three), &rules, MORNING_MS, false).await?;
    let [Admitted::New(first), second, Admitted::New(third), again @ ..] = answers.as_slice() else {
        return Err(format!("{answers:?}").into());
    };
    assert_eq!((first.stage, third.stage, second), (Stage::Admitted, Stage::Admitted, &over));
    assert_eq!(again, [over.clone(), over.clone()]);
    assert_eq!(store.find(payout(2).id).await?, None);
    let book = store.limit_book(MORNING_MS).await?;
    assert_eq!((store.last_seq().await?, book.house.reserved_micro_usdt), (2, usdt(100).micro()));
    // Known keys are answered as ever; of a batch nothing is taken.
    let repeated = store.admit(newly([payout_of(1, 60)]), &rules, MORNING_MS, false).await?;
    assert_eq!(repeated, [Admitted::Repeated(first.clone())]);
    go(&store, first, Command::Cancel(Reason::CancelledBySender), MORNING_MS).await?;
    let batch = vec![payout_of(4, 50), payout_of(5, 30)];
    let refused = store.admit(newly(batch.clone()), &rules, MORNING_MS, true).await?;
    assert_eq!(refused, [Admitted::NotTaken, over]);
    assert_eq!((store.find(payout(4).id).await?, store.last_seq().await?), (None, 3));
    // When there is room, the same keys are new.
    let roomy = LimitRules { hourly: usdt(500), account_hourly: usdt(500), ..rules };
    let taken = store.admit(newly(batch), &roomy, MORNING_MS, true).await?;
    assert!(taken.iter().all(|one| matches!(one, Admitted::New(new) if new.stage == Stage::Admitted)));
    Ok(())
}

/// What was held for a limit is let go only as far as there is room when it is let go.
pub async fn what_is_held_is_released_only_into_room(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let rules = rules(100, 1_000);
    let first = admit_under(&store, rules, payout_of(1, 90), MORNING_MS).await?;
    let mut held = Vec::new();
    for n in 2..5 {
        held.push(admit_under(&store, rules, payout_of(n, 40), MORNING_MS).await?);
    }
    assert!(held.iter().all(|payout| payout.stage == Stage::Held));
    let release = |held: &[Payout]| -> Result<Vec<_>, Trouble> {
        let command = || Command::Release { by: "time".to_owned() };
        held.iter().map(|payout| step(payout, command(), MORNING_MS)).collect()
    };
    let lost = StepResult::Lost;
    let results = store.commit(&release(&held)?, Gate::RoomUnder(rules)).await?;
    assert_eq!(results, [lost; 3]);

    go(&store, &first, Command::Cancel(Reason::CancelledBySender), MORNING_MS).await?;
    let results = store.commit(&release(&held)?, Gate::RoomUnder(rules)).await?;
    assert_eq!(results, [StepResult::Taken, StepResult::Taken, lost]);
    assert_eq!(used(&store, HOUR_MS, MORNING_MS).await?, usdt(80).micro());

    // Whoever kept a reservation while held needs no second one.
    let second = found(&store, held[0].id).await?;
    let aside = go(&store, &second, Command::Hold(Reason::Operator), MORNING_MS).await?;
    assert_eq!(store.commit(&release(&[aside])?, Gate::RoomUnder(rules)).await?, [StepResult::Taken]);
    assert_eq!(used(&store, HOUR_MS, MORNING_MS).await?, usdt(80).micro());
    Ok(())
}

/// Two daemons have looked at the same balance, and each was told that its batch is covered: no more is filed than there is, in
/// whichever order they come; what failed gives its money back, what has settled does not.
pub async fn two_who_look_at_one_balance_do_not_promise_it_twice(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let mut waiting = Vec::new();
    for n in 1..6 {
        waiting.push(admit_under(&store, AMPLE, payout_of(n, 40), MORNING_MS).await?);
    }
    let filing = |payouts: &[Payout]| -> Result<Vec<_>, Trouble> {
        payouts.iter().map(|payout| step(payout, sign(payout, MORNING_MS), MORNING_MS)).collect()
    };
    let (taken, lost) = (StepResult::Taken, StepResult::Lost);
    let gate = Gate::Covered { committed_max_micro_usdt: usdt(100).micro() };
    assert_eq!(store.commit(&filing(&waiting[..1])?, gate).await?, [taken]);
    assert_eq!(store.commit(&filing(&waiting[1..4])?, gate).await?, [taken, lost, lost]);
    let settling = found(&store, waiting[0].id).await?;
    go(&store, &settling, settle(&settling, 1_001)?, MORNING_MS).await?;
    let in_flight = store.in_flight().await?;
    assert_eq!(
        (in_flight.amount_micro_usdt, in_flight.spent_micro_usdt),
        (usdt(40).micro(), usdt(40).micro())
    );
    assert_eq!(store.commit(&filing(&waiting[2..3])?, gate).await?, [lost], "what has settled is gone");
    // The next look at the wallet is of a balance without it.
    let gate = Gate::Covered { committed_max_micro_usdt: usdt(40 + 80).micro() };
    assert_eq!(store.commit(&filing(&waiting[2..4])?, gate).await?, [taken, lost]);
    let pause = Pause { reason: "an alarm".to_owned(), since_ms: MORNING_MS };
    store.change(vec![HouseChange::Pause(pause)], MORNING_MS).await?;
    let ample = Gate::Covered { committed_max_micro_usdt: u64::MAX };
    assert_eq!(store.commit(&filing(&waiting[4..])?, ample).await?, [lost], "a paused house files none");
    Ok(())
}

/// F000-17: windows use the later of stored and present time; a clock set back by a day gives nobody a second day.
pub async fn a_clock_that_is_set_back_opens_no_window_twice(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let rules = rules(100, 100);
    let payout = admit_under(&store, rules, payout_of(1, 90), MORNING_MS).await?;
    let payout = go(&store, &payout, sign(&payout, MORNING_MS), MORNING_MS).await?;
    go(&store, &payout, settle(&payout, 1_001)?, MORNING_MS).await?;

    let yesterday_ms = MORNING_MS - 2 * DAY_MS;
    let second = admit_under(&store, rules, payout_of(2, 20), yesterday_ms).await?;
    assert_eq!((second.stage, second.reason), (Stage::Held, Some(Reason::LimitHourly)));
    assert!(second.updated_at_ms >= MORNING_MS);

    let store = hall.reopened(store).await?;
    assert_eq!(store.facts().await?.latest_ms, MORNING_MS);
    let third = admit_under(&store, rules, payout_of(3, 20), yesterday_ms).await?;
    assert_eq!(third.reason, Some(Reason::LimitHourly));
    Ok(())
}

/// F002-03, F-P05: through lives of every kind, each reservation ends in exactly one of settled and released, and every book
/// says what counting the payouts anew says.
pub async fn every_reservation_ends_once_and_the_books_can_be_counted_anew(hall: &impl Hall) -> Told {
    let mut store = hall.fresh().await?;
    let (mut dice, mut now_ms) = (fastrand::Rng::with_seed(20), MORNING_MS);
    let mut settled = BTreeMap::new();
    for scope in payout(1).spender().scopes().iter().skip(2) {
        set_limits::set(&store, scope, set_limits::hourly(1_000_000), None).await?;
    }
    for round in 0..12 {
        let batch = (0..6).map(|n| payout_of(round * 6 + n, 1 + dice.u64(..40)));
        store.admit(newly(batch), &rules(900, 9_000), now_ms, false).await?;
        for _ in 0..4 {
            now_ms += dice.i64(1..400_000);
            let payouts = all(&store).await?;
            let mut steps = Vec::new();
            for payout in &payouts {
                if dice.u8(..3) == 0 {
                    continue;
                }
                let Some(command) = next(payout, &mut dice)? else { continue };
                let late = payout.stage == Stage::Admitted && dice.bool();
                let Ok(step) = step(payout, command, if late { now_ms } else { now_ms - 1 }) else {
                    continue;
                };
                steps.push(step);
            }
            let results = store.commit(&steps, Gate::RoomUnder(AMPLE)).await?;
            for (step, result) in steps.iter().zip(results) {
                let ends = step.event.name() == EventName::PayoutSettled
                    || step.event.name() == EventName::TransferMismatched;
                if result == StepResult::Taken && ends {
                    settled.insert(step.after.id, step.after.updated_at_ms);
                }
            }
        }
        if round == 6 {
            store = hall.reopened(store).await?;
        }
        compare_books(&store, &settled, now_ms).await?;
    }
    Ok(())
}

/// Something that may happen to a payout next.
fn next(payout: &Payout, dice: &mut fastrand::Rng) -> Result<Option<Command>, Trouble> {
    let live = payout.live_attempt().map(|attempt| attempt.txid);
    let here = block(1_000 + dice.u64(1..100));
    Ok(Some(match (payout.stage, live) {
        (Stage::Admitted, _) => match dice.u8(..6) {
            0 => Command::Cancel(Reason::CancelledBySender),
            1 => Command::Hold(Reason::Operator),
            _ => sign(payout, payout.updated_at_ms),
        },
        (Stage::Held, _) => match dice.u8(..4) {
            0 => Command::Reject { note: "no".to_owned() },
            1 => Command::Cancel(Reason::Deadline),
            _ => Command::Release { by: "time".to_owned() },
        },
        (Stage::Mismatched, _) => Command::Resolve { paid: dice.bool(), note: "seen".to_owned() },
        (Stage::Included, _) if dice.u8(..4) == 0 => {
            match payout.live_attempt().and_then(|attempt| attempt.block) {
                Some(block) => Command::NoteInclusionLost(block),
                None => return Ok(None),
            }
        }
        (_, Some(txid)) => match dice.u8(..9) {
            0 => bury(payout)?,
            1 => Command::Fail { txid, reason: Reason::Reverted, block: here, fee_sun: 1 },
            2 => Command::Mismatch {
                txid,
                reason: Reason::PaidShort,
                block: here,
                paid: Some(MicroUsdt::new(1)),
            },
            3 => Command::NoteUnknown(Reason::ChainSilent),
            4 | 5 => Command::NoteBroadcast { nodes: 2 },
            6 => Command::NoteInclusion(here),
            _ => settle(payout, here.number)?,
        },
        (_, None) => return Ok(None),
    }))
}

/// Every book against what the payouts themselves say.
async fn compare_books(
    store: &impl Examinee,
    settled: &BTreeMap<crate::domain::identity::PayoutId, i64>,
    now_ms: i64,
) -> Told {
    let payouts = all(store).await?;
    let (mut book, mut in_flight) = (LimitBook::default(), InFlight::default());
    let mut counts: BTreeMap<Stage, StageCount> =
        Stage::ALL.map(|stage| (stage, StageCount::default())).into();
    for payout in &payouts {
        let (spender, amount) = (payout.spender(), payout.order.amount);
        match payout.reservation {
            Reservation::Reserved => book.set_aside(spender, amount),
            Reservation::Settled => {
                book.set_aside(spender, amount);
                let at_ms = settled.get(&payout.id).ok_or("settled, and nobody saw it")?;
                book.settle(spender, amount, *at_ms);
            }
            Reservation::None | Reservation::Released => {}
        }
        let count = counts.entry(payout.stage).or_default();
        count.payouts += 1;
        count.amount_micro_usdt += amount.micro();
        if !payout.stage.is_final() {
            let oldest = count.oldest_updated_at_ms.unwrap_or(i64::MAX);
            count.oldest_updated_at_ms = Some(oldest.min(payout.updated_at_ms));
        }
        if let Some(attempt) = payout.live_attempt() {
            in_flight.transfers += 1;
            in_flight.amount_micro_usdt += amount.micro();
            in_flight.fee_limit_sun += attempt.fee_limit_sun;
        }
        if payout.stage.is_spent() {
            in_flight.spent_micro_usdt += amount.micro();
        }
        let alive = payout.attempts.iter().filter(|attempt| attempt.outcome != AttemptOutcome::Expired);
        assert!(alive.count() <= 1);
        assert_eq!(crate::domain::invariants::broken_by(payout), None, "{payout:?}");
    }
    assert_eq!(store.counts().await?, counts);
    assert_eq!(store.in_flight().await?, in_flight);
    let kept = store.limit_book(now_ms).await?;
    assert_eq!(kept.house.reserved_micro_usdt, book.house.reserved_micro_usdt);
    let house = AccountId::house();
    let own = |book: &LimitBook| book.accounts.get(&house).cloned().unwrap_or_default();
    for window_ms in [HOUR_MS, DAY_MS] {
        let counted = book.house.used_micro_usdt(window_ms, now_ms);
        assert_eq!(kept.house.used_micro_usdt(window_ms, now_ms), counted);
        assert_eq!(own(&kept).used_micro_usdt(window_ms, now_ms), counted);
        for scope in payouts.first().map(|one| one.spender().scopes()).unwrap_or_default() {
            let kept = kept.page(&scope).ok_or_else(|| format!("{scope} has no page"))?;
            assert_eq!(kept.used_micro_usdt(window_ms, now_ms), counted, "{scope}");
        }
    }
    Ok(())
}
