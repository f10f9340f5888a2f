//! The bytes of the log: segment headers, frames, and the records in them. Pure: no files, no state.
//!
//! A segment is a header block of 4096 bytes, then frames, 8-byte aligned, then zeros. A frame is a header of 56 bytes,
//! then pieces, each a `u32` length and that many bytes. Usually a piece is a whole record; a record too large for one
//! frame goes on in the next ones, which carry nothing else. All numbers are little-endian. `docs/design/log.md` has the
//! tables. What must hold: any bytes at all decode to a value or a reason, never to a panic; and no frame is valid at any
//! place but the one it was written to (its header's checksum is tied to database, segment and offset), so that no bytes a
//! user stores can pass for a frame.

use super::Lsn;

/// The newest format this version writes and reads.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Where frames begin in a segment; the header has a block of its own, which no later write touches.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 4096;

/// How much of the header block is encoded and checked; zeros follow.
pub(crate) const ENCODED_HEADER_BYTES: usize = 128;

/// The bytes before the pieces of a frame.
pub(crate) const FRAME_HEADER_BYTES: usize = 56;

/// No frame is longer, so a reader needs no more memory than this.
pub(crate) const FRAME_BYTES_MAX: usize = 4 << 20;

/// The length in front of each piece.
pub(crate) const PIECE_HEADER_BYTES: usize = 4;

/// Frames begin at multiples of this.
pub(crate) const FRAME_ALIGN: u64 = 8;

const SEGMENT_MAGIC: [u8; 8] = *b"RAMEKLOG";
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"RKFR";

/// The first piece goes on with a record that began in an earlier frame.
pub(crate) const FLAG_CONTINUES: u32 = 1;
/// The last piece is not the end of its record.
pub(crate) const FLAG_UNFINISHED: u32 = 2;

const _: () = assert!((FRAME_HEADER_BYTES as u64).is_multiple_of(FRAME_ALIGN));
const _: () = assert!(SEGMENT_HEADER_BYTES.is_multiple_of(FRAME_ALIGN));

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) database_id: u128,
    /// Grows with every opening of the log.
    pub(crate) epoch: u32,
    /// Grows with every segment, across epochs.
    pub(crate) index: u32,
    /// The record that the first frame begins or goes on with.
    pub(crate) first_lsn: Lsn,
    /// All records up to this one were durable when the segment was begun.
    pub(crate) synced_lsn: Lsn,
    /// The largest time seen when the segment was begun, in milliseconds since 1970.
    pub(crate) time_ms: u64,
}

/// What the first bytes of a segment are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderState {
    Valid(SegmentHeader),
    /// All zeros, or not even there: prepared, never begun.
    Blank,
    /// Written by a version that knows this later format.
    Newer(u32),
    Broken,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; ENCODED_HEADER_BYTES] {
        let mut bytes = [0; ENCODED_HEADER_BYTES];
        bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.database_id.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.index.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first_lsn.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.synced_lsn.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.time_ms.to_le_bytes());
        let crc = crc_fast::crc32_iscsi(&bytes[..ENCODED_HEADER_BYTES - 4]);
        bytes[ENCODED_HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Decodes the first bytes of a segment, however many there are.
    pub(crate) fn decode(bytes: &[u8]) -> HeaderState {
        let bytes = &bytes[..bytes.len().min(ENCODED_HEADER_BYTES)];
        if bytes.iter().all(|&byte| byte == 0) {
            return HeaderState::Blank;
        }
        // Magic, version and checksum stay where they are in every later format, so that it is known for what it is.
        if bytes.len() < ENCODED_HEADER_BYTES
            || bytes[..8] != SEGMENT_MAGIC
            || u32_at(bytes, ENCODED_HEADER_BYTES - 4)
                != crc_fast::crc32_iscsi(&bytes[..ENCODED_HEADER_BYTES - 4])
        {
            return HeaderState::Broken;
        }
        match u32_at(bytes, 8) {
            FORMAT_VERSION => {}
            0 => return HeaderState::Broken,
            newer => return HeaderState::Newer(newer),
        }
        let mut database_id = [0; 16];
        database_id.copy_from_slice(&bytes[16..32]);
        HeaderState::Valid(Self {
            database_id: u128::from_le_bytes(database_id),
            epoch: u32_at(bytes, 12),
            index: u32_at(bytes, 32),
            first_lsn: u64_at(bytes, 40),
            synced_lsn: u64_at(bytes, 48),
            time_ms: u64_at(bytes, 56),
        })
    }
}

/// Ties frames to the segment they are written to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seal(u64);

impl Seal {
    pub(crate) fn new(database_id: u128, index: u32) -> Self {
        let mut bytes = [0; 20];
        bytes[..16].copy_from_slice(&database_id.to_le_bytes());
        bytes[16..].copy_from_slice(&index.to_le_bytes());
        Self(crc_fast::crc64_nvme(&bytes))
    }

    /// What the checksum of a frame at `offset` is combined with.
    fn at(self, offset: u64) -> u32 {
        let mixed = (self.0 ^ offset).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [a, b, c, d, ..] = mixed.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// What a frame says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Header and pieces, without the padding to the next frame.
    pub(crate) bytes: u32,
    pub(crate) epoch: u32,
    /// The record that the first piece begins or goes on with; the next one, if there are no pieces.
    pub(crate) first_lsn: Lsn,
    /// How many pieces there are. Without any, the frame only states what is synced.
    pub(crate) pieces: u32,
    pub(crate) flags: u32,
    /// How many bytes of the first piece's record are in earlier frames, so that no part can be missed.
    pub(crate) bytes_before: u32,
    /// All records up to this one were durable when the frame was written.
    pub(crate) synced_lsn: Lsn,
    /// The largest time seen when the frame was written, in milliseconds since 1970.
    pub(crate) time_ms: u64,
}

impl FrameHeader {
    /// Fills in the header of a frame whose pieces stand in `frame` already, to be written at `offset`.
    pub(crate) fn seal(&self, frame: &mut [u8], seal: Seal, offset: u64) {
        let (header, body) = frame.split_at_mut(FRAME_HEADER_BYTES);
        header[..4].copy_from_slice(&FRAME_MAGIC);
        // Whole words, for they are read as such at once: the processor forwards a store to a load of the same size.
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let words = [
            pair(crc_fast::crc32_iscsi(body), self.bytes),
            pair(self.epoch, self.flags),
            pair(self.pieces, self.bytes_before),
            self.first_lsn,
            self.synced_lsn,
            self.time_ms,
        ];
        for (place, word) in header[8..].chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let crc = crc_fast::crc32_iscsi(&header[8..]) ^ seal.at(offset);
        header[4..8].copy_from_slice(&crc.to_le_bytes());
    }

    /// Decodes the header at the start of `bytes`, found at `offset`. It was written there; whether its pieces are whole
    /// is for [`FrameHeader::is_whole`] to say.
    pub(crate) fn decode(bytes: &[u8], seal: Seal, offset: u64) -> Option<Self> {
        let bytes = bytes.get(..FRAME_HEADER_BYTES)?;
        if bytes[..4] != FRAME_MAGIC
            || u32_at(bytes, 4) != crc_fast::crc32_iscsi(&bytes[8..]) ^ seal.at(offset)
        {
            return None;
        }
        let header = Self {
            bytes: u32_at(bytes, 12),
            epoch: u32_at(bytes, 16),
            flags: u32_at(bytes, 20),
            pieces: u32_at(bytes, 24),
            bytes_before: u32_at(bytes, 28),
            first_lsn: u64_at(bytes, 32),
            synced_lsn: u64_at(bytes, 40),
            time_ms: u64_at(bytes, 48),
        };
        let length_fits = (FRAME_HEADER_BYTES..=FRAME_BYTES_MAX).contains(&header.len());
        (length_fits && header.first_lsn.checked_add(u64::from(header.pieces)).is_some()).then_some(header)
    }

    /// Header and pieces in bytes, without padding.
    pub(crate) fn len(&self) -> usize {
        self.bytes as usize
    }

    /// Whether `frame`, which begins with this header and is as long as it says, holds what was written.
    pub(crate) fn is_whole(&self, frame: &[u8]) -> bool {
        if crc_fast::crc32_iscsi(&frame[FRAME_HEADER_BYTES..]) != u32_at(frame, 8) {
            return false;
        }
        let mut pieces = Pieces::new(frame);
        let count = pieces.by_ref().count();
        count as u64 == u64::from(self.pieces) && pieces.rest.is_empty()
    }

    /// How many records end in this frame.
    pub(crate) fn records(&self) -> u64 {
        u64::from(self.pieces) - u64::from(self.flags & FLAG_UNFINISHED != 0 && self.pieces > 0)
    }

    /// The record after the last one that ends in this frame.
    pub(crate) fn next_lsn(&self) -> Lsn {
        self.first_lsn + self.records()
    }
}

/// The pieces of a frame, in order.
#[derive(Debug, Clone)]
pub(crate) struct Pieces<'a> {
    rest: &'a [u8],
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(frame: &'a [u8]) -> Self {
        Self { rest: &frame[FRAME_HEADER_BYTES.min(frame.len())..] }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<PIECE_HEADER_BYTES>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (piece, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(piece)
    }
}

/// `bytes` and the padding up to where the next frame may begin.
pub(crate) fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(FRAME_ALIGN)
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

    fn header() -> SegmentHeader {
        SegmentHeader {
            database_id: 7 << 100,
            epoch: 3,
            index: 9,
            first_lsn: 100,
            synced_lsn: 98,
            time_ms: 1_700_000,
        }
    }

    fn frame(pieces: &[&[u8]], seal: Seal, offset: u64) -> Vec<u8> {
        let mut bytes = vec![0; FRAME_HEADER_BYTES];
        for piece in pieces {
            bytes.extend(u32::try_from(piece.len()).unwrap().to_le_bytes());
            bytes.extend(*piece);
        }
        let header = FrameHeader {
            bytes: u32::try_from(bytes.len()).unwrap(),
            epoch: 3,
            first_lsn: 5,
            pieces: u32::try_from(pieces.len()).unwrap(),
            flags: 0,
            bytes_before: 0,
            synced_lsn: 4,
            time_ms: 77,
        };
        header.seal(&mut bytes, seal, offset);
        bytes
    }

    fn decode_whole(bytes: &[u8], seal: Seal, offset: u64) -> Option<FrameHeader> {
        let header = FrameHeader::decode(bytes, seal, offset)?;
        (header.len() == bytes.len() && header.is_whole(bytes)).then_some(header)
    }

    #[test]
    fn a_header_comes_back_and_a_flipped_bit_in_it_does_not() {
        let bytes = header().encode();
        assert_eq!(SegmentHeader::decode(&bytes), HeaderState::Valid(header()));
        for bit in 0..ENCODED_HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&flipped), HeaderState::Broken, "bit {bit}");
        }
    }

    #[test]
    fn a_newer_format_is_known_for_what_it_is() {
        let mut bytes = header().encode();
        bytes[8] = 2;
        let crc = crc_fast::crc32_iscsi(&bytes[..ENCODED_HEADER_BYTES - 4]);
        bytes[ENCODED_HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), HeaderState::Newer(2));
    }

    #[test]
    fn a_frame_is_valid_only_where_it_was_written() {
        let seal = Seal::new(1, 2);
        let bytes = frame(&[b"one", b""], seal, 4096);
        let header = decode_whole(&bytes, seal, 4096).unwrap();
        assert_eq!((header.next_lsn(), header.synced_lsn, header.time_ms), (7, 4, 77));
        assert_eq!(Pieces::new(&bytes).collect::<Vec<_>>(), [&b"one"[..], b""]);
        assert_eq!(FrameHeader::decode(&bytes, seal, 4104), None);
        assert_eq!(FrameHeader::decode(&bytes, Seal::new(1, 3), 4096), None);
        assert_eq!(FrameHeader::decode(&bytes, Seal::new(2, 2), 4096), None);
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = SegmentHeader::decode(&bytes);
            let _ = FrameHeader::decode(&bytes, Seal::new(0, 0), 0);
            Pieces::new(&bytes).for_each(drop);
        }

        #[test]
        fn a_flipped_bit_in_a_frame_is_always_found(
            record in proptest::collection::vec(any::<u8>(), 0..200),
            bit in any::<proptest::sample::Index>(),
        ) {
            let seal = Seal::new(1, 2);
            let mut bytes = frame(&[&record], seal, 4096);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode_whole(&bytes, seal, 4096), None);
        }
    }
}
