//! Questions about records: QUERY, EXPLAIN.
//!
//! A query is answered by memory alone where it holds the whole table, else by memory and then the store
//! ([`Database`](crate::Database) sees to that). What must hold: no shard is locked for longer than a few hundred records take, outside
//! of transactions; what takes long is left to a thread that may wait. It is no snapshot: each record is judged at one moment.

mod gather;
mod page;
mod rows;
mod walk;

pub(crate) use gather::{Gather, took_too_long};
pub(crate) use page::{Start, rows_of, write_page};
pub(crate) use walk::{Access, Ended, Looker, Memory};

use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::query::{Limits, Question};
use crate::reply::Reply;
use std::sync::atomic::Ordering::Relaxed;

/// Records that are looked at where the caller stands; what takes more is left to a thread.
const HERE_MAX: u64 = 1000;

const fn row(name: &'static str, flags: u32) -> Spec {
    Spec {
        name,
        arity: -2,
        flags: flag::READONLY | flag::WALKS | flag::BEYOND | flags,
        keys: Keys::None,
        group: "table",
        since: "0.1.0",
        summary: "",
        complexity: "O(N) where N is the number of records that are looked at: those that an index finds, or all of the table",
        syntax: "table [SELECT list|COUNT] [WHERE clause] [ORDER BY list] [LIMIT count] [OFFSET count] [CURSOR cursor]",
    }
}

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec { summary: "Returns the records of a table that a clause is true of.", ..row("query", 0) },
        run: query,
    },
    Command {
        spec: Spec {
            summary: "Runs a query and tells what memory and the store did for it.",
            ..row("explain", 0)
        },
        run: explain,
    },
];

/// The query that the words behind a table's name are.
pub(crate) fn read(args: &[&[u8]], explains: bool) -> Result<Question, Fail> {
    let text = args[2..].join(&b' ');
    let text = std::str::from_utf8(&text).map_err(|_| Fail::new("ERR a query is UTF-8"))?;
    let question =
        Question::parse(text, &Limits::default()).map_err(|error| Fail::text(format!("ERR {error}")))?;
    if question.cursor.is_some() && explains {
        return Err(Fail::new("ERR EXPLAIN takes no CURSOR"));
    }
    if question.cursor.is_some()
        && (question.order.is_some() || question.offset != 0 || question.projection.is_count())
    {
        return Err(Fail::new(
            "ERR a CURSOR goes through records in no order: without ORDER BY, OFFSET and COUNT",
        ));
    }
    Ok(question)
}

/// The name of a table that there is.
pub(crate) fn table_name<'a>(ctx: &mut Ctx<'_>, name: &'a [u8]) -> Result<&'a str, Fail> {
    let known = ctx.table(name).is_some_and(|table| !table.dropping);
    std::str::from_utf8(name).ok().filter(|_| known).ok_or_else(|| no_such_table(name))
}

/// The answer where there is no such table.
pub(crate) fn no_such_table(name: &[u8]) -> Fail {
    Fail::text(format!("ERR no such table '{}'", String::from_utf8_lossy(&name[..name.len().min(64)])))
}

/// Whether memory has all records of a table.
pub(crate) fn is_whole(memory: &mut impl Memory, table: &str) -> bool {
    let shards = memory.keyspace().shards();
    memory.keyspace().unsettled().is_none()
        || (0..shards)
            .all(|shard| memory.in_shard(shard, |space| space.is_whole(table.as_bytes())).unwrap_or(false))
}

fn query(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let question = read(args, false)?;
    if question.cursor.is_some() {
        return page(ctx, args, &question, out);
    }
    run(ctx, args, &question, &mut |_, gather| gather.answer(out))
}

/// A page of a query that goes on by cursor.
fn page(ctx: &mut Ctx<'_>, args: &[&[u8]], question: &Question, out: &mut dyn Reply) -> Outcome {
    let table = table_name(ctx, args[1])?;
    let start = Start::read(question.cursor.as_deref().unwrap_or_default(), ctx.keyspace.shards())?;
    if ctx.settles || ctx.may_leave {
        return leave(ctx);
    }
    let Start::Memory(shard, from) = start else { return Err(Fail::new("ERR invalid cursor")) };
    let timeout_ms = ctx.settings.query_timeout_ms.load(Relaxed);
    let (mut gather, now_ms) = (Gather::of_page(question), ctx.now_ms);
    let mut looker = Looker::new(ctx, (table, now_ms), (u64::MAX, timeout_ms), &mut gather);
    let next = looker.page((shard, from), rows_of(question.limit))?;
    write_page(next.as_ref(), gather, out);
    Ok(())
}

fn explain(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let question = read(args, true)?;
    run(ctx, args, &question, &mut |access, gather| write_explanation(access, &gather, None, out))
}

/// Writes what was done for a query: by memory, and by the store, with rows that it told and how it looks for them.
pub(crate) fn write_explanation(
    access: &Access,
    gather: &Gather<'_>,
    store: Option<(u64, &[String])>,
    out: &mut dyn Reply,
) {
    out.map(if store.is_some() { 6 } else { 4 });
    out.bulk(b"memory");
    out.bulk(access.describe().as_bytes());
    out.bulk(b"judged");
    out.int(i64::try_from(gather.judged).unwrap_or(i64::MAX));
    out.bulk(b"found");
    out.int(i64::try_from(gather.found).unwrap_or(i64::MAX));
    out.bulk(b"store");
    match store {
        None => out.bulk(b"not asked: memory holds the whole table"),
        Some(_) => out.bulk(b"asked: memory may not hold the whole table"),
    }
    if let Some((rows, plan)) = store {
        out.bulk(b"store-rows");
        out.int(i64::try_from(rows).unwrap_or(i64::MAX));
        out.bulk(b"store-plan");
        out.array(plan.len());
        plan.iter().for_each(|line| out.bulk(line.as_bytes()));
    }
}

fn run(
    ctx: &mut Ctx<'_>,
    args: &[&[u8]],
    question: &Question,
    answer: &mut dyn FnMut(&Access, Gather<'_>),
) -> Outcome {
    let table = table_name(ctx, args[1])?;
    if !is_whole(ctx, table) {
        return leave(ctx);
    }
    let timeout_ms = ctx.settings.query_timeout_ms.load(Relaxed);
    let budget = if ctx.may_leave { HERE_MAX } else { u64::MAX };
    let access = Access::choose(ctx.keyspace, table, question);
    let mut gather = Gather::new(question);
    let now_ms = ctx.now_ms;
    let ended = Looker::new(ctx, (table, now_ms), (budget, timeout_ms), &mut gather).look(&access)?;
    if ended == Ended::Budget || !is_whole(ctx, table) {
        return leave(ctx);
    }
    answer(&access, gather);
    Ok(())
}

/// Leaves a query to a thread that may wait.
fn leave(ctx: &mut Ctx<'_>) -> Outcome {
    if ctx.may_leave {
        ctx.left = true;
        return Ok(());
    }
    Err(Fail::new(
        "TRYAGAIN the table is not all in memory, and a query in a transaction cannot ask the store: query it outside, or once it is",
    ))
}
