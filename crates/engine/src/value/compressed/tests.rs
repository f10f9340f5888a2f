use super::dictionary::{ENTRY_PREFIX, Taken};
use super::*;
use proptest::prelude::*;

const METHODS: [Method; 2] = [Method::Lz4, Method::Zstd];

/// Text with much, little or nothing in common with itself.
fn raw() -> impl Strategy<Value = Vec<u8>> {
    let letters = |few: u8| prop::collection::vec(0..few, 0..600);
    prop_oneof![
        letters(2),
        letters(20),
        prop::collection::vec(any::<u8>(), 0..600),
        (letters(255), 1_usize..60).prop_map(|(some, times)| some.repeat(times)),
    ]
}

fn learnt() -> &'static Dictionary {
    let samples: Vec<Vec<u8>> = (0..200)
        .map(|number| format!("{{\"name\": \"n{number}\", \"state\": \"active\"}}").into_bytes())
        .collect();
    let samples: Vec<&[u8]> = samples.iter().map(Vec::as_slice).collect();
    Dictionary::new(&dictionary::train(Method::Lz4, &samples)).unwrap()
}

proptest! {
    #[test]
    fn what_is_compressed_unpacks_to_what_it_was(raw in raw(), with in any::<bool>()) {
        for method in METHODS.into_iter().filter(|method| method.is_there()) {
            let dictionary = with.then(learnt);
            let mut form = vec![7; 9];
            if !compress(method, Kind::Str, &raw, dictionary, &mut form) {
                continue;
            }
            prop_assert!(form.len() <= raw.len() - raw.len() / 8, "it is kept only where it pays");
            let value = Compressed::of(&form).unwrap();
            prop_assert_eq!((value.raw_bytes(), value.kind()), (raw.len(), Kind::Str));
            prop_assert!(value.check(&mut Vec::new()));
            prop_assert_eq!(value.raw(), raw.clone());
        }
    }

    #[test]
    fn no_bytes_make_unpacking_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80), first in 0_u8..128) {
        if let Some(byte) = bytes.first_mut() {
            *byte = first;
        }
        if let Some(value) = Compressed::of(&bytes) {
            value.check(&mut Vec::new());
        }
    }

    #[test]
    fn damage_is_found_or_harmless(raw in raw(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        for method in METHODS.into_iter().filter(|method| method.is_there()) {
            let mut form = Vec::new();
            if compress(method, Kind::Str, &raw, Some(learnt()), &mut form) {
                let at = at.index(form.len());
                form[at] ^= 1 << bit;
                if let Some(value) = Compressed::of(&form) {
                    value.check(&mut Vec::new());
                }
            }
        }
    }
}

#[test]
fn a_short_record_is_much_smaller_with_a_dictionary() {
    let raw = br#"{"name": "n9731", "state": "active"}"#;
    let mut form = Vec::new();
    assert!(!compress(Method::Lz4, Kind::Str, raw, None, &mut form), "by itself it is not");
    assert!(compress(Method::Lz4, Kind::Str, raw, Some(learnt()), &mut form));
    assert!(form.len() < raw.len() * 2 / 3, "{} bytes", form.len());
}

#[test]
fn a_match_may_begin_in_the_dictionary_and_go_on_in_the_value() {
    let dictionary = Dictionary::new(b"what all have in common ends in abcd").unwrap();
    for raw in [&b"efghijklmnopqrstuvwxyz1defghijklmnopqrstuvwxyz"[..], b"dddddddddddddddddddddddd"] {
        let mut form = Vec::new();
        assert!(compress(Method::Lz4, Kind::Str, raw, Some(dictionary), &mut form));
        assert_eq!(Compressed::of(&form).unwrap().raw(), raw);
    }
}

/// Long enough for Zstandard, whose head takes more than that of LZ4.
fn long_text(number: usize) -> String {
    format!(
        r#"{{"name": "n{number}", "state": "active", "city": "Berlin", "street": "Long Road {number}", "country": "DE"}}"#
    )
}

#[test]
fn after_what_does_not_pay_the_next_value_does_again() {
    let texts: Vec<String> = (0..200).map(long_text).collect();
    let samples: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    let dictionary = Dictionary::new(&dictionary::train(Method::Zstd, &samples)).unwrap();
    let raw = long_text(9731).into_bytes();
    for method in METHODS.into_iter().filter(|method| method.is_there()) {
        let mut form = Vec::new();
        for _ in 0..3 {
            assert!(!compress(method, Kind::Str, b"0123456789abcdefghijklmnop", None, &mut form));
            assert!(!compress(method, Kind::Str, b"0123456789abcdefghijklmnop", Some(dictionary), &mut form));
            assert!(compress(method, Kind::Str, &raw, Some(dictionary), &mut form), "{method:?}");
            assert_eq!(Compressed::of(&form).unwrap().raw(), raw);
        }
    }
}

#[test]
fn whether_a_dictionary_pays_is_told_without_keeping_it() {
    let texts: Vec<String> = (0..500).map(long_text).collect();
    let samples: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    let noise: Vec<&[u8]> = vec![b"0123456789abcdefghijklmnop"; 8];
    for method in METHODS.into_iter().filter(|method| method.is_there()) {
        let content = dictionary::train(method, &samples[..400]);
        assert_eq!(dictionary::count_paid(method, &content, &samples[400..]), 100, "{method:?}");
        assert_eq!(dictionary::count_paid(method, &content, &noise), 0);
    }
}

#[test]
fn a_value_whose_dictionary_is_not_there_is_not_read() {
    let raw = br#"{"name": "n9731", "state": "active"}"#;
    let mut form = Vec::new();
    assert!(compress(Method::Lz4, Kind::Str, raw, Some(learnt()), &mut form));
    assert!(Compressed::of(&form).unwrap().check(&mut Vec::new()));
    form[1] ^= 0x55;
    assert!(!Compressed::of(&form).unwrap().check(&mut Vec::new()));
}

#[test]
fn a_dictionary_comes_back_from_its_entry_and_is_one_with_the_same() {
    let dictionary = learnt();
    let (key, value) = dictionary.to_entry(513);
    assert!(key.starts_with(ENTRY_PREFIX));
    let (again, class) = Dictionary::from_entry(&key, &value).unwrap().unwrap();
    assert!(std::ptr::eq(again, dictionary) && class == 513);
    assert!(matches!(Dictionary::with_id(dictionary.id(), b"other"), Err(Taken)));
    assert!(Dictionary::from_entry(&key, &[9, 0, 0, 1]).is_none(), "of a newer version");
    assert!(Dictionary::from_entry(b"dictionary:x", &value).is_none());
    assert!(Dictionary::from_entry(&key, b"").is_none());
}

#[test]
fn large_values_compress_without_a_dictionary() {
    let raw = b"some words that come again ".repeat(30_000);
    for method in METHODS.into_iter().filter(|method| method.is_there()) {
        let mut form = Vec::new();
        assert!(compress(method, Kind::Str, &raw, Some(learnt()), &mut form));
        assert!(form.len() < raw.len() / 50);
        assert_eq!(Compressed::of(&form).unwrap().raw(), raw);
        let larger = raw.repeat(2);
        assert!(larger.len() > RAW_BYTES_MAX && !compress(method, Kind::Str, &larger, None, &mut form));
    }
}
