//! Numbers of ours as those of the server, which knows none without a sign.

use std::error::Error;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// Milliseconds from 1970 to 2000, from where the server counts microseconds.
const EPOCH_MS: i64 = 946_684_800_000;
/// What the server takes for times that never come.
const INFINITY: i64 = i64::MAX;
/// Its last moment is in the year 294276.
const LAST_MS: u64 = 9_224_318_015_999_999;

/// A number of ours; those that would not fit are never reached by counting.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of the server's; what others have made negative counts as nothing.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// An expiry in milliseconds, as a number or nothing.
pub(crate) fn expiry(ms: u64) -> Option<i64> {
    (ms != 0).then(|| signed(ms))
}

/// A moment as the server has it: `timestamptz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(i64);

impl Moment {
    /// An expiry in milliseconds; 0, and what lies past the server's last year, is never.
    pub(crate) fn of_expiry(ms: u64) -> Option<Self> {
        match ms {
            0 => None,
            1..=LAST_MS => Some(Self((signed(ms) - EPOCH_MS) * 1000)),
            _ => Some(Self(INFINITY)),
        }
    }

    /// As it is sent.
    pub(crate) fn to_be_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// The expiry in milliseconds; one that lies before 1970 has passed all the same.
    pub(crate) fn expiry_ms(self) -> u64 {
        match self.0 {
            INFINITY => 0,
            us => unsigned(us.div_euclid(1000) + EPOCH_MS).max(1),
        }
    }
}

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(i64::from_be_bytes(raw.try_into()?)))
    }

    accepts!(TIMESTAMPTZ);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_come_back_to_the_millisecond_as_far_as_the_server_counts() {
        for ms in [1, 999, 946_684_800_000, 1_800_000_000_123, 253_402_300_799_999, LAST_MS] {
            assert_eq!(Moment::of_expiry(ms).unwrap().expiry_ms(), ms);
        }
        assert_eq!(Moment::of_expiry(0), None);
        assert_eq!(Moment::of_expiry(LAST_MS + 1).unwrap().expiry_ms(), 0);
        assert_eq!(Moment(i64::MIN).expiry_ms(), 1);
    }
}
