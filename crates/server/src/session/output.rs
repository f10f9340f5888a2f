//! Replies on their way out, held back until the log has come far enough.
//!
//! What must hold: bytes behind a gate leave only once the log has reached the gate's LSN; bytes leave in order; if the log
//! fails, what is behind a gate that can never open becomes as many errors as there were replies.

use super::peer::Peer;
use ramekin::Database;
use ramekin_resp::{Encoder, ProtocolError};
use std::collections::VecDeque;

/// An output buffer that was sent is not kept if it is larger.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// Buffers kept by a loop.
const SPARE_MAX: usize = 64;
/// What was sent is dropped from a longer buffer once it is as much as this.
const SENT_BYTES_MAX: usize = 64 * 1024;

/// From this byte on, the output depends on this LSN.
#[derive(Clone, Copy, Debug)]
struct Gate {
    from: usize,
    lsn: u64,
    /// Whether the disk has to have it, or only the operating system.
    disk: bool,
    /// Replies from here to the next gate.
    replies: u64,
}

/// The pending output of one connection.
#[derive(Default)]
pub(crate) struct Output {
    pub(super) bytes: Vec<u8>,
    sent: usize,
    gates: VecDeque<Gate>,
}

impl Output {
    /// Takes a buffer that has grown already, if it has none and there is one.
    pub(crate) fn borrow(&mut self, spares: &mut Vec<Vec<u8>>) {
        if self.bytes.capacity() == 0
            && let Some(spare) = spares.pop()
        {
            self.bytes = spare;
        }
    }

    /// Leaves its buffer to others once everything is sent: an idle connection keeps none.
    pub(crate) fn give_back(&mut self, spares: &mut Vec<Vec<u8>>) {
        if self.bytes.is_empty() && self.bytes.capacity() != 0 {
            let buffer = std::mem::take(&mut self.bytes);
            if spares.len() < SPARE_MAX && buffer.capacity() <= KEPT_BYTES_MAX {
                spares.push(buffer);
            }
        }
    }

    /// Bytes that are not sent yet.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether something waits for the log.
    pub(crate) fn is_gated(&self) -> bool {
        !self.gates.is_empty()
    }

    /// Whether something waits for the disk.
    pub(crate) fn is_gated_by_disk(&self) -> bool {
        self.gates.back().is_some_and(|gate| gate.disk)
    }

    /// Lets the reply that was just written depend on this LSN through the last gate, if that does.
    #[inline]
    pub(super) fn joins_last_gate(&mut self, lsn: u64, disk: bool) -> bool {
        let Some(last) = self.gates.back_mut() else { return false };
        // What is handed over goes in one write for the whole batch: one gate is enough. Syncs are slow, so there each
        // reply leaves as soon as it may.
        if lsn > last.lsn && (disk || last.disk) {
            return false;
        }
        last.lsn = last.lsn.max(lsn);
        last.replies += 1;
        true
    }

    /// Holds back the reply that begins at `from`.
    #[inline]
    pub(super) fn gate(&mut self, from: usize, lsn: u64, disk: bool) {
        self.gates.push_back(Gate { from, lsn, disk, replies: 1 });
    }

    /// What may be sent now.
    pub(crate) fn sendable(&mut self, db: &Database) -> &[u8] {
        while self.gates.front().is_some_and(|gate| db.is_settled(gate.lsn, gate.disk)) {
            self.gates.pop_front();
        }
        let end = self.gates.front().map_or(self.bytes.len(), |gate| gate.from);
        &self.bytes[self.sent..end.max(self.sent)]
    }

    /// So much of it was sent.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        } else if self.sent > self.bytes.len() / 2 && self.sent > SENT_BYTES_MAX {
            self.bytes.drain(..self.sent);
            self.gates.iter_mut().for_each(|gate| gate.from -= self.sent);
            self.sent = 0;
        }
    }

    /// Gives the buffer back if nothing is in it.
    pub(super) fn shrink(&mut self) {
        if self.bytes.is_empty() {
            (self.bytes, self.gates) = (Vec::new(), VecDeque::new());
        }
    }

    /// The log has failed: replies that can never be given are errors now.
    pub(crate) fn fail(&mut self, db: &Database, reason: &str) {
        self.sendable(db);
        let Some(first) = self.gates.front().copied() else { return };
        let replies: u64 = self.gates.iter().map(|gate| gate.replies).sum();
        self.bytes.truncate(first.from);
        self.gates.clear();
        let text = failed(reason);
        for _ in 0..replies {
            Encoder::new(&mut self.bytes, ramekin_resp::Protocol::Resp2).error(&text);
        }
    }

    /// Replaces the reply that begins at `from` by the error of a failed log.
    pub(super) fn fail_one(&mut self, from: usize, reason: &str) {
        self.bytes.truncate(from);
        Encoder::new(&mut self.bytes, ramekin_resp::Protocol::Resp2).error(&failed(reason));
    }

    /// Appends bytes that depend on nothing.
    pub(super) fn push_raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends what is said to a client that broke the protocol.
    pub(super) fn protocol_error(&mut self, peer: &Peer, error: ProtocolError) {
        Encoder::new(&mut self.bytes, peer.protocol).protocol_error(error);
    }
}

fn failed(reason: &str) -> String {
    format!("MISCONF Errors writing to the AOF file: {reason}")
}
