//! The fears about reading: a page that skips somebody, an order that is forgotten, one that is paid before its time.

use super::kit::{
    self, AMPLE, MORNING_MS, admit, all, block, bury, go, payout, payout_at, settle, sign, transfer,
};
use super::{Examinee, Hall, Told, Trouble};
use crate::domain::access::Reached;
use crate::domain::identity::{AccountId, PayoutId};
use crate::domain::limits::Spender;
use crate::domain::payout::{Command, Payout, Reason, Stage};
use crate::domain::tron::TransferKey;
use crate::ports::{PayoutFilter, Payouts, Urgency};
use std::collections::{BTreeMap, BTreeSet};

fn ids(payouts: &[Payout]) -> Vec<PayoutId> {
    payouts.iter().map(|payout| payout.id).collect()
}

/// Every order that was there when the first page was read is on exactly one page, whatever comes in meanwhile.
pub async fn pages_are_complete_while_orders_come_in(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let mut there = BTreeSet::new();
    for n in 0..23 {
        there.insert(admit(&store, payout_at(n, MORNING_MS + i64::from(n / 5))).await?.id);
    }
    let (mut filter, mut read, mut late) = (PayoutFilter::default(), Vec::new(), 100);
    loop {
        let page = store.list(&filter, 4).await?;
        let Some(last) = page.last() else { break };
        filter.before = Some(last.id);
        read.extend(ids(&page));
        late += 1;
        admit(&store, payout_at(late, MORNING_MS + i64::from(late))).await?;
    }
    assert!(read.is_sorted_by(|newer, older| newer > older), "newest first, none twice");
    assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), there);
    Ok(())
}

/// Each filter by itself and all together find what they say, and nothing else.
pub async fn filters_find_what_they_say(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    for n in 0..12 {
        let mut new = payout_at(n, MORNING_MS + i64::from(n) * 1_000);
        new.order.reference = (n % 4 != 3).then(|| format!("ref-{}", n % 4));
        new.account = AccountId::new(["house", "other", "third", "house"][n as usize % 4])?;
        let taken = admit(&store, new).await?;
        match n % 3 {
            0 => drop(go(&store, &taken, Command::Cancel(Reason::CancelledBySender), MORNING_MS).await?),
            1 => drop(go(&store, &taken, sign(&taken, MORNING_MS), MORNING_MS).await?),
            _ => {}
        }
    }
    let everything = all(&store).await?;
    let sample = everything[7].clone();
    let base = PayoutFilter::default();
    let (from_ms, to_ms) = (MORNING_MS + 3_000, MORNING_MS + 8_000);
    let filters = [
        base.clone(),
        PayoutFilter::of(accounts(&["other"])?),
        PayoutFilter::of(accounts(&["house", "other", "nobody"])?),
        PayoutFilter { stage: Some(Stage::Admitted), ..PayoutFilter::of(accounts(&["nobody", "other"])?) },
        PayoutFilter { stage: Some(Stage::Signed), ..PayoutFilter::of(accounts(&["other", "third"])?) },
        PayoutFilter { stage: Some(Stage::Cancelled), ..PayoutFilter::of(accounts(&["other", "third"])?) },
        PayoutFilter {
            reference: Some("ref-1".to_owned()),
            ..PayoutFilter::of(accounts(&["third", "other"])?)
        },
        PayoutFilter::of(accounts(&["nobody"])?),
        PayoutFilter::of(accounts(&[])?),
        PayoutFilter { stage: Some(Stage::Admitted), ..base.clone() },
        PayoutFilter { stage: Some(Stage::Signed), ..base.clone() },
        PayoutFilter { stage: Some(Stage::Cancelled), ..base.clone() },
        PayoutFilter { stage: Some(Stage::Settled), ..base.clone() },
        PayoutFilter { recipient: Some(sample.order.recipient), ..base.clone() },
        PayoutFilter { reference: Some("ref-2".to_owned()), ..base.clone() },
        PayoutFilter { from_ms: Some(from_ms), to_ms: Some(to_ms), ..base.clone() },
        PayoutFilter { before: Some(sample.id), stage: Some(Stage::Signed), ..base.clone() },
        PayoutFilter {
            whose: Reached::one(&sample.account),
            stage: Some(sample.stage),
            recipient: Some(sample.order.recipient),
            reference: sample.order.reference.clone(),
            from_ms: Some(sample.created_at_ms),
            to_ms: Some(sample.created_at_ms + 1),
            before: None,
        },
    ];
    for filter in &filters {
        let expected: Vec<Payout> =
            everything.iter().filter(|payout| passes(payout, filter)).cloned().collect();
        assert_eq!(store.list(filter, 100).await?, expected, "{filter:?}");
        let first_two: Vec<Payout> = expected.into_iter().take(2).collect();
        assert_eq!(store.list(filter, 2).await?, first_two, "{filter:?}");
    }
    assert!(filters.last().is_some_and(|filter| passes(&sample, filter)));
    Ok(())
}

/// Whoever reaches these accounts.
fn accounts(names: &[&str]) -> Result<Reached, Trouble> {
    let accounts: Result<BTreeSet<_>, _> = names.iter().map(|name| AccountId::new(*name)).collect();
    Ok(Reached::Accounts(accounts?))
}

/// F000-07: the payouts of several accounts stand in one order, each on one page, however many of them come in meanwhile and whatever
/// others order between them; an account that is left out on the way is on no page from then on.
pub async fn pages_of_several_accounts_are_one_list(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let names = ["north-1", "south", "north-2", "north-3", "south"];
    let new = |n: u32| -> Result<Payout, Trouble> {
        let account = AccountId::new(names[n as usize % names.len()])?;
        Ok(Payout { account, ..payout_at(n, MORNING_MS + i64::from(n / 3)) })
    };
    let mut there = Vec::new();
    for n in 0..40 {
        there.push(admit(&store, new(n)?).await?);
    }
    there.reverse();
    let north = ["north-1", "north-2", "north-3", "north-4"];
    let mut late = 100;
    for (leaves, size) in [(None, 1), (None, 4), (None, 100), (Some("north-2"), 4)] {
        let (mut filter, mut read) = (PayoutFilter::of(accounts(&north)?), Vec::new());
        loop {
            let page = store.list(&filter, size).await?;
            let Some(last) = page.last() else { break };
            filter.before = Some(last.id);
            read.extend(page);
            late += 1;
            admit(&store, new(late)?).await?;
            if let (Some(leaves), Reached::Accounts(left)) = (leaves, &mut filter.whose) {
                left.retain(|account| account.as_str() != leaves);
            }
        }
        let first_page = read.iter().take(size as usize).map(|payout| payout.id).collect::<BTreeSet<_>>();
        let (of_north, of_all) = (accounts(&north)?, &there);
        let is_theirs = |payout: &&Payout| {
            let has_left = leaves.is_some_and(|leaves| payout.account.as_str() == leaves);
            of_north.has(&payout.account) && (!has_left || first_page.contains(&payout.id))
        };
        let known = |payout: &&Payout| of_all.iter().any(|one| one.id == payout.id);
        let read: Vec<_> = read.iter().filter(known).map(|payout| payout.id).collect();
        let expected: Vec<_> = of_all.iter().filter(is_theirs).map(|payout| payout.id).collect();
        assert_eq!(read, expected, "{leaves:?} {size}");
    }
    Ok(())
}

/// What a filter says, in plain words.
fn passes(payout: &Payout, filter: &PayoutFilter) -> bool {
    let order = &payout.order;
    [
        filter.whose.has(&payout.account),
        filter.stage.is_none_or(|stage| stage == payout.stage),
        filter.recipient.is_none_or(|recipient| recipient == order.recipient),
        filter.reference.is_none() || filter.reference == order.reference,
        filter.from_ms.is_none_or(|from_ms| payout.created_at_ms >= from_ms),
        filter.to_ms.is_none_or(|to_ms| payout.created_at_ms < to_ms),
        filter.before.is_none_or(|before| payout.id < before),
    ]
    .into_iter()
    .all(|holds| holds)
}

/// Higher priority first, then the older order; what is not due yet does not stand in the way.
pub async fn the_most_urgent_is_paid_first_and_nothing_before_its_time(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let ordered = |n: u32, priority: u8, not_before_ms: Option<i64>| {
        let mut new = payout(n);
        (new.order.priority, new.order.not_before_ms) = (priority, not_before_ms);
        new
    };
    let later_ms = MORNING_MS + 60_000;
    let batch: Vec<Payout> = vec![
        ordered(5, 0, None),
        ordered(4, 9, Some(later_ms)),
        ordered(3, 9, None),
        ordered(2, 0, Some(MORNING_MS)),
        ordered(1, 9, None),
        ordered(6, 5, None),
    ];
    store.admit(kit::newly(batch), &AMPLE, MORNING_MS, true).await?;
    let order = async |now_ms: i64, limit: u32| -> Result<Vec<PayoutId>, Trouble> {
        Ok(store.payable(now_ms, limit, &[]).await?.into_iter().map(|(payout, _)| payout.id).collect())
    };
    let of = |numbers: &[u32]| numbers.iter().map(|n| payout(*n).id).collect::<Vec<_>>();
    assert_eq!(order(MORNING_MS, 10).await?, of(&[1, 3, 6, 2, 5]));
    assert_eq!(order(later_ms, 3).await?, of(&[1, 3, 4]));
    let but_these = store.payable(MORNING_MS, 2, &of(&[1, 6, 77])).await?;
    assert_eq!(but_these.into_iter().map(|(payout, _)| payout.id).collect::<Vec<_>>(), of(&[3, 2]));
    let first = kit::found(&store, payout(1).id).await?;
    go(&store, &first, sign(&first, MORNING_MS), MORNING_MS).await?;
    let third = kit::found(&store, payout(3).id).await?;
    go(&store, &third, Command::Hold(Reason::Operator), MORNING_MS).await?;
    assert_eq!(order(MORNING_MS, 10).await?, of(&[6, 2, 5]));
    assert_eq!(order(MORNING_MS - 1, 10).await?, of(&[6, 5]));
    Ok(())
}

/// The age of a stage is that of the payout that has stood there longest; what has ended has none.
pub async fn a_stage_is_as_old_as_what_stands_there_longest(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    store.admit(kit::newly((0..6).map(payout)), &AMPLE, MORNING_MS, true).await?;
    for n in (0..6).rev() {
        let taken = kit::found(&store, payout(n).id).await?;
        let at_ms = MORNING_MS + i64::from(6 - n) * 1_000;
        go(&store, &taken, sign(&taken, at_ms), at_ms).await?;
    }
    assert_eq!(store.counts().await?[&Stage::Signed].oldest_updated_at_ms, Some(MORNING_MS + 1_000));
    let first = kit::found(&store, payout(5).id).await?;
    go(&store, &first, settle(&first, 1_001)?, MORNING_MS + 9_000).await?;
    let third = kit::found(&store, payout(4).id).await?;
    go(&store, &third, Command::NoteBroadcast { nodes: 1 }, MORNING_MS + 9_500).await?;
    let counts = store.counts().await?;
    assert_eq!(counts[&Stage::Broadcast].oldest_updated_at_ms, Some(MORNING_MS + 9_500));
    assert_eq!(counts[&Stage::Signed].oldest_updated_at_ms, Some(MORNING_MS + 3_000));
    assert_eq!((counts[&Stage::Settled].payouts, counts[&Stage::Settled].oldest_updated_at_ms), (1, None));
    // What is ordered for later has not stood anywhere yet; what is due has since it is.
    let mut later = payout(70);
    later.order.not_before_ms = Some(MORNING_MS + 86_400_000);
    admit(&store, later).await?;
    let admitted =
        async || -> Result<_, Trouble> { Ok(store.counts().await?[&Stage::Admitted].oldest_updated_at_ms) };
    assert_eq!(admitted().await?, Some(MORNING_MS + 86_400_000));
    let mut soon = payout(71);
    soon.order.not_before_ms = Some(MORNING_MS + 20_000);
    admit(&store, soon).await?;
    assert_eq!(admitted().await?, Some(MORNING_MS + 20_000));
    let mut due = payout(72);
    due.order.not_before_ms = Some(MORNING_MS + 5_000);
    admit(&store, due).await?;
    assert_eq!(admitted().await?, Some(MORNING_MS + 9_500), "since it was taken in");
    Ok(())
}

/// Held payouts are found by their reasons, the most urgent and oldest first.
pub async fn what_time_may_release_is_found_by_its_reason(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let reasons = [Reason::FundsUsdt, Reason::Operator, Reason::FundsTrx, Reason::FundsUsdt, Reason::Policy];
    for (n, reason) in (0..).zip(reasons) {
        let mut new = payout(n);
        new.order.priority = u8::from(n == 3);
        let taken = admit(&store, new).await?;
        go(&store, &taken, Command::Hold(reason), MORNING_MS).await?;
    }
    let by_reason = store.held_by_reason().await?;
    let some = [(Reason::FundsUsdt, 2), (Reason::FundsTrx, 1), (Reason::Policy, 1), (Reason::Operator, 1)];
    assert_eq!(by_reason, some.into_iter().collect());
    let money = [Reason::FundsTrx, Reason::FundsUsdt];
    let found = store.held_for(&money, None, 10).await?;
    assert_eq!(ids(&found), [payout(3).id, payout(0).id, payout(2).id]);
    assert_eq!(
        ids(&store.held_for(&[Reason::FundsUsdt, Reason::Policy], None, 2).await?),
        [payout(3).id, payout(0).id]
    );
    assert_eq!(store.held_for(&[], None, 10).await?, []);
    for (n, place) in found.iter().enumerate() {
        let behind = store.held_for(&money, Some(Urgency::of(place)), 10).await?;
        assert_eq!(behind, found[n + 1..]);
    }
    Ok(())
}

/// However many wait, held or admitted, those whose time is over are found, the longest overdue first; nobody else is.
pub async fn what_waits_past_its_time_is_found_among_many(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let until = [None, Some(30), Some(10), Some(20), Some(10), Some(40)];
    for (n, seconds) in (0..).zip(until) {
        let mut new = payout(n);
        new.order.not_after_ms = seconds.map(|seconds: i64| MORNING_MS + seconds * 1_000);
        let taken = admit(&store, new).await?;
        if n != 3 {
            go(&store, &taken, Command::Hold(Reason::Operator), MORNING_MS).await?;
        }
    }
    let of = |numbers: &[u32]| numbers.iter().map(|n| payout(*n).id).collect::<Vec<_>>();
    assert_eq!(ids(&store.overdue(MORNING_MS + 9_999, 10).await?), []);
    assert_eq!(ids(&store.overdue(MORNING_MS + 30_000, 10).await?), of(&[2, 4, 3, 1]));
    assert_eq!(ids(&store.overdue(i64::MAX, 2).await?), of(&[2, 4]));
    // What is signed has left that road: its time is over when its transfer's is.
    let third = kit::found(&store, payout(3).id).await?;
    go(&store, &third, sign(&third, MORNING_MS), MORNING_MS).await?;
    let second = kit::found(&store, payout(2).id).await?;
    go(&store, &second, Command::Cancel(Reason::Deadline), MORNING_MS).await?;
    assert_eq!(ids(&store.overdue(i64::MAX, 10).await?), of(&[4, 1, 5]));
    Ok(())
}

/// What is set aside for those who wait for room is told by who spends: not what waits with nothing set aside, and not what
/// waits for something else.
pub async fn what_is_set_aside_for_those_who_wait_for_room_is_told_by_who_spends(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    assert_eq!(store.waiting_for_room().await?, BTreeMap::new());
    let reasons = [Reason::LimitHourly, Reason::LimitAccountDaily, Reason::FundsUsdt, Reason::LimitDaily];
    for (n, reason) in (0..).zip(reasons) {
        let mut new = kit::payout_of(n, 10 + u64::from(n));
        if n == 1 {
            new.ordered_by = None;
        }
        let taken = admit(&store, new).await?;
        go(&store, &taken, Command::Hold(reason), MORNING_MS).await?;
    }
    // At the door for want of room: nothing is set aside for it.
    store.admit(kit::newly([kit::payout_of(9, 50)]), &kit::rules(10, 10), MORNING_MS, false).await?;
    let expected = |house: u64, other: u64| -> Result<BTreeMap<_, _>, Trouble> {
        let known = payout(0).spender().kept();
        let unknown = Spender { ordered_by: None, ..known.clone() };
        Ok([(known, kit::usdt(house)), (unknown, kit::usdt(other))].into())
    };
    assert_eq!(store.waiting_for_room().await?, expected(10 + 13, 11)?);
    let first = kit::found(&store, payout(0).id).await?;
    go(&store, &first, Command::Release { by: "time".to_owned() }, MORNING_MS).await?;
    assert_eq!(store.waiting_for_room().await?, expected(13, 11)?);
    Ok(())
}

/// Files one transfer of each of some payouts, a second apart.
async fn six_signed(store: &impl Examinee) -> Result<Vec<Payout>, Trouble> {
    let mut signed = Vec::new();
    for n in 0..6 {
        let taken = admit(store, payout(n)).await?;
        let at_ms = MORNING_MS + i64::from(6 - n) * 1_000;
        signed.push(go(store, &taken, sign(&taken, at_ms), at_ms).await?);
    }
    Ok(signed)
}

/// What expires first is buried first; what still lives is found by its payout's id, page by page; what a block holds is
/// neither.
pub async fn live_transfers_are_found_by_their_expiry(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let signed = six_signed(&store).await?;
    let expiry = |n: usize| signed[n].attempts[0].expires_at_ms;
    let numbers =
        |found: &[crate::ports::LiveTransfer]| found.iter().map(|one| one.payout_id).collect::<Vec<_>>();
    let of = |numbers: &[u32]| numbers.iter().map(|n| payout(*n).id).collect::<Vec<_>>();

    assert_eq!(numbers(&store.expired(expiry(3), None, 10).await?), of(&[5, 4, 3]));
    let found = store.expired(expiry(3), None, 2).await?;
    assert_eq!(numbers(&found), of(&[5, 4]));
    let last = found.last().map(|one| (one.expires_at_ms, one.payout_id));
    assert_eq!(numbers(&store.expired(expiry(1), last, 10).await?), of(&[3, 2, 1]));
    let attempt = transfer(&Payout { attempts: Vec::new(), ..signed[5].clone() }, MORNING_MS + 1_000);
    let first = &found[0];
    assert_eq!((first.txid, first.ref_block, first.stage), (attempt.txid, attempt.ref_block, Stage::Signed));
    assert_eq!((first.signed_at_ms, first.expires_at_ms), (attempt.signed_at_ms, attempt.expires_at_ms));

    assert_eq!(numbers(&store.unincluded(expiry(3), None, 10).await?), of(&[0, 1, 2]));
    assert_eq!(numbers(&store.unincluded(0, Some(payout(1).id), 3).await?), of(&[2, 3, 4]));
    assert_eq!(numbers(&store.unincluded(0, Some(payout(5).id), 3).await?), []);

    let seen = go(&store, &signed[2], Command::NoteInclusion(block(1_002)), MORNING_MS).await?;
    go(&store, &signed[4], bury(&signed[4])?, MORNING_MS).await?;
    go(&store, &signed[5], settle(&signed[5], 1_001)?, MORNING_MS).await?;
    assert_eq!(numbers(&store.expired(i64::MAX, None, 10).await?), of(&[3, 1, 0]));
    assert_eq!(numbers(&store.unincluded(0, None, 10).await?), of(&[0, 1, 3]));
    go(&store, &seen, Command::NoteInclusionLost(block(1_002)), MORNING_MS).await?;
    let again = store.unincluded(0, None, 10).await?;
    assert_eq!((numbers(&again), again[2].stage), (of(&[0, 1, 2, 3]), Stage::Broadcast));
    Ok(())
}

/// What a block holds is found by the block: live ones oldest block first, live and ended ones together for reconciling.
pub async fn transfers_are_found_by_their_block(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let signed = six_signed(&store).await?;
    let mut now = Vec::new();
    for (payout, number) in signed.iter().zip([1_009, 1_004, 1_004, 1_001, 1_006, 1_002]) {
        now.push(go(&store, payout, Command::NoteInclusion(block(number)), MORNING_MS).await?);
    }
    now[1] = go(&store, &now[1], settle(&now[1], 1_004)?, MORNING_MS).await?;
    let of = |numbers: &[usize]| numbers.iter().map(|n| now[*n].clone()).collect::<Vec<_>>();
    assert_eq!(store.included_between(1_001, 1_006, 10).await?, of(&[3, 5, 2, 4]));
    assert_eq!(store.included_between(1_001, 1_006, 2).await?, of(&[3, 5]));
    assert_eq!(store.included_between(1_004, 1_004, 10).await?, of(&[2]));
    assert_eq!(store.included_between(1_010, 2_000, 10).await?, []);
    assert_eq!(store.seen_blocks(1_004).await?.len(), 1);
    assert_eq!(store.seen_blocks(2_000).await?, []);

    assert_eq!(store.in_blocks(1_001, 1_006, None, 10).await?, of(&[1, 2, 3, 4, 5]));
    assert_eq!(store.in_blocks(1_001, 1_006, Some(now[2].id), 2).await?, of(&[3, 4]));
    assert_eq!(store.in_blocks(1_004, 1_004, None, 1).await?, of(&[1]));

    let keys: Vec<_> = now.iter().take(3).map(|payout| payout.attempts[0].key()).collect();
    let unknown = transfer(&payout(99), MORNING_MS).key();
    let other_time = TransferKey { expires_at_ms: keys[2].expires_at_ms + 1, ..keys[2] };
    let found = store.find_by_transfers(&[keys[0], unknown, other_time, keys[1], keys[0]]).await?;
    assert_eq!(ids(&found).into_iter().collect::<BTreeSet<_>>(), [now[0].id, now[1].id].into());
    assert_eq!(found.len(), 2);
    let many = store.find_many(&[now[4].id, payout(99).id, now[3].id]).await?;
    assert_eq!(ids(&many).into_iter().collect::<BTreeSet<_>>(), [now[3].id, now[4].id].into());
    Ok(())
}
