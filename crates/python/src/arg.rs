//! Arguments: what Python hands over, as the bytes that a command takes.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyFloat, PyInt, PyMemoryView, PyString};
use std::borrow::Cow;

/// The bytes of an argument: those of `bytes` and `str` where they lie.
#[inline]
pub(crate) fn bytes<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(Cow::Borrowed(text.to_str()?.as_bytes()));
    }
    others(object).map(Cow::Owned)
}

#[cold]
fn others(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if object.is_instance_of::<PyBool>() {
        return Err(refused(object));
    }
    // The number itself, whatever a subclass shows of it.
    if object.is_instance_of::<PyInt>() {
        let shown = object.py().get_type::<PyInt>().call_method1("__repr__", (object,))?;
        return Ok(shown.cast::<PyString>()?.to_str()?.as_bytes().to_vec());
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        let shown = PyFloat::new(object.py(), number.value()).repr()?;
        return Ok(shown.to_str()?.as_bytes().to_vec());
    }
    if object.is_instance_of::<PyByteArray>() || object.is_instance_of::<PyMemoryView>() {
        let copy = object.py().get_type::<PyBytes>().call1((object,))?;
        return Ok(copy.cast::<PyBytes>()?.as_bytes().to_vec());
    }
    Err(refused(object))
}

fn refused(object: &Bound<'_, PyAny>) -> PyErr {
    let class = object.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    PyTypeError::new_err(format!("an argument has to be bytes, str, int or float, not {class}"))
}

/// The bytes of several arguments, which `objects` keeps alive.
pub(crate) fn all<'a>(objects: &'a [Bound<'_, PyAny>]) -> PyResult<Vec<Cow<'a, [u8]>>> {
    objects.iter().map(bytes).collect()
}
