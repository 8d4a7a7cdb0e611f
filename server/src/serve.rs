//! `tickring serve`: from settings to the exit.

use std::io;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use sd_notify::NotifyState;
use tickring::http::{RequestCounter, Router, Server};
use tickring::statsd::{self, Listener};
use tickring::{Registry, Rejections};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;
use crate::services::{redescribe, registry};
use crate::settings::{Settings, Sources};
use crate::sockets::Sockets;

/// Serves until a signal stops the program.
pub(crate) fn serve(sources: Sources) -> Result<(), Failure> {
    let settings = Settings::settle(&sources)?;
    let registry = registry(&settings.specs)?;
    let sockets = Sockets::bind(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(system("can't start threads"))?;
    let served = runtime.block_on(run(sources, settings, registry, sockets));
    runtime.shutdown_background();
    served
}

async fn run(
    sources: Sources,
    settings: Settings,
    registry: Registry,
    sockets: Sockets,
) -> Result<(), Failure> {
    let on = |kind| signal(kind).map_err(system("can't wait for signals"));
    let mut stop = StopSignals(on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let hangup = on(SignalKind::hangup())?;

    let rejections = Rejections::new();
    let router = Router::new(registry.clone(), &settings.service).rejections(rejections.clone());
    // Looked up for each request: a reload may give the service another first event.
    let requests = RequestCounter::first_event_of(&settings.service);
    let mut http = Server::new(router).count_requests(requests);
    for (listener, service) in sockets.http {
        let address = listener.local_addr().map_err(system("can't find out an address"))?;
        http = http.listen(listener, &service).map_err(system("can't listen"))?;
        tracing::info!("listening on http://{address} for {service}");
    }
    let mut receiver = statsd::Config::new(registry.clone()).rejections(rejections);
    if let Some(caps) = settings.auto_register {
        receiver = receiver.auto_register(caps);
    }
    let mut statsd: Vec<Listener> = Vec::new();
    if let Some(socket) = sockets.udp {
        let address = socket.local_addr().map_err(system("can't find out an address"))?;
        let listener = receiver.udp(socket).map_err(system("can't receive StatsD"))?;
        let buffer = listener.receive_buffer().unwrap_or_default();
        tracing::info!("listening on udp://{address} for StatsD ({buffer} bytes of buffer)");
        statsd.push(listener);
    }
    if let Some(socket) = sockets.unix {
        let path = socket.path().display().to_string();
        statsd.push(receiver.unix(socket).map_err(system("can't receive StatsD"))?);
        tracing::info!("listening on unix:{path} for StatsD");
    }

    let reloading = tokio::spawn(reload(hangup, sources, settings, registry));
    notify_manager(&[NotifyState::Ready]);
    let (first_signal, drain) = tokio::sync::oneshot::channel();
    let signals = async {
        stop.wait().await;
        tracing::info!("draining");
        notify_manager(&[NotifyState::Stopping]);
        let _gone = first_signal.send(());
        stop.wait().await;
    };
    let shutdown = async { drop(drain.await) };
    let served = tokio::select! {
        served = http.serve(shutdown) => served.map_err(system("can't serve")),
        () = signals => Err(Failure::SecondSignal),
    };
    reloading.abort();
    // StatsD is received until here, so that events sent while HTTP drains are counted.
    drop(statsd);
    served
}

/// The signals that stop the program.
struct StopSignals(Signal, Signal);

impl StopSignals {
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// Reads the file again at each SIGHUP. If the file can't be used, the settings stay as they are.
async fn reload(mut hangup: Signal, sources: Sources, mut settings: Settings, registry: Registry) {
    while hangup.recv().await.is_some() {
        notify_manager(&[NotifyState::Reloading, reloading_since()]);
        match reread(&sources, &settings, &registry) {
            Ok(new) => {
                tracing::info!(services = registry.services().len(), "configuration read again");
                settings = new;
            }
            Err(error) => tracing::error!("configuration not read again: {error}"),
        }
        notify_manager(&[NotifyState::Ready]);
    }
}

fn reread(sources: &Sources, old: &Settings, registry: &Registry) -> Result<Settings, Failure> {
    let new = Settings::settle(sources)?.with_own_service_of(old)?;
    redescribe(registry, &old.specs, &new.specs)?;
    let fixed = Settings { specs: new.specs.clone(), ..old.clone() };
    if fixed != new {
        tracing::warn!("addresses, ports and caps stay unchanged until the next start");
    }
    Ok(fixed)
}

/// The time of the monotonic clock. `NotifyState::monotonic_usec_now` returns it too, but overflows
/// 36 minutes after the machine's start where C's `time_t` has 32 bits.
fn reloading_since() -> NotifyState<'static> {
    match clock_gettime(ClockId::CLOCK_MONOTONIC) {
        Ok(now) => NotifyState::MonotonicUsec(Duration::from(now).as_micros().cast_signed()),
        Err(_) => NotifyState::Status("reloading"),
    }
}

/// Notifies the service manager, if there is one.
fn notify_manager(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("can't notify the service manager: {error}");
    }
}

fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure::System { doing, error }
}
