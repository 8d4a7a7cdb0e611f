//! What meters, services and a scrape allocate. Alone, because the allocator that counts belongs to
//! the whole process.

#[cfg(feature = "service")] // Which has the labels.
mod labels;
mod meters;
#[cfg(feature = "http")] // Which has the scrape.
mod scrape;
#[cfg(feature = "service")] // Which has the services.
mod services;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test at a time: the pool of shards is the process's, so what one test takes from it another
/// would have to make.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
