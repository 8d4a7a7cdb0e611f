//! What is compared, as far as it can be compared.

use std::sync::Arc;

/// A metric that counts events, of one crate.
pub trait Peer: Send + Sync + 'static {
    /// The crate and the type.
    const NAME: &'static str;
    /// What a reader gets out of it.
    const GIVES: &'static str;

    /// A metric to which nothing has happened.
    fn new() -> Self;
    /// One event.
    fn record(&self);
    /// What a reader would do; its figure is used up.
    fn read(&self) -> f64;
    /// Events per second over the last minute, where it gives such a rate.
    fn rate(&self) -> Option<f64> {
        None
    }
}

/// A peer with its type taken away. Inside, the loops are compiled for the type.
pub struct Entry {
    pub name: &'static str,
    pub gives: &'static str,
    /// Nanoseconds per record for each of some threads that do so many.
    pub team: Box<dyn Fn(usize, u32) -> f64>,
    /// Nanoseconds per read, of so many; while another thread records, or not.
    pub reads: Box<dyn Fn(u32, bool) -> f64>,
    /// Bytes of one metric on which one thread has recorded, and on which sixteen have, once each.
    pub bytes: [usize; 2],
    /// Two fresh metrics for the two streams.
    pub streams: [Arc<dyn Stream>; 2],
}

/// A metric that is fed a stream of events.
pub trait Stream: Send + Sync {
    fn feed(&self, events: u64);
    fn rate(&self) -> Option<f64>;
}

impl<P: Peer> Stream for P {
    fn feed(&self, events: u64) {
        for _ in 0..events {
            self.record();
        }
    }

    fn rate(&self) -> Option<f64> {
        Peer::rate(self)
    }
}
