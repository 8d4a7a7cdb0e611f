//! Loom's primitives, and what it lacks of those that the engine uses.

pub(crate) use loom::hint::spin_loop;
use loom::sync::atomic::AtomicPtr;
pub(crate) use loom::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

/// Reads an atomic that only the calling thread writes.
///
/// The load is checked: a store by another thread that isn't ordered before it fails the model. It is no
/// scheduling point, since the checker backtracks only from the last access to an atomic, and an owner's
/// load just before its own store would hide the races of that store.
pub(crate) fn load_own(cell: &AtomicU64) -> u64 {
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
