//! A disk that fills up: writes are refused before it is full, and taken again.

use crate::common::show;
use ramekin::io::SeededRng;
use ramekin::io::mem::{Faults, ManualClock, MemDisk};
use ramekin::{Database, DiskState, Options};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

#[test]
fn writes_are_refused_before_the_disk_is_full_and_taken_again_with_space() {
    let disk = Arc::new(MemDisk::new(Faults { capacity_bytes: Some(64 << 20), ..Faults::default() }));
    let options = Options { shards: 4, threads: false, segment_bytes: 1 << 20, ..Options::default() };
    let (clock, rng) = (Arc::new(ManualClock::default()), Arc::new(SeededRng::new(7)));
    let db = Database::open_on(disk, clock, rng, &options).unwrap();
    let states = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let seen = Arc::clone(&states);
    db.on_disk_state(Box::new(move |state| seen.lock().push(state)));
    db.settings().min_free_disk.store(3 << 20, Relaxed);
    let run = |args: &[&[u8]]| show(&db.execute(args).unwrap());
    let value = vec![b'v'; 50_000];
    let mut written = 0_u32;
    let refusal = loop {
        db.check_disk();
        match run(&[b"SET", format!("key:{written}").as_bytes(), &value]) {
            answer if answer == "OK" => written += 1,
            answer => break answer,
        }
    };
    assert!(refusal.starts_with("MISCONF The disk is nearly full"), "{refusal}");
    let (state, free, least) = db.disk_space();
    assert_eq!(state, DiskState::Refusing);
    assert!(free > 1 << 20 && free < least && least == 3 << 20, "{free} {least}");
    assert_eq!(run(&[b"STRLEN", b"key:0"]), "50000");
    assert_eq!(run(&[b"EXISTS", format!("key:{written}").as_bytes()]), "0");
    assert!(run(&[b"DEL", b"key:0"]).starts_with("MISCONF"));
    db.settings().min_free_disk.store(1 << 20, Relaxed);
    db.check_disk();
    assert_eq!(run(&[b"SET", b"key:0", b"v"]), "OK");
    assert_eq!(*states.lock(), [DiskState::Short, DiskState::Refusing, DiskState::Ample]);
}
