//! SHUTDOWN: ends the server.
//!
//! What must hold: what was asked to be saved is tried to be saved before anybody is cut off; if it cannot be, the server says
//! why, answers with an error and goes on, unless FORCE or NOSAVE was said.

use super::ServerCommand;
use crate::server::{Server, Stop};
use crate::session::{Peer, Replier};
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use ramekin::{Error, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

pub(super) const COMMANDS: &[ServerCommand] = &[ServerCommand {
    spec: Spec {
        name: "shutdown",
        arity: -1,
        flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::NO_MULTI,
        keys: Keys::None,
        group: "server",
        since: "1.0.0",
        summary: "Brings every change to the disk and ends the server.",
        complexity: "O(N) where N is the size of what is not on disk yet",
        syntax: "[NOSAVE|SAVE] [NOW] [FORCE] [SAFE] [FAILOVER] [ABORT]",
    },
    run: shutdown,
}];

/// What was asked for.
#[derive(Default)]
struct Asked {
    save: bool,
    no_save: bool,
    force: bool,
    abort: bool,
    /// NOW, SAFE and FAILOVER are about replicas and saves in progress, of which there are none.
    others: bool,
}

fn shutdown(peer: &mut Peer, server: &Arc<Server>, args: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    let asked = parse(&args[1..])?;
    if asked.abort {
        return Err(Fail::new("ERR No shutdown in progress."));
    }
    if server.is_embedded.load(Relaxed) {
        return Err(Fail::new(
            "ERR this server is part of a program: end that, or have it close the database",
        ));
    }
    let is_due = asked.save || !server.config.snapshot().save().is_empty();
    let stop = Stop { save: !asked.no_save && !asked.force, checkpoint: is_due && !asked.no_save };
    if !stop.save {
        peer.closing = true;
        server.request_stop(stop);
        return Ok(());
    }
    let client = Arc::clone(&peer.client);
    peer.work = Some(Box::new(move |server: &Server| {
        if let Err(error) = save(server, &asked, stop) {
            crate::run::say(&format!("error: not shut down, since not all could be saved: {error}"));
            return Response::Error("ERR Errors trying to SHUTDOWN. Check logs.".to_owned());
        }
        // There is no answer: the connection is closed first.
        client.kill();
        server.request_stop(stop);
        Response::Null
    }));
    Ok(())
}

/// Brings to the disk what should be there before the end. What comes after it is brought there at the end.
fn save(server: &Server, asked: &Asked, stop: Stop) -> Result<(), Error> {
    server.db.sync_log()?;
    server.namespaces().open_databases().iter().try_for_each(ramekin::Database::sync_log)?;
    // Without a folder only who asks for it expects anything to be saved.
    if stop.checkpoint && (asked.save || server.db.disk().is_some()) {
        server.db.checkpoint()?;
    }
    Ok(())
}

fn parse(words: &[&[u8]]) -> Result<Asked, Fail> {
    let mut asked = Asked::default();
    for word in words {
        let place = match &*word.to_ascii_lowercase() {
            b"save" => &mut asked.save,
            b"nosave" => &mut asked.no_save,
            b"force" => &mut asked.force,
            b"abort" => &mut asked.abort,
            b"now" | b"safe" | b"failover" => &mut asked.others,
            _ => return Err(Fail::SYNTAX),
        };
        *place = true;
    }
    let beside_abort = asked.save || asked.no_save || asked.force || asked.others;
    if (asked.abort && beside_abort) || (asked.save && asked.no_save) {
        return Err(Fail::SYNTAX);
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn words_that_exclude_each_other_are_refused() {
        let parse = |words: &str| {
            let words: Vec<&[u8]> = words.split_whitespace().map(str::as_bytes).collect();
            parse(&words).is_ok()
        };
        for good in ["", "save", "NOSAVE now", "force NOW safe", "ABORT"] {
            assert!(parse(good), "{good}");
        }
        for bad in ["later", "save nosave", "abort now", "abort save", "force abort"] {
            assert!(!parse(bad), "{bad}");
        }
    }
}
