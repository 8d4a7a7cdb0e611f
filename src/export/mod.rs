//! Documents made of plain values. Nothing here reads a meter, a clock or a socket.

pub(crate) mod discovery;
pub(crate) mod exposition;
pub(crate) mod families;
mod scrape;

pub(crate) use scrape::{EventSample, HostSample, HttpSample, Scrape, ServiceSample};
