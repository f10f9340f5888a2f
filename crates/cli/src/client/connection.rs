//! A connection of the client: requests out, replies in, nothing pipelined.

use super::options::Options;
use ramekin_resp::{Frame, encode_command, parse};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// What is said of a server that has gone away.
pub(super) const CLOSED: &str = "the server closed the connection";

const READ_BYTES: usize = 64 << 10;

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

pub(super) struct Connection {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
}

impl Connection {
    /// Connects, authenticates and selects as the options say.
    ///
    /// # Errors
    ///
    /// One line: where it tried to connect, and what the system or the server said.
    pub(super) fn open(options: &Options) -> Result<Self, String> {
        let refused = |error: io::Error| format!("cannot connect to {}: {error}", options.address());
        let stream: Box<dyn Stream> = match &options.socket {
            Some(path) => Box::new(UnixStream::connect(path).map_err(refused)?),
            None => {
                let stream = TcpStream::connect((options.host.as_str(), options.port)).map_err(refused)?;
                stream.set_nodelay(true).map_err(refused)?;
                Box::new(stream)
            }
        };
        let mut connection = Self { stream, received: Vec::new() };
        if let Some(password) = &options.password {
            let user = options.user.as_deref().map(str::as_bytes);
            let words: Vec<&[u8]> =
                [Some(b"AUTH".as_slice()), user, Some(password)].into_iter().flatten().collect();
            connection.prepare(&words)?;
        }
        if options.resp3 {
            connection.prepare(&[b"HELLO", b"3"])?;
        }
        if options.database > 0 {
            connection.prepare(&[b"SELECT", options.database.to_string().as_bytes()])?;
        }
        Ok(connection)
    }

    fn prepare(&mut self, words: &[&[u8]]) -> Result<(), String> {
        match self.call(words, |_| {})? {
            Frame::Error(text) => {
                Err(format!("{}: {}", String::from_utf8_lossy(words[0]), String::from_utf8_lossy(&text)))
            }
            _ => Ok(()),
        }
    }

    /// Sends a command and waits for its reply; messages that arrive before it go to `push`.
    ///
    /// # Errors
    ///
    /// One line: the connection was lost, or what came is no reply.
    pub(super) fn call(&mut self, words: &[&[u8]], push: impl Fn(&Frame)) -> Result<Frame, String> {
        let mut request = Vec::new();
        encode_command(&mut request, words);
        self.stream.write_all(&request).map_err(|error| format!("the connection was lost: {error}"))?;
        let subscribes = words[0].to_ascii_lowercase().ends_with(b"subscribe");
        loop {
            match self.receive()? {
                message @ Frame::Push(_) if !subscribes => push(&message),
                reply => return Ok(reply),
            }
        }
    }

    /// The next reply or message.
    ///
    /// # Errors
    ///
    /// As [`Connection::call`].
    pub(super) fn receive(&mut self) -> Result<Frame, String> {
        let mut scan = ramekin_resp::Scan::new();
        loop {
            if scan.advance(&self.received).map_err(|error| error.to_string())?.is_some()
                && let Some((frame, length)) = parse(&self.received).map_err(|error| error.to_string())?
            {
                self.received.drain(..length);
                return Ok(frame);
            }
            let mut chunk = [0; READ_BYTES];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(CLOSED.into()),
                Ok(bytes) => self.received.extend_from_slice(&chunk[..bytes]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("the connection was lost: {error}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Connection;
    use ramekin_resp::Frame;
    use std::io::{self, Read, Write};
    use std::sync::{Arc, Mutex};

    /// Answers with its pieces, one a read.
    struct Script {
        pieces: std::vec::IntoIter<&'static [u8]>,
        sent: Arc<Mutex<Vec<u8>>>,
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.pieces.next().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.sent.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn scripted(pieces: Vec<&'static [u8]>) -> (Connection, Arc<Mutex<Vec<u8>>>) {
        let sent = Arc::default();
        let stream = Box::new(Script { pieces: pieces.into_iter(), sent: Arc::clone(&sent) });
        (Connection { stream, received: Vec::new() }, sent)
    }

    #[test]
    fn a_reply_in_pieces_is_put_together_and_the_next_one_kept() {
        let (mut connection, sent) = scripted(vec![b"$5\r\nhe", b"llo\r\n:1", b"2\r\n"]);
        assert_eq!(connection.call(&[b"GET", b"k"], |_| {}), Ok(Frame::Bulk(b"hello".to_vec())));
        assert_eq!(connection.receive(), Ok(Frame::Int(12)));
        assert_eq!(connection.receive(), Err(super::CLOSED.into()));
        assert_eq!(*sent.lock().unwrap(), b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    }

    #[test]
    fn messages_before_the_reply_are_not_taken_for_it() {
        let (mut connection, _) = scripted(vec![b">1\r\n+news\r\n+PONG\r\n"]);
        let seen = Mutex::new(Vec::new());
        let reply = connection.call(&[b"PING"], |push| seen.lock().unwrap().push(push.clone()));
        assert_eq!(reply, Ok(Frame::Simple(b"PONG".to_vec())));
        assert_eq!(*seen.lock().unwrap(), [Frame::Push(vec![Frame::Simple(b"news".to_vec())])]);
    }
}
