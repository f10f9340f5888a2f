//! The RDB format of Redis and Valkey, both ways: files, and the payloads of DUMP and RESTORE.
//!
//! Owns the bytes: what each type looks like in every encoding that was ever written ([`decode()`]), how values are written
//! ([`Encoder`]), files ([`Reader`], [`Writer`]) and payloads ([`payload`]). It is pure: bytes come from a
//! [`Read`](std::io::Read), times come in as numbers. Reading a file does not need to know a type to pass over it
//! exactly: a [`Record`] carries the bytes of its object, and whoever wants the value decodes them.
//!
//! What must hold: no bytes make it panic, loop without end, or allocate more than a small multiple of what was received
//! (compressed strings grow by the factor that their bytes allow); a file that is cut or changed anywhere is an error that
//! names a position, never less data.
//!
//! Left out: sets, sorted sets, streams and modules are passed over, not decoded, as long as there are no such values
//! here. Access clocks are read, not written.

mod crc;
mod cursor;
mod decode;
mod encode;
mod fault;
mod input;
pub mod kind;
mod listpack;
mod lzf;
pub mod payload;
mod reader;
mod walk;
mod writer;
mod ziplist;
mod zipmap;

#[cfg(test)]
mod tests;

pub use decode::{decode, is_supported};
pub use encode::Encoder;
pub use fault::Fault;
pub use reader::{Item, Reader, Record};
pub use writer::Writer;

use crate::value::Packing;

/// Who wrote the bytes, or shall read them: since version 12 the two formats use the same numbers for different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Redis: versions up to 12, `REDIS0001` to `REDIS0012`. Written in the oldest version that has all that is to be
    /// written: 9 (Redis 5) to 10 (7.0), and 12 (7.4) where a field of a hash has an expiry.
    Redis,
    /// Valkey 9 and later: version 80, `VALKEY080`.
    Valkey,
}

/// The object of a type in one dialect as an object in the encoder's. Types that are the same in both are not to be brought
/// here.
///
/// # Errors
/// As [`decode()`].
pub fn convert(
    kind: u8,
    dialect: Dialect,
    object: &[u8],
    encoder: Encoder,
    out: &mut Vec<u8>,
) -> Result<u8, Fault> {
    // At this time nothing has expired.
    const NOW_MS: u64 = 1;
    match decode(kind, dialect, object, &Packing::default(), NOW_MS)? {
        Some(value) => {
            encoder.value(&value, NOW_MS, out).ok_or(Fault::damaged("a type that the format does not have"))
        }
        None => Err(Fault::damaged("a hash without fields")),
    }
}

/// The newest version of Redis's format that is known.
pub const REDIS_VERSION_MAX: u16 = 12;
/// The newest version that both know.
const COMMON_VERSION: u16 = 11;
/// The version of Valkey's format that is known.
pub const VALKEY_VERSION: u16 = 80;
