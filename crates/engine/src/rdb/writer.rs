//! Writes a file.
//!
//! What must hold: the header tells the oldest version that reads everything in the file. It is known at the end only, so
//! it is written again then; the checksum is put together from its parts.

use super::crc::Digest;
use super::cursor::put_length;
use super::{Dialect, Encoder, VALKEY_VERSION, kind};
use std::io::{Result, Seek, SeekFrom, Write};

/// A file in the making. Without [`Writer::finish`] it is none.
pub struct Writer<W> {
    to: W,
    encoder: Encoder,
    /// Of everything behind the header.
    digest: Digest,
    version: u16,
    database: Option<u64>,
    piece: Vec<u8>,
    keys: u64,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// What `to` says.
    pub fn new(mut to: W, encoder: Encoder) -> Result<Self> {
        let version = encoder.version_for(kind::STRING);
        to.write_all(&header(encoder.dialect, version))?;
        let digest = Digest::default();
        Ok(Self { to, encoder, digest, version, database: None, piece: Vec::new(), keys: 0 })
    }

    /// How values are written.
    #[must_use]
    pub fn encoder(&self) -> Encoder {
        self.encoder
    }

    /// Keys written so far.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// Says something about the file; before the first key.
    ///
    /// # Errors
    /// What the file says.
    pub fn aux(&mut self, name: &str, value: &str) -> Result<()> {
        let mut piece = std::mem::take(&mut self.piece);
        piece.clear();
        piece.push(kind::AUX);
        self.encoder.put_string(name.as_bytes(), &mut piece);
        self.encoder.put_string(value.as_bytes(), &mut piece);
        self.piece = piece;
        self.put_piece()
    }

    /// Adds a key; the keys of one database stand together. `object` is of this type in the writer's dialect, as its
    /// [`Encoder`] makes it; `expire_at_ms` 0: it does not expire.
    ///
    /// # Errors
    /// What the file says.
    pub fn key(&mut self, db: u64, key: &[u8], expire_at_ms: u64, kind: u8, object: &[u8]) -> Result<()> {
        let mut piece = std::mem::take(&mut self.piece);
        piece.clear();
        if self.database != Some(db) {
            self.database = Some(db);
            piece.push(kind::SELECTDB);
            put_length(&mut piece, db);
        }
        if expire_at_ms != 0 {
            piece.push(kind::EXPIRETIME_MS);
            piece.extend_from_slice(&expire_at_ms.to_le_bytes());
        }
        piece.push(kind);
        self.encoder.put_string(key, &mut piece);
        self.piece = piece;
        self.put_piece()?;
        self.digest.update(object);
        self.to.write_all(object)?;
        self.version = self.version.max(self.encoder.version_for(kind));
        self.keys += 1;
        Ok(())
    }

    /// Ends the file and gives what it was written to.
    ///
    /// # Errors
    /// What the file says.
    pub fn finish(mut self) -> Result<W> {
        self.piece.clear();
        self.piece.push(kind::EOF);
        self.put_piece()?;
        let header = header(self.encoder.dialect, self.version);
        self.to.write_all(&self.digest.after(&header).to_le_bytes())?;
        self.to.seek(SeekFrom::Start(0))?;
        self.to.write_all(&header)?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn put_piece(&mut self) -> Result<()> {
        self.digest.update(&self.piece);
        self.to.write_all(&self.piece)
    }
}

fn header(dialect: Dialect, version: u16) -> Vec<u8> {
    match dialect {
        Dialect::Valkey => format!("VALKEY{VALKEY_VERSION:03}").into_bytes(),
        Dialect::Redis => format!("REDIS{version:04}").into_bytes(),
    }
}
