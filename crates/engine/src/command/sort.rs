//! SORT and SORT_RO.
//!
//! Elements are sorted by themselves or by a weight that is found elsewhere: a pattern with a `*` names, for each element,
//! a key, or with `->` a field of a hash. Such keys are not among the declared ones, so a command with a pattern holds all
//! shards. What must hold: nothing is replied or stored before every weight is known to be a number.

use super::parse::{int, is};
use super::{Command, Ctx, Fail, Keys, Outcome, Spec, flag};
use crate::effect::{Effect, Side};
use crate::keyspace::entry::{Entry, View};
use crate::reply::Reply;
use crate::value::{Value, number};
use std::cmp::Ordering;

/// The rows of this family.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        spec: Spec {
            name: "sort",
            arity: -2,
            flags: flag::WRITE | flag::DENYOOM | flag::MOVABLE_KEYS | flag::PATTERNS,
            keys: Keys::Found(keys_of),
            group: "generic",
            since: "1.0.0",
            summary: "Sorts the elements in a list, a set, or a sorted set, optionally storing the result.",
            complexity: "O(N+M*log(M)) where N is the number of elements to sort, and M the number of returned elements.",
            syntax: "key [BY by-pattern] [LIMIT offset count] [GET get-pattern...] [ASC|DESC] [ALPHA] [STORE destination]",
        },
        run: |ctx, args, out| sort(ctx, args, true, out),
    },
    Command {
        spec: Spec {
            name: "sort_ro",
            arity: -2,
            flags: flag::READONLY | flag::MOVABLE_KEYS | flag::PATTERNS,
            keys: Keys::At(1),
            group: "generic",
            since: "7.0.0",
            summary: "Returns the sorted elements of a list, a set, or a sorted set.",
            complexity: "O(N+M*log(M)) where N is the number of elements to sort, and M the number of returned elements.",
            syntax: "key [BY by-pattern] [LIMIT offset count] [GET get-pattern...] [ASC|DESC] [ALPHA]",
        },
        run: |ctx, args, out| sort(ctx, args, false, out),
    },
];

/// What the options ask for.
#[derive(Default)]
struct Options<'a> {
    by: Option<&'a [u8]>,
    /// A BY without a place for the element asks for no order, whatever another BY says.
    unsorted: bool,
    get: Vec<&'a [u8]>,
    offset: i64,
    /// Negative: all.
    count: i64,
    descending: bool,
    alpha: bool,
    store: Option<&'a [u8]>,
}

/// The key, and where the result goes: the last STORE, as it is the last that counts.
fn keys_of(args: &[&[u8]]) -> Result<Vec<usize>, Fail> {
    let (mut at, mut store) = (2, None);
    while at < args.len() {
        if is(args[at], "limit") {
            at += 2;
        } else if is(args[at], "get") || is(args[at], "by") {
            at += 1;
        } else if is(args[at], "store") && at + 1 < args.len() {
            at += 1;
            store = Some(at);
        }
        at += 1;
    }
    Ok(std::iter::once(1).chain(store).collect())
}

fn options<'a>(args: &[&'a [u8]], may_store: bool) -> Result<Options<'a>, Fail> {
    let mut options = Options { count: -1, ..Options::default() };
    let mut rest = args.iter();
    while let Some(option) = rest.next() {
        if is(option, "asc") {
            options.descending = false;
        } else if is(option, "desc") {
            options.descending = true;
        } else if is(option, "alpha") {
            options.alpha = true;
        } else if is(option, "limit") {
            let (offset, count) = rest.next().zip(rest.next()).ok_or(Fail::SYNTAX)?;
            (options.offset, options.count) = (int(offset)?, int(count)?);
        } else if is(option, "by") {
            let pattern = *rest.next().ok_or(Fail::SYNTAX)?;
            options.by = Some(pattern);
            options.unsorted |= !pattern.contains(&b'*');
        } else if is(option, "get") {
            options.get.push(rest.next().ok_or(Fail::SYNTAX)?);
        } else if is(option, "store") && may_store {
            options.store = Some(rest.next().ok_or(Fail::SYNTAX)?);
        } else {
            return Err(Fail::SYNTAX);
        }
    }
    Ok(options)
}

/// An element with what it is sorted by.
struct Item {
    element: Box<[u8]>,
    weight: Weight,
}

/// What an element is sorted by.
enum Weight {
    /// A number; elements of the same one are sorted by their bytes.
    Number(f64),
    /// The element's own bytes.
    Itself,
    /// The bytes that BY has found; those that found none come first.
    Bytes(Option<Vec<u8>>),
}

impl Item {
    fn compare(&self, other: &Self) -> Ordering {
        match (&self.weight, &other.weight) {
            (Weight::Number(one), Weight::Number(two)) => {
                one.partial_cmp(two).unwrap_or(Ordering::Equal).then_with(|| self.element.cmp(&other.element))
            }
            (Weight::Bytes(one), Weight::Bytes(two)) => one.cmp(two),
            _ => self.element.cmp(&other.element),
        }
    }
}

fn sort(ctx: &mut Ctx<'_>, args: &[&[u8]], may_store: bool, out: &mut dyn Reply) -> Outcome {
    let options = options(&args[2..], may_store)?;
    let elements = ctx.read(args[1]).map_or(Ok(Vec::new()), |entry| elements(&entry))?;
    let mut items = weighed(ctx, elements, &options)?;
    let range = range(&options, items.len());
    match (options.unsorted, options.descending) {
        (false, descending) => arrange(&mut items, &range, descending),
        (true, true) => items.reverse(),
        (true, false) => {}
    }
    let chosen = &items[range];
    match options.store {
        Some(key) => store(ctx, key, chosen, &options.get, out),
        None => {
            reply(ctx, chosen, &options.get, out);
            Ok(())
        }
    }
}

/// The elements of a collection; other collections than lists are added here as they come.
fn elements(entry: &Entry) -> Result<Vec<Box<[u8]>>, Fail> {
    match entry.view() {
        View::Value(Value::List(list)) => Ok(list.iter().map(Box::from).collect()),
        _ => Err(Fail::WRONG_TYPE),
    }
}

/// Finds the weight of each element.
fn weighed(ctx: &mut Ctx<'_>, elements: Vec<Box<[u8]>>, options: &Options<'_>) -> Result<Vec<Item>, Fail> {
    let weigh = |element: Box<[u8]>| {
        let weight = match options.by {
            _ if options.unsorted => Weight::Itself,
            None if options.alpha => Weight::Itself,
            None => Weight::Number(score(&element)?),
            Some(pattern) if options.alpha => Weight::Bytes(look_up(ctx, pattern, &element)),
            Some(pattern) => {
                Weight::Number(look_up(ctx, pattern, &element).map_or(Ok(0.0), |text| score(&text))?)
            }
        };
        Ok(Item { element, weight })
    };
    elements.into_iter().map(weigh).collect()
}

/// A weight as a number, read up to a zero byte. One that a double cannot hold is none, and neither is a hexadecimal one.
fn score(text: &[u8]) -> Result<f64, Fail> {
    const NOT_A_NUMBER: Fail = Fail::new("ERR One or more scores can't be converted into double");
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.iter().any(|byte| byte.eq_ignore_ascii_case(&b'x')) {
        return Err(NOT_A_NUMBER);
    }
    let value = number::parse_f64(text).filter(|value| !value.is_nan()).ok_or(NOT_A_NUMBER)?;
    let mantissa = text.split(|byte| byte.eq_ignore_ascii_case(&b'e')).next().unwrap_or_default();
    let overflowed = value.is_infinite() && text.iter().any(u8::is_ascii_digit);
    let underflowed = value == 0.0 && mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    if overflowed || underflowed { Err(NOT_A_NUMBER) } else { Ok(value) }
}

/// What a pattern names for an element: the element itself (`#`), a string, or a field of a hash.
fn look_up(ctx: &mut Ctx<'_>, pattern: &[u8], element: &[u8]) -> Option<Vec<u8>> {
    if pattern == b"#" {
        return Some(element.to_vec());
    }
    let star = pattern.iter().position(|&byte| byte == b'*')?;
    let (prefix, rest) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = rest.windows(2).position(|pair| pair == b"->").filter(|at| at + 2 < rest.len());
    let (suffix, field) = arrow.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 2..])));
    let (key, now_ms) = ([prefix, element, suffix].concat(), ctx.now_ms);
    let entry = ctx.read(&key)?;
    match (field, entry.view()) {
        (None, _) => entry.str().map(|text| text.whole().into_owned()),
        (Some(field), View::Value(Value::Hash(hash))) => hash.get(field, now_ms).map(<[u8]>::to_vec),
        (Some(_), _) => None,
    }
}

/// The part of the sorted elements that LIMIT asks for.
fn range(options: &Options<'_>, len: usize) -> std::ops::Range<usize> {
    let start = usize::try_from(options.offset.max(0)).map_or(len, |start| start.min(len));
    let count = usize::try_from(options.count).unwrap_or(len);
    start..start.saturating_add(count).min(len)
}

/// Puts the items of this range into their places.
fn arrange(items: &mut [Item], range: &std::ops::Range<usize>, descending: bool) {
    let compare = |one: &Item, two: &Item| {
        let order = one.compare(two);
        if descending { order.reverse() } else { order }
    };
    // Where few are wanted of many, only those are sorted. Weights that BY has found may be equal for elements that are
    // not; then the order of the list decides, which only the whole sort keeps.
    let keeps_order = items.first().is_some_and(|item| matches!(item.weight, Weight::Bytes(_)));
    if !keeps_order && range.end < items.len() / 4 {
        items.select_nth_unstable_by(range.end, compare);
        items[..range.end].sort_unstable_by(compare);
    } else {
        items.sort_by(compare);
    }
}

fn reply(ctx: &mut Ctx<'_>, items: &[Item], get: &[&[u8]], out: &mut dyn Reply) {
    out.array(items.len() * get.len().max(1));
    for item in items {
        if get.is_empty() {
            out.bulk(&item.element);
        }
        for pattern in get {
            out.bulk_or_null(look_up(ctx, pattern, &item.element).as_deref());
        }
    }
}

/// Elements in one effect of a stored result.
const EFFECT_ELEMENTS_MAX: usize = 4096;

fn store(ctx: &mut Ctx<'_>, key: &[u8], items: &[Item], get: &[&[u8]], out: &mut dyn Reply) -> Outcome {
    let found: Vec<Vec<u8>> = items
        .iter()
        .filter(|_| !get.is_empty())
        .flat_map(|item| get.iter().map(|pattern| (item, pattern)).collect::<Vec<_>>())
        .map(|(item, pattern)| look_up(ctx, pattern, &item.element).unwrap_or_default())
        .collect();
    let elements: Vec<&[u8]> = if get.is_empty() {
        items.iter().map(|item| &*item.element).collect()
    } else {
        found.iter().map(Vec::as_slice).collect()
    };
    let bytes = elements.iter().fold(0, |sum, element| sum + element.len() + 10);
    ctx.reserve(bytes + (elements.len() / EFFECT_ELEMENTS_MAX + 2) * (key.len() + 32))?;
    ctx.delete(key);
    for some in elements.chunks(EFFECT_ELEMENTS_MAX) {
        ctx.apply(Effect::ListPush { key, side: Side::Right, elements: some });
    }
    out.count(elements.len());
    Ok(())
}
