//! How the values of a database are compressed, and what that saves.

use super::Database;
use crate::value::compressed::Method;

/// What compression does for a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompressionStats {
    /// Values that are kept compressed.
    pub values: usize,
    /// Their bytes as they are for others.
    pub raw_bytes: usize,
    /// The bytes that are kept instead.
    pub bytes: usize,
    /// Dictionaries that values are compressed with now.
    pub dictionaries: usize,
    /// Their bytes in memory.
    pub dictionary_bytes: usize,
}

impl Database {
    /// How strings and records are compressed that are set from now on, in memory, in the log and in checkpoints. What is there
    /// stays as it is until it is set again, and is read whatever the method. Without it nothing is compressed.
    ///
    /// A method that this build does not have ([`Method::is_there`]) means none.
    pub fn set_compression(&self, method: Method) {
        let method = if method.is_there() { method } else { Method::None };
        self.shards().keyspace.compression.set_method(method);
    }

    /// How they are.
    #[must_use]
    pub fn compression(&self) -> Method {
        self.shards().keyspace.compression.method()
    }

    /// Values shorter than this are not compressed, in bytes; 64 if nothing else is said.
    pub fn set_compression_min_bytes(&self, bytes: usize) {
        self.shards().keyspace.compression.set_bytes_min(bytes);
    }

    /// What it saves. Locks one shard after the other.
    #[must_use]
    pub fn compression_stats(&self) -> CompressionStats {
        let keyspace = &self.shards().keyspace;
        let (saved, (dictionaries, dictionary_bytes)) =
            (keyspace.compressed(), keyspace.compression.dictionaries());
        CompressionStats {
            values: saved.values,
            raw_bytes: saved.raw_bytes,
            bytes: saved.bytes,
            dictionaries,
            dictionary_bytes,
        }
    }
}
