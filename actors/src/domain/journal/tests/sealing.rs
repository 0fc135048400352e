//! The AuditWriter's hand: what goes under a seal, and what does not.

use super::{
    super::{ChainHead, Hash, JournalRecord, SEAL_ROWS_MAX, SealError, SealRun},
    kit::{STORE, house_key, row},
};

#[test]
fn a_run_without_rows_makes_no_seal() {
    assert_eq!(SealRun::after(ChainHead::GENESIS).close(STORE, &house_key(), 1), None);
}

#[test]
fn seals_number_themselves_and_hang_on_each_other() {
    let mut run = SealRun::after(ChainHead::GENESIS);
    (1..=3).for_each(|seq| run.push(&row(seq)).unwrap());
    let first = run.close(STORE, &house_key(), 10).unwrap();
    assert_eq!((first.seal_no, first.first_seq, first.last_seq, first.prev_hash), (1, 1, 3, Hash::ZERO));

    let mut run = SealRun::after(first.head());
    run.push(&row(4)).unwrap();
    let second = run.close(STORE, &house_key(), 11).unwrap();
    assert_eq!((second.seal_no, second.first_seq, second.last_seq, second.prev_hash), (2, 4, 4, first.hash));
    assert_eq!(second.records_root, row(4).hash, "the root of one row is its hash");
}

#[test]
fn a_gap_or_a_row_told_twice_is_not_sealed() {
    let mut run = SealRun::after(ChainHead::GENESIS);
    run.push(&row(1)).unwrap();
    assert_eq!(run.push(&row(3)), Err(SealError::NotTheNextRow { expected: 2, found: 3 }));
    assert_eq!(run.push(&row(1)), Err(SealError::NotTheNextRow { expected: 2, found: 1 }));
    run.push(&row(2)).unwrap();
    assert_eq!(run.rows(), 2, "what was refused left no trace");
}

#[test]
fn a_seal_never_blesses_a_changed_row() {
    let changed = JournalRecord { at_ms: 1, ..row(1) };
    assert_eq!(SealRun::after(ChainHead::GENESIS).push(&changed), Err(SealError::RowChanged { seq: 1 }));
}

#[test]
fn a_full_run_says_so() {
    let mut run = SealRun::after(ChainHead::GENESIS);
    let rows = i64::try_from(SEAL_ROWS_MAX).unwrap();
    for seq in 1..=rows {
        run.push(&row(seq)).unwrap();
    }
    assert!(run.is_full());
    assert_eq!(run.push(&row(rows + 1)), Err(SealError::RunFull));
}

/// The form of the hash, written out once by hand: what other readers build upon.
#[test]
fn the_hash_of_a_row_is_over_the_canonical_form_of_all_its_other_columns() {
    use sha2::{Digest, Sha256};
    let row = row(1);
    let by_hand = concat!(
        "\0{\"at_ms\":1700000000001,\"body\":{\"amount_micro_usdt\":25500001,\"memo\":\"für \\\"Zoë\\\"\\n\",\"recipient\":\"T1\"},",
        "\"kind\":\"payout_admitted\",\"payout_id\":\"po_1\",\"seq\":1}"
    );
    assert_eq!(row.hash, Hash::new(Sha256::digest(by_hand.as_bytes()).into()));
}

#[test]
fn a_stored_column_of_a_wrong_length_is_a_changed_row_and_no_crash() {
    let stored = JournalRecord::from_columns(1, 2, "kind".to_owned(), None, "{}".to_owned(), &[1, 2, 3]);
    assert_eq!(stored.hash, Hash::ZERO);
    assert_ne!(stored.hash, stored.computed_hash());
}
