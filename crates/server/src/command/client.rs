//! CLIENT: what a connection says of itself, and what others may do to it.
//!
//! Owns the rows of all subcommands and those that set something on the caller's own connection. Who is connected is shown
//! by [`super::client_list`]. Leaves out: tracking for client-side caching, which answers as a server with it turned off.

use super::{ServerCommand, client_list, help};
use crate::net::Message;
use crate::server::Server;
use crate::session::{Durability, Peer, Replier, ReplyMode};
use ramekin::Reply;
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

const COMMON: u32 = flag::NOSCRIPT | flag::LOADING | flag::STALE;
const ADMIN: u32 = COMMON | flag::ADMIN;

const fn spec(
    name: &'static str,
    arity: i32,
    flags: u32,
    since: &'static str,
    summary: &'static str,
) -> Spec {
    Spec {
        name,
        arity,
        flags,
        keys: Keys::None,
        group: "connection",
        since,
        summary,
        complexity: "O(1)",
        syntax: "",
    }
}

const BY_CLIENTS: &str = "O(N) where N is the number of client connections";
const FILTERS: &str = "[ID client-id [client-id ...]] [NOT-ID client-id [client-id ...]] [TYPE type] [NOT-TYPE type] [ADDR ip:port] [NOT-ADDR ip:port] [LADDR ip:port] [NOT-LADDR ip:port] [USER username] [NOT-USER username] [FLAGS flags] [NOT-FLAGS flags] [NAME name] [NOT-NAME name] [LIB-NAME name] [NOT-LIB-NAME name] [LIB-VER version] [NOT-LIB-VER version] [DB db-id] [NOT-DB db-id] [CAPA capa] [NOT-CAPA capa] [IP ip] [NOT-IP ip] [MAXAGE seconds] [IDLE seconds] [SKIPME yes|no]";

pub(super) const COMMANDS: &[ServerCommand] = &[
    ServerCommand {
        spec: Spec {
            complexity: "Depends on subcommand.",
            ..spec("client", -2, flag::CONTAINER, "2.4.0", "A container for client connection commands.")
        },
        run: super::container,
    },
    ServerCommand {
        spec: spec("client|id", 2, COMMON, "5.0.0", "Returns the unique client ID of the connection."),
        run: |peer, _, _, out| {
            out.int(i64::try_from(peer.client.id).unwrap_or(i64::MAX));
            Ok(())
        },
    },
    ServerCommand {
        spec: spec("client|getname", 2, COMMON, "2.6.9", "Returns the name of the connection."),
        run: |peer, _, _, out| {
            let name = peer.client.name.lock();
            out.bulk_or_null(Some(&**name).filter(|name| !name.is_empty()));
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            syntax: "connection-name",
            ..spec("client|setname", 3, COMMON, "2.6.9", "Sets the connection name.")
        },
        run: |peer, _, args, out| {
            super::connection::check_name(args[2])?;
            *peer.client.name.lock() = args[2].to_vec();
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            syntax: "LIB-NAME libname|LIB-VER libver",
            ..spec(
                "client|setinfo",
                4,
                COMMON,
                "7.2.0",
                "Sets information specific to the client or connection.",
            )
        },
        run: set_info,
    },
    ServerCommand {
        spec: spec("client|info", 2, COMMON, "6.2.0", "Returns information about the connection."),
        run: client_list::info,
    },
    ServerCommand {
        spec: Spec {
            complexity: BY_CLIENTS,
            syntax: FILTERS,
            ..spec("client|list", -2, ADMIN, "2.4.0", "Lists open connections.")
        },
        run: client_list::list,
    },
    ServerCommand {
        spec: Spec {
            complexity: BY_CLIENTS,
            syntax: "ip:port|filter value [filter value ...]",
            ..spec("client|kill", -3, ADMIN, "2.4.0", "Terminates open connections.")
        },
        run: client_list::kill,
    },
    ServerCommand {
        spec: Spec {
            syntax: "ON|OFF",
            ..spec("client|no-evict", 3, ADMIN, "7.0.0", "Sets the client eviction mode of the connection.")
        },
        run: |peer, _, args, out| {
            peer.client.no_evict.store(on_or_off(args[2])?, Relaxed);
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            syntax: "ON|OFF",
            ..spec(
                "client|no-touch",
                3,
                COMMON,
                "7.2.0",
                "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
            )
        },
        run: |peer, _, args, out| {
            peer.caller.no_touch = on_or_off(args[2])?;
            peer.client.no_touch.store(peer.caller.no_touch, Relaxed);
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            syntax: "ON|OFF|SKIP",
            ..spec(
                "client|reply",
                3,
                COMMON | flag::NO_MULTI,
                "3.2.0",
                "Instructs the server whether to reply to commands.",
            )
        },
        run: reply,
    },
    ServerCommand {
        spec: Spec {
            syntax: "timeout [WRITE|ALL]",
            ..spec("client|pause", -3, ADMIN, "3.0.0", "Suspends commands processing.")
        },
        run: pause,
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(N) Where N is the number of paused clients",
            ..spec("client|unpause", 2, ADMIN, "6.2.0", "Resumes processing commands from paused clients.")
        },
        run: |_, server, _, out| {
            server.pause.end();
            server.tell_loops(|| Message::Look);
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            complexity: "O(log N) where N is the number of client connections",
            syntax: "client-id [TIMEOUT|ERROR]",
            ..spec(
                "client|unblock",
                -3,
                ADMIN,
                "5.0.0",
                "Unblocks a client blocked by a blocking command from a different connection.",
            )
        },
        run: unblock,
    },
    ServerCommand {
        spec: Spec {
            syntax: "[MEMORY|DISK|STORE|SERVER]",
            ..spec(
                "client|durability",
                -2,
                COMMON,
                "0.1.0",
                "Sets, or tells, when this connection's changes are acknowledged: MEMORY at once, before the log has them; DISK once they are on disk; STORE once they have settled in the store behind; SERVER (the default) as `appendfsync` says.",
            )
        },
        run: durability,
    },
    ServerCommand {
        spec: Spec {
            syntax: "ON|OFF",
            ..spec(
                "client|tracking",
                -3,
                COMMON,
                "6.0.0",
                "Controls server-assisted client-side caching for the connection.",
            )
        },
        run: tracking,
    },
    ServerCommand {
        spec: Spec {
            syntax: "YES|NO",
            ..spec(
                "client|caching",
                3,
                COMMON,
                "6.0.0",
                "Instructs the server whether to track the keys in the next request.",
            )
        },
        run: |_, _, _, _| {
            Err(Fail::new(
                "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
            ))
        },
    },
    ServerCommand {
        spec: spec(
            "client|getredir",
            2,
            COMMON,
            "6.0.0",
            "Returns the client ID to which the connection's tracking notifications are redirected.",
        ),
        run: |_, _, _, out| {
            out.int(-1);
            Ok(())
        },
    },
    ServerCommand {
        spec: spec(
            "client|trackinginfo",
            2,
            COMMON,
            "6.2.0",
            "Returns information about server-assisted client-side caching for the connection.",
        ),
        run: |_, _, _, out| {
            out.map(3);
            out.bulk(b"flags");
            out.set(1);
            out.bulk(b"off");
            out.bulk(b"redirect");
            out.int(-1);
            out.bulk(b"prefixes");
            out.array(0);
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            syntax: "capability [capability ...]",
            ..spec("client|capa", -3, COMMON, "8.0.0", "A client claims its capability.")
        },
        run: |_, _, _, out| {
            // A server without replicas redirects nobody, whatever a client could follow.
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            syntax: "ON|OFF",
            ..spec(
                "client|import-source",
                3,
                COMMON,
                "8.1.0",
                "Marks this client as an import source when the server is in import mode.",
            )
        },
        run: |_, _, _, _| Err(Fail::new("ERR Server is not in import mode")),
    },
    ServerCommand {
        spec: spec(
            "client|help",
            2,
            flag::LOADING | flag::STALE,
            "5.0.0",
            "Returns helpful text about the different subcommands.",
        ),
        run: |_, _, _, out| {
            help::write(out, "CLIENT", HELP);
            Ok(())
        },
    },
];

const HELP: &[(&str, &str)] = &[
    ("CAPA <capability> [...]", "Claim capabilities; taken and without effect."),
    ("CACHING (YES|NO)", "Track the keys of the next command; needs tracking."),
    ("DURABILITY [MEMORY|DISK|STORE|SERVER]", "Set or tell when this connection's changes are acknowledged."),
    ("GETNAME", "Tell the name of this connection."),
    ("GETREDIR", "Tell the client that tracking is redirected to; -1 without."),
    ("ID", "Tell the id of this connection."),
    ("IMPORT-SOURCE (ON|OFF)", "Mark this connection as an import source; needs import mode."),
    ("INFO", "Describe this connection."),
    ("KILL <ip:port>", "Close the connection from this address."),
    (
        "KILL <filter> <value> [<filter> <value> [...]]",
        "Close the connections that all filters match; see LIST.",
    ),
    (
        "LIST [<filter> <value> [...]]",
        "Describe the connections that all filters match: [NOT-]ID <id> [...], [NOT-]TYPE (NORMAL|PRIMARY|REPLICA|PUBSUB), [NOT-]ADDR, [NOT-]LADDR, [NOT-]IP, [NOT-]USER, [NOT-]FLAGS, [NOT-]NAME, [NOT-]LIB-NAME, [NOT-]LIB-VER, [NOT-]DB, [NOT-]CAPA, MAXAGE <seconds>, IDLE <seconds>, SKIPME (YES|NO).",
    ),
    ("NO-EVICT (ON|OFF)", "Protect this connection from client eviction."),
    ("NO-TOUCH (ON|OFF)", "Leave the access times of keys alone."),
    ("PAUSE <milliseconds> [WRITE|ALL]", "Hold back all commands, or those that write."),
    ("REPLY (ON|OFF|SKIP)", "Say which replies this connection wants."),
    ("SETINFO (LIB-NAME <name>|LIB-VER <version>)", "Tell the client library of this connection."),
    ("SETNAME <name>", "Name this connection."),
    ("TRACKING (ON|OFF)", "Client-side caching; only OFF is supported."),
    ("TRACKINGINFO", "Tell the state of tracking."),
    ("UNBLOCK <id> [TIMEOUT|ERROR]", "End the wait of a blocked client."),
    ("UNPAUSE", "End a pause."),
];

pub(super) fn on_or_off(arg: &[u8]) -> Result<bool, Fail> {
    match arg {
        arg if arg.eq_ignore_ascii_case(b"on") => Ok(true),
        arg if arg.eq_ignore_ascii_case(b"off") => Ok(false),
        _ => Err(Fail::SYNTAX),
    }
}

fn set_info(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let (option, value) = (args[2], args[3]);
    let mut library = peer.client.library.lock();
    let place = if option.eq_ignore_ascii_case(b"lib-name") {
        &mut library.0
    } else if option.eq_ignore_ascii_case(b"lib-ver") {
        &mut library.1
    } else {
        return Err(Fail::text(format!("ERR Unrecognized option '{}'", String::from_utf8_lossy(option))));
    };
    if super::connection::check_name(value).is_err() {
        let option = String::from_utf8_lossy(option);
        return Err(Fail::text(format!(
            "ERR {option} cannot contain spaces, newlines or special characters."
        )));
    }
    *place = value.to_vec();
    out.ok();
    Ok(())
}

fn reply(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    if args[2].eq_ignore_ascii_case(b"on") {
        peer.reply = ReplyMode::On;
        out.ok();
    } else if args[2].eq_ignore_ascii_case(b"off") {
        peer.reply = ReplyMode::Off;
    } else if args[2].eq_ignore_ascii_case(b"skip") {
        if peer.reply != ReplyMode::Off {
            peer.reply = ReplyMode::SkipNext;
        }
    } else {
        return Err(Fail::SYNTAX);
    }
    Ok(())
}

fn pause(peer: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    // As in Valkey, more than four arguments are read as if they were three.
    let everything = match args {
        [_, _, _, mode] if mode.eq_ignore_ascii_case(b"write") => false,
        [_, _, _, mode] if !mode.eq_ignore_ascii_case(b"all") => {
            return Err(Fail::new("ERR CLIENT PAUSE mode must be WRITE or ALL"));
        }
        _ => true,
    };
    let now_ms = peer.caller.now_ms;
    let timeout_ms = timeout_ms(args[2])?;
    let until_ms = now_ms.checked_add(timeout_ms).filter(|until| i64::try_from(*until).is_ok());
    server.pause.until(until_ms.ok_or(Fail::new("ERR timeout is out of range"))?, everything, now_ms);
    out.ok();
    Ok(())
}

/// A time-out in milliseconds, as CLIENT PAUSE, WAIT and WAITAOF take it.
pub(super) fn timeout_ms(arg: &[u8]) -> Result<u64, Fail> {
    let timeout =
        ramekin_resp::parse_int(arg).ok_or(Fail::new("ERR timeout is not an integer or out of range"))?;
    u64::try_from(timeout).map_err(|_| Fail::new("ERR timeout is negative"))
}

fn unblock(_: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let with_error = match args {
        [_, _, _] => false,
        [_, _, _, reason] if reason.eq_ignore_ascii_case(b"timeout") => false,
        [_, _, _, reason] if reason.eq_ignore_ascii_case(b"error") => true,
        [_, _, _, _] => return Err(Fail::new("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
        _ => return Err(Fail::SYNTAX),
    };
    let id = ramekin_resp::parse_int(args[2]).ok_or(Fail::NOT_AN_INTEGER)?;
    let client = u64::try_from(id).ok().and_then(|id| server.clients.get(id));
    // Whoever clears the flag is the one who unblocks.
    let blocked =
        client.filter(|client| client.blocked.compare_exchange(true, false, AcqRel, Acquire).is_ok());
    if let Some(client) = &blocked {
        client.mailbox.send(Message::Unblock { token: client.token, id: client.id, with_error });
    }
    out.int(i64::from(blocked.is_some()));
    Ok(())
}

fn durability(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    const LEVELS: [(&str, Durability); 4] = [
        ("memory", Durability::Memory),
        ("disk", Durability::Disk),
        ("store", Durability::Store),
        ("server", Durability::Server),
    ];
    match args {
        [_, _] => {
            let level = LEVELS.iter().find(|(_, level)| *level == peer.durability);
            out.bulk(level.map_or("server", |(name, _)| *name).as_bytes());
        }
        [_, _, wanted] => {
            let level = LEVELS.iter().find(|(name, _)| wanted.eq_ignore_ascii_case(name.as_bytes()));
            let level =
                level.ok_or(Fail::new("ERR durability must be one of: memory, disk, store, server"))?.1;
            if level == Durability::Store {
                super::store::need_store(&peer.db)?;
            }
            peer.durability = level;
            out.ok();
        }
        _ => return Err(Fail::SYNTAX),
    }
    Ok(())
}

fn tracking(_: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    if on_or_off(args[2])? {
        return Err(Fail::new("ERR Client tracking is not supported by this server"));
    }
    out.ok();
    Ok(())
}
