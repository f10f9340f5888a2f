//! NAMESPACE: databases with names, each with its own keys, folder, store and limits.
//!
//! What waits for a disk or a store is done by a thread, and the session waits. None of them can be part of a transaction.

use super::{ServerCommand, help};
use crate::config::{Kind, Value};
use crate::net::Message;
use crate::server::Server;
use crate::session::{Move, Peer, Replier};
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use ramekin::{Attach, NamespaceChange, NamespaceInfo, NamespaceSettings, Policy, Response};
use std::sync::Arc;

const COMMON: u32 = flag::NOSCRIPT | flag::NO_MULTI;

const fn spec(
    name: &'static str,
    arity: i32,
    flags: u32,
    summary: &'static str,
    syntax: &'static str,
) -> Spec {
    Spec {
        name,
        arity,
        flags: flags | COMMON,
        keys: Keys::None,
        group: "server",
        since: "0.1.0",
        summary,
        complexity: "O(1)",
        syntax,
    }
}

pub(super) const COMMANDS: &[ServerCommand] = &[
    ServerCommand {
        spec: Spec {
            complexity: "Depends on subcommand.",
            ..spec("namespace", -2, flag::CONTAINER, "A container for commands about namespaces.", "")
        },
        run: super::container,
    },
    ServerCommand {
        spec: spec(
            "namespace|create",
            -3,
            flag::ADMIN | flag::WRITE,
            "Makes a namespace: a database of this name with its own keys, folder, store and limits.",
            "name [STORE url [ATTACH memory|store]] [MAXMEMORY bytes] [MAXKEYS count] [POLICY policy]",
        ),
        run: create,
    },
    ServerCommand {
        spec: spec(
            "namespace|use",
            3,
            flag::FAST,
            "Has the connection's commands run in this namespace from now on, in its database 0; `default` is the one without a name.",
            "name",
        ),
        run: |peer, server, args, _| {
            let name = text(args[2])?;
            if !ramekin::Namespaces::is_main(name) {
                server.namespaces().find(name).map_err(said)?;
            }
            peer.moves = Some(Move { name: name.into(), reply: "OK" });
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(N) where N is the number of namespaces",
            ..spec(
                "namespace|list",
                2,
                flag::ADMIN,
                "Lists all namespaces by name: whether they are open, and how many keys they have in memory.",
                "",
            )
        },
        run: |peer, _, _, _| {
            peer.work = Some(Box::new(|server| {
                let all = server.namespaces().list();
                Response::Array(all.iter().map(|info| Response::Map(summary(info))).collect())
            }));
            Ok(())
        },
    },
    ServerCommand {
        spec: spec(
            "namespace|info",
            -2,
            0,
            "Tells what is known of a namespace; without a name, of the one that the connection is in.",
            "[name]",
        ),
        run: info,
    },
    ServerCommand {
        spec: spec(
            "namespace|set",
            -5,
            flag::ADMIN | flag::WRITE,
            "Changes limits of a namespace; 0 is none. What is above a limit goes when something is added, if the policy allows that.",
            "name [MAXMEMORY bytes] [MAXKEYS count] [POLICY policy]",
        ),
        run: set,
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(N) where N is the size of what has not settled in its store",
            ..spec(
                "namespace|drop",
                -3,
                flag::ADMIN | flag::WRITE,
                "Removes a namespace with all its keys. What its store has stays there; what has not settled keeps it from being dropped, unless FORCE is said.",
                "name [FORCE]",
            )
        },
        run: drop_it,
    },
    ServerCommand {
        spec: spec(
            "namespace|help",
            2,
            flag::LOADING | flag::STALE,
            "Returns helpful text about the different subcommands.",
            "",
        ),
        run: |_, _, _, out| {
            help::write(out, "NAMESPACE", HELP);
            Ok(())
        },
    },
];

const HELP: &[(&str, &str)] = &[
    (
        "CREATE <name> [STORE <url> [ATTACH memory|store]] [MAXMEMORY <bytes>] [MAXKEYS <count>] [POLICY <policy>]",
        "Make a namespace. ATTACH decides what counts if the store has rows already.",
    ),
    ("USE <name>", "Go there; `default` is the database without a name."),
    ("LIST", "All namespaces, with figures."),
    ("INFO [<name>]", "What is known of one."),
    ("SET <name> [MAXMEMORY <bytes>] [MAXKEYS <count>] [POLICY <policy>]", "Change limits of one."),
    ("DROP <name> [FORCE]", "Remove one with all its keys."),
];

fn text(word: &[u8]) -> Result<&str, Fail> {
    std::str::from_utf8(word).map_err(|_| Fail::new("ERR the name of a namespace is not UTF-8"))
}

fn said(error: impl std::fmt::Display) -> Fail {
    Fail::text(format!("ERR {error}").replace(['\r', '\n'], " "))
}

fn done(outcome: Result<(), ramekin::Error>) -> Response {
    match outcome {
        Ok(()) => Response::Simple("OK".to_owned()),
        Err(error) => Response::Error(said(error).0.into_owned()),
    }
}

fn create(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    let name = text(args[2])?.to_owned();
    let settings = settings(&args[3..])?;
    peer.work = Some(Box::new(move |server| done(server.namespaces().create(&name, &settings))));
    Ok(())
}

fn set(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    let name = text(args[2])?.to_owned();
    if ramekin::Namespaces::is_main(&name) {
        return Err(Fail::new(
            "ERR the database without a name has no limits of its own: CONFIG SET maxmemory",
        ));
    }
    let (pairs, []) = args[3..].as_chunks::<2>() else { return Err(Fail::SYNTAX) };
    let mut change = NamespaceChange::default();
    for [word, value] in pairs {
        limit(&mut change, word, value)?;
    }
    peer.work = Some(Box::new(move |server| done(server.namespaces().change(&name, &change))));
    Ok(())
}

/// What a word and its value say of limits.
fn limit(change: &mut NamespaceChange, word: &[u8], value: &[u8]) -> Outcome {
    match &*word.to_ascii_lowercase() {
        b"maxmemory" => {
            let bytes = Kind::MEMORY.parse_text(value, None);
            let Ok(Value::Bytes(bytes)) = bytes else {
                return Err(Fail::new("ERR MAXMEMORY is not a number of bytes (100mb)"));
            };
            change.bytes_max = Some(bytes);
        }
        b"maxkeys" => {
            let count = ramekin_resp::parse_int(value).and_then(|count| u64::try_from(count).ok());
            change.keys_max = Some(count.ok_or(Fail::NOT_AN_INTEGER)?);
        }
        b"policy" => {
            let policy = Policy::named(&String::from_utf8_lossy(value).to_ascii_lowercase());
            change.policy = Some(policy.ok_or_else(|| {
                let all: Vec<&str> = Policy::ALL.iter().map(|(_, name)| *name).collect();
                Fail::text(format!("ERR POLICY must be one of: {}", all.join(", ")))
            })?);
        }
        _ => return Err(Fail::SYNTAX),
    }
    Ok(())
}

/// What the words after the name say.
fn settings(words: &[&[u8]]) -> Result<NamespaceSettings, Fail> {
    let (pairs, []) = words.as_chunks::<2>() else { return Err(Fail::SYNTAX) };
    let (mut settings, mut limits) = (NamespaceSettings::default(), NamespaceChange::default());
    for [word, value] in pairs {
        match &*word.to_ascii_lowercase() {
            b"store" => settings.store = Some(text(value)?.to_owned()),
            b"attach" if value.eq_ignore_ascii_case(b"memory") => settings.attach = Some(Attach::Memory),
            b"attach" if value.eq_ignore_ascii_case(b"store") => settings.attach = Some(Attach::Store),
            _ => limit(&mut limits, word, value)?,
        }
    }
    settings.keys_max = limits.keys_max.unwrap_or_default();
    settings.bytes_max = limits.bytes_max.unwrap_or_default();
    settings.policy = limits.policy;
    if settings.attach.is_some() && settings.store.is_none() {
        return Err(Fail::new("ERR ATTACH says what counts if there is a STORE, and none was named"));
    }
    Ok(settings)
}

fn bulk(text: &str) -> Response {
    Response::Bulk(text.as_bytes().to_vec())
}

fn int(number: u64) -> Response {
    Response::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// What LIST tells of each.
fn summary(info: &NamespaceInfo) -> Vec<(Response, Response)> {
    let state = match (info.is_dropped, info.is_open) {
        (true, _) => "dropping",
        (_, true) => "open",
        _ => "closed",
    };
    vec![
        (bulk("name"), bulk(&info.name)),
        (bulk("state"), bulk(state)),
        (bulk("keys"), info.keys.map_or(Response::Null, int)),
        (bulk("store"), info.store.as_deref().map_or(Response::Null, bulk)),
    ]
}

fn info(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    let name = match args {
        [_, _] => peer.namespace.as_ref().map_or("default", |namespace| namespace.name()).to_owned(),
        [_, _, name] => text(name)?.to_owned(),
        _ => return Err(Fail::SYNTAX),
    };
    peer.work = Some(Box::new(move |server| {
        if ramekin::Namespaces::is_main(&name) {
            return Response::Map(of_main(server));
        }
        match server.namespaces().info(&name) {
            Ok(info) => Response::Map(all_of(&info)),
            Err(error) => Response::Error(said(error).0.into_owned()),
        }
    }));
    Ok(())
}

fn of_main(server: &Server) -> Vec<(Response, Response)> {
    let db = &server.db;
    let keys: u64 = (0..db.databases()).map(|number| db.database_counts(number).keys as u64).sum();
    let store = db.store_stats().map_or(Response::Null, |stats| bulk(&stats.address));
    vec![
        (bulk("name"), bulk("default")),
        (bulk("state"), bulk("open")),
        (bulk("keys"), int(keys)),
        (bulk("store"), store),
    ]
}

fn all_of(info: &NamespaceInfo) -> Vec<(Response, Response)> {
    let settings = &info.settings;
    let mut told = summary(info);
    told.extend([
        (bulk("created"), int(info.created_ms / 1000)),
        (bulk("folder"), bulk(&info.folder.display().to_string())),
        (bulk("maxkeys"), int(settings.keys_max)),
        (bulk("maxmemory"), int(settings.bytes_max)),
        (bulk("policy"), settings.policy.map_or(Response::Null, |policy| bulk(policy.name()))),
    ]);
    if let Some(db) = &info.database {
        if let Some((_, bytes)) = db.counted() {
            told.push((bulk("bytes"), int(bytes)));
        }
        told.push((bulk("log-bytes"), int(db.log_stats().map_or(0, |log| log.bytes))));
        told.push((bulk("checkpoint-bytes"), int(db.checkpoint_stats().bytes)));
        if let Some(store) = db.store_stats() {
            told.push((bulk("store-state"), bulk(if store.is_up { "up" } else { "down" })));
            told.push((bulk("unsettled-records"), int(store.unsettled_records)));
        }
    }
    told
}

fn drop_it(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    let forces = match args {
        [_, _, _] => false,
        [_, _, _, word] if word.eq_ignore_ascii_case(b"force") => true,
        _ => return Err(Fail::SYNTAX),
    };
    let name = text(args[2])?.to_owned();
    if ramekin::Namespaces::is_main(&name) {
        return Err(Fail::new("ERR the database without a name cannot be dropped: FLUSHALL empties it"));
    }
    peer.work = Some(Box::new(move |server| {
        let outcome = server.namespaces().drop_namespace(&name, forces);
        // Whoever waits in it is told, however far it has come.
        server.tell_loops(|| Message::Dropped);
        done(outcome)
    }));
    Ok(())
}
