//! Calls of a user's store: `load`, `save`, `scan`.
//!
//! What must hold: whatever it raises is an answer to the engine, which tries again or sets rows aside. A `ValueError` or
//! `TypeError` of `save` means that it takes a value never; anything else that it has not, or perhaps has, been done.

use super::Answer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use ramekin::store::{ErrorKind, StoreError};
use std::collections::BTreeMap;

/// The object.
pub(super) struct Bytes {
    object: Py<PyAny>,
}

fn failed(py: Python<'_>, kind: ErrorKind, error: &PyErr) -> StoreError {
    let class = error.get_type(py).name().map(|name| name.to_string()).unwrap_or_default();
    StoreError::new(kind, format!("{class}: {}", error.value(py)))
}

/// Runs Python code, unless the interpreter ends.
fn attached<T>(run: impl FnOnce(Python<'_>) -> Answer<T>) -> Answer<T> {
    let ended = || Err(StoreError::new(ErrorKind::Unavailable, "the interpreter ends"));
    Python::try_attach(run).unwrap_or_else(ended)
}

impl Bytes {
    pub(super) fn of(object: Py<PyAny>) -> Self {
        Self { object }
    }

    /// What the object is known by in this process.
    pub(super) fn id(&self) -> usize {
        self.object.as_ptr() as usize
    }

    /// Its class, for people.
    pub(super) fn describe(&self) -> String {
        let class = attached(|py| {
            let class = self.object.bind(py).get_type().qualname();
            Ok(class.map(|name| name.to_string()).unwrap_or_default())
        });
        format!("python:{}", class.unwrap_or_default())
    }

    /// What lies at these keys, in their order.
    pub(super) fn load(&self, keys: &[Vec<u8>]) -> Answer<Vec<Option<Vec<u8>>>> {
        attached(|py| {
            let asked = || {
                let keys = PyList::new(py, keys.iter().map(|key| PyBytes::new(py, key)))?;
                let found = self.object.bind(py).call_method1("load", (keys,))?;
                let found: Vec<Option<Vec<u8>>> =
                    found.try_iter()?.map(|item| optional(&item?)).collect::<PyResult<_>>()?;
                Ok(found)
            };
            let found = asked().map_err(|error| failed(py, ErrorKind::Unavailable, &error))?;
            if found.len() == keys.len() {
                Ok(found)
            } else {
                let text =
                    format!("`load` was asked for {} keys and has told of {}", keys.len(), found.len());
                Err(StoreError::new(ErrorKind::Unavailable, text))
            }
        })
    }

    /// Makes all of these changes or none; no bytes: the key goes.
    pub(super) fn save(&self, changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Answer<()> {
        attached(|py| {
            let asked = || {
                let dict = PyDict::new(py);
                for (key, value) in changes {
                    let value = value.as_ref().map(|value| PyBytes::new(py, value));
                    dict.set_item(PyBytes::new(py, key), value)?;
                }
                self.object.bind(py).call_method1("save", (dict,))
            };
            asked().map(drop).map_err(|error| {
                let is_refusal =
                    error.is_instance_of::<PyValueError>(py) || error.is_instance_of::<PyTypeError>(py);
                failed(py, if is_refusal { ErrorKind::Refused } else { ErrorKind::InDoubt }, &error)
            })
        })
    }

    /// Keys that begin so and what lies there, in order, from the one after `after` on, at most so many.
    pub(super) fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Answer<Vec<(Vec<u8>, Vec<u8>)>> {
        attached(|py| {
            let asked = || {
                let after = after.map(|after| PyBytes::new(py, after));
                let found =
                    self.object.bind(py).call_method1("scan", (PyBytes::new(py, prefix), after, limit))?;
                found
                    .try_iter()?
                    .take(limit)
                    .map(|item| item?.extract::<(Vec<u8>, Vec<u8>)>())
                    .collect::<PyResult<_>>()
            };
            asked().map_err(|error| failed(py, ErrorKind::Unavailable, &error))
        })
    }
}

fn optional(item: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    if item.is_none() { Ok(None) } else { Ok(Some(item.cast::<PyBytes>()?.as_bytes().to_vec())) }
}
