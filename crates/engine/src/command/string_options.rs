//! The options that SET, GETEX and MSETEX share: a condition, the old value, how long the key is to live.
//!
//! A token may be repeated, and the last argument counts; two that contradict each other are a syntax error. An expiry is
//! looked at only when all options are known: a wrong option is told before a wrong number.

use super::Fail;
use super::parse::{Unit, expiry, is};

/// Which options a command takes.
pub(super) mod allow {
    /// NX and XX.
    const CONDITION: u8 = 1;
    /// IFEQ and GET.
    const OLD_VALUE: u8 = 2;
    /// KEEPTTL.
    const KEEP: u8 = 4;
    /// PERSIST.
    const PERSIST: u8 = 8;

    pub(in super::super) const SET: u8 = CONDITION | OLD_VALUE | KEEP;
    pub(in super::super) const GETEX: u8 = PERSIST;
    pub(in super::super) const MSETEX: u8 = CONDITION | KEEP;

    pub(super) const fn condition(of: u8) -> bool {
        of & CONDITION != 0
    }
    pub(super) const fn old_value(of: u8) -> bool {
        of & OLD_VALUE != 0
    }
    pub(super) const fn keep(of: u8) -> bool {
        of & KEEP != 0
    }
    pub(super) const fn persist(of: u8) -> bool {
        of & PERSIST != 0
    }
}

/// The condition under which the write takes place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    Always,
    Absent,
    Present,
    Equal(&'a [u8]),
}

/// How long the key is to live.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime<'a> {
    /// Nothing was said.
    Unsaid,
    /// As long as before.
    Kept,
    /// For ever.
    Persistent,
    /// Up to a time, in this unit, from now on (`relative`) or absolute.
    At { unit: Unit, relative: bool, text: &'a [u8] },
}

/// What the options ask for.
pub(super) struct Options<'a> {
    pub(super) condition: Condition<'a>,
    pub(super) get: bool,
    pub(super) lifetime: Lifetime<'a>,
}

impl<'a> Options<'a> {
    /// Reads all arguments as options of those that are allowed.
    pub(super) fn parse(args: &[&'a [u8]], allowed: u8) -> Result<Self, Fail> {
        let mut options = Self { condition: Condition::Always, get: false, lifetime: Lifetime::Unsaid };
        let mut rest = args.iter();
        while let Some(&option) = rest.next() {
            if allow::condition(allowed) && is(option, "nx") {
                options.restrict(Condition::Absent)?;
            } else if allow::condition(allowed) && is(option, "xx") {
                options.restrict(Condition::Present)?;
            } else if allow::old_value(allowed) && is(option, "ifeq") {
                if options.condition != Condition::Always {
                    return Err(Fail::SYNTAX);
                }
                options.condition = Condition::Equal(rest.next().ok_or(Fail::SYNTAX)?);
            } else if allow::old_value(allowed) && is(option, "get") {
                options.get = true;
            } else if allow::keep(allowed) && is(option, "keepttl") {
                options.live(Lifetime::Kept)?;
            } else if allow::persist(allowed) && is(option, "persist") {
                options.live(Lifetime::Persistent)?;
            } else {
                let (unit, relative) = expiry_token(option).ok_or(Fail::SYNTAX)?;
                options.live(Lifetime::At { unit, relative, text: rest.next().ok_or(Fail::SYNTAX)? })?;
            }
        }
        Ok(options)
    }

    /// The absolute time that was asked for; 0: none.
    pub(super) fn expire_at(&self, now_ms: u64, command: &str) -> Result<u64, Fail> {
        match self.lifetime {
            Lifetime::At { unit, relative, text } => expiry(text, unit, relative, now_ms, command),
            _ => Ok(0),
        }
    }

    fn restrict(&mut self, condition: Condition<'a>) -> Result<(), Fail> {
        if self.condition != Condition::Always && self.condition != condition {
            return Err(Fail::SYNTAX);
        }
        self.condition = condition;
        Ok(())
    }

    fn live(&mut self, lifetime: Lifetime<'a>) -> Result<(), Fail> {
        let agrees = match (self.lifetime, lifetime) {
            (Lifetime::Unsaid, _) => true,
            (Lifetime::At { unit, relative, .. }, Lifetime::At { unit: new, relative: counted, .. }) => {
                unit == new && relative == counted
            }
            (old, new) => old == new,
        };
        self.lifetime = lifetime;
        if agrees { Ok(()) } else { Err(Fail::SYNTAX) }
    }
}

/// EX, PX, EXAT or PXAT: the unit, and whether it counts from now.
fn expiry_token(text: &[u8]) -> Option<(Unit, bool)> {
    [
        ("ex", Unit::Seconds, true),
        ("px", Unit::Millis, true),
        ("exat", Unit::Seconds, false),
        ("pxat", Unit::Millis, false),
    ]
    .into_iter()
    .find(|(token, ..)| is(text, token))
    .map(|(_, unit, relative)| (unit, relative))
}
