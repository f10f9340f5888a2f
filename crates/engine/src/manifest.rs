//! The manifest: what a data folder is, written once when it is made.
//!
//! What must hold: it is there, whole and durable, before anything else is in the folder, and never changes; a folder with
//! a log and no manifest is refused, since nobody can say which shard its keys belong to. Left out on purpose: anything
//! that changes while a database runs.
//!
//! 64 bytes, little-endian: magic `RAMEKMAN`, format version `u32` at 8, shard count `u32` at 12, database id `u128` at
//! 16, hash seed `u64` at 32, zeros, CRC-32C of the first 60 bytes at 60.

use crate::error::{Error, ErrorKind};
use crate::io::{Disk, Rng};
use crate::log;

/// The name of its file.
pub(crate) const NAME: &str = "MANIFEST";
const NEW_NAME: &str = "MANIFEST.new";
const MAGIC: [u8; 8] = *b"RAMEKMAN";
const FORMAT_VERSION: u32 = 1;
const ENCODED_BYTES: usize = 64;

/// What a data folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest {
    /// Tells this database from every other one.
    pub database_id: u128,
    /// The seed of the hash that gives a key its shard.
    pub hash_seed: u64,
    /// How many shards there are.
    pub shards: u32,
}

impl Manifest {
    /// Reads the manifest of a folder, or makes one for an empty folder, with `shards` shards.
    ///
    /// # Errors
    /// `Newer` for a later format, `Damaged` if it cannot be read, `Invalid` if it is missing beside a log, and what the
    /// disk says.
    pub fn load_or_create(disk: &dyn Disk, rng: &dyn Rng, shards: u32) -> Result<Self, Error> {
        if let Some(manifest) = Self::load(disk)? {
            return Ok(manifest);
        }
        if log::exists(disk)? || disk.list()?.iter().any(|name| name.starts_with("ckpt-")) {
            let text = format!(
                "there is a log or a checkpoint but no {NAME}: restore the {NAME} that belongs to it, or use an empty folder"
            );
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        if !is_shard_count(shards) {
            let text = format!("{shards} shards were asked for: choose a power of two up to {SHARDS_MAX}");
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let manifest = Self { database_id: rng.next_u128(), hash_seed: rng.next_u64(), shards };
        manifest.create(disk)?;
        Ok(manifest)
    }

    /// Reads the manifest of a folder, if there is one.
    ///
    /// # Errors
    /// As [`Manifest::load_or_create`].
    pub fn load(disk: &dyn Disk) -> Result<Option<Self>, Error> {
        if !disk.list()?.iter().any(|name| name == NAME) {
            return Ok(None);
        }
        let mut bytes = [0; ENCODED_BYTES];
        let count = disk.open(NAME)?.read_at(0, &mut bytes)?;
        Self::decode(&bytes[..count]).map(Some)
    }

    /// Writes it into a folder that has none.
    pub(crate) fn create(&self, disk: &dyn Disk) -> Result<(), Error> {
        if disk.list()?.iter().any(|name| name == NEW_NAME) {
            disk.remove(NEW_NAME)?;
        }
        let file = disk.create(NEW_NAME)?;
        file.write_at(0, &self.encode())?;
        file.sync_data()?;
        disk.rename(NEW_NAME, NAME)?;
        disk.sync_dir()
    }

    fn encode(&self) -> [u8; ENCODED_BYTES] {
        let mut bytes = [0; ENCODED_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.shards.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.database_id.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.hash_seed.to_le_bytes());
        let crc = crc_fast::crc32_iscsi(&bytes[..ENCODED_BYTES - 4]);
        bytes[ENCODED_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let damaged =
            || Error::new(ErrorKind::Damaged, format!("the {NAME} cannot be read: restore it from a copy"));
        let bytes: &[u8; ENCODED_BYTES] = bytes.try_into().map_err(|_| damaged())?;
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if bytes[..8] != MAGIC
            || u32_at(ENCODED_BYTES - 4) != crc_fast::crc32_iscsi(&bytes[..ENCODED_BYTES - 4])
        {
            return Err(damaged());
        }
        let version = u32_at(8);
        if version != FORMAT_VERSION {
            let text = format!(
                "the {NAME} has format {version}, this version reads up to {FORMAT_VERSION}: run a newer version"
            );
            return Err(Error::new(ErrorKind::Newer, text));
        }
        if !is_shard_count(u32_at(12)) {
            return Err(damaged());
        }
        let (mut database_id, mut hash_seed) = ([0; 16], [0; 8]);
        database_id.copy_from_slice(&bytes[16..32]);
        hash_seed.copy_from_slice(&bytes[32..40]);
        Ok(Self {
            database_id: u128::from_le_bytes(database_id),
            hash_seed: u64::from_le_bytes(hash_seed),
            shards: u32_at(12),
        })
    }
}

/// More locks than this help nobody.
const SHARDS_MAX: u32 = 65_536;

fn is_shard_count(shards: u32) -> bool {
    shards.is_power_of_two() && shards <= SHARDS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::SeededRng;
    use crate::io::mem::{CrashPoint, Faults, MemDisk};

    #[test]
    fn a_manifest_is_made_once_and_read_ever_after() {
        let disk = MemDisk::default();
        let made = Manifest::load_or_create(&disk, &SeededRng::new(1), 256).unwrap();
        assert_eq!(Manifest::load_or_create(&disk.power_cut(9), &SeededRng::new(2), 512).unwrap(), made);
        assert_eq!(made.shards, 256);
    }

    #[test]
    fn a_crash_while_it_is_made_leaves_none_or_a_whole_one() {
        let points = (1..=5).map(CrashPoint::Change).chain((1..=2).map(CrashPoint::Sync));
        for (point, seed) in points.flat_map(|point| (0..50).map(move |seed| (point, seed))) {
            let disk = MemDisk::new(Faults { crash: Some(point), ..Faults::default() });
            let made = Manifest::load_or_create(&disk, &SeededRng::new(1), 256);
            let again = Manifest::load_or_create(&disk.power_cut(seed), &SeededRng::new(1), 256);
            assert_eq!(
                again.unwrap().database_id,
                SeededRng::new(1).next_u128(),
                "{point:?} {seed} {made:?}"
            );
        }
    }

    #[test]
    fn a_log_without_a_manifest_is_refused() {
        let disk = MemDisk::default();
        disk.put("log-00000001-00000000.rkl", b"x");
        let error = Manifest::load_or_create(&disk, &SeededRng::new(1), 256).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("restore the MANIFEST"), "{error}");
    }

    #[test]
    fn a_flipped_bit_is_damage_and_a_later_format_is_named() {
        let disk = MemDisk::default();
        Manifest::load_or_create(&disk, &SeededRng::new(1), 256).unwrap();
        let bytes = disk.content(NAME).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            disk.put(NAME, &flipped);
            assert_eq!(Manifest::load(&disk).unwrap_err().kind(), ErrorKind::Damaged);
        }
        let mut newer = bytes;
        newer[8] = 2;
        let crc = crc_fast::crc32_iscsi(&newer[..60]);
        newer[60..].copy_from_slice(&crc.to_le_bytes());
        disk.put(NAME, &newer);
        let error = Manifest::load(&disk).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Newer);
        assert!(error.to_string().contains("format 2"), "{error}");
    }

    #[test]
    fn a_shard_count_that_is_no_power_of_two_makes_no_folder_and_opens_none() {
        let disk = MemDisk::default();
        let refused = Manifest::load_or_create(&disk, &SeededRng::new(1), 3).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        assert!(disk.list().unwrap().is_empty());
        let broken = Manifest { database_id: 1, hash_seed: 2, shards: 0 }.encode();
        assert_eq!(Manifest::decode(&broken).unwrap_err().kind(), ErrorKind::Damaged);
    }
}
