//! Arguments to values, with Redis's errors.

use super::Fail;
use crate::value::number::{self, Extended};

/// A 64-bit integer.
#[inline]
pub(crate) fn int(text: &[u8]) -> Result<i64, Fail> {
    number::parse_i64(text).ok_or(Fail::NOT_AN_INTEGER)
}

/// True if the argument is this token, in any case.
#[inline]
pub(crate) fn is(text: &[u8], token: &str) -> bool {
    text.eq_ignore_ascii_case(token.as_bytes())
}

/// The unit in which a time is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
}

/// An expiry given by a client, as absolute Unix milliseconds. `relative`: counted from `now_ms`. Must be positive.
pub(crate) fn expiry(
    text: &[u8],
    unit: Unit,
    relative: bool,
    now_ms: u64,
    command: &str,
) -> Result<u64, Fail> {
    let value = int(text)?;
    let invalid = || Fail::invalid_expire(command);
    if value <= 0 {
        return Err(invalid());
    }
    let millis = match unit {
        Unit::Seconds => value.checked_mul(1000).ok_or_else(invalid)?,
        Unit::Millis => value,
    };
    let base = if relative { i64::try_from(now_ms).unwrap_or(i64::MAX) } else { 0 };
    let at = millis.checked_add(base).ok_or_else(invalid)?;
    u64::try_from(at).map_err(|_| invalid())
}

/// A time-out in seconds, fractions allowed, as milliseconds; 0: none. It must end before time does.
pub(crate) fn timeout(text: &[u8], now_ms: u64) -> Result<u64, Fail> {
    let seconds =
        Extended::parse(text).ok_or(Fail::new("ERR timeout is not a float or out of range"))?.to_f64();
    let millis = (seconds * 1000.0).ceil();
    if millis > 9.2e18 {
        return Err(Fail::new("ERR timeout is out of range"));
    }
    if seconds < 0.0 {
        return Err(Fail::new("ERR timeout is negative"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and below 2^63")]
    let millis = millis as u64;
    i64::try_from(now_ms.saturating_add(millis)).map_err(|_| Fail::new("ERR timeout is out of range"))?;
    Ok(millis)
}

/// The cursor of a scan: as C's `strtoull` reads it, without a minus sign.
pub(crate) fn cursor(text: &[u8]) -> Result<u64, Fail> {
    let text = std::str::from_utf8(text.trim_ascii_start()).ok();
    text.and_then(|text| text.parse().ok()).ok_or(Fail::new("ERR invalid cursor"))
}

/// One of this many databases, by its number.
///
/// # Errors
/// The reply to a text that is no number, or no database's.
pub fn database(text: &[u8], databases: u32) -> Result<u32, Fail> {
    let number = i32::try_from(int(text)?)
        .map_err(|_| Fail::new("ERR value is out of range, value must between -2147483648 and 2147483647"))?;
    u32::try_from(number).ok().filter(|&db| db < databases).ok_or(Fail::DB_OUT_OF_RANGE)
}
