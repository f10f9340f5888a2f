//! The bytes of a checkpoint: header, blocks, table of shards, end. Pure: no files, no state.
//!
//! A file is a header of 64 bytes, then the blocks of each shard one after the other, then one block with the table of
//! shards, then an end of 32 bytes that says where the table is. All numbers are little-endian;
//! `docs/design/checkpoint.md` has the tables. What must hold: any bytes at all decode to a value or to nothing, never to a
//! panic; a block is valid only at the place of the file that it was written to; magic, version and checksum of the header
//! stay where they are in every later format.

use crate::error::{Error, ErrorKind};
use crate::log::Lsn;

/// The newest format, which this version writes. The first one knew no marks of unsettled keys, the second no tags, the third no
/// compressed values; otherwise they are the same.
pub(crate) const FORMAT_VERSION: u32 = 4;

/// The bytes before the first block.
pub(crate) const HEADER_BYTES: usize = 64;
/// The bytes before the entries of a block.
pub(crate) const BLOCK_HEADER_BYTES: usize = 32;
/// The bytes after the table of shards.
pub(crate) const END_BYTES: usize = 32;

const HEADER_MAGIC: [u8; 8] = *b"RAMEKCKP";
const BLOCK_MAGIC: [u8; 4] = *b"RKCB";
const TABLE_MAGIC: [u8; 4] = *b"RKCT";
const END_MAGIC: [u8; 4] = *b"RKCE";

/// What a file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) database_id: u128,
    pub(crate) number: u32,
    pub(crate) shards: u32,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&HEADER_MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.database_id.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.shards.to_le_bytes());
        let crc = crc_fast::crc32_iscsi(&bytes[..HEADER_BYTES - 4]);
        bytes[HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Decodes the beginning of the file `name`.
    pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() < HEADER_BYTES
            || bytes[..8] != HEADER_MAGIC
            || u32_at(bytes, HEADER_BYTES - 4) != crc_fast::crc32_iscsi(&bytes[..HEADER_BYTES - 4])
        {
            return Err(damage(name, 0, "the header is broken"));
        }
        let version = u32_at(bytes, 8);
        if version == 0 || version > FORMAT_VERSION {
            let text = format!(
                "{name} has checkpoint format {version}, this version reads up to {FORMAT_VERSION}: run a newer version"
            );
            return Err(Error::new(ErrorKind::Newer, text));
        }
        let mut database_id = [0; 16];
        database_id.copy_from_slice(&bytes[16..32]);
        Ok(Self {
            database_id: u128::from_le_bytes(database_id),
            number: u32_at(bytes, 12),
            shards: u32_at(bytes, 32),
        })
    }
}

/// Ties blocks to the file and the place that they are written to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seal(u64);

impl Seal {
    pub(crate) fn new(database_id: u128, number: u32) -> Self {
        let mut bytes = [0; 24];
        bytes[..4].copy_from_slice(&BLOCK_MAGIC);
        bytes[4..20].copy_from_slice(&database_id.to_le_bytes());
        bytes[20..].copy_from_slice(&number.to_le_bytes());
        Self(crc_fast::crc64_nvme(&bytes))
    }

    /// What the checksum of a block at `offset` is combined with.
    fn at(self, offset: u64) -> u32 {
        let mixed = (self.0 ^ offset).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [a, b, c, d, ..] = mixed.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// What a block holds: entries of one database in one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) shard: u32,
    pub(crate) db: u32,
    /// How many keys begin in it.
    pub(crate) entries: u32,
    /// Bytes after this header.
    pub(crate) body_bytes: u32,
}

impl BlockHeader {
    /// Fills in the header of a block whose body stands in `block` already, to be written at `offset`.
    pub(crate) fn seal(&self, block: &mut [u8], seal: Seal, offset: u64) {
        seal_block(block, BLOCK_MAGIC, [self.body_bytes, self.shard, self.db, self.entries], seal, offset);
    }

    /// Decodes the header at the start of `bytes`; whether the block is whole is for [`is_whole`] to say.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.get(..4)? != BLOCK_MAGIC || bytes.len() < BLOCK_HEADER_BYTES {
            return None;
        }
        Some(Self {
            body_bytes: u32_at(bytes, 8),
            shard: u32_at(bytes, 12),
            db: u32_at(bytes, 16),
            entries: u32_at(bytes, 20),
        })
    }
}

/// Whether `block`, header and body, is what was written at `offset`.
pub(crate) fn is_whole(block: &[u8], seal: Seal, offset: u64) -> bool {
    u32_at(block, 4) == crc_fast::crc32_iscsi(&block[8..]) ^ seal.at(offset)
}

fn seal_block(block: &mut [u8], magic: [u8; 4], words: [u32; 4], seal: Seal, offset: u64) {
    block[..4].copy_from_slice(&magic);
    for (place, word) in block[8..24].chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    block[24..BLOCK_HEADER_BYTES].fill(0);
    let crc = crc_fast::crc32_iscsi(&block[8..]) ^ seal.at(offset);
    block[4..8].copy_from_slice(&crc.to_le_bytes());
}

/// Where a shard is, and what of the log it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ShardRange {
    /// The last record that it holds.
    pub(crate) cut: Lsn,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    /// Databases and how many keys they have here.
    pub(crate) keys: Vec<(u32, u64)>,
}

/// The table of shards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// The largest time seen, in milliseconds since 1970.
    pub(crate) time_ms: u64,
    pub(crate) shards: Vec<ShardRange>,
}

impl Table {
    /// The bytes of the table and of the end, to be written at `offset`.
    pub(crate) fn encode(&self, seal: Seal, offset: u64) -> Vec<u8> {
        let mut block = vec![0; BLOCK_HEADER_BYTES];
        block.extend_from_slice(&self.time_ms.to_le_bytes());
        for shard in &self.shards {
            for number in [shard.cut, shard.offset, shard.bytes, shard.keys.len() as u64] {
                block.extend_from_slice(&number.to_le_bytes());
            }
            for (db, keys) in &shard.keys {
                block.extend_from_slice(&u64::from(*db).to_le_bytes());
                block.extend_from_slice(&keys.to_le_bytes());
            }
        }
        let body_bytes =
            u32::try_from(block.len() - BLOCK_HEADER_BYTES).expect("shards and databases are few");
        let shards = u32::try_from(self.shards.len()).expect("shards are few");
        seal_block(&mut block, TABLE_MAGIC, [body_bytes, shards, 0, 0], seal, offset);
        let end_offset = offset + block.len() as u64;
        let mut end = [0; END_BYTES];
        end[..4].copy_from_slice(&END_MAGIC);
        end[8..16].copy_from_slice(&offset.to_le_bytes());
        end[16..24].copy_from_slice(&(block.len() as u64).to_le_bytes());
        let crc = crc_fast::crc32_iscsi(&end[8..]) ^ seal.at(end_offset);
        end[4..8].copy_from_slice(&crc.to_le_bytes());
        block.extend_from_slice(&end);
        block
    }

    /// Offset and length of the table, from the end of a file, which was found at `offset`.
    pub(crate) fn place(end: &[u8], seal: Seal, offset: u64) -> Option<(u64, u64)> {
        if end.len() != END_BYTES || end[..4] != END_MAGIC || !is_whole(end, seal, offset) {
            return None;
        }
        let (at, bytes) = (u64_at(end, 8), u64_at(end, 16));
        (at.checked_add(bytes)? == offset && at >= HEADER_BYTES as u64).then_some((at, bytes))
    }

    /// Decodes the table that stands at `offset`.
    pub(crate) fn decode(block: &[u8], seal: Seal, offset: u64) -> Option<Self> {
        if block.len() < BLOCK_HEADER_BYTES || block[..4] != TABLE_MAGIC || !is_whole(block, seal, offset) {
            return None;
        }
        let mut rest = &block[BLOCK_HEADER_BYTES..];
        let mut table = Self { time_ms: take(&mut rest)?, shards: Vec::new() };
        let mut at = HEADER_BYTES as u64;
        while !rest.is_empty() {
            let mut shard = ShardRange {
                cut: take(&mut rest)?,
                offset: take(&mut rest)?,
                bytes: take(&mut rest)?,
                keys: Vec::new(),
            };
            for _ in 0..take(&mut rest)? {
                let (db, keys) = (take(&mut rest)?, take(&mut rest)?);
                shard.keys.push((u32::try_from(db).ok()?, keys));
            }
            if shard.offset != at {
                return None;
            }
            at = at.checked_add(shard.bytes)?;
            table.shards.push(shard);
        }
        (at == offset && table.shards.len() == u32_at(block, 12) as usize).then_some(table)
    }

    /// The last record that every shard holds.
    pub(crate) fn lowest_cut(&self) -> Lsn {
        self.shards.iter().map(|shard| shard.cut).min().unwrap_or(0)
    }

    /// The last record that any shard holds.
    pub(crate) fn highest_cut(&self) -> Lsn {
        self.shards.iter().map(|shard| shard.cut).max().unwrap_or(0)
    }

    /// All keys.
    pub(crate) fn keys(&self) -> u64 {
        self.shards.iter().flat_map(|shard| &shard.keys).map(|(_, keys)| *keys).sum()
    }
}

/// The error of a file that cannot be read as it was written.
pub(crate) fn damage(name: &str, offset: u64, what: &str) -> Error {
    let text = format!(
        "the checkpoint {name} is damaged at offset {offset}: {what}; `ramekin check` on the folder says what can still be read, a copy has to be restored"
    );
    Error::new(ErrorKind::Damaged, text)
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*number))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(value)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> Table {
        let shard = |cut, offset, bytes| ShardRange { cut, offset, bytes, keys: vec![(0, 5), (3, 1)] };
        Table { time_ms: 77, shards: vec![shard(9, 64, 100), shard(7, 164, 0), shard(12, 164, 36)] }
    }

    #[test]
    fn a_table_comes_back_with_its_place_and_only_from_there() {
        let seal = Seal::new(1, 2);
        let bytes = table().encode(seal, 200);
        let (block, end) = bytes.split_at(bytes.len() - END_BYTES);
        let end_offset = 200 + block.len() as u64;
        assert_eq!(Table::place(end, seal, end_offset), Some((200, block.len() as u64)));
        assert_eq!(Table::place(end, seal, end_offset + 1), None);
        assert_eq!(Table::decode(block, seal, 200), Some(table()));
        assert_eq!(Table::decode(block, Seal::new(1, 3), 200), None);
        assert_eq!((table().lowest_cut(), table().highest_cut(), table().keys()), (7, 12, 18));
    }

    #[test]
    fn a_flipped_bit_in_a_header_is_damage_and_a_newer_format_is_named() {
        let header = Header { database_id: 7 << 100, number: 3, shards: 256 };
        let bytes = header.encode();
        assert_eq!(Header::decode("c", &bytes).unwrap(), header);
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode("c", &flipped).unwrap_err().kind(), ErrorKind::Damaged, "bit {bit}");
        }
        let mut newer = bytes;
        newer[8] = 5;
        let crc = crc_fast::crc32_iscsi(&newer[..60]);
        newer[60..].copy_from_slice(&crc.to_le_bytes());
        let error = Header::decode("c", &newer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Newer);
        assert!(error.to_string().contains("c has checkpoint format 5"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Header::decode("c", &bytes);
            let _ = BlockHeader::decode(&bytes);
            let _ = Table::decode(&bytes, Seal::new(0, 0), 0);
            let _ = Table::place(&bytes, Seal::new(0, 0), 0);
        }

        #[test]
        fn a_flipped_bit_in_a_block_is_always_found(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            bit in any::<proptest::sample::Index>(),
        ) {
            let seal = Seal::new(1, 2);
            let mut block = [vec![0; BLOCK_HEADER_BYTES], body.clone()].concat();
            let header = BlockHeader { shard: 1, db: 2, entries: 3, body_bytes: u32::try_from(body.len()).unwrap() };
            header.seal(&mut block, seal, 4096);
            prop_assert_eq!(BlockHeader::decode(&block), Some(header));
            prop_assert!(is_whole(&block, seal, 4096) && !is_whole(&block, seal, 4097));
            let bit = bit.index(block.len() * 8);
            block[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!is_whole(&block, seal, 4096) || BlockHeader::decode(&block).is_none());
        }
    }
}
