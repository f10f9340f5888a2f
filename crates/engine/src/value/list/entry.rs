//! The layout of one element inside a pack: `length | bytes | back-length`.
//!
//! Owns the two length encodings and nothing else. `length` is the element's length in groups of seven bits, lowest
//! group first, the top bit set on all but the last byte. `back-length` is the width of `length | bytes`, in groups of
//! seven bits read from right to left, so that a pack can be walked from its end as cheaply as from its start.
//!
//! The functions trust their bytes: packs are built here and never read from outside; the codec rebuilds them.

/// The longest element a pack can hold: offsets are 32 bits wide and one element needs ten bytes of frame at most.
pub const ELEMENT_BYTES_MAX: usize = u32::MAX as usize - 64;

/// Bytes that `n` takes in groups of seven bits.
const fn groups(n: usize) -> usize {
    match n {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        _ => 5,
    }
}

/// Bytes that an element of `len` bytes takes with its frame.
pub(super) const fn size(len: usize) -> usize {
    let body = groups(len) + len;
    body + groups(body)
}

/// The low seven bits of `n` as a byte.
const fn low_group(n: usize) -> u8 {
    n.to_le_bytes()[0] & 0x7f
}

/// Writes `element` with its frame over `out`, which is exactly [`size`] bytes long.
#[inline]
pub(super) fn write(out: &mut [u8], element: &[u8]) {
    let len = element.len();
    if len < 0x7f && out.len() == len + 2 {
        out[0] = low_group(len);
        out[1..=len].copy_from_slice(element);
        out[len + 1] = low_group(len + 1);
        return;
    }
    write_long(out, element);
}

fn write_long(out: &mut [u8], element: &[u8]) {
    let mut rest = element.len();
    let mut at = 0;
    while rest >= 0x80 {
        out[at] = low_group(rest) | 0x80;
        rest >>= 7;
        at += 1;
    }
    out[at] = low_group(rest);
    at += 1;
    out[at..at + element.len()].copy_from_slice(element);
    let mut rest = at + element.len();
    let mut at = out.len() - 1;
    while rest >= 0x80 {
        out[at] = low_group(rest) | 0x80;
        rest >>= 7;
        at -= 1;
    }
    out[at] = low_group(rest);
}

/// Splits the first element off `bytes`: the element, and what follows its frame.
#[inline]
pub(super) fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let &first = bytes.first()?;
    if first < 0x7f {
        let end = usize::from(first) + 1;
        return Some((&bytes[1..end], &bytes[end + 1..]));
    }
    Some(split_first_long(bytes))
}

fn split_first_long(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut len = 0;
    let mut width = 0;
    loop {
        let byte = bytes[width];
        len |= usize::from(byte & 0x7f) << (7 * width);
        width += 1;
        if byte < 0x80 {
            break;
        }
    }
    let body = width + len;
    (&bytes[width..body], &bytes[body + groups(body)..])
}

/// Splits the last element off `bytes`: what precedes its frame, and the element.
#[inline]
pub(super) fn split_last(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = bytes.len().checked_sub(1)?;
    let mut body = 0;
    let mut shift = 0;
    loop {
        let byte = bytes[at];
        body |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
        shift += 7;
        at -= 1;
    }
    let (before, body) = bytes[..at].split_at(at - body);
    // A length ends at its first clear top bit, so the element's own bytes are never looked at.
    let width = body.iter().take_while(|&&byte| byte >= 0x80).count() + 1;
    Some((before, &body[width..]))
}

/// The size that Valkey's listpack gives to `element`, integers folded as it folds them.
///
/// Source: the listpack specification. Only sizes are taken from it, so that a list changes its reported encoding at
/// the same element as Valkey's does.
#[inline]
pub(super) fn listpack_size(element: &[u8]) -> usize {
    let body = match element.len() {
        1..=20 => match crate::value::number::parse_i64(element) {
            Some(n) => listpack_integer(n),
            None => 1 + element.len(),
        },
        len @ 0..64 => 1 + len,
        len @ 64..4096 => 2 + len,
        len => 5 + len,
    };
    body + groups(body)
}

const fn listpack_integer(n: i64) -> usize {
    match n {
        0..=127 => 1,
        -4096..=4095 => 2,
        -32_768..=32_767 => 3,
        -8_388_608..=8_388_607 => 4,
        -2_147_483_648..=2_147_483_647 => 5,
        _ => 9,
    }
}
