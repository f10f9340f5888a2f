//! Classes of keyspace notifications, as `notify-keyspace-events` names them.

/// A set of classes of keyspace events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Events(u32);

/// Letters in the order in which Valkey prints the classes that `A` stands for, then `n`.
const CLASSES: &[(u8, Events)] = &[
    (b'g', Events::GENERIC),
    (b'$', Events::STRING),
    (b'l', Events::LIST),
    (b's', Events::SET),
    (b'h', Events::HASH),
    (b'z', Events::ZSET),
    (b'x', Events::EXPIRED),
    (b'e', Events::EVICTED),
    (b't', Events::STREAM),
    (b'd', Events::MODULE),
    (b'n', Events::NEW),
];
const CHANNELS: &[(u8, Events)] =
    &[(b'K', Events::KEYSPACE), (b'E', Events::KEYEVENT), (b'm', Events::KEY_MISS)];

impl Events {
    /// `K`: events on `__keyspace@<db>__` channels.
    pub const KEYSPACE: Self = Self(1);
    /// `E`: events on `__keyevent@<db>__` channels.
    pub const KEYEVENT: Self = Self(1 << 1);
    /// `g`: commands of no single type, such as DEL and EXPIRE.
    pub const GENERIC: Self = Self(1 << 2);
    /// `$`: strings.
    pub const STRING: Self = Self(1 << 3);
    /// `l`: lists.
    pub const LIST: Self = Self(1 << 4);
    /// `s`: sets.
    pub const SET: Self = Self(1 << 5);
    /// `h`: hashes.
    pub const HASH: Self = Self(1 << 6);
    /// `z`: sorted sets.
    pub const ZSET: Self = Self(1 << 7);
    /// `x`: a key expired.
    pub const EXPIRED: Self = Self(1 << 8);
    /// `e`: a key was evicted.
    pub const EVICTED: Self = Self(1 << 9);
    /// `t`: streams.
    pub const STREAM: Self = Self(1 << 10);
    /// `m`: a key was asked for that is not there.
    pub const KEY_MISS: Self = Self(1 << 11);
    /// `d`: types of modules.
    pub const MODULE: Self = Self(1 << 12);
    /// `n`: a key was made.
    pub const NEW: Self = Self(1 << 13);
    /// `A`: all but misses and new keys.
    pub const ALL: Self = Self(0b1_0111_1111_1100);

    /// Whether all classes of `other` are in the set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set as a number, for an atomic.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// The set of a number made by [`Events::bits`].
    #[must_use]
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Reads the letters; `None` where one names no class.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut bits = 0;
        for letter in text {
            bits |= match letter {
                b'A' => Self::ALL.0,
                _ => CLASSES.iter().chain(CHANNELS).find(|(known, _)| known == letter)?.1.0,
            };
        }
        Some(Self(bits))
    }

    /// The letters as Valkey prints them: after an `A` the class of new keys is not named.
    pub(super) fn letters(self) -> String {
        let mut out = String::new();
        if self.contains(Self::ALL) {
            out.push('A');
        } else {
            out.extend(
                CLASSES
                    .iter()
                    .filter(|(_, class)| self.contains(*class))
                    .map(|&(letter, _)| char::from(letter)),
            );
        }
        out.extend(
            CHANNELS.iter().filter(|(_, class)| self.contains(*class)).map(|&(letter, _)| char::from(letter)),
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Events;

    #[test]
    fn letters_come_back_in_the_order_of_valkey() {
        for (given, shown) in [("KEA", "AKE"), ("Kgnx", "gxnK"), ("K$lshzxegtmdn", "AKm"), ("", "")] {
            assert_eq!(Events::parse(given.as_bytes()).map(Events::letters).as_deref(), Some(shown));
        }
        assert_eq!(Events::parse(b"Kxq"), None);
    }
}
