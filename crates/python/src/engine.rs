//! The engine as an object of Python: commands run where the call stands.
//!
//! What must hold: a call that may wait, for a store, the disk or a long walk, lets other Python threads run meanwhile; one that an event
//! loop awaits never waits, what would is handed to `_by_wire`, which the Python half defines and sends over [`Engine::connect`].

use crate::beside::beside;
use crate::lent::lent;
use crate::open::{self, Open};
use crate::ready::ready;
use crate::tape::{LARGE_BYTES_MIN, One, State, Tape};
use crate::watch::Watching;
use crate::{arg, failure, object};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use ramekin::command::{self, Command, Fail, flag};
use ramekin::log::AppendFsync;
use ramekin::{Caller, Database, Glance, Later, Parts, Piece, Planned, Refusal, Reply, Tried};
use ramekin_server::Embedded;
use std::borrow::Cow;
use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::os::fd::IntoRawFd as _;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static GET: LazyLock<&'static Command> = LazyLock::new(|| row("get"));
static SET: LazyLock<&'static Command> = LazyLock::new(|| row("set"));

fn row(name: &str) -> &'static Command {
    command::find(name.as_bytes()).expect("the command is in the table")
}

thread_local! {
    static ONE: RefCell<One> = RefCell::default();
    static TAPE: RefCell<Tape> = RefCell::default();
}

/// A database of this process, opened by an address.
#[pyclass(frozen, subclass, module = "ramekin._ramekin")]
pub(crate) struct Engine {
    pub(crate) open: Arc<Open>,
    pub(crate) database: Database,
    /// What `SELECT` would select.
    pub(crate) db: u32,
    is_left: AtomicBool,
    /// Something is selected or set for connections, so that all commands go by them.
    is_wired: AtomicBool,
}

/// What a command that was tried came to.
enum Ran<'py> {
    Reply(Bound<'py, PyAny>),
    Waits,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (address=None, directives=None, db=0))]
    fn new(
        py: Python<'_>,
        address: Option<&str>,
        directives: Option<&Bound<'_, PyDict>>,
        db: u32,
    ) -> PyResult<Self> {
        let none = PyDict::new(py);
        let open = open::open(py, address, directives.unwrap_or(&none))?;
        let database = open.get(py)?.database().clone();
        if db >= database.databases() {
            open.leave(py, CLOSE_PATIENCE)?;
            return Err(PyValueError::new_err(format!(
                "there is no database {db}: `databases` allows {}",
                database.databases()
            )));
        }
        Ok(Self { open, database, db, is_left: AtomicBool::new(false), is_wired: AtomicBool::new(false) })
    }

    /// The string at a key.
    #[inline]
    fn get<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if slf.get()._is_direct()
            && let Some(found) = slf.get().get_here(slf.py(), key)?
        {
            return Ok(found);
        }
        slf.call_method1("execute", ("GET", key))
    }

    /// Sets a string at a key.
    #[inline]
    fn set<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if slf.get()._is_direct()
            && let Some(done) = slf.get().set_here(slf.py(), key, value)?
        {
            return Ok(done);
        }
        slf.call_method1("execute", ("SET", key, value))?;
        Ok(true.into_pyobject(slf.py())?.to_owned().into_any())
    }

    /// Runs a command, or returns `NotImplemented` for one that only a server's connection knows.
    #[pyo3(signature = (*args))]
    fn execute<'py>(&self, py: Python<'py>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        self.usable(py)?;
        let objects: Vec<_> = args.iter().collect();
        let args = arg::all(&objects)?;
        let args: Vec<&[u8]> = args.iter().map(|arg| &**arg).collect();
        let Some(command) = self.here(&args) else { return Ok(py.NotImplemented().into_bound(py)) };
        let is_large = args.iter().map(|arg| arg.len()).sum::<usize>() >= LARGE_BYTES_MIN;
        if !is_large && let Ran::Reply(reply) = self.tried(py, command, &args, true)? {
            return Ok(reply);
        }
        let reply = self.waiting(py, command, &args)?;
        Ok(reply.unwrap_or_else(|| py.NotImplemented().into_bound(py)))
    }

    /// The same to be awaited; what has to wait goes by `_by_wire`.
    #[pyo3(signature = (*args))]
    fn execute_async<'py>(slf: &Bound<'py, Self>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        this.usable(py)?;
        let objects: Vec<_> = args.iter().collect();
        let bytes = arg::all(&objects)?;
        let bytes: Vec<&[u8]> = bytes.iter().map(|arg| &**arg).collect();
        if let Some(command) = this.here(&bytes)
            && !this.waits_by_itself(command)
            && let Ran::Reply(reply) = this.tried(py, command, &bytes, false)?
        {
            return ready(py, reply);
        }
        slf.call_method1("_by_wire", args)
    }

    /// Runs several commands, each by itself, or, if they are `atomic`, as one. Returns their replies, exceptions among them; or
    /// `NotImplemented` if there is one that only a server's connection knows.
    #[pyo3(signature = (commands, atomic=false))]
    fn execute_many<'py>(
        &self,
        py: Python<'py>,
        commands: &Bound<'py, PyAny>,
        atomic: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.many(py, commands, atomic, true)
    }

    /// The same without ever waiting: `NotImplemented` also if something would have to.
    #[pyo3(signature = (commands, atomic=false))]
    fn try_many<'py>(
        &self,
        py: Python<'py>,
        commands: &Bound<'py, PyAny>,
        atomic: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.many(py, commands, atomic, false)
    }

    /// From now on all commands go by connections.
    fn _go_by_wire(&self) {
        self.is_wired.store(true, Ordering::Relaxed);
    }

    /// Whether commands run where they are called.
    pub(crate) fn _is_direct(&self) -> bool {
        !self.is_wired.load(Ordering::Relaxed)
    }

    /// Watches keys for a transaction; None: that takes a connection.
    fn _watch(slf: &Bound<'_, Self>, keys: &Bound<'_, PyAny>) -> PyResult<Option<Watching>> {
        Watching::begin(slf, keys)
    }

    /// Returns once all that has changed is on disk.
    fn _sync(&self, py: Python<'_>) -> PyResult<()> {
        self.usable(py)?;
        let synced = py.detach(|| self.database.sync_log());
        synced.map_err(|error| failure::of_engine(py, &error))
    }

    /// Returns once all that has changed has settled in the store: False, if the time in seconds is over first.
    #[pyo3(signature = (timeout=None))]
    fn _settle(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        self.usable(py)?;
        let (sender, mut receiver) = std::sync::mpsc::sync_channel(1);
        let ready = Box::new(move |outcome: Result<(), String>| drop(sender.try_send(outcome)));
        let asked = self.database.wait_for_store(self.database.last_lsn(), ready);
        asked.map_err(|fail| failure::of_reply(py, &fail.0))?;
        let patience = timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let mut left = patience;
        let settled = loop {
            let look = left.map_or(SIGNAL_PERIOD, |left| left.min(SIGNAL_PERIOD));
            let (came, back) = py.detach(move || (receiver.recv_timeout(look).ok(), receiver));
            receiver = back;
            left = left.map(|left| left.saturating_sub(look));
            if came.is_some() || left == Some(Duration::ZERO) {
                break came;
            }
            // Who waits shall still hear of them.
            py.check_signals()?;
        };
        match settled {
            Some(Ok(())) => Ok(true),
            Some(Err(text)) => Err(failure::of_reply(py, &text)),
            None => Ok(false),
        }
    }

    /// The descriptor of a new connection to this database, as if to a server.
    fn connect(&self, py: Python<'_>) -> PyResult<i32> {
        let embedded = self.usable(py)?;
        let stream = py.detach(|| embedded.connect());
        stream
            .map(std::os::unix::net::UnixStream::into_raw_fd)
            .map_err(|error| failure::of_kind(py, "open", &error.to_string()))
    }

    /// Opens the RESP port; 0 is any that is free. Returns the address.
    #[pyo3(signature = (port, host="127.0.0.1"))]
    fn _serve(&self, py: Python<'_>, port: u16, host: &str) -> PyResult<(String, u16)> {
        let embedded = self.usable(py)?;
        let address = py.detach(|| embedded.serve(host, port));
        let address = address.map_err(|error| failure::of_kind(py, "open", &error.to_string()))?;
        Ok((address.ip().to_string(), address.port()))
    }

    /// Lets go of the database; the last one who does closes it. Returns false if that was not done in so many seconds.
    #[pyo3(signature = (timeout=10.0))]
    fn _leave(&self, py: Python<'_>, timeout: f64) -> PyResult<bool> {
        if self.is_left.swap(true, Ordering::AcqRel) {
            return Ok(true);
        }
        self.open.leave(py, Duration::try_from_secs_f64(timeout).unwrap_or(CLOSE_PATIENCE))
    }

    /// What SELECT would select.
    #[getter]
    fn db(&self) -> u32 {
        self.db
    }

    /// The data folder; none in memory.
    #[getter]
    fn folder(&self) -> Option<String> {
        self.open.folder().map(|folder| folder.to_string_lossy().into_owned())
    }
}

/// A string of so many bytes is copied to the stack first.
const SHORT_BYTES: usize = 256;

/// So often whoever waits looks for signals.
const SIGNAL_PERIOD: Duration = Duration::from_millis(50);

/// Who closes without saying how long that may take waits so long.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

impl Engine {
    /// The engine, if this handle may be used, in this process.
    #[inline]
    pub(crate) fn usable(&self, py: Python<'_>) -> PyResult<&Embedded> {
        if self.is_left.load(Ordering::Relaxed) {
            return Err(failure::of_kind(py, "closed", "the database has been closed"));
        }
        self.open.get(py)
    }

    /// The same, without an exception.
    #[inline]
    pub(crate) fn is_usable(&self) -> bool {
        !self.is_left.load(Ordering::Relaxed) && self.open.is_usable()
    }

    /// The row of a command that needs no connection.
    fn here(&self, args: &[&[u8]]) -> Option<&'static Command> {
        let command = command::resolve(args)?;
        // A blocking command waits on its connection; there is one for each that does.
        let needs = command.spec.is(flag::BLOCKING) || command.spec.is(flag::CONTAINER);
        (!needs && !self.is_wired.load(Ordering::Relaxed)).then_some(command)
    }

    /// The string at a key, unless it has to be waited for.
    #[inline]
    pub(crate) fn get_now<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.get_short(py, &arg::bytes(key)?, &mut 0)
    }

    /// The same; `large_bytes` becomes the length of one that is too long.
    #[inline]
    fn get_short<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        large_bytes: &mut usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.usable(py)?;
        let mut short = [0; SHORT_BYTES];
        let looked = self.database.look(self.db, key, |value| match value {
            Glance::Text(text) => {
                if text.len() >= LARGE_BYTES_MIN {
                    *large_bytes = text.len();
                }
                let place = short.get_mut(..text.len())?;
                place.copy_from_slice(text);
                Some(text.len())
            }
            Glance::Json(_) => None,
        });
        if *large_bytes != 0 {
            return Ok(None);
        }
        if let Some((len, lsn)) = looked {
            if self.database.waits_for_disk(lsn) {
                return Ok(None);
            }
            self.wait(py, lsn)?;
            return Ok(Some(PyBytes::new(py, &short[..len]).into_any()));
        }
        lent(&ONE, |one| {
            one.clear();
            let Tried::Done(lsn) = self.database.try_run(self.db, &GET, &[b"GET", key], one) else {
                return Ok(None);
            };
            if one.state == State::Large || self.database.waits_for_disk(lsn) {
                return Ok(None);
            }
            self.wait(py, lsn)?;
            match one.state {
                State::Bytes => Ok(Some(PyBytes::new(py, &one.bytes).into_any())),
                State::Error => Err(one.raised(py)),
                _ => Ok(Some(py.None().into_bound(py))),
            }
        })
    }

    /// The string at a key.
    #[inline]
    pub(crate) fn get_here<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (key, mut large_bytes) = (arg::bytes(key)?, 0);
        match self.get_short(py, &key, &mut large_bytes)? {
            None => self.get_large(py, &key, large_bytes),
            found => Ok(found),
        }
    }

    /// Sets a string at a key, unless that has to wait.
    #[inline]
    pub(crate) fn set_now<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.usable(py)?;
        let (key, value) = (arg::bytes(key)?, arg::bytes(value)?);
        if value.len() >= LARGE_BYTES_MIN || self.waits_for_each_change() {
            return Ok(None);
        }
        lent(&ONE, |one| {
            one.clear();
            let Tried::Done(lsn) = self.database.try_run(self.db, &SET, &[b"SET", &key, &value], one) else {
                return Ok(None);
            };
            self.wait(py, lsn)?;
            match one.state {
                State::Error => Err(one.raised(py)),
                _ => Ok(Some(true.into_pyobject(py)?.to_owned().into_any())),
            }
        })
    }

    /// Sets a string at a key.
    #[inline]
    pub(crate) fn set_here<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some(done) = self.set_now(py, key, value)? {
            return Ok(Some(done));
        }
        let reply = self.waiting(py, &SET, &[b"SET", &arg::bytes(key)?, &arg::bytes(value)?])?;
        reply.map(|_| Ok(true.into_pyobject(py)?.to_owned().into_any())).transpose()
    }

    /// Waits until the reply may be given.
    #[inline]
    pub(crate) fn wait(&self, py: Python<'_>, lsn: u64) -> PyResult<()> {
        let waited = if self.database.waits_for_disk(lsn) {
            py.detach(|| self.database.wait(lsn))
        } else {
            self.database.wait(lsn)
        };
        waited.map_err(|error| failure::of_engine(py, &error))
    }

    /// Whether each change has to wait for the disk.
    pub(crate) fn waits_for_each_change(&self) -> bool {
        self.database.appendfsync() == AppendFsync::Always
    }

    fn waits_by_itself(&self, command: &Command) -> bool {
        command.spec.is(flag::WRITE) && self.waits_for_each_change()
    }

    fn tried<'py>(
        &self,
        py: Python<'py>,
        command: &Command,
        args: &[&[u8]],
        may_wait: bool,
    ) -> PyResult<Ran<'py>> {
        lent(&TAPE, |tape| {
            tape.clear();
            match self.database.try_run(self.db, command, args, tape) {
                Tried::Waits => return Ok(Ran::Waits),
                // What has only read may be run again where it need not be waited for; what has changed something may not.
                Tried::Done(lsn)
                    if !may_wait && !command.spec.is(flag::WRITE) && self.database.waits_for_disk(lsn) =>
                {
                    return Ok(Ran::Waits);
                }
                Tried::Done(lsn) => self.wait(py, lsn)?,
            }
            tape.complete();
            tape.read().reply(py).map(Ran::Reply)
        })
    }

    /// Runs a command that takes long, while other Python threads run. None: it has to ask the store, which a connection does,
    /// since who waits for that shall still hear signals.
    #[cold]
    pub(crate) fn waiting<'py>(
        &self,
        py: Python<'py>,
        command: &Command,
        args: &[&[u8]],
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let max = self.database.settings().string_bytes_max.load(Ordering::Relaxed);
        if args.iter().any(|arg| arg.len() as u64 > max) {
            let text = format!("ERR an argument is longer than `proto-max-bulk-len` allows: {max} bytes");
            return Err(failure::of_reply(py, &text));
        }
        let mut tape = Tape::default();
        let ran = beside(py, || {
            let ran = match self.database.try_run(self.db, command, args, &mut tape) {
                Tried::Done(lsn) => Some(self.database.wait(lsn)),
                Tried::Waits if self.database.has_store() => None,
                Tried::Waits => {
                    tape.clear();
                    Some(self.database.run_and_wait(self.db, command, args, &mut tape))
                }
            };
            tape.complete();
            ran
        });
        match ran {
            None => Ok(None),
            Some(Err(error)) => Err(failure::of_engine(py, &error)),
            Some(Ok(())) => tape.read().reply(py).map(Some),
        }
    }

    /// A long string is copied into its object while other Python threads run. `len` is how long it was seen to be; 0: it was not seen.
    #[cold]
    fn get_large<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        mut len: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let run = |into: &mut Into<'_>| {
            let ran = self.database.run_and_wait(self.db, &GET, &[b"GET", key], into);
            into.complete();
            ran
        };
        loop {
            // How long it is can be seen without copying anything, and is no reading of the key yet; only the copy lets other
            // Python threads run.
            if len == 0 {
                self.database.look(self.db, key, |value| {
                    if let Glance::Text(text) = value {
                        len = text.len();
                    }
                    None::<()>
                });
            }
            if len == 0 {
                if self.database.has_store() {
                    // The store may have to be asked, which a connection does.
                    return Ok(None);
                }
                let mut measure = Into::new(&mut []);
                py.detach(|| run(&mut measure)).map_err(|error| failure::of_engine(py, &error))?;
                len = measure.len;
            }
            if len < LARGE_BYTES_MIN {
                // It is short, or an error, and only had to be waited for; or another one by now.
                return self.waiting(py, &GET, &[b"GET", key]);
            }
            let mut failed = None;
            let object = object::bytes_with(py, len, |buffer| {
                let len = buffer.len();
                let looked = self.database.look(self.db, key, |value| match value {
                    Glance::Text(text) if text.len() == len => {
                        buffer.write_copy_of_slice(text);
                        Some(())
                    }
                    _ => None,
                });
                if let Some(((), lsn)) = looked {
                    failed = self.database.wait(lsn).err();
                    return failed.is_none();
                }
                if self.database.has_store() {
                    return false;
                }
                let mut into = Into::new(buffer);
                failed = run(&mut into).err();
                failed.is_none() && into.len == len && into.filled == len
            })?;
            if let Some(error) = failed {
                return Err(failure::of_engine(py, &error));
            }
            if let Some(object) = object {
                return Ok(Some(object.into_any()));
            }
            len = 0;
        }
    }

    /// Does something with commands and their rows; none if there is one that only a server's connection knows.
    fn with_commands<R>(
        &self,
        commands: &Bound<'_, PyAny>,
        act: impl FnOnce(&[&'static Command], &[Vec<&[u8]>]) -> R,
    ) -> PyResult<Option<R>> {
        let mut objects: Vec<Vec<Bound<'_, PyAny>>> = Vec::new();
        for command in commands.try_iter()? {
            objects.push(command?.try_iter()?.collect::<PyResult<_>>()?);
        }
        let owned: Vec<Vec<Cow<'_, [u8]>>> =
            objects.iter().map(|args| arg::all(args)).collect::<PyResult<_>>()?;
        let args: Vec<Vec<&[u8]>> =
            owned.iter().map(|args| args.iter().map(|arg| &**arg).collect()).collect();
        let rows: Option<Vec<_>> = args.iter().map(|args| self.here(args)).collect();
        Ok(rows.map(|rows| act(&rows, &args)))
    }

    fn many<'py>(
        &self,
        py: Python<'py>,
        commands: &Bound<'py, PyAny>,
        atomic: bool,
        may_wait: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.usable(py)?;
        let mut tape = Tape::default();
        let ran = self.with_commands(commands, |rows, args| {
            // What cannot be in a transaction a connection refuses, as a whole.
            if (!may_wait && rows.iter().any(|row| self.waits_by_itself(row)))
                || (atomic && misfit(rows, args).is_some())
            {
                return Ok(None);
            }
            let mut work = || {
                let lsn = if atomic {
                    self.run_as_one(rows, args, &mut tape, may_wait && !self.database.has_store(), &|| false)
                } else {
                    Ok(self.run_each(rows, args, &mut tape, may_wait))
                };
                tape.complete();
                lsn
            };
            let lsn = if may_wait { py.detach(work) } else { work() };
            lsn.map(|lsn| lsn.map(|lsn| (lsn, args.len())))
        })?;
        match ran.unwrap_or(Ok(None)) {
            Ok(Some((lsn, replies))) => self.answered(py, &tape, lsn, replies),
            Ok(None) => Ok(py.NotImplemented().into_bound(py)),
            Err(text) => Err(failure::of_reply(py, &text)),
        }
    }

    /// Replies as a list, once they may be given.
    fn answered<'py>(
        &self,
        py: Python<'py>,
        tape: &Tape,
        lsn: u64,
        replies: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.wait(py, lsn)?;
        let (list, mut reading) = (PyList::empty(py), tape.read());
        for _ in 0..replies {
            list.append(reading.item(py)?)?;
        }
        Ok(list.into_any())
    }

    /// Runs commands as one, unless `is_raised` once their keys are locked. None: it was.
    pub(crate) fn commit_unless<'py>(
        &self,
        py: Python<'py>,
        commands: &Bound<'py, PyAny>,
        is_raised: &(dyn Fn() -> bool + Sync),
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.usable(py)?;
        let mut tape = Tape::default();
        let ran = self.with_commands(commands, |rows, args| {
            if let Some(text) = misfit(rows, args) {
                return Err(text);
            }
            let lsn = py.detach(|| {
                let lsn = self.run_as_one(rows, args, &mut tape, true, is_raised);
                tape.complete();
                lsn
            });
            lsn.map(|lsn| (lsn, args.len()))
        })?;
        match ran {
            Some(Ok((Some(lsn), replies))) => self.answered(py, &tape, lsn, replies).map(Some),
            Some(Ok((None, _))) => Ok(None),
            Some(Err(text)) => Err(failure::of_reply(py, &text)),
            None => Err(failure::of_reply(
                py,
                "ERR a command about connections cannot be part of this transaction",
            )),
        }
    }

    fn run_each(
        &self,
        rows: &[&Command],
        args: &[Vec<&[u8]>],
        tape: &mut Tape,
        may_wait: bool,
    ) -> Option<u64> {
        let mut last = 0;
        if !may_wait && (self.database.has_store() || args.len() > MANY) {
            return None;
        }
        for (command, args) in rows.iter().zip(args) {
            let mark = tape.mark();
            match self.database.try_run(self.db, command, args, tape) {
                Tried::Done(lsn) => last = last.max(lsn),
                Tried::Waits => {
                    tape.back_to(mark);
                    let mut caller = Caller::at(self.database.now_ms());
                    caller.db = self.db;
                    last = last.max(self.database.run_here_and_wait(&mut caller, command, args, tape));
                }
            }
        }
        Some(last)
    }

    /// Runs commands under the locks of all their keys, as one record of the log. None: it has to wait, or `is_raised`; nothing was run.
    /// An error is the reply that refuses the whole.
    fn run_as_one(
        &self,
        rows: &[&Command],
        args: &[Vec<&[u8]>],
        tape: &mut Tape,
        may_wait: bool,
        is_raised: &dyn Fn() -> bool,
    ) -> Result<Option<u64>, String> {
        let planned: Vec<Planned<'_>> =
            rows.iter().zip(args).map(|(command, args)| Planned { db: self.db, command, args }).collect();
        let mut obtained = Vec::new();
        loop {
            let mut caller = Caller::at(self.database.now_ms());
            caller.db = self.db;
            let needs = match self.database.transaction(&mut caller, &planned, &[]) {
                Ok(mut transaction) => {
                    if is_raised() {
                        return Ok(None);
                    }
                    for Planned { command, args, .. } in &planned {
                        transaction.run(command, args, tape);
                    }
                    return Ok(Some(transaction.commit().lsn));
                }
                Err(Refusal::Fail(fail)) => return Err(fail.0.into_owned()),
                Err(Refusal::Needs(needs)) => needs,
            };
            if !may_wait {
                return Ok(None);
            }
            obtained.push(self.database.obtain_here(&needs)?);
        }
    }
}

/// Why one of these commands cannot be part of a transaction, as a reply.
fn misfit(rows: &[&Command], args: &[Vec<&[u8]>]) -> Option<String> {
    rows.iter().zip(args).find_map(|(Command { spec, .. }, args)| {
        if !spec.takes(args.len()) {
            return Some(Fail::arity(spec.name).0.into_owned());
        }
        let text = || format!("ERR Command '{}' not allowed inside a transaction", spec.name);
        spec.is(flag::NO_MULTI).then(text)
    })
}

/// More commands than these an event loop does not run in one go.
const MANY: usize = 256;

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.is_left.swap(true, Ordering::AcqRel) {
            Python::try_attach(|py| {
                // Whoever wants to know calls `close`.
                let _ = self.open.leave(py, CLOSE_PATIENCE);
            });
        }
    }
}

/// Writes a byte string where it belongs, if it has exactly this length.
struct Into<'b> {
    buffer: &'b mut [MaybeUninit<u8>],
    len: usize,
    filled: usize,
    /// What of it is to be copied once the locks are gone.
    parts: Option<Box<dyn Parts>>,
}

impl<'b> Into<'b> {
    fn new(buffer: &'b mut [MaybeUninit<u8>]) -> Self {
        Self { buffer, len: 0, filled: 0, parts: None }
    }

    fn append(&mut self, bytes: &[u8]) {
        if let Some(place) = self.buffer.get_mut(self.filled..self.filled + bytes.len()) {
            place.write_copy_of_slice(bytes);
            self.filled += bytes.len();
        }
    }
}

impl Reply for Into<'_> {
    fn resp3(&self) -> bool {
        true
    }
    fn bulk(&mut self, bytes: &[u8]) {
        self.len = bytes.len();
        if bytes.len() == self.buffer.len() {
            self.append(bytes);
        }
    }
    fn simple(&mut self, _: &str) {}
    fn error(&mut self, _: &str) {}
    fn null(&mut self) {}
    fn null_array(&mut self) {}
    fn int(&mut self, _: i64) {}
    fn array(&mut self, _: usize) {}
    fn map(&mut self, _: usize) {}
    fn set(&mut self, _: usize) {}
    fn push(&mut self, _: usize) {}
    fn double(&mut self, _: f64) {}
    fn boolean(&mut self, _: bool) {}
    fn verbatim(&mut self, _: &str, _: &[u8]) {}
    fn later(&mut self) -> Option<&mut dyn Later> {
        Some(self)
    }
}

impl Later for Into<'_> {
    fn leave(&mut self, parts: Box<dyn Parts>) {
        self.parts = Some(parts);
    }
}

impl Into<'_> {
    /// Copies what was left, without any lock; stops where the length is another one.
    fn complete(&mut self) {
        let Some(mut parts) = self.parts.take() else { return };
        let mut goes_on = true;
        while goes_on && parts.left_bytes() > 0 {
            parts.write(&mut |piece| {
                match piece {
                    Piece::Head(len) => {
                        self.len = len;
                        goes_on = len == self.buffer.len();
                    }
                    Piece::Bulk(bytes) => {
                        self.len = bytes.len();
                        self.append(bytes);
                    }
                    Piece::Bytes(bytes) => self.append(bytes),
                    Piece::End => {}
                }
                goes_on
            });
        }
    }
}
