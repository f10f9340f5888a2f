//! What a command answers, apart from how it travels.
//!
//! Owns the trait that command handlers write to, and a tree that collects an answer for embedders. A protocol implements
//! the trait and does its own downgrades (a map becomes an array in RESP2); a handler asks [`Reply::resp3`] only where the
//! two protocols differ in structure.

mod parts;

pub use parts::{Later, PIECE_BYTES_MAX, Parts, Piece};

/// Takes one reply, piece by piece. An aggregate announces its length and is followed by that many replies.
pub trait Reply {
    /// True if the peer speaks RESP3.
    fn resp3(&self) -> bool;
    /// A status such as `OK`.
    fn simple(&mut self, text: &str);
    /// An error: its code in capitals, a space, and a sentence.
    fn error(&mut self, text: &str);
    /// An integer.
    fn int(&mut self, value: i64);
    /// A byte string.
    fn bulk(&mut self, bytes: &[u8]);
    /// A byte string of this length, in pieces.
    fn bulk_pieces(&mut self, len: usize, pieces: &mut dyn Iterator<Item = &[u8]>) {
        let mut bytes = Vec::with_capacity(len);
        pieces.for_each(|piece| bytes.extend_from_slice(piece));
        self.bulk(&bytes);
    }
    /// The absence of a value.
    fn null(&mut self);
    /// The absence of an array (differs from `null` in RESP2 only).
    fn null_array(&mut self);
    /// An array of `len` replies.
    fn array(&mut self, len: usize);
    /// A map of `pairs` keys, each followed by its value.
    fn map(&mut self, pairs: usize);
    /// A set of `len` replies.
    fn set(&mut self, len: usize);
    /// An out-of-band message of `len` replies.
    fn push(&mut self, len: usize);
    /// A floating-point number.
    fn double(&mut self, value: f64);
    /// A truth value.
    fn boolean(&mut self, value: bool);
    /// Text for people, with its format in three letters (`txt`, `mkd`).
    fn verbatim(&mut self, format: &str, text: &[u8]);

    /// Where an answer of many bytes can be left to be written later, in parts; none: it is written here and now.
    fn later(&mut self) -> Option<&mut dyn Later> {
        None
    }

    /// The status `OK`.
    fn ok(&mut self) {
        self.simple("OK");
    }

    /// A length or count.
    fn count(&mut self, count: usize) {
        self.int(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A byte string, or null.
    fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }
}

/// One whole answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// A status such as `OK`.
    Simple(String),
    /// An error reply.
    Error(String),
    /// An integer.
    Int(i64),
    /// A byte string.
    Bulk(Vec<u8>),
    /// No value.
    Null,
    /// No array.
    NullArray,
    /// An array.
    Array(Vec<Response>),
    /// Keys and values.
    Map(Vec<(Response, Response)>),
    /// A set.
    Set(Vec<Response>),
    /// An out-of-band message.
    Push(Vec<Response>),
    /// A floating-point number.
    Double(f64),
    /// A truth value.
    Boolean(bool),
    /// Text and its format.
    Verbatim(String, Vec<u8>),
}

impl Response {
    /// Writes this answer to another sink.
    pub fn write_to(&self, out: &mut dyn Reply) {
        match self {
            Response::Simple(text) => out.simple(text),
            Response::Error(text) => out.error(text),
            Response::Int(value) => out.int(*value),
            Response::Bulk(bytes) => out.bulk(bytes),
            Response::Null => out.null(),
            Response::NullArray => out.null_array(),
            Response::Array(items) => {
                out.array(items.len());
                items.iter().for_each(|item| item.write_to(out));
            }
            Response::Set(items) => {
                out.set(items.len());
                items.iter().for_each(|item| item.write_to(out));
            }
            Response::Push(items) => {
                out.push(items.len());
                items.iter().for_each(|item| item.write_to(out));
            }
            Response::Map(pairs) => {
                out.map(pairs.len());
                for (key, value) in pairs {
                    key.write_to(out);
                    value.write_to(out);
                }
            }
            Response::Double(value) => out.double(*value),
            Response::Boolean(value) => out.boolean(*value),
            Response::Verbatim(format, text) => out.verbatim(format, text),
        }
    }
}

/// Collects replies into trees.
#[derive(Default)]
pub struct Collector {
    resp2: bool,
    done: Vec<Response>,
    /// Aggregates that wait for more items: what they are, how many more, what they have.
    open: Vec<(Shape, usize, Vec<Response>)>,
}

enum Shape {
    Array,
    Map,
    Set,
    Push,
}

impl Collector {
    /// An empty collector.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A collector that answers handlers as a peer of this protocol would.
    #[must_use]
    pub fn for_protocol(resp3: bool) -> Self {
        Self { resp2: !resp3, ..Self::default() }
    }

    /// The first whole reply; none if nothing was written.
    #[must_use]
    pub fn into_response(self) -> Option<Response> {
        self.done.into_iter().next()
    }

    fn item(&mut self, item: Response) {
        let mut item = item;
        while let Some((_, missing, items)) = self.open.last_mut() {
            items.push(item);
            *missing -= 1;
            if *missing > 0 {
                return;
            }
            let Some((shape, _, items)) = self.open.pop() else { return };
            item = shape.close(items);
        }
        self.done.push(item);
    }

    fn begin(&mut self, shape: Shape, items: usize) {
        if items == 0 {
            self.item(shape.close(Vec::new()));
        } else {
            self.open.push((shape, items, Vec::new()));
        }
    }
}

impl Shape {
    fn close(self, items: Vec<Response>) -> Response {
        match self {
            Shape::Array => Response::Array(items),
            Shape::Set => Response::Set(items),
            Shape::Push => Response::Push(items),
            Shape::Map => {
                let mut items = items.into_iter();
                let mut pairs = Vec::new();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    pairs.push((key, value));
                }
                Response::Map(pairs)
            }
        }
    }
}

impl Reply for Collector {
    fn resp3(&self) -> bool {
        !self.resp2
    }
    fn simple(&mut self, text: &str) {
        self.item(Response::Simple(text.to_owned()));
    }
    fn error(&mut self, text: &str) {
        self.item(Response::Error(text.to_owned()));
    }
    fn int(&mut self, value: i64) {
        self.item(Response::Int(value));
    }
    fn bulk(&mut self, bytes: &[u8]) {
        self.item(Response::Bulk(bytes.to_vec()));
    }
    fn null(&mut self) {
        self.item(Response::Null);
    }
    fn null_array(&mut self) {
        self.item(Response::NullArray);
    }
    fn array(&mut self, len: usize) {
        self.begin(Shape::Array, len);
    }
    fn map(&mut self, pairs: usize) {
        self.begin(Shape::Map, pairs * 2);
    }
    fn set(&mut self, len: usize) {
        self.begin(Shape::Set, len);
    }
    fn push(&mut self, len: usize) {
        self.begin(Shape::Push, len);
    }
    fn double(&mut self, value: f64) {
        self.item(Response::Double(value));
    }
    fn boolean(&mut self, value: bool) {
        self.item(Response::Boolean(value));
    }
    fn verbatim(&mut self, format: &str, text: &[u8]) {
        self.item(Response::Verbatim(format.to_owned(), text.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_replies_are_collected_as_they_were_written() {
        let tree = Response::Array(vec![
            Response::Map(vec![(Response::Bulk(b"k".to_vec()), Response::Array(vec![]))]),
            Response::Set(vec![Response::Int(1), Response::Null]),
            Response::Simple("OK".into()),
        ]);
        let mut collector = Collector::new();
        tree.write_to(&mut collector);
        assert_eq!(collector.into_response(), Some(tree));
    }
}
