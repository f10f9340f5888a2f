//! What cases are made of: a store by name, an owner of it, changes, and how a breach is told.

use super::super::{
    Batch, Change, Claim, Claimed, Conflict, Connection, Content, ErrorKind, Expect, Place, Position, Row,
    Store, StoreError, Table,
};
use super::Subject;
use std::fmt::Debug;
use std::sync::Arc;

/// The folder that owns the store in most cases.
pub(super) const FOLDER: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
/// How many lanes it has.
pub(super) const LANES: u32 = 3;

/// A case that is being run.
pub(super) struct Case<'a> {
    pub(super) subject: &'a dyn Subject,
    pub(super) name: &'a str,
}

impl Case<'_> {
    /// Ends the case: the store broke a rule.
    #[track_caller]
    pub(super) fn broken(&self, what: &str) -> ! {
        panic!("{}: {what}", self.name)
    }

    /// What a call returns that has no reason to fail.
    #[track_caller]
    pub(super) fn ok<T>(&self, what: &str, result: Result<T, StoreError>) -> T {
        result.unwrap_or_else(|error| self.broken(&format!("{what} failed: {:?}: {error}", error.kind)))
    }

    /// Asks that a call fails in this way.
    #[track_caller]
    pub(super) fn fails<T: Debug>(&self, what: &str, result: Result<T, StoreError>, kind: &ErrorKind) {
        match result {
            Ok(value) => self.broken(&format!("{what} gave {value:?}, which has to be {kind:?}")),
            Err(error) if error.kind != *kind => {
                self.broken(&format!("{what} failed by {:?} ({error}), which has to be {kind:?}", error.kind))
            }
            Err(_) => {}
        }
    }

    /// Asks that two things are the same.
    #[track_caller]
    pub(super) fn same<T: Debug + PartialEq>(&self, what: &str, found: &T, wanted: &T) {
        if found != wanted {
            let (found, wanted) = (shorten(found), shorten(wanted));
            self.broken(&format!("{what}: found {found}, which has to be {wanted}"));
        }
    }

    /// Another process with the store.
    pub(super) fn process(&self) -> Arc<dyn Store> {
        self.subject.open(self.name)
    }

    pub(super) fn connect(&self, store: &Arc<dyn Store>) -> Box<dyn Connection> {
        self.ok("connecting", store.connect())
    }

    /// A process that owns the store from now on.
    pub(super) fn own(&self, claim: &Claim) -> Owner<'_> {
        let store = self.process();
        let mut connection = self.connect(&store);
        let claimed = self.ok("a claim", connection.claim(claim));
        let sequences = claimed.lanes.iter().map(|lane| lane.sequence).collect();
        Owner { case: self, store, connection, claimed, sequences }
    }

    /// A process that owns a store that was empty.
    pub(super) fn start(&self) -> Owner<'_> {
        self.own(&claim(0))
    }
}

/// At most so much of something as a person wants to read.
fn shorten(value: &dyn Debug) -> String {
    let text = format!("{value:?}");
    if text.len() <= 500 {
        text
    } else {
        format!("{}… ({} bytes)", text.chars().take(500).collect::<String>(), text.len())
    }
}

/// The claim of [`FOLDER`], whose last epoch was this one.
pub(super) fn claim(epoch: u64) -> Claim {
    Claim {
        database_id: FOLDER,
        epoch,
        owner: "conformance:1".to_owned(),
        lanes: LANES,
        takes_over: false,
        read_only: false,
    }
}

/// A process that owns a store.
pub(super) struct Owner<'a> {
    pub(super) case: &'a Case<'a>,
    pub(super) store: Arc<dyn Store>,
    pub(super) connection: Box<dyn Connection>,
    pub(super) claimed: Claimed,
    /// The last batch of each lane.
    sequences: Vec<u64>,
}

impl Owner<'_> {
    pub(super) fn epoch(&self) -> u64 {
        self.claimed.epoch
    }

    /// The next batch of a lane. Its watermark is the highest version in it.
    pub(super) fn batch(&self, lane: u32, changes: Vec<Change>) -> Batch {
        let watermark = changes.iter().map(|change| change.version).max().unwrap_or_default();
        let sequence = self.sequences[lane as usize] + 1;
        Batch { lane, epoch: self.epoch(), sequence, watermark, changes }
    }

    /// Applies the next batch of lane 0, which has no reason to fail.
    #[track_caller]
    pub(super) fn apply(&mut self, changes: Vec<Change>) -> Vec<(usize, Conflict)> {
        self.apply_to(0, changes)
    }

    /// The same in any lane.
    #[track_caller]
    pub(super) fn apply_to(&mut self, lane: u32, changes: Vec<Change>) -> Vec<(usize, Conflict)> {
        let batch = self.batch(lane, changes);
        let conflicts = self.case.ok("a batch", self.connection.apply(&batch));
        self.sequences[lane as usize] += 1;
        conflicts
    }

    /// Applies changes of which none is a conflict.
    #[track_caller]
    pub(super) fn put(&mut self, changes: Vec<Change>) {
        let conflicts = self.apply(changes);
        self.case.same("the conflicts of a batch that has none", &conflicts, &Vec::new());
    }

    #[track_caller]
    pub(super) fn position(&mut self, lane: u32) -> Position {
        let epoch = self.epoch();
        self.case.ok("a position", self.connection.position(lane, epoch))
    }

    #[track_caller]
    pub(super) fn load(&mut self, place: &Place, key: &[u8]) -> Option<Row> {
        let mut rows = self.case.ok("a load", self.connection.load(&[(place.clone(), key.to_vec())]));
        match rows.len() {
            1 => rows.remove(0),
            count => self.case.broken(&format!("a load of one key gave {count} rows")),
        }
    }

    /// What a key of database 0 holds.
    #[track_caller]
    pub(super) fn content(&mut self, key: &[u8]) -> Option<Content> {
        self.load(&Place::Keys(0), key).map(|row| row.content)
    }

    /// Asks that a key of database 0 holds this string, or nothing.
    #[track_caller]
    pub(super) fn holds(&mut self, key: &[u8], wanted: Option<&str>) {
        let found = self.content(key);
        let what = format!("the row {:?}", String::from_utf8_lossy(key));
        self.case.same(&what, &found, &wanted.map(string));
    }

    #[track_caller]
    pub(super) fn define(&mut self, name: &str) -> (Table, Place) {
        let table = table(name);
        self.case.ok("making a table", self.connection.define(&table));
        let place = Place::Table(table.name.clone());
        (table, place)
    }

    /// All keys of a place with their versions, page by page.
    #[track_caller]
    pub(super) fn walk(&mut self, place: &Place, limit: usize, now_ms: u64) -> Vec<(Vec<u8>, u64)> {
        let mut all: Vec<(Vec<u8>, u64)> = Vec::new();
        loop {
            let after = all.last().map(|(key, _)| key.as_slice());
            let page = self.case.ok("a page", self.connection.page(place, after, limit, now_ms));
            if page.len() > limit {
                self.case.broken(&format!("a page of at most {limit} keys has {}", page.len()));
            }
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }
}

/// A table of records under its own name.
pub(super) fn table(name: &str) -> Table {
    Table { name: name.into(), stored_as: None, key_column: None, data_column: None }
}

/// A string as stores see it.
pub(super) fn string(text: &str) -> Content {
    Content::Whole(0, text.as_bytes().to_vec())
}

/// A change of a key of database 0 that never expires, whatever is there.
pub(super) fn change(key: impl AsRef<[u8]>, version: u64, content: Content) -> Change {
    Change {
        place: Place::Keys(0),
        key: key.as_ref().to_vec(),
        version,
        expire_at_ms: 0,
        content,
        expect: Expect::Any,
        tags: None,
    }
}

/// The same for a string.
pub(super) fn set(key: impl AsRef<[u8]>, version: u64, text: &str) -> Change {
    change(key, version, string(text))
}

/// A change of a record.
pub(super) fn record(place: &Place, key: &str, version: u64, json: &str) -> Change {
    Change { place: place.clone(), ..change(key, version, Content::Record(json.to_owned())) }
}
