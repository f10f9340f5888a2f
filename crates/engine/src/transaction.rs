//! Several commands as one: MULTI and EXEC.
//!
//! All shards of all keys stay locked from the first command to the commit, and everything that changed is one record of the
//! log: after a crash either all of it is there or nothing.

use crate::command::{Command, Ctx, Fail};
use crate::reply::Reply;
use crate::shard::{Caller, Ran, Shards, run_in};

/// A transaction that holds the locks of all its keys. Keep it short.
pub struct Transaction<'a> {
    shards: &'a Shards,
    /// Taken by the commit.
    ctx: Option<Ctx<'a>>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn begin(
        shards: &'a Shards,
        caller: &'a mut Caller,
        commands: &[(&Command, &[&[u8]])],
    ) -> Result<Self, Fail> {
        Ok(Self { shards, ctx: Some(shards.begin_many(caller, commands)?) })
    }

    /// Runs one of the commands that the transaction was begun with.
    pub fn run(&mut self, command: &Command, args: &[&[u8]], out: &mut dyn Reply) {
        let Some(ctx) = &mut self.ctx else { return };
        if command.spec.takes(args.len()) {
            run_in(ctx, command, args, out);
        } else {
            out.error(&Fail::arity(command.spec.name).0);
        }
    }

    /// Selects another database for the commands that follow.
    pub fn select(&mut self, db: u32) {
        if let Some(ctx) = &mut self.ctx {
            ctx.db = db;
        }
    }

    /// Logs everything as one record and unlocks.
    #[must_use]
    pub fn commit(mut self) -> Ran {
        match self.ctx.take() {
            Some(ctx) => self.shards.commit(ctx),
            None => Ran { lsn: 0, blocked: None, left: false },
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // Commands have changed data already: what they did is logged, however the transaction ends.
        if let Some(ctx) = self.ctx.take() {
            self.shards.commit(ctx);
        }
    }
}
