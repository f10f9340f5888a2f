//! Pages of a query that goes through a table by cursor.
//!
//! A cursor is a text that says where the walk stands, in memory or in the store, and holds for as long as the table is there: nobody
//! remembers it. Memory comes first; with a store behind only what has not settled is told there, and the rest by the store. What must
//! hold, as with SCAN: a record that is there and meant the whole time is told at least once, and twice only if it has changed and
//! not settled when memory was walked.

use super::super::Fail;
use super::gather::Gather;
use super::walk::{Looker, Memory, STEP_RECORDS, Way};
use crate::reply::Reply;

/// Records in a page if it is not said how many.
const PAGE_ROWS: usize = 100;
/// Records looked at for a page, about, if few of them are meant.
const LOOKS_MAX: u64 = 50_000;

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// In this shard of memory, at this hash.
    Memory(usize, u64),
    /// In the store, behind this key.
    Store(Vec<u8>),
    /// There, with the first key.
    StoreFirst,
}

impl Start {
    /// The place that a cursor stands for.
    pub(crate) fn read(cursor: &str, shards: usize) -> Result<Self, Fail> {
        let invalid = Fail::new("ERR invalid cursor");
        if cursor == "0" {
            return Ok(Self::Memory(0, 0));
        }
        if let Some(rest) = cursor.strip_prefix('m') {
            let (shard, hash) = rest.split_once('.').ok_or(invalid)?;
            let shard = usize::from_str_radix(shard, 16).ok().filter(|shard| *shard < shards);
            let hash = u64::from_str_radix(hash, 16).ok();
            return shard
                .zip(hash)
                .map(|(shard, hash)| Self::Memory(shard, hash))
                .ok_or(Fail::new("ERR invalid cursor"));
        }
        let rest = cursor.strip_prefix('s').filter(|rest| rest.len().is_multiple_of(2) && rest.is_ascii());
        let rest = rest.ok_or(invalid)?;
        if rest.is_empty() {
            return Ok(Self::StoreFirst);
        }
        let bytes = (0..rest.len()).step_by(2).map(|at| u8::from_str_radix(&rest[at..at + 2], 16));
        let key = bytes.collect::<Result<Vec<u8>, _>>().ok();
        let key = key.filter(|key| std::str::from_utf8(key).is_ok() && !key.contains(&0));
        key.map(Self::Store).ok_or(Fail::new("ERR invalid cursor"))
    }

    /// The cursor that stands for it.
    pub(crate) fn print(&self) -> String {
        match self {
            Self::Memory(shard, hash) => format!("m{shard:x}.{hash:x}"),
            Self::StoreFirst => "s".to_owned(),
            Self::Store(key) => {
                let mut text = String::with_capacity(key.len() * 2 + 1);
                text.push('s');
                key.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
                text
            }
        }
    }
}

/// How many records a page has.
pub(crate) fn rows_of(limit: Option<usize>) -> usize {
    limit.unwrap_or(PAGE_ROWS).max(1)
}

impl<M: Memory> Looker<'_, '_, M> {
    /// Looks for the records of a page in memory. Returns where the next one begins; none at the end of memory.
    pub(crate) fn page(
        &mut self,
        (mut shard, mut from): (usize, u64),
        rows: usize,
    ) -> Result<Option<Start>, Fail> {
        let (mut hashes, mut way) = (Vec::new(), Way::ByHashes);
        while shard < self.memory.keyspace().shards() {
            let missing = rows - usize::try_from(self.gather.found).unwrap_or(rows).min(rows - 1);
            match self.visit_step(shard, &mut way, (from, missing.min(STEP_RECORDS)), &mut hashes) {
                Some(next) => from = next,
                None => (shard, from) = (shard + 1, 0),
            }
            self.check_time()?;
            if self.gather.found >= rows as u64 || self.gather.judged >= LOOKS_MAX {
                break;
            }
        }
        Ok((shard < self.memory.keyspace().shards()).then_some(Start::Memory(shard, from)))
    }
}

/// Writes a page, and where the next one begins.
pub(crate) fn write_page(next: Option<&Start>, gather: Gather<'_>, out: &mut dyn Reply) {
    out.array(2);
    out.bulk(next.map_or("0".to_owned(), Start::print).as_bytes());
    gather.answer_all(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_says_where_it_stands() {
        for start in [Start::Memory(3, u64::MAX), Start::StoreFirst, Start::Store("ké".into())] {
            assert_eq!(Start::read(&start.print(), 4).ok(), Some(start));
        }
        assert_eq!(Start::read("0", 4).ok(), Some(Start::Memory(0, 0)));
        for cursor in ["", "1", "m", "m4.0", "m1", "mz.1", "s1", "sé", "szz", "s00", "sff"] {
            assert!(Start::read(cursor, 4).is_err(), "{cursor}");
        }
    }
}
