//! Finds out what a log holds, and makes it so.
//!
//! Segments are walked by epoch and index; `x` is the record expected next, and a *break* is a place where it is not
//! found. The *limit* of an epoch is the first record of the next one that began: from there on it was cut before.
//!
//! | case | found | proof that `x` was durable | decision |
//! |---|---|---|---|
//! | `EMPTY` | no segment | - | a new log |
//! | `FOLLOWS` | a valid frame of this epoch that begins with `x` | - | replay it |
//! | `NEXT` | a break, and the next segment of the epoch begins with `x` | - | go on there |
//! | `LIMIT` | `x` is the limit | - | what is left of this epoch was cut before: go on with the next epoch |
//! | `END` | a break, and nothing but zeros after it | none | the clean end |
//! | `TAIL` | a break, and other bytes after it, perhaps valid frames | none | cut all from `x` on, and report it |
//! | `HALF` | as `END` or `TAIL`, in the middle of a record of several frames | none | cut from that record's first frame on |
//! | `BLANK` | a segment of zeros that never began | none | remove it |
//! | `PROVEN` | a break | a later frame or header states a synced LSN of `x` or more | damage |
//! | `EPOCH` | a break, with `x` below the limit | the next epoch began above `x` | damage |
//! | `HEAD` | the first segment of an epoch has frames and no header | its header is synced before any frame | damage |
//! | `BACK` | a segment begins below `x`, or a frame reaches over the limit | - | damage: it contradicts what was read |
//! | `GAP` | the first segment begins above the first record that is needed | - | damage |
//! | `NEWER` | a header of a later format | - | refuse, by name |
//! | `OTHER` | a header with another database's id | - | refuse |
//! | `RENAMED` | a header that does not say what the file name says | - | damage |
//! | `SPENT` | a segment, and a later one that begins with a record a checkpoint holds | - | not read, removed |
//! | `REST` | the first segment goes on with a record that a checkpoint holds | - | pass over its parts |
//! | `SHORT` | a break, with `x` not above what was durable when the checkpoint was published | the checkpoint | damage |
//!
//! What must hold: scanning writes nothing; damage is never taken for a tail where there is proof; whatever it calls
//! recovered is durable before the new epoch says so, and only after that is a tail cut off. So a crash at any step of an
//! opening leaves a folder that opens to the same records.

use super::reader::{Remains, SegmentReader, read_header};
use super::record::{
    FLAG_CONTINUES, FLAG_UNFINISHED, FrameHeader, HeaderState, Pieces, SEGMENT_HEADER_BYTES,
};
use super::record::{Seal, SegmentHeader};
use super::{Apply, Lsn, Needed, segment};
use crate::error::{Error, ErrorKind};
use crate::io::{Disk, File};
use crate::progress::Progress;
use std::sync::Arc;

/// What opening a log found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// How many records were replayed.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The last record there is; 0 in a new log.
    pub last_lsn: Lsn,
    /// The last record that the log itself states to have been durable.
    pub synced_lsn: Lsn,
    /// The largest time seen before, in milliseconds since 1970; 0 if none.
    pub time_ms: u64,
    /// The epoch that begins now.
    pub epoch: u32,
    /// The torn tail, if there was one.
    pub cut: Option<Cut>,
}

/// A torn tail: what was written but never made durable before the machine stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The file it begins in.
    pub file: String,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How many bytes were dropped, later segments included; zeros at the end do not count.
    pub bytes: u64,
    /// How many valid frames were among them.
    pub frames: u64,
    /// The record that was expected there.
    pub lsn: Lsn,
    /// Why reading stopped there.
    pub reason: String,
}

/// The outcome of a scan: what to tell, and what to do about the files.
pub(crate) struct Found {
    pub(crate) recovery: Recovery,
    pub(crate) next_index: u32,
    /// Survivors with records that are not stated to be synced: from where, and where their frames end.
    unsynced: Vec<(String, u64, u64)>,
    /// Survivors that go no further than this.
    ends: Vec<(String, u64)>,
    /// Segments without a record of this log. They can go once the new epoch has begun.
    obsolete: Vec<String>,
    /// Segments of zeros. They can go at any time.
    blank: Vec<String>,
}

/// A segment of the folder.
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) epoch: u32,
    pub(crate) index: u32,
    pub(crate) file: Arc<dyn File>,
    pub(crate) header: HeaderState,
}

/// The segments of a folder, by epoch and index.
pub(crate) fn list(disk: &dyn Disk) -> Result<Vec<Listed>, Error> {
    let mut segments = Vec::new();
    for name in disk.list()? {
        if let Some((epoch, index)) = segment::parse_name(&name) {
            let file = disk.open(&name)?;
            let header = read_header(&*file)?;
            segments.push(Listed { name, epoch, index, file, header });
        }
    }
    segments.sort_by_key(|segment| (segment.epoch, segment.index));
    Ok(segments)
}

impl Listed {
    /// Refuses a header that has no business here.
    pub(crate) fn check(&self, database_id: u128) -> Result<(), Error> {
        let name = &self.name;
        match &self.header {
            HeaderState::Newer(version) => {
                let text = format!(
                    "{name} has log format {version}, this version reads up to {}: run a newer version",
                    super::record::FORMAT_VERSION
                );
                Err(Error::new(ErrorKind::Newer, text))
            }
            HeaderState::Valid(header) if header.database_id != database_id => {
                let text = format!(
                    "{name} belongs to another database: move it out of this folder, or restore its MANIFEST"
                );
                Err(Error::new(ErrorKind::Invalid, text))
            }
            HeaderState::Valid(header) if (header.epoch, header.index) != (self.epoch, self.index) => {
                let text = format!(
                    "its header says {}: it was renamed or copied over",
                    segment::name(header.epoch, header.index)
                );
                Err(damage(name, 0, &text))
            }
            _ => Ok(()),
        }
    }

    fn valid(&self) -> Option<&SegmentHeader> {
        match &self.header {
            HeaderState::Valid(header) => Some(header),
            _ => None,
        }
    }

    /// Whether anything was ever written to it.
    pub(crate) fn is_begun(&self) -> bool {
        self.header != HeaderState::Blank
    }

    pub(crate) fn reader(&self, database_id: u128) -> SegmentReader {
        SegmentReader::new(self.file.clone(), Seal::new(database_id, self.index))
    }
}

fn damage(file: &str, offset: u64, what: &str) -> Error {
    let text = format!(
        "the log is damaged in {file} at offset {offset}: {what}; `ramekin check` on the folder says what can still be read, a copy has to be restored"
    );
    Error::new(ErrorKind::Damaged, text)
}

/// Replays the log of a folder without changing anything: what [`super::Log::open`] would find.
///
/// # Errors
/// As [`super::Log::open`].
pub fn replay(
    disk: &dyn Disk,
    database_id: u128,
    needed: Needed,
    apply: &mut Apply<'_>,
) -> Result<Recovery, Error> {
    Ok(scan(disk, database_id, needed, &Progress::default(), apply)?.recovery)
}

/// How many bytes [`scan`] reads at most: what is allocated ahead in the last segment counts too.
pub(crate) fn scanned_bytes(disk: &dyn Disk, needed: Needed) -> Result<u64, Error> {
    let segments = list(disk)?;
    let scanned = &segments[first_needed(&segments, needed.after)..];
    scanned.iter().filter(|segment| segment.is_begun()).map(|segment| segment.file.len()).sum()
}

/// Where reading begins: at the last segment that begins with a record that is not needed, or with the first one. What
/// comes before it holds nothing that is needed, in whatever part a trim has left it.
pub(crate) fn first_needed(segments: &[Listed], after: Lsn) -> usize {
    let begins_before = |segment: &Listed| segment.valid().is_some_and(|header| header.first_lsn <= after);
    segments.iter().rposition(begins_before).unwrap_or(0)
}

/// Walks the segments of a folder and hands every record that is needed to `apply`. `progress` is told of
/// [`scanned_bytes`] in all.
pub(crate) fn scan(
    disk: &dyn Disk,
    database_id: u128,
    needed: Needed,
    progress: &Progress,
    apply: &mut Apply<'_>,
) -> Result<Found, Error> {
    let mut segments = list(disk)?;
    for segment in &segments {
        segment.check(database_id)?;
    }
    let spent: Vec<String> =
        segments.drain(..first_needed(&segments, needed.after)).map(|segment| segment.name).collect();
    let mut walk = Walk::new(&segments, database_id, needed, apply)?;
    walk.found.obsolete = spent;
    for (number, segment) in segments.iter().enumerate() {
        let goes_on = walk.segment(number, progress)?;
        if segment.is_begun() {
            progress.add(segment.file.len()?.saturating_sub(walk.told_bytes));
        }
        if !goes_on {
            break;
        }
    }
    walk.finish()
}

/// A place in the log: number of the segment, offset in it.
type Place = (usize, u64);

/// The state of walking the segments.
struct Walk<'a> {
    segments: &'a [Listed],
    database_id: u128,
    needed: Needed,
    apply: &'a mut Apply<'a>,
    /// The record with whose parts reading begins and which is not needed.
    rest_of: Option<Lsn>,
    /// The record expected next, `x` in the table.
    expected: Lsn,
    /// The beginning of record `expected`, if it is one of several frames.
    partial: Vec<u8>,
    /// Where the first frame of `partial` is.
    partial_place: Option<Place>,
    /// Where the frames of each survivor end, and whether a record ends or begins in it.
    ends: Vec<(usize, u64)>,
    is_over: bool,
    /// How much of the segment that is walked the watcher of the progress has been told.
    told_bytes: u64,
    found: Found,
}

impl<'a> Walk<'a> {
    fn new(
        segments: &'a [Listed],
        database_id: u128,
        needed: Needed,
        apply: &'a mut Apply<'a>,
    ) -> Result<Self, Error> {
        let first = segments.first().and_then(Listed::valid);
        if let Some(first) = first.filter(|first| first.first_lsn > needed.after + 1) {
            let text = format!(
                "the log begins with record {}, records from {} on are missing",
                first.first_lsn,
                needed.after + 1
            );
            return Err(damage(&segments[0].name, 0, &text));
        }
        let epoch = segments.iter().map(|segment| segment.epoch).max().unwrap_or(0) + 1;
        let next_index = segments.iter().map(|segment| segment.index).max().map_or(0, |index| index + 1);
        let recovery = Recovery { epoch, ..Recovery::default() };
        Ok(Self {
            segments,
            database_id,
            needed,
            apply,
            rest_of: first.map(|first| first.first_lsn).filter(|&lsn| lsn <= needed.after),
            expected: first.map_or(needed.after + 1, |first| first.first_lsn),
            partial: Vec::new(),
            partial_place: None,
            ends: Vec::new(),
            is_over: false,
            told_bytes: 0,
            found: Found {
                recovery,
                next_index,
                unsynced: Vec::new(),
                ends: Vec::new(),
                obsolete: Vec::new(),
                blank: Vec::new(),
            },
        })
    }

    /// The first record of the epoch after that of segment `number`, if one began.
    fn limit(&self, number: usize) -> Lsn {
        let epoch = self.segments[number].epoch;
        let later =
            self.segments[number..].iter().filter(|segment| segment.epoch > epoch).find_map(Listed::valid);
        later.map_or(Lsn::MAX, |header| header.first_lsn)
    }

    /// Walks one segment. Whether the walk goes on.
    fn segment(&mut self, number: usize, progress: &Progress) -> Result<bool, Error> {
        self.told_bytes = 0;
        let segment = &self.segments[number];
        let limit = self.limit(number);
        if self.expected == limit {
            // LIMIT: nothing of this segment is needed any more.
            self.found.obsolete.push(segment.name.clone());
            return Ok(true);
        }
        let Some(header) = segment.valid() else {
            return self.break_at(number, 0, "its header is missing").map(|()| false);
        };
        self.check_not_back(segment)?;
        if header.first_lsn > self.expected {
            let text =
                format!("it begins with record {}, the records before it are missing", header.first_lsn);
            return self.break_at(number, 0, &text).map(|()| false);
        }
        self.note(header.synced_lsn, header.time_ms);
        let mut reader = segment.reader(self.database_id);
        let stop = self.frames(number, limit, &mut reader, progress)?;
        let end = stop.end;
        self.ends.push((number, end));
        if self.expected == limit {
            self.found.ends.push((segment.name.clone(), end));
            return Ok(true);
        }
        if let Some(next) = self.segments.get(number + 1).filter(|next| next.epoch == segment.epoch) {
            self.check_not_back(next)?;
            if next.valid().is_some_and(|next| next.first_lsn == self.expected) {
                return Ok(true);
            }
        }
        self.break_at(number, end, stop.reason).map(|()| false)
    }

    fn check_not_back(&self, segment: &Listed) -> Result<(), Error> {
        match segment.valid() {
            Some(header) if header.first_lsn < self.expected => {
                let (first, expected) = (header.first_lsn, self.expected);
                Err(damage(
                    &segment.name,
                    0,
                    &format!("it begins with record {first}, which came before; {expected} is next"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Replays the frames of a segment until one does not follow.
    fn frames(
        &mut self,
        number: usize,
        limit: Lsn,
        reader: &mut SegmentReader,
        progress: &Progress,
    ) -> Result<Stop, Error> {
        loop {
            let place = (number, reader.offset());
            progress.add(place.1 - self.told_bytes);
            self.told_bytes = place.1;
            if self.expected == limit {
                return Ok(Stop { end: place.1, reason: "" });
            }
            let Some((header, frame)) = reader.next_frame()? else {
                return Ok(Stop { end: place.1, reason: "there is no whole frame" });
            };
            if let Some(reason) = self.unfit(&header, number) {
                return Ok(Stop { end: place.1, reason });
            }
            if header.next_lsn() > limit {
                let text = format!(
                    "a frame holds records up to {}, yet the next epoch begins with {limit}",
                    header.next_lsn() - 1
                );
                return Err(damage(&self.segments[number].name, place.1, &text));
            }
            self.note(header.synced_lsn, header.time_ms);
            self.records(&header, frame, place)?;
        }
    }

    /// Why a valid frame does not follow, if so.
    fn unfit(&self, header: &FrameHeader, number: usize) -> Option<&'static str> {
        if header.epoch != self.segments[number].epoch {
            return Some("there is a frame of another epoch");
        }
        if header.first_lsn != self.expected {
            return Some("there is a frame of other records");
        }
        let continues = header.flags & FLAG_CONTINUES != 0;
        if continues && self.partial_place.is_none() && self.rest_of == Some(self.expected) {
            return None;
        }
        let fits =
            continues == self.partial_place.is_some() && header.bytes_before as usize == self.partial.len();
        if header.pieces > 0 && !fits {
            return Some("there is a frame with another part of a record");
        }
        None
    }

    fn records(&mut self, header: &FrameHeader, frame: &[u8], place: Place) -> Result<(), Error> {
        if header.flags & FLAG_CONTINUES != 0 && self.partial_place.is_none() {
            // REST: it has a frame of its own, and no part of it is needed.
            self.expected += header.records();
            return Ok(());
        }
        let mut pieces = Pieces::new(frame).peekable();
        while let Some(piece) = pieces.next() {
            let is_last = pieces.peek().is_none();
            if is_last && header.flags & FLAG_UNFINISHED != 0 {
                self.partial.extend_from_slice(piece);
                self.partial_place.get_or_insert(place);
            } else if self.partial_place.take().is_some() {
                let mut record = std::mem::take(&mut self.partial);
                record.extend_from_slice(piece);
                self.record(&record)?;
            } else {
                self.record(piece)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, record: &[u8]) -> Result<(), Error> {
        if self.expected > self.needed.after {
            (self.apply)(self.expected, record)?;
            self.found.recovery.records += 1;
            self.found.recovery.bytes += record.len() as u64;
        }
        self.expected += 1;
        Ok(())
    }

    fn note(&mut self, synced_lsn: Lsn, time_ms: u64) {
        let recovery = &mut self.found.recovery;
        recovery.synced_lsn = recovery.synced_lsn.max(synced_lsn);
        recovery.time_ms = recovery.time_ms.max(time_ms);
    }

    /// Decides what a break is: damage, or where the log ends.
    fn break_at(&mut self, number: usize, offset: u64, reason: &str) -> Result<(), Error> {
        let lsn = self.expected;
        let (cut_number, cut_offset) = self.partial_place.unwrap_or((number, offset));
        if lsn <= self.needed.upto {
            let upto = self.needed.upto;
            let text = format!(
                "{reason} where record {lsn} should be, yet the checkpoint needs records up to {upto}"
            );
            return Err(damage(&self.segments[number].name, offset, &text));
        }
        let limit = self.limit(number);
        if limit != Lsn::MAX {
            let text = format!(
                "{reason} where record {lsn} should be, yet a later epoch begins with record {limit}"
            );
            return Err(damage(&self.segments[number].name, offset, &text));
        }
        let (mut bytes, mut frames) = (0, 0);
        for later in cut_number..self.segments.len() {
            let from = if later == cut_number { cut_offset } else { 0 };
            let remains = self.search(later, from, (number, offset, reason))?;
            bytes += remains.end.saturating_sub(from);
            frames += remains.frames;
            self.discard(later, from, &remains);
        }
        if bytes > 0 {
            let file = self.segments[cut_number].name.clone();
            self.found.recovery.cut =
                Some(Cut { file, offset: cut_offset, bytes, frames, lsn, reason: reason.to_owned() });
        }
        self.is_over = true;
        Ok(())
    }

    /// Searches a segment behind a break for proof that record `expected` was durable.
    fn search(
        &self,
        later: usize,
        from: u64,
        (number, offset, reason): (usize, u64, &str),
    ) -> Result<Remains, Error> {
        let segment = &self.segments[later];
        let lsn = self.expected;
        let mut remains = segment.reader(self.database_id).search(from)?;
        if let Some(header) = segment.valid().filter(|_| from == 0) {
            remains.synced = remains.synced.max(Some((header.synced_lsn, 0)));
        }
        if let Some((synced, at)) = remains.synced.filter(|&(synced, _)| synced >= lsn) {
            let text = format!(
                "{reason} where record {lsn} should be, yet {} states at offset {at} that record {synced} was durable",
                segment.name
            );
            return Err(damage(&self.segments[number].name, offset, &text));
        }
        let is_first_of_epoch = later == 0 || self.segments[later - 1].epoch != segment.epoch;
        if is_first_of_epoch && segment.valid().is_none() && remains.frames > 0 {
            let text =
                "its header is missing, though it was durable before the frames behind it were written";
            return Err(damage(&segment.name, 0, text));
        }
        Ok(remains)
    }

    /// Notes what becomes of a segment behind a break, or of its part from `from` on.
    fn discard(&mut self, number: usize, from: u64, remains: &Remains) {
        let name = self.segments[number].name.clone();
        if from > SEGMENT_HEADER_BYTES {
            self.found.ends.push((name, from));
        } else if remains.end == 0 && self.segments[number].header == HeaderState::Blank {
            self.found.blank.push(name);
        } else {
            self.found.obsolete.push(name);
        }
        self.ends.retain_mut(|(survivor, end)| {
            if *survivor == number {
                *end = from;
            }
            *survivor != number || from > SEGMENT_HEADER_BYTES
        });
    }

    fn finish(mut self) -> Result<Found, Error> {
        if !self.is_over && self.partial_place.is_some() {
            return Err(damage(&self.segments[self.segments.len() - 1].name, 0, "a record is not finished"));
        }
        // A segment is always kept, so a log without any has lost what came after the checkpoint.
        let is_missing =
            self.needed.upto > 0 && !self.segments.iter().any(|segment| segment.valid().is_some());
        if self.expected <= self.needed.upto || is_missing {
            let (last, upto) = (self.expected - 1, self.needed.upto);
            let text = format!(
                "the log ends with record {last}, yet the checkpoint needs records up to {upto}: segments are missing, restore them from a copy"
            );
            return Err(Error::new(ErrorKind::Damaged, text));
        }
        self.found.recovery.last_lsn = self.expected - 1;
        let synced_lsn = self.found.recovery.synced_lsn;
        for &(number, end) in &self.ends {
            if let Some(from) = self.first_unsynced(number, end, synced_lsn)? {
                // Unless a frame before was synced with it, the header may not be durable either.
                let from = if from == SEGMENT_HEADER_BYTES { 0 } else { from };
                self.found.unsynced.push((self.segments[number].name.clone(), from, end));
            }
        }
        Ok(self.found)
    }

    /// Where the first frame with a record above `synced_lsn` is.
    fn first_unsynced(&self, number: usize, end: u64, synced_lsn: Lsn) -> Result<Option<u64>, Error> {
        let segment = &self.segments[number];
        let next_first = self.segments.get(number + 1).and_then(Listed::valid).map(|next| next.first_lsn);
        if next_first.is_some_and(|first| first <= synced_lsn) {
            return Ok(None);
        }
        let mut reader = segment.reader(self.database_id);
        while reader.offset() < end {
            let from = reader.offset();
            let Some((header, _)) = reader.next_frame()? else { break };
            if header.first_lsn + u64::from(header.pieces) > synced_lsn + 1 {
                return Ok(Some(from));
            }
        }
        Ok(None)
    }
}

/// Why and where a segment's frames stop.
struct Stop {
    end: u64,
    reason: &'static str,
}

/// Makes what was recovered durable. The bytes are written once more: after a sync that failed, the system may hold them
/// as clean pages that are not on the disk.
pub(crate) fn make_durable(disk: &dyn Disk, found: &Found) -> Result<(), Error> {
    for name in &found.blank {
        disk.remove(name)?;
    }
    let mut block = vec![0; 1 << 20];
    for (name, from, end) in &found.unsynced {
        let file = disk.open(name)?;
        let mut at = *from;
        while at < *end {
            let step = usize::try_from(end - at).map_or(block.len(), |left| left.min(block.len()));
            let count = file.read_at(at, &mut block[..step])?;
            if count == 0 {
                return Err(damage(name, at, "the file became shorter while it was read"));
            }
            file.write_at(at, &block[..count])?;
            at += count as u64;
        }
        file.sync_data()?;
    }
    disk.sync_dir()
}

/// Cuts off what was not recovered, and gives back what was allocated ahead. Only after the new epoch has begun.
pub(crate) fn clean_up(disk: &dyn Disk, found: &Found) -> Result<(), Error> {
    for (name, end) in &found.ends {
        let file = disk.open(name)?;
        if file.len()? > *end {
            file.set_len(*end)?;
        }
    }
    for name in &found.obsolete {
        disk.remove(name)?;
    }
    disk.sync_dir()
}
