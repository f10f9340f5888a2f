//! Indexes that have each value once: what a record holds is claimed before it comes.
//!
//! What must hold: a claim is taken before anything changes, and either the record comes in the same critical section or the claim is given back; a
//! refusal is true, since the record that has the value was looked at under its lock. A command that does not hold that lock is run again with
//! it ([`Scratch::rivals`](super::Scratch)).

use super::Ctx;
use crate::command::{Fail, Outcome};
use crate::keyspace::index::{Index, Rival, Taken, Unique};
use crate::keyspace::item::Item as _;
use crate::record::DATABASE;
use crate::value::json::Node;
use std::sync::Arc;

/// Characters of a key that an error shows at most.
const KEY_CHARS_SHOWN: usize = 64;

/// Shown only if the index came to be while a transaction began: else the command is run again.
const NOT_HELD: Fail = Fail::new("TRYAGAIN a unique index has just been made");

/// What has become of the record that holds a value.
enum Holder {
    /// It is there, at this key, and has the value.
    There(Box<[u8]>),
    /// It is not, and the claim is free.
    Gone,
    /// Its shard is not held.
    NotHeld(usize),
}

/// A record that is about to come.
struct Coming<'r> {
    table: &'r [u8],
    hash: u64,
    root: Node<'r>,
    /// The record that goes at the same time.
    leaving: Option<u64>,
}

impl Ctx<'_> {
    /// Claims what a record of the selected database is about to hold, for the indexes of its table that have each value once. `leaving`: a key
    /// that goes in the same step. Refused, nothing is claimed; else the record has to be put.
    #[inline]
    pub(crate) fn claim_values(&mut self, key: &[u8], root: Node<'_>, leaving: Option<&[u8]>) -> Outcome {
        if !self.keyspace.has_unique() || self.db != DATABASE {
            return Ok(());
        }
        self.claim_each_value(key, root, leaving)
    }

    /// The command is not run again with the shards that it has asked for.
    pub(crate) fn forget_rivals(&mut self) {
        if std::mem::take(&mut self.meets_rival) {
            self.scratch.rivals.clear();
            self.scratch.forget_document();
        }
    }

    fn claim_each_value(&mut self, key: &[u8], root: Node<'_>, leaving: Option<&[u8]>) -> Outcome {
        let Some(colon) = memchr::memchr(b':', key) else { return Ok(()) };
        let hash = self.hash(key);
        let leaving = leaving.map(|key| self.hash(key));
        let coming = Coming { table: &key[..colon], hash, root, leaving };
        let place = self.reach(key);
        let indexes = place.part.space(place.space).map(|space| space.unique_indexes(coming.table));
        let indexes = indexes.unwrap_or_default();
        if indexes.is_empty() || !self.cold.is_empty() || !self.may_put(key) {
            // Nothing is going to be put.
            return Ok(());
        }
        let mut taken: Vec<(&Unique, Taken)> = Vec::with_capacity(indexes.len());
        for index in &indexes {
            let Some(unique) = index.unique() else { continue };
            let outcome = self.claim_value(index, unique, &coming);
            if let Ok(claimed) = outcome {
                taken.push((unique, claimed));
                if claimed == Taken::Nothing || unique.is_whole() {
                    continue;
                }
            }
            for (unique, taken) in taken {
                unique.give_back(taken, hash, leaving);
            }
            return Err(outcome.err().unwrap_or_else(|| {
                let (index, table) = (index.name(), String::from_utf8_lossy(coming.table));
                Fail::text(format!(
                    "TRYAGAIN unique index '{index}' of table '{table}' is not complete yet: records are being read from the store"
                ))
            }));
        }
        Ok(())
    }

    fn claim_value(
        &mut self,
        index: &Arc<Index>,
        unique: &Unique,
        coming: &Coming<'_>,
    ) -> Result<Taken, Fail> {
        loop {
            let rival = match unique.take(coming.root, coming.hash, coming.leaving) {
                Ok(taken) => return Ok(taken),
                Err(rival) => rival,
            };
            match self.holder(unique, coming.table, rival)? {
                // Each time there is one holder less.
                Holder::Gone => {}
                Holder::There(key) => return Err(duplicate(index, coming.table, &key)),
                Holder::NotHeld(shard) => {
                    self.scratch.rivals.push(shard);
                    self.meets_rival = true;
                    return Err(NOT_HELD);
                }
            }
        }
    }

    /// Looks at the record that is said to hold a value. One that has expired is removed.
    fn holder(&mut self, unique: &Unique, table: &[u8], rival: Rival) -> Result<Holder, Fail> {
        let shard = self.keyspace.shard_of(rival.hash);
        let index = self.keyspace.space_of(self.db);
        let Some(part) = self.held.get(shard) else { return Ok(Holder::NotHeld(shard)) };
        // Whoever is refused knows of it.
        self.seen_lsn = self.seen_lsn.max(part.last_lsn);
        let (now, mut found, mut expired) = (self.now_ms, None, None);
        if let Some(space) = part.space(index) {
            space.each_record(rival.hash, table, &mut Vec::new(), &mut |entry, document| {
                if unique.claim_of(document.root()) == Some(rival.claim) {
                    *(if entry.is_alive(now) { &mut found } else { &mut expired }) =
                        Some(Box::from(entry.key()));
                }
            });
        }
        if let Some(key) = found {
            return Ok(Holder::There(key));
        }
        if let Some(key) = expired {
            let key: Box<[u8]> = key;
            self.reserve(key.len() + 64)?;
            self.reserve_for_fetched(&key)?;
            self.claim(&key);
        }
        unique.release(rival.claim, rival.hash);
        Ok(Holder::Gone)
    }
}

/// The refusal of a value that is there already.
fn duplicate(index: &Index, table: &[u8], key: &[u8]) -> Fail {
    let record = shown(&key[table.len() + 1..]);
    Fail::text(format!(
        "DUPLICATE unique index '{}' of table '{}' has this value already, in record '{record}'",
        index.name(),
        String::from_utf8_lossy(table),
    ))
}

/// The key of a record, for an error.
pub(crate) fn shown(key: &[u8]) -> String {
    let text = String::from_utf8_lossy(key);
    text.chars().take(KEY_CHARS_SHOWN).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
