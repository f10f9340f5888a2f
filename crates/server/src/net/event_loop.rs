//! One event loop.
//!
//! A turn: wait for events; read and run, in rounds of several connections; one write to the log for all of it; send. What
//! must hold: a connection that sends without end is read once a turn like the others; nothing is sent before the log has what it depends on; a loop never
//! waits for the disk with `appendfsync always`, which is the log's own thread's work.

use super::connection::{Accepted, Connection, Spare, Stream};
use super::listen::Listener;
use super::mailbox::{Mailbox, Message};
use crate::clients::Client;
use crate::server::Server;
use mio::event::Event;
use mio::{Events, Interest, Poll, Token, Waker};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::Duration;

const WAKER: Token = Token(0);
/// Tokens below this one are listeners'.
const FIRST_CONNECTION: usize = 64;
const EVENTS_MAX: usize = 1024;
/// The longest sleep, and how often time-outs are looked at.
const TICK_MS: u64 = 100;
/// Connections accepted in one turn.
const ACCEPTS_MAX: usize = 1000;
/// A round reads from so many connections, or until it has so many commands, before it runs any: memory that one of them
/// needs is fetched while the others are read.
const ROUND_CONNECTIONS_MAX: usize = 32;
const ROUND_COMMANDS: usize = 64;

const PROTECTED: &str = "-DENIED Ramekin is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. Set a password with `requirepass`, or turn this off with `protected-mode no`.\r\n";

/// Whether accepting failed for this connection only.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied)
}

/// A loop and its connections.
pub(crate) struct EventLoop {
    server: Arc<Server>,
    poll: Poll,
    mailbox: Arc<Mailbox>,
    listeners: Vec<Listener>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Connections to be read from in this turn, those that were read from and are to be run, and those to be sent to.
    reading: Vec<usize>,
    round: Vec<usize>,
    sending: Vec<usize>,
    /// Connections whose replies wait for the log's thread.
    waiting: Vec<usize>,
    spare: Spare,
    next_tick_ms: u64,
    /// No descriptors were left: nothing is accepted until the next tick.
    starved: bool,
    /// The loop that the next connection is dealt to.
    next_loop: usize,
}

impl EventLoop {
    /// A loop; `listeners` is empty for all but one.
    pub(crate) fn new(server: Arc<Server>, mut listeners: Vec<Listener>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mailbox = Arc::new(Mailbox::new(Waker::new(poll.registry(), WAKER)?));
        for (at, listener) in listeners.iter_mut().enumerate() {
            poll.registry().register(listener.source(), Token(at + 1), Interest::READABLE)?;
        }
        assert!(listeners.len() < FIRST_CONNECTION - 1, "there are fewer listeners than tokens for them");
        Ok(Self {
            server,
            poll,
            mailbox,
            listeners,
            connections: Vec::new(),
            free: Vec::new(),
            reading: Vec::new(),
            round: Vec::new(),
            sending: Vec::new(),
            waiting: Vec::new(),
            spare: Spare::default(),
            next_tick_ms: 0,
            starved: false,
            next_loop: 0,
        })
    }

    /// Where it takes messages.
    pub(crate) fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox)
    }

    /// Runs until the server stops.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !self.server.is_stopping() {
            let is_idle = self.reading.is_empty() && self.sending.is_empty();
            let patience = if is_idle { self.patience() } else { Duration::ZERO };
            match self.poll.poll(&mut events, Some(patience)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Nothing can be served without it; the others go on, and the operator sees a dead loop.
                Err(error) => panic!("epoll failed: {error}"),
            }
            self.turn(&events);
        }
        self.finish();
    }

    /// Deals connections that were accepted before there were loops.
    pub(crate) fn deal_all(&mut self, accepted: Vec<Accepted>) {
        accepted.into_iter().for_each(|accepted| self.deal(accepted));
    }

    /// How long to sleep at most.
    fn patience(&self) -> Duration {
        let now_ms = self.server.db.now_ms();
        Duration::from_millis(self.next_tick_ms.saturating_sub(now_ms).clamp(1, TICK_MS))
    }

    fn turn(&mut self, events: &Events) {
        let now_ms = self.server.db.now_ms();
        let mut reading = std::mem::take(&mut self.reading);
        for event in events {
            match event.token() {
                WAKER => {}
                Token(at) if at < FIRST_CONNECTION => self.accept(at - 1),
                Token(at) => self.note(event, at - FIRST_CONNECTION, &mut reading),
            }
        }
        for message in self.mailbox.take() {
            self.take_message(message, now_ms, &mut reading);
        }
        self.receive(&mut reading, now_ms);
        if now_ms >= self.next_tick_ms {
            self.tick(now_ms);
        }
        // Keeps the allocation; new entries were put into `self.reading` meanwhile.
        reading.append(&mut self.reading);
        self.reading = reading;
        self.settle();
        let mut sending = std::mem::take(&mut self.sending);
        for at in sending.drain(..) {
            self.send(at, now_ms);
        }
        sending.append(&mut self.sending);
        self.sending = sending;
    }

    /// Notes what epoll says of a connection.
    fn note(&mut self, event: &Event, at: usize, reading: &mut Vec<usize>) {
        let Some(Some(connection)) = self.connections.get_mut(at) else { return };
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            connection.readable = true;
            connection.read_closed |= event.is_read_closed() || event.is_error();
            reading.push(at);
        }
        if event.is_writable() && !connection.writable {
            connection.writable = true;
            self.list(at);
        }
    }

    /// The connection has something to send, perhaps.
    fn list(&mut self, at: usize) {
        if let Some(Some(connection)) = self.connections.get_mut(at)
            && !connection.listed
        {
            connection.listed = true;
            self.sending.push(at);
        }
    }

    /// Reads from connections and runs what came, round by round.
    fn receive(&mut self, reading: &mut Vec<usize>, now_ms: u64) {
        let mut commands = 0;
        for at in reading.drain(..) {
            let Some(Some(connection)) = self.connections.get_mut(at) else { continue };
            if !connection.read(&self.server, &mut self.spare, now_ms) {
                self.drop_connection(at);
                continue;
            }
            commands += connection.session.prepare(&self.server);
            self.round.push(at);
            if commands >= ROUND_COMMANDS || self.round.len() == ROUND_CONNECTIONS_MAX {
                self.run_round(std::mem::take(&mut commands), now_ms);
            }
        }
        self.run_round(commands, now_ms);
    }

    /// Runs what the connections of a round have sent: so many commands.
    fn run_round(&mut self, commands: usize, now_ms: u64) {
        let mut round = std::mem::take(&mut self.round);
        if commands > 1 {
            for &at in &round {
                if let Some(Some(connection)) = self.connections.get_mut(at) {
                    connection.session.prefetch_entries();
                }
            }
        }
        for at in round.drain(..) {
            self.run_one(at, now_ms);
        }
        self.round = round;
    }

    fn run_one(&mut self, at: usize, now_ms: u64) {
        let Some(Some(connection)) = self.connections.get_mut(at) else { return };
        if !connection.run(&self.server, &mut self.spare, now_ms) {
            return self.drop_connection(at);
        }
        if connection.readable && !connection.session.is_full() {
            self.reading.push(at);
        }
        if let Some(deadline_ms) = connection.session.deadline_ms() {
            self.next_tick_ms = self.next_tick_ms.min(deadline_ms);
        }
        self.list(at);
    }

    /// One write to the log for all that was run in this turn.
    fn settle(&mut self) {
        if self.server.in_namespaces.load(Relaxed) != 0 {
            self.settle_namespaces();
        }
        let db = &self.server.db;
        let gated = |at: &usize| {
            self.connections[*at].as_ref().is_some_and(|connection| {
                connection.session.output.is_gated_by_disk() && !connection.session.is_in_namespace()
            })
        };
        if self.sending.iter().any(gated) {
            db.request_sync();
        }
        if db.has_store() {
            let sessions = self.sending.iter().filter_map(|at| self.connections[*at].as_ref());
            let sessions = sessions.filter(|connection| !connection.session.is_in_namespace());
            let wanted = sessions.map(|connection| connection.session.output.store_lsn()).max();
            db.request_settle(wanted.unwrap_or(0));
        }
        if db.appendfsync() != ramekin::log::AppendFsync::Always
            && let Err(error) = db.write_log_or_leave()
        {
            let reason = db.log_failed().unwrap_or_else(|| error.to_string());
            let connections = self.connections.iter_mut().flatten();
            for connection in connections.filter(|connection| !connection.session.is_in_namespace()) {
                connection.session.output.fail(db, &reason);
            }
        }
    }

    /// The same for the namespaces in which something was run.
    #[cold]
    fn settle_namespaces(&mut self) {
        for &at in &self.sending {
            if let Some(Some(connection)) = self.connections.get_mut(at)
                && connection.session.is_in_namespace()
            {
                connection.session.settle_namespace();
            }
        }
    }

    fn send(&mut self, at: usize, now_ms: u64) {
        let Some(Some(connection)) = self.connections.get_mut(at) else { return };
        connection.listed = false;
        if !connection.send(&self.server, now_ms) {
            return self.drop_connection(at);
        }
        if connection.session.wants_to_leave() {
            connection.session.leave(&self.server, now_ms);
            if !connection.session.wants_to_leave() {
                // There may be an answer, and more to be run.
                self.list(at);
                return;
            }
        }
        if connection.session.output.is_gated() {
            self.waiting.push(at);
        } else {
            connection.session.output.give_back(&mut self.spare.outputs);
        }
        let (yields, breathes) = (connection.yields, connection.session.breathes_again());
        if yields {
            self.list(at);
        }
        if breathes {
            self.reading.push(at);
        }
    }

    fn take_message(&mut self, message: Message, now_ms: u64, reading: &mut Vec<usize>) {
        match message {
            Message::Accepted(accepted) => {
                if let Some(at) = self.adopt(accepted) {
                    reading.push(at);
                }
            }
            Message::Listen(listener) => self.listen_too(listener),
            Message::Served { token, id, wait, served } => {
                let server = Arc::clone(&self.server);
                self.with(token, id, |session| session.served(&server, wait, &served, now_ms));
            }
            Message::Answered { token, id, wait, bytes, lsn } => {
                let server = Arc::clone(&self.server);
                self.with(token, id, |session| session.answered(&server, wait, (bytes, lsn), now_ms));
            }
            Message::Obtained { token, id, wait, outcome } => {
                let server = Arc::clone(&self.server);
                self.with(token, id, |session| session.obtained(&server, wait, outcome, now_ms));
            }
            Message::Arrived { token, id, wait, outcome } => {
                let server = Arc::clone(&self.server);
                self.with(token, id, |session| session.opened(&server, wait, outcome, now_ms));
            }
            Message::Dropped => self.note_drop(now_ms),
            Message::Append { token, id, bytes } => self.with(token, id, |session| session.append(&bytes)),
            Message::Kill { token, id } => self.with(token, id, |_| {}),
            Message::Unblock { token, id, with_error } => {
                let server = Arc::clone(&self.server);
                self.with(token, id, |session| session.unblock_by_request(&server, with_error, now_ms));
            }
            Message::Look => self.next_tick_ms = 0,
            Message::LogProgress => self.log_progress(now_ms),
        }
    }

    /// Takes connections from one socket more.
    fn listen_too(&mut self, mut listener: Listener) {
        let token = Token(self.listeners.len() + 1);
        let has_room = token.0 < FIRST_CONNECTION;
        if has_room && self.poll.registry().register(listener.source(), token, Interest::READABLE).is_ok() {
            self.listeners.push(listener);
        } else {
            crate::run::say(&format!(
                "warning: {} is not listened on: there are too many sockets already",
                listener.describe()
            ));
        }
    }

    /// A namespace has been dropped.
    fn note_drop(&mut self, now_ms: u64) {
        let server = Arc::clone(&self.server);
        for at in 0..self.connections.len() {
            if let Some(Some(connection)) = self.connections.get_mut(at)
                && connection.session.is_in_namespace()
            {
                connection.session.note_drop(&server, now_ms);
                self.list(at);
            }
        }
    }

    fn log_progress(&mut self, now_ms: u64) {
        let server = Arc::clone(&self.server);
        for at in std::mem::take(&mut self.waiting) {
            if let Some(Some(connection)) = self.connections.get_mut(at) {
                connection.session.log_progress(&server, now_ms);
                self.list(at);
            }
        }
        // Clients that wait for the disk itself (WAITAOF) are few and not in the list.
        if server.clients.blocked.load(Relaxed) > 0 {
            for at in 0..self.connections.len() {
                if let Some(Some(connection)) = self.connections.get_mut(at)
                    && connection.session.client().blocked.load(Relaxed)
                {
                    connection.session.log_progress(&server, now_ms);
                    self.list(at);
                }
            }
        }
    }

    /// Does something with the session of a client, if it is still there, and looks at its output afterwards.
    fn with(&mut self, token: usize, id: u64, act: impl FnOnce(&mut crate::session::Session)) {
        if let Some(Some(connection)) = self.connections.get_mut(token)
            && connection.session.client().id == id
        {
            act(&mut connection.session);
            self.list(token);
        }
    }

    fn accept(&mut self, listener: usize) {
        let keepalive_s = self.server.config.snapshot().tcp_keepalive_s();
        for _ in 0..ACCEPTS_MAX {
            match self.listeners[listener].accept(keepalive_s) {
                Ok(accepted) => self.deal(accepted),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // A connection that is gone already: the others go on.
                Err(error) if is_of_one_connection(&error) => {}
                // No descriptors left, until somebody goes.
                Err(_) => {
                    self.starved = true;
                    return;
                }
            }
        }
        self.listen_again(listener);
    }

    /// More connections may wait, and epoll tells only of changes: asks to be told again.
    fn listen_again(&mut self, listener: usize) {
        let source = self.listeners[listener].source();
        let _ = self.poll.registry().reregister(source, Token(listener + 1), Interest::READABLE);
    }

    /// Gives a connection to the next loop, or turns it away.
    fn deal(&mut self, mut accepted: Accepted) {
        if !accepted.local && self.server.config.snapshot().refuses_strangers() {
            return self.turn_away(accepted, PROTECTED);
        }
        if !self.server.clients.reserve(self.server.config.hot().maxclients()) {
            return self.turn_away(accepted, "-ERR max number of clients reached\r\n");
        }
        self.server.stats.connections.fetch_add(1, Relaxed);
        accepted.id = self.server.clients.next_id();
        let loops = self.server.loops.lock();
        self.next_loop = (self.next_loop + 1) % loops.len();
        loops[self.next_loop].send(Message::Accepted(accepted));
    }

    fn turn_away(&self, mut accepted: Accepted, refusal: &str) {
        self.server.stats.rejected_connections.fetch_add(1, Relaxed);
        // Said once and without waiting; the connection closes either way.
        let _ = accepted.stream.write(refusal.as_bytes());
    }

    /// Takes a connection in. Returns where it lies.
    fn adopt(&mut self, accepted: Accepted) -> Option<usize> {
        let Accepted { id, mut stream, addr, laddr, local, trusted } = accepted;
        let at = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let token = Token(at + FIRST_CONNECTION);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(stream.source(), token, interest).is_err() {
            self.free.push(at);
            self.server.clients.release();
            return None;
        }
        let client = Arc::new(Client {
            id,
            addr,
            laddr,
            fd: stream.fd(),
            connected_ms: self.server.db.now_ms(),
            unix: matches!(stream, Stream::Unix(_)),
            local,
            trusted,
            name: Mutex::default(),
            library: Mutex::default(),
            active_ms: AtomicU64::new(self.server.db.now_ms()),
            db: AtomicU32::new(0),
            last_command: AtomicU32::new(0),
            protocol: AtomicU32::new(2),
            multi: AtomicU32::new(0),
            watching: AtomicU32::new(0),
            namespace: Mutex::default(),
            query_bytes: AtomicU64::new(0),
            query_free_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            multi_bytes: AtomicU64::new(0),
            buffers: crate::client_memory::Part::default(),
            in_bytes: AtomicU64::new(0),
            out_bytes: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            monitor: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            mailbox: self.mailbox(),
            token: at,
        });
        self.server.clients.add(&client);
        self.connections[at] = Some(Connection::new(stream, &self.server, client));
        Some(at)
    }

    fn drop_connection(&mut self, at: usize) {
        if let Some(mut connection) = self.connections[at].take() {
            // It fails only for a socket that is not registered.
            let _ = self.poll.registry().deregister(connection.stream.source());
            connection.session.end(&self.server);
            self.free.push(at);
        }
    }

    /// Looks at time-outs.
    fn tick(&mut self, now_ms: u64) {
        if std::mem::take(&mut self.starved) {
            (0..self.listeners.len()).for_each(|listener| self.listen_again(listener));
        }
        let server = Arc::clone(&self.server);
        let timeout_ms = u64::from(server.config.hot().timeout_s()) * 1000;
        let mut next_ms = now_ms + TICK_MS;
        for at in 0..self.connections.len() {
            let Some(Some(connection)) = self.connections.get_mut(at) else { continue };
            if connection.session.is_idle(timeout_ms, now_ms) {
                self.drop_connection(at);
                continue;
            }
            let before = connection.session.output.left_bytes();
            connection.session.tick(&server, now_ms);
            if let Some(at_ms) = connection.session.deadline_ms() {
                next_ms = next_ms.min(at_ms.max(now_ms + 1));
            }
            if connection.readable {
                self.reading.push(at);
            }
            connection.account(&server);
            let connection = self.connections[at].as_mut().expect("it was there a moment ago");
            if connection.session.output.left_bytes() != before || before != 0 {
                self.list(at);
            }
        }
        self.next_tick_ms = next_ms;
        if self.listeners.is_empty() {
            return;
        }
        let stats = &server.stats;
        let totals =
            [&stats.processed, &stats.in_bytes, &stats.out_bytes].map(|counter| counter.load(Relaxed));
        stats.rates.sample(now_ms, totals);
    }

    /// The server stops: what was answered is sent, as far as sockets take it.
    fn finish(&mut self) {
        let now_ms = self.server.db.now_ms();
        self.connections.iter().flatten().for_each(|connection| connection.session.sync_namespace());
        if self.server.db.sync_log().is_ok() {
            for connection in self.connections.iter_mut().flatten() {
                while connection.send(&self.server, now_ms) && connection.yields {}
            }
        }
        for at in 0..self.connections.len() {
            self.drop_connection(at);
        }
    }
}
