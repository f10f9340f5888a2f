//! Dictionaries: what many values have in common, so that a short one compresses.
//!
//! A value names its dictionary by a number, which is a checksum of its content unless another has that. All databases of
//! a process share one table of them: an entry has room for a number, not for a pointer, and dictionaries with the same content
//! are the same.
//!
//! What must hold: a dictionary never changes and, once it is in the table, stays as long as the process. So they are small, see
//! [`BYTES_MAX`], and a process makes no more than [`LEARNT_MAX`]. Finding one takes no lock.

use super::lz4::{self, Places};
use super::{HEAD_BYTES_MAX, Method, bytes_max};
use crc_fast::CrcAlgorithm;
use parking_lot::Mutex;
use std::sync::OnceLock;

/// The length of a dictionary, at most. Twice as much saves 3% of a record of 200 bytes and takes twice the cache.
pub(crate) const BYTES_MAX: usize = 8 << 10;

/// The bytes of a number. Two contents of any number of folders should have one only by a wonder: four bytes are too few.
pub(super) const ID_BYTES: usize = 6;
const ID_MAX: u64 = (1 << (8 * ID_BYTES)) - 1;

/// What the keys of system entries with dictionaries begin with; the number follows, in twelve hexadecimal digits.
pub(crate) const ENTRY_PREFIX: &[u8] = b"dictionary:";
/// Their values begin with it; the class (u16, little-endian) and the content follow.
const ENTRY_VERSION: u8 = 1;

/// With so many in the process no more are made. What folders bring has to be taken.
const LEARNT_MAX: usize = 4096;

/// A power of two.
const PLACES: usize = 4096;

/// The first of those whose numbers end alike.
static DICTIONARIES: [OnceLock<&'static Dictionary>; PLACES] = [const { OnceLock::new() }; PLACES];
/// How many there are; whoever adds one holds it.
static COUNT: Mutex<usize> = Mutex::new(0);

/// What values are compressed with.
pub(crate) struct Dictionary {
    id: u64,
    content: Box<[u8]>,
    places: OnceLock<Places>,
    #[cfg(feature = "zstd")]
    pub(super) tables: super::zstd::Tables,
    /// Another one whose number ends alike.
    next: OnceLock<&'static Dictionary>,
}

/// Another dictionary in this process has the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken;

impl Dictionary {
    /// The dictionary of this number.
    #[inline]
    pub(crate) fn find(id: u64) -> Option<&'static Self> {
        let mut place = Self::first_place(id);
        while let Some(&dictionary) = place.get() {
            if dictionary.id == id {
                return Some(dictionary);
            }
            place = &dictionary.next;
        }
        None
    }

    #[inline]
    fn first_place(id: u64) -> &'static OnceLock<&'static Self> {
        #[expect(clippy::cast_possible_truncation, reason = "its last bits are meant")]
        let low = id as usize;
        &DICTIONARIES[low % PLACES]
    }

    /// A dictionary of this content, with a number that no other one has; none if there are many already.
    pub(crate) fn new(content: &[u8]) -> Option<&'static Self> {
        let mut id = (crc_fast::checksum(CrcAlgorithm::Crc64Nvme, content) & ID_MAX).max(1);
        loop {
            if Self::find(id).is_none() && *COUNT.lock() >= LEARNT_MAX {
                return None;
            }
            match Self::with_id(id, content) {
                Err(Taken) => id = (id.wrapping_add(1) & ID_MAX).max(1),
                Ok(dictionary) => return Some(dictionary),
            }
        }
    }

    /// The dictionary of this content that has this number already, on a disk.
    pub(crate) fn with_id(id: u64, content: &[u8]) -> Result<&'static Self, Taken> {
        let mut count = COUNT.lock();
        let mut place = Self::first_place(id);
        while let Some(&known) = place.get() {
            if known.id == id {
                return if *known.content == *content { Ok(known) } else { Err(Taken) };
            }
            place = &known.next;
        }
        *count += 1;
        Ok(place.get_or_init(|| {
            Box::leak(Box::new(Self {
                id,
                content: content.into(),
                places: OnceLock::new(),
                #[cfg(feature = "zstd")]
                tables: super::zstd::Tables::default(),
                next: OnceLock::new(),
            }))
        }))
    }

    /// The dictionary that a system entry keeps, and the class of values that it is for; none if it is none of this version.
    pub(crate) fn from_entry(key: &[u8], value: &[u8]) -> Option<Result<(&'static Self, u16), Taken>> {
        let id = std::str::from_utf8(key.strip_prefix(ENTRY_PREFIX)?).ok()?;
        let id = u64::from_str_radix(id, 16).ok().filter(|id| (1..=ID_MAX).contains(id))?;
        let (&[ENTRY_VERSION, low, high], content) = value.split_first_chunk()? else { return None };
        if content.len() > lz4::DICTIONARY_BYTES_MAX {
            return None;
        }
        Some(Self::with_id(id, content).map(|dictionary| (dictionary, u16::from_le_bytes([low, high]))))
    }

    /// Key and value of the system entry that keeps it.
    pub(crate) fn to_entry(&self, class: u16) -> (Vec<u8>, Vec<u8>) {
        let key = [ENTRY_PREFIX, format!("{:012x}", self.id).as_bytes()].concat();
        let [low, high] = class.to_le_bytes();
        (key, [&[ENTRY_VERSION, low, high], &*self.content].concat())
    }

    /// What a value names it by.
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Its bytes.
    #[inline]
    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }

    /// Bytes of memory.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.content.len() + self.places.get().map_or(0, Places::heap_bytes)
    }

    #[inline]
    pub(super) fn places(&self) -> &Places {
        self.places.get_or_init(|| Places::of(&self.content))
    }
}

/// For how many of these values a dictionary of this content would pay. Nothing is kept.
pub(crate) fn count_paid(method: Method, content: &[u8], samples: &[&[u8]]) -> usize {
    #[cfg(feature = "zstd")]
    if method == Method::Zstd {
        return super::zstd::count_paid(content, samples);
    }
    let _ = method;
    let (places, mut out) = (Places::of(content), Vec::new());
    let mut pays = |raw: &[u8]| {
        out.clear();
        bytes_max(raw.len(), HEAD_BYTES_MAX)
            .is_some_and(|bytes_max| lz4::compress(raw, content, Some(&places), bytes_max, &mut out))
    };
    samples.iter().filter(|raw| pays(raw)).count()
}

/// The content of a dictionary for values like these; empty if that is not worth it.
pub(crate) fn train(method: Method, samples: &[&[u8]]) -> Vec<u8> {
    #[cfg(feature = "zstd")]
    if method == Method::Zstd
        && let Some(content) = super::zstd::train(samples)
    {
        return content;
    }
    let _ = method;
    // From all over what was seen, so that what came first does not stand for all.
    let bytes: usize = samples.iter().map(|sample| sample.len()).sum();
    let every = bytes.div_ceil(BYTES_MAX).max(1);
    let mut content = Vec::with_capacity(BYTES_MAX);
    for sample in samples.iter().step_by(every) {
        let fitting = &sample[..sample.len().min(BYTES_MAX - content.len())];
        content.extend_from_slice(fitting);
    }
    content
}

const _: () = assert!(BYTES_MAX <= lz4::DICTIONARY_BYTES_MAX);
