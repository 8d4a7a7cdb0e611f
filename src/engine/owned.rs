//! Recorders and guards that borrow nothing, for structs, request contexts and tasks.

use std::time::{Duration, Instant};

use crate::engine::handle::{MeterHandle, TimerHandle};
use crate::engine::own::OwnShard;
use crate::engine::time::Clock;

/// A [`LocalMeter`](crate::LocalMeter) that holds its meter, so that it can be a field of a struct.
///
/// All that is said there about threads, tasks and memory is true here: make one for each worker, not one
/// for each task. A record costs the same.
///
/// ```
/// use tickring::{Meter, OwnedLocalMeter};
///
/// static BYTES: Meter = Meter::new();
///
/// struct Worker {
///     bytes: OwnedLocalMeter,
/// }
///
/// let mut worker = Worker { bytes: OwnedLocalMeter::new(&BYTES) };
/// worker.bytes.record_n(1500);
/// std::thread::spawn(move || worker.bytes.record_n(64)).join().unwrap();
/// assert_eq!(BYTES.total(), 1564);
/// ```
#[derive(Debug)]
pub struct OwnedLocalMeter {
    /// Before the meter: it is given back before the meter may end.
    own: OwnShard,
    meter: MeterHandle,
}

impl OwnedLocalMeter {
    /// A recorder on a meter that is static or in an [`Arc`](std::sync::Arc).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tickring::{Meter, OwnedLocalMeter};
    ///
    /// let frames = Arc::new(Meter::new());
    /// let mut local = OwnedLocalMeter::new(frames.clone());
    /// local.record();
    /// assert_eq!(frames.total(), 1);
    /// ```
    #[must_use]
    pub fn new(meter: impl Into<MeterHandle>) -> Self {
        let meter = meter.into();
        meter.start_once();
        Self { own: OwnShard::of(meter.clock().published(), meter.roster()), meter }
    }

    /// The meter on which it records.
    #[must_use]
    pub fn meter(&self) -> &MeterHandle {
        &self.meter
    }

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

/// A [`Timing`](crate::Timing) that holds its timer, so that it can be a field of a request's context or
/// move into a spawned task. When it is dropped, it records, unless
/// [`only_if_stopped`](Self::only_if_stopped) says otherwise.
///
/// ```
/// use tickring::{OwnedTiming, Timer};
///
/// static REQUESTS: Timer = Timer::new();
///
/// struct Context {
///     _timing: OwnedTiming,
/// }
///
/// let context = Context { _timing: OwnedTiming::start(&REQUESTS) };
/// std::thread::spawn(move || drop(context)).join().unwrap();
/// assert_eq!(REQUESTS.snapshot().since_start().count(), 1);
/// ```
#[derive(Debug)]
#[must_use = "when it is dropped it records, and that is at once if it is not kept"]
pub struct OwnedTiming {
    timer: TimerHandle,
    since: Since,
    /// Whether it records when it is dropped.
    armed: bool,
}

/// When an event began, by the timer's clock.
#[derive(Debug)]
enum Since {
    /// Read directly, as [`Timing`](crate::Timing) does.
    System(Instant),
    Other(Duration),
}

impl OwnedTiming {
    /// Begins to time an event on a timer that is static or in an [`Arc`](std::sync::Arc).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tickring::{OwnedTiming, Timer};
    ///
    /// let queries = Arc::new(Timer::new());
    /// let took = OwnedTiming::start(queries.clone()).stop();
    /// assert_eq!(queries.snapshot().since_start().sum(), took);
    /// ```
    pub fn start(timer: impl Into<TimerHandle>) -> Self {
        let timer = timer.into();
        let since = match timer.clock() {
            Clock::System => Since::System(Instant::now()),
            other => Since::Other(other.now().elapsed()),
        };
        Self { timer, since, armed: true }
    }

    /// Records only at [`stop`](Self::stop). When it is dropped before, nothing is recorded, for example
    /// because `?` returns early or the task is cancelled. [`Timer::stopwatch`](crate::Timer::stopwatch)
    /// is the borrowed form.
    ///
    /// ```
    /// use tickring::{OwnedTiming, Timer};
    ///
    /// static PARSED: Timer = Timer::new();
    ///
    /// fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    ///     let timing = OwnedTiming::start(&PARSED).only_if_stopped();
    ///     let number = text.parse()?;
    ///     timing.stop();
    ///     Ok(number)
    /// }
    ///
    /// assert!(parse("7").is_ok() && parse("seven").is_err());
    /// assert_eq!(PARSED.snapshot().events().total(), 1);
    /// ```
    pub fn only_if_stopped(mut self) -> Self {
        self.armed = false;
        self
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match &self.since {
            Since::System(start) => start.elapsed(),
            Since::Other(start) => self.timer.clock().now().elapsed().saturating_sub(*start),
        }
    }

    /// Records now, and returns the duration that was recorded.
    #[allow(clippy::must_use_candidate)] // For what it does.
    pub fn stop(mut self) -> Duration {
        self.armed = false;
        let elapsed = self.elapsed();
        self.timer.record(elapsed);
        elapsed
    }

    /// Ends without a record.
    pub fn discard(mut self) {
        self.armed = false;
    }
}

impl Drop for OwnedTiming {
    fn drop(&mut self) {
        if self.armed {
            self.timer.record(self.elapsed());
        }
    }
}
