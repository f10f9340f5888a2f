//! A line to a server that can be cut at a commit, and led to another server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What becomes of a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It arrives, and so does its answer.
    Nothing = 0,
    /// It arrives, and its answer is lost.
    Answer = 1,
    /// It does not arrive.
    Commit = 2,
    /// It does not arrive, and nothing is heard of it.
    Silent = 3,
    /// The line is lost, and it arrives later.
    Late = 4,
    /// The next one arrives once something else is said; all others arrive at once.
    Held = 5,
    /// One is held.
    Holding = 6,
}

#[derive(Default)]
struct Shared {
    cut: AtomicU8,
    port: AtomicU16,
    late: Mutex<Vec<(TcpStream, Vec<u8>)>>,
}

/// A proxy. Its threads end with their lines.
pub(crate) struct Proxy {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

impl Proxy {
    /// One in front of the server at this port.
    pub(crate) fn new(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared { port: AtomicU16::new(port), ..Shared::default() });
        let inner = Arc::clone(&shared);
        start(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let port = inner.port.load(Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (answers, back) = (server.try_clone(), client.try_clone());
                let shared = Arc::clone(&inner);
                start(move || requests(client, server, &shared));
                start(move || drop(answers.and_then(|mut answers| std::io::copy(&mut answers, &mut back?))));
            }
        });
        Self { url: format!("redis://127.0.0.1:{own}/0"), shared }
    }

    /// What becomes of commits from now on.
    pub(crate) fn set(&self, cut: Cut) {
        self.shared.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// Waits until a commit is held.
    pub(crate) fn wait_until_held(&self) {
        while self.shared.cut.load(Ordering::SeqCst) != Cut::Holding as u8 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Where new lines lead from now on.
    pub(crate) fn lead_to(&self, port: u16) {
        self.shared.port.store(port, Ordering::SeqCst);
    }

    /// What was held up arrives, and the servers have seen to it.
    pub(crate) fn release(&self) {
        for (mut server, bytes) in self.shared.late.lock().expect("nobody panics in here").drain(..) {
            server.write_all(&bytes).expect("the server listens");
            server.shutdown(Shutdown::Write).expect("it can be ended");
            // Whoever reads it, the answer ends once the server has come to the end of what was sent.
            let _ = server.read_to_end(&mut Vec::new());
        }
    }
}

fn start(body: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(body).expect("a thread");
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Passes a client's bytes on, up to the cut. The line that renews the lease is left alone.
fn requests(mut client: TcpStream, mut server: TcpStream, shared: &Shared) {
    let mut bytes = [0; 65_536];
    let mut is_guard = false;
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        let got = &bytes[..count];
        is_guard |= holds(got, b"ramekin-owner-db");
        let is_commit = !is_guard && holds(got, b"$4\r\nEXEC\r\n");
        let cut = if is_commit { shared.cut.load(Ordering::SeqCst) } else { Cut::Nothing as u8 };
        let (held, holding) = (Cut::Held as u8, Cut::Holding as u8);
        let order = Ordering::SeqCst;
        if is_commit && shared.cut.compare_exchange(held, holding, order, order).is_ok() {
            while shared.cut.load(order) == holding {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if cut == Cut::Answer as u8 {
            // The client hears nothing more; the server hears the commit, and then that the line is gone.
            let _ = client.shutdown(Shutdown::Both);
        }
        if cut == Cut::Silent as u8 {
            while client.read(&mut bytes).is_ok_and(|count| count > 0) {}
            break;
        }
        if cut == Cut::Late as u8 {
            let mut late = shared.late.lock().expect("nobody panics in here");
            late.push((server, got.to_vec()));
            let _ = client.shutdown(Shutdown::Both);
            return;
        }
        if cut == Cut::Commit as u8 || server.write_all(got).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
    let _ = client.shutdown(Shutdown::Both);
}
