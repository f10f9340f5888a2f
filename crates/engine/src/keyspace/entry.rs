//! One key with its value, in one allocation.
//!
//! Owns the layout of an entry and its memory:
//!
//! ```text
//! header, 8 bytes   kind and flags (u8) | access clock (u24) | key length (u16) | embedded value length (14 bits) | what it is
//!                   (2 bits): a string, JSON, a compressed form
//! expiry, 8 bytes   absolute Unix time in milliseconds; only with EXPIRES
//! wide key, 8 bytes the key's length; only with WIDE (the key is 64 KiB or longer)
//! value pointer, 8  only with BOXED: a boxed `Value`
//! key bytes
//! value bytes       only without BOXED: a short string, short JSON in its codec, or a short compressed form
//! ```
//!
//! Integers are in native order: an entry never leaves memory. What must hold: the header alone tells the size of the
//! allocation, so that it can be freed and be compared with the size that a new value needs.

use super::item::{Borrowed, Item};
use crate::value::compressed::Compressed;
use crate::value::json::{Json, Node};
use crate::value::{Kind, Text, Value, codec, prefetch};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// Strings, and JSON and compressed forms with their heads, up to this length are kept in the entry itself.
pub(crate) const EMBEDDED_BYTES_MAX: usize = 1024;

/// In the length of the embedded value: it is compressed.
const COMPRESSED: u16 = 1 << 15;
/// In the same: it is JSON in its codec.
const JSON: u16 = 1 << 14;
const FORM: u16 = COMPRESSED | JSON;

/// The first two lines of an entry are fetched with it.
const FETCHED_BYTES: usize = 128;
const LINE_BYTES: usize = 64;

const BOXED: u8 = 1;
const EXPIRES: u8 = 2;
const WIDE: u8 = 4;
const RAW: u8 = 8;
const MARKS: u8 = mark::UNSETTLED | mark::SETTLING | mark::FETCHED | mark::STORED;

/// How an entry stands towards a store; without one there are no marks.
pub(crate) mod mark {
    /// It has changed since it was last taken to the store.
    pub(crate) const UNSETTLED: u8 = 16;
    /// It is on its way there.
    pub(crate) const SETTLING: u8 = 32;
    /// It came from there and has not changed: the log knows nothing of it.
    pub(crate) const FETCHED: u8 = 64;
    /// The store has a row of it, if nobody else has removed it.
    pub(crate) const STORED: u8 = 128;
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Header {
    flags: u8,
    access: [u8; 3],
    key_len: u16,
    value_len: u16,
}

const _: () = assert!(size_of::<Header>() == 8);
const _: () = assert!(EMBEDDED_BYTES_MAX < JSON as usize);

impl Header {
    #[inline]
    fn value_len(self) -> usize {
        usize::from(self.value_len & !FORM)
    }

    /// What the embedded value is.
    #[inline]
    fn form(self) -> u16 {
        self.value_len & FORM
    }
}

/// A key and its value. Exactly one pointer wide.
#[repr(transparent)]
pub(crate) struct Entry(NonNull<Header>);

/// What an entry holds, to read.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    /// A short string, embedded.
    Str(&'a [u8]),
    /// Short JSON in its codec, embedded.
    Json(&'a [u8]),
    /// A string or JSON, compressed.
    Compressed(Compressed<'a>),
    /// Anything else, not compressed.
    Value(&'a Value),
}

// SAFETY: an entry owns its allocation, and `Value` is Send.
unsafe impl Send for Entry {}
// SAFETY: shared access only reads, and `Value` is Sync.
unsafe impl Sync for Entry {}

/// JSON that was asked for: as an entry holds it, or bytes of its form that lie elsewhere.
#[derive(Clone, Copy)]
pub(crate) enum Document<'a> {
    Held(&'a Json),
    Lent(Node<'a>),
}

impl<'a> Document<'a> {
    /// The value, to read.
    #[inline]
    pub(crate) fn root(self) -> Node<'a> {
        match self {
            Self::Held(json) => json.root(),
            Self::Lent(node) => node,
        }
    }

    /// The same, to be kept.
    pub(crate) fn to_json(self) -> Json {
        match self {
            Self::Held(json) => json.clone(),
            Self::Lent(node) => Json::from_made(node.bytes()),
        }
    }
}

/// An entry that a table lends to be read.
pub(crate) type EntryRef<'a> = Borrowed<'a, Entry>;

// SAFETY: transparent over `NonNull`; the allocator's addresses are those of user space; what can be read lies behind the
// pointer.
unsafe impl Item for Entry {
    #[inline]
    fn key(&self) -> &[u8] {
        let header = self.header();
        let len = if header.flags & WIDE == 0 { usize::from(header.key_len) } else { self.wide_key_len() };
        self.bytes(key_offset(header.flags), len)
    }

    fn address(&self) -> *const u8 {
        self.0.as_ptr().cast()
    }
}

impl<'a> EntryRef<'a> {
    /// What it holds, for as long as it is lent.
    #[inline]
    pub(crate) fn view(self) -> View<'a> {
        let view = Entry::view(&self);
        // SAFETY: what an entry holds lies behind its pointer, and is lent with it.
        unsafe { std::mem::transmute::<View<'_>, View<'a>>(view) }
    }

    /// The bytes of a string, for as long as it is lent; none for other types.
    #[inline]
    pub(crate) fn str(self) -> Option<Text<'a>> {
        self.view().text()
    }
}

impl<'a> From<EntryRef<'a>> for View<'a> {
    #[inline]
    fn from(entry: EntryRef<'a>) -> Self {
        entry.view()
    }
}

impl<'a> From<&'a Entry> for View<'a> {
    #[inline]
    fn from(entry: &'a Entry) -> Self {
        entry.view()
    }
}

impl<'a> View<'a> {
    /// The JSON that it is; none for other types. `room` is for what has to be unpacked.
    #[inline]
    pub(crate) fn json<'r>(self, room: &'r mut Vec<u8>) -> Option<Document<'r>>
    where
        'a: 'r,
    {
        match self {
            View::Json(document) => Some(Document::Lent(Node::of(&document[1..]))),
            View::Value(Value::Json(json)) => Some(Document::Held(json)),
            View::Compressed(value) if value.kind() == Kind::Json => {
                Some(Document::Lent(value.json_in(room)))
            }
            _ => None,
        }
    }

    #[inline]
    fn text(self) -> Option<Text<'a>> {
        match self {
            View::Str(text) => Some(Text::Flat(text)),
            View::Json(_) => None,
            View::Compressed(value) => (value.kind() == Kind::Str).then_some(Text::Compressed(value)),
            View::Value(value) => value.text(),
        }
    }
}

impl Entry {
    /// An entry that holds a string. `expire_at_ms` 0: it does not expire.
    pub(crate) fn string(key: &[u8], value: &[u8], expire_at_ms: u64) -> Self {
        if value.len() > EMBEDDED_BYTES_MAX {
            return Self::boxed(key, Value::string(value), expire_at_ms);
        }
        Self::embedded(key, value, 0, expire_at_ms)
    }

    /// An entry that holds JSON, by the bytes of its codec.
    pub(crate) fn document(key: &[u8], document: &[u8], expire_at_ms: u64) -> Self {
        if document.len() > EMBEDDED_BYTES_MAX {
            return Self::boxed(key, Value::Json(Json::from_made(&document[1..])), expire_at_ms);
        }
        Self::embedded(key, document, JSON, expire_at_ms)
    }

    /// An entry that holds a compressed value.
    pub(crate) fn compressed(key: &[u8], value: Compressed<'_>, expire_at_ms: u64) -> Self {
        let bytes = value.bytes();
        if bytes.len() > EMBEDDED_BYTES_MAX {
            return Self::boxed(key, Value::Compressed(value.to_shared()), expire_at_ms);
        }
        Self::embedded(key, bytes, COMPRESSED, expire_at_ms)
    }

    #[inline]
    fn embedded(key: &[u8], value: &[u8], form: u16, expire_at_ms: u64) -> Self {
        let entry = Self::allocate(key, value.len(), 0, expire_at_ms);
        entry.write(entry.value_offset(), value);
        if form != 0 {
            entry.update(|to| to.value_len |= form);
        }
        entry
    }

    /// An entry that holds any value.
    pub(crate) fn boxed(key: &[u8], value: Value, expire_at_ms: u64) -> Self {
        let entry = Self::allocate(key, 0, BOXED, expire_at_ms);
        let value = Box::into_raw(Box::new(value));
        // SAFETY: BOXED reserves a pointer's room at this offset, aligned to 8.
        unsafe { entry.at(pointer_offset(entry.header().flags)).cast::<*mut Value>().write(value) };
        entry
    }

    /// An entry for a value, embedded if it is short and no collection.
    pub(crate) fn of(key: &[u8], value: Value, expire_at_ms: u64) -> Self {
        match value {
            Value::Str(text) if text.len() <= EMBEDDED_BYTES_MAX => Self::string(key, &text, expire_at_ms),
            Value::Compressed(bytes) if bytes.len() <= EMBEDDED_BYTES_MAX => {
                Self::compressed(key, Compressed::of_made(&bytes), expire_at_ms)
            }
            Value::Json(json) if json.bytes().len() < EMBEDDED_BYTES_MAX => {
                let mut document = Vec::with_capacity(json.bytes().len() + 1);
                codec::encode_json(json.bytes(), &mut document);
                Self::document(key, &document, expire_at_ms)
            }
            value => Self::boxed(key, value, expire_at_ms),
        }
    }

    /// What it holds.
    #[inline]
    pub(crate) fn view(&self) -> View<'_> {
        let header = self.header();
        if header.flags & BOXED == 0 {
            let bytes = self.bytes(self.value_offset(), header.value_len());
            return match header.form() {
                0 => View::Str(bytes),
                JSON => View::Json(bytes),
                _ => View::Compressed(Compressed::of_made(bytes)),
            };
        }
        // SAFETY: BOXED entries own the value behind this pointer.
        let value = unsafe { &*self.pointer() };
        value.compressed().map_or(View::Value(value), View::Compressed)
    }

    /// Fetches the value, if it lies elsewhere or is long. The entry should have been fetched.
    #[inline]
    pub(crate) fn prefetch_value(&self) {
        if self.header().flags & BOXED != 0 {
            prefetch::line(self.pointer().cast());
            return;
        }
        let end = self.value_offset() + self.header().value_len();
        for offset in (FETCHED_BYTES..end).step_by(LINE_BYTES) {
            prefetch::line(self.at(offset));
        }
    }

    /// The value as it is kept; none if that is in the entry itself.
    #[inline]
    pub(crate) fn value(&self) -> Option<&Value> {
        if self.header().flags & BOXED == 0 {
            return None;
        }
        // SAFETY: as in `view`.
        Some(unsafe { &*self.pointer() })
    }

    /// The value, to change; none for an embedded string.
    #[inline]
    pub(crate) fn value_mut(&mut self) -> Option<&mut Value> {
        if self.header().flags & BOXED == 0 {
            return None;
        }
        // SAFETY: as in `view`, and the entry is borrowed for change.
        Some(unsafe { &mut *self.pointer() })
    }

    /// The bytes of a string; none for other types.
    #[inline]
    pub(crate) fn str(&self) -> Option<Text<'_>> {
        self.view().text()
    }

    /// The type of the value.
    pub(crate) fn kind(&self) -> Kind {
        match self.view() {
            View::Str(_) => Kind::Str,
            View::Json(_) => Kind::Json,
            View::Compressed(value) => value.kind(),
            View::Value(value) => value.kind(),
        }
    }

    /// Whether that is JSON.
    #[inline]
    pub(crate) fn is_json(&self) -> bool {
        match self.view() {
            View::Str(_) => false,
            View::Json(_) => true,
            View::Compressed(value) => value.kind() == Kind::Json,
            View::Value(value) => matches!(value, Value::Json(_)),
        }
    }

    /// The same, if it has not expired.
    pub(crate) fn kind_at(&self, now_ms: u64) -> Option<Kind> {
        self.is_alive(now_ms).then(|| self.kind())
    }

    /// Whether the store has yet to get what it holds.
    #[inline]
    pub(crate) fn is_unsettled(&self) -> bool {
        self.has(mark::UNSETTLED | mark::SETTLING)
    }

    /// True for a short string or JSON that does not expire, has nothing to settle and is not compressed.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        let header = self.header();
        header.flags & (BOXED | EXPIRES | mark::UNSETTLED) == 0 && header.form() != COMPRESSED
    }

    /// Its marks, see [`mark`].
    #[inline]
    pub(crate) fn marks(&self) -> u8 {
        self.header().flags & MARKS
    }

    /// Whether it has any of these marks.
    #[inline]
    pub(crate) fn has(&self, marks: u8) -> bool {
        self.header().flags & marks & MARKS != 0
    }

    /// Gives it these marks and takes those away.
    #[inline]
    pub(crate) fn set_marks(&mut self, set: u8, clear: u8) {
        self.update(|to| to.flags = (to.flags & !(clear & MARKS)) | (set & MARKS));
    }

    /// When it expires, in Unix milliseconds; 0: never.
    #[inline]
    pub(crate) fn expire_at(&self) -> u64 {
        if self.header().flags & EXPIRES == 0 {
            return 0;
        }
        // SAFETY: EXPIRES reserves 8 aligned bytes behind the header.
        unsafe { self.at(size_of::<Header>()).cast::<u64>().read() }
    }

    /// True if it has not expired at this time, neither as a whole nor field by field.
    #[inline]
    pub(crate) fn is_alive(&self, now_ms: u64) -> bool {
        let at = self.expire_at();
        (at == 0 || now_ms <= at) && (self.header().flags & BOXED == 0 || self.lost_fields(now_ms) == 0)
    }

    /// The number of fields, if it is a hash and all of them have expired; else 0.
    #[inline]
    pub(crate) fn lost_fields(&self, now_ms: u64) -> usize {
        match self.view() {
            View::Value(Value::Hash(hash)) if hash.is_spent(now_ms) => hash.stored_len(),
            _ => 0,
        }
    }

    /// Gives it another time to expire, or none (0).
    pub(crate) fn set_expire_at(&mut self, at_ms: u64) {
        if (self.header().flags & EXPIRES != 0) == (at_ms != 0) {
            if at_ms != 0 {
                // SAFETY: as in `expire_at`; the entry is borrowed for change.
                unsafe { self.at(size_of::<Header>()).cast::<u64>().write(at_ms) };
            }
            return;
        }
        let header = self.header();
        let value_len = header.value_len();
        let new = ManuallyDrop::new(Self::allocate(self.key(), value_len, header.flags & BOXED, at_ms));
        // SAFETY: both regions are as long as the value or its pointer, and they are of two allocations.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.at(pointer_offset(header.flags)),
                new.at(pointer_offset(new.header().flags)),
                if header.flags & BOXED == 0 { 0 } else { 8 },
            );
        }
        new.write(new.value_offset(), self.bytes(self.value_offset(), value_len));
        new.update(|to| {
            to.access = header.access;
            to.value_len = header.value_len;
            to.flags |= header.flags & (RAW | MARKS);
        });
        self.release();
        self.0 = new.0;
    }

    /// Puts a string in place of what it holds, in place where the size allows.
    #[inline]
    pub(crate) fn set_string(&mut self, value: &[u8], expire_at_ms: u64) {
        self.set_bytes(value, 0, expire_at_ms);
    }

    /// The same for JSON, by the bytes of its codec.
    pub(crate) fn set_document(&mut self, document: &[u8], expire_at_ms: u64) {
        self.set_bytes(document, JSON, expire_at_ms);
    }

    /// The same for a compressed value.
    pub(crate) fn set_compressed(&mut self, value: Compressed<'_>, expire_at_ms: u64) {
        self.set_bytes(value.bytes(), COMPRESSED, expire_at_ms);
    }

    #[inline]
    fn set_bytes(&mut self, value: &[u8], form: u16, expire_at_ms: u64) {
        let header = self.header();
        let offset = self.value_offset();
        let fits = value.len() <= EMBEDDED_BYTES_MAX
            && header.flags & BOXED == 0
            && (header.flags & EXPIRES != 0) == (expire_at_ms != 0)
            && rounded(offset + value.len()) == rounded(offset + header.value_len());
        if !fits {
            let new = match form {
                0 => Self::string(self.key(), value, expire_at_ms),
                JSON => Self::document(self.key(), value, expire_at_ms),
                _ => Self::compressed(self.key(), Compressed::of_made(value), expire_at_ms),
            };
            new.update(|to| {
                to.access = header.access;
                to.flags |= header.flags & MARKS;
            });
            *self = new;
            return;
        }
        self.write(offset, value);
        #[expect(clippy::cast_possible_truncation, reason = "at most EMBEDDED_BYTES_MAX")]
        self.update(|to| {
            to.value_len = value.len() as u16 | form;
            to.flags &= !RAW;
        });
        if expire_at_ms != 0 {
            // SAFETY: as in `expire_at`.
            unsafe { self.at(size_of::<Header>()).cast::<u64>().write(expire_at_ms) };
        }
    }

    /// Takes the value out and leaves an empty string.
    pub(crate) fn take_value(&mut self) -> Value {
        match self.value_mut() {
            Some(value) => std::mem::replace(value, Value::Str(Vec::new())),
            None => match self.view() {
                View::Compressed(value) => Value::Compressed(value.to_shared()),
                View::Json(document) => Value::Json(Json::from_made(&document[1..])),
                View::Str(text) => Value::Str(text.to_vec()),
                View::Value(value) => value.clone(),
            },
        }
    }

    /// Turns an embedded or compressed string into a boxed one that can be changed in place, and returns it; none for other
    /// types.
    pub(crate) fn string_mut(&mut self) -> Option<&mut Value> {
        let plain = match self.view() {
            View::Str(text) => Some(Value::Str(text.to_vec())),
            View::Compressed(value) => value.try_string(),
            View::Json(_) | View::Value(_) => None,
        };
        if let Some(plain) = plain {
            let (access, marks) = (self.access(), self.marks());
            let new = Self::boxed(self.key(), plain, self.expire_at());
            *self = new;
            self.set_access(access);
            self.set_marks(marks, 0);
        }
        self.value_mut().filter(|value| matches!(value, Value::Str(_) | Value::Long(_)))
    }

    /// True for a string that was changed in place: `OBJECT ENCODING` says `raw`.
    pub(crate) fn is_raw(&self) -> bool {
        self.header().flags & RAW != 0
    }

    /// Marks a string as changed in place.
    pub(crate) fn set_raw(&mut self) {
        self.update(|to| to.flags |= RAW);
    }

    /// The 24 bits that tell how recently or how often it was used.
    #[inline]
    pub(crate) fn access(&self) -> u32 {
        let [a, b, c] = self.header().access;
        u32::from_le_bytes([a, b, c, 0])
    }

    /// Sets those bits; the top byte is ignored.
    #[inline]
    pub(crate) fn set_access(&mut self, access: u32) {
        let [a, b, c, _] = access.to_le_bytes();
        self.update(|to| to.access = [a, b, c]);
    }

    /// Bytes of memory: the entry's own and its value's.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.layout().size() + self.value().map_or(0, |value| size_of::<Value>() + value.heap_bytes())
    }

    /// Bytes of memory of the value alone.
    pub(crate) fn value_bytes(&self) -> usize {
        self.value().map_or_else(|| self.header().value_len(), Value::heap_bytes)
    }

    fn allocate(key: &[u8], value_len: usize, boxed: u8, expire_at_ms: u64) -> Self {
        let wide = if key.len() > usize::from(u16::MAX) { WIDE } else { 0 };
        let expires = if expire_at_ms == 0 { 0 } else { EXPIRES };
        let flags = boxed | wide | expires;
        let size = rounded(key_offset(flags) + key.len() + value_len);
        let layout = Layout::from_size_align(size, 8).expect("a key and a short value fit the address space");
        // SAFETY: the layout is not empty: it has a header.
        let memory = unsafe { alloc(layout) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        let entry = Self(memory.cast());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a wide key's length is kept apart; values are short"
        )]
        let header = Header {
            flags,
            access: [0; 3],
            key_len: if wide == 0 { key.len() as u16 } else { 0 },
            value_len: value_len as u16,
        };
        // SAFETY: the allocation begins with a header.
        unsafe { entry.0.as_ptr().write(header) };
        if expires != 0 {
            // SAFETY: EXPIRES reserves 8 aligned bytes behind the header.
            unsafe { entry.at(size_of::<Header>()).cast::<u64>().write(expire_at_ms) };
        }
        if wide != 0 {
            // SAFETY: WIDE reserves 8 aligned bytes in front of the value pointer.
            unsafe { entry.at(wide_offset(flags)).cast::<u64>().write(key.len() as u64) };
        }
        entry.write(key_offset(flags), key);
        entry
    }

    #[inline]
    fn header(&self) -> Header {
        // SAFETY: every entry begins with a header.
        unsafe { self.0.as_ptr().read() }
    }

    #[inline]
    fn update(&self, change: impl FnOnce(&mut Header)) {
        // SAFETY: every entry begins with a header; callers own the entry or borrow it for change.
        change(unsafe { &mut *self.0.as_ptr() });
    }

    #[inline]
    fn at(&self, offset: usize) -> *mut u8 {
        self.0.as_ptr().cast::<u8>().wrapping_add(offset)
    }

    #[inline]
    fn bytes(&self, offset: usize, len: usize) -> &[u8] {
        // SAFETY: callers name a region that the header says is there and written.
        unsafe { std::slice::from_raw_parts(self.at(offset), len) }
    }

    #[inline]
    fn write(&self, offset: usize, bytes: &[u8]) {
        // SAFETY: callers name a region of the allocation that is at least this long; the source is another one.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(offset), bytes.len()) };
    }

    #[inline]
    fn pointer(&self) -> *mut Value {
        // SAFETY: only called for BOXED entries, which hold a pointer here.
        unsafe { self.at(pointer_offset(self.header().flags)).cast::<*mut Value>().read() }
    }

    fn wide_key_len(&self) -> usize {
        // SAFETY: only called for WIDE entries, which hold the length here.
        let len = unsafe { self.at(wide_offset(self.header().flags)).cast::<u64>().read() };
        usize::try_from(len).expect("it was a usize")
    }

    #[inline]
    fn value_offset(&self) -> usize {
        key_offset(self.header().flags) + self.key().len()
    }

    #[inline]
    fn layout(&self) -> Layout {
        let size = rounded(self.value_offset() + self.header().value_len());
        Layout::from_size_align(size, 8).expect("it was allocated with this layout")
    }

    /// Frees the allocation but not the value behind its pointer.
    fn release(&mut self) {
        // SAFETY: allocated with the same layout in `allocate`; the caller does not use it again.
        unsafe { dealloc(self.0.as_ptr().cast(), self.layout()) };
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.header().flags & BOXED != 0 {
            // SAFETY: the pointer came from a box, and the entry that owns it goes away.
            drop(unsafe { Box::from_raw(self.pointer()) });
        }
        self.release();
    }
}

const fn wide_offset(flags: u8) -> usize {
    size_of::<Header>() + if flags & EXPIRES == 0 { 0 } else { 8 }
}

const fn pointer_offset(flags: u8) -> usize {
    wide_offset(flags) + if flags & WIDE == 0 { 0 } else { 8 }
}

#[inline]
const fn key_offset(flags: u8) -> usize {
    // Three optional words, counted without branches.
    size_of::<Header>() + 8 * (flags & (BOXED | EXPIRES | WIDE)).count_ones() as usize
}

#[inline]
const fn rounded(size: usize) -> usize {
    (size + 7) & !7
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(entry: &Entry) -> Vec<u8> {
        entry.str().unwrap().whole().into_owned()
    }

    #[test]
    fn a_short_string_costs_its_bytes_and_eight() {
        let entry = Entry::string(&[b'k'; 16], &[b'v'; 32], 0);
        assert_eq!(entry.heap_bytes(), 56);
        assert_eq!((entry.key(), string(&entry)), (&[b'k'; 16][..], vec![b'v'; 32]));
    }

    #[test]
    fn every_combination_of_key_value_and_expiry_reads_back() {
        for key_len in [0, 1, 16, 255, 65_535, 65_536, 100_000] {
            for value_len in [0, 1, 64, 1_024, 1_025, 100_000, 1 << 20] {
                let (key, value) = (vec![b'k'; key_len], vec![b'v'; value_len]);
                let mut entry = Entry::string(&key, &value, 0);
                entry.set_access(0x0012_3456);
                for expire_at in [0, 77, 99, 0, 1] {
                    entry.set_expire_at(expire_at);
                    assert_eq!(entry.expire_at(), expire_at);
                    assert!(entry.key() == key && string(&entry) == value);
                    assert_eq!(entry.access(), 0x0012_3456);
                }
                entry.set_string(b"other", 0);
                assert_eq!((&string(&entry)[..], entry.expire_at()), (&b"other"[..], 0));
                if let Some(Value::Str(text)) = entry.string_mut() {
                    text.extend_from_slice(b" words");
                }
                assert!(string(&entry) == b"other words" && entry.key() == key);
            }
        }
    }

    #[test]
    fn short_json_lies_in_its_entry_and_reads_back() {
        for len in [0, 100, 1_010, 1_020, 5_000] {
            let text = format!("{{\"a\": \"{}\"}}", "x".repeat(len));
            let json = Json::parse(text.as_bytes()).unwrap();
            let mut entry = Entry::of(b"t:key", Value::Json(json.clone()), 0);
            entry.set_access(77);
            let is_short = json.bytes().len() < EMBEDDED_BYTES_MAX;
            assert_eq!(matches!(entry.view(), View::Json(_)), is_short, "{len}");
            for expire_at in [0, 5, 0] {
                entry.set_expire_at(expire_at);
                let mut room = Vec::new();
                let held = entry.view().json(&mut room).unwrap();
                assert!(held.root() == json.root() && held.to_json() == json && entry.is_json(), "{len}");
                assert_eq!((entry.kind(), entry.str().is_none(), entry.access()), (Kind::Json, true, 77));
            }
            entry.set_string(b"text", 0);
            assert_eq!((entry.kind(), string(&entry)), (Kind::Str, b"text".to_vec()));
            let mut document = Vec::new();
            codec::encode_json(json.bytes(), &mut document);
            entry.set_document(&document, 9);
            assert_eq!((entry.key(), entry.expire_at(), entry.kind()), (&b"t:key"[..], 9, Kind::Json));
            assert!(entry.string_mut().is_none());
            assert!(matches!(entry.take_value(), Value::Json(taken) if taken == json));
        }
    }

    #[test]
    fn a_value_can_be_taken_out() {
        let mut entry = Entry::boxed(b"key", Value::Str(vec![1; 2_000]), 5);
        entry.set_expire_at(0);
        assert!(matches!(entry.take_value(), Value::Str(text) if text == [1; 2_000]));
        assert_eq!(string(&entry), b"");
    }
}
