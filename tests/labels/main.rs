//! Random label sets through all doors at once, with a cap, retirement and handles that are kept, against a map
//! of exact counts. What is compared is what users read: the document and `/metrics`.
//!
//! The event is one that the `metrics` facade has registered. It keeps what it has found, so none of that
//! retires; and once there was no room for one of its sets, it counts further ones under `other`.

mod model;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Request;
use model::{Counted, Model};
use serde_json::{Value, json};
use support::PATIENCE;
use tickring::http::Router;
use tickring::metrics::Recorder;
use tickring::statsd::{Config, bind_udp};
use tickring::{Family, ManualClock, MeterHandle, Registry, Service, ServiceBuilder};

type Labels = [&'static str; 2];

const CAP: usize = 6;
const IDLE: u64 = 120;
const OTHER: Labels = ["other", "other"];
const ROUTES: [&str; 7] = ["", "/", "/items/{id}", "/a:b", "other", "\"\\\n", "/é"];
const METHODS: [&str; 4] = ["", "GET", "POST", "other"];

struct Fixture {
    clock: ManualClock,
    service: Arc<Service>,
    requests: Family<2>,
    router: Router,
    statsd: UdpSocket,
    facade: Recorder,
    _listener: tickring::statsd::Listener,
    model: Model,
    held: Vec<(Labels, MeterHandle)>,
    random: fastrand::Rng,
}

impl Fixture {
    fn new(seed: u64) -> Self {
        let clock = ManualClock::new();
        let registry = Registry::new();
        let facade = Recorder::new(registry.clone()).label_sets(CAP);
        let service = registered_by(&facade, &registry, &clock);
        let mut model = Model::default();
        model.through_facade(["/", "GET"]);
        let socket = bind_udp("127.0.0.1:0".parse().unwrap()).unwrap();
        let statsd = UdpSocket::bind("127.0.0.1:0").unwrap();
        statsd.connect(socket.local_addr().unwrap()).unwrap();
        Self {
            clock,
            requests: service.family("event").unwrap(),
            service,
            facade,
            _listener: Config::new(registry.clone()).udp(socket).unwrap(),
            router: Router::new(registry, "shop").unwrap().accept_events(),
            statsd,
            model,
            held: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    fn labels(&mut self) -> Labels {
        let route = ROUTES[self.random.usize(..ROUTES.len())];
        [route, METHODS[self.random.usize(..METHODS.len())]]
    }

    fn step(&mut self) {
        let (labels, n) = (self.labels(), self.random.u64(0..5));
        match self.random.u8(..19) {
            0..=2 => self.requests.record_n(labels, n),
            3..=4 => self.requests.with(labels).record_n(n),
            5 => {
                let timer = self.service.timed_family("event").unwrap().with(labels);
                timer.record_n(Duration::from_millis(3), n);
            }
            6..=8 => self.post(labels, n),
            9..=11 => return self.send(labels, n),
            12 => return self.hold(labels),
            13 => return self.use_held(n),
            14 => return drop(self.held.pop()),
            15..=17 => return self.count(labels, n),
            _ => return self.pass_time(),
        }
        self.model.record(labels, n);
    }

    fn post(&self, [route, method]: Labels, n: u64) {
        // An empty value is as good as none.
        let mut labels = json!({ "method": method });
        if !route.is_empty() {
            labels["route"] = route.into();
        }
        let mut entry = json!({ "event": "event", "count": n, "labels": labels });
        if n == 1 {
            entry["duration_ms"] = 2.5.into();
        }
        let answer = self.ask(Request::post("/api/v1/services/shop/events"), entry.to_string());
        assert_eq!(answer, json!({ "accepted": n }).to_string());
    }

    /// One line, and waits until it has counted.
    fn send(&mut self, labels: Labels, n: u64) {
        let [route, method] = labels;
        let plain = |text: &str| !text.contains(['\n', ',', '|']);
        if !plain(route) || n == 0 {
            return;
        }
        let line = if self.random.bool() || route.contains(':') {
            format!("shop.event:{n}|c|#user:u7,method:{method},route:{route}")
        } else {
            format!("shop.event,route={route},method={method},host=a:{n}|c")
        };
        self.statsd.send(line.as_bytes()).unwrap();
        self.model.record(labels, n);
        self.until("the line counts", |fixture| {
            fixture.service.snapshot().unwrap().total() == fixture.model.total
        });
    }

    /// Through the facade.
    fn count(&mut self, [route, method]: Labels, n: u64) {
        metrics::with_local_recorder(&self.facade, || {
            metrics::counter!("shop", "route" => route, "method" => method).increment(n);
        });
        let under = self.model.through_facade([route, method]);
        self.model.record(under, n);
    }

    fn hold(&mut self, labels: Labels) {
        let meter = self.requests.with(labels);
        let under = self.model.counts_under(labels);
        self.model.look_up(labels);
        self.held.push((under, meter));
    }

    fn use_held(&mut self, n: u64) {
        if self.held.is_empty() {
            return;
        }
        let (labels, meter) = &self.held[self.random.usize(..self.held.len())];
        meter.record_n(n);
        self.model.record(*labels, n);
    }

    fn pass_time(&mut self) {
        let seconds = self.random.u64(0..IDLE);
        self.clock.advance(Duration::from_secs(seconds));
        self.model.now += seconds;
        self.retire();
    }

    /// A scrape retires as well, so this comes before each.
    fn retire(&mut self) {
        let idle = self.model.idle(&self.held);
        let mut retired = 0;
        // The listener may have a child in its hands for a moment after it has counted.
        self.until("idle children retire", |fixture| {
            retired += fixture.requests.retire_idle();
            retired == idle.len()
        });
        for labels in idle {
            let (_, counted) = self.model.children.remove(&labels).unwrap();
            self.model.retired += counted.total();
        }
    }

    fn until(&self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", self.requests.series());
            std::thread::yield_now();
        }
    }

    fn ask(&self, request: hyper::http::request::Builder, body: String) -> String {
        let answer = self.router.answer(&request.body(Bytes::from(body)).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = http_body_util::BodyExt::collect(answer.into_body());
        String::from_utf8(runtime.block_on(body).unwrap().to_bytes().into()).unwrap()
    }

    fn check(&mut self) {
        self.retire();
        let Model { now, children, retired, total, .. } = &self.model;
        let shown = |labels: &Labels, counted: &Counted| *labels != ["", ""] || counted.total() > 0;
        let expected: BTreeMap<Labels, (u64, u64)> = children
            .iter()
            .filter(|(labels, (_, counted))| shown(labels, counted))
            .map(|(labels, (_, counted))| (*labels, (counted.total(), counted.in_window(*now))))
            .collect();

        let uri = "/api/v1/event-rate?labels=1";
        let document: Value =
            serde_json::from_str(&self.ask(Request::get(uri), String::new())).unwrap();
        let event = &document["events"]["event"];
        assert_eq!((&event["total"], &event["retired"]), (&json!(total), &json!(retired)));
        let in_window: u64 = expected.values().map(|(_, in_window)| in_window).sum();
        assert_eq!(event["events_in_window"], json!(in_window));
        let mut found = BTreeMap::new();
        for series in event["series"].as_array().unwrap() {
            let label = |key: &str| series["labels"][key].as_str().unwrap().to_owned();
            let figure = |name: &str| series[name].as_u64().unwrap();
            let figures = (figure("total"), figure("events_in_window"));
            assert!(found.insert([label("route"), label("method")], figures).is_none(), "twice");
        }
        let by_text =
            expected.iter().map(|(labels, figures)| (labels.map(str::to_owned), *figures));
        assert_eq!(found, by_text.collect());

        // The consolidated document shows no events, so no labels: an entry is the sum of them.
        let uri = "/api/v1/real-time-metrics";
        let document: Value =
            serde_json::from_str(&self.ask(Request::get(uri), String::new())).unwrap();
        assert_eq!(document["api_metrics"][0]["total_events"], json!(total));

        let page = self.ask(Request::get("/metrics"), String::new());
        let mut lines: Vec<&str> =
            page.lines().filter(|line| line.starts_with("tickring_events_total{")).collect();
        let mut wanted: Vec<String> =
            expected.iter().map(|(labels, figures)| sample(*labels, figures.0)).collect();
        lines.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(lines, wanted);
        let line =
            format!("tickring_events_retired_total{{service=\"shop\",event=\"event\"}} {retired}");
        assert!(page.lines().any(|found| found == line), "{line} is missing in {page}");
        assert_eq!(expected.values().map(|(total, _)| total).sum::<u64>() + retired, *total);
    }
}

/// The service that the facade registers, on another clock and with more than the facade knows of.
fn registered_by(facade: &Recorder, registry: &Registry, clock: &ManualClock) -> Arc<Service> {
    // The clock goes on when the name comes back.
    let before = Service::builder("shop").event("event").clock(clock.clone()).build().unwrap();
    registry.register(before).unwrap();
    registry.undescribe("shop");
    metrics::with_local_recorder(facade, || {
        drop(metrics::counter!("shop", "route" => "/", "method" => "GET"));
    });
    let timed = |known: &Arc<Service>| {
        let timed = Service::builder("shop").timed_event("event").labels(["route", "method"]);
        let timed: ServiceBuilder = timed.label_sets(CAP).retire_after(Duration::from_secs(IDLE));
        timed.continuing(known).build()
    };
    registry.update(|services| timed(services.get("shop").unwrap())).unwrap()
}

fn sample([route, method]: Labels, total: u64) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let given = |key: &str, value: &str| match value {
        "" => String::new(),
        value => format!(",{key}=\"{}\"", escaped(value)),
    };
    let labels = given("route", route) + &given("method", method);
    format!("tickring_events_total{{service=\"shop\",event=\"event\"{labels}}} {total}")
}

#[test]
fn label_sets_through_all_doors_agree_with_a_map() {
    for seed in 0..8 {
        let mut fixture = Fixture::new(seed);
        for step in 0..400 {
            fixture.step();
            if step % 20 == 19 {
                fixture.check();
            }
        }
        assert!(fixture.model.retired > 0 && fixture.requests.overflowed() > 0, "seed {seed}");
    }
}
