//! Opens a connection, with AUTH and SELECT done, and moves bytes over it.
//!
//! A socket is blocking until [`nonblocking`] makes it part of the load.

use super::options::Options;
use super::reply::ReplyCounter;
use super::workload::encode;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A peer that has gone is an error, and no signal; on Apple's systems that is a matter of the socket, which the standard
/// library has set.
#[cfg(not(target_vendor = "apple"))]
const SEND: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const SEND: SendFlags = SendFlags::empty();

/// How long a blocking exchange waits.
const REPLY_WAIT: Duration = Duration::from_secs(30);

/// Connects and authenticates as the options say.
///
/// # Errors
///
/// One line: where it tried to connect, and what the system or the server said.
pub(super) fn open(options: &Options) -> Result<OwnedFd, String> {
    let socket: OwnedFd = match &options.socket {
        Some(path) => {
            let stream =
                UnixStream::connect(path).map_err(|error| format!("cannot connect to {path}: {error}"))?;
            stream.set_read_timeout(Some(REPLY_WAIT)).map_err(|error| error.to_string())?;
            stream.into()
        }
        None => {
            let (host, port) = (options.host.as_str(), options.port);
            let stream = TcpStream::connect((host, port))
                .map_err(|error| format!("cannot connect to {host}:{port}: {error}"))?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            stream.set_read_timeout(Some(REPLY_WAIT)).map_err(|error| error.to_string())?;
            stream.into()
        }
    };
    if let Some(password) = &options.password {
        let mut auth = vec!["AUTH"];
        auth.extend(options.user.as_deref());
        auth.push(password);
        exchange(&socket, &encode(&auth), 1)?;
    }
    if options.database > 0 {
        exchange(&socket, &encode(&["SELECT", &options.database.to_string()]), 1)?;
    }
    Ok(socket)
}

/// Sends a request on a blocking socket and waits for so many replies, none of which may be an error.
pub(super) fn exchange(socket: &OwnedFd, request: &[u8], replies: u64) -> Result<(), String> {
    let mut unsent = request;
    while !unsent.is_empty() {
        let sent = send(socket, unsent)?.ok_or("a blocking socket would block")?;
        unsent = &unsent[sent..];
    }
    let mut counter = ReplyCounter::new();
    let mut received = 0;
    let mut buffer = [0; 4096];
    while received < replies {
        let bytes = receive(socket, &mut buffer)?
            .ok_or_else(|| format!("the server has not answered for {} s", REPLY_WAIT.as_secs()))?;
        let counted = counter.feed(&buffer[..bytes])?;
        if counted.errors > 0 {
            return Err(format!("the server says: {}", counter.first_error()));
        }
        received += counted.replies;
    }
    Ok(())
}

/// Makes a socket part of an event loop.
pub(super) fn nonblocking(socket: &OwnedFd) -> Result<(), String> {
    rustix::io::ioctl_fionbio(socket, true)
        .map_err(|error| format!("cannot make a socket non-blocking: {error}"))
}

/// Sends what the socket takes; `None` where it takes nothing now.
#[inline]
pub(super) fn send(socket: impl AsFd, bytes: &[u8]) -> Result<Option<usize>, String> {
    taken(rustix::net::send(socket, bytes, SEND))
}

/// Receives what is there; `None` where nothing is.
///
/// # Errors
///
/// Also where the server has closed the connection: while requests wait for replies that is never expected.
#[inline]
pub(super) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> Result<Option<usize>, String> {
    match taken(rustix::net::recv(socket, buffer, RecvFlags::empty()).map(|(_, bytes)| bytes))? {
        Some(0) => Err("the server closed a connection".to_owned()),
        other => Ok(other),
    }
}

#[inline]
fn taken(result: Result<usize, Errno>) -> Result<Option<usize>, String> {
    match result {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(format!("a connection failed: {error}")),
    }
}
