//! An owner of a store, and the changes that tests make.

use ramekin::store::{
    Batch, Change, Claim, Conflict, Connection, Content, ErrorKind, Expect, Place, Row, Store, StoreError,
    Table,
};
use ramekin_redis::RedisStore;
use std::sync::Arc;

pub(crate) fn claim(epoch: u64) -> Claim {
    Claim { database_id: 7, epoch, owner: "test".to_owned(), lanes: 2, takes_over: false, read_only: false }
}

/// A table of records as it is called here.
pub(crate) fn table(name: &str) -> Table {
    Table { name: name.into(), stored_as: None, key_column: None, data_column: None }
}

pub(crate) fn change(place: &Place, key: &str, version: u64, content: Content) -> Change {
    Change {
        place: place.clone(),
        key: key.into(),
        version,
        expire_at_ms: 0,
        content,
        expect: Expect::Any,
        tags: None,
    }
}

pub(crate) fn record(place: &Place, key: &str, version: u64, json: &str) -> Change {
    change(place, key, version, Content::Record(json.to_owned()))
}

pub(crate) fn string(text: &str) -> Content {
    Content::Whole(0, text.as_bytes().to_vec())
}

pub(crate) fn set(key: &str, version: u64, text: &str) -> Change {
    change(&Place::Keys(0), key, version, string(text))
}

/// A change that also says which tags its key has.
pub(crate) fn tagged(change: Change, tags: &[&str]) -> Change {
    Change { tags: Some(tags.iter().map(|tag| tag.as_bytes().to_vec()).collect()), ..change }
}

/// Who owns a store, over one connection.
pub(crate) struct Owner {
    pub(crate) store: Arc<RedisStore>,
    pub(crate) connection: Box<dyn Connection>,
    pub(crate) epoch: u64,
    sequence: u64,
}

impl Owner {
    #[track_caller]
    pub(crate) fn at(url: &str) -> Self {
        Self::claiming(url, &claim(0)).expect("a claim")
    }

    pub(crate) fn claiming(url: &str, claim: &Claim) -> Result<Self, StoreError> {
        let store = Arc::new(RedisStore::new(url)?);
        let mut connection = store.connect()?;
        let claimed = connection.claim(claim)?;
        Ok(Self { store, connection, epoch: claimed.epoch, sequence: claimed.lanes[0].sequence })
    }

    /// The next batch of the first lane.
    pub(crate) fn batch(&self, changes: Vec<Change>) -> Batch {
        Batch { lane: 0, epoch: self.epoch, sequence: self.sequence + 1, watermark: 0, changes }
    }

    /// Applies it; whoever fails tries the same number again.
    pub(crate) fn apply(&mut self, changes: Vec<Change>) -> Result<Vec<(usize, Conflict)>, StoreError> {
        let batch = self.batch(changes);
        let applied = self.connection.apply(&batch);
        self.sequence += u64::from(applied.is_ok());
        applied
    }

    /// Applies what has no reason to fail or to be left out.
    #[track_caller]
    pub(crate) fn put(&mut self, changes: Vec<Change>) {
        assert_eq!(self.apply(changes), Ok(Vec::new()));
    }

    /// Applies what has to fail in this way. Returns what is said about it.
    #[track_caller]
    pub(crate) fn fails(&mut self, changes: Vec<Change>, kind: &ErrorKind) -> String {
        let error = self.apply(changes).expect_err("the batch has been applied");
        assert_eq!(error.kind, *kind, "{error}");
        error.text
    }

    /// As the engine does after `Unavailable` and `InDoubt`.
    pub(crate) fn reconnect(&mut self) {
        self.connection = self.store.connect().expect("a connection");
        self.sequence = self.connection.position(0, self.epoch).expect("a position").sequence;
    }

    pub(crate) fn define(&mut self, name: &str) -> Place {
        self.connection.define(&table(name)).expect("a table");
        Place::Table(name.into())
    }

    pub(crate) fn load(&mut self, place: &Place, key: &str) -> Option<Row> {
        let mut rows = self.connection.load(&[(place.clone(), key.into())]).expect("a load");
        rows.pop().flatten()
    }

    pub(crate) fn content(&mut self, place: &Place, key: &str) -> Option<Content> {
        self.load(place, key).map(|row| row.content)
    }

    /// What a key of database 0 holds, if that is a string.
    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        match self.content(&Place::Keys(0), key) {
            Some(Content::Whole(0, bytes)) => String::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}
