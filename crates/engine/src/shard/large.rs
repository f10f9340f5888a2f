//! Large values that go from one key to another: their records, and room for them in the log.
//!
//! What must hold: the value is shared under the locks and encoded without them, when its record is written; room for it
//! is reserved before anything changes, and, since that may have to wait for the disk, without the locks: the command is
//! run up to where it knows what it needs, and once more with that much in hand.

use super::{Caller, Ran, Shards, space_for};
use crate::command::{Command, Ctx, LargePut, flag, scan};
use crate::effect::Effect;
use crate::error::Error;
use crate::log::later::Source;
use crate::log::{Log, Lsn};
use crate::reply::Reply;
use crate::value::codec;

/// About how many bytes of a value are in one effect.
const PART_BYTES: usize = 256 << 10;

/// A record with large values in it.
struct LargeRecord {
    /// The effects on both sides of the values.
    bytes: Vec<u8>,
    puts: Vec<LargePut>,
}

impl Source for LargeRecord {
    fn pieces(&self, each: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let mut at = 0;
        let mut effects = Vec::new();
        for put in &self.puts {
            each(&self.bytes[at..put.at])?;
            at = put.at;
            let (key, mut first) = (&*put.key, true);
            codec::encode_parts(&put.value, PART_BYTES, |kind, part, _| {
                effects.clear();
                let effect = if std::mem::take(&mut first) {
                    Effect::Put { key, kind, value: part, expire_at_ms: put.expire_at_ms }
                } else {
                    Effect::Extend { key, kind, part }
                };
                effect.encode(put.db, &mut effects);
                each(&effects)
            })?;
        }
        each(&self.bytes[at..])
    }
}

impl LargePut {
    /// Keys longer than this are seldom, and not worth being repeated in each part of a value.
    pub(crate) const KEY_BYTES_MAX: usize = 1 << 10;

    /// No more is needed in the log for a value of so many bytes, encoded, that `key` gets.
    pub(crate) fn record_bytes_max(bytes: usize, key: &[u8]) -> u64 {
        const EFFECT_BYTES: usize = 64;
        (bytes + (bytes / PART_BYTES + 2) * (key.len() + EFFECT_BYTES)) as u64
    }
}

impl Shards {
    /// Appends the record of a command that puts large values.
    #[cold]
    pub(super) fn append_large(log: &Log, ctx: &mut Ctx<'_>) -> Lsn {
        let record = LargeRecord {
            bytes: std::mem::take(&mut ctx.scratch.record),
            puts: std::mem::take(&mut ctx.scratch.large),
        };
        let puts = record
            .puts
            .iter()
            .map(|put| LargePut::record_bytes_max(codec::encoded_bytes_max(&put.value), &put.key));
        let bytes_max = record.bytes.len() as u64 + puts.sum::<u64>();
        log.append_later(Box::new(record), bytes_max, ctx.reserved)
    }

    /// Runs a command of several keys; one that asks for much room gets it between two attempts.
    pub(super) fn run_many(
        &self,
        caller: &mut Caller,
        command: &Command,
        args: &[&[u8]],
        out: &mut dyn Reply,
    ) -> Ran {
        let reaches_store =
            || self.settles() && command.spec.is(flag::BEYOND) && scan::reaches_store(command, args);
        if caller.leaves_large && (command.spec.is(flag::APART) || reaches_store()) {
            return Ran { left: true, ..Ran::done(0) };
        }
        let ran = self.run_until_done(caller, command, args, out);
        caller.scratch.rivals.clear();
        ran
    }

    fn run_until_done(
        &self,
        caller: &mut Caller,
        command: &Command,
        args: &[&[u8]],
        out: &mut dyn Reply,
    ) -> Ran {
        let mut ahead = 0;
        loop {
            let leaves = caller.leaves_large;
            let mut ctx = match self.begin(caller, command, args, ahead) {
                Ok(ctx) => ctx,
                Err(refusal) => return Self::refuse_or_wait(refusal, out),
            };
            (ctx.ahead, ctx.may_ask, ctx.may_leave) = (ahead, true, leaves);
            let outcome = (command.run)(&mut ctx, args, out);
            let wanted = ctx.wanted;
            if ctx.left {
                return Ran { left: true, ..self.commit(ctx) };
            }
            if !ctx.cold.is_empty() {
                return self.leave_cold(ctx);
            }
            if ctx.meets_rival {
                // Each time one shard more is held.
                self.commit(ctx);
                continue;
            }
            if let Err(fail) = outcome
                && wanted == 0
            {
                out.error(&fail.0);
            }
            let mut ran = self.commit(ctx);
            match ran.made.take() {
                Some(Ok(())) => out.ok(),
                Some(Err(fail)) => out.error(&fail.0),
                None => {}
            }
            if wanted == 0 {
                return ran;
            }
            if leaves {
                return Ran { left: true, ..ran };
            }
            // Some more, for a value that goes on growing.
            ahead = wanted + wanted / 16 + space_for(args);
        }
    }
}
