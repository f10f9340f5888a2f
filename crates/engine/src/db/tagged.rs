//! Commands that ask for keys by their tags, over memory and the store behind: TAG.KEYS, TAG.COUNT, TAG.LIST.
//!
//! What must hold: memory is asked first, then the store, so that a key is met wherever it moves meanwhile; each key is told
//! once, in the order of the bytes of keys, so that pages by LIMIT fit together.

use super::Database;
use crate::command::{Command, Fail, tag};
use crate::reply::{Reply, Response};
use crate::settle::Settle;
use crate::shard::Caller;
use std::collections::BTreeSet;

impl Database {
    /// Runs one of the three.
    pub(super) fn run_tagged(
        &self,
        settle: &Settle,
        caller: &mut Caller,
        (command, args): (&Command, &[&[u8]]),
        out: &mut dyn Reply,
    ) -> Result<(), Fail> {
        if !settle.store.keeps_tags() {
            return Err(tag::NOT_KEPT);
        }
        if command.spec.name == "tag.list" {
            let listed = tag::Listed::parse(&args[1..])?;
            listed.reply(settle.count_tags(caller.db, caller.now_ms)?, out);
            return Ok(());
        }
        let counts = command.spec.name == "tag.count";
        let asked = tag::Asked::parse(&args[1..], !counts)?;
        let keys = self.tagged_keys(settle, caller, &asked)?;
        if counts {
            out.count(keys.len());
            return Ok(());
        }
        let page = keys.iter().skip(asked.offset).take(asked.limit);
        out.array(page.clone().count());
        page.for_each(|key| out.bulk(key));
        Ok(())
    }

    fn tagged_keys(
        &self,
        settle: &Settle,
        caller: &mut Caller,
        asked: &tag::Asked<'_>,
    ) -> Result<BTreeSet<Vec<u8>>, Fail> {
        let command = crate::command::find(b"tag.keys").expect("it is a command of the engine");
        let mode: &[u8] = if asked.all { b"all" } else { b"any" };
        let words = [b"tag.keys", mode].into_iter().chain(asked.tags.iter().copied());
        // Whatever the tags are called: all of the keys.
        let words: Vec<&[u8]> = words.chain([&b"limit"[..], b"0", b"-1"]).collect();
        let mut keys = BTreeSet::new();
        match self.of_memory(caller, (command, &words)) {
            Response::Array(found) => keys.extend(found.into_iter().filter_map(|key| match key {
                Response::Bulk(key) => Some(key),
                _ => None,
            })),
            Response::Error(text) => return Err(Fail::text(text)),
            _ => {}
        }
        keys.extend(settle.tagged_keys((caller.db, caller.now_ms), asked.all, &asked.tags)?);
        Ok(keys)
    }
}
