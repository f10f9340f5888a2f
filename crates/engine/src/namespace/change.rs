//! Changing a namespace that is there: its limits.
//!
//! What must hold: what is remembered is durable before it is so, and whoever opens the namespace meanwhile has it so, too.

use super::entry::{Entry, State};
use super::slot::Held;
use super::{NamespaceSettings, Namespaces, own_settings};
use crate::error::{Error, ErrorKind};
use crate::keyspace::eviction::Policy;

/// What is changed of a namespace; none: it stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceChange {
    /// So many keys may be in memory; 0: no limit.
    pub keys_max: Option<u64>,
    /// So many bytes its keys and values may take in memory; 0: no limit.
    pub bytes_max: Option<u64>,
    /// Which keys go when that is not enough.
    pub policy: Option<Policy>,
}

impl Namespaces {
    /// Changes limits of a namespace; it is durable then. What is above them goes when something is added, if the policy allows that.
    ///
    /// # Errors
    /// `NotFound`, or what the disk says: nothing has changed then.
    pub fn change(&self, name: &str, change: &NamespaceChange) -> Result<(), Error> {
        let _change = self.inner.changes.read();
        let namespace = self.find(name)?;
        if namespace.entry().state == State::Creating {
            // The making of it was cut short.
            self.open_database(&namespace, None)?;
        }
        let _edit = namespace.edit();
        if namespace.is_dropped() {
            return Err(Error::new(ErrorKind::NotFound, format!("the namespace '{name}' has been dropped")));
        }
        let entry = namespace.entry();
        let settings = NamespaceSettings {
            keys_max: change.keys_max.unwrap_or(entry.settings.keys_max),
            bytes_max: change.bytes_max.unwrap_or(entry.settings.bytes_max),
            policy: change.policy.or(entry.settings.policy),
            ..entry.settings
        };
        let entry = Entry { settings, ..entry };
        self.write(name, &entry)?;
        if let Held::Open(database) = namespace.hold() {
            database.set_limits(entry.settings.keys_max, entry.settings.bytes_max)?;
            own_settings(&database, &entry.settings);
        }
        Ok(())
    }
}
