//! What a thief can do to the seals without the key: nothing that stays unseen, with no checkpoint needed for most of it.

use super::{
    super::{Finding, Hash, Seal, VerifyOptions},
    kit::{Journal, STORE, house_key, thief_key, trusting_the_house},
};

fn faults_of(journal: &Journal) -> Vec<Finding> {
    journal.examined(trusting_the_house()).faults().cloned().collect()
}

/// F002-19: two seals that are valid each by itself, hung on each other in another order.
#[test]
fn two_valid_seals_cannot_be_linked_anew() {
    let honest = Journal::of(60);
    let mut lied = honest.clone();
    lied.seals.swap(2, 3);
    assert_ne!(faults_of(&lied), []);

    let mut relinked = honest.clone();
    relinked.seals[3].prev_hash = honest.seals[1].hash;
    assert_eq!(
        faults_of(&relinked),
        [Finding::SealChanged { seal_no: 4 }, Finding::SealRelinked { seal_no: 4 }],
        "the link is under the hash"
    );
}

/// F002-19: the same seals, numbers and links made to fit, signatures as they were.
#[test]
fn a_seal_moved_to_another_place_keeps_no_valid_signature() {
    let honest = Journal::of(60);
    for place in 1..honest.seals.len() {
        let mut lied = honest.clone();
        let (number, link) = (lied.seals[place].seal_no, lied.seals[place].prev_hash);
        let seal = Seal { seal_no: number, prev_hash: link, ..honest.seals[0].clone() };
        lied.seals[place] = seal;
        assert!(faults_of(&lied).contains(&Finding::SealChanged { seal_no: number }));
    }
}

#[test]
fn every_column_of_a_seal_is_under_its_hash() {
    let honest = Journal::of(60);
    let changes: [fn(&mut Seal); 8] = [
        |seal| seal.seal_no += 1,
        |seal| seal.first_seq += 1,
        |seal| seal.last_seq += 1,
        |seal| seal.records_root = Hash::ZERO,
        |seal| seal.prev_hash = Hash::new([1; 32]),
        |seal| seal.hash = Hash::ZERO,
        |seal| seal.sealed_at_ms += 1,
        |seal| seal.key_id = "0123456789abcdef".to_owned(),
    ];
    for (column, change) in changes.iter().enumerate() {
        for place in 0..honest.seals.len() {
            let mut lied = honest.clone();
            change(&mut lied.seals[place]);
            let seal_no = lied.seals[place].seal_no;
            assert!(
                faults_of(&lied).contains(&Finding::SealChanged { seal_no }),
                "column {column} of seal {}",
                place + 1
            );
        }
    }
}

#[test]
fn a_forged_signature_and_a_foreign_key_are_told_apart() {
    let honest = Journal::of(60);
    let mut forged = honest.clone();
    forged.seals[2].signature = honest.seals[1].signature;
    assert_eq!(faults_of(&forged), [Finding::SealSignatureWrong { seal_no: 3 }]);

    let mut foreign = honest.clone();
    foreign.reseal(&thief_key());
    let key_id = thief_key().public_key().key_id().to_owned();
    assert_eq!(faults_of(&foreign)[0], Finding::SealKeyForeign { seal_no: 1, key_id });
    assert_eq!(faults_of(&foreign).len(), foreign.seals.len());
}

#[test]
fn a_deleted_seal_is_named() {
    let mut lied = Journal::of(60);
    lied.seals.remove(2);
    assert_eq!(faults_of(&lied)[0], Finding::SealsMissing { first_seal_no: 3, last_seal_no: 3 });
}

#[test]
fn a_repeated_seal_is_out_of_place_and_does_not_hide_the_ones_after_it() {
    let mut lied = Journal::of(60);
    let again = lied.seals[2].clone();
    lied.seals.insert(3, again);
    assert_eq!(faults_of(&lied), [Finding::SealOutOfPlace { seal_no: 3, after_seal_no: 3 }]);
}

#[test]
fn a_forged_seal_from_far_ahead_does_not_hide_a_changed_row_behind_it() {
    let mut lied = Journal::of(60);
    let mut far = lied.seals[3].clone();
    (far.seal_no, far.last_seq) = (i64::MAX, 10);
    lied.seals.insert(3, far);
    lied.rows[40].at_ms += 1;
    lied.rows[40].hash = lied.rows[40].computed_hash();
    let faults = faults_of(&lied);
    assert!(faults.contains(&Finding::SealChanged { seal_no: i64::MAX }));
    assert!(
        faults.iter().any(|fault| matches!(fault, Finding::SealDoesNotMatchRows { first_seq: 32, .. })),
        "{faults:?}"
    );
}

#[test]
fn a_seal_of_another_store_means_nothing_here() {
    let journal = Journal::of(60);
    assert!(journal.seals[0].signed_by(house_key().public_key(), STORE));
    let elsewhere = VerifyOptions::new("another-store").trusting(house_key().public_key().clone());
    let report = journal.examined(elsewhere);
    assert_eq!(report.findings[0], Finding::SealChanged { seal_no: 1 });
    assert!(!report.sound);
}

#[test]
fn without_a_trusted_key_every_seal_is_foreign() {
    let journal = Journal::of(60);
    let report = journal.examined(VerifyOptions::new(STORE));
    assert_eq!(report.faults().count(), journal.seals.len());
}

/// The honest limit: whoever holds the key can rewrite what no checkpoint has seen.
#[test]
fn an_insider_with_the_key_is_stopped_by_checkpoints_only() {
    let honest = Journal::of(60);
    let mut rewritten = honest.clone();
    rewritten.rows[16].kind = "payout_settled".into();
    rewritten.renumber_and_rehash();
    rewritten.reseal(&house_key());
    assert_eq!(faults_of(&rewritten), []);
    let seal_no = honest.checkpoint().seal_no;
    assert_eq!(rewritten.faults_against(&honest.checkpoint()), [Finding::CheckpointContradicted { seal_no }]);
}
