//! Starts servers on free loopback ports and speaks to them.

use ramekin::store::{MemoryStore, Store};
use ramekin_resp::{Frame, encode_command};
use ramekin_server::config::Config;
use std::ffi::OsString;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// What a test waits for at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server with a folder of its own.
pub(crate) struct Server {
    pub(crate) port: u16,
    _folder: tempfile::TempDir,
    thread: Option<JoinHandle<Result<(), String>>>,
}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
}

impl Server {
    /// A server with these flags besides its port and folder.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_over(flags, None)
    }

    /// The same over a store.
    pub(crate) fn with_store(flags: &[&str], store: &MemoryStore) -> Self {
        Self::start_over(&[flags, &["--store", "sqlite:stands-for-it"]].concat(), Some(store.clone()))
    }

    fn start_over(flags: &[&str], store: Option<MemoryStore>) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        let port_text = port.to_string();
        let own = ["--bind", "127.0.0.1", "--port", &port_text, "--io-threads", "2", "--dir"];
        let mut args: Vec<OsString> = flags.iter().chain(&own).map(OsString::from).collect();
        args.push(dir.into_os_string());
        let loaded = Config::load(&args, std::iter::empty()).unwrap();
        let run = move || {
            let stores = move |_: &str, _: &Path| match store.clone() {
                Some(store) => Ok(Arc::new(store) as Arc<dyn Store>),
                None => Err("no store here".to_owned()),
            };
            ramekin_server::serve(loaded, Arc::new(stores)).map_err(|error| error.to_string())
        };
        let thread = Some(std::thread::Builder::new().spawn(run).unwrap());
        let server = Self { port, _folder: folder, thread };
        server.client();
        server
    }

    /// A new connection; the server may just be starting.
    pub(crate) fn client(&self) -> Client {
        for _ in 0..PATIENCE.as_millis() / 10 {
            if let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return Client { stream, received: Vec::new() };
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("no server answers on port {}", self.port);
    }

    /// Waits until it has ended and gives what it ended with.
    pub(crate) fn ended(mut self) -> Result<(), String> {
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        while !thread.is_finished() {
            // It may be full for a moment; its tests use one password or none.
            if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
                let _ = stream.write_all(b"AUTH secret\r\nSHUTDOWN NOSAVE\r\n");
                let _ = stream.read(&mut [0; 64]);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Client {
    /// Sends a command without waiting for its reply.
    pub(crate) fn send(&mut self, command: &str) {
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        self.send_words(&words);
    }

    pub(crate) fn send_words(&mut self, words: &[&[u8]]) {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, words);
        self.stream.write_all(&bytes).unwrap();
    }

    /// Sends a command of words between single spaces and shows its reply, see [`show`].
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.send(command);
        self.read()
    }

    /// The next reply.
    pub(crate) fn read(&mut self) -> String {
        show(&self.frame().expect("the server closed the connection"))
    }

    /// The next reply; none once the server has closed the connection.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, length)) = ramekin_resp::parse(&self.received).unwrap() {
                self.received.drain(..length);
                return Some(frame);
            }
            let mut chunk = [0; 64 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => self.received.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    /// Whether nothing comes for a while.
    pub(crate) fn is_silent(&mut self, wait: Duration) -> bool {
        self.stream.set_read_timeout(Some(wait)).unwrap();
        let silent = self
            .stream
            .peek(&mut [0])
            .is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        silent && self.received.is_empty()
    }

    /// Waits until the server has closed the connection, and drops what still came.
    pub(crate) fn is_closed(&mut self) -> bool {
        while self.frame().is_some() {}
        true
    }

    /// The value of `name=` in a line of CLIENT INFO.
    pub(crate) fn about(&mut self, name: &str) -> String {
        field(&self.ask("CLIENT INFO"), name)
    }
}

/// The value of `name=` in a line of CLIENT LIST.
pub(crate) fn field(line: &str, name: &str) -> String {
    let mut fields = line.split_whitespace().filter_map(|pair| pair.split_once('='));
    fields.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
}

/// A reply as text: errors with their `-`, numbers and strings as they are, aggregates between brackets.
pub(crate) fn show(frame: &Frame) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = |items: &[Frame]| items.iter().map(show).collect::<Vec<_>>().join(", ");
    match frame {
        Frame::Simple(bytes) | Frame::Bulk(bytes) | Frame::Verbatim(_, bytes) => text(bytes),
        Frame::Error(bytes) => format!("-{}", text(bytes)),
        Frame::Int(number) => number.to_string(),
        Frame::Null => "null".to_owned(),
        Frame::Array(items) | Frame::Push(items) => format!("[{}]", all(items)),
        Frame::Set(items) => format!("~[{}]", all(items)),
        Frame::Map(pairs) => {
            let pairs: Vec<_> =
                pairs.iter().map(|(key, value)| format!("{}: {}", show(key), show(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Frame::Double(number) => number.to_string(),
        Frame::Bool(truth) => truth.to_string(),
        Frame::BigNumber(digits) => digits.clone(),
    }
}
