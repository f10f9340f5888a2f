//! Cuts and changes anywhere: an error, and never a panic, a hang or memory beyond what was received.

use super::samples::{VALKEY, objects, survey};
use crate::rdb::{Dialect, Fault, Item, Reader, decode, payload};
use crate::value::Packing;
use proptest::prelude::*;
use std::io::{self, Read};

#[test]
fn a_file_cut_anywhere_is_an_error_at_that_place() {
    // Every place of the first two thousand and the last, and some in between.
    let places =
        (0..2_000).chain((2_000..VALKEY.len() - 500).step_by(97)).chain(VALKEY.len() - 500..VALKEY.len());
    for cut in places {
        let (at, fault) = survey(&VALKEY[..cut]).unwrap_err();
        assert!(matches!(fault, Fault::Truncated), "{cut}: {fault}");
        assert!(at <= cut as u64);
    }
}

#[test]
fn a_file_changed_anywhere_is_an_error() {
    for index in (0..VALKEY.len()).step_by(13) {
        let mut changed = VALKEY.to_vec();
        changed[index] ^= 1 << (index % 8);
        assert!(survey(&changed).is_err(), "{index}");
    }
}

#[test]
fn an_object_cut_or_changed_anywhere_makes_no_panic() {
    for (kind, dialect, object) in objects() {
        for now_ms in [0, 1 << 40] {
            for cut in 0..object.len() {
                assert!(
                    decode(kind, dialect, &object[..cut], &Packing::default(), now_ms).is_err(),
                    "{kind} {cut}"
                );
            }
        }
        for index in 0..object.len() {
            for bit in 0..8 {
                let mut changed = object.clone();
                changed[index] ^= 1 << bit;
                let _ = decode(kind, dialect, &changed, &Packing::default(), 0);
            }
        }
    }
}

/// Announces a string of terabytes and sends a few bytes of it.
#[test]
fn announced_lengths_cost_nothing() {
    for head in
        [&b"\x81\x00\x00\x10\x00\x00\x00\x00\x00"[..], b"\xC3\x81\x00\x00\x10\x00\x00\x00\x00\x00\x05"]
    {
        let file = [b"REDIS0011\x00\x01k", head, b"some bytes"].concat();
        assert!(matches!(survey(&file), Err((_, Fault::Truncated))));
    }
    for kind in [1, 4, 14, 15, 18, 24] {
        let object = [0x81, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, b'a'];
        assert!(decode(kind, Dialect::Redis, &object, &Packing::default(), 0).is_err());
    }
}

/// Gives a byte at a time, and then an error of the system.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (&first, rest) = self.0.split_first().ok_or_else(|| io::Error::other("broken"))?;
        (buffer[0], self.0) = (first, rest);
        Ok(1)
    }
}

#[test]
fn a_disk_that_fails_is_told_apart_from_a_file_that_ends() {
    let mut reader = Reader::new(Broken(&VALKEY[..300])).unwrap();
    let fault = loop {
        match reader.next() {
            Ok(item) => assert!(item.is_some()),
            Err(fault) => break fault,
        }
    };
    assert!(matches!(fault, Fault::Io(_)));
    assert_eq!(reader.position(), 300);
}

fn read_all(bytes: &[u8]) {
    let Ok(mut reader) = Reader::new(bytes) else { return };
    let dialect = reader.dialect();
    while let Ok(Some(item)) = reader.next() {
        if let Item::Key(record) = item {
            let _ = decode(record.kind, dialect, record.object, &Packing::default(), 0);
        }
    }
}

proptest! {
    #[test]
    fn garbage_does_not_panic(bytes: Vec<u8>, kind in 0_u8..30, valkey: bool) {
        let dialect = if valkey { Dialect::Valkey } else { Dialect::Redis };
        let _ = decode(kind, dialect, &bytes, &Packing::default(), 0);
        let _ = payload::open(&bytes);
        read_all(&bytes);
        read_all(&[b"REDIS0012", &bytes[..]].concat());
        read_all(&[b"VALKEY080", &bytes[..]].concat());
        read_all(&[&b"VALKEY080"[..], &[kind, 1, b'k'], &bytes[..]].concat());
    }

    #[test]
    fn garbage_inside_of_a_file_does_not_panic(
        place in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 1..9),
    ) {
        let mut file = VALKEY.to_vec();
        let place = place.index(file.len());
        let end = (place + bytes.len()).min(file.len());
        file[place..end].copy_from_slice(&bytes[..end - place]);
        read_all(&file);
    }
}
