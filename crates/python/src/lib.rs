//! The native half of the Python package `ramekin`: the engine in this process.
//!
//! Owns the way from a Python call to the engine and back. What must hold: no Python code runs while a lock of the engine is
//! held, so replies are collected first and become objects afterwards; whatever may wait lets other Python threads run; a
//! process that was forked touches nothing that its parent has open. Left out: what commands are called and how their replies
//! are shaped, which the Python half knows, and everything that has to wait in an event loop, which goes over a connection of the
//! process's own ([`engine::Engine::connect`]).

mod arg;
mod beside;
mod engine;
mod failure;
mod lent;
#[expect(unsafe_code, reason = "bytes that are filled after they were made")]
mod object;
mod open;
#[expect(unsafe_code, reason = "a type of Python with slots that the bindings do not know")]
mod ready;
mod record;
mod records;
mod say;
mod store;
mod strings;
mod tape;
mod watch;
mod zstandard;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::ffi::OsString;

/// Runs the command line `ramekin` and returns its exit code.
#[pyfunction]
#[pyo3(signature = (*args))]
fn main(py: Python<'_>, args: &Bound<'_, PyTuple>) -> PyResult<u8> {
    let args: Vec<OsString> = args.extract()?;
    // The server takes the signals of the process from here on.
    let code = py.detach(|| ramekin_cli::main(&args));
    Ok(u8::from(code != std::process::ExitCode::SUCCESS))
}

/// An awaitable that has its result already.
#[pyfunction(name = "ready")]
fn answered<'py>(py: Python<'py>, result: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    ready::ready(py, result)
}

#[pymodule]
fn _ramekin(module: &Bound<'_, PyModule>) -> PyResult<()> {
    ramekin_cli::describe_allocator();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<records::Records>()?;
    module.add_class::<strings::Strings>()?;
    module.add_class::<strings::AsyncStrings>()?;
    module.add_function(wrap_pyfunction!(main, module)?)?;
    module.add_function(wrap_pyfunction!(answered, module)?)?;
    module.add_function(wrap_pyfunction!(open::close_all, module)?)?;
    module.add_function(wrap_pyfunction!(open::after_fork, module)?)?;
    module.add_function(wrap_pyfunction!(record::encode_record, module)?)?;
    module.add_function(wrap_pyfunction!(record::decode_record, module)?)?;
    module.add_function(wrap_pyfunction!(zstandard::zstd_compress, module)?)?;
    module.add_function(wrap_pyfunction!(zstandard::zstd_decompress, module)?)?;
    module.add_class::<watch::Watching>()?;
    module.add_function(wrap_pyfunction!(store::check_store, module)?)?;
    say::listen();
    Ok(())
}
