//! Moments as texts: `2026-11-21`, `2026-11-21 08:30`, `2026-11-21T08:30:15.25+01:00`, `…Z`.
//!
//! Of what PostgreSQL reads, these are the forms that mean the same whatever a session has set. Hours are below 24, years from
//! 1 to 9999. A moment without a zone is in UTC. [`PATTERN`] is the same as a regular expression; both have to agree.

use super::form::TimeKind;

const DAY_MICROS: i64 = 86_400_000_000;

/// Whether a text is a moment, for PostgreSQL's `~`.
pub(super) const PATTERN: &str = concat!(
    "^(?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))",
    "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)",
    "([T ]([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)(\\.[0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)?)?$"
);

/// Whether a text has a zone, if it is a moment.
pub(super) const PATTERN_ZONE: &str = ":[0-9.:]*(Z|[+-][0-9:]+)$";

/// Microseconds since 1970 of a text, as this kind of moment.
pub(super) fn parse(text: &[u8], kind: TimeKind) -> Option<i64> {
    let mut rest = text;
    let day = date(&mut rest)? * DAY_MICROS;
    if rest.is_empty() {
        return Some(day);
    }
    let (time, zone) = time(rest)?;
    Some(match kind {
        TimeKind::Date => day,
        TimeKind::Timestamp => day + time,
        TimeKind::TimestampTz => day + time - zone,
    })
}

/// The beginning of the day of a moment.
pub(super) fn day(micros: i64) -> i64 {
    micros.div_euclid(DAY_MICROS) * DAY_MICROS
}

/// The text of a moment in UTC.
pub(super) fn print(micros: i64, kind: TimeKind) -> String {
    let (year, month, day) = civil(micros.div_euclid(DAY_MICROS));
    // There is no year 0: the one before 1 is the first before Christ. A zone may lead there.
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    let date = format!("{year:04}-{month:02}-{day:02}");
    if kind == TimeKind::Date {
        return date + era;
    }
    let within = micros.rem_euclid(DAY_MICROS);
    let (seconds, fraction) = (within / 1_000_000, within % 1_000_000);
    let mut text = format!("{date} {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    if kind == TimeKind::TimestampTz {
        text.push_str("+00");
    }
    text + era
}

/// Takes a date; days since 1970.
fn date(rest: &mut &[u8]) -> Option<i64> {
    let year = digits(rest, 4)?;
    take(rest, b"-")?;
    let month = digits(rest, 2)?;
    take(rest, b"-")?;
    let day = digits(rest, 2)?;
    let leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leaps),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (year > 0 && (1..=days).contains(&day)).then(|| days_since_1970(year, month, day))
}

/// A time and its distance from UTC, in microseconds.
fn time(mut rest: &[u8]) -> Option<(i64, i64)> {
    take(&mut rest, b"T ")?;
    let hour = digits(&mut rest, 2).filter(|hour| *hour < 24)?;
    take(&mut rest, b":")?;
    let minute = digits(&mut rest, 2).filter(|minute| *minute < 60)?;
    let (mut second, mut fraction) = (0, 0);
    if take(&mut rest, b":").is_some() {
        second = digits(&mut rest, 2).filter(|second| *second <= 60)?;
        if take(&mut rest, b".").is_some() {
            fraction = micros(&mut rest)?;
        }
    }
    let zone = zone(rest)?;
    Some((((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction, zone))
}

/// Takes the digits of a fraction of a second, and rounds it as PostgreSQL does: by way of a double.
fn micros(rest: &mut &[u8]) -> Option<i64> {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, after) = rest.split_at(count);
    if !(1..=9).contains(&count) {
        return None;
    }
    *rest = after;
    let fraction: f64 = format!("0.{}", std::str::from_utf8(digits).ok()?).parse().ok()?;
    let rounded = (fraction * 1e6).round_ties_even();
    // From 0 to a million.
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
    Some(rounded as i64)
}

fn zone(mut rest: &[u8]) -> Option<i64> {
    if rest.is_empty() || rest == b"Z" {
        return Some(0);
    }
    let sign = if take(&mut rest, b"+-")? == b'-' { -1 } else { 1 };
    let hours = digits(&mut rest, 2).filter(|hours| *hours < 16)?;
    let minutes = if rest.is_empty() {
        0
    } else {
        let _ = take(&mut rest, b":");
        digits(&mut rest, 2).filter(|minutes| *minutes < 60)?
    };
    rest.is_empty().then_some(sign * (hours * 60 + minutes) * 60_000_000)
}

fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (digits, after) = rest.split_at_checked(count)?;
    let value = digits
        .iter()
        .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))?;
    *rest = after;
    Some(value)
}

fn take(rest: &mut &[u8], one_of: &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    one_of.contains(first).then(|| {
        *rest = after;
        *first
    })
}

/// Days of the Gregorian calendar; years begin in March, so that the leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_printed() {
        for (text, kind, printed) in [
            ("1970-01-01", TimeKind::Timestamp, "1970-01-01 00:00:00"),
            ("2024-02-29T23:59:60", TimeKind::Timestamp, "2024-03-01 00:00:00"),
            ("2026-11-21 08:30+02:30", TimeKind::Timestamp, "2026-11-21 08:30:00"),
            ("2026-11-21 08:30+02:30", TimeKind::TimestampTz, "2026-11-21 06:00:00+00"),
            ("2026-11-21T23:30:15.1234567-0100", TimeKind::TimestampTz, "2026-11-22 00:30:15.123457+00"),
            ("2026-11-21 23:59:59.9999999", TimeKind::Timestamp, "2026-11-22 00:00:00"),
            ("0001-01-01T00:00Z", TimeKind::Date, "0001-01-01"),
            ("9999-12-31 23:59", TimeKind::Date, "9999-12-31"),
        ] {
            assert_eq!(
                parse(text.as_bytes(), kind).map(|it| print(it, kind)).as_deref(),
                Some(printed),
                "{text}"
            );
        }
        for text in [
            "",
            "2025-02-29",
            "0000-01-01",
            "2026-1-1",
            "2026-01-01T24:00",
            "2026-01-01 10:00+16",
            "2026-01-01 10:00:00.",
            "2026-01-01Z",
            "now",
        ] {
            assert_eq!(parse(text.as_bytes(), TimeKind::TimestampTz), None, "{text}");
        }
    }

    #[test]
    fn every_day_comes_back_from_its_number() {
        for days in (-719_162..2_932_896).step_by(17) {
            let (year, month, day) = civil(days);
            assert_eq!(days_since_1970(year, month, day), days);
        }
    }
}
