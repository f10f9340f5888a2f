//! JSON in a form in which equal values are equal texts.
//!
//! What a store may change about a record is what jsonb may: space, the order of keys, and which of two equal keys is last.
//! Numbers are compared as they are written: the suite has none that could be written in another way. The texts are the
//! suite's own or come from a store that is judged, so what is not JSON is `None`.

use std::collections::BTreeMap;

/// The normal form of a JSON text.
pub(super) fn normal(text: &str) -> Option<String> {
    let mut rest = text.trim_start();
    let value = value(&mut rest)?;
    rest.trim_start().is_empty().then_some(value)
}

fn value(rest: &mut &str) -> Option<String> {
    *rest = rest.trim_start();
    match rest.bytes().next()? {
        b'{' => object(rest),
        b'[' => {
            let mut items = Vec::new();
            list(rest, '[', ']', |rest| {
                items.push(value(rest)?);
                Some(())
            })?;
            Some(format!("[{}]", items.join(",")))
        }
        b'"' => string(rest).map(|text| format!("{text:?}")),
        _ => {
            let end = rest.find(|letter: char| ",]} \n\r\t".contains(letter)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            *rest = after;
            let is_number = word.starts_with(|letter: char| letter == '-' || letter.is_ascii_digit());
            (is_number || matches!(word, "true" | "false" | "null")).then(|| word.to_owned())
        }
    }
}

fn object(rest: &mut &str) -> Option<String> {
    let mut fields = BTreeMap::new();
    list(rest, '{', '}', |rest| {
        *rest = rest.trim_start();
        let key = string(rest)?;
        *rest = rest.trim_start().strip_prefix(':')?;
        fields.insert(key, value(rest)?);
        Some(())
    })?;
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
    Some(format!("{{{}}}", fields.join(",")))
}

/// What stands between two brackets, with commas.
fn list(
    rest: &mut &str,
    open: char,
    close: char,
    mut item: impl FnMut(&mut &str) -> Option<()>,
) -> Option<()> {
    *rest = rest.strip_prefix(open)?.trim_start();
    if let Some(after) = rest.strip_prefix(close) {
        *rest = after;
        return Some(());
    }
    loop {
        item(rest)?;
        *rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(close) {
            *rest = after;
            return Some(());
        }
        *rest = rest.strip_prefix(',')?;
    }
}

fn string(rest: &mut &str) -> Option<String> {
    let body = rest.strip_prefix('"')?;
    let mut units: Vec<u16> = Vec::new();
    let mut letters = body.char_indices();
    loop {
        let (at, letter) = letters.next()?;
        let plain = match letter {
            '"' => {
                *rest = &body[at + 1..];
                return String::from_utf16(&units).ok();
            }
            '\\' => match letters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => {
                    let digits: Option<String> =
                        (0..4).map(|_| letters.next().map(|(_, digit)| digit)).collect();
                    units.push(u16::from_str_radix(&digits?, 16).ok()?);
                    continue;
                }
                other => other,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn texts_of_one_value_have_one_form_and_others_have_another() {
        let same = |a, b| assert_eq!(normal(a).unwrap(), normal(b).unwrap());
        same(r#"{"b":[1,2],"a":{}}"#, r#" { "a" : { } , "b" : [ 1 , 2 ] } "#);
        same(r#"{"a":1,"a":2}"#, r#"{"a":2}"#);
        same(r#""\u00fc\ud83d\ude00\n""#, "\"ü😀\\n\"");
        let differ = |a, b| assert_ne!(normal(a), normal(b));
        differ("[1,2]", "[2,1]");
        differ(r#"{"a":"1"}"#, r#"{"a":1}"#);
        differ("[null]", "[]");
        differ(r#"{"a":1}"#, r#"{"a":1,"b":1}"#);
        for broken in ["", "{", "[1,]", "{\"a\"}", "nul", "\"", "1 2", r#""\ud83d""#] {
            assert_eq!(normal(broken), None, "{broken}");
        }
    }
}
