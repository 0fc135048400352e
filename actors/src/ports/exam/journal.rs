//! The fears about the journal: a gap, a record that does not belong to its step, a chain that forks.

use super::kit::{self, AMPLE, MORNING_MS, admit, bury, go, payout, settle, sign, step};
use super::{Examinee, Hall, Told, Trouble};
use crate::domain::identity::PayoutId;
use crate::domain::journal::vocabulary::{Kinds, Severity};
use crate::domain::journal::{
    Body, Cause, ChainHead, CorrelationId, JournalDraft, JournalKey, JournalRecord, Seal, SealRun, Verifier,
    VerifyOptions,
};
use crate::domain::payout::{Command, EventName, Payout, Reason};
use crate::ports::{
    BlockMark, Gate, House, HouseChange, Journal, JournalSearch, NewPayout, Pause, Payouts, ROLE_LEASE_MS,
    Register, RegisterChange, Registered, Role, Roles, StepResult,
};
use futures_util::future::{join, join_all};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

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

/// F000-13, F004-29: whatever can happen to a payout, and what the house says of itself, is written under its own word.
pub async fn everything_that_can_happen_is_written_under_its_word(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let at = kit::block(1_001);
    let next = async |payout: Payout, command: Command| go(&store, &payout, command, MORNING_MS).await;
    let signed = async |payout: Payout| {
        let command = sign(&payout, MORNING_MS);
        next(payout, command).await
    };

    let one = next(admit(&store, payout(1)).await?, Command::Hold(Reason::Operator)).await?;
    let one = signed(next(one, Command::Release { by: "mary".to_owned() }).await?).await?;
    let one = next(one, Command::NoteBroadcast { nodes: 2 }).await?;
    let one = next(one, Command::NoteInclusion(at)).await?;
    let one = next(one, Command::NoteInclusionLost(at)).await?;
    let one = next(one, Command::NoteUnknown(Reason::Operator)).await?;
    let dead = bury(&one)?;
    let one = signed(next(one, dead).await?).await?;
    let proof = settle(&one, 1_007)?;
    next(one, proof).await?;
    let two = next(admit(&store, payout(2)).await?, Command::Hold(Reason::Operator)).await?;
    next(two, Command::Reject { note: "no".to_owned() }).await?;
    next(admit(&store, payout(3)).await?, Command::Cancel(Reason::CancelledBySender)).await?;
    let four = signed(admit(&store, payout(4)).await?).await?;
    let txid = four.attempts[0].txid;
    next(four, Command::Fail { txid, reason: Reason::Reverted, block: at, fee_sun: 1 }).await?;
    let five = signed(admit(&store, payout(5)).await?).await?;
    let txid = five.attempts[0].txid;
    let five =
        next(five, Command::Mismatch { txid, reason: Reason::PaidShort, block: at, paid: None }).await?;
    next(five, Command::Resolve { paid: true, note: "seen".to_owned() }).await?;
    let six = admit(&store, payout(6)).await?;
    let found = kit::transfer(&six, MORNING_MS);
    next(six, Command::Adopt(Box::new(found))).await?;
    let of_payouts: BTreeSet<_> = kinds(&store).await?.into_iter().collect();
    assert_eq!(of_payouts, EventName::ALL.map(|event| event.word().to_owned()).into());
    for word in ["hold_released", "payout_rejected", "fate_unknown", "mismatch_resolved"] {
        assert!(of_payouts.contains(word), "{word}");
    }

    let before = store.last_seq().await?;
    let (reason, since_ms) = ("a story".to_owned(), MORNING_MS);
    let changes = vec![
        HouseChange::PinGenesis(kit::block(0).id),
        HouseChange::Birth(BlockMark { block: at, timestamp_ms: MORNING_MS }),
        HouseChange::Pause(Pause { reason: reason.clone(), since_ms }),
        HouseChange::Resume { reason },
        HouseChange::ShutGate { since_ms, why: "a story".to_owned() },
        HouseChange::GateUntil(MORNING_MS),
        HouseChange::OpenGate,
    ];
    store.change(changes, MORNING_MS).await?;
    let of_the_house: Vec<_> =
        kinds(&store).await?.into_iter().skip(before.unsigned_abs() as usize).collect();
    let expected = [
        "genesis_pinned",
        "store_born",
        "house_paused",
        "house_resumed",
        "restore_noticed",
        "restore_gate_passed",
    ];
    assert_eq!(of_the_house, expected);
    Ok(())
}

/// The words of all that is written, in order.
async fn kinds(store: &impl Examinee) -> Result<Vec<String>, Trouble> {
    Ok(store.records(1, 999).await?.into_iter().map(|row| row.kind.into_owned()).collect())
}

/// F000-14: a payout's first record says which request has ordered it, and so does whatever somebody wants of the house; what the house
/// does by itself names nobody.
pub async fn a_record_says_which_request_has_caused_it(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let cause = |id: &str| Cause { correlation_id: CorrelationId::parse(id), ..Cause::nobody() };
    let ordered = |n: u32, cause: Cause| NewPayout { payout: payout(n), cause };
    let large = NewPayout { payout: kit::payout_of(3, 2_000), cause: cause("r-3") };
    let batch = vec![ordered(1, cause("r-1")), ordered(2, Cause::nobody()), large];
    store.admit(batch, &kit::rules(1_000, 9_000), MORNING_MS, false).await?;
    go(&store, &kit::found(&store, payout(1).id).await?, Command::Hold(Reason::Operator), MORNING_MS).await?;
    let pause = HouseChange::Pause(Pause { reason: "a story".to_owned(), since_ms: MORNING_MS });
    store
        .change(vec![pause.clone().wanted_by(cause("r-4")), pause.wanted_by(cause("r-5"))], MORNING_MS)
        .await?;
    let store = hall.reopened(store).await?;
    let rows = store.records(1, 9).await?;
    let told = rows.iter().map(|row| row.body.read::<Value>()).collect::<Result<Vec<_>, _>>()?;
    let told: Vec<_> = told.iter().map(|body| body.get("correlation_id").and_then(Value::as_str)).collect();
    assert_eq!(
        told,
        [Some("r-1"), None, Some("r-3"), None, Some("r-4")],
        "a change that changes nothing is not told"
    );
    assert!(rows.iter().all(|row| row.hash == row.computed_hash() && row.body.is_canonical()));
    Ok(())
}

/// The digest that goes with a payable order is the journal's, not the row's: whoever changes the row can not change both.
pub async fn the_admissions_own_word_goes_with_what_is_payable(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let mut batch = vec![payout(1), payout(2), payout(3)];
    batch[2].order.amount = kit::usdt(2_000);
    store.admit(kit::newly(batch), &kit::rules(1_000, 9_000), MORNING_MS, false).await?;
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

/// Names as people choose them: with quotes, with line ends, with what is a pattern elsewhere, and in two cases.
const NAMES: [&str; 6] =
    ["anna", "Anna", "say \"hi\" \\ there\n", "Zo\u{eb} \u{1f4b8}", "100%_*[x]?", "nobody"];
/// Kinds of each severity, suspicious ones among them, and one of a newer payoutd.
const WORDS: [&str; 5] =
    ["payout_settled", "payout_held", "mfa_guessed", "alarm_foreign_chain", "of_a_newer_payoutd"];

/// Writes a journal of so many rows a second apart, in which each seventh is ten seconds late.
async fn a_journal_out_of_order(
    store: &impl Examinee,
    rows: i64,
) -> Result<Vec<(i64, JournalDraft)>, Trouble> {
    let at = |list: &[&'static str], seq: i64| list[seq.unsigned_abs() as usize % list.len()];
    let mut drafts = Vec::new();
    for seq in 1..=rows {
        let at_ms = MORNING_MS + (if seq % 7 == 0 { seq - 10 } else { seq }) * 1_000;
        let body = Body::of(&json!({ "by": at(&NAMES, seq), "trace_id": format!("{}", seq % 4) }))?;
        let draft = JournalDraft::new(at_ms, at(&WORDS, seq), body);
        drafts.push((seq, if seq % 3 == 0 { draft.about(payout_number(seq)) } else { draft }));
    }
    let journal = drafts.iter().map(|(_, draft)| draft.clone()).collect();
    let change = RegisterChange { journal, ..RegisterChange::default() };
    assert_eq!(store.register(change, MORNING_MS).await?, Registered::Done);
    Ok(drafts)
}

fn payout_number(seq: i64) -> PayoutId {
    payout(u32::from(seq % 2 == 0)).id
}

/// The places of what is found.
async fn places(store: &impl Examinee, search: &JournalSearch) -> Result<Vec<i64>, Trouble> {
    let found = store.search(search).await?;
    assert!(found.iter().all(|row| row.hash == row.computed_hash()));
    Ok(found.iter().map(|row| row.seq).collect())
}

/// F004-30: of a stretch each row is found that is as somebody wants it, and no other, newest first; rows that are late are found by their
/// moments and not by their neighbours'.
pub async fn a_search_finds_what_it_says_newest_first_and_nothing_else(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let rows = a_journal_out_of_order(&store, 120).await?;
    let store = hall.reopened(store).await?;
    let any = || JournalSearch::of(1, 121, 999);
    let by = |name: &str| Some(format!("\"by\":{}", Body::text(name)));
    let trace = |trace: &str| Some(format!("\"trace_id\":{}", Body::text(trace)));
    let finds = async |search: JournalSearch, wanted: &(dyn Fn(i64, &JournalDraft) -> bool + Sync)| {
        let wanted = rows.iter().rev().filter(|(seq, draft)| wanted(*seq, draft));
        let wanted: Vec<i64> = wanted.map(|(seq, _)| *seq).collect();
        assert_eq!(places(&store, &search).await?, wanted, "{search:?}");
        Ok::<_, Trouble>(wanted.len())
    };

    assert_eq!(finds(any(), &|_, _| true).await?, 120);
    assert_eq!(finds(JournalSearch::of(40, 51, 999), &|seq, _| (40..51).contains(&seq)).await?, 11);
    assert_eq!(finds(JournalSearch::of(-5, 999, 999), &|_, _| true).await?, 120);
    assert_eq!(finds(JournalSearch::of(60, 60, 999), &|_, _| false).await?, 0);
    let (from_ms, to_ms) = (MORNING_MS + 30_000, MORNING_MS + 61_000);
    let in_time = |_: i64, draft: &JournalDraft| {
        MORNING_MS + 30_000 <= draft.at_ms && draft.at_ms < MORNING_MS + 61_000
    };
    let found = finds(JournalSearch { from_ms, to_ms, ..any() }, &in_time).await?;
    assert!(found > 25, "{found}");
    assert_eq!(finds(JournalSearch { from_ms: to_ms, to_ms: from_ms, ..any() }, &|_, _| false).await?, 0);

    let of_payout = JournalSearch { payout_id: Some(payout(1).id), ..any() };
    assert_eq!(finds(of_payout, &|seq, _| seq % 6 == 0).await?, 20);
    let kinds = |fits: fn(Severity, bool) -> bool| JournalSearch { kinds: Kinds::which(fits), ..any() };
    let critical = kinds(|severity, _| severity == Severity::Critical);
    assert_eq!(finds(critical, &|_, draft| WORDS[2..4].contains(&draft.kind)).await?, 48);
    let grave = kinds(|severity, _| severity >= Severity::Warning);
    assert_eq!(finds(grave, &|_, draft| draft.kind != "payout_settled").await?, 96);
    let suspicious = kinds(|_, suspicious| suspicious);
    assert_eq!(finds(suspicious, &|_, draft| draft.kind == "mfa_guessed").await?, 24);
    assert_eq!(finds(kinds(|_, _| false), &|_, _| false).await?, 0);

    for (place, name) in (0_i64..).zip(NAMES) {
        let named = JournalSearch { texts: [by(name), None, None], ..any() };
        assert_eq!(finds(named, &|seq, _| seq % 6 == place).await?, 20, "{name}");
    }
    for name in ["ann", "ANNA", "%", "100", "\\", "zo\u{eb} \u{1f4b8}"] {
        let named = JournalSearch { texts: [None, by(name), None], ..any() };
        assert_eq!(finds(named, &|_, _| false).await?, 0, "{name}");
    }
    let of_both = JournalSearch { texts: [by("anna"), None, trace("0")], ..any() };
    assert_eq!(finds(of_both, &|seq, _| seq % 12 == 0).await?, 10);
    let of_all = JournalSearch {
        from_ms,
        to_ms,
        payout_id: Some(payout(1).id),
        kinds: Kinds::which(|severity, _| severity >= Severity::Warning),
        texts: [by("anna"), trace("0"), Some("by".to_owned())],
        ..any()
    };
    let wanted = |seq: i64, draft: &JournalDraft| {
        in_time(seq, draft) && seq % 12 == 0 && draft.kind != "payout_settled"
    };
    assert_eq!(finds(of_all, &wanted).await?, 2);
    Ok(())
}

/// F004-30: a search that has found as much as it may is asked again from its last row on; whatever it is cut into, each row is found once.
pub async fn a_search_that_is_cut_short_goes_on_where_it_ended(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    a_journal_out_of_order(&store, 60).await?;
    let whole = JournalSearch {
        to_ms: MORNING_MS + 55_000,
        kinds: Kinds::which(|severity, _| severity >= Severity::Warning),
        ..JournalSearch::of(1, 61, 999)
    };
    let expected = places(&store, &whole).await?;
    assert!(expected.len() > 40, "{expected:?}");
    for limit in 1..=u32::try_from(expected.len())? + 1 {
        let (mut found, mut search) = (Vec::<i64>::new(), JournalSearch { limit, ..whole.clone() });
        loop {
            let some = places(&store, &search).await?;
            found.extend(&some);
            match some.last() {
                Some(last) if some.len() == limit as usize => search.before = *last,
                _ => break,
            }
        }
        assert_eq!(found, expected, "{limit} at a time");
    }
    assert_eq!(places(&store, &JournalSearch { limit: 0, ..whole }).await?, [0; 0]);
    Ok(())
}

/// F004-30: the place behind a moment has a row of that moment or an earlier one before it and a later one at it; so nothing of any
/// moment is far on the wrong side, however rows of one moment, gaps of days and clocks that differ lie in between.
pub async fn the_place_behind_a_moment_is_found_whatever_the_clocks_say(hall: &impl Hall) -> Told {
    const DISORDER_MS: i64 = 10_000;
    let store = hall.fresh().await?;
    for moment in [i64::MIN, MORNING_MS, i64::MAX] {
        assert_eq!(store.place_behind(moment).await?, 1, "nothing is written");
    }
    let first = a_journal_out_of_order(&store, 50).await?;
    let day_later =
        |n: i64| JournalDraft::new(MORNING_MS + 86_400_000 + n / 20, "payout_settled", Body::empty());
    let journal: Vec<_> = (0..57).map(day_later).collect();
    let change = RegisterChange { journal: journal.clone(), ..RegisterChange::default() };
    store.register(change, MORNING_MS).await?;
    let store = hall.reopened(store).await?;
    let written: Vec<i64> =
        first.into_iter().map(|(_, draft)| draft).chain(journal).map(|draft| draft.at_ms).collect();
    assert_eq!(store.last_seq().await?, i64::try_from(written.len())?);

    let around = written.iter().flat_map(|at_ms| [at_ms - 1, *at_ms, at_ms + 1]);
    for moment in around.chain([MORNING_MS + 3_600_000, i64::MIN, i64::MAX]) {
        let place = store.place_behind(moment).await?;
        let (before, behind) = written.split_at(usize::try_from(place - 1)?);
        assert!(before.last().is_none_or(|at_ms| *at_ms <= moment), "{moment}: {place}");
        assert!(behind.first().is_none_or(|at_ms| *at_ms > moment), "{moment}: {place}");
        let latest_ms = moment.saturating_add(DISORDER_MS);
        assert!(before.iter().all(|at_ms| *at_ms <= latest_ms), "{moment}: {place}");
        assert!(behind.iter().all(|at_ms| at_ms.saturating_add(DISORDER_MS) > moment), "{moment}: {place}");
    }
    Ok(())
}
