//! Limits of memory and of the disk: how they are set, kept when nobody writes, and told.

use super::Database;
use crate::command::Fail;
use crate::error::{Error, ErrorKind};
use crate::shard::{Caller, DiskState};
use std::sync::atomic::Ordering::Relaxed;

impl Database {
    /// Limits the memory of the process: above so many bytes in use (0: no limit) keys are evicted by the policy
    /// ([`Settings::set_policy`](crate::command::Settings::set_policy)), and commands that may need memory are refused with `OOM` if
    /// there are none to evict.
    ///
    /// # Errors
    /// `Invalid` if nothing counts what is in use: the program has to install [`Counted`](crate::memory::Counted).
    pub fn limit_memory(&self, bytes: u64) -> Result<(), Error> {
        if bytes != 0 && crate::memory::used_bytes().is_none() {
            let text = "a limit of memory needs an allocator that counts: make ramekin::memory::Counted the global allocator";
            return Err(Error::new(ErrorKind::Invalid, text.to_owned()));
        }
        self.settings().maxmemory.store(if bytes == 0 { u64::MAX } else { bytes }, Relaxed);
        Ok(())
    }

    /// Changes how many keys, and bytes of keys and values, may be in memory; 0: no limit. What is above it goes when something is
    /// added, if the policy allows that.
    ///
    /// # Errors
    /// `Invalid` for a database that was opened without a limit and not told to count ([`Options::counts`](crate::Options::counts)).
    pub fn set_limits(&self, keys_max: u64, bytes_max: u64) -> Result<(), Error> {
        let Some(account) = self.shards().keyspace.account() else {
            let text = "what it takes is not counted, since it was opened without limits";
            return Err(Error::new(ErrorKind::Invalid, text));
        };
        account.limit(keys_max, bytes_max);
        Ok(())
    }

    /// Keys in memory, and bytes of keys and values; none where that is not counted.
    #[must_use]
    pub fn counted(&self) -> Option<(u64, u64)> {
        self.shards().keyspace.account().map(crate::keyspace::account::Account::sums)
    }

    /// Evicts so many keys by the policy now, however much memory is in use. Returns how many there were.
    ///
    /// # Errors
    /// `DiskFull` if the log has no space to note it.
    pub fn evict(&self, keys: usize) -> Result<usize, Error> {
        let shards = self.shards();
        let mut caller = Caller::at(self.now_ms());
        let (mut evicted, mut in_vain, mut shard) = (0, 0, 0);
        while evicted < keys && in_vain < shards.keyspace.shards() {
            let here = shards
                .evict_from(&mut caller, shard, 1, None)
                .map_err(|fail| Error::new(ErrorKind::DiskFull, fail.0.into_owned()))?;
            evicted += here;
            in_vain = if here == 0 { in_vain + 1 } else { 0 };
            shard = (shard + 1) % shards.keyspace.shards();
        }
        Ok(evicted)
    }

    /// Makes room for a command that may need memory and is only queued yet.
    ///
    /// # Errors
    /// The reply that refuses it, `OOM`.
    pub fn make_room(&self, caller: &mut Caller) -> Result<(), Fail> {
        self.shards().room_for(caller, true)
    }

    /// For how long memory has been above its limit: in all, and this time, in milliseconds.
    #[must_use]
    pub fn memory_exceeded_ms(&self) -> (u64, u64) {
        self.shards().exceeded.times_ms(self.now_ms())
    }

    /// Looks how much of the disk is free, and refuses writes from now on, or takes them again, by
    /// [`Settings::min_free_disk`](crate::command::Settings::min_free_disk). A thread of the database does so each second.
    pub fn check_disk(&self) {
        // A disk that cannot say what is free is judged when it is full.
        let Some(space) = self.disk().and_then(|disk| disk.space().ok().flatten()) else { return };
        let min = self.settings().min_free_disk.load(Relaxed);
        if let Some(state) = self.shards().disk.judge(space, min)
            && let Some(tell) = self.inner.on_disk_state.get()
        {
            tell(state);
        }
    }

    /// How the disk stood when it was last looked at; bytes that were free, and that are to be left free.
    #[must_use]
    pub fn disk_space(&self) -> (DiskState, u64, u64) {
        let (free, min) = self.shards().disk.figures();
        (self.shards().disk.state(), free, min)
    }

    /// Calls `f` with the new state whenever it has changed; only the first call counts.
    pub fn on_disk_state(&self, f: Box<dyn Fn(DiskState) + Send + Sync>) {
        self.inner.on_disk_state.get_or_init(|| f);
    }
}
