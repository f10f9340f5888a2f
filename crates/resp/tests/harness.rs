//! Feeding a decoder as a network would.

use ramekin_resp::{Batch, Decoder, Limits, ProtocolError};

/// Decoded commands, each a list of arguments.
pub(crate) type Commands = Vec<Vec<Vec<u8>>>;

/// Decodes `input` in reads of the given lengths (the last repeats), `max` commands at a time, dropping bytes after each.
pub(crate) fn decode_in_reads(
    input: &[u8],
    reads: &[usize],
    max: usize,
    limits: &Limits,
) -> (Commands, Option<ProtocolError>) {
    let (mut decoder, mut batch) = (Decoder::new(), Batch::new());
    let (mut buf, mut commands) = (Vec::new(), Vec::new());
    let mut sizes = reads.iter().copied().chain(std::iter::repeat(reads.last().copied().unwrap_or(1)));
    let mut rest = input;
    while !rest.is_empty() {
        let (read, behind) = rest.split_at(sizes.next().unwrap_or(1).clamp(1, rest.len()));
        rest = behind;
        buf.extend_from_slice(read);
        loop {
            batch.clear();
            let result = decoder.decode(&mut buf, limits, max, &mut batch);
            for i in 0..batch.len() {
                commands.push(batch.args(i).iter().map(|span| span.of(&buf).to_vec()).collect());
            }
            if let Err(error) = result {
                return (commands, Some(error));
            }
            let consumed = decoder.boundary();
            buf.drain(..consumed);
            decoder.consumed(consumed);
            if batch.len() < max {
                break;
            }
        }
    }
    (commands, None)
}
