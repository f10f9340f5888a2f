//! One connection: a socket and its session.

use crate::clients::Client;
use crate::server::Server;
use crate::session::{Next, Session};
use mio::net::{TcpStream, UnixStream};
use rustix::net::RecvFlags;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A socket of either kind.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

/// A connection that was accepted and belongs to no loop yet.
#[derive(Debug)]
pub struct Accepted {
    /// The number that it is known by, in the order of acceptance; 0 until it is dealt to a loop.
    pub id: u64,
    /// The socket.
    pub stream: Stream,
    /// The peer's address.
    pub addr: String,
    /// The address that it connected to.
    pub laddr: String,
    /// It comes from this machine.
    pub local: bool,
    /// It comes from this process, which needs no password for its own data.
    pub trusted: bool,
}

impl Stream {
    pub(super) fn source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            Stream::Tcp(stream) => stream,
            Stream::Unix(stream) => stream,
        }
    }

    pub(super) fn fd(&self) -> i32 {
        match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(into),
            Stream::Unix(stream) => stream.read(into),
        }
    }

    /// Receives what is there, in the way that `flags` say.
    pub(super) fn receive(&self, into: &mut [u8], flags: RecvFlags) -> rustix::io::Result<usize> {
        let received = match self {
            Stream::Tcp(stream) => rustix::net::recv(stream, into, flags),
            Stream::Unix(stream) => rustix::net::recv(stream, into, flags),
        };
        received.map(|(_, count)| count)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }
}

/// Buffers that a loop lends to its connections.
#[derive(Default)]
pub(super) struct Spare {
    /// To read into.
    pub(super) inputs: Vec<Vec<u8>>,
    /// To reply into.
    pub(super) outputs: Vec<Vec<u8>>,
}

/// A connection of a loop.
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) session: Session,
    /// The socket may have more to read (epoll tells only of changes).
    pub(super) readable: bool,
    /// The peer sends no more: one more read after the last bytes will say so, and epoll will not.
    pub(super) read_closed: bool,
    /// The socket has taken all that it was given so far.
    pub(super) writable: bool,
    /// The peer has ended its side.
    pub(super) ended: bool,
    /// It is in the loop's list of connections to be served in this turn.
    pub(super) listed: bool,
    /// It has more to send and the socket would take it, but others have their turn first.
    pub(super) yields: bool,
}

impl Connection {
    pub(super) fn new(stream: Stream, server: &Server, client: Arc<Client>) -> Self {
        let session = Session::new(server, client);
        Self {
            stream,
            session,
            readable: true,
            read_closed: false,
            writable: true,
            ended: false,
            listed: false,
            yields: false,
        }
    }

    /// Reads once. False if the connection is over.
    pub(super) fn read(&mut self, server: &Arc<Server>, spare: &mut Spare, now_ms: u64) -> bool {
        if self.session.breathes_again() {
            self.session.advance(server, now_ms);
        }
        if !self.readable || self.session.is_full() {
            return true;
        }
        self.session.output.borrow(&mut spare.outputs);
        let room = self.session.room(&mut spare.inputs);
        let wanted = room.len();
        let read = self.stream.read(room);
        server.stats.reads.fetch_add(1, Relaxed);
        match read {
            Ok(0) => {
                self.ended = true;
                self.readable = false;
            }
            Ok(bytes) => {
                // Less than asked for: the socket is empty, and epoll tells when it no longer is.
                self.readable = bytes == wanted || self.read_closed;
                server.stats.in_bytes.fetch_add(bytes as u64, Relaxed);
                self.session.received(bytes, now_ms);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
        true
    }

    /// Runs what was read. False if the connection is over.
    pub(super) fn run(&mut self, server: &Arc<Server>, spare: &mut Spare, now_ms: u64) -> bool {
        if self.session.has_received() {
            self.session.advance(server, now_ms);
            if self.session.is_over_query_limit(server) {
                server.stats.query_limit_disconnections.fetch_add(1, Relaxed);
                return false;
            }
        }
        self.session.give_back(&mut spare.inputs);
        true
    }

    /// Tells what its buffers take, if there is a limit for all clients together, and closes the largest if that is passed.
    pub(super) fn account(&self, server: &Server) {
        let bytes_max = server.config.hot().client_memory_max();
        if bytes_max == 0 {
            return;
        }
        let evicted = server.clients.account(self.session.client(), self.session.memory_bytes(), bytes_max);
        for client in evicted {
            server.stats.evicted_clients.fetch_add(1, Relaxed);
            crate::run::say(&format!(
                "client {} from {} was closed: all clients together take more than `maxmemory-clients`",
                client.id, client.addr
            ));
        }
    }

    /// Sends what may leave. False if the connection is over.
    pub(super) fn send(&mut self, server: &Server, now_ms: u64) -> bool {
        self.yields = false;
        while self.writable && !self.yields {
            let bytes = self.session.sendable();
            if bytes.is_empty() {
                break;
            }
            let wanted = bytes.len();
            server.stats.writes.fetch_add(1, Relaxed);
            match self.stream.write(bytes) {
                Ok(sent) => {
                    server.stats.out_bytes.fetch_add(sent as u64, Relaxed);
                    self.session.client().out_bytes.fetch_add(sent as u64, Relaxed);
                    self.yields = self.session.output.sent(sent);
                    self.writable = sent == wanted;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        let left = self.session.output.left_bytes();
        self.session.client().output_bytes.store(self.session.output.held_bytes() as u64, Relaxed);
        self.account(server);
        if left > 0 && self.session.is_over_output_limit(server, now_ms) {
            server.stats.output_limit_disconnections.fetch_add(1, Relaxed);
            return false;
        }
        match self.session.next() {
            Next::Open => !self.ended || (left > 0 && (self.yields || self.session.output.is_gated())),
            Next::Close => left > 0 && (self.yields || !self.ended),
            Next::Drop => false,
        }
    }
}
