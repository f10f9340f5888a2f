//! A database and the store behind it, under failures of both. Each scenario names its seed when it fails; `RAMEKIN_TEST_SEED`
//! begins at another one, and `RAMEKIN_TEST_SEQUENCES` runs as many.

use crate::db::{crash_of, seeds};
use crate::named;
use ramekin::Attach;
use ramekin::io::mem::{CrashPoint, Faults};
use ramekin_sim::log_crash::Crash;
use ramekin_sim::store_crash::{Life, World};

const STEPS: u32 = 120;

#[test]
fn what_was_acknowledged_settles_exactly_once_through_failures_of_the_store() {
    for seed in seeds(60) {
        named(&format!("{seed}"), || {
            let mut world = World::default();
            for life in 0..4 {
                let seed = seed * 10 + life;
                // Some lives end in the middle of trouble.
                let life = Life { quiesces: life == 3 || seed.is_multiple_of(3), ..Life::new(seed, STEPS) };
                assert!(world.live(life, crash_of(seed / 2)));
            }
        });
    }
}

#[test]
fn a_crash_at_any_change_of_the_disk_leaves_store_and_log_in_step() {
    for seed in seeds(12) {
        let life = Life { quiesces: false, closes: false, ..Life::new(seed, STEPS) };
        let changes = named(&format!("{seed}"), || {
            let mut world = World::default();
            let disk = world.disk.clone();
            assert!(world.live(life, Crash::Kill));
            disk.changes().min(400)
        });
        for change in (1 + seed % 9..=changes).step_by(9) {
            let crash = crash_of(seed + change);
            named(&format!("{seed} change {change} {crash:?}"), || {
                let mut world = World::default();
                let faults = Faults { crash: Some(CrashPoint::Change(change)), ..Faults::default() };
                world.live(Life { faults, ..life }, crash);
                assert!(world.live(Life::new(seed + 1000, 10), Crash::Kill));
            });
        }
    }
}

#[test]
fn a_crash_at_any_call_of_the_store_settles_nothing_twice_and_loses_nothing() {
    for seed in seeds(12) {
        let life = Life { quiesces: false, closes: false, ..Life::new(seed, STEPS) };
        let calls = named(&format!("{seed}"), || {
            let mut world = World::default();
            assert!(world.live(life, Crash::Kill));
            world.store.crash_points().min(600)
        });
        for call in (1 + seed % 11..=calls).step_by(11) {
            let crash = crash_of(seed + call);
            named(&format!("{seed} call {call} {crash:?}"), || {
                let mut world = World::default();
                world.live(Life { store_crash: Some(call), ..life }, crash);
                assert!(world.live(Life::new(seed + 1000, 10), Crash::Kill));
            });
        }
    }
}

#[test]
fn no_bound_no_race_and_no_clock_lets_anything_settle_twice_or_get_lost() {
    for seed in seeds(60) {
        named(&format!("{seed}"), || {
            let mut world = World::default();
            for life in 0..4 {
                let seed = seed * 10 + life;
                let life =
                    Life { quiesces: life == 3 || seed.is_multiple_of(3), ..Life::strained(seed, STEPS) };
                assert!(world.live(life, crash_of(seed / 2)));
                if seed.is_multiple_of(7) {
                    // Machines are started with a clock that is wrong.
                    world.clock.put_back(7_200_000);
                }
            }
        });
    }
}

#[test]
fn who_has_lost_the_store_to_somebody_else_writes_nothing_there_until_told_what_counts() {
    for seed in seeds(30) {
        named(&format!("{seed}"), || {
            let mut world = World::default();
            let life = Life::strained(seed, STEPS);
            let fenced_at = Some(40 + u32::try_from(seed % 50).unwrap());
            let lost = Life { fenced_at, quiesces: false, closes: seed.is_multiple_of(2), ..life };
            assert!(world.live(lost, Crash::Kill));
            assert!(world.is_refused(life), "somebody else owns the store");
            let back = Life { attach: Some(Attach::Memory), closes: false, ..Life::strained(seed + 1, 20) };
            assert!(world.live(back, crash_of(seed)));
            assert!(world.live(Life::strained(seed + 2, 40), Crash::Kill));
        });
    }
}

#[test]
fn what_has_settled_comes_back_from_the_store_alone() {
    for seed in seeds(30) {
        named(&format!("{seed}"), || {
            let mut world = World::default();
            assert!(world.live(Life::strained(seed, STEPS), crash_of(seed)));
            world.lose_folder();
            let anew = Life { attach: Some(Attach::Store), closes: false, ..Life::strained(seed + 1, 20) };
            assert!(world.live(anew, crash_of(seed)));
            assert!(world.live(Life::strained(seed + 2, STEPS), Crash::Kill));
        });
    }
}
