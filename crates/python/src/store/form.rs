//! The bytes of all that is kept in a store of a user's own: keys in the order of their places, and what lies there.
//!
//! ```text
//! "m"                         version of this form (u8) | database id (u128) | epoch, last epoch that wrote (u64) | lanes (u32) | 1 if
//!                             released (u8)
//! "l" lane (u32, big-endian)  sequence, watermark, highest version (u64)
//! "d" table                   three texts: stored as, key column, data column
//! "g"                         anything: rows may have tags
//! "t" table "\0" key          a row, a record
//! "k" database (u32, b.-e.) key   a row of another type
//! row                         version, expiry in ms (u64) | tags (u32), each a text | 0 record, 1 whole, 2 in parts (u8) | what it is
//! text                        length + 1, or 0 for none (u32) | bytes
//! ```
//!
//! Numbers are little-endian where nothing else is said.

use super::{Answer, no};
use ramekin::store::{Content, ErrorKind, Place, Row, StoreError, Table};
use std::sync::Arc;

const VERSION: u8 = 1;

/// A place for something.
pub(super) enum Shelf<'a> {
    Meta,
    Lane(u32),
    Definition(&'a str),
    HasTags,
    Row(&'a Place, &'a [u8]),
}

impl<'a> Shelf<'a> {
    /// Where the definition of a table lies.
    pub(super) fn definition_of(place: &'a Place) -> Self {
        match place {
            Place::Table(name) => Self::Definition(name),
            Place::Keys(_) => Self::Meta,
        }
    }

    /// Its key.
    pub(super) fn key(&self) -> Vec<u8> {
        match self {
            Self::Meta => b"m".to_vec(),
            Self::Lane(lane) => [b"l", &lane.to_be_bytes()[..]].concat(),
            Self::Definition(name) => [b"d", name.as_bytes()].concat(),
            Self::HasTags => b"g".to_vec(),
            Self::Row(Place::Table(name), key) => [b"t", name.as_bytes(), b"\0", key].concat(),
            Self::Row(Place::Keys(db), key) => [b"k", &db.to_be_bytes()[..], key].concat(),
        }
    }
}

/// What is known of the store as a whole.
#[derive(Clone, Copy)]
pub(super) struct Meta {
    pub(super) database_id: u128,
    pub(super) epoch: u64,
    pub(super) written: u64,
    pub(super) lanes: u32,
    pub(super) is_released: bool,
}

/// How far a lane has come.
#[derive(Clone, Copy, Default)]
pub(super) struct Lane {
    pub(super) sequence: u64,
    pub(super) watermark: u64,
    pub(super) version: u64,
}

/// Reads from the front.
struct Reader<'b>(&'b [u8]);

fn broken() -> StoreError {
    StoreError::new(ErrorKind::Invalid, "the store has given back other bytes than were kept there")
}

impl<'b> Reader<'b> {
    fn take(&mut self, len: usize) -> Answer<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(broken)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Answer<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| broken())
    }

    fn u8(&mut self) -> Answer<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Answer<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Answer<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Answer<Option<&'b [u8]>> {
        match self.u32()? {
            0 => Ok(None),
            len => self.take(len as usize - 1).map(Some),
        }
    }

    fn text(&mut self) -> Answer<Option<String>> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| broken());
        self.bytes()?.map(text).transpose()
    }

    fn list(&mut self) -> Answer<Vec<Vec<u8>>> {
        (0..self.u32()?).map(|_| Ok(self.bytes()?.ok_or_else(broken)?.to_vec())).collect()
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    // A value is no longer than 512 MiB.
    let len = bytes.map_or(0, |bytes| u32::try_from(bytes.len() + 1).unwrap_or(u32::MAX));
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn put_list(out: &mut Vec<u8>, list: &[Vec<u8>]) {
    out.extend_from_slice(&u32::try_from(list.len()).unwrap_or(u32::MAX).to_le_bytes());
    list.iter().for_each(|item| put_bytes(out, Some(item)));
}

impl Meta {
    pub(super) fn bytes(&self) -> Vec<u8> {
        [
            &[VERSION][..],
            &self.database_id.to_le_bytes(),
            &self.epoch.to_le_bytes(),
            &self.written.to_le_bytes(),
            &self.lanes.to_le_bytes(),
            &[u8::from(self.is_released)],
        ]
        .concat()
    }

    pub(super) fn read(bytes: &[u8]) -> Answer<Self> {
        let mut reader = Reader(bytes);
        if reader.u8()? > VERSION {
            return no(ErrorKind::Newer, "it was written by a later version: run that one");
        }
        Ok(Self {
            database_id: reader.array().map(u128::from_le_bytes)?,
            epoch: reader.u64()?,
            written: reader.u64()?,
            lanes: reader.u32()?,
            is_released: reader.u8()? != 0,
        })
    }
}

impl Lane {
    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.sequence, self.watermark, self.version].iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    pub(super) fn read(bytes: &[u8]) -> Answer<Self> {
        let mut reader = Reader(bytes);
        Ok(Self { sequence: reader.u64()?, watermark: reader.u64()?, version: reader.u64()? })
    }
}

/// The bytes of a table's definition.
pub(super) fn table_bytes(table: &Table) -> Vec<u8> {
    let mut out = Vec::new();
    for text in [&table.stored_as, &table.key_column, &table.data_column] {
        put_bytes(&mut out, text.as_deref().map(str::as_bytes));
    }
    out
}

/// The definition of the table of this name.
pub(super) fn read_table(name: &[u8], bytes: &[u8]) -> Answer<Table> {
    let mut reader = Reader(bytes);
    Ok(Table {
        name: Arc::from(std::str::from_utf8(name).map_err(|_| broken())?),
        stored_as: reader.text()?,
        key_column: reader.text()?,
        data_column: reader.text()?,
    })
}

/// The bytes of a row.
pub(super) fn row_bytes(row: &Row) -> Vec<u8> {
    let mut out = [row.version.to_le_bytes(), row.expire_at_ms.to_le_bytes()].concat();
    put_list(&mut out, &row.tags);
    match &row.content {
        Content::Record(text) => {
            out.push(0);
            out.extend_from_slice(text.as_bytes());
        }
        Content::Whole(kind, bytes) => {
            out.extend_from_slice(&[1, *kind]);
            out.extend_from_slice(bytes);
        }
        Content::Parts(kind, parts) => {
            out.extend_from_slice(&[2, *kind]);
            put_list(&mut out, parts);
        }
        Content::Gone => {}
    }
    out
}

/// The row of these bytes.
pub(super) fn read_row(bytes: &[u8]) -> Answer<Row> {
    let mut reader = Reader(bytes);
    let (version, expire_at_ms, tags) = (reader.u64()?, reader.u64()?, reader.list()?);
    let content = match reader.u8()? {
        0 => Content::Record(String::from_utf8(reader.0.to_vec()).map_err(|_| broken())?),
        1 => Content::Whole(reader.u8()?, reader.0.to_vec()),
        2 => Content::Parts(reader.u8()?, reader.list()?),
        _ => return Err(broken()),
    };
    Ok(Row { version, stamp: 0, expire_at_ms, content, tags })
}
