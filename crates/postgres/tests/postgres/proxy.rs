//! A line to the server that can be cut at a commit.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

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
}

/// A proxy. Its threads end with their lines.
pub(crate) struct Proxy {
    pub(crate) url: String,
    cut: Arc<AtomicU8>,
}

impl Proxy {
    /// One in front of the server of a URL.
    pub(crate) fn new(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (front, rest) = url.split_once('@').expect("the URL has a user");
        let (target, path) = rest.split_once('/').expect("the URL has a database");
        let port = listener.local_addr().expect("it is bound").port();
        let cut = Arc::new(AtomicU8::new(Cut::Nothing as u8));
        let (target, shared) = (target.to_owned(), Arc::clone(&cut));
        start(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&target) else { return };
                let (answers, back) = (server.try_clone(), client.try_clone());
                let cut = Arc::clone(&shared);
                start(move || requests(client, server, &cut));
                start(move || drop(answers.and_then(|mut answers| std::io::copy(&mut answers, &mut back?))));
            }
        });
        Self { url: format!("{front}@127.0.0.1:{port}/{path}"), cut }
    }

    /// What becomes of commits from now on.
    pub(crate) fn set(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }
}

fn start(body: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(body).expect("a thread");
}

/// Passes a client's bytes on, up to the cut.
fn requests(mut client: TcpStream, mut server: TcpStream, cut: &AtomicU8) {
    let mut bytes = [0; 65_536];
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        let is_commit = bytes[..count].windows(7).any(|window| window == b"COMMIT\0");
        let cut = if is_commit { cut.load(Ordering::SeqCst) } else { Cut::Nothing as u8 };
        if cut == Cut::Answer as u8 {
            // The client hears nothing more; the server hears the commit, and then that the line is gone.
            let _ = client.shutdown(Shutdown::Both);
        }
        if cut == Cut::Silent as u8 {
            while client.read(&mut bytes).is_ok_and(|count| count > 0) {}
            break;
        }
        if cut == Cut::Commit as u8 || server.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
    let _ = client.shutdown(Shutdown::Both);
}
