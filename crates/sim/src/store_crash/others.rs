//! Keys that others write, too: which values a read of them may show, and which must be left in the end.
//!
//! What must hold: with `memory-wins` a change of ours replaces all that others did before it; with `store-wins` what others
//! did may count all the same. What others do after our last change may be replaced by it only if it had not settled.
//! Whatever counts, it is our last change or theirs, and once all is quiet memory and store agree on it.

use ramekin::io::SeededRng;
use ramekin::log::Lsn;
use ramekin::store::{Content, MemoryStore, Place};

/// One such key.
#[derive(Clone, Debug)]
pub struct Other {
    /// Where its row lies.
    pub place: Place,
    /// Its key there.
    pub key: String,
    /// The rule of its table: what others did counts.
    store_wins: bool,
    /// What it held when all was quiet.
    settled: Option<String>,
    /// What has happened since.
    events: Vec<Event>,
    /// Whether there was a crash since: a change of ours that had settled may be sent once more then, and others may have
    /// removed the row meanwhile.
    has_crashed: bool,
    /// Memory was put over the store: what it had read of what others did counts as ours.
    was_put_over: bool,
}

#[derive(Clone, Debug)]
struct Event {
    /// The record of our change; none: others did it.
    ours: Option<Lsn>,
    value: Option<String>,
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Other> {
    let other = |place: &Place, number: u64, store_wins| Other {
        place: place.clone(),
        key: if matches!(place, Place::Keys(_)) { format!("o{number}") } else { format!("r{number}") },
        store_wins,
        settled: None,
        events: Vec::new(),
        has_crashed: false,
        was_put_over: false,
    };
    let places =
        [(Place::Keys(0), false), (Place::Table("u".into()), false), (Place::Table("v".into()), true)];
    places.iter().flat_map(|(place, wins)| (0..3).map(move |number| other(place, number, *wins))).collect()
}

/// Words that make the tables in which they lie.
pub const TABLES: [&str; 2] = ["TABLE.CREATE u", "TABLE.CREATE v ON CONFLICT store-wins"];

impl Other {
    /// The command that reads it.
    #[must_use]
    pub fn read(&self) -> String {
        match &self.place {
            Place::Keys(_) => format!("GET {}", self.key),
            Place::Table(table) => format!("TABLE.GET {table} {}", self.key),
        }
    }

    /// A command that changes it, and what it holds then.
    #[must_use]
    pub fn write(&self, rng: &SeededRng) -> (String, Option<String>) {
        let value = (rng.below(4) > 0).then(|| self.value("ours", rng));
        let word = value.as_deref().map(|value| value.replace(' ', ""));
        let command = match (&self.place, word) {
            (Place::Keys(_), Some(value)) => format!("SET {} {value}", self.key),
            (Place::Keys(_), None) => format!("DEL {}", self.key),
            (Place::Table(table), Some(value)) => format!("TABLE.PUT {table} {} {value}", self.key),
            (Place::Table(table), None) => format!("TABLE.DEL {table} {}", self.key),
        };
        (command, value)
    }

    fn value(&self, whose: &str, rng: &SeededRng) -> String {
        let number = rng.below(1_000_000);
        match self.place {
            Place::Keys(_) => format!("{whose}-{number}"),
            Place::Table(_) => format!("{{\"{whose}\": {number}}}"),
        }
    }

    /// Takes down that we have changed it.
    pub fn changed(&mut self, lsn: Lsn, value: Option<String>) {
        self.events.push(Event { ours: Some(lsn), value });
    }

    /// Others write to it.
    pub fn write_outside(&mut self, store: &MemoryStore, rng: &SeededRng) {
        let value = self.write_raced(store, rng);
        self.changed_outside(value);
    }

    /// Takes down that others have changed it.
    pub fn changed_outside(&mut self, value: Option<String>) {
        self.events.push(Event { ours: None, value });
    }

    /// Others write to it, which is to be taken down. Returns what.
    #[must_use]
    pub fn write_raced(&self, store: &MemoryStore, rng: &SeededRng) -> Option<String> {
        let value = (rng.below(4) > 0).then(|| self.value("theirs", rng));
        let content = value.clone().map(|text| match self.place {
            Place::Keys(_) => Content::Whole(0, text.into_bytes()),
            Place::Table(_) => Content::Record(text),
        });
        store.write_outside(&self.place, self.key.as_bytes(), content);
        value
    }

    /// Others have removed all rows of its table.
    pub fn emptied(&mut self) {
        self.events.push(Event { ours: None, value: None });
    }

    /// The folder is lost, and the rule of the table until it is made anew: what is in the store is left, whoever has won there.
    pub fn lose_folder(&mut self) {
        self.has_crashed = true;
    }

    /// What memory has of it counts, whatever is in the store.
    pub fn put_over(&mut self) {
        self.was_put_over = true;
    }

    /// A crash has left the records up to this one.
    pub fn crash(&mut self, last: Lsn) {
        self.has_crashed = true;
        self.events.retain(|event| event.ours.is_none_or(|lsn| lsn <= last));
    }

    /// Checks what a read has shown.
    pub fn check_read(&self, found: Option<&str>) {
        let last = self.events.iter().rposition(|event| event.ours.is_some());
        let ours = last.map_or(&self.settled, |at| &self.events[at].value);
        let from = if self.store_wins || self.was_put_over { 0 } else { last.unwrap_or(0) };
        let mut theirs = self.events[from..].iter().filter(|event| event.ours.is_none());
        let is_as_it_was = self.was_put_over && self.settled.as_deref() == found;
        let is_allowed =
            ours.as_deref() == found || is_as_it_was || theirs.any(|event| event.value.as_deref() == found);
        assert!(is_allowed, "{found:?} was read of {self:?}");
    }

    /// Checks what is there once all is quiet, in memory and in the store.
    pub fn check_quiet(&mut self, found: Option<&str>, store: &MemoryStore) {
        let row = store.row(&self.place, self.key.as_bytes()).map(|row| match row.content {
            Content::Whole(_, bytes) => String::from_utf8(bytes).expect("text was put there"),
            Content::Record(text) => text,
            other => panic!("{other:?}"),
        });
        assert!(row.as_deref() == found, "memory has {found:?}, the store {row:?}: {self:?}");
        let last_of = |ours: bool| self.events.iter().rposition(|event| event.ours.is_some() == ours);
        let allowed: Vec<usize> = match (last_of(true), last_of(false)) {
            _ if self.was_put_over => (0..self.events.len()).collect(),
            (Some(ours), Some(theirs)) if ours > theirs && !self.store_wins => vec![ours],
            (ours, theirs) => ours.into_iter().chain(theirs).collect(),
        };
        let is_as_it_was =
            allowed.is_empty() || self.was_put_over || self.has_crashed && last_of(true).is_none();
        let is_allowed = allowed.iter().any(|&at| self.events[at].value.as_deref() == found)
            || is_as_it_was && self.settled.as_deref() == found;
        assert!(is_allowed, "{found:?} is what is left of {self:?}");
        (self.settled, self.events) = (row, Vec::new());
        (self.has_crashed, self.was_put_over) = (false, false);
    }
}
