//! What a command's handler sees of the client that sent it.

use crate::clients::Client;
use crate::command::Row;
use crate::server::Server;
use ramekin::{Caller, Database, Namespace, Needs, Response, Watch};
use ramekin_resp::Protocol;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// How durable a change has to be before this client is told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// As `appendfsync` says.
    #[default]
    Server,
    /// In memory: replies never wait for the log.
    Memory,
    /// On disk.
    Disk,
    /// Settled in the store behind.
    Store,
}

/// `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// Every command is answered.
    #[default]
    On,
    /// None is.
    Off,
    /// The next one is not.
    SkipNext,
    /// This one is not.
    Skip,
}

/// What a handler asks its session to wait for before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The disk shall have this client's changes.
    pub for_disk: bool,
    /// A replica shall have them; there is none, so this lasts until the time is over.
    pub for_replicas: bool,
    /// The store behind shall have them. This wait is for nothing else, and its answer is whether it has.
    pub for_store: bool,
    /// At most so long; 0: without end.
    pub timeout_ms: u64,
    /// The answer is of WAITAOF (disk and replicas) or of WAIT (replicas).
    pub answers_both: bool,
}

impl Wait {
    /// A wait for the store, without end.
    #[must_use]
    pub const fn for_store() -> Self {
        Self { for_disk: false, for_replicas: false, for_store: true, timeout_ms: 0, answers_both: false }
    }
}

/// Begins what takes long elsewhere; the answer is given to the function, once.
pub(crate) type Begun = Box<dyn FnOnce(Box<dyn FnOnce(Response) + Send>) + Send>;

/// What takes long, and the answer that comes of it.
pub(crate) type Work = Box<dyn FnOnce(&Server) -> Response + Send>;

/// Where a session is to go.
pub(crate) struct Move {
    /// The name of the namespace.
    pub(crate) name: Box<str>,
    /// What is answered there.
    pub(crate) reply: &'static str,
}

/// A command between MULTI and EXEC.
pub struct Queued {
    /// Its row.
    pub row: &'static Row,
    /// The command and its arguments.
    pub args: Vec<Box<[u8]>>,
}

/// A transaction that is being put together.
#[derive(Default)]
pub struct Transaction {
    /// The commands so far.
    pub queued: Vec<Queued>,
    /// What they take in memory.
    pub bytes: usize,
    /// One of them was refused: EXEC refuses all.
    pub refused: bool,
}

/// Keys that are watched for EXEC.
#[derive(Default)]
pub struct Watching {
    pub(crate) watch: Arc<Watch>,
    /// By database and key: whether it existed.
    pub(crate) keys: HashMap<(u32, Box<[u8]>), bool>,
}

/// The client's side of a session.
pub struct Peer {
    /// As others see it.
    pub client: Arc<Client>,
    /// The data that its commands are about: the server's, or that of a namespace.
    pub db: Database,
    /// The namespace; none: the server's own database.
    pub(crate) namespace: Option<Arc<Namespace>>,
    /// A handler asks for another database instead of an answer.
    pub(crate) moves: Option<Move>,
    /// Runs commands in the engine; holds the selected database and the time.
    pub caller: Caller,
    /// The version of the protocol.
    pub protocol: Protocol,
    /// It has given the password, or none is needed.
    pub authenticated: bool,
    /// What follows MULTI.
    pub transaction: Option<Transaction>,
    /// What WATCH watches.
    pub watching: Option<Watching>,
    /// Whether it is answered.
    pub reply: ReplyMode,
    /// How long its replies wait.
    pub durability: Durability,
    /// Sees every command.
    pub monitor: bool,
    /// The connection is closed once what was answered is sent.
    pub closing: bool,
    /// It waits for the end of a pause.
    pub stalled: bool,
    /// The LSN of its last change.
    pub last_write_lsn: u64,
    /// A handler asks for a wait instead of an answer.
    pub wait: Option<Wait>,
    /// A handler asks for work that a thread of its own does before it answers.
    pub(crate) work: Option<Work>,
    /// A handler asks for something that goes on without this session, and answers once it has ended.
    pub(crate) begun: Option<Begun>,
    /// What the command needs from the store before it is run again; it has answered nothing.
    pub(crate) needs: Option<Box<Needs>>,
    /// A handler ran several commands: the reply depends on this LSN.
    pub reply_lsn: u64,
    /// Between MULTI and EXEC handlers run with locks held; they may not look into the database.
    pub in_exec: bool,
}

impl Peer {
    pub(super) fn new(server: &Server, client: Arc<Client>) -> Self {
        let authenticated = client.trusted || server.config.snapshot().requirepass().is_none();
        let mut caller = Caller::default();
        caller.leaves_large = true;
        let db = server.db.clone();
        if db.has_store() {
            caller.follow();
        }
        Self {
            client,
            db,
            namespace: None,
            moves: None,
            caller,
            protocol: Protocol::Resp2,
            authenticated,
            transaction: None,
            watching: None,
            reply: ReplyMode::On,
            durability: Durability::Server,
            monitor: false,
            closing: false,
            stalled: false,
            last_write_lsn: 0,
            wait: None,
            work: None,
            begun: None,
            needs: None,
            reply_lsn: 0,
            in_exec: false,
        }
    }

    /// Ends the watch over keys.
    pub fn unwatch(&mut self) {
        if let Some(watching) = self.watching.take() {
            for (db, key) in watching.keys.keys() {
                self.db.unwatch(*db, key, &watching.watch);
            }
        }
        self.client.watching.store(0, Relaxed);
    }

    /// Back to the state of a new connection (RESET); name, address and id stay with the connection's registry entry.
    pub fn reset(&mut self, server: &Server) {
        self.end_transaction();
        if self.monitor {
            server.monitors.remove(self.client.id);
            self.monitor = false;
            self.client.monitor.store(false, Relaxed);
        }
        self.caller.db = 0;
        self.caller.no_touch = false;
        self.protocol = Protocol::Resp2;
        self.reply = ReplyMode::On;
        self.durability = Durability::Server;
        self.authenticated = self.client.trusted || server.config.snapshot().requirepass().is_none();
        self.client.no_touch.store(false, Relaxed);
        self.client.no_evict.store(false, Relaxed);
        self.client.name.lock().clear();
    }

    /// Forgets what MULTI and WATCH began.
    pub fn end_transaction(&mut self) {
        self.transaction = None;
        self.unwatch();
    }

    /// Tells the registry how things are.
    pub(super) fn publish(&self, query_bytes: usize, query_free_bytes: usize, output_bytes: usize) {
        let client = &self.client;
        client.query_bytes.store(query_bytes as u64, Relaxed);
        client.query_free_bytes.store(query_free_bytes as u64, Relaxed);
        client.output_bytes.store(output_bytes as u64, Relaxed);
        self.publish_state();
    }

    /// Tells the registry what the client's last commands have changed.
    pub fn publish_state(&self) {
        let client = &self.client;
        client.db.store(self.caller.db, Relaxed);
        client.protocol.store(if self.protocol == Protocol::Resp3 { 3 } else { 2 }, Relaxed);
        let multi = self.transaction.as_ref().map_or(0, |transaction| transaction.queued.len() + 1);
        client.multi.store(u32::try_from(multi).unwrap_or(u32::MAX), Relaxed);
        let queued_bytes = self.transaction.as_ref().map_or(0, |transaction| transaction.bytes);
        client.multi_bytes.store(queued_bytes as u64, Relaxed);
    }

    pub(super) fn end(&mut self, server: &Server) {
        self.end_transaction();
        if self.monitor {
            server.monitors.remove(self.client.id);
        }
        if self.namespace.take().is_some() {
            server.in_namespaces.fetch_sub(1, Relaxed);
        }
        server.clients.remove(self.client.id);
    }
}
