//! Extreme weights: what a second can't hold is missing from the second, never from the total.

use std::time::Duration;

use tickring::{LocalMeter, ManualClock, Meter};

/// The most events of one second and ring.
pub(crate) const SECOND_MAX: u64 = (1 << 40) - 1;
/// The most shards of a meter.
pub(crate) const CAP: usize = 256;
/// Where a ring's total may stop.
const TOTAL_MAX: u64 = 1 << 63;

/// The weights at which something changes over.
const EDGES: [u64; 12] = [
    0,
    1,
    1 << 24,
    (1 << 24) + 1,
    1 << 39,
    SECOND_MAX - 1,
    SECOND_MAX,
    SECOND_MAX + 1,
    TOTAL_MAX - 1,
    TOTAL_MAX,
    TOTAL_MAX + 1,
    u64::MAX,
];

/// What one ring should hold.
#[derive(Debug, Default)]
struct Expected {
    sum: u128,
    /// Counts of the last seconds, by second.
    seconds: std::collections::VecDeque<(u64, u64)>,
}

impl Expected {
    fn add(&mut self, second: u64, n: u64) {
        self.sum += u128::from(n);
        match self.seconds.back_mut() {
            Some((last, count)) if *last == second => {
                *count = count.saturating_add(n).min(SECOND_MAX);
            }
            _ => self.seconds.push_back((second, n.min(SECOND_MAX))),
        }
    }

    fn window(&mut self, now: u64) -> u64 {
        while self.seconds.front().is_some_and(|(second, _)| second + 60 <= now) {
            self.seconds.pop_front();
        }
        self.seconds.iter().map(|(_, count)| count).sum()
    }
}

/// Records the weights that `bytes` spell through a thread's own shard and through a
/// [`LocalMeter`]. If the first byte is odd all shards are taken, so that both go through the
/// ring that all share.
pub(crate) fn run(bytes: &[u8]) {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    let mut bytes = bytes.iter().copied();
    let shared = bytes.next().unwrap_or(0) % 2 == 1;
    let taken: Vec<LocalMeter<'_>> =
        (0..if shared { CAP } else { 0 }).map(|_| meter.local()).collect();
    let mut local = meter.local();
    let mut expected = [Expected::default(), Expected::default()];
    let mut total_before = 0;
    for step in 0.. {
        let Some(byte) = bytes.next() else { break };
        let through_local = byte & 1 == 1;
        let weight = match byte >> 1 {
            edge @ 0..64 => EDGES[usize::from(edge) % EDGES.len()],
            any @ 64..96 => {
                (0..8).fold(u64::from(any), |n, _| n << 8 | u64::from(bytes.next().unwrap_or(0)))
            }
            millis => {
                clock.advance(Duration::from_millis(u64::from(millis) * 25));
                0
            }
        };
        if through_local {
            local.record_n(weight);
        } else {
            meter.record_n(weight);
        }
        let ring = usize::from(through_local && !shared);
        expected[ring].add(clock.elapsed().as_secs(), weight);
        // A pass over 256 shards is long.
        if !shared || step % 16 == 15 || bytes.len() == 0 {
            total_before = check(&meter, &mut expected, &clock, total_before);
        }
    }
    drop(taken);
}

/// Compares, and returns the total.
fn check(meter: &Meter, expected: &mut [Expected; 2], clock: &ManualClock, before: u64) -> u64 {
    let (snapshot, now) = (meter.snapshot(), clock.elapsed().as_secs());
    let window: u64 = expected.iter_mut().map(|ring| ring.window(now)).sum();
    assert!(snapshot.total() >= snapshot.events_in_window());
    assert!(snapshot.total() >= before, "the total went down");
    if expected.iter().all(|ring| ring.sum < u128::from(TOTAL_MAX)) {
        let sum: u128 = expected.iter().map(|ring| ring.sum).sum();
        assert_eq!(u128::from(snapshot.total()), sum);
        assert_eq!(snapshot.events_in_window(), window);
    } else {
        // A ring whose total has stopped counts no more heavy weights.
        assert!(snapshot.total() >= TOTAL_MAX);
        assert!(snapshot.events_in_window() <= window);
    }
    let rate = snapshot.events_per_hour();
    assert!(rate.is_finite() && rate >= 0.0, "{rate}");
    snapshot.total()
}
