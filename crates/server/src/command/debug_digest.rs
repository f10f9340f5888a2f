//! DEBUG DIGEST: a digest of data that does not depend on the order of keys and fields.
//!
//! The algorithm is Valkey's (`debug.c`), so that equal data on both servers gives equal digests. Two operations on 20
//! bytes: *xor* adds the SHA-1 of some bytes, in any order; *mix* does the same and takes the SHA-1 of the result, so that
//! order counts.

use ramekin::{Caller, Content, Database, Seen};
use sha1_smol::Sha1;

/// Numbers of types, as Valkey has them.
mod kind {
    pub(super) const STRING: u32 = 0;
    pub(super) const LIST: u32 = 1;
    pub(super) const HASH: u32 = 4;
    /// That of modules: Valkey has JSON from one.
    pub(super) const JSON: u32 = 5;
}

#[derive(Clone, Copy, Default)]
struct Digest([u8; 20]);

impl Digest {
    fn xor(&mut self, bytes: &[u8]) {
        let sum = Sha1::from(bytes).digest().bytes();
        self.0.iter_mut().zip(sum).for_each(|(byte, other)| *byte ^= other);
    }

    fn mix(&mut self, bytes: &[u8]) {
        self.xor(bytes);
        self.0 = Sha1::from(self.0).digest().bytes();
    }

    fn hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The digest of all databases.
pub(super) fn whole(db: &Database, now_ms: u64) -> String {
    let (mut digest, mut begun) = (Digest::default(), None);
    db.visit_all(now_ms, &mut |number, seen| {
        if begun != Some(number) {
            begun = Some(number);
            digest.mix(&number.to_be_bytes());
        }
        let mut entry = Digest::default();
        entry.mix(seen.key());
        add_value(&mut entry, seen, now_ms);
        digest.xor(&entry.0);
    });
    digest.hex()
}

/// The digest of one value; zeros where there is none.
pub(super) fn value(db: &Database, caller: &Caller, key: &[u8]) -> String {
    let mut digest = Digest::default();
    db.look_at(caller.db, caller.now_ms, key, |seen| add_value(&mut digest, seen, caller.now_ms));
    digest.hex()
}

fn add_value(digest: &mut Digest, seen: &Seen<'_>, now_ms: u64) {
    match seen.content() {
        Content::Str(text) => {
            digest.mix(&kind::STRING.to_be_bytes());
            digest.mix(&text);
        }
        Content::List(list) => {
            digest.mix(&kind::LIST.to_be_bytes());
            list.iter().for_each(|element| digest.mix(element));
        }
        Content::Hash(hash) => {
            digest.mix(&kind::HASH.to_be_bytes());
            for (field, value) in hash.iter(now_ms) {
                let mut pair = Digest::default();
                pair.mix(field);
                pair.mix(value);
                digest.xor(&pair.0);
            }
        }
        Content::Json(json) => {
            let mut text = Vec::new();
            json.print(&mut text);
            digest.mix(&kind::JSON.to_be_bytes());
            digest.mix(&text);
        }
    }
    if seen.expire_at_ms() != 0 {
        digest.xor(b"!!expire!!");
    }
}
