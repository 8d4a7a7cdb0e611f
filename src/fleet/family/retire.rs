//! How a child leaves; the cases are in the [module above](super).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use papaya::Guard;

use super::children::{Child, Children, Retired, Shown};
use super::sets::Values;
use crate::engine::{MeterHandle, Snapshot};

/// The least time without an event after which a child may retire. A reader's window begins at most 64 s before
/// the time at which it reads.
pub(in crate::fleet) const IDLE_MIN: Duration = Duration::from_secs(120);

/// What has happened since the last sweep.
#[cfg(feature = "http")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) retired: usize,
    /// Look-ups past the cap.
    pub(crate) overflowed: u64,
}

impl Children {
    /// Retires idle children, if that was last done a tenth of the idle time ago; a minute ago at most, and
    /// at least a second. Relaxed: if two come here at the same time, both may sweep.
    #[cfg(feature = "http")]
    pub(crate) fn sweep(&self) -> Swept {
        let now = self.clock().now().elapsed();
        if now.as_secs() < self.sweep_at.load(Ordering::Relaxed) {
            return Swept::default();
        }
        let pause =
            (self.retire_after() / 10).clamp(Duration::from_secs(1), Duration::from_secs(60));
        self.sweep_at.store((now + pause).as_secs(), Ordering::Relaxed);
        let overflowed = self.overflowed();
        let reported = self.reported.swap(overflowed, Ordering::Relaxed);
        let overflowed = overflowed.saturating_sub(reported);
        Swept { retired: self.retire_idle(), overflowed }
    }

    /// Retires the children that were idle for long enough and that nobody holds. Returns how many.
    ///
    /// Look-ups of known values go on meanwhile. Those of new values wait for it: it costs a pass over 61
    /// buckets for each child.
    pub(crate) fn retire_idle(&self) -> usize {
        let idle_time = self.retire_after().max(IDLE_MIN);
        let mut list = self.lock();
        let overflow = self.overflow.get();
        let leaving = |child: &&Arc<Child>| {
            overflow.is_none_or(|overflow| !Arc::ptr_eq(overflow, child))
                && self.is_idle(child, &child.meter.snapshot(), idle_time)
        };
        let leaving: HashSet<Values> =
            list.children.iter().filter(leaving).map(|child| child.values.clone()).collect();
        if leaving.is_empty() {
            return 0;
        }
        // Who misses one of them waits for the lock, also past the cap.
        self.full.store(false, Ordering::Relaxed);
        let guard = self.index.guard();
        for values in &leaving {
            self.index.remove(values, &guard);
        }
        // What the index has of them is dropped as soon as no thread can have a reference to it.
        guard.flush();
        drop(guard);
        // Case 3: a reader holds the list. They leave next time.
        let before = list.children.len();
        if let Some(shown) = Arc::get_mut(&mut list) {
            self.let_go(shown, &leaving, idle_time);
        }
        // Before the lock is given back: each child of the list is found in the index.
        for child in list.children.iter().filter(|child| leaving.contains(&child.values)) {
            self.index.pin().insert(child.values.clone(), Arc::clone(child));
        }
        self.note_room(&list);
        before - list.children.len()
    }

    /// Takes those out of the list that nobody has.
    fn let_go(&self, shown: &mut Shown, leaving: &HashSet<Values>, idle_time: Duration) {
        let Shown { children, retired } = shown;
        children.retain_mut(|child| {
            if !leaving.contains(&child.values) {
                return true;
            }
            let Some(child) = Arc::get_mut(child) else { return true };
            if !child.is_alone(self.unlabelled().meter()) {
                return true;
            }
            // Case 5. Nobody can record on it any more, so these are its last figures.
            let last = child.meter.snapshot();
            if !self.is_idle(child, &last, idle_time) {
                return true;
            }
            retired.add(&last, child);
            false
        });
    }

    fn is_idle(&self, child: &Child, snapshot: &Snapshot, idle_time: Duration) -> bool {
        let age = || self.clock().now().since(child.started);
        snapshot.last_event_age().unwrap_or_else(age) >= idle_time
    }
}

impl Child {
    /// Whether nobody else has its timer or its meter. `another` stands in for the meter for a moment.
    fn is_alone(&mut self, another: &MeterHandle) -> bool {
        let Some(timer) = self.timer.get_mut() else {
            return self.meter.counted_mut().is_some_and(|meter| Arc::get_mut(meter).is_some());
        };
        let Some(timer) = timer.counted_mut().and_then(Arc::get_mut) else { return false };
        self.meter = another.clone();
        let Some(meter) = timer.meter_of_service() else { return false };
        let alone = Arc::get_mut(meter).is_some();
        self.meter = Arc::clone(meter).into();
        alone
    }
}

impl Retired {
    fn add(&mut self, last: &Snapshot, child: &Child) {
        debug_assert_eq!(last.events_in_window(), 0);
        match &mut self.events {
            Some(events) => **events += last,
            None => self.events = Some(Box::new(last.clone())),
        }
        let Some(timer) = child.timer.get() else { return };
        let durations = timer.snapshot().since_start().clone();
        match &mut self.durations {
            Some(sum) => sum.add(&durations),
            None => self.durations = Some(Box::new(durations)),
        }
    }
}
