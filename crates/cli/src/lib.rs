//! The command line `ramekin`: one front for the server, a small client, the check of a data folder and the load generator.
//!
//! It owns the choice of the part and how a part ends: what is wrong is one line on standard error and a non-zero exit.
//! Left out: everything else; each part reads its own arguments.

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait, mimalloc by its language")]
mod allocator;
mod bench;
mod check;
mod client;
mod log;
mod serve;
mod transfer;

pub use serve::store_of;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
Ramekin, a memory-first database that speaks the Redis protocol.

Usage:
  ramekin [serve] [FILE] [--directive value ...]   run the server (127.0.0.1:6379, data in ./data)
  ramekin cli [OPTIONS] [COMMAND ARG...]           send a command, or a session of them
  ramekin check DIR                                verify a data folder and say what is wrong where
  ramekin log DIR                                  print the log of a data folder as Redis commands
  ramekin import FILE | --from URL [OPTIONS]       take the data of Redis or Valkey: a file, or a running server
  ramekin import --from-store [TABLE...]           fill the memory of a data folder with what its store has
  ramekin export FILE [OPTIONS]                    write all data into an RDB file, for Valkey or Redis
  ramekin bench [OPTIONS] [COMMAND ARG...]         load for a server, with latencies and its CPU time
  ramekin --version | --help

FILE is a configuration in the form of redis.conf, `-` is standard input. Each of its directives is also a flag
(--maxclients 500), and a variable (RAMEKIN_MAXCLIENTS=500): flags win over variables, variables over the file.
`ramekin cli --help` says more, and so do import, export and bench.
";

/// Runs the command line with these arguments, without the program's name, and says how the process shall end.
pub fn main(args: &[OsString]) -> ExitCode {
    match run(args) {
        Ok(code) => code,
        Err(message) => {
            // Nothing is left to tell if standard error is gone.
            let _ = writeln!(io::stderr(), "ramekin: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Tells the engine of the allocator that this library brings along.
pub fn describe_allocator() {
    ramekin::memory::describe(&allocator::DESCRIPTION);
}

/// Runs the part that the first argument names; without a name, the server.
fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let rest = args.get(1..).unwrap_or_default();
    match args.first().and_then(|first| first.to_str()) {
        Some("--version" | "-v" | "-V") => print(&format!("ramekin {}\n", env!("CARGO_PKG_VERSION"))),
        Some("--help" | "-h" | "help") => print(HELP),
        Some("serve") if rest.first().is_some_and(|arg| arg == "--help" || arg == "-h") => print(HELP),
        Some("serve") => serve::run(rest).map(|()| ExitCode::SUCCESS),
        Some("cli") => client::run(rest),
        Some("check") => check::run(rest),
        Some("log") => log::run(rest),
        Some("import") => transfer::import(rest),
        Some("export") => transfer::export(rest),
        Some("bench") => bench::run(&texts(rest)?).map(|()| ExitCode::SUCCESS),
        Some(word) if !word.starts_with('-') && !Path::new(word).is_file() => {
            Err(format!("'{word}' is neither a command nor a configuration file: see `ramekin --help`"))
        }
        _ => serve::run(args).map(|()| ExitCode::SUCCESS),
    }
}

fn texts(args: &[OsString]) -> Result<Vec<String>, String> {
    let text = |arg: &OsString| {
        arg.clone().into_string().map_err(|arg| format!("'{}' is not UTF-8", arg.to_string_lossy()))
    };
    args.iter().map(text).collect()
}

/// Prints a text; a reader that has gone away is no error.
fn print(text: &str) -> Result<ExitCode, String> {
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}
