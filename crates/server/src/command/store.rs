//! Commands about the store behind: FLUSH, EVICT, QUARANTINE, WAITSTORE.
//!
//! None of them waits on an event loop: the engine tells when something has settled, and a thread does what walks. In a
//! transaction WAITSTORE tells how things are, and the others are refused.

use super::client::timeout_ms;
use super::{ServerCommand, help};
use crate::server::Server;
use crate::session::{Peer, Replier, SET_ASIDE, Wait};
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use ramekin::{Database, Needs, Quarantined, Refusal, Reply, Response};
use std::sync::Arc;

/// Rows that QUARANTINE LIST tells unless asked for another number.
const LISTED: usize = 100;

const NO_STORE: Fail = Fail::new("ERR there is no store behind this database (see the directive `store`)");

const fn spec(name: &'static str, arity: i32, summary: &'static str, syntax: &'static str) -> Spec {
    Spec {
        name,
        arity,
        flags: flag::ADMIN | flag::NOSCRIPT | flag::NO_MULTI,
        keys: Keys::None,
        group: "server",
        since: "0.1.0",
        summary,
        complexity: "O(N) where N is the number of rows in quarantine",
        syntax,
    }
}

pub(super) const COMMANDS: &[ServerCommand] = &[
    ServerCommand {
        spec: Spec {
            complexity: "O(N) where N is the number of changes that have not settled",
            ..spec(
                "flush",
                -1,
                "Has everything that has changed settled in the store, and answers once it has, or why it has not. With a table it answers for that one; the others settle, too.",
                "[table]",
            )
        },
        run: flush,
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(N) where N is the number of keys in memory; other commands run meanwhile",
            ..spec(
                "evict",
                -1,
                "Takes keys out of memory that have settled in the store and were not used for so long, or at all, and tells how many. They come back when they are asked for.",
                "[idle-seconds]",
            )
        },
        run: evict,
    },
    ServerCommand {
        spec: Spec {
            flags: flag::BLOCKING,
            complexity: "O(1)",
            ..spec(
                "waitstore",
                2,
                "Blocks until all of the preceding write commands sent by the connection have settled in the store: 1, or 0 if the time in milliseconds is over (0: none).",
                "timeout",
            )
        },
        run: wait_store,
    },
    ServerCommand {
        spec: Spec {
            flags: flag::CONTAINER,
            complexity: "Depends on subcommand.",
            ..spec("quarantine", -2, "A container for commands about rows that the store refuses.", "")
        },
        run: super::container,
    },
    ServerCommand {
        spec: spec(
            "quarantine|list",
            -2,
            "Lists rows that the store refuses, by database and key: 100 of them unless said otherwise.",
            "[COUNT count]",
        ),
        run: list,
    },
    ServerCommand {
        spec: spec(
            "quarantine|retry",
            -2,
            "Has rows that the store has refused tried again: one, or all. Tells how many.",
            "[key [db]]",
        ),
        run: retry,
    },
    ServerCommand {
        spec: spec(
            "quarantine|skip",
            -3,
            "Gives up the change of a row that the store has refused: what the store has of the key counts. Tells whether there was one.",
            "key [db]",
        ),
        run: skip,
    },
    ServerCommand {
        spec: Spec {
            arity: 2,
            flags: flag::LOADING | flag::STALE,
            complexity: "O(1)",
            ..spec("quarantine|help", 2, "Returns helpful text about the different subcommands.", "")
        },
        run: |_, _, _, out| {
            help::write(out, "QUARANTINE", HELP);
            Ok(())
        },
    },
];

const HELP: &[(&str, &str)] = &[
    ("LIST [COUNT <count>]", "Rows that the store refuses, since when, and what it says."),
    ("RETRY [<key> [<db>]]", "Try one of them again, or all."),
    ("SKIP <key> [<db>]", "Give up the change of one: what the store has of the key counts."),
];

pub(super) fn need_store(db: &Database) -> Result<(), Fail> {
    if db.has_store() { Ok(()) } else { Err(NO_STORE) }
}

/// Asks for a key that only the store has. True: the command is run again once it is here, and answers nothing now.
pub(super) fn is_fetched_first(peer: &mut Peer, key: &[u8]) -> bool {
    if !peer.db.has_store() {
        return false;
    }
    let (db, mut caller) = (peer.caller.db, ramekin::Caller::at(peer.caller.now_ms));
    if let Err(Refusal::Needs(needs)) = peer.db.transaction(&mut caller, &[], &[(db, key)])
        && let Needs::Keys(_) = *needs
    {
        peer.needs = Some(needs);
    }
    peer.needs.is_some()
}

fn flush(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    need_store(&peer.db)?;
    let prefix = match args {
        [_] => None,
        [_, table] if peer.db.has_table(table) => Some([table, &b":"[..]].concat()),
        [_, table] => {
            let shown = String::from_utf8_lossy(&table[..table.len().min(64)]);
            return Err(Fail::text(format!("ERR no such table '{shown}'").replace(['\r', '\n'], " ")));
        }
        _ => return Err(Fail::SYNTAX),
    };
    let (db, mine) = (peer.db.clone(), peer.db.clone());
    peer.begun = Some(Box::new(move |answer| {
        let ready = move |outcome: Result<(), String>| {
            answer(match outcome {
                Ok(()) => settled(&mine, prefix.as_deref()),
                Err(text) => Response::Error(text),
            });
        };
        // Whether there is a store was asked before.
        drop(db.flush_to_store(Box::new(ready)));
    }));
    Ok(())
}

/// The answer to a flush: what is set aside has not settled.
fn settled(db: &Database, prefix: Option<&[u8]>) -> Response {
    let is_meant = |row: &&Quarantined| {
        prefix.is_none_or(|prefix| row.db == ramekin::record::DATABASE && row.key.starts_with(prefix))
    };
    let rows = db.quarantined().map_or(0, |rows| rows.iter().filter(is_meant).count());
    match rows {
        0 => Response::Simple("OK".to_owned()),
        rows => Response::Error(format!(
            "QUARANTINED all has settled but for {rows} rows that the store refuses: QUARANTINE LIST says why"
        )),
    }
}

fn evict(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    need_store(&peer.db)?;
    let idle_ms = match args {
        [_] => 0,
        [_, seconds] => ramekin_resp::parse_int(seconds)
            .and_then(|seconds| u64::try_from(seconds).ok()?.checked_mul(1000))
            .ok_or(Fail::NOT_AN_INTEGER)?,
        _ => return Err(Fail::SYNTAX),
    };
    let db = peer.db.clone();
    peer.work = Some(Box::new(move |_| counted(db.evict_idle(idle_ms))));
    Ok(())
}

fn wait_store(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let timeout_ms = timeout_ms(args[1])?;
    need_store(&peer.db)?;
    let settled = peer.db.settled_lsn() >= peer.last_write_lsn;
    if settled && peer.db.has_set_aside(&mut peer.caller) {
        out.error(SET_ASIDE);
    } else if settled || peer.in_exec {
        out.int(i64::from(settled));
    } else {
        peer.wait = Some(Wait { timeout_ms, ..Wait::for_store() });
    }
    Ok(())
}

fn list(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    need_store(&peer.db)?;
    let count = match args {
        [_, _] => LISTED,
        [_, _, word, count] if word.eq_ignore_ascii_case(b"count") => ramekin_resp::parse_int(count)
            .and_then(|count| usize::try_from(count).ok())
            .ok_or(Fail::NOT_AN_INTEGER)?,
        _ => return Err(Fail::SYNTAX),
    };
    let db = peer.db.clone();
    peer.work = Some(Box::new(move |_| match db.quarantined() {
        Ok(rows) => Response::Array(rows.into_iter().take(count).map(shown).collect()),
        Err(fail) => Response::Error(fail.0.into_owned()),
    }));
    Ok(())
}

fn shown(row: Quarantined) -> Response {
    let bulk = |text: &str| Response::Bulk(text.as_bytes().to_vec());
    let int = |number: u64| Response::Int(i64::try_from(number).unwrap_or(i64::MAX));
    Response::Map(vec![
        (bulk("db"), int(u64::from(row.db))),
        (bulk("key"), Response::Bulk(row.key)),
        (bulk("since"), int(row.since_ms)),
        (bulk("bytes"), int(row.bytes)),
        (bulk("reason"), Response::Bulk(row.reason.into_bytes())),
    ])
}

/// The database and the key that a subcommand names.
fn named(peer: &Peer, args: &[&[u8]]) -> Result<(u32, Vec<u8>), Fail> {
    match args {
        [_, _, key] => Ok((peer.caller.db, key.to_vec())),
        [_, _, key, db] => Ok((ramekin::command::database(db, peer.db.databases())?, key.to_vec())),
        _ => Err(Fail::SYNTAX),
    }
}

fn retry(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    need_store(&peer.db)?;
    let row = if args.len() == 2 { None } else { Some(named(peer, args)?) };
    let db = peer.db.clone();
    peer.work = Some(Box::new(move |_| {
        let row = row.as_ref().map(|(db, key)| (*db, key.as_slice()));
        counted(db.retry_quarantined(row))
    }));
    Ok(())
}

fn skip(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    need_store(&peer.db)?;
    let (db, key) = named(peer, args)?;
    let data = peer.db.clone();
    peer.work = Some(Box::new(move |_| counted(data.skip_quarantined(db, &key).map(usize::from))));
    Ok(())
}

fn counted(outcome: Result<usize, Fail>) -> Response {
    match outcome {
        Ok(count) => Response::Int(i64::try_from(count).unwrap_or(i64::MAX)),
        Err(fail) => Response::Error(fail.0.into_owned()),
    }
}
