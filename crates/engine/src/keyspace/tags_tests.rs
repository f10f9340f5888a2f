//! Tags of a space beside plain maps.

use super::super::entry::Entry;
use super::super::table::TableHash;
use super::*;
use proptest::prelude::*;

const STABLE: StableHash = StableHash::new(3);

fn space() -> Space {
    Space::new(TableHash { stable: STABLE, seed: 5 })
}

fn query<'a>(all: bool, tags: &[&'a [u8]]) -> Query<'a> {
    Query { all, tags: tags.iter().map(|tag| (STABLE.of(tag), *tag)).collect() }
}

/// The keys that a query finds at time 0, so many looked at a time.
fn found(space: &Space, query: &Query<'_>, looks: usize) -> Vec<Vec<u8>> {
    let (mut keys, mut from) = (Vec::new(), 0);
    while let At::From(next) = space.each_tagged(query, from, 0, looks, |key| {
        keys.push(key.to_vec());
        true
    }) {
        from = next;
    }
    keys
}

#[test]
fn names_of_one_hash_are_told_apart() {
    let mut numbered: Numbered<u32> = Numbered::default();
    let hash = u64::MAX;
    let numbers = [b"a", b"b", b"c"].map(|name| numbered.number(hash, name));
    assert_eq!(numbers, [u64::MAX, 0, 1]);
    let near = numbered.number(0, b"a");
    assert_eq!(near, 2, "a number that is taken is passed over");
    numbered.things.remove(&0);
    assert_eq!(numbered.find(hash, b"b"), None);
    assert_eq!((numbered.find(hash, b"c"), numbered.find(0, b"a")), (Some(1), Some(2)));
    assert_eq!(numbered.number(hash, b"d"), 0, "a number that was given back is used again");
    assert_eq!(numbered.find(hash, b"c"), Some(1));
}

#[test]
fn only_keys_that_are_there_get_tags_and_none_leave_nothing_behind() {
    let mut space = space();
    assert_eq!(space.add_tags(STABLE.of(b"k"), b"k", &[b"a"]), 0);
    assert!(space.tags().is_none());
    space.insert(STABLE.of(b"k"), Entry::string(b"k", b"v", 0));
    assert_eq!(space.add_tags(STABLE.of(b"k"), b"k", &[b"a", b"b"]), 2);
    space.put(STABLE.of(b"k"), b"k", crate::value::Value::Str(b"other".to_vec()), 0);
    assert_eq!(space.tags_of(STABLE.of(b"k"), b"k").count(), 2, "another value keeps the tags");
    assert_eq!(space.remove_tags(STABLE.of(b"k"), b"k", &[b"a", b"none"]), 1);
    assert!(space.tags().is_some());
    space.discard(STABLE.of(b"k"), b"k");
    assert!(space.tags().is_none(), "with the last tag all of it is given back");
}

#[test]
fn bytes_that_are_no_tags_are_told() {
    let mut bytes = Vec::new();
    encode([&b"a"[..], b"", b"\0\xff"].into_iter(), &mut bytes);
    assert_eq!(decode(&bytes), Some(vec![&b"a"[..], b"", b"\0\xff"]));
    for cut in 0..bytes.len() {
        assert_eq!(decode(&bytes[..cut]), None);
    }
    bytes.push(0);
    assert_eq!(decode(&bytes), None);
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, u64),
    Add(u8, Vec<u8>),
    Remove(u8, Vec<u8>),
    Replace(u8, Vec<u8>),
    Delete(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0_u8..40;
    let tags = || prop::collection::vec(0_u8..8, 0..5);
    prop_oneof![
        3 => (key(), prop_oneof![4 => Just(0_u64), 1 => 1_u64..20]).prop_map(|(key, at)| Step::Set(key, at)),
        4 => (key(), tags()).prop_map(|(key, tags)| Step::Add(key, tags)),
        2 => (key(), tags()).prop_map(|(key, tags)| Step::Remove(key, tags)),
        1 => (key(), tags()).prop_map(|(key, tags)| Step::Replace(key, tags)),
        1 => key().prop_map(Step::Delete),
    ]
}

/// Key to its expiry and tags.
type Model = BTreeMap<u8, (u64, BTreeSet<u8>)>;

fn run(space: &mut Space, model: &mut Model, step: &Step) {
    let of = |tags: &Vec<u8>| -> Vec<[u8; 1]> { tags.iter().map(|tag| [*tag]).collect() };
    match step {
        Step::Set(key, at) => {
            space.set_string(STABLE.of(&[*key]), &[*key], b"v", *at, |_, _| {});
            model.entry(*key).or_default().0 = *at;
        }
        Step::Add(key, tags) => {
            let names = of(tags);
            let names: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
            let added = space.add_tags(STABLE.of(&[*key]), &[*key], &names);
            let mut new = 0;
            if let Some((_, has)) = model.get_mut(key) {
                new = tags.iter().filter(|tag| has.insert(**tag)).count();
            }
            assert_eq!(added, new);
        }
        Step::Remove(key, tags) => {
            let names = of(tags);
            let names: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
            let removed = space.remove_tags(STABLE.of(&[*key]), &[*key], &names);
            let mut gone = 0;
            if let Some((_, has)) = model.get_mut(key) {
                gone = tags.iter().filter(|tag| has.remove(tag)).count();
            }
            assert_eq!(removed, gone);
        }
        Step::Replace(key, tags) => {
            let names = of(tags);
            let names: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
            space.set_tags(STABLE.of(&[*key]), &[*key], &names);
            if let Some((_, has)) = model.get_mut(key) {
                *has = tags.iter().copied().collect();
            }
        }
        Step::Delete(key) => {
            space.discard(STABLE.of(&[*key]), &[*key]);
            model.remove(key);
        }
    }
}

proptest! {
    #[test]
    fn tags_and_keys_say_the_same_as_a_plain_map(
        steps in prop::collection::vec(step(), 0..120),
        asked in prop::collection::btree_set(0_u8..8, 1..4),
        now in 0_u64..25,
    ) {
        let (mut space, mut model) = (space(), Model::new());
        steps.iter().for_each(|step| run(&mut space, &mut model, step));
        for (key, (_, tags)) in &model {
            let has: BTreeSet<u8> = space.tags_of(STABLE.of(&[*key]), &[*key]).map(|tag| tag[0]).collect();
            prop_assert_eq!(&has, tags);
        }
        let names: Vec<[u8; 1]> = asked.iter().map(|tag| [*tag]).collect();
        let names: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
        let alive = |at: u64| at == 0 || at >= now;
        for all in [false, true] {
            let wanted: BTreeSet<Vec<u8>> = model
                .iter()
                .filter(|(_, (_, tags))| if all { asked.is_subset(tags) } else { !asked.is_disjoint(tags) })
                .map(|(key, _)| vec![*key])
                .collect();
            let query = query(all, &names);
            let whole = found(&space, &query, usize::MAX);
            prop_assert_eq!(whole.len(), wanted.len(), "each key is told once");
            prop_assert_eq!(&whole.iter().cloned().collect::<BTreeSet<_>>(), &wanted);
            prop_assert_eq!(&found(&space, &query, 1), &whole, "a walk that is interrupted goes on");
            let mut living = 0;
            space.each_tagged(&query, 0, now, usize::MAX, |_| { living += 1; true });
            let wanted = wanted.iter().filter(|key| alive(model[&key[0]].0)).count();
            prop_assert_eq!(living, wanted);
            for (key, (_, tags)) in &model {
                let takes = query.takes(space.tags_of(STABLE.of(&[*key]), &[*key]));
                let wanted = if all { asked.is_subset(tags) } else { !asked.is_disjoint(tags) };
                prop_assert_eq!(takes, wanted);
            }
        }
        let mut wanted: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for (_, tags) in model.values().filter(|(at, _)| alive(*at)) {
            tags.iter().for_each(|tag| *wanted.entry(vec![*tag]).or_default() += 1);
        }
        for tag in 0..8_u8 {
            let count = space.count_tagged((STABLE.of(&[tag]), &[tag]), now);
            prop_assert_eq!(count, wanted.get(&vec![tag]).copied().unwrap_or(0));
        }
        let (mut told, mut from) = (BTreeMap::new(), 0);
        while let At::From(next) = space.each_tag(from, now, 2, |tag, keys| { told.insert(tag.to_vec(), keys); }) {
            from = next;
        }
        prop_assert_eq!(told, wanted);
        model.keys().for_each(|key| { space.discard(STABLE.of(&[*key]), &[*key]); });
        prop_assert!(space.tags().is_none());
    }
}
