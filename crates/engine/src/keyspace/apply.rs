//! What each effect does to the data.
//!
//! Owns the one function through which data changes, for a command as for recovery. It knows no clock and never refuses:
//! whether a change may happen was decided before. An effect on a key of another type, or on one that is not there, does
//! what a command of that kind would begin with (a new collection) or nothing; it can only come from a damaged log.

use super::entry::{Entry, View};
use super::space::{Space, held_while_cut};
use crate::effect::{Effect, Malformed, Side};
use crate::value::compressed::Compressed;
use crate::value::hash::Hash;
use crate::value::list::{End, List};
use crate::value::{Packing, Text, Value, codec};

impl Space {
    /// Applies an effect on the key with this hash. Returns how many elements or fields came or went.
    #[inline]
    pub(crate) fn apply(
        &mut self,
        hash: u64,
        effect: &Effect<'_>,
        packing: &Packing,
    ) -> Result<usize, Malformed> {
        match *effect {
            Effect::SetString { key, value, expire_at_ms } => {
                self.set_string(hash, key, value, expire_at_ms, |_, _| {});
                Ok(1)
            }
            Effect::Delete { key } => Ok(usize::from(self.discard(hash, key))),
            Effect::Stored { key, stamp } => {
                self.set_stamp(hash, key, stamp);
                Ok(0)
            }
            Effect::Forget { key, all } => {
                if all {
                    self.give_up_change(hash, key);
                }
                self.forget(hash, key);
                Ok(0)
            }
            Effect::Expire { key, at_ms } => {
                Ok(usize::from(self.change(hash, key, |entry| entry.set_expire_at(at_ms)).is_some()))
            }
            Effect::Put { key, kind: codec::tag::COMPRESSED, value, expire_at_ms } => {
                let value = Compressed::of(value).ok_or(Malformed)?;
                self.set_compressed(hash, key, value, expire_at_ms, |_, _| {});
                Ok(1)
            }
            Effect::Put { key, kind, value, expire_at_ms } => {
                let value = codec::decode(kind, value, packing).map_err(|_| Malformed)?;
                self.put(hash, key, value, expire_at_ms);
                Ok(1)
            }
            Effect::Extend { key, kind, part } => {
                self.change(hash, key, |entry| extend(entry, kind, part)).unwrap_or(Err(Malformed))
            }
            Effect::Append { key, .. } | Effect::SetRange { key, .. } => {
                if self.get(hash, key).is_none() {
                    self.insert(hash, Entry::string(key, b"", 0));
                }
                self.change(hash, key, |entry| splice(entry, effect)).unwrap_or(Ok(0))
            }
            Effect::HashSet { .. } | Effect::HashDelete { .. } | Effect::HashExpire { .. } => {
                Ok(self.apply_hash(hash, effect, packing))
            }
            Effect::TagAdd { key, tags } => Ok(self.add_tags(hash, key, tags)),
            Effect::TagRemove { key, tags } => Ok(self.remove_tags(hash, key, tags)),
            Effect::TagSet { key, tags } => Ok(self.set_tags(hash, key, tags)),
            _ => self.apply_list(hash, effect, packing),
        }
    }

    fn apply_list(&mut self, hash: u64, effect: &Effect<'_>, packing: &Packing) -> Result<usize, Malformed> {
        let Some(key) = effect.key() else { return Err(Malformed) };
        if let Effect::ListPush { .. } = effect
            && self.get(hash, key).is_none()
        {
            self.insert(hash, Entry::boxed(key, Value::List(Box::new(List::with_fill(packing.list))), 0));
        }
        if let Some(whole) = self.get(hash, key).and_then(|entry| held_while_cut(&entry, effect)) {
            self.put_aside(whole);
        }
        let changed = self.change(hash, key, |entry| match entry.value_mut() {
            Some(Value::List(list)) => change_list(list, effect).map(|changed| (changed, list.is_empty())),
            _ => Err(Malformed),
        });
        let (changed, empty) = changed.unwrap_or(Ok((0, false)))?;
        if empty {
            self.remove(hash, key);
        }
        Ok(changed)
    }

    fn apply_hash(&mut self, hash: u64, effect: &Effect<'_>, packing: &Packing) -> usize {
        let Some(key) = effect.key() else { return 0 };
        if let Effect::HashSet { pairs, .. } = effect
            && self.get(hash, key).is_none()
        {
            let mut fields = Hash::with_limits(packing.hash);
            let new = change_hash(&mut fields, effect);
            if !pairs.is_empty() {
                self.insert(hash, Entry::boxed(key, Value::Hash(Box::new(fields)), 0));
            }
            return new;
        }
        let changed = self.change(hash, key, |entry| match entry.value_mut() {
            Some(Value::Hash(fields)) => (change_hash(fields, effect), fields.is_empty()),
            _ => (0, false),
        });
        let (changed, empty) = changed.unwrap_or((0, false));
        if empty {
            self.remove(hash, key);
        }
        changed
    }
}

/// What an effect does to an entry that is there and of its type; the entry may be left empty, see [`is_hollow`].
/// `Put` and `Delete` are not for this function: they do not change an entry but replace or remove it.
#[inline]
pub(super) fn change(entry: &mut Entry, effect: &Effect<'_>) -> Result<usize, Malformed> {
    match *effect {
        Effect::SetString { value, expire_at_ms, .. } => {
            entry.set_string(value, expire_at_ms);
            Ok(1)
        }
        Effect::Expire { at_ms, .. } => {
            entry.set_expire_at(at_ms);
            Ok(1)
        }
        Effect::Append { .. } | Effect::SetRange { .. } => splice(entry, effect),
        _ => match entry.value_mut() {
            Some(Value::List(list)) => change_list(list, effect),
            Some(Value::Hash(fields)) => Ok(change_hash(fields, effect)),
            _ => Err(Malformed),
        },
    }
}

/// True for a collection without elements, which must not stay.
#[inline]
pub(super) fn is_hollow(entry: &Entry) -> bool {
    match entry.view() {
        View::Value(Value::List(list)) => list.is_empty(),
        View::Value(Value::Hash(fields)) => fields.is_empty(),
        _ => false,
    }
}

/// Adds a further part to a value that was put.
fn extend(entry: &mut Entry, kind: u8, part: &[u8]) -> Result<usize, Malformed> {
    let value = if kind == codec::tag::STRING { entry.string_mut() } else { entry.value_mut() };
    codec::extend(value.ok_or(Malformed)?, kind, part).map_err(|_| Malformed)?;
    Ok(1)
}

/// A gap larger than this is asked for as a whole before it is filled.
const GAP_BYTES_TRIED_MIN: usize = 1 << 30;

/// Writes bytes into a string, at its end or at an offset. Returns its length.
fn splice(entry: &mut Entry, effect: &Effect<'_>) -> Result<usize, Malformed> {
    let Some(value) = entry.string_mut() else { return Ok(0) };
    let len = value.text().map_or(0, Text::len);
    let (offset, bytes) = match *effect {
        Effect::Append { tail, .. } => (len, tail),
        Effect::SetRange { offset, bytes, .. } => (usize::try_from(offset).map_err(|_| Malformed)?, bytes),
        _ => return Err(Malformed),
    };
    let end = offset.checked_add(bytes.len()).ok_or(Malformed)?;
    if offset.saturating_sub(len) > GAP_BYTES_TRIED_MIN {
        // An offset that no memory can hold comes from a log, not from a command.
        Vec::<u8>::new().try_reserve_exact(end - len).map_err(|_| Malformed)?;
    }
    let len = len.max(end);
    if let Some(long) = value.long_mut(len) {
        long.write_at(offset, bytes);
    } else if let Value::Str(text) = value {
        text.resize(len, 0);
        text[offset..end].copy_from_slice(bytes);
    }
    entry.set_raw();
    Ok(len)
}

fn change_list(list: &mut List, effect: &Effect<'_>) -> Result<usize, Malformed> {
    let size = |value: u64| usize::try_from(value).map_err(|_| Malformed);
    Ok(match *effect {
        Effect::ListPush { side, elements, .. } => {
            elements.iter().for_each(|element| list.push(element, end(side)));
            elements.len()
        }
        Effect::ListPop { side, count, .. } => list.pop_with(end(side), size(count)?, |_| {}),
        Effect::ListSet { index, element, .. } => usize::from(list.set(size(index)?, element)),
        Effect::ListInsert { index, element, .. } => usize::from(list.insert(size(index)?, element)),
        Effect::ListRemove { count, element, .. } => {
            let max = if count == 0 { usize::MAX } else { size(count.unsigned_abs())? };
            list.remove_equal(element, max, if count < 0 { End::Back } else { End::Front })
        }
        Effect::ListTrim { start, count, .. } => {
            let before = list.len();
            list.trim(size(start)?, size(count)?);
            before - list.len()
        }
        _ => return Err(Malformed),
    })
}

fn change_hash(hash: &mut Hash, effect: &Effect<'_>) -> usize {
    match *effect {
        Effect::HashSet { keep_expiry, pairs, .. } => {
            pairs.chunks_exact(2).filter(|pair| hash.insert(pair[0], pair[1], keep_expiry)).count()
        }
        Effect::HashDelete { fields, .. } => fields.iter().filter(|field| hash.remove(field)).count(),
        Effect::HashExpire { at_ms, fields, .. } => {
            fields.iter().filter(|field| hash.expire_at(field, at_ms)).count()
        }
        _ => 0,
    }
}

const fn end(side: Side) -> End {
    match side {
        Side::Left => End::Front,
        Side::Right => End::Back,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_that_no_memory_holds_is_malformed() {
        for offset in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, 1 << 60] {
            let mut entry = Entry::string(b"k", b"text", 0);
            let effect = Effect::SetRange { key: b"k", offset, bytes: b"xy" };
            assert_eq!(change(&mut entry, &effect), Err(Malformed), "{offset}");
            assert!(entry.str().is_some_and(|text| text.is(b"text")));
        }
    }
}
