//! Which key goes under each policy, and that it stays gone.

use crate::common::{START_MS, show};
use ramekin::io::SeededRng;
use ramekin::io::mem::{ManualClock, MemDisk};
use ramekin::{Caller, Collector, Database, ErrorKind, Options, Policy, Watch, command};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A database of one shard that looks at all of its keys for each eviction, so that the choice is exact.
struct Store {
    db: Database,
    clock: Arc<ManualClock>,
    disk: Arc<MemDisk>,
}

impl Store {
    fn with(policy: Policy) -> Self {
        let clock = ManualClock::default();
        clock.advance(START_MS);
        Self::open(Arc::default(), Arc::new(clock), policy)
    }

    fn open(disk: Arc<MemDisk>, clock: Arc<ManualClock>, policy: Policy) -> Self {
        let options = Options { shards: 1, threads: false, ..Options::default() };
        let rng = Arc::new(SeededRng::new(7));
        let db = Database::open_on(disk.clone(), clock.clone(), rng, &options).unwrap();
        db.settings().set_policy(policy);
        db.settings().maxmemory_samples.store(64, Relaxed);
        Self { db, clock, disk }
    }

    fn run(&self, line: &str) -> String {
        self.run_in(0, line)
    }

    fn run_in(&self, db: u32, line: &str) -> String {
        let args: Vec<_> = line.split_whitespace().map(str::as_bytes).collect();
        let mut caller = Caller::at(self.db.now_ms());
        caller.db = db;
        let mut out = Collector::new();
        self.db.run(&mut caller, command::resolve(&args).unwrap(), &args, &mut out);
        show(&out.into_response().unwrap())
    }

    /// Runs commands two seconds apart.
    fn script(&self, lines: &[&str]) {
        for line in lines {
            self.run(line);
            self.clock.advance(2_000);
        }
    }

    fn keys(&self) -> Vec<String> {
        let keys = self.run("KEYS *").replace(['[', ']', '"'], "");
        let mut keys: Vec<_> = keys.split(", ").filter(|key| !key.is_empty()).map(str::to_owned).collect();
        keys.sort_unstable();
        keys
    }

    /// Evicts one key after the other and names each.
    fn evicted(&self, count: usize) -> Vec<String> {
        let evict = |_| {
            let before = self.keys();
            let evicted = self.db.evict(1).unwrap();
            let after = self.keys();
            let gone: Vec<_> = before.into_iter().filter(|key| !after.contains(key)).collect();
            assert_eq!(gone.len(), evicted);
            gone
        };
        (0..count).flat_map(evict).collect()
    }
}

#[test]
fn allkeys_lru_removes_what_was_not_used_for_the_longest_time() {
    let store = Store::with(Policy::AllkeysLru);
    store.script(&["SET a 1", "SET b 1", "RPUSH c 1", "SET d 1 EX 9999", "GET a", "LLEN c"]);
    assert_eq!(store.evicted(3), ["b", "d", "a"]);
}

#[test]
fn a_key_that_was_used_after_it_was_found_is_not_taken() {
    let store = Store::with(Policy::AllkeysLru);
    store.script(&["SET a 1", "SET b 1", "SET c 1"]);
    assert_eq!(store.evicted(1), ["a"]);
    store.script(&["GET b"]);
    assert_eq!(store.evicted(2), ["c", "b"]);
}

#[test]
fn allkeys_lfu_removes_what_is_used_least() {
    let store = Store::with(Policy::AllkeysLfu);
    store.db.settings().lfu_log_factor.store(0, Relaxed);
    store.script(&["SET often 1", "SET never 1", "SET sometimes 1"]);
    for times in 0..12 {
        store.script(&["GET often"]);
        if times % 3 == 0 {
            store.script(&["GET sometimes"]);
        }
    }
    assert_eq!(store.evicted(3), ["never", "sometimes", "often"]);
}

#[test]
fn volatile_policies_remove_only_what_expires() {
    for policy in [Policy::VolatileLru, Policy::VolatileLfu, Policy::VolatileRandom, Policy::VolatileTtl] {
        let store = Store::with(policy);
        store.script(&[
            "SET a 1",
            "SET b 1 EX 9999",
            "HSET c f 1",
            "HEXPIRE c 9000 FIELDS 1 f",
            "SET d 1 EX 999",
        ]);
        let mut evicted = store.evicted(9);
        evicted.sort_unstable();
        assert_eq!(evicted, ["b", "d"], "{policy:?}");
        assert_eq!(store.db.evict(1).unwrap(), 0);
        assert_eq!(store.keys(), ["a", "c"]);
    }
}

#[test]
fn volatile_ttl_removes_what_expires_first() {
    let store = Store::with(Policy::VolatileTtl);
    store.script(&["SET a 1 EX 7000", "SET b 1 EX 5000", "SET c 1", "SET d 1 EX 6000", "EXPIRE a 4000"]);
    assert_eq!(store.evicted(3), ["a", "b", "d"]);
}

#[test]
fn allkeys_random_removes_any_key_and_every_key_in_the_end() {
    let store = Store::with(Policy::AllkeysRandom);
    let names: Vec<_> = (100..200).map(|number| format!("k{number}")).collect();
    names.iter().for_each(|name| assert_eq!(store.run(&format!("SET {name} 1")), "OK"));
    let evicted = store.evicted(200);
    assert_ne!(evicted, names);
    assert_eq!(evicted.len(), 100);
}

#[test]
fn every_database_is_searched() {
    let store = Store::with(Policy::AllkeysLru);
    for (db, key) in [(3, "a"), (0, "b"), (7, "c")] {
        assert_eq!(store.run_in(db, &format!("SET {key} 1")), "OK");
        store.clock.advance(2_000);
    }
    assert_eq!(store.db.evict(1).unwrap(), 1);
    assert_eq!(store.run_in(3, "EXISTS a"), "0");
    assert_eq!(store.db.evict(9).unwrap(), 2);
    assert_eq!(store.db.counts().evicted_keys, 3);
}

#[test]
fn nothing_is_evicted_without_a_policy() {
    let store = Store::with(Policy::NoEviction);
    store.script(&["SET a 1", "SET b 1 EX 99"]);
    assert_eq!(store.db.evict(2).unwrap(), 0);
}

#[test]
fn an_evicted_key_does_not_come_back_and_a_kept_one_does() {
    let store = Store::with(Policy::AllkeysLru);
    store.script(&["SET a 1", "RPUSH b 1 2", "SET c 3", "HSET d f v"]);
    assert_eq!(store.evicted(2), ["a", "b"]);
    store.db.close().unwrap();
    let (disk, clock) = (Arc::clone(&store.disk), Arc::clone(&store.clock));
    drop(store);
    let store = Store::open(disk, clock, Policy::AllkeysLru);
    assert_eq!(store.keys(), ["c", "d"]);
    assert_eq!(store.run("GET c"), "\"3\"");
}

#[test]
fn a_watched_key_that_is_evicted_has_changed() {
    let store = Store::with(Policy::AllkeysLru);
    store.script(&["SET a 1"]);
    let watch = Arc::new(Watch::default());
    store.db.watch(&Caller::at(store.db.now_ms()), b"a", &watch);
    assert!(!watch.is_raised());
    assert_eq!(store.evicted(1), ["a"]);
    assert!(watch.is_raised());
}

#[test]
fn a_limit_is_refused_where_nothing_counts_memory() {
    let store = Store::with(Policy::AllkeysLru);
    assert_eq!(store.db.limit_memory(1 << 30).unwrap_err().kind(), ErrorKind::Invalid);
    store.db.limit_memory(0).unwrap();
}
