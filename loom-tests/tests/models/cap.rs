//! Threads past the cap of shards, which record on the meter's shared ring.
//!
//! Races: two threads find all shards taken and record on the shared ring while a reader looks
//! whether anything is there; and an owner gives its shard back while another thread looks for one.
//!
//! Cases: the reader sees either event, both or none, and no bucket without its total. The
//! newcomer finds the shard that was given back, or comes too early. The number of shards never
//! exceeds the cap, and each event is counted. One reader that looks twice sees no total go down. A
//! reader that was held up for a lap notices. An event counts in a second that the clock showed during
//! its record.
//!
//! A shard that comes free: in full, 6 executions. All others: schedules of at most 2 preemptions, at most
//! 12,062 executions, 3 s.

use loom_tests::{
    Arc, CAP, Model, REACH, SECOND, SLOTS, either_first, meter, stagger, thread, tick,
};
use tickring::Snapshot;
use tickring::internals::{self, Roster};

/// Outcome: the total that a reader sees in between.
#[test]
fn two_threads_overflow_at_once() {
    Model::new("two_threads_overflow_at_once", 10_000).preemptions(2).runs(100).check(
        [0, 1, 2, 3],
        || {
            let (meter, clock) = meter();
            let all: Vec<_> = (0..CAP).map(|_| meter.local()).collect();
            let other = {
                let meter = Arc::clone(&meter);
                thread::spawn(move || meter.record_n(2))
            };
            let reader = {
                let (meter, now) = (Arc::clone(&meter), clock.elapsed());
                thread::spawn(move || {
                    let read = internals::read_at(&meter, now).unwrap();
                    assert!(read.seen() <= read.total);
                    read.total
                })
            };
            stagger();
            meter.record();
            let early = reader.join().unwrap();
            other.join().unwrap();
            drop(all);
            let end = meter.snapshot();
            assert_eq!((end.total(), end.events_in_window(), meter.shards()), (3, 3, CAP));
            early
        },
    );
}

/// Outcome: whether the newcomer found the shard that was given back, and the total then.
#[test]
fn a_shard_comes_free_while_a_thread_looks_for_one() {
    let outcomes = [(false, 1), (true, 3)];
    Model::new("a_shard_comes_free_while_a_thread_looks_for_one", 5).runs(100).check(
        outcomes,
        || {
            let roster = Arc::new(Roster::new());
            let mut all: Vec<_> = (0..CAP).map(|_| roster.join().unwrap()).collect();
            let newcomer = {
                let roster = Arc::clone(&roster);
                thread::spawn(move || {
                    let joined = roster.join()?;
                    joined.add(tick(1), 2);
                    Some(joined)
                })
            };
            stagger();
            let last = all.pop().unwrap();
            last.add(tick(1), 1);
            last.give_back();
            let joined = newcomer.join().unwrap();
            (joined.is_some(), roster.read(tick(1)).total)
        },
    );
}

/// A meter whose shards are all taken: whatever is recorded goes to the shared ring, which is there.
fn past_the_cap(body: impl FnOnce(&Arc<tickring::Meter>, &tickring::ManualClock)) {
    let (meter, clock) = meter();
    let all: Vec<_> = (0..CAP).map(|_| meter.local()).collect();
    meter.record();
    body(&meter, &clock);
    drop(all);
}

fn figures(now: &Snapshot) -> (u64, u64) {
    assert!(now.events_in_window() <= now.total(), "{now:?}");
    (now.events_in_window(), now.total())
}

/// One reader looks twice, another once, while a thread past the cap records.
///
/// Outcome: window and total of the two looks.
#[test]
fn totals_past_the_cap_never_go_down() {
    let single = [(1, 1), (1, 3), (3, 3)];
    let pairs = single.into_iter().enumerate();
    let outcomes: Vec<_> =
        pairs.flat_map(|(n, first)| single[n..].iter().map(move |&next| (first, next))).collect();
    Model::new("totals_past_the_cap_never_go_down", 500).preemptions(2).runs(100).check(
        outcomes,
        || {
            let mut found = None;
            past_the_cap(|meter, _| {
                let read = |looks: usize| {
                    let meter = Arc::clone(meter);
                    move || (0..looks).map(|_| figures(&meter.snapshot())).collect::<Vec<_>>()
                };
                let (twice, once) = (thread::spawn(read(2)), thread::spawn(read(1)));
                stagger();
                meter.record_n(2);
                once.join().unwrap();
                let seen = twice.join().unwrap();
                assert!(seen[0].1 <= seen[1].1, "{seen:?}");
                assert_eq!(figures(&meter.snapshot()), (3, 3));
                found = Some((seen[0], seen[1]));
            });
            found.unwrap()
        },
    );
}

/// A reader is held up while the clock goes on by a lap and a thread past the cap records, which puts
/// another second in place of the one that the reader looks for.
///
/// Outcome: what the reader found in second 0, if it kept its reading.
#[test]
fn overtaken_reader_past_the_cap_reads_again() {
    Model::new("overtaken_reader_past_the_cap_reads_again", 50).preemptions(2).runs(100).check(
        [Some(1), None],
        || {
            let mut found = None;
            past_the_cap(|meter, clock| {
                let reader = {
                    let (meter, now) = (Arc::clone(meter), clock.elapsed());
                    thread::spawn(move || internals::read_at(&meter, now))
                };
                stagger();
                clock.advance(SECOND * u32::try_from(SLOTS).unwrap());
                meter.record();
                found = Some(reader.join().unwrap().map(|read| read.by_second[REACH]));
                assert_eq!(meter.snapshot().total(), 2);
            });
            found.unwrap()
        },
    );
}

/// The clock moves on during a record.
///
/// Outcome: whether the event counted in the new second.
#[test]
fn event_past_the_cap_counts_in_a_second_shown() {
    Model::new("event_past_the_cap_counts_in_a_second_shown", 10).preemptions(2).runs(100).check(
        [false, true],
        || {
            let mut found = None;
            past_the_cap(|meter, clock| {
                let recorder = {
                    let meter = Arc::clone(meter);
                    thread::spawn(move || {
                        either_first();
                        meter.record_n(2);
                    })
                };
                stagger();
                either_first();
                clock.advance(SECOND);
                recorder.join().unwrap();
                let now = meter.snapshot();
                let [before, current] = *now.per_second().last_chunk().unwrap();
                assert!([(3, 0), (1, 2)].contains(&(before, current)), "{before} and {current}");
                found = Some(current == 2);
            });
            found.unwrap()
        },
    );
}
