//! What the server or the line to it says, as what the engine has to do.
//!
//! Judged by SQLSTATE: passing trouble (08, 53, 57), lost races (40, 55P03), rows that are not taken (21, 22, 23, 44, 54, and
//! what triggers of the user's raise), tables that are not as they should be (42). Whatever is not known counts as passing: then
//! nothing is set aside that a retry would have settled.

use ramekin::store::{ErrorKind, Place, StoreError};
use tokio_postgres::Error;

/// A statement about this place has failed, before anything was committed.
pub(crate) fn of_statement(error: &Error, place: Option<&Place>) -> StoreError {
    let kind = match error.code().map(tokio_postgres::error::SqlState::code) {
        None if error.is_closed() || error.as_db_error().is_none() && is_line(error) => {
            ErrorKind::Unavailable
        }
        // The client could not put a value into the form of its column.
        None => ErrorKind::Refused,
        Some("40001" | "40P01" | "55P03" | "55006") => ErrorKind::Busy,
        Some(state) => match &state[..2] {
            "21" | "22" | "23" | "44" | "54" | "P0" => ErrorKind::Refused,
            "42" | "3F" | "0A" | "26" => table(place),
            _ => ErrorKind::Unavailable,
        },
    };
    StoreError::new(kind, about(place, &text(error)))
}

/// The answer to a commit. Only what the server says of the transaction itself is known not to have happened.
pub(crate) fn of_commit(error: &Error) -> StoreError {
    let kind = match error.code().map(tokio_postgres::error::SqlState::code) {
        Some("40001" | "40P01") => ErrorKind::Busy,
        Some(state) if matches!(&state[..2], "22" | "23" | "44" | "P0") => ErrorKind::Refused,
        _ => ErrorKind::InDoubt,
    };
    StoreError::new(kind, format!("at commit: {}", text(error)))
}

/// A connection could not be made.
pub(crate) fn of_connect(error: &Error) -> StoreError {
    let kind = match error.code().map(tokio_postgres::error::SqlState::code) {
        // A wrong user, password or database.
        Some("28000" | "28P01" | "3D000" | "42704") => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    };
    let text = text(error);
    let what_to_do = if text.contains("UnknownIssuer") {
        ": name the certificate of the authority that issued it by sslrootcert= in the URL"
    } else if text.contains("not valid for name") || text.contains("NotValidForName") {
        ": reach the server by a name that its certificate has, or say sslmode=verify-ca"
    } else {
        ""
    };
    StoreError::new(kind, text + what_to_do)
}

/// An answer did not come in time.
pub(crate) fn late(seconds: u64) -> StoreError {
    StoreError::new(ErrorKind::Unavailable, format!("the store has not answered for {seconds} s"))
}

fn table(place: Option<&Place>) -> ErrorKind {
    match place {
        Some(place @ Place::Table(_)) => ErrorKind::Table(place.clone()),
        // Our own tables are missing or closed to us: that is the whole store.
        _ => ErrorKind::Unavailable,
    }
}

fn about(place: Option<&Place>, text: &str) -> String {
    match place {
        Some(Place::Table(name)) => format!("table {name}: {text}"),
        Some(Place::Keys(_)) | None => text.to_owned(),
    }
}

/// Whether the line is at fault, and not a value.
fn is_line(error: &Error) -> bool {
    let text = error.to_string();
    !text.starts_with("error serializing") && !text.starts_with("error deserializing")
}

/// What the server said, with its code; or what is wrong with the line.
pub(crate) fn text(error: &Error) -> String {
    let Some(said) = error.as_db_error() else {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        return format!("{error}{cause}");
    };
    let mut text = said.message().to_owned();
    for more in [said.detail(), said.hint()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(more);
    }
    text.push_str(&format!(" (SQLSTATE {})", said.code().code()));
    text
}
