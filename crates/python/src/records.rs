//! The fast way of `MemDB`: records that are in memory, read and written without the event loop.
//!
//! Owns the base of that class. What must hold: a call that cannot be answered at once is answered by the Python half, by the method of
//! the same name with an underscore, as if this were not here; so is each one that is refused, for its error.

use crate::engine::Engine;
use crate::lent::lent;
use crate::ready::ready;
use crate::record;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use ramekin::record::Name;
use ramekin::value::json::Builder;
use ramekin::{Glance, RecordForm, Reply, Tried};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

thread_local! {
    static FORM: RefCell<RecordForm> = RefCell::default();
    static BUILDER: RefCell<(Builder, Vec<u8>)> = RefCell::default();
}

/// The base of `MemDB`.
#[pyclass(subclass, module = "ramekin._ramekin")]
#[derive(Default)]
pub(crate) struct Records {
    engine: Option<Py<Engine>>,
    /// Whether records are put here, too.
    puts: bool,
    inserts: AtomicU64,
    /// Calls of each kind, to measure one in so many.
    gets: AtomicU64,
    puts_tried: AtomicU64,
}

#[pymethods]
impl Records {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    /// Whose records these are from now on; `None`: nobody's, and the Python half answers. It puts records itself unless `puts`.
    #[pyo3(signature = (engine=None, puts=true))]
    fn _attach(&mut self, engine: Option<Py<Engine>>, puts: bool) {
        (self.engine, self.puts) = (engine, puts);
    }

    /// Records that were put here.
    fn _puts(&self) -> u64 {
        self.inserts.load(Ordering::Relaxed)
    }

    /// A record by its table and key, or None.
    #[pyo3(signature = (table=None, key=None, use_cache=None, *, table_name=None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        table: Option<&Bound<'py, PyAny>>,
        key: Option<&Bound<'py, PyAny>>,
        use_cache: Option<&Bound<'py, PyAny>>,
        table_name: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let (Some(table), Some(key), None, None) = (table, key, use_cache, table_name) {
            let (begun, found) = {
                let this = slf.borrow();
                (begin(&this.gets), this.look(py, table, key)?)
            };
            if let Some(found) = found {
                if let Some(begun) = begun {
                    tell(slf, "get", begun)?;
                }
                return ready(py, found);
            }
        }
        let named = PyDict::new(py);
        for (name, value) in
            [("table", table), ("key", key), ("use_cache", use_cache), ("table_name", table_name)]
        {
            if let Some(value) = value {
                named.set_item(name, value)?;
            }
        }
        slf.call_method("_get", (), Some(&named))
    }

    /// Puts a record in place of any of the same key.
    #[pyo3(signature = (table=None, key=None, record=None, ttl=None, *, table_name=None))]
    fn insert<'py>(
        slf: &Bound<'py, Self>,
        table: Option<&Bound<'py, PyAny>>,
        key: Option<&Bound<'py, PyAny>>,
        record: Option<&Bound<'py, PyAny>>,
        ttl: Option<&Bound<'py, PyAny>>,
        table_name: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let (Some(table), Some(key), Some(record), None) = (table, key, record, table_name) {
            let (begun, done) = {
                let this = slf.borrow();
                (begin(&this.puts_tried), this.put(py, (table, key, record), ttl)?)
            };
            if done {
                if let Some(begun) = begun {
                    tell(slf, "insert", begun)?;
                }
                return ready(py, py.None().into_bound(py));
            }
        }
        let named = PyDict::new(py);
        for (name, value) in
            [("table", table), ("key", key), ("record", record), ("ttl", ttl), ("table_name", table_name)]
        {
            if let Some(value) = value {
                named.set_item(name, value)?;
            }
        }
        slf.call_method("_insert", (), Some(&named))
    }

    /// The same as `insert`.
    #[pyo3(signature = (table=None, key=None, record=None, ttl=None, *, table_name=None))]
    fn upsert<'py>(
        slf: &Bound<'py, Self>,
        table: Option<&Bound<'py, PyAny>>,
        key: Option<&Bound<'py, PyAny>>,
        record: Option<&Bound<'py, PyAny>>,
        ttl: Option<&Bound<'py, PyAny>>,
        table_name: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::insert(slf, table, key, record, ttl, table_name)
    }
}

/// One call in so many is measured.
const MEASURED: u64 = 64;

/// When a call that is to be measured began.
#[inline]
#[expect(clippy::disallowed_methods, reason = "how long a call takes is no matter of the data")]
fn begin(calls: &AtomicU64) -> Option<Instant> {
    let number = calls.load(Ordering::Relaxed);
    calls.store(number.wrapping_add(1), Ordering::Relaxed);
    number.is_multiple_of(MEASURED).then(Instant::now)
}

/// Tells the Python half how long a call took.
#[cold]
fn tell(records: &Bound<'_, Records>, name: &str, begun: Instant) -> PyResult<()> {
    let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    records.call_method1("_measured", (name, nanos)).map(drop)
}

/// The text of a name or key; none for what is not a `str`.
fn text<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    object.cast::<PyString>().ok()?.to_str().ok().map(str::as_bytes)
}

/// Whether a put was done.
#[derive(Default)]
struct Done(bool);

impl Records {
    /// The record, `None` if there is none, or nothing if the Python half has to look.
    fn look<'py>(
        &self,
        py: Python<'py>,
        table: &Bound<'py, PyAny>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(engine) = &self.engine else { return Ok(None) };
        let engine = engine.get();
        let (Some(table), Some(key), true) = (text(table), text(key), engine.is_usable()) else {
            return Ok(None);
        };
        let database = &engine.database;
        let at = record::kept_at(key);
        let Some(guard) = record::kept() else { return Ok(None) };
        // Under the lock of a shard: it compares, and nothing else.
        let looked = database.look(record::DATABASE, &Name::of_record(table, key), |value| match value {
            Glance::Json(form) => guard.is_of(at, form).then_some(()),
            Glance::Text(_) => None,
        });
        if let Some(((), lsn)) = looked {
            if database.waits_for_disk(lsn) {
                return Ok(None);
            }
            let copy = guard.copy(py, at)?;
            drop(guard);
            engine.wait(py, lsn)?;
            return Ok(Some(copy));
        }
        drop(guard);
        lent(&FORM, |form| {
            let Tried::Done(lsn) = database.try_record(table, key, form) else { return Ok(None) };
            if form.refusal().is_some() || database.waits_for_disk(lsn) {
                return Ok(None);
            }
            engine.wait(py, lsn)?;
            let (Some(bytes), Some(root)) = (form.bytes(), form.root()) else {
                return Ok(Some(py.None().into_bound(py)));
            };
            if root.get(record::TYPES.as_bytes()).is_some() {
                return Ok(None);
            }
            // What cannot be made here, a number of thousands of digits, the Python half makes.
            Ok(record::decode(py, at, bytes, root).ok())
        })
    }

    /// Whether the record was put; if not, the Python half has to do it, or say why not.
    fn put<'py>(
        &self,
        py: Python<'py>,
        (table, key, record): (&Bound<'py, PyAny>, &Bound<'py, PyAny>, &Bound<'py, PyAny>),
        ttl: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<bool> {
        let Some(engine) = &self.engine else { return Ok(false) };
        let engine = engine.get();
        let (Some(table), Some(key), true) = (text(table), text(key), engine.is_usable()) else {
            return Ok(false);
        };
        if !self.puts || ttl.is_some() || engine.waits_for_each_change() {
            return Ok(false);
        }
        lent(&BUILDER, |(builder, form)| {
            if record::encode(record, builder).is_err() || builder.bytes() > FORM_BYTES_MAX {
                return Ok(false);
            }
            let mut done = Done::default();
            let tried = engine.database.try_put_record((table, key), builder, &[], form, &mut done);
            let (Tried::Done(lsn), true) = (tried, done.0) else { return Ok(false) };
            self.inserts.fetch_add(1, Ordering::Relaxed);
            engine.wait(py, lsn)?;
            Ok(true)
        })
    }
}

/// Larger records are put by the Python half, which lets others run meanwhile.
const FORM_BYTES_MAX: usize = 64 << 10;

impl Reply for Done {
    fn resp3(&self) -> bool {
        true
    }
    fn simple(&mut self, _: &str) {
        self.0 = true;
    }
    fn error(&mut self, _: &str) {
        self.0 = false;
    }
    fn bulk(&mut self, _: &[u8]) {}
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
}
