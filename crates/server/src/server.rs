//! What all connections share.
//!
//! Owns the open database, the configuration, the registry of clients and the figures of the running server. Event loops
//! and sessions hold it by reference count; nothing in here waits for the network or the disk.

use crate::clients::Clients;
use crate::config::SharedConfig;
use crate::monitor::Monitors;
use crate::net::{Mailbox, Message};
use crate::pause::Pause;
use crate::slowlog::CommandLog;
use crate::stats::Stats;
use parking_lot::{Condvar, Mutex};
use ramekin::{Database, Namespaces};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// A running server.
pub struct Server {
    /// The data.
    pub db: Database,
    /// Connections that are in a namespace.
    pub(crate) in_namespaces: AtomicU32,
    namespaces: OnceLock<Namespaces>,
    /// The configuration.
    pub config: SharedConfig,
    /// Everybody who is connected.
    pub clients: Clients,
    /// Figures since the start.
    pub stats: Stats,
    /// Commands that took long.
    pub slowlog: CommandLog,
    /// Requests that were large.
    pub large_requests: CommandLog,
    /// Commands that were answered at length.
    pub large_replies: CommandLog,
    /// Who sees every command.
    pub monitors: Monitors,
    /// `CLIENT PAUSE`.
    pub pause: Pause,
    /// The event loops.
    pub loops: Mutex<Vec<Arc<Mailbox>>>,
    /// 40 hexadecimal digits, new at each start.
    pub run_id: String,
    /// When the server started, in Unix milliseconds.
    pub started_ms: u64,
    /// Counts time on behalf of whoever measures commands.
    pub ticks: quanta::Clock,
    /// It is part of a program, which is not its clients' to end.
    pub(crate) is_embedded: AtomicBool,
    stopping: AtomicBool,
    stop: (Mutex<Option<Stop>>, Condvar),
}

/// How the server was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// False: what is not on disk yet may be lost (`SHUTDOWN NOSAVE`).
    pub save: bool,
    /// A checkpoint is taken first, if anything has changed.
    pub checkpoint: bool,
}

impl Server {
    /// A server over an open database; it serves nobody yet.
    #[must_use]
    pub fn new(db: Database, config: SharedConfig) -> Self {
        let run_id = (0..3).map(|_| format!("{:016x}", db.random())).collect::<String>()[..40].to_owned();
        let started_ms = db.now_ms();
        Self {
            db,
            in_namespaces: AtomicU32::new(0),
            namespaces: OnceLock::new(),
            config,
            clients: Clients::default(),
            stats: Stats::new(),
            slowlog: CommandLog::default(),
            large_requests: CommandLog::default(),
            large_replies: CommandLog::default(),
            monitors: Monitors::default(),
            pause: Pause::default(),
            loops: Mutex::default(),
            run_id,
            started_ms,
            ticks: quanta::Clock::new(),
            is_embedded: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            stop: (Mutex::new(None), Condvar::new()),
        }
    }

    /// The databases with names.
    #[must_use]
    pub fn namespaces(&self) -> &Namespaces {
        self.namespaces.get().expect("they are opened before anybody is served")
    }

    pub(crate) fn set_namespaces(&self, namespaces: Namespaces) {
        self.namespaces.get_or_init(|| namespaces);
    }

    /// Does something with each database that is open.
    pub(crate) fn each_database(&self, act: impl Fn(&Database)) {
        act(&self.db);
        if let Some(namespaces) = self.namespaces.get() {
            namespaces.change_open(&act);
        }
    }

    /// Asks the server to end.
    pub fn request_stop(&self, stop: Stop) {
        self.stopping.store(true, Ordering::Release);
        *self.stop.0.lock() = Some(stop);
        self.stop.1.notify_all();
    }

    /// True once somebody has asked it to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Waits until somebody asks the server to end.
    #[must_use]
    pub fn wait_for_stop(&self) -> Stop {
        let mut asked = self.stop.0.lock();
        loop {
            match *asked {
                Some(stop) => return stop,
                None => self.stop.1.wait(&mut asked),
            }
        }
    }

    /// The time in Unix microseconds, as fine as the system tells it; it agrees with the database's milliseconds.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        let now_ms = self.db.now_ms();
        let fine = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let micros = u64::try_from(fine.tv_nsec).unwrap_or_default() / 1000;
        let fine_us = u64::try_from(fine.tv_sec).unwrap_or_default() * 1_000_000 + micros;
        // The database's time does not follow a clock that was put back; then it counts in milliseconds.
        if fine_us / 1000 >= now_ms { fine_us } else { now_ms * 1000 }
    }

    /// Leaves a message for every event loop.
    pub fn tell_loops(&self, message: impl Fn() -> Message) {
        self.loops.lock().iter().for_each(|mailbox| mailbox.send(message()));
    }

    /// Wakes every event loop.
    pub fn wake_loops(&self) {
        self.loops.lock().iter().for_each(|mailbox| mailbox.wake());
    }
}
