//! What all connections share.
//!
//! Owns the open database, the configuration, the registry of clients and the figures of the running server. Event loops
//! and sessions hold it by reference count; nothing in here waits for the network or the disk.

use crate::clients::Clients;
use crate::config::SharedConfig;
use crate::monitor::Monitors;
use crate::net::Mailbox;
use crate::pause::Pause;
use crate::slowlog::SlowLog;
use crate::stats::Stats;
use parking_lot::{Condvar, Mutex};
use ramekin::Database;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A running server.
pub struct Server {
    /// The data.
    pub db: Database,
    /// The configuration.
    pub config: SharedConfig,
    /// Everybody who is connected.
    pub clients: Clients,
    /// Figures since the start.
    pub stats: Stats,
    /// Commands that took long.
    pub slowlog: SlowLog,
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
    stopping: AtomicBool,
    stop: (Mutex<Option<Stop>>, Condvar),
}

/// How the server was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// False: what is not on disk yet may be lost (`SHUTDOWN NOSAVE`).
    pub save: bool,
}

impl Server {
    /// A server over an open database; it serves nobody yet.
    #[must_use]
    pub fn new(db: Database, config: SharedConfig) -> Self {
        let run_id = (0..3).map(|_| format!("{:016x}", db.random())).collect::<String>()[..40].to_owned();
        let started_ms = db.now_ms();
        Self {
            db,
            config,
            clients: Clients::default(),
            stats: Stats::new(),
            slowlog: SlowLog::default(),
            monitors: Monitors::default(),
            pause: Pause::default(),
            loops: Mutex::default(),
            run_id,
            started_ms,
            ticks: quanta::Clock::new(),
            stopping: AtomicBool::new(false),
            stop: (Mutex::new(None), Condvar::new()),
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

    /// Wakes every event loop.
    pub fn wake_loops(&self) {
        self.loops.lock().iter().for_each(|mailbox| mailbox.wake());
    }
}
