//! What an error of the database means for whoever asked.

use payoutd_actors::ports::StoreFault;

// Classes and codes of PostgreSQL (appendix A of its manual).
const DISK_FULL: &str = "53100";
const READ_ONLY: &str = "25006";
const NO_PRIVILEGE: &str = "42501";
const UNIQUE_VIOLATION: &str = "23505";
const FOREIGN_KEY_VIOLATION: &str = "23503";
const DEADLOCK: &str = "40P01";
const CHECK_VIOLATION: &str = "23514";
/// Two first characters: data that can not be, a constraint that says no, something that is not there as it was made, a trigger
/// that refuses, damaged files.
const CORRUPT_CLASSES: [&str; 5] = ["22", "23", "42", "P0", "XX"];

/// The fault of an error. Nothing of it is ever a password: the database's own words and the machine's.
pub(super) fn of(error: sqlx::Error) -> StoreFault {
    match &error {
        sqlx::Error::Database(inner) => of_code(inner.code().as_deref().unwrap_or_default(), &error),
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::RowNotFound => StoreFault::Corrupt(error.to_string()),
        _ => StoreFault::Away(error.to_string()),
    }
}

/// Whether a row was refused because its like is there already, or because what it belongs to is not.
pub(super) fn is_refused(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|why| why.code());
    matches!(code.as_deref(), Some(UNIQUE_VIOLATION | FOREIGN_KEY_VIOLATION))
}

/// Whether a CHECK said no: of a batch that is written together, the books also move for a step that does not stand.
pub(super) fn is_out_of_bounds(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|why| why.code());
    code.as_deref() == Some(CHECK_VIOLATION)
}

/// Whether the database has chosen this transaction to end a deadlock: nothing was written, and it may be tried again at once.
pub(super) fn is_deadlock(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|why| why.code());
    code.as_deref() == Some(DEADLOCK)
}

/// What has no class here is a database that goes down, has no connection left, took too long for a lock or a statement, or
/// chose this transaction to end a deadlock: nothing was written, whoever asks again finds out.
fn of_code(code: &str, error: &sqlx::Error) -> StoreFault {
    match code {
        DISK_FULL => StoreFault::Full,
        // Behind its name stands a standby now; whoever opened it for looking never comes as far as this.
        READ_ONLY => StoreFault::Away(
            "the database is read-only: a standby, or default_transaction_read_only is on".to_owned(),
        ),
        NO_PRIVILEGE => StoreFault::Refused(error.to_string()),
        _ if CORRUPT_CLASSES.iter().any(|class| code.starts_with(class)) => {
            StoreFault::Corrupt(error.to_string())
        }
        _ => StoreFault::Away(error.to_string()),
    }
}
