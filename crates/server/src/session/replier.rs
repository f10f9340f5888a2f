//! Replies into the output buffer: the engine's idea of a reply in the protocol's bytes.

use super::streams::{self, Streams};
use ramekin::{Later, Parts, Reply};
use ramekin_resp::Encoder;

/// Writes replies for one client.
pub struct Replier<'a> {
    encoder: Encoder<'a>,
    /// Where long answers are left; none: they are written here and now.
    streams: Option<&'a mut Streams>,
}

impl<'a> Replier<'a> {
    pub(super) fn new(
        out: &'a mut Vec<u8>,
        streams: &'a mut Streams,
        protocol: ramekin_resp::Protocol,
    ) -> Self {
        Self { encoder: Encoder::new(out, protocol), streams: Some(streams) }
    }

    /// One that writes whole replies into bytes that a client is given later.
    pub(super) fn apart(out: &'a mut Vec<u8>, protocol: ramekin_resp::Protocol) -> Self {
        Self { encoder: Encoder::new(out, protocol), streams: None }
    }

    /// Changes the protocol for what follows (HELLO).
    pub fn set_protocol(&mut self, protocol: ramekin_resp::Protocol) {
        self.encoder.protocol = protocol;
    }

    /// Bytes written so far, in the whole buffer.
    pub(crate) fn written(&self) -> usize {
        self.encoder.out.len()
    }

    /// The buffer from this offset on.
    pub(crate) fn since(&self, from: usize) -> &[u8] {
        &self.encoder.out[from..]
    }

    /// Bytes of the replies that begin at this offset, those included that are written later.
    pub(crate) fn replied_bytes(&self, from: usize) -> usize {
        let later = self.streams.as_ref().map_or(0, |streams| streams.left_bytes_from(from));
        (self.encoder.out.len() - from).saturating_add(later)
    }

    /// A big number, as decimal digits.
    pub fn big_number(&mut self, digits: &str) {
        self.encoder.big_number(digits);
    }

    /// Bytes that are a reply already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.encoder.out.extend_from_slice(bytes);
    }
}

impl Reply for Replier<'_> {
    #[inline]
    fn resp3(&self) -> bool {
        self.encoder.protocol == ramekin_resp::Protocol::Resp3
    }
    #[inline]
    fn simple(&mut self, text: &str) {
        self.encoder.simple(text);
    }
    fn error(&mut self, text: &str) {
        self.encoder.error(text);
    }
    #[inline]
    fn int(&mut self, value: i64) {
        self.encoder.int(value);
    }
    #[inline]
    fn bulk(&mut self, bytes: &[u8]) {
        self.encoder.bulk(bytes);
    }
    fn bulk_pieces(&mut self, len: usize, pieces: &mut dyn Iterator<Item = &[u8]>) {
        self.encoder.bulk_pieces(len, pieces);
    }
    #[inline]
    fn null(&mut self) {
        self.encoder.null();
    }
    fn null_array(&mut self) {
        self.encoder.null_array();
    }
    #[inline]
    fn array(&mut self, len: usize) {
        self.encoder.array(len);
    }
    fn map(&mut self, pairs: usize) {
        self.encoder.map(pairs);
    }
    fn set(&mut self, len: usize) {
        self.encoder.set(len);
    }
    fn push(&mut self, len: usize) {
        self.encoder.push(len);
    }
    fn double(&mut self, value: f64) {
        self.encoder.double(value);
    }
    fn boolean(&mut self, value: bool) {
        self.encoder.boolean(value);
    }
    fn verbatim(&mut self, format: &str, text: &[u8]) {
        self.encoder.verbatim(format, text);
    }
    fn later(&mut self) -> Option<&mut dyn Later> {
        if self.streams.is_some() { Some(self) } else { None }
    }
    #[inline]
    fn ok(&mut self) {
        self.encoder.out.extend_from_slice(ramekin_resp::shared::OK);
    }
}

impl Later for Replier<'_> {
    fn leave(&mut self, mut parts: Box<dyn Parts>) {
        // A reply begins with bytes of its own: a gate stands before them.
        streams::encode(&mut *parts, 1, self.encoder.out);
        if let Some(streams) = &mut self.streams {
            streams.push(self.encoder.out.len(), parts);
        }
    }
}
