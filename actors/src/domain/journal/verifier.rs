//! The examiner: rows and seals pass by once, in order; memory does not grow with them.

use std::cmp::Ordering;

use super::{
    checkpoint::Checkpoint,
    export::ExportLine,
    finding::Finding,
    hex_bytes::Hash,
    key::JournalPublicKey,
    merkle::RunningRoot,
    record::JournalRecord,
    report::Report,
    seal::{ChainHead, Seal},
};

/// What to hold the journal against.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    store_id: String,
    trusted_keys: Vec<JournalPublicKey>,
    checkpoints: Vec<Checkpoint>,
    start: Option<Checkpoint>,
    unsealed_allowed: bool,
}

impl VerifyOptions {
    /// The journal of `store_id`, from its first row. Without a trusted key every seal is a foreign one.
    pub fn new(store_id: impl Into<String>) -> Self {
        let (trusted_keys, checkpoints) = (Vec::new(), Vec::new());
        Self { store_id: store_id.into(), trusted_keys, checkpoints, start: None, unsealed_allowed: true }
    }

    /// Expects seals and checkpoints of this key; after a change of keys, call it once for each.
    #[must_use]
    pub fn trusting(mut self, key: JournalPublicKey) -> Self {
        self.trusted_keys.push(key);
        self
    }

    /// Compares with an exported checkpoint. Only so does a cut-off end show.
    #[must_use]
    pub fn against(mut self, checkpoint: Checkpoint) -> Self {
        self.checkpoints.push(checkpoint);
        self
    }

    /// Begins after a checkpoint, with row `last_seq + 1`: what is before it was examined earlier.
    #[must_use]
    pub fn starting_after(mut self, checkpoint: Checkpoint) -> Self {
        self.start = Some(checkpoint);
        self
    }

    /// Takes rows that are not sealed yet for a fault: right for an export, which was sealed first.
    #[must_use]
    pub fn with_every_row_sealed(mut self) -> Self {
        self.unsealed_allowed = false;
        self
    }
}

/// Reads a journal once and names every fault with its place (F002-19, F002-22).
///
/// Rows are handed in by ascending `seq`, seals by ascending `seal_no`; a seal goes before the first row whose `seq` is greater
/// than the seal's `last_seq`, and the seals that are left go last. Memory is constant but for the findings.
#[derive(Debug)]
pub struct Verifier {
    options: VerifyOptions,
    report: Report,
    /// The last seal that was read, or where the examination began.
    head: ChainHead,
    /// The last row that was read, wherever it claims to stand.
    last_row: i64,
    /// The row that continues the run.
    next_seq: i64,
    /// Rows since the last seal, and where they begin.
    run: RunningRoot,
    run_first_seq: Option<i64>,
    checkpoints_met: Vec<bool>,
    lines: u64,
    buffer: Vec<u8>,
}

impl Verifier {
    /// Begins an examination; checkpoints that are forged or of another store are found at once and not compared with.
    pub fn new(mut options: VerifyOptions) -> Self {
        let mut report = Report::of(&options.store_id);
        let head = match options.start.take() {
            Some(start) => {
                check_checkpoint(&start, &options, &mut report);
                start.head()
            }
            None => ChainHead::GENESIS,
        };
        let given = std::mem::take(&mut options.checkpoints);
        options.checkpoints = given
            .into_iter()
            .filter(|one| check_checkpoint(one, &options, &mut report) && is_ahead(one, head, &mut report))
            .collect();
        report.checkpoints = options.checkpoints.len() as u64;
        report.last_seq = head.last_seq;
        report.sealed_to_seq = head.last_seq;
        Self {
            report,
            head,
            last_row: head.last_seq,
            next_seq: head.last_seq.saturating_add(1),
            run: RunningRoot::default(),
            run_first_seq: None,
            checkpoints_met: vec![false; options.checkpoints.len()],
            lines: 0,
            buffer: Vec::with_capacity(1024),
            options,
        }
    }

    /// Takes the next row.
    pub fn row(&mut self, row: &JournalRecord) {
        self.report.rows += 1;
        if row.seq < self.next_seq {
            self.report.add(Finding::RowOutOfPlace { seq: row.seq, after_seq: self.last_row });
        } else {
            self.miss_rows_before(row.seq);
            self.next_seq = row.seq.saturating_add(1);
        }
        if row.hash != row.hash_through(&mut self.buffer) {
            self.report.add(Finding::RowChanged { seq: row.seq });
        }
        self.last_row = row.seq;
        self.report.last_seq = self.report.last_seq.max(row.seq);
        self.run_first_seq.get_or_insert(row.seq);
        self.run.push(row.hash);
    }

    /// Takes the next seal, after the rows that it covers.
    pub fn seal(&mut self, seal: &Seal) {
        self.report.seals += 1;
        let genuine = self.check_makers_mark(seal);
        if !self.check_place(seal, genuine) {
            return;
        }
        if genuine {
            // Only the key's own word tells which rows there ought to be: a forged seal would send us looking for billions.
            self.miss_rows_before(seal.last_seq.saturating_add(1));
        }
        self.check_rows_of(seal);
        self.compare_checkpoints(seal.seal_no, seal.hash);
        self.head = seal.head();
        self.report.sealed_to_seq = self.report.sealed_to_seq.max(seal.last_seq);
        self.run = RunningRoot::default();
        self.run_first_seq = None;
    }

    /// Takes the next line of an export, without its line break.
    pub fn line(&mut self, line: &str) {
        self.lines += 1;
        match ExportLine::parse(line) {
            Ok(ExportLine::Row(row)) => self.row(&row),
            Ok(ExportLine::Seal(seal)) => self.seal(&seal),
            Ok(ExportLine::Header(header)) if header.store_id == self.options.store_id => {}
            Ok(ExportLine::Header(header)) => {
                let expected = self.options.store_id.clone();
                self.report.add(Finding::WrongStore { expected, found: header.store_id });
            }
            Err(error) => {
                self.report.add(Finding::LineUnreadable { line: self.lines, reason: error.to_string() });
            }
        }
    }

    /// Ends the examination.
    pub fn finish(mut self) -> Report {
        let last_seq = self.report.last_seq;
        if let Some(first_seq) = self.run_first_seq {
            let allowed = self.options.unsealed_allowed;
            self.report.add(Finding::RowsUnsealed { first_seq, last_seq: self.last_row, allowed });
        }
        for (checkpoint, met) in self.options.checkpoints.iter().zip(&self.checkpoints_met) {
            let seal_no = checkpoint.seal_no;
            if last_seq < checkpoint.last_seq {
                let checkpoint_last_seq = checkpoint.last_seq;
                self.report.add(Finding::Truncated { checkpoint_last_seq, last_seq });
            } else if !met {
                self.report.add(Finding::CheckpointSealMissing { seal_no });
            }
        }
        self.report
    }

    /// Names the rows between the last one and `seq`, if there ought to be any, and goes on from `seq`.
    fn miss_rows_before(&mut self, seq: i64) {
        if seq > self.next_seq {
            self.report.add(Finding::RowsMissing { first_seq: self.next_seq, last_seq: seq - 1 });
            self.next_seq = seq;
        }
    }

    /// Whether the seal is the key's own word, changed in nothing.
    fn check_makers_mark(&mut self, seal: &Seal) -> bool {
        let seal_no = seal.seal_no;
        let key = self.options.trusted_keys.iter().find(|key| key.key_id() == seal.key_id);
        let fault = match key {
            _ if !seal.hash_matches(&self.options.store_id) => Finding::SealChanged { seal_no },
            None => Finding::SealKeyForeign { seal_no, key_id: seal.key_id.clone() },
            Some(key) if !seal.signed_by(key, &self.options.store_id) => {
                Finding::SealSignatureWrong { seal_no }
            }
            Some(_) => return true,
        };
        self.report.add(fault);
        false
    }

    /// Whether the chain goes on from this seal. One that stands too late does not, and a forged one only where it fits: neither
    /// may draw the examination away from the seals that follow.
    fn check_place(&mut self, seal: &Seal, genuine: bool) -> bool {
        let (seal_no, expected) = (seal.seal_no, self.head.seal_no.saturating_add(1));
        match seal_no.cmp(&expected) {
            Ordering::Less => {
                self.report.add(Finding::SealOutOfPlace { seal_no, after_seal_no: self.head.seal_no });
                false
            }
            Ordering::Equal => {
                if seal.prev_hash != self.head.hash {
                    self.report.add(Finding::SealRelinked { seal_no });
                }
                true
            }
            Ordering::Greater => {
                self.report.add(Finding::SealsMissing { first_seal_no: expected, last_seal_no: seal_no - 1 });
                genuine
            }
        }
    }

    fn check_rows_of(&mut self, seal: &Seal) {
        let &Seal { seal_no, first_seq, last_seq, .. } = seal;
        let expected_first_seq = self.head.last_seq.saturating_add(1);
        if first_seq != expected_first_seq || last_seq < first_seq {
            self.report.add(Finding::SealRunBroken { seal_no, first_seq, expected_first_seq });
        } else if self.run.root() != seal.records_root {
            self.report.add(Finding::SealDoesNotMatchRows { seal_no, first_seq, last_seq });
        }
    }

    fn compare_checkpoints(&mut self, seal_no: i64, seal_hash: Hash) {
        for (checkpoint, met) in self.options.checkpoints.iter().zip(&mut self.checkpoints_met) {
            if checkpoint.seal_no == seal_no && !*met {
                *met = true;
                if checkpoint.seal_hash != seal_hash {
                    self.report.add(Finding::CheckpointContradicted { seal_no });
                }
            }
        }
    }
}

/// Whether a checkpoint is worth comparing with.
fn check_checkpoint(checkpoint: &Checkpoint, options: &VerifyOptions, report: &mut Report) -> bool {
    let seal_no = checkpoint.seal_no;
    let fault = if !options.trusted_keys.iter().any(|key| checkpoint.signed_by(key)) {
        Finding::CheckpointForged { seal_no, key_id: checkpoint.key_id.clone() }
    } else if checkpoint.store_id != options.store_id {
        Finding::WrongStore { expected: options.store_id.clone(), found: checkpoint.store_id.clone() }
    } else {
        return true;
    };
    report.add(fault);
    false
}

/// Whether the examination will come past the seal of a checkpoint. One about the very seal where it begins is compared here.
fn is_ahead(checkpoint: &Checkpoint, begins: ChainHead, report: &mut Report) -> bool {
    let seal_no = checkpoint.seal_no;
    match seal_no.cmp(&begins.seal_no) {
        Ordering::Greater => return true,
        Ordering::Equal if checkpoint.seal_hash == begins.hash => {}
        Ordering::Equal => report.add(Finding::CheckpointContradicted { seal_no }),
        Ordering::Less => report.add(Finding::CheckpointNotReached { seal_no }),
    }
    false
}
