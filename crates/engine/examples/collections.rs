//! What commands on lists and hashes cost, and what sharing, copying and dropping a large one takes:
//! `cargo run --release -p ramekin --example collections [ops] [megabytes]`.
//!
//! Run under `valgrind --tool=callgrind` with `0` megabytes it counts instructions instead of time.

use ramekin::value::Value;
use ramekin::value::hash::Hash;
use ramekin::value::list::List;
use ramekin::{Database, Options, Response};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::disallowed_methods, reason = "measures")]
fn timed<R>(what: &str, times: usize, act: impl FnOnce() -> R) -> R {
    let begun = std::time::Instant::now();
    let result = act();
    let nanos = begun.elapsed().as_nanos() / times.max(1) as u128;
    println!("{what:<28} {nanos:>12} ns");
    result
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse::<usize>().expect("a number"));
    let (ops, megabytes) = (args.next().unwrap_or(200_000), args.next().unwrap_or(1024));
    let only = std::env::var("ONLY").ok();
    commands(ops, only.as_deref());
    if megabytes > 0 {
        list(megabytes << 20);
        hash(megabytes << 20);
    }
}

fn commands(ops: usize, only: Option<&str>) {
    let db = Database::memory(&Options::default()).expect("the system gives randomness");
    let run = |args: &[&[u8]]| -> Response { db.execute(args).expect("nothing is logged") };
    for n in 0..20_000 {
        let field = format!("field:{n}");
        run(&[b"HSET", b"hash", field.as_bytes(), b"a value of some length"]);
        run(&[b"RPUSH", b"list", field.as_bytes()]);
    }
    let fields: Vec<String> = (0..ops).map(|n| format!("field:{}", n.wrapping_mul(7919) % 20_000)).collect();
    let each = |name: &str, make: &dyn Fn(usize)| {
        if only.is_none_or(|only| only == name) {
            timed(name, ops, || (0..ops).for_each(make));
        }
    };
    each("HSET", &|n| drop(run(&[b"HSET", b"hash", fields[n].as_bytes(), b"another value, as long"])));
    each("HGET", &|n| drop(run(&[b"HGET", b"hash", fields[n].as_bytes()])));
    each("HDEL HSET", &|n| {
        run(&[b"HDEL", b"hash", fields[n].as_bytes()]);
        run(&[b"HSET", b"hash", fields[n].as_bytes(), b"a value of some length"]);
    });
    each("LPUSH", &|n| drop(run(&[b"LPUSH", b"list", fields[n].as_bytes()])));
    each("RPOP", &|_| drop(run(&[b"RPOP", b"list"])));
    each("LRANGE", &|_| drop(run(&[b"LRANGE", b"list", b"0", b"99"])));
    each("LINDEX", &|_| drop(run(&[b"LINDEX", b"list", b"9000"])));
}

fn list(bytes: usize) {
    let element = [b'x'; 100];
    let mut list = List::new();
    timed("list: build, an element", bytes / 100, || {
        (0..bytes / 100).for_each(|_| list.push_back(&element));
    });
    println!("list: bytes an element       {:>12}", list.heap_bytes() / list.len());
    let mut value = Value::List(Box::new(list));
    let shared = timed("list: share", 1, || value.share());
    if let Value::List(list) = &mut value {
        timed("list: first change after", 1, || list.set(bytes / 200, b"y"));
    }
    timed("list: drop a sharer", 1, || drop(shared));
    timed("list: drop", 1, || drop(black_box(value)));
}

fn hash(bytes: usize) {
    let mut hash = Hash::new();
    let count = bytes / 100;
    timed("hash: build, a field", count, || {
        for n in 0..count {
            hash.insert(format!("field:{n}").as_bytes(), &[b'v'; 84], false);
        }
    });
    println!("hash: bytes a field          {:>12}", hash.heap_bytes() / count);
    let mut value = Value::Hash(Box::new(hash));
    let shared = timed("hash: share", 1, || value.share());
    if let Value::Hash(hash) = &mut value {
        timed("hash: first change after", 1, || hash.insert(b"field:7", b"other", false));
        timed("hash: second change", 1, || hash.insert(b"field:77777", b"other", false));
    }
    timed("hash: drop a sharer", 1, || drop(shared));
    timed("hash: drop", 1, || drop(black_box(value)));
}
