//! Responses whose size grows with the number of services.

use std::collections::{BTreeMap, HashSet};

use hyper::header::{HOST, HeaderValue, VARY};
use hyper::{HeaderMap, Request, StatusCode};

use super::caught::caught;
use super::front::{table, wants_html};
use super::pieces::Pieces;
use super::query::Query;
use super::response::{
    Answer, Example, Listed, Overview, ProbeStatus, Refusal, ServerStatus, document, error,
};
use super::response_body::ResponseBody;
use super::route::Route;
use super::router::Router;
use super::scrape::{self, Form};
use super::single::status_of;
use super::wanted::{Wanted, WantedMetrics};
use crate::export::discovery;
use crate::export::{FigureSample, FigureValue, ProcessSample};
use crate::fleet::{
    Collecting, Consolidated, EventKind, RejectedExample, RejectionReason, Rejections, Service,
    Showing, seconds,
};
use crate::http::process;

/// Up to this many events a bulk response is made on the connection's thread: it takes less than a
/// millisecond. Longer ones are made on the runtime's blocking threads.
const FEW_EVENTS: usize = 256;

impl Router {
    /// What a request for a bulk response wants; `None` if the route is none of those.
    /// The query has been checked before.
    pub(super) fn wanted<T>(&self, request: &Request<T>, route: &Route) -> Option<Wanted> {
        let here = self.listener.as_ref().map(|here| here.address);
        let headers = request.headers();
        Some(match route {
            Route::Services => Wanted::Services,
            Route::RealTime => {
                let query = Query::parse(request.uri().query().unwrap_or("")).ok()?;
                Wanted::RealTime { series: query.series }
            }
            Route::EventRate | Route::EventRateOf(_) => {
                let query = Query::parse(request.uri().query().unwrap_or("")).ok()?;
                if !query.labels {
                    return None;
                }
                let asked = query.service.as_deref().unwrap_or(self.service());
                let service = if let Route::EventRateOf(name) = route { name } else { asked };
                Wanted::Labels { service: service.to_owned(), series: query.series }
            }
            Route::Front if !wants_html(headers) => Wanted::Table,
            Route::History(name) => Wanted::History(name.clone()),
            Route::Discovery => {
                Wanted::Discovery { here, authority: authority(request).map(str::to_owned) }
            }
            Route::Metrics => {
                let query = Query::parse(request.uri().query().unwrap_or("")).ok()?;
                Wanted::Metrics(self.wanted_metrics(&query, headers))
            }
            _ => return None,
        })
    }

    pub(super) fn wanted_metrics(&self, query: &Query<'_>, headers: &HeaderMap) -> WantedMetrics {
        let dedicated = self.listener.as_ref().is_some_and(|listener| listener.dedicated);
        let service = query.service.as_deref().or(dedicated.then(|| self.service()));
        WantedMetrics {
            here: self.listener.as_ref().map(|here| here.address),
            service: service.map(str::to_owned),
            own_ports: query.own_ports,
            rates: query.rates.unwrap_or(self.options.rates),
            form: Form::preferred(headers),
        }
    }

    /// The answer to a request for a bulk response, which others may share.
    pub(super) async fn answer_bulk(&self, path: &str, wanted: Wanted) -> Answer {
        let services = self.options.registry.services();
        let events = services.iter().flat_map(|service| service.events());
        let events: usize = events.map(EventKind::samples).sum();
        drop(services);
        let (router, path, asked) = (self.clone(), path.to_owned(), wanted.clone());
        let make = move || caught(&path, || router.bulk(&asked));
        let answer = self.documents.get(wanted, events > FEW_EVENTS, make).await;
        answer.unwrap_or_else(|| {
            error(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down")
        })
    }

    /// Makes a bulk response.
    fn bulk(&self, wanted: &Wanted) -> Result<Answer, Refusal> {
        match wanted {
            Wanted::Services => Ok(self.services()),
            Wanted::RealTime { series } => Ok(self.real_time(*series)),
            Wanted::Table => Ok(self.table()),
            Wanted::Labels { service, series } => self.labels(service, *series),
            Wanted::History(name) => self.history_of(name),
            Wanted::Discovery { authority, .. } => Ok(self.discovery(authority.as_deref())),
            Wanted::Metrics(wanted) => self.metrics(wanted),
        }
    }

    /// An answer with a document that may be long.
    fn long(&self, content_type: &'static str, pieces: Pieces) -> Answer {
        let (mut pieces, length) = pieces.finish();
        let body = match pieces.pop() {
            None => ResponseBody::default(),
            Some(only) if pieces.is_empty() => only.into(),
            Some(last) => {
                pieces.push(last);
                ResponseBody::of(self.documents.keep(pieces, length))
            }
        };
        document(StatusCode::OK, content_type, body)
    }

    fn long_json(&self, value: &impl serde::Serialize) -> Answer {
        let mut pieces = Pieces::default();
        // This fails only for a map whose keys aren't text, and no document has one.
        serde_json::to_writer(&mut pieces, value).expect("serialisable");
        self.long("application/json", pieces)
    }

    pub(super) fn history_of(&self, name: &str) -> Result<Answer, Refusal> {
        self.named(Some(name))?;
        let Some(history) = &self.options.history else {
            let why = "no history is kept here";
            return Err(Refusal::new(StatusCode::NOT_FOUND, why));
        };
        // The service may have gone meanwhile.
        let history = history.of(name);
        let history = history.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "unknown service"));
        Ok(self.long_json(&history?))
    }

    pub(super) fn services(&self) -> Answer {
        let services = self.options.registry.services();
        let services = services.iter().map(|service| Listed::from(&**service)).collect();
        let rejected = self.options.rejections.iter().flat_map(Rejections::iter);
        let rejected = rejected.map(|(reason, count)| (reason.as_str(), count)).collect();
        let rejected_examples = self.rejected_examples();
        let server = self.server_status();
        self.long_json(&Overview { services, rejected, rejected_examples, server })
    }

    fn rejected_examples(&self) -> BTreeMap<&'static str, Vec<Example>> {
        let example = |example: RejectedExample| Example {
            age_seconds: seconds(example.age),
            text: example.text,
        };
        let of = |rejections: &Rejections, reason| -> Vec<Example> {
            rejections.examples(reason).into_iter().map(example).collect()
        };
        let all = self.options.rejections.iter().flat_map(|rejections| {
            RejectionReason::ALL.iter().map(|&reason| (reason.as_str(), of(rejections, reason)))
        });
        all.filter(|(_, examples)| !examples.is_empty()).collect()
    }

    fn server_status(&self) -> ServerStatus {
        let ProbeStatus { status, error } = self.probe();
        let sample = self.process_sample();
        let system = sample.system.as_ref();
        #[allow(clippy::cast_precision_loss)] // Above 2^53 the last digits don't matter.
        let figure = |figure: &FigureSample| match figure.value {
            FigureValue::Gauge(value) => Some((figure.name, value)),
            FigureValue::Counter(count) => Some((figure.name, count as f64)),
            // The documents of all services show what these tell.
            FigureValue::Gauges(_) | FigureValue::Counters(_) => None,
        };
        ServerStatus {
            version: sample.version,
            status,
            error,
            clock_lag_seconds: seconds(sample.engine.clock_lag),
            saturated_records: sample.engine.saturated_records,
            connections: sample.http.as_ref().map(|http| http.open),
            connections_limit: sample.http.as_ref().map(|http| http.limit),
            resident_bytes: system.map(|system| system.resident_bytes),
            cpu_seconds: system.map(|system| seconds(system.cpu)),
            figures: sample.program.iter().filter_map(figure).collect(),
        }
    }

    fn labels(&self, service: &str, series: bool) -> Result<Answer, Refusal> {
        let showing = Showing { seconds: series, labels: true };
        let document = self.named(Some(service))?.event_rate_showing(showing);
        let mut answer = self.long_json(&document);
        *answer.status_mut() = status_of(&document);
        Ok(answer)
    }

    pub(super) fn real_time(&self, series: bool) -> Answer {
        self.long_json(&self.consolidated(series))
    }

    pub(super) fn table(&self) -> Answer {
        let mut pieces = Pieces::default();
        table(&self.consolidated(false), &mut pieces).expect("writing to memory does not fail");
        let mut answer = self.long("text/plain; charset=utf-8", pieces);
        answer.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
        answer
    }

    /// All services as of now.
    fn consolidated(&self, details: bool) -> Consolidated {
        let active_within = self.options.active_within;
        let services = self.options.registry.services();
        let collecting = Collecting { active_within, details };
        let mut document = Consolidated::of(&services, collecting);
        // While a name moves from elsewhere to here, both know it for a moment.
        let mut elsewhere = self.options.program.elsewhere();
        elsewhere.retain(|other| services.get(&other.service).is_none());
        document.add_elsewhere(elsewhere, collecting);
        document
    }

    pub(super) fn metrics(&self, wanted: &WantedMetrics) -> Result<Answer, Refusal> {
        let all = self.options.registry.services();
        let one = wanted.service.as_deref().map(|name| self.named(Some(name))).transpose()?;
        let left_out = self.left_out(wanted.own_ports);
        let services: Vec<&Service> = if let Some(service) = &one {
            vec![service]
        } else {
            let wanted = |service: &&Service| !left_out.contains(service.name());
            all.iter().map(|service| &**service).filter(wanted).collect()
        };
        let process = one.is_none().then(|| self.process_sample());
        services.iter().copied().for_each(sweep);
        let scrape = scrape::scrape(&services, process, wanted.rates);
        let mut answer = self.long(wanted.form.content_type(), wanted.form.write(&scrape));
        wanted.form.describe(answer.headers_mut());
        Ok(answer)
    }

    /// The services that are scraped on their dedicated listeners instead.
    fn left_out(&self, own_ports: bool) -> HashSet<&str> {
        let Some(here) = self.listener.as_ref().filter(|_| !own_ports) else {
            return HashSet::new();
        };
        let dedicated = discovery::dedicated_listeners(&here.running.listening, here.address);
        dedicated.map(|(service, _)| service).collect()
    }

    fn process_sample(&self) -> ProcessSample {
        let max_connections = self.options.limits.max_connections;
        let withdrawn = self.documents.withdrawn();
        let here = self.listener.as_ref();
        ProcessSample {
            version: env!("CARGO_PKG_VERSION"),
            engine: crate::engine::diagnostics(),
            rejected: self.options.rejections.iter().flat_map(Rejections::iter).collect(),
            refused: self.options.registry.services().refused_by_kind(),
            program: self.options.program.sample(),
            http: here.map(|here| here.running.sample(max_connections, withdrawn)),
            system: process::sample(),
        }
    }

    pub(super) fn discovery(&self, authority: Option<&str>) -> Answer {
        let services = self.options.registry.services();
        let here = self.listener.as_ref();
        let here = here.map(|here| (here.running.listening.as_slice(), here.address));
        self.long_json(&discovery::targets(
            &services,
            here,
            authority,
            self.metrics_path().as_deref(),
        ))
    }
}

/// Retires idle label sets, and says which events have more of them than they may have.
fn sweep(service: &Service) {
    for (event, family) in service.events().iter().filter_map(|e| Some((e, e.children()?))) {
        let overflowed = family.sweep().overflowed;
        if overflowed > 0 {
            let (service, event) = (service.name(), event.name());
            tracing::warn!(service, event, overflowed, "label sets past the cap count under other");
        }
    }
}

/// The host that a request names, as it is written: in its target, or else in the header.
pub(super) fn authority<T>(request: &Request<T>) -> Option<&str> {
    let header = || request.headers().get(HOST).and_then(|host| host.to_str().ok());
    request.uri().authority().map(hyper::http::uri::Authority::as_str).or_else(header)
}
