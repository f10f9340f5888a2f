//! Encodings that nobody writes any more, byte by byte, and a file that Valkey 9.1 wrote with all of today's.

use crate::rdb::listpack::Builder;
use crate::rdb::{Dialect, Encoder, Fault, Item, Reader, Writer, decode, is_supported, kind, ziplist};
use crate::value::{Packing, Value};
use std::collections::BTreeMap;
use std::io::Cursor;

/// What Valkey 9.1 wrote: `tests/files/dataset.py` says what is in it.
pub(super) const VALKEY: &[u8] = include_bytes!("../../../../../tests/fixtures/rdb/valkey-9.1.rdb");

/// A short string.
fn text(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// A string of any length below 16 KiB.
fn long(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap() | 0x4000;
    [&length.to_be_bytes(), bytes].concat()
}

fn listpack(entries: &[&[u8]]) -> Vec<u8> {
    let (mut builder, mut out) = (Builder::default(), Vec::new());
    entries.iter().for_each(|entry| builder.push(entry));
    builder.take(&mut out);
    long(&out)
}

pub(super) fn list_of(kind: u8, object: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
    match decode(kind, Dialect::Redis, object, &Packing::default(), 0)? {
        Some(Value::List(list)) => Ok(list.iter().map(<[u8]>::to_vec).collect()),
        other => panic!("no list: {other:?}"),
    }
}

type Fields = BTreeMap<Vec<u8>, (Vec<u8>, u64)>;

pub(super) fn hash_of(
    kind: u8,
    dialect: Dialect,
    object: &[u8],
    now_ms: u64,
) -> Result<Option<Fields>, Fault> {
    match decode(kind, dialect, object, &Packing::default(), now_ms)? {
        Some(Value::Hash(hash)) => Ok(Some(
            hash.stored()
                .map(|field| (field.name.to_vec(), (field.value.to_vec(), field.expire_at_ms)))
                .collect(),
        )),
        None => Ok(None),
        other => panic!("no hash: {other:?}"),
    }
}

/// An object of every encoding of a list or a hash, with what it holds.
pub(super) fn objects() -> Vec<(u8, Dialect, Vec<u8>)> {
    use Dialect::{Redis, Valkey};
    let entries: &[&[u8]] = &[b"a", b"12", b"long enough", b"-70000"];
    let packed = long(&ziplist::build(entries, false));
    let zipmap = text(b"\x02\x01a\x02\x0012\x0212\x01\x02b..\xFF");
    let (one, later) = ([1], 5_000_u64.to_le_bytes());
    let none = [0xFF; 8];
    vec![
        (kind::STRING, Redis, text(b"text")),
        (kind::STRING, Redis, vec![0xC3, 4, 8, 0, b'a', 0xA0, 0]),
        (kind::LIST, Redis, [vec![3], text(b"a"), vec![0xC0, 12], text(b"")].concat()),
        (kind::LIST_ZIPLIST, Redis, packed.clone()),
        (kind::LIST_QUICKLIST, Redis, [vec![2], packed.clone(), packed.clone()].concat()),
        (kind::LIST_QUICKLIST_2, Redis, [vec![2, 2], listpack(entries), vec![1], text(b"plain")].concat()),
        (kind::HASH, Redis, [vec![2], text(b"a"), text(b"1"), text(b"b"), vec![0xC0, 2]].concat()),
        (kind::HASH_ZIPMAP, Redis, zipmap),
        (kind::HASH_ZIPLIST, Redis, packed),
        (kind::HASH_LISTPACK, Redis, listpack(entries)),
        (
            kind::VALKEY_HASH_2,
            Valkey,
            [vec![2], text(b"a"), text(b"1"), later.to_vec(), text(b"b"), text(b"2"), none.to_vec()].concat(),
        ),
        (
            kind::REDIS_HASH_METADATA_PRE_GA,
            Redis,
            [vec![2, 0x53, 0x88], text(b"a"), text(b"1"), vec![0], text(b"b"), text(b"2")].concat(),
        ),
        (kind::REDIS_HASH_LISTPACK_EX_PRE_GA, Redis, listpack(&[b"a", b"1", b"5000", b"b", b"2", b"0"])),
        (
            kind::REDIS_HASH_METADATA,
            Redis,
            [&later[..], &[2], &one, &text(b"a"), &text(b"1"), &[0], &text(b"b"), &text(b"2")].concat(),
        ),
        (
            kind::REDIS_HASH_LISTPACK_EX,
            Redis,
            [&later[..], &listpack(&[b"a", b"1", b"5000", b"b", b"2", b"0"])].concat(),
        ),
    ]
}

#[test]
fn every_encoding_of_a_list_is_read() {
    let packed = [&b"a"[..], b"12", b"long enough", b"-70000"];
    for (kind, dialect, object) in objects() {
        if kind::type_name(kind, dialect) != Some("list") {
            continue;
        }
        let expected: Vec<&[u8]> = match kind {
            kind::LIST => vec![b"a", b"12", b""],
            kind::LIST_QUICKLIST => [packed, packed].concat(),
            kind::LIST_QUICKLIST_2 => [&packed[..], &[&b"plain"[..]]].concat(),
            _ => packed.to_vec(),
        };
        assert_eq!(list_of(kind, &object).unwrap(), expected, "type {kind}");
    }
}

#[test]
fn every_encoding_of_a_hash_is_read_with_the_times_of_its_fields() {
    let field = |value: &str, at_ms| (value.as_bytes().to_vec(), at_ms);
    let mut seen = 0;
    for (kind, dialect, object) in objects() {
        if kind::type_name(kind, dialect) != Some("hash") {
            continue;
        }
        let fields = hash_of(kind, dialect, &object, 4_000).unwrap().unwrap();
        let expected = match kind {
            kind::HASH => [(b"a".to_vec(), field("1", 0)), (b"b".to_vec(), field("2", 0))],
            kind::HASH_ZIPMAP => [(b"a".to_vec(), field("12", 0)), (b"12".to_vec(), field("b", 0))],
            kind::HASH_ZIPLIST | kind::HASH_LISTPACK => {
                [(b"a".to_vec(), field("12", 0)), (b"long enough".to_vec(), field("-70000", 0))]
            }
            _ => [(b"a".to_vec(), field("1", 5_000)), (b"b".to_vec(), field("2", 0))],
        };
        assert_eq!(fields, BTreeMap::from(expected.clone()), "type {kind}");
        seen += 1;
        if expected[0].1.1 != 0 {
            let left = hash_of(kind, dialect, &object, 5_001).unwrap().unwrap();
            assert_eq!(
                left,
                BTreeMap::from([expected[1].clone()]),
                "type {kind}: what has expired is left out"
            );
        }
    }
    assert_eq!(seen, 9);
}

#[test]
fn a_hash_whose_fields_have_all_expired_is_no_value_and_no_error() {
    let object = [vec![1], text(b"a"), text(b"1"), 0_u64.to_le_bytes().to_vec()].concat();
    assert_eq!(hash_of(kind::VALKEY_HASH_2, Dialect::Valkey, &object, 10).unwrap(), None);
}

#[test]
fn the_same_number_is_another_type_in_the_other_dialect() {
    let (valkey, redis) = (Dialect::Valkey, Dialect::Redis);
    assert!(is_supported(22, valkey) && is_supported(22, redis));
    assert!(!is_supported(24, valkey) && is_supported(24, redis));
    let object = [vec![1], text(b"a"), text(b"1"), vec![0xFF; 8]].concat();
    assert!(hash_of(22, valkey, &object, 0).is_ok() && hash_of(22, redis, &object, 0).is_err());
}

#[test]
fn what_no_writer_makes_is_refused() {
    let hash = |kind, object: &[u8]| hash_of(kind, Dialect::Redis, object, 0).is_err();
    assert!(hash(kind::HASH, &[vec![2], text(b"a"), text(b"1"), text(b"a"), text(b"2")].concat()), "twice");
    assert!(hash(kind::HASH_LISTPACK, &listpack(&[b"a", b"1", b"b"])), "half a field");
    assert!(hash(kind::REDIS_HASH_LISTPACK_EX_PRE_GA, &listpack(&[b"a", b"1", b"soon"])), "no time");
    assert!(hash(kind::HASH, &[0]) && list_of(kind::LIST, &[0]).is_err(), "empty");
    assert!(list_of(kind::LIST_QUICKLIST_2, &[vec![1, 3], text(b"a")].concat()).is_err(), "no such node");
    assert!(list_of(kind::LIST, &[vec![1], text(b"a"), vec![0]].concat()).is_err(), "left over");
    let past = [vec![1], text(b"a"), text(b"1"), (-5_i64).to_le_bytes().to_vec()].concat();
    assert!(hash_of(22, Dialect::Valkey, &past, 0).is_err(), "a time before time");
    let set = decode(kind::SET, Dialect::Redis, &[1, 1, b'a'], &Packing::default(), 0);
    assert!(matches!(set, Err(Fault::Unsupported("set"))));
}

type Types = BTreeMap<(u64, String), u8>;

/// Keys with their types and other items of a file, or where it is damaged.
pub(super) fn survey(bytes: &[u8]) -> Result<(Types, Vec<String>), (u64, Fault)> {
    let mut reader = Reader::new(bytes).map_err(|fault| (0, fault))?;
    let (mut keys, mut others) = (BTreeMap::new(), Vec::new());
    loop {
        let item = match reader.next() {
            Ok(Some(item)) => item,
            Ok(None) => return Ok((keys, others)),
            Err(fault) => {
                let at = reader.position();
                return Err((at, fault));
            }
        };
        match item {
            Item::Key(record) => {
                let name = String::from_utf8_lossy(record.key).into_owned();
                keys.insert((record.db, name), record.kind);
            }
            Item::Aux(name, _) => others.push(String::from_utf8_lossy(name).into_owned()),
            Item::Function(_) => others.push("function".to_owned()),
            Item::Module(name) => others.push(name.to_owned()),
        }
    }
}

#[test]
fn a_file_of_valkey_is_read_to_its_end_with_types_that_are_not_here() {
    let (keys, others) = survey(VALKEY).unwrap();
    let types: Vec<u8> = keys.values().copied().collect();
    for kind in [
        kind::STRING,
        kind::SET,
        kind::HASH,
        kind::ZSET_2,
        kind::SET_INTSET,
        kind::HASH_LISTPACK,
        kind::ZSET_LISTPACK,
        kind::LIST_QUICKLIST_2,
        kind::SET_LISTPACK,
        kind::STREAM_LISTPACKS_3,
        kind::VALKEY_HASH_2,
    ] {
        assert!(types.contains(&kind), "no value of type {kind} in the sample");
    }
    assert_eq!(keys[&(15, "last".to_owned())], kind::HASH_LISTPACK);
    assert!(others.contains(&"valkey-ver".to_owned()) && others.contains(&"function".to_owned()));
}

#[test]
fn every_opcode_is_passed_over_or_told_of() {
    let mut file = b"VALKEY080".to_vec();
    file.extend_from_slice(&[250, 1, b'n', 1, b'v']);
    file.extend_from_slice(&[245, 4, b'c', b'o', b'd', b'e']);
    // A module's field: its name in 54 bits, the parts 2 (a number), 5 (a string), 4 (a double), 3 (a float), the end.
    let module = u64::from_be_bytes([0; 8]) | 0x3FF;
    file.extend_from_slice(&[247, 0x81]);
    file.extend_from_slice(&module.to_be_bytes());
    file.extend_from_slice(&[2, 1, 5, 1, b'x', 4, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1, 9, 0]);
    file.extend_from_slice(&[243, 2, b'i', b'd', 1, 0, 9]);
    file.extend_from_slice(&[254, 7, 251, 5, 0, 244, 1, 2, 3]);
    file.extend_from_slice(&[253, 10, 0, 0, 0, 249, 77, 0, 1, b'a', 1, b'1']);
    file.extend_from_slice(&[252, 16, 39, 0, 0, 0, 0, 0, 0, 248, 60, 0, 1, b'b', 1, b'2']);
    file.extend_from_slice(&[0, 1, b'c', 1, b'3', 255, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut reader = Reader::new(&file[..]).unwrap();
    assert!(matches!(reader.next().unwrap(), Some(Item::Aux(b"n", b"v"))));
    assert!(matches!(reader.next().unwrap(), Some(Item::Function(b"code"))));
    assert!(matches!(reader.next().unwrap(), Some(Item::Module("AAAAAAAAA"))));
    let mut told = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        let Item::Key(record) = item else { panic!("{item:?}") };
        told.push((record.db, record.expire_at_ms, record.idle_seconds, record.frequency));
    }
    assert_eq!(told, [(7, 10_000, None, Some(77)), (7, 10_000, Some(60), None), (7, 0, None, None)]);
    assert_eq!(reader.position(), file.len() as u64);
}

#[test]
fn old_files_have_no_checksum_and_newer_ones_are_refused_by_name() {
    assert!(survey(b"REDIS0001\xFE\x00\x00\x01a\x011\xFF").unwrap().0.len() == 1);
    assert!(matches!(survey(b"REDIS0005\xFF"), Err((_, Fault::Truncated))));
    for (file, expected) in [
        (&b"REDIS0013\xFF"[..], "Redis's version 13"),
        (b"VALKEY081\xFF", "Valkey's version 81"),
        (b"REDIS00x1\xFF", "does not begin"),
        (b"VALKEY011\xFF", "does not begin"),
        (b"nothing like it", "does not begin"),
        (b"REDIS0011\x1A", "type or an opcode 26"),
        (b"REDIS0011\x06\x01a", "release candidate"),
        (b"REDIS0011\xF6", "release candidate"),
    ] {
        let (_, fault) = survey(file).unwrap_err();
        assert!(fault.to_string().contains(expected), "{fault}");
    }
}

#[test]
fn what_follows_the_end_is_given_back() {
    let mut writer =
        Writer::new(Cursor::new(Vec::new()), Encoder { dialect: Dialect::Redis, compress: true }).unwrap();
    writer.key(0, b"k", 0, kind::STRING, &[1, b'v']).unwrap();
    let mut file = writer.finish().unwrap().into_inner();
    file.extend_from_slice(b"*1\r\n");
    let mut reader = Reader::new(&file[..]).unwrap();
    while reader.next().unwrap().is_some() {}
    assert_eq!(reader.into_rest().0, b"*1\r\n");
}
