//! Stores: databases behind this one, in which changes settle and from which evicted keys come back.
//!
//! Owns what a store is to the engine: [`Store`] makes connections, a [`Connection`] does one thing at a time and may block,
//! for it is only ever used by a thread of the engine's own. A store knows places, keys, versions and bytes; it knows nothing
//! of shards, locks and the log. SQLite, PostgreSQL and Redis are crates of their own; a store of a user's own is these two traits.
//!
//! What must hold for every store, and is what its conformance suite asks:
//!
//! - [`Connection::apply`] is one transaction: the lane's row is advanced first, and only from the epoch and sequence that
//!   the batch names; then all changes are there, or nothing is.
//! - A row's version never goes back: a change reaches a row only if its version is higher.
//! - A commit whose outcome is not known is [`ErrorKind::InDoubt`], and [`Connection::position`] tells later what became of it.
//!   A batch that is not the next one of its lane gets the same answer, and nothing of it happens.
//! - Whoever claims a store with a higher epoch shuts the owner before out, at its next transaction at the latest.
//! - A folder and its store belong together, and neither may be an older copy than the other knows it ([`Connection::claim`]).

pub mod conformance;
mod error;
mod memory;

pub use error::{ErrorKind, StoreError};
pub use memory::{ApplyFault, ApplyStep, Call, Faults, MemoryStore};

use crate::query::{self, Clause, Order};
use crate::value::json::Json;
use std::sync::Arc;

/// Rows that are read at once where a store cannot look for them.
const SELECT_ROWS: usize = 1000;

/// Whether a clause is true of a row with its key in its table. What cannot be read is not passed over.
#[must_use]
pub fn judge(clause: &Clause, key: &[u8], row: &Row) -> bool {
    let Content::Record(text) = &row.content else { return false };
    let Ok(json) = Json::parse(text.as_bytes()) else { return true };
    let expire_at_ms = (row.expire_at_ms != 0).then_some(row.expire_at_ms);
    clause.matches(&query::Row { key, data: json.root(), expire_at_ms }) == Some(true)
}

/// Where a row lies in a store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Among the keys of this database that are not records.
    Keys(u32),
    /// In the table of records of this name.
    Table(Arc<str>),
}

/// A database behind this one.
pub trait Store: Send + Sync {
    /// What it is, in one word: `postgresql`, `redis`, `sqlite`.
    fn kind(&self) -> &'static str;

    /// Where it is, to be shown: without a password.
    fn describe(&self) -> String;

    /// Whether changes made by others are told by [`Connection::outside`]. Without that, nobody else may write to it.
    fn notices_outside(&self) -> bool;

    /// What is wrong with how the store is set up, as was found by the last claim: it works, and may lose what has settled.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// How many rows there should be in a batch, at most about: where a transaction costs much beside its rows, more are better.
    fn batch_rows(&self) -> usize {
        4096
    }

    /// Whether rows have tags: [`Change::tags`], [`Row::tags`], [`Connection::tagged`] and its kin.
    fn keeps_tags(&self) -> bool {
        false
    }

    /// Opens a connection. Blocks for no longer than a connection may take.
    ///
    /// # Errors
    /// `Unavailable`, or `Invalid` if its address or password is wrong.
    fn connect(&self) -> Result<Box<dyn Connection>, StoreError>;
}

/// Who opens a store, and how.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The id of the database folder.
    pub database_id: u128,
    /// The last epoch in which this folder owned the store; 0: it never did.
    pub epoch: u64,
    /// Who that is, for people: host and process.
    pub owner: String,
    /// How many lanes there are: each has a row of its own.
    pub lanes: u32,
    /// Take the store over, whoever had it: a named operation of the user's.
    pub takes_over: bool,
    /// Only look: nothing is made, claimed or changed.
    pub read_only: bool,
}

/// What a claim has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The epoch of this owner from now on.
    pub epoch: u64,
    /// No row has a higher version than this one, and none that is gone has had one.
    pub version: u64,
    /// For each lane what it has applied. With another number of lanes than before, keys have moved between them: then each
    /// has the highest sequence and the lowest watermark of those that were.
    pub lanes: Vec<Position>,
}

/// How far a lane has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The number of its last batch.
    pub sequence: u64,
    /// All changes up to this version of keys of this lane are in the store, or have been set aside.
    pub watermark: u64,
}

/// Changes that are applied together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The lane: each has one writer at a time.
    pub lane: u32,
    /// The owner's epoch.
    pub epoch: u64,
    /// The number of this batch, one more than that of the batch before.
    pub sequence: u64,
    /// The lane's watermark once this is applied.
    pub watermark: u64,
    /// Sorted by place and key, each key once.
    pub changes: Vec<Change>,
}

/// The new state of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it lies.
    pub place: Place,
    /// The key; of a record without the name of its table.
    pub key: Vec<u8>,
    /// The version of this state.
    pub version: u64,
    /// When it expires, in Unix milliseconds; 0: never. It has expired once now is later than this.
    pub expire_at_ms: u64,
    /// What it holds.
    pub content: Content,
    /// What is known of the row that it replaces.
    pub expect: Expect,
    /// The key has these tags and no others, each once; none: those that its row has. A row that is removed has none. They are
    /// only changed if the change counts.
    pub tags: Option<Vec<Vec<u8>>>,
}

/// What a row holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A value of this kind in the codec of values ([`crate::value::codec`]).
    Whole(u8, Vec<u8>),
    /// A large value in parts, each of which is a value of this kind by itself. A store keeps them as rows of their own, and
    /// writes again only those that differ.
    Parts(u8, Vec<Vec<u8>>),
    /// A record, as JSON text.
    Record(String),
    /// Nothing: the row is to be removed.
    Gone,
}

/// What is known of the row that a change replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: the change counts, unless the row has a higher version.
    Any,
    /// It was there, with this stamp: 0 if this database wrote it last. Another stamp, or no row, means that somebody else has
    /// changed it, which is a [`Conflict`].
    Stored(u64),
}

/// A change that was left out of a batch, all others being applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The row has this version already: the same one if the change had been applied before.
    Version(u64),
    /// Somebody else has written the row, which has this stamp now.
    Written(u64),
    /// Somebody else has removed the row.
    Removed,
}

/// A row that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its version; 0 if it was never written from here.
    pub version: u64,
    /// Not 0 if somebody else wrote it last: it changes with each such write.
    pub stamp: u64,
    /// When it expires, in Unix milliseconds; 0: never. A row may have expired.
    pub expire_at_ms: u64,
    /// What it holds; never `Gone`.
    pub content: Content,
    /// The tags of its key, in no order. What others write to the row keeps them.
    pub tags: Vec<Vec<u8>>,
}

/// A change that somebody else has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// What it is known by to [`Connection::forget_outside`].
    pub id: u64,
    /// Where.
    pub place: Place,
    /// Which key; none: all keys of the place may have changed, and what was known of them is no longer.
    pub key: Option<Vec<u8>>,
}

/// A table of records as the store has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it is called here.
    pub name: Arc<str>,
    /// What it is called in the store, with a schema if it has one; as `name` if not said.
    pub stored_as: Option<String>,
    /// The column of its keys and of its data, if they are not `key` and `data`.
    pub key_column: Option<String>,
    /// The column with the record, of type JSON.
    pub data_column: Option<String>,
}

/// An index over one value of each record of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIndex {
    /// What it is called here.
    pub name: Box<str>,
    /// Where the value is: keys of objects.
    pub path: Vec<Box<str>>,
    /// As what it is asked for, in a word of SQL; none: as a value of JSON.
    pub kind: Option<Box<str>>,
}

/// Which rows of a table of records are asked for.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    /// Those that this is true of; others may be among them if there is data to judge them by.
    pub clause: &'a Clause,
    /// The order in which the first of them are asked for.
    pub order: Option<&'a Order>,
    /// Only those whose keys come behind this one.
    pub after: Option<Vec<u8>>,
    /// So many at most.
    pub limit: usize,
    /// Whether what they hold is asked for. If not, contents are empty texts, and each row has been judged.
    pub with_data: bool,
    /// Only the first of them in the order are asked for, or any, and not all in pages.
    pub is_top: bool,
    /// What has expired at this time is left out.
    pub now_ms: u64,
}

/// A page of rows that were asked for.
#[derive(Clone, Debug, Default)]
pub struct Selected {
    /// Keys and rows; their tags may be left out.
    pub rows: Vec<(Vec<u8>, Row)>,
    /// These are the first of all, in the order that was asked for: there are more if there are as many as were asked for.
    pub is_top: bool,
    /// The key behind which the next page begins; none if there is none, or with `is_top`.
    pub next: Option<Vec<u8>>,
}

/// A connection to a store. After `Unavailable` or `InDoubt` it is dropped and another one is made.
pub trait Connection: Send {
    /// Makes or upgrades what the store needs, and becomes its owner in a new epoch, above both the store's last one and the
    /// claimant's. Which one this folder had before matters:
    ///
    /// - A later one than the store knows: this is another store, or an older copy of it: `Foreign`.
    /// - An earlier one than that in which something was last written: this is an older copy of the folder: `Fenced`. An epoch
    ///   in which nothing was written does not count, so that a claim that was cut short can be made again.
    ///
    /// A claim that takes over passes by these, by another folder's id, and by an owner that is alive. One that only reads
    /// passes by an owner that is alive, and returns the epoch that is: 0 where nobody has ever claimed.
    ///
    /// # Errors
    /// `Foreign`: the store belongs to another folder; `Owned`: its owner is alive; `Newer`: it was written by a later version;
    /// `Fenced`: this folder is out of date.
    fn claim(&mut self, claim: &Claim) -> Result<Claimed, StoreError>;

    /// Gives the store up, so that others need not wait for the owner to be dead. Its epoch is over.
    ///
    /// # Errors
    /// `Unavailable`; `Fenced` if somebody else owns it.
    fn release(&mut self, epoch: u64) -> Result<(), StoreError>;

    /// Makes a table of records, or takes one that is there.
    ///
    /// # Errors
    /// `Table` if it has not the columns; `Invalid` if its name cannot be one.
    fn define(&mut self, table: &Table) -> Result<(), StoreError>;

    /// The tables of records that were defined before: for a folder that has lost what it knew of them.
    ///
    /// # Errors
    /// `Unavailable`.
    fn tables(&mut self) -> Result<Vec<Table>, StoreError>;

    /// Tables that others have made and whose names begin so, each as [`Table::stored_as`] names it, that nobody has defined and that
    /// could hold records as they stand: with keys in a column `key` and data in `data`.
    ///
    /// # Errors
    /// `Unavailable`.
    fn found(&mut self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let _ = prefix;
        Ok(Vec::new())
    }

    /// Drops a table of records; one that others had made is only left alone from now on. `epoch` as in a batch.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`, `Table`, `Fenced`.
    fn drop_table(&mut self, table: &Table, epoch: u64) -> Result<(), StoreError>;

    /// Applies a batch, in one transaction. Returns the changes that were left out, by index.
    ///
    /// # Errors
    /// `Busy`: nothing happened, try again now. `Unavailable`: nothing happened, try again later. `InDoubt`: ask
    /// [`Connection::position`] over a new connection; so also if the batch is not the next one of its lane. `Refused`: nothing
    /// happened, some row is at fault, be it by a content that does not belong there: a record among keys, anything else in
    /// a table. `Table`: nothing happened, this table is at fault. `Fenced`: somebody else owns the store.
    fn apply(&mut self, batch: &Batch) -> Result<Vec<(usize, Conflict)>, StoreError>;

    /// How far a lane has come.
    ///
    /// # Errors
    /// `Unavailable`; `Fenced` if the epoch is over.
    fn position(&mut self, lane: u32, epoch: u64) -> Result<Position, StoreError>;

    /// Reads rows, in the order asked for; none where there is none. A row that has expired may be left out.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`, `Table`.
    fn load(&mut self, keys: &[(Place, Vec<u8>)]) -> Result<Vec<Option<Row>>, StoreError>;

    /// Keys of a place in the order of their bytes, from the one after `after` on, at most so many, with the version of each.
    /// What has expired at `now_ms` is left out.
    ///
    /// # Errors
    /// `Unavailable`, `Table`.
    fn page(
        &mut self,
        place: &Place,
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError>;

    /// A page of the rows of a table for which a query asks. A store that cannot look for them tells all rows, page by page.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`, `Table`.
    fn select(&mut self, place: &Place, selection: &Selection<'_>) -> Result<Selected, StoreError> {
        let limit = SELECT_ROWS;
        let page = self.page(place, selection.after.as_deref(), limit, selection.now_ms)?;
        let next = (page.len() == limit).then(|| page.last().map(|(key, _)| key.clone())).flatten();
        let keys: Vec<_> = page.into_iter().map(|(key, _)| (place.clone(), key)).collect();
        let rows = self.load(&keys)?;
        let mut selected = Selected { next, ..Selected::default() };
        for ((_, key), row) in keys.into_iter().zip(rows) {
            let Some(mut row) = row else { continue };
            if !judge(selection.clause, &key, &row) {
                continue;
            }
            if !selection.with_data {
                row.content = Content::Record(String::new());
            }
            selected.rows.push((key, row));
            if selected.rows.len() == selection.limit {
                selected.next = selected.rows.last().map(|(key, _)| key.clone());
                break;
            }
        }
        Ok(selected)
    }

    /// Has a table have these indexes, and no others of ours. It may take long, and others write meanwhile. A store that cannot look
    /// by what records hold needs none.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`, `Table`.
    fn set_indexes(&mut self, table: &Table, indexes: &[TableIndex]) -> Result<(), StoreError> {
        let _ = (table, indexes);
        Ok(())
    }

    /// How rows are looked for, for people.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`, `Table`.
    fn explain(&mut self, place: &Place, selection: &Selection<'_>) -> Result<Vec<String>, StoreError> {
        let _ = (place, selection);
        Ok(vec!["reads all rows, page by page".to_owned()])
    }

    /// How many rows a place has that have not expired at `now_ms`.
    ///
    /// # Errors
    /// `Unavailable`, `Table`.
    fn count(&mut self, place: &Place, now_ms: u64) -> Result<u64, StoreError>;

    /// Whether any row may have tags.
    ///
    /// # Errors
    /// `Unavailable`.
    fn has_tags(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Keys of a place that have this tag, from the one after `after` on, at most so many, with the version of each. They come in
    /// an order of the store's own, which lasts. What has expired at `now_ms` is left out.
    ///
    /// # Errors
    /// `Unavailable`, `Table`.
    fn tagged(
        &mut self,
        place: &Place,
        tag: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        let _ = (place, tag, after, limit, now_ms);
        Err(StoreError::new(ErrorKind::Invalid, "this store does not keep tags"))
    }

    /// The tags of a place, in no order, each with how many rows have it that have not expired at `now_ms`.
    ///
    /// # Errors
    /// `Unavailable`, `Table`.
    fn tag_counts(&mut self, place: &Place, now_ms: u64) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
        let _ = (place, now_ms);
        Err(StoreError::new(ErrorKind::Invalid, "this store does not keep tags"))
    }

    /// Removes rows that have expired before `before_ms`, at most so many; returns how many. `epoch` as in a batch.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`, `Table`, `Fenced`.
    fn remove_expired(
        &mut self,
        place: &Place,
        before_ms: u64,
        limit: usize,
        epoch: u64,
    ) -> Result<usize, StoreError>;

    /// Removes all rows of a place up to this version; `epoch` as in a batch.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`, `Table`, `Fenced`.
    fn empty(&mut self, place: &Place, upto_version: u64, epoch: u64) -> Result<(), StoreError>;

    /// Changes that others have made and that are not forgotten yet, at most so many. Nothing where they are not noticed.
    ///
    /// # Errors
    /// `Unavailable`.
    fn outside(&mut self, limit: usize) -> Result<Vec<Outside>, StoreError>;

    /// These have been seen to.
    ///
    /// # Errors
    /// `Unavailable`.
    fn forget_outside(&mut self, ids: &[u64]) -> Result<(), StoreError>;
}
