//! The checksum of files and payloads: CRC-64 by Jones's polynomial, reflected, from zero.

use crc_fast::{CrcAlgorithm, checksum};

/// A checksum in the making.
pub(super) struct Digest(crc_fast::Digest);

impl Default for Digest {
    fn default() -> Self {
        Self(crc_fast::Digest::new(CrcAlgorithm::Crc64Redis))
    }
}

impl Digest {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.finalize()
    }

    /// The checksum of other bytes followed by these.
    pub(super) fn after(&self, first: &[u8]) -> u64 {
        let (algorithm, bytes) = (CrcAlgorithm::Crc64Redis, self.0.get_amount());
        crc_fast::checksum_combine(algorithm, of(first), self.value(), bytes)
    }
}

/// The checksum of these bytes.
pub(super) fn of(bytes: &[u8]) -> u64 {
    checksum(CrcAlgorithm::Crc64Redis, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_is_that_of_redis() {
        assert_eq!(of(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        let mut digest = Digest::default();
        digest.update(b"1234");
        digest.update(b"56789");
        assert_eq!(digest.value(), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn a_beginning_can_be_put_in_front_of_what_was_summed_up() {
        for len in [0, 1, 5, 1000] {
            let (head, tail) = (b"REDIS0011", vec![7; len]);
            let mut digest = Digest::default();
            digest.update(&tail);
            assert_eq!(digest.after(head), of(&[&head[..], &tail].concat()), "{len}");
        }
    }
}
