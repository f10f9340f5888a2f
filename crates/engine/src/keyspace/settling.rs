//! What of a space is still to be settled, and what is known of keys that are not in memory.
//!
//! Owns the order in which keys have changed, tombstones, keys that are known to be absent from the store, rows that are
//! being fetched, and keys that must not be evicted. A space has one of these only while there is a store.
//!
//! What must hold: an entry with [`mark::UNSETTLED`], or a tombstone with it, is in `due`, or its taker has it; what `due`
//! names may have settled since. `bytes` counts the entries and tombstones that are unsettled, exactly. A key without an
//! entry is *cold* unless it stands in `absent`: only the store knows of it. A row that is on its way in is dropped if its
//! key has changed since it was asked for.

use super::entry::{Entry, EntryRef, View, mark};
use super::item::Item as _;
pub(crate) use super::ready::{Ready, Waiting};
use super::space::Space;
use crate::value::json::Json;
use crate::value::{Kind, Value};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// Keys of a space that are remembered to be nowhere.
const KNOWN_ABSENT_MAX: usize = 512;
/// What a tombstone takes besides its key.
const TOMBSTONE_BYTES: usize = 96;
/// A tombstone with this mark is of a row among keys that are no records, whatever table there is now.
const PLAIN: u8 = mark::FETCHED;
/// So many entries of `due` that mean nothing any more are let be, and so many for each that means something.
const DUE_SPARE: usize = 1024;
const DUE_SHARE: usize = 4;
/// Bytes are handed on to the sum of all spaces in steps of this.
const SHARED_STEP_BYTES: i64 = 16 << 10;

/// What is unsettled in all spaces.
#[derive(Default)]
pub(crate) struct Totals {
    bytes: AtomicI64,
}

impl Totals {
    /// Bytes of entries and tombstones that are unsettled, short of a few for each shard.
    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(self.bytes.load(Relaxed)).unwrap_or(0)
    }
}

/// A key that has changed.
struct Due {
    hash: u64,
    /// Of a tombstone.
    key: Option<Box<[u8]>>,
    /// Its change has no lower number in the log.
    since: u64,
    at_ms: u64,
}

/// A row that is being fetched.
struct Fetch {
    waiting: Vec<Arc<Waiting>>,
    /// The key has changed: rows that were asked for up to this question may be older than what was.
    void_upto: u64,
}

impl Fetch {
    /// Questions up to the last one tell nothing of it.
    fn new(asked: u64) -> Self {
        Self { waiting: Vec::new(), void_upto: asked }
    }
}

/// The side of a space towards the store.
pub(crate) struct Settling {
    due: VecDeque<Due>,
    /// Keys without an entry that the store need not be asked for. With `UNSETTLED` or `SETTLING`: tombstones. Else it has no row.
    absent: HashMap<Box<[u8]>, u8>,
    tombstones: usize,
    fetches: HashMap<Box<[u8]>, Fetch>,
    /// The number of the last question to the store about a key of this space.
    asked: u64,
    /// How many need the key with this hash to stay.
    pins: HashMap<u64, u32>,
    /// Stamps of rows that somebody else has written last and that were read since.
    stamps: HashMap<Box<[u8]>, u64>,
    /// Last changes of keys that were unsettled when the folder was opened.
    recovered: HashMap<u64, u64>,
    /// Unsettled keys whose rows somebody else has changed since they did: what is taken to the store may have been there before,
    /// and be replaced.
    doubtful: HashSet<Box<[u8]>>,
    /// Unsettled keys that are not in `due`, because the store has refused them as they are.
    quarantined: HashSet<Box<[u8]>>,
    totals: Arc<Totals>,
    /// Not in `totals` yet.
    bytes: i64,
    /// All that is unsettled here.
    unsettled_bytes: i64,
    unsettled_records: i64,
    /// Changes that were taken to the store and of which it is not known yet what became of them.
    taken_bytes: i64,
    taken_records: i64,
}

/// What a key holds when it is taken to the store.
pub(crate) enum Taken {
    Str(Vec<u8>),
    /// Shared with the entry.
    Value(Value),
    Gone,
}

/// A change that is taken to the store.
pub(crate) struct Capture {
    pub(crate) hash: u64,
    pub(crate) key: Box<[u8]>,
    /// No change of the key up to now has a higher number, and each later one has.
    pub(crate) version: u64,
    /// No change of the key that has not settled has a lower number.
    pub(crate) since: u64,
    pub(crate) at_ms: u64,
    pub(crate) expire_at_ms: u64,
    pub(crate) value: Taken,
    /// It is a removal that is older than the table that the key would belong to.
    pub(crate) is_plain: bool,
    /// The row is in the store, with this stamp.
    pub(crate) stored: Option<u64>,
    pub(crate) tags: Vec<Vec<u8>>,
}

impl Capture {
    /// About how many bytes it is.
    pub(crate) fn bytes(&self) -> usize {
        self.key.len()
            + match &self.value {
                Taken::Str(text) => text.len(),
                Taken::Value(value) => value.heap_bytes(),
                Taken::Gone => 0,
            }
    }
}

/// A row that has come from the store.
pub(crate) struct Arrived<'a> {
    pub(crate) entry: Entry,
    /// That of the row.
    pub(crate) stamp: u64,
    pub(crate) tags: &'a [Vec<u8>],
}

/// What became of a key that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is in memory, or known to be nowhere.
    Here,
    /// The store has to be asked.
    Ask,
    /// It has been already.
    Coming,
}

impl Settling {
    pub(crate) fn new(totals: Arc<Totals>) -> Self {
        Self {
            due: VecDeque::new(),
            absent: HashMap::new(),
            tombstones: 0,
            fetches: HashMap::new(),
            asked: 0,
            pins: HashMap::new(),
            stamps: HashMap::new(),
            recovered: HashMap::new(),
            doubtful: HashSet::new(),
            quarantined: HashSet::new(),
            totals,
            bytes: 0,
            unsettled_bytes: 0,
            unsettled_records: 0,
            taken_bytes: 0,
            taken_records: 0,
        }
    }

    /// Counts bytes and records that have become unsettled, or settled.
    #[inline]
    pub(super) fn count(&mut self, bytes: i64, records: i64) {
        self.bytes += bytes;
        self.unsettled_bytes += bytes;
        self.unsettled_records += records;
        if self.bytes.abs() >= SHARED_STEP_BYTES {
            self.share_counts();
        }
    }

    fn share_counts(&mut self) {
        self.totals.bytes.fetch_add(std::mem::take(&mut self.bytes), Relaxed);
    }

    /// How many changes have not settled here, those that were taken to the store included, and their bytes.
    pub(crate) fn unsettled(&self) -> (u64, u64) {
        let positive = |count| u64::try_from(count).unwrap_or(0);
        let records = self.unsettled_records + self.taken_records;
        (positive(records), positive(self.unsettled_bytes + self.taken_bytes))
    }

    /// Whether this key is known to be nowhere, or deleted.
    #[inline]
    pub(crate) fn knows_absent(&self, key: &[u8]) -> bool {
        self.absent.contains_key(key)
    }

    /// Whether an entry with this hash may be evicted as far as others are concerned.
    #[inline]
    pub(crate) fn is_pinned(&self, hash: u64) -> bool {
        !self.pins.is_empty() && self.pins.contains_key(&hash)
    }

    fn know_absent(&mut self, key: &[u8]) {
        if self.absent.len() >= KNOWN_ABSENT_MAX + self.tombstones {
            self.absent.retain(|_, marks| *marks != 0);
        }
        self.absent.insert(key.into(), 0);
    }

    /// Takes a key out of those that are nowhere: there is an entry now.
    fn appears(&mut self, key: &[u8]) {
        if !self.absent.is_empty()
            && let Some(marks) = self.absent.remove(key)
        {
            self.uncount_tombstone(key, marks);
        }
    }

    fn uncount_tombstone(&mut self, key: &[u8], marks: u8) {
        self.tombstones -= usize::from(marks != 0);
        if marks & mark::UNSETTLED != 0 {
            self.count(-tombstone_bytes(key), -1);
        }
    }

    /// The first change that has not been taken: its number and its time.
    pub(crate) fn oldest(&self) -> Option<(u64, u64)> {
        self.due.front().map(|due| (due.since, due.at_ms))
    }
}

fn tombstone_bytes(key: &[u8]) -> i64 {
    i64::try_from(key.len() + TOMBSTONE_BYTES).unwrap_or(i64::MAX)
}

impl Space {
    /// True if the key has no entry and only the store knows whether there is one.
    #[inline]
    pub(crate) fn is_cold(&self, hash: u64, key: &[u8]) -> bool {
        self.settling().is_some_and(|settling| !settling.knows_absent(key)) && self.get(hash, key).is_none()
    }

    /// Whether this key, which may just have got an entry, was known to be nowhere without a tombstone.
    #[inline]
    pub(crate) fn is_known_absent(&self, key: &[u8]) -> bool {
        self.settling()
            .is_some_and(|settling| !settling.absent.is_empty() && settling.absent.get(key) == Some(&0))
    }

    /// A key has changed, by a record of the log with a higher number than `since - 1`.
    pub(crate) fn note_change(&mut self, hash: u64, key: &[u8], since: u64, now_ms: u64) {
        let (table, settling) = self.table_and_settling();
        let Some(settling) = settling else { return };
        if !settling.recovered.is_empty() {
            settling.recovered.remove(&hash);
        }
        if !settling.doubtful.is_empty() {
            // This change is later than whatever is in the store.
            settling.doubtful.remove(key);
        }
        if !settling.fetches.is_empty()
            && let Some(fetch) = settling.fetches.get_mut(key)
        {
            fetch.void_upto = settling.asked;
        }
        let mut due = Due { hash, key: None, since, at_ms: now_ms };
        // What it is now, the store may take.
        let again = !settling.quarantined.is_empty() && settling.quarantined.remove(key);
        match table.get_mut(hash, key) {
            Some(mut entry) => {
                if !entry.has(mark::UNSETTLED) {
                    entry.set_marks(mark::UNSETTLED, mark::FETCHED);
                    settling.count(signed(entry.heap_bytes()), 1);
                    settling.due.push_back(due);
                } else if again {
                    settling.due.push_back(due);
                } else if entry.has(mark::FETCHED) {
                    entry.set_marks(0, mark::FETCHED);
                }
                settling.appears(key);
            }
            None => {
                due.key = Some(key.into());
                settling.bury(due, key);
            }
        }
        let needed = usize::try_from(settling.unsettled_records).unwrap_or(0);
        if settling.due.len() > DUE_SPARE + DUE_SHARE * needed {
            self.sweep_due();
        }
    }

    /// Keys that come and go leave more behind in `due` than there is to settle: of each key the first stays that is.
    #[cold]
    fn sweep_due(&mut self) {
        let hasher = self.table().hasher().stable;
        let (table, settling) = self.table_and_settling();
        let Some(settling) = settling else { return };
        let (mut entries, mut tombstones) = (HashSet::new(), HashSet::new());
        let absent = &settling.absent;
        settling.due.retain(|due| match &due.key {
            Some(key) => {
                absent.get(key).is_some_and(|marks| marks & mark::UNSETTLED != 0)
                    && tombstones.insert(key.clone())
            }
            None => {
                let is_due = |entry: &Entry| {
                    entry.has(mark::UNSETTLED)
                        && hasher.of(entry.key()) == due.hash
                        && !entries.contains(entry.key())
                };
                let found = table.find_by(due.hash, is_due).map(|entry| Box::<[u8]>::from(entry.key()));
                found.is_some_and(|key| entries.insert(key))
            }
        });
    }

    /// Goes on where the log ends: `version` is the key's last change.
    pub(crate) fn recover_change(&mut self, hash: u64, key: &[u8], version: u64, now_ms: u64) {
        self.note_change(hash, key, version, now_ms);
        if let Some(settling) = self.settling_mut() {
            settling.recovered.insert(hash, version);
        }
    }

    /// The log has been read back, and the store says that it has all changes up to `watermark`: those have settled. What others
    /// have changed since is cold.
    pub(crate) fn recover_settled(&mut self, watermark: u64) {
        let hasher = self.table().hasher().stable;
        let Some(settling) = self.settling_mut() else { return };
        let doubtful = std::mem::take(&mut settling.doubtful);
        let mut due = std::mem::take(&mut settling.due);
        due.retain(|due| {
            let settled = self.settling().is_some_and(|settling| {
                settling.recovered.get(&due.hash).is_none_or(|version| *version <= watermark)
            });
            let key = match &due.key {
                Some(key) => Some(key.clone()),
                None => {
                    let is_due =
                        |entry: &Entry| entry.has(mark::UNSETTLED) && hasher.of(entry.key()) == due.hash;
                    self.table().find_by(due.hash, is_due).map(|entry| entry.key().into())
                }
            };
            if let Some(key) = key {
                let quarantined = self.settling_mut().map(|settling| &mut settling.quarantined);
                if !settled {
                    // It is going to be tried again.
                    quarantined.map(|keys| keys.remove(&key));
                } else if quarantined.is_none_or(|keys| !keys.contains(&key)) {
                    self.recover_one_settled(due.hash, &key, doubtful.contains(&key));
                }
            }
            !settled
        });
        let mut left = HashSet::new();
        for key in doubtful {
            let hash = hasher.of(&key);
            if !self.is_unsettled(hash, &key) {
                continue;
            }
            let (table, _) = self.table_and_settling();
            // Its row is not as this database left it.
            if let Some(mut entry) = table.get_mut(hash, &key) {
                entry.set_marks(mark::STORED, 0);
            }
            left.insert(key);
        }
        if let Some(settling) = self.settling_mut() {
            settling.doubtful = left;
            settling.due = due;
            settling.recovered.retain(|_, version| *version > watermark);
            settling.share_counts();
        }
    }

    fn recover_one_settled(&mut self, hash: u64, key: &[u8], is_doubtful: bool) {
        let (table, settling) = self.table_and_settling();
        let Some(settling) = settling else { return };
        settling.appears(key);
        if let Some(mut entry) = table.get_mut(hash, key).filter(|entry| entry.has(mark::UNSETTLED)) {
            let bytes = signed(entry.heap_bytes());
            entry.set_marks(mark::STORED, mark::UNSETTLED);
            settling.count(-bytes, -1);
        }
        if is_doubtful {
            self.forget(hash, key);
        }
    }

    /// Nobody has anything to settle or to fetch any more: the database is empty.
    pub(crate) fn forget_settling(&mut self) {
        let Some(settling) = self.settling_mut() else { return };
        settling.absent.clear();
        settling.tombstones = 0;
        settling.count(-settling.unsettled_bytes, -settling.unsettled_records);
        settling.due.clear();
        settling.quarantined.clear();
        settling.stamps.clear();
        settling.recovered.clear();
        settling.doubtful.clear();
        let asked = settling.asked;
        settling.fetches.values_mut().for_each(|fetch| fetch.void_upto = asked);
    }

    /// Takes up to `rows_max` changes, or about `bytes_max`, into `out`. `version` is the shard's last record; `until_ms`:
    /// only what has changed by then. Returns whether there is more of that.
    pub(crate) fn capture(
        &mut self,
        version: u64,
        until_ms: u64,
        rows_max: usize,
        bytes_max: usize,
        out: &mut Vec<Capture>,
    ) -> bool {
        let (mut rows, mut bytes) = (0, 0);
        loop {
            let (_, Some(settling)) = self.table_and_settling() else { return false };
            let Some(due) = settling.due.front() else {
                settling.share_counts();
                return false;
            };
            if due.at_ms > until_ms {
                return false;
            }
            if rows >= rows_max || bytes >= bytes_max {
                return true;
            }
            let due = settling.due.pop_front().expect("it was looked at");
            if let Some(capture) = self.capture_one(due, version) {
                rows += 1;
                bytes += capture.bytes();
                self.count_taken(signed(capture.bytes()), 1);
                out.push(capture);
            }
        }
    }

    fn count_taken(&mut self, bytes: i64, records: i64) {
        if let Some(settling) = self.settling_mut() {
            settling.taken_bytes += bytes;
            settling.taken_records += records;
        }
    }

    /// It is known what became of a change that was taken, which had so many bytes.
    pub(crate) fn landed(&mut self, bytes: usize) {
        self.count_taken(-signed(bytes), -1);
    }

    fn capture_one(&mut self, due: Due, version: u64) -> Option<Capture> {
        let hash = due.hash;
        let hasher = self.table().hasher().stable;
        let (table, settling) = self.table_and_settling();
        let settling = settling?;
        let version = settling.recovered.remove(&hash).unwrap_or(version);
        let capture = |key, expire_at_ms, value, stored| Capture {
            hash,
            key,
            version,
            since: due.since,
            at_ms: due.at_ms,
            expire_at_ms,
            value,
            is_plain: false,
            stored,
            tags: Vec::new(),
        };
        let Some(key) = due.key else {
            let is_due = |entry: &Entry| entry.has(mark::UNSETTLED) && hasher.of(entry.key()) == hash;
            let key: Box<[u8]> = table.find_by(hash, is_due)?.key().into();
            let mut entry = table.get_mut(hash, &key)?;
            entry.set_marks(mark::SETTLING, mark::UNSETTLED);
            let value = match entry.view() {
                View::Str(text) => Taken::Str(text.to_vec()),
                View::Json(document) => Taken::Value(Value::Json(Json::from_made(&document[1..]))),
                View::Compressed(value) => Taken::Value(Value::Compressed(value.to_shared())),
                View::Value(value) => Taken::Value(value.share()),
            };
            let stored = entry.has(mark::STORED).then(|| settling.stamps.get(&key).copied().unwrap_or(0));
            let (bytes, expire_at_ms) = (signed(entry.heap_bytes()), entry.expire_at());
            settling.count(-bytes, -1);
            drop(entry);
            let captured = capture(key, expire_at_ms, value, stored);
            let tags = self.tags_of(hash, &captured.key).map(<[u8]>::to_vec).collect();
            return Some(Capture { tags, ..captured });
        };
        let marks = settling.absent.get_mut(&key).filter(|marks| **marks & mark::UNSETTLED != 0)?;
        let is_plain = *marks & PLAIN != 0;
        *marks = *marks & PLAIN | mark::SETTLING;
        settling.count(-tombstone_bytes(&key), -1);
        Some(Capture { is_plain, ..capture(key, 0, Taken::Gone, None) })
    }

    /// Whether the store may have something else than what was taken there last.
    pub(crate) fn is_doubtful(&self, key: &[u8]) -> bool {
        self.settling().is_some_and(|settling| settling.doubtful.contains(key))
    }

    /// A change that was taken is in the store, if nothing is doubtful about that.
    pub(crate) fn settled(&mut self, hash: u64, key: &[u8]) {
        let (table, settling) = self.table_and_settling();
        let Some(settling) = settling else { return };
        if !settling.stamps.is_empty() {
            settling.stamps.remove(key);
        }
        if let Some(mut entry) = table.get_mut(hash, key) {
            // Another entry may have come in its place, of which the store knows nothing.
            if entry.has(mark::SETTLING) {
                entry.set_marks(mark::STORED, mark::SETTLING);
            }
        } else if let Some(marks) = settling.absent.get_mut(key)
            && *marks & mark::SETTLING != 0
        {
            *marks &= !mark::SETTLING;
            if *marks & mark::UNSETTLED == 0 {
                *marks = 0;
                settling.tombstones -= 1;
            }
        }
    }

    /// A change that was taken did not settle: it is unsettled as before, and whoever took it brings it back by
    /// [`Space::requeue`]. Returns whether the key has not changed since, so that nobody else does.
    pub(crate) fn unsettle(&mut self, hash: u64, key: &[u8]) -> bool {
        let (table, settling) = self.table_and_settling();
        let Some(settling) = settling else { return false };
        if let Some(mut entry) = table.get_mut(hash, key) {
            if !entry.has(mark::SETTLING) {
                return false;
            }
            let unchanged = !entry.has(mark::UNSETTLED);
            if unchanged {
                settling.count(signed(entry.heap_bytes()), 1);
            }
            entry.set_marks(mark::UNSETTLED, mark::SETTLING);
            unchanged
        } else if let Some(marks) = settling.absent.get_mut(key)
            && *marks & mark::SETTLING != 0
        {
            let unchanged = *marks & mark::UNSETTLED == 0;
            *marks = *marks & PLAIN | mark::UNSETTLED;
            if unchanged {
                settling.count(tombstone_bytes(key), 1);
            }
            unchanged
        } else {
            false
        }
    }

    /// A change that was held back is taken again at the next opportunity.
    pub(crate) fn requeue(&mut self, hash: u64, key: &[u8], since: u64, at_ms: u64) {
        if let Some(settling) = self.settling_mut() {
            settling.quarantined.remove(key);
            let buried = settling.absent.contains_key(key).then(|| key.into());
            // The first one is the one with the lowest number.
            let at = match settling.due.back() {
                Some(last) if last.since > since => settling.due.iter().position(|due| due.since > since),
                _ => None,
            };
            let due = Due { hash, key: buried, since, at_ms };
            settling.due.insert(at.unwrap_or(settling.due.len()), due);
        }
    }

    /// Whether something of this key has not settled.
    pub(crate) fn is_unsettled(&self, hash: u64, key: &[u8]) -> bool {
        match self.get(hash, key) {
            Some(entry) => entry.has(mark::UNSETTLED | mark::SETTLING),
            None => {
                self.settling().and_then(|settling| settling.absent.get(key)).is_some_and(|marks| *marks != 0)
            }
        }
    }

    /// Nothing is known of the row of this key.
    pub(crate) fn forget_row(&mut self, hash: u64, key: &[u8]) {
        let (table, settling) = self.table_and_settling();
        if let (Some(settling), Some(mut entry)) = (settling, table.get_mut(hash, key)) {
            entry.set_marks(0, mark::STORED);
            settling.stamps.remove(key);
        }
    }

    /// A change that was taken is refused by the store as it is: it stays unsettled, and is not taken again until the key
    /// changes or is requeued.
    pub(crate) fn quarantine(&mut self, hash: u64, key: &[u8]) {
        if self.unsettle(hash, key)
            && let Some(settling) = self.settling_mut()
        {
            settling.quarantined.insert(key.into());
        }
    }

    /// The key was found in quarantine when the folder was opened, and it is not known yet what has settled. False if there is
    /// nothing of it that could.
    pub(crate) fn recover_quarantined(&mut self, hash: u64, key: &[u8]) -> bool {
        let is_unsettled = self.is_unsettled(hash, key);
        if let (true, Some(settling)) = (is_unsettled, self.settling_mut()) {
            settling.quarantined.insert(key.into());
        }
        is_unsettled
    }

    /// Takes settled entries out of memory that `is_idle`, from this cursor on. Returns the next cursor, 0 at the end, and how
    /// many they were.
    pub(crate) fn evict_idle(
        &mut self,
        mut cursor: u64,
        buckets: usize,
        is_idle: &dyn Fn(&Entry) -> bool,
    ) -> (u64, usize) {
        let mut idle: Vec<Box<[u8]>> = Vec::new();
        for _ in 0..buckets {
            cursor = self.table().scan(cursor, &mut |entry| {
                if !entry.has(mark::UNSETTLED | mark::SETTLING) && is_idle(&entry) {
                    idle.push(entry.key().into());
                }
            });
            if cursor == 0 {
                break;
            }
        }
        let hasher = self.table().hasher().stable;
        (cursor, idle.iter().filter(|key| self.evict(hasher.of(key), key)).count())
    }

    /// Keys that begin so and have settled are void, all others doubtful; see [`Space::forget`]. Returns the former.
    pub(crate) fn forget_all(&mut self, prefix: &[u8]) -> Vec<Box<[u8]>> {
        self.record_leaves(prefix);
        let begins = |key: &[u8]| key.starts_with(prefix);
        let is_void =
            |entry: &EntryRef<'_>| begins(entry.key()) && !entry.has(mark::UNSETTLED | mark::SETTLING);
        let keys: Vec<Box<[u8]>> =
            self.table().iter().filter(is_void).map(|entry| entry.key().into()).collect();
        let hasher = self.table().hasher().stable;
        keys.iter().for_each(|key| self.forget(hasher.of(key), key));
        self.forget_absent(&begins);
        let is_doubtful =
            |entry: &EntryRef<'_>| begins(entry.key()) && entry.has(mark::UNSETTLED | mark::SETTLING);
        let entries = self.table().iter().filter(is_doubtful).map(|entry| Box::from(entry.key()));
        let gone = self.tombstones().filter(|key| begins(key)).map(Box::from);
        let doubtful: Vec<Box<[u8]>> = entries.chain(gone).collect();
        if let Some(settling) = self.settling_mut() {
            settling.doubtful.extend(doubtful);
        }
        keys
    }

    /// It is not known any longer which of these keys the store has not.
    fn forget_absent(&mut self, which: &dyn Fn(&[u8]) -> bool) {
        let Some(settling) = self.settling_mut() else { return };
        settling.absent.retain(|key, marks| *marks != 0 || !which(key));
        let asked = settling.asked;
        let fetches = settling.fetches.iter_mut().filter(|(key, _)| which(key));
        fetches.for_each(|(_, fetch)| fetch.void_upto = asked);
    }

    /// Keys that begin so belong to a table from now on, which may have rows. What was removed before was none of them.
    pub(crate) fn begin_table(&mut self, prefix: &[u8]) {
        self.record_leaves(prefix);
        self.forget_absent(&|key| key.starts_with(prefix));
        let Some(settling) = self.settling_mut().filter(|settling| settling.tombstones != 0) else { return };
        let removed =
            settling.absent.iter_mut().filter(|(key, marks)| **marks != 0 && key.starts_with(prefix));
        removed.for_each(|(_, marks)| *marks |= PLAIN);
    }

    /// Whether the key may be taken out of memory: the store has what it holds, and nobody needs it here, nor does an index.
    #[inline]
    pub(crate) fn may_evict(&self, hash: u64, entry: &Entry) -> bool {
        !entry.has(mark::UNSETTLED | mark::SETTLING)
            && self.settling().is_some_and(|settling| !settling.is_pinned(hash))
            && !self.has_to_stay(entry)
    }

    /// Takes a settled entry out of memory. False if it may not be. Whoever watches the key is not told: nothing has changed.
    pub(crate) fn evict(&mut self, hash: u64, key: &[u8]) -> bool {
        if !self.get(hash, key).is_some_and(|entry| self.may_evict(hash, &entry)) {
            return false;
        }
        if let Some(settling) = self.settling_mut()
            && !settling.stamps.is_empty()
        {
            settling.stamps.remove(key);
        }
        self.record_leaves(key);
        self.discard(hash, key)
    }

    /// Somebody else has changed the row of this key: what memory knows of it is void, unless it is to be settled; then it is
    /// doubtful what the store has once it has.
    pub(crate) fn forget(&mut self, hash: u64, key: &[u8]) {
        self.record_leaves(key);
        let Some(settling) = self.settling_mut() else { return };
        if let Some(fetch) = settling.fetches.get_mut(key) {
            fetch.void_upto = settling.asked;
        }
        if settling.absent.get(key) == Some(&0) {
            settling.absent.remove(key);
        }
        if self.is_unsettled(hash, key) {
            if let Some(settling) = self.settling_mut() {
                settling.doubtful.insert(key.into());
            }
        } else if self.get(hash, key).is_some() {
            if let Some(settling) = self.settling_mut() {
                settling.stamps.remove(key);
            }
            self.discard(hash, key);
        }
    }

    /// Drops an unsettled change: what the store has counts again.
    pub(crate) fn give_up_change(&mut self, hash: u64, key: &[u8]) {
        let (table, settling) = self.table_and_settling();
        let Some(settling) = settling else { return };
        settling.appears(key);
        settling.quarantined.remove(key);
        settling.doubtful.remove(key);
        let Some(mut entry) = table.get_mut(hash, key) else { return };
        if entry.has(mark::UNSETTLED) {
            settling.count(-signed(entry.heap_bytes()), -1);
        }
        entry.set_marks(0, mark::UNSETTLED | mark::SETTLING);
        drop(entry);
        self.forget(hash, key);
    }

    /// Somebody needs this key, and hears of it once it is there, if it is not. The key stays until [`Space::unpin`].
    pub(crate) fn ask(&mut self, hash: u64, key: &[u8], waiting: &Arc<Waiting>) -> Asked {
        let here = self.get(hash, key).is_some();
        let Some(settling) = self.settling_mut() else { return Asked::Here };
        *settling.pins.entry(hash).or_insert(0) += 1;
        if here || settling.knows_absent(key) {
            return Asked::Here;
        }
        let known = settling.fetches.len();
        let asked = settling.asked;
        let fetch = settling.fetches.entry(key.into()).or_insert_with(|| Fetch::new(asked));
        fetch.waiting.push(Arc::clone(waiting));
        if settling.fetches.len() == known { Asked::Coming } else { Asked::Ask }
    }

    /// The store is about to be asked for this key: an answer is only good if the key does not change until it comes. Returns
    /// the number of the question.
    pub(crate) fn begin_fetch(&mut self, hash: u64, key: &[u8]) -> u64 {
        let cold = self.is_cold(hash, key);
        let Some(settling) = self.settling_mut() else { return 0 };
        let asked = settling.asked;
        settling.asked += 1;
        if cold {
            settling.fetches.entry(key.into()).or_insert_with(|| Fetch::new(asked));
        }
        settling.asked
    }

    /// A key need not stay any longer on behalf of one who asked for it.
    pub(crate) fn unpin(&mut self, hash: u64) {
        let Some(settling) = self.settling_mut() else { return };
        if let Some(count) = settling.pins.get_mut(&hash) {
            *count -= 1;
            if *count == 0 {
                settling.pins.remove(&hash);
            }
        }
    }

    /// The answer to this question has come: a row, or that there is none. It is put where nothing is known of the key; those
    /// who wait are returned, or none if the row has to be asked for again because the key has changed.
    pub(crate) fn arrive(
        &mut self,
        hash: u64,
        key: &[u8],
        question: u64,
        row: Option<Arrived<'_>>,
    ) -> Option<Vec<Arc<Waiting>>> {
        let cold = self.is_cold(hash, key);
        let settling = self.settling_mut()?;
        let Some(fetch) = settling.fetches.get(key) else { return Some(Vec::new()) };
        if cold && question <= fetch.void_upto {
            return None;
        }
        let waiting = settling.fetches.remove(key).map(|fetch| fetch.waiting).unwrap_or_default();
        if cold {
            match row {
                None => settling.know_absent(key),
                Some(Arrived { mut entry, stamp, tags }) => {
                    if stamp != 0 {
                        settling.stamps.insert(key.into(), stamp);
                    }
                    entry.set_marks(mark::FETCHED | mark::STORED, mark::UNSETTLED | mark::SETTLING);
                    self.insert(hash, entry);
                    let tags: Vec<&[u8]> = tags.iter().map(Vec::as_slice).collect();
                    self.fetch_tags(hash, key, &tags);
                }
            }
        }
        Some(waiting)
    }

    /// A row cannot be had: whoever waits is returned.
    pub(crate) fn give_up_fetch(&mut self, key: &[u8]) -> Vec<Arc<Waiting>> {
        let fetch = self.settling_mut().and_then(|settling| settling.fetches.remove(key));
        fetch.map(|fetch| fetch.waiting).unwrap_or_default()
    }

    /// The stamp of the row that this entry came from.
    pub(crate) fn stamp(&self, key: &[u8]) -> Option<u64> {
        self.settling().and_then(|settling| settling.stamps.get(key).copied())
    }

    /// Notes it anew when the log is read back.
    pub(crate) fn set_stamp(&mut self, hash: u64, key: &[u8], stamp: u64) {
        let (table, settling) = self.table_and_settling();
        if let (Some(settling), Some(mut entry)) = (settling, table.get_mut(hash, key)) {
            entry.set_marks(mark::STORED, 0);
            settling.stamps.insert(key.into(), stamp);
        }
    }

    /// Keys that begin so and have not settled, and of what type they are; none if they are gone.
    pub(crate) fn unsettled_keys(&self, prefix: &[u8], now_ms: u64) -> Vec<(Box<[u8]>, Option<Kind>)> {
        let is_unsettled = |entry: &EntryRef<'_>| entry.is_unsettled() && entry.key().starts_with(prefix);
        let there = self.table().iter().filter(is_unsettled);
        let there = there.map(|entry| (Box::from(entry.key()), entry.kind_at(now_ms)));
        let gone = self.tombstones().filter(|key| key.starts_with(prefix));
        there.chain(gone.map(|key| (Box::from(key), None))).collect()
    }

    /// Unsettled tombstones, for a checkpoint.
    pub(crate) fn tombstones(&self) -> impl Iterator<Item = &[u8]> {
        let absent = self.settling().into_iter().flat_map(|settling| &settling.absent);
        absent.filter(|(_, marks)| **marks != 0).map(|(key, _)| &**key)
    }

    /// Every entry is to be settled: there is a store that has nothing of them.
    pub(crate) fn unsettle_all(&mut self, version: u64, now_ms: u64) {
        let hasher = self.table().hasher().stable;
        let keys: Vec<Box<[u8]>> = self.table().iter().map(|entry| entry.key().into()).collect();
        for key in keys {
            // Whatever the store has of a watermark, it means none of these.
            self.note_change(hasher.of(&key), &key, 1, now_ms);
            if let Some(settling) = self.settling_mut() {
                settling.recovered.insert(hasher.of(&key), version);
            }
        }
        if let Some(settling) = self.settling_mut() {
            settling.quarantined.clear();
            settling.share_counts();
        }
    }
}

impl Settling {
    /// A key is gone: the store has to hear of it.
    fn bury(&mut self, due: Due, key: &[u8]) {
        let marks = self.absent.entry(key.into()).or_insert(0);
        let was = *marks;
        *marks |= mark::UNSETTLED;
        self.tombstones += usize::from(was == 0);
        if was & mark::UNSETTLED == 0 {
            self.count(tombstone_bytes(key), 1);
            self.due.push_back(due);
        }
    }
}

#[inline]
pub(super) fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "settling_tests.rs"]
mod tests;
