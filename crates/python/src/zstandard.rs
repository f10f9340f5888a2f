//! Zstandard for values that the Python half compresses itself.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

const LEVEL: i32 = 3;
/// No value is longer than a string may be.
const BYTES_MAX: usize = 512 << 20;

/// The compressed form of these bytes.
#[pyfunction]
pub(crate) fn zstd_compress<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let packed = py.detach(|| zstd::bulk::compress(data, LEVEL));
    packed.map(|packed| PyBytes::new(py, &packed)).map_err(Into::into)
}

/// The bytes of a compressed form.
#[pyfunction]
pub(crate) fn zstd_decompress<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let plain = py.detach(|| {
        let bytes = zstd::bulk::Decompressor::upper_bound(data).unwrap_or(BYTES_MAX).min(BYTES_MAX);
        zstd::bulk::decompress(data, bytes)
    });
    let plain = plain
        .map_err(|error| PyValueError::new_err(format!("this is not compressed by Zstandard: {error}")))?;
    Ok(PyBytes::new(py, &plain))
}
