//! Replies as text: with their types for people, or as they are for programs.

use ramekin_resp::Frame;

/// How replies are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// With types, numbers of elements and quotes.
    Pretty,
    /// Bytes as they are, an element a line.
    Raw,
}

impl Style {
    /// Prints a reply.
    pub(super) fn show(self, reply: &Frame) {
        super::show(&self.format(reply));
    }

    fn format(self, reply: &Frame) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Pretty => pretty(&mut out, reply, ""),
            Self::Raw => raw(&mut out, reply),
        }
        if out.last() != Some(&b'\n') {
            out.push(b'\n');
        }
        out
    }
}

/// `indent` stands before each further line of an aggregate.
fn pretty(out: &mut Vec<u8>, reply: &Frame, indent: &str) {
    match reply {
        Frame::Simple(text) => line(out, text),
        Frame::Error(text) => line(out, &[b"(error) ", text.as_slice()].concat()),
        Frame::Int(number) => line(out, format!("(integer) {number}").as_bytes()),
        Frame::Bulk(bytes) => line(out, &quoted(bytes)),
        Frame::Null => line(out, b"(nil)"),
        Frame::Double(number) => line(out, format!("(double) {number}").as_bytes()),
        Frame::Bool(value) => line(out, format!("({value})").as_bytes()),
        Frame::Verbatim(_, text) => line(out, text),
        Frame::BigNumber(digits) => line(out, digits.as_bytes()),
        Frame::Array(items) => list(out, items, indent, ") ", "array"),
        Frame::Set(items) => list(out, items, indent, "~ ", "set"),
        Frame::Push(items) => list(out, items, indent, ") ", "push"),
        Frame::Map(pairs) => {
            if pairs.is_empty() {
                line(out, b"(empty hash)");
            }
            let width = pairs.len().to_string().len();
            for (number, (key, value)) in pairs.iter().enumerate() {
                let mut shown = Vec::new();
                pretty(&mut shown, key, "");
                let mark = format!("{:>width$}# ", number + 1);
                out.extend(if number == 0 { "" } else { indent }.bytes());
                out.extend(mark.bytes());
                out.extend(shown.trim_ascii_end());
                out.extend(b" => ");
                let inner = format!("{indent}{:1$}", "", mark.len());
                if elements(value) > 1 {
                    out.push(b'\n');
                    out.extend(inner.bytes());
                }
                pretty(out, value, &inner);
            }
        }
    }
}

/// How many lines or more an aggregate takes; 0 for all else.
fn elements(reply: &Frame) -> usize {
    match reply {
        Frame::Array(items) | Frame::Set(items) | Frame::Push(items) => items.len(),
        Frame::Map(pairs) => pairs.len(),
        _ => 0,
    }
}

fn list(out: &mut Vec<u8>, items: &[Frame], indent: &str, mark: &str, kind: &str) {
    if items.is_empty() {
        line(out, format!("(empty {kind})").as_bytes());
    }
    let width = items.len().to_string().len();
    for (number, item) in items.iter().enumerate() {
        let mark = format!("{:>width$}{mark}", number + 1);
        out.extend(if number == 0 { "" } else { indent }.bytes());
        out.extend(mark.bytes());
        pretty(out, item, &format!("{indent}{:1$}", "", mark.len()));
    }
}

fn line(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(text);
    out.push(b'\n');
}

fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            7 => out.extend(b"\\a"),
            8 => out.extend(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    out.push(b'"');
    out
}

fn raw(out: &mut Vec<u8>, reply: &Frame) {
    match reply {
        Frame::Simple(bytes) | Frame::Bulk(bytes) | Frame::Verbatim(_, bytes) | Frame::Error(bytes) => {
            out.extend_from_slice(bytes);
        }
        Frame::Int(number) => out.extend(number.to_string().bytes()),
        Frame::Null => {}
        Frame::Double(number) => out.extend(number.to_string().bytes()),
        Frame::Bool(value) => out.extend(value.to_string().bytes()),
        Frame::BigNumber(digits) => out.extend(digits.bytes()),
        Frame::Array(items) | Frame::Set(items) | Frame::Push(items) => {
            for (number, item) in items.iter().enumerate() {
                out.extend(if number > 0 { "\n" } else { "" }.bytes());
                raw(out, item);
            }
        }
        Frame::Map(pairs) => {
            for (number, (key, value)) in pairs.iter().enumerate() {
                out.extend(if number > 0 { "\n" } else { "" }.bytes());
                raw(out, key);
                out.push(b' ');
                raw(out, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Style;
    use ramekin_resp::Frame;

    fn text(style: Style, reply: &Frame) -> String {
        String::from_utf8(style.format(reply)).unwrap()
    }

    fn bulk(text: &str) -> Frame {
        Frame::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn replies_for_people_show_their_types() {
        for (reply, shown) in [
            (Frame::Simple(b"OK".to_vec()), "OK\n"),
            (Frame::Error(b"ERR no".to_vec()), "(error) ERR no\n"),
            (Frame::Int(-3), "(integer) -3\n"),
            (Frame::Bulk(b"a\"\n\xff".to_vec()), "\"a\\\"\\n\\xff\"\n"),
            (Frame::Null, "(nil)\n"),
            (Frame::Array(vec![]), "(empty array)\n"),
            (Frame::Bool(true), "(true)\n"),
            (
                Frame::Map(vec![(bulk("a"), Frame::Int(1)), (bulk("b"), Frame::Null)]),
                "1# \"a\" => (integer) 1\n2# \"b\" => (nil)\n",
            ),
        ] {
            assert_eq!(text(Style::Pretty, &reply), shown);
        }
    }

    #[test]
    fn nested_lists_line_up() {
        let inner = Frame::Array(vec![bulk("x"), bulk("y")]);
        let reply = Frame::Array(vec![inner, Frame::Int(2)]);
        assert_eq!(text(Style::Pretty, &reply), "1) 1) \"x\"\n   2) \"y\"\n2) (integer) 2\n");
        let map = Frame::Map(vec![(bulk("k"), Frame::Array(vec![Frame::Int(1), Frame::Int(2)]))]);
        assert_eq!(text(Style::Pretty, &map), "1# \"k\" => \n   1) (integer) 1\n   2) (integer) 2\n");
    }

    #[test]
    fn raw_replies_are_bytes_and_lines() {
        let reply = Frame::Array(vec![bulk("x y"), Frame::Null, Frame::Int(2)]);
        assert_eq!(text(Style::Raw, &reply), "x y\n\n2\n");
        assert_eq!(text(Style::Raw, &bulk("a\n")), "a\n");
        let map = Frame::Map(vec![(bulk("a"), Frame::Int(1)), (bulk("b"), bulk("c"))]);
        assert_eq!(text(Style::Raw, &map), "a 1\nb c\n");
    }
}
