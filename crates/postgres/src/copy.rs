//! Rows that a table does not have yet go there by COPY: for the server that is half the work of looking for each before it is
//! written.
//!
//! Which rows are there is asked first, in the same transaction, unless those of many batches were all new. A row may be there
//! all the same, or somebody else may add one between the question and the copy: then the copy fails, the transaction is taken
//! back, and the batch is written as if nothing were known.

use crate::number::{Moment, signed};
use crate::records::{Shape, text, texts};
use crate::session::{Param, Step};
use ramekin::store::{Change, Content};
use std::collections::HashSet;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// Whether all rows that come to a table are new: then it is not asked for them any more, until that was wrong once.
#[derive(Default)]
pub(crate) struct News {
    in_a_row: AtomicU32,
}

impl News {
    const ENOUGH: u32 = 8;

    pub(crate) fn are_sure(&self) -> bool {
        self.in_a_row.load(Relaxed) >= Self::ENOUGH
    }

    /// A batch was all new, or was not.
    pub(crate) fn note(&self, is_new: bool) {
        let next = if is_new { self.in_a_row.load(Relaxed).saturating_add(1) } else { 0 };
        self.in_a_row.store(next, Relaxed);
    }
}

/// For fewer rows a question more is not worth it.
pub(crate) const ROWS_MIN: usize = 256;

/// What the binary form begins and ends with.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: i16 = -1;
/// The form of jsonb as it is sent: text.
const JSONB_AS_TEXT: u8 = 1;

/// Asks which of the keys are there, if that is worth asking.
pub(crate) fn question<'a>(shape: &Shape, changes: &[(usize, &'a Change)]) -> Step<'a> {
    let keys = if shape.news.are_sure() { Vec::new() } else { texts(changes) };
    let params: Vec<Param<'a>> = vec![Box::new(keys)];
    Step::new(shape.sql("SELECT {k}::text FROM {t} WHERE {k} = ANY ($1::text[])"), params).at(&shape.place)
}

/// Changes, with their places in the batch.
type Placed<'a> = Vec<(usize, &'a Change)>;

/// Changes of rows that are there, and of those that are not.
pub(crate) fn split<'a>(changes: &[(usize, &'a Change)], there: &HashSet<&str>) -> (Placed<'a>, Placed<'a>) {
    changes.iter().partition(|(_, change)| text(&change.key).is_some_and(|key| there.contains(key)))
}

pub(crate) fn statement<'a>(shape: &Shape) -> Step<'a> {
    Step::new(shape.sql("COPY {t} ({k}, {d}, ver, stamp, expires_at) FROM STDIN (FORMAT binary)"), Vec::new())
        .at(&shape.place)
}

/// Rows in the form that the statement reads.
pub(crate) fn rows(changes: &[(usize, &Change)]) -> Vec<u8> {
    let size = |change: &Change| match &change.content {
        Content::Record(text) => change.key.len() + text.len() + 64,
        Content::Whole(..) | Content::Parts(..) | Content::Gone => 64,
    };
    let sizes: usize = changes.iter().map(|(_, change)| size(change)).sum();
    let mut out = Vec::with_capacity(HEAD.len() + sizes + 2);
    out.extend_from_slice(HEAD);
    for (_, change) in changes {
        out.extend_from_slice(&5_i16.to_be_bytes());
        field(&mut out, &[&change.key]);
        let data = match &change.content {
            Content::Record(text) => text.as_bytes(),
            Content::Whole(..) | Content::Parts(..) | Content::Gone => b"null",
        };
        field(&mut out, &[&[JSONB_AS_TEXT], data]);
        field(&mut out, &[&signed(change.version).to_be_bytes()]);
        field(&mut out, &[&0_i64.to_be_bytes()]);
        match Moment::of_expiry(change.expire_at_ms) {
            Some(moment) => field(&mut out, &[&moment.to_be_bytes()]),
            None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }
    out.extend_from_slice(&END.to_be_bytes());
    out
}

fn field(out: &mut Vec<u8>, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    // A batch is smaller than this by far.
    out.extend_from_slice(&i32::try_from(len).unwrap_or(i32::MAX).to_be_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}
