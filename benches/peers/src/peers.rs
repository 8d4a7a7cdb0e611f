//! The peers, each used as its documentation says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};

use crate::peer::Peer;

const MINUTE: Duration = Duration::from_secs(60);

pub struct Tickring(tickring::Meter);

impl Peer for Tickring {
    const NAME: &'static str = "tickring `Meter`, read by `events_per_second()`";
    const GIVES: &'static str = "rolling 60 s";

    fn new() -> Self {
        Self(tickring::Meter::new())
    }
    #[inline]
    fn record(&self) {
        self.0.record();
    }
    fn read(&self) -> f64 {
        self.0.events_per_second()
    }
    fn rate(&self) -> Option<f64> {
        Some(self.read())
    }
}

/// The same, for a reader that is content with the second that was published last.
pub struct TickringAtAGlance(tickring::Meter);

impl Peer for TickringAtAGlance {
    const NAME: &'static str = "the same, read by `events_in_window()`";
    const GIVES: &'static str = "the last 60 whole seconds and this one";

    fn new() -> Self {
        Self(tickring::Meter::new())
    }
    #[inline]
    fn record(&self) {
        self.0.record();
    }
    fn read(&self) -> f64 {
        self.0.events_in_window() as f64
    }
    fn rate(&self) -> Option<f64> {
        Some(self.read() / 60.0)
    }
}

/// One of ten thousand meters, most of which are cold.
pub struct TickringCompact(tickring::Meter);

impl Peer for TickringCompact {
    const NAME: &'static str = "tickring `Meter::compact`";
    const GIVES: &'static str = "rolling 60 s";

    fn new() -> Self {
        Self(tickring::Meter::compact())
    }
    #[inline]
    fn record(&self) {
        self.0.record();
    }
    fn read(&self) -> f64 {
        self.0.events_per_second()
    }
    fn rate(&self) -> Option<f64> {
        Some(self.read())
    }
}

pub struct FetchAdd(AtomicU64);

impl Peer for FetchAdd {
    const NAME: &'static str = "bare `AtomicU64::fetch_add`";
    const GIVES: &'static str = "a total";

    fn new() -> Self {
        Self(AtomicU64::new(0))
    }
    #[inline]
    fn record(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn read(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64
    }
}

/// A lock around the last 3,600 time stamps; the rate is how many of them are of the last minute.
pub struct Stamps(Mutex<VecDeque<Instant>>);

impl Peer for Stamps {
    const NAME: &'static str = "`Mutex<VecDeque<Instant>>` of 3,600";
    const GIVES: &'static str = "rolling 60 s, up to 60/s";

    fn new() -> Self {
        Self(Mutex::new(VecDeque::with_capacity(3600)))
    }
    #[inline]
    fn record(&self) {
        let mut stamps = self.0.lock().unwrap();
        if stamps.len() == 3600 {
            stamps.pop_front();
        }
        stamps.push_back(Instant::now());
    }
    fn read(&self) -> f64 {
        let now = Instant::now();
        let stamps = self.0.lock().unwrap();
        stamps.iter().filter(|stamp| now - **stamp < MINUTE).count() as f64 / 60.0
    }
    fn rate(&self) -> Option<f64> {
        Some(self.read())
    }
}

pub struct MetricsLib(metrics_lib::RateMeter);

impl Peer for MetricsLib {
    const NAME: &'static str = "metrics-lib `RateMeter`";
    const GIVES: &'static str = "two-slot estimate";

    fn new() -> Self {
        Self(metrics_lib::RateMeter::with_window(MINUTE))
    }
    #[inline]
    fn record(&self) {
        self.0.tick();
    }
    fn read(&self) -> f64 {
        self.0.rate()
    }
    fn rate(&self) -> Option<f64> {
        Some(self.read())
    }
}

pub struct Metriki(Arc<metriki_core::metrics::Meter>);

impl Peer for Metriki {
    const NAME: &'static str = "metriki-core `Meter`";
    const GIVES: &'static str = "EWMA";

    fn new() -> Self {
        Self(metriki_core::MetricsRegistry::new().meter("events"))
    }
    #[inline]
    fn record(&self) {
        self.0.mark();
    }
    fn read(&self) -> f64 {
        self.0.m1_rate()
    }
    fn rate(&self) -> Option<f64> {
        Some(self.read())
    }
}

pub struct Witchcraft(witchcraft_metrics::Meter);

impl Peer for Witchcraft {
    const NAME: &'static str = "witchcraft-metrics `Meter`";
    const GIVES: &'static str = "EWMA";

    fn new() -> Self {
        Self(witchcraft_metrics::Meter::new())
    }
    #[inline]
    fn record(&self) {
        self.0.mark(1);
    }
    fn read(&self) -> f64 {
        self.0.one_minute_rate()
    }
    fn rate(&self) -> Option<f64> {
        Some(self.read())
    }
}

pub struct Pingora(pingora_limits::rate::Rate);

impl Peer for Pingora {
    const NAME: &'static str = "pingora-limits `Rate`";
    const GIVES: &'static str = "two-interval sketch";

    fn new() -> Self {
        Self(pingora_limits::rate::Rate::new(MINUTE))
    }
    #[inline]
    fn record(&self) {
        self.0.observe(&1_u8, 1);
    }
    fn read(&self) -> f64 {
        self.0.rate(&1_u8)
    }
    fn rate(&self) -> Option<f64> {
        Some(self.read())
    }
}

pub struct Fenster(Mutex<fenster::TimeWindow>);

impl Peer for Fenster {
    const NAME: &'static str = "fenster `TimeWindow` in a `Mutex`";
    const GIVES: &'static str = "rolling 60 s";

    fn new() -> Self {
        Self(Mutex::new(fenster::TimeWindow::new(60, 1000, u64::MAX)))
    }
    #[inline]
    fn record(&self) {
        let _ = self.0.lock().unwrap().inc();
    }
    fn read(&self) -> f64 {
        self.0.lock().unwrap().count() as f64 / 60.0
    }
    fn rate(&self) -> Option<f64> {
        Some(self.read())
    }
}

/// It takes the time as an argument. It gets what is cheapest: a second that a thread publishes.
pub struct InvocationCounter(invocation_counter::InvocationCounter);

fn published_second() -> &'static AtomicU64 {
    static SECOND: AtomicU64 = AtomicU64::new(64);
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        thread::spawn(|| {
            let origin = Instant::now();
            for second in 1.. {
                thread::sleep(Duration::from_secs(second).saturating_sub(origin.elapsed()));
                SECOND.store(64 + second, Ordering::Relaxed);
            }
        });
    });
    &SECOND
}

impl Peer for InvocationCounter {
    const NAME: &'static str = "invocation-counter, on a published second";
    const GIVES: &'static str = "rolling 60 s, loses events";

    fn new() -> Self {
        published_second();
        Self(invocation_counter::InvocationCounter::new(6, 0))
    }
    #[inline]
    fn record(&self) {
        static SECOND: OnceLock<&AtomicU64> = OnceLock::new();
        let second = SECOND.get_or_init(published_second);
        self.0.register(second.load(Ordering::Relaxed));
    }
    fn read(&self) -> f64 {
        let now = published_second().load(Ordering::Relaxed);
        f64::from(self.0.count_in(now - 59, now + 1)) / 60.0
    }
    fn rate(&self) -> Option<f64> {
        Some(self.read())
    }
}

pub struct Contatori(contatori::counters::rate::Rate);

impl Peer for Contatori {
    const NAME: &'static str = "contatori `Rate`";
    const GIVES: &'static str = "rate since the last read";

    fn new() -> Self {
        Self(contatori::counters::rate::Rate::new())
    }
    #[inline]
    fn record(&self) {
        self.0.add(1);
    }
    fn read(&self) -> f64 {
        self.0.rate()
    }
}

pub struct FastCounter(fast_counter::ConcurrentCounter);

impl Peer for FastCounter {
    const NAME: &'static str = "fast-counter `ConcurrentCounter`";
    const GIVES: &'static str = "a total";

    fn new() -> Self {
        Self(fast_counter::ConcurrentCounter::new(16))
    }
    #[inline]
    fn record(&self) {
        self.0.add(1);
    }
    fn read(&self) -> f64 {
        self.0.sum() as f64
    }
}

pub struct Prometheus(prometheus::IntCounter);

impl Peer for Prometheus {
    const NAME: &'static str = "prometheus `IntCounter`";
    const GIVES: &'static str = "a total";

    fn new() -> Self {
        Self(prometheus::IntCounter::new("events", "events").unwrap())
    }
    #[inline]
    fn record(&self) {
        self.0.inc();
    }
    fn read(&self) -> f64 {
        self.0.get() as f64
    }
}

#[derive(Default)]
pub struct PrometheusClient(prometheus_client::metrics::counter::Counter);

impl Peer for PrometheusClient {
    const NAME: &'static str = "prometheus-client `Counter`";
    const GIVES: &'static str = "a total";

    fn new() -> Self {
        Self::default()
    }
    #[inline]
    fn record(&self) {
        self.0.inc();
    }
    fn read(&self) -> f64 {
        self.0.get() as f64
    }
}

pub struct Metriken(metriken::Counter);

impl Peer for Metriken {
    const NAME: &'static str = "metriken `Counter`";
    const GIVES: &'static str = "a total";

    fn new() -> Self {
        Self(metriken::Counter::new())
    }
    #[inline]
    fn record(&self) {
        self.0.increment();
    }
    fn read(&self) -> f64 {
        self.0.value() as f64
    }
}

/// The facade's own counter, as a recorder would hand it out.
pub struct Metrics(metrics::Counter, Arc<AtomicU64>);

impl Peer for Metrics {
    const NAME: &'static str = "metrics, a held `Counter`";
    const GIVES: &'static str = "a total";

    fn new() -> Self {
        let atomic = Arc::new(AtomicU64::new(0));
        Self(metrics::Counter::from_arc(Arc::clone(&atomic)), atomic)
    }
    #[inline]
    fn record(&self) {
        self.0.increment(1);
    }
    fn read(&self) -> f64 {
        self.1.load(Ordering::Relaxed) as f64
    }
}

pub struct OpenTelemetry {
    counter: opentelemetry::metrics::Counter<u64>,
    provider: SdkMeterProvider,
}

impl Peer for OpenTelemetry {
    const NAME: &'static str = "opentelemetry `Counter`, no attributes";
    const GIVES: &'static str = "a total";

    fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter).build();
        Self { counter: provider.meter("peers").u64_counter("events").build(), provider }
    }
    #[inline]
    fn record(&self) {
        self.counter.add(1, &[]);
    }
    fn read(&self) -> f64 {
        let _ = self.provider.force_flush();
        f64::NAN
    }
}
