//! Which page comes next, and what the pages say together. Pure.
//!
//! The index cuts silently: 50 rows a page, 10,000 rows a span, more is not told. So a span that reaches its cap is read
//! as two halves. While pages are read the index goes on: a row that comes in pushes others onto a later page, where they are
//! seen twice and counted once; a row that goes (a fork) pulls others onto an earlier page, unseen. So where the index's own
//! count went down, or fewer rows came than it counts, the span is read again.

use std::collections::BTreeMap;

use payoutd_actors::domain::{address::Address, money::MicroUsdt, tron::TxId};
use payoutd_actors::ports::{ChainFault, IndexedTransfer};

/// What the index gives a page.
pub(super) const ROWS_PER_PAGE: u64 = 50;
/// What the index gives a span: `start + limit` goes no further.
const ROWS_PER_SPAN_MAX: u64 = 10_000;
/// A span whose pages do not fit together is read so many times; then what came is what there is.
const READINGS_MAX: u32 = 3;
/// More than 50,000 rows in one question: something repeats itself.
const PAGES_MAX: u32 = 1_000;

/// A span of block times, unix ms, both ends inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

impl Span {
    /// The earlier and the later half; `None` where a millisecond cannot be cut.
    fn halves(self) -> Option<[Self; 2]> {
        let middle = self.from_ms + self.to_ms.checked_sub(self.from_ms)? / 2;
        let later = Self { from_ms: middle.checked_add(1)?, ..self };
        (middle < self.to_ms).then_some([Self { to_ms: middle, ..self }, later])
    }
}

/// One page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) rows: Vec<IndexedTransfer>,
    /// How many rows the index counts in the span, capped by it.
    pub(super) total: u64,
}

/// The reading of one question, page by page.
#[derive(Debug)]
pub(super) struct Pages {
    /// Spans that are still to be read, the next one last.
    spans: Vec<Span>,
    /// How far the present span is read.
    start: u64,
    /// How many rows the first page of this reading counted.
    counted: Option<u64>,
    readings: u32,
    pages: u32,
    /// A transaction may pay several times (a token that takes a fee does), so the id alone is not the key.
    rows: BTreeMap<(TxId, Address, Address, Option<MicroUsdt>), IndexedTransfer>,
}

impl Pages {
    pub(super) fn of(span: Span) -> Self {
        let spans = if span.from_ms <= span.to_ms { vec![span] } else { Vec::new() };
        Self { spans, start: 0, counted: None, readings: 1, pages: 0, rows: BTreeMap::new() }
    }

    /// The page that is to be asked for now, by its span and first row; `None`: all is read.
    pub(super) fn next(&mut self) -> Result<Option<(Span, u64)>, ChainFault> {
        let Some(span) = self.spans.last() else {
            return Ok(None);
        };
        if self.pages == PAGES_MAX {
            return Err(ChainFault::Garbled(format!("an index that does not end after {PAGES_MAX} pages")));
        }
        self.pages += 1;
        Ok(Some((*span, self.start)))
    }

    /// Takes in the page that was asked for last.
    pub(super) fn take(&mut self, page: Page) -> Result<(), ChainFault> {
        let Some(span) = self.spans.last().copied() else {
            return Ok(());
        };
        let came = u64::try_from(page.rows.len()).unwrap_or(u64::MAX);
        let counted = *self.counted.get_or_insert(page.total);
        self.rows.extend(page.rows.into_iter().map(|row| ((row.txid, row.from, row.to, row.amount), row)));
        if page.total >= ROWS_PER_SPAN_MAX {
            return self.halve(span);
        }
        self.start = self.start.saturating_add(came);
        let shrank = page.total < counted;
        let ended = came == 0 || self.start >= page.total;
        let fell_short = ended && self.start < page.total;
        if (shrank || fell_short) && self.readings < READINGS_MAX {
            self.readings += 1;
            (self.start, self.counted) = (0, None);
        } else if ended {
            self.spans.pop();
            self.begin();
        }
        Ok(())
    }

    /// All rows, by id.
    pub(super) fn into_transfers(self) -> Vec<IndexedTransfer> {
        self.rows.into_values().collect()
    }

    fn halve(&mut self, span: Span) -> Result<(), ChainFault> {
        let what =
            || ChainFault::Garbled(format!("an index with {ROWS_PER_SPAN_MAX} transfers in one millisecond"));
        let [earlier, later] = span.halves().ok_or_else(what)?;
        self.spans.pop();
        self.spans.extend([earlier, later]);
        self.begin();
        Ok(())
    }

    fn begin(&mut self) {
        (self.start, self.counted, self.readings) = (0, None, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64, at_ms: i64) -> (i64, IndexedTransfer) {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let transfer = IndexedTransfer {
            txid: TxId::new(id),
            token: Address::ZERO,
            from: Address::BLACKHOLE,
            to: Address::ZERO,
            amount: Some(MicroUsdt::new(number)),
            block_number: number,
            confirmed: true,
            succeeded: true,
        };
        (at_ms, transfer)
    }

    /// An index that cuts as TronScan does, whose rows change before every page.
    fn read(
        mut rows: Vec<(i64, IndexedTransfer)>,
        span: Span,
        mut change: impl FnMut(u32, &mut Vec<(i64, IndexedTransfer)>),
    ) -> Result<(Vec<u64>, u32), ChainFault> {
        let mut pages = Pages::of(span);
        let mut asked = 0;
        while let Some((span, start)) = pages.next()? {
            asked += 1;
            change(asked, &mut rows);
            rows.sort_by_key(|(at_ms, row)| (-at_ms, row.txid));
            let inside: Vec<_> =
                rows.iter().filter(|(at_ms, _)| (span.from_ms..=span.to_ms).contains(at_ms)).collect();
            let cut = start.min(ROWS_PER_SPAN_MAX - ROWS_PER_PAGE) as usize;
            let rows =
                inside.iter().skip(cut).take(ROWS_PER_PAGE as usize).map(|(_, row)| row.clone()).collect();
            pages.take(Page { rows, total: (inside.len() as u64).min(ROWS_PER_SPAN_MAX) })?;
        }
        let mut read: Vec<u64> = pages.into_transfers().iter().map(|row| row.block_number).collect();
        read.sort_unstable();
        Ok((read, asked))
    }

    const ALL: Span = Span { from_ms: 0, to_ms: 100_000 };

    #[test]
    fn no_page_is_forgotten_and_none_is_asked_for_in_vain() {
        for (count, pages) in [(0, 1), (1, 1), (50, 1), (51, 2), (100, 2), (1234, 25)] {
            let rows: Vec<_> = (0..count).map(|number| row(number, number as i64)).collect();
            let (read, asked) = read(rows, ALL, |_, _| {}).unwrap();
            assert_eq!(read, (0..count).collect::<Vec<_>>());
            assert_eq!(asked, pages, "for {count} rows");
        }
        assert_eq!(read(vec![row(1, 1)], Span { from_ms: 2, to_ms: 1 }, |_, _| {}).unwrap(), (Vec::new(), 0));
    }

    #[test]
    fn an_index_that_cuts_at_ten_thousand_hides_nothing() {
        let rows: Vec<_> = (0..25_001).map(|number| row(number, (number * 4) as i64)).collect();
        let (read, _) = read(rows, ALL, |_, _| {}).unwrap();
        assert_eq!(read, (0..25_001).collect::<Vec<_>>());
    }

    #[test]
    fn ten_thousand_in_one_millisecond_are_not_half_told() {
        let rows: Vec<_> = (0..10_000).map(|number| row(number, 7)).collect();
        assert!(matches!(read(rows, ALL, |_, _| {}), Err(ChainFault::Garbled(_))));
    }

    #[test]
    fn a_row_that_comes_in_while_pages_are_read_is_told_once_and_hides_none() {
        let rows: Vec<_> = (0..120).map(|number| row(number, number as i64)).collect();
        let (read, _) = read(rows, ALL, |asked, rows| {
            if asked == 2 {
                rows.push(row(500, 99_999));
            }
        })
        .unwrap();
        let before: Vec<u64> = read.iter().copied().filter(|number| *number < 120).collect();
        assert_eq!(before, (0..120).collect::<Vec<_>>());
    }

    #[test]
    fn a_row_that_goes_while_pages_are_read_pulls_none_out_of_sight() {
        let rows: Vec<_> = (0..120).map(|number| row(number, number as i64)).collect();
        let (read, _) = read(rows, ALL, |asked, rows| {
            if asked == 2 {
                rows.retain(|(_, row)| row.block_number != 119);
            }
        })
        .unwrap();
        assert!((0..119).all(|number| read.contains(&number)), "{read:?}");
    }

    #[test]
    fn an_index_that_counts_what_it_does_not_show_is_asked_again_but_not_for_ever() {
        let mut pages = Pages::of(ALL);
        let mut asked = 0;
        while pages.next().unwrap().is_some() {
            asked += 1;
            pages.take(Page { rows: Vec::new(), total: 7 }).unwrap();
        }
        assert_eq!((asked, pages.into_transfers()), (READINGS_MAX, Vec::new()));
    }

    #[test]
    fn an_index_that_repeats_itself_ends() {
        let mut pages = Pages::of(ALL);
        let looped = loop {
            match pages.next() {
                Ok(Some(_)) => pages.take(Page { rows: vec![row(1, 1).1], total: 9_999 }).unwrap(),
                Ok(None) => break None,
                Err(fault) => break Some(fault),
            }
        };
        assert!(matches!(looped, Some(ChainFault::Garbled(_))));
    }
}
