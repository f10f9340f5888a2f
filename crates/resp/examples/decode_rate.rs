//! Prints how fast a large pipelined buffer is decoded and its replies are encoded.
//!
//! `cargo run --profile quick -p ramekin-resp --example decode_rate`

use std::hint::black_box;
use std::time::Duration;

use ramekin_resp::{Batch, Decoder, Encoder, Limits, Protocol, Scan, encode_command};

const COMMANDS: usize = 1000;
const ROUNDS: usize = 2000;
const REPEATS: usize = 7;

fn main() {
    let limits = Limits::default();
    for (name, value_len) in [("SET, 3 bytes", 3), ("SET, 64 bytes", 64), ("SET, 200 bytes", 200), ("GET", 0)]
    {
        let input = pipeline(value_len);
        let mut batch = Batch::new();
        let mut buf = input.clone();
        let decoding = best_of(|| {
            let mut decoder = Decoder::new();
            batch.clear();
            decoder.decode(&mut buf, &limits, usize::MAX, &mut batch).expect("the pipeline is well formed");
            assert_eq!(batch.len(), COMMANDS);
        });
        let args = batch.args(0).len();
        print_rate(&format!("decode {name}"), decoding, args);
        // As a server does it: reads of 16 KiB, whole commands dropped from the front.
        let mut read_buf = Vec::new();
        let reading = best_of(|| {
            let (mut decoder, mut commands) = (Decoder::new(), 0);
            read_buf.clear();
            for read in input.chunks(16 * 1024) {
                read_buf.extend_from_slice(read);
                batch.clear();
                decoder.decode(&mut read_buf, &limits, usize::MAX, &mut batch).expect("well formed");
                commands += batch.len();
                let consumed = decoder.boundary();
                read_buf.drain(..consumed);
                decoder.consumed(consumed);
            }
            assert_eq!(commands, COMMANDS);
        });
        print_rate(&format!("decode {name}, 16 KiB reads"), reading, args);
    }
    let value = [b'x'; 64];
    let mut out = Vec::new();
    let encoding = best_of(|| {
        out.clear();
        let mut encoder = Encoder::new(&mut out, Protocol::Resp2);
        for _ in 0..COMMANDS {
            encoder.bulk(black_box(&value));
        }
    });
    print_rate("encode bulk of 64 bytes", encoding, 1);
    let skipping = best_of(|| {
        let (mut at, mut replies) = (0, 0);
        while let Ok(Some(length)) = Scan::new().advance(&out[at..]) {
            at += length;
            replies += 1;
            if at == out.len() {
                break;
            }
        }
        assert_eq!(replies, COMMANDS);
    });
    print_rate("skip bulk of 64 bytes", skipping, 1);
}

/// SETs with values of that length, or GETs if it is 0.
fn pipeline(value_len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let value = vec![b'x'; value_len];
    for i in 0..COMMANDS {
        let key = format!("key:{i:012}");
        match value_len {
            0 => encode_command(&mut out, &[b"GET", key.as_bytes()]),
            _ => encode_command(&mut out, &[b"SET", key.as_bytes(), &value]),
        }
    }
    out
}

/// The best time of one command.
#[expect(clippy::disallowed_methods, reason = "a measurement takes real time")]
fn best_of(mut round: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..REPEATS {
        let start = std::time::Instant::now();
        for _ in 0..ROUNDS {
            round();
        }
        best = best.min(start.elapsed());
    }
    best
}

fn print_rate(name: &str, total: Duration, args: usize) {
    let count = (COMMANDS * ROUNDS) as f64;
    let each_ns = total.as_secs_f64() * 1e9 / count;
    println!(
        "{name:32} {:7.1} M/s  {each_ns:6.1} ns each  {:5.1} ns an argument",
        1e3 / each_ns,
        each_ns / args as f64
    );
}
