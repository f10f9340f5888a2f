//! What one side writes, the other reads.

use proptest::collection::vec;
use proptest::prelude::*;
use ramekin_resp::{Encoder, Frame, Limits, Protocol, Scan, encode_command, parse};

use crate::harness::{Commands, decode_in_reads};

fn argument() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), 0..24),
        1 => vec(any::<u8>(), 90..1100),
        1 => Just(b"\r\n$1\r\n*1\r\n".to_vec()),
    ]
}

fn commands() -> impl Strategy<Value = Commands> {
    vec(vec(argument(), 1..14), 0..24)
}

fn encoded(commands: &Commands) -> Vec<u8> {
    let mut out = Vec::new();
    for command in commands {
        encode_command(&mut out, &command.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    out
}

fn frame() -> impl Strategy<Value = Frame> {
    let leaf = prop_oneof![
        "[ -~]{0,20}".prop_map(|text| Frame::Simple(text.into_bytes())),
        "[ -~]{0,20}".prop_map(|text| Frame::Error(text.into_bytes())),
        any::<i64>().prop_map(Frame::Int),
        argument().prop_map(Frame::Bulk),
        Just(Frame::Null),
        any::<f64>().prop_filter("NaN is not equal to itself", |d| !d.is_nan()).prop_map(Frame::Double),
        any::<bool>().prop_map(Frame::Bool),
        argument().prop_map(|text| Frame::Verbatim(*b"txt", text)),
        "-?[0-9]{1,40}".prop_map(Frame::BigNumber),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Frame::Array),
            vec(inner.clone(), 0..8).prop_map(Frame::Set),
            vec(inner.clone(), 0..8).prop_map(Frame::Push),
            vec((inner.clone(), inner), 0..8).prop_map(Frame::Map),
        ]
    })
}

fn encode(encoder: &mut Encoder<'_>, frame: &Frame) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the strategies make text of ASCII");
    match frame {
        Frame::Simple(status) => encoder.simple(&text(status)),
        Frame::Error(error) => encoder.error(&text(error)),
        Frame::Int(value) => encoder.int(*value),
        Frame::Bulk(bytes) => encoder.bulk(bytes),
        Frame::Null => encoder.null(),
        Frame::Double(value) => encoder.double(*value),
        Frame::Bool(value) => encoder.boolean(*value),
        Frame::Verbatim(format, bytes) => encoder.verbatim(&text(format), bytes),
        Frame::BigNumber(digits) => encoder.big_number(digits),
        Frame::Array(items) => {
            encoder.array(items.len());
            items.iter().for_each(|item| encode(encoder, item));
        }
        Frame::Set(items) => {
            encoder.set(items.len());
            items.iter().for_each(|item| encode(encoder, item));
        }
        Frame::Push(items) => {
            encoder.push(items.len());
            items.iter().for_each(|item| encode(encoder, item));
        }
        Frame::Map(pairs) => {
            encoder.map(pairs.len());
            for (key, value) in pairs {
                encode(encoder, key);
                encode(encoder, value);
            }
        }
    }
}

proptest! {
    #[test]
    fn commands_arrive_as_sent_however_the_stream_is_cut(
        commands in commands(),
        reads in vec(1..300_usize, 1..40),
        max in 1..8_usize,
    ) {
        let decoded = decode_in_reads(&encoded(&commands), &reads, max, &Limits::default());
        prop_assert_eq!(decoded, (commands, None));
    }

    #[test]
    fn commands_arrive_as_sent_byte_by_byte(commands in commands()) {
        let decoded = decode_in_reads(&encoded(&commands), &[1], usize::MAX, &Limits::default());
        prop_assert_eq!(decoded, (commands, None));
    }

    #[test]
    fn inline_arguments_in_quotes_arrive_as_meant(words in vec(vec(any::<u8>(), 0..12), 1..6)) {
        let mut line = Vec::new();
        for word in &words {
            line.extend_from_slice(b" \"");
            for byte in word {
                line.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
            }
            line.push(b'"');
        }
        line.extend_from_slice(b"\r\n");
        let decoded = decode_in_reads(&line, &[7], usize::MAX, &Limits::default());
        prop_assert_eq!(decoded, (vec![words], None));
    }

    #[test]
    fn replies_of_resp3_arrive_as_sent(frame in frame(), rest in vec(any::<u8>(), 0..4)) {
        let mut out = Vec::new();
        encode(&mut Encoder::new(&mut out, Protocol::Resp3), &frame);
        let length = out.len();
        for cut in 0..length {
            prop_assert_eq!(parse(&out[..cut]), Ok(None));
        }
        out.extend_from_slice(&rest);
        prop_assert_eq!(parse(&out), Ok(Some((frame, length))));
        prop_assert_eq!(Scan::new().advance(&out), Ok(Some(length)));
    }

    #[test]
    fn replies_of_resp2_hold_only_what_resp2_knows(frame in frame()) {
        let mut out = Vec::new();
        encode(&mut Encoder::new(&mut out, Protocol::Resp2), &frame);
        let (read, length) = parse(&out).unwrap().unwrap();
        prop_assert_eq!(length, out.len());
        prop_assert!(is_resp2(&read), "{:?}", read);
    }
}

fn is_resp2(frame: &Frame) -> bool {
    match frame {
        Frame::Simple(_) | Frame::Error(_) | Frame::Int(_) | Frame::Bulk(_) | Frame::Null => true,
        Frame::Array(items) => items.iter().all(is_resp2),
        _ => false,
    }
}
