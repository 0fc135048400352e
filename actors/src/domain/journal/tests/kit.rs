//! A journal to tamper with, and the hands that tamper.

use serde_json::json;

use super::super::{
    Body, ChainHead, Checkpoint, Finding, Hash, JournalDraft, JournalKey, JournalRecord, Report, Seal,
    SealRun, SignatureBytes, Verifier, VerifyOptions,
};

pub(super) const STORE: &str = "store-under-test";

/// The house's key.
pub(super) fn house_key() -> JournalKey {
    JournalKey::from_seed(&[7; 32])
}

/// A key that the thief made.
pub(super) fn thief_key() -> JournalKey {
    JournalKey::from_seed(&[66; 32])
}

pub(super) fn row(seq: i64) -> JournalRecord {
    let body = json!({"amount_micro_usdt": 25_500_000 + seq, "recipient": format!("T{seq}"), "memo": "für \"Zoë\"\n"});
    let draft =
        JournalDraft::new(1_700_000_000_000 + seq, "payout_admitted", Body::from_value(&body).unwrap());
    if seq % 5 == 0 { draft } else { draft.about(format!("po_{seq}")) }.into_record(seq)
}

/// A journal as it stands in a store.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    pub(super) rows: Vec<JournalRecord>,
    pub(super) seals: Vec<Seal>,
}

impl Journal {
    /// `rows` rows, sealed in runs of uneven length.
    pub(super) fn of(rows: i64) -> Self {
        let rows: Vec<_> = (1..=rows).map(row).collect();
        let lengths = [1, 7, 2, 16, 5, 900, 3].into_iter().cycle();
        let seals = seal_in_runs(&rows, lengths, &house_key());
        Self { rows, seals }
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(self.seals.last().unwrap(), STORE, &house_key())
    }

    /// Reads the journal in the order that the verifier wants.
    pub(super) fn examined(&self, options: VerifyOptions) -> Report {
        let mut verifier = Verifier::new(options);
        let mut seals = self.seals.iter().peekable();
        for row in &self.rows {
            while let Some(seal) = seals.next_if(|seal| seal.last_seq < row.seq) {
                verifier.seal(seal);
            }
            verifier.row(row);
        }
        seals.for_each(|seal| verifier.seal(seal));
        verifier.finish()
    }

    /// What the house itself would find, with a checkpoint that was kept elsewhere.
    pub(super) fn faults_against(&self, checkpoint: &Checkpoint) -> Vec<Finding> {
        let options = trusting_the_house().against(checkpoint.clone()).with_every_row_sealed();
        self.examined(options).faults().cloned().collect()
    }

    /// The thief makes every row's number and hash right again.
    pub(super) fn renumber_and_rehash(&mut self) {
        for (row, seq) in self.rows.iter_mut().zip(1..) {
            row.seq = seq;
            row.hash = row.computed_hash();
        }
    }

    /// The thief makes all seals anew, with a key.
    pub(super) fn reseal(&mut self, key: &JournalKey) {
        let lengths: Vec<_> =
            self.seals.iter().map(|seal| (seal.last_seq - seal.first_seq + 1) as usize).collect();
        let sealed: usize = lengths.iter().sum();
        let rest = self.rows.len().saturating_sub(sealed).max(1);
        self.seals = seal_in_runs(&self.rows, lengths.into_iter().chain(std::iter::repeat(rest)), key);
    }
}

pub(super) fn trusting_the_house() -> VerifyOptions {
    VerifyOptions::new(STORE).trusting(house_key().public_key().clone())
}

fn seal_in_runs(
    rows: &[JournalRecord],
    lengths: impl IntoIterator<Item = usize>,
    key: &JournalKey,
) -> Vec<Seal> {
    let (mut head, mut seals, mut rest) = (ChainHead::GENESIS, Vec::new(), rows);
    for length in lengths {
        if rest.is_empty() {
            break;
        }
        let (run, later) = rest.split_at(length.min(rest.len()));
        let mut open = SealRun::after(head);
        run.iter().for_each(|row| open.push(row).unwrap());
        let seal = open.close(STORE, key, 1_800_000_000_000 + run[0].seq).unwrap();
        head = seal.head();
        seals.push(seal);
        rest = later;
    }
    seals
}

/// One way to lie about one record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lie {
    ChangeTime,
    ChangeKind,
    ChangePayout,
    ChangeBody,
    ChangeHash,
    Delete,
    Insert,
    Repeat,
    SwapWithNext,
    SwapColumnsWithNext,
    TruncateFromHere,
}

impl Lie {
    pub(super) const ALL: [Self; 11] = [
        Self::ChangeTime,
        Self::ChangeKind,
        Self::ChangePayout,
        Self::ChangeBody,
        Self::ChangeHash,
        Self::Delete,
        Self::Insert,
        Self::Repeat,
        Self::SwapWithNext,
        Self::SwapColumnsWithNext,
        Self::TruncateFromHere,
    ];

    /// Tells the lie about the row at `at` (from 0). The last row has no next one: it is swapped with the one before it.
    pub(super) fn told_about(self, at: usize, journal: &Journal) -> Journal {
        let mut journal = journal.clone();
        let rows = &mut journal.rows;
        let next = if at + 1 < rows.len() { at + 1 } else { at - 1 };
        match self {
            Self::ChangeTime => rows[at].at_ms += 1,
            Self::ChangeKind => rows[at].kind = "payout_settled".into(),
            Self::ChangePayout => {
                rows[at].payout_id = if rows[at].payout_id.is_some() { None } else { Some(String::new()) };
            }
            Self::ChangeBody => rows[at].body = Body::of(&json!({"amount_micro_usdt": 1})).unwrap(),
            Self::ChangeHash => rows[at].hash = Hash::new([9; 32]),
            Self::Delete => drop(rows.remove(at)),
            Self::Insert => rows.insert(at, row(1_000_000)),
            Self::Repeat => rows.insert(at, rows[at].clone()),
            Self::SwapWithNext => rows.swap(at, next),
            Self::SwapColumnsWithNext => {
                let (seq, next_seq) = (rows[at].seq, rows[next].seq);
                rows.swap(at, next);
                (rows[at].seq, rows[next].seq) = (seq, next_seq);
            }
            Self::TruncateFromHere => rows.truncate(at),
        }
        journal
    }
}

/// How far the thief goes to cover a lie.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cover {
    /// Nothing else is touched.
    Nothing,
    /// Rows are numbered and hashed anew.
    Rows,
    /// Seals are made anew as well, each with the signature that stood at its place.
    SealsWithOldSignatures,
    /// Seals are made anew and signed with the thief's own key.
    SealsWithOwnKey,
    /// The same, but they name the house's key.
    SealsWithOwnKeyUnderTheHousesName,
    /// The thief is an insider who holds the house's key.
    SealsWithStolenKey,
}

impl Cover {
    pub(super) const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Rows,
        Self::SealsWithOldSignatures,
        Self::SealsWithOwnKey,
        Self::SealsWithOwnKeyUnderTheHousesName,
        Self::SealsWithStolenKey,
    ];

    pub(super) fn laid_over(self, mut journal: Journal) -> Journal {
        let signatures: Vec<SignatureBytes> = journal.seals.iter().map(|seal| seal.signature).collect();
        if !matches!(self, Self::Nothing) {
            journal.renumber_and_rehash();
        }
        match self {
            Self::Nothing | Self::Rows => {}
            Self::SealsWithOldSignatures => {
                journal.reseal(&house_key());
                journal
                    .seals
                    .iter_mut()
                    .zip(signatures.iter().cycle())
                    .for_each(|(seal, old)| seal.signature = *old);
            }
            Self::SealsWithOwnKey => journal.reseal(&thief_key()),
            Self::SealsWithOwnKeyUnderTheHousesName => {
                journal.reseal(&thief_key());
                let name = house_key().public_key().key_id().to_owned();
                journal.seals.iter_mut().for_each(|seal| seal.key_id = name.clone());
            }
            Self::SealsWithStolenKey => journal.reseal(&house_key()),
        }
        journal
    }
}
