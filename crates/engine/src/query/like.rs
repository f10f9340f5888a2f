//! `LIKE` and `ILIKE`: patterns in which `%` is any text and `_` any character.
//!
//! What must hold: matching takes no more steps than text times pattern, and no stack. Letters are folded in ASCII only.

/// A pattern, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Box<[Part]>,
    /// `ILIKE`
    pub(super) folds: bool,
    /// The pattern with a backslash as its escape, for whoever matches by other means.
    pub(super) text: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// This byte; if letters are folded, a small one.
    Byte(u8),
    /// One character.
    One,
    /// Any number of characters.
    Any,
}

impl Pattern {
    /// The pattern of a text; none if it ends with the escape character.
    pub(super) fn new(text: &str, escape: Option<char>, folds: bool) -> Option<Self> {
        let mut parts = Vec::with_capacity(text.len());
        let mut canonical = String::with_capacity(text.len());
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let (letter, is_plain) =
                if Some(letter) == escape { (letters.next()?, true) } else { (letter, false) };
            match letter {
                '%' if !is_plain => {
                    if parts.last() != Some(&Part::Any) {
                        parts.push(Part::Any);
                    }
                }
                '_' if !is_plain => parts.push(Part::One),
                _ => {
                    let mut bytes = [0; 4];
                    let bytes = letter.encode_utf8(&mut bytes).bytes();
                    parts.extend(bytes.map(|byte| Part::Byte(fold(byte, folds))));
                }
            }
            if matches!(letter, '%' | '_' | '\\') && (is_plain || letter == '\\') {
                canonical.push('\\');
            }
            canonical.push(letter);
        }
        Some(Self { parts: parts.into(), folds, text: canonical.into() })
    }

    /// How each text begins that is like it; none if in any way.
    pub(super) fn prefix(&self) -> Option<Box<str>> {
        let bytes = self.parts.iter().map_while(|part| match part {
            Part::Byte(byte) => Some(*byte),
            Part::One | Part::Any => None,
        });
        let prefix = String::from_utf8(bytes.collect()).ok()?;
        (!self.folds && !prefix.is_empty()).then(|| prefix.into())
    }

    /// Whether a text is like it.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let (mut at, mut part) = (0, 0);
        // Where to go on if what follows the last `%` does not fit: it then takes one character more.
        let mut again: Option<(usize, usize)> = None;
        loop {
            let fits = match (self.parts.get(part), text.get(at)) {
                (None, None) => return true,
                (Some(Part::Any), _) => {
                    part += 1;
                    again = Some((at, part));
                    continue;
                }
                (Some(Part::Byte(expected)), Some(byte)) => *expected == fold(*byte, self.folds),
                (Some(Part::One), Some(_)) => {
                    part += 1;
                    at = next(text, at);
                    continue;
                }
                (Some(_), None) => return false,
                (None, Some(_)) => false,
            };
            if fits {
                (at, part) = (at + 1, part + 1);
                continue;
            }
            let Some((from, after)) = again.filter(|(from, _)| *from < text.len()) else { return false };
            let from = next(text, from);
            again = Some((from, after));
            (at, part) = (from, after);
        }
    }
}

fn fold(byte: u8, folds: bool) -> u8 {
    if folds { byte.to_ascii_lowercase() } else { byte }
}

/// Where the character behind the one at `at` begins.
fn next(text: &[u8], at: usize) -> usize {
    let rest = &text[at + 1..];
    at + 1 + rest.iter().take_while(|byte| **byte & 0xC0 == 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_like(text: &str, pattern: &str) -> bool {
        Pattern::new(pattern, Some('\\'), false).unwrap().matches(text.as_bytes())
    }

    #[test]
    fn wildcards_stand_for_characters_and_escaped_ones_for_themselves() {
        for (text, pattern) in [
            ("", ""),
            ("", "%%"),
            ("abc", "%c"),
            ("abc", "a%"),
            ("abc", "%b%"),
            ("aXbXc", "a%X_"),
            ("é😀", "__"),
            ("aéb", "a_b"),
            ("50%", "50\\%"),
            ("a\\b", "a\\\\b"),
            ("mississippi", "%iss%ip%"),
        ] {
            assert!(is_like(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in
            [("", "_"), ("abc", "b"), ("abc", "ab"), ("é", "__"), ("500", "50\\%"), ("A", "a"), ("ab", "a%c")]
        {
            assert!(!is_like(text, pattern), "{text} {pattern}");
        }
    }

    #[test]
    fn folding_is_of_ascii_letters_only() {
        let pattern = |text| Pattern::new(text, Some('!'), true).unwrap();
        assert!(pattern("STRASSE%").matches(b"strasse 5"));
        assert!(!pattern("É").matches("é".as_bytes()));
        assert_eq!(&*pattern("a!%b\\%").text, "a\\%b\\\\%");
        assert_eq!(Pattern::new("a\\", Some('\\'), false), None);
        assert!(Pattern::new("a\\", None, false).unwrap().matches(b"a\\"));
    }

    #[test]
    fn a_pattern_of_many_wildcards_is_no_trap() {
        let text = "a".repeat(20_000);
        assert!(!is_like(&text, &format!("{}b", "%a".repeat(50))));
    }
}
