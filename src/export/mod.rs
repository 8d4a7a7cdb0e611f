//! Documents made of plain values: the exposition that Prometheus reads, and the targets of its
//! service discovery. Nothing here reads a meter, a clock or a socket.

pub(crate) mod discovery;
mod durations;
pub(crate) mod exposition;
pub(crate) mod families;
mod own;
mod process;
mod scrape;

pub(crate) use scrape::{
    EventSample, FamilySample, FigureSample, FigureValue, HttpSample, Labelled, OwnFamily, OwnPart,
    ProcessSample, Scrape, ServiceSample, SystemSample,
};

#[cfg(test)]
mod tests;
