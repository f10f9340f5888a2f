//! A server inside a program: the database, and all commands of a server for the program's own connections.
//!
//! Owns what [`crate::serve`] does without its process: no signals, no pid file, and no socket until the program asks for one.
//! What must hold: the program's own connections need no password; a client that comes by a socket cannot end the program.
//! Event loops are started when the first connection needs one. Left out: the program's fast way to its data, which is the
//! [`Database`] itself.

use crate::config::{Loaded, SharedConfig};
use crate::error::Error;
use crate::net::{Accepted, Listener, Message, Stream, listen_at};
use crate::run::{self, Failure, Stores};
use crate::server::{Server, Stop};
use parking_lot::Mutex;
use ramekin::Database;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

/// An open database with a server around it.
pub struct Embedded {
    server: Arc<Server>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Embedded {
    /// Opens the database that the configuration names. `stores` makes what the directive `store` names.
    ///
    /// # Errors
    /// The folder or its store cannot be used.
    pub fn open(loaded: Loaded, stores: Arc<Stores>) -> Result<Self, Failure> {
        for warning in &loaded.warnings {
            run::say(&format!("warning: {warning}"));
        }
        crate::system::note_start();
        let db = run::open_database(&loaded.config, &Arc::default(), &*stores)?;
        let server = Arc::new(Server::new(db, SharedConfig::from(loaded)));
        server.is_embedded.store(true, Relaxed);
        run::apply_settings(&server, &server.config.snapshot());
        crate::namespaces::start(&server, stores)?;
        run::warn_of_limits(&server);
        crate::command::register_hooks(&server);
        Ok(Self { server, threads: Mutex::default() })
    }

    /// The data.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.server.db
    }

    /// The directives that were given, and those that were changed since.
    #[must_use]
    pub fn config(&self) -> &SharedConfig {
        &self.server.config
    }

    /// A connection of the program's own, as if to a socket: any command of a server may be sent over it.
    ///
    /// # Errors
    /// The system gives no socket or no thread, or the database is closed.
    pub fn connect(&self) -> Result<UnixStream, Error> {
        let failed = |error: std::io::Error| Error(format!("cannot make a connection: {error}"));
        let first = self.first_loop()?;
        let (mine, theirs) = UnixStream::pair().map_err(failed)?;
        theirs.set_nonblocking(true).map_err(failed)?;
        // What the program does itself is not held against the limit of clients.
        let _ = self.server.clients.reserve(u32::MAX);
        let id = self.server.clients.next_id();
        let stream = Stream::Unix(mio::net::UnixStream::from_std(theirs));
        let (addr, laddr) = ("embedded".to_owned(), "embedded".to_owned());
        first(Message::Accepted(Accepted { id, stream, addr, laddr, local: true, trusted: true }));
        Ok(mine)
    }

    /// Takes connections at this address from now on; port 0 is any that is free. Returns where.
    ///
    /// # Errors
    /// The address cannot be listened on, or the database is closed.
    pub fn serve(&self, host: &str, port: u16) -> Result<SocketAddr, Error> {
        let backlog = self.server.config.snapshot().tcp_backlog();
        let (listener, address): (Listener, SocketAddr) = listen_at(host, port, backlog)?;
        run::lower_maxclients(&self.server);
        self.first_loop()?(Message::Listen(listener));
        Ok(address)
    }

    /// Where the first event loop takes messages; it is started if nobody has needed one so far.
    fn first_loop(&self) -> Result<impl Fn(Message) + use<>, Error> {
        let mut threads = self.threads.lock();
        if self.server.is_stopping() {
            return Err(Error("the database has been closed".to_owned()));
        }
        if threads.is_empty() {
            let loops = self.server.config.snapshot().io_threads().max(1);
            *threads = run::start_loops(&self.server, Vec::new(), loops, Vec::new())?;
        }
        let first = self.server.loops.lock().first().cloned();
        let mailbox = first.ok_or_else(|| Error("there is no event loop".to_owned()))?;
        Ok(move |message| mailbox.send(message))
    }

    /// Ends all connections, has what has changed settle in the store as far as the time allows, and makes everything durable. False:
    /// the time is over; what was acknowledged is with the operating system, and a thread goes on with the rest.
    ///
    /// # Errors
    /// What was not durable before may be lost.
    pub fn close(&self, patience: Duration) -> Result<bool, Error> {
        self.server.request_stop(Stop { save: true, checkpoint: false });
        let threads = std::mem::take(&mut *self.threads.lock());
        let (sender, receiver) = std::sync::mpsc::channel();
        let server = Arc::clone(&self.server);
        let spawned = std::thread::Builder::new().name("close".to_owned()).spawn(move || {
            server.wake_loops();
            for thread in threads {
                // A panic of that thread has been reported where it happened.
                let _ = thread.join();
            }
            let namespaces = server.namespaces().close();
            let closed = server.db.close().and(namespaces);
            drop(server);
            // Nobody listens any more if the time is over.
            let _ = sender.send(closed);
        });
        spawned.map_err(|error| Error(format!("cannot start a thread: {error}")))?;
        match receiver.recv_timeout(patience) {
            Ok(closed) => closed
                .map(|()| true)
                .map_err(|error| Error(format!("closed, but the last changes may not be on disk: {error}"))),
            Err(_) => Ok(false),
        }
    }
}
