//! Glob patterns of `CONFIG GET` and `include`: `*`, `?`, `[a-c]`, `[^a]` and `\` before a literal.
//!
//! Case is ignored, as `CONFIG GET` does. A star backtracks only to itself, so that the time is at most the product of
//! the two lengths whatever the pattern.

/// Whether `text` has the form of `pattern`.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, t));
            p += 1;
            continue;
        }
        match text.get(t) {
            None if p >= pattern.len() => return true,
            None => return false,
            Some(&byte) => match one(&pattern[p.min(pattern.len())..], byte) {
                Some(width) => {
                    p += width;
                    t += 1;
                }
                None => {
                    let Some((after, from)) = star else { return false };
                    star = Some((after, from + 1));
                    p = after;
                    t = from + 1;
                }
            },
        }
    }
}

/// Whether a text is a pattern at all, or only a name.
pub(super) fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// How many bytes of `pattern` the one byte `byte` uses up, if it fits.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => class(pattern, byte),
        b'\\' if pattern.len() > 1 => pattern[1].eq_ignore_ascii_case(&byte).then_some(2),
        literal => literal.eq_ignore_ascii_case(&byte).then_some(1),
    }
}

/// The same for a class in brackets; a bracket that is never closed ends with the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let byte = byte.to_ascii_lowercase();
    let mut at = 1;
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut found = false;
    while let Some(&member) = pattern.get(at).filter(|&&member| member != b']') {
        let next = pattern.get(at + 1).copied();
        match (member, next, pattern.get(at + 2).copied()) {
            (b'\\', Some(literal), _) => {
                found |= literal.to_ascii_lowercase() == byte;
                at += 2;
            }
            (low, Some(b'-'), Some(high)) => {
                let (low, high) = (low.to_ascii_lowercase(), high.to_ascii_lowercase());
                found |= (low.min(high)..=low.max(high)).contains(&byte);
                at += 3;
            }
            (member, ..) => {
                found |= member.to_ascii_lowercase() == byte;
                at += 1;
            }
        }
    }
    let width = (at + 1).min(pattern.len());
    (found != negated).then_some(width)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_classes_and_escapes_match_as_in_redis() {
        let fits = [
            ("*", ""),
            ("*", "port"),
            ("MAXC*", "maxclients"),
            ("*listpack-v?lue", "hash-max-listpack-value"),
            ("a[b-d]*", "acllog-max-len"),
            ("[^a]x", "bx"),
            ("a\\*", "a*"),
            ("*a*b*c", "xxaxxbxxbc"),
            ("p[oO]rt", "port"),
        ];
        for (pattern, text) in fits {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} should match {text}");
        }
        let misfits = [
            ("", "a"),
            ("a", ""),
            ("port", "ports"),
            ("[^a]x", "ax"),
            ("a\\*", "ab"),
            ("*ab", "abc"),
            ("?", ""),
        ];
        for (pattern, text) in misfits {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} should not match {text}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_does_not_take_forever() {
        let pattern = "a*".repeat(60) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(2000).as_bytes()));
    }
}
