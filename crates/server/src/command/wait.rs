//! WAIT and WAITAOF: the caller waits until its changes are safe elsewhere.
//!
//! There are no replicas, so a wait for one ends with its time. In a transaction both tell how things are and do not wait.

use super::ServerCommand;
use super::client::timeout_ms;
use crate::server::Server;
use crate::session::{Peer, Replier, Wait};
use ramekin::Reply;
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use std::sync::Arc;

pub(super) const COMMANDS: &[ServerCommand] = &[
    ServerCommand {
        spec: Spec {
            name: "wait",
            arity: 3,
            flags: flag::BLOCKING,
            keys: Keys::None,
            group: "generic",
            since: "3.0.0",
            summary: "Blocks until the asynchronous replication of all preceding write commands sent by the connection is completed.",
            complexity: "O(1)",
            syntax: "numreplicas timeout",
        },
        run: wait,
    },
    ServerCommand {
        spec: Spec {
            name: "waitaof",
            arity: 4,
            flags: flag::BLOCKING,
            keys: Keys::None,
            group: "generic",
            since: "7.2.0",
            summary: "Blocks until all of the preceding write commands sent by the connection are on disk, here (numlocal 1) and on replicas.",
            complexity: "O(1)",
            syntax: "numlocal numreplicas timeout",
        },
        run: wait_aof,
    },
];

fn wait(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let replicas = ramekin_resp::parse_int(args[1]).ok_or(Fail::NOT_AN_INTEGER)?;
    let timeout_ms = timeout_ms(args[2])?;
    if replicas > 0 && !peer.in_exec {
        peer.wait = Some(Wait {
            for_disk: false,
            for_replicas: true,
            for_store: false,
            timeout_ms,
            answers_both: false,
        });
    } else {
        out.int(0);
    }
    Ok(())
}

fn wait_aof(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let local = ramekin_resp::parse_int(args[1]).ok_or(Fail::NOT_AN_INTEGER)?;
    if !(0..=1).contains(&local) {
        return Err(Fail::new("ERR value is out of range, value must between 0 and 1"));
    }
    let replicas = ramekin_resp::parse_int(args[2])
        .filter(|replicas| *replicas >= 0)
        .ok_or(Fail::new("ERR value is out of range, must be positive"))?;
    let timeout_ms = timeout_ms(args[3])?;
    let is_logged = peer.db.log_stats().is_some();
    if local > 0 && !is_logged {
        return Err(Fail::new("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."));
    }
    let durable = is_logged && peer.db.durable_lsn() >= peer.last_write_lsn;
    if !peer.in_exec && (replicas > 0 || (local > 0 && !durable)) {
        peer.wait = Some(Wait {
            for_disk: local > 0,
            for_replicas: replicas > 0,
            for_store: false,
            timeout_ms,
            answers_both: true,
        });
    } else {
        out.array(2);
        out.int(i64::from(durable));
        out.int(0);
    }
    Ok(())
}
