//! A directive's value, parsed: how it is shown by `CONFIG GET` and how it is written in a file.

use super::words;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// The value of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `yes` or `no`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number of bytes.
    Bytes(u64),
    /// A mode of file permissions, shown in octal.
    Mode(u32),
    /// One or several of a closed set of words.
    Words(Vec<&'static str>),
    /// Any text.
    Text(Vec<u8>),
    /// The address of a store, shown without its password.
    Address(Vec<u8>),
    /// A time in milliseconds, shown in seconds.
    Millis(u64),
    /// A folder, kept as given and shown as an absolute path.
    Folder(Vec<u8>),
    /// Addresses to listen on.
    Addresses(Vec<BindAddress>),
    /// When to take a snapshot.
    SavePoints(Vec<SavePoint>),
    /// Limits of pending replies: normal clients, replicas, subscribers.
    OutputLimits([OutputLimit; 3]),
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAddress {
    /// A host, an address, or `*` and `::*` for all of IPv4 and IPv6.
    pub host: String,
    /// Written with a `-` before it: no error where the machine does not have it.
    pub optional: bool,
}

/// A snapshot is due after `seconds` if at least `changes` were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds since the last one.
    pub seconds: u32,
    /// Changes since the last one.
    pub changes: u32,
}

/// How much a client may leave unread before it is closed; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes at which the client is closed at once.
    pub hard_bytes: u64,
    /// Bytes above which it may not stay for longer than `soft_seconds`.
    pub soft_bytes: u64,
    /// See `soft_bytes`.
    pub soft_seconds: u64,
}

impl OutputLimit {
    pub(super) const NONE: Self = Self { hard_bytes: 0, soft_bytes: 0, soft_seconds: 0 };
}

/// The classes of `client-output-buffer-limit` in the order of the array, as `CONFIG GET` and as files name them.
pub(super) const OUTPUT_CLASSES: [(&str, &str); 3] =
    [("normal", "normal"), ("slave", "replica"), ("pubsub", "pubsub")];

impl Value {
    /// The value as `CONFIG GET` shows it.
    #[must_use]
    pub fn show(&self) -> Vec<u8> {
        match self {
            Self::Bool(true) => b"yes".to_vec(),
            Self::Bool(false) => b"no".to_vec(),
            Self::Int(number) => number.to_string().into_bytes(),
            Self::Bytes(number) => number.to_string().into_bytes(),
            Self::Mode(mode) => format!("{mode:o}").into_bytes(),
            Self::Words(words) => words.join(" ").into_bytes(),
            Self::Text(text) => text.clone(),
            Self::Address(address) => without_password(address),
            Self::Millis(millis) => seconds(*millis).into_bytes(),
            Self::Folder(path) => match std::path::absolute(OsStr::from_bytes(path)) {
                Ok(absolute) => tidy(absolute.as_path()),
                Err(_) => path.clone(),
            },
            Self::Addresses(addresses) => joined(addresses.iter().map(BindAddress::show)),
            Self::SavePoints(points) => joined(points.iter().map(SavePoint::show)),
            Self::OutputLimits(limits) => {
                joined(OUTPUT_CLASSES.iter().zip(limits).map(|((class, _), limit)| limit.show(class)))
            }
        }
    }

    /// The lines that give `name` this value in a file.
    pub(super) fn lines(&self, name: &str) -> Vec<Vec<u8>> {
        let line = |rest: &[u8]| [name.as_bytes(), b" ", rest].concat();
        match self {
            Self::Folder(path) => vec![line(&words::quote(path))],
            Self::SavePoints(points) if !points.is_empty() => {
                points.iter().map(|point| line(point.show().as_bytes())).collect()
            }
            Self::OutputLimits(limits) => {
                let classes = OUTPUT_CLASSES.iter().zip(limits);
                classes.map(|((_, class), limit)| line(limit.show(class).as_bytes())).collect()
            }
            Self::Addresses(addresses) if !addresses.is_empty() => vec![line(&self.show())],
            Self::Words(_) => vec![line(&self.show())],
            Self::Text(text) | Self::Address(text) => vec![line(&words::quote(text))],
            _ => vec![line(&words::quote(&self.show()))],
        }
    }
}

impl BindAddress {
    fn show(&self) -> String {
        format!("{}{}", if self.optional { "-" } else { "" }, self.host)
    }
}

impl SavePoint {
    fn show(&self) -> String {
        format!("{} {}", self.seconds, self.changes)
    }
}

impl OutputLimit {
    fn show(&self, class: &str) -> String {
        format!("{class} {} {} {}", self.hard_bytes, self.soft_bytes, self.soft_seconds)
    }
}

/// Seconds with as many digits after the point as there are.
fn seconds(millis: u64) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An address with `***` in place of its password.
fn without_password(address: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(address).into_owned();
    let hidden = match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => match text[scheme + 3..at].find(':') {
            Some(colon) => format!("{}:***{}", &text[..scheme + 3 + colon], &text[at..]),
            None => text,
        },
        _ => text,
    };
    let Some(begin) = hidden.to_ascii_lowercase().find("password=") else { return hidden.into_bytes() };
    let value = begin + "password=".len();
    let end = hidden[value..].find('&').map_or(hidden.len(), |end| value + end);
    format!("{}***{}", &hidden[..value], &hidden[end..]).into_bytes()
}

fn joined(parts: impl Iterator<Item = String>) -> Vec<u8> {
    parts.collect::<Vec<_>>().join(" ").into_bytes()
}

/// The path without `.` components.
fn tidy(path: &std::path::Path) -> Vec<u8> {
    path.components().collect::<std::path::PathBuf>().into_os_string().into_vec()
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn an_address_is_shown_without_its_password_and_written_with_it() {
        for (address, shown) in [
            ("postgresql://u:secret@host/db", "postgresql://u:***@host/db"),
            ("postgresql://u@host/db", "postgresql://u@host/db"),
            ("postgresql://u:p@ss:w@host:5432/db?x=1", "postgresql://u:***@host:5432/db?x=1"),
            ("postgresql:///db?password=secret&user=u", "postgresql:///db?password=***&user=u"),
            ("redis://:secret@host:6379/1", "redis://:***@host:6379/1"),
            ("sqlite:/var/lib/a@b:c.db", "sqlite:/var/lib/a@b:c.db"),
            ("", ""),
        ] {
            let value = Value::Address(address.as_bytes().to_vec());
            assert_eq!(String::from_utf8(value.show()).unwrap(), shown);
            assert!(
                value.lines("store")[0].ends_with(format!("{address}\"").as_bytes())
                    || value.lines("store")[0].ends_with(address.as_bytes())
            );
        }
    }

    #[test]
    fn a_time_is_shown_in_seconds() {
        let shown = |millis| String::from_utf8(Value::Millis(millis).show()).unwrap();
        assert_eq!([shown(0), shown(500), shown(30_000), shown(1_250)], ["0", "0.5", "30", "1.25"]);
    }
}
