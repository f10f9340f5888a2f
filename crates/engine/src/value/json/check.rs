//! Whether bytes are a value in its one form, so that everything else may rely on that.

use super::build::width;
use super::node::{order, read, tag};
use super::{DEPTH_MAX, number};
use std::cmp::Ordering;

/// Whether these bytes are a value, and one that parsing could have made.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    is_node(bytes, DEPTH_MAX)
}

fn is_node(bytes: &[u8], depth: usize) -> bool {
    let Some((&tag, body)) = bytes.split_last() else { return false };
    match tag {
        tag::NULL | tag::FALSE | tag::TRUE => body.is_empty(),
        tag::INTEGER | tag::DECIMAL | tag::LARGE => number::is_whole(tag, body),
        tag::STRING => std::str::from_utf8(body).is_ok(),
        _ => depth > 0 && is_container(tag, body, depth - 1).unwrap_or(false),
    }
}

/// None if the bytes end too early.
fn is_container(tag: u8, body: &[u8], depth: usize) -> Option<bool> {
    let (is_object, code) = match tag {
        tag::ARRAY..=10 => (false, tag - tag::ARRAY),
        tag::OBJECT..=14 => (true, tag - tag::OBJECT),
        _ => return Some(false),
    };
    let w = 1 << code;
    let (rest, count) = body.split_at_checked(body.len().checked_sub(w)?)?;
    let table = read(count, 0, w).checked_mul(w)?;
    let (rest, value_ends) = rest.split_at_checked(rest.len().checked_sub(table)?)?;
    let (rest, key_ends) =
        if is_object { rest.split_at_checked(rest.len().checked_sub(table)?)? } else { (rest, &[][..]) };
    let values_bytes = value_ends.chunks_exact(w).next_back().map_or(0, |end| read(end, 0, w));
    let (values, keys) = rest.split_at_checked(values_bytes)?;
    if width(rest.len()) != w {
        return Some(false);
    }
    let values_are_whole =
        parts(values, value_ends, w)?.all(|value| value.is_some_and(|it| is_node(it, depth)));
    let mut last: Option<&[u8]> = None;
    let keys_are_whole = parts(keys, key_ends, w)?.all(|key| {
        let Some(key) = key.filter(|key| std::str::from_utf8(key).is_ok()) else { return false };
        let before = last.replace(key);
        before.is_none_or(|before| order(before, key) == Ordering::Less)
    });
    Some(values_are_whole && keys_are_whole)
}

/// The parts that end there; none in place of one that ends before it begins. Nothing at all unless they cover all bytes.
fn parts<'a>(bytes: &'a [u8], ends: &'a [u8], w: usize) -> Option<impl Iterator<Item = Option<&'a [u8]>>> {
    let last = ends.chunks_exact(w).next_back().map_or(0, |end| read(end, 0, w));
    (last == bytes.len()).then(|| {
        let mut start = 0;
        ends.chunks_exact(w).map(move |end| {
            let end = read(end, 0, w);
            bytes.get(std::mem::replace(&mut start, end)..end)
        })
    })
}
