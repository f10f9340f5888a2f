//! Any bytes where the engine expects its own. The fuzz targets run the same properties for longer.

use proptest::collection::vec;
use proptest::prelude::*;
use ramekin_sim::garbage;
use std::fs;
use std::path::Path;

type Property = fn(&[u8]);

const TARGETS: [(&str, Property); 5] = [
    ("log_segment", garbage::segment),
    ("log_damage", garbage::damaged_log),
    ("manifest", garbage::manifest),
    ("record", garbage::record),
    ("rdb", garbage::rdb),
];

/// Bytes that are mostly small: tags, counts and lengths that mean something.
fn record_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => 0..4_u8,
        3 => prop::sample::select(vec![1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 18, 19, 20, 21, 32, 33, 34]),
        1 => any::<u8>()
    ];
    vec(byte, 0..60)
}

/// A manifest whose checksum is right, with any numbers in it.
fn manifest_bytes() -> impl Strategy<Value = Vec<u8>> {
    (prop_oneof![Just(1_u32), any::<u32>()], prop_oneof![0..9_u32, any::<u32>()], any::<u128>()).prop_map(
        |(version, shards, id)| {
            let head =
                [&b"RAMEKMAN"[..], &version.to_le_bytes(), &shards.to_le_bytes(), &id.to_le_bytes()].concat();
            garbage::with_checksum(&head)
        },
    )
}

/// The beginning of an RDB file, and then bytes that often are types, short lengths and opcodes.
fn rdb_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => 0..26_u8,
        2 => prop::sample::select(vec![0xC0, 0xC1, 0xC3, 243, 245, 247, 248, 249, 250, 251, 252, 253, 254, 255]),
        1 => any::<u8>(),
    ];
    let header = prop::sample::select(vec![&b"VALKEY080"[..], b"REDIS0012", b"REDIS0003"]);
    (header, vec(byte, 0..120)).prop_map(|(header, bytes)| [header, &bytes].concat())
}

/// Every input kept from the fuzzers. A folder is named as its target is.
#[test]
fn every_input_of_the_corpus_is_read_or_refused() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (target, property) in TARGETS {
        let mut count = 0;
        for file in fs::read_dir(corpus.join(target)).unwrap() {
            let path = file.unwrap().path();
            crate::named(&path.display().to_string(), || property(&fs::read(&path).unwrap()));
            count += 1;
        }
        assert!(count > 0, "{target} has inputs");
    }
}

proptest! {
    #[test]
    fn any_bytes_as_a_segment_are_read_or_refused(bytes in vec(any::<u8>(), 0..6000)) {
        garbage::segment(&bytes);
    }

    #[test]
    fn any_damage_to_a_log_leaves_a_beginning_of_its_records_or_is_refused(edits in vec(any::<u8>(), 0..40)) {
        garbage::damaged_log(&edits);
    }

    #[test]
    fn any_bytes_as_a_manifest_are_read_or_refused(bytes in prop_oneof![vec(any::<u8>(), 0..80), manifest_bytes()]) {
        garbage::manifest(&bytes);
    }

    #[test]
    fn any_bytes_as_an_rdb_file_are_read_or_refused(bytes in rdb_bytes()) {
        garbage::rdb(&bytes);
    }

    #[test]
    fn any_bytes_as_a_record_are_applied_or_refused(bytes in record_bytes()) {
        garbage::record(&bytes);
    }
}
