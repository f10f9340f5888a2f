//! Who is alive: the owner's lease, and the connection by which it is renewed.
//!
//! The lease is a key that expires after 10 seconds and is renewed every 3, by a thread with a connection of its own. It names
//! that connection: where the server tells that it is gone, the owner is dead at once. What must hold: all of this is a hint,
//! for people; it is the epoch that shuts an owner out.

use crate::address::Address;
use crate::names::{META, OWNER};
use crate::session::{Session, number_of, plain, text_of};
use ramekin::store::{ErrorKind, StoreError};
use ramekin_resp::Frame;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

const LEASE_MS: &[u8] = b"10000";
const RENEWAL: Duration = Duration::from_secs(3);
/// How long a connection of somebody who has just died is waited for.
const GONE_TRIES: u32 = 20;
/// How long a lease is waited for where the server does not tell of its connections.
const LEASE_TRIES: u32 = 110;
const TRY_PAUSE: Duration = Duration::from_millis(100);

/// Keeps the lease until it is dropped.
pub(crate) struct Guard {
    /// What the server knows its connection by.
    id: Arc<AtomicI64>,
    /// The thread ends when this is dropped.
    _stop: Sender<()>,
}

/// A connection that will keep the lease once there is an epoch.
pub(crate) struct Candidate {
    session: Session,
    address: Address,
}

impl Candidate {
    pub(crate) fn new(address: &Address) -> Result<Self, StoreError> {
        Ok(Self { session: Session::open(address, &name(address))?, address: address.clone() })
    }

    /// Puts the command that takes the lease.
    pub(crate) fn put_take(&self, session: &mut Session, epoch: u64) {
        put_lease(session, epoch, self.session.id);
    }

    /// Keeps the lease from now on.
    pub(crate) fn keep(self, epoch: u64) -> Result<Guard, StoreError> {
        let id = Arc::new(AtomicI64::new(self.session.id));
        let (stop, stopped) = channel();
        let shared = Arc::clone(&id);
        let Self { session, address } = self;
        std::thread::Builder::new()
            .name("store-owner".to_owned())
            .spawn(move || keep(&address, session, epoch, &shared, &stopped))
            .map_err(|error| {
                StoreError::new(ErrorKind::Unavailable, format!("no thread can be started: {error}"))
            })?;
        Ok(Guard { id, _stop: stop })
    }
}

/// What the owner's connection is called, in this database of the server.
fn name(address: &Address) -> String {
    format!("ramekin-owner-db{}", address.db)
}

fn put_lease(session: &mut Session, epoch: u64, id: i64) {
    session.put(&[b"SET", OWNER, format!("{epoch} {id}").as_bytes(), b"PX", LEASE_MS]);
}

/// Renews the lease until nobody wants it any more, or somebody else has the store.
fn keep(address: &Address, session: Session, epoch: u64, id: &AtomicI64, stopped: &Receiver<()>) {
    let mut session = Some(session);
    while stopped.recv_timeout(RENEWAL) == Err(RecvTimeoutError::Timeout) {
        let mut current = match session.take() {
            Some(session) => session,
            None => match Session::open(address, &name(address)) {
                Ok(session) => session,
                Err(_) => continue,
            },
        };
        id.store(current.id, Relaxed);
        match renew(&mut current, epoch) {
            Ok(true) => session = Some(current),
            Ok(false) => return,
            // Whoever settles hears of it, too.
            Err(_) => {}
        }
    }
}

/// Renews the lease, if the epoch goes on.
fn renew(session: &mut Session, epoch: u64) -> Result<bool, StoreError> {
    session.ask(&[b"WATCH", META])?;
    if number_of(&session.ask(&[b"HGET", META, b"owned"])?) != Some(epoch) {
        return Ok(false);
    }
    session.begin();
    let id = session.id;
    put_lease(session, epoch, id);
    plain(session.commit()).map(|_| true)
}

/// Asks that nobody else owns the store who is alive.
pub(crate) fn check_dead(
    session: &mut Session,
    address: &Address,
    own: Option<&Guard>,
    owner: &str,
) -> Result<(), StoreError> {
    let mut tries = GONE_TRIES;
    let mut tried = 0;
    loop {
        let lease = session.ask(&[b"GET", OWNER])?;
        let Some(id) = text_of(&lease).and_then(connection_of) else { return Ok(()) };
        if own.is_some_and(|guard| guard.id.load(Relaxed) == id) {
            return Ok(());
        }
        session.put(&[b"CLIENT", b"LIST", b"ID", id.to_string().as_bytes()]);
        match session.reply()? {
            // Not to be asked by this user, or on this server.
            Frame::Error(_) => tries = LEASE_TRIES,
            list => {
                let is_there = text_of(&list).is_some_and(|list| {
                    let name = format!(" name={} ", name(address));
                    String::from_utf8_lossy(list).contains(&name)
                });
                if !is_there {
                    return Ok(());
                }
            }
        }
        tried += 1;
        if tried >= tries {
            let text = format!("it is in use by {owner}: end that one first, or take the store over");
            return Err(StoreError::new(ErrorKind::Owned, text));
        }
        std::thread::sleep(TRY_PAUSE);
    }
}

/// The connection that a lease names.
fn connection_of(lease: &[u8]) -> Option<i64> {
    std::str::from_utf8(lease).ok()?.split_once(' ')?.1.parse().ok()
}
