//! An awaitable that has its result already: awaiting it goes through no event loop and raises no exception inside.
//!
//! Owns the type `Ready`. It is a coroutine in the eyes of `asyncio` (it has `send`, `throw` and `close`), so it can be awaited,
//! gathered, and made a task. What must hold: the result is handed out once. It is made by the C interface, since only that
//! knows the slot `am_send`, which spares the interpreter a `StopIteration` for each call.

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

#[repr(C)]
struct Ready {
    head: ffi::PyObject,
    /// A reference of its own; null once it has been handed out.
    result: *mut ffi::PyObject,
}

struct Type(NonNull<ffi::PyTypeObject>);

// SAFETY: the type lives as long as the process, and is used only by threads that are attached to the interpreter.
unsafe impl Send for Type {}
// SAFETY: as above.
unsafe impl Sync for Type {}

static TYPE: PyOnceLock<Type> = PyOnceLock::new();

/// An awaitable of this result.
#[inline]
pub(crate) fn ready<'py>(py: Python<'py>, result: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let class = TYPE.get_or_try_init(py, || make_type(py))?.0.as_ptr();
    // SAFETY: the type is ready, of this size, and its objects have no items.
    let made = unsafe { ffi::PyType_GenericAlloc(class, 0) };
    // SAFETY: the call gave a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, made) }?;
    let place = made.cast::<Ready>();
    // SAFETY: the object is one of this type, and nobody else knows of it yet.
    unsafe { (*place).result = result.into_ptr() };
    Ok(object)
}

/// Takes the reference out; null if it was taken before.
fn take_silently(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let object = object.cast::<Ready>();
    // SAFETY: the functions below are called with objects of the type only.
    let place = unsafe { &raw mut (*object).result };
    // SAFETY: it lies in a live object, and only the thread that is attached touches it.
    unsafe { place.replace(ptr::null_mut()) }
}

/// Takes the result out; null with an exception if it was handed out before.
fn take(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let result = take_silently(object);
    if result.is_null() {
        // SAFETY: a method of a Python object runs in an attached thread.
        let py = unsafe { Python::assume_attached() };
        PyRuntimeError::new_err("cannot reuse already awaited coroutine").restore(py);
    }
    result
}

extern "C" fn dealloc(object: *mut ffi::PyObject) {
    let result = take_silently(object);
    // SAFETY: it is null or a reference of its own.
    unsafe { ffi::Py_XDECREF(result) };
    // SAFETY: every object has a type.
    let class = unsafe { ffi::Py_TYPE(object) };
    // SAFETY: the memory came from the type's own allocation.
    unsafe { ffi::PyObject_Free(object.cast::<c_void>()) };
    // SAFETY: objects of a type made at run time hold a reference to it.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

extern "C" fn myself(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a method is called with a live object.
    unsafe { ffi::Py_NewRef(object) }
}

extern "C" fn am_send(
    object: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    let taken = take(object);
    // SAFETY: the interpreter passes where the result goes.
    unsafe { *result = taken };
    if taken.is_null() { ffi::PySendResult::PYGEN_ERROR } else { ffi::PySendResult::PYGEN_RETURN }
}

/// What an iterator does at its end: `StopIteration` with the result.
extern "C" fn next(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let taken = take(object);
    if !taken.is_null() {
        // SAFETY: an attached thread, and a reference that is ours; a tuple is not taken for several arguments.
        unsafe { stop_with(taken) };
    }
    ptr::null_mut()
}

/// # Safety
/// The thread is attached; `result` is a reference that is given away.
unsafe fn stop_with(result: *mut ffi::PyObject) {
    // SAFETY: the exception is a static of the interpreter.
    let class = unsafe { ffi::PyExc_StopIteration };
    // SAFETY: the callee takes a list of arguments that ends with null.
    let error = unsafe { ffi::PyObject_CallFunctionObjArgs(class, result, ptr::null_mut::<ffi::PyObject>()) };
    // SAFETY: the reference was given to us.
    unsafe { ffi::Py_DECREF(result) };
    if !error.is_null() {
        // SAFETY: both are live objects; the exception is set as it is, a tuple in it stays one value.
        unsafe { ffi::PyErr_SetObject(class, error) };
        // SAFETY: the call above gave a new reference.
        unsafe { ffi::Py_DECREF(error) };
    }
}

extern "C" fn send(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    next(object)
}

extern "C" fn close(object: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let result = take_silently(object);
    // SAFETY: it is null or a reference that was the object's.
    unsafe { ffi::Py_XDECREF(result) };
    none()
}

fn none() -> *mut ffi::PyObject {
    // SAFETY: `None` is always there.
    let none = unsafe { ffi::Py_None() };
    // SAFETY: it is a live object.
    unsafe { ffi::Py_NewRef(none) }
}

/// Nothing is going on in it, so what is thrown comes straight back.
extern "C" fn throw(object: *mut ffi::PyObject, args: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let result = take_silently(object);
    // SAFETY: it is null or a reference that was the object's.
    unsafe { ffi::Py_XDECREF(result) };
    // SAFETY: a method of a Python object runs in an attached thread.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the interpreter passes a tuple of the arguments, alive during the call.
    let args = unsafe { Bound::from_borrowed_ptr(py, args) };
    let thrown = args.get_item(1).ok().filter(|value| !value.is_none()).map_or_else(|| args.get_item(0), Ok);
    match thrown {
        Ok(error) => PyErr::from_value(error).restore(py),
        Err(error) => error.restore(py),
    }
    ptr::null_mut()
}

const fn slot(slot: c_int, function: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc: function }
}

fn make_type(py: Python<'_>) -> PyResult<Type> {
    let method = |name: &'static std::ffi::CStr, function: ffi::PyCFunction, flags: c_int| ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
        ml_flags: flags,
        ml_doc: ptr::null(),
    };
    // The type refers to them for as long as it lives, which is as long as the process does.
    let methods: &'static mut [ffi::PyMethodDef] = Box::leak(Box::new([
        method(c"send", send, ffi::METH_O),
        method(c"throw", throw, ffi::METH_VARARGS),
        method(c"close", close, ffi::METH_NOARGS),
        ffi::PyMethodDef::zeroed(),
    ]));
    let mut slots = [
        slot(ffi::Py_tp_dealloc, dealloc as *mut c_void),
        slot(ffi::Py_am_await, myself as *mut c_void),
        slot(ffi::Py_am_send, am_send as *mut c_void),
        slot(ffi::Py_tp_iter, myself as *mut c_void),
        slot(ffi::Py_tp_iternext, next as *mut c_void),
        slot(ffi::Py_tp_methods, methods.as_mut_ptr().cast()),
        slot(0, ptr::null_mut()),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"ramekin._ramekin.Ready".as_ptr(),
        basicsize: c_int::try_from(size_of::<Ready>())?,
        itemsize: 0,
        flags: u32::try_from(ffi::Py_TPFLAGS_DEFAULT)?,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: name, methods and functions live as long as the process; the rest is read during the call.
    let made = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
    NonNull::new(made.cast()).map(Type).ok_or_else(|| PyErr::fetch(py))
}
