//! Indexes that have each value once: their making, and who may meet another record's value.
//!
//! What must hold: while such an index is made, each record that comes is compared with those that it knows, and all others are put into
//! it; so once it is built it knows of each value that is there twice. Who is said to hold one is looked at, under his own lock.

use super::{Caller, RECORD_OVERHEAD, Shards};
use crate::command::{Command, Ctx, Fail, flag, shown};
use crate::keyspace::index::{Claim, Index, Unique};
use crate::keyspace::item::Item as _;
use crate::keyspace::{Held, Part};
use crate::query::Identity;
use crate::record::{DATABASE, Definition, IndexDefinition, Name};

impl Shards {
    /// An index as it is defined, with nothing in it.
    pub(super) fn index_of(&self, definition: &IndexDefinition) -> Index {
        let IndexDefinition { name, path, kind, is_unique } = definition;
        let identity = is_unique.then(|| Identity::new(path, kind.as_deref())).flatten();
        let unique = identity.map(|identity| {
            let write = Box::new(move |data: crate::value::json::Node<'_>, out: &mut Vec<u8>| {
                identity.write(data, out)
            });
            Unique::new(kind.clone(), write, self.settles())
        });
        Index::new(name, path, unique)
    }

    /// Whether a command in a transaction may put a record that has the value of another one, wherever that lies: it cannot be run again.
    pub(super) fn may_meet_rivals(&self, command: &Command) -> bool {
        let moves = || matches!(command.spec.name, "rename" | "renamenx" | "move" | "copy");
        self.keyspace.has_unique() && (command.spec.is(flag::PUTS) || moves())
    }

    /// The record of a command has been appended: what its records held before is free from now on. Were it so before that, another record
    /// with the same value could stand in the log before the end of the one that had it, and a crash between leave both.
    pub(super) fn release_claims(&self, ctx: &mut Ctx<'_>) {
        let index = self.keyspace.space_of(DATABASE);
        let release = |part: &mut Part| {
            if let Some(space) = part.space_mut(index) {
                space.release_claims();
            }
        };
        match &mut ctx.held {
            Held::None => {}
            Held::One(_, part) => release(part),
            Held::Many(parts) => parts.iter_mut().for_each(|(_, part)| release(part)),
        }
    }

    /// A unique index has been built: it stays if no two records have the same value. Else it is dropped, and the refusal names two.
    pub(crate) fn keep_if_unique(&self, table: &str, name: &str) -> Result<(), Fail> {
        // Two may make the same at once: what one of them drops the other one does not find.
        let _alone = self.keyspace.building().lock();
        if !self.keyspace.indexes(table).iter().any(|index| index.name() == name) {
            let text = format!("ERR index '{name}' of table '{table}' has been dropped meanwhile");
            return Err(Fail::text(text));
        }
        let Some((one, other)) = self.find_duplicate(table, name) else { return Ok(()) };
        let refusal = Fail::text(format!(
            "DUPLICATE no unique index '{name}' of table '{table}': records '{}' and '{}' have the same value",
            shown(&one),
            shown(&other),
        ));
        match self.drop_index(table, name) {
            Ok(()) => Err(refusal),
            Err(fail) => Err(Fail::text(format!("{}; it is there, and invalid: {}", refusal.0, fail.0))),
        }
    }

    /// The keys of two records of a table that have the same value, by the index of this name. What has expired is removed on the way.
    pub(crate) fn find_duplicate(&self, table: &str, name: &str) -> Option<(Vec<u8>, Vec<u8>)> {
        let indexes = self.keyspace.indexes(table);
        let unique = indexes.iter().find(|index| index.name() == name)?.unique()?;
        while let Some((claim, hashes)) = unique.contested() {
            let mut there = Vec::new();
            for &hash in &hashes {
                match self.look_at_holder(unique, table, (claim, hash)) {
                    Some(key) => there.push(key),
                    None => unique.release(claim, hash),
                }
            }
            if there.len() > 1 {
                there.sort_unstable();
                return Some((there.swap_remove(0), there.pop()?));
            }
        }
        None
    }

    /// The key of the record with this hash, if it is there and has the value.
    fn look_at_holder(&self, unique: &Unique, table: &str, (claim, hash): (Claim, u64)) -> Option<Vec<u8>> {
        let now_ms = self.clock.get().map_or(0, |clock| clock.now_ms());
        let (mut found, mut expired): (Option<Vec<u8>>, Option<Vec<u8>>) = (None, None);
        {
            let part = self.keyspace.lock(self.keyspace.shard_of(hash));
            part.space(self.keyspace.space_of(DATABASE))?.each_record(
                hash,
                table.as_bytes(),
                &mut Vec::new(),
                &mut |entry, document| {
                    if unique.claim_of(document.root()) == Some(claim) {
                        *(if entry.is_alive(now_ms) { &mut found } else { &mut expired }) =
                            Some(entry.key().to_vec());
                    }
                },
            );
        }
        if let Some(key) = expired {
            let mut caller = Caller::at(now_ms);
            caller.db = DATABASE;
            self.remove_expired(&mut caller, &key);
        }
        found.map(|key| key[table.len() + 1..].to_vec())
    }

    /// Drops an index of a table, by a record of its own.
    pub(crate) fn drop_index(&self, table: &str, name: &str) -> Result<(), Fail> {
        let key = Name::of_table(table.as_bytes());
        let bytes = RECORD_OVERHEAD + key.len() as u64;
        self.reserve(bytes)?;
        let mut caller = Caller::default();
        let shard = self.keyspace.shard_of(self.keyspace.hash(&key));
        let held = Held::One(shard, self.keyspace.lock(shard));
        let mut ctx = self.context(&mut caller, held, None, bytes);
        let mut outcome = Ok(());
        if let Some(old) = ctx.table(table.as_bytes()).cloned() {
            let mut changed = Definition::clone(&old);
            changed.indexes.retain(|index| *index.name != *name);
            outcome = ctx.define(changed).map(drop);
        }
        self.commit(ctx);
        self.follow_indexes(table);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use crate::db::{Database, Options};
    use crate::io::SeededRng;
    use crate::io::mem::{ManualClock, MemDisk};
    use crate::record::{Definition, IndexDefinition};
    use crate::reply::Response;
    use std::sync::Arc;

    fn open(disk: &Arc<MemDisk>) -> Database {
        let options = Options { shards: 4, threads: false, ..Options::default() };
        let (clock, rng) = (Arc::<ManualClock>::default(), Arc::new(SeededRng::new(3)));
        Database::open_on(Arc::clone(disk) as _, clock, rng, &options).unwrap()
    }

    fn run(db: &Database, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        match db.execute(&words).unwrap() {
            Response::Error(text) => text.split(' ').next().unwrap_or_default().to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_index_whose_making_a_crash_has_cut_short_is_invalid_until_values_are_unique() {
        let disk = Arc::<MemDisk>::default();
        let db = open(&disk);
        for (key, value) in [("a", 1), ("b", 1), ("c", 1), ("d", 2)] {
            run(&db, &format!("TABLE.PUT t {key} {{\"v\":{value}}}"));
        }
        let index =
            IndexDefinition { name: "i".into(), path: ["v".into()].into(), kind: None, is_unique: true };
        let definition = Definition { indexes: vec![index], ..Definition::bare("t") };
        db.shards().system_set(b"table:t", &definition.encode()).unwrap();
        db.close().unwrap();
        drop(db);
        let db = open(&disk);
        let is_invalid = || run(&db, "INDEX.LIST t").contains(&format!("{:?}", b"invalid"));
        assert!(is_invalid());
        assert_eq!(run(&db, "TABLE.PUT t e {\"v\":1}"), "DUPLICATE");
        assert_eq!(run(&db, "TABLE.PUT t e {\"v\":2}"), "DUPLICATE");
        assert_eq!(run(&db, "TABLE.PUT t b {\"v\":1,\"w\":1}"), "Simple(\"OK\")", "it has the value already");
        run(&db, "TABLE.DEL t a");
        assert!(is_invalid());
        run(&db, "TABLE.PUT t c {\"v\":3}");
        assert!(!is_invalid());
        assert_eq!(run(&db, "TABLE.PUT t a {\"v\":1}"), "DUPLICATE");
    }
}
