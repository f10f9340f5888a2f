//! A record as the store has it now, for who will not wait until changes of others are noticed.
//!
//! What must hold: what has not settled counts for more than the row; while the store cannot be asked, memory keeps what it has; a
//! record that nobody else has changed stays in memory as it is.

use super::Settle;
use super::change::{entry_of, places_of};
use super::cold::is_past;
use super::tables::{snapshot, table_of};
use crate::command::Fail;
use crate::keyspace::entry::View;
use crate::keyspace::space::Space;
use crate::store::{Content, Row};

impl Settle {
    /// Asks the store for the row of a key, and voids what memory has of it if that differs. The key is then read as others.
    pub(crate) fn freshen(&self, db: u32, key: &[u8]) -> Result<(), Fail> {
        let tables = snapshot(&self.shards);
        let definition = table_of(&tables, db, key).map(|(definition, _)| definition);
        let asked = places_of(self, &tables, db, key);
        let rows = self.ask_store(|connection| {
            if let Some(definition) = &definition {
                self.define(connection, definition)?;
            }
            connection.load(&asked)
        })?;
        let (now_ms, flushed) = (self.now_ms(), self.flushed_version(db));
        let dropping = definition.is_some_and(|definition| definition.dropping);
        let row = rows.into_iter().fold(None, Option::or).filter(|row| {
            let is_gone = dropping && matches!(row.content, Content::Record(_));
            let is_over = is_gone || is_past(row.expire_at_ms, now_ms);
            !is_over && (flushed == 0 || row.version > flushed)
        });
        let keyspace = &self.shards.keyspace;
        let hash = keyspace.hash(key);
        let differs = {
            let part = keyspace.lock(keyspace.shard_of(hash));
            let space = part.space(keyspace.space_of(db));
            space.is_some_and(|space| self.differs(space, (hash, key), row.as_ref(), now_ms))
        };
        if differs { self.shards.forget_row(db, key) } else { Ok(()) }
    }

    /// Whether memory has something else of a key than its row is, and none of it has still to settle.
    fn differs(&self, space: &Space, (hash, key): (u64, &[u8]), row: Option<&Row>, now_ms: u64) -> bool {
        if space.is_cold(hash, key) || space.is_unsettled(hash, key) {
            return false;
        }
        let held = space.get(hash, key).filter(|entry| entry.is_alive(now_ms));
        let (held, row) = match (held, row) {
            (None, None) => return false,
            (Some(held), Some(row)) => (held, row),
            _ => return true,
        };
        if row.stamp != space.stamp(key).unwrap_or(0) || row.expire_at_ms != held.expire_at() {
            return true;
        }
        let (packing, compression) = (self.shards.settings.packing(), &self.shards.keyspace.compression);
        let there = entry_of(key, row, &packing, compression);
        there.is_none_or(|there| !is_same(held.view(), there.view()))
    }
}

/// Whether two values are the same document; others count as different.
fn is_same(one: View<'_>, other: View<'_>) -> bool {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    match (document(one, &mut left), document(other, &mut right)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// The bytes of a document, which are unpacked into `raw` if they have to be.
fn document<'v>(view: View<'v>, raw: &'v mut Vec<u8>) -> Option<&'v [u8]> {
    use crate::value::{Kind, Value};
    match view {
        View::Json(bytes) => Some(&bytes[1..]),
        View::Value(Value::Json(json)) => Some(json.bytes()),
        View::Compressed(value) if value.kind() == Kind::Json => Some(value.json_in(raw).bytes()),
        _ => None,
    }
}
