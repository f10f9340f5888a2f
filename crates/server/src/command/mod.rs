//! The table of all commands: the engine's, and those about connections and the server itself.
//!
//! A row of the server is a [`ServerCommand`]; its handler sees the `Peer` that sent it and the [`Server`]. Positions in
//! [`all`] name commands in statistics. A container (`CLIENT`) has a row of its own and one for each subcommand
//! (`client|list`).

mod client;
mod client_filter;
mod client_list;
mod command_docs;
mod command_facts;
mod command_info;
mod command_syntax;
mod config;
pub(crate) mod connection;
mod debug;
mod debug_digest;
mod debug_protocol;
mod help;
mod info;
pub(crate) mod info_log;
mod info_memory;
mod info_server;
mod info_stats;
mod info_store;
mod latency;
mod lolwut;
mod memory;
mod monitor;
mod namespace;
mod save;
mod shutdown;
mod slowlog;
mod status;
mod store;
mod transaction;
mod wait;

use crate::server::Server;
use crate::session::{Peer, Replier};
use ramekin::command::{Command, Fail, NameIndex, Outcome, Spec, flag};
use std::sync::{Arc, LazyLock};

/// Runs a command of the server.
pub type ServerHandler = fn(&mut Peer, &Arc<Server>, &[&[u8]], &mut Replier<'_>) -> Outcome;

/// A command of the server.
pub struct ServerCommand {
    /// What is known of it.
    pub spec: Spec,
    /// Its code.
    pub run: ServerHandler,
}

/// Who runs a command.
#[derive(Clone, Copy)]
pub enum Runner {
    /// The engine.
    Engine(&'static Command),
    /// The server.
    Server(ServerHandler),
    /// Nobody: it only groups subcommands.
    Container,
}

/// One row of the table of all commands.
pub struct Row {
    /// What is known of it.
    pub spec: &'static Spec,
    /// Who runs it.
    pub runner: Runner,
    /// Its position in [`all`].
    pub position: usize,
    /// Whether it takes about as long whatever a key holds, but for the bytes of request and reply.
    pub(crate) steady: bool,
    /// The positions of its subcommands; most have none.
    subcommands: Vec<usize>,
}

impl Row {
    /// Its subcommands.
    pub(crate) fn subcommands(&self) -> Vec<&'static Row> {
        self.subcommands.iter().map(|at| &all()[*at]).collect()
    }

    /// Whether it is one itself: `config|get` is no command that can be sent.
    #[inline]
    fn is_subcommand(&self) -> bool {
        self.spec.name.as_bytes().contains(&b'|')
    }
}

const FAMILIES: &[&[ServerCommand]] = &[
    connection::COMMANDS,
    transaction::COMMANDS,
    client::COMMANDS,
    config::COMMANDS,
    slowlog::COMMANDS,
    monitor::COMMANDS,
    save::COMMANDS,
    shutdown::COMMANDS,
    wait::COMMANDS,
    store::COMMANDS,
    namespace::COMMANDS,
    status::COMMANDS,
    lolwut::COMMANDS,
    info::COMMANDS,
    command_info::COMMANDS,
    debug::COMMANDS,
    latency::COMMANDS,
    memory::COMMANDS,
];

/// Applies changes of the configuration to the running server.
pub(crate) fn register_hooks(server: &Arc<Server>) {
    let hook = |name: &'static str, apply: fn(&Server, &crate::config::Config)| {
        let weak = Arc::downgrade(server);
        let run = move |config: &crate::config::Config| {
            if let Some(server) = weak.upgrade() {
                apply(&server, config);
            }
            Ok(())
        };
        server.config.on_change(name, run);
    };
    hook("appendfsync", |server, config| {
        server.each_database(|db| db.set_appendfsync(crate::run::log_sync(config.appendfsync())));
    });
    server.config.on_change("maxclients", |config| {
        crate::open_files::make_room(config.maxclients()).map_err(|possible| {
            format!("The operating system is not able to handle the specified number of clients, try with {possible}")
        })
    });
    for name in ["save", "auto-aof-rewrite-min-size", "auto-aof-rewrite-percentage"] {
        hook(name, |server, config| {
            server.db.set_checkpoint_rules(crate::run::checkpoint_rules(config));
            server.namespaces().change_open(&|db| crate::namespaces::follow_config(db, config));
        });
    }
    for name in [
        "flush-interval",
        "flush-bytes",
        "evict-interval",
        "store-unsettled-max",
        "store-unsettled-policy",
        "store-quarantine-max",
        "store-poll-interval",
        "store-flush",
        "max-connections",
    ] {
        hook(name, |server, config| {
            server.db.tune_store(&config.store_tuning());
            server.namespaces().change_open(&|db| crate::namespaces::tune_store(db, config));
        });
    }
    hook("namespace-idle-timeout", |server, config| {
        server.namespaces().set_idle_timeout_ms(config.namespace_idle_timeout_ms());
    });
    for name in crate::run::ENGINE_DIRECTIVES {
        hook(name, crate::run::apply_settings);
    }
}

/// The arguments as others may see them: passwords are hidden.
pub(crate) fn without_secrets<'a>(row: &Row, args: &[&'a [u8]]) -> Option<Vec<&'a [u8]>> {
    const HIDDEN: &[u8] = b"(redacted)";
    let hide = |hidden: &dyn Fn(usize) -> bool| {
        args.iter().enumerate().map(|(at, arg)| if hidden(at) { HIDDEN } else { *arg }).collect()
    };
    match row.spec.name {
        "auth" => Some(hide(&|at| at > 0)),
        "hello" => {
            let auth = args.iter().skip(2).position(|arg| arg.eq_ignore_ascii_case(b"auth"))? + 2;
            Some(hide(&|at| at == auth + 1 || at == auth + 2))
        }
        "namespace|create" => {
            let follows =
                |at: usize| at > 3 && at.is_multiple_of(2) && args[at - 1].eq_ignore_ascii_case(b"store");
            Some(hide(&follows))
        }
        "config|set" => Some(hide(&|at| at > 2 && at % 2 == 1 && config::is_secret(args[at - 1]))),
        _ => None,
    }
}

/// The handler of containers.
pub(crate) fn container(_: &mut Peer, _: &Arc<Server>, _: &[&[u8]], _: &mut Replier<'_>) -> Outcome {
    Err(Fail::SYNTAX)
}

static ALL: LazyLock<(Vec<Row>, NameIndex)> = LazyLock::new(|| {
    let engine = ramekin::command::all().iter().map(|command| {
        let runner =
            if command.spec.is(flag::CONTAINER) { Runner::Container } else { Runner::Engine(command) };
        (&command.spec, runner)
    });
    let server = FAMILIES.iter().flat_map(|family| family.iter()).map(|command| {
        let runner =
            if command.spec.is(flag::CONTAINER) { Runner::Container } else { Runner::Server(command.run) };
        (&command.spec, runner)
    });
    let mut rows: Vec<Row> = engine
        .chain(server)
        .enumerate()
        .map(|(position, (spec, runner))| Row {
            steady: spec.is(flag::FAST) || spec.complexity == "O(1)",
            spec,
            runner,
            position,
            subcommands: Vec::new(),
        })
        .collect();
    for sub in 0..rows.len() {
        if let Some((container, _)) = rows[sub].spec.name.split_once('|')
            && let Some(row) = rows.iter_mut().find(|row| row.spec.name == container)
        {
            row.subcommands.push(sub);
        }
    }
    let index = NameIndex::new(rows.iter().map(|row| row.spec.name));
    (rows, index)
});

/// All commands.
#[must_use]
pub fn all() -> &'static [Row] {
    &ALL.0
}

/// The command of this name, in any case; a subcommand is `container|sub`.
#[inline]
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static Row> {
    ALL.1.find(name).map(|at| &ALL.0[at])
}

/// The row that runs a request: a subcommand's where the name is a container's.
///
/// # Errors
/// The reply to a name that is not in the table.
#[inline]
pub fn resolve(args: &[&[u8]]) -> Result<&'static Row, Fail> {
    let Some(row) = find(args[0]) else { return Err(unknown(args)) };
    match row.runner {
        Runner::Container => resolve_sub(row, args),
        // COMMAND alone is a command too.
        Runner::Server(_) if args.len() > 1 && !row.subcommands.is_empty() => resolve_sub(row, args),
        _ if row.is_subcommand() => Err(unknown(args)),
        _ => Ok(row),
    }
}

fn resolve_sub(row: &'static Row, args: &[&[u8]]) -> Result<&'static Row, Fail> {
    let Some(sub) = args.get(1) else { return Err(Fail::arity(row.spec.name)) };
    find(&[row.spec.name.as_bytes(), b"|", sub].concat()).ok_or_else(|| {
        let shown = String::from_utf8_lossy(&sub[..sub.len().min(128)]).into_owned();
        Fail::text(format!(
            "ERR unknown subcommand '{shown}'. Try {} HELP.",
            row.spec.name.to_ascii_uppercase()
        ))
    })
}

/// The reply to a command that is not in the table: its name and the beginning of its arguments.
fn unknown(args: &[&[u8]]) -> Fail {
    const SHOWN_MAX: usize = 128;
    let show =
        |bytes: &[u8], max: usize| String::from_utf8_lossy(&bytes[..bytes.len().min(max)]).into_owned();
    let (mut shown, mut left) = (String::new(), SHOWN_MAX);
    for arg in &args[1..] {
        if left == 0 {
            break;
        }
        shown.push_str(&format!("'{}' ", show(arg, left)));
        // Counted as received: a byte that is not UTF-8 is shown as a character of three.
        left = left.saturating_sub(arg.len() + "'' ".len());
    }
    let text =
        format!("ERR unknown command '{}', with args beginning with: {shown}", show(args[0], SHOWN_MAX));
    Fail::text(text.replace(['\r', '\n'], " "))
}
