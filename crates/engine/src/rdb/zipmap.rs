//! Zipmaps: the small hashes of Redis 2.4.
//!
//! ```text
//! zipmap  fields (u8, 254: unknown) | fields | 255
//! field   length | name | length | unused bytes (u8) | value | so many unused bytes
//! length  u8 below 254, or 254 and u32
//! ```

use super::Fault;

const END: u8 = 0xFF;
const WIDE: u8 = 0xFE;
const BROKEN: Fault = Fault::damaged("a zipmap that is damaged");

/// Visits the fields in order. All of the bytes must be the zipmap.
pub(super) fn each<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (&count, rest) = bytes.split_first().ok_or(BROKEN)?;
    let (&end, mut fields) = rest.split_last().ok_or(BROKEN)?;
    if end != END {
        return Err(BROKEN);
    }
    let mut seen = 0_usize;
    while !fields.is_empty() {
        let name = take_length(&mut fields).and_then(|length| take(&mut fields, length)).ok_or(BROKEN)?;
        let value = take_value(&mut fields).ok_or(BROKEN)?;
        seen += 1;
        visit(name, value)?;
    }
    if count < WIDE && usize::from(count) != seen { Err(BROKEN) } else { Ok(()) }
}

fn take_value<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_length(bytes)?;
    let unused = take(bytes, 1)?[0];
    let value = take(bytes, length)?;
    take(bytes, usize::from(unused))?;
    Some(value)
}

fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    match take(bytes, 1)?[0] {
        END => None,
        WIDE => take(bytes, 4)?.first_chunk().map(|length| u32::from_le_bytes(*length) as usize),
        length => Some(usize::from(length)),
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

    fn read(bytes: &[u8]) -> Result<Pairs, Fault> {
        let mut seen = Vec::new();
        each(bytes, |name, value| {
            seen.push((name.to_vec(), value.to_vec()));
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn fields_come_with_their_values_and_unused_bytes_are_passed_over() {
        let long = vec![b'v'; 300];
        let mut bytes = b"\x03\x01a\x01\x001\x02bb\x02\x0322...\x01c\xFE\x2C\x01\0\0\0".to_vec();
        bytes.extend_from_slice(&long);
        bytes.push(END);
        let expected: Pairs =
            vec![(b"a".to_vec(), b"1".to_vec()), (b"bb".to_vec(), b"22".to_vec()), (b"c".to_vec(), long)];
        assert_eq!(read(&bytes).unwrap(), expected);
        (0..bytes.len()).for_each(|cut| assert!(read(&bytes[..cut]).is_err(), "{cut}"));
        bytes[0] = 2;
        assert!(read(&bytes).is_err(), "fewer fields were announced");
        bytes[0] = WIDE;
        assert!(read(&bytes).is_ok());
    }

    proptest! {
        #[test]
        fn garbage_does_not_panic(mut bytes: Vec<u8>) {
            bytes.push(END);
            let _ = read(&bytes);
        }
    }
}
