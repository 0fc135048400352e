//! The fears of every step: two winners, a second live transfer, a neighbour's row lost with a bad one.

use super::kit::{MORNING_MS, admit, all, block, bury, found, go, payout, settle, sign, step, transfer};
use super::{Hall, Told};
use crate::domain::journal::Cause;
use crate::domain::payout::{
    Attempt, AttemptOutcome, Command, Event, Payout, Reason, Stage, apply, journal_draft,
};
use crate::ports::{Gate, Journal, Payouts, Step, StepResult};
use futures_util::future::join_all;

/// A step that the rules would refuse, as a program with a fault would make it.
fn forced(payout: &Payout, attempt: Attempt) -> Result<Step, super::Trouble> {
    let event = Event::TransferSigned { attempt: Box::new(attempt) };
    let admitted = Payout { stage: Stage::Admitted, ..payout.clone() };
    let after = apply(admitted, &event, MORNING_MS)?;
    let draft = journal_draft(Some(payout.standing()), &after, &event, &Cause::nobody())?;
    Ok(Step { version_before: payout.version, before: payout.standing(), after, event, draft })
}

/// A batch of 20 in which every third has moved on loses those, and writes the others with gapless records.
pub async fn a_batch_loses_the_row_that_fails_its_guard_and_not_its_others(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let mut steps = Vec::new();
    for n in 0..20 {
        let payout = admit(&store, payout(n)).await?;
        steps.push(step(&payout, sign(&payout, MORNING_MS), MORNING_MS)?);
        if n % 3 == 0 {
            go(&store, &payout, Command::Cancel(Reason::CancelledBySender), MORNING_MS).await?;
        }
    }
    let afters: Vec<Payout> = steps.iter().map(|step| step.after.clone()).collect();
    let results = store.commit(&steps, Gate::NotPaused).await?;
    for ((n, result), after) in (0..20).zip(&results).zip(afters) {
        let now = found(&store, after.id).await?;
        if n % 3 == 0 {
            assert_eq!((*result, now.stage), (StepResult::Lost, Stage::Cancelled));
            assert!(now.attempts.is_empty());
        } else {
            assert_eq!((*result, &now), (StepResult::Taken, &after));
        }
    }
    assert_eq!(store.last_seq().await?, 20 + 7 + 13);
    Ok(())
}

/// F-P03: even where every rule of ours failed, the store holds at most one transfer that is not proved dead.
pub async fn a_second_live_transfer_is_refused_by_the_store_itself(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let first = admit(&store, payout(1)).await?;
    let first = go(&store, &first, sign(&first, MORNING_MS), MORNING_MS).await?;
    let bystander = admit(&store, payout(2)).await?;
    let results = store
        .commit(
            &[
                forced(&first, transfer(&first, MORNING_MS))?,
                step(&bystander, sign(&bystander, MORNING_MS), MORNING_MS)?,
            ],
            Gate::Open,
        )
        .await?;
    assert_eq!(results, [StepResult::Lost, StepResult::Taken]);
    assert_eq!(found(&store, first.id).await?, first);

    let settled = go(&store, &first, settle(&first, 1_001)?, MORNING_MS).await?;
    let after_the_end = forced(&settled, transfer(&settled, MORNING_MS))?;
    assert_eq!(store.commit(&[after_the_end], Gate::Open).await?, [StepResult::Lost]);
    assert_eq!(found(&store, first.id).await?, settled);
    Ok(())
}

/// Equal bytes are one transaction on chain: they can pay one order only.
pub async fn a_transaction_id_belongs_to_one_transfer_for_ever(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let (first, second) = (admit(&store, payout(1)).await?, admit(&store, payout(2)).await?);
    let third = admit(&store, payout(3)).await?;
    let stolen = transfer(&first, MORNING_MS);
    let at_once = vec![forced(&first, stolen.clone())?, forced(&second, stolen.clone())?];
    assert_eq!(store.commit(&at_once, Gate::Open).await?, [StepResult::Taken, StepResult::Lost]);
    let first = found(&store, first.id).await?;
    let first = go(&store, &first, bury(&first)?, MORNING_MS).await?;
    let later = vec![forced(&third, stolen)?];
    assert_eq!(store.commit(&later, Gate::Open).await?, [StepResult::Lost]);
    assert_eq!(found(&store, second.id).await?, second);
    assert_eq!(found(&store, third.id).await?, third);
    assert_eq!(store.find_by_transfers(&[first.attempts[0].key()]).await?, [first]);
    Ok(())
}

/// F-P10: of a signature and a cancellation that race, exactly one is written, again and again.
pub async fn of_many_who_step_at_once_one_wins(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    for n in 0..8 {
        let payout = admit(&store, payout(n)).await?;
        let racers = (0..16).map(|racer| {
            let command = match racer % 2 {
                0 => sign(&payout, MORNING_MS),
                _ => Command::Cancel(Reason::CancelledBySender),
            };
            let (store, step) = (store.clone(), step(&payout, command, MORNING_MS));
            async move { Ok::<_, super::Trouble>(store.commit(&[step?], Gate::NotPaused).await?) }
        });
        let mut taken = 0;
        for result in join_all(racers).await {
            taken += result?.iter().filter(|one| **one == StepResult::Taken).count();
        }
        assert_eq!(taken, 1);
        assert_eq!(found(&store, payout.id).await?.version, 2);
    }
    Ok(())
}

/// F-P03: a second transfer after the first is proved dead, and both stay on file, in order.
pub async fn a_second_transfer_is_filed_when_the_first_is_buried(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let mut now = admit(&store, payout(1)).await?;
    for _ in 0..3 {
        now = go(&store, &now, sign(&now, MORNING_MS), MORNING_MS).await?;
        now = go(&store, &now, Command::NoteBroadcast { nodes: 1 }, MORNING_MS).await?;
        now = go(&store, &now, bury(&now)?, MORNING_MS).await?;
    }
    assert_eq!(found(&store, now.id).await?, now);
    now = go(&store, &now, sign(&now, MORNING_MS), MORNING_MS).await?;
    now = go(&store, &now, settle(&now, 1_900)?, MORNING_MS).await?;

    let store = hall.reopened(store).await?;
    let on_file = found(&store, now.id).await?;
    assert_eq!(on_file, now);
    let outcomes: Vec<AttemptOutcome> = on_file.attempts.iter().map(|attempt| attempt.outcome).collect();
    let dead = AttemptOutcome::Expired;
    assert_eq!(outcomes, [dead, dead, dead, AttemptOutcome::Settled]);
    for attempt in &now.attempts {
        assert_eq!(store.find_by_transfers(&[attempt.key()]).await?, [now.clone()]);
    }
    Ok(())
}

/// Two steps of one payout in one batch: the second stands upon the first, or is lost.
pub async fn steps_of_one_payout_in_one_batch_take_turns(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let payout = admit(&store, payout(1)).await?;
    let signed = step(&payout, sign(&payout, MORNING_MS), MORNING_MS)?;
    let sent = step(&signed.after, Command::NoteBroadcast { nodes: 1 }, MORNING_MS)?;
    let seen = step(&sent.after, Command::NoteInclusion(block(1_003)), MORNING_MS)?;
    let after = seen.after.clone();
    let batch = vec![signed.clone(), signed, sent, seen];
    let results = store.commit(&batch, Gate::Open).await?;
    assert_eq!(results, [StepResult::Taken, StepResult::Lost, StepResult::Taken, StepResult::Taken]);
    assert_eq!(found(&store, payout.id).await?, after);
    assert_eq!(store.last_seq().await?, 4);
    Ok(())
}

/// What is lost is in no table, no journal and no book.
pub async fn a_lost_step_leaves_no_trace(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let payout = admit(&store, payout(1)).await?;
    let stale = step(&payout, sign(&payout, MORNING_MS), MORNING_MS)?;
    let held = go(&store, &payout, Command::Hold(Reason::Operator), MORNING_MS).await?;
    let before = (store.last_seq().await?, store.counts().await?, store.limit_book(MORNING_MS).await?);
    let key = stale.after.attempts[0].key();
    assert_eq!(store.commit(&[stale], Gate::Open).await?, [StepResult::Lost]);
    let after = (store.last_seq().await?, store.counts().await?, store.limit_book(MORNING_MS).await?);
    assert_eq!(after, before);
    assert_eq!(all(&store).await?, [held]);
    assert_eq!(store.find_by_transfers(&[key]).await?, []);
    Ok(())
}

/// A step of a payout that is not on file is lost, and takes no other with it.
pub async fn a_payout_that_nobody_knows_takes_no_step(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let known = admit(&store, payout(1)).await?;
    let mut unknown = Payout { id: payout(2).id, ..known.clone() };
    unknown.idempotency_key = payout(2).idempotency_key;
    let batch = vec![
        step(&unknown, sign(&unknown, MORNING_MS), MORNING_MS)?,
        step(&known, sign(&known, MORNING_MS), MORNING_MS)?,
        step(&unknown, Command::Cancel(Reason::Deadline), MORNING_MS)?,
    ];
    let results = store.commit(&batch, Gate::Open).await?;
    assert_eq!(results, [StepResult::Lost, StepResult::Taken, StepResult::Lost]);
    assert_eq!(store.find(unknown.id).await?, None);
    assert_eq!(store.commit(&[], Gate::Open).await?, []);
    Ok(())
}
