//! RESP2, RESP3 and the inline protocol: bytes to commands, replies to bytes, and the client's half of both.
//!
//! Owns: the grammar and its limits. The server decodes with [`Decoder`] into a [`Batch`] and answers with
//! [`Encoder`]; a client writes with [`encode_command`] and reads with [`parse`], [`skip`] or [`Scan`].
//!
//! Must hold: no byte is looked at twice because of how the network cut the stream; memory follows the bytes that
//! were received and never a length that was announced; whatever arrives, nothing panics.
//!
//! Leaves out: sockets, buffers, command names, and what a session does about an error.
#![forbid(unsafe_code)]

mod batch;
mod decode;
mod double;
mod encode;
mod error;
mod inline;
mod number;
mod reply;
mod request;
mod scan;
pub mod shared;

pub use batch::{Batch, Span};
pub use decode::{Decoder, Limits};
pub use double::write_double;
pub use encode::{Encoder, Protocol};
pub use error::ProtocolError;
pub use number::{parse_int, write_int};
pub use reply::{Frame, parse};
pub use request::encode_command;
pub use scan::{Scan, skip};
