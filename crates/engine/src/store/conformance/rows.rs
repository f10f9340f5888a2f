//! What a row holds comes back as it was.

use super::super::{Change, Content, Expect, Place};
use super::Named;
use super::case::{Case, Owner, change, set};

pub(super) const CASES: &[Named] = &[
    ("values_of_all_kinds_and_sizes_come_back", values),
    ("any_bytes_can_be_a_key", keys),
    ("an_expiry_comes_back", expiry),
    ("loads_answer_in_the_order_asked", loads),
    ("values_in_parts_grow_shrink_and_change", parts),
    ("parts_of_neighbours_are_not_mixed_up", neighbours),
    ("a_value_may_have_many_parts", many_parts),
];

/// Bytes without a pattern that a store could compress away, the same each time.
fn noise(length: usize, seed: u8) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(seed);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

fn values(case: &Case<'_>) {
    let mut owner = case.start();
    let kinds = (0..=7).chain([100, 255]);
    let mut contents: Vec<Content> = kinds.map(|kind| Content::Whole(kind, noise(50, kind))).collect();
    for length in [0, 1, 255, 256, 5_000, 70_000, 1 << 20] {
        contents.push(Content::Whole(0, noise(length, 9)));
    }
    contents.push(Content::Whole(0, (0..=255).collect()));
    contents.push(Content::Whole(0, vec![0; 1000]));
    let changes =
        contents.iter().zip(1..).map(|(content, at)| change(format!("{at:03}"), at, content.clone()));
    owner.put(changes.collect());
    for (content, at) in contents.iter().zip(1_u64..) {
        let row = owner.load(&Place::Keys(0), format!("{at:03}").as_bytes());
        let found = row.map(|row| (row.version, row.stamp, row.expire_at_ms, row.content));
        case.same("a row", &found, &Some((at, 0, 0, content.clone())));
    }
}

fn keys(case: &Case<'_>) {
    let mut owner = case.start();
    let long = noise(3_000, 1);
    let mut keys: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"\0".to_vec(),
        b"\0\0".to_vec(),
        b"'; DROP TABLE keys; --".to_vec(),
        b"a".to_vec(),
        b"a ".to_vec(),
        b"A".to_vec(),
        b"\\x00".to_vec(),
        "schlüssel".as_bytes().to_vec(),
        (0..=255).collect(),
        vec![0xff; 10],
        vec![0xc3, 0x28],
        long,
    ];
    keys.sort();
    let named = |key: &Vec<u8>| Content::Whole(0, [key.as_slice(), b"!"].concat());
    owner.put(keys.iter().zip(1..).map(|(key, version)| change(key, version, named(key))).collect());
    for key in &keys {
        case.same(&format!("the value of {key:?}"), &owner.content(key), &Some(named(key)));
    }
    let walked: Vec<Vec<u8>> = owner.walk(&Place::Keys(0), 3, 0).into_iter().map(|(key, _)| key).collect();
    case.same("the keys in order", &walked, &keys);
    owner.put(keys.iter().zip(100..).map(|(key, version)| change(key, version, Content::Gone)).collect());
    case.same("the rows left", &case.ok("a count", owner.connection.count(&Place::Keys(0), 0)), &0);
}

/// Times that have passed wherever this is run.
const EXPIRED: [u64; 3] = [1, 5, 1_700_000_000_123];

fn expiry(case: &Case<'_>) {
    let mut owner = case.start();
    let (_, people) = owner.define("people");
    for (at, version) in [0, 1, 1_700_000_000_123, 4_102_444_800_999, 0, 5].into_iter().zip(1..) {
        let changes = vec![
            Change { expire_at_ms: at, ..set("k", version, "v") },
            Change { expire_at_ms: at, ..super::case::record(&people, "k", version, "{}") },
        ];
        owner.put(changes);
        for place in [Place::Keys(0), people.clone()] {
            let found = owner.load(&place, b"k").map(|row| row.expire_at_ms);
            // What has expired may be gone already.
            if found.is_some() || !EXPIRED.contains(&at) {
                case.same(&format!("the expiry in {place:?}"), &found, &Some(at));
            }
        }
    }
}

fn loads(case: &Case<'_>) {
    let mut owner = case.start();
    owner.put((0..100).map(|i| set(format!("{i:02}"), i + 1, &i.to_string())).collect());
    case.same("a load of nothing", &case.ok("a load of nothing", owner.connection.load(&[])), &Vec::new());
    let asked = ["99", "absent", "03", "50", "03", "", "00", "03", "absent"];
    let keys: Vec<_> = asked.iter().map(|key| (Place::Keys(0), key.as_bytes().to_vec())).collect();
    let rows = case.ok("a load", owner.connection.load(&keys));
    let found: Vec<Option<u64>> = rows.iter().map(|row| row.as_ref().map(|row| row.version)).collect();
    let wanted = vec![Some(100), None, Some(4), Some(51), Some(4), None, Some(1), Some(4), None];
    case.same("the versions of what was asked for", &found, &wanted);

    let all: Vec<_> = (0..2_000).rev().map(|i| (Place::Keys(0), format!("{i:02}").into_bytes())).collect();
    let rows = case.ok("a load of many", owner.connection.load(&all));
    let found: Vec<Option<u64>> = rows.iter().map(|row| row.as_ref().map(|row| row.version)).collect();
    let wanted: Vec<Option<u64>> = (0..2_000).rev().map(|i| (i < 100).then_some(i + 1)).collect();
    case.same("the versions of many", &found, &wanted);
}

/// Applies each content in turn to one key, asking after each that it is there.
fn goes_through(
    owner: &mut Owner<'_>,
    key: &[u8],
    contents: &[Content],
    versions: impl Iterator<Item = u64>,
) {
    for (content, version) in contents.iter().zip(versions) {
        owner.put(vec![change(key, version, content.clone())]);
        let wanted = (*content != Content::Gone).then(|| content.clone());
        let found = owner.content(key);
        owner.case.same("a value in parts", &found, &wanted);
    }
}

fn parts(case: &Case<'_>) {
    let mut owner = case.start();
    let of = |seeds: &[u8]| Content::Parts(1, seeds.iter().map(|seed| noise(2_000, *seed)).collect());
    let steps = [
        of(&[1, 2, 3]),
        of(&[1, 9, 3]),
        of(&[1, 9, 3, 4, 5]),
        of(&[1, 9]),
        of(&[7]),
        Content::Whole(1, b"small".to_vec()),
        of(&[1, 2, 3]),
        Content::Parts(2, vec![noise(2_000, 1), Vec::new(), b"x".to_vec()]),
        Content::Gone,
        of(&[4]),
        Content::Gone,
        Content::Whole(0, b"whole".to_vec()),
        of(&[2, 2, 2]),
    ];
    goes_through(&mut owner, b"k", &steps, 1..);
    goes_through(&mut owner, &[b'k'; 3_000], &steps[..9], 100..);
    let known = Change { expect: Expect::Stored(0), ..change("k", 50, of(&[2, 5, 2])) };
    owner.put(vec![known]);
    case.same("parts over a row that was known", &owner.content(b"k"), &Some(of(&[2, 5, 2])));
    let conflicts = owner.apply(vec![change("k", 40, of(&[6, 6, 6, 6]))]);
    case.same("how many conflicts older parts are", &conflicts.len(), &1);
    case.same("parts after an older change", &owner.content(b"k"), &Some(of(&[2, 5, 2])));
    case.same("the rows", &case.ok("a count", owner.connection.count(&Place::Keys(0), 0)), &1);
}

fn neighbours(case: &Case<'_>) {
    let mut owner = case.start();
    let keys: [&[u8]; 5] = [b"", b"a", b"a\0", b"a\0\x01", b"aa"];
    let of = |seed: usize, count: usize| {
        Content::Parts(1, (0..count).map(|part| format!("{seed} {part}").into_bytes()).collect())
    };
    let databases = [0, 1];
    let all =
        || databases.into_iter().flat_map(|db| keys.iter().enumerate().map(move |(i, key)| (db, i, *key)));
    let changes = all().map(|(db, i, key)| {
        let seed = i + 10 * db as usize;
        Change { place: Place::Keys(db), ..change(key, 1, of(seed, 3 + i)) }
    });
    owner.put(changes.collect());
    owner.put(vec![change("a", 2, Content::Gone)]);
    owner.put(vec![change("a\0", 3, of(99, 1))]);
    for (db, i, key) in all() {
        let wanted = match (db, i) {
            (0, 1) => None,
            (0, 2) => Some(of(99, 1)),
            _ => Some(of(i + 10 * db as usize, 3 + i)),
        };
        let found = owner.load(&Place::Keys(db), key).map(|row| row.content);
        case.same(&format!("{key:?} of database {db}"), &found, &wanted);
    }
}

fn many_parts(case: &Case<'_>) {
    let mut owner = case.start();
    let mut parts: Vec<Vec<u8>> = (0..50).map(|seed| noise(16 << 10, seed)).collect();
    let big = |parts: &[Vec<u8>]| Content::Parts(1, parts.to_vec());
    owner.put(vec![set("a", 1, "1"), change("big", 2, big(&parts)), set("c", 3, "3")]);
    case.same("a value of 50 parts", &owner.content(b"big"), &Some(big(&parts)));
    parts[33] = noise(10, 200);
    parts.insert(0, b"in front".to_vec());
    owner.put(vec![change("big", 4, big(&parts))]);
    case.same("a value of 51 parts", &owner.content(b"big"), &Some(big(&parts)));
    owner.holds(b"c", Some("3"));
}
