//! What the main database remembers of a namespace: a system entry under its name.
//!
//! Its value is text: the format (1), a state, the name of the folder, when it was made in Unix milliseconds, the limits of keys
//! and of bytes (0: none), the policy of eviction (`-`: the server's), and the address of the store, which may be empty, with
//! the password that it may contain.

use super::NamespaceSettings;
use crate::error::{Error, ErrorKind};
use crate::keyspace::eviction::Policy;

/// What the keys of these entries begin with.
pub(super) const PREFIX: &[u8] = b"namespace:";

const FORMAT: &str = "1";
const NAME_BYTES_MAX: usize = 128;
const STORE_BYTES_MAX: usize = 4096;

/// What the main database is called among namespaces.
pub(super) const MAIN: &str = "default";

/// How far the making or dropping of a namespace has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its folder is made when it is opened, if it is not there.
    Creating,
    /// Its folder is there.
    Ready,
    /// Its folder is to be removed, if it is there.
    Dropping,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) state: State,
    /// The name of its folder: never used twice, so that nothing of a dropped namespace comes back under its name.
    pub(super) folder: String,
    pub(super) created_ms: u64,
    pub(super) settings: NamespaceSettings,
}

impl Entry {
    /// The key under which that of a namespace lies.
    pub(super) fn key(name: &str) -> Vec<u8> {
        [PREFIX, name.as_bytes()].concat()
    }

    pub(super) fn encode(&self) -> String {
        let state = match self.state {
            State::Creating => "creating",
            State::Ready => "ready",
            State::Dropping => "dropping",
        };
        let NamespaceSettings { store, keys_max, bytes_max, policy, .. } = &self.settings;
        let policy = policy.map_or("-", Policy::name);
        let store = store.as_deref().unwrap_or_default();
        format!(
            "{FORMAT} {state} {} {} {keys_max} {bytes_max} {policy} {store}",
            self.folder, self.created_ms
        )
    }

    /// None: a later version has written it.
    pub(super) fn decode(text: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(text).ok()?.splitn(8, ' ');
        if words.next()? != FORMAT {
            return None;
        }
        let state = match words.next()? {
            "creating" => State::Creating,
            "ready" => State::Ready,
            "dropping" => State::Dropping,
            _ => return None,
        };
        let folder = words.next()?.to_owned();
        let mut number = || words.next()?.parse().ok();
        let (created_ms, keys_max, bytes_max) = (number()?, number()?, number()?);
        let policy = match words.next()? {
            "-" => None,
            name => Some(Policy::named(name)?),
        };
        let store = Some(words.next()?.to_owned()).filter(|store| !store.is_empty());
        let settings = NamespaceSettings { store, attach: None, keys_max, bytes_max, policy };
        Some(Self { state, folder, created_ms, settings })
    }
}

/// Refuses what cannot be the name of a namespace.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed) && name != MAIN {
        return Ok(());
    }
    let text = if name == MAIN {
        format!("'{MAIN}' is the database that is there without namespaces: choose another name")
    } else {
        format!("the name of a namespace is of 1 to {NAME_BYTES_MAX} letters, digits, '_', '-', '.' and ':'")
    };
    Err(Error::new(ErrorKind::Invalid, text))
}

/// Refuses an address that an entry cannot hold.
pub(super) fn check_store(store: &str) -> Result<(), Error> {
    if store.len() <= STORE_BYTES_MAX && !store.contains(['\r', '\n', '\0']) {
        return Ok(());
    }
    let text =
        format!("the address of a store is one line of at most {STORE_BYTES_MAX} bytes").replace('\n', " ");
    Err(Error::new(ErrorKind::Invalid, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_as_it_was() {
        let plain = NamespaceSettings::default();
        let full = NamespaceSettings {
            store: Some("sqlite:/a folder/rows.db".to_owned()),
            attach: None,
            keys_max: 7,
            bytes_max: 1 << 40,
            policy: Some(Policy::AllkeysLru),
        };
        for settings in [plain, full] {
            for state in [State::Creating, State::Ready, State::Dropping] {
                let settings = settings.clone();
                let entry = Entry { state, folder: "00ff".to_owned(), created_ms: 9, settings };
                assert_eq!(Entry::decode(entry.encode().as_bytes()), Some(entry));
            }
        }
        assert_eq!(Entry::decode(b"2 ready 00ff 9 0 0 - "), None, "of a later version");
    }

    #[test]
    fn names_are_letters_digits_and_some_marks() {
        for good in ["a", "Tenant-1:eu.x_y", &"n".repeat(128)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "default", "a b", "a/b", "ä", "a\n", &"n".repeat(129)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
