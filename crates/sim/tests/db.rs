//! A whole database under crashes. Each scenario names its seed when it fails; `RAMEKIN_TEST_SEED` begins at another one,
//! and `RAMEKIN_TEST_SEQUENCES` runs as many.

use crate::named;
use ramekin::command;
use ramekin::io::Disk as _;
use ramekin::io::mem::{CrashPoint, Faults};
use ramekin::log::{AppendFsync, Lsn};
use ramekin::{Caller, Collector, Database, Response};
use ramekin_sim::db_crash::{Life, Machine, Model, crash_points, is_refused};
use ramekin_sim::log_crash::Crash;
use ramekin_sim::workload::{Step, Workload};
use std::collections::{BTreeMap, BTreeSet};

const STEPS: u32 = 70;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The seeds of a scenario: `quick` of them, or as many as were asked for.
pub(crate) fn seeds(quick: u64) -> std::ops::Range<u64> {
    let first = number("RAMEKIN_TEST_SEED").unwrap_or(0);
    first..first + number("RAMEKIN_TEST_SEQUENCES").unwrap_or(quick).max(quick)
}

/// Whether more was asked for than the quick form.
fn is_long() -> bool {
    number("RAMEKIN_TEST_SEQUENCES").is_some_and(|count| count > 100)
}

/// How the machine stops for a seed: both ways equally often.
pub(crate) fn crash_of(seed: u64) -> Crash {
    if seed % 4 < 2 { Crash::Kill } else { Crash::PowerCut }
}

#[test]
fn every_command_of_the_work_changes_data_at_some_time() {
    let (mut named, mut effective) = (BTreeSet::new(), BTreeSet::new());
    let machine = Machine::default();
    let (db, workload) = (machine.open(1, AppendFsync::No).unwrap(), Workload::new(1));
    for _ in 0..6000 {
        let Step::Run(call) = workload.step() else { continue };
        let (args, before) = (call.args(), db.last_lsn());
        let command = command::resolve(&args).unwrap();
        let mut caller = Caller::at(db.now_ms());
        caller.db = call.db;
        db.run(&mut caller, command, &args, &mut Collector::new());
        if command.spec.is(command::flag::WRITE) {
            named.insert(command.spec.name);
        }
        if db.last_lsn() > before {
            effective.insert(command.spec.name);
        }
    }
    assert_eq!(named, effective);
    assert!(named.len() > 45, "{}", named.len());
}

#[test]
fn a_crash_anywhere_leaves_the_data_set_of_a_moment_at_or_past_what_was_acknowledged() {
    for seed in seeds(40) {
        let life = Life::peaceful(seed, STEPS);
        let points = crash_points(life);
        // A sample that is another one for each seed: a few seeds together cover all places, and thousands end in time.
        let stride = if is_long() { 16 } else { 3 };
        for point in points.into_iter().skip(usize::try_from(seed).unwrap() % stride).step_by(stride) {
            for (crash, tear) in [(Crash::Kill, 0), (Crash::PowerCut, seed), (Crash::PowerCut, seed + 1)] {
                named(&format!("{seed} {point:?} {crash:?} {tear}"), || {
                    let (machine, mut model) = (Machine::default(), Model::default());
                    model.live(&machine, life.until(point));
                    let machine = model.crash(&machine, crash, tear);
                    assert!(model.live(&machine, Life { closes: false, ..Life::peaceful(seed + 1, 20) }));
                    let machine = model.crash(&machine, crash_of(tear), tear);
                    assert!(model.live(&machine, Life::peaceful(seed + 2, 5)));
                    let machine = model.crash(&machine, Crash::PowerCut, tear);
                    assert!(model.live(&machine, Life::peaceful(seed + 3, 0)));
                });
            }
        }
    }
}

#[test]
fn a_crash_anywhere_in_records_of_megabytes_leaves_the_data_set_of_a_moment() {
    let steps = 14;
    for seed in seeds(6) {
        let life = Life::peaceful(seed, steps).large();
        let points = crash_points(life);
        let stride = points.len() / if is_long() { 60 } else { 12 } + 1;
        for point in points.into_iter().skip(usize::try_from(seed).unwrap() % stride).step_by(stride) {
            for (crash, tear) in [(Crash::Kill, 0), (Crash::PowerCut, seed)] {
                named(&format!("{seed} {point:?} {crash:?} {tear}"), || {
                    let (machine, mut model) = (Machine::default(), Model::default());
                    model.live(&machine, life.until(point));
                    let machine = model.crash(&machine, crash, tear);
                    assert!(
                        model.live(&machine, Life { closes: false, ..Life::peaceful(seed + 1, 3).large() })
                    );
                    let machine = model.crash(&machine, crash_of(tear), tear);
                    assert!(model.live(&machine, Life::peaceful(seed + 2, 0).large()));
                });
            }
        }
    }
}

#[test]
fn checkpoints_are_published_between_all_kinds_of_work_and_hold_what_the_log_does_not() {
    let (mut published, mut trimmed) = (0, 0);
    for seed in seeds(60) {
        let ((done, _), first) = named(&format!("{seed}"), || {
            let (machine, mut model) = (Machine::default(), Model::default());
            assert!(model.live(&machine, Life::peaceful(seed, 4 * STEPS)));
            let machine = model.crash(&machine, crash_of(seed), seed);
            assert!(model.live(&machine, Life::peaceful(seed + 1, 4 * STEPS)));
            let machine = model.crash(&machine, crash_of(seed + 2), seed);
            let first = machine.disk.list().unwrap().into_iter().find(|name| name.starts_with("log-"));
            assert!(model.live(&machine, Life::peaceful(seed + 2, 0)));
            (model.checkpoints, first)
        });
        published += done;
        trimmed += u64::from(first.is_some_and(|name| name != "log-00000001-00000000.rkl"));
    }
    assert!(published > 100 && trimmed > 20, "{published} published, {trimmed} logs trimmed");
}

#[test]
fn a_sync_that_fails_anywhere_latches_refuses_writes_and_lets_nothing_out_that_was_not_durable() {
    for seed in seeds(40) {
        let syncs = crash_points(Life::peaceful(seed, STEPS)).len() as u64;
        for sync in (1 + seed % 4..syncs.min(24)).step_by(4) {
            named(&format!("{seed} sync {sync}"), || {
                let (machine, mut model) = (Machine::default(), Model::default());
                let faults = Faults { fail_sync: Some(sync), ..Faults::default() };
                let is_done = model.live(&machine, Life::peaceful(seed, STEPS).with(faults));
                let is_told = !is_done || model.checkpoints.1 > 0;
                assert!(is_told || machine.disk.syncs() < sync, "a failed sync is never passed over");
                let machine = model.crash(&machine, crash_of(seed), seed);
                assert!(model.live(&machine, Life { closes: false, ..Life::peaceful(seed + 1, 10) }));
                let machine = model.crash(&machine, Crash::PowerCut, seed);
                assert!(model.live(&machine, Life::peaceful(seed + 2, 0)));
            });
        }
    }
}

#[test]
fn a_write_that_fails_anywhere_loses_nothing_acknowledged() {
    for seed in seeds(40) {
        for change in (5 + seed % 5..60).step_by(5) {
            named(&format!("{seed} change {change}"), || {
                let (machine, mut model) = (Machine::default(), Model::default());
                let faults = Faults { fail_change: Some(change), ..Faults::default() };
                model.live(&machine, Life::peaceful(seed, STEPS).with(faults));
                let machine = model.crash(&machine, crash_of(seed), seed);
                assert!(model.live(&machine, Life::peaceful(seed + 1, 10)));
            });
        }
    }
}

#[test]
fn a_full_disk_refuses_without_a_trace_and_takes_writes_again_once_there_is_space() {
    for seed in seeds(40) {
        let capacity = 40 + seed * 7 % 120;
        named(&format!("{seed} {capacity} KiB"), || {
            let (machine, mut model) = (Machine::default(), Model::default());
            let faults = Faults { capacity_bytes: Some(capacity << 10), ..Faults::default() };
            let full = Life { closes: false, ..Life::peaceful(seed, STEPS).with(faults) };
            assert!(
                model.live(&machine, Life { heals_at: Some(STEPS / 2), ..full }),
                "refusing is not failing"
            );
            let machine = model.crash(&machine, crash_of(seed), seed);
            assert!(model.live(&machine, full), "it opens though there is no space for a segment");
            let machine = model.crash(&machine, crash_of(seed + 2), seed);
            assert!(model.live(&machine, Life { heals_at: Some(0), ..full }));
        });
    }
}

/// Runs a command given as words, as a session would that has asked for this time.
fn run(db: &Database, line: &str) -> (Response, Lsn) {
    let args: Vec<_> = line.split(' ').map(str::as_bytes).collect();
    let mut out = Collector::new();
    let ran = db.run(
        &mut Caller::at(db.now_ms()),
        command::resolve(&args).expect("a command of the table"),
        &args,
        &mut out,
    );
    (out.into_response().expect("it does not wait"), ran.lsn)
}

#[test]
fn with_always_a_read_of_what_never_became_durable_is_never_settled() {
    let machine = Machine::default();
    let db = machine.open(1, AppendFsync::Always).unwrap();
    run(&db, "MSET kept 1 gone 1");
    db.sync_log().unwrap();
    run(&db, "SET new 2");
    run(&db, "DEL gone");
    machine.disk.set_faults(Faults { fail_sync: Some(machine.disk.syncs() + 1), ..Faults::default() });
    db.sync_log().unwrap_err();
    for line in ["GET new", "GET gone", "EXISTS kept gone", "DBSIZE", "SETNX new 3"] {
        let (_, lsn) = run(&db, line);
        assert!(line == "SETNX new 3" || !db.is_settled(lsn, true), "{line}");
    }
    assert!(is_refused(&run(&db, "SETNX new 3").0));
    db.sync_log().unwrap_err();
    assert!(!db.is_settled(run(&db, "GET new").1, true), "asking again makes nothing durable");
    let (response, lsn) = run(&db, "GET kept");
    assert_eq!(response, Response::Bulk(b"1".to_vec()));
    assert!(db.is_settled(lsn, true), "clean keys can be read");
}

#[test]
fn what_has_expired_does_not_come_back_though_the_clock_is_put_back_and_the_machine_stops() {
    let machine = Machine::default();
    let db = machine.open(1, AppendFsync::Always).unwrap();
    run(&db, "SET key value PX 50");
    run(&db, "HSETEX hash PX 50 FIELDS 1 field value");
    machine.clock.advance(100);
    run(&db, "SET other value");
    db.sync_log().unwrap();
    machine.clock.put_back(90);
    let expect_expired = |db: &Database| {
        for (line, answer) in [
            ("GET key", Response::Null),
            ("HGET hash field", Response::Null),
            ("EXISTS key hash other", Response::Int(1)),
        ] {
            assert_eq!(run(db, line).0, answer, "{line}");
        }
    };
    expect_expired(&db);
    for crash in [Crash::Kill, Crash::PowerCut] {
        let machine = machine.crash(crash, 1);
        expect_expired(&machine.open(2, AppendFsync::Always).unwrap());
        machine.clock.put_back(1000);
        expect_expired(&machine.crash(Crash::PowerCut, 2).open(3, AppendFsync::Always).unwrap());
    }
}

#[test]
fn what_was_swept_does_not_come_back_though_nothing_else_was_written_since() {
    let machine = Machine::default();
    let db = machine.open(1, AppendFsync::Always).unwrap();
    run(&db, "SET key value PX 50");
    db.sync_log().unwrap();
    machine.clock.advance(100);
    assert_eq!(db.sweep(), 1);
    db.sync_log().unwrap();
    machine.clock.put_back(90);
    for crash in [Crash::Kill, Crash::PowerCut] {
        let db = machine.crash(crash, 1).open(2, AppendFsync::Always).unwrap();
        assert_eq!(run(&db, "GET key").0, Response::Null);
    }
}

/// Sets keys to growing numbers in values that fill several segments, syncs now and then, and takes checkpoints, until the
/// disk stands still. Returns for each key the number that was durable last.
fn write_and_checkpoint(machine: &Machine, first: u64) -> BTreeMap<u64, u64> {
    let (mut set, mut durable) = (BTreeMap::new(), BTreeMap::new());
    let Ok(db) = machine.open(1, AppendFsync::Everysec) else { return durable };
    for number in first..first + 48 {
        if !is_refused(&run(&db, &format!("SET {} {number:_>1500}", number % 7)).0) {
            set.insert(number % 7, number);
        }
        if number % 5 == 0 && db.sync_log().is_ok() {
            durable.clone_from(&set);
        }
        if number % 16 == 0 {
            let taken = db.checkpoint();
            assert!(taken.is_ok() || machine.disk.is_frozen(), "{taken:?}");
        }
    }
    durable
}

#[test]
fn a_crash_at_any_step_of_a_checkpoint_and_of_the_trimming_behind_it_loses_nothing_durable() {
    let counted = Machine::default();
    write_and_checkpoint(&counted, 1);
    let files = counted.disk.list().unwrap();
    assert!(!files.contains(&"log-00000001-00000000.rkl".to_owned()), "the log was trimmed: {files:?}");
    assert_eq!(files.iter().filter(|name| name.starts_with("ckpt-")).count(), 1, "{files:?}");
    let changes = (1..=counted.disk.changes()).map(CrashPoint::Change);
    for point in changes.chain((1..=counted.disk.syncs()).map(CrashPoint::Sync)) {
        for tear in 0..12 {
            named(&format!("{point:?} {tear}"), || {
                let machine = Machine::default();
                machine.disk.set_faults(Faults { crash: Some(point), ..Faults::default() });
                let durable = write_and_checkpoint(&machine, 1);
                let machine = machine.crash(if tear == 0 { Crash::Kill } else { Crash::PowerCut }, tear);
                let expect = |machine: &Machine, durable: &BTreeMap<u64, u64>| {
                    let db = machine.open(2, AppendFsync::Everysec).unwrap();
                    for (key, least) in durable {
                        let Response::Bulk(value) = run(&db, &format!("GET {key}")).0 else {
                            panic!("{key} is gone")
                        };
                        let number =
                            String::from_utf8(value).unwrap().trim_start_matches('_').parse::<u64>().unwrap();
                        assert!(number >= *least, "{key} was {least} and is {number}");
                    }
                };
                expect(&machine, &durable);
                let again = write_and_checkpoint(&machine, 100);
                expect(&machine.crash(Crash::PowerCut, tear + 1), &again);
            });
        }
    }
}
