//! Arbitrary bytes to the decoder, whole and in reads as the input says, and to the client's parser.
//!
//! `cargo +nightly fuzz run resp_decode`
#![no_main]

use libfuzzer_sys::fuzz_target;
use ramekin_resp::{Batch, Decoder, Limits, ProtocolError, Scan, parse, skip};

const LIMITS: Limits = Limits { bulk_bytes_max: 1000, args_max: 100, inline_bytes_max: 200, authenticated: true };

type Commands = Vec<Vec<Vec<u8>>>;

fuzz_target!(|input: &[u8]| {
    let whole = decode(input, input.len().max(1));
    let step = input.first().map_or(1, |&byte| usize::from(byte) % 16 + 1);
    assert_eq!(decode(input, step), whole, "the cut makes no difference");

    let scanned = Scan::new().advance(input);
    assert_eq!(skip(input), scanned.ok().flatten());
    if let Ok(parsed) = parse(input) {
        assert_eq!(Ok(parsed.map(|(_, length)| length)), scanned);
    }
});

/// Decodes `input` in reads of `step` bytes.
fn decode(input: &[u8], step: usize) -> (Commands, Option<ProtocolError>) {
    let (mut decoder, mut batch) = (Decoder::new(), Batch::new());
    let (mut buf, mut commands) = (Vec::new(), Vec::new());
    for read in input.chunks(step) {
        buf.extend_from_slice(read);
        batch.clear();
        let result = decoder.decode(&mut buf, &LIMITS, usize::MAX, &mut batch);
        for i in 0..batch.len() {
            commands.push(batch.args(i).iter().map(|span| span.of(&buf).to_vec()).collect());
        }
        if let Err(error) = result {
            return (commands, Some(error));
        }
        let consumed = decoder.boundary();
        buf.drain(..consumed);
        decoder.consumed(consumed);
    }
    (commands, None)
}
