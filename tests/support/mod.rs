//! What several tests share.
#![allow(dead_code)] // Each of them uses its own part.

pub(crate) mod engine;
#[cfg(feature = "service")]
pub(crate) mod fleet;
#[cfg(feature = "http")]
pub(crate) mod http;
pub(crate) mod meeting;
#[cfg(feature = "http")]
pub(crate) mod router;

use std::time::Duration;

/// Long enough for anything that ought to happen on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
