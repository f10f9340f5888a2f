//! Parts of strings: their length, a range of them, and writing into one.

use super::parse::int;
use super::parts::reply_long;
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::reply::Reply;
use crate::value::Text;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "append",
            arity: 3,
            flags: flag::WRITE | flag::DENYOOM | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "2.0.0",
            summary: "Appends a string to the value of a key. Creates the key if it doesn't exist.",
            complexity: "O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the room of a string at least doubles whenever it has to grow.",
            syntax: "key value",
        },
        run: append,
    },
    Command {
        spec: Spec {
            name: "strlen",
            arity: 2,
            flags: flag::READONLY | flag::FAST,
            keys: Keys::At(1),
            group: "string",
            since: "2.2.0",
            summary: "Returns the length of a string value.",
            complexity: "O(1)",
            syntax: "key",
        },
        run: strlen,
    },
    Command {
        spec: Spec {
            name: "setrange",
            arity: 4,
            flags: flag::WRITE | flag::DENYOOM,
            keys: Keys::At(1),
            group: "string",
            since: "2.2.0",
            summary: "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
            complexity: "O(M) where M is the length of the value argument, and of the gap before it if the string ends there.",
            syntax: "key offset value",
        },
        run: setrange,
    },
    Command {
        spec: Spec {
            name: "getrange",
            arity: 4,
            flags: flag::READONLY,
            keys: Keys::At(1),
            group: "string",
            since: "2.4.0",
            summary: "Returns a substring of the string stored at a key.",
            complexity: "O(N) where N is the length of the returned string.",
            syntax: "key start end",
        },
        run: getrange,
    },
    Command {
        spec: Spec {
            name: "substr",
            arity: 4,
            flags: flag::READONLY,
            keys: Keys::At(1),
            group: "string",
            since: "1.0.0",
            summary: "Returns a substring from a string value.",
            complexity: "O(N) where N is the length of the returned string.",
            syntax: "key start end",
        },
        run: getrange,
    },
];

/// The length of a string after a write that ends here; an error if it may not be that long.
fn checked_len(ctx: &Ctx<'_>, offset: usize, len: usize) -> Result<usize, Fail> {
    let end = offset.checked_add(len).ok_or(Fail::STRING_TOO_LONG)?;
    if end as u64 > ctx.settings.string_bytes_max.load(Relaxed) {
        return Err(Fail::STRING_TOO_LONG);
    }
    Ok(end)
}

fn append(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, tail) = (args[1], args[2]);
    let bytes_max = ctx.settings.string_bytes_max.load(Relaxed);
    let len = ctx.amend(key, |entry| {
        let len = entry.str().ok_or(Fail::WRONG_TYPE)?.len() + tail.len();
        if len as u64 > bytes_max {
            return Err(Fail::STRING_TOO_LONG);
        }
        Ok((len, Some(Effect::Append { key, tail })))
    })?;
    if len.is_none() {
        ctx.apply(Effect::SetString { key, value: tail, expire_at_ms: 0 });
    }
    out.count(len.unwrap_or(tail.len()));
    Ok(())
}

fn strlen(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    out.count(ctx.read_str(args[1])?.map_or(0, Text::len));
    Ok(())
}

fn setrange(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, bytes) = (args[1], args[3]);
    let offset = int(args[2])?;
    let Ok(offset) = u64::try_from(offset) else { return Err(Fail::new("ERR offset is out of range")) };
    let old_len = ctx.claim_str(key)?.map_or(0, Text::len);
    if bytes.is_empty() {
        out.count(old_len);
        return Ok(());
    }
    let end = checked_len(ctx, usize::try_from(offset).map_err(|_| Fail::STRING_TOO_LONG)?, bytes.len())?;
    ctx.apply(Effect::SetRange { key, offset, bytes });
    out.count(end.max(old_len));
    Ok(())
}

fn getrange(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (start, end) = (int(args[2])?, int(args[3])?);
    let text = ctx.read_str(args[1])?.unwrap_or(Text::Flat(b""));
    let range = part(text.len(), start, end);
    match text {
        Text::Flat(text) => out.bulk(&text[range]),
        Text::Long(long) => reply_long(out, long, range),
        Text::Compressed(_) => out.bulk(&text.part(range)),
    }
    Ok(())
}

/// The bytes from one index to another, both included; negative ones count from the end. Unlike in a list, an end before
/// the first byte means the first byte.
fn part(len: usize, start: i64, end: i64) -> Range<usize> {
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let absolute = |index: i64| if index < 0 { (len + index.max(-len)).max(0) } else { index };
    let (start, end) = (absolute(start), absolute(end).min(len - 1));
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if start <= end => start..end + 1,
        _ => 0..0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_bytes_are_cut_as_redis_cuts_them() {
        let text = &b"Hello World"[..];
        for (start, end, expected) in [
            (0, -1, "Hello World"),
            (-3, -1, "rld"),
            (5, 3, ""),
            (-1, -5, ""),
            (-100, -99, "H"),
            (-100, 2, "Hel"),
            (-5, -100, ""),
            (20, 30, ""),
            (0, i64::MAX, "Hello World"),
            (i64::MIN, i64::MIN, "H"),
            (10, 10, "d"),
            (11, 11, ""),
        ] {
            assert_eq!(&text[part(text.len(), start, end)], expected.as_bytes(), "{start} {end}");
            assert!(part(0, start, end).is_empty(), "{start} {end} of nothing");
        }
    }
}
