//! A client's commands to bytes.

use crate::number::{decimal_digits, write_header};

/// Appends a command as an array of bulk strings, which is how every client speaks. `args` holds the name first.
pub fn encode_command(out: &mut Vec<u8>, args: &[&[u8]]) {
    let framing: usize = args.iter().map(|arg| arg.len() + decimal_digits(arg.len()) + 5).sum();
    out.reserve(framing + decimal_digits(args.len()) + 3);
    write_header(out, b'*', args.len());
    for arg in args {
        write_header(out, b'$', arg.len());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        let mut out = Vec::new();
        encode_command(&mut out, &[b"SET", b"key", &[b'x'; 100], b""]);
        let expected = format!("*4\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100\r\n{}\r\n$0\r\n\r\n", "x".repeat(100));
        assert_eq!(out, expected.as_bytes());
    }
}
