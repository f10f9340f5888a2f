//! Commands that tell of all keys, over memory and the store behind: SCAN, KEYS, DBSIZE, TABLE.INFO; those
//! about tags are in [`super::tagged`].
//!
//! What must hold: whoever calls this may wait for the store. A key that is there the whole time is told, wherever it moves
//! meanwhile, by SCAN perhaps twice (see [`crate::settle`]). Left out: a snapshot.

use super::Database;
use crate::command::scan::{self, STORE_CURSOR};
use crate::command::{Command, Fail, flag, table};
use crate::log::Lsn;
use crate::record::{DATABASE, Name};
use crate::reply::{Collector, Reply, Response};
use crate::settle::{Beyond, Settle};
use crate::shard::Caller;
use crate::value::glob::glob;

/// Rows in a page of the store, at most.
const PAGE_ROWS_MAX: usize = 1000;
/// What stands in for the number of a cursor that begins in the store.
const FIRST: u64 = 0;

impl Database {
    /// Runs a command that has to ask the store for what it tells. None: it has not, and is run as others.
    pub(super) fn run_beyond(
        &self,
        caller: &mut Caller,
        command: &Command,
        args: &[&[u8]],
        out: &mut dyn Reply,
    ) -> Option<Lsn> {
        let settle = self.inner.settle.as_ref()?;
        if matches!(command.spec.name, "query" | "explain") && command.spec.takes(args.len()) {
            if let Err(fail) =
                self.run_query(settle, (caller.now_ms, command.spec.name == "explain"), args, out)
            {
                out.error(&fail.0);
            }
            return Some(self.last_lsn());
        }
        if !command.spec.is(flag::BEYOND)
            || !command.spec.takes(args.len())
            || !scan::reaches_store(command, args)
        {
            return None;
        }
        if command.spec.name == "table.get" {
            let key = Name::of_record(args[1], args[2]);
            return match settle.freshen(DATABASE, &key) {
                Ok(()) => None,
                Err(fail) => {
                    out.error(&fail.0);
                    Some(self.last_lsn())
                }
            };
        }
        let answered = match command.spec.name {
            "scan" => scan_store(settle, (caller.db, caller.now_ms), args, out),
            "keys" => self.all_keys(settle, caller, (command, args), out),
            "dbsize" => settle.count_keys(caller.db, caller.now_ms).map(|keys| {
                out.int(i64::try_from(keys).unwrap_or(i64::MAX));
            }),
            "table.list" => found_tables(settle, &args[1..], out),
            "tag.keys" | "tag.count" | "tag.list" => self.run_tagged(settle, caller, (command, args), out),
            _ => self.table_info(settle, caller, (command, args), out),
        };
        if let Err(fail) = answered {
            out.error(&fail.0);
        }
        // What was told of may have changed up to now.
        Some(self.last_lsn())
    }

    /// What the command tells of memory.
    pub(super) fn of_memory(&self, caller: &mut Caller, (command, args): (&Command, &[&[u8]])) -> Response {
        let leaves = std::mem::replace(&mut caller.leaves_large, false);
        let mut answer = Collector::new();
        self.run(caller, command, args, &mut answer);
        caller.leaves_large = leaves;
        answer.into_response().unwrap_or(Response::Null)
    }

    fn all_keys(
        &self,
        settle: &Settle,
        caller: &mut Caller,
        command: (&Command, &[&[u8]]),
        out: &mut dyn Reply,
    ) -> Result<(), Fail> {
        let Response::Array(found) = self.of_memory(caller, command) else { return Ok(()) };
        let in_memory = found.into_iter().filter_map(|key| match key {
            Response::Bulk(key) => Some(key),
            _ => None,
        });
        let mut keys: Vec<Vec<u8>> = in_memory.collect();
        let (pattern, mut start) = (command.1[1], None);
        loop {
            let (page, next) = settle.keys_beyond(
                (caller.db, caller.now_ms),
                start.as_ref(),
                PAGE_ROWS_MAX,
                Beyond::There,
            )?;
            keys.extend(page.into_iter().filter(|key| glob(pattern, key, false)));
            start = next;
            if start.is_none() {
                break;
            }
        }
        keys.sort_unstable();
        keys.dedup();
        out.array(keys.len());
        keys.iter().for_each(|key| out.bulk(key));
        Ok(())
    }

    /// As memory tells it, but that all records are counted, and those in memory beside them.
    fn table_info(
        &self,
        settle: &Settle,
        caller: &mut Caller,
        command: (&Command, &[&[u8]]),
        out: &mut dyn Reply,
    ) -> Result<(), Fail> {
        let told = self.of_memory(caller, command);
        let Response::Map(pairs) = told else {
            told.write_to(out);
            return Ok(());
        };
        let table = std::str::from_utf8(command.1[1]).unwrap_or_default();
        let records = i64::try_from(settle.count_records(table, caller.now_ms)?).unwrap_or(i64::MAX);
        let bulk = |text: &str| Response::Bulk(text.as_bytes().to_vec());
        let mut all = Vec::with_capacity(pairs.len() + 1);
        for (name, value) in pairs {
            if name == bulk("records") {
                all.extend([(name, Response::Int(records)), (bulk("records-in-memory"), value)]);
            } else {
                all.push((name, value));
            }
        }
        Response::Map(all).write_to(out);
        Ok(())
    }
}

/// The tables of the store that could be taken over.
fn found_tables(settle: &Settle, words: &[&[u8]], out: &mut dyn Reply) -> Result<(), Fail> {
    let names = settle.found_tables(&table::found_prefix(words)?)?;
    out.array(names.len());
    names.iter().for_each(|name| out.bulk(name.as_bytes()));
    Ok(())
}

/// The part of SCAN that is in the store.
fn scan_store(
    settle: &Settle,
    (db, now_ms): (u32, u64),
    args: &[&[u8]],
    out: &mut dyn Reply,
) -> Result<(), Fail> {
    let number = scan::cursor(args[1])? & !STORE_CURSOR;
    let filter = scan::filter(&args[2..])?;
    let start = match number {
        FIRST => None,
        _ => Some(settle.cursors.lock().find(db, number).ok_or(Fail::new(
            "ERR this cursor is not known any more: begin the scan again, with cursor 0",
        ))?),
    };
    let limit = filter.count.min(PAGE_ROWS_MAX);
    let (mut keys, next) = settle.keys_beyond((db, now_ms), start.as_ref(), limit, Beyond::There)?;
    keys.retain(|key| filter.matches(key));
    if filter.asks_for_type() {
        let mut kinds = settle.kinds_of((db, now_ms), &keys)?.into_iter();
        keys.retain(|_| kinds.next().flatten().is_some_and(|kind| filter.takes(kind)));
    }
    let next = next.map_or(0, |next| STORE_CURSOR | settle.cursors.lock().give(db, next));
    out.array(2);
    out.bulk(itoa::Buffer::new().format(next).as_bytes());
    out.array(keys.len());
    keys.iter().for_each(|key| out.bulk(key));
    Ok(())
}
