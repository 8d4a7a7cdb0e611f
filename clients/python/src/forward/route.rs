//! From the meters of one service to datagrams.

use std::collections::HashSet;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::address::{Target, Way};
use super::durations::Durations;
use crate::family::Children;

/// How often the last sum of a service that is gone is tried, so that services that come and go take no
/// memory for ever.
const LAST_TRIES: u32 = 60;

/// Somebody may still record on the service as long as one of these is there.
#[derive(Debug)]
pub(crate) struct Held;

/// A service whose sums are sent.
#[derive(Debug)]
pub(crate) struct Route {
    service: String,
    held: Weak<Held>,
    events: Vec<Counted>,
    families: Vec<Labelled>,
    way: Way,
    /// Events sent by the flush before.
    last: u64,
    /// Whether the last flush met a full queue.
    full: bool,
    /// Flushes in vain, one after another.
    failures: u32,
    standing: Standing,
}

/// How it goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// Events that were handed to the system.
    pub(crate) sent: u64,
    /// Events that are still to be sent.
    pub(crate) pending: u64,
    /// Events that were sent and then refused: they can't be sent again, since some may have arrived.
    pub(crate) lost: u64,
    /// The last error, until a flush succeeds.
    pub(crate) error: Option<String>,
}

/// An event of the service, or a child of one that has labels.
#[derive(Debug)]
struct Counted {
    name: String,
    /// The labels as a line has them at its end.
    tags: String,
    meter: tickring::MeterHandle,
    /// How much of the total is somebody else's to send, or is sent.
    sent: u64,
    durations: Option<Arc<Durations>>,
    /// Durations that were taken, and not yet sent.
    unsent: Vec<Duration>,
}

/// An event that has labels.
#[derive(Debug)]
struct Labelled {
    event: String,
    children: Arc<dyn Children>,
    /// The labels of those children that are among the route's events.
    known: HashSet<Vec<(String, String)>>,
}

/// A line that is to be sent.
struct Line {
    text: String,
    event: usize,
    count: u64,
    timed: bool,
}

impl Counted {
    fn new(
        event: &str,
        tags: String,
        meter: tickring::MeterHandle,
        durations: Option<Arc<Durations>>,
    ) -> Self {
        Self { name: event.into(), tags, meter, sent: 0, durations, unsent: Vec::new() }
    }
}

/// Labels as tags. What ends a tag or a line can't be in a value: each such character becomes `_`. Lines of
/// two children may then be the same, and the server counts both on one.
fn tags(labels: &[(String, String)]) -> String {
    let ends = |c: char| c == ',' || c == '|' || c.is_control();
    let given = labels.iter().filter(|(_, value)| !value.is_empty());
    let tags = given.map(|(label, value)| format!("{label}:{}", value.replace(ends, "_")));
    format!("|#{}", tags.collect::<Vec<_>>().join(","))
}

impl Route {
    pub(crate) fn new(service: &str, target: Target, held: &Arc<Held>) -> Self {
        Self {
            service: service.into(),
            held: Arc::downgrade(held),
            events: Vec::new(),
            families: Vec::new(),
            way: Way::new(target),
            last: 0,
            full: false,
            failures: 0,
            standing: Standing::default(),
        }
    }

    /// Sends the sums of this event as well.
    pub(crate) fn add(
        &mut self,
        event: &str,
        meter: tickring::MeterHandle,
        durations: Option<Arc<Durations>>,
    ) {
        if self.events.iter().all(|known| known.name != event) {
            self.events.push(Counted::new(event, String::new(), meter, durations));
        }
    }

    /// Sends the sums of the children of this event as well. That without values is the event's own.
    pub(crate) fn add_family(&mut self, event: &str, children: Arc<dyn Children>) {
        self.families.push(Labelled { event: event.into(), children, known: HashSet::new() });
    }

    /// Looks for children that have come. Each is held from then on, so none retires.
    pub(super) fn look_for_children(&mut self) {
        for Labelled { event, children, known } in &mut self.families {
            for series in children.series().into_iter().skip(1) {
                if !known.contains(&series.labels) {
                    self.events.push(Counted::new(event, tags(&series.labels), series.meter, None));
                    known.insert(series.labels);
                }
            }
        }
    }

    pub(super) fn is_of(&self, held: &Arc<Held>) -> bool {
        self.held.as_ptr() == Arc::as_ptr(held)
    }

    pub(super) fn has(&self, held: &Weak<Held>) -> bool {
        self.held.ptr_eq(held)
    }

    /// Whether somebody can still record here.
    pub(super) fn is_held(&self) -> bool {
        self.held.strong_count() > 0
    }

    /// Whether nobody can record here any more, and the rest is sent or can't be.
    pub(super) fn is_over(&self) -> bool {
        self.held.strong_count() == 0 && (self.standing.pending == 0 || self.failures > LAST_TRIES)
    }

    pub(super) fn start_afresh(&mut self) {
        for event in &mut self.events {
            event.sent = event.meter.total();
            event.unsent.clear();
            if let Some(durations) = &event.durations {
                durations.clear();
            }
        }
        self.way.close();
        self.last = 0;
        let Standing { sent, pending, lost, error: _ } = &mut self.standing;
        (*sent, *pending, *lost) = (0, 0, 0);
    }

    pub(super) fn name_to_resolve(&self) -> Option<(Weak<Held>, Target)> {
        let wants = self.way.wants_resolving();
        wants.then(|| (self.held.clone(), self.way.target().clone()))
    }

    pub(super) fn has_failed_to_resolve(&self) -> bool {
        self.way.has_failed_to_resolve()
    }

    pub(super) fn resolved(&mut self, found: io::Result<Vec<SocketAddr>>) {
        self.way.set_addresses(found);
    }

    /// Sends what was counted since. True if it was all handed to the system.
    pub(crate) fn flush(&mut self) -> bool {
        if self.way.was_refused() {
            self.standing.lost += self.last;
            self.standing.error = Some("what was sent was refused".into());
        }
        let lines = self.lines();
        if lines.is_empty() {
            self.last = 0;
            self.standing.pending = 0;
            return true;
        }
        let most = self.way.most_bytes();
        let (mut rest, mut sent) = (&lines[..], Ok(()));
        self.last = 0;
        while sent.is_ok() && !rest.is_empty() {
            let mut length = 0;
            let mut fits = |line: &Line| {
                length += line.text.len();
                length <= most
            };
            let (datagram, after) =
                rest.split_at(rest.iter().take_while(|line| fits(line)).count().max(1));
            let text: String = datagram.iter().map(|line| line.text.as_str()).collect();
            sent = self.way.send(text.as_bytes());
            if sent.is_ok() {
                self.note(datagram);
                rest = after;
            }
        }
        self.standing.pending = rest.iter().map(|line| line.count).sum();
        self.full = sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        self.standing.error = sent.as_ref().err().map(ToString::to_string);
        self.failures = if sent.is_ok() { 0 } else { self.failures.saturating_add(1) };
        sent.is_ok()
    }

    /// What there is to send.
    fn lines(&mut self) -> Vec<Line> {
        self.look_for_children();
        let mut lines = Vec::new();
        let service = &self.service;
        for (index, event) in self.events.iter_mut().enumerate() {
            // Before the total: there are then no more of them than events.
            if let Some(durations) = &event.durations {
                durations.take(&mut event.unsent);
            }
            let mut count = event.meter.total().saturating_sub(event.sent);
            for duration in event.unsent.iter().take(usize::try_from(count).unwrap_or(usize::MAX)) {
                let ms = duration.as_secs_f64() * 1000.0;
                let text = format!("{service}.{}:{ms}|ms\n", event.name);
                lines.push(Line { text, event: index, count: 1, timed: true });
                count -= 1;
            }
            if count > 0 {
                let text = format!("{service}.{}:{count}|c{}\n", event.name, event.tags);
                lines.push(Line { text, event: index, count, timed: false });
            }
        }
        lines
    }

    fn note(&mut self, sent: &[Line]) {
        for line in sent {
            let event = &mut self.events[line.event];
            event.sent += line.count;
            if line.timed {
                event.unsent.remove(0);
            }
            self.last += line.count;
            self.standing.sent += line.count;
        }
    }

    /// Whether another try in a moment makes sense: the name is being resolved, or a queue is full.
    pub(super) fn may_succeed_soon(&self) -> bool {
        let resolves = self.way.is_unknown() && !self.way.has_failed_to_resolve();
        self.standing.pending > 0 && (resolves || self.full)
    }

    /// What could not be sent, in words.
    pub(super) fn unsent(&mut self) -> Option<String> {
        let Standing { pending, lost, .. } = self.standing;
        if pending + lost == 0 {
            return None;
        }
        let mut text = format!("{pending} events of {} were not sent to ", self.service);
        let _ = write!(text, "{}", self.way.target());
        if lost > 0 {
            let _ = write!(text, ", and up to {lost} were refused");
        }
        if let Some(error) = &self.standing.error {
            let _ = write!(text, ": {error}");
        }
        Some(text)
    }

    pub(crate) fn standing(&self) -> (String, Standing) {
        (self.way.target().to_string(), self.standing.clone())
    }
}
