//! Listpacks: the packed form of small collections since Redis 7.0.
//!
//! ```text
//! listpack  bytes of the whole (u32) | entries (u16, 65535: unknown) | entries | 255
//! entry     encoding and data | their length, in groups of seven bits, to be read from the back
//! ```
//!
//! Source: the listpack specification by Salvatore Sanfilippo.

use super::Fault;

const HEADER_BYTES: usize = 6;
const END: u8 = 0xFF;
const BROKEN: Fault = Fault::damaged("a listpack that is damaged");
const COUNT_UNKNOWN: usize = u16::MAX as usize;

/// An entry of a packed collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packed<'a> {
    /// Bytes.
    Text(&'a [u8]),
    /// An integer, whose text is meant.
    Number(i64),
}

impl<'a> Packed<'a> {
    /// Its bytes; `buffer` holds the text of an integer.
    pub(super) fn bytes<'b>(self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => buffer.format(number).as_bytes(),
        }
    }
}

/// Visits the entries in order. All of the bytes must be the listpack.
pub(super) fn each<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(Packed<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(BROKEN)?;
    let [a, b, c, d, low, high] = *header;
    let (total, count) = (u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes([low, high]));
    let (end, mut entries) = rest.split_last().ok_or(BROKEN)?;
    if total as usize != bytes.len() || *end != END {
        return Err(BROKEN);
    }
    let mut seen = 0;
    while !entries.is_empty() {
        let (entry, size) = first(entries).ok_or(BROKEN)?;
        let rest = &entries[size..];
        let back = back_length(size);
        if rest.get(..back.len()) != Some(back.as_slice()) {
            return Err(BROKEN);
        }
        entries = &rest[back.len()..];
        seen += 1;
        visit(entry)?;
    }
    let count = usize::from(count);
    if count != COUNT_UNKNOWN && count != seen { Err(BROKEN) } else { Ok(()) }
}

/// The first entry and the bytes of its encoding and data.
fn first(bytes: &[u8]) -> Option<(Packed<'_>, usize)> {
    let &head = bytes.first()?;
    let text = |header: usize, length: usize| {
        let end = header.checked_add(length)?;
        Some((Packed::Text(bytes.get(header..end)?), end))
    };
    match head {
        0..=0x7F => Some((Packed::Number(i64::from(head)), 1)),
        0x80..=0xBF => text(1, usize::from(head & 0x3F)),
        0xC0..=0xDF => {
            let raw = i64::from(head & 0x1F) << 8 | i64::from(*bytes.get(1)?);
            Some((Packed::Number(if raw < 1 << 12 { raw } else { raw - (1 << 13) }), 2))
        }
        0xE0..=0xEF => text(2, usize::from(head & 0x0F) << 8 | usize::from(*bytes.get(1)?)),
        0xF0 => {
            let length = u32::from_le_bytes(*bytes.get(1..)?.first_chunk()?);
            text(5, length as usize)
        }
        0xF1..=0xF4 => {
            let width = [2, 3, 4, 8][usize::from(head - 0xF1)];
            Some((Packed::Number(integer(bytes.get(1..=width)?)), 1 + width))
        }
        _ => None,
    }
}

/// A signed integer of up to eight bytes, the lowest first.
pub(super) fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|top| top & 0x80 != 0);
    let mut wide = [if negative { 0xFF } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(wide)
}

/// The length of an entry, so that it can be read from the back: up to five groups of seven bits.
fn back_length(size: usize) -> Back {
    let groups = (1..5).find(|groups| size >> (7 * groups) == 0).unwrap_or(5);
    let mut bytes = [0; 5];
    for (index, byte) in bytes.iter_mut().enumerate().take(groups) {
        let group = (size >> (7 * (groups - 1 - index))).to_le_bytes()[0] & 0x7F;
        *byte = if index == 0 { group } else { group | 0x80 };
    }
    Back { bytes, groups }
}

struct Back {
    bytes: [u8; 5],
    groups: usize,
}

impl Back {
    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.groups]
    }

    fn len(&self) -> usize {
        self.groups
    }
}

/// A listpack in the making.
#[derive(Default)]
pub(super) struct Builder {
    bytes: Vec<u8>,
    count: usize,
}

impl Builder {
    /// Bytes so far, with header and end.
    pub(super) fn size(&self) -> usize {
        self.bytes.len().max(HEADER_BYTES) + 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds an entry at the end; as an integer where its text is one. It must be shorter than 4 GiB.
    pub(super) fn push(&mut self, text: &[u8]) {
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER_BYTES, 0);
        }
        let start = self.bytes.len();
        // Longer digits are no 64-bit integer.
        let number = if text.len() <= 20 { crate::value::number::parse_i64(text) } else { None };
        match number {
            Some(number) => self.put_number(number),
            None => self.put_text(text),
        }
        let back = back_length(self.bytes.len() - start);
        self.bytes.extend_from_slice(back.as_slice());
        self.count += 1;
    }

    fn put_text(&mut self, text: &[u8]) {
        let [low, high, ..] = text.len().to_le_bytes();
        match text.len() {
            0..0x40 => self.bytes.push(0x80 | low),
            0x40..0x1000 => self.bytes.extend_from_slice(&[0xE0 | high, low]),
            length => {
                let length = u32::try_from(length).expect("elements are shorter than 4 GiB");
                self.bytes.push(0xF0);
                self.bytes.extend_from_slice(&length.to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(text);
    }

    fn put_number(&mut self, number: i64) {
        let bytes = number.to_le_bytes();
        let (head, width) = match number {
            0..0x80 => return self.bytes.push(bytes[0]),
            -0x1000..0x1000 => return self.bytes.extend_from_slice(&[0xC0 | bytes[1] & 0x1F, bytes[0]]),
            -0x8000..0x8000 => (0xF1, 2),
            -0x80_0000..0x80_0000 => (0xF2, 3),
            -0x8000_0000..0x8000_0000 => (0xF3, 4),
            _ => (0xF4, 8),
        };
        self.bytes.push(head);
        self.bytes.extend_from_slice(&bytes[..width]);
    }

    /// The whole, and a new beginning.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) {
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER_BYTES, 0);
        }
        self.bytes.push(END);
        let total = u32::try_from(self.bytes.len()).expect("a listpack is kept far below 4 GiB");
        let count = u16::try_from(self.count).unwrap_or(u16::MAX);
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        self.bytes[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
        out.clear();
        std::mem::swap(out, &mut self.bytes);
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
        let mut seen = Vec::new();
        each(bytes, |entry| {
            seen.push(entry.bytes(&mut itoa::Buffer::new()).to_vec());
            Ok(())
        })?;
        Ok(seen)
    }

    fn build(entries: &[Vec<u8>]) -> Vec<u8> {
        let (mut builder, mut out) = (Builder::default(), Vec::new());
        entries.iter().for_each(|entry| builder.push(entry));
        let size = builder.size();
        builder.take(&mut out);
        assert_eq!(size, out.len());
        out
    }

    #[test]
    fn integers_and_texts_of_every_width_come_back() {
        let mut entries: Vec<Vec<u8>> = (0..64)
            .flat_map(|bit| [(1_i64 << bit).wrapping_sub(1), 1 << bit, -(1_i64 << bit.min(62)), i64::MIN])
            .map(|number| number.to_string().into_bytes())
            .collect();
        entries.extend([0, 1, 63, 64, 127, 128, 4095, 4096, 16_384, 70_000].map(|len| vec![b'x'; len]));
        entries.extend(["007", "-0", "+1", "9223372036854775808", " 1"].map(|text| text.as_bytes().to_vec()));
        assert_eq!(read(&build(&entries)).unwrap(), entries);
        assert_eq!(read(&build(&[])).unwrap(), [[0; 0]; 0]);
        assert_eq!(
            read(&build(&vec![b"1".to_vec(); 70_000])).unwrap().len(),
            70_000,
            "more than can be counted"
        );
    }

    #[test]
    fn what_valkey_wrote_is_read_and_written_alike() {
        let bytes = [15, 0, 0, 0, 3, 0, 0x81, b'a', 2, 0x81, b'b', 2, 1, 1, 0xFF];
        let entries = [b"a".to_vec(), b"b".to_vec(), b"1".to_vec()];
        assert_eq!(read(&bytes).unwrap(), entries);
        assert_eq!(build(&entries), bytes);
    }

    #[test]
    fn a_changed_header_end_or_back_length_is_noticed() {
        let whole = build(&[b"a".to_vec(), b"12345".to_vec()]);
        for index in [0, 1, 4, 8, whole.len() - 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[index] ^= 1;
            assert!(read(&changed).is_err(), "{index}");
        }
        (0..whole.len()).for_each(|cut| assert!(read(&whole[..cut]).is_err(), "{cut}"));
    }

    proptest! {
        #[test]
        fn garbage_does_not_panic(mut bytes: Vec<u8>) {
            let _ = read(&bytes);
            if let Some(total) = bytes.first_chunk_mut::<4>() {
                *total = [0; 4];
            }
            if bytes.len() > 6 {
                let total = u32::try_from(bytes.len()).unwrap();
                bytes[..4].copy_from_slice(&total.to_le_bytes());
                *bytes.last_mut().unwrap() = END;
                let _ = read(&bytes);
            }
        }
    }
}
