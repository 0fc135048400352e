//! F002-22: whichever record is changed, deleted, inserted, repeated, reordered or cut off, and however far the thief goes to
//! cover it, a checkpoint that was kept elsewhere brings it to light.

use super::{
    super::Finding,
    kit::{Cover, Journal, Lie, trusting_the_house},
};

#[test]
fn an_honest_journal_is_sound_and_says_how_much_was_read() {
    let journal = Journal::of(300);
    let report = journal.examined(trusting_the_house().against(journal.checkpoint()).with_every_row_sealed());
    assert_eq!(report.findings, []);
    assert!(report.sound);
    assert_eq!((report.rows, report.last_seq, report.sealed_to_seq), (300, 300, 300));
    assert_eq!((report.seals, report.checkpoints), (journal.seals.len() as u64, 1));
}

/// F002-22, every record of a short journal: 11 lies, 6 covers, each record.
#[test]
fn no_lie_about_any_record_goes_unseen() {
    let honest = Journal::of(60);
    let checkpoint = honest.checkpoint();
    for at in 0..honest.rows.len() {
        for lie in Lie::ALL {
            for cover in
                Cover::ALL.into_iter().filter(|cover| !undone_by(lie, *cover) && !grown(at, lie, *cover))
            {
                let lied = cover.laid_over(lie.told_about(at, &honest));
                assert_ne!(
                    lied.faults_against(&checkpoint),
                    [],
                    "{lie:?} about row {}, covered by {cover:?}",
                    at + 1
                );
            }
        }
    }

    /// A hash column that was changed is made right again when rows are hashed anew: no lie is left.
    fn undone_by(lie: Lie, cover: Cover) -> bool {
        matches!(lie, Lie::ChangeHash) && !matches!(cover, Cover::Nothing)
    }

    /// One more row at the end under a genuine seal is what every honest journal gets.
    fn grown(at: usize, lie: Lie, cover: Cover) -> bool {
        at == 59 && matches!((lie, cover), (Lie::Repeat, Cover::SealsWithStolenKey))
    }
}

/// F002-22 on the length that it names: the ends, and places in between.
#[test]
fn no_lie_about_a_journal_of_ten_thousand_records_goes_unseen() {
    let honest = Journal::of(10_000);
    let checkpoint = honest.checkpoint();
    for at in [0, 4_999, 9_999] {
        for (lie, cover) in Lie::ALL.into_iter().zip(Cover::ALL.into_iter().cycle().skip(at % 4)) {
            let cover = if matches!(lie, Lie::ChangeHash) { Cover::Nothing } else { cover };
            let lied = cover.laid_over(lie.told_about(at, &honest));
            assert_ne!(
                lied.faults_against(&checkpoint),
                [],
                "{lie:?} about row {}, covered by {cover:?}",
                at + 1
            );
        }
    }
}

#[test]
fn a_changed_column_names_its_row_and_nothing_else() {
    let honest = Journal::of(60);
    for lie in [Lie::ChangeTime, Lie::ChangeKind, Lie::ChangePayout, Lie::ChangeBody] {
        let faults = lie.told_about(16, &honest).faults_against(&honest.checkpoint());
        assert_eq!(faults, [Finding::RowChanged { seq: 17 }], "{lie:?}");
    }
}

#[test]
fn a_changed_row_with_its_hash_made_right_is_found_by_its_seal() {
    let honest = Journal::of(60);
    let faults =
        Cover::Rows.laid_over(Lie::ChangeBody.told_about(16, &honest)).faults_against(&honest.checkpoint());
    assert_eq!(faults, [Finding::SealDoesNotMatchRows { seal_no: 4, first_seq: 11, last_seq: 26 }]);
}

#[test]
fn deleted_rows_are_named_first_and_last() {
    let honest = Journal::of(60);
    let mut lied = honest.clone();
    lied.rows.drain(19..23);
    let faults = lied.faults_against(&honest.checkpoint());
    assert_eq!(
        faults,
        [
            Finding::RowsMissing { first_seq: 20, last_seq: 23 },
            Finding::SealDoesNotMatchRows { seal_no: 4, first_seq: 11, last_seq: 26 },
        ]
    );
}

#[test]
fn a_row_told_twice_is_out_of_place() {
    let honest = Journal::of(60);
    let faults = Lie::Repeat.told_about(16, &honest).faults_against(&honest.checkpoint());
    assert_eq!(faults[0], Finding::RowOutOfPlace { seq: 17, after_seq: 17 });
}

#[test]
fn a_journal_cut_off_with_its_seals_is_found_by_the_checkpoint_alone() {
    let honest = Journal::of(60);
    let mut cut = honest.clone();
    cut.rows.truncate(26);
    cut.seals.truncate(4);
    assert!(
        cut.examined(trusting_the_house()).sound,
        "what stands is sound: only the checkpoint knows of more"
    );
    let faults = cut.faults_against(&honest.checkpoint());
    assert_eq!(faults, [Finding::Truncated { checkpoint_last_seq: 60, last_seq: 26 }]);
    assert_eq!(
        faults[0].to_string(),
        "rows at the end were cut off: the checkpoint says 60 rows, 26 stand here"
    );
}

#[test]
fn a_journal_cut_off_under_its_seals_needs_no_checkpoint() {
    let mut cut = Journal::of(60);
    cut.rows.truncate(58);
    let faults: Vec<_> = cut.examined(trusting_the_house()).faults().cloned().collect();
    assert_eq!(faults[0], Finding::RowsMissing { first_seq: 59, last_seq: 60 });
}

#[test]
fn an_emptied_journal_is_cut_off_too() {
    let honest = Journal::of(60);
    let empty = Journal { rows: Vec::new(), seals: Vec::new() };
    let faults = empty.faults_against(&honest.checkpoint());
    assert_eq!(faults, [Finding::Truncated { checkpoint_last_seq: 60, last_seq: 0 }]);
}

#[test]
fn rows_that_wait_for_their_seal_are_a_note_and_no_fault() {
    let mut journal = Journal::of(60);
    let checkpoint = journal.checkpoint();
    journal.rows.push(super::kit::row(61));
    let report = journal.examined(trusting_the_house().against(checkpoint.clone()));
    assert!(report.sound);
    assert_eq!(report.findings, [Finding::RowsUnsealed { first_seq: 61, last_seq: 61, allowed: true }]);
    assert_eq!(
        journal.faults_against(&checkpoint),
        [Finding::RowsUnsealed { first_seq: 61, last_seq: 61, allowed: false }]
    );
}

#[test]
fn a_shuffled_journal_fills_a_page_and_not_the_memory() {
    let mut journal = Journal::of(3_000);
    journal.rows.reverse();
    let report = journal.examined(trusting_the_house());
    assert!(!report.sound);
    assert_eq!(report.findings.len(), super::super::FINDINGS_MAX);
    assert!(report.findings_not_shown > 1_000);
}

#[test]
fn a_report_reads_as_a_table_for_people_and_as_a_closed_set_for_scripts() {
    let mut lied = Lie::ChangeBody.told_about(16, &Journal::of(26));
    lied.rows.push(super::kit::row(27));
    let report = lied.examined(trusting_the_house());
    assert_eq!(
        report.to_string(),
        "store        store-under-test\n\
         rows         27           last row 27\n\
         seals        4            sealed up to row 26\n\
         checkpoints  0\n\
         FAULT        row 17 was changed: its hash does not match its columns\n\
         note         row 27 not sealed yet\n\
         result       NOT SOUND: 1 fault"
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["sound"], false);
    assert_eq!(json["findings"][0], serde_json::json!({"finding": "row_changed", "seq": 17}));
}
