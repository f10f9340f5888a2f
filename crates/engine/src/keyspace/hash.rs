//! Hashes of keys.
//!
//! Owns two of them. The *stable* hash picks a key's shard: its seed is in the manifest, and it must give the same value
//! in every release, because logs and checkpoints are laid out by it (rapidhash V3, whose output its authors freeze).
//! The *table* hash places an entry inside one table: the stable hash stirred with a seed drawn when the table is made,
//! so that nothing about the order of a table can be learned from the folder or from another process.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};

/// The seed of the stable hash, expanded once.
#[derive(Clone, Copy)]
pub(crate) struct StableHash {
    secrets: RapidSecrets,
}

impl StableHash {
    /// A hash by this seed, as the manifest keeps it.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { secrets: RapidSecrets::seed(seed) }
    }

    /// The stable hash of a key.
    #[inline]
    pub(crate) fn of(&self, key: &[u8]) -> u64 {
        rapidhash_v3_seeded(key, &self.secrets)
    }
}

/// Stirs a stable hash with the seed of a table: one folded multiplication.
#[inline]
pub(crate) const fn stir(stable: u64, seed: u64) -> u64 {
    let product = (stable ^ seed) as u128 * 0x9E37_79B9_7F4A_7C15;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the two halves of the product are folded on purpose"
    )]
    let folded = product as u64 ^ (product >> 64) as u64;
    folded
}
