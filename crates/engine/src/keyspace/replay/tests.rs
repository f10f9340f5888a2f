//! Any number of lanes does what one does.

use super::*;
use crate::effect::Side;
use crate::io::SeededRng;
use crate::keyspace::entry::View;
use crate::keyspace::item::Item as _;
use crate::value::codec;
use std::collections::BTreeMap;

const SHARDS: usize = 16;
const DATABASES: u32 = 3;
const RECORDS: u64 = 6000;

type Content = BTreeMap<(u32, Vec<u8>), (Vec<u8>, u64)>;

fn keyspace() -> Keyspace {
    Keyspace::new(SHARDS, DATABASES, 1, 2)
}

/// Effects of several kinds on a few hundred keys, several to a record, with a database flushed or swapped now and then.
fn record(rng: &SeededRng) -> Vec<u8> {
    let mut record = Vec::new();
    for _ in 0..=rng.below(3) {
        let db = u32::try_from(rng.below(u64::from(DATABASES))).unwrap();
        let number = rng.below(300);
        let (string, list, hash) = (format!("s{number}"), format!("l{number}"), format!("h{number}"));
        let text = vec![b'x'; usize::try_from(rng.below(60)).unwrap()];
        let items: &[&[u8]] = &[b"f", &text];
        let effect = match rng.below(2000) {
            0 => Effect::Flush,
            1..=30 => Effect::Swap { with: u32::try_from(rng.below(u64::from(DATABASES))).unwrap() },
            31..=600 => {
                Effect::SetString { key: string.as_bytes(), value: &text, expire_at_ms: rng.below(9) }
            }
            601..=900 => Effect::Append { key: string.as_bytes(), tail: &text },
            901..=1100 => Effect::Delete { key: string.as_bytes() },
            1101..=1500 => Effect::ListPush { key: list.as_bytes(), side: Side::Left, elements: items },
            1501..=1700 => Effect::ListPop { key: list.as_bytes(), side: Side::Right, count: 1 },
            _ => Effect::HashSet { key: hash.as_bytes(), keep_expiry: false, pairs: items },
        };
        effect.encode(db, &mut record);
    }
    record
}

fn replayed(keyspace: &Keyspace, cuts: &[u64], threads: usize, records: &[Vec<u8>]) -> Option<u64> {
    let (stopped, malformed) =
        keyspace.replay(&mut keyspace.lock_all(), cuts, &Packing::default(), threads, |to| {
            (1..).zip(records).find_map(|(lsn, record)| to.take(lsn, record).err().map(|_| lsn))
        });
    assert!(stopped.is_none() || malformed <= stopped, "it was found before or where reading stopped");
    malformed
}

fn content(keyspace: &Keyspace) -> Content {
    let (mut held, mut content) = (keyspace.lock_all(), Content::new());
    for (_, part) in held.all() {
        for db in 0..DATABASES {
            for entry in part.space(db).into_iter().flat_map(|space| space.table().iter()) {
                let mut bytes = Vec::new();
                match entry.view() {
                    View::Str(text) | View::Json(text) => bytes.extend_from_slice(text),
                    View::Compressed(value) => bytes.extend_from_slice(value.bytes()),
                    View::Value(value) => drop(codec::encode(value, &mut bytes)),
                }
                content.insert((db, entry.key().to_vec()), (bytes, entry.expire_at()));
            }
        }
    }
    content
}

/// The same, by applying effect after effect to whole databases that are maps of one shard each.
fn expected(cuts: &[u64], records: &[Vec<u8>]) -> Content {
    let mut content = Content::new();
    let many = keyspace();
    for (shard, cut) in cuts.iter().enumerate() {
        let alone = Keyspace::new(1, DATABASES, 1, 2);
        let kept: Vec<Vec<u8>> = (1..)
            .zip(records)
            .map(|(lsn, record)| {
                let mut kept = Vec::new();
                Effect::split_all(record, |_, effect, bytes| {
                    let is_here =
                        effect.key().is_none_or(|key| many.shard_of(many.hash(key)) == shard) && lsn > *cut;
                    kept.extend_from_slice(if is_here { bytes } else { b"" });
                    Ok::<_, Malformed>(())
                })
                .unwrap();
                kept
            })
            .collect();
        assert_eq!(replayed(&alone, &[0], 1, &kept), None);
        content.extend(self::content(&alone));
    }
    content
}

#[test]
fn any_number_of_lanes_leaves_what_each_shard_would_hold_if_it_were_alone() {
    for seed in 0..3 {
        let rng = SeededRng::new(seed);
        let records: Vec<_> = (0..RECORDS).map(|_| record(&rng)).collect();
        let cuts: Vec<_> = (0..SHARDS).map(|_| rng.below(RECORDS / 2)).collect();
        let expected = expected(&cuts, &records);
        assert!(expected.len() > 300, "{}", expected.len());
        for threads in [1, 2, 3, 7, 64] {
            let keyspace = keyspace();
            assert_eq!(replayed(&keyspace, &cuts, threads, &records), None);
            assert!(content(&keyspace) == expected, "{threads} threads, seed {seed}");
        }
    }
}

#[test]
fn the_first_record_that_cannot_be_applied_is_told_whichever_lane_meets_its_own_first() {
    let rng = SeededRng::new(9);
    let sound: Vec<_> = (0..RECORDS).map(|_| record(&rng)).collect();
    let put = |key: &[u8]| {
        let mut record = Vec::new();
        Effect::Put { key, kind: 250, value: b"", expire_at_ms: 0 }.encode(0, &mut record);
        record
    };
    let beyond = |effect: Effect<'_>, db| {
        let mut record = Vec::new();
        effect.encode(db, &mut record);
        record
    };
    let cases = [
        ("a value of no kind", put(b"any")),
        ("cut bytes", sound[0][..sound[0].len() - 1].to_vec()),
        ("a database that is not there", beyond(Effect::Flush, DATABASES)),
        ("the system's database as a whole", beyond(Effect::Flush, SYSTEM_DB)),
        ("one to change places with", beyond(Effect::Swap { with: DATABASES }, 0)),
    ];
    for (name, bad) in cases {
        for threads in [1, 4] {
            let mut records = sound.clone();
            // Behind it, one in each lane.
            records.splice(3001..3100, (0..99).map(|number| put(format!("{number}").as_bytes())));
            records[3000].clone_from(&bad);
            assert_eq!(
                replayed(&keyspace(), &[0; SHARDS], threads, &records),
                Some(3001),
                "{name}, {threads}"
            );
        }
    }
}

#[test]
fn an_effect_larger_than_all_that_may_wait_comes_through() {
    let text = vec![b'x'; WAITING_BYTES_MAX + 1];
    let mut record = Vec::new();
    for key in [b"a", b"b", b"c"] {
        Effect::SetString { key, value: &text, expire_at_ms: 0 }.encode(0, &mut record);
    }
    let keyspace = keyspace();
    assert_eq!(replayed(&keyspace, &[0; SHARDS], 2, &[record]), None);
    assert_eq!(content(&keyspace).len(), 3);
}

#[test]
fn a_shard_takes_records_from_the_one_after_its_cut_on() {
    let mut record = Vec::new();
    Effect::Append { key: b"k", tail: b"x" }.encode(0, &mut record);
    let records = vec![record; 8];
    for (cut, expected) in [(0, 8), (5, 3), (7, 1), (8, 0)] {
        let keyspace = keyspace();
        assert_eq!(replayed(&keyspace, &[cut; SHARDS], 3, &records), None);
        let bytes: usize = content(&keyspace).values().map(|(bytes, _)| bytes.len()).sum();
        assert_eq!(bytes, expected, "cut {cut}");
        let mut flush = Vec::new();
        Effect::Flush.encode(0, &mut flush);
        assert_eq!(replayed(&keyspace, &[1; SHARDS], 3, &[flush]), None);
        assert_eq!(
            content(&keyspace).len(),
            usize::from(expected > 0),
            "what the cut holds is not flushed again"
        );
    }
}
