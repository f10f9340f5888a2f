//! Queries over memory and the store behind: QUERY, EXPLAIN.
//!
//! What must hold: whoever calls this may wait for the store. Memory alone answers where it holds the whole table, all the while
//! that it is looked through.

use super::Database;
use crate::command::Fail;
use crate::command::query::{self, Access, Gather, Looker, Start};
use crate::query::Question;
use crate::reply::Reply;
use crate::settle::{Settle, Unheld};
use std::sync::atomic::Ordering::Relaxed;

impl Database {
    /// Runs QUERY or EXPLAIN.
    pub(super) fn run_query(
        &self,
        settle: &Settle,
        (now_ms, explains): (u64, bool),
        args: &[&[u8]],
        out: &mut dyn Reply,
    ) -> Result<(), Fail> {
        let question = query::read(args, explains)?;
        let tables = self.inner.shards.registry.snapshot();
        let known = tables.get(args[1]).filter(|table| !table.dropping);
        let table = &*known.ok_or_else(|| query::no_such_table(args[1]))?.name;
        let limits = (now_ms, self.settings().query_timeout_ms.load(Relaxed));
        if question.cursor.is_some() {
            return page(settle, table, limits, &question, out);
        }
        let access = Access::choose(&self.inner.shards.keyspace, table, &question);
        let mut memory = Unheld { settle };
        if query::is_whole(&mut memory, table) {
            let mut gather = Gather::new(&question);
            Looker::new(&mut memory, (table, now_ms), (u64::MAX, limits.1), &mut gather).look(&access)?;
            if query::is_whole(&mut memory, table) {
                if explains {
                    query::write_explanation(&access, &gather, None, out);
                } else {
                    gather.answer(out);
                }
                return Ok(());
            }
        }
        let mut gather = Gather::new(&question);
        let asked = settle.gather(table, &access, limits, &mut gather, explains)?;
        if explains {
            query::write_explanation(&access, &gather, Some((asked.rows, &asked.plan)), out);
        } else {
            gather.answer(out);
        }
        Ok(())
    }
}

/// A page of a query that goes on by cursor.
fn page(
    settle: &Settle,
    table: &str,
    (now_ms, timeout_ms): (u64, u64),
    question: &Question,
    out: &mut dyn Reply,
) -> Result<(), Fail> {
    let mut gather = Gather::of_page(question);
    let rows = query::rows_of(question.limit);
    let mut memory = Unheld { settle };
    let shards = settle.shards.keyspace.shards();
    let mut start = Start::read(question.cursor.as_deref().unwrap_or_default(), shards)?;
    if let Start::Memory(shard, from) = start {
        let mut looker = Looker::new(&mut memory, (table, now_ms), (u64::MAX, timeout_ms), &mut gather);
        looker.passes_settled = true;
        let next = looker.page((shard, from), rows)?;
        if next.is_some() || gather.found >= rows as u64 {
            query::write_page(Some(&next.unwrap_or(Start::StoreFirst)), gather, out);
            return Ok(());
        }
        start = Start::StoreFirst;
    }
    let after = if let Start::Store(after) = start { Some(after) } else { None };
    let missing = rows - usize::try_from(gather.found).unwrap_or(rows).min(rows - 1);
    let next = settle.gather_page(table, now_ms, after, missing, &mut gather)?;
    query::write_page(next.map(Start::Store).as_ref(), gather, out);
    Ok(())
}
