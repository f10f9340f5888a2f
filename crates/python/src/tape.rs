//! Replies: written down while the engine holds its locks, made into Python objects afterwards.
//!
//! What must hold: nothing in [`Reply`] here touches Python. An answer that is left to be written later is written once the locks
//! are gone, at its place.

use crate::failure;
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyList, PyString};
use ramekin::{Later, Parts, Piece, Reply};

enum Token {
    Simple(usize),
    Error(usize),
    Bulk(usize),
    Int(i64),
    Double(f64),
    Bool(bool),
    Null,
    List(usize),
    Map(usize),
    Later(usize),
}

/// One or more replies, in the order in which they were written.
#[derive(Default)]
pub(crate) struct Tape {
    tokens: Vec<Token>,
    bytes: Vec<u8>,
    left: Vec<Option<Box<dyn Parts>>>,
}

/// Bytes that are kept room for between calls.
const BYTES_KEPT: usize = 1 << 20;

impl Tape {
    /// Forgets what was written.
    pub(crate) fn clear(&mut self) {
        self.tokens.clear();
        self.left.clear();
        self.bytes.clear();
        if self.bytes.capacity() > BYTES_KEPT {
            self.bytes = Vec::new();
        }
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        self.bytes.extend_from_slice(bytes);
        bytes.len()
    }

    /// How much has been written, for [`Tape::back_to`].
    pub(crate) fn mark(&self) -> (usize, usize, usize) {
        (self.tokens.len(), self.bytes.len(), self.left.len())
    }

    /// Forgets what was written since.
    pub(crate) fn back_to(&mut self, (tokens, bytes, left): (usize, usize, usize)) {
        self.tokens.truncate(tokens);
        self.bytes.truncate(bytes);
        self.left.truncate(left);
    }

    /// Writes what was left to be written; without any lock.
    pub(crate) fn complete(&mut self) {
        if self.left.is_empty() {
            return;
        }
        let whole = std::mem::take(self);
        let mut rest = &whole.bytes[..];
        let mut left = whole.left;
        for token in whole.tokens {
            match token {
                Token::Later(at) => {
                    if let Some(mut parts) = left[at].take() {
                        self.expand(&mut *parts);
                    }
                }
                Token::Simple(len) | Token::Error(len) | Token::Bulk(len) => {
                    let (bytes, after) = rest.split_at(len);
                    rest = after;
                    self.bytes.extend_from_slice(bytes);
                    self.tokens.push(token);
                }
                token => self.tokens.push(token),
            }
        }
    }

    fn expand(&mut self, parts: &mut dyn Parts) {
        while parts.left_bytes() > 0 {
            parts.write(&mut |piece| {
                match piece {
                    Piece::Bulk(bytes) => self.bulk(bytes),
                    Piece::Head(len) => {
                        self.bytes.reserve(len);
                        self.tokens.push(Token::Bulk(len));
                    }
                    Piece::Bytes(bytes) => {
                        self.put(bytes);
                    }
                    Piece::End => {}
                }
                true
            });
        }
    }

    /// The replies as Python objects, one after the other.
    pub(crate) fn read(&self) -> Reading<'_> {
        Reading { tokens: self.tokens.iter(), bytes: &self.bytes }
    }
}

impl Later for Tape {
    fn leave(&mut self, parts: Box<dyn Parts>) {
        self.tokens.push(Token::Later(self.left.len()));
        self.left.push(Some(parts));
    }
}

impl Reply for Tape {
    fn resp3(&self) -> bool {
        true
    }
    fn simple(&mut self, text: &str) {
        let len = self.put(text.as_bytes());
        self.tokens.push(Token::Simple(len));
    }
    fn error(&mut self, text: &str) {
        let len = self.put(text.as_bytes());
        self.tokens.push(Token::Error(len));
    }
    fn int(&mut self, value: i64) {
        self.tokens.push(Token::Int(value));
    }
    fn bulk(&mut self, bytes: &[u8]) {
        let len = self.put(bytes);
        self.tokens.push(Token::Bulk(len));
    }
    fn null(&mut self) {
        self.tokens.push(Token::Null);
    }
    fn null_array(&mut self) {
        self.tokens.push(Token::Null);
    }
    fn array(&mut self, len: usize) {
        self.tokens.push(Token::List(len));
    }
    fn map(&mut self, pairs: usize) {
        self.tokens.push(Token::Map(pairs));
    }
    fn set(&mut self, len: usize) {
        self.tokens.push(Token::List(len));
    }
    fn push(&mut self, len: usize) {
        self.tokens.push(Token::List(len));
    }
    fn double(&mut self, value: f64) {
        self.tokens.push(Token::Double(value));
    }
    fn boolean(&mut self, value: bool) {
        self.tokens.push(Token::Bool(value));
    }
    fn verbatim(&mut self, _: &str, text: &[u8]) {
        self.bulk(text);
    }
    fn later(&mut self) -> Option<&mut dyn Later> {
        Some(self)
    }
}

/// Makes objects of what was written.
pub(crate) struct Reading<'t> {
    tokens: std::slice::Iter<'t, Token>,
    bytes: &'t [u8],
}

impl<'t> Reading<'t> {
    fn take(&mut self, len: usize) -> &'t [u8] {
        let (taken, rest) = self.bytes.split_at(len);
        self.bytes = rest;
        taken
    }

    /// The next reply; an error reply is raised.
    pub(crate) fn reply<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(Token::Error(len)) = self.tokens.as_slice().first() {
            self.tokens.next();
            let text = String::from_utf8_lossy(self.take(*len)).into_owned();
            return Err(failure::of_reply(py, &text));
        }
        self.item(py)
    }

    /// The next reply, an error reply as an exception object.
    pub(crate) fn item<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let Some(token) = self.tokens.next() else { return Ok(py.None().into_bound(py)) };
        Ok(match token {
            Token::Bulk(len) => PyBytes::new(py, self.take(*len)).into_any(),
            Token::Simple(len) => PyString::new(py, &String::from_utf8_lossy(self.take(*len))).into_any(),
            Token::Error(len) => failure::reply_object(py, &String::from_utf8_lossy(self.take(*len))),
            Token::Int(value) => value.into_bound_py_any(py)?,
            Token::Double(value) => PyFloat::new(py, *value).into_any(),
            Token::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
            Token::Null | Token::Later(_) => py.None().into_bound(py),
            Token::List(len) => {
                let list = PyList::empty(py);
                for _ in 0..*len {
                    list.append(self.item(py)?)?;
                }
                list.into_any()
            }
            Token::Map(pairs) => {
                let dict = PyDict::new(py);
                for _ in 0..*pairs {
                    let key = self.item(py)?;
                    dict.set_item(key, self.item(py)?)?;
                }
                dict.into_any()
            }
        })
    }
}

/// The reply of a command that answers one byte string, a status, null or an error.
#[derive(Default)]
pub(crate) struct One {
    /// The byte string, up to [`LARGE_BYTES_MIN`].
    pub(crate) bytes: Vec<u8>,
    pub(crate) error: Option<Box<str>>,
    pub(crate) state: State,
}

/// What one reply was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Null,
    /// A byte string that is in [`One::bytes`].
    Bytes,
    /// A longer one, that was not copied.
    Large,
    /// A status.
    Done,
    Error,
}

/// Byte strings from here on are copied while other Python threads run.
pub(crate) const LARGE_BYTES_MIN: usize = 16 << 10;

impl One {
    /// The exception of an error reply.
    #[cold]
    pub(crate) fn raised(&self, py: Python<'_>) -> PyErr {
        failure::of_reply(py, self.error.as_deref().unwrap_or_default())
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.error = None;
        self.state = State::Null;
    }
}

impl Reply for One {
    fn resp3(&self) -> bool {
        true
    }
    fn simple(&mut self, _: &str) {
        self.state = State::Done;
    }
    fn error(&mut self, text: &str) {
        self.error = Some(text.into());
        self.state = State::Error;
    }
    fn bulk(&mut self, bytes: &[u8]) {
        if bytes.len() < LARGE_BYTES_MIN {
            self.bytes.extend_from_slice(bytes);
            self.state = State::Bytes;
        } else {
            self.state = State::Large;
        }
    }
    fn null(&mut self) {
        self.state = State::Null;
    }
    fn null_array(&mut self) {}
    fn int(&mut self, _: i64) {}
    fn array(&mut self, _: usize) {}
    fn map(&mut self, _: usize) {}
    fn set(&mut self, _: usize) {}
    fn push(&mut self, _: usize) {}
    fn double(&mut self, _: f64) {}
    fn boolean(&mut self, _: bool) {}
    fn verbatim(&mut self, _: &str, _: &[u8]) {}
    fn later(&mut self) -> Option<&mut dyn Later> {
        Some(self)
    }
}

impl Later for One {
    fn leave(&mut self, _: Box<dyn Parts>) {
        self.state = State::Large;
    }
}
