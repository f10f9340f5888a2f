//! Runs the commands of a batch.
//!
//! The order of checks before a command is run is Valkey's: does it exist, has it the right number of arguments, may this
//! client run it, is it queued for a transaction.

use super::peer::{Durability, Peer, Queued, ReplyMode};
use super::{BATCH_COMMANDS_MAX, Replier, Session};
use crate::command::{self, Row, Runner};
use crate::server::Server;
use ramekin::Reply;
use ramekin::command::{Fail, Keys, flag};
use ramekin_resp::Span;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Arguments that need no allocation.
const ARGS_INLINE: usize = 8;
/// Fewer commands than this are not worth prefetching for.
const PREFETCH_COMMANDS_MIN: usize = 2;

const NO_AUTH: Fail = Fail::new("NOAUTH Authentication required.");

impl Session {
    /// Runs the decoded commands from where the last run stopped.
    pub(super) fn run_batch(&mut self, server: &Arc<Server>, now_ms: u64) {
        let input = std::mem::take(&mut self.input);
        self.prefetch(server, &input);
        let begun = self.ran;
        self.begun_ticks = server.ticks.raw();
        while self.ran < self.batch.len() && self.may_run() {
            let spans = self.batch.args(self.ran);
            let mut inline: [&[u8]; ARGS_INLINE] = [&[]; ARGS_INLINE];
            let many: Vec<&[u8]>;
            let args: &[&[u8]] = if spans.len() <= ARGS_INLINE {
                let count = spans.len();
                for (arg, span) in inline.iter_mut().zip(spans) {
                    *arg = Span::of(span, &input);
                }
                &inline[..count]
            } else {
                many = spans.iter().map(|span| span.of(&input)).collect();
                &many
            };
            self.run_one(server, args, now_ms);
            if self.peer.stalled {
                break;
            }
            self.ran += 1;
        }
        self.tally.flush(&server.stats);
        let ran = (self.ran - begun) as u64;
        server.stats.processed.fetch_add(ran, Relaxed);
        self.peer.client.commands.fetch_add(ran, Relaxed);
        self.input = input;
    }

    /// Fetches what the commands of the batch will read: first all buckets, then all entries.
    fn prefetch(&self, server: &Server, input: &[u8]) {
        let commands = self.ran..self.batch.len();
        if commands.len() < PREFETCH_COMMANDS_MIN {
            return;
        }
        let mut hashes = [0_u64; BATCH_COMMANDS_MAX];
        let mut count = 0;
        let db = self.peer.caller.db;
        for at in commands {
            // Nearly every command's first key is its first argument; a wrong guess is a useless hint.
            if let Some(span) = self.batch.args(at).get(1) {
                hashes[count] = server.db.hash(span.of(input));
                server.db.prefetch_bucket(db, hashes[count]);
                count += 1;
            }
        }
        for &hash in &hashes[..count] {
            server.db.prefetch_entry(db, hash);
        }
    }

    /// Runs one command and gates its reply.
    fn run_one(&mut self, server: &Arc<Server>, args: &[&[u8]], now_ms: u64) {
        let from = self.output.bytes.len();
        let row = match command::resolve(args) {
            Ok(row) => row,
            Err(fail) => {
                self.refuse(server, None, &fail);
                return self.finish(server, from, 0);
            }
        };
        if let Err(fail) = self.admit(row, args) {
            self.refuse(server, Some(row), &fail);
            return self.finish(server, from, 0);
        }
        if !server.pause.is_off() && self.waits_for_pause(server, row, now_ms) {
            self.peer.stalled = true;
            return;
        }
        if self.peer.transaction.is_some() && !row.spec.is(flag::IN_MULTI) {
            self.queue(row, args);
            return self.finish(server, from, 0);
        }
        if !server.monitors.is_empty() && !row.spec.is(flag::SKIP_MONITOR | flag::ADMIN) {
            server.monitors.feed(now_ms * 1000, self.peer.caller.db, &self.peer.client.addr, args);
        }
        let lsn = self.dispatch(server, row, args);
        // The end of one command is the beginning of the next: one look at the counter for each.
        let ended = server.ticks.raw();
        let nanos = server.ticks.delta_as_nanos(self.begun_ticks, ended);
        self.begun_ticks = ended;
        self.account(server, row, args, from, nanos, now_ms);
        self.finish(server, from, lsn);
    }

    /// Hands a command to whoever runs it. Returns the LSN that its reply depends on.
    #[inline]
    fn dispatch(&mut self, server: &Arc<Server>, row: &'static Row, args: &[&[u8]]) -> u64 {
        self.peer.client.last_command.store(u32::try_from(row.position + 1).unwrap_or(0), Relaxed);
        match row.runner {
            Runner::Engine(command) if row.spec.is(flag::BLOCKING) => self.run_or_block(server, command, args),
            Runner::Engine(command) => {
                let mut out = Replier::new(&mut self.output.bytes, self.peer.protocol);
                let ran = server.db.run(&mut self.peer.caller, command, args, &mut out);
                if row.spec.is(flag::WRITE) {
                    self.peer.last_write_lsn = self.peer.last_write_lsn.max(ran.lsn);
                }
                ran.lsn
            }
            Runner::Server(run) => {
                self.tally.flush(&server.stats);
                let mut out = Replier::new(&mut self.output.bytes, self.peer.protocol);
                self.peer.reply_lsn = 0;
                if let Err(fail) = run(&mut self.peer, server, args, &mut out) {
                    out.error(&fail.0);
                }
                if let Some(timeout_ms) = self.peer.wait_durable_ms.take() {
                    self.block_until_durable(server, timeout_ms);
                }
                self.peer.reply_lsn
            }
            Runner::Container => 0,
        }
    }

    /// Whether this client may run this command now.
    #[inline]
    fn admit(&self, row: &Row, args: &[&[u8]]) -> Result<(), Fail> {
        if !row.spec.takes(args.len()) {
            return Err(Fail::arity(row.spec.name));
        }
        if !self.peer.authenticated && !row.spec.is(flag::NO_AUTH) {
            return Err(NO_AUTH);
        }
        if self.peer.transaction.is_some() && row.spec.is(flag::NO_MULTI) {
            return Err(Fail::text(format!(
                "ERR {} inside MULTI is not allowed",
                row.spec.name.split('|').next().unwrap_or_default().to_ascii_uppercase()
            )));
        }
        Ok(())
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

    fn queue(&mut self, row: &'static Row, args: &[&[u8]]) {
        if let Some(transaction) = &mut self.peer.transaction {
            // Keys that cannot be found refuse the command now, as they would when it is run.
            transaction.bytes += args.iter().map(|arg| arg.len()).sum::<usize>();
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
        Replier::new(&mut self.output.bytes, self.peer.protocol).error(&fail.0);
    }

    /// Counts a command that was run.
    #[inline]
    fn account(&mut self, server: &Server, row: &Row, args: &[&[u8]], from: usize, nanos: u64, now_ms: u64) {
        self.tally.add(&server.stats, row.position, nanos);
        if self.output.bytes.get(from) == Some(&b'-') {
            server.stats.commands[row.position].failed.fetch_add(1, Relaxed);
            server.stats.count_error(&self.output.bytes[from + 1..]);
        }
        let threshold = server.config.hot().slowlog_log_slower_than_us();
        if threshold >= 0 && nanos >= threshold.unsigned_abs() * 1000 && self.blocked.is_none() {
            self.log_slow(server, row, args, nanos, now_ms);
        }
    }

    #[cold]
    fn log_slow(&self, server: &Server, row: &Row, args: &[&[u8]], nanos: u64, now_ms: u64) {
        if row.spec.is(flag::SKIP_SLOWLOG) {
            return;
        }
        let client = &self.peer.client;
        let len_max = server.config.snapshot().slowlog_max_len();
        server.slowlog.add(now_ms / 1000, nanos / 1000, args, &client.addr, &client.name.lock(), len_max);
    }

    /// The reply is written: drop it if the client does not want it, hold it back if it depends on the log.
    #[inline]
    pub(super) fn finish(&mut self, server: &Server, from: usize, lsn: u64) {
        match self.peer.reply {
            ReplyMode::On => {}
            ReplyMode::SkipNext => {
                self.peer.reply = ReplyMode::Skip;
                self.output.bytes.truncate(from);
                return;
            }
            mode @ (ReplyMode::Skip | ReplyMode::Off) => {
                self.output.bytes.truncate(from);
                if mode == ReplyMode::Skip {
                    self.peer.reply = ReplyMode::On;
                }
                return;
            }
        }
        if self.output.bytes.len() == from {
            return;
        }
        let disk = match self.peer.durability {
            Durability::Memory => return,
            Durability::Disk => true,
            Durability::Server => server.db.appendfsync() == ramekin::log::AppendFsync::Always,
        };
        if (lsn == 0 && !self.output.is_gated()) || self.output.joins_last_gate(lsn, disk) {
            return;
        }
        if !server.db.is_settled(lsn, disk) {
            if let Some(reason) = server.db.log_failed() {
                return self.output.fail_one(from, &reason);
            }
            self.output.gate(from, lsn, disk);
        }
    }
}

/// Where the keys of a command are, for whoever asks (`COMMAND GETKEYS`).
pub(crate) fn has_keys(row: &Row) -> bool {
    !matches!(row.spec.keys, Keys::None)
}

impl Peer {
    /// Whether the reply to this command would wait for the disk.
    #[must_use]
    pub fn waits_for_disk(&self, server: &Server) -> bool {
        match self.durability {
            Durability::Memory => false,
            Durability::Disk => true,
            Durability::Server => server.db.appendfsync() == ramekin::log::AppendFsync::Always,
        }
    }
}
