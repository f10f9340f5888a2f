//! Wherever the making and dropping of namespaces is cut short: by the end of the process, of the power, or of a disk.

use crate::common::START_MS;
use crate::namespaces::MemFolders;
use ramekin::io::SeededRng;
use ramekin::io::mem::{CrashPoint, Faults, ManualClock, MemDisk};
use ramekin::log::AppendFsync;
use ramekin::{Database, Error, NamespaceOptions, NamespaceSettings, Namespaces, Options};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was acknowledged of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It is there, with this value of its key.
    There(Option<u8>),
    /// It may be there, with what was last acknowledged, or another value that was asked for.
    Perhaps,
    Gone,
}

/// A machine: its disks, and what was acknowledged to who used it.
#[derive(Default)]
struct Machine {
    disk: MemDisk,
    folders: MemFolders,
    known: BTreeMap<&'static str, Known>,
}

impl Machine {
    fn open(&self) -> Result<(Database, Namespaces), Error> {
        let clock = ManualClock::default();
        clock.advance(START_MS);
        let options = Options {
            shards: 2,
            threads: false,
            appendfsync: AppendFsync::Always,
            segment_bytes: 16 << 10,
            ..Options::default()
        };
        let rng = Arc::new(SeededRng::new(self.disk.changes() + 7));
        let db = Database::open_on(Arc::new(self.disk.clone()), Arc::new(clock), rng, &options)?;
        let options = NamespaceOptions { database: options, ..NamespaceOptions::default() };
        let namespaces = Namespaces::open_on(&db, Arc::new(self.folders.clone()), options)?;
        Ok((db, namespaces))
    }

    fn create(&mut self, namespaces: &Namespaces, name: &'static str) -> Result<(), Error> {
        self.known.insert(name, Known::Perhaps);
        namespaces.create(name, &NamespaceSettings::default())?;
        self.known.insert(name, Known::There(None));
        Ok(())
    }

    fn write(&mut self, namespaces: &Namespaces, name: &'static str, value: u8) -> Result<(), Error> {
        let database = namespaces.database(name)?;
        self.known.insert(name, Known::Perhaps);
        database.set(b"key", &[value])?;
        self.known.insert(name, Known::There(Some(value)));
        Ok(())
    }

    fn remove(&mut self, namespaces: &Namespaces, name: &'static str) -> Result<(), Error> {
        self.known.insert(name, Known::Perhaps);
        namespaces.drop_namespace(name, false)?;
        self.known.insert(name, Known::Gone);
        Ok(())
    }

    /// Makes, fills and drops, until something fails.
    fn work(&mut self) -> Result<(), Error> {
        let (_db, namespaces) = self.open()?;
        self.create(&namespaces, "a")?;
        self.write(&namespaces, "a", 1)?;
        self.create(&namespaces, "b")?;
        self.write(&namespaces, "b", 2)?;
        self.remove(&namespaces, "a")?;
        self.create(&namespaces, "c")?;
        namespaces.close()?;
        self.write(&namespaces, "c", 3)?;
        self.create(&namespaces, "a")?;
        self.write(&namespaces, "b", 4)?;
        self.remove(&namespaces, "b")
    }

    /// The power goes and comes back.
    fn power_cut(mut self, seed: u64) -> Self {
        self.disk = self.disk.power_cut(seed);
        for disk in self.folders.0.lock().values_mut() {
            *disk = disk.power_cut(seed);
        }
        self
    }

    /// Everything that was acknowledged is there, and nothing is half there.
    fn check(&self, context: &str) {
        let (_db, namespaces) = self.open().unwrap_or_else(|error| panic!("{context}: {error}"));
        for (name, known) in &self.known {
            let found = match namespaces.database(name) {
                Ok(database) => Known::There(database.get(b"key").unwrap().map(|value| value[0])),
                Err(error) if error.kind() == ramekin::ErrorKind::NotFound => Known::Gone,
                Err(error) => panic!("{context}: {name}: {error}"),
            };
            assert!(
                *known == Known::Perhaps || *known == found,
                "{context}: {name}: {known:?}, but {found:?}"
            );
        }
        let listed: Vec<String> =
            namespaces.list().iter().map(|info| info.folder.display().to_string()).collect();
        let folders: Vec<String> = self.folders.0.lock().keys().cloned().collect();
        for folder in &folders {
            assert!(listed.contains(folder), "{context}: a folder that belongs to nobody is left");
        }
        // All can be made that are not there, and dropped.
        for name in ["a", "b", "c"] {
            if namespaces.find(name).is_err() {
                namespaces.create(name, &NamespaceSettings::default()).unwrap();
            }
            namespaces.drop_namespace(name, false).unwrap();
        }
        assert!(self.folders.0.lock().is_empty() && namespaces.is_empty());
    }
}

#[test]
fn whatever_step_of_the_main_folder_is_the_last_nothing_acknowledged_is_lost_and_nothing_is_half_there() {
    for by_sync in [true, false] {
        for step in 1.. {
            let crash = if by_sync { CrashPoint::Sync(step) } else { CrashPoint::Change(step) };
            let mut machine = Machine {
                disk: MemDisk::new(Faults { crash: Some(crash), ..Faults::default() }),
                ..Machine::default()
            };
            let outcome = machine.work();
            assert!(outcome.is_ok() || machine.disk.is_frozen(), "{crash:?}: {outcome:?}");
            // Cutting the power freezes the disk, too.
            let was_cut = machine.disk.is_frozen();
            for seed in 0..4 {
                let again = Machine {
                    disk: machine.disk.clone(),
                    folders: MemFolders(
                        Arc::new(parking_lot::Mutex::new(machine.folders.0.lock().clone())),
                        Arc::default(),
                    ),
                    known: machine.known.clone(),
                };
                again.power_cut(seed).check(&format!("{crash:?}, seed {seed}"));
            }
            if !was_cut {
                assert!(step > 10, "there are steps to be cut at");
                break;
            }
        }
    }
}

#[test]
fn whatever_step_of_its_own_folder_fails_a_namespace_is_made_whole_or_not_at_all() {
    for step in 1.. {
        let mut machine = Machine::default();
        *machine.folders.1.lock() = Faults { crash: Some(CrashPoint::Change(step)), ..Faults::default() };
        let (db, namespaces) = machine.open().unwrap();
        let made = machine.create(&namespaces, "a");
        let frozen = machine.folders.0.lock().values().any(MemDisk::is_frozen);
        if made.is_ok() {
            assert!(!frozen && step > 3);
            break;
        }
        assert!(namespaces.is_empty() && machine.folders.0.lock().is_empty(), "{step}");
        machine.known.insert("a", Known::Gone);
        *machine.folders.1.lock() = Faults::default();
        machine.create(&namespaces, "a").unwrap();
        machine.write(&namespaces, "a", 1).unwrap();
        drop((db, namespaces));
        machine.power_cut(step).check(&format!("step {step}"));
    }
}
