//! CLIENT LIST, CLIENT INFO and CLIENT KILL: the connected clients, a line each.

use super::client_filter::Filter;
use crate::clients::Client;
use crate::server::Server;
use crate::session::CONNECTION_BYTES;
use crate::session::{Peer, Replier};
use ramekin::Reply;
use ramekin::command::{Fail, Outcome};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

pub(super) fn info(peer: &mut Peer, _: &Arc<Server>, _: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    peer.publish_state();
    let mut line = Vec::new();
    describe(&peer.client, peer.caller.now_ms, &mut line);
    out.verbatim("txt", &line);
    Ok(())
}

pub(super) fn list(peer: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    peer.publish_state();
    let filter = Filter::parse(&args[2..], server)?;
    let skip_me = filter.skip_me.unwrap_or(false);
    let mut lines = Vec::new();
    for client in server.clients.all() {
        if filter.admits(&client, peer.caller.now_ms) && !(skip_me && client.id == peer.client.id) {
            describe(&client, peer.caller.now_ms, &mut lines);
        }
    }
    out.verbatim("txt", &lines);
    Ok(())
}

pub(super) fn kill(peer: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    peer.publish_state();
    let [_, _, addr] = args else {
        let filter = Filter::parse(&args[2..], server)?;
        let skip_me = filter.skip_me.unwrap_or(true);
        let (now_ms, me) = (peer.caller.now_ms, peer.client.id);
        let is_meant = |client: &Client| filter.admits(client, now_ms) && !(skip_me && client.id == me);
        out.count(kill_all(peer, server, is_meant));
        return Ok(());
    };
    if kill_all(peer, server, |client| client.addr.as_bytes() == *addr) == 0 {
        return Err(Fail::new("ERR No such client"));
    }
    out.ok();
    Ok(())
}

/// Closes the connections of all that are meant; the caller's own only once it has its reply. Returns how many.
fn kill_all(peer: &mut Peer, server: &Server, is_meant: impl Fn(&Client) -> bool) -> usize {
    let mut killed = 0;
    for client in server.clients.all() {
        if client.killed.load(Relaxed) || !is_meant(&client) {
            continue;
        }
        if client.id == peer.client.id {
            peer.closing = true;
        } else {
            client.kill();
        }
        killed += 1;
    }
    killed
}

/// One line, in Valkey's fields, and the namespace behind them. Those of what is not there (subscriptions, redirection) are as for a client without it.
fn describe(client: &Client, now_ms: u64, out: &mut Vec<u8>) {
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
    let seconds_since = |at_ms: u64| now_ms.saturating_sub(at_ms) / 1000;
    let (query, free, output) =
        (load(&client.query_bytes), load(&client.query_free_bytes), load(&client.output_bytes));
    let last = client.last_command.load(Relaxed).checked_sub(1);
    let last = last.and_then(|at| super::all().get(at as usize)).map_or("NULL", |row| row.spec.name);
    let queued = load(&client.multi_bytes);
    let library = client.library.lock().clone();
    let mut put = |text: std::fmt::Arguments<'_>| {
        // Writing to memory cannot fail.
        let _ = out.write_fmt(text);
    };
    put(format_args!("id={} addr={} laddr={} fd={} name=", client.id, client.addr, client.laddr, client.fd));
    put(format_args!("{}", String::from_utf8_lossy(&client.name.lock())));
    put(format_args!(
        " age={} idle={} flags={} capa= db={} sub=0 psub=0 ssub=0 multi={} watch={}",
        seconds_since(client.connected_ms),
        seconds_since(load(&client.active_ms)),
        client.flags(),
        client.db.load(Relaxed),
        i64::from(client.multi.load(Relaxed)) - 1,
        client.watching.load(Relaxed),
    ));
    put(format_args!(
        " qbuf={query} qbuf-free={free} argv-mem=0 multi-mem={queued} rbs=0 rbp=0 obl=0 oll={} omem={output} tot-mem={} events={} cmd={last}",
        u8::from(output > 0),
        CONNECTION_BYTES + query + free + queued + output,
        if output > 0 { "rw" } else { "r" },
    ));
    put(format_args!(
        " user=default redir=-1 resp={} lib-name={} lib-ver={} tot-net-in={} tot-net-out={} tot-cmds={}",
        client.protocol.load(Relaxed),
        String::from_utf8_lossy(&library.0),
        String::from_utf8_lossy(&library.1),
        load(&client.in_bytes),
        load(&client.out_bytes),
        load(&client.commands),
    ));
    let namespace = client.namespace.lock();
    put(format_args!(" namespace={}\n", namespace.as_ref().map_or("default", |namespace| namespace.name())));
}
