//! Glob patterns as keys, fields and channels are matched with: `*`, `?`, `[a-z]`, `[^a]`, `\x`.
//!
//! What must hold: the answer is Valkey's for every pattern, its oddities included. A class that is not closed ends with
//! the pattern; a reversed range is turned round; bytes in a range compare as signed; a star does not match at the end
//! of a text that nothing is left of, unless it stands alone or last; more than a thousand stars match nothing.
//! Time is at most pattern times text: a star that failed is only ever retried when it is the latest one.

/// Stars, consecutive ones counted once, that a pattern may come past.
const STARS_MAX: usize = 1000;

/// Whether `pattern` matches the whole of `text`; ASCII letters match in either case if `nocase`.
#[must_use]
pub fn glob(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if pattern == b"*" {
        return true;
    }
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut rest, mut left) = (pattern, text);
    // Where to go on when what follows the latest star does not match: the pattern after it, and one byte further.
    let mut retry: Option<(&[u8], &[u8])> = None;
    let mut stars = 0;
    loop {
        if let [b'*', ..] = rest
            && !left.is_empty()
        {
            rest = after_stars(rest);
            if rest.is_empty() {
                return true;
            }
            stars += 1;
            if stars > STARS_MAX {
                return false;
            }
            retry = Some((rest, left));
            continue;
        }
        let step = match left {
            [] => None,
            &[byte, ..] => match_one(rest, byte, nocase),
        };
        if let Some(next) = step {
            rest = next;
            left = &left[1..];
            if left.is_empty() {
                rest = after_stars(rest);
            }
            if rest.is_empty() && left.is_empty() {
                return true;
            }
            continue;
        }
        match retry {
            Some((after, from)) if from.len() > 1 => {
                rest = after;
                left = &from[1..];
                retry = Some((after, left));
            }
            _ => return false,
        }
    }
}

fn after_stars(pattern: &[u8]) -> &[u8] {
    let stars = pattern.iter().take_while(|&&byte| byte == b'*').count();
    &pattern[stars..]
}

/// Matches one byte with the start of a pattern; gives the rest of the pattern.
fn match_one(pattern: &[u8], byte: u8, nocase: bool) -> Option<&[u8]> {
    let (literal, rest) = match pattern {
        [b'?', rest @ ..] => return Some(rest),
        [b'[', class @ ..] => return match_class(class, byte, nocase),
        [b'\\', escaped, rest @ ..] => (escaped, rest),
        [literal, rest @ ..] => (literal, rest),
        [] => return None,
    };
    same(*literal, byte, nocase).then_some(rest)
}

fn same(a: u8, b: u8, nocase: bool) -> bool {
    a == b || (nocase && a.eq_ignore_ascii_case(&b))
}

fn match_class(class: &[u8], byte: u8, nocase: bool) -> Option<&[u8]> {
    let (negated, mut rest) = match class {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut found = false;
    loop {
        rest = match rest {
            [b'\\', escaped, rest @ ..] => {
                found |= same(*escaped, byte, nocase);
                rest
            }
            [] => break,
            [b']', after @ ..] => {
                rest = after;
                break;
            }
            [first, b'-', last, rest @ ..] => {
                found |= in_range(*first, *last, byte, nocase);
                rest
            }
            [literal, rest @ ..] => {
                found |= same(*literal, byte, nocase);
                rest
            }
        };
    }
    (found != negated).then_some(rest)
}

fn in_range(first: u8, last: u8, byte: u8, nocase: bool) -> bool {
    let [a, b] = [first, last].map(u8::cast_signed);
    let (low, high) = (a.min(b), a.max(b));
    if nocase {
        let [low, high, byte] = [low, high, byte.cast_signed()].map(lower);
        return (low..=high).contains(&byte);
    }
    (low..=high).contains(&byte.cast_signed())
}

fn lower(byte: i8) -> i8 {
    byte.cast_unsigned().to_ascii_lowercase().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        glob(pattern.as_bytes(), text.as_bytes(), false)
    }

    #[test]
    fn each_form_of_a_pattern_matches_what_it_says() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "anything"),
            ("h?llo", "hello"),
            ("h*llo", "heeeello"),
            ("h*l*o*", "hello"),
            ("user:*:name", "user::name"),
            ("h[ae]llo", "hallo"),
            ("h[^e]llo", "hallo"),
            ("h[a-b]llo", "hbllo"),
            ("h[b-a]llo", "hallo"),
            ("\\*", "*"),
            ("a\\", "a\\"),
            ("[\\]]", "]"),
            ("[a\\-z]", "-"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("h?llo", "hllo"), ("h[^e]llo", "hello"), ("h*llo", "hell"), ("a", ""), ("", "a"), ("\\*", "x")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn the_oddities_are_valkeys() {
        assert!(!matches("**", ""), "nothing is left for the loop to look at");
        assert!(
            matches("[^", "a") && matches("[a", "a") && !matches("[", "a"),
            "a class ends with the pattern"
        );
        assert!(!matches("[]a]", "]"), "an empty class matches nothing");
        assert!(matches("[^]", "a"));
        assert!(matches("[a-", "-") && !matches("[a-]", "-"), "a range takes what follows the dash");
        assert!(
            glob(b"[a-\xff]", b"\0", false) && !glob(b"[a-\xff]", b"z", false),
            "ranges are of signed bytes"
        );
    }

    #[test]
    fn letters_match_in_either_case_when_asked() {
        assert!(glob(b"MAX*[A-C]", b"maxmemory-b", true));
        assert!(!glob(b"MAX*", b"maxmemory", false));
    }

    #[test]
    fn more_than_a_thousand_stars_match_nothing() {
        assert!(matches(&"*a".repeat(1000), &"a".repeat(1000)));
        assert!(!matches(&"*a".repeat(1001), &"a".repeat(1001)));
    }

    #[test]
    fn many_stars_do_not_take_exponential_time() {
        let pattern = "*a".repeat(400) + "b";
        assert!(!matches(&pattern, &"a".repeat(20_000)));
    }
}
