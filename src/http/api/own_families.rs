//! The families of their own that events of a scrape are exported as.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::export::{OwnFamily, OwnPart, Scrape};
use crate::fleet::{Exported, Service};

/// The families that events are exported as, while they are put together.
#[derive(Default)]
pub(super) struct Own<'a> {
    /// The place of each in the scrape, by name.
    places: HashMap<&'a str, usize>,
}

impl<'a> Own<'a> {
    /// Adds those of a service, whether they have samples or not. Its samples begin at `first`. Of several
    /// kinds under one name, the first is exported; figures of the program come before all.
    pub(super) fn add(&mut self, service: &'a Service, first: usize, scrape: &mut Scrape<'a>) {
        let mut exported = service.spec().exported().peekable();
        if exported.peek().is_none() {
            return;
        }
        let mut samples: HashMap<&str, Range<usize>> = HashMap::new();
        for (at, sample) in scrape.events.iter().enumerate().skip(first) {
            samples.entry(sample.event).or_insert(at..at).end = at + 1;
        }
        for Exported { event, name, timed, help, buckets } in exported {
            let events = samples.get(event).cloned().unwrap_or_default();
            let mut figures = scrape.process.iter().flat_map(|process| &process.program);
            if figures.any(|figure| is_sample_of(name, figure.name)) {
                left_out(service, event, name, "a figure of the program");
                continue;
            }
            let place = *self.places.entry(name).or_insert(scrape.own.len());
            if place == scrape.own.len() {
                scrape.own.push(OwnFamily { name, timed, help: None, parts: Vec::new() });
            }
            let own = &mut scrape.own[place];
            if own.timed == timed {
                own.help = own.help.or(help);
                own.parts.push(OwnPart { events, buckets });
            } else {
                left_out(service, event, name, "events of another kind, of another service");
            }
        }
    }
}

/// Whether a figure has the name of a family, or of samples of it.
fn is_sample_of(family: &str, figure: &str) -> bool {
    let suffix = figure.strip_prefix(family);
    suffix.is_some_and(|suffix| {
        ["", "_total", "_bucket", "_sum", "_count", "_created"].contains(&suffix)
    })
}

/// The most clashes that the log tells of. Each is kept.
const SAID_MAX: usize = 1024;

/// Says it once for each event: each scrape comes here again.
fn left_out(service: &Service, event: &str, name: &str, by: &str) {
    static SAID: Mutex<BTreeSet<[String; 3]>> = Mutex::new(BTreeSet::new());
    let service = service.name();
    let what = [service, event, name].map(str::to_owned);
    // Without the lock: a subscriber may scrape.
    let is_new = {
        let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        said.len() < SAID_MAX && said.insert(what)
    };
    if is_new {
        tracing::warn!(service, event, "not exported as {name}, which are {by}");
    }
}
