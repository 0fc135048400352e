//! The restore gate's first question (F-N06): is this an older copy of the store?
//!
//! Whoever is about to seal the journal asks it first: sealing keeps a new checkpoint in place of the one that tells. The answer
//! is durable; what follows from it is the watcher's. A copy that is known to be older knows as good what was revoked since: every
//! session ends, and the house is paused until a person has revoked again what else was (docs/restore.md). A store without a
//! checkpoint may be one, or a fleet's that one more daemon joins: there the gate alone is shut. Never here: the chain.

use crate::domain::journal::Checkpoint;
use crate::ports::{CheckpointKeeper, House, HouseChange, Journal, Pause, Register, StoreFault};
use crate::sessions::end_every_session;
use serde_json::json;
use tracing::warn;

/// What tells of a restore, in words for people.
enum Sign {
    /// This is an older copy.
    Older(String),
    /// It may be one: nothing lies beside it that says otherwise.
    Bare(String),
}

/// Shuts the restore gate where something tells that the store is an older copy, or may be one; answers what told it.
///
/// # Errors
/// When the store does not answer: nothing may be sealed then.
pub async fn shut_the_gate_where_due(
    house: &dyn House,
    journal: &dyn Journal,
    register: &dyn Register,
    keeper: &dyn CheckpointKeeper,
    now_ms: i64,
) -> Result<Option<String>, StoreFault> {
    let Some(sign) = sign_of_a_restore(journal, keeper).await? else { return Ok(None) };
    let is_older = matches!(sign, Sign::Older(_));
    let (Sign::Older(why) | Sign::Bare(why)) = sign;
    warn!(why, "this store is an older copy, or may be one: the restore gate is shut");
    if is_older {
        end_every_session(register, &json!({ "everything": true, "by": "restore gate" }), now_ms).await?;
    }
    let mut changes = vec![HouseChange::ShutGate { since_ms: now_ms, why: why.clone() }];
    if is_older && house.facts().await?.pause.is_none() {
        let reason =
            format!("restore gate: {why}; what was revoked since is good again, see docs/restore.md");
        changes.push(HouseChange::Pause(Pause { reason, since_ms: now_ms }));
    }
    house.change(changes, now_ms).await?;
    Ok(Some(why))
}

async fn sign_of_a_restore(
    journal: &dyn Journal,
    keeper: &dyn CheckpointKeeper,
) -> Result<Option<Sign>, StoreFault> {
    let kept = match keeper.kept().await {
        Ok(Some(kept)) => kept,
        Ok(None) => return sign_of_a_move(journal).await,
        Err(why) => {
            return Ok(Some(Sign::Older(format!("the checkpoint beside the store can not be read: {why}"))));
        }
    };
    let known = knows(journal, &kept).await?;
    Ok((!known).then(|| {
        Sign::Older(format!(
            "the checkpoint beside the store speaks of row {}, and this store does not know it",
            kept.last_seq
        ))
    }))
}

/// A checkpoint lies beside every store that was ever sealed. (A crash may come between the first seal and its checkpoint.)
async fn sign_of_a_move(journal: &dyn Journal) -> Result<Option<Sign>, StoreFault> {
    let seals = journal.last_seal().await?.map_or(0, |seal| seal.seal_no);
    let why = "no checkpoint lies beside the store: it was moved, or put back from a backup";
    Ok((seals > 1).then(|| Sign::Bare(why.to_owned())))
}

/// A store knows a checkpoint when the seal of that number has that hash.
async fn knows(journal: &dyn Journal, kept: &Checkpoint) -> Result<bool, StoreFault> {
    let seals = journal.seals(kept.seal_no, 1).await?;
    Ok(seals.first().is_some_and(|seal| seal.seal_no == kept.seal_no && seal.hash == kept.seal_hash))
}
