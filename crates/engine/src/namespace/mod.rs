//! Namespaces: databases with names, as many as wanted, beside the one that is there without them.
//!
//! Each is a [`Database`] of its own, in a folder of its own, with its own log, checkpoints, tables, store and limits, so that
//! whatever a database can do works in it, and damage or a failing store of one does not touch the others. The main database
//! remembers which there are ([`entry`]). They share a few threads and are closed when nobody uses them: a namespace in which
//! nothing happens costs nothing but disk.
//!
//! What must hold, and does whenever the process or the power ends:
//!
//! | the entry says | the folder | when it is opened next |
//! |---|---|---|
//! | creating | is there or not | the folder is made if it is not there: the namespace is there |
//! | ready | is there | it is opened; without it the error says so, for what was in it is lost |
//! | dropping | is there, in part, or not | it is removed, then the entry: the namespace is gone |
//!
//! Left out: names for connections and sessions, which the server knows.

mod backup;
mod change;
mod closing;
mod entry;
mod slot;

pub use change::NamespaceChange;
pub use slot::Namespace;

use self::closing::Closer;
use self::entry::{Entry, MAIN, State, check_name, check_store};
use crate::command::Fail;
use crate::db::{CheckpointRules, Database, Options};
use crate::error::{Error, ErrorKind};
use crate::io::{Folders, OsFolders};
use crate::keyspace::eviction::Policy;
use crate::manifest::Manifest;
use crate::service::Service;
use crate::settle::{Attach, StoreOptions};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Shards and log segments of a namespace: there may be many, and most are small.
const SHARDS: u32 = 16;
const SEGMENT_BYTES: u64 = 4 << 20;
/// Unless said otherwise, a namespace that nobody uses is closed after so long, in milliseconds.
const IDLE_TIMEOUT_MS: u64 = 60_000;

/// What a namespace is made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceSettings {
    /// The address of the store behind it; none: it has none.
    pub store: Option<String>,
    /// What counts if that store has rows already or is another folder's; none: it is refused then.
    pub attach: Option<Attach>,
    /// So many keys may be in memory, in all its databases; 0: no limit.
    pub keys_max: u64,
    /// So many bytes its keys and values may take in memory; 0: no limit.
    pub bytes_max: u64,
    /// Which keys go when that is not enough; none: as the database is set.
    pub policy: Option<Policy>,
}

/// Makes the store of an address, for the data in this folder; or says what is wrong with the address.
pub type StoreOf = dyn Fn(&str, &Path) -> Result<StoreOptions, String> + Send + Sync;

/// Is told of a database that was opened.
pub type WhenOpened = dyn Fn(&Database) + Send + Sync;

/// How namespaces are opened.
pub struct NamespaceOptions {
    /// As any database, but for the store; shards and segments are those of new folders.
    pub database: Options,
    /// Makes stores; without it namespaces have none.
    pub stores: Option<Box<StoreOf>>,
    /// Is told of each database that was opened, before anybody uses it.
    pub opened: Option<Box<WhenOpened>>,
    /// A namespace that nobody uses is closed after so long, in milliseconds.
    pub idle_timeout_ms: u64,
}

impl Default for NamespaceOptions {
    fn default() -> Self {
        let checkpoints = CheckpointRules { log_bytes_min: 4 << 20, ..CheckpointRules::default() };
        let database =
            Options { shards: SHARDS, segment_bytes: SEGMENT_BYTES, checkpoints, ..Options::default() };
        Self { database, stores: None, opened: None, idle_timeout_ms: IDLE_TIMEOUT_MS }
    }
}

/// What is known of a namespace.
#[derive(Clone)]
pub struct NamespaceInfo {
    /// What it is called.
    pub name: String,
    /// Whether its database is open; it is opened when it is used.
    pub is_open: bool,
    /// Whether it is being dropped.
    pub is_dropped: bool,
    /// When it was made, in Unix milliseconds.
    pub created_ms: u64,
    /// Where its folder is; empty in memory.
    pub folder: PathBuf,
    /// Its store, without the password.
    pub store: Option<String>,
    /// Keys in memory, those that there were when it was last closed if it is not open; none if it was not opened yet.
    pub keys: Option<u64>,
    /// As it was made; the address of the store has been left out.
    pub settings: NamespaceSettings,
    /// Its database, if it is open. Whoever keeps it keeps it open.
    pub database: Option<Database>,
}

/// All namespaces beside one database. Clones are the same ones.
///
/// ```
/// use ramekin::{Database, NamespaceOptions, NamespaceSettings, Namespaces};
///
/// let folder = tempfile::tempdir()?;
/// let db = Database::open(folder.path())?;
/// let namespaces = Namespaces::open(&db, folder.path().join("namespaces"), NamespaceOptions::default())?;
/// namespaces.create("tenant-1", &NamespaceSettings { keys_max: 1000, ..NamespaceSettings::default() })?;
///
/// let tenant = namespaces.database("tenant-1")?;
/// tenant.set(b"greeting", b"hello")?;
/// assert_eq!(db.get(b"greeting")?, None);
///
/// drop(tenant);
/// namespaces.drop_namespace("tenant-1", false)?;
/// namespaces.close()?;
/// db.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Namespaces {
    inner: Arc<Inner>,
}

struct Inner {
    main: Database,
    /// None: all of it is in memory only.
    folders: Option<Arc<dyn Folders>>,
    options: NamespaceOptions,
    idle_timeout_ms: AtomicU64,
    by_name: Mutex<BTreeMap<String, Arc<Namespace>>>,
    /// Whoever makes, changes or drops one shares it; a backup has it alone.
    changes: RwLock<()>,
    closer: Closer,
}

impl Namespaces {
    /// The namespaces beside this database, in folders in this one, which is made with the first of them. Beside a database in
    /// memory they are in memory.
    ///
    /// # Errors
    /// `Newer` if a later version has written of one, or what the disk says.
    pub fn open(
        main: &Database,
        folder: impl Into<PathBuf>,
        options: NamespaceOptions,
    ) -> Result<Self, Error> {
        Self::open_on(main, Arc::new(OsFolders::new(folder)), options)
    }

    /// The same in any folders: what simulation uses.
    ///
    /// # Errors
    /// As [`Namespaces::open`].
    pub fn open_on(
        main: &Database,
        folders: Arc<dyn Folders>,
        mut options: NamespaceOptions,
    ) -> Result<Self, Error> {
        if options.database.threads && options.database.service.is_none() {
            options.database.service = Some(Arc::<Service>::default());
        }
        let (mut found, mut unreadable) = (BTreeMap::new(), None);
        main.shards().system_each(entry::PREFIX, |key, value| {
            let name = String::from_utf8_lossy(&key[entry::PREFIX.len()..]).into_owned();
            match Entry::decode(value) {
                Some(entry) => drop(found.insert(name.clone(), Arc::new(Namespace::new(&name, entry)))),
                None => unreadable = Some(name),
            }
        });
        if let Some(name) = unreadable {
            let text = format!("the namespace '{name}' was made by a newer version: run that one");
            return Err(Error::new(ErrorKind::Newer, text));
        }
        let inner = Inner {
            main: main.clone(),
            folders: main.disk().is_some().then_some(folders),
            idle_timeout_ms: AtomicU64::new(options.idle_timeout_ms),
            options,
            by_name: Mutex::new(found),
            changes: RwLock::default(),
            closer: Closer::default(),
        };
        let namespaces = Self { inner: Arc::new(inner) };
        for namespace in namespaces.all() {
            if namespace.entry().state == State::Dropping {
                namespace.set_dropped(true);
                // What cannot be removed now is told by LIST, and tried again when it is dropped again.
                let _ = namespaces.remove(&namespace);
            }
        }
        Ok(namespaces)
    }

    fn all(&self) -> Vec<Arc<Namespace>> {
        self.inner.by_name.lock().values().cloned().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.by_name.lock().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The databases that are open.
    #[must_use]
    pub fn open_databases(&self) -> Vec<Database> {
        self.all().iter().filter_map(|namespace| namespace.peek()).collect()
    }

    /// Does something to each database that is open; what it sets that a namespace has of its own is set back.
    pub fn change_open(&self, act: &dyn Fn(&Database)) {
        for namespace in self.all() {
            if let Some(database) = namespace.peek() {
                act(&database);
                own_settings(&database, &namespace.entry().settings);
            }
        }
    }

    /// Makes a namespace, and opens it, so that it is known whether its store can be used. It is durable then.
    ///
    /// # Errors
    /// `Invalid` if there is one of this name, or name or store are none; whatever opening a database says. There is no such
    /// namespace then.
    pub fn create(&self, name: &str, settings: &NamespaceSettings) -> Result<(), Error> {
        check_name(name)?;
        if let Some(store) = &settings.store {
            check_store(store)?;
        }
        let _change = self.inner.changes.read();
        let folder = format!("{:016x}", self.inner.main.random());
        let kept = NamespaceSettings { attach: None, ..settings.clone() };
        let created_ms = self.inner.main.now_ms();
        let entry = Entry { state: State::Creating, folder, created_ms, settings: kept };
        let namespace = Arc::new(Namespace::new(name, entry.clone()));
        {
            let mut by_name = self.inner.by_name.lock();
            if by_name.contains_key(name) {
                let text = format!("there is a namespace '{name}' already");
                return Err(Error::new(ErrorKind::Invalid, text));
            }
            by_name.insert(name.to_owned(), Arc::clone(&namespace));
        }
        let made =
            self.write(name, &entry).and_then(|()| self.open_database(&namespace, settings.attach)).map(drop);
        if let Err(error) = made {
            namespace.set_dropped(true);
            // What is left of it is removed at the next start.
            let _ = self.remove(&namespace);
            return Err(error);
        }
        Ok(())
    }

    /// The database of a namespace, opened if it is not. It stays open for as long as it is kept.
    ///
    /// # Errors
    /// `NotFound` if there is no such namespace, or its folder is missing; whatever opening a database says.
    pub fn database(&self, name: &str) -> Result<Database, Error> {
        self.enter(name).map(|(_, database)| database)
    }

    /// The same with what tells whether it has been dropped meanwhile.
    ///
    /// # Errors
    /// As [`Namespaces::database`].
    pub fn enter(&self, name: &str) -> Result<(Arc<Namespace>, Database), Error> {
        let namespace = self.find(name)?;
        let database = self.open_database(&namespace, None)?;
        Ok((namespace, database))
    }

    /// The same for one that is open already; this never waits.
    #[must_use]
    pub fn enter_if_open(&self, name: &str) -> Option<(Arc<Namespace>, Database)> {
        let namespace = self.inner.by_name.lock().get(name).cloned()?;
        let database = namespace.open_now(self.now())?;
        Some((namespace, database))
    }

    /// The namespace of this name.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn find(&self, name: &str) -> Result<Arc<Namespace>, Error> {
        let found = self.inner.by_name.lock().get(name).cloned();
        found.ok_or_else(|| {
            let shown: String = name.chars().take(64).collect();
            Error::new(ErrorKind::NotFound, format!("there is no namespace '{shown}'"))
        })
    }

    /// All namespaces in the order of their names.
    #[must_use]
    pub fn list(&self) -> Vec<NamespaceInfo> {
        self.all().iter().map(|namespace| self.describe(namespace)).collect()
    }

    /// What is known of one.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn info(&self, name: &str) -> Result<NamespaceInfo, Error> {
        self.find(name).map(|namespace| self.describe(&namespace))
    }

    fn describe(&self, namespace: &Namespace) -> NamespaceInfo {
        let entry = namespace.entry();
        let store = entry.settings.store.as_ref().map(|address| {
            let shown = || match self.store_of(address, &entry.folder) {
                Ok(options) => options.store.describe(),
                Err(_) => "(an address that is none here)".to_owned(),
            };
            namespace.shown_store.get_or_init(shown).clone()
        });
        NamespaceInfo {
            name: namespace.name().to_owned(),
            is_open: namespace.is_open(),
            is_dropped: namespace.is_dropped(),
            created_ms: entry.created_ms,
            folder: self.path(&entry.folder),
            store,
            keys: namespace.keys(),
            settings: NamespaceSettings { store: None, ..entry.settings },
            database: namespace.peek(),
        }
    }

    /// Drops a namespace: its folder with all that is in it. Rows in a store stay there. Whoever has its database is refused
    /// from now on.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for one with a store if something has not settled there or it cannot be told, unless `forces`;
    /// what the disk says: then it is dropped at the next start at the latest, or if this is tried again.
    pub fn drop_namespace(&self, name: &str, forces: bool) -> Result<(), Error> {
        let _change = self.inner.changes.read();
        let namespace = self.find(name)?;
        let entry = namespace.entry();
        if entry.state != State::Dropping && entry.settings.store.is_some() && !forces {
            self.settle(&namespace)?;
        }
        {
            let _edit = namespace.edit();
            // From here on nobody opens it.
            namespace.set_dropped(true);
            let entry = Entry { state: State::Dropping, ..namespace.entry() };
            self.write(name, &entry).inspect_err(|_| namespace.set_dropped(false))?;
        }
        if let Some((turn, database)) = namespace.take_open() {
            // What could not be written is to be gone all the same.
            let _ = namespace.let_go(turn, database, false);
        }
        self.remove(&namespace)
    }

    /// Has all that has changed in it settle.
    fn settle(&self, namespace: &Namespace) -> Result<(), Error> {
        let unsettled = |text: String| {
            let text = format!(
                "the namespace '{}' has changes that its store does not have ({text}): they would be lost; drop it with FORCE if that is meant to be",
                namespace.name()
            );
            Error::new(ErrorKind::Invalid, text)
        };
        let database = self.open_database(namespace, None).map_err(|error| unsettled(error.to_string()))?;
        if self.inner.options.database.threads {
            let (send, receive) = std::sync::mpsc::channel();
            database
                .flush_to_store(Box::new(move |outcome| drop(send.send(outcome))))
                .map_err(|fail| unsettled(fail.0.into_owned()))?;
            if let Ok(Err(text)) = receive.recv() {
                return Err(unsettled(text));
            }
        } else {
            database.settle_all();
        }
        match database.store_stats().map_or(0, |stats| stats.unsettled_records) {
            0 => Ok(()),
            records => Err(unsettled(format!("{records} records"))),
        }
    }

    /// Removes what is left of one that is being dropped.
    fn remove(&self, namespace: &Namespace) -> Result<(), Error> {
        if let Some(folders) = &self.inner.folders {
            folders.remove(&namespace.entry().folder)?;
        }
        let main = &self.inner.main;
        main.shards().system_delete(&Entry::key(namespace.name())).map_err(|fail| failed(&fail))?;
        main.sync_log()?;
        namespace.end();
        self.inner.by_name.lock().remove(namespace.name());
        Ok(())
    }

    /// Writes the entry of a namespace, and waits until it is durable.
    fn write(&self, name: &str, entry: &Entry) -> Result<(), Error> {
        let main = &self.inner.main;
        main.shards()
            .system_set(&Entry::key(name), entry.encode().as_bytes())
            .map_err(|fail| failed(&fail))?;
        main.sync_log()?;
        if let Ok(namespace) = self.find(name) {
            namespace.set_entry(entry.clone());
        }
        Ok(())
    }

    /// Opens the database of a namespace, if it is not open.
    fn open_database(&self, namespace: &Namespace, attach: Option<Attach>) -> Result<Database, Error> {
        let database = namespace.open(self.now(), || {
            let opened = self.open_folder(&namespace.entry(), attach);
            opened.map_err(|error| {
                let text = format!("the namespace '{}' cannot be opened: {error}", namespace.name());
                Error::new(error.kind(), text)
            })
        })?;
        self.start_closing()?;
        if namespace.entry().state == State::Creating {
            let _edit = namespace.edit();
            let entry = namespace.entry();
            self.write(namespace.name(), &Entry { state: State::Ready, ..entry })?;
        }
        Ok(database)
    }

    fn open_folder(&self, entry: &Entry, attach: Option<Attach>) -> Result<Database, Error> {
        let mut options =
            Options { progress: Arc::default(), counts: true, ..self.inner.options.database.clone() };
        (options.keys_max, options.bytes_max) = (entry.settings.keys_max, entry.settings.bytes_max);
        if let Some(address) = &entry.settings.store {
            let store = self.store_of(address, &entry.folder);
            let mut store = store.map_err(|text| Error::new(ErrorKind::Invalid, text))?;
            store.attach = attach;
            options.store = Some(store);
        }
        let database = match &self.inner.folders {
            None => Database::memory(&options)?,
            Some(folders) => {
                let missing = || {
                    let path = folders.path(&entry.folder);
                    let text = format!(
                        "its folder {} is missing: put it back from a copy, or drop the namespace",
                        path.display()
                    );
                    Error::new(ErrorKind::NotFound, text)
                };
                if entry.state == State::Ready && !folders.exists(&entry.folder)? {
                    return Err(missing());
                }
                let disk = folders.open(&entry.folder)?;
                if entry.state == State::Ready && Manifest::load(&*disk)?.is_none() {
                    return Err(missing());
                }
                let (clock, rng) = self.inner.main.sources();
                Database::open_on(disk, Arc::clone(clock), Arc::clone(rng), &options)?
            }
        };
        if let Some(opened) = &self.inner.options.opened {
            opened(&database);
        }
        own_settings(&database, &entry.settings);
        Ok(database)
    }

    fn store_of(&self, address: &str, folder: &str) -> Result<StoreOptions, String> {
        match &self.inner.options.stores {
            Some(stores) if self.inner.folders.is_some() => stores(address, &self.path(folder)),
            Some(_) => Err("a store needs a folder for the log, and all is in memory here".to_owned()),
            None => Err("nobody has said how stores are opened here".to_owned()),
        }
    }

    fn path(&self, folder: &str) -> PathBuf {
        self.inner.folders.as_ref().map_or_else(PathBuf::new, |folders| folders.path(folder))
    }

    fn now(&self) -> Duration {
        self.inner.main.sources().0.monotonic()
    }

    /// Changes after how long a namespace that nobody uses is closed, in milliseconds.
    pub fn set_idle_timeout_ms(&self, idle_timeout_ms: u64) {
        self.inner.idle_timeout_ms.store(idle_timeout_ms, Ordering::Relaxed);
    }

    /// Whether this is the name of the database that is there without namespaces.
    #[must_use]
    pub fn is_main(name: &str) -> bool {
        name == MAIN
    }
}

/// What a namespace has of its own.
fn own_settings(database: &Database, settings: &NamespaceSettings) {
    if let Some(policy) = settings.policy {
        database.settings().set_policy(policy);
    }
}

fn failed(fail: &Fail) -> Error {
    Error::new(ErrorKind::Failed, format!("it cannot be noted: {}", fail.0))
}
