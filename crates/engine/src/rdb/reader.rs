//! A file, item by item.
//!
//! ```text
//! file  "REDIS" and four digits, or "VALKEY" and three | items | 255 | checksum (u64, little-endian; 0: none), from version 5 on
//! item  an opcode with its fields, or: type | key | object. What is told of a key (expiry, use) comes before it.
//! ```

use super::cursor::{Cursor, Source};
use super::input::Input;
use super::{Dialect, Fault, REDIS_VERSION_MAX, VALKEY_VERSION, kind, walk};
use std::io::Read;

/// From this version on a checksum ends the file.
const CHECKSUM_SINCE: u16 = 5;
const HEADER_BYTES: usize = 9;

/// A key with all that is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'r> {
    /// The database.
    pub db: u64,
    /// The key.
    pub key: &'r [u8],
    /// When it expires, in Unix milliseconds; 0: never.
    pub expire_at_ms: u64,
    /// Seconds since it was used.
    pub idle_seconds: Option<u64>,
    /// How often it is used, as the logarithmic counter of LFU.
    pub frequency: Option<u8>,
    /// The type.
    pub kind: u8,
    /// What [`decode`](super::decode()) makes a value of.
    pub object: &'r [u8],
}

/// What a file is made of, apart from hints about sizes.
#[derive(Clone, Copy, Debug)]
pub enum Item<'r> {
    /// A key.
    Key(Record<'r>),
    /// Something about the file.
    Aux(&'r [u8], &'r [u8]),
    /// The code of a library of functions.
    Function(&'r [u8]),
    /// What a module keeps beside the keys, under its name; it has been passed over.
    Module(&'r str),
}

/// Reads a file. After an error it must not be used further; [`Reader::position`] says where that was.
pub struct Reader<R> {
    input: Input<R>,
    dialect: Dialect,
    version: u16,
    database: u64,
    key: Vec<u8>,
    text: Vec<u8>,
    name: String,
}

/// What the opcodes before a key have told of it.
#[derive(Default)]
struct Told {
    expire_at_ms: u64,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl<R: Read> Reader<R> {
    /// Begins to read a file: its header.
    ///
    /// # Errors
    /// No such file, or one of a version that this release does not know.
    pub fn new(from: R) -> Result<Self, Fault> {
        let mut input = Input::new(from);
        let header: [u8; HEADER_BYTES] = input.array()?;
        let (dialect, version) = read_header(&header)?;
        Ok(Self {
            input,
            dialect,
            version,
            database: 0,
            key: Vec::new(),
            text: Vec::new(),
            name: String::new(),
        })
    }

    /// Whose types these are.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The version that the header tells.
    #[must_use]
    pub fn version(&self) -> u16 {
        self.version
    }

    /// Bytes read so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.input.position()
    }

    /// What was received behind the end of the file, and where more comes from: an append-only file goes on there.
    #[must_use]
    pub fn into_rest(self) -> (Vec<u8>, R) {
        self.input.into_rest()
    }

    /// The next item; none at the end, when the checksum was right.
    ///
    /// # Errors
    /// See [`Fault`].
    #[expect(clippy::should_implement_trait, reason = "items borrow from the reader")]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, Fault> {
        let mut told = Told::default();
        loop {
            let code = self.input.byte()?;
            match code {
                kind::EXPIRETIME_MS => told.expire_at_ms = due(i64::from_le_bytes(self.input.array()?)),
                kind::EXPIRETIME => {
                    let seconds = i64::from(i32::from_le_bytes(self.input.array()?));
                    told.expire_at_ms = due(seconds * 1000);
                }
                kind::IDLE => told.idle_seconds = Some(self.input.length()?),
                kind::FREQ => told.frequency = Some(self.input.byte()?),
                kind::SELECTDB => self.database = self.input.length()?,
                kind::RESIZEDB => self.pass_lengths(2)?,
                kind::SLOT_INFO => self.pass_lengths(3)?,
                kind::SLOT_IMPORT if self.dialect == Dialect::Valkey => {
                    self.input.pass_string()?;
                    for _ in 0..self.input.length()? {
                        self.pass_lengths(2)?;
                    }
                }
                kind::AUX => return self.aux().map(Some),
                kind::FUNCTION2 => {
                    string(&mut self.input, &mut self.text)?;
                    return Ok(Some(Item::Function(&self.text)));
                }
                kind::FUNCTION_PRE_GA => {
                    let text = "a library of functions in the format of a release candidate".to_owned();
                    return Err(Fault::Unknown(text));
                }
                kind::MODULE_AUX => {
                    self.name = walk::module_name(walk::pass_module(&mut self.input)?);
                    return Ok(Some(Item::Module(&self.name)));
                }
                kind::EOF => return self.end().map(|()| None),
                _ => return self.record(code, &told).map(Some),
            }
        }
    }

    fn pass_lengths(&mut self, count: usize) -> Result<(), Fault> {
        (0..count).try_for_each(|_| self.input.length().map(|_| ()))
    }

    fn aux(&mut self) -> Result<Item<'_>, Fault> {
        string(&mut self.input, &mut self.key)?;
        string(&mut self.input, &mut self.text)?;
        Ok(Item::Aux(&self.key, &self.text))
    }

    fn record(&mut self, kind: u8, told: &Told) -> Result<Item<'_>, Fault> {
        if kind::type_name(kind, self.dialect).is_none() {
            return Err(Fault::Unknown(format!(
                "a value of type or an opcode {kind}, which this release does not know"
            )));
        }
        string(&mut self.input, &mut self.key)?;
        self.input.keep();
        walk::pass_object(&mut self.input, kind, self.dialect)?;
        Ok(Item::Key(Record {
            db: self.database,
            key: &self.key,
            expire_at_ms: told.expire_at_ms,
            idle_seconds: told.idle_seconds,
            frequency: told.frequency,
            kind,
            object: self.input.kept(),
        }))
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.version < CHECKSUM_SINCE {
            return Ok(());
        }
        let sum = self.input.checksum();
        let told = u64::from_le_bytes(self.input.array()?);
        if told != 0 && told != sum {
            return Err(Fault::damaged("the checksum is wrong: some byte of the file has changed"));
        }
        Ok(())
    }
}

/// A time that a file tells; what is before 1970 is past, and 0 stands for never.
fn due(at_ms: i64) -> u64 {
    u64::try_from(at_ms).unwrap_or(0).max(1)
}

/// A string that is read whole.
fn string<R: Read>(input: &mut Input<R>, out: &mut Vec<u8>) -> Result<(), Fault> {
    input.keep();
    input.pass_string()?;
    let mut scratch = Vec::new();
    let text = Cursor(input.kept()).string(&mut scratch)?;
    out.clear();
    out.extend_from_slice(text);
    Ok(())
}

fn read_header(header: &[u8; HEADER_BYTES]) -> Result<(Dialect, u16), Fault> {
    const FOREIGN: Fault = Fault::damaged("it does not begin like an RDB file");
    let number = |digits: &[u8]| {
        let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
        text.and_then(|text| text.parse::<u16>().ok()).ok_or(FOREIGN)
    };
    let (dialect, version, newest) = if let Some(digits) = header.strip_prefix(b"VALKEY") {
        (Dialect::Valkey, number(digits)?, VALKEY_VERSION)
    } else if let Some(digits) = header.strip_prefix(b"REDIS") {
        (Dialect::Redis, number(digits)?, REDIS_VERSION_MAX)
    } else {
        return Err(FOREIGN);
    };
    if version > newest {
        let name = if dialect == Dialect::Valkey { "Valkey" } else { "Redis" };
        let text = format!("it is of {name}'s version {version}, and this release knows up to {newest}");
        return Err(Fault::Unknown(text));
    }
    if version == 0 || dialect == Dialect::Valkey && version < VALKEY_VERSION {
        return Err(FOREIGN);
    }
    Ok((dialect, version))
}
