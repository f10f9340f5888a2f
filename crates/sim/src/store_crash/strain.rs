//! What makes a life harder: bounds that are soon met, a slow store, a clock that goes back, others who write while a row is on
//! its way, and somebody else who takes the store.

use super::run::Run;
use crate::workload::Call;
use ramekin::io::{Clock as _, Rng as _, SeededRng};
use ramekin::store::{Claim, Place, Row, Store as _};
use ramekin::{Response, StoreOptions, StoreTuning, Watch};
use std::sync::Arc;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strain {
    /// Nearly nothing may be unsettled.
    pub is_bounded: bool,
    /// Nearly nothing may be set aside.
    pub has_no_quarantine: bool,
    /// Memory is always over its limit.
    pub is_short_of_memory: bool,
    /// Calls of the store take time.
    pub is_slow: bool,
    /// The clock is put back by seconds and hours.
    pub goes_back: bool,
    /// Others write between what the store has done and what is known of it.
    pub is_raced: bool,
    /// Keys are watched.
    pub watches: bool,
}

/// The store as somebody else has found it.
pub(super) struct Fence {
    rows: Vec<(Place, Vec<u8>, Row)>,
    batches: u64,
}

/// What somebody else has written: the number of the key, and its value.
pub(super) type Raced = (usize, Option<String>);

impl Strain {
    /// Some of it, by this seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let bits = SeededRng::new(seed ^ 0x57A1).next_u64();
        let has = |bit: u32| bits >> (2 * bit) & 3 == 0;
        Self {
            is_bounded: has(0),
            has_no_quarantine: has(1),
            is_short_of_memory: has(2),
            is_slow: has(3),
            goes_back: has(4),
            is_raced: has(5) || has(6),
            watches: has(7),
        }
    }

    /// Whether there is anything to do for it.
    pub(super) fn is_any(self) -> bool {
        self.is_slow || self.goes_back || self.is_raced || self.watches
    }

    /// Sets what is set before a folder is opened.
    pub(super) fn limit(self, behind: &mut StoreOptions) {
        if self.has_no_quarantine {
            behind.quarantine_bytes_max = 1;
        }
    }
}

impl Run<'_> {
    /// Sets the bounds, once there are tables.
    pub(super) fn begin_strain(&self) {
        if self.strain.is_bounded {
            let bound = StoreTuning {
                unsettled_bytes_max: Some(1),
                refuses_at_max: Some(true),
                ..Default::default()
            };
            self.db.tune_store(&bound);
        }
        if self.strain.is_short_of_memory {
            self.db.limit_memory(1).expect("the program counts its memory");
        }
    }

    /// Does some of it.
    pub(super) fn strain(&mut self) {
        let strain = self.strain;
        match self.rng.below(8) {
            0 if strain.is_slow => self.slow_down(),
            1 if strain.goes_back => {
                let ms = if self.rng.below(2) == 0 { 1000 } else { 3_600_000 };
                self.world.clock.put_back(self.rng.below(4) * ms);
            }
            2..=4 if strain.is_raced && self.fence.is_none() => self.race(),
            7 if strain.watches => self.watch(),
            _ => self.flush(),
        }
    }

    /// From now on nothing of it goes on.
    pub(super) fn end_strain(&mut self) {
        self.world.store.store().faults().before_each(|_| ());
        self.world.store.race(None);
        self.db.limit_memory(0).expect("there need not be one");
        self.take_down_raced();
    }

    /// Whether an answer is due to it.
    pub(super) fn is_strained(&self, answer: &Response) -> bool {
        let Response::Error(text) = answer else { return false };
        let begins = |word: &str| text.starts_with(word);
        if begins("STOREFENCED") || self.fence.is_some() && begins("STOREDOWN") {
            assert!(self.fence.is_some(), "{text}");
            return true;
        }
        self.strain.is_bounded && begins("STOREFULL") || self.strain.is_short_of_memory && begins("OOM")
    }

    fn slow_down(&mut self) {
        let (clock, rng) = (Arc::clone(&self.world.clock), SeededRng::new(self.rng.next_u64()));
        let ms = [0, 3, 40, 2000][usize::try_from(self.rng.below(4)).expect("it is small")];
        self.world.store.store().faults().before_each(move |_| clock.advance(rng.below(ms + 1)));
    }

    /// Somebody else writes one of the keys that others write, now and then, when it is least expected.
    fn race(&mut self) {
        let rng = SeededRng::new(self.rng.next_u64());
        let others = self.world.model.others.clone();
        let (store, raced) = (self.world.store.store().clone(), Arc::clone(&self.raced));
        self.world.store.race(Some(Box::new(move || {
            if rng.below(3) == 0 {
                let index = usize::try_from(rng.below(others.len() as u64)).expect("it is small");
                raced.lock().push((index, others[index].write_raced(&store, &rng)));
            }
        })));
    }

    /// Takes down what somebody else has written meanwhile.
    pub(super) fn take_down_raced(&mut self) {
        for (index, value) in std::mem::take(&mut *self.raced.lock()) {
            self.world.model.others[index].changed_outside(value);
        }
    }

    /// A key that is watched leaves memory and comes back without being told, and is told when it changes.
    fn watch(&mut self) {
        let (db, key) = (0, format!("s{}", self.rng.below(4)));
        let (caller, watch) = (self.caller(db), Arc::<Watch>::default());
        self.db.watch(&caller, key.as_bytes(), &watch);
        let call =
            |words: &[&str]| Call { db, words: words.iter().map(|word| word.as_bytes().to_vec()).collect() };
        let now_ms = self.world.clock.now_ms();
        for _ in 0..self.rng.below(4) {
            match self.rng.below(4) {
                0 => self.evict(),
                1 => self.run(&call(&["EXISTS", &key])),
                2 => self.flush(),
                _ => self.db.settle_step(),
            }
        }
        // What expires meanwhile is a change.
        let is_same_time = self.world.clock.now_ms() == now_ms;
        assert!(!watch.is_raised() || !is_same_time, "{key} has not changed");
        let before = self.db.last_lsn();
        self.run(&call(&["SET", &key, "watched"]));
        assert!(watch.is_raised() || self.db.last_lsn() == before, "{key} has changed");
        self.db.unwatch(db, key.as_bytes(), &watch);
    }

    /// Another folder takes the store.
    pub(super) fn lose_store(&mut self) {
        self.heal();
        self.world.store.race(None);
        self.take_down_raced();
        let store = self.world.store.store();
        let claim = Claim {
            database_id: 1,
            epoch: 0,
            owner: "somebody else".to_owned(),
            lanes: 2,
            takes_over: true,
            read_only: false,
        };
        let mut connection = store.process().connect().expect("it is well");
        connection.claim(&claim).expect("it takes over");
        self.fence = Some(Fence { rows: store.rows(), batches: store.batches() });
    }

    /// Nothing of ours has reached the store since.
    pub(super) fn check_fence(&self) {
        let Some(fence) = &self.fence else { return };
        let store = self.world.store.store();
        assert!(store.batches() == fence.batches, "a batch was applied for who does not own the store");
        assert!(store.rows() == fence.rows, "rows were changed for who does not own the store");
    }
}
