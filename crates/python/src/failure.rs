//! Errors on their way to Python: which exception, with what text. Its kinds are in `ramekin/errors.py`.

use pyo3::prelude::*;
use ramekin::{Error, ErrorKind};

fn made(py: Python<'_>, function: &str, args: impl for<'p> pyo3::call::PyCallArgs<'p>) -> PyErr {
    let made = py.import("ramekin.errors").and_then(|errors| errors.call_method1(function, args));
    match made {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// The exception for an error reply.
#[cold]
pub(crate) fn of_reply(py: Python<'_>, text: &str) -> PyErr {
    made(py, "of_reply", (text,))
}

/// The same as an object, to be an item of several replies.
pub(crate) fn reply_object<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyAny> {
    of_reply(py, text).into_value(py).into_bound(py).into_any()
}

/// The exception for what an embedded engine says of itself.
#[cold]
pub(crate) fn of_kind(py: Python<'_>, kind: &str, text: &str) -> PyErr {
    made(py, "of_kind", (kind, text))
}

fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Locked => "locked",
        ErrorKind::Owned => "owned",
        ErrorKind::Damaged => "damaged",
        ErrorKind::Newer => "newer",
        ErrorKind::DiskFull => "diskfull",
        _ => "open",
    }
}

/// A database that cannot be opened.
pub(crate) fn of_opening(py: Python<'_>, failure: &ramekin_server::Failure) -> PyErr {
    of_kind(py, failure.kind.map_or("open", name), &failure.text)
}

/// What the engine failed with while it was open.
#[cold]
pub(crate) fn of_engine(py: Python<'_>, error: &Error) -> PyErr {
    of_kind(py, if error.kind() == ErrorKind::DiskFull { "diskfull" } else { "failed" }, &error.to_string())
}
