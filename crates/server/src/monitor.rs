//! MONITOR: clients that see every command.

use crate::clients::Client;
use crate::net::Message;
use parking_lot::RwLock;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The clients that have sent MONITOR.
#[derive(Default)]
pub struct Monitors {
    count: AtomicUsize,
    clients: RwLock<Vec<Arc<Client>>>,
}

impl Monitors {
    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    /// Takes one in.
    pub fn add(&self, client: &Arc<Client>) {
        let mut clients = self.clients.write();
        if !clients.iter().any(|other| other.id == client.id) {
            clients.push(Arc::clone(client));
        }
        self.count.store(clients.len(), Relaxed);
    }

    /// Lets one go.
    pub fn remove(&self, id: u64) {
        let mut clients = self.clients.write();
        clients.retain(|other| other.id != id);
        self.count.store(clients.len(), Relaxed);
    }

    /// Shows a command to all.
    pub fn feed(&self, now_us: u64, db: u32, client: &Client, args: &[&[u8]]) {
        let addr = if client.unix { format!("unix:{}", client.ip()) } else { client.addr.clone() };
        let line: Arc<[u8]> = line(now_us, db, &addr, args).into();
        for client in self.clients.read().iter() {
            client.mailbox.send(Message::Append {
                token: client.token,
                id: client.id,
                bytes: Arc::clone(&line),
            });
        }
    }
}

fn line(now_us: u64, db: u32, addr: &str, args: &[&[u8]]) -> Vec<u8> {
    let mut text = format!("+{}.{:06} [{db} {addr}]", now_us / 1_000_000, now_us % 1_000_000);
    for arg in args {
        text.push(' ');
        quote(arg, &mut text);
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Bytes as text between double quotes, in the form that inline commands are read in.
pub(crate) fn quote(bytes: &[u8], out: &mut String) {
    out.push('"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            0x20..=0x7E => out.push(char::from(byte)),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_could_be_typed() {
        let shown = line(1_700_000_000_000_042, 3, "127.0.0.1:5", &[b"SET", b"a\"\n\xFF", b""]);
        assert_eq!(shown, b"+1700000000.000042 [3 127.0.0.1:5] \"SET\" \"a\\\"\\n\\xff\" \"\"\r\n");
    }
}
