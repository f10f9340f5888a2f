//! A walk against a plain map, with random changes between its slices.

use super::super::entry::View;
use super::super::hash::StableHash;
use super::super::image::Loader;
use super::super::item::Item as _;
use super::super::space::Space;
use super::super::table::TableHash;
use super::*;
use crate::effect::{Effect, Side};
use crate::value::{Packing, Value, codec};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Key to bytes of its value, access clock, expiry and tags.
type Content = BTreeMap<Vec<u8>, (Vec<u8>, u32, u64, Vec<Vec<u8>>)>;

const HASH: TableHash = TableHash { stable: StableHash::new(7), seed: 11 };

fn content(space: &Space) -> Content {
    let value = |entry: &Entry| match entry.view() {
        View::Str(text) | View::Json(text) => text.to_vec(),
        View::Compressed(value) => value.raw(),
        View::Value(value) => {
            let mut bytes = Vec::new();
            codec::encode(value, &mut bytes);
            bytes
        }
    };
    let entries = space.table().iter();
    let with_tags = |entry: crate::keyspace::entry::EntryRef<'_>| {
        let key = entry.key();
        let mut tags: Vec<Vec<u8>> = space.tags_of(HASH.stable.of(key), key).map(<[u8]>::to_vec).collect();
        tags.sort_unstable();
        (key.to_vec(), (value(&entry), entry.access(), entry.expire_at(), tags))
    };
    entries.map(with_tags).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Set(u16, usize),
    SetExpiring(u16, u64),
    Expire(u16, u64),
    Delete(u16),
    Append(u16, usize),
    Push(u16, usize),
    Amend(u16),
    Tag(u16, u8),
    Untag(u16, u8),
    Flush,
    Walk(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0_u16..300;
    prop_oneof![
        8 => (key(), 0_usize..40).prop_map(|(key, len)| Step::Set(key, len)),
        1 => (key(), 60_000_usize..300_000).prop_map(|(key, len)| Step::Set(key, len)),
        2 => (key(), 1_u64..50).prop_map(|(key, at)| Step::SetExpiring(key, at)),
        2 => (key(), 0_u64..50).prop_map(|(key, at)| Step::Expire(key, at)),
        6 => key().prop_map(Step::Delete),
        2 => (key(), 0_usize..40).prop_map(|(key, len)| Step::Append(key, len)),
        3 => (key(), 0_usize..40).prop_map(|(key, len)| Step::Push(key, len)),
        1 => (key(), 70_000_usize..100_000).prop_map(|(key, len)| Step::Push(key, len)),
        2 => key().prop_map(Step::Amend),
        4 => (key(), 0_u8..3).prop_map(|(key, tag)| Step::Tag(key, tag)),
        2 => (key(), 0_u8..3).prop_map(|(key, tag)| Step::Untag(key, tag)),
        6 => (1_usize..20).prop_map(Step::Walk),
        1 => Just(Step::Flush),
    ]
}

fn change(space: &mut Space, step: &Step) {
    let text = |len: usize| vec![u8::try_from(len % 251).unwrap(); len];
    let key = |key: u16| key.to_string().into_bytes();
    let mut apply = |key: &[u8], effect: &Effect<'_>| {
        // What does not fit the type is refused, and changes nothing.
        let _ = space.apply(HASH.stable.of(key), effect, &Packing::default());
    };
    match *step {
        Step::Set(number, len) => {
            let (key, value) = (key(number), text(len));
            apply(&key, &Effect::Put { key: &key, kind: codec::tag::STRING, value: &value, expire_at_ms: 0 });
        }
        Step::SetExpiring(number, expire_at_ms) => {
            let key = key(number);
            apply(&key, &Effect::SetString { key: &key, value: b"v", expire_at_ms });
        }
        Step::Expire(number, at_ms) => {
            let key = key(number);
            apply(&key, &Effect::Expire { key: &key, at_ms });
        }
        Step::Delete(number) => {
            let key = key(number);
            apply(&key, &Effect::Delete { key: &key });
        }
        Step::Append(number, len) => {
            let (key, tail) = (key(number), text(len));
            apply(&key, &Effect::Append { key: &key, tail: &tail });
        }
        Step::Push(number, len) => {
            let (key, element) = (key(number), text(len));
            apply(&key, &Effect::ListPush { key: &key, side: Side::Right, elements: &[&element] });
        }
        Step::Amend(number) => {
            let key = key(number);
            let effect = Effect::Expire { key: &key, at_ms: 9 };
            space.amend(HASH.stable.of(&key), &key, |_| Ok::<_, ()>(((), Some(effect))));
        }
        Step::Tag(number, tag) => {
            let key = key(number);
            apply(&key, &Effect::TagAdd { key: &key, tags: &[&[tag]] });
        }
        Step::Untag(number, tag) => {
            let key = key(number);
            apply(&key, &Effect::TagRemove { key: &key, tags: &[&[tag]] });
        }
        Step::Flush => drop(space.take()),
        Step::Walk(_) => {}
    }
}

/// Loads entries into a new space, as opening does.
fn load(images: &[Vec<u8>], keys: usize) -> Space {
    let mut space = Space::new(HASH);
    let mut loader = Loader::new(&mut space, keys, Packing::default(), 0, 1, 0);
    let loaded: u32 = images.iter().map(|image| loader.load(image).unwrap()).sum();
    loader.finish().unwrap();
    assert_eq!(loaded as usize, keys, "each key of the cut is there once");
    space
}

fn collect(image: &mut Image, images: &mut Vec<Vec<u8>>) {
    images.push(image.bytes.split_off(0));
    for large in std::mem::take(&mut image.large) {
        large
            .parts(|part, _| {
                images.push(part.to_vec());
                Ok::<(), ()>(())
            })
            .unwrap();
    }
    image.clear();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]
    #[test]
    fn a_walk_sees_every_entry_as_it_was_at_the_cut_whatever_changes_meanwhile(
        before in prop::collection::vec(step(), 0..400),
        during in prop::collection::vec(step(), 0..300),
    ) {
        let mut space = Space::new(HASH);
        before.iter().filter(|step| !matches!(step, Step::Flush)).for_each(|step| change(&mut space, step));
        prop_assume!(space.len() > 0);
        let (cut, keys) = (content(&space), space.len());
        space.begin_walk(0);
        let (mut image, mut images, mut flushed, mut done) = (Image::new(0, 0), Vec::new(), None::<Box<Walk>>, false);
        for step in during.iter().chain(std::iter::repeat(&Step::Walk(1000))) {
            change(&mut space, step);
            let Step::Walk(buckets) = *step else { continue };
            if done {
                break;
            }
            let walked = match &mut flushed {
                Some(walk) => walk.slice_of_flushed(buckets, &mut image),
                None => {
                    let slice = space.walk_on(buckets, 0, &mut image);
                    if let Some(mut saved) = slice.saved {
                        collect(&mut saved, &mut images);
                    }
                    flushed = slice.flushed;
                    slice.walked
                }
            };
            collect(&mut image, &mut images);
            done = matches!(walked, Walked::Wholly);
        }
        let loaded = load(&images, keys);
        prop_assert_eq!(content(&loaded), cut);
        // Nothing is left behind: the table grows and shrinks again, and another walk sees what is there now.
        during.iter().filter(|step| !matches!(step, Step::Flush)).for_each(|step| change(&mut space, step));
        prop_assert_eq!(space.walked().2.is_none(), true);
        let due = |space: &Space| (space.expires(), space.expire_sum_ms(), space.volatile_items());
        let again: Content = content(&space);
        if space.len() > 0 {
            let mut image = Image::new(0, 0);
            let (mut images, keys) = (Vec::new(), space.len());
            space.begin_walk(0);
            while let Walked::Partly = space.walk_on(7, 0, &mut image).walked {
                collect(&mut image, &mut images);
            }
            collect(&mut image, &mut images);
            let loaded = load(&images, keys);
            prop_assert_eq!((content(&loaded), due(&loaded)), (again, due(&space)));
        }
    }
}

#[test]
fn a_value_of_many_parts_is_one_value_again() {
    let mut space = Space::new(HASH);
    let mut list = crate::value::list::List::new();
    (0..40_u8).for_each(|byte| list.push_back(&[byte; 30_000]));
    let mut fields = crate::value::hash::Hash::new();
    for number in 0..20_000_u32 {
        fields.insert(format!("field {number}").as_bytes(), b"some bytes that are its value", false);
        if number % 1000 == 0 {
            fields.expire_at(format!("field {number}").as_bytes(), 5000 + u64::from(number));
        }
    }
    space.put(HASH.stable.of(b"list"), b"list", Value::List(Box::new(list)), 77);
    space.put(HASH.stable.of(b"hash"), b"hash", Value::Hash(Box::new(fields)), 0);
    space.put(HASH.stable.of(b"string"), b"string", Value::Str(vec![3; 1 << 20]), 5);
    space.put(HASH.stable.of(b"roomy"), b"roomy", Value::Str(Vec::with_capacity(1 << 20)), 4);
    let (mut image, mut images) = (Image::new(0, 0), Vec::new());
    space.begin_walk(0);
    while let Walked::Partly = space.walk_on(1, 0, &mut image).walked {
        collect(&mut image, &mut images);
    }
    collect(&mut image, &mut images);
    assert!(images.len() > 10, "{}", images.len());
    let mut loaded = load(&images, 4);
    assert_eq!(content(&loaded).keys().collect::<Vec<_>>(), [&b"hash"[..], b"list", b"roomy", b"string"]);
    for key in [&b"list"[..], b"hash", b"string", b"roomy"] {
        let hash = HASH.stable.of(key);
        let values = [space.get(hash, key), loaded.get(hash, key)].map(|entry| {
            entry.map(|entry| match entry.view() {
                View::Str(text) => Value::Str(text.to_vec()),
                View::Json(_) | View::Compressed(_) => unreachable!("there is no such value here"),
                View::Value(value) => value.clone(),
            })
        });
        assert!(values[0] == values[1], "{}", key.escape_ascii());
    }
    assert_eq!(loaded.volatile_items(), 1);
    assert_eq!(loaded.first_due(5001).unwrap().key(), b"roomy");
    loaded.discard(HASH.stable.of(b"roomy"), b"roomy");
    loaded.discard(HASH.stable.of(b"string"), b"string");
    loaded.discard(HASH.stable.of(b"list"), b"list");
    assert_eq!(loaded.first_due(5001).unwrap().key(), b"hash", "fields of later parts count");
}
