//! Documents made of plain values. Nothing here reads a meter, a clock or a socket.

pub(crate) mod discovery;
mod families;
pub(crate) mod prometheus;
mod scrape;

pub(crate) use scrape::{EventSample, HostSample, HttpSample, Scrape, ServiceSample};
