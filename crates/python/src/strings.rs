//! The fast way of `Database` and `AsyncDatabase`: GET and SET of strings that are in memory.
//!
//! Owns the bases of these classes. What must hold: a call that cannot be answered at once, or has options, is answered by the
//! Python half, by the method of the same name with an underscore, as if this were not here.

use crate::engine::Engine;
use crate::ready::ready;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The base of `Database`.
#[pyclass(subclass, frozen, module = "ramekin._ramekin")]
#[derive(Default)]
pub(crate) struct Strings(Attached);

/// The base of `AsyncDatabase`.
#[pyclass(subclass, frozen, module = "ramekin._ramekin")]
#[derive(Default)]
pub(crate) struct AsyncStrings(Attached);

/// The engine that an object answers from: the first one that it is attached to. With any other the Python half answers.
#[derive(Default)]
struct Attached {
    engine: OnceLock<Py<Engine>>,
    is_attached: AtomicBool,
}

impl Attached {
    fn set(&self, engine: Option<&Bound<'_, Engine>>) {
        let is_first =
            engine.is_some_and(|engine| self.engine.get_or_init(|| engine.clone().unbind()).is(engine));
        self.is_attached.store(is_first, Relaxed);
    }

    /// The engine, if it may be used directly.
    #[inline]
    fn direct(&self) -> Option<&Engine> {
        let engine = self.engine.get().filter(|_| self.is_attached.load(Relaxed));
        engine.map(Py::get).filter(|engine| engine._is_direct())
    }
}

#[pymethods]
impl Strings {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    /// Whose strings these are from now on; `None`: the Python half answers.
    #[pyo3(signature = (engine=None))]
    fn _attach(&self, engine: Option<&Bound<'_, Engine>>) {
        self.0.set(engine);
    }

    /// The string at a key, or None.
    fn get<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(engine) = slf.get().0.direct()
            && let Some(found) = engine.get_here(slf.py(), name)?
        {
            return Ok(found);
        }
        slf.call_method1("_get", (name,))
    }

    /// Sets a string at a key.
    #[pyo3(signature = (name, value, *args, **kwargs))]
    fn set<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if args.is_empty()
            && kwargs.is_none()
            && let Some(engine) = slf.get().0.direct()
            && let Some(done) = engine.set_here(slf.py(), name, value)?
        {
            return Ok(done);
        }
        let all = (name, value).into_pyobject(slf.py())?.as_sequence().concat(args.as_sequence())?;
        slf.call_method("_set", all.to_tuple()?, kwargs)
    }
}

/// Neither long nor of another type than `bytes` or `str`: such an argument is handled in no time.
fn is_short(value: &Bound<'_, PyAny>) -> bool {
    const BYTES_MAX: usize = 16 << 10;
    value.cast::<PyString>().is_ok() || value.len().is_ok_and(|len| len < BYTES_MAX)
}

#[pymethods]
impl AsyncStrings {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    /// Whose strings these are from now on; `None`: the Python half answers.
    #[pyo3(signature = (engine=None))]
    fn _attach(&self, engine: Option<&Bound<'_, Engine>>) {
        self.0.set(engine);
    }

    /// The string at a key, or None.
    fn get<'py>(slf: &Bound<'py, Self>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(engine) = slf.get().0.direct()
            // What is wrong is raised where it is awaited: by the Python half.
            && let Ok(Some(found)) = engine.get_now(slf.py(), name)
        {
            return ready(slf.py(), found);
        }
        slf.call_method1("_get", (name,))
    }

    /// Sets a string at a key.
    #[pyo3(signature = (name, value, *args, **kwargs))]
    fn set<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if args.is_empty()
            && kwargs.is_none()
            && is_short(value)
            && let Some(engine) = slf.get().0.direct()
        {
            match engine.set_now(slf.py(), name, value) {
                Ok(Some(done)) => return ready(slf.py(), done),
                // It was done, and is not in the log: the Python half must not do it again.
                Err(error) if engine.database.log_failed().is_some() => return Err(error),
                Ok(None) | Err(_) => {}
            }
        }
        let all = (name, value).into_pyobject(slf.py())?.as_sequence().concat(args.as_sequence())?;
        slf.call_method("_set", all.to_tuple()?, kwargs)
    }
}
