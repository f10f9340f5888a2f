//! Lists between their ends: reading, finding and changing elements by place or by value.

use super::context::list_of;
use super::parse::{int, is};
use super::parts::reply_elements;
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::Effect;
use crate::reply::Reply;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "lrange",
            arity: 4,
            flags: flag::READONLY,
            keys: Keys::At(1),
            group: "list",
            since: "1.0.0",
            summary: "Returns a range of elements from a list.",
            complexity: "O(S+N) where S is the distance of the start from the nearer end, in packs of elements, and N is the number of elements in the range.",
            syntax: "key start stop",
        },
        run: lrange,
    },
    Command {
        spec: Spec {
            name: "lindex",
            arity: 3,
            flags: flag::READONLY,
            keys: Keys::At(1),
            group: "list",
            since: "1.0.0",
            summary: "Returns an element from a list by its index.",
            complexity: "O(N) where N is the number of packs of elements to traverse to get to the index. This makes asking for the first or the last element of the list O(1).",
            syntax: "key index",
        },
        run: lindex,
    },
    Command {
        spec: Spec {
            name: "lset",
            arity: 4,
            flags: flag::WRITE | flag::DENYOOM,
            keys: Keys::At(1),
            group: "list",
            since: "1.0.0",
            summary: "Sets the value of an element in a list by its index.",
            complexity: "O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1).",
            syntax: "key index element",
        },
        run: lset,
    },
    Command {
        spec: Spec {
            name: "linsert",
            arity: 5,
            flags: flag::WRITE | flag::DENYOOM,
            keys: Keys::At(1),
            group: "list",
            since: "2.2.0",
            summary: "Inserts an element before or after another element in a list.",
            complexity: "O(N) where N is the number of elements to traverse before seeing the value pivot.",
            syntax: "key BEFORE|AFTER pivot element",
        },
        run: linsert,
    },
    Command {
        spec: Spec {
            name: "lrem",
            arity: 4,
            flags: flag::WRITE,
            keys: Keys::At(1),
            group: "list",
            since: "1.0.0",
            summary: "Removes elements from a list. Deletes the list if the last element was removed.",
            complexity: "O(N+M) where N is the length of the list and M is the number of elements removed.",
            syntax: "key count element",
        },
        run: lrem,
    },
    Command {
        spec: Spec {
            name: "ltrim",
            arity: 4,
            flags: flag::WRITE,
            keys: Keys::At(1),
            group: "list",
            since: "1.0.0",
            summary: "Removes elements from both ends of a list. Deletes the list if all elements were trimmed.",
            complexity: "O(N) where N is the number of elements to be removed by the operation.",
            syntax: "key start stop",
        },
        run: ltrim,
    },
    Command {
        spec: Spec {
            name: "lpos",
            arity: -3,
            flags: flag::READONLY,
            keys: Keys::At(1),
            group: "list",
            since: "6.0.6",
            summary: "Returns the index of matching elements in a list.",
            complexity: "O(N) where N is the number of elements in the list, for the average case. When searching for elements near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant time.",
            syntax: "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
        },
        run: lpos,
    },
];

/// The place of an index that may count from the end; none outside of the list.
fn place(index: i64, len: usize) -> Option<usize> {
    let place = if index < 0 {
        len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
    } else {
        usize::try_from(index).ok()?
    };
    (place < len).then_some(place)
}

/// The first place and the number of elements of a range, both ends included.
fn span(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let absolute = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let (start, stop) = (absolute(start).max(0), absolute(stop).min(len - 1));
    let count = stop.saturating_sub(start).saturating_add(1).max(0);
    if start >= len {
        (0, 0)
    } else {
        (usize::try_from(start).unwrap_or(0), usize::try_from(count).unwrap_or(0))
    }
}

fn lrange(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (start, stop) = (int(args[2])?, int(args[3])?);
    let Some(list) = ctx.read_list(args[1])? else {
        out.array(0);
        return Ok(());
    };
    let (start, count) = span(start, stop, list.len());
    reply_elements(out, list, start, count);
    Ok(())
}

fn lindex(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let Some(list) = ctx.read_list(args[1])? else {
        out.null();
        return Ok(());
    };
    out.bulk_or_null(place(int(args[2])?, list.len()).and_then(|place| list.get(place)));
    Ok(())
}

fn lset(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, element) = (args[1], args[3]);
    let set = ctx.amend(key, |entry| {
        let list = list_of(entry)?;
        let index = place(int(args[2])?, list.len()).ok_or(Fail::INDEX_OUT_OF_RANGE)? as u64;
        Ok(((), Some(Effect::ListSet { key, index, element })))
    })?;
    set.ok_or(Fail::NO_SUCH_KEY)?;
    out.ok();
    Ok(())
}

fn linsert(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, pivot, element) = (args[1], args[3], args[4]);
    let after = match args[2] {
        place if is(place, "after") => 1,
        place if is(place, "before") => 0,
        _ => return Err(Fail::SYNTAX),
    };
    let len = ctx.amend(key, |entry| {
        let list = list_of(entry)?;
        let Some(at) = list.iter().position(|element| element == pivot) else { return Ok((-1, None)) };
        let len = i64::try_from(list.len() + 1).unwrap_or(i64::MAX);
        Ok((len, Some(Effect::ListInsert { key, index: (at + after) as u64, element })))
    })?;
    out.int(len.unwrap_or(0));
    Ok(())
}

/// An integer that can be negated.
fn balanced(text: &[u8]) -> Result<i64, Fail> {
    let value = int(text)?;
    if value == i64::MIN {
        return Err(Fail::new(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    Ok(value)
}

fn lrem(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, count, element) = (args[1], balanced(args[2])?, args[3]);
    let found = ctx.claim_list(key)?.is_some_and(|list| list.iter().any(|other| other == element));
    out.count(if found { ctx.apply(Effect::ListRemove { key, count, element }) } else { 0 });
    Ok(())
}

fn ltrim(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, start, stop) = (args[1], int(args[2])?, int(args[3])?);
    ctx.amend(key, |entry| {
        let len = list_of(entry)?.len();
        let (start, count) = span(start, stop, len);
        let trim = Effect::ListTrim { key, start: start as u64, count: count as u64 };
        Ok(((), (count < len).then_some(trim)))
    })?;
    out.ok();
    Ok(())
}

/// What LPOS looks for.
struct Search {
    /// Which match is the first to count, from the head (positive) or the tail (negative).
    rank: i64,
    /// How many matches; none: one, replied by itself.
    count: Option<usize>,
    /// How many elements are compared.
    len_max: usize,
}

fn search(args: &[&[u8]]) -> Result<Search, Fail> {
    let mut search = Search { rank: 1, count: None, len_max: usize::MAX };
    let (options, rest) = args.as_chunks::<2>();
    for [option, value] in options {
        let natural =
            |refusal| int(value).ok().and_then(|value| usize::try_from(value).ok()).ok_or(Fail::new(refusal));
        if is(option, "rank") {
            search.rank = balanced(value)?;
            if search.rank == 0 {
                return Err(Fail::new(
                    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
                ));
            }
        } else if is(option, "count") {
            search.count = Some(natural("ERR COUNT can't be negative")?);
        } else if is(option, "maxlen") {
            search.len_max = match natural("ERR MAXLEN can't be negative")? {
                0 => usize::MAX,
                len_max => len_max,
            };
        } else {
            return Err(Fail::SYNTAX);
        }
    }
    if rest.is_empty() { Ok(search) } else { Err(Fail::SYNTAX) }
}

fn lpos(ctx: &mut Ctx<'_>, args: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let (key, wanted) = (args[1], args[2]);
    let search = search(&args[3..])?;
    let matches = match ctx.read_list(key)? {
        None => Vec::new(),
        Some(list) => {
            let count = match search.count {
                None => 1,
                Some(0) => usize::MAX,
                Some(count) => count,
            };
            let skip = usize::try_from(search.rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
            let matches = |(_, element): &(usize, &[u8])| *element == wanted;
            if search.rank > 0 {
                let places = list.iter().enumerate().take(search.len_max).filter(matches);
                places.map(|(place, _)| place).skip(skip).take(count).collect::<Vec<_>>()
            } else {
                let places = (0..list.len()).rev().zip(list.iter_rev()).take(search.len_max).filter(matches);
                places.map(|(place, _)| place).skip(skip).take(count).collect()
            }
        }
    };
    match (search.count, matches.first()) {
        (None, Some(&place)) => out.count(place),
        (None, None) => out.null(),
        (Some(_), _) => {
            out.array(matches.len());
            matches.into_iter().for_each(|place| out.count(place));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_list() {
        for (start, stop, expected) in [
            (0, -1, (0, 5)),
            (-100, 1, (0, 2)),
            (3, 1, (3, 0)),
            (-1, -100, (4, 0)),
            (4, 100, (4, 1)),
            (5, 100, (0, 0)),
            (i64::MIN, i64::MAX, (0, 5)),
            (i64::MAX, i64::MIN, (0, 0)),
        ] {
            assert_eq!(span(start, stop, 5), expected, "{start} {stop}");
        }
    }

    #[test]
    fn an_index_counts_from_either_end() {
        let places: Vec<_> = [0, 2, 3, -1, -3, -4, i64::MIN, i64::MAX].map(|index| place(index, 3)).into();
        assert_eq!(places, [Some(0), Some(2), None, Some(2), Some(0), None, None, None]);
    }
}
