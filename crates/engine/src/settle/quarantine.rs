//! Rows that the store does not take: set aside, so that all others go on.
//!
//! What must hold: a key in here is unsettled, so it is served from memory and never evicted; the log knows of it, as a system
//! entry, before the watermark of its lane passes its change; it leaves when it has changed and settled, or when somebody says so.

use super::Settle;
use crate::command::{Fail, Followed, recent_key};
use crate::log::Lsn;
use crate::shard::Shards;
use crate::store::{ErrorKind, StoreError};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The keys of its system entries begin so; the number of the database and the key follow.
const PREFIX: &[u8] = b"quarantine:";

const UNDER_WAY: Fail =
    Fail::new("ERR the change is on its way to the store, which may take it after all: try again later");

/// A row that is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The database of the key.
    pub db: u32,
    /// The key.
    pub key: Vec<u8>,
    /// Since when, in Unix milliseconds.
    pub since_ms: u64,
    /// About how many bytes it has.
    pub bytes: u64,
    /// What the store said.
    pub reason: String,
}

/// All rows that are set aside.
#[derive(Default)]
pub(crate) struct Quarantine {
    rows: Mutex<Rows>,
    bytes: AtomicU64,
}

#[derive(Default)]
struct Rows {
    by_key: BTreeMap<(u32, Vec<u8>), Kept>,
    /// How many there are of each mark.
    marks: HashMap<u64, u32>,
}

struct Kept {
    row: Quarantined,
    /// What the key is followed by.
    mark: u64,
    /// The records between which its last change lies; nothing since the folder was opened.
    lsns: (Lsn, Lsn),
}

impl Rows {
    fn insert(&mut self, mut kept: Kept) -> Option<Quarantined> {
        let at = (kept.row.db, kept.row.key.clone());
        // What is tried again is due anew: its change may be as old as it was.
        if let Some(old) = self.by_key.get(&at).filter(|old| old.lsns.1 != 0) {
            kept.lsns.0 = kept.lsns.0.min(old.lsns.0);
        }
        let old = self.remove(&at);
        *self.marks.entry(kept.mark).or_insert(0) += 1;
        self.by_key.insert(at, kept);
        old
    }

    fn remove(&mut self, at: &(u32, Vec<u8>)) -> Option<Quarantined> {
        let old = self.by_key.remove(at);
        old.map(|old| self.unmark(old))
    }

    fn unmark(&mut self, old: Kept) -> Quarantined {
        if let Some(count) = self.marks.get_mut(&old.mark) {
            *count -= 1;
            if *count == 0 {
                self.marks.remove(&old.mark);
            }
        }
        old.row
    }
}

fn system_key(db: u32, key: &[u8]) -> Vec<u8> {
    [PREFIX, db.to_string().as_bytes(), b":", key].concat()
}

fn parse(system_key: &[u8], value: &[u8]) -> Option<Quarantined> {
    let rest = system_key.strip_prefix(PREFIX)?;
    let colon = rest.iter().position(|&byte| byte == b':')?;
    let db = std::str::from_utf8(&rest[..colon]).ok()?.parse().ok()?;
    let text = String::from_utf8_lossy(value).into_owned();
    let mut words = text.splitn(3, ' ');
    let (since_ms, bytes) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let reason = words.next()?.to_owned();
    Some(Quarantined { db, key: rest[colon + 1..].to_vec(), since_ms, bytes, reason })
}

impl Quarantine {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// What is in here, in the order of keys.
    pub(crate) fn list(&self) -> Vec<Quarantined> {
        self.rows.lock().by_key.values().map(|kept| kept.row.clone()).collect()
    }

    /// How many of them are those of this key.
    pub(super) fn bytes_of(&self, db: u32, key: &[u8]) -> u64 {
        self.rows.lock().by_key.get(&(db, key.to_vec())).map_or(0, |kept| kept.row.bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes() == 0 && self.rows.lock().by_key.is_empty()
    }

    /// A key has settled after all.
    pub(super) fn leave(&self, settle: &Settle, db: u32, key: &[u8]) {
        // Without room in the log it is found settled when the folder is opened again.
        let _ = self.take(settle, db, key);
    }

    pub(super) fn len(&self) -> usize {
        self.rows.lock().by_key.len()
    }

    /// Whether a key with this mark is in here.
    fn has_mark(&self, mark: u64) -> bool {
        self.rows.lock().marks.contains_key(&mark)
    }

    /// Whether one is in here that may have been changed last by one of these records.
    fn has_change_of(&self, (first, last): (Lsn, Lsn)) -> bool {
        let meets = |kept: &Kept| kept.lsns.0 <= last && first <= kept.lsns.1;
        self.rows.lock().by_key.values().any(meets)
    }

    /// Sets a row aside, the last change of which lies between these records; it is unsettled already.
    pub(super) fn put(
        &self,
        settle: &Settle,
        (db, key): (u32, &[u8]),
        lsns: (Lsn, Lsn),
        bytes: u64,
        reason: &str,
    ) -> Result<(), StoreError> {
        let reason: String =
            reason.chars().map(|char| if char.is_control() { ' ' } else { char }).take(500).collect();
        let row = Quarantined { db, key: key.to_vec(), since_ms: settle.now_ms(), bytes, reason };
        let value = format!("{} {} {}", row.since_ms, row.bytes, row.reason);
        let logged = settle.shards.system_set(&system_key(db, key), value.as_bytes());
        let failed = |text: String| StoreError::new(ErrorKind::Busy, text);
        logged.map_err(|fail| failed(fail.0.into_owned()))?;
        settle.make_durable()?;
        let mark = mark_of(&settle.shards, db, key);
        let old = self.rows.lock().insert(Kept { row, mark, lsns });
        self.bytes.fetch_add(bytes, Relaxed);
        self.bytes.fetch_sub(old.map_or(0, |old| old.bytes), Relaxed);
        Ok(())
    }

    /// Reads it back when a folder is opened, before it is said what has settled: its keys have not, whatever the watermark says.
    pub(super) fn recover(shards: &Shards) -> Self {
        let mut found = Vec::new();
        shards.system_each(PREFIX, |key, value| found.extend(parse(key, value)));
        let keyspace = &shards.keyspace;
        // One that has settled could not be told so for want of room in the log.
        found.retain(|row| {
            let hash = keyspace.hash(&row.key);
            let mut part = keyspace.lock(keyspace.shard_of(hash));
            let has = row.db < keyspace.databases();
            let space = if has { part.space_mut(keyspace.space_of(row.db)) } else { None };
            space.is_some_and(|space| space.recover_quarantined(hash, &row.key))
        });
        let bytes = AtomicU64::new(found.iter().map(|row| row.bytes).sum());
        let mut rows = Rows::default();
        for row in found {
            let mark = mark_of(shards, row.db, &row.key);
            rows.insert(Kept { row, mark, lsns: (0, 0) });
        }
        Self { rows: Mutex::new(rows), bytes }
    }

    fn take(&self, settle: &Settle, db: u32, key: &[u8]) -> Result<Option<Quarantined>, Fail> {
        let Some(row) = self.rows.lock().remove(&(db, key.to_vec())) else { return Ok(None) };
        self.bytes.fetch_sub(row.bytes, Relaxed);
        settle.shards.system_delete(&system_key(db, key)).map(|_| Some(row))
    }
}

/// What whoever follows a key knows it by.
fn mark_of(shards: &Shards, db: u32, key: &[u8]) -> u64 {
    recent_key(shards.keyspace.space_of(db), shards.keyspace.hash(key))
}

impl Settle {
    /// Whether a row is set aside that this record has changed.
    pub(crate) fn was_set_aside(&self, followed: &Followed, lsn: Lsn) -> bool {
        let quarantine = &self.quarantine;
        !quarantine.is_empty()
            && followed.is_any_of(
                lsn,
                |mark| quarantine.has_mark(mark),
                |lsns| quarantine.has_change_of(lsns),
            )
    }

    /// Whether a row is set aside of all that was followed; what has settled of it need not be followed any longer.
    pub(crate) fn has_set_aside(&self, followed: &mut Followed) -> bool {
        let quarantine = &self.quarantine;
        let has_mark = |mark| quarantine.has_mark(mark);
        followed.settle(self.settled_lsn(), has_mark, |lsns| quarantine.has_change_of(lsns))
    }

    /// Has a row that was set aside tried again; all of them without a key. Returns how many. Each stays in here until it has
    /// settled: the watermark has passed it.
    pub(crate) fn retry_quarantined(&self, key: Option<(u32, &[u8])>) -> Result<usize, Fail> {
        let is_meant = |row: &Quarantined| key.is_none_or(|key| key == (row.db, &*row.key));
        let rows: Vec<Quarantined> = self.quarantine.list().into_iter().filter(is_meant).collect();
        for row in &rows {
            if !self.requeue(row.db, &row.key) {
                self.quarantine.take(self, row.db, &row.key)?;
            }
        }
        self.kick();
        Ok(rows.len())
    }

    /// False if there is nothing of the key to settle.
    fn requeue(&self, db: u32, key: &[u8]) -> bool {
        let keyspace = &self.shards.keyspace;
        let hash = keyspace.hash(key);
        let mut part = keyspace.lock(keyspace.shard_of(hash));
        let since = part.last_lsn.max(1);
        let space = part.space_mut(keyspace.space_of(db));
        let Some(space) = space.filter(|space| space.is_unsettled(hash, key)) else { return false };
        // Whoever asks for that wants it to count, whatever others have done.
        space.forget_row(hash, key);
        space.requeue(hash, key, since, self.now_ms());
        true
    }

    /// A database was flushed: what is in here of keys that are gone is void.
    pub(super) fn tidy_quarantine(&self) {
        let keyspace = &self.shards.keyspace;
        for row in self.quarantine.list() {
            let hash = keyspace.hash(&row.key);
            let is_void = {
                let part = keyspace.lock(keyspace.shard_of(hash));
                let space = part.space(keyspace.space_of(row.db));
                space.is_none_or(|space| !space.is_unsettled(hash, &row.key))
            };
            if is_void {
                self.quarantine.leave(self, row.db, &row.key);
            }
        }
    }

    /// Gives up a change that was set aside: what the store has of the key counts again. False if there is none.
    pub(crate) fn skip_quarantined(&self, db: u32, key: &[u8]) -> Result<bool, Fail> {
        // Whoever holds it may be about to apply the change, or to set it aside once more.
        let worker = self.worker_of(key).lock();
        if worker.has_under_way(db, key) {
            return Err(UNDER_WAY);
        }
        if self.quarantine.take(self, db, key)?.is_none() {
            return Ok(false);
        }
        self.shards.give_up_change(db, key)?;
        Ok(true)
    }
}
