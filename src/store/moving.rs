//! A house moves from a file into a PostgreSQL: all of it, once, with proof.
//!
//! Order: the file is locked; the target must be empty; every row travels in one transaction of the target; the file is marked
//! as moved; the target commits; then both journals are read through and compared, row by row, with their seals and the books.
//! A crash before the mark leaves the file as it was. One after it leaves a file that is not opened for work, and either the
//! whole house in the target or none of it: the move is begun again and says which.

use payoutd_actors::{
    domain::journal::Hash,
    ports::{Entry, EntryKind, House, Journal, Payouts, Register, StoreFault},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{PostgresStore, SqliteStore, sqlite::TABLES};

/// Journal rows that are compared at a time.
const COMPARED_AT_A_TIME: u32 = 1_000;

/// What has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Whose house it is.
    pub store_id: String,
    /// Payouts.
    pub payouts: u64,
    /// The journal's last row.
    pub last_seq: i64,
    /// The last seal's number; 0 for none.
    pub last_seal_no: i64,
    /// One hash over all rows and seals, the same in both.
    pub journal_sha256: String,
}

/// Why a house has not moved.
#[derive(Debug, Error)]
pub enum MoveError {
    /// Something lives in the target already.
    #[error("the target is in use: a house moves only into an empty store")]
    TargetInUse,
    /// The target is not what the source was. It must not be worked.
    #[error("the copy is not the original: {0}")]
    Differs(String),
    /// The store that is left.
    #[error("the source can not be read")]
    Source(#[source] StoreFault),
    /// The store that is moved to.
    #[error("the target does not take it")]
    Target(#[source] StoreFault),
}

/// What shows that two stores are one house.
#[derive(Debug, PartialEq, Eq)]
struct Likeness {
    store_id: String,
    payouts: u64,
    books: String,
    last_seq: i64,
    last_seal_no: i64,
    journal_sha256: String,
    register: Vec<Entry>,
}

/// Moves a house; `progress` is told the table and how many rows of it have travelled. `to` is how the source will call the
/// target.
///
/// # Errors
/// See [`MoveError`].
pub async fn move_house(
    source: &SqliteStore,
    target: &PostgresStore,
    to: &str,
    mut progress: impl FnMut(&'static str, u64),
) -> Result<Moved, MoveError> {
    let likeness = likeness(source).await.map_err(MoveError::Source)?;
    if let Some(mut arrival) = target.begin_arrival().await.map_err(MoveError::Target)? {
        for (table, question) in TABLES {
            let (mut behind, mut travelled) = (i64::MIN, 0);
            while let Some(page) = source.page_of(question, behind).await.map_err(MoveError::Source)? {
                let taken = arrival.take_up(table, page.json).await.map_err(MoveError::Target)?;
                if taken != page.rows {
                    return Err(MoveError::Differs(format!(
                        "of {} rows of {table} {taken} arrived",
                        page.rows
                    )));
                }
                (behind, travelled) = (page.last, travelled + taken);
                progress(table, travelled);
            }
        }
        source.mark_as_moved(to).await.map_err(MoveError::Source)?;
        arrival.complete().await.map_err(MoveError::Target)?;
    } else if !is_marked_and_alike(source, target, to, &likeness).await? {
        return Err(MoveError::TargetInUse);
    }
    let arrived = self::likeness(target).await.map_err(MoveError::Target)?;
    if arrived != likeness {
        return Err(MoveError::Differs(format!("{arrived:?} was made of {likeness:?}")));
    }
    let Likeness { store_id, payouts, last_seq, last_seal_no, journal_sha256, .. } = likeness;
    Ok(Moved { store_id, payouts, last_seq, last_seal_no, journal_sha256 })
}

/// A move that was told to nobody: the file says that it has moved here, and here it is.
async fn is_marked_and_alike(
    source: &SqliteStore,
    target: &PostgresStore,
    to: &str,
    likeness: &Likeness,
) -> Result<bool, MoveError> {
    let marked = source.moved_to().await.map_err(MoveError::Source)?.is_some_and(|there| there == to);
    Ok(marked && self::likeness(target).await.map_err(MoveError::Target)? == *likeness)
}

async fn likeness<S: Payouts + House + Journal + Register>(store: &S) -> Result<Likeness, StoreFault> {
    let facts = store.facts().await?;
    let counts = store.counts().await?;
    let limits = store.limit_book(facts.latest_ms).await?;
    let mut all = Sha256::new();
    let mut last_seq = 0;
    loop {
        let rows = store.records(last_seq + 1, COMPARED_AT_A_TIME).await?;
        let Some(last) = rows.last() else { break };
        last_seq = last.seq;
        for row in &rows {
            for word in [row.kind.as_ref(), row.payout_id.as_deref().unwrap_or_default(), row.body.as_str()] {
                all.update((word.len() as u64).to_be_bytes());
                all.update(word);
            }
            all.update(row.seq.to_be_bytes());
            all.update(row.at_ms.to_be_bytes());
            all.update(row.hash.as_bytes());
        }
    }
    let mut last_seal_no = 0;
    loop {
        let seals = store.seals(last_seal_no + 1, COMPARED_AT_A_TIME).await?;
        let Some(last) = seals.last() else { break };
        last_seal_no = last.seal_no;
        for seal in &seals {
            all.update(Hash::as_bytes(&seal.hash));
            all.update(seal.signature.as_bytes());
        }
    }
    let mut register: Vec<Entry> = Vec::new();
    for kind in EntryKind::ALL {
        let mut after = String::new();
        loop {
            let page = store.entries(kind, None, &after, COMPARED_AT_A_TIME).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            register.extend(page);
        }
    }
    Ok(Likeness {
        register,
        payouts: counts.values().map(|count| count.payouts).sum(),
        books: format!("{counts:?} {limits:?} {:?} {facts:?}", store.in_flight().await?),
        store_id: facts.store_id,
        last_seq,
        last_seal_no,
        journal_sha256: hex::encode(all.finalize()),
    })
}
