//! What commands have to know of a store behind: which keys have to be fetched before they can be run, and whether more
//! changes may be left to be settled.
//!
//! What must hold: a command that reaches a key of which only the store knows changes nothing and is run again once the key is
//! here; nobody waits for a store under a lock.

use super::{Caller, Ran, Shards};
use crate::command::{Command, Ctx, Fail, Keys, flag};
use crate::keyspace::wait::Waiter;
use crate::record::DATABASE;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What a command needs before it can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Keys that only the store knows of, by database.
    Keys(Vec<(u32, Box<[u8]>)>),
    /// That more has settled: too much is unsettled.
    Room,
}

/// How things stand with the store behind.
#[derive(Default)]
pub(crate) struct Behind {
    /// So many bytes may be unsettled.
    pub(crate) unsettled_bytes_max: AtomicU64,
    /// Beyond that, writes are refused; otherwise they wait.
    pub(crate) refuses: AtomicBool,
    /// The store cannot be reached: what was evicted now could not come back.
    pub(crate) is_down: AtomicBool,
    /// Somebody else owns the store now: what was changed here would never settle.
    pub(crate) is_fenced: AtomicBool,
    /// Nothing may change: the store is only looked at.
    pub(crate) is_read_only: AtomicBool,
    /// The store has tags of keys, or will have once what is in memory has settled. Never goes back.
    pub(crate) is_tagged: AtomicBool,
    /// Tags of keys settle with them.
    pub(crate) keeps_tags: AtomicBool,
    /// Databases may be flushed, and their rows with them.
    pub(crate) may_flush: AtomicBool,
    /// Keys evicted, to come back from the store.
    pub(crate) evicted: AtomicU64,
    /// Databases that were flushed, up to which record, and whose rows are still in the store.
    pub(crate) flushes: Mutex<HashMap<u32, u64>>,
    /// Somebody waits for room.
    pub(crate) is_wanted: AtomicBool,
    /// Has keys fetched, after which those who wait for these keys are served. It takes no lock of a shard.
    pub(crate) fetch_for_waiters: OnceLock<Box<FetchForWaiters>>,
}

/// Keys to be fetched, and the keys whose waiters want them.
pub(crate) type FetchForWaiters = dyn Fn(Vec<(u32, Box<[u8]>)>, Vec<(u32, Box<[u8]>)>) + Send + Sync;

const TOO_MUCH_UNSETTLED: Fail = Fail::new(
    "STOREFULL too many changes wait for the store (see store-unsettled-max): it is slow or cannot be reached, INFO store says why",
);

/// The answer to whoever waits for the store, or would change what can never settle.
pub(crate) const FENCED: &str = "STOREFENCED the store has another owner now";

const READ_ONLY: Fail =
    Fail::new("READONLY the store is only looked at (store-read-only): nothing can be changed");

impl Shards {
    /// Whether there is a store behind.
    #[inline]
    pub(crate) fn settles(&self) -> bool {
        self.keyspace.unsettled().is_some()
    }

    /// Lets a change in if not too much is unsettled.
    #[inline]
    pub(super) fn admit_unsettled(&self, command: &Command) -> Result<(), Refusal> {
        let Some(unsettled) = self.keyspace.unsettled() else { return Ok(()) };
        if command.spec.is(flag::WRITE) && self.behind.is_read_only.load(Relaxed) {
            return Err(Refusal::Fail(READ_ONLY));
        }
        if command.spec.is(flag::WRITE) && self.behind.is_fenced.load(Relaxed) {
            return Err(Refusal::Fail(Fail::new(FENCED)));
        }
        if !command.spec.is(flag::WRITE) || unsettled.bytes() < self.behind.unsettled_bytes_max.load(Relaxed)
        {
            return Ok(());
        }
        if self.behind.refuses.load(Relaxed) {
            return Err(Refusal::Fail(TOO_MUCH_UNSETTLED));
        }
        self.behind.is_wanted.store(true, Relaxed);
        Err(Refusal::Needs(Box::new(Needs::Room)))
    }

    /// Looks whether the keys that a command names are here, and reserves what the log needs for those that it does not know.
    pub(super) fn admit_keys(
        &self,
        ctx: &mut Ctx<'_>,
        command: &Command,
        args: &[&[u8]],
        cold: &mut Vec<(u32, Box<[u8]>)>,
    ) -> Result<(), Fail> {
        if !ctx.is_tagged && is_blind(command, args) {
            return Ok(());
        }
        let (mut more, db) = (0, ctx.db);
        if let Keys::Records(_) = command.spec.keys {
            ctx.db = DATABASE;
        }
        // Keys that cannot be found are what the command will answer.
        for key in command.spec.keys_of(args).unwrap_or_default() {
            if ctx.is_cold(&key) {
                cold.push((ctx.db, (*key).into()));
            }
            if command.spec.is(flag::WRITE) {
                more += ctx.fetched_bytes_max(&key);
            }
        }
        ctx.db = db;
        if let Some((db, index)) = elsewhere(command, args)
            && db < ctx.databases()
        {
            let hash = self.keyspace.hash(args[index]);
            let held = ctx.held.get(self.keyspace.shard_of(hash)).is_some();
            if held && ctx.in_db(db, |ctx| ctx.is_cold(args[index])) {
                cold.push((db, args[index].into()));
            }
        }
        if more == 0 { Ok(()) } else { ctx.reserve(usize::try_from(more).unwrap_or(usize::MAX)) }
    }

    /// Ends a command that has met keys of which only the store knows.
    #[cold]
    pub(super) fn leave_cold(&self, mut ctx: Ctx<'_>) -> Ran {
        let needs = Needs::Keys(std::mem::take(&mut ctx.cold));
        // It may have removed what had expired.
        Ran { needs: Some(Box::new(needs)), blocked: None, ..self.commit(ctx) }
    }

    /// Ends the attempt of a command that waits for a key: those that it needs are fetched, then it is tried again.
    #[cold]
    pub(super) fn fetch_for_waiter(&self, ctx: &mut Ctx<'_>, waiter: &Waiter) {
        let cold = std::mem::take(&mut ctx.cold);
        if let Some(fetch) = self.behind.fetch_for_waiters.get() {
            // Any of its keys may be the one at whose front it stands.
            fetch(cold, waiter.keys.iter().map(|key| (waiter.db, key.clone())).collect());
        }
    }

    /// As [`super::refuse`], for what may also have to wait.
    #[cold]
    pub(super) fn refuse_or_wait(refusal: Refusal, out: &mut dyn crate::reply::Reply) -> Ran {
        match refusal {
            Refusal::Fail(fail) => super::refuse(&fail, out),
            Refusal::Needs(needs) => Ran::needing(needs),
        }
    }

    /// Takes settled keys out of one shard, up to so many, or, with a goal, until no more than so many bytes are in use. Returns
    /// how many.
    pub(super) fn evict_settled(
        &self,
        caller: &mut Caller,
        shard: usize,
        keys_max: usize,
        is_enough: impl Fn() -> bool,
    ) -> usize {
        if self.behind.is_down.load(Relaxed) {
            return 0;
        }
        let policy = self.settings.policy_behind_store();
        let mut key = std::mem::take(&mut caller.victim);
        let present = self.settings.present(caller.now_ms);
        let samples = self.settings.maxmemory_samples.load(Relaxed);
        let mut part = self.keyspace.lock(shard);
        let mut evicted = 0;
        // What somebody needs here is picked again and again.
        for _ in 0..keys_max * 2 {
            if evicted == keys_max || is_enough() {
                break;
            }
            let spaces = (0..self.keyspace.databases()).map(|db| (db, self.keyspace.space_of(db)));
            let Some(db) = part.pick_victim(policy, spaces, samples, present, &mut key) else { break };
            let hash = self.keyspace.hash(&key);
            if part.space_mut(self.keyspace.space_of(db)).is_some_and(|space| space.evict(hash, &key)) {
                evicted += 1;
            }
        }
        part.counts.evicted_keys += evicted as u64;
        drop(part);
        self.behind.evicted.fetch_add(evicted as u64, Relaxed);
        caller.victim = key;
        evicted
    }
}

/// A command that a transaction is going to run.
#[derive(Clone, Copy)]
pub struct Planned<'c> {
    /// The database in which it will be run.
    pub db: u32,
    /// The command.
    pub command: &'c Command,
    /// Its name and arguments.
    pub args: &'c [&'c [u8]],
}

/// Why something cannot be run now.
pub enum Refusal {
    /// It is refused, with this reply.
    Fail(Fail),
    /// It may be run again once it has this.
    Needs(Box<Needs>),
}

impl From<Fail> for Refusal {
    fn from(fail: Fail) -> Self {
        Self::Fail(fail)
    }
}

/// Whether a command replaces its keys as a whole, and none of its options asks what was there.
fn is_blind(command: &Command, args: &[&[u8]]) -> bool {
    const ASKING: [&[u8]; 7] = [b"nx", b"xx", b"get", b"keepttl", b"ifeq", b"exat", b"pxat"];
    let asks = |arg: &&[u8]| ASKING.iter().any(|option| arg.eq_ignore_ascii_case(option));
    let options = args.iter().skip(command.spec.arity.unsigned_abs() as usize);
    command.spec.is(flag::BLIND)
        && (matches!(command.spec.keys, Keys::Range { .. }) || !options.into_iter().any(asks))
}

/// The key of another database that a command reaches, and which argument it is.
fn elsewhere(command: &Command, args: &[&[u8]]) -> Option<(u32, usize)> {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse().ok();
    match command.spec.name {
        "move" => Some((number(args.get(2)?)?, 1)),
        "copy" => {
            let at = args.iter().skip(3).position(|arg| arg.eq_ignore_ascii_case(b"db"))? + 4;
            Some((number(args.get(at)?)?, 2))
        }
        _ => None,
    }
}
