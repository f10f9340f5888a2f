//! Several commands as one: MULTI and EXEC.
//!
//! All shards of all keys stay locked from the first command to the commit, and everything that changed is one record of the
//! log: after a crash either all of it is there or nothing.

use crate::command::{Command, Ctx, Fail};
use crate::reply::{Collector, Reply, Response};
use crate::shard::{Caller, Planned, Ran, Refusal, Shards, run_in};

/// The reply to a command in a transaction that reads by pattern what is not in memory.
const NOT_HERE: &str = "TRYAGAIN the command reads keys by pattern, and some are only in the store: read them first, or run it outside of MULTI";

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
        commands: &[Planned<'_>],
        watched: &[(u32, &[u8])],
    ) -> Result<Self, Refusal> {
        Ok(Self { shards, ctx: Some(shards.begin_many(caller, commands, watched)?) })
    }

    /// Runs one of the commands that the transaction was begun with.
    pub fn run(&mut self, command: &Command, args: &[&[u8]], out: &mut dyn Reply) {
        let Some(ctx) = &mut self.ctx else { return };
        if !command.spec.takes(args.len()) {
            return out.error(&Fail::arity(command.spec.name).0);
        }
        if !ctx.settles {
            return run_in(ctx, command, args, out);
        }
        // Keys that the arguments do not name may turn out to be in the store only.
        let mut answer = Collector::for_protocol(out.resp3());
        run_in(ctx, command, args, &mut answer);
        if ctx.cold.is_empty() {
            answer.into_response().unwrap_or(Response::Null).write_to(out);
        } else {
            ctx.cold.clear();
            out.error(NOT_HERE);
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
            None => Ran::done(0),
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
