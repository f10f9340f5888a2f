//! DEBUG: what tests and tools use to look behind the commands. Refused unless `enable-debug-command` allows it.
//!
//! Left out on purpose: everything that crashes, leaks or corrupts. Switches of things that this server does not have are
//! taken and change nothing, so that test suites of clients run.

use super::{ServerCommand, debug_digest, debug_protocol, help};
use crate::server::Server;
use crate::session::{Peer, Replier};
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use ramekin::{Collector, Database, Reply, Response};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

pub(super) const COMMANDS: &[ServerCommand] = &[ServerCommand {
    spec: Spec {
        name: "debug",
        arity: -2,
        flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::LOOKS,
        keys: Keys::None,
        group: "server",
        since: "1.0.0",
        summary: "A container for debugging commands.",
        complexity: "Depends on subcommand.",
        syntax: "",
    },
    run: debug,
}];

const REFUSED: Fail = Fail::new(
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
);

const HELP: &[(&str, &str)] = &[
    ("CHANGE-REPL-ID", "Taken, and changes nothing: there is no replication."),
    ("DIGEST", "A digest of all data: equal data, equal digest, also on Valkey."),
    ("DIGEST-VALUE <key> [<key> ...]", "Digests of the values of these keys."),
    ("ERROR <string>", "Answer with this error."),
    ("HTSTATS <dbid>", "The tables of a database."),
    ("JMAP", "Taken, and changes nothing."),
    ("LISTPACK <key>", "Whether a value is kept packed."),
    ("LOG <message>", "Write a line to the log of the server."),
    ("OBJECT <key>", "How a value is kept."),
    ("POPULATE <count> [<prefix>] [<size>]", "Set so many string keys that are not there."),
    ("PROTOCOL <type>", "Answer with an example of this type of reply."),
    ("QUICKLIST-PACKED-THRESHOLD <size>", "Taken, and changes nothing."),
    ("RELOAD", "Take a checkpoint (not with NOSAVE), forget the data and read it back."),
    ("REPLYBUFFER PEAK-RESET-TIME|RESIZING <value>", "Taken, and changes nothing."),
    ("SET-ACTIVE-EXPIRE <0|1>", "Whether expired keys are removed before they are met."),
    ("SLEEP <seconds>", "Stop this event loop for so long."),
    ("STRINGMATCH-LEN <pattern> <string>", "Whether a glob pattern matches."),
];

fn debug(peer: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    if !server.config.snapshot().enable_debug_command().admits(peer.client.local) {
        return Err(REFUSED);
    }
    let sub = args[1].to_ascii_lowercase();
    match (sub.as_slice(), &args[2..]) {
        (b"sleep", [seconds]) => sleep(seconds),
        (b"object", [key, ..]) => return object(peer, key, out),
        (b"reload", options) => reload(peer, options)?,
        (b"loadaof", []) => reload(peer, &[b"nosave"])?,
        (b"set-active-expire", [on]) => {
            peer.db.settings().active_expire.store(ramekin_resp::parse_int(on) != Some(0), Relaxed);
        }
        (b"digest", []) => {
            out.simple(&debug_digest::whole(&peer.db, peer.caller.now_ms));
            return Ok(());
        }
        (b"digest-value", keys) => {
            out.array(keys.len());
            for key in keys {
                out.simple(&debug_digest::value(&peer.db, &peer.caller, key));
            }
            return Ok(());
        }
        (b"stringmatch-len", [pattern, text]) => {
            out.int(i64::from(ramekin::value::glob(pattern, text, false)));
            return Ok(());
        }
        (b"protocol", [kind]) => return debug_protocol::write(kind, out),
        (b"error", [text]) => {
            return Err(Fail::text(String::from_utf8_lossy(text).replace(['\r', '\n'], " ")));
        }
        (b"log", [text]) => {
            // Nobody may be listening.
            let _ = writeln!(std::io::stderr(), "ramekin: DEBUG LOG: {}", String::from_utf8_lossy(text));
        }
        (b"listpack", [key]) => listpack(peer, key)?,
        (b"htstats", [db]) | (b"htstats", [db, _]) => return htstats(&peer.db, db, out),
        (b"populate", [count, options @ ..]) if options.len() <= 2 => populate(peer, count, options)?,
        (b"help", []) => {
            help::write(out, "DEBUG", HELP);
            return Ok(());
        }
        (b"replybuffer", [word, _])
            if word.eq_ignore_ascii_case(b"peak-reset-time") || word.eq_ignore_ascii_case(b"resizing") => {}
        (
            b"quicklist-packed-threshold" | b"dict-resizing" | b"pause-cron" | b"set-disable-deny-scripts",
            [_],
        ) => {}
        (b"change-repl-id" | b"jmap", []) => {}
        _ => {
            let shown = String::from_utf8_lossy(args[1]).into_owned();
            return Err(Fail::text(format!(
                "ERR unknown subcommand or wrong number of arguments for '{shown}'. Try DEBUG HELP."
            )));
        }
    }
    out.ok();
    Ok(())
}

/// What is no number is no time, as in Valkey.
fn sleep(seconds: &[u8]) {
    let seconds = std::str::from_utf8(seconds).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    if let Ok(time) = Duration::try_from_secs_f64(seconds) {
        std::thread::sleep(time);
    }
}

fn reload(peer: &Peer, options: &[&[u8]]) -> Outcome {
    let known = |option: &&[u8]| {
        [&b"merge"[..], b"noflush", b"nosave"].iter().any(|word| option.eq_ignore_ascii_case(word))
    };
    if !options.iter().all(known) {
        return Err(Fail::new("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."));
    }
    let saves = !options.iter().any(|option| option.eq_ignore_ascii_case(b"nosave"));
    let read = if saves { peer.db.reload() } else { peer.db.read_back() };
    read.map_err(|error| Fail::text(format!("ERR DEBUG RELOAD: {error}")))
}

/// The answer of a command of the engine, run for this client.
fn ask(peer: &mut Peer, args: &[&[u8]]) -> Option<Response> {
    let command = ramekin::command::resolve(args)?;
    let mut out = Collector::new();
    let touches = std::mem::replace(&mut peer.caller.no_touch, true);
    let ran = peer.db.run(&mut peer.caller, command, args, &mut out);
    peer.caller.no_touch = touches;
    peer.reply_lsn = peer.reply_lsn.max(ran.lsn);
    out.into_response()
}

fn encoding(peer: &mut Peer, key: &[u8]) -> Result<String, Fail> {
    match ask(peer, &[b"OBJECT", b"ENCODING", key]) {
        Some(Response::Bulk(name)) => Ok(String::from_utf8_lossy(&name).into_owned()),
        _ => Err(Fail::NO_SUCH_KEY),
    }
}

fn object(peer: &mut Peer, key: &[u8], out: &mut Replier<'_>) -> Outcome {
    if super::store::is_fetched_first(peer, key) {
        return Ok(());
    }
    let encoding = encoding(peer, key)?;
    let idle = match ask(peer, &[b"OBJECT", b"IDLETIME", key]) {
        Some(Response::Int(seconds)) => seconds,
        _ => 0,
    };
    let (db, now_ms) = (peer.caller.db, peer.caller.now_ms);
    let seen = peer.db.look_at(db, now_ms, key, |seen| (seen.address(), seen.encoded_bytes()));
    let (address, bytes) = seen.ok_or(Fail::NO_SUCH_KEY)?;
    let clock = (now_ms / 1000).saturating_sub(idle.unsigned_abs()) & 0xFF_FFFF;
    out.simple(&format!(
        "Value at:{address:#x} refcount:1 encoding:{encoding} serializedlength:{bytes} lru:{clock} lru_seconds_idle:{idle}"
    ));
    Ok(())
}

fn listpack(peer: &mut Peer, key: &[u8]) -> Outcome {
    match encoding(peer, key)?.as_str() {
        "listpack" => Ok(()),
        _ => Err(Fail::new("ERR Not a listpack encoded object.")),
    }
}

fn htstats(data: &Database, db: &[u8], out: &mut Replier<'_>) -> Outcome {
    let db = u32::try_from(ramekin_resp::parse_int(db).ok_or(Fail::NOT_AN_INTEGER)?).ok();
    let db = db.filter(|db| *db < data.databases()).ok_or(Fail::new("ERR Out of range database"))?;
    let (tables, counts) = (data.tables(db), data.database_counts(db));
    let text = format!(
        "[Dictionary HT]\n table size: {}\n number of entries: {}\n bytes: {}\n[Expires HT]\n number of entries: {}\n",
        tables.buckets, tables.entries, tables.bytes, counts.expires
    );
    out.verbatim("txt", text.as_bytes());
    Ok(())
}

/// Sets `prefix:0`, `prefix:1`, ... to `value:N`, cut or filled with zeros to a size, where they are not there.
fn populate(peer: &mut Peer, count: &[u8], options: &[&[u8]]) -> Outcome {
    let number = |text: &[u8]| {
        ramekin_resp::parse_int(text)
            .and_then(|number| usize::try_from(number).ok())
            .ok_or(Fail::new("ERR value is out of range, must be positive"))
    };
    let prefix = options.first().copied().unwrap_or(b"key");
    let size = options.get(1).map(|size| number(size)).transpose()?;
    for index in 0..number(count)? {
        let key = [prefix, format!(":{index}").as_bytes()].concat();
        let mut value = format!("value:{index}").into_bytes();
        value.resize(size.unwrap_or(value.len()), 0);
        if let Some(Response::Error(text)) = ask(peer, &[b"SET", &key, &value, b"NX"]) {
            return Err(Fail::text(text));
        }
    }
    peer.last_write_lsn = peer.last_write_lsn.max(peer.reply_lsn);
    Ok(())
}
