//! The way of a write: the one file that sees commands, keyspace and log together.
//!
//! A command is run where its caller stands: space in the log is reserved, the shards of its keys are locked in the order
//! of their indices, the handler changes the data and encodes its effects, the effects are appended to the log as one
//! record while the shards are still locked, and the shards are unlocked. The reply may leave once the log has come as far
//! as the LSN that is returned: the highest of all that the command wrote *or read*.
//!
//! What must hold: nothing changes without space reserved for its record; nothing is appended without the locks of all
//! shards that it changes; no lock is held over I/O.

mod behind;
mod changed;
mod dictionaries;
mod disk_space;
mod expiry;
mod large;
mod limits;
mod look;
mod outside;
mod record;
mod room;
mod system;
mod unique;

pub use behind::{Needs, Planned, Refusal};
use changed::Changed;
pub use disk_space::DiskState;
pub use look::Glance;

pub(crate) use behind::{Behind, FENCED};

use crate::command::{Command, Ctx, Fail, Keys, LargePut, Reserve, Scratch, Settings, flag};
use crate::io::Clock;
use crate::keyspace::changes::Cause;
use crate::keyspace::entry::{Entry, View, mark};
use crate::keyspace::wait::Waiter;
use crate::keyspace::{Held, Keyspace, place};
use crate::log::{Log, Lsn};
use crate::record::Registry;
use crate::reply::{Collector, Reply, Response};
use crate::value::codec;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// What a record needs in the log besides its keys and values: headers, lengths, small effects of expiry.
const RECORD_OVERHEAD: u64 = 64;

/// Keyspace and log of one open database.
pub(crate) struct Shards {
    pub(crate) keyspace: Keyspace,
    pub(crate) registry: Registry,
    /// None: nothing is logged (`memory:`).
    pub(crate) log: Option<Log>,
    pub(crate) settings: Settings,
    /// Where what may not take long reads the time; none until the database is open.
    pub(crate) clock: OnceLock<Arc<dyn Clock>>,
    /// Whether replies may wait for the disk, so that it is known for each key what is not durable yet.
    pub(crate) tracks: AtomicBool,
    pub(crate) exceeded: room::Exceeded,
    /// Whose turn it is to evict.
    turns: AtomicUsize,
    pub(crate) disk: disk_space::DiskGuard,
    pub(crate) behind: Behind,
}

/// Who runs commands: a connection, a thread. Keeps what lasts from command to command.
#[derive(Default)]
pub struct Caller {
    /// The selected database.
    pub db: u32,
    /// The time that commands see, in Unix milliseconds; taken once for a batch.
    pub now_ms: u64,
    /// True if reads shall leave no trace in the access clocks (`CLIENT NO-TOUCH`).
    pub no_touch: bool,
    /// [`Database::hash`](crate::Database::hash) of the first argument of the command to be run, or
    /// [`Database::record_hash`](crate::Database::record_hash) of the first two, if that is known already.
    pub hash_hint: Option<u64>,
    /// True for whoever must not wait: a command that needs much room in the log before it begins is left to be run again
    /// by somebody who may.
    pub leaves_large: bool,
    scratch: Scratch,
    /// The key that is evicted.
    victim: Vec<u8>,
}

impl Caller {
    /// Somebody who runs commands on database 0 at this time.
    #[must_use]
    pub fn at(now_ms: u64) -> Self {
        Self { now_ms, ..Self::default() }
    }

    /// From now on it is remembered what this caller changes, so that it can be told what of that a store refuses
    /// ([`Database::was_set_aside`](crate::Database::was_set_aside)).
    pub fn follow(&mut self) {
        self.scratch.followed.get_or_insert_default();
    }

    /// The same of a record that somebody else has made on behalf of this caller.
    pub fn follow_record(&mut self, lsn: Lsn) {
        if let Some(followed) = self.followed() {
            followed.push(lsn, None);
        }
    }

    pub(crate) fn followed(&mut self) -> Option<&mut crate::command::Followed> {
        self.scratch.followed.as_mut()
    }
}

/// How a command went.
pub struct Ran {
    /// The reply may leave once the log has come this far.
    pub lsn: Lsn,
    /// The command waits: its keys and time-out in milliseconds (0: none). Nothing was replied.
    pub blocked: Option<(Vec<Box<[u8]>>, u64)>,
    /// The command takes long and was left, see [`Caller::leaves_large`]. Nothing was replied.
    pub left: bool,
    /// The command has to be run again once it has this ([`Database::obtain`](crate::Database::obtain)). What it has replied
    /// means nothing.
    pub needs: Option<Box<Needs>>,
    /// What came of an index that was to be unique, to be answered.
    made: Option<Result<(), Fail>>,
}

impl Ran {
    /// A command that is done.
    pub(crate) const fn done(lsn: Lsn) -> Self {
        Self { lsn, blocked: None, left: false, needs: None, made: None }
    }

    /// A command that has to be run again.
    pub(crate) fn needing(needs: Box<Needs>) -> Self {
        Self { needs: Some(needs), ..Self::done(0) }
    }
}

impl Shards {
    /// Shards without a log yet.
    pub(crate) fn new(keyspace: Keyspace, log: Option<Log>) -> Self {
        Self {
            keyspace,
            registry: Registry::default(),
            log,
            settings: Settings::default(),
            clock: OnceLock::new(),
            tracks: AtomicBool::new(false),
            exceeded: room::Exceeded::default(),
            turns: AtomicUsize::new(0),
            disk: disk_space::DiskGuard::default(),
            behind: Behind::default(),
        }
    }

    /// Runs one command. A refusal and a wrong number of arguments are replies like others.
    #[inline]
    pub(crate) fn run(
        &self,
        caller: &mut Caller,
        command: &Command,
        args: &[&[u8]],
        out: &mut dyn Reply,
    ) -> Ran {
        if self.keyspace.compression.is_on()
            && command.spec.is(flag::DENYOOM)
            && command.spec.group == "string"
            && !matches!(command.spec.name, "append" | "setrange")
        {
            // What is long and will be set as a whole is compressed before the locks.
            caller.scratch.prepared.take(&self.keyspace.compression, args);
            let ran = self.run_prepared(caller, command, args, out);
            caller.scratch.prepared.clear();
            return ran;
        }
        self.run_prepared(caller, command, args, out)
    }

    #[inline]
    fn run_prepared(
        &self,
        caller: &mut Caller,
        command: &Command,
        args: &[&[u8]],
        out: &mut dyn Reply,
    ) -> Ran {
        // The common case, a command of one key, in one piece: begin, run, conclude.
        if let Keys::At(index) = command.spec.keys
            && !command.spec.is(flag::WHOLE | flag::PATTERNS)
            && command.spec.takes(args.len())
        {
            if command.spec.is(flag::DENYOOM)
                && self.exceeds_memory()
                && let Err(fail) = self.make_room(caller)
            {
                return refuse(&fail, out);
            }
            if command.spec.is(flag::DENYOOM)
                && self.is_limited()
                && let Err(fail) = self.admit_one(caller, command, args)
            {
                return refuse(&fail, out);
            }
            if let Err(refusal) = self.admit_unsettled(command) {
                return Self::refuse_or_wait(refusal, out);
            }
            let bytes = if command.spec.is(flag::WRITE) { space_for(args) } else { 0 };
            if let Err(fail) = self.reserve_for_command(bytes) {
                return refuse(&fail, out);
            }
            let key = args[index];
            let hash = match caller.hash_hint.take() {
                Some(hash) if index == 1 => hash,
                _ => self.keyspace.hash(key),
            };
            debug_assert_eq!(hash, self.keyspace.hash(key), "a hint is the hash of the first argument");
            let shard = self.keyspace.shard_of(hash);
            let held = Held::One(shard, self.keyspace.lock(shard));
            let mut ctx = self.context(caller, held, Some((key, hash)), bytes);
            if ctx.settles
                && bytes != 0
                && (!command.spec.is(flag::BLIND) || ctx.is_tagged)
                && let Err(fail) = ctx.reserve_for_fetched(key)
            {
                out.error(&fail.0);
                return self.commit(ctx);
            }
            if let Err(fail) = (command.run)(&mut ctx, args, out) {
                if ctx.meets_rival {
                    self.commit(ctx);
                    return self.run_many(caller, command, args, out);
                }
                out.error(&fail.0);
            }
            if !ctx.cold.is_empty() {
                return self.leave_cold(ctx);
            }
            if ctx.has_only_read() {
                self.release(ctx.reserved);
                return Ran::done(ctx.seen_lsn);
            }
            return self.commit(ctx);
        }
        match command.spec.keys {
            Keys::Records(_) => self.run_record(caller, command, args, out),
            _ => self.run_many(caller, command, args, out),
        }
    }

    /// Runs a blocked command's first attempt, and queues it if it has to wait. `make` builds the waiter of the keys.
    pub(crate) fn run_or_wait(
        &self,
        caller: &mut Caller,
        command: &Command,
        args: &[&[u8]],
        out: &mut dyn Reply,
        make: impl FnOnce(Vec<Box<[u8]>>) -> Arc<Waiter>,
    ) -> (Ran, Option<Arc<Waiter>>) {
        let mut ctx = match self.begin(caller, command, args, 0) {
            Ok(ctx) => ctx,
            Err(refusal) => return (Self::refuse_or_wait(refusal, out), None),
        };
        ctx.may_block = true;
        run_in(&mut ctx, command, args, out);
        if !ctx.cold.is_empty() {
            return (self.leave_cold(ctx), None);
        }
        let waiter = ctx.block.as_ref().map(|(keys, _)| make(keys.clone()));
        if let Some(waiter) = &waiter {
            // Still under the locks under which nothing was found.
            for key in &waiter.keys {
                let place = place(self.keyspace.space_of(ctx.db), key);
                let shard = self.keyspace.shard_of(self.keyspace.hash(key));
                let part = ctx.held.get(shard).expect("the keys of a command are held while it runs");
                part.add_waiter(place, waiter);
            }
        }
        (self.commit(ctx), waiter)
    }

    /// Begins a transaction over these commands: reserves and locks for all of them.
    pub(crate) fn begin_many<'a>(
        &'a self,
        caller: &'a mut Caller,
        commands: &[Planned<'_>],
        watched: &[(u32, &[u8])],
    ) -> Result<Ctx<'a>, Refusal> {
        self.room_for(caller, commands.iter().any(|planned| planned.command.spec.is(flag::DENYOOM)))?;
        if self.is_limited() {
            let all = commands.iter().map(|planned| (planned.db, planned.command, planned.args));
            self.admit_within_limits(caller, all)?;
        }
        let (mut bytes, mut shards, mut whole) = (0, Vec::new(), false);
        for &Planned { command, args, .. } in commands {
            self.admit_unsettled(command)?;
            if command.spec.is(flag::WRITE) {
                bytes += space_for(args);
            }
            whole |=
                command.spec.is(flag::WALKS) || command.spec.is_whole(args) || self.may_meet_rivals(command);
            // Keys that cannot be found are what the command will answer.
            let _ = self.shards_locked(command, args, &mut shards);
        }
        if self.settles() {
            shards.extend(watched.iter().map(|(_, key)| self.keyspace.shard_of(self.keyspace.hash(key))));
        }
        self.reserve_for_command(bytes)?;
        shards.sort_unstable();
        shards.dedup();
        let held = if whole { self.keyspace.lock_all() } else { self.keyspace.lock_many(&shards) };
        let mut ctx = self.context(caller, held, None, bytes);
        if ctx.settles {
            let (mut cold, db) = (Vec::new(), ctx.db);
            for &(db, key) in watched {
                if ctx.in_db(db, |ctx| ctx.is_cold(key)) {
                    cold.push((db, key.into()));
                }
            }
            // What is tagged from here on keeps its tags when its value is replaced, so it has to be here.
            let is_tagged = ctx.is_tagged;
            ctx.is_tagged |= commands.iter().any(|planned| planned.command.spec.name.starts_with("tag."));
            for planned in commands {
                ctx.db = planned.db;
                if let Err(fail) = self.admit_keys(&mut ctx, planned.command, planned.args, &mut cold) {
                    self.commit(ctx);
                    return Err(Refusal::Fail(fail));
                }
            }
            (ctx.db, ctx.is_tagged) = (db, is_tagged);
            if !cold.is_empty() {
                self.commit(ctx);
                return Err(Refusal::Needs(Box::new(Needs::Keys(cold))));
            }
        }
        Ok(ctx)
    }

    /// Appends what was changed to the log as one record, serves those who waited for it, and unlocks.
    #[inline]
    pub(crate) fn commit(&self, mut ctx: Ctx<'_>) -> Ran {
        if ctx.scratch.ready.is_empty()
            && ctx.block.is_none()
            && !ctx.reclaims
            && ctx.drops.is_none()
            && ctx.begun.is_none()
            && ctx.indexed.is_none()
        {
            // Nobody waits and nothing is left to be done: the common case.
            return Ran::done(self.record(&mut ctx));
        }
        self.commit_and_serve(ctx)
    }

    fn commit_and_serve(&self, ctx: Ctx<'_>) -> Ran {
        let (mut deferred, now_ms) = (VecDeque::new(), ctx.now_ms);
        let ran = self.conclude(ctx, Vec::new(), &mut deferred);
        // A queue and no recursion: moves from list to list may wake each other in a chain of any length.
        while let Some((db, key)) = deferred.pop_front() {
            self.serve_key(db, &key, now_ms, &mut deferred);
        }
        ran
    }

    /// The same, but for waiters whose keys are not all held: their keys are left in `deferred`. `served` has been answered
    /// in this context already.
    #[inline]
    fn conclude(
        &self,
        mut ctx: Ctx<'_>,
        mut served: Vec<(Arc<Waiter>, Response)>,
        deferred: &mut VecDeque<(u32, Box<[u8]>)>,
    ) -> Ran {
        if !ctx.scratch.ready.is_empty() {
            self.serve_ready(&mut ctx, &mut served, deferred);
        }
        let lsn = self.record(&mut ctx);
        let (blocked, reclaims, drops) = (ctx.block.take(), ctx.reclaims, ctx.drops.take());
        let (begun, indexed) = (ctx.begun.take(), ctx.indexed.take());
        drop(ctx);
        let mut made = None;
        if let Some((table, unique)) = indexed {
            self.follow_indexes(&table);
            self.build_indexes(true);
            made = unique.map(|name| self.keep_if_unique(&table, &name));
        }
        if let Some(table) = begun {
            self.begin_table(&table);
        }
        if let Some(table) = drops
            && !self.settles()
        {
            self.finish_drop(&table);
        }
        if reclaims {
            self.keyspace.reclaim();
        }
        for (waiter, response) in served {
            (waiter.deliver)((response, lsn));
        }
        Ran { blocked, made, ..Ran::done(lsn) }
    }

    /// Appends the effects of a command to the log as one record, with the shards still locked. Returns the LSN that the
    /// reply depends on.
    #[inline]
    fn record(&self, ctx: &mut Ctx<'_>) -> Lsn {
        let mut lsn = ctx.seen_lsn;
        // Appending may take it away.
        let changed = self.keyspace.changes.is_kept().then(|| Changed::by(ctx));
        if let Some(log) = &self.log {
            if ctx.scratch.record.is_empty() && ctx.scratch.large.is_empty() {
                if ctx.reserved != 0 {
                    log.release(ctx.reserved);
                }
            } else {
                lsn = if ctx.scratch.large.is_empty() {
                    log.append(&ctx.scratch.record, ctx.reserved)
                } else {
                    Self::append_large(log, ctx)
                };
                self.note(ctx, lsn);
            }
        }
        if self.keyspace.has_unique() {
            self.release_claims(ctx);
        }
        if let Some(changed) = changed {
            changed.keep(&self.keyspace.changes, ctx.scratch.cause, lsn);
        }
        ctx.scratch.cause = Cause::Command;
        ctx.scratch.record.clear();
        ctx.scratch.large.clear();
        ctx.scratch.touched.clear();
        lsn
    }

    /// Notes in the shards which record changed them last.
    #[inline]
    fn note(&self, ctx: &mut Ctx<'_>, lsn: Lsn) {
        let tracks = self.tracks.load(Relaxed);
        let durable = self.log.as_ref().map_or(0, Log::durable);
        for &(shard, key) in &ctx.scratch.touched {
            let part = ctx.held.get(shard).expect("what was changed is held");
            part.last_lsn = lsn;
            if tracks {
                if part.recent.len() >= part.recent_max {
                    part.recent.retain(|_, at| *at > durable);
                    part.recent_max = (part.recent.len() * 2).max(64);
                }
                part.recent.insert(key, lsn);
            }
        }
        if let Some(followed) = &mut ctx.scratch.followed {
            ctx.scratch.touched.iter().for_each(|&(_, key)| followed.push(lsn, Some(key)));
        }
        if ctx.whole {
            for shard in 0..self.keyspace.shards() {
                let part = ctx.held.get(shard).expect("a change to a whole database holds all shards");
                (part.last_lsn, part.whole_lsn) = (lsn, lsn);
            }
        }
    }

    #[inline]
    fn begin<'a>(
        &'a self,
        caller: &'a mut Caller,
        command: &Command,
        args: &[&'a [u8]],
        ahead: u64,
    ) -> Result<Ctx<'a>, Refusal> {
        if !command.spec.takes(args.len()) {
            return Err(Refusal::Fail(Fail::arity(command.spec.name)));
        }
        self.admit_unsettled(command)?;
        self.room_for(caller, command.spec.is(flag::DENYOOM))?;
        if self.is_limited() {
            self.admit_one(caller, command, args)?;
        }
        let mut bytes = 0;
        if command.spec.is(flag::WRITE) {
            bytes = space_for(args) + ahead;
            self.reserve_for_command(bytes)?;
        }
        if let Keys::At(index) = command.spec.keys
            && !command.spec.is(flag::WHOLE | flag::PATTERNS)
            && caller.scratch.rivals.is_empty()
        {
            let key = args[index];
            let hash = self.keyspace.hash(key);
            let shard = self.keyspace.shard_of(hash);
            let held = Held::One(shard, self.keyspace.lock(shard));
            let mut ctx = self.context(caller, held, Some((key, hash)), bytes);
            if ctx.settles
                && bytes != 0
                && (!command.spec.is(flag::BLIND) || ctx.is_tagged)
                && let Err(fail) = ctx.reserve_for_fetched(key)
            {
                self.commit(ctx);
                return Err(Refusal::Fail(fail));
            }
            return Ok(ctx);
        }
        let held = match self.hold(command, args, &caller.scratch.rivals) {
            Ok(held) => held,
            Err(fail) => {
                self.release(bytes);
                return Err(Refusal::Fail(fail));
            }
        };
        let mut ctx = self.context(caller, held, None, bytes);
        if ctx.settles {
            let mut cold = Vec::new();
            if let Err(fail) = self.admit_keys(&mut ctx, command, args, &mut cold) {
                self.commit(ctx);
                return Err(Refusal::Fail(fail));
            }
            if !cold.is_empty() {
                self.commit(ctx);
                return Err(Refusal::Needs(Box::new(Needs::Keys(cold))));
            }
        }
        Ok(ctx)
    }

    fn hold(&self, command: &Command, args: &[&[u8]], others: &[usize]) -> Result<Held<'_>, Fail> {
        if command.spec.is_whole(args) {
            return Ok(self.keyspace.lock_all());
        }
        let mut shards = others.to_vec();
        self.shards_locked(command, args, &mut shards)?;
        shards.sort_unstable();
        shards.dedup();
        Ok(if shards.is_empty() { Held::None } else { self.keyspace.lock_many(&shards) })
    }

    /// Adds the shards of the keys that a command locks, in no order.
    fn shards_locked(&self, command: &Command, args: &[&[u8]], shards: &mut Vec<usize>) -> Result<(), Fail> {
        let is_table = |name: &[u8]| self.registry.snapshot().get(name).is_some();
        let add = |key: &[u8]| shards.push(self.keyspace.shard_of(self.keyspace.hash(key)));
        command.spec.each_locked(args, is_table, add)
    }

    #[inline]
    fn context<'a>(
        &'a self,
        caller: &'a mut Caller,
        held: Held<'a>,
        first: Option<(&'a [u8], u64)>,
        reserved: u64,
    ) -> Ctx<'a> {
        Ctx {
            keyspace: &self.keyspace,
            registry: &self.registry,
            held,
            scratch: &mut caller.scratch,
            settings: &self.settings,
            reserve: self,
            reserved,
            ahead: 0,
            wanted: 0,
            may_ask: false,
            may_leave: false,
            left: false,
            db: caller.db,
            now_ms: caller.now_ms,
            touches: !caller.no_touch,
            may_block: false,
            block: None,
            first,
            tracks: self.tracks.load(Relaxed),
            seen_lsn: 0,
            whole: false,
            reclaims: false,
            drops: None,
            indexed: None,
            meets_rival: false,
            begun: None,
            settles: self.settles(),
            is_tagged: self.behind.is_tagged.load(Relaxed),
            cold: Vec::new(),
        }
    }

    #[inline]
    fn reserve(&self, bytes: u64) -> Result<(), Fail> {
        match &self.log {
            Some(log) if bytes != 0 => log.reserve(bytes).map_err(|refusal| refused(&refusal.to_string())),
            _ => Ok(()),
        }
    }

    /// Reserves for what a client has asked for, which a disk that is nearly full refuses.
    #[inline]
    fn reserve_for_command(&self, bytes: u64) -> Result<(), Fail> {
        if bytes != 0 {
            self.disk.admit()?;
        }
        self.reserve(bytes)
    }

    fn release(&self, bytes: u64) {
        if let Some(log) = &self.log
            && bytes != 0
        {
            log.release(bytes);
        }
    }

    /// Runs waiting commands whose keys are ready, inside the critical section that made them so. One whose keys are not
    /// all held, or for which no log space is at hand, is left, with those behind it, for after the unlock.
    fn serve_ready(
        &self,
        ctx: &mut Ctx<'_>,
        served: &mut Vec<(Arc<Waiter>, Response)>,
        deferred: &mut VecDeque<(u32, Box<[u8]>)>,
    ) {
        let (db, block, may_block) = (ctx.db, ctx.block.take(), ctx.may_block);
        let mut at = 0;
        while at < ctx.scratch.ready.len() {
            let (ready_db, key) = ctx.scratch.ready[at].clone();
            at += 1;
            while let Some(waiter) = self.front(ctx, ready_db, &key) {
                let all_held = self.shards_of(&waiter).iter().all(|&shard| ctx.held.get(shard).is_some());
                if !all_held || !self.reserve_at_hand(ctx, space_for(&words(&waiter))) {
                    deferred.push_back((ready_db, key.clone()));
                    break;
                }
                if !waiter.claim() {
                    continue;
                }
                match self.attempt(ctx, &waiter) {
                    Some(response) => served.push((waiter, response)),
                    None => break,
                }
            }
        }
        ctx.scratch.ready.clear();
        (ctx.db, ctx.block, ctx.may_block) = (db, block, may_block);
    }

    fn reserve_at_hand(&self, ctx: &mut Ctx<'_>, bytes: u64) -> bool {
        let reserved = self.log.as_ref().is_none_or(|log| log.reserve_at_hand(ctx.reserved, bytes));
        if reserved {
            ctx.reserved += bytes;
        }
        reserved
    }

    /// Runs the commands that wait for a key, one after the other, each under the locks of all its keys. Whom they wake is
    /// added to `deferred`.
    pub(crate) fn serve_key(
        &self,
        db: u32,
        key: &[u8],
        now_ms: u64,
        deferred: &mut VecDeque<(u32, Box<[u8]>)>,
    ) {
        let shard = self.keyspace.shard_of(self.keyspace.hash(key));
        loop {
            let mut caller = Caller { db, now_ms, ..Caller::default() };
            let waiter = {
                let held = Held::One(shard, self.keyspace.lock(shard));
                let mut ctx = self.context(&mut caller, held, None, 0);
                self.front(&mut ctx, db, key)
            };
            let Some(waiter) = waiter else { return };
            let bytes = space_for(&words(&waiter));
            let refusal = self.reserve(bytes).err();
            let bytes = if refusal.is_some() { 0 } else { bytes };
            let mut ctx =
                self.context(&mut caller, self.keyspace.lock_many(&self.shards_of(&waiter)), None, bytes);
            let claimed = waiter.claim();
            let mut served = Vec::new();
            if claimed {
                let response = match refusal {
                    None => self.attempt(&mut ctx, &waiter),
                    Some(fail) => Some(self.finish(&mut ctx, &waiter, Response::Error(fail.0.into_owned()))),
                };
                served.extend(response.map(|response| (waiter, response)));
            }
            let blocked = claimed && served.is_empty();
            // Those who wait for what this one made ready come after those who wait for this key.
            deferred.extend(ctx.scratch.ready.drain(..));
            self.conclude(ctx, served, deferred);
            if blocked {
                return;
            }
        }
    }

    /// Runs a claimed waiter's command; none if it is still blocked.
    fn attempt(&self, ctx: &mut Ctx<'_>, waiter: &Arc<Waiter>) -> Option<Response> {
        let args = words(waiter);
        let command = crate::command::find(args[0]).expect("it was found when it began to wait");
        if command.spec.is(flag::DENYOOM)
            && let Err(fail) = self.room_at_hand()
        {
            return Some(self.finish(ctx, waiter, Response::Error(fail.0.into_owned())));
        }
        let mut out = Collector::for_protocol(waiter.resp3);
        (ctx.db, ctx.may_block) = (waiter.db, true);
        if ctx.settles {
            let keys = command.spec.keys_of(&args).unwrap_or_default();
            let more: u64 = keys.iter().map(|key| ctx.fetched_bytes_max(key)).sum();
            if more != 0
                && let Err(fail) = ctx.reserve(usize::try_from(more).unwrap_or(usize::MAX))
            {
                return Some(self.finish(ctx, waiter, Response::Error(fail.0.into_owned())));
            }
        }
        run_in(ctx, command, &args, &mut out);
        if !ctx.cold.is_empty() {
            waiter.release();
            self.fetch_for_waiter(ctx, waiter);
            return None;
        }
        if ctx.block.take().is_some() {
            waiter.release();
            return None;
        }
        Some(self.finish(ctx, waiter, out.into_response().unwrap_or(Response::Null)))
    }

    /// A claimed waiter has its answer: it waits for none of its keys any longer.
    fn finish(&self, ctx: &mut Ctx<'_>, waiter: &Arc<Waiter>, response: Response) -> Response {
        waiter.finish();
        for key in &waiter.keys {
            let shard = self.keyspace.shard_of(self.keyspace.hash(key));
            let part = ctx.held.get(shard).expect("a waiter is served under the locks of all its keys");
            part.remove_waiter(&place(self.keyspace.space_of(waiter.db), key), waiter);
        }
        response
    }

    /// The first command that still waits for this key. Those that have ended are dropped from the queue.
    fn front(&self, ctx: &mut Ctx<'_>, db: u32, key: &[u8]) -> Option<Arc<Waiter>> {
        let part = ctx.held.get(self.keyspace.shard_of(self.keyspace.hash(key)))?;
        let place = place(self.keyspace.space_of(db), key);
        let queue = part.waiters.get_mut(&place)?;
        while queue.front().is_some_and(|waiter| waiter.is_done()) {
            queue.pop_front();
        }
        let front = queue.front().cloned();
        if front.is_none() {
            part.waiters.remove(&place);
        }
        front
    }

    /// The shards of all keys of a waiting command, in order.
    fn shards_of(&self, waiter: &Waiter) -> Vec<usize> {
        let args = words(waiter);
        let command = crate::command::find(args[0]).expect("it was found when it began to wait");
        let mut shards = Vec::new();
        self.shards_locked(command, &args, &mut shards).expect("they were found when it began to wait");
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    /// Ends a wait without an answer. False: the command has been run, and its answer is delivered or about to be.
    pub(crate) fn give_up(&self, waiter: &Arc<Waiter>) -> bool {
        let first = waiter.keys.first().expect("a blocked command waits for a key");
        let part = self.keyspace.lock(self.keyspace.shard_of(self.keyspace.hash(first)));
        // Commands are attempted under the locks of all their keys, so none is half way now.
        let ended = waiter.give_up();
        drop(part);
        if ended {
            self.forget(waiter);
        }
        ended
    }

    /// Takes a waiter that has ended out of its queues.
    fn forget(&self, waiter: &Arc<Waiter>) {
        for key in &waiter.keys {
            let mut part = self.keyspace.lock(self.keyspace.shard_of(self.keyspace.hash(key)));
            part.remove_waiter(&place(self.keyspace.space_of(waiter.db), key), waiter);
        }
    }
}

impl Reserve for Shards {
    fn reserve_more(&self, reserved: u64, more: u64) -> Result<(), Fail> {
        match &self.log {
            Some(log) => log.reserve_more(reserved, more).map_err(|refusal| refused(&refusal.to_string())),
            None => Ok(()),
        }
    }

    fn note_tags(&self) {
        self.behind.is_tagged.store(true, Relaxed);
    }

    fn keeps_tags(&self) -> bool {
        !self.settles() || self.behind.keeps_tags.load(Relaxed)
    }

    fn may_flush(&self) -> bool {
        self.behind.may_flush.load(Relaxed)
    }

    fn clock(&self) -> Option<&Arc<dyn Clock>> {
        self.clock.get()
    }

    fn note_flush(&self, db: u32, lsn: u64) -> (Vec<u8>, Vec<u8>) {
        self.behind.flushes.lock().insert(db, lsn);
        (outside::flush_key(db), lsn.to_string().into_bytes())
    }
}

/// Answers a refusal before anything was run.
#[cold]
fn refuse(fail: &Fail, out: &mut dyn Reply) -> Ran {
    out.error(&fail.0);
    Ran::done(0)
}

/// Runs a handler that cannot be run again; its refusal becomes the reply.
#[inline]
pub(crate) fn run_in(ctx: &mut Ctx<'_>, command: &Command, args: &[&[u8]], out: &mut dyn Reply) {
    if let Err(fail) = (command.run)(ctx, args, out) {
        ctx.forget_rivals();
        out.error(&fail.0);
    }
}

/// The words of a waiting command.
fn words(waiter: &Waiter) -> Vec<&[u8]> {
    waiter.args.iter().map(|arg| &**arg).collect()
}

/// An upper bound of the record of a command with these arguments.
#[inline]
fn space_for(args: &[&[u8]]) -> u64 {
    args.iter().fold(RECORD_OVERHEAD, |sum, arg| sum + arg.len() as u64 + 24)
}

/// An upper bound of the record that removes an entry, or fields of it.
fn space_to_remove(key: &[u8], entry: &Entry) -> u64 {
    let whole = match entry.view() {
        // The log may not know it yet.
        View::Value(value) if entry.has(mark::FETCHED) => {
            LargePut::record_bytes_max(codec::encoded_bytes_max(value), key)
        }
        _ => 0,
    };
    RECORD_OVERHEAD + key.len() as u64 + entry.heap_bytes() as u64 + whole
}

/// The reply to a write that the log cannot take.
fn refused(reason: &str) -> Fail {
    Fail::text(format!("MISCONF Errors writing to the AOF file: {reason}"))
}
