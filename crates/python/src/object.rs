//! Python objects that the bindings' safe interface cannot make: bytes that are filled after they were made.

use crate::beside::beside;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::mem::MaybeUninit;

/// A `bytes` object of this length that `fill` writes, while other Python threads run. None: it has not filled all of it.
pub(crate) fn bytes_with<'py>(
    py: Python<'py>,
    len: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> bool + Send,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let size = ffi::Py_ssize_t::try_from(len)?;
    // SAFETY: without a source the object is made with its bytes not set; a null result is an exception.
    let made = unsafe { ffi::PyBytes_FromStringAndSize(std::ptr::null(), size) };
    // SAFETY: the call gave a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, made) }?.cast_into::<PyBytes>()?;
    // SAFETY: it is a `bytes` object, alive as long as `object`.
    let start = unsafe { ffi::PyBytes_AsString(object.as_ptr()) }.cast::<MaybeUninit<u8>>();
    // SAFETY: the object has `len` bytes from there on, of which nobody else knows before it is handed out.
    let buffer = unsafe { std::slice::from_raw_parts_mut(start, len) };
    let is_filled = beside(py, || fill(buffer));
    Ok(is_filled.then_some(object))
}
