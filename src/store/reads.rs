//! Reading payouts whole, and what the limits have reserved and settled.
//!
//! One file, compiled for each engine: `super::engine` says whose questions and rows they are.

use std::collections::BTreeMap;

use payoutd_actors::{
    domain::{
        identity::PayoutId,
        journal::vocabulary::Kinds,
        limits::{DAY_MS, HOUR_MS, LimitBook, MINUTE_MS, NotAScope, SetLimit, Spending, minute_of},
        payout::{Attempt, Payout},
    },
    ports::{InFlight, JournalSearch, LiveTransfer, StoreFault},
};
use sqlx::{Executor, query::Query};

use crate::store::books::Asked;

use super::{
    cells,
    cells::Cells,
    engine::{Engine, EngineArguments, EngineConnection, EngineRow},
    fault, journal, rows, sql,
};

/// A question with its arguments.
pub(super) type Question<'q> = Query<'q, Engine, EngineArguments>;

/// Payouts whole, in the order in which the rows come. The transfers that are buried are read afterwards, where there are any:
/// nothing changes them any more, so the two looks agree.
pub(super) async fn payouts(
    connection: &mut EngineConnection,
    question: Question<'_>,
) -> Result<Vec<Payout>, StoreFault> {
    let found = payouts_with(connection, question, |_| Ok(())).await?;
    Ok(found.into_iter().map(|(payout, ())| payout).collect())
}

/// Payouts whole, each with what stands behind its columns.
pub(super) async fn payouts_with<T>(
    connection: &mut EngineConnection,
    question: Question<'_>,
    more: fn(&mut Cells<'_>) -> Result<T, StoreFault>,
) -> Result<Vec<(Payout, T)>, StoreFault> {
    let rows = (&mut *connection).fetch_all(question).await.map_err(fault::of)?;
    let mut found = Vec::with_capacity(rows.len());
    let mut buried = BTreeMap::new();
    for row in &rows {
        let mut cells = Cells::of(row);
        let (payout, dead) = cells::payout(&mut cells)?;
        if dead > 0 {
            buried.insert(payout.id, dead);
        }
        found.push((payout, more(&mut cells)?));
    }
    if buried.is_empty() {
        return Ok(found);
    }
    let mut graves = graves(connection, &buried).await?;
    for (payout, _) in &mut found {
        let Some(dead) = buried.get(&payout.id) else { continue };
        let mut attempts = graves.remove(&payout.id).unwrap_or_default();
        if attempts.len() != usize::try_from(*dead).unwrap_or(usize::MAX) {
            let why =
                format!("payout {}: {dead} transfers are buried, {} were found", payout.id, attempts.len());
            return Err(StoreFault::Corrupt(why));
        }
        attempts.append(&mut payout.attempts);
        payout.attempts = attempts;
    }
    Ok(found)
}

/// The buried transfers of some payouts: as many of each as there were when the payout was read.
async fn graves(
    connection: &mut EngineConnection,
    buried: &BTreeMap<PayoutId, u32>,
) -> Result<BTreeMap<PayoutId, Vec<Attempt>>, StoreFault> {
    let question = sqlx::query(sql::BURIED).bind(rows::texts(buried.keys()));
    let rows = connection.fetch_all(question).await.map_err(fault::of)?;
    let mut graves: BTreeMap<PayoutId, Vec<Attempt>> = BTreeMap::new();
    for row in &rows {
        let mut cells = Cells::of(row);
        let id: PayoutId = cells.parsed()?;
        let attempt = cells::attempt(&mut cells)?;
        if buried.get(&id).is_some_and(|dead| attempt.number <= *dead) {
            graves.entry(id).or_default().push(attempt);
        }
    }
    Ok(graves)
}

/// Live transfers.
pub(super) async fn live_transfers(
    connection: &mut EngineConnection,
    question: Question<'_>,
) -> Result<Vec<LiveTransfer>, StoreFault> {
    let rows = connection.fetch_all(question).await.map_err(fault::of)?;
    rows.iter().map(|row| cells::live_transfer(&mut Cells::of(row))).collect()
}

/// The book of the limits at a moment: of whom it is asked for, or of all.
pub(super) async fn limit_book(
    connection: &mut EngineConnection,
    asked: Option<&Asked>,
    now_ms: i64,
) -> Result<LimitBook, StoreFault> {
    // As `Spending::used_micro_usdt` counts: a minute leaves a window when all of it has.
    let leaves = |window_ms: i64| now_ms.saturating_sub(window_ms).saturating_sub(MINUTE_MS);
    let (day, hour) = (leaves(DAY_MS), leaves(HOUR_MS));
    let question = match asked {
        None => sqlx::query(sql::LIMIT_BOOK).bind(day).bind(hour),
        Some(Asked { scopes, more_scopes }) => sqlx::query(sql::LIMIT_BOOK_OF)
            .bind(day)
            .bind(hour)
            .bind(rows::texts(scopes))
            .bind(rows::texts(more_scopes)),
    };
    let rows = connection.fetch_all(question).await.map_err(fault::of)?;
    let mut book = LimitBook::default();
    let corrupt = |why: NotAScope| StoreFault::Corrupt(why.to_string());
    for row in &rows {
        let mut cells = Cells::of(row);
        let text: &str = cells.take()?;
        let mut spending = spending(&mut cells, hour, now_ms)?;
        let says: Option<&str> = cells.take()?;
        let read = says.map(|says| SetLimit::read(text, says)).transpose().map_err(StoreFault::Corrupt)?;
        spending.set = read.map(|(_, set)| set);
        *book.page_mut(text.parse().map_err(corrupt)?) = spending;
    }
    Ok(book)
}

/// A scope's minutes in two lumps, one within the hour's window and one within the day's alone: at this moment both windows
/// count what the single minutes would, and 1,440 rows stay where they are.
fn spending(cells: &mut Cells<'_>, hour_leaves_ms: i64, now_ms: i64) -> Result<Spending, StoreFault> {
    let (reserved_micro_usdt, within_hour, rest_of_day) = (cells.whole()?, cells.whole()?, cells.whole()?);
    let lumps = [(minute_of(now_ms), within_hour), (hour_leaves_ms, rest_of_day)];
    let settled_by_minute = lumps.into_iter().filter(|(_, amount)| *amount > 0).collect();
    Ok(Spending { reserved_micro_usdt, settled_by_minute, set: None })
}

/// The one row of an answer, if there is one.
pub(super) async fn one(
    connection: &mut EngineConnection,
    question: Question<'_>,
) -> Result<Option<EngineRow>, StoreFault> {
    connection.fetch_optional(question).await.map_err(fault::of)
}

/// The journal's question for what somebody looks for, with its arguments.
pub(super) fn sought(search: &JournalSearch) -> Question<'static> {
    let (only, all_but) = match &search.kinds {
        Kinds::Only(words) => (Some(rows::texts(words)), None),
        // Most ask for all: that is not compared with each row.
        Kinds::AllBut(words) => (None, (!words.is_empty()).then(|| rows::texts(words))),
    };
    let question = sqlx::query(journal::SEARCH)
        .bind(search.first)
        .bind(search.before)
        .bind(search.from_ms)
        .bind(search.to_ms)
        .bind(search.payout_id.map(|id| id.to_string()))
        .bind(only)
        .bind(all_but);
    let texts = search.texts.iter().map(|text| text.as_deref().map(rows::containing));
    texts.fold(question, |question, text| question.bind(text)).bind(i64::from(search.limit))
}

/// What is on its way, and what has left.
pub(super) async fn in_flight(connection: &mut EngineConnection) -> Result<InFlight, StoreFault> {
    let Some(row) = one(connection, sqlx::query(sql::IN_FLIGHT)).await? else {
        return Ok(InFlight::default());
    };
    let mut cells = Cells::of(&row);
    Ok(InFlight {
        transfers: cells.whole()?,
        amount_micro_usdt: cells.whole()?,
        fee_limit_sun: cells.whole()?,
        spent_micro_usdt: cells.whole()?,
    })
}
