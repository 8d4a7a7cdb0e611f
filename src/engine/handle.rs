//! Handles of meters and timers that are static or counted by reference.

use std::ops::Deref;
use std::sync::Arc;
#[cfg(feature = "service")]
use std::sync::Weak;

use crate::engine::meter::Meter;
use crate::engine::timer::Timer;

/// A meter that is static or in an [`Arc`]: what struct fields, services and layers hold.
///
/// It is made from a `&'static Meter`, an `Arc<Meter>`, or a timer's handle, and used like a [`Meter`].
/// A clone is the same meter. A record through it costs a comparison more than on the meter itself.
///
/// ```
/// use std::sync::Arc;
/// use tickring::{Meter, MeterHandle};
///
/// static FRAMES: Meter = Meter::new();
///
/// struct Decoder {
///     frames: MeterHandle,
/// }
///
/// impl Decoder {
///     fn new(frames: impl Into<MeterHandle>) -> Self {
///         Self { frames: frames.into() }
///     }
/// }
///
/// Decoder::new(&FRAMES).frames.record();
/// let own = Arc::new(Meter::new());
/// Decoder::new(own.clone()).frames.record();
/// assert_eq!((FRAMES.total(), own.total()), (1, 1));
/// ```
#[derive(Clone, Debug)]
pub struct MeterHandle(Held);

#[derive(Clone, Debug)]
enum Held {
    Static(&'static Meter),
    Counted(Arc<Meter>),
    /// The meter that counts the events of a timer.
    OfTimer(Arc<Timer>),
}

impl MeterHandle {
    /// The meter, if it is in an `Arc` of its own: to see whether anybody else has it.
    #[cfg(feature = "service")]
    pub(crate) fn counted_mut(&mut self) -> Option<&mut Arc<Meter>> {
        match &mut self.0 {
            Held::Counted(meter) => Some(meter),
            Held::Static(_) | Held::OfTimer(_) => None,
        }
    }

    /// A timer on this meter. A static meter can't have one later.
    #[cfg(feature = "service")]
    pub(crate) fn timed(&self) -> Option<TimerHandle> {
        match &self.0 {
            Held::Static(_) => None,
            Held::Counted(meter) => Some(Arc::new(Timer::of_meter(Arc::clone(meter))).into()),
            Held::OfTimer(timer) => Some(Arc::clone(timer).into()),
        }
    }

    /// Whether both are the same meter.
    #[cfg(any(feature = "metrics", all(test, feature = "service")))]
    pub(crate) fn is(&self, other: &Meter) -> bool {
        std::ptr::eq::<Meter>(&raw const **self, other)
    }
}

/// A [`MeterHandle`] that keeps nothing alive.
#[cfg(feature = "service")]
#[derive(Clone, Debug, Default)]
pub(crate) struct WeakMeter(Option<HeldWeakly>);

#[cfg(feature = "service")]
#[derive(Clone, Debug)]
enum HeldWeakly {
    Static(&'static Meter),
    Counted(Weak<Meter>),
    OfTimer(Weak<Timer>),
}

#[cfg(feature = "service")]
impl WeakMeter {
    pub(crate) fn of(meter: &MeterHandle) -> Self {
        Self(Some(match &meter.0 {
            Held::Static(meter) => HeldWeakly::Static(meter),
            Held::Counted(meter) => HeldWeakly::Counted(Arc::downgrade(meter)),
            Held::OfTimer(timer) => HeldWeakly::OfTimer(Arc::downgrade(timer)),
        }))
    }

    /// The meter, if it is still there.
    pub(crate) fn upgrade(&self) -> Option<MeterHandle> {
        Some(MeterHandle(match self.0.as_ref()? {
            HeldWeakly::Static(meter) => Held::Static(meter),
            HeldWeakly::Counted(meter) => Held::Counted(meter.upgrade()?),
            HeldWeakly::OfTimer(timer) => Held::OfTimer(timer.upgrade()?),
        }))
    }

    /// Whether it is the same meter, also after its end; or none, like the other.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(HeldWeakly::Static(a)), Some(HeldWeakly::Static(b))) => std::ptr::eq(*a, *b),
            (Some(HeldWeakly::Counted(a)), Some(HeldWeakly::Counted(b))) => a.ptr_eq(b),
            (Some(HeldWeakly::OfTimer(a)), Some(HeldWeakly::OfTimer(b))) => a.ptr_eq(b),
            _ => false,
        }
    }
}

impl TimerHandle {
    /// The timer, if it is in an `Arc`, to see whether anybody else has it.
    #[cfg(feature = "service")]
    pub(crate) fn counted_mut(&mut self) -> Option<&mut Arc<Timer>> {
        match &mut self.0 {
            HeldTimer::Counted(timer) => Some(timer),
            HeldTimer::Static(_) => None,
        }
    }
}

impl Deref for MeterHandle {
    type Target = Meter;

    #[inline]
    fn deref(&self) -> &Meter {
        match &self.0 {
            Held::Static(meter) => meter,
            Held::Counted(meter) => meter,
            Held::OfTimer(timer) => timer.meter(),
        }
    }
}

impl From<&'static Meter> for MeterHandle {
    fn from(meter: &'static Meter) -> Self {
        Self(Held::Static(meter))
    }
}

impl From<Arc<Meter>> for MeterHandle {
    fn from(meter: Arc<Meter>) -> Self {
        Self(Held::Counted(meter))
    }
}

/// The meter that counts the events of the timer.
impl From<TimerHandle> for MeterHandle {
    fn from(timer: TimerHandle) -> Self {
        match timer {
            TimerHandle(HeldTimer::Static(timer)) => timer.meter().into(),
            TimerHandle(HeldTimer::Counted(timer)) => Self(Held::OfTimer(timer)),
        }
    }
}

/// A timer that is static or in an [`Arc`], as [`MeterHandle`] is for meters.
///
/// ```
/// use std::time::Duration;
/// use tickring::{Timer, TimerHandle};
///
/// static QUERIES: Timer = Timer::new();
///
/// let queries = TimerHandle::from(&QUERIES);
/// queries.record(Duration::from_millis(3));
/// assert_eq!(QUERIES.snapshot().since_start().count(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct TimerHandle(HeldTimer);

#[derive(Clone, Debug)]
enum HeldTimer {
    Static(&'static Timer),
    Counted(Arc<Timer>),
}

impl Deref for TimerHandle {
    type Target = Timer;

    #[inline]
    fn deref(&self) -> &Timer {
        match &self.0 {
            HeldTimer::Static(timer) => timer,
            HeldTimer::Counted(timer) => timer,
        }
    }
}

impl From<&'static Timer> for TimerHandle {
    fn from(timer: &'static Timer) -> Self {
        Self(HeldTimer::Static(timer))
    }
}

impl From<Arc<Timer>> for TimerHandle {
    fn from(timer: Arc<Timer>) -> Self {
        Self(HeldTimer::Counted(timer))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn handles_are_the_meter_that_they_were_made_from() {
        static METER: Meter = Meter::new();
        static TIMER: Timer = Timer::new();
        let (meter, timer) = (Arc::new(Meter::new()), Arc::new(Timer::new()));
        let same = |handle: MeterHandle, meter: &Meter| std::ptr::eq(&raw const *handle, meter);
        assert!(same((&METER).into(), &METER) && same(meter.clone().into(), &meter));
        assert!(same(TimerHandle::from(&TIMER).into(), TIMER.meter()));
        assert!(same(TimerHandle::from(timer.clone()).into(), timer.meter()));
    }

    #[cfg(feature = "service")]
    #[test]
    fn a_handle_is_no_other_meter() {
        let (meter, other) = (Arc::new(Meter::new()), Meter::new());
        let handle = MeterHandle::from(Arc::clone(&meter));
        assert!(handle.is(&meter) && !handle.is(&other));
    }

    #[test]
    fn a_handle_keeps_its_meter_alive() {
        let meter = MeterHandle::from(TimerHandle::from(Arc::new(Timer::new())));
        meter.record();
        let timer = TimerHandle::from(Arc::new(Timer::new()));
        timer.clone().record(Duration::from_millis(1));
        assert_eq!((meter.total(), timer.meter().total()), (1, 1));
    }

    #[cfg(feature = "service")]
    #[test]
    fn only_a_meter_in_an_arc_can_be_had_alone() {
        static METER: Meter = Meter::new();
        static TIMER: Timer = Timer::new();
        let mut counted = MeterHandle::from(Arc::new(Meter::new()));
        let timer = Arc::new(Timer::new());
        let mut of_timer = MeterHandle::from(TimerHandle::from(Arc::clone(&timer)));
        let mut fixed = MeterHandle::from(&METER);
        assert!(counted.counted_mut().is_some_and(|meter| Arc::get_mut(meter).is_some()));
        assert!(of_timer.counted_mut().is_none() && fixed.counted_mut().is_none());
        assert!(TimerHandle::from(&TIMER).counted_mut().is_none());
        assert!(TimerHandle::from(Arc::new(Timer::new())).counted_mut().is_some());
        assert!(Timer::new().meter_of_service().is_none(), "it has a meter of its own");

        // A timer of each counts on the same meter.
        assert!(fixed.timed().is_none());
        let on_counted = counted.timed().unwrap();
        on_counted.record(Duration::from_millis(1));
        of_timer.timed().unwrap().record(Duration::from_millis(1));
        assert_eq!((counted.total(), timer.meter().total()), (1, 1));
    }

    #[cfg(feature = "service")]
    #[test]
    fn weak_handle_knows_its_meter_after_its_end() {
        static METER: Meter = Meter::new();
        let counted = MeterHandle::from(Arc::new(Meter::new()));
        let of_timer = MeterHandle::from(TimerHandle::from(Arc::new(Timer::new())));
        let all = [MeterHandle::from(&METER), counted, of_timer];
        let weak = all.each_ref().map(WeakMeter::of);
        for (index, (meter, weak_one)) in all.iter().zip(&weak).enumerate() {
            weak_one.upgrade().unwrap().record();
            assert_eq!(meter.total(), 1);
            let same = weak.iter().map(|other| weak_one.is(other));
            assert!(same.enumerate().all(|(other, same)| same == (other == index)));
            assert!(!weak_one.is(&WeakMeter::default()));
        }
        drop(all);
        let alive = weak.each_ref().map(|weak| weak.upgrade().is_some());
        assert_eq!(alive, [true, false, false], "a static meter has no end");
        assert!(weak.iter().all(|weak| weak.is(&weak.clone())));
        assert!(WeakMeter::default().is(&WeakMeter::default()));
        assert!(WeakMeter::default().upgrade().is_none());
    }
}
