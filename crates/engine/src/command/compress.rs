//! Values that are set as a whole, compressed where that pays.
//!
//! What must hold: a value that is long is compressed before any lock is taken ([`Prepared`]); what the log gets is no longer than
//! what was reserved for the value as it is; system entries are never compressed, since dictionaries are among them.

use super::context::Reached;
use super::{Ctx, Scratch};
use crate::effect::{Effect, SYSTEM_DB};
use crate::keyspace::compression::{ClassNumber, Compression};
use crate::keyspace::entry::Entry;
use crate::keyspace::space::Space;
use crate::value::compressed::Compressed;
use crate::value::{Kind, LONG_BYTES_MIN, codec};

/// Arguments of so many bytes and more are compressed before the locks.
const PREPARED_BYTES_MIN: usize = 4 << 10;

/// What was not is compressed under the lock up to this size, and else left as it is.
pub(super) const UNDER_LOCK_BYTES_MAX: usize = 256 << 10;

/// Arguments of a command that were compressed before its locks were taken.
#[derive(Default)]
pub(crate) struct Prepared {
    args: Vec<Arg>,
    forms: Vec<Vec<u8>>,
}

/// Where an argument lies, and whether it is smaller when compressed.
struct Arg {
    at: usize,
    len: usize,
    pays: bool,
}

impl Prepared {
    /// Compresses the long ones of these, which may be set as they are. To be followed by [`Prepared::clear`] before the
    /// arguments are gone.
    pub(crate) fn take(&mut self, compression: &Compression, args: &[&[u8]]) {
        for (key, arg) in args.iter().zip(args.iter().skip(1)).skip(1) {
            if (PREPARED_BYTES_MIN..LONG_BYTES_MIN).contains(&arg.len()) {
                let mut form = self.forms.get_mut(self.args.len()).map(std::mem::take).unwrap_or_default();
                let pays = compression.compress(ClassNumber::of_key(key), Kind::Str, arg, &mut form);
                match self.forms.get_mut(self.args.len()) {
                    Some(place) => *place = form,
                    None => self.forms.push(form),
                }
                self.args.push(Arg { at: arg.as_ptr().addr(), len: arg.len(), pays });
            }
        }
    }

    /// The command is done.
    pub(crate) fn clear(&mut self) {
        self.args.clear();
        self.forms.clear();
    }

    /// What was made of this argument, if it is one: its compressed form, or nothing where that does not pay.
    fn find(&mut self, value: &[u8]) -> Option<Option<Vec<u8>>> {
        let at =
            self.args.iter().position(|arg| arg.at == value.as_ptr().addr() && arg.len == value.len())?;
        Some(self.args[at].pays.then(|| self.forms[at].clone()))
    }
}

impl Scratch {
    /// Compresses the record that was read, if that pays.
    pub(crate) fn compress_document(&mut self, compression: &Compression, table: &[u8]) {
        let class = ClassNumber::of_table(table);
        if !compression.is_on()
            || !compression.compress(class, Kind::Json, &self.document, &mut self.compressed_document)
        {
            self.compressed_document.clear();
        }
    }
}

impl Ctx<'_> {
    /// The hash of a key, its shard, and the space in which it lies or will lie.
    #[inline]
    pub(super) fn space_of_key(&mut self, key: &[u8]) -> (u64, usize, &mut Space) {
        let (keyspace, db) = (self.keyspace, self.db);
        let Reached { hash, shard, part, .. } = self.reach(key);
        (hash, shard, keyspace.space_in(shard, part, db))
    }

    /// Sets a string in its compressed form. False if it is not to be compressed, or that does not pay: nothing is done then.
    pub(super) fn set_compressed(&mut self, key: &[u8], value: &[u8], expire_at_ms: u64) -> bool {
        let compression = &self.keyspace.compression;
        if self.db == SYSTEM_DB || value.len() < compression.bytes_min() || value.len() >= LONG_BYTES_MIN {
            return false;
        }
        let form = match self.scratch.prepared.find(value) {
            Some(Some(form)) => form,
            Some(None) => return false,
            None if value.len() > UNDER_LOCK_BYTES_MAX => return false,
            None => {
                let mut form = std::mem::take(&mut self.scratch.compressed);
                if !compression.compress(ClassNumber::of_key(key), Kind::Str, value, &mut form) {
                    self.scratch.compressed = form;
                    return false;
                }
                form
            }
        };
        self.put_compressed(key, &form, expire_at_ms);
        if form.capacity() <= LONG_BYTES_MIN {
            self.scratch.compressed = form;
        }
        true
    }

    /// Puts a value at a key, whatever was there, by its compressed form.
    pub(super) fn put_compressed(&mut self, key: &[u8], form: &[u8], expire_at_ms: u64) {
        self.put_bytes(key, codec::tag::COMPRESSED, form, expire_at_ms);
    }

    /// Puts short JSON at a key, whatever was there, by the bytes of its codec.
    pub(super) fn put_document(&mut self, key: &[u8], document: &[u8], expire_at_ms: u64) {
        self.put_bytes(key, codec::tag::JSON, document, expire_at_ms);
    }

    fn put_bytes(&mut self, key: &[u8], kind: u8, bytes: &[u8], expire_at_ms: u64) {
        if !self.cold.is_empty() || !self.may_put(key) {
            return;
        }
        let clock = self.settings.access_clock(self.now_ms);
        let mark = |entry: &mut Entry, new: bool| if new { clock.mark_new(entry) } else { clock.mark(entry) };
        let (hash, shard, space) = self.space_of_key(key);
        if kind == codec::tag::JSON {
            space.set_document(hash, key, bytes, expire_at_ms, mark);
        } else {
            space.set_compressed(hash, key, Compressed::of_made(bytes), expire_at_ms, mark);
        }
        self.log(&Effect::Put { key, kind, value: bytes, expire_at_ms }, key, hash, shard);
    }
}
