//! Keys that are too long for an index of the server, which takes up to 2,704 bytes.
//!
//! Such a key stands in its row under a stand-in: its first 2,000 bytes and a digest of the whole. Shorter ones stand for
//! themselves; none of them is as long as a stand-in. The order of rows is that of keys, but for long keys that begin with the
//! same 2,000 bytes: those lie side by side, in the order of their digests.

use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// So many bytes of a long key are in its stand-in, and no shorter key is long.
pub(crate) const FRONT_BYTES: usize = 2000;
const DIGEST_BYTES: usize = 32;

/// What a key stands in its row as.
pub(crate) fn stand_in(key: &[u8]) -> Cow<'_, [u8]> {
    if key.len() <= FRONT_BYTES {
        return Cow::Borrowed(key);
    }
    let mut stand_in = key[..FRONT_BYTES].to_vec();
    stand_in.extend_from_slice(&Sha256::digest(key));
    Cow::Owned(stand_in)
}

/// The whole key, if a stand-in takes its place.
pub(crate) fn whole(key: &[u8]) -> Option<&[u8]> {
    (key.len() > FRONT_BYTES).then_some(key)
}

/// The first bytes that long keys have in common whose stand-ins lie side by side.
pub(crate) fn front(key: &[u8]) -> Option<&[u8]> {
    (key.len() > FRONT_BYTES).then(|| &key[..FRONT_BYTES])
}

/// What is at or after all stand-ins with this front, and before all that follows them.
pub(crate) fn end(front: &[u8]) -> Vec<u8> {
    let mut end = front.to_vec();
    end.extend_from_slice(&[0xff; DIGEST_BYTES + 1]);
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_told_apart_from_keys_and_from_each_other() {
        let long = |last: u8| [vec![7; 3000], vec![last]].concat();
        assert_eq!(stand_in(&[7; 2000]), vec![7; 2000]);
        assert_eq!(stand_in(&long(1)).len(), FRONT_BYTES + DIGEST_BYTES);
        assert_ne!(stand_in(&long(1)), stand_in(&long(2)));
        let key = long(1);
        let (own, front) = (stand_in(&key), front(&key).unwrap());
        assert!(own.as_ref() > front && own.as_ref() < end(front).as_slice());
        assert!(end(front).as_slice() < [vec![7; 1999], vec![8]].concat().as_slice());
    }
}
