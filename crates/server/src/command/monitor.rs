//! MONITOR: the caller sees every command from now on.

use super::ServerCommand;
use crate::server::Server;
use crate::session::{Peer, Replier};
use ramekin::Reply;
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

pub(super) const COMMANDS: &[ServerCommand] = &[ServerCommand {
    spec: Spec {
        name: "monitor",
        arity: 1,
        flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
        keys: Keys::None,
        group: "server",
        since: "1.0.0",
        summary: "Listens for all requests received by the server in real-time.",
        complexity: "O(1)",
        syntax: "",
    },
    run: monitor,
}];

fn monitor(peer: &mut Peer, server: &Arc<Server>, _: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    if peer.in_exec {
        return Err(Fail::new("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    // Who sees everything already is not answered again.
    if !peer.monitor {
        peer.monitor = true;
        peer.client.monitor.store(true, Relaxed);
        server.monitors.add(&peer.client);
        out.ok();
    }
    Ok(())
}
