//! Lines to a server: TCP, a socket in the file system, or TLS over TCP.
//!
//! What must hold: no call hangs for longer than the address says, and with TLS the server is the one that it names.

use crate::address::{Address, Target};
use ramekin::store::{ErrorKind, StoreError};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A line.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    /// Opens a line to the server of an address, on which nothing takes longer than connecting may.
    pub(crate) fn open(address: &Address) -> Result<Self, StoreError> {
        match &address.target {
            Target::Unix(path) => {
                let open = || {
                    let stream = UnixStream::connect(path)?;
                    stream.set_read_timeout(Some(address.connect_timeout))?;
                    stream.set_write_timeout(Some(address.connect_timeout))?;
                    Ok(stream)
                };
                open().map(Self::Unix).map_err(|error| away(&error))
            }
            Target::Tcp(host, port) => {
                let stream = tcp(address, host, *port).map_err(|error| away(&error))?;
                if address.is_encrypted { tls(address, host, stream) } else { Ok(Self::Tcp(stream)) }
            }
        }
    }

    /// How long the other side may take from now on.
    pub(crate) fn set_timeout(&self, timeout: Duration) -> Result<(), StoreError> {
        let limit = Some(timeout);
        let set = match self {
            Self::Unix(stream) => {
                stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit))
            }
            Self::Tcp(stream) => {
                stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit))
            }
            Self::Tls(stream) => {
                stream.sock.set_read_timeout(limit).and_then(|()| stream.sock.set_write_timeout(limit))
            }
        };
        set.map_err(|error| away(&error))
    }
}

/// Tries all that a name stands for.
fn tcp(address: &Address, host: &str, port: u16) -> io::Result<TcpStream> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "its name stands for no address");
    for place in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, address.connect_timeout) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(address.connect_timeout))?;
                stream.set_write_timeout(Some(address.connect_timeout))?;
                return Ok(stream);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn tls(address: &Address, host: &str, mut stream: TcpStream) -> Result<Stream, StoreError> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| invalid(format!("TLS cannot be used with the name {host}")))?;
    let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| invalid(format!("TLS cannot be used: {error}")))?;
    let config = builder.with_root_certificates(roots(address.roots.as_deref())?).with_no_client_auth();
    let line = ClientConnection::new(Arc::new(config), name);
    let mut line = line.map_err(|error| invalid(format!("TLS cannot be used: {error}")))?;
    while line.is_handshaking() {
        line.complete_io(&mut stream).map_err(|error| {
            let is_judged = matches!(error.get_ref(), Some(inner) if inner.is::<rustls::Error>());
            if is_judged {
                invalid(format!("the server's side of TLS is not as it has to be: {error}"))
            } else {
                away(&error)
            }
        })?;
    }
    Ok(Stream::Tls(Box::new(StreamOwned::new(line, stream))))
}

fn roots(path: Option<&Path>) -> Result<RootCertStore, StoreError> {
    let mut store = RootCertStore::empty();
    let Some(path) = path else {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(store);
    };
    let unreadable = |error: &dyn std::fmt::Display| invalid(format!("cacert={}: {error}", path.display()));
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
        store.add(certificate.map_err(|error| unreadable(&error))?).map_err(|error| unreadable(&error))?;
    }
    Ok(store)
}

fn invalid(text: String) -> StoreError {
    StoreError::new(ErrorKind::Invalid, text)
}

/// The server cannot be reached, or not any more.
pub(crate) fn away(error: &io::Error) -> StoreError {
    let what = match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "it does not answer in time".to_owned(),
        io::ErrorKind::UnexpectedEof => "it has closed the connection".to_owned(),
        _ => error.to_string(),
    };
    StoreError::new(ErrorKind::Unavailable, format!("the server cannot be reached: {what}"))
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buf),
            Self::Unix(stream) => stream.read(buf),
            Self::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buf),
            Self::Unix(stream) => stream.write(buf),
            Self::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Unix(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
