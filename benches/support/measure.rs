//! Interleaved measurement: figures of one run, which can be divided by one another.
//!
//! All candidates take turns in each round, so a machine that is slow for a while is slow for all
//! of them. A ratio is taken within each round; its median and its spread are over the rounds.
#![allow(dead_code)] // Each bench uses its part of it.
#![allow(clippy::cast_precision_loss)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Nanoseconds per operation, by round.
pub(crate) type Rounds = Vec<f64>;

/// The middle of some figures, and what eight in ten of them lie between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

pub(crate) fn spread(figures: impl IntoIterator<Item = f64>) -> Spread {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let at = |tenths: usize| sorted[(sorted.len() - 1) * tenths / 10];
    Spread { low: at(1), median: at(5), high: at(9) }
}

pub(crate) fn ratio(a: &Rounds, b: &Rounds) -> Spread {
    spread(a.iter().zip(b).map(|(a, b)| a / b))
}

pub(crate) fn difference(a: &Rounds, b: &Rounds) -> Spread {
    spread(a.iter().zip(b).map(|(a, b)| a - b))
}

/// The middle of some figures.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    spread(figures).median
}

/// What the median of the figures' source lies between, with 95 % confidence: by the binomial
/// distribution of how many figures lie below it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn confidence(mut figures: Rounds) -> (f64, f64) {
    figures.sort_by(f64::total_cmp);
    let all = figures.len() as f64;
    let around = 0.98 * all.sqrt();
    let at = |place: f64| figures[place.clamp(0.0, all - 1.0) as usize];
    (at(all / 2.0 - around), at(all / 2.0 + around))
}

/// Runs all candidates `rounds` times in turn. A candidate returns its nanoseconds per operation.
pub(crate) fn interleave<const N: usize>(
    rounds: usize,
    mut candidates: [&mut dyn FnMut() -> f64; N],
) -> [Rounds; N] {
    let mut figures = [const { Vec::new() }; N];
    for candidate in &mut candidates {
        candidate();
    }
    for _ in 0..rounds {
        for (figures, candidate) in figures.iter_mut().zip(&mut candidates) {
            figures.push(candidate());
        }
    }
    figures
}

/// Nanoseconds for each of `n` calls of `operation`.
#[inline]
pub(crate) fn nanos(n: u32, mut operation: impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..n {
        operation();
    }
    per(begun.elapsed(), n)
}

fn per(elapsed: Duration, n: u32) -> f64 {
    elapsed.as_secs_f64() * 1e9 / f64::from(n)
}

/// What a team of threads took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Team {
    /// Nanoseconds that one operation cost its thread, on the average.
    pub(crate) each: f64,
    /// Nanoseconds from the first start to the last end, for each operation of the whole team.
    pub(crate) together: f64,
}

/// `threads` threads that each do `operation` `n` times, starting together. The first operation
/// of each comes before the start.
///
/// Up to two, that had better run at once: on a machine with other work to do, an attempt in
/// which they did for less than nine tenths of the time is repeated, for a while.
pub(crate) fn team(threads: usize, n: u32, operation: impl Fn() + Sync) -> Team {
    let mut times = attempt(threads, n, &operation);
    for _ in 0..50 {
        if threads > 2 || overlap(&times) >= 0.9 {
            break;
        }
        times = attempt(threads, n, &operation);
    }
    let sum: f64 = times.iter().map(|&(begun, ended)| per(ended - begun, n)).sum();
    let (first, last) = ends(&times);
    Team { each: sum / threads as f64, together: per(last - first, n) / threads as f64 }
}

type Times = Vec<(Instant, Instant)>;

fn attempt(threads: usize, n: u32, operation: &(impl Fn() + Sync)) -> Times {
    let ready = AtomicUsize::new(0);
    let member = || {
        operation();
        ready.fetch_add(1, Ordering::AcqRel);
        let mut waited = 0;
        while ready.load(Ordering::Acquire) < threads {
            waited += 1;
            if waited % 1024 == 0 {
                thread::yield_now();
            }
            std::hint::spin_loop();
        }
        let begun = Instant::now();
        for _ in 0..n {
            operation();
        }
        (begun, Instant::now())
    };
    thread::scope(|scope| {
        let members: Vec<_> = (0..threads).map(|_| scope.spawn(member)).collect();
        members.into_iter().map(|member| member.join().expect("a member panicked")).collect()
    })
}

/// The first start and the last end.
fn ends(times: &Times) -> (Instant, Instant) {
    let first = times.iter().map(|&(begun, _)| begun).min().expect("a team has members");
    let last = times.iter().map(|&(_, ended)| ended).max().expect("a team has members");
    (first, last)
}

/// For what share of the whole time all were at it.
fn overlap(times: &Times) -> f64 {
    let (first, last) = ends(times);
    let all_begun = times.iter().map(|&(begun, _)| begun).max().expect("a team has members");
    let one_ended = times.iter().map(|&(_, ended)| ended).min().expect("a team has members");
    let shared = one_ended.saturating_duration_since(all_begun);
    shared.as_secs_f64() / (last - first).as_secs_f64()
}
