//! Records: dicts to the form in which the engine has them, and back, without JSON text between.
//!
//! Owns what a plain value is: `None`, `bool`, `int`, `float`, `str`, `list`, `tuple`, `dict` with keys of `str`. What must hold: a
//! dict that is handed out is its receiver's own, whatever he does with it. Left out: values that JSON lacks (`datetime`, `Decimal`,
//! `bytes`, …) and every refusal: the Python half knows them (`_records.py`), and is asked wherever [`Foreign`] is met.
//!
//! The last records that were handed out are kept as dicts, by their bytes: whoever asks again for what has not changed gets a
//! copy of that one. A record with containers inside is made anew each time.

use parking_lot::{Mutex, MutexGuard};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use ramekin::value::json::{Builder, Json, Node, Number, View};
use std::cmp::Ordering;
use std::fmt::Write as _;

pub(crate) use ramekin::record::DATABASE;

/// The field in which the types of values are kept that JSON lacks.
pub(crate) const TYPES: &str = "$types";
/// Containers in each other, at most: what is deeper the Python half writes.
const DEPTH_MAX: usize = 32;

/// The value is not a plain one, or not to be written so.
#[derive(Debug)]
pub(crate) struct Foreign;

impl From<PyErr> for Foreign {
    fn from(_: PyErr) -> Self {
        Self
    }
}

/// Writes a record.
pub(crate) fn encode(record: &Bound<'_, PyAny>, builder: &mut Builder) -> Result<(), Foreign> {
    builder.clear();
    let record = record.cast_exact::<PyDict>().map_err(|_| Foreign)?;
    if record.contains(TYPES)? {
        return Err(Foreign);
    }
    put_dict(record, builder, 0)
}

fn put_dict(dict: &Bound<'_, PyDict>, builder: &mut Builder, depth: usize) -> Result<(), Foreign> {
    if depth > DEPTH_MAX {
        return Err(Foreign);
    }
    let open = builder.begin();
    // In the order in which they will lie, so that nothing has to be moved afterwards.
    let mut fields: Vec<(Bound<'_, PyString>, Bound<'_, PyAny>)> = Vec::with_capacity(dict.len());
    let mut is_sorted = true;
    for (key, value) in dict.iter() {
        let key = key.cast_into::<PyString>().map_err(|_| Foreign)?;
        if is_sorted && let Some((last, _)) = fields.last() {
            is_sorted = order(last, &key)?.is_lt();
        }
        fields.push((key, value));
    }
    if !is_sorted {
        // All of them are texts: asking has shown it, or will below.
        fields.sort_by(|(one, _), (other, _)| order(one, other).unwrap_or(Ordering::Equal));
    }
    for (key, value) in &fields {
        builder.key(plain(key.to_str()?)?);
        put(value, builder, depth)?;
        builder.item(open);
    }
    builder.end_object(open);
    Ok(())
}

/// As keys lie: by length, then by bytes.
fn order(one: &Bound<'_, PyString>, other: &Bound<'_, PyString>) -> Result<Ordering, Foreign> {
    let (one, other) = (one.to_str()?.as_bytes(), other.to_str()?.as_bytes());
    Ok(one.len().cmp(&other.len()).then_with(|| one.cmp(other)))
}

/// A text that every store takes.
fn plain(text: &str) -> Result<&str, Foreign> {
    if text.as_bytes().contains(&0) { Err(Foreign) } else { Ok(text) }
}

fn put(value: &Bound<'_, PyAny>, builder: &mut Builder, depth: usize) -> Result<(), Foreign> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        builder.str(plain(text.to_str()?)?);
    } else if let Ok(number) = value.cast_exact::<PyInt>() {
        match number.extract::<i64>() {
            Ok(number) => builder.int(number),
            Err(_) => drop(builder.decimal(number.str()?.to_str()?).ok_or(Foreign)?),
        }
    } else if let Ok(number) = value.cast_exact::<PyFloat>() {
        put_float(number.value(), builder)?;
    } else if let Ok(is) = value.cast_exact::<PyBool>() {
        builder.bool(is.is_true());
    } else if value.is_none() {
        builder.null();
    } else if let Ok(dict) = value.cast_exact::<PyDict>() {
        put_dict(dict, builder, depth + 1)?;
    } else if let Ok(list) = value.cast_exact::<PyList>() {
        put_items(list.iter(), builder, depth + 1)?;
    } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        put_items(tuple.iter(), builder, depth + 1)?;
    } else {
        return Err(Foreign);
    }
    Ok(())
}

fn put_items<'py>(
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    builder: &mut Builder,
    depth: usize,
) -> Result<(), Foreign> {
    if depth > DEPTH_MAX {
        return Err(Foreign);
    }
    let open = builder.begin();
    for item in items {
        put(&item, builder, depth)?;
        builder.item(open);
    }
    builder.end_array(open);
    Ok(())
}

/// The shortest digits that mean this number, with a point in them, so that it is read as a float again.
fn put_float(number: f64, builder: &mut Builder) -> Result<(), Foreign> {
    if !number.is_finite() {
        return Err(Foreign);
    }
    let mut text = String::with_capacity(24);
    let written = if number.abs() < 1e16 && (number == 0.0 || number.abs() >= 1e-5) {
        write!(text, "{number:?}")
    } else if number.abs() >= 1e16 {
        write!(text, "{number:.1}")
    } else {
        write!(text, "{number:e}")
    };
    written.map_err(|_| Foreign)?;
    builder.decimal(&text).map(drop).ok_or(Foreign)
}

/// The bytes of a record, and the dict that was made of them.
type KeptRecord = (Box<[u8]>, Py<PyDict>);

/// What was made lately.
pub(crate) struct Kept {
    names: Vec<Option<Py<PyString>>>,
    records: Vec<Option<KeptRecord>>,
    /// What was seen once: only what is asked for again is kept.
    seen: Vec<u32>,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept { names: Vec::new(), records: Vec::new(), seen: Vec::new() });

const NAMES: usize = 512;
const RECORDS: usize = 4096;
/// A record that takes more bytes is made anew each time.
const RECORD_BYTES_MAX: usize = 2048;
/// A longer name is made anew each time.
const NAME_BYTES_MAX: usize = 64;

fn stir(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = bytes.len() as u64;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        hash = (hash ^ u64::from_le_bytes(*chunk)).wrapping_mul(ODD);
        hash ^= hash >> 29;
    }
    let last = rest.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    hash = (hash ^ last).wrapping_mul(ODD);
    hash ^ hash >> 32
}

fn place(hash: u64, places: usize) -> usize {
    usize::try_from(hash % places as u64).unwrap_or(0)
}

/// Where the dict of a record would be kept, by the key that it is asked for.
#[inline]
pub(crate) fn kept_at(key: &[u8]) -> usize {
    place(stir(key), RECORDS)
}

/// What is kept, unless somebody is at it: who comes back here from a finalizer that ran meanwhile goes without.
#[inline]
pub(crate) fn kept() -> Option<MutexGuard<'static, Kept>> {
    KEPT.try_lock()
}

impl Kept {
    /// Whether the dict that is kept there is of a record of this form.
    #[inline]
    pub(crate) fn is_of(&self, at: usize, form: &[u8]) -> bool {
        self.records.get(at).and_then(Option::as_ref).is_some_and(|(kept, _)| **kept == *form)
    }

    /// A copy of the dict that is kept there.
    #[inline]
    pub(crate) fn copy<'py>(&self, py: Python<'py>, at: usize) -> PyResult<Bound<'py, PyAny>> {
        match self.records.get(at).and_then(Option::as_ref) {
            Some((_, dict)) => dict.bind(py).copy().map(Bound::into_any),
            None => Ok(py.None().into_bound(py)),
        }
    }
}

/// The record of this form, which was not kept.
pub(crate) fn decode<'py>(
    py: Python<'py>,
    at: usize,
    bytes: &[u8],
    root: Node<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut guard = kept();
    let (object, is_flat) = make_root(py, root, guard.as_deref_mut())?;
    if let Some(kept) = guard.as_deref_mut()
        && is_flat
        && bytes.len() <= RECORD_BYTES_MAX
        && let Ok(dict) = object.cast::<PyDict>()
    {
        kept.grow();
        let tag = u32::try_from(stir(bytes) >> 32).unwrap_or(0) | 1;
        if kept.seen[at] == tag {
            let old = kept.records[at].replace((bytes.into(), dict.copy()?.unbind()));
            drop(guard);
            // It may be the last reference to something, and run a finalizer.
            drop(old);
        } else {
            kept.seen[at] = tag;
        }
    }
    Ok(object)
}

impl Kept {
    /// Makes room when the first record is kept.
    fn grow(&mut self) {
        if self.seen.is_empty() {
            self.names.resize_with(NAMES, || None);
            self.records.resize_with(RECORDS, || None);
            self.seen.resize(RECORDS, 0);
        }
    }

    fn name<'py>(&mut self, py: Python<'py>, name: &[u8]) -> PyResult<Bound<'py, PyString>> {
        if name.len() > NAME_BYTES_MAX {
            return text(py, name);
        }
        self.grow();
        let at = place(stir(name), NAMES);
        if let Some(found) = &self.names[at]
            && found.bind(py).to_str().is_ok_and(|text| text.as_bytes() == name)
        {
            return Ok(found.bind(py).clone());
        }
        // Not interned: that would keep each name for ever in some versions of Python.
        let made = text(py, name)?;
        self.names[at] = Some(made.clone().unbind());
        Ok(made)
    }
}

fn text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    PyString::from_bytes(py, bytes)
}

/// A record, and whether there is nothing in it that can be changed.
fn make_root<'py>(
    py: Python<'py>,
    root: Node<'_>,
    mut kept: Option<&mut Kept>,
) -> PyResult<(Bound<'py, PyAny>, bool)> {
    let View::Object(object) = root.view() else { return make(py, root).map(|made| (made, false)) };
    let (dict, mut is_flat) = (PyDict::new(py), true);
    for (key, value) in object.iter() {
        let key = match &mut kept {
            Some(kept) => kept.name(py, key)?,
            None => text(py, key)?,
        };
        is_flat &= !matches!(value.view(), View::Array(_) | View::Object(_));
        dict.set_item(key, make(py, value)?)?;
    }
    Ok((dict.into_any(), is_flat))
}

fn make<'py>(py: Python<'py>, node: Node<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match node.view() {
        View::Null => py.None().into_bound(py),
        View::Bool(is) => PyBool::new(py, is).to_owned().into_any(),
        View::Str(bytes) => text(py, bytes)?.into_any(),
        View::Number(number) => make_number(py, number)?,
        View::Array(array) => {
            let list = PyList::empty(py);
            for item in array.iter() {
                list.append(make(py, item)?)?;
            }
            list.into_any()
        }
        View::Object(object) => {
            let dict = PyDict::new(py);
            for (key, value) in object.iter() {
                dict.set_item(text(py, key)?, make(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

/// A whole number is an `int`, one with digits after the point a `float`.
fn make_number<'py>(py: Python<'py>, number: Number<'_>) -> PyResult<Bound<'py, PyAny>> {
    if let Number::Int(value) = number {
        return value.into_bound_py_any(py);
    }
    let mut printed = Vec::with_capacity(32);
    number.print(&mut printed);
    let printed = String::from_utf8_lossy(&printed);
    if printed.contains('.') {
        return Ok(PyFloat::new(py, printed.parse().unwrap_or(f64::NAN)).into_any());
    }
    py.get_type::<PyInt>().call1((&*printed,))
}

/// The bytes of a record's form: what [`decode_record`] reads.
#[pyfunction]
pub(crate) fn encode_record<'py>(
    py: Python<'py>,
    record: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let (mut builder, mut form) = (Builder::default(), Vec::new());
    if encode(record, &mut builder).is_err() {
        return Ok(None);
    }
    builder.finish(&mut form);
    Ok(Some(PyBytes::new(py, &form)))
}

/// The record of a JSON text, as the engine reads it.
#[pyfunction]
pub(crate) fn decode_record<'py>(py: Python<'py>, json: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let json =
        Json::parse(json).map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
    make(py, json.root())
}
