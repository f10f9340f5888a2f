//! Keys that are watched by this process, for transactions that run only if none of them has changed.
//!
//! What must hold: whether one has changed is asked under the locks of all keys of the transaction. Left out: databases with a store
//! behind, where a watched key may have to be fetched first; those watch over a connection.

use crate::engine::Engine;
use crate::{arg, failure};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use ramekin::{Caller, Watch};
use std::sync::Arc;

/// Keys that are watched until they are let go.
#[pyclass(frozen, module = "ramekin._ramekin")]
pub(crate) struct Watching {
    engine: Py<Engine>,
    watched: Mutex<Option<Watched>>,
}

struct Watched {
    watch: Arc<Watch>,
    /// And whether they were there.
    keys: Vec<(Box<[u8]>, bool)>,
}

impl Watching {
    /// Watches keys from now on; none if that takes a connection.
    pub(crate) fn begin(engine: &Bound<'_, Engine>, keys: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let this = engine.get();
        this.usable(engine.py())?;
        if this.database.has_store() || !this._is_direct() {
            return Ok(None);
        }
        let watching = Self {
            engine: engine.clone().unbind(),
            watched: Mutex::new(Some(Watched { watch: Arc::new(Watch::default()), keys: Vec::new() })),
        };
        watching.add(engine.py(), keys)?;
        Ok(Some(watching))
    }

    fn add(&self, py: Python<'_>, keys: &Bound<'_, PyAny>) -> PyResult<()> {
        let engine = self.engine.get();
        let keys: Vec<Bound<'_, PyAny>> = keys.try_iter()?.collect::<PyResult<_>>()?;
        let keys = arg::all(&keys)?;
        let mut watched = self.watched.lock();
        let Some(watched) = watched.as_mut() else { return Err(over(py)) };
        let mut caller = Caller::at(engine.database.now_ms());
        caller.db = engine.db;
        for key in keys {
            let existed = engine.database.watch(&caller, &key, &watched.watch);
            watched.keys.push((Box::from(&*key), existed));
        }
        Ok(())
    }

    fn let_go(&self, watched: &Watched) {
        let engine = self.engine.get();
        for (key, _) in &watched.keys {
            engine.database.unwatch(engine.db, key, &watched.watch);
        }
    }
}

fn over(py: Python<'_>) -> PyErr {
    failure::of_kind(py, "closed", "this watch is over: watch again")
}

#[pymethods]
impl Watching {
    /// Runs a command before the transaction; WATCH adds keys.
    #[pyo3(signature = (*args))]
    fn execute<'py>(&self, py: Python<'py>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let is_watch = |name: &[u8]| name.eq_ignore_ascii_case(b"watch");
        if let Ok(name) = args.get_item(0)
            && is_watch(&arg::bytes(&name)?)
        {
            self.add(py, args.get_slice(1, args.len()).as_any())?;
            return "OK".into_pyobject(py).map(Bound::into_any).map_err(Into::into);
        }
        self.engine.bind(py).call_method1("execute", args)
    }

    /// Runs the commands as one; None: a key has changed, and nothing was run.
    fn commit<'py>(
        &self,
        py: Python<'py>,
        commands: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(watched) = self.watched.lock().take() else { return Err(over(py)) };
        let engine = self.engine.get();
        let now_ms = engine.database.now_ms();
        let is_gone = |(key, existed): &(Box<[u8]>, bool)| {
            *existed && !engine.database.exists_now(engine.db, now_ms, key)
        };
        let is_stale = watched.watch.is_raised() || watched.keys.iter().any(is_gone);
        let run = if is_stale {
            Ok(None)
        } else {
            engine.commit_unless(py, commands, &|| watched.watch.is_raised())
        };
        self.let_go(&watched);
        run
    }

    /// Watches no more.
    fn close(&self) {
        let watched = self.watched.lock().take();
        if let Some(watched) = watched {
            self.let_go(&watched);
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let watched = self.watched.get_mut().take();
        if let Some(watched) = watched {
            self.let_go(&watched);
        }
    }
}
