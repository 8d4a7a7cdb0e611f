//! A record from a thread-local's destructor, when the thread's map of shards is gone.
//!
//! Races: the record, which goes to the meter's shared ring, with a reader on another thread.
//!
//! Cases: the reader sees neither record of the thread, the first, both. The event is counted
//! whatever the order in which the thread's destructors run.
//!
//! Explored in full: 1,545 executions, 0.2 s.

use std::cell::RefCell;

use loom_tests::{Arc, CAP, Model, meter, mpsc, thread, thread_local};
use tickring::Meter;

struct RecordsLate {
    meter: Option<Arc<Meter>>,
    done: mpsc::Sender<()>,
}

impl Drop for RecordsLate {
    fn drop(&mut self) {
        if let Some(meter) = self.meter.take() {
            meter.record_n(4);
        }
        let _ = self.done.send(());
    }
}

thread_local! {
    #[allow(clippy::missing_const_for_thread_local)] // Loom's macro takes no constant.
    static LATE: RefCell<Option<RecordsLate>> = RefCell::new(None);
}

/// Loom drops a thread's locals in random order, so a model can have only one local that does
/// something when it is dropped. Here the thread's map is empty: the meter's shards are taken.
///
/// Outcome: the total that a reader sees in between.
#[test]
fn a_record_from_a_destructor() {
    Model::new("a_record_from_a_destructor", 1000).runs(50).check([0, 1, 5], || {
        let (meter, _clock) = meter();
        let all: Vec<_> = (0..CAP).map(|_| meter.local()).collect();
        let (done, ended) = mpsc::channel();
        let thread = {
            let meter = Arc::clone(&meter);
            thread::spawn(move || {
                meter.record();
                let late = RecordsLate { meter: Some(meter), done };
                LATE.with(|slot| *slot.borrow_mut() = Some(late));
            })
        };
        let reader = {
            let meter = Arc::clone(&meter);
            thread::spawn(move || {
                let read = meter.snapshot();
                assert!(read.events_in_window() <= read.total());
                read.total()
            })
        };
        ended.recv().unwrap();
        thread.join().unwrap();
        let early = reader.join().unwrap();
        drop(all);
        assert_eq!(meter.snapshot().total(), 5);
        early
    });
}

/// On real threads, with a map that holds the thread's shard and is destroyed before or after.
#[cfg(not(loom))]
#[test]
fn a_record_before_or_after_the_map_is_gone() {
    for map_first in [false, true] {
        Model::new("a_record_before_or_after_the_map_is_gone", 1).check([6], move || {
            let (meter, _clock) = meter();
            let (done, ended) = mpsc::channel();
            let thread = {
                let meter = Arc::clone(&meter);
                thread::spawn(move || {
                    // Destructors run in the order, or against the order, of first use.
                    if map_first {
                        meter.record();
                    }
                    let late = RecordsLate { meter: Some(Arc::clone(&meter)), done };
                    LATE.with(|slot| *slot.borrow_mut() = Some(late));
                    if !map_first {
                        meter.record();
                    }
                })
            };
            ended.recv().unwrap();
            thread.join().unwrap();
            // The thread's shard is free again, whichever came first.
            meter.record();
            assert_eq!(meter.shards(), 1);
            meter.snapshot().total()
        });
    }
}
