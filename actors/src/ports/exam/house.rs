//! The fears about what the house remembers: a pause that a restart forgets, a second chain.

use super::kit::{MORNING_MS, admit, block, go, payout, sign, step};
use super::{Hall, Told};
use crate::domain::breaker::Breaker;
use crate::domain::payout::{BlockRef, Command, Reason};
use crate::ports::{
    BlockMark, Gate, House, HouseChange, Journal, Pause, Payouts, ROLE_LEASE_MS, Role, Roles, StepResult,
    StoreFault,
};

/// F004-42: after the pause is written no transfer is filed, in this process or the next; what is out goes on; both words are in
/// the journal.
pub async fn a_paused_house_files_no_transfer(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let (waiting, sent) = (admit(&store, payout(1)).await?, admit(&store, payout(2)).await?);
    let sent = go(&store, &sent, sign(&sent, MORNING_MS), MORNING_MS).await?;
    let pause = Pause { reason: "an alarm at \"night\"".to_owned(), since_ms: MORNING_MS };
    store.change(vec![HouseChange::Pause(pause.clone())], MORNING_MS).await?;

    let store = hall.reopened(store).await?;
    assert_eq!(store.facts().await?.pause, Some(pause));
    let filing = vec![step(&waiting, sign(&waiting, MORNING_MS), MORNING_MS)?];
    assert_eq!(store.commit(&filing, Gate::NotPaused).await?, [StepResult::Lost]);
    go(&store, &sent, Command::NoteBroadcast { nodes: 1 }, MORNING_MS).await?;
    admit(&store, payout(3)).await?;

    store.change(vec![HouseChange::Resume { reason: "all is well".to_owned() }], MORNING_MS + 1).await?;
    assert_eq!(store.facts().await?.pause, None);
    assert_eq!(store.commit(&filing, Gate::NotPaused).await?, [StepResult::Taken]);
    let records = store.records(1, 100).await?;
    let told: Vec<&str> =
        records.iter().map(|record| record.kind.as_ref()).filter(|kind| kind.starts_with("house")).collect();
    assert_eq!(told, ["house_paused", "house_resumed"]);
    let says = |kind: &str, words: &str| {
        records.iter().any(|record| record.kind == kind && record.body.as_str().contains(words))
    };
    assert!(says("house_paused", "an alarm at \\\"night\\\"") && says("house_resumed", "all is well"));
    Ok(())
}

/// Breakers, marks and the house's own time outlive the process; a restart forgives nothing.
pub async fn what_the_house_remembers_survives_its_process(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    store.take_role(Role::ConfirmationWatcher, ROLE_LEASE_MS).await?;
    let born = store.facts().await?;
    assert!(!born.store_id.is_empty());
    let mark = |number: u64| BlockMark { block: block(number), timestamp_ms: MORNING_MS + 3_000 };
    let open = Breaker::Open { since_ms: MORNING_MS };
    let changes = vec![
        HouseChange::PinGenesis(block(0).id),
        HouseChange::Birth(mark(1_000)),
        HouseChange::LastSolid(mark(1_001)),
        HouseChange::Breaker("node-a".to_owned(), open),
        HouseChange::Breaker("tronscan".to_owned(), Breaker::Closed { faults: 2 }),
    ];
    store.change(changes, MORNING_MS).await?;
    let before = store.facts().await?;
    assert_eq!(before.latest_ms, MORNING_MS);
    assert_eq!((before.birth, before.last_solid), (Some(mark(1_000)), Some(mark(1_001))));
    assert_eq!((before.breakers.len(), before.breakers["node-a"]), (2, open));

    let store = hall.reopened(store).await?;
    assert_eq!(store.facts().await?, before);
    store.change(vec![HouseChange::Breaker("node-a".to_owned(), Breaker::default())], MORNING_MS - 5).await?;
    let after = store.facts().await?;
    assert_eq!((after.breakers["node-a"], after.latest_ms), (Breaker::default(), MORNING_MS));
    assert_eq!(after.store_id, born.store_id);
    Ok(())
}

/// A store pays on one chain. Another is refused, and nothing that came along with it is written.
pub async fn another_chain_is_never_pinned(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    store.change(vec![HouseChange::PinGenesis(block(0).id)], MORNING_MS).await?;
    let again = vec![HouseChange::PinGenesis(block(0).id)];
    store.change(again, MORNING_MS).await?;
    assert_eq!(store.last_seq().await?, 1, "what changes nothing is not news");

    let pause = Pause { reason: "x".to_owned(), since_ms: MORNING_MS };
    let other = vec![HouseChange::Pause(pause), HouseChange::PinGenesis(block(7).id)];
    let refusal = store.change(other, MORNING_MS).await;
    assert!(matches!(refusal, Err(StoreFault::Refused(_))), "{refusal:?}");
    let facts = store.facts().await?;
    assert_eq!((facts.genesis_id, facts.pause), (Some(block(0).id), None));
    assert_eq!(store.last_seq().await?, 1);
    Ok(())
}

/// The block of birth is noted once, and the solidified chain is never unread.
pub async fn what_was_read_of_the_chain_never_goes_back(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    store.take_role(Role::ConfirmationWatcher, ROLE_LEASE_MS).await?;
    let mark = |number: u64| BlockMark { block: block(number), timestamp_ms: MORNING_MS };
    let (birth, solid) = (HouseChange::Birth, HouseChange::LastSolid);
    store.change(vec![birth(mark(1_000)), solid(mark(1_010))], MORNING_MS).await?;
    store.change(vec![birth(mark(2_000)), solid(mark(1_005))], MORNING_MS).await?;
    let facts = store.facts().await?;
    assert_eq!((facts.birth, facts.last_solid), (Some(mark(1_000)), Some(mark(1_010))));
    // What was read last may have been a lie: another block of the same number takes its place.
    let instead = BlockMark { block: BlockRef { number: 1_010, ..block(7) }, timestamp_ms: MORNING_MS };
    for mark in [instead, mark(1_011)] {
        store.change(vec![solid(mark)], MORNING_MS).await?;
        assert_eq!(store.facts().await?.last_solid, Some(mark));
    }
    Ok(())
}

/// F-N06: a restore gate that is shut outlives the process, is never shortened, and opens only by the word; the journal says so.
pub async fn a_restore_gate_outlives_its_process(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let shut = HouseChange::ShutGate { since_ms: MORNING_MS, why: "an older copy".to_owned() };
    store.change(vec![shut.clone()], MORNING_MS).await?;
    store.change(vec![HouseChange::GateUntil(MORNING_MS + 375_000)], MORNING_MS).await?;
    store.change(vec![HouseChange::GateUntil(MORNING_MS + 5_000)], MORNING_MS).await?;

    let store = hall.reopened(store).await?;
    let gate = store.facts().await?.restore_gate.ok_or(StoreFault::Corrupt("no gate".to_owned()))?;
    assert_eq!((gate.since_ms, gate.until_ms), (MORNING_MS, Some(MORNING_MS + 375_000)));
    store.change(vec![HouseChange::OpenGate], MORNING_MS + 400_000).await?;
    store.change(vec![HouseChange::GateUntil(MORNING_MS)], MORNING_MS + 400_000).await?;

    let store = hall.reopened(store).await?;
    assert_eq!(store.facts().await?.restore_gate, None);
    let records = store.records(1, 100).await?;
    let told: Vec<&str> = records.iter().map(|record| record.kind.as_ref()).collect();
    assert_eq!(told, ["restore_noticed", "restore_gate_passed"]);
    Ok(())
}

/// F-N06: while the restore gate is shut nothing is written which says that something was not paid; whatever says something else is.
pub async fn nobody_is_called_off_while_the_restore_gate_is_shut(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let (one, other) = (admit(&store, payout(1)).await?, admit(&store, payout(2)).await?);
    let shut = HouseChange::ShutGate { since_ms: MORNING_MS, why: "an older copy".to_owned() };
    store.change(vec![shut], MORNING_MS).await?;
    let cancel = vec![step(&one, Command::Cancel(Reason::CancelledBySender), MORNING_MS)?];
    assert_eq!(store.commit(&cancel, Gate::NothingLost).await?, [StepResult::Lost]);
    let hold = vec![step(&other, Command::Hold(Reason::FundsUsdt), MORNING_MS)?];
    assert_eq!(store.commit(&hold, Gate::Open).await?, [StepResult::Taken]);
    store.change(vec![HouseChange::OpenGate], MORNING_MS + 1).await?;
    assert_eq!(store.commit(&cancel, Gate::NothingLost).await?, [StepResult::Taken]);
    Ok(())
}

/// F-P12: how far others were told is remembered, and never less of it.
pub async fn what_was_told_is_remembered_and_never_untold(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    store.take_role(Role::EventPublisher, ROLE_LEASE_MS).await?;
    assert_eq!(store.facts().await?.events_published_seq, 0);
    for (told, stands) in [(7, 7), (3, 7), (9, 9)] {
        store.change(vec![HouseChange::EventsPublished(told)], MORNING_MS).await?;
        assert_eq!(store.facts().await?.events_published_seq, stands);
    }
    assert_eq!(store.last_seq().await?, 0, "telling is no news itself");
    let store = hall.reopened(store).await?;
    assert_eq!(store.facts().await?.events_published_seq, 9);
    Ok(())
}
