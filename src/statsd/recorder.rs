//! Records the lines of datagrams on meters and timers.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::known::Known;
use super::refusals::Refusals;
use super::renames::Renames;
use super::resolve::{admit, resolve};
use super::{Line, lines};
use crate::fleet::{AutoRegister, Registry, RejectionReason, Services};

/// Counts what one listener receives.
///
/// Each listener has a map from names to what they are recorded on, so a line takes no lock and
/// allocates nothing. The map has only names that could be resolved, so it can't grow without
/// bound.
#[derive(Debug)]
pub(super) struct Recorder {
    registry: Registry,
    auto_register: Option<AutoRegister>,
    /// Lines that begin with one of these are counted as ignored, unless they can be recorded.
    ignored: Arc<[String]>,
    renames: Arc<Renames>,
    refusals: Refusals,
    /// The registry's services when it was last looked at. While they are held here, each change
    /// of the registry makes new ones, so none goes unnoticed.
    services: Arc<Services>,
    /// The number of changes that were noticed.
    generation: u64,
    known: HashMap<Box<[u8]>, Known, foldhash::fast::RandomState>,
    /// With this many known names, those whose events are gone are removed.
    sweep_at: usize,
}

impl Recorder {
    pub(super) fn new(
        registry: Registry,
        auto_register: Option<AutoRegister>,
        refusals: Refusals,
    ) -> Self {
        Self {
            services: registry.services(),
            registry,
            auto_register,
            ignored: Arc::new([]),
            renames: Arc::default(),
            refusals,
            generation: 0,
            known: HashMap::default(),
            sweep_at: 1024,
        }
    }

    /// With prefixes of lines to ignore, and of names to replace.
    pub(super) fn with_names(mut self, ignored: Arc<[String]>, renames: Arc<Renames>) -> Self {
        (self.ignored, self.renames) = (ignored, renames);
        self
    }

    /// Notices changes of the registry. To be called before each batch of datagrams.
    pub(super) fn look_for_changes(&mut self) {
        let services = self.registry.services();
        if Arc::ptr_eq(&services, &self.services) {
            return;
        }
        self.services = services;
        self.generation += 1;
        if self.known.len() >= self.sweep_at {
            let (services, renames) = (&self.services, &self.renames);
            self.known.retain(|name, _| resolve(services, &renames.apply(name)).is_ok());
            self.sweep_at = 1024.max(2 * self.known.len());
        }
    }

    /// Records a datagram, line by line. If it was cut off, its last line is refused.
    pub(super) fn record(&mut self, datagram: &[u8], cut_off: bool) {
        let mut whole = datagram;
        if cut_off {
            let end = datagram.iter().rposition(|&byte| byte == b'\n').map_or(0, |index| index + 1);
            let rest;
            (whole, rest) = datagram.split_at(end);
            self.refusals.refuse(RejectionReason::TooLong, rest);
        }
        for line in lines(whole) {
            if let Err(reason) = self.record_line(line) {
                self.refuse(reason, line);
            }
        }
    }

    /// Counts a piece of input that can't be used.
    pub(super) fn refuse(&self, reason: RejectionReason, line: &[u8]) {
        let reason = if self.is_ignored(line) { RejectionReason::Ignored } else { reason };
        self.refusals.refuse(reason, line);
    }

    fn is_ignored(&self, name: &[u8]) -> bool {
        self.ignored.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
    }

    /// Logs that nothing could be received.
    pub(super) fn failed(&self, error: &io::Error) {
        self.refusals.failed(error);
    }

    /// Counts datagrams that the kernel dropped.
    pub(super) fn dropped(&mut self, datagrams: u64) {
        self.refusals.dropped(datagrams);
    }

    fn record_line(&mut self, line: &[u8]) -> Result<(), RejectionReason> {
        let line = Line::parse(line)?;
        let known = match self.known.get_mut(line.name()) {
            Some(known) if known.generation == self.generation => known,
            _ => self.resolve(line.name())?,
        };
        if known.record(&line) { Ok(()) } else { Err(RejectionReason::Untimed) }
    }

    /// Resolves a name that is new, or was last resolved before the registry changed.
    #[cold]
    fn resolve(&mut self, name: &[u8]) -> Result<&mut Known, RejectionReason> {
        use RejectionReason::{UnknownEvent, UnknownService};
        let renames = Arc::clone(&self.renames);
        let meant = renames.apply(name);
        let found = match (resolve(&self.services, &meant), self.auto_register) {
            (Err(UnknownService | UnknownEvent), Some(caps)) if !self.is_ignored(name) => {
                let admitted = admit(&self.registry, &meant, caps, &self.refusals);
                self.look_for_changes();
                admitted
            }
            (resolved, _) => resolved,
        };
        let found = found.inspect_err(|_| {
            self.known.remove(name);
        })?;
        // An event keeps its fraction when its service changes.
        let carry = self.known.get(name).map_or(0.0, |known| known.carry);
        let known = Known { found, carry, generation: self.generation };
        Ok(self.known.entry(name.into()).insert_entry(known).into_mut())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Rejections, Service};

    fn recorder_for(
        registry: &Registry,
        caps: Option<AutoRegister>,
        rejections: &Rejections,
    ) -> Recorder {
        let ignored = Arc::new(["datadog.".to_owned()]);
        let refusals = Refusals::new(rejections.clone());
        let recorder = Recorder::new(registry.clone(), caps, refusals);
        recorder.with_names(ignored, Arc::default())
    }

    fn recorder(auto_register: Option<AutoRegister>) -> (Recorder, Registry, Rejections) {
        let registry = Registry::new();
        let service = Service::builder("s").event("first").event("second").build().unwrap();
        registry.register(service).unwrap();
        let rejections = Rejections::new();
        let recorder = recorder_for(&registry, auto_register, &rejections);
        (recorder, registry, rejections)
    }

    fn total(registry: &Registry, service: &str, event: &str) -> u64 {
        registry.get(service).unwrap().meter(event).unwrap().snapshot().total()
    }

    #[test]
    fn bad_line_does_not_affect_its_neighbours() {
        let (mut recorder, registry, rejections) = recorder(None);
        let datagram = "s.first:1|c\r\ns.first:x|c\ns.second:2:3|c\n\ns.none:1|c\nt.first:1|c\n\
                        s.first:1|g\ns:4|c\ns.first:-1|c\ns.first:250|ms\ns.fi/rst:1|c";
        recorder.record(datagram.as_bytes(), false);
        assert_eq!(total(&registry, "s", "first"), 1 + 4 + 1);
        assert_eq!(total(&registry, "s", "second"), 5);
        for (reason, count) in [
            (RejectionReason::Malformed, 2),
            (RejectionReason::UnknownEvent, 1),
            (RejectionReason::UnknownService, 1),
            (RejectionReason::UnsupportedType, 1),
            (RejectionReason::Negative, 1),
            (RejectionReason::TooLong, 0),
            // `first` has counted it.
            (RejectionReason::Untimed, 1),
        ] {
            assert_eq!(rejections.get(reason), count, "{reason}");
        }
    }

    #[test]
    fn fractions_are_carried_until_they_are_events() {
        let (mut recorder, registry, _) = recorder(None);
        for round in 1..=1_000 {
            for _ in 0..3 {
                recorder.record(b"s.first:1|c|@0.3", false);
            }
            recorder.record(b"s.second:0.1|c", false);
            // Three times 10/3, exactly; and a tenth, rounded down.
            assert_eq!(total(&registry, "s", "first"), 10 * round);
            assert_eq!(total(&registry, "s", "second"), round / 10);
        }
    }

    #[test]
    fn timed_event_gets_the_durations() {
        let registry = Registry::new();
        let service = Service::builder("s").timed_event("timed").event("plain").build().unwrap();
        let service = registry.register(service).unwrap();
        let rejections = Rejections::new();
        let mut recorder = recorder_for(&registry, None, &rejections);
        recorder.record(b"s.timed:10:30|ms\ns.timed:20|ms|@0.4\ns.plain:5|ms", false);
        recorder.record(b"s.timed:70|h\ns.timed:70|d", false);
        // Without a duration.
        recorder.record(b"s.timed:3|c", false);
        // The half that the sample of 2.5 left over.
        recorder.record(b"s.timed:1e300|ms|@0.4", false);
        let timer = service.timer("timed").unwrap().snapshot();
        assert_eq!(timer.events().total(), 2 + 2 + 2 + 3 + 3);
        assert_eq!(timer.since_start().count(), 2 + 2 + 2 + 3);
        assert_eq!(timer.distribution().min().map(|min| min.as_millis()), Some(10));
        assert_eq!(timer.since_start().max(), Some(Duration::from_secs(3600)));
        assert_eq!(service.meter("plain").unwrap().snapshot().total(), 1);
        assert_eq!(rejections.get(RejectionReason::Untimed), 1);
    }

    #[test]
    fn cut_off_line_alone_is_refused() {
        let (mut recorder, registry, rejections) = recorder(None);
        recorder.record(b"s.first:1|c\ns.first:1", true);
        recorder.record(b"s.first:1|c", true);
        assert_eq!(total(&registry, "s", "first"), 1);
        assert_eq!(rejections.get(RejectionReason::TooLong), 2);
    }

    #[test]
    fn changed_registry_is_noticed_and_fractions_stay() {
        let (mut recorder, registry, rejections) = recorder(None);
        recorder.record(b"s.first:0.5|c\ns.second:1|c", false);
        let former = registry.get("s").unwrap();
        let anew = Service::builder("s").event("first").event("third").continuing(&former);
        registry.replace(anew.build().unwrap());
        recorder.look_for_changes();
        recorder.record(b"s.first:0.5|c\ns.second:1|c\ns.third:1|c", false);
        assert_eq!(total(&registry, "s", "first"), 1);
        assert_eq!(total(&registry, "s", "third"), 1);
        assert_eq!(rejections.get(RejectionReason::UnknownEvent), 1);
        registry.remove("s");
        recorder.look_for_changes();
        recorder.record(b"s.first:1|c", false);
        assert_eq!(rejections.get(RejectionReason::UnknownService), 1);
        assert_eq!(recorder.known.len(), 1, "only `third`, which was not asked for again");
    }

    #[test]
    fn unknown_names_are_admitted_up_to_the_cap() {
        let caps = AutoRegister::new().max_services(2).max_events(3);
        let (mut recorder, registry, rejections) = recorder(Some(caps));
        recorder.record(b"s.third:1|c\ns.fourth:1|c\nt.first:1|c\nt.first:2|c\nu:1|c", false);
        recorder.record(b"s.third:1|c\nt.a..b:1|c\nt..:1|c\ns.first:1|c", false);
        assert_eq!(total(&registry, "s", "third"), 2);
        assert_eq!(total(&registry, "t", "first"), 3);
        assert_eq!(total(&registry, "s", "first"), 1);
        assert_eq!(rejections.get(RejectionReason::OverCap), 2, "s.fourth and u");
        assert_eq!(rejections.get(RejectionReason::Malformed), 2);
        assert_eq!(registry.services().len(), 2);
    }

    #[test]
    fn event_is_what_comes_after_the_first_dot() {
        let caps = AutoRegister::new();
        for auto_register in [None, Some(caps)] {
            let (mut recorder, registry, rejections) = recorder(auto_register);
            let event = "gunicorn.request.status.200";
            if auto_register.is_none() {
                let service = Service::builder("data-api").event(event).build().unwrap();
                registry.register(service).unwrap();
                recorder.look_for_changes();
            }
            recorder.record(b"data-api.gunicorn.request.status.200:1|c", false);
            assert_eq!(total(&registry, "data-api", event), 1);
            assert_eq!(rejections.iter().map(|(_, count)| count).sum::<u64>(), 0);
        }
    }

    #[test]
    fn ignored_lines_are_counted_apart_whatever_they_are() {
        let caps = AutoRegister::new();
        for auto_register in [None, Some(caps)] {
            let (mut recorder, registry, rejections) = recorder(auto_register);
            let lines =
                "datadog.dogstatsd.client.metrics:1|c|#client:py\ndatadog.x:1|g\ndatadog.x:";
            recorder.record(lines.as_bytes(), false);
            assert_eq!(rejections.get(RejectionReason::Ignored), 3);
            assert_eq!(rejections.iter().map(|(_, count)| count).sum::<u64>(), 3);
            assert_eq!(registry.services().len(), 1);
            // Where it is described, it is meant.
            registry.register(Service::builder("datadog").event("x").build().unwrap()).unwrap();
            recorder.look_for_changes();
            recorder.record(b"datadog.x:2|c", false);
            assert_eq!(total(&registry, "datadog", "x"), 2);
        }
    }

    #[test]
    fn tags_of_other_dialects_make_no_other_name() {
        let (mut recorder, registry, _) = recorder(None);
        recorder.record(b"s.first,a=1:1|c\ns.first#a=2:1|c\ns.first[a=3]:1|c\ns.first:1|c", false);
        assert_eq!(total(&registry, "s", "first"), 4);
        assert_eq!(recorder.known.len(), 1);
    }

    #[test]
    fn declared_tags_are_labels_in_every_dialect() {
        let (mut recorder, registry, rejections) = recorder(None);
        let shop = Service::builder("shop").timed_event("request").labels(["route", "method"]);
        let shop = registry.register(shop.build().unwrap()).unwrap();
        recorder.look_for_changes();
        let lines = [
            &b"shop.request:1|c|#method:GET,route:/a:b,user:7"[..],
            b"shop.request:2|c|@0.5|#route:/a:b,method:GET,method:POST",
            b"shop.request,route=/a,method=GET:3|c",
            b"shop.request#method=GET,route=/a:4|c",
            b"shop.request[route=/a,method=GET]:5|ms",
            b"shop.request:6|c|#user:7,method,route:",
            b"shop.request:7|c",
            b"shop.request:8|c|#route:\xff",
            b"shop:9|c|#method:GET",
        ];
        recorder.record(&lines.join(&b'\n'), false);
        let requests = shop.family("request").unwrap();
        for (values, total) in [
            (["/a:b", "GET"], 1 + 4),
            (["/a", "GET"], 3 + 4 + 1),
            (["", ""], 6 + 7),
            (["other", ""], 8),
            (["", "GET"], 9),
        ] {
            assert_eq!(requests.with(values).total(), total, "{values:?}");
        }
        assert_eq!(shop.timer("request").unwrap().snapshot().since_start().count(), 0);
        let timed = shop.timed_family("request").unwrap().with(["/a", "GET"]);
        assert_eq!(timed.snapshot().since_start().sum(), Duration::from_millis(5));
        assert_eq!(rejections.iter().map(|(_, count)| count).sum::<u64>(), 0);
    }

    #[test]
    fn names_of_removed_events_are_forgotten() {
        let caps = AutoRegister::new().max_services(10_000).max_events(1);
        let (mut recorder, registry, _) = recorder(Some(caps));
        for number in 0..3_000 {
            recorder.record(format!("t{number}.e:1|c").as_bytes(), false);
            registry.remove(&format!("t{number}"));
        }
        recorder.look_for_changes();
        assert!(recorder.known.len() <= 1_024, "{}", recorder.known.len());
    }
}
