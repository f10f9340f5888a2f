//! Arbitrary bytes: nothing panics, and how the stream was cut makes no difference.

use proptest::collection::vec;
use proptest::prelude::*;
use ramekin_resp::{Limits, Scan, parse, skip};

use crate::harness::decode_in_reads;

const LIMITS: Limits =
    Limits { bulk_bytes_max: 1000, args_max: 100, inline_bytes_max: 200, authenticated: true };

/// Bytes that mean something to the protocol, and some that do not.
fn nearly_protocol() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"*2\r\n".to_vec()),
        Just(b"*1\r\n$4\r\nPING\r\n".to_vec()),
        Just(b"$3\r\nabc\r\n".to_vec()),
        Just(b"%1\r\n".to_vec()),
        Just(b"|1\r\n".to_vec()),
        Just(b"echo \"\\x41' ".to_vec()),
        "[*$%~>|+:,#=!(_-]-?[0-9]{0,3}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..3),
        vec(Just(b'7'), 0..120),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn assert_the_cut_makes_no_difference(input: &[u8], limits: &Limits) {
    let whole = decode_in_reads(input, &[usize::MAX], usize::MAX, limits);
    assert_eq!(decode_in_reads(input, &[1], usize::MAX, limits), whole);
    assert_eq!(decode_in_reads(input, &[3, 7, 2], 1, limits), whole);
}

fn assert_scan_and_parse_agree(input: &[u8]) {
    let scanned = Scan::new().advance(input);
    assert_eq!(skip(input), scanned.ok().flatten());
    if let Ok(parsed) = parse(input) {
        assert_eq!(Ok(parsed.map(|(_, length)| length)), scanned);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_decoder_survives_what_is_nearly_protocol(input in nearly_protocol(), authenticated: bool) {
        assert_the_cut_makes_no_difference(&input, &Limits { authenticated, ..LIMITS });
    }

    #[test]
    fn a_decoder_survives_random_bytes(input in vec(any::<u8>(), 0..200)) {
        assert_the_cut_makes_no_difference(&input, &LIMITS);
    }

    #[test]
    fn a_client_survives_what_is_nearly_protocol(input in nearly_protocol()) {
        assert_scan_and_parse_agree(&input);
    }
}

#[test]
fn the_corpus_of_the_fuzz_targets_is_survived() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/resp_decode");
    let mut files = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus is part of the checkout") {
        let input = std::fs::read(entry.unwrap().path()).unwrap();
        assert_the_cut_makes_no_difference(&input, &LIMITS);
        assert_the_cut_makes_no_difference(&input, &Limits { authenticated: false, ..LIMITS });
        assert_scan_and_parse_agree(&input);
        files += 1;
    }
    assert!(files >= 10, "only {files} files in the corpus");
}
