//! What leaves the house, and what it proves.

use super::{
    super::{Checkpoint, CheckpointError, Finding, VerifyOptions},
    kit::{Journal, STORE, house_key, row, thief_key, trusting_the_house},
};

#[test]
fn a_checkpoint_is_one_line_that_reads_back_the_same() {
    let checkpoint = Journal::of(60).checkpoint();
    let text = checkpoint.to_string();
    assert!(text.starts_with("{\"format\":\"payoutd-checkpoint/1\",\"key_id\":\""), "{text}");
    assert_eq!(Checkpoint::parse(&text).unwrap(), checkpoint);
    assert_eq!(
        text,
        serde_json::to_value(&checkpoint)
            .map(|value| super::super::Body::from_value(&value))
            .unwrap()
            .unwrap()
            .as_str()
    );
    assert_eq!(checkpoint.last_seq, 60, "it covers the last row");
    assert!(checkpoint.signed_by(house_key().public_key()));
    assert!(!checkpoint.signed_by(thief_key().public_key()));
}

#[test]
fn a_checkpoint_of_one_seal_is_always_the_same_text() {
    assert_eq!(Journal::of(60).checkpoint().to_string(), Journal::of(60).checkpoint().to_string());
}

#[test]
fn no_field_of_a_checkpoint_can_be_changed() {
    let checkpoint = Journal::of(60).checkpoint();
    let changes: [fn(&mut Checkpoint); 7] = [
        |point| point.key_id = "0123456789abcdef".to_owned(),
        |point| point.last_seq += 1,
        |point| point.public_key = thief_key().public_key().to_hex(),
        |point| point.seal_hash = super::super::Hash::ZERO,
        |point| point.seal_no += 1,
        |point| point.sealed_at_ms += 1,
        |point| point.store_id.push('x'),
    ];
    for change in changes {
        let mut changed = checkpoint.clone();
        change(&mut changed);
        assert!(!changed.signed_by(house_key().public_key()), "{changed}");
    }
}

#[test]
fn a_text_that_is_no_checkpoint_says_why() {
    let good = Journal::of(5).checkpoint().to_string();
    assert!(matches!(Checkpoint::parse("hello"), Err(CheckpointError::Unreadable(_))));
    assert!(matches!(
        Checkpoint::parse(&good.replace("seal_no", "seal_nr")),
        Err(CheckpointError::Unreadable(_))
    ));
    let newer = Checkpoint::parse(&good.replace("checkpoint/1", "checkpoint/2")).unwrap_err();
    assert_eq!(newer, CheckpointError::UnknownFormat { found: "payoutd-checkpoint/2".to_owned() });
    let key = house_key().public_key().to_hex();
    assert!(matches!(Checkpoint::parse(&good.replace(&key, "00")), Err(CheckpointError::BadKey(_))));
}

#[test]
fn a_checkpoint_that_the_thief_signed_convinces_nobody() {
    let mut cut = Journal::of(60);
    cut.rows.truncate(26);
    cut.seals.truncate(4);
    let thiefs = Checkpoint::of(&cut.seals[3], STORE, &thief_key());
    let key_id = thief_key().public_key().key_id().to_owned();
    assert_eq!(cut.faults_against(&thiefs), [Finding::CheckpointForged { seal_no: 4, key_id }]);
}

#[test]
fn a_checkpoint_of_another_store_is_the_wrong_one() {
    let journal = Journal::of(26);
    let other = Checkpoint::of(&journal.seals[3], "another-store", &house_key());
    let found = "another-store".to_owned();
    assert_eq!(journal.faults_against(&other), [Finding::WrongStore { expected: STORE.to_owned(), found }]);
}

#[test]
fn seals_taken_away_show_though_all_rows_stand() {
    let honest = Journal::of(60);
    let mut bare = honest.clone();
    bare.seals.clear();
    let report = bare.examined(trusting_the_house().against(honest.checkpoint()));
    assert!(
        report
            .findings
            .contains(&Finding::CheckpointSealMissing { seal_no: honest.seals.last().unwrap().seal_no })
    );
    assert!(!report.sound);
}

#[test]
fn an_old_checkpoint_fits_a_journal_that_grew() {
    let journal = Journal::of(60);
    let old = Checkpoint::of(&journal.seals[2], STORE, &house_key());
    assert_eq!(journal.faults_against(&old), []);
}

#[test]
fn an_examination_can_begin_where_the_last_one_ended() {
    let journal = Journal::of(60);
    let start = Checkpoint::of(&journal.seals[3], STORE, &house_key());
    let later = Journal { rows: journal.rows[26..].to_vec(), seals: journal.seals[4..].to_vec() };
    let report =
        later.examined(trusting_the_house().starting_after(start.clone()).against(journal.checkpoint()));
    assert_eq!((report.findings.as_slice(), report.sound, report.rows), ([].as_slice(), true, 34));

    let mut lied = later.clone();
    lied.rows.remove(0);
    let report = lied.examined(trusting_the_house().starting_after(start.clone()));
    assert_eq!(report.findings[0], Finding::RowsMissing { first_seq: 27, last_seq: 27 });

    let older = Checkpoint::of(&journal.seals[1], STORE, &house_key());
    let report = later.examined(trusting_the_house().starting_after(start).against(older));
    assert_eq!(
        (report.findings.as_slice(), report.sound),
        ([Finding::CheckpointNotReached { seal_no: 2 }].as_slice(), true)
    );
}

#[test]
fn a_start_that_nobody_signed_is_no_start() {
    let journal = Journal::of(60);
    let start = Checkpoint::of(&journal.seals[3], STORE, &thief_key());
    let later = Journal { rows: journal.rows[26..].to_vec(), seals: journal.seals[4..].to_vec() };
    assert!(!later.examined(trusting_the_house().starting_after(start)).sound);
}

#[test]
fn seals_of_an_old_key_stay_good_after_a_change_of_keys() {
    let mut journal = Journal::of(26);
    let mut run = super::super::SealRun::after(journal.seals[3].head());
    journal.rows.push(row(27));
    run.push(&journal.rows[26]).unwrap();
    journal.seals.push(run.close(STORE, &thief_key(), 0).unwrap());
    let both = || {
        VerifyOptions::new(STORE)
            .trusting(thief_key().public_key().clone())
            .trusting(house_key().public_key().clone())
    };
    let new = Checkpoint::of(&journal.seals[4], STORE, &thief_key());
    assert!(journal.examined(both().against(new).with_every_row_sealed()).sound);
}
