//! The forms that values take, and the texts with which Valkey refuses a wrong one.
//!
//! Pure: nothing here looks at the system, except `Cores`, which asks for the number of usable ones.

use super::events::Events;
use super::value::{BindAddress, OUTPUT_CLASSES, OutputLimit, SavePoint, Value};

/// The form of a directive's value.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A whole number from `min` to `max`.
    Int {
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// A number of event loops, 1 to 256, or `cores` for as many as the process may use.
    Cores,
    /// Times a second: any positive number is taken, and brought between 1 and 500.
    Frequency,
    /// A number of bytes with an optional unit: `k kb m mb g gb`.
    Memory {
        /// Smallest allowed.
        min: u64,
        /// Largest allowed.
        max: u64,
    },
    /// A number of bytes, or a percentage of `maxmemory`.
    MemoryOrPercent,
    /// File permissions in octal.
    Mode,
    /// One of the words.
    Enum(&'static [&'static str]),
    /// Some of the words.
    Set(&'static [&'static str]),
    /// Any text.
    Text,
    /// The address of a store; its password is not shown.
    Address,
    /// Seconds, also fractions of one.
    Seconds,
    /// The path of a folder.
    Folder,
    /// The name of a file, without a path.
    FileName,
    /// Addresses to listen on.
    Addresses,
    /// Pairs of seconds and changes.
    SavePoints,
    /// Classes of clients, each with a hard limit, a soft limit and seconds.
    OutputLimits,
    /// Classes of keyspace events.
    Events,
    /// Numbers from 0 to 100.
    Percentiles,
    /// Three numbers from -2000 to 2000.
    OomScores,
}

const NOT_A_NUMBER: &str = "argument couldn't be parsed into an integer";
const NOT_MEMORY: &str = "argument must be a memory value";
const BIND_ADDRESSES_MAX: usize = 16;

impl Kind {
    /// Numbers that a C `int` holds and that are not negative.
    pub(super) const COUNT: Self = Self::Int { min: 0, max: 0x7fff_ffff };
    /// Numbers that are not negative.
    pub(super) const LONG: Self = Self::Int { min: 0, max: i64::MAX };
    /// TCP ports.
    pub(super) const PORT: Self = Self::Int { min: 0, max: 65535 };
    /// Numbers of bytes.
    pub(crate) const MEMORY: Self = Self::Memory { min: 0, max: 0x7fff_ffff_ffff_ffff };

    /// Whether a value is made of several words of a line.
    #[must_use]
    pub fn takes_many(self) -> bool {
        matches!(
            self,
            Self::Set(_)
                | Self::Addresses
                | Self::SavePoints
                | Self::OutputLimits
                | Self::Percentiles
                | Self::OomScores
        )
    }

    /// Reads a value. `before` is the value that a further line of the same file adds to, where the form has parts.
    ///
    /// # Errors
    /// What is wrong, in Valkey's words.
    pub fn parse(self, words: &[Vec<u8>], before: Option<&Value>) -> Result<Value, String> {
        let words = if self.takes_many() && words.len() == 1 && words[0].is_empty() { &[] } else { words };
        match self {
            Self::Set(known) => set(known, words),
            Self::Addresses => addresses(words),
            Self::SavePoints => save_points(words, before),
            Self::OutputLimits => output_limits(words, before),
            Self::Percentiles => percentiles(words),
            Self::OomScores => oom_scores(words),
            _ => match words {
                [word] => self.parse_one(word),
                _ => Err("wrong number of arguments".into()),
            },
        }
    }

    /// Reads a value given as one text, as `CONFIG SET` and the environment give it.
    ///
    /// # Errors
    /// What is wrong, in Valkey's words.
    pub fn parse_text(self, text: &[u8], before: Option<&Value>) -> Result<Value, String> {
        if self.takes_many() {
            let words: Vec<Vec<u8>> = text.split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect();
            return self.parse(&words, before);
        }
        self.parse_one(text)
    }

    fn parse_one(self, word: &[u8]) -> Result<Value, String> {
        match self {
            Self::Bool if word.eq_ignore_ascii_case(b"yes") => Ok(Value::Bool(true)),
            Self::Bool if word.eq_ignore_ascii_case(b"no") => Ok(Value::Bool(false)),
            Self::Bool => Err("argument must be 'yes' or 'no'".into()),
            Self::Int { min, max } => int(word, min, max),
            Self::Cores if word.eq_ignore_ascii_case(b"cores") => Ok(Value::Int(usable_cores())),
            Self::Cores => int(word, 1, 256),
            Self::Frequency => match int(word, 0, 0x7fff_ffff)? {
                Value::Int(hz) => Ok(Value::Int(hz.clamp(1, 500))),
                other => Ok(other),
            },
            Self::Memory { min, max } => match memory(word).ok_or(NOT_MEMORY)? {
                bytes if (min..=max).contains(&bytes) => Ok(Value::Bytes(bytes)),
                _ => Err(between(min, max)),
            },
            Self::MemoryOrPercent => memory_or_percent(word),
            Self::Mode => mode(word),
            Self::Enum(known) => match find_word(known, word) {
                Some(found) => Ok(Value::Words(vec![found])),
                None => Err(one_of(known)),
            },
            Self::FileName if word.is_empty() || word.contains(&b'/') => {
                Err("dbfilename can't be a path, just a filename".into())
            }
            Self::Folder if word.is_empty() => Err("No such file or directory".into()),
            Self::Folder => Ok(Value::Folder(word.to_vec())),
            Self::Events => match Events::parse(word) {
                Some(events) => Ok(Value::Text(events.letters().into_bytes())),
                None => Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
            },
            Self::Address => Ok(Value::Address(word.to_vec())),
            Self::Seconds => seconds(word),
            _ => Ok(Value::Text(word.to_vec())),
        }
    }

    /// The allowed values, for people.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Bool => "yes, no".into(),
            Self::Int { min, max: i64::MAX } => format!("a number from {min}"),
            Self::Int { min, max } => format!("{min} to {max}"),
            Self::Cores => "1 to 256, or `cores`".into(),
            Self::Frequency => "1 to 500".into(),
            Self::Memory { min: 0, .. } => "bytes, or a number with k, kb, m, mb, g or gb".into(),
            Self::Memory { min, .. } => format!("{min} bytes or more, with k, kb, m, mb, g or gb"),
            Self::MemoryOrPercent => "bytes, or a percentage".into(),
            Self::Mode => "octal, 0 to 777".into(),
            Self::Enum(known) => known.join(", "),
            Self::Set(known) => format!("some of {}", known.join(", ")),
            Self::Text => "text".into(),
            Self::Address => "an address".into(),
            Self::Seconds => "seconds, also fractions of one".into(),
            Self::Folder => "a folder".into(),
            Self::FileName => "a file name".into(),
            Self::Addresses => "up to 16 addresses, `-` before one that may be missing".into(),
            Self::SavePoints => "seconds and changes, in pairs".into(),
            Self::OutputLimits => "class, hard bytes, soft bytes, seconds; repeated".into(),
            Self::Events => "letters of Ag$lshzxeKEtmdn".into(),
            Self::Percentiles => "numbers from 0 to 100".into(),
            Self::OomScores => "three numbers from -2000 to 2000".into(),
        }
    }
}

/// A decimal number as Redis reads them: no sign but `-`, no leading zero, no spaces.
fn strict_int(word: &[u8]) -> Option<i64> {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    let canonical = digits == b"0" && word.len() == 1 || matches!(digits.first(), Some(b'1'..=b'9'));
    if !canonical || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn int(word: &[u8], min: i64, max: i64) -> Result<Value, String> {
    let number = strict_int(word).ok_or(NOT_A_NUMBER)?;
    if (min..=max).contains(&number) { Ok(Value::Int(number)) } else { Err(between(min, max)) }
}

/// Seconds up to some thousand years, in steps of a millisecond.
fn seconds(word: &[u8]) -> Result<Value, String> {
    let refusal = "argument must be a number of seconds";
    let text = std::str::from_utf8(word).map_err(|_| refusal)?;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = !whole.is_empty()
        && whole.len() <= 11
        && part.len() <= 9
        && whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(refusal.into());
    }
    let millis = format!("{part:0<3}")[..3].parse::<u64>().map_err(|_| refusal)?;
    Ok(Value::Millis(whole.parse::<u64>().map_err(|_| refusal)? * 1000 + millis))
}

fn between(min: impl std::fmt::Display, max: impl std::fmt::Display) -> String {
    format!("argument must be between {min} and {max} inclusive")
}

/// Digits, then a unit; nothing at all is 0, as in Valkey.
fn memory(word: &[u8]) -> Option<u64> {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unit: u64 = match word[digits..].to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    if word.is_empty() {
        return Some(0);
    }
    let number: u64 = std::str::from_utf8(&word[..digits]).ok()?.parse().ok()?;
    number.checked_mul(unit)
}

fn memory_or_percent(word: &[u8]) -> Result<Value, String> {
    let refused = "argument must be a memory or percent value";
    let Some(percent) = word.strip_suffix(b"%") else {
        return memory(word).map(Value::Bytes).ok_or_else(|| refused.into());
    };
    match strict_int(percent) {
        Some(0..=100) => Ok(Value::Text(word.to_vec())),
        Some(101..) => Err("percentage argument must be less or equal to 100".into()),
        _ => Err(refused.into()),
    }
}

fn mode(word: &[u8]) -> Result<Value, String> {
    let refused = "argument couldn't be parsed as an octal number";
    let octal = word.iter().all(|byte| (b'0'..=b'7').contains(byte));
    let text = std::str::from_utf8(word).ok().filter(|_| octal).ok_or(refused)?;
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(Value::Mode(mode)),
        Ok(_) => Err(between(0, 777)),
        Err(_) => Err(refused.into()),
    }
}

fn find_word(known: &[&'static str], word: &[u8]) -> Option<&'static str> {
    known.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(word)).copied()
}

fn one_of(known: &[&str]) -> String {
    format!("argument(s) must be one of the following: {}", known.join(", "))
}

fn set(known: &'static [&'static str], words: &[Vec<u8>]) -> Result<Value, String> {
    let found: Option<Vec<&str>> = words.iter().map(|word| find_word(known, word)).collect();
    let found = found.filter(|found| !found.is_empty()).ok_or_else(|| one_of(known))?;
    if found.contains(&"save") && found.contains(&"nosave") {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    Ok(Value::Words(known.iter().copied().filter(|word| found.contains(word)).collect()))
}

fn addresses(words: &[Vec<u8>]) -> Result<Value, String> {
    if words.len() > BIND_ADDRESSES_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    let read = |word: &Vec<u8>| {
        let text = String::from_utf8(word.clone()).map_err(|_| "Failed to bind to specified addresses.")?;
        let optional = text.starts_with('-');
        let host = text.strip_prefix('-').map_or(text.clone(), str::to_owned);
        Ok(BindAddress { host, optional })
    };
    words
        .iter()
        .filter(|word| !word.is_empty())
        .map(read)
        .collect::<Result<_, String>>()
        .map(Value::Addresses)
}

fn save_points(words: &[Vec<u8>], before: Option<&Value>) -> Result<Value, String> {
    let mut points = match before {
        Some(Value::SavePoints(points)) if !words.is_empty() => points.clone(),
        _ => Vec::new(),
    };
    let (pairs, odd) = words.as_chunks::<2>();
    if !odd.is_empty() {
        return Err("Invalid save parameters".into());
    }
    for [seconds, changes] in pairs {
        let number = |word| strict_int(word).and_then(|number| u32::try_from(number).ok());
        match (number(seconds), number(changes)) {
            (Some(seconds @ 1..), Some(changes)) => points.push(SavePoint { seconds, changes }),
            _ => return Err("Invalid save parameters".into()),
        }
    }
    Ok(Value::SavePoints(points))
}

fn output_limits(words: &[Vec<u8>], before: Option<&Value>) -> Result<Value, String> {
    let mut limits = match before {
        Some(Value::OutputLimits(limits)) => *limits,
        _ => [OutputLimit::NONE; 3],
    };
    let (groups, rest) = words.as_chunks::<4>();
    if !rest.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for [class, hard, soft, seconds] in groups {
        let named = |(shown, written): &(&str, &str)| {
            class.eq_ignore_ascii_case(shown.as_bytes()) || class.eq_ignore_ascii_case(written.as_bytes())
        };
        let Some(index) = OUTPUT_CLASSES.iter().position(named) else {
            return Err("Invalid client class specified in buffer limit configuration.".into());
        };
        let seconds = strict_int(seconds).and_then(|number| u64::try_from(number).ok());
        limits[index] = match (memory(hard), memory(soft), seconds) {
            (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) => {
                OutputLimit { hard_bytes, soft_bytes, soft_seconds }
            }
            _ => {
                return Err(
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration.".into()
                );
            }
        };
    }
    Ok(Value::OutputLimits(limits))
}

fn percentiles(words: &[Vec<u8>]) -> Result<Value, String> {
    let read = |word: &Vec<u8>| {
        let number = std::str::from_utf8(word).ok().and_then(|text| text.parse::<f64>().ok());
        match number.filter(|number| number.is_finite()) {
            None => Err("Invalid latency-tracking-info-percentiles parameters".to_owned()),
            Some(number) if (0.0..=100.0).contains(&number) => Ok(number.to_string()),
            Some(_) => {
                Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into())
            }
        }
    };
    let numbers = words.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::Text(numbers.join(" ").into_bytes()))
}

fn oom_scores(words: &[Vec<u8>]) -> Result<Value, String> {
    if words.len() != 3 {
        return Err("wrong number of arguments".into());
    }
    if !words.iter().all(|word| strict_int(word).is_some_and(|score| (-2000..=2000).contains(&score))) {
        return Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000.".into());
    }
    Ok(Value::Text(words.join(&b' ')))
}

fn usable_cores() -> i64 {
    std::thread::available_parallelism()
        .ok()
        .and_then(|cores| i64::try_from(cores.get()).ok())
        .unwrap_or(1)
        .min(256)
}

#[cfg(test)]
mod tests {
    use super::Kind;
    use proptest::prelude::*;

    fn shown(kind: Kind, text: &str) -> Result<String, String> {
        kind.parse_text(text.as_bytes(), None).map(|value| String::from_utf8(value.show()).unwrap())
    }

    #[test]
    fn memory_takes_units_and_shows_bytes() {
        for (given, bytes) in
            [("100", "100"), ("5k", "5000"), ("5KB", "5120"), ("1gb", "1073741824"), ("7b", "7"), ("", "0")]
        {
            assert_eq!(shown(Kind::MEMORY, given).as_deref(), Ok(bytes));
        }
        for given in ["1.5gb", "10%", "1zb", "-1", "99999999999999999999", "20000000000gb", "gb"] {
            assert_eq!(shown(Kind::MEMORY, given).unwrap_err(), "argument must be a memory value", "{given}");
        }
        assert_eq!(
            shown(Kind::Memory { min: 1 << 20, max: i64::MAX as u64 }, "1kb").unwrap_err(),
            "argument must be between 1048576 and 9223372036854775807 inclusive"
        );
    }

    #[test]
    fn numbers_are_read_as_strictly_as_in_redis() {
        assert_eq!(shown(Kind::PORT, "6379").as_deref(), Ok("6379"));
        for given in ["007", "+7", " 5", "0x10", "", "-", "-0", "9999999999999999999"] {
            assert_eq!(
                shown(Kind::PORT, given).unwrap_err(),
                "argument couldn't be parsed into an integer",
                "{given}"
            );
        }
        assert_eq!(shown(Kind::PORT, "-1").unwrap_err(), "argument must be between 0 and 65535 inclusive");
    }

    #[test]
    fn a_frequency_is_brought_into_its_range() {
        assert_eq!(shown(Kind::Frequency, "5000").as_deref(), Ok("500"));
        assert_eq!(shown(Kind::Frequency, "0").as_deref(), Ok("1"));
    }

    #[test]
    fn lists_of_every_form_are_read_and_shown() {
        assert_eq!(shown(Kind::SavePoints, "3600 1 300 100").as_deref(), Ok("3600 1 300 100"));
        assert_eq!(shown(Kind::SavePoints, "").as_deref(), Ok(""));
        assert_eq!(shown(Kind::SavePoints, "1 2 3").unwrap_err(), "Invalid save parameters");
        assert_eq!(shown(Kind::SavePoints, "0 10").unwrap_err(), "Invalid save parameters");
        assert_eq!(
            shown(Kind::OutputLimits, "replica 1mb 2kb 3 normal 1 1 1 NORMAL 3 3 3").as_deref(),
            Ok("normal 3 3 3 slave 1048576 2048 3 pubsub 0 0 0")
        );
        assert_eq!(
            shown(Kind::OutputLimits, "foo 0 0 0").unwrap_err(),
            "Invalid client class specified in buffer limit configuration."
        );
        assert_eq!(
            shown(Kind::OutputLimits, "normal a 0 0").unwrap_err(),
            "Error in hard, soft or soft_seconds setting in buffer limit configuration."
        );
        assert_eq!(shown(Kind::Addresses, "127.0.0.1 -::1").as_deref(), Ok("127.0.0.1 -::1"));
        assert_eq!(shown(Kind::Percentiles, "50 99.999").as_deref(), Ok("50 99.999"));
        assert_eq!(shown(Kind::OomScores, "1 2").unwrap_err(), "wrong number of arguments");
        assert_eq!(shown(Kind::MemoryOrPercent, "5%").as_deref(), Ok("5%"));
        assert_eq!(
            shown(Kind::MemoryOrPercent, "105%").unwrap_err(),
            "percentage argument must be less or equal to 100"
        );
        assert_eq!(shown(Kind::Mode, "0700").as_deref(), Ok("700"));
        assert_eq!(shown(Kind::Mode, "999").unwrap_err(), "argument couldn't be parsed as an octal number");
    }

    #[test]
    fn a_set_of_words_takes_several_and_refuses_contradictions() {
        let kind = Kind::Set(&["default", "save", "nosave", "now"]);
        assert_eq!(shown(kind, "now save").as_deref(), Ok("save now"));
        assert_eq!(
            shown(kind, "save nosave").unwrap_err(),
            "shutdown options SAVE and NOSAVE can't be used simultaneously"
        );
        assert_eq!(
            shown(kind, "foo").unwrap_err(),
            "argument(s) must be one of the following: default, save, nosave, now"
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back_as_the_same_value(text in "[0-9a-z% .-]{0,24}") {
            for kind in [Kind::MEMORY, Kind::PORT, Kind::MemoryOrPercent, Kind::SavePoints, Kind::Addresses,
                Kind::Percentiles, Kind::OomScores, Kind::Mode, Kind::OutputLimits, Kind::Events] {
                if let Ok(value) = kind.parse_text(text.as_bytes(), None) {
                    prop_assert_eq!(kind.parse_text(&value.show(), None), Ok(value));
                }
            }
        }
    }
}
