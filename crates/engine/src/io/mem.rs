//! A disk in memory that crashes, tears pages, fills up and fails on demand; and a clock that stands still.
//!
//! It is as bad as POSIX allows and no worse. After a power cut each unsynced page (4 KiB) holds, sector by sector
//! (512 bytes), what it held when last synced or after any write since; each unsynced change of the folder is there or
//! not; an unsynced length is the old or the new one. A failed sync drops the pages: they stay readable until the power
//! cut, yet no later sync makes them durable. Killing the process loses nothing that was written. What must hold: the
//! same seed gives the same crash. Left out: latency, hard links, and unsynced bytes changing without a crash.

mod inode;
mod mapping;

use super::{Clock, Disk, DiskSpace, File, Mapping, SeededRng};
use crate::error::{Error, ErrorKind};
use inode::Inode;
use mapping::MemMapping;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// When the disk freezes: every later call fails, until [`MemDisk::kill`] or [`MemDisk::power_cut`] starts it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// During the nth change (from 1) of a file or of the folder; of a write, the first half is done.
    Change(u64),
    /// During the nth sync (from 1) of a file or of the folder; none of it is done.
    Sync(u64),
}

/// What goes wrong, and when. The default is a disk that works.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Freezes the disk.
    pub crash: Option<CrashPoint>,
    /// All the space there is, in bytes; `None` has no bound.
    pub capacity_bytes: Option<u64>,
    /// The nth change (from 1) fails with an input/output error.
    pub fail_change: Option<u64>,
    /// The nth sync (from 1) fails with an input/output error and drops the pages.
    pub fail_sync: Option<u64>,
}

/// The disk. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct MemDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Clone)]
enum DirChange {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

#[derive(Debug, Clone, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced_names: Vec<DirChange>,
    faults: Faults,
    changes: u64,
    syncs: u64,
    frozen: bool,
    maps: bool,
    mappings: u64,
}

impl Default for MemDisk {
    fn default() -> Self {
        Self::new(Faults::default())
    }
}

impl MemDisk {
    /// An empty disk with these faults.
    #[must_use]
    pub fn new(faults: Faults) -> Self {
        Self { state: Arc::new(Mutex::new(State { faults, ..State::default() })) }
    }

    /// Replaces the faults from here on. Counting goes on.
    pub fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }

    /// Whether files can be mapped from here on; at first they cannot.
    pub fn set_maps(&self, maps: bool) {
        self.state.lock().maps = maps;
    }

    /// How many mappings there are.
    #[must_use]
    pub fn mappings(&self) -> u64 {
        self.state.lock().mappings
    }

    /// How many changes of files and of the folder there have been.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.state.lock().changes
    }

    /// How many syncs of files and of the folder there have been.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// Whether the crash point has been reached.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.state.lock().frozen
    }

    /// The process dies: the disk it finds when it starts again. All that was written is there, synced or not. This
    /// handle and its files are frozen.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut old = self.state.lock();
        old.frozen = true;
        let new = State {
            faults: Faults::default(),
            changes: 0,
            syncs: 0,
            frozen: false,
            mappings: 0,
            ..old.clone()
        };
        Self { state: Arc::new(Mutex::new(new)) }
    }

    /// The power goes: the disk as it comes back, with a part of what was not synced, chosen by `seed`. This handle and
    /// its files are frozen.
    #[must_use]
    pub fn power_cut(&self, seed: u64) -> Self {
        let rng = SeededRng::new(seed);
        // One cut loses nearly all, another nearly nothing: an even chance for every page would make both rare.
        let keep_percent = [0, 10, 50, 90, 100][usize::try_from(rng.below(5)).unwrap_or(0)];
        let mut old = self.state.lock();
        old.frozen = true;
        let names = old.names_after_power_cut(&rng, keep_percent);
        let mut new = State { maps: old.maps, ..State::default() };
        for (name, inode) in names {
            new.names.insert(name, new.inodes.len());
            new.inodes.push(old.inodes[inode].after_power_cut(&rng, keep_percent));
        }
        new.durable_names = new.names.clone();
        Self { state: Arc::new(Mutex::new(new)) }
    }

    /// The content of a file, for a test to look at; `None` if there is none.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let inode = &state.inodes[*state.names.get(name)?];
        let mut bytes = vec![0; usize::try_from(inode.len).ok()?];
        inode.read(0, &mut bytes);
        Some(bytes)
    }

    /// Puts a durable file there, for a test to damage one or to take one over. Counts as nothing.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state.lock();
        let mut inode = Inode::default();
        inode.write(0, bytes);
        inode.allocated_bytes = inode.len;
        inode.sync();
        let number = state.inodes.len();
        state.inodes.push(inode);
        state.names.insert(name.to_owned(), number);
        state.durable_names.insert(name.to_owned(), number);
    }
}

fn failed(code: rustix::io::Errno, doing: &str) -> Error {
    Error::from_os(format!("cannot {doing}"), code.into())
}

fn frozen() -> Error {
    Error::new(ErrorKind::Failed, "the simulated machine has crashed")
}

/// What a change comes to.
#[derive(PartialEq, Eq)]
enum Step {
    Whole,
    /// The first half is done, then the disk is frozen.
    Half,
}

impl State {
    fn check(&self) -> Result<(), Error> {
        if self.frozen { Err(frozen()) } else { Ok(()) }
    }

    fn change(&mut self, doing: &str) -> Result<Step, Error> {
        self.check()?;
        self.changes += 1;
        if self.faults.fail_change == Some(self.changes) {
            return Err(failed(rustix::io::Errno::IO, doing));
        }
        if self.faults.crash == Some(CrashPoint::Change(self.changes)) {
            self.frozen = true;
            return Ok(Step::Half);
        }
        Ok(Step::Whole)
    }

    /// Counts a sync. `Ok(false)` means that it fails and drops the pages.
    fn sync(&mut self) -> Result<bool, Error> {
        self.check()?;
        self.syncs += 1;
        if self.faults.crash == Some(CrashPoint::Sync(self.syncs)) {
            self.frozen = true;
            return Err(frozen());
        }
        Ok(self.faults.fail_sync != Some(self.syncs))
    }

    fn used(&self) -> u64 {
        self.names.values().map(|&inode| self.inodes[inode].allocated_bytes).sum()
    }

    fn take_space(&mut self, inode: usize, bytes: u64, doing: &str) -> Result<(), Error> {
        let held = self.inodes[inode].allocated_bytes;
        if bytes <= held {
            return Ok(());
        }
        let used = self.used();
        if self.faults.capacity_bytes.is_some_and(|capacity| used + (bytes - held) > capacity) {
            return Err(failed(rustix::io::Errno::NOSPC, doing));
        }
        self.inodes[inode].allocated_bytes = bytes;
        Ok(())
    }

    fn find(&self, name: &str) -> Result<usize, Error> {
        self.names.get(name).copied().ok_or_else(|| failed(rustix::io::Errno::NOENT, &format!("find {name}")))
    }

    fn names_after_power_cut(&self, rng: &SeededRng, keep_percent: u64) -> BTreeMap<String, usize> {
        let mut names = self.durable_names.clone();
        for change in &self.unsynced_names {
            if rng.below(100) < keep_percent {
                change.apply(&mut names);
            }
        }
        names
    }

    /// Makes a change of the folder; the answer to the caller, who is dead if the disk froze.
    fn change_names(&mut self, change: DirChange) -> Result<(), Error> {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
        self.check()
    }
}

impl DirChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Create(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

/// A clock that moves only when told.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// Moves on by `ms` milliseconds.
    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.now_ms())
    }
}

struct MemFile {
    state: Arc<Mutex<State>>,
    inode: usize,
    name: String,
}

impl Disk for MemDisk {
    fn create(&self, name: &str) -> Result<Arc<dyn File>, Error> {
        let mut state = self.state.lock();
        state.change(&format!("create {name}"))?;
        if state.names.contains_key(name) {
            return Err(failed(rustix::io::Errno::EXIST, &format!("create {name}")));
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.change_names(DirChange::Create(name.to_owned(), inode))?;
        Ok(Arc::new(MemFile { state: self.state.clone(), inode, name: name.to_owned() }))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn File>, Error> {
        let state = self.state.lock();
        state.check()?;
        Ok(Arc::new(MemFile { state: self.state.clone(), inode: state.find(name)?, name: name.to_owned() }))
    }

    fn list(&self) -> Result<Vec<String>, Error> {
        let state = self.state.lock();
        state.check()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let mut state = self.state.lock();
        state.change(&format!("rename {from}"))?;
        state.find(from)?;
        state.change_names(DirChange::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let mut state = self.state.lock();
        state.change(&format!("remove {name}"))?;
        state.find(name)?;
        state.change_names(DirChange::Remove(name.to_owned()))
    }

    fn sync_dir(&self) -> Result<(), Error> {
        let mut state = self.state.lock();
        if !state.sync()? {
            return Err(failed(rustix::io::Errno::IO, "sync the folder"));
        }
        state.durable_names = state.names.clone();
        state.unsynced_names.clear();
        Ok(())
    }

    fn space(&self) -> Result<Option<DiskSpace>, Error> {
        let state = self.state.lock();
        let space = |total_bytes: u64| DiskSpace {
            free_bytes: total_bytes.saturating_sub(state.used()),
            total_bytes,
        };
        Ok(state.faults.capacity_bytes.map(space))
    }
}

impl File for MemFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let mut state = self.state.lock();
        let doing = format!("write to {}", self.name);
        let step = state.change(&doing)?;
        let bytes = if step == Step::Half { &bytes[..bytes.len() / 2] } else { bytes };
        state.take_space(self.inode, offset + bytes.len() as u64, &doing)?;
        state.inodes[self.inode].write(offset, bytes);
        state.check()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        let state = self.state.lock();
        state.check()?;
        Ok(state.inodes[self.inode].read(offset, buf))
    }

    fn len(&self) -> Result<u64, Error> {
        let state = self.state.lock();
        state.check()?;
        Ok(state.inodes[self.inode].len)
    }

    fn allocate(&self, bytes: u64) -> Result<(), Error> {
        let mut state = self.state.lock();
        let doing = format!("allocate space for {}", self.name);
        state.change(&doing)?;
        state.take_space(self.inode, bytes, &doing)?;
        let inode = &mut state.inodes[self.inode];
        inode.len = inode.len.max(bytes);
        state.check()
    }

    fn set_len(&self, bytes: u64) -> Result<(), Error> {
        let mut state = self.state.lock();
        state.change(&format!("set the length of {}", self.name))?;
        state.inodes[self.inode].set_len(bytes);
        state.check()
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.state.lock();
        if state.sync()? {
            state.inodes[self.inode].sync();
            return Ok(());
        }
        state.inodes[self.inode].drop_unsynced();
        Err(failed(rustix::io::Errno::IO, &format!("sync {}", self.name)))
    }

    fn map(&self, offset: u64, bytes: u64) -> Option<Box<dyn Mapping>> {
        let mut state = self.state.lock();
        let is_there = offset + bytes <= state.inodes[self.inode].allocated_bytes;
        if !state.maps || !is_there || state.frozen {
            return None;
        }
        state.mappings += 1;
        drop(state);
        Some(Box::new(MemMapping { state: self.state.clone(), inode: self.inode, offset, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::inode::SECTOR_BYTES;
    use super::*;

    fn file_with(disk: &MemDisk, bytes: &[u8]) -> Arc<dyn File> {
        let file = disk.create("f").unwrap();
        file.write_at(0, bytes).unwrap();
        file
    }

    #[test]
    fn what_was_synced_survives_every_power_cut_and_the_rest_in_any_part() {
        let (mut kept, mut lost, mut torn) = (0, 0, 0);
        for seed in 0..200 {
            let disk = MemDisk::default();
            let file = file_with(&disk, &[1; 8192]);
            file.sync_data().unwrap();
            disk.sync_dir().unwrap();
            file.write_at(4096, &[2; 4096]).unwrap();
            let content = disk.power_cut(seed).content("f").unwrap();
            assert_eq!(content[..4096], [1; 4096]);
            match content[4096..].iter().filter(|&&byte| byte == 2).count() {
                0 => lost += 1,
                4096 => kept += 1,
                part => {
                    assert_eq!(part % SECTOR_BYTES, 0);
                    torn += 1;
                }
            }
        }
        assert!(kept > 20 && lost > 20 && torn > 10, "{kept} {lost} {torn}");
    }

    #[test]
    fn a_killed_process_finds_all_it_wrote_and_the_old_handle_is_dead() {
        let disk = MemDisk::default();
        let file = file_with(&disk, b"abc");
        assert_eq!(disk.kill().content("f").unwrap(), b"abc");
        assert!(file.write_at(0, b"x").is_err());
    }

    #[test]
    fn a_name_that_was_not_synced_may_be_gone() {
        let gone = (0..50).filter(|&seed| {
            let disk = MemDisk::default();
            file_with(&disk, b"abc").sync_data().unwrap();
            disk.power_cut(seed).content("f").is_none()
        });
        assert!((1..50).contains(&gone.count()));
    }

    #[test]
    fn a_failed_sync_drops_the_pages_though_they_can_still_be_read() {
        let disk = MemDisk::new(Faults { fail_sync: Some(2), ..Faults::default() });
        let file = file_with(&disk, b"abc");
        disk.sync_dir().unwrap();
        assert_eq!(file.sync_data().unwrap_err().kind(), ErrorKind::Failed);
        file.sync_data().unwrap();
        let killed = disk.kill();
        assert_eq!(killed.content("f").unwrap(), b"abc");
        let content = killed.power_cut(1).content("f").unwrap();
        assert_ne!(content, b"abc");
    }

    #[test]
    fn a_full_disk_refuses_and_takes_again_what_a_removal_gave_back() {
        let disk = MemDisk::new(Faults { capacity_bytes: Some(10_000), ..Faults::default() });
        disk.create("a").unwrap().allocate(8000).unwrap();
        let file = disk.create("b").unwrap();
        assert_eq!(file.allocate(8000).unwrap_err().kind(), ErrorKind::DiskFull);
        assert_eq!(file.write_at(0, &[0; 3000]).unwrap_err().kind(), ErrorKind::DiskFull);
        disk.remove("a").unwrap();
        file.allocate(8000).unwrap();
    }
}
