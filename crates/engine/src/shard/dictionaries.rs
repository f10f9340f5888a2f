//! Dictionaries: those that were learnt are kept before they are used.
//!
//! What must hold: the record of a dictionary comes before that of any value that needs it, so whatever a crash leaves of the log
//! has both or has the dictionary alone.

use super::Shards;

impl Shards {
    /// Makes dictionaries of what was seen, if it is enough, keeps them in system entries and begins to use them.
    pub(crate) fn learn_dictionaries(&self) {
        let compression = &self.keyspace.compression;
        for learnt in compression.learn() {
            let (key, content) = learnt.entry();
            if self.system_set(&key, &content).is_ok() {
                compression.begin_to_use(&learnt);
            } else {
                compression.keep_later(&learnt);
            }
        }
    }
}
