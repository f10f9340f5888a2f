//! What the server has confirmed, and what it has to do before that counts.
//!
//! What must hold: a batch counts as settled only once as many replicas, and the server's disk, have it as the address asks for;
//! a server that is behind what it has confirmed is never gone on with.

use crate::address::Address;
use crate::lane::{lane_of, put_read_lane};
use crate::names;
use crate::session::{Session, number_of, odd};
use parking_lot::Mutex;
use ramekin::store::{ErrorKind, StoreError};
use ramekin_resp::Frame;
use std::collections::HashMap;

/// The last batch of each lane that was confirmed to us.
pub(crate) struct History {
    confirmed: Mutex<HashMap<u32, (u64, u64)>>,
    /// Replicas that have to have a batch.
    wait: u32,
    /// Whether the server's disk has to have it.
    fsync: bool,
    /// How long that may take.
    timeout_ms: u128,
}

impl History {
    pub(crate) fn new(address: &Address) -> Self {
        Self {
            confirmed: Mutex::default(),
            wait: address.wait,
            fsync: address.fsync,
            // The answer comes before the line is given up.
            timeout_ms: address.timeout.as_millis() / 2,
        }
    }

    /// A batch of this lane has been confirmed.
    pub(crate) fn note(&self, lane: u32, epoch: u64, sequence: u64) {
        self.confirmed.lock().insert(lane, (epoch, sequence));
    }

    /// Whether the server still has what it has confirmed, if a lane is at this sequence; 0: it has nothing of it.
    pub(crate) fn check(&self, lane: u32, epoch: u64, sequence: u64) -> Result<(), StoreError> {
        match self.confirmed.lock().get(&lane) {
            Some((known, confirmed)) if *known == epoch && sequence < *confirmed => {
                let text = format!(
                    "the server has lost what it had confirmed: lane {lane} is at batch {sequence} there, and {confirmed} was \
                     written, as after a failover or a restart without its last writes. Nothing settles until this server \
                     has been restarted: then what memory and log have is written anew, and with `store-attach memory` \
                     all that is in memory; keys that were evicted since are as the server has them. The parameters \
                     wait and fsync of the store's address prevent it"
                );
                Err(StoreError::new(ErrorKind::Unavailable, text))
            }
            _ => Ok(()),
        }
    }

    /// The same of all lanes, of the server that a session leads to: what is read there may be behind, too.
    pub(crate) fn check_all(&self, session: &mut Session) -> Result<(), StoreError> {
        let known = self.confirmed.lock().clone();
        for lane in known.keys() {
            put_read_lane(session, &names::lane(u64::from(*lane)));
        }
        let found = session.answers(known.len())?;
        for ((lane, (epoch, _)), found) in known.iter().zip(found) {
            match lane_of(found)? {
                Some(found) if found.epoch != *epoch => {}
                found => self.check(*lane, *epoch, found.map_or(0, |found| found.sequence))?,
            }
        }
        Ok(())
    }

    /// Waits until what this session has written is as safe as it has to be.
    pub(crate) fn confirm(&self, session: &mut Session) -> Result<(), StoreError> {
        if self.wait == 0 && !self.fsync {
            return Ok(());
        }
        let (wait, timeout) = (self.wait.to_string(), self.timeout_ms.to_string());
        let frame = if self.fsync {
            session.ask(&[b"WAITAOF", b"1", wait.as_bytes(), timeout.as_bytes()])
        } else {
            session.ask(&[b"WAIT", wait.as_bytes(), timeout.as_bytes()])
        };
        // It has happened, but whether it stays is not known.
        let frame = frame.map_err(|error| StoreError { kind: ErrorKind::InDoubt, ..error })?;
        let (synced, replicas) = match &frame {
            Frame::Array(counts) => match &counts[..] {
                [synced, replicas] => (number_of(synced) == Some(1), number_of(replicas)),
                _ => return Err(odd("WAITAOF")),
            },
            replicas => (true, number_of(replicas)),
        };
        let replicas = replicas.ok_or_else(|| odd("WAIT"))?;
        if synced && replicas >= self.wait.into() {
            return Ok(());
        }
        let text = if synced {
            format!(
                "{replicas} replicas have what was written, and the store's address asks for {}",
                self.wait
            )
        } else {
            "the server has not synced what was written to its disk in time".to_owned()
        };
        Err(StoreError::new(ErrorKind::InDoubt, text))
    }
}
