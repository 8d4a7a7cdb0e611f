//! Guides: what takes more than one item's documentation to say.
//!
//! They are the files in `guide/`, and their code is compiled.

#[doc = include_str!("../guide/admission.md")]
pub mod admission {}

#[doc = include_str!("../guide/many_meters.md")]
pub mod many_meters {}

#[cfg(feature = "http")]
#[doc = include_str!("../guide/mounting.md")]
pub mod mounting {}

#[doc = include_str!("../guide/tasks.md")]
pub mod tasks {}

#[doc = include_str!("../guide/testing.md")]
pub mod testing {}

#[doc = include_str!("../guide/versions.md")]
pub mod versions {}
