//! What DUMP answers and RESTORE takes: `type | object | version (u16) | checksum (u64)`, the last two little-endian.
//!
//! The version tells the dialect: up to 12 it is Redis's, from 80 on Valkey's.

use super::{Dialect, REDIS_VERSION_MAX, VALKEY_VERSION, crc};

const FOOTER_BYTES: usize = 10;

/// A payload whose version is known and whose checksum is right. What its object is worth, decoding tells.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// Whose types these are.
    pub dialect: Dialect,
    /// The type.
    pub kind: u8,
    /// The object.
    pub object: &'a [u8],
}

/// Opens a payload; none if it is too short, of a version that is not known, or its checksum is wrong (0 is not looked at).
#[must_use]
pub fn open(bytes: &[u8]) -> Option<Payload<'_>> {
    let (body, footer) = bytes.split_last_chunk::<FOOTER_BYTES>()?;
    let [low, high, sum @ ..] = *footer;
    let dialect = match u16::from_le_bytes([low, high]) {
        0..=REDIS_VERSION_MAX => Dialect::Redis,
        VALKEY_VERSION => Dialect::Valkey,
        _ => return None,
    };
    let sum = u64::from_le_bytes(sum);
    if sum != 0 && sum != crc::of(&bytes[..body.len() + 2]) {
        return None;
    }
    let (&kind, object) = body.split_first()?;
    Some(Payload { dialect, kind, object })
}

/// Appends version and checksum to `type | object`.
pub fn seal(version: u16, body: &mut Vec<u8>) {
    body.extend_from_slice(&version.to_le_bytes());
    let sum = crc::of(body);
    body.extend_from_slice(&sum.to_le_bytes());
}
