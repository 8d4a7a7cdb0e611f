//! The only place that chooses between the real primitives and loom's.
//!
//! The rest of the engine gets its atomics, locks and statics from this module. So the models in
//! `loom-tests` run the code that ships.

#[cfg(loom)]
pub(crate) use self::model::{AtomicU64, Mutex, OnceLock, Ordering, load_own, spin_loop};
#[cfg(not(loom))]
pub(crate) use self::real::{AtomicU64, Mutex, OnceLock, Ordering, load_own, spin_loop};

/// Declares a process-wide value. Under loom each execution has a new one.
macro_rules! process_wide {
    ($(#[$attr:meta])* $(pub($scope:tt))? static $name:ident: $ty:ty = $init:expr;) => {
        #[cfg(not(loom))]
        $(#[$attr])*
        $(pub($scope))? static $name: $ty = $init;
        #[cfg(loom)]
        loom::lazy_static! {
            $(#[$attr])*
            $(pub($scope))? static ref $name: $ty = $init;
        }
    };
}

/// Declares a thread-local; its initialiser is a constant outside loom.
macro_rules! per_thread {
    ($(#[$attr:meta])* static $name:ident: $ty:ty = $init:expr;) => {
        #[cfg(not(loom))]
        std::thread_local! {
            $(#[$attr])*
            static $name: $ty = const { $init };
        }
        #[cfg(loom)]
        loom::thread_local! {
            $(#[$attr])*
            static $name: $ty = $init;
        }
    };
}

/// Declares a `const fn` constructor. Loom's atomics have no constant constructor, so under loom it is an
/// ordinary function.
macro_rules! const_unless_loom {
    ($(#[$attr:meta])* $vis:vis fn $name:ident($($arg:ident: $arg_ty:ty),*) -> $ret:ty $body:block) => {
        #[cfg(not(loom))]
        $(#[$attr])*
        $vis const fn $name($($arg: $arg_ty),*) -> $ret $body
        #[cfg(loom)]
        $(#[$attr])*
        $vis fn $name($($arg: $arg_ty),*) -> $ret $body
    };
}

pub(crate) use {const_unless_loom, per_thread, process_wide};

#[cfg(not(loom))]
mod real {
    pub(crate) use core::{hint::spin_loop, sync::atomic::Ordering};
    pub(crate) use portable_atomic::AtomicU64;
    pub(crate) use std::sync::{Mutex, OnceLock};

    /// Reads an atomic that only the calling thread writes.
    ///
    /// Relaxed: a thread always sees its own last store, and the stores of a former owner happened before
    /// this thread became the owner. In a model this load is checked, and is no scheduling point.
    #[inline]
    pub(crate) fn load_own(cell: &AtomicU64) -> u64 {
        cell.load(Ordering::Relaxed)
    }
}

#[cfg(loom)]
#[allow(unsafe_code)]
mod model;
