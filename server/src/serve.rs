//! `tickring serve`: from settings to the exit.

use std::io;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use sd_notify::NotifyState;
use tickring::http::{RequestCounter, Router, Server};
use tickring::statsd::{self, Listener};
use tickring::{Registry, Rejections};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::ServeArgs;
use crate::failure::Failure;
use crate::services::{redescribe, registry};
use crate::settings::Settings;
use crate::sockets::Sockets;

/// Serves until a signal ends it.
pub(crate) fn serve(args: &ServeArgs) -> Result<(), Failure> {
    let settings = Settings::settle(args)?;
    let registry = registry(&settings.specs)?;
    let sockets = Sockets::bind(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(system("can't start threads"))?;
    let served = runtime.block_on(run(args, settings, registry, sockets));
    runtime.shutdown_background();
    served
}

async fn run(
    args: &ServeArgs,
    settings: Settings,
    registry: Registry,
    sockets: Sockets,
) -> Result<(), Failure> {
    let on = |kind| signal(kind).map_err(system("can't wait for signals"));
    let mut ends = Ends(on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let hangup = on(SignalKind::hangup())?;

    let rejections = Rejections::new();
    let router = Router::new(registry.clone(), &settings.service).rejections(rejections.clone());
    // Looked up for each request: a reload may give the service another first event.
    let requests = RequestCounter::first_event_of(&settings.service);
    let mut http = Server::new(router).count_requests(requests);
    for (listener, service) in sockets.http {
        let address = listener.local_addr().map_err(system("can't tell an address"))?;
        http = http.listen(listener, &service).map_err(system("can't listen"))?;
        tracing::info!("listening on http://{address} for {service}");
    }
    let mut receiver = statsd::Config::new(registry.clone()).rejections(rejections);
    if let Some(caps) = settings.auto_register {
        receiver = receiver.auto_register(caps);
    }
    let mut statsd: Vec<Listener> = Vec::new();
    if let Some(socket) = sockets.udp {
        let address = socket.local_addr().map_err(system("can't tell an address"))?;
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

    let reloading = tokio::spawn(reload(hangup, args.clone(), settings, registry));
    tell(&[NotifyState::Ready]);
    let (first, is_first) = tokio::sync::oneshot::channel();
    let signals = async {
        ends.wait().await;
        tracing::info!("draining");
        tell(&[NotifyState::Stopping]);
        let _gone = first.send(());
        ends.wait().await;
    };
    let shutdown = async { drop(is_first.await) };
    let served = tokio::select! {
        served = http.serve(shutdown) => served.map_err(system("can't serve")),
        () = signals => Err(Failure::Impatience),
    };
    reloading.abort();
    // To the end, so that nothing of what was sent while HTTP drained is turned away.
    drop(statsd);
    served
}

/// The signals that end the program.
struct Ends(Signal, Signal);

impl Ends {
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// Reads the file again at each hangup. If it can't be used, what was read before goes on.
async fn reload(mut hangup: Signal, args: ServeArgs, mut settings: Settings, registry: Registry) {
    while hangup.recv().await.is_some() {
        tell(&[NotifyState::Reloading, reloading_since()]);
        match reread(&args, &settings, &registry) {
            Ok(new) => {
                tracing::info!(services = registry.services().len(), "configuration read again");
                settings = new;
            }
            Err(error) => tracing::error!("configuration not read again: {error}"),
        }
        tell(&[NotifyState::Ready]);
    }
}

fn reread(args: &ServeArgs, old: &Settings, registry: &Registry) -> Result<Settings, Failure> {
    let new = Settings::settle(args)?.with_host_of(old)?;
    redescribe(registry, &old.specs, &new.specs)?;
    let fixed = Settings { specs: new.specs.clone(), ..old.clone() };
    if fixed != new {
        tracing::warn!("addresses, ports and caps stay as they were until the next start");
    }
    Ok(fixed)
}

/// The monotonic clock now. `NotifyState::monotonic_usec_now` would say so too, but it overflows
/// where C's `time_t` has 32 bits, 36 minutes after the machine's start.
fn reloading_since() -> NotifyState<'static> {
    match clock_gettime(ClockId::CLOCK_MONOTONIC) {
        Ok(now) => NotifyState::MonotonicUsec(Duration::from(now).as_micros().cast_signed()),
        Err(_) => NotifyState::Status("reloading"),
    }
}

/// Tells the service manager, if there is one.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("can't tell the service manager: {error}");
    }
}

fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure::System { doing, error }
}
