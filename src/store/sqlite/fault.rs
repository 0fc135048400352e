//! What an error of the database means for whoever asked.

use std::io::ErrorKind;

use payoutd_actors::ports::StoreFault;

// Result codes of SQLite (sqlite.org/rescode.html); the low byte is the kind, the rest the occasion.
const FULL: i32 = 13;
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;
const CONSTRAINT: i32 = 19;
/// The shared memory file can not grow: the disk is full before the database notices.
const IOERR_SHMSIZE: i32 = 4_874;

/// The fault of an error.
pub(super) fn of(error: sqlx::Error) -> StoreFault {
    match &error {
        sqlx::Error::Database(inner) => of_code(inner.code().and_then(|code| code.parse().ok()), &error),
        sqlx::Error::Io(inner) if inner.kind() == ErrorKind::StorageFull => StoreFault::Full,
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::RowNotFound => StoreFault::Corrupt(error.to_string()),
        _ => StoreFault::Away(error.to_string()),
    }
}

/// Whether a row was refused because its like is there already, or because what it belongs to is not. SQLite names no
/// constraint; the kind is all there is.
pub(super) fn is_refused(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|why| why.is_unique_violation() || why.is_foreign_key_violation())
}

fn of_code(code: Option<i32>, error: &sqlx::Error) -> StoreFault {
    match code.map(|code| (code, code & 0xff)) {
        Some((IOERR_SHMSIZE, _) | (_, FULL)) => StoreFault::Full,
        Some((_, CORRUPT | NOT_A_DATABASE | CONSTRAINT)) => StoreFault::Corrupt(error.to_string()),
        Some(_) | None => StoreFault::Away(error.to_string()),
    }
}
