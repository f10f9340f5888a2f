//! Which values are compressed, and with which dictionary.
//!
//! Values are told apart by what their keys begin with, up to the first colon, which for records is the table: such values look
//! alike. There are a fixed number of *classes*, to one of which a prefix belongs by its hash; two that fall together share a
//! dictionary, which costs nothing but some of the gain. A class collects samples of what is set, until there are enough to make
//! a dictionary of ([`Compression::learn`]); until then its values are compressed by themselves, where that pays. Samples take up to
//! 64 KiB a class for that while.
//!
//! What must hold: a dictionary is used only once the log has it, so that no value is recovered without its dictionary; a
//! class has one dictionary for ever, whatever the method. Left out: compressing what lies there already when compression is
//! turned on, and learning anew when values come to look otherwise.

use super::Keyspace;
use super::entry::{Entry, EntryRef, View};
use super::item::Item as _;
use crate::effect::{Malformed, SYSTEM_DB};
use crate::error::{Error, ErrorKind};
use crate::value::compressed::dictionary::{Dictionary, ENTRY_PREFIX, Taken, count_paid, train};
use crate::value::compressed::{Compressed, DICTIONARY_INPUT_MAX, Method, compress};
use crate::value::{Kind, Value, codec};
use parking_lot::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed};

/// A power of two.
const CLASSES: usize = 1024;
/// A dictionary is made of so many bytes of samples: it should be small beside the values that it is for.
const SAMPLES_BYTES: usize = 64 << 10;
/// Longer values are no samples.
const SAMPLE_BYTES_MAX: usize = 4 << 10;
/// After so many values in a row for which compression did not pay ...
const FUTILE_MAX: u32 = 64;
/// ... it is tried for one in so many.
const FUTILE_EVERY: u32 = 32;

/// How values are compressed in a database, and what was learnt for that.
pub(crate) struct Compression {
    method: AtomicU8,
    /// Shorter values are left as they are.
    bytes_min: AtomicUsize,
    /// None before the first value that may be compressed.
    classes: OnceLock<Box<[Class]>>,
    /// Some class has enough samples.
    is_ready: AtomicBool,
    /// Why a dictionary that a folder has cannot be used.
    refusal: Mutex<Option<Error>>,
}

/// Values that look alike.
#[derive(Default)]
struct Class {
    dictionary: OnceLock<&'static Dictionary>,
    samples: Mutex<Samples>,
    /// No samples are wanted: there are enough, or they have been of no use.
    is_closed: AtomicBool,
    /// For how many values in a row it did not pay.
    futile: AtomicU32,
}

#[derive(Default)]
struct Samples {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// What was made of them and could not be kept yet.
    learnt: Option<&'static Dictionary>,
}

/// What was learnt of a class: what has to be kept before it is used.
pub(crate) struct Learnt {
    class: u16,
    dictionary: &'static Dictionary,
}

impl Learnt {
    /// Key and value of the system entry.
    pub(crate) fn entry(&self) -> (Vec<u8>, Vec<u8>) {
        self.dictionary.to_entry(self.class)
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            method: AtomicU8::new(Method::None as u8),
            bytes_min: AtomicUsize::new(BYTES_MIN_DEFAULT),
            classes: OnceLock::new(),
            is_ready: AtomicBool::new(false),
            refusal: Mutex::default(),
        }
    }
}

/// `compression-min-bytes`, if nothing else is said.
pub(crate) const BYTES_MIN_DEFAULT: usize = 64;

/// The class of the values of a key, or of the records of a table.
#[derive(Clone, Copy)]
pub(crate) struct ClassNumber(u16);

impl ClassNumber {
    /// Of the string of a key.
    #[inline]
    pub(crate) fn of_key(key: &[u8]) -> Self {
        Self::of(key.split(|byte| *byte == b':').next().filter(|prefix| prefix.len() < key.len()), 0)
    }

    /// Of the records of a table.
    #[inline]
    pub(crate) fn of_table(table: &[u8]) -> Self {
        Self::of(Some(table), 1)
    }

    fn of(prefix: Option<&[u8]>, salt: u32) -> Self {
        // Kept in system entries: the hash must not change.
        let hash = crc_fast::crc32_iscsi(prefix.unwrap_or_default()).wrapping_add(salt);
        #[expect(clippy::cast_possible_truncation, reason = "there are 1,024 classes")]
        Self((hash % CLASSES as u32) as u16)
    }
}

impl Compression {
    /// Whether anything is compressed.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.method.load(Relaxed) != Method::None as u8
    }

    /// How.
    pub(crate) fn method(&self) -> Method {
        let number = self.method.load(Relaxed);
        [Method::Lz4, Method::Zstd].into_iter().find(|method| *method as u8 == number).unwrap_or_default()
    }

    /// Changes that, from the next value on.
    pub(crate) fn set_method(&self, method: Method) {
        if self.method.swap(method as u8, Relaxed) != method as u8 {
            self.classes.get().into_iter().flatten().for_each(|class| class.futile.store(0, Relaxed));
        }
    }

    fn classes(&self) -> &[Class] {
        self.classes.get_or_init(|| (0..CLASSES).map(|_| Class::default()).collect())
    }

    /// The length from which values are compressed.
    #[inline]
    pub(crate) fn bytes_min(&self) -> usize {
        self.bytes_min.load(Relaxed)
    }

    /// Changes that, from the next value on.
    pub(crate) fn set_bytes_min(&self, bytes: usize) {
        self.bytes_min.store(bytes, Relaxed);
    }

    /// Puts the compressed form of a value into `out`. False if it is not to be compressed, or that does not pay.
    pub(crate) fn compress(&self, class: ClassNumber, kind: Kind, raw: &[u8], out: &mut Vec<u8>) -> bool {
        let method = self.method();
        if method == Method::None || raw.len() < self.bytes_min() {
            return false;
        }
        if raw.len() > DICTIONARY_INPUT_MAX {
            return compress(method, kind, raw, None, out);
        }
        let class = &self.classes()[usize::from(class.0)];
        let dictionary = class.dictionary.get().copied();
        if dictionary.is_none() && !class.is_closed.load(Relaxed) && class.sample(raw) {
            self.is_ready.store(true, Relaxed);
        }
        if class.seems_futile() {
            return false;
        }
        let pays = compress(method, kind, raw, dictionary, out);
        class.note(pays);
        pays
    }

    /// An entry for a value, compressed if that pays.
    pub(crate) fn entry_of(&self, key: &[u8], value: Value, expire_at_ms: u64) -> Entry {
        let mut form = Vec::new();
        let pays = match &value {
            Value::Str(text) => self.compress(ClassNumber::of_key(key), Kind::Str, text, &mut form),
            Value::Json(_) if self.is_on() => {
                let mut raw = Vec::new();
                codec::encode(&value, &mut raw);
                let table = key.split(|byte| *byte == b':').next().unwrap_or_default();
                self.compress(ClassNumber::of_table(table), Kind::Json, &raw, &mut form)
            }
            _ => false,
        };
        if pays {
            return Entry::compressed(key, Compressed::of_made(&form), expire_at_ms);
        }
        Entry::of(key, value, expire_at_ms)
    }

    /// Makes dictionaries of samples where there are enough. What it returns has to be kept first, then used.
    pub(crate) fn learn(&self) -> Vec<Learnt> {
        if !self.is_ready.swap(false, Relaxed) {
            return Vec::new();
        }
        let method = self.method();
        let numbered = (0_u16..).zip(self.classes());
        numbered
            .filter(|(_, class)| class.is_closed.load(Relaxed) && class.dictionary.get().is_none())
            .filter_map(|(number, class)| {
                class.learn(method).map(|dictionary| Learnt { class: number, dictionary })
            })
            .collect()
    }

    /// From now on values are compressed with it.
    pub(crate) fn begin_to_use(&self, learnt: &Learnt) {
        self.adopt(learnt.class, learnt.dictionary);
    }

    /// What was learnt could not be kept: it is tried again.
    pub(crate) fn keep_later(&self, learnt: &Learnt) {
        self.classes()[usize::from(learnt.class)].samples.lock().learnt = Some(learnt.dictionary);
        self.is_ready.store(true, Relaxed);
    }

    fn adopt(&self, class: u16, dictionary: &'static Dictionary) {
        if let Some(class) = self.classes().get(usize::from(class)) {
            // The first one counts; another was for values that have it by its number.
            let _ = class.dictionary.set(dictionary);
            class.futile.store(0, Relaxed);
            class.is_closed.store(true, Relaxed);
        }
    }

    /// Why a record of the log was refused, if it was for its dictionary.
    pub(crate) fn take_refusal(&self) -> Option<Error> {
        self.refusal.lock().take()
    }

    /// How many dictionaries there are, and their bytes.
    pub(crate) fn dictionaries(&self) -> (usize, usize) {
        let used = self.classes.get().into_iter().flatten().filter_map(|class| class.dictionary.get());
        used.fold((0, 0), |(count, bytes), dictionary| (count + 1, bytes + dictionary.heap_bytes()))
    }
}

impl Class {
    /// Keeps a sample. True if there are enough now.
    fn sample(&self, raw: &[u8]) -> bool {
        if raw.len() > SAMPLE_BYTES_MAX {
            return false;
        }
        // Whoever comes while another does so does without.
        let Some(mut samples) = self.samples.try_lock() else { return false };
        samples.bytes.extend_from_slice(raw);
        let end = samples.bytes.len();
        samples.ends.push(end);
        end >= SAMPLES_BYTES && !self.is_closed.swap(true, Relaxed)
    }

    /// Makes a dictionary of the samples, if values become smaller with it.
    fn learn(&self, method: Method) -> Option<&'static Dictionary> {
        let samples = std::mem::take(&mut *self.samples.lock());
        if samples.learnt.is_some() {
            return samples.learnt;
        }
        let starts = std::iter::once(&0).chain(&samples.ends);
        let samples: Vec<&[u8]> =
            starts.zip(&samples.ends).map(|(&start, &end)| &samples.bytes[start..end]).collect();
        if samples.is_empty() {
            return None;
        }
        // What it is tried on must not be what it is made of.
        let (tried, learnt): (Vec<_>, Vec<_>) = samples.iter().enumerate().partition(|(at, _)| at % 4 == 0);
        let learnt: Vec<&[u8]> = learnt.into_iter().map(|(_, sample)| *sample).collect();
        let content = train(method, &learnt);
        let tried: Vec<&[u8]> = tried.into_iter().map(|(_, sample)| *sample).collect();
        let is_useful = count_paid(method, &content, &tried) * 4 >= tried.len();
        is_useful.then(|| Dictionary::new(&content)).flatten()
    }

    /// Whether it is better not to try.
    #[inline]
    fn seems_futile(&self) -> bool {
        let futile = self.futile.load(Relaxed);
        if futile < FUTILE_MAX {
            return false;
        }
        self.futile.store(futile.wrapping_add(1).max(FUTILE_MAX), Relaxed);
        !futile.is_multiple_of(FUTILE_EVERY)
    }

    #[inline]
    fn note(&self, pays: bool) {
        let futile = self.futile.load(Relaxed);
        if pays && futile != 0 {
            self.futile.store(0, Relaxed);
        } else if !pays {
            self.futile.store(futile.saturating_add(1), Relaxed);
        }
    }
}

impl Keyspace {
    /// Takes a system entry with a dictionary, if it is one.
    pub(crate) fn adopt_dictionary(&self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        if !key.starts_with(ENTRY_PREFIX) {
            return Ok(());
        }
        let name = String::from_utf8_lossy(key);
        let text = match Dictionary::from_entry(key, value) {
            Some(Ok((dictionary, class))) => {
                self.compression.adopt(class, dictionary);
                return Ok(());
            }
            Some(Err(Taken)) => format!(
                "'{name}' is also a dictionary of another database in this process: open it in one of its own"
            ),
            None => format!("'{name}' was written by a newer version: run that one"),
        };
        Err(Error::new(ErrorKind::Newer, text))
    }

    /// The same while the log is replayed; what is refused is told by [`Compression::take_refusal`].
    pub(super) fn replay_dictionary(&self, key: &[u8], value: &[u8]) -> Result<(), Malformed> {
        self.adopt_dictionary(key, value).map_err(|error| {
            self.compression.refusal.lock().get_or_insert(error);
            Malformed
        })
    }

    /// Takes all dictionaries that lie in these shards' system entries.
    pub(crate) fn adopt_dictionaries(&self) -> Result<(), Error> {
        for shard in 0..self.shards() {
            let part = self.lock(shard);
            let Some(space) = part.space(self.space_of(SYSTEM_DB)) else { continue };
            for entry in space.table().iter().filter(|entry| entry.key().starts_with(ENTRY_PREFIX)) {
                let text = entry.str().map(|text| text.whole().into_owned()).unwrap_or_default();
                self.adopt_dictionary(entry.key(), &text)?;
            }
        }
        Ok(())
    }

    /// Unpacks all that is compressed, by as many threads, and looks whether it can be read.
    pub(crate) fn check_compressed(&self, threads: usize) -> Result<(), Error> {
        let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
        let work = || {
            loop {
                let shard = next.fetch_add(1, Relaxed);
                if shard >= self.shards() || failed.lock().is_some() {
                    return;
                }
                if let Some(key) = self.unreadable_in(shard) {
                    failed.lock().get_or_insert(key);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.min(self.shards()) {
                // With fewer threads it takes longer.
                let _ = std::thread::Builder::new().name("check".to_owned()).spawn_scoped(scope, work);
            }
            work();
        });
        match failed.into_inner() {
            None => Ok(()),
            Some(key) => {
                let text = format!(
                    "the compressed value of the key '{}' cannot be read: it is damaged, its dictionary is missing, or this build cannot unpack it",
                    String::from_utf8_lossy(&key)
                );
                Err(Error::new(ErrorKind::Damaged, text))
            }
        }
    }

    /// A key whose compressed value cannot be read.
    fn unreadable_in(&self, shard: usize) -> Option<Box<[u8]>> {
        let part = self.lock(shard);
        let mut room = Vec::new();
        let mut is_readable = |entry: &EntryRef<'_>| match entry.view() {
            View::Compressed(value) => value.check(&mut room),
            _ => true,
        };
        let spaces = self.all_databases().filter_map(|db| part.space(self.space_of(db)));
        spaces.filter(|space| space.compressed().values > 0).find_map(|space| {
            space.table().iter().find(|entry| !is_readable(entry)).map(|entry| entry.key().into())
        })
    }
}
