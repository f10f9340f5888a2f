//! Words of a configuration line, with the quoting of redis.conf, both ways.
//!
//! Double quotes take `\n \r \t \b \a`, `\xHH` and `\` before anything else; single quotes take only `\'`. A closing
//! quote must end its word.

/// The words of a line with the quoting of redis.conf, or `None` where the quotes are not balanced.
#[must_use]
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(words);
        }
        let (word, after) = match rest[0] {
            b'"' => double_quoted(&rest[1..])?,
            b'\'' => single_quoted(&rest[1..])?,
            _ => bare(rest)?,
        };
        words.push(word);
        rest = after;
    }
}

/// A word as it stands in a line: bare where it can be, else in double quotes.
pub(super) fn quote(word: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\' | b'#');
    if !word.is_empty() && word.iter().all(plain) {
        return word.to_vec();
    }
    let mut out = vec![b'"'];
    for &byte in word {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            b' ' => out.push(byte),
            _ if byte.is_ascii_graphic() => out.push(byte),
            _ => out.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    out.push(b'"');
    out
}

type Word<'a> = (Vec<u8>, &'a [u8]);

/// A word without quotes at its start; a quote within it opens a quoted part that ends the word.
fn bare(line: &[u8]) -> Option<Word<'_>> {
    let end = line.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | 0));
    let end = end.unwrap_or(line.len());
    let mut word = line[..end].to_vec();
    let rest = &line[end..];
    match rest.first() {
        Some(b'"') => {
            let (quoted, rest) = double_quoted(&rest[1..])?;
            word.extend(quoted);
            Some((word, rest))
        }
        Some(b'\'') => {
            let (quoted, rest) = single_quoted(&rest[1..])?;
            word.extend(quoted);
            Some((word, rest))
        }
        Some(0) => Some((word, &[])),
        _ => Some((word, rest)),
    }
}

fn double_quoted(line: &[u8]) -> Option<Word<'_>> {
    let mut word = Vec::new();
    let mut at = 0;
    loop {
        match (*line.get(at)?, &line[at + 1..]) {
            (b'\\', [b'x', high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) << 4 | hex(*low));
                at += 4;
            }
            (b'\\', [escaped, ..]) => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                at += 2;
            }
            (b'"', rest) => return ends_word(rest).then_some((word, rest)),
            (byte, _) => {
                word.push(byte);
                at += 1;
            }
        }
    }
}

fn single_quoted(line: &[u8]) -> Option<Word<'_>> {
    let mut word = Vec::new();
    let mut at = 0;
    loop {
        match (*line.get(at)?, &line[at + 1..]) {
            (b'\\', [b'\'', ..]) => {
                word.push(b'\'');
                at += 2;
            }
            (b'\'', rest) => return ends_word(rest).then_some((word, rest)),
            (byte, _) => {
                word.push(byte);
                at += 1;
            }
        }
    }
}

fn ends_word(rest: &[u8]) -> bool {
    rest.first().is_none_or(u8::is_ascii_whitespace)
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::{quote, split};
    use proptest::prelude::*;

    fn words(line: &str) -> Option<Vec<String>> {
        split(line.as_bytes())
            .map(|words| words.into_iter().map(|word| word.into_iter().map(char::from).collect()).collect())
    }

    #[test]
    fn quotes_and_escapes_are_read_as_in_redis_conf() {
        assert_eq!(
            words(r#"requirepass "a b\x41\n\"""#),
            Some(vec!["requirepass".into(), "a bA\n\"".into()])
        );
        assert_eq!(words(r"save 'it\'s \n'"), Some(vec!["save".into(), r"it's \n".into()]));
        assert_eq!(words("  save\t900   1 "), Some(vec!["save".into(), "900".into(), "1".into()]));
        assert_eq!(words(r#"save """#), Some(vec!["save".into(), String::new()]));
        assert_eq!(words(r#"a"b c""#), Some(vec!["ab c".into()]));
        assert_eq!(words(""), Some(vec![]));
    }

    #[test]
    fn quotes_that_do_not_close_or_do_not_end_a_word_are_refused() {
        for line in [r#"maxclients "abc"#, "a 'b", r#"a "b"c"#, "a 'b'c", r#"a "b\"#] {
            assert_eq!(words(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_word_survives_being_quoted(word in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(split(&quote(&word)), Some(vec![word]));
        }

        #[test]
        fn any_line_is_split_or_refused(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = split(&line);
        }
    }
}
