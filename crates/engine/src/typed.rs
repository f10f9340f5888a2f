//! The most common commands as methods, without arguments and replies as lists of bytes.

use crate::command::{self, Command};
use crate::db::Database;
use crate::error::{Error, ErrorKind};
use crate::keyspace::wait::Served;
use crate::reply::{Collector, Reply, Response};
use crate::shard::Caller;
use std::sync::LazyLock;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// An element, and the key of the list from which it was taken.
pub type Popped = (Vec<u8>, Vec<u8>);

// The rows of the commands that are called most: looked up once.
static GET: LazyLock<&'static Command> = LazyLock::new(|| row("get"));
static SET: LazyLock<&'static Command> = LazyLock::new(|| row("set"));

fn row(name: &'static str) -> &'static Command {
    command::find(name.as_bytes()).expect("the command is in the table")
}

/// A refused command as an error of the caller's input.
fn refused(text: String) -> Error {
    Error::new(ErrorKind::Invalid, text)
}

fn unexpected() -> Error {
    refused("the command answered in another form than it documents".to_owned())
}

impl Database {
    /// The string at this key.
    ///
    /// # Errors
    /// `Invalid` if the key holds another type; `Failed` if the log has failed.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let mut out = Bulk::default();
        let lsn = self.run_here(&GET, &[b"GET", key], &mut out);
        self.wait(lsn)?;
        out.into_result()
    }

    /// Sets a string; whatever was there is replaced, and does not expire.
    ///
    /// # Errors
    /// `Invalid` if the write was refused (the text says why); `Failed` if the log has failed.
    pub fn set(&self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let mut out = Bulk::default();
        let lsn = self.run_here(&SET, &[b"SET", key, value], &mut out);
        self.wait(lsn)?;
        out.into_result().map(|_| ())
    }

    /// Sets a string that expires after a while, to the millisecond; at least one.
    ///
    /// # Errors
    /// As [`Database::set`].
    pub fn set_for(&self, key: &[u8], value: &[u8], lifetime: Duration) -> Result<(), Error> {
        let millis = lifetime.as_millis().max(1).to_string();
        self.call(&[b"SET", key, value, b"PX", millis.as_bytes()]).map(|_| ())
    }

    /// Removes keys. Returns how many there were.
    ///
    /// # Errors
    /// As [`Database::set`].
    pub fn del(&self, keys: &[&[u8]]) -> Result<u64, Error> {
        self.call_count("DEL", keys)
    }

    /// How many of these keys exist; one named twice counts twice.
    ///
    /// # Errors
    /// `Failed` if the log has failed.
    pub fn exists(&self, keys: &[&[u8]]) -> Result<u64, Error> {
        self.call_count("EXISTS", keys)
    }

    /// Adds to the integer at this key, 0 if there is none. Returns the sum.
    ///
    /// # Errors
    /// `Invalid` if the key holds no integer or the sum overflows, and as [`Database::set`].
    pub fn incr_by(&self, key: &[u8], by: i64) -> Result<i64, Error> {
        match self.call(&[b"INCRBY", key, by.to_string().as_bytes()])? {
            Response::Int(sum) => Ok(sum),
            _ => Err(unexpected()),
        }
    }

    /// Lets a key expire after a while. False if there is no such key.
    ///
    /// # Errors
    /// As [`Database::set`].
    pub fn expire(&self, key: &[u8], lifetime: Duration) -> Result<bool, Error> {
        let millis = lifetime.as_millis().to_string();
        Ok(self.call(&[b"PEXPIRE", key, millis.as_bytes()])? == Response::Int(1))
    }

    /// Pushes elements to the tail of a list. Returns its length.
    ///
    /// # Errors
    /// `Invalid` if the key holds another type, and as [`Database::set`].
    pub fn rpush(&self, key: &[u8], elements: &[&[u8]]) -> Result<u64, Error> {
        self.call_count("RPUSH", &[&[key], elements].concat())
    }

    /// Takes the element at the head of a list.
    ///
    /// # Errors
    /// `Invalid` if the key holds another type, and as [`Database::set`].
    pub fn lpop(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        bytes(self.call(&[b"LPOP", key])?)
    }

    /// Takes the element at the head of the first of these lists that has one, and waits for it if none has: for so long, or
    /// without end. Returns the list's key and the element; none if the time is up. Those who wait for a key are served in
    /// the order in which they came.
    ///
    /// # Errors
    /// `Invalid` if a key holds another type or none is given, and as [`Database::set`].
    pub fn blpop(&self, keys: &[&[u8]], timeout: Option<Duration>) -> Result<Option<Popped>, Error> {
        self.pop_waiting("blpop", keys, timeout)
    }

    /// The same at the tail.
    ///
    /// # Errors
    /// As [`Database::blpop`].
    pub fn brpop(&self, keys: &[&[u8]], timeout: Option<Duration>) -> Result<Option<Popped>, Error> {
        self.pop_waiting("brpop", keys, timeout)
    }

    fn pop_waiting(
        &self,
        name: &'static str,
        keys: &[&[u8]],
        timeout: Option<Duration>,
    ) -> Result<Option<Popped>, Error> {
        // The time is kept here; to the command it is without end.
        let args = [&[name.as_bytes()], keys, &[b"0"]].concat();
        match self.execute_waiting(row(name), &args, timeout)? {
            Response::Array(items) => {
                let mut items = items.into_iter().map(bytes);
                match (items.next(), items.next()) {
                    (Some(Ok(Some(key))), Some(Ok(Some(element)))) => Ok(Some((key, element))),
                    _ => Err(unexpected()),
                }
            }
            Response::NullArray => Ok(None),
            Response::Error(text) => Err(refused(text)),
            _ => Err(unexpected()),
        }
    }

    /// Runs a command that may wait, and waits with it. Null when the time is up.
    fn execute_waiting(
        &self,
        command: &Command,
        args: &[&[u8]],
        timeout: Option<Duration>,
    ) -> Result<Response, Error> {
        let (sender, receiver) = sync_channel(1);
        // One answer fits without anybody waiting for it; nobody takes it once the time is up.
        let deliver = Box::new(move |served: Served| drop(sender.try_send(served)));
        let mut out = Collector::new();
        let (ran, waiter) =
            self.run_or_wait(&mut Caller::at(self.now_ms()), command, args, &mut out, deliver);
        let Some(waiter) = waiter else {
            self.wait(ran.lsn)?;
            return Ok(out.into_response().unwrap_or(Response::Null));
        };
        let in_time = match timeout {
            Some(timeout) => receiver.recv_timeout(timeout).ok(),
            None => receiver.recv().ok(),
        };
        let served = match in_time {
            None if self.give_up(&waiter) => None,
            None => receiver.recv().ok(),
            served => served,
        };
        let Some((response, lsn)) = served else { return Ok(Response::NullArray) };
        self.wait(lsn)?;
        Ok(response)
    }

    /// The elements of a list from one index to another, both included; negative ones count from the end.
    ///
    /// # Errors
    /// `Invalid` if the key holds another type; `Failed` if the log has failed.
    pub fn lrange(&self, key: &[u8], start: i64, stop: i64) -> Result<Vec<Vec<u8>>, Error> {
        match self.call(&[b"LRANGE", key, start.to_string().as_bytes(), stop.to_string().as_bytes()])? {
            Response::Array(items) => {
                items.into_iter().map(|item| bytes(item)?.ok_or_else(unexpected)).collect()
            }
            _ => Err(unexpected()),
        }
    }

    /// Sets fields of a hash, given as pairs. Returns how many are new.
    ///
    /// # Errors
    /// `Invalid` if the key holds another type, and as [`Database::set`].
    pub fn hset(&self, key: &[u8], pairs: &[(&[u8], &[u8])]) -> Result<u64, Error> {
        let mut args = vec![key];
        args.extend(pairs.iter().flat_map(|(field, value)| [*field, *value]));
        self.call_count("HSET", &args)
    }

    /// The value of a field of a hash.
    ///
    /// # Errors
    /// `Invalid` if the key holds another type; `Failed` if the log has failed.
    pub fn hget(&self, key: &[u8], field: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        bytes(self.call(&[b"HGET", key, field])?)
    }

    /// All fields of a hash with their values, in no order.
    ///
    /// # Errors
    /// `Invalid` if the key holds another type; `Failed` if the log has failed.
    #[expect(clippy::type_complexity, reason = "pairs of bytes are what a hash holds")]
    pub fn hgetall(&self, key: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Error> {
        let Response::Map(pairs) = self.call(&[b"HGETALL", key])? else { return Err(unexpected()) };
        pairs
            .into_iter()
            .map(|(field, value)| Some((bytes(field).ok()??, bytes(value).ok()??)))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(unexpected)
    }

    fn call(&self, args: &[&[u8]]) -> Result<Response, Error> {
        match self.execute(args)? {
            Response::Error(text) => Err(refused(text)),
            response => Ok(response),
        }
    }

    fn call_count(&self, name: &str, args: &[&[u8]]) -> Result<u64, Error> {
        match self.call(&[&[name.as_bytes()], args].concat())? {
            Response::Int(count) => u64::try_from(count).map_err(|_| unexpected()),
            _ => Err(unexpected()),
        }
    }
}

fn bytes(response: Response) -> Result<Option<Vec<u8>>, Error> {
    match response {
        Response::Bulk(bytes) => Ok(Some(bytes)),
        Response::Null => Ok(None),
        _ => Err(unexpected()),
    }
}

/// Takes a reply of one byte string, status or error, without building a tree.
#[derive(Default)]
struct Bulk {
    bytes: Option<Vec<u8>>,
    error: Option<String>,
}

impl Bulk {
    fn into_result(self) -> Result<Option<Vec<u8>>, Error> {
        match self.error {
            Some(text) => Err(refused(text)),
            None => Ok(self.bytes),
        }
    }
}

impl Reply for Bulk {
    fn resp3(&self) -> bool {
        true
    }
    fn simple(&mut self, _: &str) {}
    fn error(&mut self, text: &str) {
        self.error = Some(text.to_owned());
    }
    fn bulk(&mut self, bytes: &[u8]) {
        self.bytes = Some(bytes.to_vec());
    }
    fn null(&mut self) {}
    fn null_array(&mut self) {}
    fn int(&mut self, _: i64) {}
    fn array(&mut self, _: usize) {}
    fn map(&mut self, _: usize) {}
    fn set(&mut self, _: usize) {}
    fn push(&mut self, _: usize) {}
    fn double(&mut self, _: f64) {}
    fn boolean(&mut self, _: bool) {}
    fn verbatim(&mut self, _: &str, _: &[u8]) {}
}
