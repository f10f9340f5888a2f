//! What the buffers of all clients take together, and who is closed when that is too much (`maxmemory-clients`).
//!
//! A connection tells its own bytes at the end of each turn in which something happened to it, and at each tick; the sum is
//! kept here. What must hold: the sum is that of all clients but those that are being closed; the largest go first, but for
//! those with `CLIENT NO-EVICT on`, and no more of them than it takes. Without a limit nothing is summed.

use crate::clients::{Client, Clients};
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// The sum over all clients. Changes overtake each other, so for a moment it may be below zero.
#[derive(Default)]
pub(crate) struct Sum(AtomicI64);

/// The part of one client.
#[derive(Default)]
pub(crate) struct Part(AtomicU64);

impl Sum {
    fn set(&self, part: &Part, bytes: u64) {
        let before = part.0.swap(bytes, Relaxed);
        if before != bytes {
            let signed = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
            self.0.fetch_add(signed(bytes) - signed(before), Relaxed);
        }
    }

    /// The client is gone.
    pub(crate) fn leave(&self, part: &Part) {
        self.set(part, 0);
    }
}

impl Clients {
    /// Takes down what the buffers of a client take, and closes the largest clients if all take more than `bytes_max`
    /// together. Returns who was closed.
    pub(crate) fn account(&self, client: &Client, bytes: u64, bytes_max: u64) -> Vec<Arc<Client>> {
        self.buffers.set(&client.buffers, if client.killed.load(Relaxed) { 0 } else { bytes });
        if self.is_over(bytes_max) { self.evict(bytes_max) } else { Vec::new() }
    }

    fn is_over(&self, bytes_max: u64) -> bool {
        u64::try_from(self.buffers.0.load(Relaxed)).is_ok_and(|sum| sum > bytes_max)
    }

    fn evict(&self, bytes_max: u64) -> Vec<Arc<Client>> {
        let mut candidates = self.all();
        candidates.retain(|client| !client.no_evict.load(Relaxed) && client.buffers.0.load(Relaxed) > 0);
        candidates.sort_by_cached_key(|client| Reverse(client.buffers.0.load(Relaxed)));
        let mut evicted = Vec::new();
        for client in candidates {
            if !self.is_over(bytes_max) {
                break;
            }
            client.kill();
            self.buffers.leave(&client.buffers);
            evicted.push(client);
        }
        evicted
    }
}
