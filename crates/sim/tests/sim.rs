//! Crash scenarios. Each sweeps over every change and every sync of a workload, in two passes: count, then freeze.
//!
//! - the log alone, against a list of records: here
//! - a whole database, against the data set after each record: `db`
//! - a database and the store behind it: `store`
//! - any bytes where the engine expects its own: `garbage`

mod db;
mod garbage;
mod store;

use ramekin::io::mem::{CrashPoint, Faults, MemDisk};
use ramekin::memory::Counted;
use ramekin_sim::log_crash::{Crash, Life, Model, crash_points};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: Counted<System> = Counted(System);

const STEPS: u32 = 60;
const CRASHES: [Crash; 2] = [Crash::Kill, Crash::PowerCut];

/// Runs a failing scenario once more with its parameters in the message.
pub(crate) fn named<T>(name: &str, scenario: impl FnOnce() -> T + std::panic::UnwindSafe) -> T {
    std::panic::catch_unwind(scenario).unwrap_or_else(|_| panic!("in scenario {name}"))
}

#[test]
fn a_crash_at_any_change_or_sync_loses_nothing_promised_and_invents_nothing() {
    for seed in 0..3 {
        let life = Life::peaceful(seed, STEPS);
        for point in crash_points(life) {
            for (crash, tear) in CRASHES.into_iter().flat_map(|crash| (0..4).map(move |tear| (crash, tear))) {
                named(&format!("{seed} {point:?} {crash:?} {tear}"), || {
                    let (disk, mut model) = (MemDisk::default(), Model::default());
                    model.live(&disk, life.until(point));
                    let disk = model.crash(&disk, crash, tear);
                    assert!(model.live(&disk, Life::peaceful(seed + 100, STEPS)));
                    let disk = model.crash(&disk, Crash::PowerCut, tear);
                    assert!(model.live(&disk, Life::peaceful(seed + 200, 1)));
                });
            }
        }
    }
}

#[test]
fn a_second_crash_at_any_step_of_the_opening_loses_nothing_promised() {
    // Opening makes fewer than this many changes, and as many syncs.
    let points = (1..=24).map(CrashPoint::Change).chain((1..=10).map(CrashPoint::Sync));
    for second in points {
        for seed in 0..30 {
            let crash = CRASHES[usize::try_from(seed % 2).unwrap()];
            let again = CRASHES[usize::try_from(seed / 2 % 2).unwrap()];
            named(&format!("{second:?} {seed} {crash:?} {again:?}"), || {
                let (disk, mut model) = (MemDisk::default(), Model::default());
                model.live(&disk, Life::peaceful(seed, STEPS).until(CrashPoint::Change(20 + seed)));
                let disk = model.crash(&disk, crash, seed);
                model.live(&disk, Life::peaceful(seed + 100, 5).until(second));
                let disk = model.crash(&disk, again, seed + 1);
                assert!(model.live(&disk, Life::peaceful(seed + 200, STEPS)));
                let disk = model.crash(&disk, Crash::PowerCut, seed + 2);
                assert!(model.live(&disk, Life::peaceful(seed + 300, 1)));
            });
        }
    }
}

#[test]
fn a_sync_that_fails_anywhere_latches_and_the_next_opening_makes_durable_what_it_dropped() {
    for seed in 0..20 {
        for sync in 1..40 {
            named(&format!("{seed} sync {sync}"), || {
                let (disk, mut model) = (MemDisk::default(), Model::default());
                let faults = Faults { fail_sync: Some(sync), ..Faults::default() };
                let is_done = model.live(&disk, Life { faults, ..Life::peaceful(seed, STEPS) });
                assert!(!is_done || disk.syncs() < sync, "a failed sync is never passed over");
                let disk = model.crash(&disk, Crash::Kill, 0);
                assert!(model.live(&disk, Life { closes: false, ..Life::peaceful(seed, 3) }));
                let disk = model.crash(&disk, Crash::PowerCut, seed);
                assert!(model.live(&disk, Life::peaceful(seed, 1)));
            });
        }
    }
}

#[test]
fn a_write_that_fails_anywhere_latches_and_loses_nothing_promised() {
    for seed in 0..10 {
        for change in 5..60 {
            named(&format!("{seed} change {change}"), || {
                let (disk, mut model) = (MemDisk::default(), Model::default());
                let faults = Faults { fail_change: Some(change), ..Faults::default() };
                model.live(&disk, Life { faults, ..Life::peaceful(seed, STEPS) });
                let disk = model.crash(&disk, Crash::PowerCut, seed);
                assert!(model.live(&disk, Life::peaceful(seed, STEPS)));
            });
        }
    }
}

#[test]
fn a_full_disk_refuses_loses_nothing_and_opens_again() {
    for seed in 0..20 {
        for capacity in (16..200).step_by(10) {
            named(&format!("{seed} {capacity} KiB"), || {
                let (disk, mut model) = (MemDisk::default(), Model::default());
                let faults = Faults { capacity_bytes: Some(capacity << 10), ..Faults::default() };
                let full = Life { faults, closes: false, ..Life::peaceful(seed, STEPS) };
                assert!(model.live(&disk, full), "refusing is not failing");
                let disk = model.crash(&disk, Crash::PowerCut, seed);
                assert!(model.live(&disk, full), "it opens though there is no space for a segment");
                let disk = model.crash(&disk, Crash::Kill, seed);
                assert!(model.live(&disk, Life::peaceful(seed, STEPS)));
            });
        }
    }
}
