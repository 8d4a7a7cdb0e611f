//! How right the peers' rates are, in real time, all of them on the same events.
//!
//! Two streams: 1,000 events a second for 65 s and then silence; and silence but for one burst of
//! 60,000 after 6 s. Each second every peer that gives a rate per second over the last minute is
//! read, and compared with the true count of the last 60 s.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::Entry;

const MINUTE: Duration = Duration::from_secs(60);
const STEADY: Duration = Duration::from_secs(65);
const BURST_AT: Duration = Duration::from_secs(6);
const BURST: u64 = 60_000;
/// Events per second: one in a hundred of what both streams come to in their minute.
const TOLERATED: f64 = 10.0;
const END: Duration = Duration::from_secs(65 + 61 + 2);

/// What was fed, and when: the truth to compare with.
#[derive(Default)]
struct Truth(VecDeque<(Duration, u64)>);

impl Truth {
    fn feed(&mut self, now: Duration, events: u64) {
        self.0.push_back((now, events));
    }

    /// Events per second in the minute up to `now`.
    fn rate(&self, now: Duration) -> f64 {
        let from = now.saturating_sub(MINUTE);
        let recent = self.0.iter().filter(|(at, _)| *at > from || from.is_zero());
        recent.map(|(_, events)| events).sum::<u64>() as f64 / 60.0
    }
}

#[derive(Clone, Copy, Default)]
struct Errors {
    worst: f64,
    at: Duration,
    /// Readings that were wrong by more than [`TOLERATED`].
    wrong: u32,
    last: f64,
}

impl Errors {
    fn note(&mut self, now: Duration, rate: f64, truth: f64) {
        if (rate - truth).abs() > self.worst.abs() {
            (self.worst, self.at) = (rate - truth, now);
        }
        self.wrong += u32::from((rate - truth).abs() > TOLERATED);
        self.last = rate;
    }
}

pub fn table(entries: &[Entry]) {
    let rated: Vec<&Entry> =
        entries.iter().filter(|entry| entry.streams[0].rate().is_some()).collect();
    let mut errors = vec![[Errors::default(); 2]; rated.len()];
    let mut truths = [Truth::default(), Truth::default()];
    let origin = Instant::now();
    let (mut fed, mut burst, mut next_read) = (0, false, Duration::from_millis(500));
    loop {
        let now = origin.elapsed();
        if now > END {
            break;
        }
        let due = u64::try_from(now.min(STEADY).as_millis()).unwrap() - fed;
        if due > 0 {
            fed += due;
            truths[0].feed(now, due);
            rated.iter().for_each(|entry| entry.streams[0].feed(due));
        }
        if !burst && now >= BURST_AT {
            burst = true;
            truths[1].feed(now, BURST);
            rated.iter().for_each(|entry| entry.streams[1].feed(BURST));
        }
        if now >= next_read {
            next_read += Duration::from_secs(1);
            for (entry, errors) in rated.iter().zip(&mut errors) {
                for ((stream, truth), errors) in entry.streams.iter().zip(&truths).zip(errors) {
                    // A reading takes part of a second that passes meanwhile: so the truth of now.
                    let rate = stream.rate().unwrap();
                    errors.note(now, rate, truth.rate(now));
                }
            }
        }
        thread::sleep(Duration::from_micros(500));
    }
    println!("Wrong: readings that are off by more than {TOLERATED}/s, of 128.\n");
    println!(
        "| | 1,000/s: wrong | worst | 62 s after its end | burst: wrong | worst | 121 s after it |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (entry, errors) in rated.iter().zip(&errors) {
        print!("| {} |", entry.name);
        for Errors { worst, at, wrong, last } in errors {
            print!(" {wrong} | {worst:+.1}/s at {:.0} s | {last:.1}/s |", at.as_secs_f64());
        }
        println!();
    }
}
