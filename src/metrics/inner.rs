//! What a recorder and its clones share, and how an instrument is found in it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ::metrics::{Counter, Histogram, Key};
use papaya::HashMap;

use super::admission::{Admission, Found, OVERFLOW_SERVICE};
use super::handles::{Counted, Overflow, Timed};
use super::refused::{Refused, Why, say_unnamed};
use crate::fleet::{InstrumentKind, Registry};

const OVERFLOW: &str = "overflow";

pub(super) struct Inner {
    pub(super) registry: Registry,
    counters: HashMap<Key, Arc<Counted>>,
    histograms: HashMap<Key, Arc<Timed>>,
    /// By the name of each counter that has reached the cap of label sets: what counts the rest.
    full: HashMap<String, Arc<Overflow>>,
    /// `None` within if that service has a source in its place.
    overflow: OnceLock<Option<Arc<Overflow>>>,
    pub(super) refused: Refused,
    /// Also the lock under which counters are admitted.
    admission: Mutex<Admission>,
}

impl Inner {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            refused: Refused::new(registry.refused_instruments()),
            registry,
            counters: HashMap::new(),
            histograms: HashMap::new(),
            full: HashMap::new(),
            overflow: OnceLock::new(),
            admission: Mutex::new(Admission::new()),
        }
    }

    /// How many counters with a meter to themselves there are.
    pub(super) fn counters(&self) -> usize {
        self.counters.pin().len()
    }

    pub(super) fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counter(&self, key: &Key) -> Counter {
        if let Some(counted) = self.counters.pin().get(key) {
            return Counter::from_arc(Arc::clone(counted));
        }
        if let Some(overflow) = self.full.pin().get(key.name()) {
            return Counter::from_arc(Arc::clone(overflow));
        }
        self.admit(key)
    }

    /// What counts for counters past the cap. The first call registers it.
    fn overflow(&self) -> Counter {
        let overflow = self.overflow.get_or_init(|| {
            let meter = self.registry.admit_meter(OVERFLOW_SERVICE, OVERFLOW).ok()?;
            Some(Arc::new(Overflow(meter)))
        });
        overflow
            .as_ref()
            .map_or_else(Counter::noop, |overflow| Counter::from_arc(Arc::clone(overflow)))
    }

    /// The counter of a key that has none yet. What there is to say is said without the lock: whoever hears it
    /// may count.
    #[cold]
    fn admit(&self, key: &Key) -> Counter {
        let mut fault = None;
        let admitted = self.find_counter(key, &mut fault);
        say_unnamed(key.name(), fault);
        admitted.unwrap_or_else(|| {
            self.refused.count(InstrumentKind::Counter, key.name(), Why::Taken);
            Counter::noop()
        })
    }

    fn find_counter(&self, key: &Key, fault: &mut Option<String>) -> Option<Counter> {
        let mut admission = self.admission();
        let counters = self.counters.pin();
        // Another thread may have been here first.
        if let Some(counted) = counters.get(key) {
            return Some(Counter::from_arc(Arc::clone(counted)));
        }
        let Some((known, max)) = admission.counter(key.name(), &self.registry) else {
            return Some(self.overflow());
        };
        *fault = known.fault.take();
        Some(match known.find(key, &self.registry, max)? {
            Found { meter, past_cap: true, full, .. } => {
                let overflow = Arc::new(Overflow(meter));
                if full {
                    self.full.pin().insert(key.name().into(), Arc::clone(&overflow));
                }
                Counter::from_arc(overflow)
            }
            Found { meter, raising, .. } => {
                let counted = Arc::new(Counted { meter, raising });
                counters.insert(key.clone(), Arc::clone(&counted));
                Counter::from_arc(counted)
            }
        })
    }

    pub(super) fn histogram(&self, key: &Key) -> Histogram {
        if let Some(timed) = self.histograms.pin().get(key) {
            return Histogram::from_arc(Arc::clone(timed));
        }
        self.admit_histogram(key)
    }

    /// As [`admit`](Self::admit).
    #[cold]
    fn admit_histogram(&self, key: &Key) -> Histogram {
        let mut fault = None;
        let admitted = self.find_histogram(key, &mut fault);
        say_unnamed(key.name(), fault);
        admitted.unwrap_or_else(|why| {
            self.refused.count(InstrumentKind::Histogram, key.name(), why);
            Histogram::noop()
        })
    }

    fn find_histogram(&self, key: &Key, fault: &mut Option<String>) -> Result<Histogram, Why> {
        let mut admission = self.admission();
        let scale = admission.described.seconds_of(key.name()).ok_or(Why::NoDuration)?;
        let found = admission.histogram(key.name(), &self.registry).ok_or(Why::PastCap)?;
        let (known, max) = found;
        *fault = known.fault.take();
        match known.find(key, &self.registry, max) {
            Some(Found { timer: Some(timer), past_cap, .. }) => {
                let found = Arc::new(Timed { timer, scale });
                if !past_cap {
                    self.histograms.pin().insert(key.clone(), Arc::clone(&found));
                }
                Ok(Histogram::from_arc(found))
            }
            _ => Err(Why::Taken),
        }
    }
}
