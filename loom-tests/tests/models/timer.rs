//! A timer's window: counts that move from an owner's word to a shared one, under a reader.
//!
//! Races: the three stores of a move (m1 to m3 in `src/engine/durations/mod.rs`) with a reader's loads, with
//! another move to the same word, with additions of those who own nothing, and with a later lap.
//!
//! Cases: no sample is seen twice or missed, at any point of a move and wherever a mover stops.
//! Both steps of a model are in the window, so a reader sees what was there before and more as
//! samples come. And at no time are more samples in the window than were ever recorded.
//!
//! One move, or additions: explored in full, at most 4,497 executions, 1.2 s. An owner's several
//! samples, two moves, a lap: schedules of at most 2 preemptions, at most 32,034 executions, 4 s
//! (`timer_move_more_and_reader` in full: 121,998 executions, 12 s).

use loom_tests::{Arc, Model, either_first, stagger, thread};
use tickring::internals::{Durations, STEPS};

/// The step whose count is moved. Not one of the first lap, so that its slot has a past.
const BEFORE: u64 = 5 * STEPS;
const NOW: u64 = BEFORE + 1;

/// `counts` are those of each owner in [`BEFORE`].
fn durations(counts: &[u64]) -> Arc<Durations> {
    let durations = Durations::new(counts.len());
    for (owner, &count) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
        durations.add(owner, BEFORE, count);
    }
    Arc::new(durations)
}

fn read(durations: &Durations) -> u64 {
    let (window, ever) = durations.read(NOW);
    assert!(window <= ever, "{window} in the window, {ever} ever");
    window
}

/// A reader meets one move.
///
/// Outcome: what the reader sees: 20 before, 1 more after the sample that moved them.
#[test]
fn timer_move_and_reader() {
    Model::new("timer_move_and_reader", 1000).check([20, 21], || {
        let durations = durations(&[20]);
        let reader = {
            let durations = Arc::clone(&durations);
            thread::spawn(move || {
                either_first();
                read(&durations)
            })
        };
        stagger();
        either_first();
        durations.add(0, NOW, 1);
        let seen = reader.join().unwrap();
        assert_eq!(read(&durations), 21);
        seen
    });
}

/// A reader meets a move and further samples of the same owner.
#[test]
fn timer_move_more_and_reader() {
    Model::new("timer_move_more_and_reader", 1000).preemptions(2).check([20, 21, 23], || {
        let durations = durations(&[20]);
        let reader = {
            let durations = Arc::clone(&durations);
            thread::spawn(move || {
                either_first();
                read(&durations)
            })
        };
        stagger();
        either_first();
        durations.add(0, NOW, 1);
        durations.add(0, NOW, 2);
        reader.join().unwrap()
    });
}

/// A reader meets an owner's first samples and their move: what it sees, it must see in the
/// lifetime figures, too, wherever it finds it.
#[test]
fn timer_first_samples_and_reader() {
    let outcomes = [0, 20, 21];
    Model::new("timer_first_samples_and_reader", 500).preemptions(2).check(outcomes, || {
        let durations = durations(&[0]);
        let reader = {
            let durations = Arc::clone(&durations);
            thread::spawn(move || {
                either_first();
                read(&durations)
            })
        };
        stagger();
        either_first();
        durations.add(0, BEFORE, 20);
        durations.add(0, NOW, 1);
        reader.join().unwrap()
    });
}

/// The same of those who own nothing: the first puts a fresh word in place, the second adds to
/// it.
#[test]
fn timer_additions_and_reader() {
    Model::new("timer_additions_and_reader", 100).check([0, 4, 7], || {
        let durations = durations(&[]);
        let reader = {
            let durations = Arc::clone(&durations);
            thread::spawn(move || {
                either_first();
                read(&durations)
            })
        };
        stagger();
        either_first();
        durations.add_shared(NOW, 4);
        durations.add_shared(NOW, 3);
        reader.join().unwrap()
    });
}

/// Two owners move to the same word; one may find the other's mark, and puts its move off.
///
/// Outcome: what a reader sees who is there as well.
#[test]
fn timer_two_moves_and_reader() {
    let outcomes = [60, 61, 62, 63];
    Model::new("timer_two_moves_and_reader", 10_000).preemptions(2).check(outcomes, || {
        let durations = durations(&[20, 40]);
        let spawn = |work: fn(&Durations) -> u64| {
            let durations = Arc::clone(&durations);
            thread::spawn(move || {
                either_first();
                work(&durations)
            })
        };
        let reader = spawn(read);
        let other = spawn(|durations| {
            durations.add(1, NOW, 2);
            0
        });
        stagger();
        either_first();
        durations.add(0, NOW, 1);
        other.join().unwrap();
        let seen = reader.join().unwrap();
        assert_eq!(read(&durations), 63);
        seen
    });
}

/// A move, and an addition to the same word by one who owns nothing and whose clock is late; the
/// word is of an earlier lap before.
#[test]
fn timer_move_and_addition() {
    Model::new("timer_move_and_addition", 50).check([21 + 4], || {
        let durations = Arc::new(Durations::new(1));
        durations.add_shared(BEFORE - STEPS, 300);
        durations.add(0, BEFORE, 20);
        let other = {
            let durations = Arc::clone(&durations);
            thread::spawn(move || {
                either_first();
                durations.add_shared(BEFORE, 4);
            })
        };
        stagger();
        either_first();
        durations.add(0, NOW, 1);
        other.join().unwrap();
        read(&durations)
    });
}

/// One who owns nothing adds late, while another begins the next lap of the same word.
///
/// Outcome: what the later window has: the late samples are gone with their own step, or counted
/// in the later one; what was recorded in time is there.
#[test]
fn timer_late_addition_and_a_lap() {
    let later = BEFORE + STEPS;
    Model::new("timer_late_addition_and_a_lap", 1000).check([30, 34], move || {
        let durations = durations(&[]);
        let other = {
            let durations = Arc::clone(&durations);
            thread::spawn(move || {
                either_first();
                durations.add_shared(BEFORE, 4);
            })
        };
        stagger();
        either_first();
        durations.add_shared(later, 30);
        other.join().unwrap();
        let (window, ever) = durations.read(later);
        assert_eq!(ever, 34);
        window
    });
}

/// A mover is held up for a lap: another moves a later step to the same word meanwhile, and its
/// mark must stay on.
///
/// Outcome: what a reader sees in the window of the later step.
#[test]
fn timer_move_held_up_for_a_lap() {
    let later = BEFORE + STEPS;
    Model::new("timer_move_held_up_for_a_lap", 1000).preemptions(2).check([40, 42], move || {
        let durations = Arc::new(Durations::new(3));
        durations.add(0, BEFORE, 20);
        durations.add(1, later, 40);
        let spawn = |work: fn(&Durations, u64) -> u64| {
            let durations = Arc::clone(&durations);
            thread::spawn(move || {
                either_first();
                work(&durations, later)
            })
        };
        let reader = spawn(|durations, later| durations.read(later + 1).0);
        let other = spawn(|durations, later| {
            durations.add(1, later + 1, 2);
            0
        });
        stagger();
        either_first();
        // Its sample is of a step that the later window has left.
        durations.add(0, NOW, 1);
        other.join().unwrap();
        let seen = reader.join().unwrap();
        // The mark is gone: a third owner can move to the same word.
        durations.add(2, later, 7);
        durations.add(2, later + 1, 7);
        assert_eq!(durations.read(later + 1).0, 42 + 14);
        seen
    });
}
