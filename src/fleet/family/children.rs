//! The children of an event: found without a lock, made under one.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use super::keys::OTHER;
use super::sets::{Keys, LabelSet, Values, Wanted};
use crate::engine::{
    Clock, Meter, MeterHandle, Moment, SinceStart, Snapshot, TimerHandle, TimerSnapshot,
};
#[cfg(any(feature = "http", feature = "statsd"))]
use crate::fleet::target::TargetRef;

/// The children by their values. Read without a lock.
type Index = papaya::HashMap<Values, Arc<Child>, foldhash::fast::RandomState>;

/// The longest value of a label in bytes. A set with a longer one counts as past the cap.
pub(crate) const VALUE_MAX: usize = 1024;

/// A meter, and perhaps a timer, of one set of values.
pub(crate) struct Child {
    pub(super) values: Values,
    pub(super) meter: MeterHandle,
    /// It counts on `meter`. Made when it is first asked for.
    pub(super) timer: OnceLock<TimerHandle>,
    pub(super) started: Moment,
    started_at: SystemTime,
}

/// What readers see.
#[derive(Clone, Default)]
pub(crate) struct Shown {
    /// Those with values, in the order in which they came.
    pub(super) children: Vec<Arc<Child>>,
    pub(super) retired: Retired,
}

/// What retired children had counted.
#[derive(Clone, Default)]
pub(super) struct Retired {
    /// Without any second.
    pub(super) events: Option<Box<Snapshot>>,
    pub(super) durations: Option<Box<SinceStart>>,
}

/// The children of an event that has labels; see the [module](super).
pub(crate) struct Children {
    /// More may be added at the end. Children that are there then have no value for them.
    keys: RwLock<Keys>,
    clock: Clock,
    pub(super) index: Index,
    /// The child without values: the meter of the event itself. It is not in the list, and never retires.
    unlabelled: Arc<Child>,
    /// What counts past the cap, once it is needed. It never retires.
    pub(super) overflow: OnceLock<Arc<Child>>,
    /// Counts what is past the cap.
    overflowed: Meter,
    /// Whether there are as many children as may be. Relaxed: it is set again under the lock.
    pub(super) full: AtomicBool,
    cap: AtomicUsize,
    /// Whether meters are made for timers.
    timed: AtomicBool,
    /// In seconds.
    retire_after: AtomicU64,
    /// The second in which it is looked for idle children again.
    #[cfg(feature = "http")]
    pub(super) sweep_at: AtomicU64,
    /// The look-ups past the cap that have been reported.
    #[cfg(feature = "http")]
    pub(super) reported: AtomicU64,
    /// Held to change the list, or to take it.
    list: Mutex<Arc<Shown>>,
}

/// What a family is made from.
#[derive(Clone, Copy, Debug)]
pub(in crate::fleet) struct Declared<'a> {
    pub(in crate::fleet) keys: &'a [String],
    pub(in crate::fleet) cap: usize,
    pub(in crate::fleet) retire_after: Duration,
}

impl Child {
    fn new(values: Values, meter: MeterHandle, started: Moment) -> Self {
        let timer = OnceLock::new();
        Self { values, meter, timer, started, started_at: SystemTime::now() }
    }

    #[inline]
    pub(crate) fn meter(&self) -> &MeterHandle {
        &self.meter
    }

    pub(crate) fn label_set(&self, keys: &Keys) -> LabelSet {
        LabelSet::new(keys, &self.values)
    }

    /// The timer of an event that is timed.
    #[inline]
    pub(crate) fn timer(&self) -> &TimerHandle {
        // The event's own meter can be static. If such an event is timed, its timer is there from the start.
        let made = || self.meter.timed().expect("an event that is timed has a timer");
        self.timer.get_or_init(made)
    }

    /// What is recorded on, with durations if they are to be recorded.
    #[cfg(any(feature = "http", feature = "statsd"))]
    pub(crate) fn target(&self, timed: bool) -> TargetRef<'_> {
        TargetRef { meter: &self.meter, timer: timed.then(|| &**self.timer()) }
    }

    pub(crate) fn started_at(&self) -> SystemTime {
        self.started_at
    }
}

impl Shown {
    pub(crate) fn children(&self) -> &[Arc<Child>] {
        &self.children
    }

    /// Adds what retired children had counted.
    pub(in crate::fleet) fn add_retired_to(&self, sum: &mut TimerSnapshot) {
        let Retired { events, durations } = &self.retired;
        sum.add_retired(events.as_deref(), durations.as_deref());
    }

    /// How many events retired children had counted.
    #[cfg(feature = "http")]
    pub(crate) fn retired(&self) -> u64 {
        self.retired.events.as_ref().map_or(0, |events| events.total())
    }
}

impl Children {
    /// The family of an event that `meter` counts, with the timer that it has.
    pub(in crate::fleet) fn new(
        declared: Declared<'_>,
        meter: &MeterHandle,
        timer: Option<&TimerHandle>,
    ) -> Self {
        let clock = meter.clock().clone();
        let none = Wanted::new(&[]).to_values();
        let unlabelled = Arc::new(Child::new(none.clone(), meter.clone(), clock.now()));
        let index = Index::default();
        index.pin().insert(none, Arc::clone(&unlabelled));
        let children = Self {
            keys: RwLock::default(),
            overflowed: Meter::compact_with_clock(clock.clone()),
            clock,
            index,
            unlabelled,
            overflow: OnceLock::new(),
            full: AtomicBool::new(false),
            cap: AtomicUsize::new(0),
            timed: AtomicBool::new(false),
            retire_after: AtomicU64::new(0),
            #[cfg(feature = "http")]
            sweep_at: AtomicU64::new(0),
            #[cfg(feature = "http")]
            reported: AtomicU64::new(0),
            list: Mutex::default(),
        };
        children.change(declared, timer);
        children
    }

    /// Takes the keys, the cap and the idle time of a new declaration, which [fits](Self::fits). Keys that are
    /// here stay. Returns the timer that the event has now: `timer`, unless it had one before.
    pub(in crate::fleet) fn change(
        &self,
        declared: Declared<'_>,
        timer: Option<&TimerHandle>,
    ) -> Option<TimerHandle> {
        let list = self.lock();
        if self.is_begun_by(declared.keys) && !self.has_keys(declared.keys) {
            let keys = declared.keys.iter().map(|key| key.as_str().into()).collect();
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        }
        self.cap.store(declared.cap, Ordering::Relaxed);
        self.retire_after.store(declared.retire_after.as_secs(), Ordering::Relaxed);
        self.timed.store(timer.is_some(), Ordering::Relaxed);
        self.note_room(&list);
        // With a second timer, each would have a part of the durations.
        timer.map(|timer| self.unlabelled.timer.get_or_init(|| timer.clone()).clone())
    }

    pub(crate) fn keys(&self) -> Keys {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether these are its keys.
    pub(in crate::fleet) fn has_keys(&self, keys: &[String]) -> bool {
        self.keys().len() == keys.len() && self.is_begun_by(keys)
    }

    /// Whether the first of these are its keys.
    pub(in crate::fleet) fn is_begun_by(&self, keys: &[String]) -> bool {
        let own = self.keys();
        own.len() <= keys.len() && own.iter().zip(keys).all(|(a, b)| **a == **b)
    }

    /// Whether these are its keys, or the first of them, or begin with them.
    pub(in crate::fleet) fn fits(&self, keys: &[String]) -> bool {
        self.keys().iter().zip(keys).all(|(a, b)| **a == **b)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn unlabelled(&self) -> &Arc<Child> {
        &self.unlabelled
    }

    /// The timer of the event's own meter, if a description has made it.
    pub(in crate::fleet) fn own_timer(&self) -> Option<TimerHandle> {
        self.unlabelled.timer.get().cloned()
    }

    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed.total()
    }

    pub(super) fn retire_after(&self) -> Duration {
        Duration::from_secs(self.retire_after.load(Ordering::Relaxed))
    }

    /// Does something on the child of these values. There are no more of them than label keys.
    #[inline]
    pub(crate) fn on<T>(&self, values: &[&str], act: impl FnOnce(&Child) -> T) -> T {
        let wanted = Wanted::new(values);
        let index = self.index.pin();
        if let Some(child) = index.get(&wanted) {
            return act(child);
        }
        drop(index);
        act(&self.missed(wanted))
    }

    #[cold]
    #[inline(never)]
    fn missed(&self, wanted: Wanted<'_>) -> Arc<Child> {
        let too_long = wanted.iter().any(|value| value.len() > VALUE_MAX);
        if too_long || self.full.load(Ordering::Relaxed) {
            self.overflowed.record();
            if let Some(overflow) = self.overflow.get() {
                return Arc::clone(overflow);
            }
            return self.make_overflow(&mut self.lock());
        }
        let mut list = self.lock();
        // Another thread was here first, or the child was on its way out and went back.
        if let Some(known) = self.index.pin().get(&wanted) {
            return Arc::clone(known);
        }
        if wanted.iter().filter(|&value| value == OTHER).count() == self.keys().len() {
            return self.make_overflow(&mut list);
        }
        if self.room(&list) == 0 {
            self.overflowed.record();
            return self.make_overflow(&mut list);
        }
        self.make(wanted.to_values(), &mut list)
    }

    /// Whether this is the meter of what is past the cap.
    #[cfg(feature = "metrics")]
    pub(crate) fn is_overflow(&self, meter: &MeterHandle) -> bool {
        self.overflow.get().is_some_and(|overflow| overflow.meter.is(meter))
    }

    fn make_overflow(&self, list: &mut Arc<Shown>) -> Arc<Child> {
        if let Some(overflow) = self.overflow.get() {
            return Arc::clone(overflow);
        }
        let others = vec![OTHER; self.keys().len()];
        let overflow = self.make(Wanted::new(&others).to_values(), list);
        let _first = self.overflow.set(Arc::clone(&overflow));
        self.note_room(list);
        overflow
    }

    /// Makes a child. It is in the list before anybody can find it.
    fn make(&self, values: Values, list: &mut Arc<Shown>) -> Arc<Child> {
        let clock = self.clock.clone();
        let timed = self.timed.load(Ordering::Relaxed);
        let meter = if timed { Meter::timed_with_clock(clock) } else { Meter::with_clock(clock) };
        let child = Arc::new(Child::new(values.clone(), Arc::new(meter).into(), self.clock.now()));
        Arc::make_mut(list).children.push(Arc::clone(&child));
        self.index.pin().insert(values, Arc::clone(&child));
        self.note_room(list);
        child
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// How many more sets of values may come.
    fn room(&self, list: &Shown) -> usize {
        let overflow = usize::from(self.overflow.get().is_some());
        self.cap.load(Ordering::Relaxed).saturating_sub(list.children.len() - overflow)
    }

    pub(super) fn note_room(&self, list: &Shown) {
        self.full.store(self.room(list) == 0, Ordering::Relaxed);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Arc<Shown>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The children as of now.
    pub(crate) fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.lock())
    }

    /// Adds the figures of all children with values, and of those that have retired, as of `now`. `false` if
    /// the clock has moved on too far: the caller then tries again.
    pub(in crate::fleet) fn add_to(&self, sum: &mut Snapshot, now: Moment) -> bool {
        let shown = self.shown();
        if let Some(retired) = &shown.retired.events {
            *sum += &**retired;
        }
        shown.children.iter().all(|child| child.meter.read_into(sum, now))
    }

    /// The same with durations. Children that have no timer have events only.
    pub(in crate::fleet) fn add_timed_to(&self, sum: &mut TimerSnapshot, now: Moment) -> bool {
        let shown = self.shown();
        shown.add_retired_to(sum);
        shown.children.iter().all(|child| child.add_timed_to(sum, now))
    }

    /// The figures of the whole event.
    pub(super) fn snapshot(&self, mut now: Moment) -> Snapshot {
        loop {
            let mut sum = Snapshot::empty();
            // The child without values comes last: its pass finds out whether the reader was held up.
            if self.add_to(&mut sum, now) && self.unlabelled.meter.read_into(&mut sum, now) {
                sum.set_uptime(now.since(self.unlabelled.started));
                return sum;
            }
            now = self.clock.now();
        }
    }

    /// The same with durations.
    pub(super) fn timed_snapshot(&self, mut now: Moment) -> TimerSnapshot {
        loop {
            let mut sum = TimerSnapshot::empty();
            if self.add_timed_to(&mut sum, now) && self.unlabelled.add_timed_to(&mut sum, now) {
                sum.complete(now, self.unlabelled.started);
                return sum;
            }
            now = self.clock.now();
        }
    }
}

impl Child {
    /// The figures as of `now`. Without a timer there are no durations.
    pub(in crate::fleet) fn read(&self, now: Moment) -> Option<TimerSnapshot> {
        if let Some(timer) = self.timer.get() {
            return timer.snapshot_at(now);
        }
        let mut read = TimerSnapshot::empty();
        self.meter.read_into(read.events_mut(), now).then_some(read)
    }

    /// Whether documents show a child that has counted this much. The one without values, which each event
    /// has, is shown once it has counted.
    pub(crate) fn is_shown(&self, total: u64) -> bool {
        total > 0 || self.values.iter().next().is_some()
    }

    fn add_timed_to(&self, sum: &mut TimerSnapshot, now: Moment) -> bool {
        match self.timer.get() {
            Some(timer) => timer.snapshot_at(now).is_some_and(|timed| {
                sum.add(&timed);
                true
            }),
            None => self.meter.read_into(sum.events_mut(), now),
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("values", &self.values).finish_non_exhaustive()
    }
}

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("keys", &self.keys())
            .field("children", &self.shown().children.len())
            .finish_non_exhaustive()
    }
}
