//! Databases with names: apart from each other, closed when nobody uses them, each with its own store and limits.

use parking_lot::Mutex;
use ramekin::io::mem::{Faults, MemDisk};
use ramekin::io::{Disk, Folders};
use ramekin::store::MemoryStore;
use ramekin::{
    Attach, Database, Error, ErrorKind, NamespaceChange, NamespaceOptions, NamespaceSettings, Namespaces,
    Options, Policy, StoreOptions,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Folders in memory, and how new ones fail.
#[derive(Clone, Default)]
pub(crate) struct MemFolders(pub(crate) Arc<Mutex<BTreeMap<String, MemDisk>>>, pub(crate) Arc<Mutex<Faults>>);

impl Folders for MemFolders {
    fn exists(&self, name: &str) -> Result<bool, Error> {
        Ok(self.0.lock().contains_key(name))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn Disk>, Error> {
        let new = || MemDisk::new(*self.1.lock());
        Ok(Arc::new(self.0.lock().entry(name.to_owned()).or_insert_with(new).clone()))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.0.lock().remove(name);
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(name)
    }
}

fn plain() -> NamespaceSettings {
    NamespaceSettings::default()
}

fn in_folder(folder: &tempfile::TempDir, options: NamespaceOptions) -> (Database, Namespaces) {
    let db = Database::open_with(folder.path(), &Options { shards: 4, ..Options::default() }).unwrap();
    let namespaces = Namespaces::open(&db, folder.path().join("namespaces"), options).unwrap();
    (db, namespaces)
}

fn get(db: &Database, key: &str) -> Option<String> {
    db.get(key.as_bytes()).unwrap().map(|value| String::from_utf8(value).unwrap())
}

#[test]
fn namespaces_share_no_key_and_come_back_with_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let (db, namespaces) = in_folder(&folder, NamespaceOptions::default());
    db.set(b"key", b"of the main one").unwrap();
    for name in ["one", "two"] {
        namespaces.create(name, &plain()).unwrap();
        let database = namespaces.database(name).unwrap();
        assert_eq!(get(&database, "key"), None);
        database.set(b"key", name.as_bytes()).unwrap();
    }
    assert_eq!(get(&db, "key").as_deref(), Some("of the main one"));
    db.execute(&[b"FLUSHALL"]).unwrap();
    namespaces.close().unwrap();
    db.close().unwrap();
    drop((db, namespaces));

    let (db, namespaces) = in_folder(&folder, NamespaceOptions::default());
    let names: Vec<String> = namespaces.list().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["one", "two"]);
    assert!(!namespaces.info("one").unwrap().is_open, "it is opened when it is used");
    for name in names {
        assert_eq!(get(&namespaces.database(&name).unwrap(), "key"), Some(name));
    }
    assert_eq!(get(&db, "key"), None);
    namespaces.close().unwrap();
    db.close().unwrap();
}

#[test]
fn a_namespace_that_nobody_has_is_closed_and_opened_again_with_all_that_was_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = NamespaceOptions { idle_timeout_ms: 50, ..NamespaceOptions::default() };
    let (db, namespaces) = in_folder(&folder, options);
    namespaces.create("kept", &plain()).unwrap();
    namespaces.create("left", &plain()).unwrap();
    let kept = namespaces.database("kept").unwrap();
    namespaces.database("left").unwrap().set(b"key", b"value").unwrap();
    for _ in 0..500 {
        if !namespaces.info("left").unwrap().is_open {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let left = namespaces.info("left").unwrap();
    assert!(!left.is_open && left.keys == Some(1));
    assert!(namespaces.enter_if_open("left").is_none());
    assert!(namespaces.info("kept").unwrap().is_open, "somebody has it");
    kept.set(b"key", b"value").unwrap();
    assert_eq!(get(&namespaces.database("left").unwrap(), "key").as_deref(), Some("value"));
    namespaces.close().unwrap();
    assert!(kept.set(b"key", b"later").is_err(), "at the end all are closed");
    db.close().unwrap();
}

#[test]
fn many_threads_open_one_namespace_once() {
    let folder = tempfile::tempdir().unwrap();
    let (db, namespaces) = in_folder(&folder, NamespaceOptions::default());
    namespaces.create("one", &plain()).unwrap();
    namespaces.close().unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let namespaces = namespaces.clone();
            scope.spawn(move || {
                let key = [b'a' + number];
                namespaces.database("one").unwrap().set(&key, b"value").unwrap();
            });
        }
    });
    assert_eq!(namespaces.info("one").unwrap().keys, Some(8));
    namespaces.close().unwrap();
    db.close().unwrap();
}

#[test]
fn what_is_dropped_is_gone_for_those_who_have_it_too_and_its_name_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let (db, namespaces) = in_folder(&folder, NamespaceOptions::default());
    namespaces.create("one", &plain()).unwrap();
    let path = namespaces.info("one").unwrap().folder;
    let (namespace, database) = namespaces.enter("one").unwrap();
    database.set(b"key", b"value").unwrap();
    assert!(path.exists() && !namespace.is_dropped());
    namespaces.drop_namespace("one", false).unwrap();
    assert!(!path.exists() && namespace.is_dropped());
    assert!(database.set(b"key", b"later").is_err());
    for error in [namespaces.database("one").err(), namespaces.drop_namespace("one", true).err()] {
        assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::NotFound));
    }
    namespaces.create("one", &plain()).unwrap();
    assert_eq!(get(&namespaces.database("one").unwrap(), "key"), None);
    namespaces.close().unwrap();
    db.close().unwrap();
}

#[test]
fn names_that_are_none_and_names_that_are_taken_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (db, namespaces) = in_folder(&folder, NamespaceOptions::default());
    namespaces.create("one", &plain()).unwrap();
    for name in ["one", "default", "", "a b", "../one"] {
        assert_eq!(namespaces.create(name, &plain()).map_err(|error| error.kind()), Err(ErrorKind::Invalid));
    }
    namespaces.create("One", &plain()).unwrap();
    assert_eq!(namespaces.len(), 2);
    namespaces.close().unwrap();
    db.close().unwrap();
}

#[test]
fn damage_and_a_missing_folder_are_told_by_the_one_namespace_and_hold_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (db, namespaces) = in_folder(&folder, NamespaceOptions::default());
    for name in ["damaged", "missing", "well"] {
        namespaces.create(name, &plain()).unwrap();
        namespaces.database(name).unwrap().set(b"key", b"value").unwrap();
    }
    namespaces.close().unwrap();
    let path = |name: &str| namespaces.info(name).unwrap().folder;
    std::fs::write(path("damaged").join("MANIFEST"), b"rubbish").unwrap();
    std::fs::remove_dir_all(path("missing")).unwrap();
    let error = namespaces.database("damaged").err().unwrap();
    assert!(error.kind() == ErrorKind::Damaged && error.to_string().contains("'damaged'"), "{error}");
    let error = namespaces.database("missing").err().unwrap();
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("put it back"), "{error}");
    assert!(!path("missing").exists(), "nothing is made in its place");
    assert_eq!(get(&namespaces.database("well").unwrap(), "key").as_deref(), Some("value"));
    namespaces.drop_namespace("damaged", false).unwrap();
    namespaces.drop_namespace("missing", false).unwrap();
    assert_eq!(namespaces.len(), 1);
    namespaces.close().unwrap();
    db.close().unwrap();
}

#[test]
fn a_backup_of_all_has_each_namespace_as_it_was_open_or_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (db, namespaces) = in_folder(&folder, NamespaceOptions::default());
    db.set(b"key", b"main").unwrap();
    for name in ["closed", "gone", "open"] {
        namespaces.create(name, &plain()).unwrap();
        namespaces.database(name).unwrap().set(b"key", name.as_bytes()).unwrap();
    }
    namespaces.drop_namespace("gone", false).unwrap();
    namespaces.close().unwrap();
    let open = namespaces.database("open").unwrap();
    let to = folder.path().join("copy");
    namespaces.backup(&to, to.join("namespaces")).unwrap();
    assert!(!namespaces.info("closed").unwrap().is_open, "it stays closed");
    open.set(b"key", b"later").unwrap();
    namespaces.database("closed").unwrap().set(b"key", b"later").unwrap();
    assert!(namespaces.backup(&to, to.join("namespaces")).is_err(), "it is not empty");
    namespaces.close().unwrap();
    db.close().unwrap();

    let copy = Database::open(&to).unwrap();
    let copies = Namespaces::open(&copy, to.join("namespaces"), NamespaceOptions::default()).unwrap();
    assert_eq!(get(&copy, "key").as_deref(), Some("main"));
    let names: Vec<String> = copies.list().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["closed", "open"]);
    for name in names {
        assert_eq!(get(&copies.database(&name).unwrap(), "key"), Some(name));
    }
    assert_eq!(std::fs::read_dir(to.join("namespaces")).unwrap().count(), 2);
    copies.close().unwrap();
    copy.close().unwrap();
}

#[test]
fn a_backup_of_all_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (db, namespaces) = in_folder(&folder, NamespaceOptions::default());
    namespaces.create("one", &plain()).unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let to = folder.path().join("copy");
    let error = namespaces.backup(&to, folder.path().join("file")).unwrap_err();
    assert!(error.to_string().contains("the namespace 'one'"), "{error}");
    assert_eq!(std::fs::read_dir(&to).unwrap().count(), 0);
    namespaces.backup(&to, to.join("namespaces")).unwrap();
    namespaces.close().unwrap();
    db.close().unwrap();
}

#[test]
fn limits_change_at_once_and_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (db, namespaces) = in_folder(&folder, NamespaceOptions::default());
    namespaces.create("one", &plain()).unwrap();
    let keys = |keys_max| NamespaceChange { keys_max: Some(keys_max), ..NamespaceChange::default() };
    let set = |key: &[u8]| namespaces.database("one").unwrap().set(key, b"value");
    set(b"a").unwrap();
    set(b"b").unwrap();
    namespaces.change("one", &keys(2)).unwrap();
    assert!(set(b"c").unwrap_err().to_string().starts_with("NAMESPACEFULL"));
    set(b"b").unwrap();
    namespaces.change("one", &keys(0)).unwrap();
    set(b"c").unwrap();
    namespaces.close().unwrap();
    namespaces.change("one", &keys(3)).unwrap();
    namespaces
        .change("one", &NamespaceChange { bytes_max: Some(1 << 20), ..NamespaceChange::default() })
        .unwrap();
    let settings = namespaces.info("one").unwrap().settings;
    assert_eq!((settings.keys_max, settings.bytes_max), (3, 1 << 20), "what is not said stays");
    assert!(set(b"d").unwrap_err().to_string().starts_with("NAMESPACEFULL"), "it was closed meanwhile");
    let policy = Some(Policy::AllkeysRandom);
    namespaces.change("one", &NamespaceChange { policy, ..NamespaceChange::default() }).unwrap();
    set(b"d").unwrap();
    assert_eq!(namespaces.info("one").unwrap().keys, Some(3));
    assert_eq!(namespaces.change("two", &keys(1)).unwrap_err().kind(), ErrorKind::NotFound);
    namespaces.close().unwrap();
    db.close().unwrap();
}

#[test]
fn beside_a_database_in_memory_they_are_in_memory() {
    let db = Database::memory(&Options::default()).unwrap();
    let options = NamespaceOptions { idle_timeout_ms: 0, ..NamespaceOptions::default() };
    let namespaces = Namespaces::open(&db, "nowhere", options).unwrap();
    namespaces.create("one", &plain()).unwrap();
    namespaces.database("one").unwrap().set(b"key", b"value").unwrap();
    assert_eq!(namespaces.close_idle(), 0, "nothing else has what is in it");
    assert_eq!(get(&namespaces.database("one").unwrap(), "key").as_deref(), Some("value"));
    namespaces.drop_namespace("one", false).unwrap();
    assert!(namespaces.is_empty() && !std::path::Path::new("nowhere").exists());
}

/// Namespaces whose stores are these, by address.
fn with_stores(stores: &[(&str, MemoryStore)]) -> NamespaceOptions {
    let stores: BTreeMap<String, MemoryStore> =
        stores.iter().map(|(address, store)| ((*address).to_owned(), store.clone())).collect();
    let store_of = move |address: &str, _: &std::path::Path| {
        let store = stores.get(address).ok_or("there is no such store")?;
        Ok(StoreOptions { close_ms: 200, ..StoreOptions::new(Arc::new(store.clone())) })
    };
    NamespaceOptions { stores: Some(Box::new(store_of)), ..NamespaceOptions::default() }
}

fn behind(address: &str) -> NamespaceSettings {
    NamespaceSettings { store: Some(address.to_owned()), ..plain() }
}

#[test]
fn each_has_its_own_store_and_one_that_is_down_holds_up_only_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (up, down) = (MemoryStore::new(), MemoryStore::new());
    let (db, namespaces) = in_folder(&folder, with_stores(&[("up", up.clone()), ("down", down.clone())]));
    for name in ["up", "down"] {
        namespaces.create(name, &behind(name)).unwrap();
        namespaces.database(name).unwrap().set(b"key", name.as_bytes()).unwrap();
    }
    down.faults().down = true;
    let database = namespaces.database("up").unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    database.flush_to_store(Box::new(move |outcome| send.send(outcome).unwrap())).unwrap();
    assert_eq!(receive.recv().unwrap(), Ok(()));
    drop(database);
    let error = namespaces.drop_namespace("down", false).err().unwrap();
    assert!(error.to_string().contains("FORCE"), "{error}");
    assert_eq!(get(&namespaces.database("down").unwrap(), "key").as_deref(), Some("down"));
    namespaces.close().unwrap();
    let error = namespaces.database("down").err().unwrap();
    assert!(error.to_string().contains("'down' cannot be opened: the store"), "{error}");
    assert_eq!(get(&namespaces.database("up").unwrap(), "key").as_deref(), Some("up"));
    namespaces.drop_namespace("down", true).unwrap();
    namespaces.close().unwrap();
    db.close().unwrap();
}

#[test]
fn a_store_that_is_none_or_another_ones_makes_no_namespace_unless_it_is_decided_what_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (db, namespaces) = in_folder(&folder, with_stores(&[("a", MemoryStore::new())]));
    assert!(namespaces.create("one", &behind("nothing")).is_err());
    assert!(namespaces.is_empty());
    namespaces.create("one", &behind("a")).unwrap();
    let database = namespaces.database("one").unwrap();
    database.set(b"key", b"kept in the store").unwrap();
    drop(database);
    assert!(namespaces.create("two", &behind("a")).is_err(), "it is the store of another one");
    namespaces.drop_namespace("one", false).unwrap();
    assert!(namespaces.create("two", &behind("a")).is_err(), "it was");
    assert!(namespaces.is_empty());
    let decided = NamespaceSettings { attach: Some(Attach::Store), ..behind("a") };
    namespaces.create("two", &decided).unwrap();
    let database = namespaces.database("two").unwrap();
    assert_eq!(get(&database, "key").as_deref(), Some("kept in the store"));
    drop(database);
    namespaces.close().unwrap();
    db.close().unwrap();
    let left = std::fs::read_dir(folder.path().join("namespaces")).unwrap().count();
    assert_eq!(left, 1, "those that were not made have left nothing");
}
