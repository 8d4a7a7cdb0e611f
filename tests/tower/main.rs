//! The tower layer, without a socket and under axum.

mod axum;
mod fixture;
mod labels;
mod open;
mod requests;
mod routes;
mod statics;
mod streams;
#[path = "../support/mod.rs"]
mod support;
