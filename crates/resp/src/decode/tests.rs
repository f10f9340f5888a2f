//! The decoder on hand-made input. Expected errors are what Valkey 9.1 answers to the same bytes.

use super::*;

/// Decodes `input` as one read and answers the commands, joined by spaces, and how it ended.
fn decode(input: &[u8], limits: &Limits) -> (Vec<String>, Result<(), ProtocolError>) {
    let mut buf = input.to_vec();
    let mut batch = Batch::new();
    let result = Decoder::new().decode(&mut buf, limits, usize::MAX, &mut batch);
    (texts(&batch, &buf), result)
}

/// The same, one byte a read, consuming what can be consumed.
fn decode_trickled(input: &[u8], limits: &Limits) -> (Vec<String>, Result<(), ProtocolError>) {
    let mut decoder = Decoder::new();
    let (mut buf, mut batch, mut commands) = (Vec::new(), Batch::new(), Vec::new());
    for &byte in input {
        buf.push(byte);
        let result = decoder.decode(&mut buf, limits, usize::MAX, &mut batch);
        commands.extend(texts(&batch, &buf));
        if result.is_err() {
            return (commands, result);
        }
        let consumed = decoder.boundary();
        buf.drain(..consumed);
        decoder.consumed(consumed);
        batch.clear();
    }
    (commands, Ok(()))
}

fn texts(batch: &Batch, buf: &[u8]) -> Vec<String> {
    let text = |span: &Span| String::from_utf8_lossy(span.of(buf)).into_owned();
    (0..batch.len()).map(|i| batch.args(i).iter().map(text).collect::<Vec<_>>().join(" ")).collect()
}

fn assert_decodes(input: &[u8], limits: &Limits, commands: &[&str], result: Result<(), ProtocolError>) {
    let shown = String::from_utf8_lossy(&input[..input.len().min(80)]);
    let expected = (commands.iter().map(|&text| text.to_owned()).collect(), result);
    assert_eq!(decode(input, limits), expected, "{shown:?}");
    assert_eq!(decode_trickled(input, limits), expected, "{shown:?} byte by byte");
}

#[test]
fn pipelined_commands_of_both_forms_are_decoded_in_order() {
    let input = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n*1\r\n$4\r\nQUIT\r\nset k \"v w\"\n*3\r\n$1\r\na\r\n$0\r\n\r\n$12\r\n0123456789\r\n\r\n";
    assert_decodes(
        input,
        &Limits::default(),
        &["GET a", "PING", "QUIT", "set k v w", "a  0123456789\r\n"],
        Ok(()),
    );
}

#[test]
fn empty_lines_and_commands_of_no_arguments_are_skipped() {
    let input = b"\r\n\n  \r\n*0\r\n*-1\r\n*-5\r\n\r\r\nPING\r\n";
    assert_decodes(input, &Limits::default(), &["PING"], Ok(()));
}

#[test]
fn no_byte_of_an_inline_word_is_lost() {
    let mut buf: Vec<u8> = (0..=255).filter(|byte| !b"\t\n\r \"'*".contains(byte)).collect();
    let word = buf.clone();
    buf.push(b'\n');
    let mut batch = Batch::new();
    Decoder::new().decode(&mut buf, &Limits::default(), 9, &mut batch).unwrap();
    assert_eq!(batch.args(0).iter().map(|span| span.of(&buf)).collect::<Vec<_>>(), [word]);
}

#[test]
fn an_incomplete_command_is_neither_answered_nor_refused() {
    let whole = b"*2\r\n$4\r\nECHO\r\n$100\r\n".iter().copied().chain([b'x'; 100]).chain(*b"\r\n");
    let whole: Vec<u8> = whole.collect();
    for cut in 0..whole.len() {
        assert_eq!(decode(&whole[..cut], &Limits::default()), (vec![], Ok(())), "cut at {cut}");
    }
    assert_eq!(decode(&whole, &Limits::default()).0.len(), 1);
}

#[test]
fn a_broken_length_is_named_as_valkey_names_it() {
    use ProtocolError::*;
    let cases: [(&[u8], ProtocolError); 24] = [
        (b"*\r\n", InvalidMultibulkLength),
        (b"*01\r\n", InvalidMultibulkLength),
        (b"*-0\r\n", InvalidMultibulkLength),
        (b"*+1\r\n", InvalidMultibulkLength),
        (b"*1x\r\n", InvalidMultibulkLength),
        (b"*99999999999999999999\r\n", InvalidMultibulkLength),
        (b"*1048577\r\n", InvalidMultibulkLength),
        (b"*1\r\n$\r\n", InvalidBulkLength),
        (b"*1\r\n$-1\r\n", InvalidBulkLength),
        (b"*1\r\n$04\r\n", InvalidBulkLength),
        (b"*1\r\n$00\r\n", InvalidBulkLength),
        (b"*1\r\n$4x\r\n", InvalidBulkLength),
        (b"*1\r\n$536870913\r\n", InvalidBulkLength),
        (b"*1\r\nx\r\n", ExpectedBulk(b'x')),
        (b"*1\r\nx\rx", ExpectedBulk(b'x')),
        (b"*1\r\n\xff\r\n", ExpectedBulk(0xff)),
        (b"*1\r\n\r\n", ExpectedBulk(b'\r')),
        (b"*1\r\n\n\r\n", ExpectedBulk(b'\n')),
        (b"*1\rx", InvalidCrlf),
        (b"*a\rx", InvalidCrlf),
        (b"*1\r\n$4\rx", InvalidCrlf),
        (b"*1\r\n$4\r\nPINGxx", InvalidCrlf),
        (b"*1\r\n$4\r\nPING\n\n", InvalidCrlf),
        (b"*1\r\n$4\r\nPING\rx", InvalidCrlf),
    ];
    for (input, error) in cases {
        assert_decodes(input, &Limits::default(), &[], Err(error));
    }
    assert_decodes(b"ECHO \"\n", &Limits::default(), &[], Err(UnbalancedQuotes));
}

#[test]
fn a_line_without_end_is_refused_at_its_limit() {
    let limits = Limits { inline_bytes_max: 100, ..Limits::default() };
    let long = |prefix: &str, filler: &str| [prefix, &filler.repeat(101)].concat().into_bytes();
    assert_decodes(&long("", "P"), &limits, &[], Err(ProtocolError::TooBigInline));
    assert_decodes(&long("*", "1"), &limits, &[], Err(ProtocolError::TooBigMultibulkCount));
    assert_decodes(&long("*1\r\n$", "1"), &limits, &[], Err(ProtocolError::TooBigBulkCount));
    assert_decodes(&long("*1\r\n", "x"), &limits, &[], Err(ProtocolError::TooBigBulkCount));
    let longest = "P".repeat(100);
    assert_decodes(format!("{longest}\n").as_bytes(), &limits, &[&longest], Ok(()));
    assert_decodes(format!("{longest}P\n").as_bytes(), &limits, &[], Err(ProtocolError::TooBigInline));
}

#[test]
fn who_has_not_authenticated_may_send_ten_arguments_of_16_kib() {
    let limits = Limits { authenticated: false, ..Limits::default() };
    assert_decodes(b"*11\r\n", &limits, &[], Err(ProtocolError::UnauthenticatedMultibulkLength));
    assert_decodes(b"*1\r\n$16385\r\n", &limits, &[], Err(ProtocolError::UnauthenticatedBulkLength));
    assert_decodes(b"*2000000\r\n", &limits, &[], Err(ProtocolError::InvalidMultibulkLength));
    assert_decodes(b"*1\r\n$536870913\r\n", &limits, &[], Err(ProtocolError::InvalidBulkLength));
    assert_decodes(b"*10\r\n$16384\r\n", &limits, &[], Ok(()));
    assert_decodes(b"a b c d e f g h i j k l\n", &limits, &["a b c d e f g h i j k l"], Ok(()));
}

#[test]
fn the_limits_on_short_arguments_hold_on_the_fast_path_too() {
    let limits = Limits { bulk_bytes_max: 11, args_max: 2, ..Limits::default() };
    assert_decodes(b"*1\r\n$12\r\n", &limits, &[], Err(ProtocolError::InvalidBulkLength));
    assert_decodes(b"*3\r\n", &limits, &[], Err(ProtocolError::InvalidMultibulkLength));
    let limits = Limits { bulk_bytes_max: 3, ..limits };
    assert_decodes(b"*1\r\n$4\r\n", &limits, &[], Err(ProtocolError::InvalidBulkLength));
}

#[test]
fn commands_before_an_error_are_kept_and_the_error_is_the_last_word() {
    let mut buf = b"PING\r\n*2\r\n$1\r\na\r\n$-1\r\nPING\r\n".to_vec();
    let (mut decoder, mut batch) = (Decoder::new(), Batch::new());
    let error = Err(ProtocolError::InvalidBulkLength);
    assert_eq!(decoder.decode(&mut buf, &Limits::default(), 9, &mut batch), error);
    assert_eq!(texts(&batch, &buf), ["PING"]);
    assert_eq!(batch.end_byte(0), 6);
    assert_eq!(decoder.decode(&mut buf, &Limits::default(), 9, &mut batch), error);
    assert_eq!(texts(&batch, &buf), ["PING"]);
}

#[test]
fn decoding_stops_at_the_maximum_and_goes_on_behind_it() {
    let mut buf = b"*1\r\n$1\r\na\r\nb\r\n*1\r\n$1\r\nc\r\n".to_vec();
    let (mut decoder, mut batch) = (Decoder::new(), Batch::new());
    decoder.decode(&mut buf, &Limits::default(), 1, &mut batch).unwrap();
    assert_eq!(texts(&batch, &buf), ["a"]);
    decoder.decode(&mut buf, &Limits::default(), 1, &mut batch).unwrap();
    assert_eq!(texts(&batch, &buf), ["a", "b"]);
    assert_eq!((batch.end_byte(0), batch.end_byte(1)), (11, 14));
    buf.drain(..14);
    decoder.consumed(14);
    batch.clear();
    decoder.decode(&mut buf, &Limits::default(), 1, &mut batch).unwrap();
    assert_eq!(texts(&batch, &buf), ["c"]);
}

#[test]
fn a_command_in_progress_survives_the_consumption_of_those_before_it() {
    let mut buf = b"PING\r\n*3\r\n$1\r\na\r\n$1\r\nb\r\n$2\r\nc".to_vec();
    let (mut decoder, mut batch) = (Decoder::new(), Batch::new());
    decoder.decode(&mut buf, &Limits::default(), 9, &mut batch).unwrap();
    assert_eq!((texts(&batch, &buf), decoder.boundary()), (vec!["PING".to_owned()], 6));
    buf.drain(..6);
    decoder.consumed(6);
    batch.clear();
    buf.extend_from_slice(b"d\r\n");
    decoder.decode(&mut buf, &Limits::default(), 9, &mut batch).unwrap();
    assert_eq!(texts(&batch, &buf), ["a b cd"]);
}

#[test]
fn the_bytes_that_an_announced_argument_lacks_are_known() {
    let mut buf = b"*1\r\n$100000\r\nabc".to_vec();
    let (mut decoder, mut batch) = (Decoder::new(), Batch::new());
    decoder.decode(&mut buf, &Limits::default(), 9, &mut batch).unwrap();
    assert_eq!(decoder.needs(), 99_999);
    buf.resize(buf.len() + 99_997, b'x');
    decoder.decode(&mut buf, &Limits::default(), 9, &mut batch).unwrap();
    assert_eq!(decoder.needs(), 2);
    buf.extend_from_slice(b"\r\n");
    decoder.decode(&mut buf, &Limits::default(), 9, &mut batch).unwrap();
    assert_eq!((decoder.needs(), batch.len()), (0, 1));
}

#[test]
fn a_million_arguments_in_small_reads_take_linear_work_and_leave_no_memory_behind() {
    const ARGS: usize = 1_000_000;
    let mut input = format!("*{ARGS}\r\n").into_bytes();
    for _ in 0..ARGS {
        input.extend_from_slice(b"$1\r\nx\r\n");
    }
    let (mut decoder, mut batch) = (Decoder::new(), Batch::new());
    // Were the command scanned from its start at each read, this would look at 25 billion bytes.
    for end in (1024..input.len() + 1024).step_by(1024) {
        let end = end.min(input.len());
        decoder.decode(&mut input[..end], &Limits::default(), 9, &mut batch).unwrap();
        assert!(end - decoder.at < 16, "the next read goes on where this one stopped");
        assert!(decoder.partial.capacity() <= 2 * end, "memory follows what was received");
    }
    assert_eq!(batch.args(0).len(), ARGS);
    assert!(decoder.partial.capacity() <= SPANS_KEPT_MAX);
}

#[test]
fn an_announced_count_allocates_nothing() {
    let mut decoder = Decoder::new();
    let mut batch = Batch::new();
    decoder.decode(&mut b"*1000000\r\n$1\r\nx\r\n".to_vec(), &Limits::default(), 9, &mut batch).unwrap();
    assert!(decoder.partial.capacity() + batch.spans.capacity() < 16);
}

#[test]
#[should_panic(expected = "not decoded yet")]
fn dropping_bytes_of_a_command_in_progress_is_a_broken_promise() {
    let mut decoder = Decoder::new();
    decoder.decode(&mut b"*1\r\n".to_vec(), &Limits::default(), 9, &mut Batch::new()).unwrap();
    decoder.consumed(1);
}
