//! Who is connected: what `CLIENT LIST` shows and `CLIENT KILL` reaches.
//!
//! A session writes what it is doing into its [`Client`] with relaxed atomics; anybody may read it, a moment old. What must
//! hold: a client is in the registry from its acceptance until its connection is dropped.

use crate::client_memory::{Part, Sum};
use crate::net::Mailbox;
use parking_lot::{Mutex, RwLock};
use ramekin::Namespace;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// One connected client, as others see it.
pub struct Client {
    /// Unique since the start.
    pub id: u64,
    /// The peer's address, or the path of the Unix socket with `:0`.
    pub addr: String,
    /// The address that it connected to.
    pub laddr: String,
    /// The file descriptor.
    pub fd: i32,
    /// When it connected, in Unix milliseconds.
    pub connected_ms: u64,
    /// Connected over a Unix socket.
    pub unix: bool,
    /// Connected from this machine.
    pub local: bool,
    /// It is this process, which needs no password for its own data.
    pub trusted: bool,
    /// `CLIENT SETNAME`.
    pub name: Mutex<Vec<u8>>,
    /// `CLIENT SETINFO`: library name and version.
    pub library: Mutex<(Vec<u8>, Vec<u8>)>,
    /// When it last sent something, in Unix milliseconds.
    pub active_ms: AtomicU64,
    /// The selected database.
    pub db: AtomicU32,
    /// Its last command, as a position in the table of all commands plus one; 0: none yet.
    pub last_command: AtomicU32,
    /// 2 or 3.
    pub protocol: AtomicU32,
    /// The namespace that it is in; none: the database without a name.
    pub(crate) namespace: Mutex<Option<Arc<Namespace>>>,
    /// Commands queued since MULTI plus one; 0: no transaction.
    pub multi: AtomicU32,
    /// Keys watched.
    pub watching: AtomicU32,
    /// Bytes received and not yet run.
    pub query_bytes: AtomicU64,
    /// Room that the query buffer has left.
    pub query_free_bytes: AtomicU64,
    /// Bytes of replies not yet sent.
    pub output_bytes: AtomicU64,
    /// Bytes of commands queued since MULTI.
    pub multi_bytes: AtomicU64,
    /// Its part of what the buffers of all clients take.
    pub(crate) buffers: Part,
    /// Bytes received since it connected.
    pub in_bytes: AtomicU64,
    /// Bytes sent since it connected.
    pub out_bytes: AtomicU64,
    /// Commands run since it connected.
    pub commands: AtomicU64,
    /// Waits for a key.
    pub blocked: AtomicBool,
    /// `CLIENT NO-EVICT`.
    pub no_evict: AtomicBool,
    /// `CLIENT NO-TOUCH`.
    pub no_touch: AtomicBool,
    /// Has sent MONITOR.
    pub monitor: AtomicBool,
    /// Somebody else wants the connection closed.
    pub killed: AtomicBool,
    /// Where its event loop takes messages, and under which token it knows the connection.
    pub mailbox: Arc<Mailbox>,
    /// See `mailbox`.
    pub token: usize,
}

/// All connected clients.
#[derive(Default)]
pub struct Clients {
    next_id: AtomicU64,
    by_id: RwLock<BTreeMap<u64, Arc<Client>>>,
    /// How many, those included that were accepted and are on their way to their event loop.
    count: AtomicU32,
    /// How many wait for a key.
    pub blocked: AtomicU32,
    /// What the buffers of all of them take.
    pub(crate) buffers: Sum,
}

impl Clients {
    /// A new id.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Relaxed) + 1
    }

    /// Reserves a place for one more client, if there are fewer than `clients_max`.
    #[must_use]
    pub fn reserve(&self, clients_max: u32) -> bool {
        self.count.fetch_update(Relaxed, Relaxed, |count| (count < clients_max).then_some(count + 1)).is_ok()
    }

    /// Gives a reserved place back.
    pub fn release(&self) {
        self.count.fetch_sub(1, Relaxed);
    }

    /// Takes a client in, at a place that was reserved.
    pub fn add(&self, client: &Arc<Client>) {
        self.by_id.write().insert(client.id, Arc::clone(client));
    }

    /// Lets a client go, and its place.
    pub fn remove(&self, id: u64) {
        if let Some(client) = self.by_id.write().remove(&id) {
            self.buffers.leave(&client.buffers);
            self.release();
        }
    }

    /// How many are connected.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count.load(Relaxed)
    }

    /// True without clients.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The client with this id.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.by_id.read().get(&id).cloned()
    }

    /// All of them, in the order of their ids.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.by_id.read().values().cloned().collect()
    }
}

impl Client {
    /// The letters of what it is and does, as `CLIENT LIST` shows them; `N` for nothing in particular.
    #[must_use]
    pub fn flags(&self) -> String {
        let all = [
            ('O', self.monitor.load(Relaxed)),
            ('x', self.multi.load(Relaxed) != 0),
            ('b', self.blocked.load(Relaxed)),
            ('A', self.killed.load(Relaxed)),
            ('U', self.unix),
            ('e', self.no_evict.load(Relaxed)),
            ('T', self.no_touch.load(Relaxed)),
        ];
        let set: String = all.iter().filter(|(_, is_set)| *is_set).map(|(letter, _)| *letter).collect();
        if set.is_empty() { "N".to_owned() } else { set }
    }

    /// The peer's address without its port.
    #[must_use]
    pub fn ip(&self) -> &str {
        let host = self.addr.rsplit_once(':').map_or(&*self.addr, |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Asks the client's event loop to close the connection.
    pub fn kill(&self) {
        self.killed.store(true, Relaxed);
        self.mailbox.send(crate::net::Message::Kill { token: self.token, id: self.id });
    }
}
