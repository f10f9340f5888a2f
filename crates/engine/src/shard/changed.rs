//! What a record changes, for who asks for changes.

use crate::command::Ctx;
use crate::keyspace::changes::{Cause, Changes};
use crate::log::Lsn;

/// The effects of a record, copied before appending takes them away.
pub(super) struct Changed {
    effects: Vec<u8>,
    /// Keys that get large values.
    large: Vec<(u32, Box<[u8]>)>,
}

impl Changed {
    /// What the command in this context has changed.
    #[cold]
    pub(super) fn by(ctx: &Ctx<'_>) -> Self {
        let large = ctx.scratch.large.iter().map(|put| (put.db, put.key.clone()));
        Self { effects: ctx.scratch.record.clone(), large: large.collect() }
    }

    /// Hands it on, with the record's number; the shards are held still.
    #[cold]
    pub(super) fn keep(&self, changes: &Changes, cause: Cause, lsn: Lsn) {
        changes.keep(&self.effects, self.large.iter().map(|(db, key)| (*db, &**key)), cause, lsn);
    }
}
