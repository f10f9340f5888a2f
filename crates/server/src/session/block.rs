//! Commands that wait: for a key, or for the disk.

use super::output::{Output, SET_ASIDE};
use super::peer::{Begun, Peer, Wait, Work};
use super::{Replier, Session};
use crate::command::Row;
use crate::net::Message;
use crate::server::Server;
use ramekin::command::Command;
use ramekin::{Caller, Database, Needs, Obtained, Reply, Served, Waiter};
use ramekin_resp::Protocol;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What a blocked client waits for.
pub(super) enum Blocked {
    /// For a key, in the engine.
    Key { waiter: Arc<Waiter>, wait: u64, deadline_ms: Option<u64> },
    /// For its changes up to this LSN to be safe (WAIT, WAITAOF).
    Safe { wait: Wait, lsn: u64, deadline_ms: Option<u64> },
    /// For the end of work that a thread does.
    Work { wait: u64 },
    /// For what only the store knows; then the command is run again.
    Store { wait: u64, row: &'static Row, args: Vec<Box<[u8]>> },
    /// To go to another database: for what was answered here to leave, while there is a name; then for it to be opened.
    Moving { wait: u64, reply: &'static str, name: Option<Box<str>> },
}

impl Blocked {
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        match self {
            Blocked::Key { deadline_ms, .. } | Blocked::Safe { deadline_ms, .. } => *deadline_ms,
            Blocked::Work { .. } | Blocked::Store { .. } | Blocked::Moving { .. } => None,
        }
    }
}

fn deadline(peer: &Peer, timeout_ms: u64) -> Option<u64> {
    (timeout_ms != 0).then(|| peer.caller.now_ms.saturating_add(timeout_ms))
}

/// Whether a wait for changes to be safe is at its end.
fn is_safe(db: &Database, wait: Wait, lsn: u64) -> bool {
    if wait.for_store {
        return db.settled_lsn() >= lsn || db.store_lost().is_some();
    }
    db.durable_lsn() >= lsn && !wait.for_replicas
}

impl Session {
    /// Runs a command that may wait for a key.
    pub(super) fn run_or_block(
        &mut self,
        server: &Arc<Server>,
        row: &'static Row,
        command: &'static Command,
        args: &[&[u8]],
    ) -> u64 {
        let from = self.output.bytes.len();
        self.waits += 1;
        let (wait, client) = (self.waits, Arc::clone(&self.peer.client));
        let deliver = Box::new(move |served: Served| {
            client.mailbox.send(Message::Served { token: client.token, id: client.id, wait, served });
        });
        let mut out = self.output.replier(self.peer.protocol);
        let (ran, waiter) = self.peer.db.run_or_wait(&mut self.peer.caller, command, args, &mut out, deliver);
        if let Some(needs) = ran.needs {
            self.block_on_store(server, (row, args), from, &needs);
        } else if let Some(waiter) = waiter {
            let timeout_ms = ran.blocked.map_or(0, |(_, timeout_ms)| timeout_ms);
            self.blocked = Some(Blocked::Key { waiter, wait, deadline_ms: deadline(&self.peer, timeout_ms) });
            self.note_blocked(server, true);
        } else {
            self.peer.last_write_lsn = self.peer.last_write_lsn.max(ran.lsn);
        }
        ran.lsn
    }

    /// Has a thread run a command that takes long.
    #[cold]
    pub(super) fn run_elsewhere(&mut self, server: &Arc<Server>, command: &'static Command, args: &[&[u8]]) {
        let args: Vec<Box<[u8]>> = args.iter().map(|arg| Box::from(*arg)).collect();
        let (selected, no_touch) = (self.peer.caller.db, self.peer.caller.no_touch);
        let (db, protocol, client) =
            (self.peer.db.clone(), self.peer.protocol, Arc::clone(&self.peer.client));
        self.block_on(server, move |_, wait| {
            let mut caller = Caller::at(db.now_ms());
            (caller.db, caller.no_touch) = (selected, no_touch);
            let args: Vec<&[u8]> = args.iter().map(|arg| &**arg).collect();
            let mut bytes = Vec::new();
            let lsn =
                db.run_here_and_wait(&mut caller, command, &args, &mut Replier::apart(&mut bytes, protocol));
            Message::Answered { token: client.token, id: client.id, wait, bytes, lsn }
        });
    }

    /// Waits for what a command needs from the store. What it has answered, from `from` on, means nothing.
    #[cold]
    pub(super) fn block_on_store(
        &mut self,
        server: &Arc<Server>,
        (row, args): (&'static Row, &[&[u8]]),
        from: usize,
        needs: &Needs,
    ) {
        self.output.truncate(from, &self.peer.db);
        self.waits += 1;
        let (wait, client) = (self.waits, Arc::clone(&self.peer.client));
        let args = args.iter().map(|arg| Box::from(*arg)).collect();
        self.blocked = Some(Blocked::Store { wait, row, args });
        self.note_blocked(server, true);
        self.peer.db.obtain(
            needs,
            Box::new(move |outcome| {
                client.mailbox.send(Message::Obtained { token: client.token, id: client.id, wait, outcome });
            }),
        );
    }

    /// What a command needed from the store is here, or cannot be had.
    pub(crate) fn obtained(
        &mut self,
        server: &Arc<Server>,
        wait: u64,
        outcome: Result<Obtained, String>,
        now_ms: u64,
    ) {
        if !matches!(&self.blocked, Some(Blocked::Store { wait: mine, .. }) if *mine == wait) {
            return;
        }
        let Some(Blocked::Store { row, args, .. }) = self.blocked.take() else { return };
        let from = self.unblock(server);
        match outcome {
            Err(text) => {
                if row.spec.name == "exec" {
                    self.peer.end_transaction();
                }
                server.stats.count_error(text.as_bytes());
                self.output.replier(self.peer.protocol).error(&text);
                self.finish(from, 0);
            }
            Ok(kept) => {
                self.kept.push(kept);
                self.peer.caller.now_ms = self.peer.db.latest_ms().max(now_ms);
                self.peer.caller.hash_hint = None;
                self.begun_ticks = server.ticks.raw();
                self.follow_settings(server);
                let args: Vec<&[u8]> = args.iter().map(|arg| &**arg).collect();
                self.run_admitted(server, row, &args, now_ms);
            }
        }
        if !matches!(self.blocked, Some(Blocked::Store { .. })) {
            self.kept.clear();
        }
        self.advance(server, now_ms);
    }

    /// Whether the command that was just run waits for the store.
    pub(super) fn waits_for_store(&self) -> bool {
        matches!(self.blocked, Some(Blocked::Store { .. }))
    }

    /// The engine has run the command that this client waited with.
    pub(crate) fn served(&mut self, server: &Arc<Server>, wait: u64, (response, lsn): &Served, now_ms: u64) {
        self.answer(server, (wait, *lsn), now_ms, |output, protocol| {
            response.write_to(&mut output.replier(protocol));
        });
    }

    /// The command that this client waited for has been run elsewhere.
    pub(crate) fn answered(
        &mut self,
        server: &Arc<Server>,
        wait: u64,
        (bytes, lsn): (Vec<u8>, u64),
        now_ms: u64,
    ) {
        self.answer(server, (wait, lsn), now_ms, |output, _| output.take(bytes));
    }

    fn answer(
        &mut self,
        server: &Arc<Server>,
        (wait, lsn): (u64, u64),
        now_ms: u64,
        write: impl FnOnce(&mut Output, Protocol),
    ) {
        if !matches!(self.blocked, Some(Blocked::Key { wait: mine, .. } | Blocked::Work { wait: mine }) if mine == wait)
        {
            return;
        }
        if self.peer.client.killed.load(Relaxed) {
            // Nobody reads the answer: a server that ends closes the connection that asked for it.
            return;
        }
        let from = self.unblock(server);
        write(&mut self.output, self.peer.protocol);
        if lsn != 0 {
            self.peer.last_write_lsn = self.peer.last_write_lsn.max(lsn);
            self.peer.caller.follow_record(lsn);
        }
        self.finish(from, lsn);
        self.advance(server, now_ms);
    }

    /// Waits until this client's changes are safe.
    pub(super) fn block_until_safe(&mut self, server: &Arc<Server>, wait: Wait) {
        let lsn = self.peer.last_write_lsn;
        self.blocked = Some(Blocked::Safe { wait, lsn, deadline_ms: deadline(&self.peer, wait.timeout_ms) });
        self.note_blocked(server, true);
        if wait.for_disk {
            self.peer.db.request_sync();
        }
        if wait.for_store {
            self.peer.db.request_settle(lsn);
        }
    }

    /// Begins what goes on elsewhere, and waits for its answer.
    pub(super) fn block_on_begun(&mut self, server: &Server, begun: Begun) {
        self.waits += 1;
        let (wait, client) = (self.waits, Arc::clone(&self.peer.client));
        self.blocked = Some(Blocked::Work { wait });
        self.note_blocked(server, true);
        begun(Box::new(move |response| {
            let served = (response, 0);
            client.mailbox.send(Message::Served { token: client.token, id: client.id, wait, served });
        }));
    }

    /// Has a thread do what takes long, and waits for its answer.
    pub(super) fn block_on_work(&mut self, server: &Arc<Server>, work: Work) {
        let client = Arc::clone(&self.peer.client);
        self.block_on(server, move |server, wait| {
            let served = (work(server), 0);
            Message::Served { token: client.token, id: client.id, wait, served }
        });
    }

    fn block_on(
        &mut self,
        server: &Arc<Server>,
        work: impl FnOnce(&Server, u64) -> Message + Send + 'static,
    ) {
        self.waits += 1;
        let (wait, client, mine) = (self.waits, Arc::clone(&self.peer.client), Arc::clone(server));
        let spawned = std::thread::Builder::new().name("work".to_owned()).spawn(move || {
            client.mailbox.send(work(&mine, wait));
        });
        match spawned {
            Ok(_) => {
                self.blocked = Some(Blocked::Work { wait });
                self.note_blocked(server, true);
            }
            Err(error) => {
                let mut out = self.output.replier(self.peer.protocol);
                out.error(&format!("ERR cannot start a thread: {error}"));
            }
        }
    }

    /// The log has come further, or failed.
    pub(crate) fn log_progress(&mut self, server: &Arc<Server>, now_ms: u64) {
        self.output.check_store(&self.peer.db, &mut self.peer.caller);
        if let Some(reason) = self.peer.db.log_failed() {
            self.output.fail(&self.peer.db, &reason);
        }
        if let Some(text) = self.peer.db.store_lost() {
            self.output.fail_for_store(&self.peer.db, text);
        }
        if let Some(Blocked::Safe { wait, lsn, .. }) = self.blocked
            && (is_safe(&self.peer.db, wait, lsn) || self.peer.db.log_failed().is_some())
        {
            self.answer_safe(server, wait, lsn);
            self.advance(server, now_ms);
        }
    }

    /// Ends a wait whose time has come.
    pub(super) fn expire_wait(&mut self, server: &Arc<Server>, now_ms: u64) {
        let Some(blocked) = &self.blocked else { return };
        if blocked.deadline_ms().is_none_or(|at| now_ms < at) {
            return;
        }
        match blocked {
            Blocked::Safe { wait, lsn, .. } => {
                let (wait, lsn) = (*wait, *lsn);
                self.answer_safe(server, wait, lsn);
            }
            Blocked::Work { .. } | Blocked::Store { .. } | Blocked::Moving { .. } => return,
            Blocked::Key { waiter, .. } => {
                // If it is just being served, the answer is on its way.
                if !self.peer.db.give_up(waiter) {
                    return;
                }
                let from = self.unblock(server);
                self.output.replier(self.peer.protocol).null_array();
                self.finish(from, 0);
            }
        }
        self.advance(server, now_ms);
    }

    /// `CLIENT UNBLOCK`: ends the wait as if its time had come, or with an error.
    pub(crate) fn unblock_by_request(&mut self, server: &Arc<Server>, with_error: bool, now_ms: u64) {
        match &self.blocked {
            // Work is done to its end.
            None | Some(Blocked::Work { .. } | Blocked::Store { .. } | Blocked::Moving { .. }) => return,
            Some(Blocked::Key { waiter, .. }) if !self.peer.db.give_up(waiter) => return,
            Some(Blocked::Key { .. }) if !with_error => {
                let from = self.unblock(server);
                self.output.replier(self.peer.protocol).null_array();
                self.finish(from, 0);
            }
            Some(Blocked::Safe { wait, lsn, .. }) if !with_error => {
                let (wait, lsn) = (*wait, *lsn);
                self.answer_safe(server, wait, lsn);
            }
            Some(_) => {
                let from = self.unblock(server);
                let mut out = self.output.replier(self.peer.protocol);
                out.error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
                self.finish(from, 0);
            }
        }
        self.advance(server, now_ms);
    }

    /// The connection ends: nobody waits any more.
    pub(super) fn cancel_wait(&mut self, server: &Server) {
        if let Some(Blocked::Key { waiter, .. }) = &self.blocked {
            // An answer that is on its way finds nobody; what it took from the key is logged, as with any client that
            // closes before it reads.
            let _ = self.peer.db.give_up(waiter);
        }
        if self.blocked.take().is_some() {
            self.note_blocked(server, false);
        }
    }

    fn answer_safe(&mut self, server: &Arc<Server>, wait: Wait, lsn: u64) {
        let from = self.unblock(server);
        let durable = self.peer.db.log_stats().is_some() && self.peer.db.durable_lsn() >= lsn;
        let mut out = self.output.replier(self.peer.protocol);
        if wait.for_store {
            match self.peer.db.store_lost() {
                Some(text) if self.peer.db.settled_lsn() < lsn => out.error(text),
                _ if self.peer.db.settled_lsn() >= lsn
                    && self.peer.db.has_set_aside(&mut self.peer.caller) =>
                {
                    out.error(SET_ASIDE);
                }
                _ => out.int(i64::from(self.peer.db.settled_lsn() >= lsn)),
            }
            return self.finish(from, 0);
        }
        if wait.answers_both {
            out.array(2);
            out.int(i64::from(durable));
        }
        out.int(0);
        self.finish(from, 0);
    }

    /// Ends the wait; returns where the reply begins.
    pub(super) fn unblock(&mut self, server: &Server) -> usize {
        self.blocked = None;
        self.reach = self.peer.reach();
        self.note_blocked(server, false);
        // Who was waiting was not idle.
        self.peer.client.active_ms.store(server.db.now_ms(), Relaxed);
        self.output.bytes.len()
    }

    pub(super) fn note_blocked(&self, server: &Server, blocked: bool) {
        self.peer.client.blocked.store(blocked, Relaxed);
        if blocked {
            server.clients.blocked.fetch_add(1, Relaxed);
        } else {
            server.clients.blocked.fetch_sub(1, Relaxed);
        }
    }
}
