//! Lines for the operator go to Python's logger `ramekin`.
//!
//! What must hold: who says something never waits for Python, since he may hold a lock of the engine. A thread carries the
//! lines over; it is started with the first one.

use pyo3::prelude::*;
use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

static LINES: OnceLock<Option<Sender<String>>> = OnceLock::new();

/// Has the lines come here.
pub(crate) fn listen() {
    ramekin_server::say_to(say);
}

/// The thread is the parent's: whoever forked and opens a database hears of it on standard error.
static IS_FORKED: AtomicBool = AtomicBool::new(false);

/// Tells that this process has been forked off.
pub(crate) fn after_fork() {
    IS_FORKED.store(true, Ordering::Relaxed);
}

fn say(text: &str) {
    if IS_FORKED.load(Ordering::Relaxed) {
        // Nobody may be listening.
        let _ = writeln!(std::io::stderr(), "ramekin: {text}");
        return;
    }
    if let Some(lines) = LINES.get_or_init(start) {
        // The thread ends with the process.
        let _ = lines.send(text.to_owned());
    }
}

fn start() -> Option<Sender<String>> {
    let (sender, receiver) = channel::<String>();
    let thread = std::thread::Builder::new().name("say".to_owned()).spawn(move || {
        for line in receiver {
            // Nothing is logged any more once the interpreter ends.
            if Python::try_attach(|py| log(py, &line)).is_none() {
                return;
            }
        }
    });
    thread.ok().map(|_| sender)
}

fn log(py: Python<'_>, line: &str) {
    let (level, text) = match line.split_once(": ") {
        Some(("warning", text)) => ("warning", text),
        Some(("error", text)) => ("error", text),
        _ => ("info", line),
    };
    let logged = py
        .import("logging")
        .and_then(|logging| logging.call_method1("getLogger", ("ramekin",)))
        .and_then(|logger| logger.call_method1(level, ("%s", text)));
    if let Err(error) = logged {
        error.write_unraisable(py, None);
    }
}
