//! Records: commands on one of them, the end of a table, and the tables that a folder has.
//!
//! What must hold: the text of a record is read before any lock is taken; a table that is being dropped is so on disk before
//! the first of its records goes, so that the next opening ends what a crash has cut short.

use super::{Caller, RECORD_OVERHEAD, Ran, Shards, refuse, space_for};
use crate::command::{Command, Fail, LargePut, flag, read_document, take_document};
use crate::error::{Error, ErrorKind};
use crate::keyspace::Held;
use crate::keyspace::entry::Entry;
use crate::keyspace::item::Item as _;
use crate::record::{DATABASE, Definition, Name, SYSTEM_PREFIX};
use crate::reply::Reply;
use crate::value::Kind;

/// Records removed in one go.
const STEP_KEYS: usize = 64;
/// Keys looked at under one lock.
const STEP_LOOKS: usize = 512;

impl Shards {
    /// Runs a command on records. The common case, one record of a table that there is, in one piece.
    pub(super) fn run_record(
        &self,
        caller: &mut Caller,
        command: &Command,
        args: &[&[u8]],
        out: &mut dyn Reply,
    ) -> Ran {
        let hint = caller.hash_hint.take();
        if !command.spec.takes(args.len()) {
            return refuse(&Fail::arity(command.spec.name), out);
        }
        let puts = command.spec.is(flag::PUTS);
        if command.spec.is(flag::FORMED) {
            take_document(&mut caller.scratch.document, args[3]);
        } else if puts && let Err(fail) = read_document(&mut caller.scratch.document, args[3]) {
            return refuse(&fail, out);
        }
        if puts {
            caller.scratch.compress_document(&self.keyspace.compression, args[1]);
        }
        let is_simple =
            if puts { caller.scratch.knows_table(&self.registry, args[1]) } else { args.len() == 3 };
        let ran = if is_simple {
            self.run_on_record(caller, command, args, hint, out)
        } else {
            self.run_many(caller, command, args, out)
        };
        caller.scratch.forget_document();
        ran
    }

    fn run_on_record(
        &self,
        caller: &mut Caller,
        command: &Command,
        args: &[&[u8]],
        hint: Option<u64>,
        out: &mut dyn Reply,
    ) -> Ran {
        if let Err(fail) = self.room_for(caller, command.spec.is(flag::DENYOOM)) {
            return refuse(&fail, out);
        }
        if self.is_limited()
            && let Err(fail) = self.admit_one(caller, command, args)
        {
            return refuse(&fail, out);
        }
        if let Err(refusal) = self.admit_unsettled(command) {
            return Self::refuse_or_wait(refusal, out);
        }
        let key = Name::of_record(args[1], args[2]);
        let mut bytes = 0;
        if command.spec.is(flag::WRITE) {
            bytes = space_for(&args[..3]) + document_space(&caller.scratch.document, &key);
        }
        if let Err(fail) = self.reserve_for_command(bytes) {
            return refuse(&fail, out);
        }
        let hash = hint.unwrap_or_else(|| self.keyspace.hash(&key));
        debug_assert_eq!(hash, self.keyspace.hash(&key), "a hint is the hash of the record's key");
        let shard = self.keyspace.shard_of(hash);
        let held = Held::One(shard, self.keyspace.lock(shard));
        let mut ctx = self.context(caller, held, Some((&key, hash)), bytes);
        if ctx.settles
            && bytes != 0
            && (!command.spec.is(flag::BLIND) || ctx.is_tagged)
            && let Err(fail) = ctx.in_db(DATABASE, |ctx| ctx.reserve_for_fetched(&key))
        {
            out.error(&fail.0);
            return self.commit(ctx);
        }
        if let Err(fail) = (command.run)(&mut ctx, args, out) {
            if ctx.meets_rival {
                self.commit(ctx);
                return self.run_many(caller, command, args, out);
            }
            out.error(&fail.0);
        }
        if !ctx.cold.is_empty() {
            return self.leave_cold(ctx);
        }
        self.commit(ctx)
    }

    /// Nothing is known yet of the rows of a table that was made.
    pub(super) fn begin_table(&self, table: &str) {
        let prefix = Name::of_record(table.as_bytes(), b"");
        for shard in 0..self.keyspace.shards() {
            if let Some(space) = self.keyspace.lock(shard).space_mut(self.keyspace.space_of(DATABASE)) {
                space.begin_table(&prefix);
            }
        }
    }

    /// Removes the records of a table that are in memory.
    pub(crate) fn remove_all_records(&self, table: &str) -> Result<(), Fail> {
        let prefix = Name::of_record(table.as_bytes(), b"");
        (0..self.keyspace.shards()).try_for_each(|shard| self.remove_records(shard, &prefix))
    }

    /// Removes the records of a table that is being dropped, then its definition. What cannot be done now, for want of room in
    /// the log, is left to the sweeper.
    pub(crate) fn finish_drop(&self, table: &str) {
        if self.remove_all_records(table).is_err() {
            return;
        }
        let key = Name::of_table(table.as_bytes());
        let bytes = RECORD_OVERHEAD + key.len() as u64;
        if self.reserve(bytes).is_err() {
            return;
        }
        let mut caller = Caller::default();
        let shard = self.keyspace.shard_of(self.keyspace.hash(&key));
        let held = Held::One(shard, self.keyspace.lock(shard));
        let mut ctx = self.context(&mut caller, held, None, bytes);
        // Somebody else may have ended the same meanwhile.
        if ctx.table(table.as_bytes()).is_some_and(|definition| definition.dropping) {
            ctx.undefine(table);
        }
        self.commit(ctx);
    }

    /// Removes the records of one shard whose keys begin so, a few at a time.
    fn remove_records(&self, shard: usize, prefix: &[u8]) -> Result<(), Fail> {
        let (mut at, mut keys) = (0, Vec::new());
        loop {
            let mut looks = 0;
            if let Some(space) = self.keyspace.lock(shard).space(self.keyspace.space_of(DATABASE)) {
                loop {
                    at = space.table().scan(at, &mut |entry| {
                        looks += 1;
                        if entry.key().starts_with(prefix) && is_record(&entry) {
                            keys.push(Box::from(entry.key()));
                        }
                    });
                    if at == 0 || looks >= STEP_LOOKS || keys.len() >= STEP_KEYS {
                        break;
                    }
                }
            }
            self.remove_these(shard, &keys)?;
            keys.clear();
            if at == 0 {
                return Ok(());
            }
        }
    }

    fn remove_these(&self, shard: usize, keys: &[Box<[u8]>]) -> Result<(), Fail> {
        if keys.is_empty() {
            return Ok(());
        }
        let bytes = keys.iter().fold(RECORD_OVERHEAD, |sum, key| sum + key.len() as u64 + 24);
        self.reserve(bytes)?;
        let mut caller = Caller { db: DATABASE, ..Caller::default() };
        let held = Held::One(shard, self.keyspace.lock(shard));
        let mut ctx = self.context(&mut caller, held, None, bytes);
        for key in keys {
            // Another type may have been put there.
            if ctx.peek(key).is_some_and(|entry| is_record(&entry)) {
                ctx.delete(key);
            }
        }
        self.commit(ctx);
        Ok(())
    }

    /// Ends what was begun with tables that are being dropped.
    pub(crate) fn finish_drops(&self) {
        if self.settles() {
            // The store has to be told first: whoever looks after it does so.
            return;
        }
        let tables = self.registry.snapshot();
        for table in tables.all().filter(|table| table.dropping) {
            self.finish_drop(&table.name);
        }
    }

    /// Fills the registry from the system entries.
    pub(crate) fn load_tables(&self) -> Result<(), Error> {
        let (mut tables, mut unknown) = (Vec::new(), None);
        self.system_each(SYSTEM_PREFIX.as_bytes(), |key, text| match Definition::decode(text) {
            Some(definition) => tables.push(definition),
            None => unknown = Some(String::from_utf8_lossy(key).into_owned()),
        });
        if let Some(key) = unknown {
            let text = format!("the definition of {key} was written by a newer version: run that one");
            return Err(Error::new(ErrorKind::Newer, text));
        }
        let names: Vec<Box<str>> = tables.iter().map(|table| table.name.clone()).collect();
        self.registry.replace(tables);
        names.iter().for_each(|name| self.follow_indexes(name));
        self.build_indexes(true);
        self.keyspace.release_claims();
        Ok(())
    }

    /// Has the shards know the indexes that a table has by its definition.
    pub(super) fn follow_indexes(&self, table: &str) {
        let tables = self.registry.snapshot();
        let definition = tables.get(table.as_bytes());
        let indexes = definition.map_or(&[][..], |definition| &definition.indexes);
        let wanted: Vec<_> = indexes.iter().map(|index| self.index_of(index)).collect();
        if !wanted.is_empty() || !self.keyspace.indexes(table).is_empty() {
            self.keyspace.set_indexes(table, wanted);
        }
    }

    /// Builds the indexes that are not built; `waits`: also if somebody else is about it, once he is done.
    pub(crate) fn build_indexes(&self, waits: bool) {
        let _alone = match self.keyspace.building() {
            building if waits => building.lock(),
            building => match building.try_lock() {
                Some(alone) => alone,
                None => return,
            },
        };
        for (table, index) in self.keyspace.unbuilt_indexes() {
            self.keyspace.build_index(&table, &index);
        }
    }
}

fn is_record(entry: &Entry) -> bool {
    entry.kind() == Kind::Json
}

/// No more room than this is needed in the log to put a document.
fn document_space(document: &[u8], key: &[u8]) -> u64 {
    LargePut::record_bytes_max(document.len(), key)
}

#[cfg(test)]
mod tests {
    use crate::db::{Database, Options};
    use crate::io::SeededRng;
    use crate::io::mem::{ManualClock, MemDisk};
    use crate::record::Definition;
    use crate::reply::Response;
    use std::sync::Arc;

    fn open(disk: &Arc<MemDisk>) -> Result<Database, crate::Error> {
        let options = Options { shards: 4, threads: false, ..Options::default() };
        let (clock, rng) = (Arc::<ManualClock>::default(), Arc::new(SeededRng::new(3)));
        Database::open_on(Arc::clone(disk) as _, clock, rng, &options)
    }

    fn run(db: &Database, line: &str) -> Response {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        db.execute(&words).unwrap()
    }

    #[test]
    fn what_a_crash_has_left_of_a_dropped_table_goes_after_the_next_opening() {
        let disk = Arc::<MemDisk>::default();
        let db = open(&disk).unwrap();
        for number in 0..300 {
            run(&db, &format!("TABLE.PUT t {number} {{}}"));
            run(&db, &format!("TABLE.PUT other {number} {{}}"));
        }
        // What is on disk when the first record is about to go.
        let dropping = Definition { dropping: true, ..Definition::bare("t") };
        db.shards().system_set(b"table:t", &dropping.encode()).unwrap();
        db.close().unwrap();
        drop(db);
        let db = open(&disk).unwrap();
        assert_eq!(run(&db, "DBSIZE"), Response::Int(600));
        assert_eq!(run(&db, "TABLE.LIST"), Response::Array(vec![Response::Bulk(b"other".to_vec())]));
        for refused in ["TABLE.PUT t new {}", "TABLE.CREATE t"] {
            let Response::Error(text) = run(&db, refused) else { panic!("{refused}") };
            assert_eq!(text, "ERR table 't' is being dropped: try again later");
        }
        db.sweep();
        assert_eq!(run(&db, "DBSIZE"), Response::Int(300));
        assert_eq!(run(&db, "TABLE.CREATE t"), Response::Simple("OK".to_owned()));
    }

    #[test]
    fn a_definition_of_a_newer_version_is_not_passed_over() {
        let disk = Arc::<MemDisk>::default();
        let db = open(&disk).unwrap();
        db.shards().system_set(b"table:t", br#"{"version": 2}"#).unwrap();
        db.close().unwrap();
        drop(db);
        let error = open(&disk).err().unwrap();
        assert_eq!(error.kind(), crate::ErrorKind::Newer);
        assert!(error.to_string().contains("table:t"), "{error}");
    }
}
