//! Listening sockets.

use super::connection::{Accepted, Stream};
use crate::config::Config;
use crate::error::Error;
use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A socket that takes connections.
pub enum Listener {
    /// Over TCP.
    Tcp(TcpListener),
    /// Over a Unix socket at this path.
    Unix(UnixListener, PathBuf),
}

/// Opens all sockets that the configuration names.
pub(crate) fn listen(config: &Config) -> Result<Vec<Listener>, Error> {
    let mut listeners = Vec::new();
    if config.port() != 0 {
        for address in config.bind() {
            match listen_tcp(&address.host, config.port(), config.tcp_backlog()) {
                Ok(found) => listeners.extend(found.into_iter().map(Listener::Tcp)),
                Err(error) if address.optional && is_no_such_address(&error) => {}
                Err(error) => return Err(refused(&address.host, config.port(), &error)),
            }
        }
    }
    if let Some(path) = config.unixsocket() {
        let listener = listen_unix(&path, config.unixsocketperm()).map_err(|error| {
            Error(format!("cannot listen on the Unix socket {}: {error}: check `unixsocket`", path.display()))
        })?;
        listeners.push(Listener::Unix(listener, path));
    }
    if listeners.is_empty() {
        return Err(Error("there is nothing to listen on: set `port` or `unixsocket`".to_owned()));
    }
    Ok(listeners)
}

/// Opens a socket of its own at this address; port 0 is any that is free.
pub(crate) fn listen_at(host: &str, port: u16, backlog: i32) -> Result<(Listener, SocketAddr), Error> {
    let bound = listen_tcp(host, port, backlog).and_then(|found| {
        let first = found.into_iter().next();
        let listener = first.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
        let address = listener.local_addr()?;
        Ok((Listener::Tcp(listener), address))
    });
    bound.map_err(|error| refused(host, port, &error))
}

fn refused(host: &str, port: u16, error: &io::Error) -> Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => ": another server uses it; stop that one, or choose another `--port`",
        io::ErrorKind::PermissionDenied => {
            ": choose a `--port` above 1023, or run with the right to use this one"
        }
        io::ErrorKind::AddrNotAvailable => ": this machine does not have that address; check `bind`",
        _ => "",
    };
    Error(format!("cannot listen on {host}:{port}: {error}{advice}"))
}

fn is_no_such_address(error: &io::Error) -> bool {
    const NO_SUCH_FAMILY: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

fn listen_tcp(host: &str, port: u16, backlog: i32) -> io::Result<Vec<TcpListener>> {
    let addresses: Vec<SocketAddr> = match host {
        "*" => vec![(std::net::Ipv4Addr::UNSPECIFIED, port).into()],
        "::*" => vec![(std::net::Ipv6Addr::UNSPECIFIED, port).into()],
        host => (host, port).to_socket_addrs()?.collect(),
    };
    addresses.into_iter().map(|address| bind_tcp(address, backlog)).collect()
}

fn bind_tcp(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn listen_unix(path: &Path, mode: Option<u32>) -> io::Result<UnixListener> {
    // A socket that a dead process left behind takes no connections; one that does belongs to somebody.
    if path.exists() {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server uses it"));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    if let Some(mode) = mode {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(listener)
}

impl Listener {
    pub(super) fn source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            Listener::Tcp(listener) => listener,
            Listener::Unix(listener, _) => listener,
        }
    }

    /// Where it listens, for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Listener::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| "?".to_owned(), |at| at.to_string())
            }
            Listener::Unix(_, path) => path.display().to_string(),
        }
    }

    /// The path of a Unix socket, to be removed at the end.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Listener::Tcp(_) => None,
            Listener::Unix(_, path) => Some(path),
        }
    }

    /// Takes one connection.
    pub(super) fn accept(&self, keepalive_s: u32) -> io::Result<Accepted> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, addr) = listener.accept()?;
                // Options that a socket refuses make it slower, not wrong.
                let _ = stream.set_nodelay(true);
                if keepalive_s != 0 {
                    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive(keepalive_s));
                }
                let laddr = stream.local_addr().map(|at| at.to_string()).unwrap_or_default();
                let local = addr.ip().to_canonical().is_loopback();
                Ok(Accepted {
                    id: 0,
                    stream: Stream::Tcp(stream),
                    addr: addr.to_string(),
                    laddr,
                    local,
                    trusted: false,
                })
            }
            Listener::Unix(listener, path) => {
                let (stream, _) = listener.accept()?;
                let name = format!("{}:0", path.display());
                Ok(Accepted {
                    id: 0,
                    stream: Stream::Unix(stream),
                    addr: name.clone(),
                    laddr: name,
                    local: true,
                    trusted: false,
                })
            }
        }
    }
}

/// As Redis has it: probes begin after the time, come at a third of it, and three unanswered ones end the connection.
fn keepalive(seconds: u32) -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(Duration::from_secs(u64::from(seconds)))
        .with_interval(Duration::from_secs(u64::from((seconds / 3).max(1))))
        .with_retries(3)
}
