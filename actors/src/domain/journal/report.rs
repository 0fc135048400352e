//! What a verifier hands back: counts, findings, and one word at the end.

use std::fmt;

use serde::Serialize;

use super::finding::Finding;

/// Findings that are kept, at most: a journal that was shuffled whole has millions. The rest is counted.
pub const FINDINGS_MAX: usize = 1000;

/// The outcome of an examination. `Display` for people, `Serialize` for `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing is wrong. The exit code follows it.
    pub sound: bool,
    /// The store under examination.
    pub store_id: String,
    /// How many rows were read.
    pub rows: u64,
    /// The last row that stands there; 0 if there is none.
    pub last_seq: i64,
    /// How many seals were read.
    pub seals: u64,
    /// The last row under a seal; 0 if there is none.
    pub sealed_to_seq: i64,
    /// How many checkpoints the journal was compared with.
    pub checkpoints: u64,
    /// The first [`FINDINGS_MAX`] findings, in the order in which they were met.
    pub findings: Vec<Finding>,
    /// How many more there were.
    pub findings_not_shown: u64,
}

impl Report {
    pub(super) fn of(store_id: &str) -> Self {
        Self {
            sound: true,
            store_id: store_id.to_owned(),
            rows: 0,
            last_seq: 0,
            seals: 0,
            sealed_to_seq: 0,
            checkpoints: 0,
            findings: Vec::new(),
            findings_not_shown: 0,
        }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.sound &= !finding.is_fault();
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.findings_not_shown += 1;
        }
    }

    /// The findings that make the journal unsound.
    pub fn faults(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_fault())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "store        {}", self.store_id)?;
        writeln!(f, "rows         {:<12} last row {}", self.rows, self.last_seq)?;
        writeln!(f, "seals        {:<12} sealed up to row {}", self.seals, self.sealed_to_seq)?;
        writeln!(f, "checkpoints  {}", self.checkpoints)?;
        for finding in &self.findings {
            writeln!(f, "{:<12} {finding}", if finding.is_fault() { "FAULT" } else { "note" })?;
        }
        if self.findings_not_shown > 0 {
            writeln!(f, "{:<12} and {} more findings", "", self.findings_not_shown)?;
        }
        let faults = self.faults().count();
        match (self.sound, faults) {
            (true, _) => write!(f, "result       sound"),
            (false, 1) => write!(f, "result       NOT SOUND: 1 fault"),
            (false, _) => write!(f, "result       NOT SOUND: {faults} faults"),
        }
    }
}
