//! Answers clients while the data is still being read: that it is, and how far.
//!
//! What must hold: nothing that a client sends is lost. A request is only looked at in its socket, and taken from there once
//! it is answered here; the connection, with what is left in it, is dealt to the loops when the data is there. Who comes
//! within the first second waits and is not refused: most folders are read by then. Left out: all commands but AUTH and INFO.

use super::Listener;
use super::connection::Accepted;
use crate::command::connection::{WRONG_PASSWORD, is_right};
use crate::config::Config;
use parking_lot::{Condvar, Mutex};
use ramekin::io::Clock as _;
use ramekin::io::os::OsClock;
use ramekin_resp::{Batch, Decoder, Limits};
use rustix::net::RecvFlags;
use std::time::Duration;

/// So long nobody is answered.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks at the sockets.
const LOOK_PERIOD: Duration = Duration::from_millis(10);
/// What is looked at of a client's requests; a longer one waits.
const PEEKED_BYTES: usize = 16 << 10;
const COMMANDS_MAX: usize = 256;
/// More connections wait in the listeners' queues.
const CONNECTIONS_MAX: usize = 1000;

const LOADING: &[u8] = b"-LOADING Ramekin is loading the dataset in memory\r\n";
const NO_AUTH: &[u8] = b"-NOAUTH Authentication required.\r\n";

/// Does `work` in this thread while another one answers; `info` is what INFO says. Returns the connections that are there.
pub(crate) fn serve_while<R>(
    listeners: &[Listener],
    config: &Config,
    info: &(dyn Fn() -> String + Sync),
    work: impl FnOnce() -> R,
) -> (R, Vec<Accepted>) {
    let over = (Mutex::new(false), Condvar::new());
    let mut porter = Porter { listeners, config, info, clients: Vec::new() };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("loading".to_owned()).spawn_scoped(scope, || {
            let mut wait = PATIENCE;
            let clock = OsClock::default();
            let begun = clock.monotonic();
            while !is_over(&over, wait) {
                if clock.monotonic() - begun >= PATIENCE {
                    porter.turn();
                }
                wait = LOOK_PERIOD;
            }
            porter.clients
        });
        let done = work();
        *over.0.lock() = true;
        over.1.notify_all();
        // Without that thread clients wait in the listeners' queues.
        let clients = thread.ok().and_then(|thread| thread.join().ok()).unwrap_or_default();
        (done, clients)
    })
}

fn is_over(over: &(Mutex<bool>, Condvar), wait: Duration) -> bool {
    let mut is_over = over.0.lock();
    if !*is_over {
        over.1.wait_for(&mut is_over, wait);
    }
    *is_over
}

/// Who stands at the door.
struct Porter<'a> {
    listeners: &'a [Listener],
    config: &'a Config,
    info: &'a (dyn Fn() -> String + Sync),
    clients: Vec<Accepted>,
}

impl Porter<'_> {
    fn turn(&mut self) {
        for listener in self.listeners {
            while self.clients.len() < CONNECTIONS_MAX
                && let Ok(accepted) = listener.accept(self.config.tcp_keepalive_s())
            {
                self.clients.push(accepted);
            }
        }
        let (info, config) = (self.info, self.config);
        self.clients.retain_mut(|client| {
            // Strangers are turned away by the loops.
            (!client.local && config.refuses_strangers()) || answer(client, info, config).is_some()
        });
    }
}

/// Answers the whole requests that have arrived; none if the connection is of no more use.
fn answer(client: &mut Accepted, info: &dyn Fn() -> String, config: &Config) -> Option<()> {
    let mut peeked = vec![0; PEEKED_BYTES];
    let count = match client.stream.receive(&mut peeked, RecvFlags::PEEK) {
        Ok(0) => return None,
        Ok(count) => count,
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Some(()),
        Err(_) => return None,
    };
    let (mut decoder, mut batch, mut replies) = (Decoder::new(), Batch::new(), Vec::new());
    // What is not the protocol is told so by a session.
    let _ = decoder.decode(&mut peeked[..count], &Limits::default(), COMMANDS_MAX, &mut batch);
    for at in 0..batch.len() {
        let args: Vec<&[u8]> = batch.args(at).iter().map(|arg| arg.of(&peeked)).collect();
        let name = args.first().map(|name| name.to_ascii_lowercase());
        let is_out = config.requirepass().is_some() && !client.trusted;
        if is_out && let (Some(b"auth"), Some(password)) = (name.as_deref(), args.get(1..)) {
            client.trusted = match password {
                [password] => is_right(config, None, password),
                [user, password] => is_right(config, Some(user), password),
                _ => false,
            };
            let refused = format!("-{}\r\n", WRONG_PASSWORD.0);
            replies.extend_from_slice(if client.trusted { b"+OK\r\n" } else { refused.as_bytes() });
        } else if is_out && name.as_deref() != Some(b"hello") {
            replies.extend_from_slice(NO_AUTH);
        } else if name.as_deref() == Some(b"info") {
            let text = info();
            replies.extend_from_slice(format!("${}\r\n{text}\r\n", text.len()).as_bytes());
        } else {
            replies.extend_from_slice(LOADING);
        }
    }
    let mut left = if batch.is_empty() { 0 } else { decoder.boundary() };
    while left > 0 {
        left -=
            client.stream.receive(&mut peeked[..left], RecvFlags::empty()).ok().filter(|taken| *taken > 0)?;
    }
    // Who does not read short answers is not waited for.
    (replies.is_empty() || client.stream.write(&replies).ok()? == replies.len()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    fn config(flags: &[&str]) -> Config {
        let args: Vec<std::ffi::OsString> = flags.iter().map(std::ffi::OsString::from).collect();
        Config::load(&args, std::iter::empty()).unwrap().config
    }

    fn ask(stream: &mut TcpStream, request: &str) -> String {
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = [0; 1024];
        let count = stream.read(&mut reply).unwrap();
        String::from_utf8_lossy(&reply[..count]).into_owned()
    }

    fn connect(listeners: &[Listener]) -> TcpStream {
        let stream = TcpStream::connect(listeners[0].describe()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    #[test]
    fn who_comes_while_data_is_read_is_told_so_and_loses_no_request() {
        let free =
            std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let config = config(&["--bind", "127.0.0.1", "--port", &free]);
        let listeners = crate::net::listen(&config).unwrap();
        let ((), mut clients) = serve_while(&listeners, &config, &|| "loading:1\r\n".to_owned(), || {
            let mut stream = connect(&listeners);
            assert_eq!(ask(&mut stream, "PING\r\n"), String::from_utf8_lossy(LOADING));
            assert_eq!(ask(&mut stream, "*1\r\n$4\r\nINFO\r\n"), "$11\r\nloading:1\r\n\r\n");
            drop(ask(&mut stream, "GET k\r\n*2\r\n$3\r\nGE"));
            drop(stream.shutdown(std::net::Shutdown::Write));
            drop(connect(&listeners));
        });
        let mut left = [0; 100];
        let is_left = |client: &mut Accepted| client.stream.receive(&mut left, RecvFlags::PEEK) == Ok(10);
        assert!(clients.iter_mut().any(is_left), "a request that had begun is left for a session");
    }

    #[test]
    fn a_password_is_asked_for_before_anything_is_told() {
        let free =
            std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let config = config(&["--bind", "127.0.0.1", "--port", &free, "--requirepass", "secret"]);
        let listeners = crate::net::listen(&config).unwrap();
        let loading = String::from_utf8_lossy(LOADING);
        let ((), clients) = serve_while(&listeners, &config, &|| "loading:1\r\n".to_owned(), || {
            let (mut stream, mut other) = (connect(&listeners), connect(&listeners));
            assert_eq!(ask(&mut stream, "INFO\r\n"), String::from_utf8_lossy(NO_AUTH));
            assert!(ask(&mut stream, "AUTH wrong\r\n").starts_with("-WRONGPASS"));
            assert_eq!(ask(&mut stream, "HELLO 3 AUTH default secret\r\n"), loading);
            assert_eq!(ask(&mut stream, "AUTH default secret\r\n"), "+OK\r\n");
            assert_eq!(ask(&mut stream, "GET k\r\n"), loading);
            assert_eq!(ask(&mut stream, "INFO\r\n"), "$11\r\nloading:1\r\n\r\n");
            assert_eq!(ask(&mut other, "GET k\r\n"), String::from_utf8_lossy(NO_AUTH));
            stream.write_all(b"GE").unwrap();
            other.write_all(b"GE").unwrap();
            // What they have begun is left, and so are they.
            drop(stream.shutdown(std::net::Shutdown::Write));
            drop(other.shutdown(std::net::Shutdown::Write));
            std::thread::sleep(Duration::from_millis(100));
        });
        assert_eq!(clients.iter().filter(|client| client.trusted).count(), 1, "one of them has shown it");
    }

    #[test]
    fn who_comes_in_the_first_second_waits_and_is_not_refused() {
        let free =
            std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let config = config(&["--bind", "127.0.0.1", "--port", &free]);
        let listeners = crate::net::listen(&config).unwrap();
        let (stream, clients) = serve_while(&listeners, &config, &String::new, || {
            let mut stream = connect(&listeners);
            stream.write_all(b"PING\r\n").unwrap();
            std::thread::sleep(Duration::from_millis(100));
            stream
        });
        stream.set_nonblocking(true).unwrap();
        assert!(clients.is_empty() && (&stream).read(&mut [0; 10]).is_err(), "nobody has answered");
    }
}
