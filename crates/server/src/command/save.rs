//! SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE and BACKUP: checkpoints, and copies of the database in a folder of their own.
//!
//! What is slow here runs in a thread of its own while the session waits, so no event loop waits for a disk. A checkpoint
//! also trims the log, so BGREWRITEAOF is the same as BGSAVE.

use super::ServerCommand;
use crate::server::Server;
use crate::session::{Peer, Replier};
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use ramekin::{Database, Reply, Response};
use std::path::PathBuf;
use std::sync::Arc;

const COMMON: u32 = flag::ADMIN | flag::NOSCRIPT | flag::NO_ASYNC_LOADING;

const fn spec(name: &'static str, arity: i32, flags: u32, summary: &'static str) -> Spec {
    Spec {
        name,
        arity,
        flags,
        keys: Keys::None,
        group: "server",
        since: "1.0.0",
        summary,
        complexity: "O(1)",
        syntax: "",
    }
}

pub(super) const COMMANDS: &[ServerCommand] = &[
    ServerCommand {
        spec: Spec {
            complexity: "O(N) where N is the total number of keys in all databases",
            ..spec("save", 1, COMMON | flag::NO_MULTI, "Takes a checkpoint and waits for its end.")
        },
        run: save,
    },
    ServerCommand {
        spec: Spec {
            syntax: "[SCHEDULE|CANCEL]",
            ..spec(
                "bgsave",
                -1,
                COMMON,
                "Takes a checkpoint in the background, or ends the one that is being taken.",
            )
        },
        run: background_save,
    },
    ServerCommand {
        spec: spec("bgrewriteaof", 1, COMMON, "Takes a checkpoint in the background, which trims the log."),
        run: rewrite,
    },
    ServerCommand {
        spec: Spec {
            ..spec(
                "lastsave",
                1,
                flag::LOADING | flag::STALE | flag::FAST,
                "Returns the Unix timestamp of the last successful checkpoint.",
            )
        },
        run: |peer, _, _, out| {
            out.int(i64::try_from(peer.db.checkpoint_stats().saved_ms / 1000).unwrap_or(i64::MAX));
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            since: "0.1.0",
            syntax: "TO directory",
            complexity: "O(N) where N is the total number of keys in all databases",
            ..spec(
                "backup",
                3,
                COMMON | flag::NO_MULTI,
                "Writes a copy of all databases and namespaces into a new folder on the server; starting on that folder restores it. In a namespace only that one is copied.",
            )
        },
        run: backup,
    },
];

const IN_PROGRESS: Fail = Fail::new("ERR Background save already in progress");
const NO_FOLDER: Fail =
    Fail::new("ERR there is no data folder to save to: the server runs with `appendonly no`");

fn check_folder(db: &Database) -> Result<(), Fail> {
    if db.disk().is_none() { Err(NO_FOLDER) } else { Ok(()) }
}

fn save(peer: &mut Peer, _: &Arc<Server>, _: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    check_folder(&peer.db)?;
    if peer.db.checkpoint_stats().running.is_some() {
        return Err(IN_PROGRESS);
    }
    let db = peer.db.clone();
    peer.work = Some(Box::new(move |_| match db.checkpoint() {
        Ok(_) => Response::Simple("OK".to_owned()),
        Err(error) => Response::Error(format!("ERR {error}")),
    }));
    Ok(())
}

fn background_save(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    match &args[1..] {
        [] => {}
        [word] if word.eq_ignore_ascii_case(b"schedule") => {}
        [word] if word.eq_ignore_ascii_case(b"cancel") => {
            if !peer.db.cancel_checkpoint() {
                return Err(Fail::new("ERR Background saving is currently not in progress or scheduled"));
            }
            out.simple("Background saving cancelled");
            return Ok(());
        }
        _ => return Err(Fail::SYNTAX),
    }
    check_folder(&peer.db)?;
    if !peer.db.request_checkpoint() {
        return Err(IN_PROGRESS);
    }
    out.simple("Background saving started");
    Ok(())
}

fn rewrite(peer: &mut Peer, _: &Arc<Server>, _: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    check_folder(&peer.db)?;
    // One that is being taken trims the log as well.
    if peer.db.request_checkpoint() {
        out.simple("Background append only file rewriting started");
    } else {
        out.simple("Background append only file rewriting scheduled");
    }
    Ok(())
}

fn backup(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    if !args[1].eq_ignore_ascii_case(b"to") {
        return Err(Fail::SYNTAX);
    }
    check_folder(&peer.db)?;
    let folder = std::str::from_utf8(args[2]).map_err(|_| Fail::new("ERR the folder's name is not UTF-8"))?;
    let folder = PathBuf::from(folder);
    let only = peer.namespace.is_some().then(|| peer.db.clone());
    peer.work = Some(Box::new(move |server| {
        let done = match only {
            Some(db) => db.backup(&folder),
            None => server.namespaces().backup(&folder, folder.join(crate::namespaces::FOLDER)),
        };
        match done {
            Ok(()) => Response::Simple("OK".to_owned()),
            Err(error) => Response::Error(format!("ERR {error}")),
        }
    }));
    Ok(())
}
