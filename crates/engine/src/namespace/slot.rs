//! One namespace: whether its database is open, and who opens or closes it.
//!
//! What must hold: one thread at a time opens, closes or drops it, and holds no lock meanwhile; it is closed only while nobody
//! else has a handle to it; once it is dropped it is never opened again.

use super::entry::Entry;
use crate::db::Database;
use crate::error::{Error, ErrorKind};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Between two looks whether those who look after a database have let go of it.
const LET_GO_PERIOD: Duration = Duration::from_millis(1);
/// So often at most: a folder that is still held then is told to whoever opens it next.
const LET_GO_LOOKS: u32 = 5000;
/// What stands for a number of keys that is not known.
const UNKNOWN: u64 = u64::MAX;

/// A namespace, as those see it who are in it.
pub struct Namespace {
    name: String,
    entry: Mutex<Entry>,
    /// Whoever writes what is remembered of it holds this from reading it on.
    edit: Mutex<()>,
    is_dropped: AtomicBool,
    slot: Mutex<Slot>,
    changed: Condvar,
    /// Keys when it was last closed.
    keys: AtomicU64,
    /// Its store's address without the password.
    pub(super) shown_store: OnceLock<String>,
}

enum Slot {
    Closed,
    /// Somebody opens or closes it.
    Busy,
    /// Since then it may be that nobody has used it, by the monotonic clock.
    Open(Database, Duration),
    Gone,
}

/// A namespace that stays as it is for as long as this is held.
pub(super) enum Held<'a> {
    Open(Database),
    /// Nobody opens it meanwhile.
    Closed(Turn<'a>),
    Gone,
}

/// Whoever opens, closes or drops it. Dropped, it leaves it closed.
pub(super) struct Turn<'a>(&'a Namespace);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut slot = self.0.slot.lock();
        if matches!(*slot, Slot::Busy) {
            *slot = Slot::Closed;
        }
        self.0.changed.notify_all();
    }
}

impl Namespace {
    pub(super) fn new(name: &str, entry: Entry) -> Self {
        Self {
            name: name.to_owned(),
            entry: Mutex::new(entry),
            edit: Mutex::default(),
            is_dropped: AtomicBool::new(false),
            slot: Mutex::new(Slot::Closed),
            changed: Condvar::new(),
            keys: AtomicU64::new(UNKNOWN),
            shown_store: OnceLock::new(),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has been dropped: what is still done in it is lost.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        self.is_dropped.load(Ordering::Acquire)
    }

    pub(super) fn set_dropped(&self, is_dropped: bool) {
        self.is_dropped.store(is_dropped, Ordering::Release);
    }

    /// Nobody else writes what is remembered of it as long as this is held.
    pub(super) fn edit(&self) -> MutexGuard<'_, ()> {
        self.edit.lock()
    }

    pub(super) fn entry(&self) -> Entry {
        self.entry.lock().clone()
    }

    pub(super) fn set_entry(&self, entry: Entry) {
        *self.entry.lock() = entry;
    }

    /// Its database, if it is open.
    pub(super) fn open_now(&self, now: Duration) -> Option<Database> {
        match &mut *self.slot.lock() {
            Slot::Open(db, used) if !self.is_dropped() => {
                *used = now;
                Some(db.clone())
            }
            _ => None,
        }
    }

    /// The same without it counting as used.
    pub(super) fn peek(&self) -> Option<Database> {
        match &*self.slot.lock() {
            Slot::Open(db, _) => Some(db.clone()),
            _ => None,
        }
    }

    /// Its database, opened if it is not.
    pub(super) fn open(
        &self,
        now: Duration,
        open: impl FnOnce() -> Result<Database, Error>,
    ) -> Result<Database, Error> {
        let mut slot = self.slot.lock();
        loop {
            match &mut *slot {
                _ if self.is_dropped() => return Err(self.gone()),
                Slot::Gone => return Err(self.gone()),
                Slot::Open(db, used) => {
                    *used = now;
                    return Ok(db.clone());
                }
                Slot::Busy => self.changed.wait(&mut slot),
                Slot::Closed => break,
            }
        }
        *slot = Slot::Busy;
        drop(slot);
        let turn = Turn(self);
        let db = open()?;
        *self.slot.lock() = Slot::Open(db.clone(), now);
        drop(turn);
        Ok(db)
    }

    fn gone(&self) -> Error {
        Error::new(ErrorKind::NotFound, format!("the namespace '{}' has been dropped", self.name))
    }

    /// Its database as it is, once nobody opens or closes it any more.
    pub(super) fn hold(&self) -> Held<'_> {
        let mut slot = self.slot.lock();
        loop {
            match &*slot {
                Slot::Busy => self.changed.wait(&mut slot),
                Slot::Open(db, _) => return Held::Open(db.clone()),
                Slot::Gone => return Held::Gone,
                Slot::Closed => break,
            }
        }
        *slot = Slot::Busy;
        Held::Closed(Turn(self))
    }

    /// Takes its database out if nobody has used it for so long: to be [let go](Self::let_go). Whoever wants it meanwhile waits.
    pub(super) fn take_idle(&self, now: Duration, idle: Duration) -> Option<(Turn<'_>, Database)> {
        let mut slot = self.slot.lock();
        if let Slot::Open(db, used) = &mut *slot {
            if db.handles() > 1 {
                *used = now;
            }
            if now.saturating_sub(*used) < idle || db.handles() > 1 {
                return None;
            }
        }
        self.take(&mut slot)
    }

    /// Takes its database out, whoever uses it.
    pub(super) fn take_open(&self) -> Option<(Turn<'_>, Database)> {
        let mut slot = self.slot.lock();
        while matches!(*slot, Slot::Busy) {
            self.changed.wait(&mut slot);
        }
        self.take(&mut slot)
    }

    fn take(&self, slot: &mut Slot) -> Option<(Turn<'_>, Database)> {
        match std::mem::replace(slot, Slot::Busy) {
            Slot::Open(db, _) => Some((Turn(self), db)),
            other => {
                *slot = other;
                None
            }
        }
    }

    /// Closes a database that was taken out and, unless others have it, waits until its folder is free.
    pub(super) fn let_go(&self, turn: Turn<'_>, db: Database, is_idle: bool) -> Result<(), Error> {
        self.keys.store(keys_of(&db), Ordering::Relaxed);
        let closed = db.close();
        let mut patience = LET_GO_LOOKS;
        while is_idle && db.handles() > 1 && patience > 0 {
            patience -= 1;
            std::thread::sleep(LET_GO_PERIOD);
        }
        drop(db);
        drop(turn);
        closed
    }

    /// Gone for good: nobody opens it any more.
    pub(super) fn end(&self) {
        *self.slot.lock() = Slot::Gone;
        self.changed.notify_all();
    }

    /// Its keys, or those that there were when it was last closed; none if it was not opened yet.
    pub(super) fn keys(&self) -> Option<u64> {
        match self.peek() {
            Some(db) => Some(keys_of(&db)),
            None => Some(self.keys.load(Ordering::Relaxed)).filter(|keys| *keys != UNKNOWN),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(*self.slot.lock(), Slot::Open(..))
    }
}

/// Keys in memory, in all databases.
fn keys_of(db: &Database) -> u64 {
    (0..db.databases()).map(|number| db.database_counts(number).keys as u64).sum()
}
