//! System entries: what the engine keeps about the data in the form of data.
//!
//! They are strings in a database that no client can select ([`SYSTEM_DB`]). So the log, checkpoints and recovery carry them
//! as they carry everything, and there is nothing else to be kept in step. Who keeps what goes by the prefix of the key; each
//! owner says in its own module what its values are.
//!
//! What must hold: an entry is small, and there are few enough to be visited by shard; none expires. A handler that changes
//! one as a part of its command does so through its context, with the shard of the entry among those that it holds.

use super::{Caller, RECORD_OVERHEAD, Shards};
use crate::command::Fail;
use crate::effect::{Effect, SYSTEM_DB};
use crate::keyspace::Held;
use crate::keyspace::item::Item as _;
use crate::log::Lsn;
use crate::value::LONG_BYTES_MIN;

impl Shards {
    /// The value of a system entry.
    pub(crate) fn system_get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let hash = self.keyspace.hash(key);
        let part = self.keyspace.lock(self.keyspace.shard_of(hash));
        let entry = part.space(self.keyspace.space_of(SYSTEM_DB))?.get(hash, key)?;
        entry.str().map(|text| text.whole().into_owned())
    }

    /// Sets a system entry, by a record of its own. It is safe once the log has come as far as the number returned.
    pub(crate) fn system_set(&self, key: &[u8], value: &[u8]) -> Result<Lsn, Fail> {
        if value.len() >= LONG_BYTES_MIN {
            return Err(Fail::new("ERR a system entry is too large"));
        }
        self.change_system(Effect::SetString { key, value, expire_at_ms: 0 }, key.len() + value.len())
    }

    /// Removes a system entry, by a record of its own.
    pub(crate) fn system_delete(&self, key: &[u8]) -> Result<Lsn, Fail> {
        self.change_system(Effect::Delete { key }, key.len())
    }

    /// Visits the system entries whose keys begin so, in no order. The shard of an entry is locked while it is visited.
    pub(crate) fn system_each(&self, prefix: &[u8], mut visit: impl FnMut(&[u8], &[u8])) {
        for shard in 0..self.keyspace.shards() {
            let part = self.keyspace.lock(shard);
            let Some(space) = part.space(self.keyspace.space_of(SYSTEM_DB)) else { continue };
            for entry in space.table().iter().filter(|entry| entry.key().starts_with(prefix)) {
                if let Some(text) = entry.str() {
                    visit(entry.key(), &text.whole());
                }
            }
        }
    }

    fn change_system(&self, effect: Effect<'_>, bytes: usize) -> Result<Lsn, Fail> {
        let key = effect.key().expect("it is a change to one key");
        let shard = self.keyspace.shard_of(self.keyspace.hash(key));
        let bytes = RECORD_OVERHEAD + bytes as u64;
        self.reserve(bytes)?;
        let mut caller = Caller { db: SYSTEM_DB, ..Caller::default() };
        let held = Held::One(shard, self.keyspace.lock(shard));
        let mut ctx = self.context(&mut caller, held, None, bytes);
        ctx.apply(effect);
        Ok(self.commit(ctx).lsn)
    }
}

#[cfg(test)]
mod tests {
    use super::Caller;
    use crate::db::{Database, Options};
    use crate::io::SeededRng;
    use crate::io::mem::{ManualClock, MemDisk};
    use std::sync::Arc;

    fn open(disk: &Arc<MemDisk>) -> Database {
        let options = Options { shards: 4, threads: false, databases: 2, ..Options::default() };
        let (clock, rng) = (Arc::<ManualClock>::default(), Arc::new(SeededRng::new(3)));
        Database::open_on(Arc::clone(disk) as _, clock, rng, &options).unwrap()
    }

    fn entries(db: &Database, prefix: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut found = Vec::new();
        db.shards().system_each(prefix.as_bytes(), |key, value| found.push((text(key), text(value))));
        found.sort();
        found
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn entries_come_back_from_the_log_and_from_a_checkpoint() {
        let disk = Arc::<MemDisk>::default();
        let db = open(&disk);
        let shards = db.shards();
        for (key, value) in [("a:1", "one"), ("a:2", "two"), ("b:1", "other"), ("a:3", "gone")] {
            let lsn = shards.system_set(key.as_bytes(), value.as_bytes()).unwrap();
            assert_eq!(lsn, db.last_lsn());
        }
        shards.system_delete(b"a:3").unwrap();
        let expected = pairs(&[("a:1", "one"), ("a:2", "two")]);
        assert_eq!(entries(&db, "a:"), expected);
        assert_eq!(shards.system_get(b"b:1").as_deref(), Some(&b"other"[..]));
        assert_eq!(shards.system_get(b"a:3"), None);
        db.close().unwrap();
        drop(db);
        let db = open(&disk);
        assert_eq!(entries(&db, "a:"), expected, "from the log");
        db.checkpoint().unwrap();
        db.shards().system_set(b"a:2", b"later").unwrap();
        db.reload().unwrap();
        let expected = pairs(&[("a:1", "one"), ("a:2", "later"), ("b:1", "other")]);
        assert_eq!(entries(&db, ""), expected, "in place");
        db.close().unwrap();
        drop(db);
        assert_eq!(entries(&open(&disk), ""), expected, "from a checkpoint and the log after it");
    }

    #[test]
    fn no_command_reaches_an_entry() {
        let db = open(&Arc::default());
        db.shards().system_set(b"a:1", b"one").unwrap();
        for words in [&["FLUSHALL"][..], &["FLUSHDB"], &["SWAPDB", "0", "1"], &["DEL", "a:1"]] {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            db.execute(&words).unwrap();
        }
        assert_eq!(entries(&db, ""), pairs(&[("a:1", "one")]));
        let shown = |words: &[&[u8]]| format!("{:?}", db.execute(words).unwrap());
        assert_eq!(shown(&[b"DBSIZE"]), "Int(0)");
        assert_eq!(shown(&[b"EXISTS", b"a:1"]), "Int(0)");
        assert!(!shown(&[b"SCAN", b"0"]).contains("a:"));
        let mut visited = 0;
        db.visit_all(0, &mut |_, _| visited += 1);
        assert_eq!(visited, 0, "it is in no digest");
    }

    #[test]
    fn nothing_is_evicted_from_there() {
        let db = open(&Arc::default());
        db.shards().system_set(b"a:1", b"one").unwrap();
        db.settings().set_policy(crate::Policy::AllkeysRandom);
        (0..20).for_each(|key: u32| db.set(key.to_string().as_bytes(), b"v").unwrap());
        let mut caller = Caller::at(1);
        let evicted: usize =
            (0..4).map(|shard| db.shards().evict_from(&mut caller, shard, 100, None).unwrap()).sum();
        assert!(evicted >= 4, "keys beside it are evicted");
        while (0..4).any(|shard| db.shards().evict_from(&mut caller, shard, 100, None).unwrap() > 0) {}
        assert_eq!(entries(&db, ""), pairs(&[("a:1", "one")]));
    }
}
