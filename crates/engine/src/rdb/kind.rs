//! The numbers of types and opcodes.
//!
//! Source: the `RDB_TYPE_*` and `RDB_OPCODE_*` of Redis and Valkey. Numbers from 22 on are the dialect's own.

use super::Dialect;

/// A string.
pub const STRING: u8 = 0;
/// A list, element by element.
pub const LIST: u8 = 1;
/// A set, element by element.
pub const SET: u8 = 2;
/// A sorted set with scores as text.
pub const ZSET: u8 = 3;
/// A hash, field by field.
pub const HASH: u8 = 4;
/// A sorted set with scores as binary doubles.
pub const ZSET_2: u8 = 5;
/// A module's value of a release candidate; nobody can pass over it.
pub const MODULE_PRE_GA: u8 = 6;
/// A module's value.
pub const MODULE_2: u8 = 7;
/// A small hash of Redis 2.4.
pub const HASH_ZIPMAP: u8 = 9;
/// A small list up to Redis 3.0.
pub const LIST_ZIPLIST: u8 = 10;
/// A set of integers.
pub const SET_INTSET: u8 = 11;
/// A small sorted set up to Redis 6.2.
pub const ZSET_ZIPLIST: u8 = 12;
/// A small hash up to Redis 6.2.
pub const HASH_ZIPLIST: u8 = 13;
/// A list of ziplists: Redis 3.2 to 6.2.
pub const LIST_QUICKLIST: u8 = 14;
/// A stream of Redis 5.
pub const STREAM_LISTPACKS: u8 = 15;
/// A small hash since Redis 7.0.
pub const HASH_LISTPACK: u8 = 16;
/// A small sorted set since Redis 7.0.
pub const ZSET_LISTPACK: u8 = 17;
/// A list of listpacks and single elements, since Redis 7.0.
pub const LIST_QUICKLIST_2: u8 = 18;
/// A stream of Redis 7.0.
pub const STREAM_LISTPACKS_2: u8 = 19;
/// A small set since Redis 7.2.
pub const SET_LISTPACK: u8 = 20;
/// A stream of Redis 7.2.
pub const STREAM_LISTPACKS_3: u8 = 21;
/// Valkey: a hash with an expiry for each field.
pub const VALKEY_HASH_2: u8 = 22;
/// Redis: a hash with an expiry for each field, of a release candidate of 7.4.
pub const REDIS_HASH_METADATA_PRE_GA: u8 = 22;
/// Redis: the same, small.
pub const REDIS_HASH_LISTPACK_EX_PRE_GA: u8 = 23;
/// Redis 7.4: a hash with an expiry for each field.
pub const REDIS_HASH_METADATA: u8 = 24;
/// Redis 7.4: the same, small.
pub const REDIS_HASH_LISTPACK_EX: u8 = 25;

/// Valkey: the state of slots that are being imported.
pub(super) const SLOT_IMPORT: u8 = 243;
/// How many keys a slot of a cluster holds.
pub(super) const SLOT_INFO: u8 = 244;
/// A library of functions.
pub(super) const FUNCTION2: u8 = 245;
/// A library of functions of a release candidate.
pub(super) const FUNCTION_PRE_GA: u8 = 246;
/// What a module keeps beside the keys.
pub(super) const MODULE_AUX: u8 = 247;
/// Seconds since the next key was used.
pub(super) const IDLE: u8 = 248;
/// How often the next key is used.
pub(super) const FREQ: u8 = 249;
/// A name and a value about the file.
pub(super) const AUX: u8 = 250;
/// How many keys and expiries the database has.
pub(super) const RESIZEDB: u8 = 251;
/// When the next key expires, in milliseconds.
pub(super) const EXPIRETIME_MS: u8 = 252;
/// When the next key expires, in seconds.
pub(super) const EXPIRETIME: u8 = 253;
/// The database of the keys that follow.
pub(super) const SELECTDB: u8 = 254;
/// The end; the checksum follows.
pub(super) const EOF: u8 = 255;

/// The version of the format in which objects of this type appeared; at least that of Redis 5, which is read everywhere.
#[must_use]
pub const fn since(kind: u8) -> u16 {
    match kind {
        0..=STREAM_LISTPACKS => 9,
        HASH_LISTPACK..=STREAM_LISTPACKS_2 => 10,
        SET_LISTPACK | STREAM_LISTPACKS_3 => super::COMMON_VERSION,
        _ => super::REDIS_VERSION_MAX,
    }
}

/// True if the type is the same for Redis and Valkey.
#[must_use]
pub const fn is_common(kind: u8) -> bool {
    kind <= STREAM_LISTPACKS_3
}

/// The name that `TYPE` gives to values of this type; none if the number means nothing.
#[must_use]
pub fn type_name(kind: u8, dialect: Dialect) -> Option<&'static str> {
    Some(match kind {
        STRING => "string",
        LIST | LIST_ZIPLIST | LIST_QUICKLIST | LIST_QUICKLIST_2 => "list",
        SET | SET_INTSET | SET_LISTPACK => "set",
        ZSET | ZSET_2 | ZSET_ZIPLIST | ZSET_LISTPACK => "zset",
        HASH | HASH_ZIPMAP | HASH_ZIPLIST | HASH_LISTPACK => "hash",
        STREAM_LISTPACKS | STREAM_LISTPACKS_2 | STREAM_LISTPACKS_3 => "stream",
        MODULE_PRE_GA | MODULE_2 => "module",
        22 => "hash",
        REDIS_HASH_LISTPACK_EX_PRE_GA | REDIS_HASH_METADATA | REDIS_HASH_LISTPACK_EX
            if dialect == Dialect::Redis =>
        {
            "hash"
        }
        _ => return None,
    })
}
