//! Roles, each with a lease by the database's clock and a token that grows with every new holder.
//!
//! The lease decides who may take a role over, the token who may write: [`check`] looks at it in the write's own transaction
//! and keeps the row from changing until that has ended. A process that slept through its lease holds an old token, and its
//! write is refused by the database, whatever the process believes.

use std::{collections::BTreeMap, sync::PoisonError};

use async_trait::async_trait;
use payoutd_actors::ports::{Role, Roles, StoreFault};
use sqlx::PgConnection;

use super::{PostgresStore, cells::Cells, reads};

/// Takes it over where its lease has ended, and keeps it where it is ours; no row comes back where it is another's.
const TAKE: &str = "WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms) \
     INSERT INTO role AS r (role, holder, token, until_ms) SELECT $1, $2, 1, now_ms + $3 FROM clock \
     ON CONFLICT (role) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms, \
        token = CASE WHEN r.holder = excluded.holder THEN r.token ELSE r.token + 1 END \
        WHERE r.holder = excluded.holder OR r.until_ms <= (SELECT now_ms FROM clock) \
     RETURNING token";
const LEAVE: &str = "UPDATE role SET until_ms = 0 WHERE role = $1 AND holder = $2";
const OTHERS: &str = "SELECT max(until_ms) FROM role \
     WHERE holder <> $1 AND until_ms > (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
const IS_OURS: &str = "SELECT token FROM role WHERE role = $1 AND holder = $2 AND token = $3 FOR SHARE";

/// The tokens that this process was given.
pub(super) type Tokens = BTreeMap<Role, i64>;

#[async_trait]
impl Roles for PostgresStore {
    async fn take_role(&self, role: Role, lease_ms: u32) -> Result<Option<i64>, StoreFault> {
        let take = sqlx::query(TAKE).bind(role.word()).bind(&self.inner.holder).bind(i64::from(lease_ms));
        let rows = self.rows(take).await?;
        let token = rows.first().map(|row| Cells::of(row).take()).transpose()?;
        let mut tokens = self.inner.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        match token {
            Some(token) => tokens.insert(role, token),
            None => tokens.remove(&role),
        };
        Ok(token)
    }

    async fn held_by_others_until_ms(&self) -> Result<Option<i64>, StoreFault> {
        let rows = self.rows(sqlx::query(OTHERS).bind(&self.inner.holder)).await?;
        rows.first().map_or(Ok(None), |row| Cells::of(row).take())
    }

    async fn leave_role(&self, role: Role) -> Result<(), StoreFault> {
        self.inner.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(&role);
        let leave = sqlx::query(LEAVE).bind(role.word()).bind(&self.inner.holder);
        self.rows(leave).await.map(|_| ())
    }
}

/// Whether a role is still ours, and stays so until this transaction has ended.
///
/// # Errors
/// [`StoreFault::Refused`] where it never was, or is another's by now.
pub(super) async fn check(
    store: &PostgresStore,
    connection: &mut PgConnection,
    role: Role,
) -> Result<(), StoreFault> {
    let token = store.inner.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(&role).copied();
    let not_ours = || StoreFault::Refused(format!("the role {} is not held by this process", role.word()));
    let question =
        sqlx::query(IS_OURS).bind(role.word()).bind(&store.inner.holder).bind(token.ok_or_else(not_ours)?);
    reads::one(connection, question).await?.map(|_| ()).ok_or_else(not_ours)
}
