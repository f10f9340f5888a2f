//! Answers that are all of a large value, or much of it: left with the sink to be written in parts.
//!
//! What must hold: an answer of less than [`LATER_BYTES_MIN`] is written by its handler, and so is any answer to a sink that
//! takes none for later; else what is left shares the value, so that the lock is held for no longer than sharing takes, and
//! what is written later is the value of that moment.

use crate::reply::{PIECE_BYTES_MAX, Parts, Piece, Reply};
use crate::value::hash::{Field, Hash};
use crate::value::list::List;
use crate::value::long::Long;
use std::ops::Range;

/// Answers of so many bytes are written in parts. Tests look for the seams in small ones.
const LATER_BYTES_MIN: usize = if cfg!(test) { 256 } else { 4 << 20 };
/// What a string of an answer takes besides its bytes, about.
const FRAME_BYTES: usize = 8;
/// The same at most.
const FRAME_BYTES_MAX: usize = 16;
/// Elements or fields that are looked at for the size of an answer of many.
const SAMPLED_MAX: usize = 64;

/// Answers a part of a long string.
pub(super) fn reply_long(out: &mut dyn Reply, long: &Long, range: Range<usize>) {
    if range.len() >= LATER_BYTES_MIN
        && let Some(later) = out.later()
    {
        let (text, range) = long.share_around(range);
        return later.leave(Box::new(TextParts { text, range, progress: Progress::default() }));
    }
    out.bulk_pieces(range.len(), &mut long.pieces(range));
}

/// Answers so many elements of a list from one on, all of which are there.
pub(super) fn reply_elements(out: &mut dyn Reply, list: &List, start: usize, count: usize) {
    out.array(count);
    let bytes_max = list.heap_bytes() + count * FRAME_BYTES_MAX;
    if bytes_max < LATER_BYTES_MIN || out.later().is_none() {
        return list.iter_range(start, count).for_each(|element| out.bulk(element));
    }
    let mut each_bytes = list.heap_bytes() / list.len().max(1) + FRAME_BYTES;
    if each_bytes.saturating_mul(count) >= LATER_BYTES_MIN {
        let sampled =
            (start..start + count).step_by(count.div_ceil(SAMPLED_MAX)).filter_map(|at| list.get(at));
        each_bytes = average(sampled.map(|element| element.len() + FRAME_BYTES)).min(each_bytes);
    }
    let mut room = if each_bytes.saturating_mul(count) < LATER_BYTES_MIN { LATER_BYTES_MIN } else { 0 };
    for (element, number) in list.iter_range(start, count).zip(0..) {
        let Some(left) = room.checked_sub(element.len() + FRAME_BYTES) else {
            let rest = ListParts {
                list: list.clone(),
                next: start + number,
                left: count - number,
                each_bytes,
                progress: Progress::default(),
            };
            return leave(out, rest);
        };
        room = left;
        out.bulk(element);
    }
}

/// Which strings of its fields an answer is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Halves {
    Both,
    Names,
    Values,
}

impl Halves {
    /// The strings of a field.
    #[inline]
    fn strings(self, field: Field<'_>) -> impl Iterator<Item = &[u8]> {
        let name = (self != Self::Values).then_some(field.name);
        let value = (self != Self::Names).then_some(field.value);
        name.into_iter().chain(value)
    }

    /// What an answer takes with them, about.
    fn bytes(self, field: Field<'_>) -> usize {
        self.strings(field).map(|string| string.len() + FRAME_BYTES).sum()
    }
}

/// Answers these strings of all living fields of a hash, without a header.
pub(super) fn reply_fields(out: &mut dyn Reply, hash: &Hash, now_ms: u64, halves: Halves) {
    let fields = hash.len(now_ms);
    let bytes_max = hash.heap_bytes() + fields * 2 * FRAME_BYTES_MAX;
    let living = hash.stored().zip(0..).filter(|(field, _)| field.is_alive(now_ms));
    if bytes_max < LATER_BYTES_MIN || out.later().is_none() {
        return living.for_each(|(field, _)| halves.strings(field).for_each(|string| out.bulk(string)));
    }
    let stored = hash.stored_len();
    let sampled =
        (0..stored).step_by(stored.div_ceil(SAMPLED_MAX).max(1)).filter_map(|at| hash.stored_from(at).next());
    let each_bytes = average(sampled.map(|field| halves.bytes(field))).min(bytes_max / fields.max(1));
    let mut room = if each_bytes.saturating_mul(fields) < LATER_BYTES_MIN { LATER_BYTES_MIN } else { 0 };
    let mut left = fields;
    for (field, next) in living {
        let Some(after) = room.checked_sub(halves.bytes(field)) else {
            let (hash, progress) = (hash.clone(), Progress::default());
            return leave(out, HashParts { hash, now_ms, halves, next, half: 0, left, each_bytes, progress });
        };
        room = after;
        halves.strings(field).for_each(|string| out.bulk(string));
        left -= 1;
    }
}

/// About how many bytes of an answer each takes, from the bytes of some.
fn average(sampled: impl Iterator<Item = usize>) -> usize {
    let (count, sum) = sampled.fold((0_usize, 0), |(count, sum), bytes| (count + 1, sum + bytes));
    sum.div_ceil(count.max(1))
}

fn leave(out: &mut dyn Reply, parts: impl Parts + 'static) {
    out.later().expect("it was there when the answer was begun").leave(Box::new(parts));
}

/// How far one string is written: it goes in pieces if it is long.
#[derive(Clone, Copy, Default)]
struct Progress {
    has_begun: bool,
    bytes: usize,
}

/// Whether a string is written to its end, and whether more may follow.
struct Wrote {
    whole: bool,
    more: bool,
}

impl Progress {
    /// Goes on with this string.
    fn write(&mut self, string: &[u8], write: &mut dyn FnMut(Piece<'_>) -> bool) -> Wrote {
        if string.len() <= PIECE_BYTES_MAX {
            return Wrote { whole: true, more: !write(Piece::Bulk(string)) };
        }
        if !self.has_begun {
            self.has_begun = true;
            if write(Piece::Head(string.len())) {
                return Wrote { whole: false, more: false };
            }
        }
        self.write_bytes(&string[self.bytes..], write);
        if self.bytes < string.len() {
            return Wrote { whole: false, more: false };
        }
        *self = Self::default();
        Wrote { whole: true, more: !write(Piece::End) }
    }

    /// Writes bytes that follow; true if that is enough.
    fn write_bytes(&mut self, bytes: &[u8], write: &mut dyn FnMut(Piece<'_>) -> bool) -> bool {
        bytes.chunks(PIECE_BYTES_MAX).any(|piece| {
            self.bytes += piece.len();
            write(Piece::Bytes(piece))
        })
    }
}

/// A part of a string.
struct TextParts {
    text: Long,
    /// What is left of it.
    range: Range<usize>,
    progress: Progress,
}

impl Parts for TextParts {
    fn left_bytes(&self) -> usize {
        let is_done = self.progress.has_begun && self.range.is_empty();
        if is_done { 0 } else { self.range.len() + FRAME_BYTES }
    }

    fn write(&mut self, write: &mut dyn FnMut(Piece<'_>) -> bool) {
        if !self.progress.has_begun {
            self.progress.has_begun = true;
            if write(Piece::Head(self.range.len())) {
                return;
            }
        }
        let begun = self.progress.bytes;
        for chunk in self.text.pieces(self.range.clone()) {
            if self.progress.write_bytes(chunk, write) {
                break;
            }
        }
        self.range.start += self.progress.bytes - begun;
        if self.range.is_empty() {
            write(Piece::End);
        }
    }
}

/// Elements of a list.
struct ListParts {
    list: List,
    next: usize,
    left: usize,
    /// What an element takes on average.
    each_bytes: usize,
    progress: Progress,
}

impl Parts for ListParts {
    fn left_bytes(&self) -> usize {
        self.left * self.each_bytes
    }

    fn write(&mut self, write: &mut dyn FnMut(Piece<'_>) -> bool) {
        for element in self.list.iter_range(self.next, self.left) {
            let wrote = self.progress.write(element, write);
            self.next += usize::from(wrote.whole);
            self.left -= usize::from(wrote.whole);
            if !wrote.more {
                return;
            }
        }
    }
}

/// The fields of a hash.
struct HashParts {
    hash: Hash,
    /// Fields that have expired by then are left out.
    now_ms: u64,
    halves: Halves,
    next: usize,
    /// Which string of that field is next.
    half: usize,
    /// Living fields from there on.
    left: usize,
    each_bytes: usize,
    progress: Progress,
}

impl Parts for HashParts {
    fn left_bytes(&self) -> usize {
        self.left * self.each_bytes.max(1)
    }

    fn write(&mut self, write: &mut dyn FnMut(Piece<'_>) -> bool) {
        for field in self.hash.stored_from(self.next) {
            let is_alive = field.is_alive(self.now_ms);
            for string in self.halves.strings(field).skip(self.half).filter(|_| is_alive) {
                let wrote = self.progress.write(string, write);
                self.half += usize::from(wrote.whole);
                if !wrote.more {
                    return;
                }
            }
            self.left -= usize::from(is_alive);
            self.next += 1;
            self.half = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Later;
    use proptest::prelude::*;

    /// Takes strings and leaves; everything else is of no interest here.
    #[derive(Default)]
    struct Sink {
        takes_parts: bool,
        strings: Vec<Vec<u8>>,
        left: Option<Box<dyn Parts>>,
    }

    impl Later for Sink {
        fn leave(&mut self, parts: Box<dyn Parts>) {
            assert!(self.left.replace(parts).is_none(), "an answer is left once");
        }
    }

    impl Reply for Sink {
        fn resp3(&self) -> bool {
            true
        }
        fn bulk(&mut self, bytes: &[u8]) {
            self.strings.push(bytes.to_vec());
        }
        fn later(&mut self) -> Option<&mut dyn Later> {
            if self.takes_parts { Some(self) } else { None }
        }
        fn array(&mut self, _: usize) {}
        fn simple(&mut self, _: &str) {}
        fn error(&mut self, _: &str) {}
        fn int(&mut self, _: i64) {}
        fn null(&mut self) {}
        fn null_array(&mut self) {}
        fn map(&mut self, _: usize) {}
        fn set(&mut self, _: usize) {}
        fn push(&mut self, _: usize) {}
        fn double(&mut self, _: f64) {}
        fn boolean(&mut self, _: bool) {}
        fn verbatim(&mut self, _: &str, _: &[u8]) {}
    }

    impl Sink {
        /// Writes what was left, so many pieces at a time. Returns whether there was any.
        fn finish(&mut self, pieces: usize) -> bool {
            let Some(mut parts) = self.left.take() else { return false };
            let mut open = None;
            while parts.left_bytes() > 0 {
                let mut shown = 0;
                parts.write(&mut |piece| {
                    match piece {
                        Piece::Bulk(bytes) => self.strings.push(bytes.to_vec()),
                        Piece::Head(len) => open = Some((len, Vec::with_capacity(len))),
                        Piece::Bytes(bytes) => open.as_mut().unwrap().1.extend_from_slice(bytes),
                        Piece::End => {
                            let (len, string) = open.take().unwrap();
                            assert_eq!(string.len(), len);
                            self.strings.push(string);
                        }
                    }
                    shown += 1;
                    shown >= pieces
                });
                assert!(shown <= pieces + 1, "{shown} pieces where {pieces} were enough");
            }
            assert!(open.is_none());
            true
        }
    }

    /// Answers both ways, and compares. Returns whether the answer was left.
    fn is_left(pieces: usize, answer: impl Fn(&mut dyn Reply)) -> bool {
        let (mut whole, mut parts) = (Sink::default(), Sink { takes_parts: true, ..Sink::default() });
        answer(&mut whole);
        answer(&mut parts);
        let is_left = parts.finish(pieces);
        assert!(whole.left.is_none() && whole.strings == parts.strings);
        let bytes = whole.strings.iter().map(|string| string.len() + FRAME_BYTES).sum::<usize>();
        assert!(is_left || bytes < LATER_BYTES_MIN + FRAME_BYTES, "{bytes} bytes were written at once");
        is_left
    }

    /// Mostly short ones.
    fn strings() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let string = prop_oneof![6 => prop::collection::vec(any::<u8>(), 0..20), 1 => prop::collection::vec(any::<u8>(), 0..300)];
        prop::collection::vec(string, 1..80)
    }

    proptest! {
        #[test]
        fn an_answer_in_parts_has_the_same_strings_wherever_it_is_cut(
            strings in strings(), start in 0usize..40, count in 0usize..100, pieces in 1usize..5,
        ) {
            let mut list = List::new();
            strings.iter().for_each(|string| list.push_back(string));
            let start = start.min(list.len());
            let count = count.min(list.len() - start);
            let is_left_in_part = is_left(pieces, |out| reply_elements(out, &list, start, count));
            let bytes: usize = strings[start..start + count].iter().map(|string| string.len() + FRAME_BYTES).sum();
            if count <= SAMPLED_MAX && is_left_in_part {
                prop_assert!(bytes + count >= LATER_BYTES_MIN, "{} bytes were left", bytes);
            }

            let mut hash = Hash::new();
            for (number, string) in strings.iter().enumerate() {
                let name = format!("field {number}");
                hash.insert(name.as_bytes(), string, false);
                hash.expire_at(name.as_bytes(), if number % 3 == 0 { 5 } else { 0 });
            }
            for halves in [Halves::Both, Halves::Names, Halves::Values] {
                for now_ms in [1, 9] {
                    is_left(pieces, |out| reply_fields(out, &hash, now_ms, halves));
                }
            }

            let bytes = strings.concat();
            let long = Long::of(&bytes);
            let start = (start * 3).min(bytes.len());
            prop_assert_eq!(
                is_left(pieces, |out| reply_long(out, &long, start..bytes.len())),
                bytes.len() - start >= LATER_BYTES_MIN
            );
        }
    }

    #[test]
    fn what_is_left_is_the_value_of_that_moment() {
        let mut list = List::new();
        (0..200).for_each(|_| list.push_back(b"element"));
        let mut sink = Sink { takes_parts: true, ..Sink::default() };
        reply_elements(&mut sink, &list, 0, 200);
        list.set(150, b"another");
        list.trim(0, 10);
        drop(list);
        assert!(sink.finish(7));
        assert!(sink.strings.len() == 200 && sink.strings.iter().all(|string| string == b"element"));
    }
}
