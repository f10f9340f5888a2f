//! Takes a checkpoint, step by step: walk the shards, write, publish, clean up.
//!
//! What must hold: every step holds one shard's lock for a slice at most, and does I/O only without it; whatever fails, the
//! log and the checkpoint before are as they were; a run that is not finished is given up by [`Run::give_up`].

use super::files::{name, remove_older, unfinished_name};
use super::format::{BLOCK_HEADER_BYTES, BlockHeader, HEADER_BYTES, Header, Seal, ShardRange, Table};
use crate::error::{Error, ErrorKind};
use crate::io::{Disk, File};
use crate::keyspace::Keyspace;
use crate::keyspace::image::Image;
use crate::keyspace::walk::{Cut, SLICE_BUCKETS, Walk, Walked};
use crate::log::{Log, Lsn};
use std::sync::Arc;

/// A block is written once it holds this much.
const BLOCK_BYTES: usize = 256 << 10;
/// So much is written between two syncs, so that no single one takes long.
const SYNC_BYTES: u64 = 32 << 20;

/// What a run does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Walk this shard.
    Walk(usize),
    /// Write the table of shards and make the file durable.
    Finish,
    /// Make the log durable, and give the file its name.
    Publish,
    /// Remove what it replaces.
    Clean,
    /// Nothing.
    Done,
}

/// A checkpoint that is being taken.
pub(crate) struct Run {
    disk: Arc<dyn Disk>,
    file: Arc<dyn File>,
    number: u32,
    seal: Seal,
    /// Where the next block goes.
    offset: u64,
    /// Up to where the file has been synced.
    synced: u64,
    pub(crate) stage: Stage,
    /// The shard's spaces that are still to be walked, the current one last; none: it has not been begun.
    spaces: Option<Vec<Cut>>,
    /// The walk of a space that was flushed meanwhile.
    flushed: Option<Box<Walk>>,
    image: Image,
    /// A slice ends after so many buckets.
    pub(crate) slice_buckets_max: usize,
    table: Table,
    /// Keys written so far.
    pub(crate) keys: u64,
}

impl Run {
    /// Begins a checkpoint of this number in a folder.
    pub(crate) fn begin(
        disk: Arc<dyn Disk>,
        database_id: u128,
        number: u32,
        shards: usize,
    ) -> Result<Self, Error> {
        let file = disk.create(&unfinished_name(number))?;
        let shards = u32::try_from(shards).expect("shards are few");
        let run = Self {
            seal: Seal::new(database_id, number),
            offset: HEADER_BYTES as u64,
            synced: 0,
            stage: Stage::Walk(0),
            spaces: None,
            flushed: None,
            image: Image::new(BLOCK_HEADER_BYTES, BLOCK_BYTES * 2),
            slice_buckets_max: SLICE_BUCKETS,
            table: Table::default(),
            keys: 0,
            disk,
            file,
            number,
        };
        let header = Header { database_id, number, shards };
        match run.file.write_at(0, &header.encode()) {
            Ok(()) => Ok(run),
            Err(error) => {
                run.remove();
                Err(error)
            }
        }
    }

    /// Takes the next step. `now_ms` is the largest time seen.
    pub(crate) fn step(&mut self, keyspace: &Keyspace, log: &Log, now_ms: u64) -> Result<(), Error> {
        match self.stage {
            Stage::Walk(shard) => self.walk(keyspace, log, shard),
            Stage::Finish => self.finish(now_ms),
            Stage::Publish => self.publish(log),
            Stage::Clean => self.clean(log),
            Stage::Done => Ok(()),
        }
    }

    /// The last record that every shard holds; only after the walk.
    pub(crate) fn lowest_cut(&self) -> Lsn {
        self.table.lowest_cut()
    }

    /// The last record that any shard holds.
    pub(crate) fn highest_cut(&self) -> Lsn {
        self.table.highest_cut()
    }

    /// Bytes of the file so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.offset
    }

    fn walk(&mut self, keyspace: &Keyspace, log: &Log, shard: usize) -> Result<(), Error> {
        let Some(spaces) = &mut self.spaces else {
            // Appended under the shard's lock: whatever changed the shard has a number up to this one.
            let (cut, spaces) = keyspace.begin_walk(shard, BLOCK_HEADER_BYTES, || log.appended());
            let keys = spaces.iter().map(|space| (space.db, space.keys as u64)).collect();
            self.table.shards.push(ShardRange { cut, offset: self.offset, bytes: 0, keys });
            self.spaces = Some(spaces);
            return Ok(());
        };
        let Some(&Cut { space, db, .. }) = spaces.last() else {
            let range = self.table.shards.last_mut().expect("it was begun");
            range.bytes = self.offset - range.offset;
            self.spaces = None;
            self.stage = if shard + 1 < keyspace.shards() { Stage::Walk(shard + 1) } else { Stage::Finish };
            return Ok(());
        };
        let walked = match &mut self.flushed {
            Some(walk) => walk.slice_of_flushed(self.slice_buckets_max, &mut self.image),
            None => {
                let slice = keyspace.walk_on(
                    shard,
                    space,
                    self.slice_buckets_max,
                    BLOCK_HEADER_BYTES,
                    &mut self.image,
                );
                self.flushed = slice.flushed;
                if let Some(saved) = slice.saved {
                    self.take_saved(saved, shard, db)?;
                }
                slice.walked
            }
        };
        let is_done = matches!(walked, Walked::Wholly);
        if is_done || self.image.len() >= BLOCK_BYTES || !self.image.large.is_empty() {
            let mut image = std::mem::replace(&mut self.image, Image::new(0, 0));
            let written = self.write_image(&mut image, shard, db);
            image.clear();
            self.image = image;
            written?;
        }
        if is_done {
            // What was flushed is freed here, without a lock.
            self.flushed = None;
            self.spaces.as_mut().and_then(Vec::pop);
        }
        Ok(())
    }

    /// Takes the entries that others have saved: many at once are a block of their own.
    fn take_saved(&mut self, mut saved: Image, shard: usize, db: u32) -> Result<(), Error> {
        if saved.len() >= BLOCK_BYTES {
            return self.write_image(&mut saved, shard, db);
        }
        self.image.append(&mut saved);
        Ok(())
    }

    /// Writes the entries of an image as a block, then the large ones in blocks of their own.
    fn write_image(&mut self, image: &mut Image, shard: usize, db: u32) -> Result<(), Error> {
        let large = std::mem::take(&mut image.large);
        let small = image.entries - u32::try_from(large.len()).expect("they are counted among the entries");
        if image.len() > 0 {
            self.write_block(&mut image.bytes, shard, db, small)?;
        }
        for value in large {
            let mut block = Vec::new();
            value.parts(|part, is_first| {
                block.clear();
                block.resize(BLOCK_HEADER_BYTES, 0);
                block.extend_from_slice(part);
                self.write_block(&mut block, shard, db, u32::from(is_first))
            })?;
        }
        Ok(())
    }

    /// Writes one block, whose header has room at its beginning.
    fn write_block(&mut self, block: &mut [u8], shard: usize, db: u32, entries: u32) -> Result<(), Error> {
        let body_bytes =
            u32::try_from(block.len() - BLOCK_HEADER_BYTES).expect("an element is shorter than 4 GiB");
        let shard = u32::try_from(shard).expect("shards are few");
        BlockHeader { shard, db, entries, body_bytes }.seal(block, self.seal, self.offset);
        self.file.write_at(self.offset, block)?;
        self.offset += block.len() as u64;
        self.keys += u64::from(entries);
        if self.offset - self.synced >= SYNC_BYTES {
            self.file.sync_data()?;
            self.synced = self.offset;
        }
        Ok(())
    }

    fn finish(&mut self, now_ms: u64) -> Result<(), Error> {
        self.table.time_ms = now_ms;
        if self.keys != self.table.keys() {
            let text = format!(
                "{} keys were walked, yet there were {}: this is a defect",
                self.keys,
                self.table.keys()
            );
            return Err(Error::new(ErrorKind::Failed, text));
        }
        let bytes = self.table.encode(self.seal, self.offset);
        self.file.write_at(self.offset, &bytes)?;
        self.offset += bytes.len() as u64;
        self.file.sync_data()?;
        self.stage = Stage::Publish;
        Ok(())
    }

    fn publish(&mut self, log: &Log) -> Result<(), Error> {
        // What the file holds must not be ahead of the log: a record of several shards could be in it by half.
        log.sync()?;
        assert!(log.durable() >= self.table.highest_cut(), "the log is durable up to the highest cut");
        self.disk.rename(&unfinished_name(self.number), &name(self.number))?;
        // From here on it may be the one that counts, whatever the folder's sync says.
        self.stage = Stage::Clean;
        self.disk.sync_dir()
    }

    fn clean(&mut self, log: &Log) -> Result<(), Error> {
        self.stage = Stage::Done;
        remove_older(&*self.disk, self.number)?;
        log.trim(self.table.lowest_cut()).map(drop)
    }

    /// Ends a run that is not done. The checkpoint before stays in force, unless this one has its name already.
    pub(crate) fn give_up(&mut self, keyspace: &Keyspace) {
        if let Stage::Walk(shard) = self.stage {
            keyspace.give_up_walk(shard);
        }
        if matches!(self.stage, Stage::Walk(_) | Stage::Finish | Stage::Publish) {
            self.remove();
        }
        self.stage = Stage::Done;
    }

    fn remove(&self) {
        // If this fails as well, the next opening does it.
        let _ = self.disk.remove(&unfinished_name(self.number));
    }
}
