//! The machine's monotonic clock, and the *ticker*, the thread that publishes its seconds.
//!
//! The ticker wakes at each second boundary and advances the published tick. No count depends on it: a
//! reader that finds the tick behind moves it forward. So a late or lost ticker shifts the second in
//! which events count, until the next read. It loses none.
//!
//! # Which ticker is in office
//!
//! `OFFICE` names the ticker that should be running: the process that it belongs to, and a number. A
//! ticker that finds another name there ends. A reader that finds the tick behind looks whether the
//! office has to be filled again:
//!
//! | case | what the reader finds | what has happened | what it does |
//! |---|---|---|---|
//! | 1 | no process in the office | no ticker could be started | starts one |
//! | 2 | another process | a fork: the child has only the thread that forked | starts one |
//! | 3 | this process, and a heartbeat that is [`DEAD_AFTER`] seconds old or older | the ticker is dead (a fork into a process with the same id, as pid namespaces allow), or the machine was suspended or starved | starts one; if the other still lives, it ends when it wakes |
//! | 4 | this process, and a later heartbeat | the second has just turned | nothing |
//!
//! In a healthy process a reader finds the tick behind only in the moments between the turn of a second
//! and the ticker's waking. So it looks here about once a second at most.
//!
//! Relaxed throughout: these words publish nothing but themselves, and of several readers that fill the
//! office at the same time one exchange succeeds.

use std::cell::Cell;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use portable_atomic::AtomicU64;

use super::cell::TickCell;
use super::tick::{Moment, Tick};

static PUBLISHED: TickCell = TickCell::new();
static ORIGIN: OnceLock<Instant> = OnceLock::new();
static TICKER: Ticker = Ticker::new();

/// How many seconds without a heartbeat make a ticker count as dead.
const DEAD_AFTER: u64 = 3;

pub(crate) const fn published() -> &'static TickCell {
    &PUBLISHED
}

fn read() -> Moment {
    Moment::since_origin(ORIGIN.get_or_init(Instant::now).elapsed())
}

pub(super) fn now() -> Moment {
    let now = read();
    if published().load() < now.tick() {
        catch_up(now.tick());
    }
    now
}

/// A thread's last look at the published tick.
struct Look {
    tick: Cell<u64>,
    /// How many more looks at the same tick are free.
    free: Cell<u32>,
    /// How many looks were free after the last check.
    gap: Cell<u32>,
}

impl Look {
    const fn new() -> Self {
        Self { tick: Cell::new(u64::MAX), free: Cell::new(0), gap: Cell::new(0) }
    }

    /// The next look, which finds `tick`; whether it must be checked.
    #[inline]
    fn must_check(&self, tick: Tick) -> bool {
        let free = self.free.get();
        if self.tick.get() == tick.0 && free > 0 {
            self.free.set(free - 1);
            return false;
        }
        self.must_check_now(tick)
    }

    #[cold]
    fn must_check_now(&self, tick: Tick) -> bool {
        if self.tick.replace(tick.0) != tick.0 {
            self.free.set(0);
            self.gap.set(0);
            return false;
        }
        let gap = (2 * self.gap.get()).clamp(1, 63);
        self.free.set(gap);
        self.gap.set(gap);
        true
    }
}

std::thread_local! {
    static LOOK: Look = const { Look::new() };
}

/// The published tick. It is checked against the real time when this thread has found the same tick before:
/// at its second look, then after 1, 2, 4, … 32 free ones, and then at each 64th. So a thread that reads
/// often seldom pays for the clock. One that reads once a second notices a dead ticker at its second read, or
/// after at most 63 more if it read often before.
#[inline]
pub(super) fn tick_for_reader() -> Tick {
    let tick = PUBLISHED.load();
    if LOOK.with(|look| look.must_check(tick)) { now().tick() } else { tick }
}

#[cold]
fn catch_up(tick: Tick) {
    published().advance_to(tick);
    // Without a thread to be had, readers move the tick, and the next one tries again.
    let _ = TICKER.start_if_needed(tick, spawn);
}

/// Starts the ticker, unless this process has one that lives.
pub(super) fn start() -> io::Result<()> {
    TICKER.start_if_needed(read().tick(), spawn)
}

fn spawn(office: u64) -> io::Result<()> {
    let ticker = thread::Builder::new().name("tickring-ticker".into());
    ticker.spawn(move || tick_while_in(office)).map(drop)
}

fn tick_while_in(office: u64) {
    while TICKER.office.load(Relaxed) == office {
        let now = read();
        PUBLISHED.advance_to(now.tick());
        TICKER.heartbeat.fetch_max(now.tick().0, Relaxed);
        thread::sleep(until_next_second(now));
    }
}

fn until_next_second(now: Moment) -> Duration {
    Duration::from_secs(now.tick().0 + 1).saturating_sub(now.elapsed())
}

/// Who ticks, and when it last did; see the [module](self).
struct Ticker {
    /// The process in the low 32 bits, 0 if it has no ticker; above it, how many were started so far.
    office: AtomicU64,
    /// The second in which the ticker last woke.
    heartbeat: AtomicU64,
}

impl Ticker {
    const fn new() -> Self {
        Self { office: AtomicU64::new(0), heartbeat: AtomicU64::new(0) }
    }

    fn start_if_needed(
        &self,
        now: Tick,
        spawn: impl FnOnce(u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let process = u64::from(std::process::id());
        let found = self.office.load(Relaxed);
        let is_alive = || self.heartbeat.load(Relaxed) + DEAD_AFTER > now.0;
        if found & PROCESS == process && is_alive() {
            return Ok(());
        }
        // First, so that no other reader takes the new ticker for dead before it wakes.
        self.heartbeat.fetch_max(now.0, Relaxed);
        // Or else another thread starts one.
        let Some(office) = self.fill(found) else { return Ok(()) };
        spawn(office).inspect_err(|_| {
            let vacant = office & !PROCESS;
            let _ = self.office.compare_exchange(office, vacant, Relaxed, Relaxed);
        })
    }

    /// Names a new ticker, if the office is as it was found. Returns the ticker's name.
    fn fill(&self, found: u64) -> Option<u64> {
        let process = u64::from(std::process::id());
        let office = (starts(found) + 1) << PROCESS.count_ones() | process;
        self.office.compare_exchange(found, office, Relaxed, Relaxed).ok().map(|_| office)
    }

    /// How late the ticker is at `now`; zero while there is none.
    fn lag(&self, now: Moment) -> Duration {
        if self.office.load(Relaxed) & PROCESS == 0 {
            return Duration::ZERO;
        }
        let due = Duration::from_secs(self.heartbeat.load(Relaxed) + 1);
        now.elapsed().saturating_sub(due)
    }
}

const PROCESS: u64 = u32::MAX as u64;

const fn starts(office: u64) -> u64 {
    office >> PROCESS.count_ones()
}

/// How late the ticker is; zero while there is none.
pub(crate) fn lag() -> Duration {
    TICKER.lag(read())
}

/// How many tickers were started so far.
pub(crate) fn ticker_starts() -> u64 {
    starts(TICKER.office.load(Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The offices that were filled by a reader in each of these seconds.
    fn started(ticker: &Ticker, seconds: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut filled = Vec::new();
        for second in seconds {
            let spawn = |office| {
                filled.push(office);
                Ok(())
            };
            ticker.start_if_needed(Tick(second), spawn).unwrap();
        }
        filled
    }

    fn own(number: u64) -> u64 {
        number << 32 | u64::from(std::process::id())
    }

    #[test]
    fn a_process_has_one_ticker_while_it_wakes() {
        let ticker = Ticker::new();
        assert_eq!(started(&ticker, [7, 7, 8, 9]), [own(1)]);
        ticker.heartbeat.store(9, Relaxed);
        assert_eq!(started(&ticker, [10, 11]), [0; 0]);
        assert_eq!(starts(ticker.office.load(Relaxed)), 1);
    }

    /// Case 2. The child is read each second, so it never finds the tick more than a second behind.
    #[test]
    fn a_forked_child_gets_a_ticker_at_once() {
        let ticker = Ticker::new();
        let parent = 5 << 32 | u64::from(std::process::id() ^ 1);
        ticker.office.store(parent, Relaxed);
        ticker.heartbeat.store(100, Relaxed);
        assert_eq!(started(&ticker, [101, 102]), [own(6)]);
    }

    /// Case 3: the child of a fork in a new pid namespace, say.
    #[test]
    fn a_ticker_without_a_heartbeat_is_replaced() {
        let ticker = Ticker::new();
        ticker.office.store(own(1), Relaxed);
        ticker.heartbeat.store(100, Relaxed);
        assert_eq!(started(&ticker, [101, 102]), [0; 0]);
        assert_eq!(started(&ticker, [103]), [own(2)], "three seconds old");
        assert_eq!(started(&ticker, [104, 105]), [0; 0]);
    }

    #[test]
    fn a_ticker_that_gets_no_thread_is_tried_again() {
        let ticker = Ticker::new();
        for _ in 0..2 {
            let refused =
                ticker.start_if_needed(Tick(1), |_| Err(io::ErrorKind::OutOfMemory.into()));
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::OutOfMemory);
            assert_eq!(ticker.lag(Moment::since_origin(Duration::from_secs(9))), Duration::ZERO);
        }
        assert_eq!(started(&ticker, [1, 1]), [own(3)]);
    }

    /// Both have found the office vacant.
    #[test]
    fn one_of_two_readers_fills_the_office() {
        let ticker = Ticker::new();
        let found = ticker.office.load(Relaxed);
        assert_eq!((ticker.fill(found), ticker.fill(found)), (Some(own(1)), None));
        assert_eq!(started(&ticker, [1, 2]), [0; 0]);
    }

    #[test]
    fn the_ticker_sleeps_to_the_next_second() {
        let at = |nanos| until_next_second(Moment::since_origin(Duration::from_nanos(nanos)));
        assert_eq!(at(0), Duration::from_secs(1));
        assert_eq!(at(7_000_000_000), Duration::from_secs(1));
        assert_eq!(at(7_250_000_000), Duration::from_millis(750));
        assert_eq!(at(7_999_999_999), Duration::from_nanos(1));
    }

    #[test]
    fn a_ticker_that_lost_its_office_ends() {
        // Returns: no process has this office.
        tick_while_in(u64::MAX);
    }

    #[test]
    fn looks_at_one_tick_seldom_read_the_clock() {
        let look = Look::new();
        let checks: Vec<u32> = (1..=300).filter(|_| look.must_check(Tick(7))).collect();
        assert_eq!(checks, [2, 4, 7, 12, 21, 38, 71, 135, 199, 263]);
        assert_eq!([8, 8].map(|tick| look.must_check(Tick(tick))), [false, true]);
    }

    #[test]
    fn the_lag_counts_from_the_last_heartbeat() {
        let ticker = Ticker::new();
        let at = |millis| Moment::since_origin(Duration::from_millis(millis));
        assert_eq!(ticker.lag(at(60_000)), Duration::ZERO, "no meter is in use");
        ticker.office.store(own(1), Relaxed);
        ticker.heartbeat.store(59, Relaxed);
        assert_eq!(ticker.lag(at(60_000)), Duration::ZERO);
        assert_eq!(ticker.lag(at(61_500)), Duration::from_millis(1500));
    }
}
