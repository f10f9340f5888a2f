//! Replies on their way out, held back until the log has come far enough.
//!
//! What must hold: bytes behind a gate leave only once the log has reached the gate's LSN; bytes leave in order; if the log
//! fails, what is behind a gate that can never open becomes as many errors as there were replies. The reply to a change that
//! was to settle and of which the store has refused a row becomes an error.
//!
//! Large answers stand in their places without lying in the buffer, see [`Streams`].

use super::Replier;
use super::peer::Peer;
use super::streams::Streams;
use ramekin::{Caller, Database};
use ramekin_resp::{Encoder, Protocol, ProtocolError};
use std::collections::VecDeque;

/// An output buffer that was sent is not kept if it is larger.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// Buffers kept by a loop.
const SPARE_MAX: usize = 64;
/// What was sent is dropped from a longer buffer once it is as much as this.
const SENT_BYTES_MAX: usize = 64 * 1024;

/// How far a change has to have come before a reply leaves that depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// With the operating system.
    Log,
    /// On disk.
    Disk,
    /// In the store behind, or set aside there.
    Store,
}

impl Reach {
    /// Whether all changes up to this LSN have.
    #[inline]
    pub(super) fn has_come(self, db: &Database, lsn: u64) -> bool {
        match self {
            Self::Log => db.is_settled(lsn, false),
            Self::Disk => db.is_settled(lsn, true),
            Self::Store => db.settled_lsn() >= lsn,
        }
    }
}

/// The reply to whoever waits for the store, and of whose changes one is set aside.
pub(crate) const SET_ASIDE: &str =
    "QUARANTINED the store refuses a row that was changed here, which is set aside: QUARANTINE LIST says why";

/// From this byte on, the output depends on this LSN.
#[derive(Clone, Copy, Debug)]
struct Gate {
    from: usize,
    /// Where its first reply ends.
    to: usize,
    /// Nothing of it is set aside in the store, or that is told.
    is_checked: bool,
    lsn: u64,
    /// Who has to have it.
    reach: Reach,
    /// Replies from here to the next gate.
    replies: u64,
}

/// The pending output of one connection.
#[derive(Default)]
pub(crate) struct Output {
    pub(super) bytes: Vec<u8>,
    sent: usize,
    gates: VecDeque<Gate>,
    /// The LSN of the last gate for the store.
    store_lsn: u64,
    streams: Streams,
}

impl Output {
    /// Where replies are written.
    #[inline]
    pub(super) fn replier(&mut self, protocol: Protocol) -> Replier<'_> {
        Replier::new(&mut self.bytes, &mut self.streams, protocol)
    }

    /// Takes a whole reply that was made elsewhere.
    pub(super) fn take(&mut self, reply: Vec<u8>) {
        if self.bytes.is_empty() {
            self.bytes = reply;
        } else {
            self.bytes.extend_from_slice(&reply);
        }
    }

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

    /// Bytes that lie here and are not sent yet.
    pub(crate) fn held_bytes(&self) -> usize {
        self.bytes.len() - self.sent + self.streams.part().len()
    }

    /// Bytes that are not sent yet, those included that are still to be made, about.
    #[inline]
    pub(crate) fn left_bytes(&self) -> usize {
        let here = self.bytes.len() - self.sent;
        if self.streams.is_empty() {
            return here;
        }
        here.saturating_add(self.streams.part().len()).saturating_add(self.streams.left_bytes())
    }

    /// Bytes of the replies that begin at `from`.
    #[inline]
    pub(super) fn replied_bytes(&self, from: usize) -> usize {
        let here = self.bytes.len() - from;
        if self.streams.is_empty() { here } else { here.saturating_add(self.streams.left_bytes_from(from)) }
    }

    /// Whether something waits for the log.
    pub(crate) fn is_gated(&self) -> bool {
        !self.gates.is_empty()
    }

    /// Whether something waits for the disk.
    pub(crate) fn is_gated_by_disk(&self) -> bool {
        self.gates.back().is_some_and(|gate| gate.reach == Reach::Disk)
    }

    /// The last LSN that has to settle in the store; 0: nothing has.
    pub(crate) fn store_lsn(&self) -> u64 {
        if self.gates.is_empty() { 0 } else { self.store_lsn }
    }

    /// Lets the reply that was just written depend on this LSN through the last gate, if that does.
    #[inline]
    pub(super) fn joins_last_gate(&mut self, lsn: u64, reach: Reach) -> bool {
        let Some(last) = self.gates.back_mut() else { return false };
        // What is handed over goes in one write for the whole batch: one gate is enough. Syncs are slow, so there each
        // reply leaves as soon as it may. What settles may be refused, each by itself.
        if reach > last.reach || reach == Reach::Store || lsn > last.lsn && last.reach != Reach::Log {
            return false;
        }
        last.lsn = last.lsn.max(lsn);
        last.replies += 1;
        true
    }

    /// The reply that was just written waits for nothing but for those before it.
    #[inline]
    pub(super) fn joins_any_gate(&mut self) {
        if let Some(last) = self.gates.back_mut() {
            last.replies += 1;
        }
    }

    /// Replies to changes that should have settled, but of which a row was set aside, are errors from now on.
    pub(crate) fn check_store(&mut self, db: &Database, caller: &mut Caller) {
        for at in 0..self.gates.len() {
            let gate = self.gates[at];
            if gate.is_checked || !gate.reach.has_come(db, gate.lsn) {
                continue;
            }
            self.gates[at].is_checked = true;
            if db.was_set_aside(caller, gate.lsn) {
                self.replace_first(at, db);
            }
        }
    }

    /// Turns the first reply of a gate into an error.
    #[cold]
    fn replace_first(&mut self, at: usize, db: &Database) {
        let (mut error, Gate { from, to, .. }) = (Vec::new(), self.gates[at]);
        Encoder::new(&mut error, Protocol::Resp2).error(SET_ASIDE);
        self.streams.replace((from, to), error.len(), db);
        let moved = |end: usize| end - to + from + error.len();
        self.gates[at].to = moved(to);
        self.gates
            .range_mut(at + 1..)
            .for_each(|gate| (gate.from, gate.to) = (moved(gate.from), moved(gate.to)));
        self.bytes.splice(from..to, error);
    }

    /// Holds back the reply that begins at `from`.
    #[inline]
    pub(super) fn gate(&mut self, from: usize, lsn: u64, reach: Reach) {
        let (to, is_checked) = (self.bytes.len(), reach != Reach::Store);
        self.gates.push_back(Gate { from, to, is_checked, lsn, reach, replies: 1 });
        if reach == Reach::Store {
            self.store_lsn = lsn;
        }
    }

    /// Opens the gates to which the log has come.
    pub(super) fn open_gates(&mut self, db: &Database) {
        while self.gates.front().is_some_and(|gate| gate.is_checked && gate.reach.has_come(db, gate.lsn)) {
            self.gates.pop_front();
        }
    }

    /// What may be sent now.
    pub(crate) fn sendable(&mut self, db: &Database) -> &[u8] {
        self.open_gates(db);
        let mut end = self.gates.front().map_or(self.bytes.len(), |gate| gate.from);
        if !self.streams.is_empty() {
            // A gated reply begins with bytes of its own: what is behind a gate is not reached.
            self.streams.advance(self.sent, db);
            if !self.streams.part().is_empty() {
                return self.streams.part();
            }
            end = end.min(self.streams.first_at().unwrap_or(end));
        }
        &self.bytes[self.sent..end.max(self.sent)]
    }

    /// So much of it was sent. True if others should have their turn before more of a large answer is made.
    pub(crate) fn sent(&mut self, bytes: usize) -> bool {
        if !self.streams.part().is_empty() {
            return self.streams.sent(bytes);
        }
        self.sent += bytes;
        if self.sent == self.bytes.len() {
            self.bytes.clear();
        } else if self.sent > self.bytes.len() / 2 && self.sent > SENT_BYTES_MAX {
            self.bytes.drain(..self.sent);
        } else {
            return false;
        }
        self.gates
            .iter_mut()
            .for_each(|gate| (gate.from, gate.to) = (gate.from - self.sent, gate.to - self.sent));
        self.streams.shift(self.sent);
        self.sent = 0;
        false
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
        self.fail_from(0, db, &failed(reason));
    }

    /// The store is lost, as `text` says: so are replies that wait for it, and those behind them.
    pub(crate) fn fail_for_store(&mut self, db: &Database, text: &str) {
        self.sendable(db);
        if let Some(first) = self.gates.iter().position(|gate| gate.reach == Reach::Store) {
            self.fail_from(first, db, text);
        }
    }

    /// Turns the replies from this gate on into errors.
    fn fail_from(&mut self, gate: usize, db: &Database, text: &str) {
        let Some(from) = self.gates.get(gate).map(|gate| gate.from) else { return };
        let replies: u64 = self.gates.drain(gate..).map(|gate| gate.replies).sum();
        self.truncate(from, db);
        for _ in 0..replies {
            Encoder::new(&mut self.bytes, Protocol::Resp2).error(text);
        }
    }

    /// Replaces the reply that begins at `from` by the error of a failed log.
    pub(super) fn fail_one(&mut self, from: usize, reason: &str, db: &Database) {
        self.truncate(from, db);
        Encoder::new(&mut self.bytes, Protocol::Resp2).error(&failed(reason));
    }

    /// Drops the replies that begin at `from`.
    pub(super) fn truncate(&mut self, from: usize, db: &Database) {
        self.bytes.truncate(from);
        self.streams.truncate(from, db);
    }

    /// Nothing will be sent any more.
    pub(super) fn abandon(&mut self, db: &Database) {
        self.streams.clear(db);
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

#[cfg(test)]
mod tests {
    use super::*;
    use ramekin::{Later as _, Options, Parts, Piece, Reply as _};
    use std::sync::Arc;

    /// So many short strings, and what tells whether it is still there.
    struct Short {
        left: usize,
        _held: Arc<()>,
    }

    impl Parts for Short {
        fn left_bytes(&self) -> usize {
            self.left * 1006
        }
        fn write(&mut self, write: &mut dyn FnMut(Piece<'_>) -> bool) {
            while self.left > 0 {
                self.left -= 1;
                if write(Piece::Bulk(&[b'x'; 1000])) {
                    return;
                }
            }
        }
    }

    /// An output with the replies: a status, 1,000 strings in parts, a number, and what the strings are held by.
    fn output() -> (Output, Arc<()>, usize, usize) {
        let (mut output, held) = (Output::default(), Arc::new(()));
        output.replier(Protocol::Resp2).ok();
        let from = output.bytes.len();
        let mut out = output.replier(Protocol::Resp2);
        out.array(1000);
        out.leave(Box::new(Short { left: 1000, _held: Arc::clone(&held) }));
        let behind = output.bytes.len();
        output.replier(Protocol::Resp2).int(7);
        (output, held, from, behind)
    }

    fn database() -> Database {
        Database::memory(&Options::default()).unwrap()
    }

    #[test]
    fn a_part_is_made_when_all_before_it_is_sent_and_ends_the_turn() {
        let (mut output, held, from, behind) = output();
        let db = database();
        assert!((1_006_000..1_007_100).contains(&output.replied_bytes(from)));
        assert_eq!(output.replied_bytes(behind), 4);
        let (mut sent, mut turns) = (Vec::new(), 0);
        loop {
            let bytes = output.sendable(&db);
            if bytes.is_empty() {
                break;
            }
            assert!(bytes.len() <= super::super::streams::PART_BYTES + 1100);
            // The socket takes less than it is given.
            let some = bytes.len().min(100_000);
            sent.extend_from_slice(&bytes[..some]);
            turns += usize::from(output.sent(some));
            assert!(output.held_bytes() <= super::super::streams::PART_BYTES + 2200);
        }
        let expected = [
            b"+OK\r\n*1000\r\n",
            &[b"$1000\r\n", &[b'x'; 1000][..], b"\r\n"].concat().repeat(1000)[..],
            b":7\r\n",
        ];
        assert!(sent == expected.concat());
        assert_eq!((turns, output.left_bytes()), (4, 0));
        db.reclaim();
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn what_is_left_of_a_reply_goes_with_it_and_is_freed_by_the_database() {
        let db = database();
        let (mut output, held, from, behind) = output();
        output.truncate(behind, &db);
        assert!(output.left_bytes() > 1_000_000, "only the number was dropped");
        output.truncate(from, &db);
        assert_eq!(output.left_bytes(), 5);
        assert_eq!(output.sendable(&db), b"+OK\r\n");
        db.reclaim();
        assert_eq!(Arc::strong_count(&held), 1);

        let (mut output, held, ..) = self::output();
        assert!(!output.sent(output.bytes.len() - 4));
        let taken = output.sendable(&db).len();
        assert!(taken > 200_000 && !output.sent(taken - 1));
        output.abandon(&db);
        db.reclaim();
        assert_eq!(Arc::strong_count(&held), 1, "the connection ended in the middle of it");
    }

    #[test]
    fn nothing_of_a_large_answer_passes_its_gate_and_it_fails_as_one_reply() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(folder.path()).unwrap();
        let (mut output, held, from, behind) = output();
        output.gate(from, u64::MAX, Reach::Disk);
        output.gate(behind, u64::MAX, Reach::Disk);
        assert_eq!(output.sendable(&db), b"+OK\r\n");
        assert!(!output.sent(5));
        assert_eq!(output.sendable(&db), b"");
        output.fail(&db, "disk");
        let errors = b"-MISCONF Errors writing to the AOF file: disk\r\n".repeat(2);
        assert_eq!(output.sendable(&db), errors);
        db.reclaim();
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
