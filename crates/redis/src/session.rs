//! A connection that speaks the protocol: commands go out in pipelines, transactions are watched.
//!
//! What must hold: replies are read in the order of their commands, all of them; a transaction whose `EXEC` was not sent has not
//! happened, and one whose answer is missing is in doubt. After an error of the line the session is of no more use.

use crate::address::Address;
use crate::fault::{fault, fault_of_connecting};
use crate::stream::{Stream, away};
use ramekin::store::{ErrorKind, StoreError};
use ramekin_resp::{Frame, Scan, encode_command, parse};
use std::io::{Read, Write};

/// Commands are sent once they are so many bytes.
const SEND_BYTES: usize = 256 << 10;
const READ_BYTES: usize = 64 << 10;
/// Arguments of one command at most, about, and their bytes.
const ARGS_MAX: usize = 1024;
const ARG_BYTES_MAX: usize = 1 << 20;

/// The oldest server that has all that is used here.
const VERSION_MIN: (u32, u32) = (6, 2);

/// A session.
pub(crate) struct Session {
    stream: Stream,
    /// Commands that are not sent yet.
    out: Vec<u8>,
    /// Commands since the last `MULTI`.
    queued: usize,
    /// What was received; up to `at` it is read.
    input: Vec<u8>,
    at: usize,
    /// Why commands could not be sent, until somebody asks for a reply.
    failed: Option<StoreError>,
    /// What the server knows this connection by.
    pub(crate) id: i64,
    pub(crate) is_replica: bool,
    pub(crate) is_cluster: bool,
    /// Whether fields of hashes can expire.
    pub(crate) has_field_expiry: bool,
}

impl Session {
    /// Connects under a name that has no spaces.
    pub(crate) fn open(address: &Address, name: &str) -> Result<Self, StoreError> {
        let mut session = Self {
            stream: Stream::open(address)?,
            out: Vec::new(),
            queued: 0,
            input: Vec::new(),
            at: 0,
            failed: None,
            id: 0,
            is_replica: false,
            is_cluster: false,
            has_field_expiry: false,
        };
        session.greet(address, name)?;
        session.stream.set_timeout(address.timeout)?;
        Ok(session)
    }

    fn greet(&mut self, address: &Address, name: &str) -> Result<(), StoreError> {
        let user = address.user.as_deref().unwrap_or("default");
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"2"];
        if let Some(password) = &address.password {
            hello.extend([b"AUTH".as_slice(), user.as_bytes(), password.as_bytes()]);
        }
        hello.extend([b"SETNAME".as_slice(), name.as_bytes()]);
        self.put(&hello);
        self.put(&[b"SELECT", address.db.to_string().as_bytes()]);
        self.put(&[b"COMMAND", b"INFO", b"HPEXPIREAT"]);
        let greeting = match self.reply()? {
            Frame::Error(text) => return Err(fault_of_connecting(&text)),
            Frame::Array(words) => words,
            _ => return Err(odd("HELLO")),
        };
        self.take_greeting(&greeting)?;
        if let Frame::Error(text) = self.reply()? {
            return Err(fault_of_connecting(&text));
        }
        self.has_field_expiry =
            matches!(self.reply()?, Frame::Array(found) if matches!(found.first(), Some(Frame::Array(_))));
        Ok(())
    }

    fn take_greeting(&mut self, greeting: &[Frame]) -> Result<(), StoreError> {
        let value = |wanted: &[u8]| {
            let pairs = greeting.chunks_exact(2);
            pairs.filter(|pair| text_of(&pair[0]) == Some(wanted)).map(|pair| &pair[1]).next()
        };
        if let Some(Frame::Int(id)) = value(b"id") {
            self.id = *id;
        }
        self.is_replica = value(b"role").and_then(text_of).is_some_and(|role| role != b"master");
        self.is_cluster = value(b"mode").and_then(text_of) == Some(b"cluster");
        let version = value(b"version").and_then(text_of).unwrap_or_default();
        let version = String::from_utf8_lossy(version).into_owned();
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
        let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if found < VERSION_MIN {
            let text =
                format!("the server is of version {version}: it takes 6.2 of Redis, any Valkey, or later");
            return Err(StoreError::new(ErrorKind::Invalid, text));
        }
        Ok(())
    }

    /// Adds a command to what will be sent.
    pub(crate) fn put(&mut self, args: &[&[u8]]) {
        encode_command(&mut self.out, args);
        self.queued += 1;
        if self.out.len() >= SEND_BYTES {
            self.send();
        }
    }

    /// The same for a command with any number of arguments in groups of `group`, as several commands if they are many. Returns
    /// how many.
    pub(crate) fn put_many<A: AsRef<[u8]>>(&mut self, head: &[&[u8]], args: &[A], group: usize) -> usize {
        let (mut words, mut bytes, mut commands) = (head.to_vec(), 0, 0);
        for (index, arg) in args.iter().enumerate() {
            words.push(arg.as_ref());
            bytes += arg.as_ref().len();
            let is_full = words.len() - head.len() >= ARGS_MAX || bytes >= ARG_BYTES_MAX;
            if index + 1 == args.len() || is_full && (index + 1).is_multiple_of(group) {
                self.put(&words);
                words.truncate(head.len());
                (bytes, commands) = (0, commands + 1);
            }
        }
        commands
    }

    fn send(&mut self) {
        if self.failed.is_none()
            && let Err(error) = self.stream.write_all(&self.out).and_then(|()| self.stream.flush())
        {
            self.failed = Some(away(&error));
        }
        self.out.clear();
    }

    /// Sends all that is not sent yet.
    fn flush(&mut self) -> Result<(), StoreError> {
        if !self.out.is_empty() {
            self.send();
        }
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// The next reply.
    pub(crate) fn reply(&mut self) -> Result<Frame, StoreError> {
        self.flush()?;
        let mut scan = Scan::new();
        loop {
            let found = scan.advance(&self.input[self.at..]);
            match found.map_err(|error| self.fail(garbled(&error)))? {
                Some(_) => break,
                None => self.receive()?,
            }
        }
        match parse(&self.input[self.at..]) {
            Ok(Some((frame, length))) => {
                self.at += length;
                Ok(frame)
            }
            Ok(None) => Err(self.fail(odd("a command"))),
            Err(error) => Err(self.fail(garbled(&error))),
        }
    }

    fn fail(&mut self, error: StoreError) -> StoreError {
        self.failed = Some(error.clone());
        error
    }

    fn receive(&mut self) -> Result<(), StoreError> {
        if self.at == self.input.len() {
            self.input.clear();
            self.input.shrink_to(SEND_BYTES);
            self.at = 0;
        } else if self.at >= READ_BYTES {
            self.input.drain(..self.at);
            self.at = 0;
        }
        let end = self.input.len();
        // What is large is read in larger pieces.
        self.input.resize(end + READ_BYTES.max(end / 2), 0);
        let read = loop {
            match self.stream.read(&mut self.input[end..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.input.truncate(end + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(self.fail(away(&std::io::ErrorKind::UnexpectedEof.into()))),
            Ok(_) => Ok(()),
            Err(error) => Err(self.fail(away(&error))),
        }
    }

    /// The next reply, which is no error.
    pub(crate) fn answer(&mut self) -> Result<Frame, StoreError> {
        match self.reply()? {
            Frame::Error(text) => Err(fault(&text)),
            frame => Ok(frame),
        }
    }

    /// So many replies are read and are no errors.
    pub(crate) fn answers(&mut self, count: usize) -> Result<Vec<Frame>, StoreError> {
        // Those that follow an error are read all the same: the line goes on.
        let replies: Vec<Frame> = (0..count).map(|_| self.reply()).collect::<Result<_, _>>()?;
        match replies.iter().find_map(|reply| if let Frame::Error(text) = reply { Some(text) } else { None })
        {
            Some(text) => Err(fault(text)),
            None => Ok(replies),
        }
    }

    /// Asks one command.
    pub(crate) fn ask(&mut self, args: &[&[u8]]) -> Result<Frame, StoreError> {
        self.put(args);
        self.answer()
    }

    /// A transaction begins; what is put from now on happens with [`Session::commit`], or does not.
    pub(crate) fn begin(&mut self) {
        self.put(&[b"MULTI"]);
        self.queued = 0;
    }

    /// Commits. Returns what the commands answered, or nothing if what was watched has changed: then nothing happened.
    pub(crate) fn commit(&mut self) -> Result<Option<Vec<Frame>>, StoreError> {
        let queued = self.queued;
        self.flush()?;
        self.put(&[b"EXEC"]);
        self.outcome(queued).map_err(|error| match self.failed {
            Some(_) => StoreError { kind: ErrorKind::InDoubt, ..error },
            None => error,
        })
    }

    fn outcome(&mut self, queued: usize) -> Result<Option<Vec<Frame>>, StoreError> {
        let mut refused = None;
        for _ in 0..=queued {
            if let Frame::Error(text) = self.reply()? {
                refused.get_or_insert(text);
            }
        }
        match (self.reply()?, refused) {
            (Frame::Error(text), None) | (Frame::Error(_), Some(text)) => Err(fault(&text)),
            (Frame::Array(replies), _) => Ok(Some(replies)),
            (Frame::Null, _) => Ok(None),
            _ => Err(odd("EXEC")),
        }
    }

    /// Nothing is watched any more.
    pub(crate) fn unwatch(&mut self) -> Result<(), StoreError> {
        self.ask(&[b"UNWATCH"]).map(drop)
    }
}

/// What a transaction that is no batch answered: whether it has happened does not matter, since it is done again.
pub(crate) fn plain<T>(outcome: Result<T, StoreError>) -> Result<T, StoreError> {
    outcome.map_err(|error| match error.kind {
        ErrorKind::InDoubt => StoreError { kind: ErrorKind::Unavailable, ..error },
        _ => error,
    })
}

fn garbled(error: &ramekin_resp::ProtocolError) -> StoreError {
    let text = format!("what is at this address does not speak the protocol of Redis: {error}");
    StoreError::new(ErrorKind::Unavailable, text)
}

/// The server has answered something that this command is not answered.
pub(crate) fn odd(command: &str) -> StoreError {
    StoreError::new(ErrorKind::Unavailable, format!("the server's answer to {command} is none that is known"))
}

/// The bytes of a string.
pub(crate) fn text_of(frame: &Frame) -> Option<&[u8]> {
    match frame {
        Frame::Bulk(bytes) | Frame::Simple(bytes) => Some(bytes),
        _ => None,
    }
}

/// The elements of an array of strings; none where there is none.
pub(crate) fn texts_of(frame: Frame, command: &str) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let Frame::Array(elements) = frame else { return Err(odd(command)) };
    let text = |element| match element {
        Frame::Bulk(bytes) | Frame::Simple(bytes) => Ok(Some(bytes)),
        Frame::Null => Ok(None),
        _ => Err(odd(command)),
    };
    elements.into_iter().map(text).collect()
}

/// A number, or the digits of one.
pub(crate) fn number_of(frame: &Frame) -> Option<u64> {
    match frame {
        Frame::Int(number) => u64::try_from(*number).ok(),
        frame => std::str::from_utf8(text_of(frame)?).ok()?.parse().ok(),
    }
}
