//! A database inside of a program: opened, written, closed, and found as it was.
//!
//! `cargo run -p ramekin --example embedded`

use ramekin::log::AppendFsync;
use ramekin::{Database, ErrorKind, Options, Response};
use std::time::Duration;

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;

    // A call returns once the operating system has the change: a killed process loses nothing.
    let db = Database::open(folder.path())?;
    db.set(b"greeting", b"hello")?;
    assert_eq!(db.get(b"greeting")?.as_deref(), Some(&b"hello"[..]));
    assert_eq!(db.incr_by(b"visits", 2)?, 2);
    assert_eq!(db.rpush(b"queue", &[b"first", b"second"])?, 2);
    assert_eq!(db.hset(b"user:1", &[(b"name", b"Ada"), (b"city", b"London")])?, 2);
    db.set_for(b"session", b"token", Duration::from_secs(60))?;

    // Every other command goes through `execute`. What it refuses is an answer; a typed call makes an error of it.
    assert_eq!(db.execute(&[b"GETRANGE", b"greeting", b"0", b"3"])?, Response::Bulk(b"hell".to_vec()));
    assert!(matches!(db.execute(&[b"INCR", b"greeting"])?, Response::Error(_)));
    assert_eq!(db.incr_by(b"greeting", 1).map_err(|error| error.kind()), Err(ErrorKind::Invalid));

    // Threads share it: a clone is the same database.
    let consumer = db.clone();
    let taken = std::thread::scope(|scope| {
        let waiting = scope.spawn(move || consumer.blpop(&[b"jobs"], Some(Duration::from_secs(10))));
        db.rpush(b"jobs", &[b"paint"]).and_then(|_| waiting.join().expect("the consumer does not panic"))
    })?;
    assert_eq!(taken, Some((b"jobs".to_vec(), b"paint".to_vec())));
    db.close()?;
    // The folder is free again once the last clone is gone.
    drop(db);

    // From now on each call returns only when its change is on disk.
    let options = Options { appendfsync: AppendFsync::Always, ..Options::default() };
    let db = Database::open_with(folder.path(), &options)?;
    assert_eq!(db.lrange(b"queue", 0, -1)?, [b"first".to_vec(), b"second".to_vec()]);
    assert_eq!(db.hget(b"user:1", b"name")?.as_deref(), Some(&b"Ada"[..]));
    assert_eq!(db.exists(&[b"greeting", b"visits", b"session", b"jobs"])?, 3);
    db.close()?;
    println!("all of it was there after the restart");
    Ok(())
}
