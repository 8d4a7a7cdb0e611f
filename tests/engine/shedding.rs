//! Admission by a meter's rate, simulated: by which rate it works, and by which it does not.

use std::time::Duration;

use tickring::{Meter, Snapshot};

use crate::support::engine::on_manual_clock;

const LIMIT: f64 = 100.0;

/// What the admission goes by.
type Rate = fn(&Snapshot) -> f64;

const LAST_SECOND: Rate = |now| now.events_per_second_over(1);
const LAST_MINUTE: Rate = Snapshot::events_per_second;

/// The recipe of `Snapshot::events_per_second_over`.
fn admit(admitted: &Meter, rate: Rate) -> bool {
    let admits = rate(&admitted.snapshot()) < LIMIT;
    if admits {
        admitted.record();
    }
    admits
}

/// How many of `offered` requests a second are admitted in each of `seconds` seconds. The requests come
/// at even distances, the first one at `start`.
fn simulate(start: Duration, offered: u32, seconds: u64, rate: Rate) -> Vec<u64> {
    let (clock, meter) = on_manual_clock();
    clock.set(start);
    let second = || clock.elapsed().as_secs() - start.as_secs();
    let mut admitted = vec![0; usize::try_from(seconds).unwrap()];
    while second() < seconds {
        admitted[usize::try_from(second()).unwrap()] += u64::from(admit(&meter, rate));
        clock.advance(Duration::from_secs(1) / offered);
    }
    admitted
}

#[test]
fn one_second_admits_the_limit_in_each_second() {
    let cases = [(0, 1000), (41_000, 1000), (7_300, 1000), (999, 1000), (0, 130), (0, 3000)];
    for (start, offered) in cases {
        let admitted = simulate(Duration::from_millis(start), offered, 20, LAST_SECOND);
        // The first request may come late in its second.
        for (second, count) in (0..).zip(&admitted).skip(usize::from(start % 1000 != 0)) {
            assert!(
                (90..=110).contains(count),
                "{count} in second {second}, offered {offered}/s from {start} ms on: {admitted:?}"
            );
        }
    }
}

#[test]
fn one_second_spreads_what_it_admits() {
    let (clock, meter) = on_manual_clock();
    let mut by_tenth = [0_u32; 100];
    for millis in 0..10_000_usize {
        by_tenth[millis / 100] += u32::from(admit(&meter, LAST_SECOND));
        clock.advance(Duration::from_millis(1));
    }
    assert_eq!(by_tenth[0], 100);
    assert!(by_tenth[10..].iter().all(|tenth| (9..=11).contains(tenth)), "{by_tenth:?}");
}

#[test]
fn one_second_admits_all_below_the_limit() {
    assert_eq!(simulate(Duration::ZERO, 80, 30, LAST_SECOND), [80; 30]);
}

/// What the documentation warns of.
#[test]
fn the_minute_admits_for_6_s_and_then_nothing_for_54() {
    let admitted = simulate(Duration::ZERO, 1000, 180, LAST_MINUTE);
    for minute in admitted.chunks(60) {
        let open = minute.iter().filter(|&&count| count == 1000).count();
        let closed = minute.iter().filter(|&&count| count == 0).count();
        assert!(open >= 4 && closed >= 52, "{open} s open, {closed} s closed: {minute:?}");
    }
}
