//! Keeping to the limit of memory.
//!
//! A command that may need memory is let in once the process is below `maxmemory`, or once enough was evicted: a bounded
//! number of keys, one shard at a time and a few keys under one lock. An eviction is a deletion like others: in a record of
//! the log, with space reserved before. So it is not undone by a restart, and readers that wait for the disk wait for it too.
//!
//! What must hold: shards take their turns. Were it the shard in hand that gives, those of often written keys would be
//! emptied, hot keys and all.
//!
//! What was deleted and waits to be freed counts as free; otherwise all else would be evicted until it is.

use super::{Caller, RECORD_OVERHEAD, Shards};
use crate::command::Fail;
use crate::effect::Effect;
use crate::keyspace::Held;
use crate::keyspace::changes::Cause;
use crate::keyspace::eviction::Policy;
use crate::memory;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Keys evicted under one lock and in one record: each call evicts some more than it has to, so that most need not.
const BATCH_KEYS: usize = 16;
/// Keys evicted for one command.
const KEYS_MAX: usize = 512;
/// Keys evicted by the sweeper in one round.
const ROUND_KEYS_MAX: usize = 50_000;
/// So far below the limit memory is brought at most.
const SLACK_BYTES_MAX: u64 = 64 << 10;
/// What a key takes in the log besides its bytes, and what is reserved for one.
const KEY_OVERHEAD: u64 = 24;
const KEY_BYTES: u64 = 64;
/// Of a small shard no more than such a part goes at once.
const PART_AT_ONCE: usize = 64;

const OUT_OF_MEMORY: Fail = Fail::new("OOM command not allowed when used memory > 'maxmemory'.");

/// For how long memory has been above its limit.
#[derive(Default)]
pub(crate) struct Exceeded {
    /// Since when, in Unix milliseconds; 0: it is not.
    since_ms: AtomicU64,
    /// For how long before that.
    total_ms: AtomicU64,
}

impl Exceeded {
    fn note(&self, exceeds: bool, now_ms: u64) {
        let since = self.since_ms.load(Relaxed);
        if exceeds && since == 0 {
            self.since_ms.store(now_ms, Relaxed);
        } else if !exceeds && since != 0 {
            self.since_ms.store(0, Relaxed);
            self.total_ms.fetch_add(now_ms.saturating_sub(since), Relaxed);
        }
    }

    /// In all, and this time, in milliseconds.
    pub(crate) fn times_ms(&self, now_ms: u64) -> (u64, u64) {
        let since = self.since_ms.load(Relaxed);
        let current = if since == 0 { 0 } else { now_ms.saturating_sub(since) };
        (self.total_ms.load(Relaxed) + current, current)
    }
}

/// What is in use and will stay so.
fn used() -> u64 {
    memory::used().saturating_sub(memory::waiting_to_be_freed().1)
}

impl Shards {
    /// True if a command that may need memory has to [make room](Self::make_room) first.
    #[inline]
    pub(crate) fn exceeds_memory(&self) -> bool {
        memory::used() > self.settings.maxmemory.load(Relaxed)
    }

    /// Evicts what the policy says until memory is below its limit, within bounds. Refuses if there is nothing to evict.
    #[cold]
    pub(crate) fn make_room(&self, caller: &mut Caller) -> Result<(), Fail> {
        let evicted = self.evict_to_limit(caller, KEYS_MAX)?;
        let exceeds = used() > self.settings.maxmemory.load(Relaxed);
        self.exceeded.note(exceeds, caller.now_ms);
        // Of what was flushed nobody knows the size: it will be enough.
        let waiting = memory::waiting_to_be_freed().0 != 0 && self.settings.policy() != Policy::NoEviction;
        if exceeds && evicted == 0 && self.may_exceed() {
            return Ok(());
        }
        if exceeds && evicted == 0 && !waiting { Err(OUT_OF_MEMORY) } else { Ok(()) }
    }

    /// The same for a command of any keys, if it may need memory.
    #[inline]
    pub(crate) fn room_for(&self, caller: &mut Caller, may_need_memory: bool) -> Result<(), Fail> {
        if may_need_memory && self.exceeds_memory() { self.make_room(caller) } else { Ok(()) }
    }

    /// Whether it is what has still to settle that takes the memory; of that there is a bound of its own.
    fn may_exceed(&self) -> bool {
        let Some(unsettled) = self.keyspace.unsettled() else { return false };
        self.behind.is_wanted.store(true, Relaxed);
        let limit = self.settings.maxmemory.load(Relaxed);
        used() <= limit.saturating_add(limit >> 4).saturating_add(unsettled.bytes())
    }

    /// The same where locks are held, so that nothing can be evicted: refuses if nothing ever is.
    pub(super) fn room_at_hand(&self) -> Result<(), Fail> {
        let refused =
            self.exceeds_memory() && self.settings.policy() == Policy::NoEviction && !self.settles();
        if refused { Err(OUT_OF_MEMORY) } else { Ok(()) }
    }

    /// The same without a command that waits for it: what could not be evicted is left for the next time.
    pub(crate) fn keep_to_limit(&self, caller: &mut Caller) {
        if self.exceeds_memory() {
            // Without space in the log nothing can be evicted now, and nothing can be written either.
            let _ = self.evict_to_limit(caller, ROUND_KEYS_MAX);
        }
        self.keep_within_limits(caller);
        self.exceeded.note(used() > self.settings.maxmemory.load(Relaxed), caller.now_ms);
    }

    fn evict_to_limit(&self, caller: &mut Caller, keys_max: usize) -> Result<usize, Fail> {
        let limit = self.settings.maxmemory.load(Relaxed);
        let goal = limit - (limit >> 10).min(SLACK_BYTES_MAX);
        let (mut evicted, mut in_vain) = (0, 0);
        while in_vain < self.keyspace.shards() && evicted < keys_max {
            let used = used();
            if used <= goal || used <= limit && evicted >= BATCH_KEYS {
                break;
            }
            let shard = self.turns.fetch_add(1, Relaxed) & (self.keyspace.shards() - 1);
            let here = self.evict_from(caller, shard, BATCH_KEYS.min(keys_max - evicted), Some(goal))?;
            evicted += here;
            in_vain = if here == 0 { in_vain + 1 } else { 0 };
        }
        Ok(evicted)
    }

    /// Evicts up to so many keys from one shard, or, with a goal, until no more than so many bytes are in use. Returns how many.
    pub(crate) fn evict_from(
        &self,
        caller: &mut Caller,
        shard: usize,
        keys_max: usize,
        goal: Option<u64>,
    ) -> Result<usize, Fail> {
        if self.settles() {
            let is_enough = || goal.is_some_and(|goal| used() <= goal);
            return Ok(self.evict_settled(caller, shard, keys_max, is_enough));
        }
        let policy = self.settings.policy();
        if policy == Policy::NoEviction {
            return Ok(0);
        }
        let bytes = RECORD_OVERHEAD + (KEY_OVERHEAD + KEY_BYTES) * keys_max as u64;
        self.reserve(bytes)?;
        let mut key = std::mem::take(&mut caller.victim);
        let present = self.settings.present(caller.now_ms);
        let samples = self.settings.maxmemory_samples.load(Relaxed);
        let part = self.keyspace.lock(shard);
        let keys_max = keys_max.min(1 + part.len() / PART_AT_ONCE);
        let held = Held::One(shard, part);
        let mut ctx = self.context(caller, held, None, bytes);
        ctx.scratch.cause = Cause::Eviction;
        let mut evicted = 0;
        while evicted < keys_max && goal.is_none_or(|goal| used() > goal) {
            let part = ctx.held.get(shard).expect("it is the one that is held");
            let spaces = (0..self.keyspace.databases()).map(|db| (db, self.keyspace.space_of(db)));
            let Some(db) = part.pick_victim(policy, spaces, samples, present, &mut key) else { break };
            let needed = ctx.scratch.record.len() as u64 + RECORD_OVERHEAD + KEY_OVERHEAD + key.len() as u64;
            if needed > ctx.reserved && ctx.reserve(key.len() + 64).is_err() {
                break;
            }
            ctx.db = db;
            ctx.apply(Effect::Delete { key: &key });
            let part = ctx.held.get(shard).expect("it is the one that is held");
            part.counts.evicted_keys += 1;
            evicted += 1;
        }
        self.commit(ctx);
        caller.victim = key;
        Ok(evicted)
    }
}
