//! What is written is read as it was.

use super::samples::survey;
use crate::rdb::payload::{self, Payload};
use crate::rdb::{Dialect, Encoder, Item, Reader, Writer, decode, kind};
use crate::value::hash::{Hash, Limits};
use crate::value::list::List;
use crate::value::{Packing, Value};
use proptest::prelude::*;
use std::io::Cursor;

const BOTH: [Dialect; 2] = [Dialect::Valkey, Dialect::Redis];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..80),
        3 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        2 => any::<i16>().prop_map(|number| number.to_string().into_bytes()),
        1 => (any::<u8>(), 0_usize..20_000).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        bytes().prop_map(Value::Str),
        prop::collection::vec(bytes(), 1..40).prop_map(|elements| {
            let mut list = List::new();
            elements.iter().for_each(|element| list.push_back(element));
            Value::List(Box::new(list))
        }),
        prop::collection::vec((bytes(), bytes(), prop_oneof![3 => Just(0), 1 => 1_u64..1 << 47]), 1..30)
            .prop_map(|fields| {
                let mut hash = Hash::with_limits(Limits { entries_max: 20, bytes_max: 100 });
                for (name, value, expire_at_ms) in fields {
                    hash.insert(&name, &value, false);
                    hash.expire_at(&name, expire_at_ms);
                }
                Value::Hash(Box::new(hash))
            }),
    ]
}

proptest! {
    #[test]
    fn an_object_comes_back_as_the_value_it_was(value in value(), compress: bool) {
        for dialect in BOTH {
            let mut object = Vec::new();
            let kind = Encoder { dialect, compress }.value(&value, 0, &mut object).unwrap();
            let read = decode(kind, dialect, &object, &Packing::default(), 0).unwrap();
            prop_assert_eq!(read.as_ref(), Some(&value));
        }
    }

    #[test]
    fn a_file_comes_back_key_by_key(
        keys in prop::collection::vec((0_u64..20, bytes(), value(), prop_oneof![Just(0), 1..u64::MAX >> 1]), 0..10),
        compress: bool,
    ) {
        let mut keys = keys;
        keys.sort_by_key(|key| key.0);
        for dialect in BOTH {
            let encoder = Encoder { dialect, compress };
            let mut writer = Writer::new(Cursor::new(Vec::new()), encoder).unwrap();
            writer.aux("name", "value").unwrap();
            let mut object = Vec::new();
            for (db, key, value, expire_at_ms) in &keys {
                object.clear();
                let kind = encoder.value(value, 0, &mut object).unwrap();
                writer.key(*db, key, *expire_at_ms, kind, &object).unwrap();
            }
            prop_assert_eq!(writer.keys(), keys.len() as u64);
            let file = writer.finish().unwrap().into_inner();
            let mut reader = Reader::new(&file[..]).unwrap();
            prop_assert!(matches!(reader.next().unwrap(), Some(Item::Aux(b"name", b"value"))));
            for (db, key, value, expire_at_ms) in &keys {
                let Some(Item::Key(record)) = reader.next().unwrap() else { panic!("a key") };
                prop_assert_eq!((record.db, record.key, record.expire_at_ms), (*db, &key[..], *expire_at_ms));
                let read = decode(record.kind, dialect, record.object, &Packing::default(), 0).unwrap();
                prop_assert_eq!(read.as_ref(), Some(value));
            }
            prop_assert!(reader.next().unwrap().is_none());
        }
    }
}

#[test]
fn a_file_for_redis_is_of_the_oldest_version_that_reads_it() {
    for (time, header) in [(0, b"REDIS0010"), (9_999, b"REDIS0012")] {
        let encoder = Encoder { dialect: Dialect::Redis, compress: false };
        let mut hash = Hash::new();
        hash.insert(b"f", b"v", false);
        hash.expire_at(b"f", time);
        let mut writer = Writer::new(Cursor::new(Vec::new()), encoder).unwrap();
        let mut object = Vec::new();
        let kind = encoder.hash(&hash, 0, &mut object);
        writer.key(0, b"h", 0, kind, &object).unwrap();
        let file = writer.finish().unwrap().into_inner();
        assert_eq!(&file[..9], header);
        survey(&file).expect("header and checksum fit each other");
    }
}

#[test]
fn an_object_of_one_dialect_becomes_one_of_the_other() {
    let mut hash = Hash::new();
    for (name, time) in [(b"a", 0), (b"b", 10), (b"c", u64::MAX >> 2)] {
        hash.insert(name, b"v", false);
        hash.expire_at(name, time);
    }
    for (from, to) in [(Dialect::Valkey, Dialect::Redis), (Dialect::Redis, Dialect::Valkey)] {
        let (mut object, mut converted) = (Vec::new(), Vec::new());
        let kind = Encoder { dialect: from, compress: false }.hash(&hash, 0, &mut object);
        let encoder = Encoder { dialect: to, compress: false };
        let kind = crate::rdb::convert(kind, from, &object, encoder, &mut converted).unwrap();
        let read = decode(kind, to, &converted, &Packing::default(), 0).unwrap();
        assert_eq!(read, Some(Value::Hash(Box::new(hash.clone()))));
    }
}

#[test]
fn fields_that_have_expired_are_not_written() {
    let mut hash = Hash::new();
    for (name, time) in [(b"a", 0), (b"b", 10), (b"c", 20)] {
        hash.insert(name, b"v", false);
        hash.expire_at(name, time);
    }
    for dialect in BOTH {
        let mut object = Vec::new();
        let kind = Encoder { dialect, compress: false }.hash(&hash, 11, &mut object);
        let Ok(Some(Value::Hash(read))) = decode(kind, dialect, &object, &Packing::default(), 0) else {
            panic!("a hash")
        };
        let names: Vec<_> = read.stored().map(|field| (field.name, field.expire_at_ms)).collect();
        assert_eq!(names, [(&b"a"[..], 0), (b"c", 20)]);
        let all = Encoder { dialect, compress: false }.hash(&hash, 21, &mut Vec::new());
        assert_eq!(all, kind::HASH, "no time is left to be written");
    }
}

#[test]
fn a_payload_is_what_valkey_makes_of_it() {
    // DUMP of `hello` by Valkey 9.1, and by Redis 7.2.
    let valkey = b"\x00\x05helloP\x00\xacX\x16\xe7\xfbfG\xfe";
    let redis = b"\x00\x05hello\x0b\x00\n\xadb\x05\x98\xab\xc9\x83";
    for (bytes, version, dialect) in [(&valkey[..], 80, Dialect::Valkey), (redis, 11, Dialect::Redis)] {
        let mut body = b"\x00\x05hello".to_vec();
        payload::seal(version, &mut body);
        assert_eq!(body, bytes);
        let Some(Payload { dialect: read, kind: 0, object: b"\x05hello" }) = payload::open(bytes) else {
            panic!("a payload")
        };
        assert_eq!(read, dialect);
        for index in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[index] ^= 0x10;
            assert!(payload::open(&changed).is_none(), "{index}");
            assert!(payload::open(&bytes[..index]).is_none());
        }
    }
    let version = |version| {
        let mut body = b"\x00\x05hello".to_vec();
        payload::seal(version, &mut body);
        payload::open(&body).is_some()
    };
    assert!(version(1) && version(12) && !version(13) && !version(79) && !version(81));
}
