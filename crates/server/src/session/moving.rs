//! Going to another namespace: once everything that was answered here may leave.
//!
//! Gates hold numbers of one log, so replies of two databases are never held back together. A namespace that is not open is
//! opened by a thread, and the session waits as for any work.

use super::Session;
use super::block::Blocked;
use super::peer::Move;
use crate::net::Message;
use crate::server::Server;
use ramekin::{Caller, Database, Namespace, Reply};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Where a session goes: to a namespace, or, without one, to the server's own database.
pub(crate) type Place = (Option<Arc<Namespace>>, Database);

/// The reply to whoever is in a namespace that is no more.
pub(crate) const DROPPED: &str = "ERR the namespace has been dropped";

impl Session {
    /// The database of a namespace, if it is in one.
    pub(crate) fn is_in_namespace(&self) -> bool {
        self.peer.namespace.is_some()
    }

    /// Begins to go there; answers once it is there.
    #[cold]
    pub(super) fn move_to(&mut self, server: &Arc<Server>, wanted: Move) {
        // What is only to be written is written at once.
        let _ = self.peer.db.write_log_or_leave();
        if !self.is_held()
            && let Some(place) = open_place(server, &wanted.name)
        {
            return self.arrive(server, wanted.reply, Ok(place));
        }
        self.waits += 1;
        let wait = self.waits;
        self.blocked = Some(Blocked::Moving { wait, reply: wanted.reply, name: Some(wanted.name) });
        self.note_blocked(server, true);
    }

    /// Whether replies wait for the database that it is in.
    fn is_held(&mut self) -> bool {
        self.output.check_store(&self.peer.db, &mut self.peer.caller);
        self.output.open_gates(&self.peer.db);
        self.output.is_gated()
    }

    /// Whether it waits to leave its database.
    pub(crate) fn wants_to_leave(&self) -> bool {
        matches!(self.blocked, Some(Blocked::Moving { name: Some(_), .. }))
    }

    /// Leaves its database, if nothing waits for that any more.
    pub(crate) fn leave(&mut self, server: &Arc<Server>, now_ms: u64) {
        if !self.wants_to_leave() || self.is_held() {
            return;
        }
        let Some(Blocked::Moving { wait, reply, name }) = &mut self.blocked else { return };
        let (wait, reply, Some(name)) = (*wait, *reply, name.take()) else { return };
        if let Some(place) = open_place(server, &name) {
            return self.arrived(server, reply, Ok(place), now_ms);
        }
        let (client, mine) = (Arc::clone(&self.peer.client), Arc::clone(server));
        let opening = std::thread::Builder::new().name("open".to_owned()).spawn(move || {
            let entered = mine.namespaces().enter(&name);
            let outcome = entered
                .map(|(namespace, db)| (Some(namespace), db))
                .map_err(|error| format!("ERR {error}").replace(['\r', '\n'], " "));
            client.mailbox.send(Message::Arrived { token: client.token, id: client.id, wait, outcome });
        });
        if let Err(error) = opening {
            let text = format!("ERR cannot start a thread: {error}");
            self.arrived(server, reply, Err(text), now_ms);
        }
    }

    /// The namespace is open, or cannot be opened.
    pub(crate) fn opened(
        &mut self,
        server: &Arc<Server>,
        wait: u64,
        outcome: Result<Place, String>,
        now_ms: u64,
    ) {
        if let Some(Blocked::Moving { wait: mine, reply, .. }) = self.blocked
            && mine == wait
        {
            self.arrived(server, reply, outcome, now_ms);
        }
    }

    fn arrived(
        &mut self,
        server: &Arc<Server>,
        reply: &'static str,
        outcome: Result<Place, String>,
        now_ms: u64,
    ) {
        let from = self.unblock(server);
        self.arrive(server, reply, outcome);
        self.finish(from, 0);
        self.follow_settings(server);
        self.advance(server, now_ms);
    }

    /// Is there, and says so.
    fn arrive(&mut self, server: &Server, reply: &'static str, outcome: Result<Place, String>) {
        match outcome {
            Ok((namespace, db)) => {
                self.enter(server, namespace, db);
                self.output.replier(self.peer.protocol).simple(reply);
            }
            Err(text) => {
                server.stats.count_error(text.as_bytes());
                self.output.replier(self.peer.protocol).error(&text);
            }
        }
    }

    fn enter(&mut self, server: &Server, namespace: Option<Arc<Namespace>>, db: Database) {
        let peer = &mut self.peer;
        peer.unwatch();
        // Of its changes here it is not known which they were: all that have been count as its own.
        peer.last_write_lsn = db.last_lsn();
        let mut caller = Caller::at(db.now_ms());
        (caller.leaves_large, caller.no_touch) = (true, peer.caller.no_touch);
        if db.has_store() {
            caller.follow();
        } else if peer.durability == super::Durability::Store {
            peer.durability = super::Durability::Server;
        }
        match (peer.namespace.is_some(), namespace.is_some()) {
            (false, true) => drop(server.in_namespaces.fetch_add(1, Relaxed)),
            (true, false) => drop(server.in_namespaces.fetch_sub(1, Relaxed)),
            _ => {}
        }
        peer.client.namespace.lock().clone_from(&namespace);
        (peer.caller, peer.db, peer.namespace) = (caller, db, namespace);
        self.kept.clear();
        // Each database has a hash of its own: those that are known are of the other one.
        self.hashes.clear();
        self.has_moved = true;
    }

    /// A namespace has been dropped: whoever waits in it waits no longer.
    pub(crate) fn note_drop(&mut self, server: &Arc<Server>, now_ms: u64) {
        if !self.peer.namespace.as_ref().is_some_and(|namespace| namespace.is_dropped()) {
            return;
        }
        match &self.blocked {
            Some(Blocked::Key { waiter, .. }) if !self.peer.db.give_up(waiter) => return,
            Some(Blocked::Key { .. } | Blocked::Safe { .. } | Blocked::Store { .. }) => {}
            _ => return,
        }
        let from = self.unblock(server);
        self.output.replier(self.peer.protocol).error(DROPPED);
        self.finish(from, 0);
        self.advance(server, now_ms);
    }

    /// Has what its namespace has to write in this turn written.
    pub(crate) fn settle_namespace(&mut self) {
        let db = &self.peer.db;
        if self.output.is_gated_by_disk() {
            db.request_sync();
        }
        if db.has_store() {
            db.request_settle(self.output.store_lsn());
        }
        if db.appendfsync() != ramekin::log::AppendFsync::Always
            && let Err(error) = db.write_log_or_leave()
        {
            let reason = db.log_failed().unwrap_or_else(|| error.to_string());
            self.output.fail(db, &reason);
        }
    }

    /// Has all of its namespace on disk: the server ends.
    pub(crate) fn sync_namespace(&self) {
        if self.is_in_namespace() {
            // Whoever waits for it is not answered then.
            let _ = self.peer.db.sync_log();
        }
    }
}

/// The database of this name, if there is nothing to wait for.
fn open_place(server: &Server, name: &str) -> Option<Place> {
    if ramekin::Namespaces::is_main(name) {
        return Some((None, server.db.clone()));
    }
    let (namespace, db) = server.namespaces().enter_if_open(name)?;
    Some((Some(namespace), db))
}
