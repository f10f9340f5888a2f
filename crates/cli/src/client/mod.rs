//! `ramekin cli`: a small client for any server that speaks the Redis protocol, in the manner of redis-cli.
//!
//! One command from the arguments, lines from a pipe, or a session with a prompt. Left out: editing and history of
//! lines, completion, TLS, cluster redirection, SCAN and monitoring modes; redis-cli has them and works as well.

mod connection;
mod format;
mod options;

use connection::{CLOSED, Connection};
use format::Style;
use options::Options;
use ramekin_resp::Frame;
use ramekin_server::config::split_words;
use std::ffi::OsString;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

/// Runs the client that `args` describe.
///
/// # Errors
///
/// One line: an option, a server that cannot be reached, a connection that was lost. An error reply is printed, and
/// makes the exit of a single command non-zero.
pub(crate) fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let Some(options) = options::parse(args)? else { return super::print(options::HELP) };
    let style = options.style.unwrap_or(if io::stdout().is_terminal() { Style::Pretty } else { Style::Raw });
    let mut session = Session { connection: Connection::open(&options)?, style, database: options.database };
    if options.command.is_empty() {
        return session.lines(&options);
    }
    let mut command = options.command.clone();
    if options.last_from_input {
        let mut last = Vec::new();
        io::stdin().lock().read_to_end(&mut last).map_err(|error| format!("standard input: {error}"))?;
        command.push(last);
    }
    let is_error = session.command(&command)?;
    Ok(if is_error { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

struct Session {
    connection: Connection,
    style: Style,
    /// For the prompt.
    database: u32,
}

impl Session {
    /// Reads commands line by line, with a prompt where a person types them.
    fn lines(&mut self, options: &Options) -> Result<ExitCode, String> {
        let interactive = io::stdin().is_terminal();
        let mut input = io::stdin().lock();
        let mut line = Vec::new();
        loop {
            if interactive {
                show(self.prompt(&options.address()).as_bytes());
            }
            line.clear();
            if input.read_until(b'\n', &mut line).map_err(|error| format!("standard input: {error}"))? == 0 {
                return Ok(ExitCode::SUCCESS);
            }
            match split_words(&line) {
                None => show(b"Invalid argument(s)\n"),
                Some(words) if words.is_empty() => {}
                Some(words) if is_word(&words[0], "exit") || is_word(&words[0], "quit") => {
                    return Ok(ExitCode::SUCCESS);
                }
                Some(words) => self.line(&words, options, interactive)?,
            }
        }
    }

    /// One command of a session. A person keeps the session when the connection is lost: the next command opens another.
    fn line(&mut self, words: &[Vec<u8>], options: &Options, interactive: bool) -> Result<(), String> {
        let Err(error) = self.command(words) else { return Ok(()) };
        if !interactive {
            return Err(error);
        }
        show(format!("{error}\n").as_bytes());
        if let Ok(connection) = Connection::open(options) {
            self.connection = connection;
            self.database = options.database;
        }
        Ok(())
    }

    fn prompt(&self, address: &str) -> String {
        match self.database {
            0 => format!("{address}> "),
            database => format!("{address}[{database}]> "),
        }
    }

    /// Sends a command and shows its reply, and what follows it without end for a subscription. Tells whether the reply
    /// was an error.
    fn command(&mut self, words: &[Vec<u8>]) -> Result<bool, String> {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let reply = match self.connection.call(&words, |push| self.style.show(push)) {
            // That is the answer.
            Err(error) if error == CLOSED && is_word(words[0], "shutdown") => return Ok(false),
            reply => reply?,
        };
        self.style.show(&reply);
        let is_error = matches!(reply, Frame::Error(_));
        if is_error {
            return Ok(true);
        }
        if is_word(words[0], "select") && words.len() == 2 {
            self.database =
                std::str::from_utf8(words[1]).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        }
        if ["subscribe", "psubscribe", "ssubscribe", "monitor"].iter().any(|name| is_word(words[0], name)) {
            loop {
                self.style.show(&self.connection.receive()?);
            }
        }
        Ok(false)
    }
}

fn is_word(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// Prints; if the reader has gone away there is nobody left to work for.
fn show(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}
