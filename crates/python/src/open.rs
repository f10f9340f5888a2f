//! Opening, and what is open in this process: one database for each folder, however often it is opened.
//!
//! What must hold: the last one who closes a database closes it for good; a process that was forked does not touch what its parent
//! has open, neither by a command nor by letting go of it; at the end of the interpreter all is closed, in a bounded time.

use crate::failure;
use crate::store::PyStore;
use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyTuple};
use ramekin::ErrorKind;
use ramekin::store::Store;
use ramekin_server::config::{Config, Loaded};
use ramekin_server::{Embedded, Failure};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How often this process has been forked off, itself or its ancestors.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// So many databases are open, or being opened or closed.
static OPEN_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Databases were open when the process was forked off: threads that waited then are gone, but still stand in the queues of locks
/// that all databases of the process share.
static HAS_LOST_THREADS: AtomicBool = AtomicBool::new(false);

/// What is open, one list for each time that the process was forked off: a child never touches its parent's, which may be locked
/// for ever, and whose databases are never dropped there.
static OPEN: [Mutex<Vec<Arc<Open>>>; 8] = [const { Mutex::new(Vec::new()) }; 8];

fn opened() -> MutexGuard<'static, Vec<Arc<Open>>> {
    OPEN[FORKS.load(Ordering::Relaxed).min(OPEN.len() - 1)].lock()
}

/// An open database.
pub(crate) struct Open {
    embedded: Embedded,
    folder: Option<PathBuf>,
    /// What it was opened with, beside the folder, to tell whether somebody else wants the same.
    words: Words,
    forks: usize,
    users: AtomicUsize,
    is_closed: AtomicBool,
}

impl Open {
    /// The engine, if this process may use it.
    #[inline]
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&Embedded> {
        if !self.is_usable() {
            return Err(self.refusal(py));
        }
        Ok(&self.embedded)
    }

    /// Whether it is open, and this process's own.
    #[inline]
    pub(crate) fn is_usable(&self) -> bool {
        !self.is_of_parent() && !self.is_closed.load(Ordering::Relaxed)
    }

    /// The data folder; none in memory.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    #[cold]
    fn refusal(&self, py: Python<'_>) -> PyErr {
        if self.is_of_parent() {
            let text = "the database was opened before the process was forked: fork first and open then, start the process by `spawn`, or connect by ramekin://";
            return failure::of_kind(py, "forked", text);
        }
        failure::of_kind(py, "closed", "the database has been closed")
    }

    #[inline]
    fn is_of_parent(&self) -> bool {
        self.forks != FORKS.load(Ordering::Relaxed)
    }

    /// One user less; the last one closes. Returns false if the time was not enough.
    pub(crate) fn leave(&self, py: Python<'_>, patience: Duration) -> PyResult<bool> {
        if self.is_of_parent() || self.users.fetch_sub(1, Ordering::AcqRel) != 1 {
            return Ok(true);
        }
        self.close(py, patience)
    }

    fn close(&self, py: Python<'_>, patience: Duration) -> PyResult<bool> {
        if self.is_of_parent() || self.is_closed.swap(true, Ordering::AcqRel) {
            return Ok(true);
        }
        let closed = py.detach(|| {
            let closed = self.embedded.close(patience);
            // Only now: whoever opens the folder meanwhile waits.
            opened().retain(|other| !ptr::eq(&raw const **other, self));
            if matches!(closed, Ok(true)) {
                OPEN_COUNT.fetch_sub(1, Ordering::AcqRel);
            }
            closed
        });
        closed.map_err(|error| failure::of_kind(py, "failed", &error.to_string()))
    }
}

/// Directives with the words of their values.
type Words = BTreeMap<String, Vec<String>>;

/// What an address and directives say.
struct Asked {
    /// Directives with the words of their values, in the order of their names.
    directives: Words,
    folder: PathBuf,
    store: Option<Py<PyAny>>,
    in_memory: bool,
}

/// The address of a store that is an object.
const OWN_STORE: &str = "python:";

const STORES: [&str; 9] = [
    "sqlite:",
    "postgresql:",
    "postgres:",
    "redis:",
    "rediss:",
    "valkey:",
    "valkeys:",
    "unix:",
    "redis+unix:",
];

fn ask(address: Option<&str>, directives: &Bound<'_, PyDict>) -> PyResult<Asked> {
    let (mut given, mut store, mut in_memory, mut folder) = (BTreeMap::new(), None, false, None);
    for (name, value) in directives {
        let name = name.extract::<String>()?.replace('_', "-");
        if value.is_none() {
            continue;
        }
        match name.as_str() {
            "folder" | "dir" => folder = Some(value.str()?.to_string()),
            "store" if value.extract::<&str>().is_err() => store = Some(value.unbind()),
            _ => {
                let mut words = Vec::new();
                words_of(&name, &value, &mut words)?;
                given.insert(name, words);
            }
        }
    }
    match address {
        None => {}
        Some("memory:") => in_memory = true,
        Some(behind) if STORES.iter().any(|scheme| behind.starts_with(scheme)) => {
            let before = given.insert("store".to_owned(), vec![behind.to_owned()]);
            if store.is_some() || before.is_some() {
                return Err(PyValueError::new_err("the store is given twice: as the address and as `store`"));
            }
        }
        Some(path) => {
            let path =
                path.strip_prefix("file:").map_or(path, |rest| rest.strip_prefix("//").unwrap_or(rest));
            if path.is_empty() || (path.contains("://") && !Path::new(path).is_dir()) {
                return Err(PyValueError::new_err(format!(
                    "'{path}' is no address: give a folder, `memory:`, `sqlite:PATH`, `postgresql://user@host/name`, `redis://host/0` or `ramekin://host:port`"
                )));
            }
            if folder.replace(path.to_owned()).is_some() {
                return Err(PyValueError::new_err(
                    "the folder is given twice: as the address and as `folder`",
                ));
            }
        }
    }
    if in_memory {
        given.insert("appendonly".to_owned(), vec!["no".to_owned()]);
    }
    if store.is_some() {
        given.insert("store".to_owned(), vec![OWN_STORE.to_owned()]);
    }
    let folder = std::path::absolute(folder.unwrap_or_else(|| "./data".to_owned()))?;
    Ok(Asked { directives: given, folder, store, in_memory })
}

/// The words of a directive's value.
fn words_of(name: &str, value: &Bound<'_, PyAny>, words: &mut Vec<String>) -> PyResult<()> {
    if let Ok(is) = value.cast::<PyBool>() {
        words.push(if is.is_true() { "yes" } else { "no" }.to_owned());
        return Ok(());
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        for item in value.try_iter()? {
            words_of(name, &item?, words)?;
        }
        return Ok(());
    }
    let word = value.str()?.to_string();
    if word.starts_with("--") {
        return Err(PyTypeError::new_err(format!("the value of `{name}` must not begin with dashes")));
    }
    words.push(word);
    Ok(())
}

/// Why nothing was opened.
enum Refused {
    Failure(Failure),
    OtherSettings(PathBuf),
}

/// Opens what an address names, or finds it open.
pub(crate) fn open(
    py: Python<'_>,
    address: Option<&str>,
    directives: &Bound<'_, PyDict>,
) -> PyResult<Arc<Open>> {
    if HAS_LOST_THREADS.load(Ordering::Relaxed) {
        let text = "this process was forked while its parent had a database open, whose threads it lacks: fork first and open then, start the process by `spawn`, or connect by ramekin://";
        return Err(failure::of_kind(py, "forked", text));
    }
    let Asked { directives: words, folder, store, in_memory } = ask(address, directives)?;
    let own: Option<Arc<dyn Store>> = match store {
        None => None,
        Some(store) => {
            for name in ["load", "save", "scan"] {
                if !store.bind(py).hasattr(name)? {
                    return Err(PyTypeError::new_err(format!(
                        "a store is an address, or an object with `load`, `save` and `scan`: this one has no `{name}`"
                    )));
                }
            }
            Some(Arc::new(PyStore::new(store)))
        }
    };
    let mut line = vec![OsString::from("--dir"), folder.into_os_string()];
    for (name, values) in &words {
        line.push(format!("--{name}").into());
        line.extend(values.iter().map(OsString::from));
    }
    let loaded =
        Config::load(&line, std::iter::empty()).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let opened =
        py.detach(|| if in_memory { begin(loaded, words, None, own) } else { find(loaded, words, own) });
    opened.map_err(|refused| match refused {
        Refused::Failure(failure) => failure::of_opening(py, &failure),
        Refused::OtherSettings(folder) => failure::of_kind(
            py,
            "open",
            &format!(
                "{} is open in this process already, with other settings: open it with the same ones, or change them with CONFIG SET",
                folder.display()
            ),
        ),
    })
}

/// The database of a folder: the one that is open, or a new one.
fn find(loaded: Loaded, words: Words, own: Option<Arc<dyn Store>>) -> Result<Arc<Open>, Refused> {
    let dir = loaded.config.dir();
    let failed = |error: std::io::Error| {
        let text = format!("cannot make the data folder {}: {error}", dir.display());
        Refused::Failure(Failure { kind: Some(ErrorKind::of(&error)), text })
    };
    std::fs::create_dir_all(&dir).map_err(failed)?;
    let folder = dir.canonicalize().map_err(failed)?;
    let mut waited = false;
    loop {
        if std::mem::replace(&mut waited, true) {
            // Somebody is closing it: it is free in a moment.
            std::thread::sleep(Duration::from_millis(2));
        }
        let list = opened();
        let Some(found) = list.iter().find(|open| open.folder.as_ref() == Some(&folder)).map(Arc::clone)
        else {
            drop(list);
            return begin(loaded, words, Some(folder), own);
        };
        if found.is_closed.load(Ordering::Acquire) {
            continue;
        }
        if found.words != words {
            return Err(Refused::OtherSettings(folder));
        }
        let joins = |users: usize| (users > 0).then_some(users + 1);
        if found.users.fetch_update(Ordering::AcqRel, Ordering::Acquire, joins).is_ok() {
            return Ok(found);
        }
    }
}

fn begin(
    loaded: Loaded,
    words: Words,
    folder: Option<PathBuf>,
    own: Option<Arc<dyn Store>>,
) -> Result<Arc<Open>, Refused> {
    // Held while the folder is opened: of two threads that open it one finds what the other has opened.
    let mut list = opened();
    if let Some(folder) = &folder
        && list.iter().any(|open| open.folder.as_ref() == Some(folder))
    {
        drop(list);
        return find(loaded, words, own);
    }
    OPEN_COUNT.fetch_add(1, Ordering::AcqRel);
    let stores = move |address: &str, folder: &Path| match &own {
        Some(own) if address == OWN_STORE => Ok(Arc::clone(own)),
        _ => ramekin_cli::store_of(address, folder),
    };
    let embedded = Embedded::open(loaded, Arc::new(stores)).map_err(|failure| {
        OPEN_COUNT.fetch_sub(1, Ordering::AcqRel);
        Refused::Failure(failure)
    })?;
    let open = Arc::new(Open {
        embedded,
        folder,
        words,
        forks: FORKS.load(Ordering::Relaxed),
        users: AtomicUsize::new(1),
        is_closed: AtomicBool::new(false),
    });
    list.push(Arc::clone(&open));
    Ok(open)
}

/// Closes all that is open, for the end of the interpreter: all together have so many seconds. Returns how many were not done in time.
#[pyfunction]
#[expect(clippy::disallowed_methods, reason = "the time that the end may take")]
pub(crate) fn close_all(py: Python<'_>, seconds: f64) -> usize {
    let patience = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let (begun, open) = (Instant::now(), py.detach(|| opened().clone()));
    let mut late = 0;
    for open in open {
        match open.close(py, patience.saturating_sub(begun.elapsed())) {
            Ok(true) => {}
            Ok(false) => late += 1,
            Err(error) => error.write_unraisable(py, None),
        }
    }
    late
}

/// Tells that this process has been forked off: what its parent has open is not its own.
#[pyfunction]
pub(crate) fn after_fork() {
    if OPEN_COUNT.load(Ordering::Relaxed) > 0 {
        HAS_LOST_THREADS.store(true, Ordering::Relaxed);
    }
    FORKS.fetch_add(1, Ordering::Relaxed);
    crate::say::after_fork();
}
