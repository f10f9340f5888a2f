//! What has changed lately: CHANGES.
//!
//! What must hold: the reply waits for the log as far as the latest change that it tells of.

use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag, parse};
use crate::reply::Reply;
use crate::value::glob::glob;

/// Changes in one answer, unless COUNT says otherwise, and at most.
const COUNT: usize = 1000;
const COUNT_MAX: usize = 100_000;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[Command {
    spec: Spec {
        name: "changes",
        arity: -1,
        flags: flag::READONLY | flag::NO_MULTI,
        keys: Keys::None,
        group: "generic",
        since: "0.2.0",
        summary: "Returns which keys have changed since a cursor, in all databases. Without one it returns the cursor of now.",
        complexity: "O(N) where N is the number of changes since the cursor",
        syntax: "[SINCE cursor] [COUNT count] [MATCH pattern]",
    },
    run: changes,
}];

fn unsigned(text: &[u8]) -> Result<u64, Fail> {
    u64::try_from(parse::int(text)?).map_err(|_| Fail::NOT_AN_INTEGER)
}

fn changes(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (mut after, mut count, mut pattern) = (None, COUNT, None);
    let (pairs, rest) = args[1..].as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Fail::SYNTAX);
    }
    for [name, value] in pairs {
        match &*name.to_ascii_lowercase() {
            b"since" => after = Some(unsigned(value)?),
            b"count" => {
                let wanted = usize::try_from(unsigned(value)?).unwrap_or(COUNT_MAX);
                count = if wanted == 0 { return Err(Fail::NOT_AN_INTEGER) } else { wanted.min(COUNT_MAX) };
            }
            b"match" => pattern = Some(*value),
            _ => return Err(Fail::SYNTAX),
        }
    }
    let (mut found, mut lsn) = (Vec::new(), 0);
    let (cursor, lost) = ctx.keyspace.changes.since(after, ctx.now_ms, |change| {
        if pattern.is_none_or(|pattern| change.key.is_empty() || glob(pattern, &change.key, false)) {
            found.push((change.db, change.key.clone(), change.event, change.lsn));
            lsn = lsn.max(change.lsn);
        }
        found.len() < count
    });
    ctx.seen_lsn = ctx.seen_lsn.max(lsn);
    out.array(3);
    out.int(i64::try_from(cursor).unwrap_or(i64::MAX));
    out.int(i64::from(lost));
    out.array(found.len());
    for (db, key, event, lsn) in found {
        out.array(4);
        out.int(i64::from(db));
        out.bulk(&key);
        out.bulk(event.as_bytes());
        out.int(i64::try_from(lsn).unwrap_or(i64::MAX));
    }
    Ok(())
}
