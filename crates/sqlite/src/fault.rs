//! What SQLite says, by what the engine has to do.

use ramekin::store::{ErrorKind, Place, StoreError};
use rusqlite::ErrorCode;
use std::path::Path;

/// An error of SQLite's with this file, met with a row of this place if any.
pub(crate) fn of(error: &rusqlite::Error, path: &Path, place: Option<&Place>) -> StoreError {
    let (kind, advice) = match code(error) {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Busy, "another process is writing to it")
        }
        Some(ErrorCode::DiskFull) => {
            (ErrorKind::Unavailable, "its disk is full: make space, it goes on by itself")
        }
        Some(ErrorCode::DatabaseCorrupt) => (
            ErrorKind::Unavailable,
            "the file is damaged: restore it from a copy, or see `sqlite3 FILE .recover`",
        ),
        Some(ErrorCode::NotADatabase) => {
            (ErrorKind::Invalid, "choose another file: this one is not of SQLite's")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            (ErrorKind::Unavailable, "see that the file and its folder are there and may be written")
        }
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
            (ErrorKind::Refused, "the row is not taken")
        }
        Some(ErrorCode::Unknown) | None => match place {
            Some(place) => (ErrorKind::Table(place.clone()), "the table is not as it should be"),
            None => (ErrorKind::Unavailable, "this is not expected"),
        },
        Some(_) => (ErrorKind::Unavailable, "it is tried again"),
    };
    StoreError::new(kind, format!("{}: {error} ({advice})", path.display()))
}

/// An error of SQLite's in a commit. One of the disk leaves open what a crash would make of it, and so in doubt; the lane's
/// row tells what it was in the end.
pub(crate) fn of_commit(error: &rusqlite::Error, path: &Path) -> StoreError {
    let mut fault = of(error, path, None);
    if code(error) == Some(ErrorCode::SystemIoFailure) {
        fault.kind = ErrorKind::InDoubt;
    }
    fault
}

fn code(error: &rusqlite::Error) -> Option<ErrorCode> {
    match error {
        rusqlite::Error::SqlInputError { error, .. } => Some(error.code),
        other => other.sqlite_error_code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::{Error, ffi};

    #[test]
    fn each_result_code_says_what_to_do() {
        let place = Place::Table("people".into());
        let kind = |code| {
            let error = Error::SqliteFailure(ffi::Error::new(code), None);
            of(&error, Path::new("store.db"), Some(&place)).kind
        };
        for (code, wanted) in [
            (ffi::SQLITE_BUSY, ErrorKind::Busy),
            (ffi::SQLITE_BUSY_SNAPSHOT, ErrorKind::Busy),
            (ffi::SQLITE_LOCKED, ErrorKind::Busy),
            (ffi::SQLITE_FULL, ErrorKind::Unavailable),
            (ffi::SQLITE_IOERR_WRITE, ErrorKind::Unavailable),
            (ffi::SQLITE_CANTOPEN, ErrorKind::Unavailable),
            (ffi::SQLITE_CORRUPT, ErrorKind::Unavailable),
            (ffi::SQLITE_NOMEM, ErrorKind::Unavailable),
            (ffi::SQLITE_READONLY, ErrorKind::Unavailable),
            (ffi::SQLITE_NOTADB, ErrorKind::Invalid),
            (ffi::SQLITE_CONSTRAINT_CHECK, ErrorKind::Refused),
            (ffi::SQLITE_TOOBIG, ErrorKind::Refused),
            (ffi::SQLITE_MISMATCH, ErrorKind::Refused),
            (ffi::SQLITE_ERROR, ErrorKind::Table(place.clone())),
        ] {
            assert_eq!(kind(code), wanted, "{code}");
        }
        let lost = |code| of_commit(&Error::SqliteFailure(ffi::Error::new(code), None), Path::new("x")).kind;
        assert_eq!(lost(ffi::SQLITE_IOERR_FSYNC), ErrorKind::InDoubt);
        assert_eq!(lost(ffi::SQLITE_FULL), ErrorKind::Unavailable);
        assert_eq!(lost(ffi::SQLITE_BUSY), ErrorKind::Busy);
    }
}
