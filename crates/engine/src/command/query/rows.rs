//! Rows that were found: records that are still to be compared with others, or what is answered of them, ready.
//!
//! Owns the form in which ready rows lie until their number is known: cell after cell its length and its bytes, in chunks. They
//! are made where the record was judged, while it is in the processor's cache.

use crate::query::{Cell, Question, Row};
use crate::reply::Reply;
use crate::value::json::{Json, Node};

/// Bytes in a chunk before the next one begins.
const CHUNK_BYTES: usize = 1 << 20;
/// Bytes of a record's text that there is room for before it is printed, beside twice its own.
const SPARE_BYTES: usize = 64;
/// The length that stands for no value.
const NULL: u32 = u32::MAX;

/// A record that was found.
pub(super) struct Found {
    pub(super) key: Box<[u8]>,
    pub(super) json: Json,
    pub(super) expire_at_ms: u64,
}

impl Found {
    pub(super) fn row(&self) -> Row<'_> {
        row_of(&self.key, self.json.root(), self.expire_at_ms)
    }
}

/// A record to be judged.
pub(super) fn row_of<'a>(key: &'a [u8], data: Node<'a>, expire_at_ms: u64) -> Row<'a> {
    Row { key, data, expire_at_ms: (expire_at_ms != 0).then_some(expire_at_ms) }
}

/// Rows that are ready.
#[derive(Default)]
pub(super) struct Ready {
    chunks: Vec<Vec<u8>>,
    rows: usize,
}

impl Ready {
    pub(super) const fn len(&self) -> usize {
        self.rows
    }

    /// Adds what is answered of a record.
    pub(super) fn add(&mut self, question: &Question, row: &Row<'_>) {
        self.rows += 1;
        if self.chunks.last().is_none_or(|chunk| chunk.len() >= CHUNK_BYTES) {
            self.chunks.push(Vec::new());
        }
        let Some(chunk) = self.chunks.last_mut() else { return };
        if question.projection.is_all() {
            put_cell(chunk, Some(row.key));
            let begin = chunk.len();
            chunk.reserve(size_of::<u32>() + row.data.bytes().len() * 2 + SPARE_BYTES);
            chunk.extend_from_slice(&NULL.to_le_bytes());
            row.data.print(chunk);
            // A record prints less than 64 MiB.
            let len = u32::try_from(chunk.len() - begin - size_of::<u32>()).unwrap_or(NULL);
            chunk[begin..begin + size_of::<u32>()].copy_from_slice(&len.to_le_bytes());
            return;
        }
        for cell in question.projection.cells(row) {
            match cell {
                Cell::Null => put_cell(chunk, None),
                Cell::Text(text) | Cell::Json(text) => put_cell(chunk, Some(&text)),
            }
        }
    }

    /// Takes over the rows of another.
    pub(super) fn join(&mut self, mut other: Self) {
        self.rows += other.rows;
        self.chunks.append(&mut other.chunks);
    }

    /// Answers with rows from `first` on, at most `max`.
    pub(super) fn answer(self, question: &Question, (first, max): (usize, usize), out: &mut dyn Reply) {
        let cells = if question.projection.is_all() { 2 } else { question.projection.names().count() };
        let rows = self.rows.saturating_sub(first).min(max);
        out.array(rows);
        let (mut to_pass, mut left) = (first, rows);
        for chunk in self.chunks {
            let mut rest = chunk.as_slice();
            while !rest.is_empty() && left > 0 {
                let is_passed = to_pass > 0;
                if is_passed {
                    to_pass -= 1;
                } else {
                    left -= 1;
                    out.array(cells);
                }
                for _ in 0..cells {
                    let cell = take_cell(&mut rest);
                    if !is_passed {
                        out.bulk_or_null(cell);
                    }
                }
            }
        }
    }
}

fn put_cell(chunk: &mut Vec<u8>, cell: Option<&[u8]>) {
    let len = cell.map_or(NULL, |cell| u32::try_from(cell.len()).unwrap_or(NULL));
    chunk.extend_from_slice(&len.to_le_bytes());
    chunk.extend_from_slice(cell.unwrap_or_default());
}

fn take_cell<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_first_chunk()?;
    let len = u32::from_le_bytes(*head);
    let (cell, tail) = if len == NULL {
        (None, tail)
    } else {
        let (cell, tail) = tail.split_at(len as usize);
        (Some(cell), tail)
    };
    *rest = tail;
    cell
}

/// Answers with one row of a record.
pub(super) fn write_row(question: &Question, row: &Row<'_>, text: &mut Vec<u8>, out: &mut dyn Reply) {
    if question.projection.is_all() {
        text.clear();
        row.data.print(text);
        out.array(2);
        out.bulk(row.key);
        out.bulk(text);
        return;
    }
    out.array(question.projection.names().count());
    for cell in question.projection.cells(row) {
        match cell {
            Cell::Null => out.null(),
            Cell::Text(text) | Cell::Json(text) => out.bulk(&text),
        }
    }
}
