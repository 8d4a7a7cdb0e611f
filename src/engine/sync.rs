//! The one place that chooses between the real primitives and loom's.
//!
//! The rest of the crate names atomics, locks and statics through this module,
//! so that the models in `loom-tests` run the very code that ships.

#[cfg(loom)]
pub(crate) use self::model::{AtomicU64, Mutex, OnceLock, Ordering, spin_loop};
#[cfg(not(loom))]
pub(crate) use self::real::{AtomicU64, Mutex, OnceLock, Ordering, spin_loop};

/// Declares a process-wide value. Under loom it is made anew for each execution.
macro_rules! process_wide {
    ($(#[$attr:meta])* static $name:ident: $ty:ty = $init:expr;) => {
        #[cfg(not(loom))]
        $(#[$attr])*
        static $name: $ty = $init;
        #[cfg(loom)]
        loom::lazy_static! {
            $(#[$attr])*
            static ref $name: $ty = $init;
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

/// Declares a `const fn` constructor. Loom's atomics have no constant constructor, so there it
/// is an ordinary function.
macro_rules! const_unless_loom {
    ($(#[$attr:meta])* $vis:vis fn $name:ident() -> $ret:ty $body:block) => {
        #[cfg(not(loom))]
        $(#[$attr])*
        $vis const fn $name() -> $ret $body
        #[cfg(loom)]
        $(#[$attr])*
        $vis fn $name() -> $ret $body
    };
}

pub(crate) use {const_unless_loom, per_thread, process_wide};

/// Reads an atomic that only the calling thread writes.
///
/// Relaxed: a thread always sees its own last store, and the stores of a former owner happened
/// before it became the owner. Under loom this read is checked (a foreign store that is not
/// ordered before it fails the model) and is no scheduling point: the checker backtracks from
/// the last access to an atomic only, and an owner's read in front of its own store would hide
/// the races with other threads that the store takes part in.
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

    /// `std::sync::OnceLock` as far as the engine uses it, visible to the checker.
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
