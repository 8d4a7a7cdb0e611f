//! Schedules: bytes that say who records what when, carried out on meters and, step by step, on
//! the naive deque.
//!
//! Any bytes are a schedule, so the same code serves a random test (bytes of a generator) and a
//! fuzzer. One actor is at work at a time, on whichever thread; that makes the answer exact.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use tickring::{LocalMeter, ManualClock, Meter, Snapshot};

use super::deque::Deque;

const METERS: usize = 3;
const WORKERS: usize = 3;
const YEAR: u64 = 365 * 24 * 3600;

/// Gaps at which rings go wrong, in seconds.
const GAPS: [u64; 11] = [0, 1, 2, 3, 59, 60, 61, 63, 64, 65, 120];

/// Carries out the schedule that `bytes` spell, and returns how many steps it had. Panics at the
/// first difference.
pub(crate) fn run(bytes: &[u8]) -> usize {
    let mut stage = Stage::new(bytes.to_vec());
    let mut workers = Workers::default();
    while stage.steps(usize::MAX, 0, None, Some(&mut workers)) {}
    stage.check_all();
    stage.taken
}

/// A meter, and what it should say. Outside a worker nobody else looks at the deque.
#[derive(Debug)]
struct Subject {
    meter: Meter,
    truth: std::sync::Mutex<Truth>,
}

#[derive(Debug, Default)]
struct Truth {
    deque: Deque,
    first_use: Option<Duration>,
    recorded_on: bool,
}

/// A recorder of one's own, with the meter that it records on.
type Local<'a> = (&'a Subject, LocalMeter<'a>);

#[derive(Debug, Default)]
struct Stage {
    script: Vec<u8>,
    at: usize,
    taken: usize,
    years: u32,
    clock: ManualClock,
    /// The time that recorders go by: the clock's, unless its ticker is late.
    shown: Duration,
    subjects: Vec<Arc<Subject>>,
}

impl Stage {
    fn new(script: Vec<u8>) -> Self {
        let mut stage = Self { script, ..Self::default() };
        stage.subjects = (0..METERS).map(|_| stage.subject()).collect();
        stage
    }

    fn subject(&self) -> Arc<Subject> {
        let meter = Meter::with_clock(self.clock.clone());
        Arc::new(Subject { meter, truth: std::sync::Mutex::default() })
    }

    fn byte(&mut self) -> u8 {
        let byte = self.script.get(self.at).copied();
        self.at += 1;
        byte.unwrap_or(0)
    }

    fn pick(&mut self) -> usize {
        usize::from(self.byte()) % METERS
    }

    /// Up to `steps` steps; whether the script goes on.
    fn steps(
        &mut self,
        steps: usize,
        depth: usize,
        mut local: Option<&mut Local<'_>>,
        mut workers: Option<&mut Workers>,
    ) -> bool {
        for _ in 0..steps {
            if self.at >= self.script.len() {
                return false;
            }
            self.taken += 1;
            self.step(depth, local.as_deref_mut(), workers.as_deref_mut());
        }
        true
    }

    fn step(&mut self, depth: usize, local: Option<&mut Local<'_>>, workers: Option<&mut Workers>) {
        match self.byte() % 32 {
            0..=9 => self.record(1),
            10..=13 => {
                let n = self.weight();
                self.record(n);
            }
            14..=17 => {
                let n = self.weight();
                match local {
                    Some((subject, recorder)) => {
                        recorder.record_n(n);
                        subject.truth.lock().unwrap().deque.record(self.shown, n);
                    }
                    None => self.record(n),
                }
            }
            18..=22 => self.advance(),
            23 => self.go_back(),
            24 => self.advance_late(),
            25 => self.check_all(),
            26 => self.replace(),
            27 | 28 if depth < 4 => self.with_local(depth, workers),
            29 if depth < 4 => {
                // A thread that comes, records and goes. It takes the recorder along.
                let steps = usize::from(self.byte() % 16);
                let there = || self.steps(steps, depth + 1, local, None);
                thread::scope(|scope| join(scope.spawn(there)));
            }
            30 => {
                if let Some(workers) = workers {
                    let (worker, steps) = (self.pick(), self.byte() % 32);
                    workers.work(worker, self, steps.into());
                }
            }
            31 => {
                if let Some(workers) = workers {
                    workers.end(usize::from(self.byte()) % WORKERS);
                }
            }
            _ => {}
        }
    }

    /// Up to 2^20, so that no second of a schedule reaches the 2^40 that it can hold.
    fn weight(&mut self) -> u64 {
        let byte = self.byte();
        if byte < 240 { u64::from(byte % 8) } else { 1 << (byte % 21) }
    }

    fn record(&mut self, n: u64) {
        let subject = Arc::clone(&self.subjects[self.taken % 5 % METERS]);
        if n != 0 {
            self.first_record(&subject);
        }
        if n == 1 {
            subject.meter.record();
        } else {
            subject.meter.record_n(n);
        }
        subject.truth.lock().unwrap().deque.record(self.shown, n);
        if self.taken.is_multiple_of(8) {
            self.check(&subject);
        }
    }

    /// A meter's first record reads the clock, and helps it if its ticker is late.
    fn first_record(&mut self, subject: &Subject) {
        let mut truth = subject.truth.lock().unwrap();
        if !truth.recorded_on {
            truth.recorded_on = true;
            self.shown = self.clock.elapsed();
            truth.first_use.get_or_insert(self.shown);
        }
    }

    /// By up to 1.3 s most of the time; by a gap, or a year, now and then.
    fn advance(&mut self) {
        let byte = self.byte();
        let by = match byte {
            0..192 => Duration::from_micros(u64::from(byte) * 6789),
            192..254 => Duration::from_secs(GAPS[usize::from(byte) % GAPS.len()]),
            254 => Duration::from_nanos(1),
            // Laps repeat after 34 years; a schedule ends before that.
            255 if self.years < 16 => {
                self.years += 1;
                Duration::from_secs(YEAR)
            }
            255 => Duration::ZERO,
        };
        let before = self.clock.elapsed();
        self.clock.advance(by);
        assert_eq!(self.clock.elapsed(), before + by);
        self.shown = self.clock.elapsed();
        self.check_all();
    }

    /// Asks the clock to go back. It doesn't.
    fn go_back(&mut self) {
        let by = Duration::from_secs(self.byte().into());
        let before = self.clock.elapsed();
        self.clock.set(before.saturating_sub(by));
        assert_eq!(self.clock.elapsed(), before);
        self.shown = before;
        self.check_all();
    }

    /// The ticker comes late: what is recorded now counts in the second shown before.
    fn advance_late(&mut self) {
        let by = Duration::from_millis(u64::from(self.byte()) * 50);
        self.clock.advance_unpublished(by);
        let n = u64::from(self.byte() % 4);
        let subject = Arc::clone(&self.subjects[0]);
        if n != 0 {
            self.first_record(&subject);
            subject.meter.record_n(n);
            subject.truth.lock().unwrap().deque.record(self.shown, n);
        }
    }

    /// Drops a meter, whose shards others then get, and makes a new one.
    fn replace(&mut self) {
        let index = self.pick();
        self.subjects[index] = self.subject();
    }

    fn with_local(&mut self, depth: usize, workers: Option<&mut Workers>) {
        let (index, steps) = (self.pick(), usize::from(self.byte() % 16));
        let subject = Arc::clone(&self.subjects[index]);
        self.first_record(&subject);
        let mut local = (&*subject, subject.meter.local());
        self.steps(steps, depth + 1, Some(&mut local), workers);
        drop(local);
        self.check(&subject);
    }

    fn check_all(&mut self) {
        for subject in self.subjects.clone() {
            self.check(&subject);
        }
    }

    fn check(&mut self, subject: &Subject) {
        let now = self.clock.elapsed();
        // Reading helps it, too.
        self.shown = now;
        let mut truth = subject.truth.lock().unwrap();
        truth.first_use.get_or_insert(now);
        truth.deque.prune(now);
        truth.compare(&subject.meter, now);
    }
}

impl Truth {
    fn compare(&self, meter: &Meter, now: Duration) {
        let (snapshot, deque) = (meter.snapshot(), &self.deque);
        let per_second = deque.per_second(now);
        assert_eq!(snapshot.per_second(), &per_second, "seconds at {now:?}");
        assert_eq!(snapshot.total(), deque.total(), "total at {now:?}");
        assert_eq!(snapshot.events_in_window(), per_second.iter().sum::<u64>());
        assert_eq!(Some(snapshot.peak_per_second()), per_second.iter().max().copied());
        assert_eq!(snapshot.last_event_age(), deque.last_event_age(now), "age at {now:?}");
        let uptime = now.checked_sub(self.first_use.unwrap()).unwrap();
        assert_eq!(snapshot.uptime(), uptime);
        assert_eq!(snapshot.covered(), uptime.min(Duration::from_secs(60)));

        // Between the exact answer and this one there is at most the oldest second, which only
        // the deque can divide exactly.
        let (window, oldest) = (snapshot.events_per_second() * 60.0, deque.oldest_second(now));
        let exact = deque.last_minute(now);
        let off = (window - float(exact)).abs();
        let rounding = 1e-12 * float(exact + oldest);
        assert!(off <= float(oldest) + rounding, "{window} for {exact}, oldest second {oldest}");
        let share = 1.0 - f64::from(now.subsec_nanos()) / 1e9;
        let expected = float(snapshot.events_in_window()) + share * float(oldest);
        assert!((window - expected).abs() <= rounding, "{window}, not {expected}, at {now:?}");
        // By all ways, and twice: the second time from what the first has kept.
        for _ in 0..2 {
            assert_eq!(meter.total(), snapshot.total(), "total at {now:?}");
            assert_eq!(meter.events_in_window(), snapshot.events_in_window(), "at {now:?}");
            let rate = meter.events_per_second();
            assert_eq!(rate.to_bits(), snapshot.events_per_second().to_bits(), "{rate} at {now:?}");
        }

        compare_spans(&snapshot, oldest, share);
    }
}

/// `leaving` is the count of the second before the window, `share` the part of a second that is still in
/// a span when it leaves.
fn compare_spans(snapshot: &Snapshot, leaving: u64, share: f64) {
    let seconds: Vec<f64> =
        [leaving].iter().chain(snapshot.per_second()).map(|&count| float(count)).collect();
    for span in [1_u32, 2, 10, 59, 60] {
        let from = 60 - span as usize;
        let counted = seconds[from + 1..].iter().sum::<f64>() + share * seconds[from];
        let lived = snapshot.uptime().as_secs_f64().max(1.0);
        let (rate, expected) =
            (snapshot.events_per_second_over(span), counted / f64::from(span).min(lived));
        assert!((rate - expected).abs() <= 1e-9 * expected, "{rate} over {span} s, not {expected}");
    }
}

/// Exact for what schedules hold.
#[allow(clippy::cast_precision_loss)]
fn float(count: u64) -> f64 {
    count as f64
}

/// Threads that live on from step to step, and keep their shards meanwhile.
#[derive(Debug, Default)]
struct Workers([Option<Worker>; WORKERS]);

#[derive(Debug)]
struct Worker {
    tasks: Sender<(Stage, usize)>,
    done: Receiver<Stage>,
    thread: thread::JoinHandle<()>,
}

impl Workers {
    fn work(&mut self, index: usize, stage: &mut Stage, steps: usize) {
        let worker = self.0[index].get_or_insert_with(Worker::start);
        worker.tasks.send((std::mem::take(stage), steps)).unwrap();
        match worker.done.recv() {
            Ok(done) => *stage = done,
            Err(_) => self.end(index),
        }
    }

    fn end(&mut self, index: usize) {
        if let Some(Worker { tasks, thread, .. }) = self.0[index].take() {
            drop(tasks);
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if !thread::panicking() {
            (0..WORKERS).for_each(|index| self.end(index));
        }
    }
}

impl Worker {
    fn start() -> Self {
        let (tasks, inbox) = channel::<(Stage, usize)>();
        let (outbox, done) = channel();
        let thread = thread::spawn(move || {
            for (mut stage, steps) in inbox {
                stage.steps(steps, 1, None, None);
                if outbox.send(stage).is_err() {
                    return;
                }
            }
        });
        Self { tasks, done, thread }
    }
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
