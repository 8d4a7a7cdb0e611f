//! Random label sets through all doors at once, with a cap, retirement and handles that are kept, against a map
//! of exact counts. What is compared is what users read: the document and `/metrics`.

mod support;

use std::collections::{BTreeMap, HashMap};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Request;
use serde_json::{Value, json};
use support::PATIENCE;
use tickring::http::Router;
use tickring::statsd::{Config, bind_udp};
use tickring::{Family, ManualClock, MeterHandle, Registry, Service};

type Labels = [&'static str; 2];

const CAP: usize = 6;
const IDLE: u64 = 120;
const OTHER: Labels = ["other", "other"];
const ROUTES: [&str; 7] = ["", "/", "/items/{id}", "/a:b", "other", "\"\\\n", "/é"];
const METHODS: [&str; 4] = ["", "GET", "POST", "other"];

/// What a child has counted, by second.
#[derive(Default)]
struct Counted(Vec<(u64, u64)>);

impl Counted {
    fn total(&self) -> u64 {
        self.0.iter().map(|(_, n)| n).sum()
    }

    fn in_window(&self, now: u64) -> u64 {
        self.0.iter().filter(|(second, _)| second + 60 > now).map(|(_, n)| n).sum()
    }

    /// The time since the end of the last second that had an event.
    fn is_idle(&self, made: u64, now: u64) -> bool {
        match self.0.iter().map(|(second, _)| second + 1).max() {
            Some(end) => end + IDLE <= now,
            None => made + IDLE <= now,
        }
    }
}

/// What should have been counted.
#[derive(Default)]
struct Model {
    now: u64,
    /// With the second in which they were made.
    children: HashMap<Labels, (u64, Counted)>,
    retired: u64,
    total: u64,
}

impl Model {
    /// The labels under which a set counts.
    fn counts_under(&self, labels: Labels) -> Labels {
        let known = self.children.contains_key(&labels) || labels == ["", ""] || labels == OTHER;
        let taken = self.children.keys().filter(|&&labels| labels != ["", ""] && labels != OTHER);
        if known || taken.count() < CAP { labels } else { OTHER }
    }

    fn look_up(&mut self, labels: Labels) -> &mut Counted {
        let under = self.counts_under(labels);
        let now = self.now;
        &mut self.children.entry(under).or_insert_with(|| (now, Counted::default())).1
    }

    fn record(&mut self, labels: Labels, n: u64) {
        let now = self.now;
        let counted = self.look_up(labels);
        if n > 0 {
            counted.0.push((now, n));
        }
        self.total += n;
    }

    /// Those that may retire, if nobody holds them.
    fn idle(&self, held: &[(Labels, MeterHandle)]) -> Vec<Labels> {
        let idle = self.children.iter().filter(|(labels, (made, counted))| {
            **labels != ["", ""]
                && **labels != OTHER
                && counted.is_idle(*made, self.now)
                && !held.iter().any(|(held, _)| held == *labels)
        });
        idle.map(|(labels, _)| *labels).collect()
    }
}

struct Fixture {
    clock: ManualClock,
    service: Arc<Service>,
    requests: Family<2>,
    router: Router,
    statsd: UdpSocket,
    _listener: tickring::statsd::Listener,
    model: Model,
    held: Vec<(Labels, MeterHandle)>,
    random: fastrand::Rng,
}

impl Fixture {
    fn new(seed: u64) -> Self {
        let clock = ManualClock::new();
        let registry = Registry::new();
        let shop = Service::builder("shop").timed_event("request").labels(["route", "method"]);
        let shop = shop.label_sets(CAP).retire_after(Duration::from_secs(IDLE));
        let service = registry.register(shop.clock(clock.clone()).build().unwrap()).unwrap();
        let socket = bind_udp("127.0.0.1:0".parse().unwrap()).unwrap();
        let statsd = UdpSocket::bind("127.0.0.1:0").unwrap();
        statsd.connect(socket.local_addr().unwrap()).unwrap();
        Self {
            clock,
            requests: service.family("request").unwrap(),
            service,
            _listener: Config::new(registry.clone()).udp(socket).unwrap(),
            router: Router::new(registry, "shop").unwrap().accept_events(),
            statsd,
            model: Model::default(),
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
        match self.random.u8(..16) {
            0..=2 => self.requests.record_n(labels, n),
            3..=4 => self.requests.with(labels).record_n(n),
            5 => {
                let timer = self.service.timed_family("request").unwrap().with(labels);
                timer.record_n(Duration::from_millis(3), n);
            }
            6..=8 => self.post(labels, n),
            9..=11 => return self.send(labels, n),
            12 => return self.hold(labels),
            13 => return self.use_held(n),
            14 => return drop(self.held.pop()),
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
        let mut entry = json!({ "event": "request", "count": n, "labels": labels });
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
            format!("shop.request:{n}|c|#user:u7,method:{method},route:{route}")
        } else {
            format!("shop.request,route={route},method={method},host=a:{n}|c")
        };
        self.statsd.send(line.as_bytes()).unwrap();
        self.model.record(labels, n);
        self.until("the line counts", |fixture| {
            fixture.service.snapshot().unwrap().total() == fixture.model.total
        });
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
        let event = &document["events"]["request"];
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

        let page = self.ask(Request::get("/metrics"), String::new());
        let mut lines: Vec<&str> =
            page.lines().filter(|line| line.starts_with("tickring_events_total{")).collect();
        let mut wanted: Vec<String> =
            expected.iter().map(|(labels, figures)| sample(*labels, figures.0)).collect();
        lines.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(lines, wanted);
        let line = format!(
            "tickring_events_retired_total{{service=\"shop\",event=\"request\"}} {retired}"
        );
        assert!(page.lines().any(|found| found == line), "{line} is missing in {page}");
        assert_eq!(expected.values().map(|(total, _)| total).sum::<u64>() + retired, *total);
    }
}

fn sample([route, method]: Labels, total: u64) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let given = |key: &str, value: &str| match value {
        "" => String::new(),
        value => format!(",{key}=\"{}\"", escaped(value)),
    };
    let labels = given("route", route) + &given("method", method);
    format!("tickring_events_total{{service=\"shop\",event=\"request\"{labels}}} {total}")
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
