//! Labels: the children of an event, one for each set of values of its label keys.
//!
//! # What holds
//!
//! *The event's figures are exactly and always the sum of its children's.* The sum is made when it is read,
//! of one moment, from
//!
//! - the child without values, which is the meter of the event itself;
//! - the children with values ([`Children`]);
//! - what retired children had counted (`Retired`), which is in the total and in no second of the window.
//!
//! Nothing else counts, so there is nothing that the sum could differ from. Each event is recorded on one
//! child, once, and a child's counts are either its own or in `Retired`.
//!
//! # How a child is found
//!
//! The index, a map that is read without a lock, has a child for each set of values. Trailing
//! empty values are no part of a set: an empty value is the same as none. A look-up that finds its child
//! allocates nothing. One that doesn't takes the lock of the family, under which children come and go. Past
//! the cap it takes no lock either, and gets the child whose values are all `other`.
//!
//! # What is shown
//!
//! Readers take an `Arc` of the list of children together with `Retired` (`Shown`), under
//! the lock, for as long as it takes to copy a pointer. Whoever changes the list makes a copy if a reader
//! holds it. So a reader sees a child in the list, or its counts in `Retired`, and never both or neither.
//!
//! A child is put into the list before it is put into the index. So whoever has recorded on a child finds
//! it in the list.
//!
//! # How a child retires
//!
//! A child that had no event for long leaves the index. If then nobody can record on it any more, its total
//! goes to `Retired`, and it leaves the list; if somebody can, it goes back into the index. All of this is one
//! turn under the lock, so without the lock each child of the list is found in the index, or in a moment. Who
//! could still record on it?
//!
//! 1. *A thread that has found it in the index, and has not recorded yet.* The index has an `Arc` of the
//!    child. papaya drops that only when no thread is left that could have a reference to it. So while there
//!    is such a thread, the child has two owners: the list, and what is left of the index.
//! 2. *Somebody who keeps a handle.* The handle is an `Arc` of the child's meter, or of its timer, which
//!    has one of the meter. So that has two owners as well.
//! 3. *A reader that holds the list.* It records nothing, but it has seen the child and will add its
//!    counts. The list is shared then, and nothing leaves it.
//! 4. *Somebody who keeps a `Weak` of a handle.* `Arc::get_mut` sees it.
//!
//! `retire` looks in this order: it has the list alone, then the child, then the timer, then the meter, each
//! by `Arc::get_mut`. Each step leaves nobody who could make a new owner of the next. So at the end nobody has
//! the meter, and nobody can get it. `get_mut` loads the count of owners with Acquire, and each owner was
//! dropped with Release: so all that they have recorded is there to be read.
//!
//! 5. *An event comes in between the look at the child's age and the end of its way out.* The age is looked
//!    at again when nobody has the meter. A child that is not idle goes back into the index.
//! 6. *The same values are looked up while the child is on its way out.* The look-up finds nothing, waits for
//!    the lock, and looks again. It finds the child if it went back, and else makes a new one. So there are
//!    never two children of the same values.
//! 7. *A reader took its moment before a child retired, and the list after.* The reader's window begins at most
//!    61 s before its moment, which is at most 3 s old: a reader that was held up for longer reads again. The
//!    child had no event for twice as long, so there was nothing in that window.
//! 8. *The same values come back after the child has retired.* They get a new child, whose start is new.
//!
//! No two threads of ours meet in any other place: the list is under a mutex, the index is papaya's, owners are
//! counted by `Arc`, and a meter has its own laws. So there is no ordering here to be modelled; the tests meet
//! these cases on threads.

pub(crate) mod children;
mod keys;
mod retire;
mod sets;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

pub(crate) use self::children::Children;
#[cfg(feature = "tower")]
pub(crate) use self::children::VALUE_MAX;
#[cfg(feature = "statsd")]
pub(crate) use self::keys::KEYS_MAX;
#[cfg(any(feature = "metrics", feature = "statsd"))]
pub(crate) use self::keys::OTHER;
pub(super) use self::keys::{DEFAULT_CAP, check_keys};
#[cfg(feature = "statsd")]
pub(crate) use self::sets::Keys;
pub(crate) use self::sets::LabelSet;
use crate::engine::{MeterHandle, Snapshot, TimerHandle, TimerSnapshot};

/// The children of an event that has labels, each found by its values; made by
/// [`Service::family`](super::Service::family).
///
/// The number of values is that of the event's label keys: it is checked once, when the family is made, and
/// then by the compiler.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tickring::Service;
///
/// let shop = Service::builder("shop").event("request").labels(["route", "method"]).build()?;
/// let requests = shop.family("request")?;
/// let items = requests.with(["/items/{id}", "GET"]); // keep it, or look it up each time
/// items.record();
/// requests.record(["/items/{id}", "POST"]);
/// assert_eq!(requests.snapshot().total(), 2);
/// assert_eq!(shop.snapshot()?.total(), 2);
/// # Ok(())
/// # }
/// ```
///
/// # Caps and retirement
///
/// An event has at most 256 sets of values, or as many as
/// [`label_sets`](super::ServiceBuilder::label_sets) says. What is past that counts on the child whose values
/// are all `other`; so does a set with a value of more than 1,024 bytes. A set without events for an hour
/// ([`retire_after`](super::ServiceBuilder::retire_after)) makes room, unless somebody holds its meter. Its
/// events stay in the event's total.
///
/// # Cost
///
/// A meter that is held costs what a [`Meter`](crate::Meter) costs. A look-up costs a hash of the values and no
/// allocation; the first one of a set takes a lock and allocates. Clones share the children.
pub struct Family<const N: usize>(pub(super) Arc<Children>);

/// As a [`Family`], of an event that is timed: each child is a [`Timer`](crate::Timer); made by
/// [`Service::timed_family`](super::Service::timed_family).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tickring::Service;
///
/// let shop = Service::builder("shop").timed_event("request").labels(["route"]).build()?;
/// let requests = shop.timed_family("request")?;
/// requests.with(["/items"]).record(Duration::from_millis(3));
/// assert_eq!(requests.family().snapshot().total(), 1);
/// # Ok(())
/// # }
/// ```
///
/// A child takes at most 64 KiB, and 8 KiB more for each thread that records on it.
pub struct TimedFamily<const N: usize>(pub(super) Family<N>);

/// A child of an event, with the values of its labels.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Series {
    /// Label keys and values, in the order in which the keys were declared.
    pub labels: Vec<(String, String)>,
    /// What counts its events. While this is held, the child does not retire.
    pub meter: MeterHandle,
    /// When it was made, by the wall clock. A child that has retired and comes back is made anew.
    pub started_at: SystemTime,
}

impl<const N: usize> Family<N> {
    /// The meter of these values, in the order of the label keys. An empty value is as good as none.
    #[must_use]
    #[inline]
    pub fn with(&self, values: [&str; N]) -> MeterHandle {
        self.0.on(&values, |child| child.meter().clone())
    }

    /// Counts one event with these values, now. Cheaper than a record on [`with`](Self::with), which makes a
    /// handle.
    #[inline]
    pub fn record(&self, values: [&str; N]) {
        self.record_n(values, 1);
    }

    /// Counts `n` events with these values, now.
    #[inline]
    pub fn record_n(&self, values: [&str; N], n: u64) {
        self.0.on(&values, |child| child.meter().record_n(n));
    }

    /// The label keys, in the order of the values.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.0.keys().iter().map(ToString::to_string).collect()
    }

    /// The figures of all children and of those that have retired, as of one moment: those of the event.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let clock = self.0.clock();
        self.0.snapshot(clock.now())
    }

    /// The children, in the order in which they came. The one without values is the first.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let shop = tickring::Service::builder("shop").event("order").labels(["country"]).build()?;
    /// let orders = shop.family("order")?;
    /// orders.record(["fi"]);
    /// let series = orders.series();
    /// assert_eq!(series[1].labels, [("country".into(), "fi".into())]);
    /// assert_eq!(series[1].meter.total(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn series(&self) -> Vec<Series> {
        let (shown, keys) = (self.0.shown(), self.0.keys());
        let of = |child: &Arc<children::Child>| Series {
            labels: child.label_set(&keys).all().map(|(k, v)| (k.into(), v.into())).collect(),
            meter: child.meter().clone(),
            started_at: child.started_at(),
        };
        std::iter::once(self.0.unlabelled()).chain(shown.children()).map(of).collect()
    }

    /// How many look-ups came with a set of values past the cap.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.0.overflowed()
    }

    /// Retires the children that were idle for long enough and that nobody holds. Returns how many.
    ///
    /// [`Service::retire_idle`](super::Service::retire_idle) does it for all events.
    #[allow(clippy::must_use_candidate)] // It is called for its effect.
    pub fn retire_idle(&self) -> usize {
        self.0.retire_idle()
    }
}

impl<const N: usize> TimedFamily<N> {
    /// The timer of these values, in the order of the label keys.
    #[must_use]
    #[inline]
    pub fn with(&self, values: [&str; N]) -> TimerHandle {
        self.0.0.on(&values, |child| child.timer().clone())
    }

    /// The figures of all children and of those that have retired, with durations, as of one moment: those of
    /// the event. It costs what reading each child's timer costs.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use tickring::Service;
    ///
    /// let shop = Service::builder("shop").timed_event("request").labels(["route"]).build()?;
    /// let requests = shop.timed_family("request")?;
    /// requests.with(["/items"]).record(Duration::from_millis(3));
    /// shop.timer("request")?.record(Duration::from_millis(5)); // without a route
    /// let both = requests.snapshot();
    /// assert_eq!(both.since_start().count(), 2);
    /// assert_eq!(both.since_start().sum(), Duration::from_millis(8));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> TimerSnapshot {
        let clock = self.0.0.clock();
        self.0.0.timed_snapshot(clock.now())
    }

    /// The same children, as meters.
    #[must_use]
    pub fn family(&self) -> &Family<N> {
        &self.0
    }
}

impl<const N: usize> Clone for Family<N> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<const N: usize> Clone for TimedFamily<N> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<const N: usize> fmt::Debug for Family<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const N: usize> fmt::Debug for TimedFamily<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod replaced;
#[cfg(test)]
mod tests;
