//! The restore gate's first question (F-N06): is this an older copy of the store?
//!
//! Whoever is about to seal the journal asks it first: sealing keeps a new checkpoint in place of the one that tells. The answer
//! is durable; what follows from it is the watcher's. A copy that is known to be older knows as good what was revoked since: every
//! session ends, and the house is paused until a person has revoked again what else was (docs/restore.md). Of a store
//! without a checkpoint nobody knows whether it is one: there the gate alone is shut. Never here: the chain.
//!
//! A daemon that joins a fleet has no checkpoint beside it, and no sign of a move for that: others are at work upon this very store, each
//! of which has asked this question before it took anything in hand. That they are at work is believed to a lease that is *kept* while
//! one looks, and to none that only stands there: an older copy has the leases that were live when it was made.

use crate::domain::journal::Checkpoint;
use crate::ports::{CheckpointKeeper, House, HouseChange, Journal, Pause, Register, Roles, StoreFault};
use crate::sessions::end_every_session;
use serde_json::json;
use std::time::Duration;
use tracing::{info, warn};

/// How often a lease is looked at, and how many times: whoever is at work keeps a role every few seconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOKS: u32 = 20;

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
    roles: &dyn Roles,
    now_ms: i64,
) -> Result<Option<String>, StoreFault> {
    let Some(sign) = sign_of_a_restore(journal, keeper, roles).await? else { return Ok(None) };
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
    roles: &dyn Roles,
) -> Result<Option<Sign>, StoreFault> {
    let kept = match keeper.kept().await {
        Ok(Some(kept)) => kept,
        Ok(None) => return sign_of_a_move(journal, roles).await,
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
async fn sign_of_a_move(journal: &dyn Journal, roles: &dyn Roles) -> Result<Option<Sign>, StoreFault> {
    let seals = journal.last_seal().await?.map_or(0, |seal| seal.seal_no);
    if seals <= 1 {
        return Ok(None);
    }
    if another_is_at_work(roles).await? {
        info!("no checkpoint lies beside the store, and others are at work on it: this daemon joins them");
        return Ok(None);
    }
    let why = "no checkpoint lies beside the store: it was moved, or put back from a backup";
    Ok(Some(Sign::Bare(why.to_owned())))
}

/// Whether another process keeps a role while this one looks.
async fn another_is_at_work(roles: &dyn Roles) -> Result<bool, StoreFault> {
    let Some(first) = roles.held_by_others_until_ms().await? else { return Ok(false) };
    for _ in 0..LOOKS {
        tokio::time::sleep(LOOK_EVERY).await;
        match roles.held_by_others_until_ms().await? {
            Some(until_ms) if until_ms > first => return Ok(true),
            Some(_) => {}
            None => return Ok(false),
        }
    }
    Ok(false)
}

/// A store knows a checkpoint when the seal of that number has that hash.
async fn knows(journal: &dyn Journal, kept: &Checkpoint) -> Result<bool, StoreFault> {
    let seals = journal.seals(kept.seal_no, 1).await?;
    Ok(seals.first().is_some_and(|seal| seal.seal_no == kept.seal_no && seal.hash == kept.seal_hash))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::journal::{ChainHead, JournalKey, SealRun};
    use crate::fakes::{MemoryStore, PocketKeeper, PocketRoles};
    use crate::ports::exam::kit::{MORNING_MS, admit, payout};
    use crate::ports::{ROLE_LEASE_MS, Role};

    /// A store that was sealed twice.
    async fn store() -> MemoryStore {
        let (store, key) = (MemoryStore::new("s"), JournalKey::from_seed(&[9; 32]));
        let mut head = ChainHead::GENESIS;
        for n in 0..2 {
            admit(&store, payout(n)).await.unwrap();
            let rows = store.records(i64::from(n) + 1, 1).await.unwrap();
            let mut run = SealRun::after(head);
            run.push(&rows[0]).unwrap();
            let seal = run.close("s", &key, MORNING_MS).unwrap();
            head = seal.head();
            store.put_seal(seal).await.unwrap();
        }
        store
    }

    async fn asked(store: &MemoryStore, roles: &PocketRoles) -> bool {
        let keeper = PocketKeeper::default();
        shut_the_gate_where_due(store, store, store, &keeper, roles, MORNING_MS).await.unwrap();
        store.facts().await.unwrap().restore_gate.is_some()
    }

    /// F-N06: the copy has the lease of somebody who worked when it was made, and it seems to be live still. Two daemons start on it at
    /// once, each without a checkpoint: neither of them believes in the other, nor in the lease.
    #[tokio::test]
    async fn an_older_copy_with_a_live_lease_in_it_shuts_the_gate() {
        tokio::time::pause();
        let (store, gone) = (store().await, PocketRoles::of("gone"));
        gone.take_role(Role::ConfirmationWatcher, ROLE_LEASE_MS).await.unwrap();
        let (one, two) = (gone.seen_by("one"), gone.seen_by("two"));
        let (first, second) = tokio::join!(asked(&store, &one), asked(&store, &two));
        assert!(first && second);
    }

    /// F-P25: a daemon on a new host joins a fleet at work: nothing was moved, and nobody waits.
    #[tokio::test]
    async fn whoever_joins_a_fleet_at_work_shuts_no_gate() {
        tokio::time::pause();
        let (store, other) = (store().await, PocketRoles::of("other"));
        let works = async {
            loop {
                other.take_role(Role::AuditWriter, ROLE_LEASE_MS).await.unwrap();
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        };
        let joins = other.seen_by("new");
        tokio::select! {
            () = works => {}
            is_shut = asked(&store, &joins) => assert!(!is_shut),
        }
    }

    /// Where nobody works the missing checkpoint says what it says.
    #[tokio::test]
    async fn whoever_is_alone_without_a_checkpoint_shuts_it() {
        assert!(asked(&store().await, &PocketRoles::of("one")).await);
    }
}
