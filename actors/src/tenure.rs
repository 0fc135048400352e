//! Tenure: a role of a fleet is held only by a process that can do its work (F-P25).
//!
//! A lease says when a process that died or sleeps is followed by another. It says nothing of one that is well and lost its wire
//! to the chain or to the bus: such a one would renew its lease for ever, and the fleet would stand. Promises: whoever fails for
//! longer than its patience gives the role up at once, and does not ask for it again for a lease, unless it sees before that it
//! can work; whoever stands by and fails does not ask either. Never here: what the work is, and what failing means.

use crate::ports::{ROLE_LEASE_MS, Role, Roles, StoreFault};
use std::cell::Cell;
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// How long whoever could not work leaves the role to others: each of them asks several times within it.
pub const STANDS_BACK: Duration = Duration::from_secs(15);

/// How one process stands to a role.
#[derive(Debug)]
pub struct Tenure {
    role: Role,
    token: Cell<Option<i64>>,
    fails_since: Cell<Option<Instant>>,
    stands_back_until: Cell<Option<Instant>>,
}

impl Tenure {
    /// Of a role that is not held yet.
    #[must_use]
    pub const fn of(role: Role) -> Self {
        Self {
            role,
            token: Cell::new(None),
            fails_since: Cell::new(None),
            stands_back_until: Cell::new(None),
        }
    }

    /// Takes the role, or keeps it, and gives the fencing token. `None`: another process holds it, or this one stands back.
    ///
    /// # Errors
    /// When the store does not answer; whose the role is is not known then.
    pub async fn take(&self, roles: &dyn Roles) -> Result<Option<i64>, StoreFault> {
        if self.stands_back() {
            return Ok(None);
        }
        let token = roles.take_role(self.role, ROLE_LEASE_MS).await?;
        self.token.set(token);
        Ok(token)
    }

    /// Whether the role was ours when it was last asked for.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.token.get().is_some()
    }

    /// Whether the role is left to others for now.
    #[must_use]
    pub fn stands_back(&self) -> bool {
        self.stands_back_until.get().is_some_and(|until| Instant::now() < until)
    }

    /// The work can be done.
    pub fn works(&self) {
        self.fails_since.set(None);
        self.stands_back_until.set(None);
    }

    /// The work can not be done. Whoever holds the role and has failed for longer than `patience` gives it up; whoever does not
    /// hold it stands back at once.
    pub async fn fails(&self, roles: &dyn Roles, patience: Duration, why: &str) {
        let now = Instant::now();
        let since = self.fails_since.get().unwrap_or(now);
        self.fails_since.set(Some(since));
        if self.holds() && now.duration_since(since) < patience || self.stands_back() {
            return;
        }
        self.stands_back_until.set(Some(now + STANDS_BACK));
        if self.token.take().is_none() {
            return;
        }
        warn!(role = self.role.word(), why, "the work can not be done here: the role is left to whoever can");
        if let Err(fault) = roles.leave_role(self.role).await {
            warn!(role = self.role.word(), %fault, "the role can not be given up: it ends with its lease");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::PocketRoles;

    const PATIENCE: Duration = Duration::from_secs(10);

    struct Pair {
        roles: [PocketRoles; 2],
        tenures: [Tenure; 2],
    }

    fn pair() -> Pair {
        tokio::time::pause();
        let one = PocketRoles::of("one");
        let tenure = || Tenure::of(Role::EventPublisher);
        Pair { roles: [one.clone(), one.seen_by("two")], tenures: [tenure(), tenure()] }
    }

    impl Pair {
        async fn has(&self, n: usize) -> bool {
            self.tenures[n].take(&self.roles[n]).await.unwrap().is_some()
        }

        async fn fails(&self, n: usize) {
            self.tenures[n].fails(&self.roles[n], PATIENCE, "a story").await;
        }
    }

    async fn pass(duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// The two numbers are one.
    #[test]
    fn whoever_could_not_work_stands_back_for_a_lease() {
        assert_eq!(STANDS_BACK, Duration::from_millis(ROLE_LEASE_MS.into()));
    }

    /// F-P25: whoever holds a role that it can not fill gives it up, and another one has it at once.
    #[tokio::test]
    async fn whoever_can_not_work_leaves_the_role_to_another() {
        let pair = pair();
        assert!(pair.has(0).await && !pair.has(1).await);
        pair.fails(0).await;
        pass(PATIENCE / 2).await;
        pair.fails(0).await;
        assert!(pair.has(0).await, "a short trouble costs no role");
        pass(PATIENCE / 2).await;
        pair.fails(0).await;
        assert!(!pair.has(0).await, "it does not ask again at once");
        assert!(pair.has(1).await);
    }

    /// A trouble that ended is forgotten: two short ones are not a long one.
    #[tokio::test]
    async fn troubles_with_work_between_them_do_not_add_up() {
        let pair = pair();
        assert!(pair.has(0).await);
        for _ in 0..10 {
            pair.fails(0).await;
            pass(PATIENCE / 2).await;
            pair.tenures[0].works();
            pass(PATIENCE / 2).await;
        }
        assert!(pair.has(0).await);
    }

    /// One that stands back asks again when it can work, and at the latest after a lease: where all are cut off, somebody must say
    /// so.
    #[tokio::test]
    async fn whoever_stands_back_is_back_when_it_can_work_or_after_a_lease() {
        let pair = pair();
        assert!(pair.has(0).await);
        pair.fails(0).await;
        pass(PATIENCE).await;
        pair.fails(0).await;
        assert!(!pair.has(0).await);
        pair.tenures[0].works();
        assert!(pair.has(0).await);
        pair.fails(0).await;
        pass(PATIENCE).await;
        pair.fails(0).await;
        pass(STANDS_BACK / 2).await;
        pair.fails(0).await;
        assert!(!pair.has(0).await);
        pass(STANDS_BACK / 2).await;
        assert!(pair.has(0).await);
    }

    /// Of two that stand by, the one that can not work leaves the role to the one that can.
    #[tokio::test]
    async fn whoever_stands_by_and_can_not_work_does_not_ask() {
        let pair = pair();
        pair.fails(0).await;
        assert!(!pair.has(0).await);
        assert!(pair.has(1).await);
    }
}
