//! What the world does wrong: disks, folders, files of other versions.
//!
//! Owns the one error type of the engine and the policy a caller reads off its kind. Details belong into the message,
//! what to do about it into the kind. A caller's mistake in a command is a reply and never comes through here; a broken
//! invariant is an assertion.

use std::fmt;

/// What the caller can do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// There is no space left on the disk. **Retry** once space has been made; nothing has changed.
    DiskFull,
    /// Another process holds the folder. **Retry** after it has ended, or choose another folder.
    Locked,
    /// The store behind belongs to another owner or folder. **Fix the input**: other tables, or another store, or ask the owner.
    Owned,
    /// The system refuses access: owner, mode, a read-only mount. **Fix the input**: the path or its permissions.
    Denied,
    /// A file or folder that is needed does not exist. **Fix the input**: the path.
    NotFound,
    /// A path, an option or a folder's content does not fit what was asked for. **Fix the input.**
    Invalid,
    /// The data was written by a newer version. **Fix the input**: run that version; nothing has been touched.
    Newer,
    /// An operation on a file failed, so what the disk holds is unknown. **Reopen** the database, which reads it anew.
    Failed,
    /// Data that was durable can no longer be read. **Restore** from a copy; `ramekin check` says what is left.
    Damaged,
}

impl ErrorKind {
    /// The kind that an operating-system error stands for.
    #[must_use]
    pub fn of(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Os;
        match error.kind() {
            Os::StorageFull | Os::QuotaExceeded => Self::DiskFull,
            Os::PermissionDenied | Os::ReadOnlyFilesystem => Self::Denied,
            Os::NotFound => Self::NotFound,
            Os::AlreadyExists | Os::NotADirectory | Os::IsADirectory | Os::InvalidInput => Self::Invalid,
            _ => Self::Failed,
        }
    }
}

/// An error with what to do about it (`kind`), what was being done (`context`) and what caused it (`source`).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<std::io::Error>,
}

impl Error {
    /// An error that the engine itself found.
    #[must_use]
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// An error of the operating system, met while doing `context`.
    #[must_use]
    pub fn from_os(context: impl Into<String>, source: std::io::Error) -> Self {
        Self { kind: ErrorKind::of(&source), context: context.into(), source: Some(source) }
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operating_system_error_is_one_line_with_its_cause_and_its_policy() {
        let error = Error::from_os("cannot write log", std::io::Error::from_raw_os_error(28));
        assert_eq!(error.kind(), ErrorKind::DiskFull);
        assert_eq!(error.to_string(), "cannot write log: No space left on device (os error 28)");
    }
}
