//! A connection over which requests are pipelined.

use super::url::Url;
use ramekin_resp::{Frame, Scan, encode_command, parse};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const READ_BYTES: usize = 64 << 10;
/// How long a server may take for one answer.
const ANSWER_WAIT: Duration = Duration::from_secs(120);

/// See the module.
pub(super) struct Link {
    stream: TcpStream,
    place: String,
    requests: Vec<u8>,
    received: Vec<u8>,
    /// Up to here it has been read.
    start: usize,
    buffer: Box<[u8]>,
}

impl Link {
    /// Connects and authenticates.
    ///
    /// # Errors
    /// One line: where to, and what the system or the server said.
    pub(super) fn open(url: &Url) -> Result<Self, String> {
        let place = url.place();
        let refused = |error| format!("cannot connect to {place}: {error}");
        let stream = TcpStream::connect((url.host.as_str(), url.port)).map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        stream.set_read_timeout(Some(ANSWER_WAIT)).map_err(refused)?;
        let buffer = vec![0; READ_BYTES].into_boxed_slice();
        let mut link = Self { stream, place, requests: Vec::new(), received: Vec::new(), start: 0, buffer };
        if let Some(password) = &url.password {
            let mut words = vec![&b"AUTH"[..]];
            words.extend(url.user.as_deref().map(str::as_bytes));
            words.push(password.as_bytes());
            link.expect_ok(&words)?;
        }
        Ok(link)
    }

    /// Where it leads.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Adds a request to those that go out with the next [`Link::send`].
    pub(super) fn ask(&mut self, words: &[&[u8]]) {
        encode_command(&mut self.requests, words);
    }

    /// Bytes of requests that have not been sent.
    pub(super) fn unsent(&self) -> usize {
        self.requests.len()
    }

    /// Sends all requests.
    ///
    /// # Errors
    /// One line: the connection was lost.
    pub(super) fn send(&mut self) -> Result<(), String> {
        self.stream.write_all(&self.requests).map_err(|error| self.lost(&error))?;
        self.requests.clear();
        Ok(())
    }

    /// The next answer.
    ///
    /// # Errors
    /// One line: the connection was lost, or what came is no answer.
    pub(super) fn answer(&mut self) -> Result<Frame, String> {
        let mut scan = Scan::new();
        loop {
            let unread = &self.received[self.start..];
            let senseless = |error| format!("{} answers with what is no reply: {error}", self.place);
            if scan.advance(unread).map_err(senseless)?.is_some()
                && let Some((frame, length)) = parse(unread).map_err(senseless)?
            {
                self.start += length;
                return Ok(frame);
            }
            // Each byte is moved once for each buffer that is read, at most.
            self.received.drain(..std::mem::take(&mut self.start));
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(format!("{} closed the connection", self.place)),
                Ok(bytes) => self.received.extend_from_slice(&self.buffer[..bytes]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.lost(&error)),
            }
        }
    }

    /// One request and its answer.
    ///
    /// # Errors
    /// As [`Link::answer`].
    pub(super) fn call(&mut self, words: &[&[u8]]) -> Result<Frame, String> {
        self.ask(words);
        self.send()?;
        self.answer()
    }

    /// One request that must not be refused.
    ///
    /// # Errors
    /// As [`Link::answer`], or what the server says.
    pub(super) fn expect_ok(&mut self, words: &[&[u8]]) -> Result<(), String> {
        match self.call(words)? {
            Frame::Error(text) => Err(self.refused(words[0], &text)),
            _ => Ok(()),
        }
    }

    /// One request that is answered by a text.
    ///
    /// # Errors
    /// As [`Link::expect_ok`].
    pub(super) fn text(&mut self, words: &[&[u8]]) -> Result<String, String> {
        match self.call(words)? {
            Frame::Bulk(text) | Frame::Simple(text) | Frame::Verbatim(_, text) => {
                Ok(String::from_utf8_lossy(&text).into_owned())
            }
            Frame::Error(text) => Err(self.refused(words[0], &text)),
            _ => Err(format!("{} answers in another form than it should", self.place)),
        }
    }

    /// The line about a request that was refused.
    pub(super) fn refused(&self, name: &[u8], text: &[u8]) -> String {
        let (name, text) = (String::from_utf8_lossy(name), String::from_utf8_lossy(text));
        format!("{} refuses {name}: {text}", self.place)
    }

    fn lost(&self, error: &std::io::Error) -> String {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("{} has not answered for {} s", self.place, ANSWER_WAIT.as_secs())
            }
            _ => format!("the connection to {} was lost: {error}", self.place),
        }
    }
}

/// The value of a field of INFO.
pub(super) fn info_field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_end)
}

/// The databases that INFO tells of, with how many keys each holds.
pub(super) fn info_databases(info: &str) -> Vec<(u64, u64)> {
    let database = |line: &str| {
        let (number, facts) = line.strip_prefix("db")?.split_once(':')?;
        let keys = facts.trim_end().split(',').find_map(|fact| fact.strip_prefix("keys="))?;
        Some((number.parse().ok()?, keys.parse().ok()?))
    };
    let mut found: Vec<(u64, u64)> = info.lines().filter_map(database).collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::{info_databases, info_field};

    #[test]
    fn info_is_read_field_by_field() {
        let info = "# Server\r\nredis_version:7.2.4\r\nrun_id:abc\r\n# Keyspace\r\ndb10:keys=5,expires=1\r\ndb0:keys=7,expires=0,avg_ttl=0\r\n";
        assert_eq!(info_field(info, "redis_version"), Some("7.2.4"));
        assert_eq!(info_field(info, "run"), None);
        assert_eq!(info_databases(info), [(0, 7), (10, 5)]);
    }
}
