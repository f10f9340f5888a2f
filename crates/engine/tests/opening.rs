//! Opening a folder on several cores: the same data, the same refusals, and how far it has come.

use ramekin::error::ErrorKind;
use ramekin::io::mem::{ManualClock, MemDisk};
use ramekin::io::{Disk as _, SeededRng};
use ramekin::rdb::{Dialect, Encoder};
use ramekin::{Database, Error, Options, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

fn options(threads: bool) -> Options {
    Options { shards: 16, segment_bytes: 64 << 10, threads, ..Options::default() }
}

fn open(disk: &MemDisk, options: &Options) -> Result<Database, Error> {
    let clock = ManualClock::default();
    clock.advance(1_800_000_000_000);
    Database::open_on(Arc::new(disk.clone()), Arc::new(clock), Arc::new(SeededRng::new(1)), options)
}

fn run(db: &Database, args: &[&str]) -> Response {
    db.execute(&args.iter().map(|word| word.as_bytes()).collect::<Vec<_>>()).unwrap()
}

/// A folder with a checkpoint, and behind it many records on many keys of several databases.
fn written() -> (MemDisk, Vec<(u32, String)>) {
    let disk = MemDisk::default();
    let db = open(&disk, &options(false)).unwrap();
    for number in 0..300 {
        run(&db, &["SET", &format!("before:{number}"), &format!("{number:0>200}")]);
    }
    assert!(db.checkpoint().unwrap());
    for number in 0..4000 {
        let (key, value) = (format!("key:{}", number % 700), format!("{number}"));
        match number % 5 {
            0 => run(&db, &["SET", &key, &value]),
            1 => run(&db, &["APPEND", &format!("before:{}", number % 300), &value]),
            2 => run(&db, &["RPUSH", &format!("list:{}", number % 30), &value]),
            3 => run(&db, &["COPY", &key, &key, "DB", "1", "REPLACE"]),
            _ => run(&db, &["DEL", &key, &format!("before:{}", number % 300)]),
        };
        if number % 1500 == 1499 {
            run(&db, &["SWAPDB", "0", "1"]);
        }
    }
    let content = content(&db);
    db.close().unwrap();
    (disk, content)
}

fn content(db: &Database) -> Vec<(u32, String)> {
    let (mut content, encoder) = (Vec::new(), Encoder { dialect: Dialect::Valkey, compress: false });
    db.visit_all(db.now_ms(), &mut |number, seen| {
        let mut object = Vec::new();
        let kind = seen.put_object(encoder, db.now_ms(), &mut object);
        content.push((number, format!("{} {kind:?} {}", seen.key().escape_ascii(), object.escape_ascii())));
    });
    content.sort();
    content
}

#[test]
fn a_folder_opened_by_many_threads_holds_what_one_thread_finds() {
    let (disk, expected) = written();
    assert!(expected.len() > 500, "{}", expected.len());
    for threads in [true, false] {
        let options = options(threads);
        let db = open(&disk.kill(), &options).unwrap();
        assert!(content(&db) == expected, "threads: {threads}");
        let (total, done) = (&options.progress.total_bytes, &options.progress.done_bytes);
        assert_eq!(done.load(Relaxed), total.load(Relaxed), "all of checkpoint and log was read");
        assert!(total.load(Relaxed) > 200_000, "{total:?}");
    }
}

#[test]
fn a_record_that_cannot_be_applied_is_refused_before_anything_in_the_folder_changes() {
    let disk = MemDisk::default();
    let db = open(&disk, &options(false)).unwrap();
    for number in 0..3000 {
        run(&db, &["SET", &format!("{number}"), "v"]);
    }
    let last = db.last_lsn();
    run(&db, &["COPY", "1", "1", "DB", "5"]);
    run(&db, &["COPY", "2", "2", "DB", "6"]);
    db.sync_log().unwrap();
    // A torn tail, which opening would cut, and a checkpoint that never came to its end.
    run(&db, &["SET", "k", "v"]);
    db.write_log().unwrap();
    let disk = disk.power_cut(3);
    disk.put("ckpt-00000001.new", b"begun");
    let names = || {
        let mut names = disk.list().unwrap();
        names.sort();
        names
    };
    let before: Vec<_> = names().iter().map(|name| (name.clone(), disk.content(name))).collect();
    for threads in [true, false] {
        let error = open(&disk, &Options { databases: 4, ..options(threads) }).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Newer);
        assert!(error.to_string().starts_with(&format!("record {} of the log", last + 1)), "{error}");
        let after: Vec<_> = names().iter().map(|name| (name.clone(), disk.content(name))).collect();
        assert!(before == after, "threads: {threads}");
    }
}
