//! The only place that chooses between the real primitives and loom's.
//!
//! The rest of the engine gets its atomics, locks and statics from this module. So the models in
//! `loom-tests` run the code that ships.

#[cfg(loom)]
pub(crate) use self::model::{AtomicU64, Mutex, OnceLock, Ordering, spin_loop};
#[cfg(not(loom))]
pub(crate) use self::real::{AtomicU64, Mutex, OnceLock, Ordering, spin_loop};

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

/// Reads an atomic that only the calling thread writes.
///
/// Relaxed: a thread always sees its own last store, and the stores of a former owner happened before
/// this thread became the owner. Under loom this load is checked: a store by another thread that isn't
/// ordered before it fails the model. It is no scheduling point there, since the checker backtracks only
/// from the last access to an atomic, and an owner's load just before its own store would hide the races
/// of that store.
#[inline]
pub(crate) fn load_own(cell: &AtomicU64) -> u64 {
    #[cfg(not(loom))]
    {
        cell.load(Ordering::Relaxed)
    }
    #[cfg(loom)]
    {
        self::model::load_own(cell)
    }
}

#[cfg(not(loom))]
mod real {
    pub(crate) use core::{hint::spin_loop, sync::atomic::Ordering};
    pub(crate) use portable_atomic::AtomicU64;
    pub(crate) use std::sync::{Mutex, OnceLock};
}

#[cfg(loom)]
#[allow(unsafe_code)]
mod model {
    pub(crate) use loom::hint::spin_loop;
    use loom::sync::atomic::AtomicPtr;
    pub(crate) use loom::sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    };

    pub(super) fn load_own(cell: &AtomicU64) -> u64 {
        // SAFETY: loom itself checks the condition, that no store runs concurrently, and fails
        // the model when it does not hold.
        unsafe { cell.unsync_load() }
    }

    /// The part of `std::sync::OnceLock` that the engine uses, visible to the checker.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T>(AtomicPtr<T>);

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self(AtomicPtr::new(std::ptr::null_mut()))
        }

        pub(crate) fn get(&self) -> Option<&T> {
            // SAFETY: the pointer is null or came from `Box::into_raw` in `set`, and is freed
            // in `drop` only.
            unsafe { self.0.load(Ordering::Acquire).as_ref() }
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            let new = Box::into_raw(Box::new(value));
            let null = std::ptr::null_mut();
            match self.0.compare_exchange(null, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => Ok(()),
                // SAFETY: `new` was made above and never published.
                Err(_) => Err(unsafe { *Box::from_raw(new) }),
            }
        }
    }

    impl<T> Drop for OnceLock<T> {
        fn drop(&mut self) {
            // Checked to be ordered after all other uses.
            let held = self.0.with_mut(|held| *held);
            if !held.is_null() {
                // SAFETY: see `get`; `&mut self` rules out other users.
                drop(unsafe { Box::from_raw(held) });
            }
        }
    }
}
