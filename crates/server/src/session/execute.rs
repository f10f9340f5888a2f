//! Runs the commands of a batch.
//!
//! The order of checks before a command is run is Valkey's: does it exist, has it the right number of arguments, may this
//! client run it, is it queued for a transaction.

use super::output::SET_ASIDE;
use super::peer::{Durability, Peer, Queued, ReplyMode};
use super::{DROPPED, Reach, Session};
use crate::clients::Client;
use crate::command::{self, Row, Runner};
use crate::server::Server;
use crate::slowlog::CommandLog;
use ramekin::command::{Fail, flag};
use ramekin::{Database, Reply};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Fewer commands than this are not worth prefetching for.
const PREFETCH_COMMANDS_MIN: usize = 2;

/// Short calls of one steady command in a row share a look at the clock, which costs as much as a tenth of a GET. So many at
/// most, and only with this many bytes of request and of reply.
const CALLS_TIMED_TOGETHER_MAX: u64 = 8;
const SHORT_CALL_BYTES_MAX: usize = 1024;
/// With a slow log that begins below this, each call is timed by itself.
const SLOW_US_MIN: i64 = 1000;

/// The time that commands see is looked up again once they have taken so long.
const BEHIND_NANOS_MAX: u64 = 1_000_000;

/// What a queued argument takes beside its bytes: a pointer, a length and the allocator's share.
const ARG_BYTES: usize = size_of::<Box<[u8]>>() + 16;

const NO_AUTH: Fail = Fail::new("NOAUTH Authentication required.");

impl Session {
    /// Runs the decoded commands from where the last run stopped.
    pub(super) fn run_batch(&mut self, server: &Arc<Server>, now_ms: u64) {
        if self.hashes.is_empty() && self.batch.len() - self.ran >= PREFETCH_COMMANDS_MIN {
            self.prefetch_buckets();
            self.prefetch_entries();
        }
        let (input, batch) = (std::mem::take(&mut self.input), std::mem::take(&mut self.batch));
        let mut hashes = std::mem::take(&mut self.hashes);
        self.has_moved = false;
        let mut last: Option<(&[u8], &'static Row)> = None;
        let mut many = Vec::new();
        let begun = self.ran;
        self.begun_ticks = server.ticks.raw();
        self.follow_settings(server);
        while self.ran < batch.len() && self.may_run() {
            self.peer.caller.hash_hint = hashes.get(self.ran - begun).copied();
            self.request_bytes = batch.bytes(self.ran);
            // Short commands need no list of their own.
            match batch.args(self.ran) {
                [name] => self.run_one(server, &[name.of(&input)], &mut last, now_ms),
                [name, one] => self.run_one(server, &[name.of(&input), one.of(&input)], &mut last, now_ms),
                [name, one, two] => {
                    let args = [name.of(&input), one.of(&input), two.of(&input)];
                    self.run_one(server, &args, &mut last, now_ms);
                }
                [name, one, two, three] => {
                    let args = [name.of(&input), one.of(&input), two.of(&input), three.of(&input)];
                    self.run_one(server, &args, &mut last, now_ms);
                }
                spans => {
                    many.clear();
                    many.extend(spans.iter().map(|span| span.of(&input)));
                    self.run_one(server, &many, &mut last, now_ms);
                }
            }
            if self.peer.stalled {
                break;
            }
            if self.has_moved {
                hashes.clear();
            }
            self.ran += 1;
        }
        self.peer.caller.hash_hint = None;
        self.time_calls(server);
        self.tally.flush(&server.stats);
        let ran = (self.ran - begun) as u64;
        server.stats.processed.fetch_add(ran, Relaxed);
        self.peer.client.commands.fetch_add(ran, Relaxed);
        (self.input, self.batch, self.hashes) = (input, batch, hashes);
        self.hashes.clear();
    }

    /// What does not change while a batch is run, unless by one of its commands.
    pub(super) fn follow_settings(&mut self, server: &Server) {
        self.reach = self.peer.reach();
        self.times_each_call = (0..SLOW_US_MIN).contains(&server.config.hot().slowlog_log_slower_than_us());
    }

    /// First step of fetching what the commands of the batch will read: the buckets of their keys.
    pub(super) fn prefetch_buckets(&mut self) {
        self.hashes.clear();
        let prefetch = self.peer.db.prefetch(self.peer.caller.db);
        for at in self.ran..self.batch.len() {
            // Nearly every command's first key is its first argument; a wrong guess is a useless hint.
            let hash = match self.batch.args(at) {
                [name, table, key, ..] if is_on_record(name.of(&self.input)) => {
                    self.peer.db.record_hash(table.of(&self.input), key.of(&self.input))
                }
                [_, key, ..] => self.peer.db.hash(key.of(&self.input)),
                _ => {
                    self.hashes.push(0);
                    continue;
                }
            };
            prefetch.bucket(hash);
            self.hashes.push(hash);
        }
    }

    /// Second step, some time after the first: the entries.
    pub(crate) fn prefetch_entries(&mut self) {
        let prefetch = self.peer.db.prefetch(self.peer.caller.db);
        self.far_hashes.clear();
        self.far_hashes.extend(self.hashes.iter().filter(|&&hash| prefetch.entry(hash)));
        self.far_hashes.iter().for_each(|&hash| prefetch.far_entry(hash));
        // Several commands on one key are likely to be about what is in it.
        let mut first = self.ran;
        for same in self.hashes.chunk_by(|one, other| one == other) {
            let commands = first..first + same.len();
            first = commands.end;
            if same.len() >= PREFETCH_COMMANDS_MIN
                && let [_, key, _, ..] = self.batch.args(commands.start)
            {
                let fields = commands.filter_map(|at| self.batch.args(at).get(2));
                prefetch.fields(same[0], key.of(&self.input), fields.map(|span| span.of(&self.input)));
            }
        }
    }

    /// Runs one command and gates its reply.
    #[inline]
    fn run_one<'i>(
        &mut self,
        server: &Arc<Server>,
        args: &[&'i [u8]],
        last: &mut Option<(&'i [u8], &'static Row)>,
        now_ms: u64,
    ) {
        let from = self.output.bytes.len();
        // A pipeline is mostly of one command: the same name need not be looked up again.
        let row = match *last {
            Some((name, row)) if name == args[0] => Ok(row),
            _ => command::resolve(args).inspect(|row| {
                self.time_calls(server);
                self.note_command(row);
                // A container's name says nothing of the subcommand.
                *last = (!row.spec.name.contains('|')).then_some((args[0], *row));
            }),
        };
        let row = match row {
            Ok(row) => row,
            Err(_) if is_http(args[0]) => {
                self.peer.closing = true;
                return;
            }
            Err(fail) => {
                self.refuse(server, None, &fail);
                return self.finish(from, 0);
            }
        };
        if let Err(fail) = self.admit(server, row, args) {
            self.refuse(server, Some(row), &fail);
            return self.finish(from, 0);
        }
        if !server.pause.is_off() && self.waits_for_pause(server, row, now_ms) {
            self.peer.stalled = true;
            return;
        }
        if self.peer.transaction.is_some() && !row.spec.is(flag::IN_MULTI) {
            self.queue(row, args);
            return self.finish(from, 0);
        }
        self.run_admitted(server, row, args, now_ms);
    }

    /// Runs a command that may be run now, and gates its reply.
    #[inline]
    pub(super) fn run_admitted(
        &mut self,
        server: &Arc<Server>,
        row: &'static Row,
        args: &[&[u8]],
        now_ms: u64,
    ) {
        let from = self.output.bytes.len();
        let lsn = self.dispatch(server, row, args);
        if self.blocked.is_some() && self.waits_for_store() {
            return;
        }
        self.account(server, row, args, from, now_ms);
        if !server.monitors.is_empty() {
            show(server, &self.peer, row, args);
        }
        self.finish(from, lsn);
    }

    /// Hands a command to whoever runs it. Returns the LSN that its reply depends on.
    #[inline]
    fn dispatch(&mut self, server: &Arc<Server>, row: &'static Row, args: &[&[u8]]) -> u64 {
        match row.runner {
            Runner::Engine(command) if row.spec.is(flag::BLOCKING) => {
                self.run_or_block(server, row, command, args)
            }
            Runner::Engine(command) => {
                let from = self.output.bytes.len();
                let mut out = self.output.replier(self.peer.protocol);
                let ran = self.peer.db.run(&mut self.peer.caller, command, args, &mut out);
                if let Some(needs) = ran.needs {
                    self.block_on_store(server, (row, args), from, &needs);
                } else if ran.left {
                    self.run_elsewhere(server, command, args);
                }
                if row.spec.is(flag::WRITE) {
                    self.peer.last_write_lsn = self.peer.last_write_lsn.max(ran.lsn);
                }
                ran.lsn
            }
            Runner::Server(run) => {
                // It may run commands of the engine with other arguments.
                self.peer.caller.hash_hint = None;
                self.tally.flush(&server.stats);
                let from = self.output.bytes.len();
                let mut out = self.output.replier(self.peer.protocol);
                self.peer.reply_lsn = 0;
                if let Err(fail) = run(&mut self.peer, server, args, &mut out) {
                    out.error(&fail.0);
                }
                if let Some(needs) = self.peer.needs.take() {
                    self.block_on_store(server, (row, args), from, &needs);
                }
                if let Some(wait) = self.peer.wait.take() {
                    self.block_until_safe(server, wait);
                }
                if let Some(work) = self.peer.work.take() {
                    self.block_on_work(server, work);
                }
                if let Some(begun) = self.peer.begun.take() {
                    self.block_on_begun(server, begun);
                }
                if let Some(wanted) = self.peer.moves.take() {
                    self.move_to(server, wanted);
                }
                self.follow_settings(server);
                self.peer.reply_lsn
            }
            Runner::Container => 0,
        }
    }

    /// Whether this client may run this command now.
    #[inline]
    fn admit(&mut self, server: &Server, row: &Row, args: &[&[u8]]) -> Result<(), Fail> {
        if !row.spec.takes(args.len()) {
            return Err(self.wrong_arity(row));
        }
        // A password that is asked for no more is not missed.
        if !self.peer.authenticated
            && !row.spec.is(flag::NO_AUTH)
            && server.config.snapshot().requirepass().is_some()
        {
            return Err(NO_AUTH);
        }
        if self.peer.transaction.is_some() && row.spec.is(flag::NO_MULTI) {
            return Err(Fail::text(format!(
                "ERR Command '{}' not allowed inside a transaction",
                row.spec.name
            )));
        }
        if self.peer.transaction.is_some() && row.spec.is(flag::DENYOOM) && !row.spec.is(flag::IN_MULTI) {
            self.peer.db.make_room(&mut self.peer.caller)?;
        }
        if let Some(namespace) = &self.peer.namespace
            && namespace.is_dropped()
            && row.spec.group != "connection"
            && !row.spec.name.starts_with("namespace|")
        {
            self.peer.end_transaction();
            return Err(Fail::new(DROPPED));
        }
        if self.peer.monitor && row.spec.is(flag::READONLY | flag::WRITE) {
            return Err(Fail::new("ERR Replica can't interact with the keyspace"));
        }
        Ok(())
    }

    /// The reply to a wrong number of arguments. An EXEC that cannot be run ends its transaction.
    #[cold]
    fn wrong_arity(&mut self, row: &Row) -> Fail {
        let fail = Fail::arity(row.spec.name);
        if row.spec.name != "exec" {
            return fail;
        }
        self.peer.end_transaction();
        Fail::text(format!(
            "EXECABORT Transaction discarded because of: {}",
            fail.0.trim_start_matches("ERR ")
        ))
    }

    fn waits_for_pause(&self, server: &Server, row: &Row, now_ms: u64) -> bool {
        let client = row.spec.name.starts_with("client|");
        let writes = row.spec.is(flag::WRITE)
            || row.spec.name == "exec"
                && self.peer.transaction.as_ref().is_some_and(|transaction| {
                    transaction.queued.iter().any(|queued| queued.row.spec.is(flag::WRITE))
                });
        let queued = self.peer.transaction.is_some() && row.spec.name != "exec";
        !client && !queued && server.pause.holds(writes, now_ms)
    }

    /// Notes what the client asks for, for `CLIENT LIST`.
    fn note_command(&self, row: &Row) {
        self.peer.client.last_command.store(u32::try_from(row.position + 1).unwrap_or(0), Relaxed);
    }

    fn queue(&mut self, row: &'static Row, args: &[&[u8]]) {
        if let Some(transaction) = &mut self.peer.transaction {
            // Keys that cannot be found refuse the command now, as they would when it is run.
            transaction.bytes +=
                size_of::<Queued>() + args.iter().map(|arg| arg.len() + ARG_BYTES).sum::<usize>();
            transaction.queued.push(Queued { row, args: args.iter().map(|arg| Box::from(*arg)).collect() });
        }
        self.output.bytes.extend_from_slice(ramekin_resp::shared::QUEUED);
    }

    /// Answers an error before the command was run.
    fn refuse(&mut self, server: &Server, row: Option<&Row>, fail: &Fail) {
        if let Some(transaction) = &mut self.peer.transaction {
            transaction.refused = true;
        }
        if let Some(row) = row {
            server.stats.commands[row.position].rejected.fetch_add(1, Relaxed);
        }
        server.stats.count_error(fail.0.as_bytes());
        self.output.replier(self.peer.protocol).error(&fail.0);
    }

    /// Counts a command that was run.
    #[inline]
    fn account(&mut self, server: &Server, row: &Row, args: &[&[u8]], from: usize, now_ms: u64) {
        if self.output.bytes.get(from) == Some(&b'-') {
            server.stats.commands[row.position].failed.fetch_add(1, Relaxed);
            server.stats.count_error(&self.output.bytes[from + 1..]);
        }
        let reply_bytes = self.output.replied_bytes(from);
        self.untimed.0 = row.position;
        self.untimed.1 += 1;
        if self.untimed.1 < CALLS_TIMED_TOGETHER_MAX
            && row.steady
            && self.request_bytes.max(reply_bytes) <= SHORT_CALL_BYTES_MAX
            && !self.times_each_call
        {
            return;
        }
        let nanos = self.time_calls(server);
        if self.blocked.is_none() && is_notable(server, nanos, self.request_bytes, reply_bytes) {
            note(server, &self.peer.client, row, args, (nanos, reply_bytes), now_ms);
        }
    }

    /// Counts the calls since the last look at the clock. Returns the time that they took together.
    fn time_calls(&mut self, server: &Server) -> u64 {
        let (position, calls) = std::mem::take(&mut self.untimed);
        if calls == 0 {
            return 0;
        }
        // The end of one command is the beginning of the next.
        let ended = server.ticks.raw();
        let nanos = server.ticks.delta_as_nanos(self.begun_ticks, ended);
        self.begun_ticks = ended;
        self.tally.add(&server.stats, position, calls, nanos);
        self.behind_nanos += nanos;
        if self.behind_nanos > BEHIND_NANOS_MAX {
            self.behind_nanos = 0;
            self.peer.caller.now_ms = self.peer.db.now_ms();
        }
        nanos
    }

    /// The reply is written: drop it if the client does not want it, hold it back if it depends on the log.
    #[inline]
    pub(super) fn finish(&mut self, from: usize, lsn: u64) {
        if self.peer.reply != ReplyMode::On {
            return self.finish_unwanted(from);
        }
        if self.output.bytes.len() == from || self.peer.durability == Durability::Memory {
            return;
        }
        let mut reach = self.reach;
        if reach == Reach::Store && lsn > self.peer.last_write_lsn {
            // Of others' changes, or of none.
            reach = Reach::of_database(&self.peer.db);
        }
        if (lsn == 0 && !self.output.is_gated()) || self.output.joins_last_gate(lsn, reach) {
            return;
        }
        if reach.has_come(&self.peer.db, lsn) {
            if reach == Reach::Store && self.peer.db.was_set_aside(&mut self.peer.caller, lsn) {
                self.output.truncate(from, &self.peer.db);
                self.output.replier(self.peer.protocol).error(SET_ASIDE);
            }
            self.output.joins_any_gate();
        } else {
            if let Some(reason) = self.peer.db.log_failed() {
                return self.output.fail_one(from, &reason, &self.peer.db);
            }
            if reach == Reach::Store
                && let Some(text) = self.peer.db.store_lost()
            {
                self.output.truncate(from, &self.peer.db);
                return self.output.replier(self.peer.protocol).error(text);
            }
            self.output.gate(from, lsn, reach);
        }
    }

    /// `CLIENT REPLY`: the reply is dropped.
    #[cold]
    fn finish_unwanted(&mut self, from: usize) {
        self.output.truncate(from, &self.peer.db);
        self.peer.reply = match self.peer.reply {
            ReplyMode::SkipNext => ReplyMode::Skip,
            ReplyMode::Skip => ReplyMode::On,
            mode => mode,
        };
    }
}

/// Whether this may be a command whose first key is made of two arguments: TABLE.PUT, TABLE.GET or TABLE.DEL.
#[inline]
fn is_on_record(name: &[u8]) -> bool {
    name.len() == 9 && name[..6].eq_ignore_ascii_case(b"table.")
}

/// Whether this is a line of a browser, which a page of somebody else may have sent here: such a connection is cut.
fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

/// Whether a command may belong into one of the command logs; its request takes so many bytes.
#[inline]
pub(crate) fn is_notable(server: &Server, nanos: u64, request_bytes: usize, reply_bytes: usize) -> bool {
    let hot = server.config.hot();
    let slow_us = hot.slowlog_log_slower_than_us();
    (slow_us >= 0 && nanos >= slow_us.unsigned_abs() * 1000)
        || request_bytes as u64 >= hot.large_request_bytes()
        || reply_bytes as u64 >= hot.large_reply_bytes()
}

/// Writes a command into the command logs that it belongs into.
#[cold]
pub(crate) fn note(
    server: &Server,
    client: &Client,
    row: &Row,
    args: &[&[u8]],
    (nanos, reply_bytes): (u64, usize),
    now_ms: u64,
) {
    if row.spec.is(flag::SKIP_SLOWLOG) {
        return;
    }
    let (hot, config) = (server.config.hot(), server.config.snapshot());
    let hidden = command::without_secrets(row, args);
    let shown = hidden.as_deref().unwrap_or(args);
    let add = |log: &CommandLog, cost: u64, threshold: u64, len_max: usize| {
        if cost >= threshold {
            log.add(now_ms / 1000, cost, shown, &client.addr, &client.name.lock(), len_max);
        }
    };
    let slow_us = u64::try_from(hot.slowlog_log_slower_than_us()).unwrap_or(u64::MAX);
    add(&server.slowlog, nanos / 1000, slow_us, config.slowlog_max_len());
    let request_bytes = wire_bytes(args) as u64;
    add(&server.large_requests, request_bytes, hot.large_request_bytes(), config.large_request_max_len());
    add(&server.large_replies, reply_bytes as u64, hot.large_reply_bytes(), config.large_reply_max_len());
}

/// What a request takes in the protocol.
fn wire_bytes(args: &[&[u8]]) -> usize {
    let number = |number: usize| number.checked_ilog10().unwrap_or(0) as usize + 1;
    let framed = |bytes: usize| 5 + number(bytes) + bytes;
    3 + number(args.len()) + args.iter().map(|arg| framed(arg.len())).sum::<usize>()
}

/// Shows a command to those who watch all of them.
#[cold]
pub(crate) fn show(server: &Server, peer: &Peer, row: &Row, args: &[&[u8]]) {
    if !row.spec.is(flag::SKIP_MONITOR | flag::ADMIN) {
        let hidden = command::without_secrets(row, args);
        server.monitors.feed(
            server.now_us(),
            peer.caller.db,
            &peer.client,
            hidden.as_deref().unwrap_or(args),
        );
    }
}

impl Reach {
    /// As `appendfsync` says.
    fn of_database(db: &Database) -> Self {
        match db.appendfsync() {
            ramekin::log::AppendFsync::Always => Self::Disk,
            _ => Self::Log,
        }
    }
}

impl Peer {
    /// What the replies to this client's commands wait for.
    pub(super) fn reach(&self) -> Reach {
        match self.durability {
            Durability::Memory => Reach::Log,
            Durability::Disk => Reach::Disk,
            Durability::Store => Reach::Store,
            Durability::Server => Reach::of_database(&self.db),
        }
    }
}
