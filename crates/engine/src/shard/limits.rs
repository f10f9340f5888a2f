//! Keeping to the limits of a database: so many keys, so many bytes of keys and values.
//!
//! A command that may add something is let in if there is room for it, or once enough was evicted by the policy. What it adds is
//! not known before, so the limit of bytes is passed by one command's at most, and by those that run at the same time.
//! Left out: the limit of the process (`room`).

use super::{Caller, Shards};
use crate::command::{Command, Fail, Keys, flag};
use crate::keyspace::account::Account;
use crate::record;
use std::sync::atomic::Ordering::Relaxed;

/// Keys evicted for one command beyond those that it adds.
const KEYS_MAX: u64 = 512;
/// Keys evicted from one shard at once.
const BATCH_KEYS: usize = 16;

impl Shards {
    /// Whether there are limits.
    #[inline]
    pub(crate) fn is_limited(&self) -> bool {
        self.keyspace.account().is_some_and(Account::is_limited)
    }

    /// Makes room for this command, or refuses it.
    #[cold]
    pub(crate) fn admit_one(
        &self,
        caller: &mut Caller,
        command: &Command,
        args: &[&[u8]],
    ) -> Result<(), Fail> {
        let db = caller.db;
        self.admit_within_limits(caller, std::iter::once((db, command, args)))
    }

    /// Makes room for these commands on these databases, or refuses them.
    #[cold]
    pub(crate) fn admit_within_limits<'c>(
        &self,
        caller: &mut Caller,
        commands: impl Iterator<Item = (u32, &'c Command, &'c [&'c [u8]])>,
    ) -> Result<(), Fail> {
        let Some(account) = self.keyspace.account() else { return Ok(()) };
        let (now_ms, mut more, mut adds) = (caller.now_ms, 0, false);
        for (db, command, args) in commands {
            if !command.spec.is(flag::DENYOOM) {
                continue;
            }
            adds = true;
            if account.keys_over(args.len() as u64) == 0 {
                more += args.len() as u64;
                continue;
            }
            let db = if let Keys::Records(_) = command.spec.keys { record::DATABASE } else { db };
            // Keys that cannot be found are what the command will answer.
            let keys = command.spec.keys_of(args).unwrap_or_default();
            more += keys.iter().filter(|key| !self.keyspace.exists(db, now_ms, key)).count() as u64;
        }
        if !adds {
            return Ok(());
        }
        self.evict_within(caller, account, more)?;
        if account.keys_over(more) == 0 && !account.is_full() {
            return Ok(());
        }
        account.refused.fetch_add(1, Relaxed);
        let what = if account.is_full() { "bytes" } else { "keys" };
        Err(Fail::text(format!(
            "NAMESPACEFULL command not allowed: it would take the namespace above its limit of {what}"
        )))
    }

    /// Evicts until so many more keys are within the limits.
    fn evict_within(&self, caller: &mut Caller, account: &Account, more: u64) -> Result<(), Fail> {
        let over = || account.keys_over(more);
        let (mut evicted, mut in_vain) = (0, 0);
        while (over() > 0 || account.is_full())
            && in_vain < self.keyspace.shards()
            && evicted < more.saturating_add(KEYS_MAX)
        {
            let shard = self.turns.fetch_add(1, Relaxed) & (self.keyspace.shards() - 1);
            let wanted =
                if account.is_full() { BATCH_KEYS } else { usize::try_from(over()).unwrap_or(BATCH_KEYS) };
            let here = self.evict_from(caller, shard, wanted.min(BATCH_KEYS), None)?;
            evicted += here as u64;
            in_vain = if here == 0 { in_vain + 1 } else { 0 };
        }
        Ok(())
    }

    /// The same for what has come from a store, without a command that waits for it.
    pub(super) fn keep_within_limits(&self, caller: &mut Caller) {
        if let Some(account) = self.keyspace.account()
            && (account.keys_over(0) > 0 || account.is_full())
        {
            // Without space in the log nothing can be evicted now, and nothing can be written either.
            let _ = self.evict_within(caller, account, 0);
        }
    }
}
