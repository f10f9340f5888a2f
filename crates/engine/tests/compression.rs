//! Values that are kept compressed: nobody sees it but in figures, and no change of the method makes anything unreadable.

use crate::common::show;
use crate::namespaces::MemFolders;
use crate::store::{Behind, options, try_open};
use ramekin::io::mem::{ManualClock, MemDisk};
use ramekin::io::{Disk, SeededRng};
use ramekin::{Attach, Compression, Database, NamespaceOptions, NamespaceSettings, Namespaces, Options};
use std::sync::Arc;

const START_MS: u64 = 1_800_000_000_000;

struct Folder {
    db: Database,
    disk: Arc<MemDisk>,
    clock: Arc<ManualClock>,
}

fn try_opening(disk: &Arc<MemDisk>, clock: &Arc<ManualClock>) -> Result<Database, ramekin::Error> {
    let options = Options { shards: 8, threads: false, ..Options::default() };
    Database::open_on(disk.clone(), clock.clone(), Arc::new(SeededRng::new(7)), &options)
}

impl Folder {
    fn new(method: Compression) -> Self {
        let (disk, clock) = (Arc::<MemDisk>::default(), Arc::<ManualClock>::default());
        clock.advance(START_MS);
        let db = try_opening(&disk, &clock).unwrap();
        db.set_compression(method);
        Self { db, disk, clock }
    }

    /// Closed, or killed, and opened by somebody who compresses so.
    fn reopen(self, method: Compression, is_killed: bool) -> Self {
        let Self { db, disk, clock } = self;
        let disk = if is_killed { Arc::new(disk.kill()) } else { disk };
        if !is_killed {
            db.close().unwrap();
        }
        drop(db);
        let db = try_opening(&disk, &clock).unwrap();
        db.set_compression(method);
        Self { db, disk, clock }
    }

    fn run(&self, words: &[&[u8]]) -> String {
        show(&self.db.execute(words).unwrap())
    }

    fn line(&self, line: &str) -> String {
        self.run(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    fn put(&self, number: usize) {
        self.run(&[b"TABLE.PUT", b"orders", number.to_string().as_bytes(), record(number).as_bytes()]);
    }

    /// Puts enough that there is a dictionary.
    fn learn(&self) {
        (0..800).for_each(|number| self.put(number));
        self.db.sweep();
        assert_eq!(self.db.compression_stats().dictionaries, 1, "there is a dictionary by now");
    }

    #[track_caller]
    fn assert_records(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let text = self.line(&format!("TABLE.GET orders {number}"));
            assert_eq!(text, format!("\"{}\"", record(number).escape_default()), "{number}");
        }
    }
}

/// As `jsonb` prints it.
fn record(number: usize) -> String {
    let (state, name) = (["new", "paid", "sent"][number % 3], number * 7919 % 1000);
    format!(
        r#"{{"id": {number}, "name": "name-{name}", "state": "{state}", "total": {}.25, "address": {{"city": "Berlin", "street": "Long Road {name}"}}, "updated": "2026-11-{:02}T10:00:00Z"}}"#,
        number * 31 % 977,
        number % 28 + 1,
    )
}

fn methods() -> impl Iterator<Item = Compression> {
    [Compression::Lz4, Compression::Zstd].into_iter().filter(|method| method.is_there())
}

#[test]
fn records_take_less_than_half_once_there_is_a_dictionary_and_read_as_they_were_put() {
    for method in methods() {
        let folder = Folder::new(method);
        folder.learn();
        (0..2000).for_each(|number| folder.put(number));
        let stats = folder.db.compression_stats();
        assert_eq!(stats.values, 2000, "{stats:?}");
        assert!(stats.bytes * 2 < stats.raw_bytes, "{stats:?}");
        folder.assert_records(0..2000);
        assert_eq!(folder.line("TYPE orders:7"), "ReJSON-RL");
        assert_eq!(folder.line("OBJECT ENCODING orders:7"), "\"json\"");
        assert!(folder.line("GET orders:7").starts_with("WRONGTYPE"));
        assert!(folder.line("APPEND orders:7 x").starts_with("WRONGTYPE"));
        assert!(folder.line("DUMP orders:7").starts_with("ERR JSON cannot be dumped"));
        folder.line("DEL orders:7 orders:8");
        assert_eq!(folder.db.compression_stats().values, 1998);
        folder.line("FLUSHALL");
        let stats = folder.db.compression_stats();
        assert_eq!((stats.values, stats.raw_bytes, stats.bytes, stats.dictionaries), (0, 0, 0, 1));
    }
}

#[test]
fn what_was_compressed_is_read_whatever_the_method_of_the_day_after_closing_and_after_a_kill() {
    let days = [Compression::Lz4, Compression::None, Compression::Zstd, Compression::Lz4, Compression::None];
    for is_killed in [false, true] {
        for with_checkpoint in [false, true] {
            let mut folder = Folder::new(Compression::Lz4);
            folder.learn();
            for (day, method) in days.into_iter().enumerate() {
                folder = folder.reopen(method, is_killed);
                folder.assert_records(0..800 + day * 50);
                (800 + day * 50..850 + day * 50).for_each(|number| folder.put(number));
                let text = format!("day {day} ").repeat(40);
                folder.run(&[b"SET", format!("text:{day}").as_bytes(), text.as_bytes()]);
                folder.run(&[b"APPEND", b"text:0", b"!"]);
                if with_checkpoint {
                    folder.db.checkpoint().unwrap();
                }
                folder.db.read_back().unwrap();
            }
            let folder = folder.reopen(Compression::None, is_killed);
            folder.assert_records(0..1050);
            assert_eq!(folder.line("GET text:0"), format!("\"{}!!!!!\"", "day 0 ".repeat(40)));
            assert_eq!(folder.line("GET text:4"), format!("\"{}\"", "day 4 ".repeat(40)));
        }
    }
}

#[test]
fn every_command_on_strings_answers_as_without_compression() {
    let text = "some words that come again and again ".repeat(30);
    let plain = Folder::new(Compression::None);
    for method in methods() {
        let folder = Folder::new(method);
        for (number, command) in [
            "STRLEN k",
            "GET k",
            "GETRANGE k 5 20",
            "GETRANGE k -12 -1",
            "SUBSTR k 0 3",
            "MGET k k2",
            "OBJECT ENCODING k",
            "TYPE k",
            "APPEND k tail",
            "SETRANGE k 7 other",
            "INCR k",
            "INCRBYFLOAT k 1.5",
            "LCS k k2 LEN",
            "GETEX k EX 100",
            "SET k v IFEQ no",
            "SET k v GET",
            "GETSET k v",
            "GETDEL k",
            "DUMP k",
            "RENAME k k3",
            "COPY k k3",
            "EXPIRE k 100",
            "PERSIST k",
            "SETNX k v",
            "SET k v XX KEEPTTL",
            "LPUSH k v",
            "DELIFEQ k v",
            "SORT k",
        ]
        .into_iter()
        .enumerate()
        {
            for each in [&plain, &folder] {
                each.line("FLUSHALL");
                each.run(&[b"SET", b"k", text.as_bytes()]);
                each.run(&[b"MSET", b"k2", text.as_bytes(), b"k4", b"short"]);
            }
            let stats = folder.db.compression_stats();
            assert_eq!(stats.values, 2, "{stats:?}");
            assert_eq!(plain.line(command), folder.line(command), "{number}: {command}");
            for look in ["GET k", "GET k2", "GET k3", "PTTL k", "DBSIZE", "OBJECT ENCODING k"] {
                assert_eq!(plain.line(look), folder.line(look), "{look} after {command}");
            }
            folder.db.read_back().unwrap();
            for look in ["GET k", "GET k2", "GET k3", "PTTL k", "DBSIZE"] {
                assert_eq!(plain.line(look), folder.line(look), "{look} after {command}, read back");
            }
        }
    }
}

#[test]
fn a_value_that_looks_compressed_reads_as_it_was_set() {
    for method in methods() {
        let folder = Folder::new(method);
        let mut look_alikes: Vec<Vec<u8>> = (0..=255_u8).map(|first| vec![first; 3]).collect();
        let text = b"abcabcabc".repeat(60);
        folder.run(&[b"SET", b"real", &text]);
        // LZ4's and Zstandard's own magic numbers, and what a compressed value begins with here.
        for magic in
            [&b"\x04\x22\x4d\x18"[..], b"\x28\xb5\x2f\xfd", b"\x01", b"\x09\0\0\0\0", b"\x62", b"RAMEKIN"]
        {
            for tail in [&b""[..], b"x", &text] {
                look_alikes.push([magic, tail].concat());
            }
        }
        for (number, value) in look_alikes.iter().enumerate() {
            folder.run(&[b"SET", number.to_string().as_bytes(), value]);
        }
        let folder = folder.reopen(method, false);
        for (number, value) in look_alikes.iter().enumerate() {
            assert_eq!(folder.line(&format!("GET {number}")), format!("\"{}\"", value.escape_ascii()));
        }
    }
}

#[test]
fn what_does_not_pay_or_is_short_is_left_as_it_is() {
    let folder = Folder::new(Compression::Lz4);
    let mut state = 1_u64;
    let mut noise = |len: usize| -> Vec<u8> {
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        std::iter::repeat_with(next).take(len).collect()
    };
    for number in 0..500 {
        folder.run(&[b"SET", format!("noise:{number}").as_bytes(), &noise(200 + number)]);
    }
    folder.run(&[b"SET", b"long-noise", &noise(100_000)]);
    folder.run(&[b"SET", b"short", b"aaaaaaaaaaaaaaaaaaaa"]);
    folder.db.sweep();
    let stats = folder.db.compression_stats();
    assert_eq!((stats.values, stats.dictionaries), (0, 0), "{stats:?}");
    folder.db.set_compression_min_bytes(10);
    folder.run(&[b"SET", b"short", b"aaaaaaaaaaaaaaaaaaaa"]);
    assert_eq!(folder.db.compression_stats().values, 1);
}

#[test]
fn values_of_every_size_come_back() {
    for method in methods() {
        let folder = Folder::new(method);
        let sizes =
            [64, 1000, 1024, 4095, 4096, 16 << 10, (16 << 10) + 1, 200_000, (1 << 20) - 1, 1 << 20, 3 << 20];
        let value = |size: usize| -> Vec<u8> { (0..size).map(|at| b"abcdefgh"[at / 7 % 8]).collect() };
        for size in sizes {
            folder.run(&[b"SET", format!("s{size}").as_bytes(), &value(size)]);
            let json = format!("{{\"text\": \"{}\"}}", String::from_utf8(value(size)).unwrap());
            folder.run(&[b"TABLE.PUT", b"t", size.to_string().as_bytes(), json.as_bytes()]);
        }
        folder.db.checkpoint().unwrap();
        let folder = folder.reopen(Compression::None, true);
        for size in sizes {
            assert_eq!(folder.db.get(format!("s{size}").as_bytes()).unwrap(), Some(value(size)));
            let text = folder.line(&format!("TABLE.GET t {size}"));
            assert_eq!(text.len(), size + "\"{\\\"text\\\": \\\"\\\"}\"".len(), "{size}");
        }
    }
}

#[test]
fn what_comes_from_a_store_and_goes_there_is_readable_without_dictionaries() {
    let behind = Behind::new();
    behind.db.set_compression(Compression::Lz4);
    for number in 0..800 {
        let (key, text) = (number.to_string(), record(number));
        behind.db.execute(&[b"TABLE.PUT", b"orders", key.as_bytes(), text.as_bytes()]).unwrap();
        behind.db.execute(&[b"SET", format!("text:{key}").as_bytes(), text.as_bytes()]).unwrap();
        if number == 700 {
            behind.db.sweep();
        }
    }
    behind.flush();
    let before = behind.db.compression_stats().values;
    assert!(before > 100, "{before}");
    assert!(behind.evict() > 1000, "what has settled goes");
    assert_eq!(behind.db.compression_stats().values, 0);
    assert_reads(&behind.db);
    assert_eq!(behind.db.compression_stats().values, 8, "what comes back is compressed again");
    // What came from there is changed, so the log gets all of it.
    behind.run("APPEND text:5 !");
    behind.run("EXPIRE orders:5 1000");
    let behind = behind.crash();
    assert_eq!(behind.run("GET text:5"), format!("\"{}!\"", record(5).escape_default()));
    assert_eq!(behind.run("TABLE.GET orders 5"), format!("\"{}\"", record(5).escape_default()));
    assert_eq!(behind.run("TTL orders:5"), "1000");
    behind.db.execute(&[b"SET", b"text:5", record(5).as_bytes()]).unwrap();
    behind.flush();
    let Behind { db, clock, store, .. } = behind;
    db.close().unwrap();
    drop(db);
    // Another folder, which knows nothing of the dictionaries.
    let taken_over = options(&store.process(), &|options| options.attach = Some(Attach::Store));
    let db = try_open(&Arc::default(), &clock, &taken_over).unwrap();
    assert_reads(&db);
}

fn assert_reads(db: &Database) {
    for number in [0, 5, 701, 799] {
        let (key, text) = (number.to_string(), format!("\"{}\"", record(number).escape_default()));
        assert_eq!(show(&db.execute(&[b"TABLE.GET", b"orders", key.as_bytes()]).unwrap()), text);
        let key = format!("text:{key}");
        assert_eq!(show(&db.execute(&[b"GET", key.as_bytes()]).unwrap()), text);
    }
}

#[test]
fn namespaces_have_dictionaries_of_their_own_and_read_them_after_a_restart() {
    for method in methods() {
        let disk = Arc::<MemDisk>::default();
        let (clock, folders) = (Arc::<ManualClock>::default(), MemFolders::default());
        let open = || {
            let db = try_opening(&disk, &clock).unwrap();
            let opened = move |db: &Database| db.set_compression(method);
            let mut options =
                NamespaceOptions { opened: Some(Box::new(opened)), ..NamespaceOptions::default() };
            options.database.threads = false;
            let namespaces = Namespaces::open_on(&db, Arc::new(folders.clone()), options).unwrap();
            (db, namespaces)
        };
        let (db, namespaces) = open();
        let names = ["one", "two"];
        for name in names {
            namespaces.create(name, &NamespaceSettings::default()).unwrap();
            let db = namespaces.database(name).unwrap();
            for number in 0..1600 {
                let text = format!("{name} {}", record(number));
                db.set(format!("text:{number}").as_bytes(), text.as_bytes()).unwrap();
                if number == 800 {
                    db.sweep();
                }
            }
            let stats = db.compression_stats();
            assert_eq!(stats.dictionaries, 1, "{name} {stats:?}");
            assert!(stats.values > 700 && stats.bytes * 2 < stats.raw_bytes, "{name} {stats:?}");
        }
        assert_eq!(db.compression_stats().dictionaries, 0, "the main database has learnt nothing");
        namespaces.close().unwrap();
        db.close().unwrap();
        drop((db, namespaces));
        let (db, namespaces) = open();
        for name in names {
            let db = namespaces.database(name).unwrap();
            assert_eq!(db.compression_stats().dictionaries, 1);
            for number in 0..1600 {
                let text = db.get(format!("text:{number}").as_bytes()).unwrap().unwrap();
                assert_eq!(text, format!("{name} {}", record(number)).into_bytes());
            }
        }
        namespaces.close().unwrap();
        db.close().unwrap();
    }
}

#[test]
fn queries_indexes_and_schemas_see_records_whether_they_are_compressed_or_not() {
    for method in methods() {
        let folder = Folder::new(method);
        folder.learn();
        folder.run(&[b"INDEX.CREATE", b"by_state", b"ON", b"orders", b"(data->>'state')"]);
        (0..1000).for_each(|number| folder.put(number));
        folder.db.set_compression(Compression::None);
        (900..1100).for_each(|number| folder.put(number));
        folder.db.set_compression(method);
        let values = folder.db.compression_stats().values;
        assert_eq!(values, 900, "some are compressed, some are not");
        let expected = (0..1100).filter(|number| number % 3 == 1).count();
        let count = |clause: &str| {
            let clause = format!("WHERE {clause}");
            folder.run(&[b"QUERY", b"orders", b"COUNT", clause.as_bytes()])
        };
        assert_eq!(count("data->>'state' = 'paid'"), expected.to_string());
        assert_eq!(count("(data->>'id')::int = 950 AND data->>'state' = 'sent'"), "1");
        let page = folder.run(&[b"QUERY", b"orders", b"WHERE (data->>'id')::int < 3"]);
        for number in 0..3 {
            assert!(page.contains(&record(number).escape_default().to_string()), "{page}");
        }
        folder.put(1);
        folder.line("SET orders:4 text");
        folder.line("DEL orders:7");
        assert_eq!(count("data->>'state' = 'paid'"), (expected - 2).to_string());
        assert!(folder.line("INDEX.LIST").contains("\"entries\": 1098"), "{}", folder.line("INDEX.LIST"));
        folder.db.read_back().unwrap();
        assert_eq!(count("data->>'state' = 'paid'"), (expected - 2).to_string());
    }
}

#[test]
fn tags_outlive_values_that_are_set_compressed_and_go_with_a_key_that_has_expired() {
    let text = "some words that come again and again ".repeat(30);
    let folder = Folder::new(Compression::Lz4);
    folder.run(&[b"SET", b"k", text.as_bytes()]);
    assert_eq!(folder.line("TAG.ADD k red"), "1");
    folder.run(&[b"SET", b"k", text.as_bytes()]);
    assert_eq!(folder.line("TAG.OF k"), "[\"red\"]");
    folder.line("PEXPIRE k 10");
    folder.clock.advance(20);
    folder.run(&[b"SET", b"k", text.as_bytes()]);
    assert_eq!(folder.db.compression_stats().values, 1);
    assert_eq!(folder.line("TAG.OF k"), "[]");
    folder.learn();
    folder.line("TAG.ADD orders:1 red");
    folder.line("PEXPIRE orders:1 10");
    folder.clock.advance(20);
    folder.put(1);
    assert_eq!(folder.line("TAG.OF orders:1"), "[]");
    let folder = folder.reopen(Compression::None, true);
    assert_eq!((folder.line("TAG.OF k"), folder.line("TAG.OF orders:1")), ("[]".into(), "[]".into()));
}

#[test]
fn databases_that_change_places_moved_keys_and_transactions_keep_compressed_values() {
    for method in methods() {
        let folder = Folder::new(method);
        folder.learn();
        let text = format!("orders {}", record(7)).repeat(300);
        folder.run(&[b"SET", b"large", text.as_bytes()]);
        folder.line("COPY large copied DB 1");
        folder.line("MOVE large 1");
        folder.line("COPY orders:5 orders:5000");
        folder.line("RENAME orders:6 orders:6000");
        folder.line("SWAPDB 1 2");
        let check = |folder: &Folder| {
            folder.assert_records(0..6);
            for (key, number) in [("5000", 5), ("6000", 6)] {
                let text = folder.line(&format!("TABLE.GET orders {key}"));
                assert_eq!(text, format!("\"{}\"", record(number).escape_default()));
            }
        };
        check(&folder);
        let values = folder.db.compression_stats().values;
        folder.db.read_back().unwrap();
        assert_eq!(folder.db.compression_stats().values, values);
        check(&folder);
        let folder = folder.reopen(Compression::None, true);
        check(&folder);
        folder.line("SWAPDB 0 2");
        assert_eq!(folder.line("GET large"), folder.line("GET copied"));
        assert_eq!(folder.db.get(b"large").unwrap(), Some(text.into_bytes()));
    }
}

#[test]
fn a_backup_that_is_taken_while_there_are_dictionaries_opens_elsewhere() {
    for method in methods() {
        let folder = Folder::new(method);
        folder.learn();
        (0..400).for_each(|number| folder.put(number));
        let copy = Arc::<MemDisk>::default();
        let as_disk: Arc<dyn Disk> = copy.clone();
        folder.db.backup_on(&as_disk).unwrap();
        let db = try_opening(&copy, &folder.clock).unwrap();
        let copied = Folder { db, disk: copy, clock: Arc::clone(&folder.clock) };
        copied.assert_records(0..800);
        assert_eq!(copied.db.compression_stats(), folder.db.compression_stats());
    }
}

#[test]
fn wherever_the_log_ends_the_dictionary_is_there_for_the_values_that_need_it() {
    for method in methods() {
        let folder = Folder::new(method);
        folder.learn();
        (800..840).for_each(|number| folder.put(number));
        // APPEND has to unpack what it changes, when it is replayed too.
        folder.run(&[b"SET", b"orders:text", record(1).repeat(2).as_bytes()]);
        folder.line("APPEND orders:text !");
        let killed = folder.disk.kill();
        let names = killed.list().unwrap();
        let log = names.iter().find(|name| name.ends_with(".rkl")).unwrap();
        let bytes = killed.content(log).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        let (mut with, mut without) = (0, 0);
        for cut in (0..20).map(|step| end - step * end / 40) {
            let disk = Arc::new(killed.kill());
            disk.put(log, &[&bytes[..cut], &vec![0; bytes.len() - cut]].concat());
            let db = try_opening(&disk, &folder.clock).unwrap();
            let there = Folder { db, disk, clock: Arc::clone(&folder.clock) };
            let found =
                (0..840).filter(|number| there.line(&format!("EXISTS orders:{number}")) == "1").count();
            assert!(found > 300, "{found}");
            there.assert_records(0..found);
            match there.db.compression_stats().dictionaries {
                0 => without += 1,
                _ => with += 1,
            }
        }
        assert!(with > 0 && without > 0, "{with} {without}");
    }
}

#[test]
fn a_unique_index_knows_what_compressed_records_hold() {
    for method in methods() {
        let folder = Folder::new(method);
        folder.learn();
        (0..800).for_each(|number| folder.put(number));
        assert_eq!(folder.run(&[b"INDEX.CREATE", b"once", b"ON", b"orders", b"(id)", b"UNIQUE"]), "OK");
        let put = |key: &str| folder.run(&[b"TABLE.PUT", b"orders", key.as_bytes(), record(5).as_bytes()]);
        let is_refused = |answer: &str| answer.starts_with("DUPLICATE");
        assert!(is_refused(&put("other")));
        assert!(is_refused(&folder.line("COPY orders:5 orders:other")));
        assert_eq!(put("5"), "OK");
        assert_eq!(folder.line("RENAME orders:5 orders:other"), "OK");
        assert!(is_refused(&put("5")), "the other one has it now");
        folder.line("DEL orders:other");
        assert_eq!(put("5"), "OK");
        assert_eq!(folder.db.compression_stats().values, 800);
        let folder = folder.reopen(method, true);
        folder.db.sweep();
        assert!(is_refused(&folder.run(&[b"TABLE.PUT", b"orders", b"other", record(5).as_bytes()])));
        folder.assert_records(0..800);
    }
}
