//! Texts that tell a moment, by ISO 8601.
//!
//! A date, or a date and a time: `2026-11-21`, `2026-11-21T08:30`, `2026-11-21 08:30:15.25+01:00`, `…Z`. Only looked at: what
//! a record says is kept as it is.

/// Whether a text is a moment.
pub(super) fn is_timestamp(text: &[u8]) -> bool {
    let mut rest = text;
    is_date(&mut rest).unwrap_or(false) && (rest.is_empty() || is_time(rest).unwrap_or(false))
}

fn is_date(rest: &mut &[u8]) -> Option<bool> {
    let year = digits(rest, 4)?;
    take(rest, b"-")?;
    let month = digits(rest, 2)?;
    take(rest, b"-")?;
    let day = digits(rest, 2)?;
    let leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leaps),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    Some((1..=days).contains(&day))
}

fn is_time(mut rest: &[u8]) -> Option<bool> {
    take(&mut rest, b"Tt ")?;
    let hour = digits(&mut rest, 2)?;
    take(&mut rest, b":")?;
    let minute = digits(&mut rest, 2)?;
    // Of a leap second there are sixty-one.
    let second = if take(&mut rest, b":").is_some() { digits(&mut rest, 2)? } else { 0 };
    if take(&mut rest, b".,").is_some() {
        digits(&mut rest, 1)?;
        while digits(&mut rest, 1).is_some() {}
    }
    Some(hour < 24 && minute < 60 && second <= 60 && is_zone(rest)?)
}

fn is_zone(mut rest: &[u8]) -> Option<bool> {
    if rest.is_empty() || matches!(rest, b"Z" | b"z") {
        return Some(true);
    }
    take(&mut rest, b"+-")?;
    let hours = digits(&mut rest, 2)?;
    let minutes = if rest.is_empty() {
        0
    } else {
        let _ = take(&mut rest, b":");
        digits(&mut rest, 2)?
    };
    Some(hours < 24 && minutes < 60 && rest.is_empty())
}

fn digits(rest: &mut &[u8], count: usize) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(count)?;
    let value = digits
        .iter()
        .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))?;
    *rest = after;
    Some(value)
}

fn take(rest: &mut &[u8], one_of: &[u8]) -> Option<()> {
    let (first, after) = rest.split_first()?;
    one_of.contains(first).then(|| *rest = after)
}

#[cfg(test)]
mod tests {
    use super::is_timestamp;

    #[test]
    fn moments_are_told_from_other_texts() {
        for text in [
            "2026-11-21",
            "2024-02-29T00:00",
            "2026-11-21T08:30:15Z",
            "2026-11-21 08:30:15.123456+01:00",
            "2026-11-21t23:59:60-0530",
            "2026-11-21T08:30+01",
        ] {
            assert!(is_timestamp(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2025-02-29",
            "2026-11-31",
            "2026-1-1",
            "2026-11-21T",
            "2026-11-21T24:00",
            "2026-11-21T08:30:15.",
            "2026-11-21T08:30:15ZZ",
            "2026-11-21T08:30:15+1",
            "1700000000",
        ] {
            assert!(!is_timestamp(text.as_bytes()), "{text}");
        }
    }
}
