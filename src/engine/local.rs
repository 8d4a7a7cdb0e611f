//! A recorder that keeps its shard at hand.

use crate::engine::meter::Meter;
use crate::engine::own::OwnShard;

/// Records on a [`Meter`] through a shard that it owns; made by [`Meter::local`].
///
/// It can move to another thread, but two threads can't use it at the same time. When it is dropped, its
/// shard goes with its counts to the next recorder of the meter.
#[derive(Debug)]
pub struct LocalMeter<'a> {
    meter: &'a Meter,
    own: OwnShard,
}

impl Meter {
    /// A recorder that owns a shard, for the tightest loops: it needs no look-up, so a record costs a
    /// third. When all 256 shards of the meter are taken, it records on the ring that threads share.
    ///
    /// Make one for each thread or worker, and keep it. Each that is alive at the same time takes 704 bytes,
    /// which are never freed, and makes each snapshot longer by a ring. So one for each async task takes 704
    /// bytes for each concurrent task, up to 256. A task does better to record on the meter itself, which
    /// uses the shard of the thread that runs it. [`OwnedLocalMeter`](crate::OwnedLocalMeter) borrows nothing,
    /// for structs.
    ///
    /// ```
    /// static BYTES: tickring::Meter = tickring::Meter::new();
    /// let mut bytes = BYTES.local();
    /// for packet in [&b"one"[..], b"three"] {
    ///     bytes.record_n(packet.len() as u64);
    /// }
    /// assert_eq!(BYTES.snapshot().total(), 8);
    /// ```
    #[must_use]
    pub fn local(&self) -> LocalMeter<'_> {
        self.start_once();
        LocalMeter { own: OwnShard::of(self.clock().published(), self.roster()), meter: self }
    }
}

impl LocalMeter<'_> {
    /// Counts one event, now.
    #[inline]
    pub fn record(&mut self) {
        self.record_n(1);
    }

    /// Counts `n` events, now.
    #[inline]
    pub fn record_n(&mut self, n: u64) {
        if !self.own.add(n) {
            self.own.add_shared(self.meter.roster(), n);
        }
    }
}
