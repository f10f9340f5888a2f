//! Brings a checkpoint back, all shards at once on all cores, or only looks whether it is whole.
//!
//! What must hold: memory is bounded by a block for each thread, and follows the file's length, not lengths it announces;
//! what does not read as it was written is damage, by file and offset.

use super::files::name;
use super::format::{BLOCK_HEADER_BYTES, BlockHeader, END_BYTES, HEADER_BYTES, Header, Seal, Table};
use super::format::{ShardRange, damage, is_whole};
use crate::error::{Error, ErrorKind};
use crate::io::{Disk, File};
use crate::keyspace::image::{self, Loader};
use crate::keyspace::{Held, Keyspace, Part};
use crate::log::{Lsn, Needed};
use crate::progress::Progress;
use crate::value::Packing;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const WINDOW_BYTES: usize = 1 << 20;

/// A checkpoint that was read when the database was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The name of its file.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// How many keys it holds.
    pub keys: u64,
    /// Records up to this one are in it, those up to `highest_cut` in part.
    pub lowest_cut: Lsn,
    /// The last record of which it holds anything.
    pub highest_cut: Lsn,
    /// The largest time seen when it was taken, in milliseconds since 1970.
    pub time_ms: u64,
}

/// A checkpoint to read.
pub(crate) struct Reader {
    name: String,
    number: u32,
    file: Arc<dyn File>,
    seal: Seal,
    table: Table,
    bytes: u64,
}

impl Reader {
    /// Opens the checkpoint of this number. Reads its header and its table of shards.
    pub(crate) fn open(
        disk: &dyn Disk,
        number: u32,
        database_id: u128,
        shards: usize,
    ) -> Result<Self, Error> {
        let name = name(number);
        let file = disk.open(&name)?;
        let bytes = file.len()?;
        let header = Header::decode(&name, &read(&*file, 0, HEADER_BYTES as u64)?)?;
        if header.database_id != database_id {
            let text = format!(
                "{name} belongs to another database: move it out of this folder, or restore its MANIFEST"
            );
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        if header.number != number || header.shards as usize != shards {
            let says = header.number;
            return Err(damage(
                &name,
                0,
                &format!("its header is that of number {says} with {} shards", header.shards),
            ));
        }
        let seal = Seal::new(database_id, number);
        let end = bytes.saturating_sub(END_BYTES as u64);
        let place = Table::place(&read(&*file, end, END_BYTES as u64)?, seal, end);
        let Some((at, table_bytes)) = place else {
            return Err(damage(&name, end, "its end is broken or missing"));
        };
        let table = Table::decode(&read(&*file, at, table_bytes)?, seal, at);
        let Some(table) = table.filter(|table| table.shards.len() == shards) else {
            return Err(damage(&name, at, "its table of shards is broken"));
        };
        Ok(Self { name, number, file, seal, table, bytes })
    }

    /// Which records of the log it leaves to be replayed.
    pub(crate) fn needed(&self) -> Needed {
        Needed { after: self.table.lowest_cut(), upto: self.table.highest_cut() }
    }

    /// For each shard the last record that it holds.
    pub(crate) fn cuts(&self) -> Vec<Lsn> {
        self.table.shards.iter().map(|shard| shard.cut).collect()
    }

    /// What loading it reads, in bytes.
    pub(crate) fn load_bytes(&self) -> u64 {
        self.table.shards.iter().map(|shard| shard.bytes).sum()
    }

    /// Its number.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// What it is.
    pub(crate) fn describe(&self) -> Loaded {
        Loaded {
            file: self.name.clone(),
            bytes: self.bytes,
            keys: self.table.keys(),
            lowest_cut: self.table.lowest_cut(),
            highest_cut: self.table.highest_cut(),
            time_ms: self.table.time_ms,
        }
    }

    /// Loads all shards into an empty keyspace, by as many threads.
    pub(crate) fn load(
        &self,
        keyspace: &Keyspace,
        packing: &Packing,
        threads: usize,
        progress: &Progress,
    ) -> Result<(), Error> {
        let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
        let work = || {
            loop {
                let shard = next.fetch_add(1, Relaxed);
                if shard >= keyspace.shards() || failed.lock().is_some() {
                    return;
                }
                if let Err(error) = self.load_shard(keyspace, shard, &mut keyspace.lock(shard), packing) {
                    failed.lock().get_or_insert(error);
                }
                progress.add(self.table.shards[shard].bytes);
            }
        };
        std::thread::scope(|scope| {
            for number in 1..threads {
                // With fewer threads it takes longer.
                let _ = std::thread::Builder::new().name(format!("load-{number}")).spawn_scoped(scope, work);
            }
            work();
        });
        failed.into_inner().map_or(Ok(()), Err)
    }

    /// The same into shards that are all held.
    pub(crate) fn load_held(
        &self,
        keyspace: &Keyspace,
        held: &mut Held<'_>,
        packing: &Packing,
    ) -> Result<(), Error> {
        (0..keyspace.shards()).try_for_each(|shard| {
            let part = held.get(shard).expect("all shards are held");
            self.load_shard(keyspace, shard, part, packing)
        })
    }

    fn load_shard(
        &self,
        keyspace: &Keyspace,
        shard: usize,
        part: &mut Part,
        packing: &Packing,
    ) -> Result<(), Error> {
        let range = &self.table.shards[shard];
        let malformed = |at| damage(&self.name, at, "an entry cannot be read, though its block is whole");
        let mut blocks = Blocks::new(self, shard, range);
        let mut block = blocks.next()?;
        // The blocks of one database follow each other; the last database of the table comes first.
        for &(db, keys) in range.keys.iter().rev() {
            if !keyspace.has(db) {
                let text = format!(
                    "{} holds keys of database {db}, beyond the {} there are: raise the directive `databases`",
                    self.name,
                    keyspace.databases()
                );
                return Err(Error::new(ErrorKind::Invalid, text));
            }
            // No more room ahead than the shard has bytes: a key takes a few.
            let room = usize::try_from(keys.min(range.bytes / 6)).unwrap_or(0);
            let space = keyspace.space_in(shard, part, db);
            let mut loader = Loader::new(space, room, *packing, shard, keyspace.shards(), range.cut);
            let mut loaded = 0;
            while let Some((header, body, at)) = block.filter(|(header, ..)| header.db == db) {
                let count = loader.load(body).map_err(|_| malformed(at))?;
                if count != header.entries {
                    return Err(malformed(at));
                }
                loaded += u64::from(count);
                block = blocks.next()?;
            }
            loader.finish().map_err(|_| malformed(range.offset))?;
            if loaded != keys {
                let text = format!("shard {shard} has {loaded} keys of database {db} instead of {keys}");
                return Err(damage(&self.name, range.offset, &text));
            }
        }
        match block {
            Some((_, _, at)) => Err(damage(&self.name, at, "a block of a database that is not in the table")),
            None => Ok(()),
        }
    }

    /// Reads all of it without keeping anything.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (shard, range) in self.table.shards.iter().enumerate() {
            let (mut blocks, mut keys) = (Blocks::new(self, shard, range), 0);
            while let Some((header, body, at)) = blocks.next()? {
                let count = image::check(body).ok().filter(|count| *count == header.entries);
                keys += u64::from(count.ok_or_else(|| damage(&self.name, at, "an entry cannot be read"))?);
            }
            if keys != range.keys.iter().map(|(_, keys)| keys).sum::<u64>() {
                let text = format!("shard {shard} has {keys} keys, and not as many as the table says");
                return Err(damage(&self.name, range.offset, &text));
            }
        }
        Ok(())
    }
}

/// The blocks of one shard, in order.
struct Blocks<'a> {
    reader: &'a Reader,
    shard: usize,
    /// Where the next block is.
    at: u64,
    end: u64,
    window: Vec<u8>,
    window_start: u64,
}

/// Header, body and place of a block.
type Block<'b> = (BlockHeader, &'b [u8], u64);

impl<'a> Blocks<'a> {
    fn new(reader: &'a Reader, shard: usize, range: &ShardRange) -> Self {
        let end = range.offset + range.bytes;
        Self { reader, shard, at: range.offset, end, window: Vec::new(), window_start: range.offset }
    }

    /// The next block, if there is one.
    fn next(&mut self) -> Result<Option<Block<'_>>, Error> {
        let (at, name) = (self.at, &self.reader.name);
        if at == self.end {
            return Ok(None);
        }
        let broken = |what| Err(damage(name, at, what));
        let header = self
            .load(at, BLOCK_HEADER_BYTES as u64)?
            .and_then(|start| BlockHeader::decode(&self.window[start..]));
        let Some(header) = header else { return broken("there is no block") };
        let bytes = BLOCK_HEADER_BYTES as u64 + u64::from(header.body_bytes);
        let Some(start) = self.load(at, bytes)? else { return broken("a block goes on past its shard") };
        let block = &self.window[start..start + usize::try_from(bytes).unwrap_or(0)];
        if !is_whole(block, self.reader.seal, at) || header.shard as usize != self.shard {
            return broken("a block is not what was written");
        }
        self.at += bytes;
        Ok(Some((header, &block[BLOCK_HEADER_BYTES..], at)))
    }

    /// Brings `count` bytes at `at` into the window and says where they begin; nothing if the shard ends before.
    fn load(&mut self, at: u64, count: u64) -> Result<Option<usize>, Error> {
        if at + count > self.end {
            return Ok(None);
        }
        if at + count > self.window_start + self.window.len() as u64 {
            let len = count.max(WINDOW_BYTES as u64).min(self.end - at);
            self.window.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
            let read = self.reader.file.read_at(at, &mut self.window)?;
            self.window.truncate(read);
            self.window_start = at;
            if (read as u64) < count {
                return Ok(None);
            }
        }
        Ok(usize::try_from(at - self.window_start).ok())
    }
}

/// Reads so many bytes, or fewer at the end of the file.
fn read(file: &dyn File, at: u64, bytes: u64) -> Result<Vec<u8>, Error> {
    let left = file.len()?.saturating_sub(at);
    let mut buffer = vec![0; usize::try_from(bytes.min(left)).unwrap_or(0)];
    let count = file.read_at(at, &mut buffer)?;
    buffer.truncate(count);
    Ok(buffer)
}
