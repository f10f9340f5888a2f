//! Commands for a caller that must not wait, and records in their own form.
//!
//! Owns what an embedder with a loop of its own needs: to know at once whether a command can be answered without the store, the
//! disk or a large reservation in the log. What must hold: a command that is not done here has changed nothing; none waits for
//! anything but locks. Left out: how the caller goes on with what is not done ([`Database::execute`] waits).

use super::{Database, EMBEDDER};
use crate::command::{Command, GET_FORMED, PUT_FORMED, flag};
use crate::error::Error;
use crate::log::{AppendFsync, Log, Lsn};
use crate::reply::Reply;
use crate::shard::{Caller, Glance};
use crate::value::json::{Builder, Node};

/// What came of a command that may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It is done; the reply may be given once [`Database::wait`] returns for this LSN.
    Done(Lsn),
    /// It has to wait for something, and was not run. What it has replied means nothing.
    Waits,
}

/// A record as it lies in memory, copied from there.
#[derive(Default)]
pub struct RecordForm {
    bytes: Vec<u8>,
    refusal: Option<String>,
}

impl RecordForm {
    /// The bytes of its form ([`crate::value::json`]); none if there is no record. Equal records have equal bytes.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        (!self.bytes.is_empty()).then_some(&*self.bytes)
    }

    /// The record, to read.
    #[inline]
    #[must_use]
    pub fn root(&self) -> Option<Node<'_>> {
        // Nothing but the command writes into it, and that only what lies in memory.
        self.bytes().map(Node::of)
    }

    /// The reply of a command that was refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.refusal = None;
    }
}

impl Reply for RecordForm {
    fn resp3(&self) -> bool {
        true
    }
    fn bulk(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
    fn error(&mut self, text: &str) {
        self.refusal = Some(text.to_owned());
    }
    fn simple(&mut self, _: &str) {}
    fn null(&mut self) {}
    fn null_array(&mut self) {}
    fn int(&mut self, _: i64) {}
    fn array(&mut self, _: usize) {}
    fn map(&mut self, _: usize) {}
    fn set(&mut self, _: usize) {}
    fn push(&mut self, _: usize) {}
    fn double(&mut self, _: f64) {}
    fn boolean(&mut self, _: bool) {}
    fn verbatim(&mut self, _: &str, _: &[u8]) {}
}

impl Database {
    /// Runs a command in database `db`, unless it has to wait for the store or for much room in the log.
    pub fn try_run(&self, db: u32, command: &Command, args: &[&[u8]], out: &mut dyn Reply) -> Tried {
        let name = command.spec.name;
        let asks = || match name {
            "table.get" | "table.list" => args.len() > command.spec.arity.unsigned_abs() as usize,
            "query" | "explain" => true,
            _ => command.spec.is(flag::BEYOND) || name.starts_with("index."),
        };
        if self.has_store() && asks() {
            return Tried::Waits;
        }
        let now_ms = self.now_ms();
        let mut run = |caller: &mut Caller| {
            (caller.db, caller.now_ms, caller.leaves_large) = (db, now_ms, true);
            let ran = self.run(caller, command, args, out);
            (caller.db, caller.leaves_large) = (0, false);
            if ran.left || ran.needs.is_some() { Tried::Waits } else { Tried::Done(ran.lsn) }
        };
        let kept =
            EMBEDDER.try_with(|caller| caller.try_borrow_mut().ok().map(|mut caller| run(&mut caller)));
        // A command may be run from within a command's reply, or while the thread ends.
        kept.ok().flatten().unwrap_or_else(|| run(&mut Caller::default()))
    }

    /// What `visit` makes of a value that is in memory, not compressed, and not a long one, and the LSN for [`Database::wait`]. None:
    /// a command has to tell. `visit` runs under a lock: it copies or compares, and nothing else.
    #[inline]
    pub fn look<R>(
        &self,
        db: u32,
        key: &[u8],
        visit: impl FnOnce(Glance<'_>) -> Option<R>,
    ) -> Option<(R, Lsn)> {
        self.inner.shards.look(db, key, self.latest_ms(), || self.now_ms(), visit)
    }

    /// Looks for a record, which is in `form` then.
    #[inline]
    pub fn try_record(&self, table: &[u8], key: &[u8], form: &mut RecordForm) -> Tried {
        form.clear();
        self.try_run(0, &GET_FORMED, &[b"TABLE.GET", table, key], form)
    }

    /// Puts a record that was built, an object, as TABLE.PUT does with `options`. `form` is lent for its bytes.
    #[inline]
    pub fn try_put_record(
        &self,
        (table, key): (&[u8], &[u8]),
        record: &Builder,
        options: &[&[u8]],
        form: &mut Vec<u8>,
        out: &mut dyn Reply,
    ) -> Tried {
        form.clear();
        record.finish(form);
        match options {
            [] => self.try_run(0, &PUT_FORMED, &[b"TABLE.PUT", table, key, form], out),
            options => {
                let args = [&[&b"TABLE.PUT"[..], table, key, form], options].concat();
                self.try_run(0, &PUT_FORMED, &args, out)
            }
        }
    }

    /// Whether [`Database::wait`] would have to wait for the disk for this LSN.
    #[inline]
    #[must_use]
    pub fn waits_for_disk(&self, lsn: Lsn) -> bool {
        self.appendfsync() == AppendFsync::Always
            && self.inner.shards.log.as_ref().is_some_and(|log| Log::durable(log) < lsn)
    }

    /// As [`Database::execute`] in database `db`, with the answer in `out`.
    ///
    /// # Errors
    /// `Failed`: the log has failed, and the change may or may not survive a restart.
    pub fn run_and_wait(
        &self,
        db: u32,
        command: &Command,
        args: &[&[u8]],
        out: &mut dyn Reply,
    ) -> Result<(), Error> {
        let mut caller = Caller::at(self.now_ms());
        caller.db = db;
        let lsn = self.run_here_and_wait(&mut caller, command, args, out);
        self.wait(lsn)
    }
}
