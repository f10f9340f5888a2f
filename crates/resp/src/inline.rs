//! A line typed by hand to arguments: words, with quoting.
//!
//! Between double quotes `\n \r \t \b \a \xHH` mean what they do in C, and `\` takes any other character as it is;
//! between single quotes only `\'` is special; quoted parts join what they touch, as in a shell. A `\` before the
//! last character of the line is a plain `\`. All of it as Valkey 9.1 reads it.
//!
//! Must hold: an argument is never longer than its spelling, so that it can be written over it.

use crate::batch::Span;
use crate::error::ProtocolError;

/// Unescapes the arguments of `line` in place and pushes where they lie, counted from `base` before the line.
pub(crate) fn split(line: &mut [u8], base: usize, spans: &mut Vec<Span>) -> Result<(), ProtocolError> {
    let mut read = 0;
    while let Some(skipped) = line[read..].iter().position(|&byte| !is_space(byte)) {
        read += skipped;
        let start = read;
        let mut write = start;
        let mut quote = None;
        while let Some(&byte) = line.get(read) {
            let (value, taken) = match quote {
                None if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => break,
                None if matches!(byte, b'"' | b'\'') => {
                    quote = Some(byte);
                    read += 1;
                    continue;
                }
                None => (byte, 1),
                Some(open) => match escaped(open, &line[read..]) {
                    Some(unescaped) => unescaped,
                    None if byte == open => {
                        quote = None;
                        read += 1;
                        continue;
                    }
                    None => (byte, 1),
                },
            };
            line[write] = value;
            write += 1;
            read += taken;
        }
        if quote.is_some() {
            return Err(ProtocolError::UnbalancedQuotes);
        }
        spans.push(Span { start: base + start, len: write - start });
    }
    Ok(())
}

/// The byte that the escape at the beginning of `rest` means inside the quotes `open`, and the length of the escape.
fn escaped(open: u8, rest: &[u8]) -> Option<(u8, usize)> {
    match *rest {
        [b'\\', b'x', high, low, _, ..]
            if open == b'"'
                && let (Some(high), Some(low)) = (hex(high), hex(low)) =>
        {
            Some((high << 4 | low, 4))
        }
        [b'\\', byte, _, ..] if open == b'"' => {
            let value = match byte {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 0x08,
                b'a' => 0x07,
                other => other,
            };
            Some((value, 2))
        }
        [b'\\', b'\'', _, ..] if open == b'\'' => Some((b'\'', 2)),
        _ => None,
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<Vec<u8>>, ProtocolError> {
        let mut buf = [b"..", line.as_bytes()].concat();
        let mut spans = Vec::new();
        split(&mut buf[2..], 2, &mut spans)?;
        Ok(spans.iter().map(|span| span.of(&buf).to_vec()).collect())
    }

    fn assert_words(line: &str, expected: &[&[u8]]) {
        assert_eq!(words(line).unwrap(), expected, "{line:?}");
    }

    #[test]
    fn words_are_parted_by_white_space_of_any_kind() {
        assert_words("", &[]);
        assert_words(" \t\x0b\x0c\r ", &[]);
        assert_words("  SET  key\tvalue \r", &[b"SET", b"key", b"value"]);
        assert_words("a\rb", &[b"a", b"b"]);
        assert_words("\x0ba\x0bb", &[b"a\x0bb"]);
    }

    #[test]
    fn double_quotes_know_escapes_and_hexadecimal() {
        assert_words(r#""a\x41\xfF\n\r\t\b\a\q\"\\""#, &[b"aA\xff\n\r\t\x08\x07q\"\\"]);
        assert_words(r#""\x4" "\xZZ" "\x""#, &[b"x4", b"xZZ", b"x"]);
        assert_words(r#""" a "" "#, &[b"", b"a", b""]);
    }

    #[test]
    fn single_quotes_know_only_the_escaped_quote() {
        assert_words(r"'a\'b\n\x41'", &[br"a'b\n\x41"]);
    }

    #[test]
    fn quoted_parts_join_what_they_touch() {
        assert_words(r#"a"b c"'d e'f """#, &[b"ab cd ef", b""]);
    }

    #[test]
    fn a_quote_that_is_not_closed_is_an_error() {
        for line in ["\"", "'", "a \"b", "'b\" ", r#""a\" "#, r"'a\' b", r#""a\"#, r"\'a"] {
            assert_eq!(words(line), Err(ProtocolError::UnbalancedQuotes), "{line:?}");
        }
    }

    #[test]
    fn a_backslash_before_the_last_quote_of_the_line_is_plain() {
        assert_words(r"'a\'", &[br"a\"]);
        assert_words(r#"x "a\""#, &[b"x", br"a\"]);
        assert_words(r"a\ \", &[br"a\", br"\"]);
    }
}
