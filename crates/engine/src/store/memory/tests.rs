//! The suite, and each thing that goes wrong when told to.

use super::super::{Batch, Change, Claim, Content, ErrorKind, Expect, Place, Position, Table, conformance};
use super::{ApplyFault, ApplyStep, Call, MemoryStore};
use crate::store::{Connection, Store};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Stores by name, for the suite.
struct Stores {
    by_name: Mutex<HashMap<String, MemoryStore>>,
    are_deaf: bool,
}

impl conformance::Subject for Stores {
    fn open(&self, name: &str) -> Arc<dyn Store> {
        let empty = || if self.are_deaf { MemoryStore::new().deaf() } else { MemoryStore::new() };
        Arc::new(self.by_name.lock().entry(name.to_owned()).or_insert_with(empty).process())
    }

    fn write_outside(&self, name: &str, table: &Table, key: &str, record: Option<&str>) {
        let place = Place::Table(Arc::clone(&table.name));
        let content = record.map(|text| Content::Record(text.to_owned()));
        self.by_name.lock()[name].write_outside(&place, key.as_bytes(), content);
    }
}

#[test]
fn a_store_in_memory_passes_the_suite_whether_it_notices_others_or_not() {
    for are_deaf in [false, true] {
        conformance::run(&Stores { by_name: Mutex::default(), are_deaf });
    }
}

fn claim() -> Claim {
    Claim { database_id: 1, epoch: 0, owner: "test".to_owned(), lanes: 1, takes_over: true, read_only: false }
}

/// A store with an owner, and its connection.
fn owned() -> (MemoryStore, Box<dyn Connection>, u64) {
    let store = MemoryStore::new();
    let mut connection = store.connect().unwrap();
    let epoch = connection.claim(&claim()).unwrap().epoch;
    (store, connection, epoch)
}

fn batch(epoch: u64, sequence: u64) -> Batch {
    let change = Change {
        place: Place::Keys(0),
        key: b"k".to_vec(),
        version: sequence,
        expire_at_ms: 0,
        content: Content::Whole(0, vec![1]),
        expect: Expect::Any,
        tags: None,
    };
    Batch { lane: 0, epoch, sequence, watermark: sequence, changes: vec![change] }
}

#[test]
fn a_connection_that_was_lost_stays_lost_and_a_new_one_tells_what_became_of_the_batch() {
    for (fault, kind, sequence) in [
        (ApplyFault::Busy, ErrorKind::Busy, 0),
        (ApplyFault::Unavailable, ErrorKind::Unavailable, 0),
        (ApplyFault::LostBeforeCommit, ErrorKind::InDoubt, 0),
        (ApplyFault::LostAfterCommit, ErrorKind::InDoubt, 1),
    ] {
        let (store, mut connection, epoch) = owned();
        store.faults().batches.extend([fault]);
        assert_eq!(connection.apply(&batch(epoch, 1)).map_err(|error| error.kind), Err(kind.clone()));
        assert_eq!(store.batches(), sequence);
        assert_eq!(connection.position(0, epoch).is_ok(), kind == ErrorKind::Busy, "{fault:?}");
        let mut connection = store.connect().unwrap();
        assert_eq!(connection.position(0, epoch).unwrap(), Position { sequence, watermark: sequence });
        assert_eq!(connection.apply(&batch(epoch, sequence + 1)), Ok(Vec::new()));
    }
}

#[test]
fn a_batch_that_is_cut_short_at_any_step_is_there_as_a_whole_or_not_at_all() {
    use ApplyStep::{Begun, Committed, Committing, LaneAdvanced, RowsChanged};
    for last in [Begun, LaneAdvanced, RowsChanged, Committing, Committed] {
        let (store, mut connection, epoch) = owned();
        store.faults().at_steps(move |step| step != last);
        let is_in_doubt = matches!(last, Committing | Committed);
        let kind = if is_in_doubt { ErrorKind::InDoubt } else { ErrorKind::Unavailable };
        assert_eq!(connection.apply(&batch(epoch, 1)).map_err(|error| error.kind), Err(kind), "{last:?}");
        let happened = u64::from(last == Committed);
        let position = store.connect().unwrap().position(0, epoch).unwrap();
        assert_eq!(
            (position.sequence, store.rows().len() as u64, store.batches()),
            (happened, happened, happened)
        );
    }
}

#[test]
fn a_store_that_is_down_answers_nothing_and_has_lost_nothing() {
    let (store, mut connection, epoch) = owned();
    connection.apply(&batch(epoch, 1)).unwrap();
    store.faults().down = true;
    assert!(store.connect().is_err());
    assert!(connection.load(&[]).is_err());
    store.faults().down = false;
    let mut connection = store.connect().unwrap();
    assert_eq!(connection.count(&Place::Keys(0), 0), Ok(1));
    assert_eq!(store.rows().len(), 1);
}

#[test]
fn rows_and_places_are_refused_as_told_and_nothing_of_their_batch_is_kept() {
    let (store, mut connection, epoch) = owned();
    store.faults().refuse(|change| change.key == b"k");
    assert_eq!(connection.apply(&batch(epoch, 1)).map_err(|error| error.kind), Err(ErrorKind::Refused));
    store.faults().refuse_none();
    store.faults().broken.insert(Place::Keys(0));
    let wanted = ErrorKind::Table(Place::Keys(0));
    assert_eq!(connection.apply(&batch(epoch, 1)).map_err(|error| error.kind), Err(wanted.clone()));
    assert_eq!(connection.count(&Place::Keys(0), 0).map_err(|error| error.kind), Err(wanted));
    assert_eq!(connection.count(&Place::Keys(1), 0), Ok(0));
    store.faults().broken.clear();
    assert_eq!(connection.apply(&batch(epoch, 1)), Ok(Vec::new()));
}

#[test]
fn each_call_is_told_before_it_is_done() {
    let (store, mut connection, epoch) = owned();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&calls);
    store.faults().before_each(move |call| told.lock().push(call.clone()));
    connection.apply(&batch(epoch, 1)).unwrap();
    connection.load(&[(Place::Keys(0), b"k".to_vec())]).unwrap();
    assert_eq!(*calls.lock(), [Call::Apply(0, 1), Call::Load(1)]);
}

#[test]
fn a_place_that_others_have_emptied_is_told_as_a_whole() {
    let (store, mut connection, epoch) = owned();
    connection.apply(&batch(epoch, 1)).unwrap();
    store.empty_outside(&Place::Keys(0));
    let told = connection.outside(9).unwrap();
    assert_eq!(
        told.iter().map(|told| (&told.place, &told.key)).collect::<Vec<_>>(),
        [(&Place::Keys(0), &None)]
    );
    assert_eq!(connection.count(&Place::Keys(0), 0), Ok(0));
}
