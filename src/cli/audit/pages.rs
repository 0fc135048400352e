//! The journal, read page by page: each row in order, and each seal right after the last row that it covers.

use payoutd_actors::{
    domain::journal::{JournalRecord, Seal},
    ports::{Journal, StoreFault},
};
use std::collections::VecDeque;

/// Rows and seals of one page.
const A_PAGE: u32 = 2_000;

/// What passes by.
pub(super) enum Passage<'a> {
    /// A row.
    Row(&'a JournalRecord),
    /// A seal.
    Seal(&'a Seal),
}

/// Reads the journal as it stands now, whole: what is added meanwhile is left for the next time. Memory does not grow with it.
pub(super) async fn read_through<E: From<StoreFault>>(
    journal: &dyn Journal,
    mut pass: impl FnMut(Passage<'_>) -> Result<(), E>,
) -> Result<(), E> {
    // The seals' end first: every row that it covers was there before it.
    let last_seal_no = journal.last_seal().await?.map_or(0, |seal| seal.seal_no);
    let last_seq = journal.last_seq().await?;
    let mut seals = Seals { journal, next_no: 1, last_no: last_seal_no, page: VecDeque::new() };
    let mut next_seq = 1;
    while next_seq <= last_seq {
        let rows = journal.records(next_seq, A_PAGE).await?;
        let Some(last) = rows.last() else { break };
        let read_to = last.seq;
        for row in rows.iter().filter(|row| row.seq <= last_seq) {
            while let Some(seal) = seals.take_before(row.seq).await? {
                pass(Passage::Seal(&seal))?;
            }
            pass(Passage::Row(row))?;
        }
        next_seq = read_to.max(next_seq).saturating_add(1);
    }
    while let Some(seal) = seals.take_before(i64::MAX).await? {
        pass(Passage::Seal(&seal))?;
    }
    Ok(())
}

/// The seals, a page ahead.
struct Seals<'a> {
    journal: &'a dyn Journal,
    next_no: i64,
    last_no: i64,
    page: VecDeque<Seal>,
}

impl Seals<'_> {
    /// The next seal, if it ends before a row.
    async fn take_before(&mut self, seq: i64) -> Result<Option<Seal>, StoreFault> {
        if self.page.is_empty() && self.next_no <= self.last_no {
            let mut page = self.journal.seals(self.next_no, A_PAGE).await?;
            page.retain(|seal| seal.seal_no <= self.last_no);
            self.next_no = page.last().map_or(self.last_no, |seal| seal.seal_no).saturating_add(1);
            self.page = page.into();
        }
        let due = self.page.front().is_some_and(|seal| seal.last_seq < seq);
        Ok(if due { self.page.pop_front() } else { None })
    }
}
