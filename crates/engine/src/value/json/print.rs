//! The text of a value, as PostgreSQL prints `jsonb`: a blank behind each comma and colon, and nothing escaped that need not be.

use super::node::{Node, View};

impl Node<'_> {
    /// Appends its text.
    pub fn print(self, out: &mut Vec<u8>) {
        match self.view() {
            View::Null => out.extend_from_slice(b"null"),
            View::Bool(true) => out.extend_from_slice(b"true"),
            View::Bool(false) => out.extend_from_slice(b"false"),
            View::Number(number) => number.print(out),
            View::Str(text) => print_string(text, out),
            View::Array(array) => {
                out.push(b'[');
                for (at, element) in array.iter().enumerate() {
                    if at > 0 {
                        out.extend_from_slice(b", ");
                    }
                    element.print(out);
                }
                out.push(b']');
            }
            View::Object(object) => {
                out.push(b'{');
                for (at, (key, value)) in object.iter().enumerate() {
                    if at > 0 {
                        out.extend_from_slice(b", ");
                    }
                    print_string(key, out);
                    out.extend_from_slice(b": ");
                    value.print(out);
                }
                out.push(b'}');
            }
        }
    }
}

/// Appends a string with its quotes.
fn print_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[plain..at]);
        plain = at + 1;
        let short = match byte {
            b'"' | b'\\' => byte,
            8 => b'b',
            9 => b't',
            10 => b'n',
            12 => b'f',
            13 => b'r',
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.extend_from_slice(&text[plain..]);
    out.push(b'"');
}
