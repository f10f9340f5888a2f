//! Commands about the connection itself.

use super::ServerCommand;
use crate::config::Config;
use crate::server::Server;
use crate::session::{Move, Peer, Replier};
use ramekin::Reply;
use ramekin::command::{Fail, Keys, Outcome, Spec, flag};
use ramekin_resp::Protocol;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The version of Redis whose commands and replies this server gives; tools read it from HELLO and INFO.
pub(super) const REDIS_VERSION: &str = "7.2.4";

pub(super) const COMMANDS: &[ServerCommand] = &[
    ServerCommand {
        spec: Spec {
            name: "ping",
            arity: -1,
            flags: flag::FAST,
            keys: Keys::None,
            group: "connection",
            since: "1.0.0",
            summary: "Returns the server's liveliness response.",
            complexity: "O(1)",
            syntax: "[message]",
        },
        run: ping,
    },
    ServerCommand {
        spec: Spec {
            name: "echo",
            arity: 2,
            flags: flag::FAST | flag::LOADING | flag::STALE,
            keys: Keys::None,
            group: "connection",
            since: "1.0.0",
            summary: "Returns the given string.",
            complexity: "O(1)",
            syntax: "message",
        },
        run: |_, _, args, out| {
            out.bulk(args[1]);
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            name: "auth",
            arity: -2,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_AUTH,
            keys: Keys::None,
            group: "connection",
            since: "1.0.0",
            summary: "Authenticates the connection.",
            complexity: "O(N) where N is the number of passwords defined for the user",
            syntax: "[username] password",
        },
        run: auth,
    },
    ServerCommand {
        spec: Spec {
            name: "hello",
            arity: -1,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_AUTH,
            keys: Keys::None,
            group: "connection",
            since: "6.0.0",
            summary: "Handshakes with the server.",
            complexity: "O(1)",
            syntax: "[protover [AUTH username password] [SETNAME clientname]]",
        },
        run: hello,
    },
    ServerCommand {
        spec: Spec {
            name: "select",
            arity: 2,
            flags: flag::LOADING | flag::STALE | flag::FAST,
            keys: Keys::None,
            group: "connection",
            since: "1.0.0",
            summary: "Changes the selected database.",
            complexity: "O(1)",
            syntax: "index",
        },
        run: select,
    },
    ServerCommand {
        spec: Spec {
            name: "quit",
            arity: -1,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_AUTH | flag::IN_MULTI,
            keys: Keys::None,
            group: "connection",
            since: "1.0.0",
            summary: "Closes the connection.",
            complexity: "O(1)",
            syntax: "",
        },
        run: |peer, _, _, out| {
            peer.closing = true;
            out.ok();
            Ok(())
        },
    },
    ServerCommand {
        spec: Spec {
            name: "reset",
            arity: 1,
            flags: flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_AUTH | flag::IN_MULTI,
            keys: Keys::None,
            group: "connection",
            since: "6.2.0",
            summary: "Resets the connection.",
            complexity: "O(1)",
            syntax: "",
        },
        run: |peer, server, _, out| {
            peer.reset(server);
            out.set_protocol(Protocol::Resp2);
            if peer.namespace.is_some() {
                peer.moves = Some(Move { name: "default".into(), reply: "RESET" });
            } else {
                out.simple("RESET");
            }
            Ok(())
        },
    },
];

fn ping(_: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    match args {
        [_] => out.simple("PONG"),
        [_, message] => out.bulk(message),
        _ => return Err(Fail::arity("ping")),
    }
    Ok(())
}

fn auth(peer: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    let (user, password) = match args {
        [_, password] => (None, *password),
        [_, user, password] => (Some(*user), *password),
        _ => return Err(Fail::SYNTAX),
    };
    if user.is_none() && server.config.snapshot().requirepass().is_none() {
        return Err(Fail::new(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
        ));
    }
    authenticate(peer, server, user, password)?;
    out.ok();
    Ok(())
}

/// Checks a user's password and lets the client in.
fn authenticate(peer: &mut Peer, server: &Server, user: Option<&[u8]>, password: &[u8]) -> Outcome {
    if !is_right(&server.config.snapshot(), user, password) {
        return Err(WRONG_PASSWORD);
    }
    peer.authenticated = true;
    Ok(())
}

/// What a wrong password is answered.
pub(crate) const WRONG_PASSWORD: Fail =
    Fail::new("WRONGPASS invalid username-password pair or user is disabled.");

/// Whether this user may come in with this password.
pub(crate) fn is_right(config: &Config, user: Option<&[u8]>, password: &[u8]) -> bool {
    let wanted = config.requirepass();
    user.is_none_or(|user| user == b"default") && wanted.is_none_or(|wanted| same(&wanted, password))
}

/// Compares in a time that does not tell how much was right.
fn same(wanted: &[u8], given: &[u8]) -> bool {
    let differing = (0..wanted.len().max(given.len())).fold(0, |sum, at| {
        sum | (wanted.get(at).copied().unwrap_or(0) ^ given.get(at).copied().unwrap_or(0))
    });
    differing == 0 && wanted.len() == given.len()
}

fn hello(peer: &mut Peer, server: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    const NOT_SUPPORTED: Fail = Fail::new("NOPROTO unsupported protocol version");
    let mut protocol = peer.protocol;
    if let Some(version) = args.get(1) {
        protocol = match ramekin_resp::parse_int(version) {
            None => return Err(Fail::new("ERR Protocol version is not an integer or out of range")),
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(NOT_SUPPORTED),
        };
    }
    let (mut credentials, mut name, mut rest) = (None, None, args.get(2..).unwrap_or_default());
    while let Some((option, more)) = rest.split_first() {
        match more {
            [user, password, ..] if option.eq_ignore_ascii_case(b"auth") => {
                credentials = Some((*user, *password));
                rest = &more[2..];
            }
            [given, ..] if option.eq_ignore_ascii_case(b"setname") => {
                name = Some(*given);
                rest = &more[1..];
            }
            _ => {
                let shown = String::from_utf8_lossy(option);
                return Err(Fail::text(format!("ERR Syntax error in HELLO option '{shown}'")));
            }
        }
    }
    if let Some((user, password)) = credentials {
        authenticate(peer, server, Some(user), password)?;
    }
    if !peer.authenticated {
        return Err(Fail::new(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        check_name(name)?;
        *peer.client.name.lock() = name.to_vec();
    }
    peer.protocol = protocol;
    out.set_protocol(protocol);
    greet(peer, out);
    Ok(())
}

fn greet(peer: &Peer, out: &mut Replier<'_>) {
    out.map(7);
    out.bulk(b"server");
    out.bulk(b"redis");
    out.bulk(b"version");
    out.bulk(REDIS_VERSION.as_bytes());
    out.bulk(b"proto");
    out.int(if peer.protocol == Protocol::Resp3 { 3 } else { 2 });
    out.bulk(b"id");
    out.int(i64::try_from(peer.client.id).unwrap_or(i64::MAX));
    out.bulk(b"mode");
    out.bulk(b"standalone");
    out.bulk(b"role");
    out.bulk(b"master");
    out.bulk(b"modules");
    out.array(0);
}

/// A client's name may not contain what would break the lines of CLIENT LIST.
pub(super) fn check_name(name: &[u8]) -> Outcome {
    if name.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Ok(());
    }
    Err(Fail::new("ERR Client names cannot contain spaces, newlines or special characters."))
}

fn select(peer: &mut Peer, _: &Arc<Server>, args: &[&[u8]], out: &mut Replier<'_>) -> Outcome {
    peer.caller.db = ramekin::command::database(args[1], peer.db.databases())?;
    peer.client.db.store(peer.caller.db, Relaxed);
    out.ok();
    Ok(())
}
