//! The real disk, clock and randomness.
//!
//! What must hold: while an [`OsDisk`] lives, no other process (and no other `OsDisk` in this one) holds its folder; an
//! `flock` on the file `LOCK` sees to that, and ends with the process however it ends. A sync reaches the medium: the standard
//! library's are `fdatasync` and `fsync` on Linux, and `F_FULLFSYNC` on Apple's systems, whose `fsync` stops at the device's cache;
//! a file system there that does not know it (of a network, mostly) cannot hold a folder. Left out: folders within the folder
//! (see [`super::Folders`]), file systems whose `flock` does not reach other machines (do not share a folder over NFS), and
//! Windows, which has no such lock, and does not rename over a file that is open.

#[cfg(target_os = "linux")]
use super::linux as system;
#[cfg(not(target_os = "linux"))]
use super::portable as system;
use super::{Clock, Disk, DiskSpace, File, Mapping, Rng};
use crate::error::{Error, ErrorKind};
use std::fs::{self, OpenOptions, TryLockError};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const LOCK_NAME: &str = "LOCK";

/// What systems do each in their own way.
#[derive(Debug)]
pub(super) struct Ways {
    /// See [`File::allocate`].
    pub(super) allocate: fn(&fs::File, u64) -> std::io::Result<()>,
    /// See [`File::map`].
    pub(super) map: fn(&fs::File, u64, u64) -> Option<Box<dyn Mapping>>,
}

/// A folder on a real disk, locked against other users for as long as this value lives, or until [`Disk::unlock`].
#[derive(Debug)]
pub struct OsDisk {
    dir: PathBuf,
    dir_handle: fs::File,
    ways: &'static Ways,
    read_only: bool,
    /// Held for its lock; `None` if there was no lock file to share.
    lock: Option<fs::File>,
}

impl OsDisk {
    /// Takes the folder `dir` for reading and writing, creating it if it does not exist.
    ///
    /// # Errors
    /// `Locked`, naming the holder's process id where known; `Denied`; `Invalid` if `dir` is not a folder.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        fs::create_dir_all(dir).map_err(|error| {
            Error::from_os(format!("cannot create the data folder {}", dir.display()), error)
        })?;
        let path = dir.join(LOCK_NAME);
        let lock =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(
                |error| Error::from_os(format!("cannot open the lock file {}", path.display()), error),
            )?;
        lock.try_lock().map_err(|error| locked(dir, &lock, error))?;
        // The process id only helps a person; a disk too full to hold it must not keep the database from starting.
        let pid = format!("{}\n", std::process::id());
        let _ = lock.set_len(0).and_then(|()| lock.write_all_at(pid.as_bytes(), 0));
        Self::with_lock(dir, Some(lock), false)
    }

    /// Takes the folder `dir` for reading only; several readers may hold it at once. Nothing in it is changed.
    ///
    /// # Errors
    /// `Locked` if a writer holds it, `NotFound`, `Denied`.
    pub fn open_read_only(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let lock = match fs::File::open(dir.join(LOCK_NAME)) {
            Ok(lock) => {
                lock.try_lock_shared().map_err(|error| locked(dir, &lock, error))?;
                Some(lock)
            }
            Err(_) => None,
        };
        Self::with_lock(dir, lock, true)
    }

    fn with_lock(dir: &Path, lock: Option<fs::File>, read_only: bool) -> Result<Self, Error> {
        let dir_handle = fs::File::open(dir).map_err(|error| {
            Error::from_os(format!("cannot open the data folder {}", dir.display()), error)
        })?;
        Ok(Self { dir: dir.to_path_buf(), dir_handle, ways: &system::WAYS, read_only, lock })
    }

    /// The same as on other systems than Linux.
    #[cfg(test)]
    pub(crate) fn open_portable(dir: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self { ways: &super::portable::WAYS, ..Self::open(dir)? })
    }

    fn file(&self, name: &str, options: &OpenOptions, doing: &str) -> Result<Arc<dyn File>, Error> {
        let path = self.dir.join(name);
        match options.open(&path) {
            Ok(file) => Ok(Arc::new(OsFile { file, path, ways: self.ways })),
            Err(error) => Err(Error::from_os(format!("cannot {doing} {}", path.display()), error)),
        }
    }
}

fn locked(dir: &Path, mut lock: &fs::File, error: TryLockError) -> Error {
    match error {
        TryLockError::Error(error) => {
            Error::from_os(format!("cannot lock the data folder {}", dir.display()), error)
        }
        TryLockError::WouldBlock => {
            let mut text = String::new();
            let holder =
                match lock.read_to_string(&mut text).ok().and_then(|_| text.trim().parse::<u32>().ok()) {
                    Some(pid) => format!("process {pid}"),
                    None => "another process".to_owned(),
                };
            let dir = dir.display();
            Error::new(
                ErrorKind::Locked,
                format!(
                    "the data folder {dir} is in use by {holder}: stop it, use another folder, or have it take connections and connect to it"
                ),
            )
        }
    }
}

impl Disk for OsDisk {
    fn unlock(&self) {
        if let Some(lock) = &self.lock {
            // It fails for no lock that is held; at the latest it ends with the file.
            let _ = lock.unlock();
        }
    }

    fn create(&self, name: &str) -> Result<Arc<dyn File>, Error> {
        self.file(name, OpenOptions::new().read(true).write(true).create_new(true), "create")
    }

    fn open(&self, name: &str) -> Result<Arc<dyn File>, Error> {
        self.file(name, OpenOptions::new().read(true).write(!self.read_only), "open")
    }

    fn list(&self) -> Result<Vec<String>, Error> {
        let failed = |error| Error::from_os(format!("cannot list {}", self.dir.display()), error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        fs::rename(self.dir.join(from), self.dir.join(to)).map_err(|error| {
            Error::from_os(format!("cannot rename {from} to {to} in {}", self.dir.display()), error)
        })
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.dir.join(name);
        fs::remove_file(&path)
            .map_err(|error| Error::from_os(format!("cannot remove {}", path.display()), error))
    }

    fn sync_dir(&self) -> Result<(), Error> {
        self.dir_handle
            .sync_all()
            .map_err(|error| Error::from_os(format!("cannot sync the folder {}", self.dir.display()), error))
    }

    fn space(&self) -> Result<Option<DiskSpace>, Error> {
        let stat = rustix::fs::fstatvfs(&self.dir_handle).map_err(|error| {
            Error::from_os(format!("cannot ask how much space {} has", self.dir.display()), error.into())
        })?;
        let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
        Ok(Some(DiskSpace { free_bytes, total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize) }))
    }
}

#[derive(Debug)]
struct OsFile {
    file: fs::File,
    path: PathBuf,
    ways: &'static Ways,
}

impl OsFile {
    fn failed(&self, doing: &str, error: std::io::Error) -> Error {
        Error::from_os(format!("cannot {doing} {}", self.path.display()), error)
    }
}

impl File for OsFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all_at(bytes, offset).map_err(|error| self.failed("write to", error))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        let mut read = 0;
        while read < buf.len() {
            match self.file.read_at(&mut buf[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("read from", error)),
            }
        }
        Ok(read)
    }

    fn len(&self) -> Result<u64, Error> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(|error| self.failed("look at", error))
    }

    fn allocate(&self, bytes: u64) -> Result<(), Error> {
        (self.ways.allocate)(&self.file, bytes).map_err(|error| self.failed("allocate space for", error))
    }

    fn set_len(&self, bytes: u64) -> Result<(), Error> {
        self.file.set_len(bytes).map_err(|error| self.failed("set the length of", error))
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(|error| self.failed("sync", error))
    }

    fn map(&self, offset: u64, bytes: u64) -> Option<Box<dyn Mapping>> {
        (self.ways.map)(&self.file, offset, bytes)
    }
}

/// The system's clocks.
#[derive(Debug)]
pub struct OsClock {
    start: Instant,
}

impl Default for OsClock {
    #[expect(clippy::disallowed_methods, reason = "this is io::Clock, the owner of time")]
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for OsClock {
    #[expect(clippy::disallowed_methods, reason = "this is io::Clock, the owner of time")]
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// The system's randomness, from `/dev/urandom`.
#[derive(Debug)]
pub struct OsRng(fs::File);

impl OsRng {
    /// Opens the system's source.
    ///
    /// # Errors
    /// If `/dev/urandom` cannot be opened.
    pub fn open() -> Result<Self, Error> {
        fs::File::open("/dev/urandom")
            .map(Self)
            .map_err(|error| Error::from_os("cannot open /dev/urandom", error))
    }
}

impl Rng for OsRng {
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        (&self.0).read_exact(&mut bytes).expect("an open /dev/urandom never ends and never fails");
        u64::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_is_refused_and_the_holder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let held = OsDisk::open(dir.path()).unwrap();
        for error in [OsDisk::open(dir.path()).unwrap_err(), OsDisk::open_read_only(dir.path()).unwrap_err()]
        {
            assert_eq!(error.kind(), ErrorKind::Locked);
            assert!(
                error.to_string().contains(&format!("in use by process {}", std::process::id())),
                "{error}"
            );
        }
        drop(held);
        OsDisk::open(dir.path()).unwrap();
    }

    /// A disk in each way that this system builds, with the folder that it is in.
    fn disks() -> [(tempfile::TempDir, OsDisk); 2] {
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let disks = [OsDisk::open(first.path()).unwrap(), OsDisk::open_portable(second.path()).unwrap()];
        let [of_system, portable] = disks;
        [(first, of_system), (second, portable)]
    }

    #[test]
    fn allocated_space_reads_as_zeros_and_is_really_there() {
        use std::os::unix::fs::MetadataExt;
        for (dir, disk) in disks() {
            let file = disk.create("f").unwrap();
            file.allocate((1 << 20) + 7).unwrap();
            assert_eq!(file.len().unwrap(), (1 << 20) + 7);
            assert!(fs::metadata(dir.path().join("f")).unwrap().blocks() * 512 >= 1 << 20);
            let mut buf = [1; 10];
            assert_eq!(file.read_at((1 << 20) + 3, &mut buf).unwrap(), 4);
            assert_eq!(buf[..4], [0; 4]);
        }
    }

    #[test]
    fn allocating_keeps_what_is_there_and_never_cuts() {
        for (_dir, disk) in disks() {
            let file = disk.create("f").unwrap();
            file.write_at(0, b"text").unwrap();
            file.allocate(3).unwrap();
            assert_eq!(file.len().unwrap(), 4);
            file.allocate(9000).unwrap();
            let mut buf = [1; 6];
            assert_eq!((file.len().unwrap(), file.read_at(0, &mut buf).unwrap()), (9000, 6));
            assert_eq!(&buf, b"text\0\0");
        }
    }

    #[test]
    fn only_what_is_there_is_mapped() {
        for (_dir, disk) in disks() {
            let file = disk.create("f").unwrap();
            file.allocate(8192).unwrap();
            assert!(file.map(4096, 8192).is_none());
            // On the systems and file systems that are not mapped there is nothing more to see.
            if let Some(mut mapping) = file.map(4096, 4096) {
                mapping.write_at(5, b"mapped");
                let mut buf = [0; 6];
                assert_eq!(file.read_at(4096 + 5, &mut buf).unwrap(), 6);
                assert_eq!(&buf, b"mapped");
            }
        }
    }

    #[test]
    fn a_disk_tells_how_much_space_it_has() {
        for (_dir, disk) in disks() {
            let space = disk.space().unwrap().unwrap();
            assert!(space.free_bytes > 0 && space.free_bytes <= space.total_bytes, "{space:?}");
        }
    }

    #[test]
    fn a_file_is_written_read_renamed_and_removed() {
        for (_dir, disk) in disks() {
            disk.create("a").unwrap().write_at(3, b"xyz").unwrap();
            assert_eq!(disk.create("a").err().unwrap().kind(), ErrorKind::Invalid);
            disk.rename("a", "b").unwrap();
            disk.sync_dir().unwrap();
            let mut buf = [9; 6];
            assert_eq!(disk.open("b").unwrap().read_at(0, &mut buf).unwrap(), 6);
            assert_eq!(&buf, b"\0\0\0xyz");
            disk.remove("b").unwrap();
            assert_eq!(disk.list().unwrap(), [LOCK_NAME]);
            assert_eq!(disk.open("b").err().unwrap().kind(), ErrorKind::NotFound);
        }
    }
}
