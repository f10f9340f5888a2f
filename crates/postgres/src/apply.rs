//! A batch, in one transaction.
//!
//! The lane's row goes first: it changes only from the epoch and the sequence that the batch names, and who finds it changed
//! takes all back. Everything up to the commit goes to the server at once; the commit follows when all that was answered is as
//! it has to be, so that what a failure before it has left behind is known to be nothing.

use crate::claim::fenced;
use crate::number::{signed, unsigned};
use crate::records::Shape;
use crate::session::{Answer, Param, Session, Step};
use crate::target::{Slice, Sort, Target};
use crate::{copy, keys, long, tags};
use crc_fast::{CrcAlgorithm, checksum};
use ramekin::store::{Batch, Change, Conflict, Content, ErrorKind, Expect, Place, StoreError};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use tokio_postgres::Row;

const LANE: &str = "
    UPDATE {s}.ramekin_lanes SET sequence = $3::int8, watermark = $4::int8, version = greatest(version, $5::int8), written = $2::int8
    WHERE lane = $1::int4 AND epoch = $2::int8 AND sequence = $3::int8 - 1
    RETURNING set_config('ramekin.writer', (SELECT store_id FROM {s}.ramekin_meta), true)";

/// See [`ramekin::store::Connection::apply`].
pub(crate) fn apply(
    session: &mut Session,
    batch: &Batch,
    has_tags: &AtomicBool,
    mut target: impl FnMut(&mut Session, &Place) -> Result<Target, StoreError>,
) -> Result<Vec<(usize, Conflict)>, StoreError> {
    let slices = Slice::of(&batch.changes, |place| target(session, place))?;
    let mut copies = Copies { may: true, failed: false };
    match attempt(session, batch, &slices, &mut copies, has_tags) {
        // Somebody else was quicker, or the table takes no copies. If it is a row, the statement for rows says so, too.
        Err(error) if copies.failed && error.kind != ErrorKind::Unavailable => {
            attempt(session, batch, &slices, &mut Copies { may: false, failed: false }, has_tags)
        }
        outcome => outcome,
    }
}

/// Whether new rows are copied.
struct Copies {
    may: bool,
    failed: bool,
}

fn attempt(
    session: &mut Session,
    batch: &Batch,
    slices: &[Slice<'_>],
    copies: &mut Copies,
    has_tags: &AtomicBool,
) -> Result<Vec<(usize, Conflict)>, StoreError> {
    let large: Vec<&Change> =
        batch.changes.iter().filter(|change| matches!(change.content, Content::Parts(..))).collect();
    let mut steps = vec![lane(session, batch)];
    let may_copy = copies.may;
    steps.extend(slices.iter().map(|slice| match slice.copies_to() {
        Some(shape) if may_copy => copy::question(shape, &slice.changes),
        _ => slice.write(&session.names),
    }));
    // A row that was not there is as good as removed: what is left is asked for at once.
    let removals = slices.iter().filter(|slice| slice.sort == Sort::Remove);
    steps.extend(removals.map(|slice| slice.explain(&session.names)));
    if !large.is_empty() {
        steps.push(Step::new(session.names.sql(keys::PARTS_THERE), part_owners(&large)));
    }
    session.transaction(steps, |session, mut answers| {
        if answers.first().is_none_or(|lane| lane.rows.is_empty()) {
            return Err(out_of_turn(session, batch));
        }
        if !large.is_empty() {
            let there = answers.pop().unwrap_or_default();
            write_parts(session, &large, &there)?;
        }
        for (slice, answer) in slices.iter().zip(&mut answers[1..]) {
            if let Some(shape) = slice.copies_to().filter(|_| may_copy) {
                answer.affected = put(session, slice, shape, answer, &mut copies.failed)?;
            }
        }
        let left_out = conflicts(session, slices, &answers[1..])?;
        tags::write(session, batch, &left_out, has_tags)?;
        Ok(left_out)
    })
}

/// Writes the changes of a slice, those of rows that are not there as a copy. `there` are the keys of the others.
fn put(
    session: &mut Session,
    slice: &Slice<'_>,
    shape: &Shape,
    there: &Answer,
    has_failed: &mut bool,
) -> Result<u64, StoreError> {
    let keys: HashSet<&str> = there.rows.iter().map(|row| row.get(0)).collect();
    let (known, new) = copy::split(&slice.changes, &keys);
    shape.news.note(known.is_empty());
    let mut written = 0;
    if !new.is_empty() {
        let copied = session.copy(copy::statement(shape), copy::rows(&new));
        *has_failed = copied.is_err();
        if *has_failed {
            shape.news.note(false);
        }
        written += copied?;
    }
    if !known.is_empty() {
        written += session.one(slice.with(known).write(&session.names))?.affected;
    }
    Ok(written)
}

fn lane(session: &Session, batch: &Batch) -> Step<'static> {
    let version = batch.changes.iter().map(|change| change.version).max().unwrap_or(0);
    let params: Vec<Param<'static>> = vec![
        Box::new(i32::try_from(batch.lane).unwrap_or(i32::MAX)),
        Box::new(signed(batch.epoch)),
        Box::new(signed(batch.sequence)),
        Box::new(signed(batch.watermark)),
        Box::new(signed(version)),
    ];
    Step::new(session.names.sql(LANE), params)
}

/// Why the lane's row did not change.
fn out_of_turn(session: &mut Session, batch: &Batch) -> StoreError {
    match crate::read::position(session, batch.lane, batch.epoch) {
        Ok(position) => {
            let text = format!(
                "lane {} of the store has applied batch {}, so batch {} is not its next",
                batch.lane, position.sequence, batch.sequence
            );
            StoreError::new(ErrorKind::InDoubt, text)
        }
        Err(error) if error.kind == ErrorKind::Fenced => fenced(batch.epoch),
        Err(error) => error,
    }
}

/// The changes that were left out. `answers` are those of the writing statements, then, for each removal, what is still there.
fn conflicts(
    session: &mut Session,
    slices: &[Slice<'_>],
    answers: &[Answer],
) -> Result<Vec<(usize, Conflict)>, StoreError> {
    let (written, left) = answers.split_at(slices.len().min(answers.len()));
    let mut left = left.iter();
    let mut found = Vec::new();
    for (slice, answer) in slices.iter().zip(written) {
        if slice.sort == Sort::Remove {
            let there = left.next().map(told).unwrap_or_default();
            removals(slice, answer, &there, &mut found)?;
        } else if answer.affected != slice.changes.len() as u64 {
            let explained = session.one(slice.explain(&session.names))?;
            for (at, there) in told(&explained) {
                let Some((index, change)) = slice.changes.get(at) else { continue };
                found.push((*index, conflict(change, there)?));
            }
        }
    }
    found.sort_by_key(|(index, _)| *index);
    Ok(found)
}

/// Version and stamp of a row, if there is one.
type There = Option<(u64, u64)>;

/// What is there instead of changes, by their places in the slice.
fn told(answer: &Answer) -> HashMap<usize, There> {
    let there =
        |row: &Row| row.get::<_, Option<i64>>(1).map(|version| (unsigned(version), unsigned(row.get(2))));
    answer.rows.iter().map(|row| (place_of(row), there(row))).collect()
}

/// The place in the slice that a row of an answer is about: the server counts from 1.
fn place_of(row: &Row) -> usize {
    usize::try_from(row.get::<_, i64>(0)).unwrap_or(0).saturating_sub(1)
}

/// A removal has counted if it says so, or if nothing was there and nothing was expected to be.
fn removals(
    slice: &Slice<'_>,
    answer: &Answer,
    there: &HashMap<usize, There>,
    found: &mut Vec<(usize, Conflict)>,
) -> Result<(), StoreError> {
    let removed: HashSet<usize> = answer.rows.iter().map(place_of).collect();
    for (at, (index, change)) in slice.changes.iter().enumerate().filter(|(at, _)| !removed.contains(at)) {
        match (there.get(&at).copied().flatten(), change.expect) {
            (None, Expect::Any) => {}
            (there, _) => found.push((*index, conflict(change, there)?)),
        }
    }
    Ok(())
}

/// Why a change has not counted, by what is there instead.
fn conflict(change: &Change, there: There) -> Result<Conflict, StoreError> {
    match (there, change.expect) {
        (None, Expect::Stored(_)) => Ok(Conflict::Removed),
        (Some((_, stamp)), Expect::Stored(expected)) if stamp != expected => Ok(Conflict::Written(stamp)),
        (Some((version, _)), _) if version >= change.version => Ok(Conflict::Version(version)),
        // Nothing speaks against it, and yet it is not there.
        _ => Err(StoreError::new(
            ErrorKind::Refused,
            format!(
                "the row of key {:?} was left as it was by a trigger or a rule of the store",
                String::from_utf8_lossy(&change.key)
            ),
        )),
    }
}

fn part_owners<'a>(large: &[&'a Change]) -> Vec<Param<'a>> {
    let databases: Vec<i64> = large.iter().map(|change| keys::database(&change.place)).collect();
    let names: Vec<Cow<'a, [u8]>> = large.iter().map(|change| long::stand_in(&change.key)).collect();
    vec![Box::new(databases), Box::new(names)]
}

/// Writes the parts that differ from those that are there.
fn write_parts(session: &mut Session, large: &[&Change], there: &Answer) -> Result<(), StoreError> {
    let same: HashSet<(i64, i32, i64)> =
        there.rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let (mut databases, mut names, mut versions) = (Vec::new(), Vec::new(), Vec::new());
    let (mut numbers, mut sums, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for (change, at) in large.iter().zip(1_i64..) {
        let Content::Parts(_, parts) = &change.content else { continue };
        for (part, n) in parts.iter().zip(0_i32..) {
            let sum = checksum(CrcAlgorithm::Crc64Nvme, part).cast_signed();
            if same.contains(&(at, n, sum)) {
                continue;
            }
            databases.push(keys::database(&change.place));
            names.push(long::stand_in(&change.key));
            versions.push(signed(change.version));
            numbers.push(n);
            sums.push(sum);
            bytes.push(part.as_slice());
        }
    }
    if bytes.is_empty() {
        return Ok(());
    }
    let params: Vec<Param<'_>> = vec![
        Box::new(databases),
        Box::new(names),
        Box::new(versions),
        Box::new(numbers),
        Box::new(sums),
        Box::new(bytes),
    ];
    session.one(Step::new(session.names.sql(keys::PARTS_PUT), params)).map(drop)
}
