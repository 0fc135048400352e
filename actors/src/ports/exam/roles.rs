//! The fear about roles: that nobody can take one up again whose holder is gone.

use super::{Hall, Told};
use crate::ports::{ROLE_LEASE_MS, Role, Roles};

/// Whoever holds a role keeps it with the same token; the next process of a store gets it when it was given up, and the two
/// roles are not one.
pub async fn a_role_is_kept_and_taken_up_again_after_a_restart(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    for role in [Role::AuditWriter, Role::ConfirmationWatcher] {
        let token = store.take_role(role, ROLE_LEASE_MS).await?.ok_or("nobody else could hold it")?;
        assert_eq!(store.take_role(role, ROLE_LEASE_MS).await?, Some(token));
    }
    store.leave_role(Role::AuditWriter).await?;
    store.leave_role(Role::AuditWriter).await?;
    store.leave_role(Role::ConfirmationWatcher).await?;
    let store = hall.reopened(store).await?;
    assert!(store.take_role(Role::AuditWriter, ROLE_LEASE_MS).await?.is_some());
    assert!(store.take_role(Role::ConfirmationWatcher, ROLE_LEASE_MS).await?.is_some());
    Ok(())
}
