//! The fears about the journal: a gap, a record that does not belong to its step, a chain that forks.

use super::kit::{self, AMPLE, MORNING_MS, admit, bury, go, payout, settle, sign, step};
use super::{Examinee, Hall, Told, Trouble};
use crate::domain::journal::{ChainHead, JournalKey, JournalRecord, Seal, SealRun, Verifier, VerifyOptions};
use crate::domain::payout::{Command, Reason};
use crate::ports::{Gate, House, Journal, Payouts, ROLE_LEASE_MS, Role, Roles, StepResult};
use futures_util::future::{join, join_all};
use serde::Deserialize;

/// F002-20: many write at once, some lose, and the journal has every record of every step taken, numbered 1, 2, 3 …, each with
/// the hash of its columns.
pub async fn the_journal_has_no_gaps_and_every_hash_is_right(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let lives = (0..24).map(|n| {
        let store = store.clone();
        async move {
            let payout = admit(&store, payout(n)).await?;
            let sign = step(&payout, sign(&payout, MORNING_MS), MORNING_MS)?;
            let cancel = step(&payout, Command::Cancel(Reason::CancelledBySender), MORNING_MS)?;
            let (one, other) =
                join(store.commit(&[sign], Gate::Open), store.commit(&[cancel], Gate::NotPaused)).await;
            Ok::<_, Trouble>([one?, other?].concat().iter().filter(|one| **one == StepResult::Taken).count())
        }
    });
    for taken in join_all(lives).await {
        assert_eq!(taken?, 1);
    }
    let store = hall.reopened(store).await?;
    let mut verifier = Verifier::new(VerifyOptions::new(store.facts().await?.store_id));
    let records = every_record(&store).await?;
    for (record, seq) in records.iter().zip(1..) {
        assert_eq!((record.seq, record.hash), (seq, record.computed_hash()));
        verifier.row(record);
    }
    let report = verifier.finish();
    assert_eq!((report.rows, report.sound), (48, true), "{report:?}");
    Ok(())
}

/// The journal in pages of 7.
async fn every_record(store: &impl Examinee) -> Result<Vec<JournalRecord>, Trouble> {
    let mut records = Vec::new();
    loop {
        let from = i64::try_from(records.len())? + 1;
        let page = store.records(from, 7).await?;
        if page.is_empty() {
            assert_eq!(store.last_seq().await?, from - 1);
            return Ok(records);
        }
        records.extend(page);
    }
}

#[derive(Deserialize)]
struct Facts {
    #[serde(default)]
    postings: Vec<Line>,
    to: String,
    version: u32,
}

#[derive(Deserialize)]
struct Line {
    ledger: String,
    delta_micro_usdt: i64,
}

/// F-P05: each record's postings sum to nothing, and all of a payout's together tell where its money is.
pub async fn every_step_is_written_down_and_its_postings_sum_to_nothing(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let paid = kit::pay(&store, payout(1), 1_001).await?;
    let returned = admit(&store, payout(2)).await?;
    let returned = go(&store, &returned, sign(&returned, MORNING_MS), MORNING_MS).await?;
    let returned = go(&store, &returned, bury(&returned)?, MORNING_MS).await?;
    go(&store, &returned, Command::Cancel(Reason::CancelledBySender), MORNING_MS).await?;

    let records = every_record(&store).await?;
    let of = |id: crate::domain::identity::PayoutId| {
        let own = records.iter().filter(move |record| record.payout_id.as_deref() == Some(&id.to_string()));
        own.map(|record| Ok((record.kind.to_string(), record.body.read::<Facts>()?)))
            .collect::<Result<Vec<_>, Trouble>>()
    };
    let told = of(paid.id)?;
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["payout_admitted", "transfer_signed", "transfer_broadcast", "transfer_included", "payout_settled"]
    );
    let last = told.last().map(|(_, facts)| (facts.to.as_str(), facts.version));
    assert_eq!(last, Some(("settled", 5)));

    let amount = i64::try_from(paid.order.amount.micro())?;
    for (id, available, settled) in [(paid.id, -amount, amount), (returned.id, 0, 0)] {
        let told = of(id)?;
        let lines: Vec<&Line> = told.iter().flat_map(|(_, facts)| &facts.postings).collect();
        let sum = |ledger: &str| -> i64 {
            lines.iter().filter(|line| line.ledger == ledger).map(|line| line.delta_micro_usdt).sum()
        };
        assert_eq!((sum("available"), sum("reserved"), sum("settled")), (available, 0, settled));
        for (kind, facts) in &told {
            assert_eq!(facts.postings.iter().map(|line| line.delta_micro_usdt).sum::<i64>(), 0, "{kind}");
        }
    }
    Ok(())
}

/// F002-20: of two writers who seal at once one is first, and the other hears of it; the chain never forks.
pub async fn two_seals_never_follow_the_same_one(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    store.take_role(Role::AuditWriter, ROLE_LEASE_MS).await?;
    let (key, store_id) = (JournalKey::from_seed(&[7; 32]), store.facts().await?.store_id);
    let seal_next = async |head: ChainHead, rows: u32, at_ms: i64| -> Result<Seal, Trouble> {
        let mut run = SealRun::after(head);
        for record in store.records(head.last_seq + 1, rows).await? {
            run.push(&record)?;
        }
        run.close(&store_id, &key, at_ms).ok_or_else(|| "nothing to seal".into())
    };
    for n in 0..6 {
        admit(&store, payout(n)).await?;
    }
    assert_eq!(store.last_seal().await?, None);
    let first = seal_next(ChainHead::GENESIS, 2, MORNING_MS).await?;
    assert!(store.put_seal(first.clone()).await?);
    assert!(!store.put_seal(first.clone()).await?);

    let (one, other) = (
        seal_next(first.head(), 2, MORNING_MS + 1).await?,
        seal_next(first.head(), 4, MORNING_MS + 2).await?,
    );
    let fork = Seal { seal_no: 9, ..other.clone() };
    let results = join_all([one.clone(), other, fork].map(|seal| store.put_seal(seal))).await;
    let first_in = results.into_iter().collect::<Result<Vec<_>, _>>()?;
    assert_eq!(first_in.iter().filter(|done| **done).count(), 1);
    let last = store.last_seal().await?.ok_or("the seal is gone")?;
    assert_eq!(last.prev_hash, first.hash);

    let store = hall.reopened(store).await?;
    assert_eq!(store.last_seal().await?, Some(last.clone()));
    assert_eq!(store.seals(1, 10).await?, [first, last.clone()]);
    assert_eq!(store.seals(last.seal_no, 1).await?, [last]);
    Ok(())
}

/// The digest that goes with a payable order is the journal's, not the row's: whoever changes the row can not change both.
pub async fn the_admissions_own_word_goes_with_what_is_payable(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let mut batch = vec![payout(1), payout(2), payout(3)];
    batch[2].order.amount = kit::usdt(2_000);
    store.admit(batch, &kit::rules(1_000, 9_000), MORNING_MS, false).await?;
    let held = store.held_for(&[Reason::LimitHourly], None, 10).await?;
    let release = Command::Release { by: "time".to_owned() };
    let released = step(&held[0], release, MORNING_MS)?;
    store.commit(&[released], Gate::RoomUnder(AMPLE)).await?;
    let again =
        go(&store, &kit::found(&store, payout(1).id).await?, Command::Hold(Reason::Operator), MORNING_MS)
            .await?;
    go(&store, &again, Command::Release { by: "mary".to_owned() }, MORNING_MS).await?;

    let payable = store.payable(MORNING_MS, 10, &[]).await?;
    assert_eq!(payable.len(), 3);
    for (payout, digest) in payable {
        assert_eq!(digest, payout.order_digest, "{}", payout.id);
    }
    Ok(())
}

/// The proof of a payment is the journal's record of it; what was not settled by proof has none.
pub async fn a_proof_of_settlement_is_read_back(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let signed = admit(&store, payout(1)).await?;
    let signed = go(&store, &signed, sign(&signed, MORNING_MS), MORNING_MS).await?;
    assert_eq!(store.settlement(signed.id).await?, None);
    let Command::Settle(proof) = settle(&signed, 1_007)? else { return Err("no proof".into()) };
    go(&store, &signed, Command::Settle(proof.clone()), MORNING_MS).await?;
    let store = hall.reopened(store).await?;
    assert_eq!(store.settlement(signed.id).await?, Some(*proof));

    let odd = admit(&store, payout(2)).await?;
    let odd = go(&store, &odd, sign(&odd, MORNING_MS), MORNING_MS).await?;
    let txid = odd.attempts[0].txid;
    let mismatch =
        Command::Mismatch { txid, reason: Reason::PaidShort, block: kit::block(1_008), paid: None };
    let odd = go(&store, &odd, mismatch, MORNING_MS).await?;
    let odd = go(&store, &odd, Command::Resolve { paid: true, note: "seen".to_owned() }, MORNING_MS).await?;
    assert_eq!((store.settlement(odd.id).await?, store.settlement(payout(9).id).await?), (None, None));
    Ok(())
}
