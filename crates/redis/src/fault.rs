//! What a server's errors are to the engine.

use ramekin::store::{ErrorKind, StoreError};

/// What the server's error means, and what helps. Its first word is its code.
pub(crate) fn fault(message: &[u8]) -> StoreError {
    let text = String::from_utf8_lossy(message).into_owned();
    let code = text.split(' ').next().unwrap_or_default();
    let (kind, hint) = match code {
        "LOADING" => (ErrorKind::Unavailable, "it is reading its data; this passes"),
        "BUSY" => (ErrorKind::Unavailable, "a script holds it up: end it there by SCRIPT KILL"),
        "READONLY" => (ErrorKind::Unavailable, "it is a replica: name the primary, or promote this one"),
        "MASTERDOWN" => (ErrorKind::Unavailable, "it is a replica without its primary"),
        "OOM" => (ErrorKind::Unavailable, "its memory is full: raise its maxmemory"),
        "MISCONF" => (ErrorKind::Unavailable, "it cannot write to its disk: see its log"),
        "NOREPLICAS" => {
            (ErrorKind::Unavailable, "it has fewer replicas than its min-replicas-to-write asks for")
        }
        "TRYAGAIN" | "CLUSTERDOWN" => (ErrorKind::Unavailable, ""),
        "MOVED" | "ASK" | "CROSSSLOT" => (ErrorKind::Invalid, "a cluster cannot be a store"),
        "NOPERM" => (ErrorKind::Unavailable, "its user needs +@all -@admin -@dangerous -@scripting, and ~*"),
        "NOAUTH" | "WRONGPASS" => (ErrorKind::Unavailable, "name its user and password in the address"),
        "WRONGTYPE" => {
            (ErrorKind::Unavailable, "somebody else has written to a key whose name begins with ramekin:")
        }
        _ => (ErrorKind::Unavailable, ""),
    };
    // What it says of a user or a password, it says about names that we gave it.
    let said = if matches!(code, "WRONGPASS" | "NOAUTH") { code.to_owned() } else { text };
    let text = if hint.is_empty() {
        format!("the server says {said}")
    } else {
        format!("the server says {said}: {hint}")
    };
    StoreError::new(kind, text)
}

/// The same while a connection is being made, when what the address says is wrong.
pub(crate) fn fault_of_connecting(message: &[u8]) -> StoreError {
    let found = fault(message);
    let is_wrong =
        [b"NOAUTH".as_slice(), b"WRONGPASS", b"NOPERM", b"ERR"].iter().any(|code| message.starts_with(code));
    // As when it has as many clients as it takes.
    if is_wrong && !message.starts_with(b"ERR max") {
        StoreError { kind: ErrorKind::Invalid, ..found }
    } else {
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_pass_are_told_apart_from_a_wrong_address() {
        for text in
            ["LOADING x", "READONLY x", "OOM x", "MISCONF x", "BUSY x", "ERR max number of clients reached"]
        {
            assert_eq!(fault_of_connecting(text.as_bytes()).kind, ErrorKind::Unavailable, "{text}");
        }
        for text in ["WRONGPASS x", "NOAUTH x", "NOPERM x", "ERR DB index is out of range"] {
            assert_eq!(fault_of_connecting(text.as_bytes()).kind, ErrorKind::Invalid, "{text}");
        }
    }
}
