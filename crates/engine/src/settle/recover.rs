//! Opening a folder with a store: whose the store is, what has settled, what has still to.
//!
//! | the folder | the store | decision |
//! |---|---|---|
//! | never had one | new | all that is in memory is unsettled |
//! | never had one | has rows of this folder | a claim was cut short: as above; versions go on above the store's |
//! | has this one | knows the folder | what lies above the watermark is unsettled |
//! | has one | another one, or an older copy | refused, unless the operator decides |
//! | an older copy | has gone on | refused, unless the operator decides |
//!
//! What must hold: which store a folder has, and by how much versions are ahead of the log, is known to the log before anything
//! is settled under it.

use super::lane::Worker;
use super::loader::Loader;
use super::quarantine::Quarantine;
use super::rest::Rest;
use super::stats::Stats;
use super::tell::Teller;
use super::{Attach, Knobs, LaneState, Settle, StoreOptions, Waits};
use crate::error::{Error, ErrorKind};
use crate::io::Clock;
use crate::log::Log;
use crate::record::{Definition, Name, Stored};
use crate::shard::Shards;
use crate::store::{Claim, Claimed, StoreError};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// The system entry that says to which store a folder belongs: the epoch, the base of versions, whether all that was there at the
/// beginning has settled, and where it is.
const ATTACHED: &[u8] = b"store:attached";

/// What a folder knows of its store.
struct Attached {
    epoch: u64,
    base: u64,
    is_filled: bool,
    address: String,
}

fn attached(shards: &Shards) -> Option<Attached> {
    let text = String::from_utf8(shards.system_get(ATTACHED)?).ok()?;
    let mut words = text.splitn(4, ' ');
    let (epoch, base) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let is_filled = words.next()? == "filled";
    Some(Attached { epoch, base, is_filled, address: words.next()?.to_owned() })
}

fn set_attached(shards: &Shards, attached: &Attached) -> Result<(), Error> {
    let Attached { epoch, base, is_filled, address } = attached;
    let state = if *is_filled { "filled" } else { "filling" };
    let entry = format!("{epoch} {base} {state} {address}");
    shards.system_set(ATTACHED, entry.as_bytes()).map(drop).map_err(|fail| failed(&fail.0))
}

/// Where the changes of this folder settle, if it has a store.
pub(crate) fn address_of(shards: &Shards) -> Option<String> {
    attached(shards).map(|attached| attached.address)
}

/// The folder has no store from now on: what has not settled does not, what was evicted is not there.
pub(crate) fn detach(shards: &Shards) -> Result<(), Error> {
    shards.system_delete(ATTACHED).map(drop).map_err(|fail| failed(&fail.0))
}

fn failed(text: &str) -> Error {
    Error::new(ErrorKind::Failed, text.to_owned())
}

fn refused(store: &dyn crate::store::Store, error: &StoreError) -> Error {
    use crate::store::ErrorKind as Kind;
    let what_to_do = match error.kind {
        Kind::Foreign | Kind::Fenced => {
            "; if that is meant to be, decide once what counts: `store-attach memory` writes all that is in memory to the store, `store-attach store` drops what is in memory"
        }
        Kind::Owned => "; end the other one, or give this one other tables or another schema",
        _ => "",
    };
    let kind = match error.kind {
        Kind::Newer => ErrorKind::Newer,
        Kind::Owned | Kind::Foreign | Kind::Fenced => ErrorKind::Owned,
        Kind::Unavailable | Kind::InDoubt | Kind::Busy => ErrorKind::Failed,
        _ => ErrorKind::Invalid,
    };
    Error::new(kind, format!("the store {}: {error}{what_to_do}", store.describe()))
}

impl Settle {
    /// Claims the store for a folder that has been read back, and says what of it is unsettled.
    pub(crate) fn open(
        shards: Arc<Shards>,
        clock: Arc<dyn Clock>,
        database_id: u128,
        options: &StoreOptions,
    ) -> Result<Arc<Self>, Error> {
        let log = shards.log.as_ref().ok_or_else(|| failed("a store needs a folder for the log"))?;
        let known = attached(&shards);
        let lanes = options.lanes.clamp(1, u32::try_from(shards.keyspace.shards()).unwrap_or(1));
        let claim = Claim {
            database_id,
            epoch: known.as_ref().map_or(0, |known| known.epoch),
            owner: format!("process {}", std::process::id()),
            lanes,
            takes_over: false,
            read_only: options.read_only,
        };
        let appended = log.appended();
        let highest = known.as_ref().map(|known| known.base + appended);
        let ((claimed, has_tags), attach) =
            claimed(options, claim, highest).map_err(|error| refused(&*options.store, &error))?;
        let base = match (&known, attach) {
            (Some(known), None) => known.base,
            // Whatever the store has, what is in memory and what comes now is later.
            _ => {
                let next = claimed.version + u64::from(claimed.version != 0);
                next.saturating_sub(appended).max(known.as_ref().map_or(0, |known| known.base))
            }
        };
        if claimed.version > base + appended {
            let text = format!(
                "the store {} is ahead of this folder, which is an older copy: restore the newer one, or decide once what counts: `store-attach store` drops what is in memory",
                options.store.describe()
            );
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let is_empty = |db| shards.keyspace.database_counts(db).keys == 0;
        let is_filled = options.read_only
            || known.is_none() && (0..shards.keyspace.databases()).all(is_empty)
            || attach == Some(Attach::Store)
            || attach.is_none() && known.as_ref().is_some_and(|known| known.is_filled);
        if attach == Some(Attach::Store) {
            shards.empty_memory().map_err(|fail| failed(&fail.0))?;
        }
        if attach == Some(Attach::Store) || known.is_none() {
            adopt_tables(&shards, &*options.store)?;
        }
        let is_tagged = shards.keyspace.has_tags();
        if is_tagged && !options.store.keeps_tags() {
            let text = format!(
                "the store {} does not keep tags, and keys of this folder have some: remove these first, or take another store",
                options.store.describe()
            );
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        shards.behind.is_tagged.store(is_tagged || has_tags, Relaxed);
        shards.behind.keeps_tags.store(options.store.keeps_tags(), Relaxed);
        let quarantine = Quarantine::recover(&shards);
        recover(&shards, is_filled, &claimed, base);
        if !options.read_only {
            let address = options.store.describe();
            set_attached(&shards, &Attached { epoch: claimed.epoch, base, is_filled, address })?;
            log.sync()?;
        }
        Ok(Self::assemble(shards, clock, options, &claimed, base, is_filled, quarantine))
    }

    fn assemble(
        shards: Arc<Shards>,
        clock: Arc<dyn Clock>,
        options: &StoreOptions,
        claimed: &Claimed,
        base: u64,
        is_filled: bool,
        quarantine: Quarantine,
    ) -> Arc<Self> {
        let behind = &shards.behind;
        behind.unsettled_bytes_max.store(options.unsettled_bytes_max, Relaxed);
        behind.refuses.store(options.refuses_at_max, Relaxed);
        behind.may_flush.store(options.may_flush, Relaxed);
        behind.is_read_only.store(options.read_only, Relaxed);
        shards.recover_flushes();
        let marked = |position: &crate::store::Position| {
            if is_filled { position.watermark.saturating_sub(base) } else { 0 }
        };
        let lane = |position: &crate::store::Position| LaneState {
            watermark: AtomicU64::new(marked(position)),
            taken_ms: AtomicU64::new(u64::MAX),
        };
        let worker = |(number, position): (usize, &crate::store::Position)| {
            Mutex::new(Worker::new(number, position.sequence, marked(position)))
        };
        let opened_ms = clock.now_ms();
        let settle = Arc::new(Self {
            store: Arc::clone(&options.store),
            knobs: Knobs {
                flush_interval_ms: AtomicU64::new(options.flush_interval_ms),
                flush_bytes: AtomicU64::new(options.flush_bytes),
                quarantine_bytes_max: AtomicU64::new(options.quarantine_bytes_max),
                evict_interval_ms: AtomicU64::new(options.evict_interval_ms),
                outside_interval_ms: AtomicU64::new(options.outside_interval_ms),
            },
            stats: Stats::default(),
            quarantine,
            epoch: claimed.epoch,
            base,
            read_only: options.read_only,
            close_ms: options.close_ms,
            opened_ms,
            lanes: claimed.lanes.iter().map(lane).collect(),
            applied: AtomicU64::new(claimed.lanes.iter().map(marked).max().unwrap_or(0)),
            flights: super::lane::Flights::default(),
            workers: claimed.lanes.iter().enumerate().map(worker).collect(),
            loader: Loader::new(options.loaders.max(1)),
            keeper: Mutex::default(),
            spare: Mutex::default(),
            tables: Mutex::default(),
            waits: Mutex::new(Waits::default()),
            noted_ms: AtomicU64::new(0),
            wanted: Mutex::default(),
            indexes_due: Mutex::default(),
            cursors: Mutex::new(super::cursors::Cursors::new(clock.now_ms())),
            on_progress: std::sync::OnceLock::new(),
            told_lsn: AtomicU64::new(0),
            flush_all: AtomicBool::new(false),
            is_fenced: AtomicBool::new(false),
            filled_at: AtomicU64::new(if is_filled {
                0
            } else {
                shards.log.as_ref().map_or(0, Log::appended)
            }),
            rest: Rest::default(),
            teller: Teller::new(options.tell.clone()),
            threads: Mutex::default(),
            clock,
            shards,
        });
        let weak = Arc::downgrade(&settle);
        let fetch = move |cold, waited| {
            if let Some(settle) = weak.upgrade() {
                settle.fetch_for_waiters(cold, waited);
            }
        };
        let _ = settle.shards.behind.fetch_for_waiters.set(Box::new(fetch));
        settle
    }
}

impl Settle {
    /// Once all that was in memory when the folder got its store has settled, the folder knows that it has.
    pub(super) fn note_filled(&self) {
        let filled_at = self.filled_at.load(Relaxed);
        if filled_at == 0 || self.read_only || self.settled_lsn() < filled_at {
            return;
        }
        if let Some(known) = attached(&self.shards)
            && set_attached(&self.shards, &Attached { is_filled: true, ..known }).is_ok()
        {
            self.filled_at.store(0, Relaxed);
        }
    }
}

/// A folder that is new to a store has the tables that the store knows.
fn adopt_tables(shards: &Shards, store: &dyn crate::store::Store) -> Result<(), Error> {
    let tables = store.connect().and_then(|mut connection| connection.tables());
    for table in tables.map_err(|error| refused(store, &error))? {
        let key = Name::of_table(table.name.as_bytes());
        if shards.system_get(&key).is_some() {
            continue;
        }
        let stored = Stored {
            table: table.stored_as.map(String::into_boxed_str),
            key_column: table.key_column.map(String::into_boxed_str),
            data_column: table.data_column.map(String::into_boxed_str),
        };
        let definition = Definition { stored, ..Definition::bare(&table.name) };
        shards.system_set(&key, &definition.encode()).map_err(|fail| failed(&fail.0))?;
        shards.registry.put(definition);
    }
    Ok(())
}

/// Claims the store, and tells whether it has tags and what is decided by `store-attach`: nothing where folder and store fit each other
/// as they are, whose changes up to `highest` the folder knows. A decision that is left in a configuration would throw away each
/// time what has not settled.
fn claimed(
    options: &StoreOptions,
    mut claim: Claim,
    highest: Option<u64>,
) -> Result<((Claimed, bool), Option<Attach>), StoreError> {
    let try_claim = |claim: &Claim| {
        let mut connection = options.store.connect()?;
        let claimed = connection.claim(claim)?;
        Ok((claimed, connection.has_tags()?))
    };
    let Some(attach) = options.attach else { return try_claim(&claim).map(|found| (found, None)) };
    if let Some(highest) = highest {
        match try_claim(&claim) {
            Ok(found) if found.0.version <= highest => {
                if let Some(tell) = &options.tell {
                    tell(
                        "store-attach has nothing to decide, the folder and its store fit each other: leave it out",
                    );
                }
                return Ok((found, None));
            }
            Err(error) if error.passes() => return Err(error),
            _ => {}
        }
    }
    claim.takes_over = true;
    try_claim(&claim).map(|found| (found, Some(attach)))
}

/// Says of each key whether it has settled. `is_filled`: the store is the one that the folder knows, and has had all of it.
fn recover(shards: &Shards, is_filled: bool, claimed: &Claimed, base: u64) {
    let keyspace = &shards.keyspace;
    let appended = shards.log.as_ref().map_or(0, Log::appended);
    let mut forgotten = Vec::new();
    shards.system_each(b"forgotten:", |key, _| forgotten.push(key.to_vec()));
    for shard in 0..keyspace.shards() {
        let mut part = keyspace.lock(shard);
        part.last_lsn = part.last_lsn.max(appended);
        for db in 0..keyspace.databases() {
            let Some(space) = part.space_mut(keyspace.space_of(db)) else { continue };
            if is_filled {
                let lane = &claimed.lanes[shard % claimed.lanes.len()];
                space.recover_settled(lane.watermark.saturating_sub(base));
            } else {
                space.unsettle_all(appended, 0);
            }
            let mark = [b"forgotten:", db.to_string().as_bytes(), b":"].concat();
            for prefix in forgotten.iter().filter_map(|entry| entry.strip_prefix(&*mark)) {
                space.forget_all(prefix);
            }
        }
    }
}
