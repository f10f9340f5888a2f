//! Ziplists: the packed form of small collections up to Redis 6.2.
//!
//! ```text
//! ziplist  bytes of the whole (u32) | offset of the last entry (u32) | entries (u16, 65535: unknown) | entries | 255
//! entry    length of the entry before (u8, or 254 and u32) | encoding | data
//! ```

use super::Fault;
use super::listpack::{Packed, integer};

const HEADER_BYTES: usize = 10;
const END: u8 = 0xFF;
const WIDE: u8 = 0xFE;
const BROKEN: Fault = Fault::damaged("a ziplist that is damaged");
const COUNT_UNKNOWN: usize = u16::MAX as usize;

/// Visits the entries in order. All of the bytes must be the ziplist.
pub(super) fn each<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(Packed<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(BROKEN)?;
    let [a, b, c, d, _, _, _, _, low, high] = *header;
    let (end, mut entries) = rest.split_last().ok_or(BROKEN)?;
    if u32::from_le_bytes([a, b, c, d]) as usize != bytes.len() || *end != END {
        return Err(BROKEN);
    }
    let (mut before, mut seen) = (0, 0);
    while !entries.is_empty() {
        let (entry, told, size) = first(entries).ok_or(BROKEN)?;
        if told != before {
            return Err(BROKEN);
        }
        (before, seen) = (size, seen + 1);
        entries = &entries[size..];
        visit(entry)?;
    }
    let count = usize::from(u16::from_le_bytes([low, high]));
    if count != COUNT_UNKNOWN && count != seen { Err(BROKEN) } else { Ok(()) }
}

/// The first entry, what it says of the length of the one before, and its own length.
fn first(bytes: &[u8]) -> Option<(Packed<'_>, usize, usize)> {
    let &head = bytes.first()?;
    let (before, at) = if head == WIDE {
        (u32::from_le_bytes(*bytes.get(1..)?.first_chunk()?) as usize, 5)
    } else {
        (usize::from(head), 1)
    };
    let body = bytes.get(at..)?;
    let &encoding = body.first()?;
    let text = |header: usize, length: usize| {
        let end = header.checked_add(length)?;
        Some((Packed::Text(body.get(header..end)?), end))
    };
    let number = |width: usize| Some((Packed::Number(integer(body.get(1..=width)?)), 1 + width));
    let (entry, size) = match encoding {
        0..=0x3F => text(1, usize::from(encoding))?,
        0x40..=0x7F => text(2, usize::from(encoding & 0x3F) << 8 | usize::from(*body.get(1)?))?,
        0x80..=0xBF => text(5, u32::from_be_bytes(*body.get(1..)?.first_chunk()?) as usize)?,
        0xC0 => number(2)?,
        0xD0 => number(4)?,
        0xE0 => number(8)?,
        0xF0 => number(3)?,
        0xFE => number(1)?,
        0xF1..=0xFD => (Packed::Number(i64::from(encoding & 0x0F) - 1), 1),
        _ => return None,
    };
    Some((entry, before, at + size))
}

/// A ziplist of these entries; `wide` writes lengths in their long form. For samples: nobody writes ziplists any more.
#[cfg(test)]
pub(super) fn build(entries: &[&[u8]], wide: bool) -> Vec<u8> {
    let (mut body, mut before) = (Vec::new(), 0_usize);
    for text in entries {
        let start = body.len();
        if before >= usize::from(WIDE) || wide && start > 0 {
            body.push(WIDE);
            body.extend_from_slice(&u32::try_from(before).unwrap().to_le_bytes());
        } else {
            body.push(u8::try_from(before).unwrap());
        }
        let number = crate::value::number::parse_i64(text).filter(|_| text.len() <= 20);
        match (number, text.len()) {
            (Some(number @ 0..=12), _) => body.push(0xF1 + u8::try_from(number).unwrap()),
            (Some(number), _) => {
                let (encoding, width) = match number {
                    -0x80..0x80 => (0xFE, 1),
                    -0x8000..0x8000 => (0xC0, 2),
                    -0x80_0000..0x80_0000 => (0xF0, 3),
                    -0x8000_0000..0x8000_0000 => (0xD0, 4),
                    _ => (0xE0, 8),
                };
                body.push(encoding);
                body.extend_from_slice(&number.to_le_bytes()[..width]);
            }
            (None, length @ 0..0x40) => body.push(u8::try_from(length).unwrap()),
            (None, length @ 0x40..0x4000) => {
                body.extend_from_slice(&(0x4000 | u16::try_from(length).unwrap()).to_be_bytes());
            }
            (None, length) => {
                body.push(0x80);
                body.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
            }
        }
        if number.is_none() {
            body.extend_from_slice(text);
        }
        before = body.len() - start;
    }
    let total = u32::try_from(HEADER_BYTES + body.len() + 1).unwrap();
    let last = if entries.is_empty() { HEADER_BYTES } else { HEADER_BYTES + body.len() - before };
    let mut out = total.to_le_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(last).unwrap().to_le_bytes());
    out.extend_from_slice(&u16::try_from(entries.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(&body);
    out.push(END);
    out
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

    #[test]
    fn every_encoding_of_an_entry_is_read() {
        // What Redis wrote for the elements 1024, `hello` and 2.
        let known = [
            24, 0, 0, 0, 21, 0, 0, 0, 3, 0, 0, 0xC0, 0, 4, 4, 5, b'h', b'e', b'l', b'l', b'o', 7, 0xF3, 0xFF,
        ];
        assert_eq!(read(&known).unwrap(), [&b"1024"[..], b"hello", b"2"]);
        let long = vec![b'x'; 300];
        let vast = vec![b'y'; 20_000];
        let numbers: Vec<String> = [
            0,
            12,
            13,
            -1,
            127,
            -128,
            128,
            32_767,
            -32_768,
            8_388_607,
            -8_388_608,
            i64::from(i32::MAX),
            i64::MIN,
        ]
        .iter()
        .map(ToString::to_string)
        .collect();
        let mut entries: Vec<&[u8]> = numbers.iter().map(String::as_bytes).collect();
        entries.extend([&b""[..], b"hello", &long, b"after", &vast, b"007"]);
        for wide in [false, true] {
            assert_eq!(read(&build(&entries, wide)).unwrap(), entries, "{wide}");
        }
    }

    #[test]
    fn a_cut_or_a_wrong_length_is_noticed() {
        let whole = build(&[b"a", b"12345", b"b"], false);
        (0..whole.len()).for_each(|cut| assert!(read(&whole[..cut]).is_err(), "{cut}"));
        for index in [0, 8, 10, 13, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[index] ^= 1;
            assert!(read(&changed).is_err(), "{index}");
        }
    }

    proptest! {
        #[test]
        fn garbage_does_not_panic(mut bytes: Vec<u8>) {
            let _ = read(&bytes);
            if bytes.len() > HEADER_BYTES {
                let total = u32::try_from(bytes.len()).unwrap();
                bytes[..4].copy_from_slice(&total.to_le_bytes());
                *bytes.last_mut().unwrap() = END;
                let _ = read(&bytes);
            }
        }
    }
}
