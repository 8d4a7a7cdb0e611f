//! An allocator that counts its own work on a meter. Alone, because an allocator belongs to the whole
//! process.
//!
//! Its records come while the engine itself is allocating: when a thread joins the meter, when the
//! clock's ticker is started, when a thread ends, when a meter is dropped.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tickring::Meter;

static ALLOCATIONS: Meter = Meter::new();
static COUNTED: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: all that this does with memory is done by `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNTED.fetch_add(1, Ordering::Relaxed);
        ALLOCATIONS.record();
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn every_allocation_of_a_joining_thread_is_counted() {
    for _ in 0..100 {
        // One thread's first allocation may be any of these.
        let meter = Meter::new();
        meter.record();
        let threads = [
            thread::spawn(move || drop(meter)),
            thread::spawn(|| drop(Box::new(1))),
            thread::spawn(|| {
                let meter = Meter::new();
                meter.record();
                drop(meter.local());
            }),
        ];
        for thread in threads {
            thread.join().unwrap();
        }
    }
    // The test harness has threads, too, and may be between the two counts.
    for _ in 0..1000 {
        if ALLOCATIONS.snapshot().total() == COUNTED.load(Ordering::Relaxed) {
            return;
        }
        thread::yield_now();
    }
    assert_eq!(ALLOCATIONS.snapshot().total(), COUNTED.load(Ordering::Relaxed));
}
