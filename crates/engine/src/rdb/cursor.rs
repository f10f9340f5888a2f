//! Lengths and strings, the words in which everything else is written.
//!
//! ```text
//! length  00xxxxxx | 01xxxxxx x | 10000000 u32 | 10000001 u64 (big-endian), or 11xxxxxx: a string in special form
//! string  a length and so many bytes, or 11xxxxxx: 0, 1, 2 an integer of 1, 2, 4 bytes (little-endian), whose text is
//!         meant; 3 compressed: length, length of the whole, bytes
//! ```

use super::{Fault, lzf};

/// Bytes in order: those of a slice, or as they arrive.
pub(super) trait Source {
    /// The next byte.
    fn byte(&mut self) -> Result<u8, Fault>;

    /// Passes over so many bytes.
    fn pass(&mut self, count: u64) -> Result<(), Fault>;

    /// The next bytes.
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(bytes)
    }

    /// A length, or the form of a string.
    fn head(&mut self) -> Result<Head, Fault> {
        let first = self.byte()?;
        let low = first & 0x3F;
        Ok(match first >> 6 {
            0 => Head::Length(u64::from(low)),
            1 => Head::Length(u64::from(low) << 8 | u64::from(self.byte()?)),
            2 if first == WIDE => Head::Length(u64::from(u32::from_be_bytes(self.array()?))),
            2 if first == WIDEST => Head::Length(u64::from_be_bytes(self.array()?)),
            3 => Head::Form(low),
            _ => return Err(Fault::damaged("a length in no known form")),
        })
    }

    /// A length, where nothing else may stand.
    fn length(&mut self) -> Result<u64, Fault> {
        match self.head()? {
            Head::Length(length) => Ok(length),
            Head::Form(_) => Err(Fault::damaged("a string stands where a length should be")),
        }
    }

    /// Passes over a string.
    fn pass_string(&mut self) -> Result<(), Fault> {
        match self.head()? {
            Head::Length(length) => self.pass(length),
            Head::Form(INT8) => self.pass(1),
            Head::Form(INT16) => self.pass(2),
            Head::Form(INT32) => self.pass(4),
            Head::Form(LZF) => {
                let length = self.length()?;
                self.length()?;
                self.pass(length)
            }
            Head::Form(_) => Err(UNKNOWN_FORM),
        }
    }
}

/// What begins a string.
pub(super) enum Head {
    /// So many bytes follow.
    Length(u64),
    /// A special form of this number.
    Form(u8),
}

pub(super) const WIDE: u8 = 0x80;
pub(super) const WIDEST: u8 = 0x81;
pub(super) const INT8: u8 = 0;
pub(super) const INT16: u8 = 1;
pub(super) const INT32: u8 = 2;
pub(super) const LZF: u8 = 3;

const UNKNOWN_FORM: Fault = Fault::damaged("a string in no known form");

/// A slice, from its front.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    /// So many bytes.
    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8], Fault> {
        let count = usize::try_from(count).map_err(|_| Fault::Truncated)?;
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A string; `scratch` holds it where it does not stand there as it is.
    pub(super) fn string<'s>(&mut self, scratch: &'s mut Vec<u8>) -> Result<&'s [u8], Fault>
    where
        'a: 's,
    {
        let number = match self.head()? {
            Head::Length(length) => return self.take(length),
            Head::Form(INT8) => i32::from(i8::from_le_bytes(self.array()?)),
            Head::Form(INT16) => i32::from(i16::from_le_bytes(self.array()?)),
            Head::Form(INT32) => i32::from_le_bytes(self.array()?),
            Head::Form(LZF) => {
                let (packed, length) = (self.length()?, self.length()?);
                let length = usize::try_from(length).map_err(|_| Fault::damaged("a string beyond memory"))?;
                lzf::expand(self.take(packed)?, length, scratch)?;
                return Ok(scratch);
            }
            Head::Form(_) => return Err(UNKNOWN_FORM),
        };
        scratch.clear();
        scratch.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        Ok(scratch)
    }
}

impl Source for Cursor<'_> {
    fn byte(&mut self) -> Result<u8, Fault> {
        let (&first, rest) = self.0.split_first().ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(first)
    }

    fn pass(&mut self, count: u64) -> Result<(), Fault> {
        self.take(count).map(|_| ())
    }
}

/// Appends a length.
pub(super) fn put_length(out: &mut Vec<u8>, length: u64) {
    let [.., high, low] = length.to_be_bytes();
    if length < 1 << 6 {
        out.push(low);
    } else if length < 1 << 14 {
        out.extend_from_slice(&[0x40 | high, low]);
    } else if let Ok(length) = u32::try_from(length) {
        out.push(WIDE);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(WIDEST);
        out.extend_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_comes_back_from_the_shortest_form() {
        for (length, bytes) in [
            (0, 1),
            (63, 1),
            (64, 2),
            (16_383, 2),
            (16_384, 5),
            (u64::from(u32::MAX), 5),
            (1 << 32, 9),
            (u64::MAX, 9),
        ] {
            let mut out = Vec::new();
            put_length(&mut out, length);
            assert_eq!(out.len(), bytes);
            assert_eq!(Cursor(&out).length().unwrap(), length);
            assert!(Cursor(&out[..bytes - 1]).length().is_err());
        }
    }

    #[test]
    fn integers_stand_for_their_text() {
        let mut scratch = Vec::new();
        for (bytes, text) in [
            (&[0xC0, 0x80][..], "-128"),
            (&[0xC1, 0x39, 0x30], "12345"),
            (&[0xC2, 0xFF, 0xFF, 0xFF, 0x7F], "2147483647"),
        ] {
            assert_eq!(Cursor(bytes).string(&mut scratch).unwrap(), text.as_bytes());
            let mut cursor = Cursor(bytes);
            cursor.pass_string().unwrap();
            assert!(cursor.0.is_empty());
        }
        assert!(Cursor(&[0xC4, 0]).string(&mut scratch).is_err());
        assert!(Cursor(&[0x82, 0, 0, 0, 0]).length().is_err());
    }
}
