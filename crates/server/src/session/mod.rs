//! One connection without its socket: bytes, time, wake-ups and completions in, bytes out.
//!
//! [`Session`] owns the buffers and the order of things: decode, run, hold replies back until the log has come far enough.
//! [`Peer`] is what a command's handler sees of the client. Neither knows sockets or has a clock of its own.

mod block;
mod execute;
mod moving;
mod output;
mod peer;
mod replier;
mod streams;

pub(crate) use execute::{is_notable, note, show};
pub(crate) use moving::{DROPPED, Place};
pub(crate) use output::{Output, Reach, SET_ASIDE};
pub(crate) use peer::{Durability, Move, Peer, Queued, ReplyMode, Transaction, Wait, Watching};
pub(crate) use replier::Replier;

use crate::clients::Client;
use crate::server::Server;
use block::Blocked;
use ramekin::Obtained;
use ramekin_resp::{Batch, Decoder, Limits};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Commands decoded and prefetched together.
const BATCH_COMMANDS_MAX: usize = 64;
/// What a read asks for, and what an idle connection does not keep.
const READ_BYTES: usize = 16 * 1024;
/// Input buffers that a loop keeps to lend.
const SPARE_INPUTS_MAX: usize = 32;
/// A query buffer is grown for what was announced by so many times what was received, and so much at once at most.
const GROWTH_FACTOR: usize = 3;
const GROWTH_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A client that leaves so much unread waits with its next command, where no limit says otherwise. What it sends
/// meanwhile is read on, up to the limit of its query buffer: many clients send all before they read.
const UNREAD_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What a client that has not given the password may leave unread.
const UNREAD_BYTES_MAX_WITHOUT_PASSWORD: u64 = 1024;
/// What a connection takes without its buffers, about.
pub(crate) const CONNECTION_BYTES: u64 = 1024;
/// A connection that was silent for so long gives its buffers back.
const IDLE_MS: u64 = 2000;

/// The state of one connection.
pub(crate) struct Session {
    peer: Peer,
    decoder: Decoder,
    batch: Batch,
    /// Commands of `batch` that have been run.
    ran: usize,
    /// Hashes of the first arguments of the commands that are still to be run, if their buckets were prefetched.
    hashes: Vec<u64>,
    /// Those of them whose entries are fetched in two steps.
    far_hashes: Vec<u64>,
    /// It has gone to another database since a batch was begun: `hashes` are of the one before.
    has_moved: bool,
    /// Received bytes; only the first `filled` mean something.
    input: Vec<u8>,
    filled: usize,
    /// Bytes were received that `advance` has not seen.
    has_received: bool,
    pub(crate) output: Output,
    blocked: Option<Blocked>,
    /// What the command that waited for the store has got; kept until it has been run.
    kept: Vec<Obtained>,
    /// Counts blocked commands, so that a late answer is known.
    waits: u64,
    /// A protocol error that is told once everything before it has been.
    broken: bool,
    /// How far the log has to come before replies leave; looked up once a batch.
    reach: Reach,
    /// Whether calls of fast commands may not share a look at the clock; looked up once a batch.
    times_each_call: bool,
    /// Bytes of the command that is being run.
    request_bytes: usize,
    /// Calls that are not in the server's figures yet.
    tally: crate::stats::Tally,
    /// Which command was called how often since the last look at the server's counter.
    untimed: (usize, u64),
    /// What the counter said then.
    begun_ticks: u64,
    /// How long the commands have taken that were run since the time they see was looked up.
    behind_nanos: u64,
    /// Since when the output is above its soft limit, in ms.
    over_soft_since_ms: Option<u64>,
    /// With so much output that is not sent no command is run.
    unread_bytes_max: usize,
    /// Commands wait for the output to be sent.
    choked: bool,
}

/// What the socket should do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Go on reading and writing.
    Open,
    /// Send what is in the output and close.
    Close,
    /// Close now.
    Drop,
}

impl Session {
    /// The session of a client that has just connected.
    pub(crate) fn new(server: &Server, client: Arc<Client>) -> Self {
        Self {
            peer: Peer::new(server, client),
            decoder: Decoder::new(),
            batch: Batch::new(),
            ran: 0,
            hashes: Vec::new(),
            far_hashes: Vec::new(),
            has_moved: false,
            input: Vec::new(),
            filled: 0,
            has_received: false,
            output: Output::default(),
            blocked: None,
            kept: Vec::new(),
            waits: 0,
            broken: false,
            tally: crate::stats::Tally::default(),
            untimed: (0, 0),
            begun_ticks: 0,
            reach: Reach::Log,
            times_each_call: false,
            request_bytes: 0,
            behind_nanos: 0,
            over_soft_since_ms: None,
            unread_bytes_max: usize::MAX,
            choked: false,
        }
    }

    /// What may be sent now.
    pub(crate) fn sendable(&mut self) -> &[u8] {
        if self.output.is_gated() {
            self.output.check_store(&self.peer.db, &mut self.peer.caller);
        }
        self.output.sendable(&self.peer.db)
    }

    /// The client as others see it.
    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.peer.client
    }

    /// Room to read into. `spare` are buffers of the event loop that are lent to sessions without input of their own.
    pub(crate) fn room(&mut self, spare: &mut Vec<Vec<u8>>) -> &mut [u8] {
        if self.input.is_empty() {
            self.input = spare.pop().unwrap_or_default();
        }
        let free = self.input.len() - self.filled;
        // Memory follows what was received: who announces much and sends little is lent little.
        let growth = (self.filled * GROWTH_FACTOR).clamp(READ_BYTES, GROWTH_BYTES_MAX);
        let wanted = self.decoder.needs().clamp(READ_BYTES / 4, growth);
        if free < wanted {
            self.input.resize(self.filled + growth, 0);
        }
        &mut self.input[self.filled..]
    }

    /// Takes in what was read; [`Session::advance`] runs it.
    pub(crate) fn received(&mut self, bytes: usize, now_ms: u64) {
        self.filled += bytes;
        self.has_received = true;
        self.peer.client.active_ms.store(now_ms, Relaxed);
        self.peer.client.in_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Whether something was taken in since this was asked last.
    pub(crate) fn has_received(&mut self) -> bool {
        std::mem::take(&mut self.has_received)
    }

    /// Returns the input buffer to the loop if the session does not need it.
    pub(crate) fn give_back(&mut self, spare: &mut Vec<Vec<u8>>) {
        if self.filled == 0 && !self.input.is_empty() {
            let buffer = std::mem::take(&mut self.input);
            if spare.len() < SPARE_INPUTS_MAX && buffer.len() <= READ_BYTES * 4 {
                spare.push(buffer);
            }
        }
    }

    /// Decodes what [`Session::advance`] will run first, and hints to the processor what it will read. Returns how many
    /// commands are ready.
    pub(crate) fn prepare(&mut self, server: &Server) -> usize {
        if self.ran == self.batch.len() && self.may_run() {
            self.drop_run();
            // An error is told again when `advance` comes to it.
            let _ = self.decode(&self.limits(server));
        }
        self.prefetch_buckets();
        self.batch.len() - self.ran
    }

    /// What the client may send.
    fn limits(&self, server: &Server) -> Limits {
        Limits {
            bulk_bytes_max: usize::try_from(server.config.hot().proto_max_bulk_len()).unwrap_or(usize::MAX),
            authenticated: self.peer.authenticated,
            ..Limits::default()
        }
    }

    fn decode(&mut self, limits: &Limits) -> Result<(), ramekin_resp::ProtocolError> {
        self.hashes.clear();
        self.decoder.decode(&mut self.input[..self.filled], limits, BATCH_COMMANDS_MAX, &mut self.batch)
    }

    /// Runs what can be run: until the input is used up, or a command blocks, or the client is paused or to be closed.
    pub(crate) fn advance(&mut self, server: &Arc<Server>, now_ms: u64) {
        if self.peer.client.killed.load(Relaxed) {
            return;
        }
        self.unread_bytes_max = self.unread_bytes_max(server);
        let limits = self.limits(server);
        // The turn may have lasted for a while.
        self.peer.caller.now_ms = match self.peer.namespace {
            None => server.db.latest_ms().max(now_ms),
            // Its log has to know the time, too.
            Some(_) => self.peer.db.now_ms(),
        };
        self.behind_nanos = 0;
        while self.may_run() {
            let mut failure = None;
            if self.ran == self.batch.len() {
                self.drop_run();
                failure = self.decode(&limits).err();
            }
            if self.batch.is_empty() {
                if let Some(error) = failure {
                    self.broken = true;
                    server.stats.count_error(b"ERR");
                    self.output.protocol_error(&self.peer, error);
                    self.peer.closing = true;
                }
                break;
            }
            self.run_batch(server, now_ms);
            if self.peer.authenticated != limits.authenticated {
                return self.advance(server, now_ms);
            }
        }
        self.drop_run();
        self.choked = self.output.left_bytes() >= self.unread_bytes_max;
        self.peer.publish(self.filled, self.input.len() - self.filled, self.output.held_bytes());
    }

    fn may_run(&self) -> bool {
        self.blocked.is_none()
            && !self.peer.closing
            && !self.peer.stalled
            && !self.broken
            && self.output.left_bytes() < self.unread_bytes_max
    }

    fn unread_bytes_max(&self, server: &Server) -> usize {
        let limit = server.config.hot().output_limit(self.output_class());
        let bytes =
            if limit.hard_bytes == 0 { limit.soft_bytes.max(UNREAD_BYTES_MAX) } else { limit.hard_bytes };
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The class of `client-output-buffer-limit` that applies.
    fn output_class(&self) -> usize {
        usize::from(self.peer.monitor)
    }

    /// Whether enough was sent for commands to be run again.
    pub(crate) fn breathes_again(&self) -> bool {
        self.choked && self.output.left_bytes() < self.unread_bytes_max
    }

    /// Drops the bytes of commands that have been run from the input.
    fn drop_run(&mut self) {
        if self.ran < self.batch.len() {
            return;
        }
        let done = self.decoder.boundary();
        self.batch.clear();
        self.ran = 0;
        if done > 0 {
            self.input.copy_within(done..self.filled, 0);
            self.filled -= done;
            self.decoder.consumed(done);
        }
        if self.filled == 0 && self.input.len() > READ_BYTES * 4 {
            self.input = Vec::new();
        }
    }

    /// What the connection takes in memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let queued = self.peer.transaction.as_ref().map_or(0, |transaction| transaction.bytes);
        CONNECTION_BYTES + (self.input.len() + self.output.held_bytes() + queued) as u64
    }

    /// True if the client has sent more than it may at once.
    pub(crate) fn is_over_query_limit(&self, server: &Server) -> bool {
        let queued = self.peer.transaction.as_ref().map_or(0, |transaction| transaction.bytes);
        (self.filled + queued) as u64 > server.config.hot().query_buffer_limit()
    }

    /// True if the client has left more unread than it may.
    pub(crate) fn is_over_output_limit(&mut self, server: &Server, now_ms: u64) -> bool {
        let limit = server.config.hot().output_limit(self.output_class());
        let pending = self.output.left_bytes() as u64;
        if !self.peer.authenticated && pending > UNREAD_BYTES_MAX_WITHOUT_PASSWORD {
            return true;
        }
        if limit.hard_bytes != 0 && pending >= limit.hard_bytes {
            return true;
        }
        if limit.soft_bytes == 0 || pending < limit.soft_bytes {
            self.over_soft_since_ms = None;
            return false;
        }
        let since = *self.over_soft_since_ms.get_or_insert(now_ms);
        now_ms - since > limit.soft_seconds * 1000
    }

    /// Whether enough input waits that reading more would be of no use.
    pub(crate) fn is_full(&self) -> bool {
        !self.choked && !self.may_run() && self.filled >= READ_BYTES * 16
    }

    /// Time has passed: a wait may be over, a pause may have ended.
    pub(crate) fn tick(&mut self, server: &Arc<Server>, now_ms: u64) {
        if now_ms.saturating_sub(self.peer.client.active_ms.load(Relaxed)) > IDLE_MS {
            self.shrink();
        }
        self.expire_wait(server, now_ms);
        if self.peer.stalled && !self.peer.closing {
            self.peer.stalled = false;
            self.advance(server, now_ms);
        }
    }

    /// Gives back what is kept for the next request.
    fn shrink(&mut self) {
        if self.input.len() > self.filled {
            self.input.truncate(self.filled);
            self.input.shrink_to_fit();
        }
        if self.batch.is_empty() {
            self.batch = Batch::new();
            (self.hashes, self.far_hashes) = (Vec::new(), Vec::new());
        }
        self.output.shrink();
        self.peer.publish(self.filled, self.input.len() - self.filled, self.output.held_bytes());
    }

    /// When the session next wants to be ticked; none: whenever.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.blocked.as_ref().and_then(Blocked::deadline_ms)
    }

    /// True if nothing was asked for `timeout` and the client does not wait for anything.
    pub(crate) fn is_idle(&self, timeout_ms: u64, now_ms: u64) -> bool {
        timeout_ms != 0
            && self.blocked.is_none()
            && !self.peer.monitor
            && now_ms.saturating_sub(self.peer.client.active_ms.load(Relaxed)) > timeout_ms
    }

    /// What the socket should do, after the output that may leave has left.
    pub(crate) fn next(&self) -> Next {
        if self.peer.client.killed.load(Relaxed) && !self.peer.closing {
            Next::Drop
        } else if self.peer.closing {
            Next::Close
        } else {
            Next::Open
        }
    }

    /// Appends bytes that are not a reply (MONITOR).
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.output.push_raw(bytes);
    }

    /// The connection is gone.
    pub(crate) fn end(&mut self, server: &Server) {
        self.cancel_wait(server);
        self.output.abandon(&self.peer.db);
        self.peer.end(server);
    }
}
