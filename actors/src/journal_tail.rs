//! The journal's end, examined before the house opens: money does not move upon a journal whose last rows are not what was written.
//!
//! Promises that a change of the newest seals' rows, of those seals, or of the rows that wait for a seal is found at start with its
//! place, within a bounded time whatever the journal's length; and that whoever finds such a thing, at start or while sealing, pauses
//! the house: orders are taken in, what is out is watched, nothing is signed before a person has looked. What is older than that,
//! `payoutd audit verify` examines. Never here: a repair.

use crate::domain::journal::{
    Body, Checkpoint, Finding, JournalKey, SEAL_ROWS_MAX, Seal, Verifier, VerifyOptions,
};
use crate::metrics_names;
use crate::ports::{House, HouseChange, Journal, Pause, StoreFault};
use serde_json::json;
use std::collections::VecDeque;
use tracing::error;

/// The newest seals that are examined with their rows.
pub const SEALS_EXAMINED: i64 = 16;
/// Rows behind the last seal that are examined; whatever is further, the audit writer meets before it seals it.
const UNSEALED_ROWS_MAX: i64 = 65_536;
/// Rows that are examined at most, whatever the seals say.
#[expect(clippy::cast_possible_wrap, reason = "a seal's rows are some thousands")]
const ROWS_MAX: i64 = SEALS_EXAMINED * (SEAL_ROWS_MAX as i64) + UNSEALED_ROWS_MAX;
/// Rows that are read at a time.
const READ_MAX: u32 = 1_024;
/// The alarm's word: the journal's kind, and the metric's label.
const ALARM: &str = "alarm_journal_broken";

/// Examines the journal's end, and pauses the house where it is not what was written; answers what was found.
///
/// # Errors
/// When the store does not answer: nothing may be signed then.
pub async fn pause_where_broken(
    house: &dyn House,
    journal: &dyn Journal,
    key: &JournalKey,
    now_ms: i64,
) -> Result<Option<String>, StoreFault> {
    let store_id = house.facts().await?.store_id;
    let why = match examine(journal, &store_id, key).await {
        Ok(findings) => in_words(&findings),
        // A row that can not even be read was not left so by the house.
        Err(StoreFault::Corrupt(why)) => Some(why),
        Err(fault) => return Err(fault),
    };
    if let Some(why) = &why {
        stop_the_house(house, why, now_ms).await?;
    }
    Ok(why)
}

/// Raises the alarm and pulls the kill switch, both in one transaction with their journal records. A switch that is pulled already
/// keeps its reason.
pub(crate) async fn stop_the_house(house: &dyn House, why: &str, now_ms: i64) -> Result<(), StoreFault> {
    error!(alarm = ALARM, why, "the journal is not what was written: the house is paused");
    metrics::counter!(metrics_names::ALARMS_TOTAL, "alarm" => ALARM).increment(1);
    let body = Body::of(&json!({ "why": why })).map_err(|why| StoreFault::Refused(why.to_string()))?;
    let mut changes = vec![HouseChange::Alarm { kind: ALARM, payout_id: None, body }];
    if house.facts().await?.pause.is_none() {
        let reason = format!(
            "the journal does not verify: {why}; `payoutd audit verify` names every fault and its place"
        );
        changes.push(HouseChange::Pause(Pause { reason, since_ms: now_ms }));
    }
    house.change(changes, now_ms).await
}

/// The faults of the newest seals, of the rows under them, and of the rows behind them.
async fn examine(
    journal: &dyn Journal,
    store_id: &str,
    key: &JournalKey,
) -> Result<Vec<Finding>, StoreFault> {
    // The seals' end first: every row that they cover was there before them.
    let newest = journal.last_seal().await?;
    let (last_seal_no, sealed_to) = newest.map_or((0, 0), |seal| (seal.seal_no, seal.last_seq));
    let last_seq = journal.last_seq().await?;
    let options = VerifyOptions::new(store_id).trusting(key.public_key().clone());
    let Some((mut verifier, begins_after)) = begin(journal, options, last_seal_no, store_id, key).await?
    else {
        let (first_seal_no, last_seal_no) = (last_seal_no - SEALS_EXAMINED, last_seal_no - 1);
        return Ok(vec![Finding::SealsMissing { first_seal_no, last_seal_no }]);
    };
    let mut seals = newest_seals(journal, last_seal_no).await?;
    let last_own = seals.iter().rev().find(|seal| seal.key_id == key.public_key().key_id());
    let last_own = last_own.map_or(0, |seal| seal.seal_no);

    let end =
        last_seq.min(sealed_to.saturating_add(UNSEALED_ROWS_MAX)).min(begins_after.saturating_add(ROWS_MAX));
    let mut next = begins_after.saturating_add(1);
    while next <= end {
        let rows = journal.records(next, READ_MAX).await?;
        let Some(last) = rows.last() else { break };
        next = last.seq.max(next).saturating_add(1);
        for row in rows.iter().filter(|row| row.seq <= end) {
            while let Some(seal) = seals.pop_front_if(|seal| seal.last_seq < row.seq) {
                verifier.seal(&seal);
            }
            verifier.row(row);
        }
    }
    seals.iter().for_each(|seal| verifier.seal(seal));
    let faults = verifier.finish().findings.into_iter().filter(Finding::is_fault);
    Ok(faults.filter(|fault| !is_vouched_for(fault, last_own)).collect())
}

/// The verifier, begun behind the seal before the newest ones, and the row behind which it begins; none where that seal is missing.
async fn begin(
    journal: &dyn Journal,
    options: VerifyOptions,
    last_seal_no: i64,
    store_id: &str,
    key: &JournalKey,
) -> Result<Option<(Verifier, i64)>, StoreFault> {
    let anchor_no = last_seal_no.saturating_sub(SEALS_EXAMINED);
    if anchor_no <= 0 {
        return Ok(Some((Verifier::new(options), 0)));
    }
    let anchor = journal.seals(anchor_no, 1).await?;
    let anchor = anchor.first().filter(|seal| seal.seal_no == anchor_no);
    Ok(anchor.map(|seal| {
        let begins = Checkpoint::of(seal, store_id, key);
        (Verifier::new(options.starting_after(begins)), seal.last_seq)
    }))
}

async fn newest_seals(journal: &dyn Journal, last_seal_no: i64) -> Result<VecDeque<Seal>, StoreFault> {
    let first = last_seal_no.saturating_sub(SEALS_EXAMINED).max(0).saturating_add(1);
    let seals = journal.seals(first, u32::try_from(SEALS_EXAMINED).unwrap_or(u32::MAX)).await?;
    Ok(seals.into_iter().filter(|seal| seal.seal_no <= last_seal_no).collect())
}

/// A seal of another key below one of our own: ours hangs on it and was made by a house that knew it. After a change of keys every
/// seal is of the old key until the first of the new one is made.
fn is_vouched_for(fault: &Finding, last_own_seal_no: i64) -> bool {
    matches!(fault, Finding::SealKeyForeign { seal_no, .. } if *seal_no < last_own_seal_no)
}

fn in_words(findings: &[Finding]) -> Option<String> {
    let first = findings.first()?;
    Some(match findings.len() {
        1 => first.to_string(),
        faults => format!("{first} (the first of {faults} faults)"),
    })
}
