//! Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.
//!
//! EXEC runs the engine's commands under the locks of all their keys and logs them as one record. A command of the server
//! that looks into the database by itself (`flag::LOOKS`) cannot run under those locks: it divides the transaction in two.

use super::{Row, Runner, ServerCommand};
use crate::server::Server;
use crate::session::{Peer, Queued, Replier, Transaction, Watching, is_notable, note, show};
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use ramekin::{Caller, Database, Needs, Planned, Refusal, Reply};
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

const fn spec(name: &'static str, arity: i32, flags: u32, keys: Keys, since: &'static str) -> Spec {
    Spec {
        name,
        arity,
        flags,
        keys,
        group: "transactions",
        since,
        summary: "",
        complexity: "O(1)",
        syntax: "",
    }
}

const LEFT_MEMORY: Fail = Fail::new("TRYAGAIN a key of the transaction has left memory meanwhile");

const COMMON: u32 = flag::NOSCRIPT | flag::LOADING | flag::STALE;

pub(super) const COMMANDS: &[ServerCommand] = &[
    ServerCommand {
        spec: Spec {
            summary: "Starts a transaction.",
            ..spec("multi", 1, COMMON | flag::FAST | flag::NO_MULTI, Keys::None, "1.2.0")
        },
        run: multi,
    },
    ServerCommand {
        spec: Spec {
            summary: "Executes all commands in a transaction.",
            complexity: "Depends on commands in the transaction",
            ..spec("exec", 1, COMMON | flag::SKIP_SLOWLOG | flag::IN_MULTI, Keys::None, "1.2.0")
        },
        run: exec,
    },
    ServerCommand {
        spec: Spec {
            summary: "Discards a transaction.",
            complexity: "O(N), when N is the number of queued commands",
            ..spec("discard", 1, COMMON | flag::FAST | flag::IN_MULTI, Keys::None, "2.0.0")
        },
        run: |peer, _, _, out| {
            if peer.transaction.is_none() {
                return Err(Fail::new("ERR DISCARD without MULTI"));
            }
            peer.end_transaction();
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            summary: "Monitors changes to keys to determine the execution of a transaction.",
            complexity: "O(1) for every key.",
            syntax: "key [key ...]",
            ..spec(
                "watch",
                -2,
                COMMON | flag::FAST | flag::NO_MULTI,
                Keys::Range { first: 1, last: -1, step: 1 },
                "2.2.0",
            )
        },
        run: watch,
    },
    ServerCommand {
        spec: Spec {
            summary: "Forgets about watched keys of a transaction.",
            ..spec("unwatch", 1, COMMON | flag::FAST, Keys::None, "2.2.0")
        },
        run: |peer, _, _, out| {
            peer.unwatch();
            out.ok();
            Ok(())
        },
    },
];

fn multi(peer: &mut Peer, _: &Arc<Server>, _: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    peer.transaction = Some(Transaction::default());
    out.ok();
    Ok(())
}

fn watch(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let db = peer.caller.db;
    if peer.db.has_store() {
        let keys: Vec<(u32, &[u8])> = args[1..].iter().map(|key| (db, *key)).collect();
        let mut caller = Caller::at(peer.caller.now_ms);
        if let Err(Refusal::Needs(needs)) = peer.db.transaction(&mut caller, &[], &keys) {
            peer.needs = Some(needs);
            return Ok(());
        }
    }
    let watching = peer.watching.get_or_insert_with(Watching::default);
    for &key in &args[1..] {
        if let Entry::Vacant(place) = watching.keys.entry((db, key.into())) {
            place.insert(peer.db.watch(&peer.caller, key, &watching.watch));
        }
    }
    let watched = u32::try_from(watching.keys.len()).unwrap_or(u32::MAX);
    peer.client.watching.store(watched, Relaxed);
    out.ok();
    Ok(())
}

fn exec(peer: &mut Peer, server: &Arc<Server>, _: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let Some(transaction) = peer.transaction.take() else { return Err(Fail::new("ERR EXEC without MULTI")) };
    if transaction.refused {
        peer.unwatch();
        return Err(Fail::new("EXECABORT Transaction discarded because of previous errors."));
    }
    let watching = peer.watching.take();
    let outcome = run_all(peer, server, &transaction.queued, watching.as_ref(), out);
    peer.watching = watching;
    if peer.needs.is_some() {
        // It is run again, as it is now.
        peer.transaction = Some(transaction);
        return Ok(());
    }
    peer.unwatch();
    outcome
}

/// The database in which each of the queued commands will be run.
fn databases<'q>(db: u32, queued: &'q [Queued]) -> impl Iterator<Item = u32> + 'q {
    queued.iter().scan(db, |selected, queued| {
        let db = *selected;
        if queued.row.spec.name == "select"
            && let Some(next) =
                queued.args.get(1).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok())
        {
            *selected = next;
        }
        Some(db)
    })
}

/// What the queued commands and the watched keys need from a store before anything is run or judged.
fn missing(
    peer: &Peer,
    queued: &[Queued],
    args: &[Vec<&[u8]>],
    watching: Option<&Watching>,
) -> Result<Option<Box<Needs>>, Fail> {
    if !peer.db.has_store() {
        return Ok(None);
    }
    let planned: Vec<Planned<'_>> = databases(peer.caller.db, queued)
        .zip(queued.iter().zip(args))
        .filter(|(db, _)| *db < peer.db.databases())
        .filter_map(|(db, (queued, args))| match queued.row.runner {
            Runner::Engine(command) => Some(Planned { db, command, args }),
            _ => None,
        })
        .collect();
    let mut watched: Vec<(u32, &[u8])> = watching
        .into_iter()
        .flat_map(|watching| watching.keys.keys().map(|(db, key)| (*db, &**key)))
        .collect();
    for ((db, queued), args) in databases(peer.caller.db, queued).zip(queued).zip(args) {
        // These look into the database by themselves.
        if let (Runner::Server(_), Keys::At(at)) = (queued.row.runner, queued.row.spec.keys)
            && db < peer.db.databases()
        {
            watched.push((db, args[at]));
        }
    }
    let mut caller = Caller::at(peer.caller.now_ms);
    caller.db = peer.caller.db;
    match peer.db.transaction(&mut caller, &planned, &watched) {
        // Nothing was run, so nothing is logged.
        Ok(transaction) => drop(transaction),
        Err(Refusal::Needs(needs)) => return Ok(Some(needs)),
        // Who runs it will be told.
        Err(Refusal::Fail(_)) => {}
    }
    Ok(None)
}

/// Whether a watched key has changed, or was there and has expired since.
fn is_stale(db: &Database, now_ms: u64, watching: Option<&Watching>) -> bool {
    watching.is_some_and(|watching| {
        watching.watch.is_raised()
            || watching
                .keys
                .iter()
                .any(|((number, key), existed)| *existed && !db.exists_now(*number, now_ms, key))
    })
}

fn run_all(
    peer: &mut Peer,
    server: &Arc<Server>,
    queued: &[Queued],
    watching: Option<&Watching>,
    out: &mut Replier<'_>,
) -> Outcome {
    let args: Vec<Vec<&[u8]>> =
        queued.iter().map(|queued| queued.args.iter().map(|arg| &**arg).collect()).collect();
    peer.needs = missing(peer, queued, &args, watching)?;
    if peer.needs.is_some() {
        return Ok(());
    }
    if is_stale(&peer.db, peer.caller.now_ms, watching) {
        out.null_array();
        return Ok(());
    }
    let mut at = 0;
    while at < queued.len() || at == 0 {
        let looks = |queued: &Queued| queued.row.spec.is(flag::LOOKS);
        let end = queued[at..].iter().position(looks).map_or(queued.len(), |found| at + found);
        let stale = run_part(
            peer,
            server,
            (&queued[at..end], &args[at..end]),
            (at == 0).then_some(watching),
            queued.len(),
            out,
        )?;
        if stale || peer.needs.is_some() {
            return Ok(());
        }
        if end < queued.len() {
            run_server(peer, server, &queued[end], &args[end], out);
        }
        at = end + 1;
    }
    Ok(())
}

/// Runs commands under the locks of all their keys. `first`: this part begins the reply, unless a watched key has changed
/// before the locks were taken; then nothing is run and true is returned. A later part without room in the log is refused
/// command by command.
fn run_part(
    peer: &mut Peer,
    server: &Arc<Server>,
    (queued, args): (&[Queued], &[Vec<&[u8]>]),
    first: Option<Option<&Watching>>,
    len: usize,
    out: &mut Replier<'_>,
) -> Result<bool, Fail> {
    let commands: Vec<Planned<'_>> = databases(peer.caller.db, queued)
        .zip(queued.iter().zip(args))
        .filter_map(|(db, (queued, args))| match queued.row.runner {
            Runner::Engine(command) => Some(Planned { db: db.min(peer.db.databases() - 1), command, args }),
            _ => None,
        })
        .collect();
    let mut caller = std::mem::take(&mut peer.caller);
    let result = run_locked(peer, server, (&mut caller, &commands), (queued, args), first, len, out);
    caller.db = peer.caller.db;
    caller.no_touch = peer.caller.no_touch;
    peer.caller = caller;
    result
}

fn run_locked(
    peer: &mut Peer,
    server: &Arc<Server>,
    (caller, commands): (&mut Caller, &[Planned<'_>]),
    (queued, args): (&[Queued], &[Vec<&[u8]>]),
    first: Option<Option<&Watching>>,
    len: usize,
    out: &mut Replier<'_>,
) -> Result<bool, Fail> {
    // Handlers of the server see the same database and time while the caller is lent to the transaction.
    (peer.caller.db, peer.caller.now_ms, peer.caller.no_touch) = (caller.db, caller.now_ms, caller.no_touch);
    let db = peer.db.clone();
    let fail = match db.transaction(caller, commands, &[]) {
        Ok(transaction) => return run_begun(peer, server, transaction, (queued, args), first, len, out),
        // A later part cannot wait any more: what it needs has left memory since it was looked for.
        Err(Refusal::Needs(needs)) if first.is_some() => {
            peer.needs = Some(needs);
            return Ok(false);
        }
        Err(Refusal::Needs(_)) => LEFT_MEMORY,
        Err(Refusal::Fail(fail)) => fail,
    };
    match fail {
        // A refusal for want of memory ends the transaction as one of EXEC itself.
        fail if first.is_some() && fail.0.starts_with("OOM ") => {
            Err(Fail::text(format!("EXECABORT Transaction discarded because of: {}", fail.0)))
        }
        fail if first.is_some() => Err(fail),
        fail => {
            // The reply has begun and says how long it is.
            queued.iter().for_each(|_| out.error(&fail.0));
            Ok(false)
        }
    }
}

/// Runs commands whose keys are all locked.
fn run_begun(
    peer: &mut Peer,
    server: &Arc<Server>,
    mut transaction: ramekin::Transaction<'_>,
    (queued, args): (&[Queued], &[Vec<&[u8]>]),
    first: Option<Option<&Watching>>,
    len: usize,
    out: &mut Replier<'_>,
) -> Result<bool, Fail> {
    if let Some(watching) = first {
        if watching.is_some_and(|watching| watching.watch.is_raised()) {
            out.null_array();
            return Ok(true);
        }
        out.array(len);
    }
    peer.in_exec = true;
    for (queued, args) in queued.iter().zip(args) {
        let (from, begun) = (out.written(), server.ticks.raw());
        match queued.row.runner {
            Runner::Engine(command) => transaction.run(command, args, out),
            Runner::Server(run) => {
                if let Err(fail) = run(peer, server, args, out) {
                    out.error(&fail.0);
                }
                transaction.select(peer.caller.db);
            }
            Runner::Container => out.error(&Fail::SYNTAX.0),
        }
        account(peer, server, queued.row, args, (out, from), begun);
    }
    peer.in_exec = false;
    let ran = transaction.commit();
    peer.reply_lsn = peer.reply_lsn.max(ran.lsn);
    peer.last_write_lsn = peer.last_write_lsn.max(ran.lsn);
    Ok(false)
}

/// Runs a command that looks into the database by itself, without the locks.
fn run_server(peer: &mut Peer, server: &Arc<Server>, queued: &Queued, args: &[&[u8]], out: &mut Replier<'_>) {
    let (from, begun) = (out.written(), server.ticks.raw());
    if let Runner::Server(run) = queued.row.runner
        && let Err(fail) = run(peer, server, args, out)
    {
        out.error(&fail.0);
    }
    if peer.needs.take().is_some() {
        out.error(&LEFT_MEMORY.0);
    }
    account(peer, server, queued.row, args, (out, from), begun);
}

/// Counts, notes and shows a command of the transaction as if it had come by itself.
fn account(
    peer: &Peer,
    server: &Server,
    row: &Row,
    args: &[&[u8]],
    (out, from): (&Replier<'_>, usize),
    begun: u64,
) {
    let reply_bytes = out.replied_bytes(from);
    let nanos = server.ticks.delta_as_nanos(begun, server.ticks.raw());
    let stats = &server.stats.commands[row.position];
    server.stats.count_call(row.position, nanos);
    if let Some((b'-', text)) = out.since(from).split_first() {
        stats.failed.fetch_add(1, Relaxed);
        server.stats.count_error(text);
    }
    if is_notable(server, nanos, usize::MAX, reply_bytes) {
        note(server, &peer.client, row, args, (nanos, reply_bytes), peer.caller.now_ms);
    }
    if !server.monitors.is_empty() {
        show(server, peer, row, args);
    }
}
