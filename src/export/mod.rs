//! Documents made of plain values: the exposition that Prometheus reads, and the targets of its
//! service discovery. Nothing here reads a meter, a clock or a socket.

pub(crate) mod discovery;
pub(crate) mod exposition;
pub(crate) mod families;
mod process;
mod scrape;

pub(crate) use scrape::{
    EventSample, FamilySample, FigureSample, FigureValue, HttpSample, Labelled, ProcessSample,
    Scrape, ServiceSample, SystemSample,
};

#[cfg(test)]
mod tests;
