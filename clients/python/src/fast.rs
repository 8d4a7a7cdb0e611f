//! The methods that count, past `PyO3`'s calling convention.
//!
//! The stable interface of Python 3.9 has no calling convention but a tuple and a dictionary, and to take a
//! call's arguments from these costs as much as everything else in a record. So these methods are made by
//! hand, with the convention that every Python from 3.7 on has, and that is stable since 3.10: an array
//! of arguments. Without an argument, or with an integer, no Python code runs, and nothing is allocated.
//!
//! All `unsafe` code that Python's calls need is here.

use std::ffi::CStr;

use pyo3::PyClass;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use crate::arguments;

/// `METH_FASTCALL`, and with keywords.
const CONVENTION: std::ffi::c_int = 0x0080 | ffi::METH_KEYWORDS;

/// A class with methods that count.
pub(crate) trait Counts: PyClass<Frozen = True> + Sync {
    /// Counts events of a kind that the class knows by a number.
    fn count<const EVENT: usize>(&self, count: u64);

    /// A call made no sense.
    fn refuse(&self);
}

type Fast = unsafe extern "C" fn(
    *mut PyObject,
    *const *mut PyObject,
    isize,
    *mut PyObject,
) -> *mut PyObject;

/// `record(count=1)`.
unsafe extern "C" fn record<T: Counts, const EVENT: usize>(
    this: *mut PyObject,
    arguments: *const *mut PyObject,
    positional: isize,
    keywords: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the interpreter calls this, so the thread is attached to it; a method descriptor has checked
    // that `this` is an instance of `T`; and there are `positional` arguments.
    unsafe {
        let class = as_ref::<T>(&this);
        if keywords.is_null() && positional == 0 {
            class.count::<EVENT>(1);
            return none();
        }
        if keywords.is_null() && positional == 1 && ffi::PyLong_CheckExact(*arguments) != 0 {
            let count = ffi::PyLong_AsUnsignedLongLong(*arguments);
            if count == u64::MAX && !ffi::PyErr_Occurred().is_null() {
                ffi::PyErr_Clear();
                class.refuse();
            } else {
                class.count::<EVENT>(count);
            }
            return none();
        }
        slow(arguments, positional, keywords, "count", |count| {
            match arguments::count(count)? {
                Some(count) => class.count::<EVENT>(count),
                None => class.refuse(),
            }
            Ok(())
        })
    }
}

/// `record_event(event_data=None)`: counts one event, whatever it is about.
unsafe extern "C" fn record_one<T: Counts, const EVENT: usize>(
    this: *mut PyObject,
    arguments: *const *mut PyObject,
    positional: isize,
    keywords: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as above.
    unsafe {
        let class = as_ref::<T>(&this);
        if keywords.is_null() && positional <= 1 {
            class.count::<EVENT>(1);
            return none();
        }
        slow(arguments, positional, keywords, "event_data", |_| {
            class.count::<EVENT>(1);
            Ok(())
        })
    }
}

/// # Safety
///
/// The thread is attached, and `this` is an instance of `T`.
#[inline]
unsafe fn as_ref<T: Counts>(this: &*mut PyObject) -> &T {
    unsafe {
        let this = Bound::ref_from_ptr(Python::assume_attached(), this);
        this.cast_unchecked::<T>().get()
    }
}

/// # Safety
///
/// The thread is attached.
#[inline]
unsafe fn none() -> *mut PyObject {
    unsafe {
        let none = ffi::Py_None();
        ffi::Py_INCREF(none);
        none
    }
}

/// A call with something else than one integer.
///
/// # Safety
///
/// The thread is attached. The arguments are those of a call of this convention.
#[cold]
unsafe fn slow(
    arguments: *const *mut PyObject,
    positional: isize,
    keywords: *mut PyObject,
    name: &str,
    act: impl FnOnce(Option<&Bound<'_, PyAny>>) -> PyResult<()>,
) -> *mut PyObject {
    Python::attach(|py| {
        let done = (|| {
            // SAFETY: the caller's.
            let names = unsafe { Bound::from_borrowed_ptr_or_opt(py, keywords) };
            let by_name = names.as_ref().map_or(Ok(0), PyAnyMethods::len)?;
            if positional.unsigned_abs() + by_name > 1 {
                return Err(PyTypeError::new_err(format!("one argument at most: {name}")));
            }
            if let Some(given) = names.filter(|_| by_name == 1) {
                let given = given.get_item(0)?;
                if !given.eq(name)? {
                    let error = format!("unexpected keyword argument {given}: known is {name}");
                    return Err(PyTypeError::new_err(error));
                }
            }
            let given = positional.unsigned_abs() + by_name == 1;
            // SAFETY: the caller's; keyword arguments follow the positional ones.
            let argument = given.then(|| unsafe { Bound::from_borrowed_ptr(py, *arguments) });
            act(argument.as_ref().filter(|argument| !argument.is_none()))
        })();
        match done {
            // SAFETY: the thread is attached.
            Ok(()) => unsafe { none() },
            Err(error) => {
                error.restore(py);
                std::ptr::null_mut()
            }
        }
    })
}

/// A method of a class: its name, its documentation with its signature, and what it calls.
pub(crate) struct Method {
    name: &'static CStr,
    doc: &'static CStr,
    call: Fast,
}

impl Method {
    /// A method `NAME(count=1)`. Both texts end in a zero.
    pub(crate) const fn counting<T: Counts, const EVENT: usize>(
        name: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name: text(name), doc: text(doc), call: record::<T, EVENT> }
    }

    /// A method `NAME(event_data=None)`.
    pub(crate) const fn one<T: Counts, const EVENT: usize>(
        name: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name: text(name), doc: text(doc), call: record_one::<T, EVENT> }
    }
}

/// A text that ends in a zero, which is checked when this is compiled.
const fn text(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("a text ends in a zero, and has no other"),
    }
}

/// Adds methods to a class. They are there as long as the process is.
pub(crate) fn add<T: Counts>(
    py: Python<'_>,
    methods: impl IntoIterator<Item = Method>,
) -> PyResult<()> {
    let class = py.get_type::<T>();
    for Method { name, doc, call } in methods {
        // SAFETY: the flags say which kind of function it is. `PyO3` has no name for this kind here.
        let call = unsafe { std::mem::transmute::<Fast, ffi::PyCFunctionWithKeywords>(call) };
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionWithKeywords: call },
            ml_flags: CONVENTION,
            ml_doc: doc.as_ptr(),
        }));
        // SAFETY: the definition is there for ever, and its function is for instances of this class.
        let method = unsafe {
            let method = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
            Bound::from_owned_ptr_or_err(py, method)?
        };
        class.setattr(name, method)?;
    }
    Ok(())
}
