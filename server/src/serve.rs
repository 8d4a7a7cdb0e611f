//! `tickring serve`: from settings to the exit.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sd_notify::NotifyState;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use tickring::http::{RequestCounter, Router, Server};
use tickring::statsd::{self, Listener};
use tickring::{Forgetting, History, Registry, Rejections};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{AbortHandle, JoinHandle, spawn_blocking};

use crate::collector::Collector;
use crate::descriptors;
use crate::failure::Failure;
use crate::figures::{self, LastReload};
use crate::http_keys::{HostName, Origin};
use crate::log::LostLines;
use crate::reload::Reloader;
use crate::services::Described;
use crate::settings::{Settings, Sources};
use crate::sockets::{Sockets, StatsdSockets};
use crate::state::{self, Saver, Saves};
use crate::threads;

/// The exit code if a second signal ends the program.
const SECOND_SIGNAL: i32 = 1;

/// Serves until a signal stops the program.
pub(crate) fn serve(sources: Sources, settings: Settings, lost: LostLines) -> Result<(), Failure> {
    let services = Described::new(&settings.specs)?;
    let history = History::new(services.registry().clone());
    let restore = |path: &PathBuf| state::restore(path, &history);
    let state = settings.state.as_ref().map(restore).transpose()?;
    let sockets = Sockets::bind(&settings)?;
    tickring::start().map_err(system("can't start the clock's thread"))?;
    let runtime = threads::runtime()?;
    let pause = settings.state_interval;
    let reloader = Reloader { sources, settings, services, last: Arc::new(LastReload::now(true)) };
    let saver = state.map(|file| Saver::start(file, history.clone(), pause)).transpose();
    let saver = saver.map_err(system("can't start threads"))?;
    let so_far = saver.as_ref().map(|saver| Arc::clone(&saver.saves));
    let served = runtime.block_on(run(reloader, sockets, lost, (history, so_far)));
    // Nothing counts any more.
    if let Some(saver) = saver {
        saver.finish();
    }
    runtime.shutdown_background();
    served
}

async fn run(
    reloader: Reloader,
    sockets: Sockets,
    lost: LostLines,
    (history, saves): (History, Option<Arc<Saves>>),
) -> Result<(), Failure> {
    let on = |kind| signal(kind).map_err(system("can't wait for signals"));
    let mut stop = StopSignals(on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let hangup = on(SignalKind::hangup())?;
    end_at_second_signal().map_err(system("can't wait for signals"))?;

    let settings = &reloader.settings;
    let streams = sockets.statsd.of_connections();
    let registry = reloader.services.registry().clone();
    let rejections = Rejections::new();
    let mut addresses = Vec::new();
    let listeners = receive(settings, &registry, &rejections, sockets.statsd, &mut addresses)?;
    let forgetting = settings.forgetting(&registry);
    let labelled = registry.clone();
    let collector = Collector::new(settings.pace);
    registry.reserve(settings.remotes.iter().map(|remote| remote.name.as_str()));
    collector.follow(&settings.remotes);
    let mut limits = settings.limits;
    limits.max_connections = descriptors::connections(
        limits.max_connections,
        sockets.http.len(),
        streams,
        settings.remotes.len(),
    );
    let router = Router::new(registry, &settings.service).map_err(io::Error::other);
    let router = router.map_err(system("can't serve"))?.accept_events();
    let mut router = router.rejections(rejections).limits(limits);
    if let Some(hosts) = &settings.allowed_hosts {
        router = router.allowed_hosts(hosts.iter().map(|HostName(name)| name));
    }
    router = router.allowed_origins(settings.allowed_origins.iter().map(|Origin(origin)| origin));
    if let Some(within) = settings.active_within {
        router = router.active_within(within);
    }
    let mut router = figures::figures(router, lost, &reloader.last).history(history.clone());
    if let Some(saves) = &saves {
        router = figures::of_state(router, saves);
    }
    let router = figures::of_remotes(router, &collector);
    let asked = collector.clone();
    let router = router.elsewhere(move || asked.elsewhere());
    let background = Arc::default();
    let router = figures::checks(router, &listeners, &background);
    // Looked up for each request: a reload may give the service another first event.
    let requests = RequestCounter::first_event_of(&settings.service);
    let mut http = Server::new(router).count_requests(requests);
    let mut own = String::new();
    for (listener, service) in sockets.http {
        let address = listener.local_addr().map_err(system("can't find out an address"))?;
        http = http.listen(listener, &service).map_err(system("can't listen"))?;
        tracing::info!("listening on http://{address} for {service}");
        if service == settings.service {
            own = format!("listening on http://{address}");
        }
    }
    for address in addresses {
        tracing::info!("listening on {address} for StatsD");
    }

    let forgetting = forgetting.map(|forgetting| tokio::spawn(forget(forgetting)));
    let retiring = tokio::spawn(retire(labelled));
    let reloading = tokio::spawn(reloader.run(hangup, collector));
    let rolling = tokio::spawn(roll(history));
    let tasks = [&reloading, &retiring, &rolling];
    let tasks = forgetting.iter().chain(tasks).map(JoinHandle::abort_handle);
    let tasks: &Vec<AbortHandle> = background.get_or_init(|| tasks.collect());
    drop(notify_manager(move || {
        sd_notify::notify(&[NotifyState::Status(&own), NotifyState::Ready])
    }));
    let shutdown = async {
        stop.wait().await;
        tracing::info!("draining; a second signal ends the program at once");
        drop(notify_manager(|| sd_notify::notify(&[NotifyState::Stopping])));
    };
    let served = http.serve(shutdown).await.map_err(system("can't serve"));
    tasks.iter().for_each(AbortHandle::abort);
    // StatsD is received until here, so that events sent while HTTP drains are counted.
    drop(listeners);
    served
}

/// Starts a listener on each socket for `StatsD`, and adds where it listens to `addresses`.
fn receive(
    settings: &Settings,
    registry: &Registry,
    rejections: &Rejections,
    sockets: StatsdSockets,
    addresses: &mut Vec<String>,
) -> Result<Vec<Arc<Listener>>, Failure> {
    let mut config = statsd::Config::new(registry.clone())
        .rejections(rejections.clone())
        .ignore(settings.statsd_ignore.iter().cloned());
    if let Some(caps) = settings.auto_register {
        config = config.auto_register(caps);
    }
    for (prefix, replacement) in &settings.statsd_rename {
        config = config.rename(prefix, replacement);
    }
    let mut listeners = Vec::new();
    let mut add = |listener: io::Result<Listener>| -> Result<Arc<Listener>, Failure> {
        let listener = Arc::new(listener.map_err(system("can't receive StatsD"))?);
        listeners.push(Arc::clone(&listener));
        Ok(listener)
    };
    let address_unknown = system("can't find out an address");
    if let Some(socket) = sockets.udp {
        let address = socket.local_addr().map_err(address_unknown)?;
        let buffer = add(config.udp(socket))?.receive_buffer().unwrap_or_default();
        addresses.push(format!("udp://{address} ({buffer} bytes of buffer)"));
    }
    if let Some(listener) = sockets.tcp {
        let address = listener.local_addr().map_err(address_unknown)?;
        add(config.tcp(listener))?;
        addresses.push(format!("tcp://{address} (a line each)"));
    }
    if let Some(socket) = sockets.unix {
        let path = socket.path().display().to_string();
        add(config.unix(socket))?;
        addresses.push(match queue_of_datagrams() {
            Some(queue) => format!("unix:{path} (a queue of {queue} datagrams)"),
            None => format!("unix:{path}"),
        });
    }
    if let Some(socket) = sockets.unix_stream {
        let path = socket.path().display().to_string();
        add(config.unix_stream(socket))?;
        addresses.push(format!("unix-stream:{path} (frames with a length)"));
    }
    Ok(listeners)
}

/// The length of the kernel's queue of a Unix datagram socket, where the system shows it.
fn queue_of_datagrams() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").ok()?;
    text.trim().parse().ok()
}

/// Lets a second signal end the process from within its handler, whatever else is stuck.
///
/// The handlers that wait for signals are there already, so no first signal is lost.
fn end_at_second_signal() -> io::Result<()> {
    let signalled = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal finds the flag unset, and sets it.
        flag::register_conditional_shutdown(signal, SECOND_SIGNAL, Arc::clone(&signalled))?;
        flag::register(signal, Arc::clone(&signalled))?;
    }
    Ok(())
}

/// Removes what nothing has happened to for long, and logs it.
async fn forget(mut forgetting: Forgetting) {
    loop {
        tokio::time::sleep(forgetting.pause()).await;
        let forgotten = forgetting.sweep();
        if let Some((service, event)) = forgotten.last() {
            let count = forgotten.len();
            tracing::info!(count, service, event, "idle events forgotten, of which the last");
        }
    }
}

/// Retires label sets that nothing has happened to for long, whether somebody reads `/metrics` or not.
async fn retire(registry: Registry) {
    loop {
        tokio::time::sleep(RETIRE_EVERY).await;
        for service in registry.services().iter() {
            service.retire_idle();
        }
    }
}

/// Counts the events of minutes, hours and days. A window is six times as long as this.
async fn roll(history: History) {
    loop {
        history.roll();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
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

/// Short beside the time after which a label set may retire.
const RETIRE_EVERY: Duration = Duration::from_secs(30);

/// How long the program waits for the service manager to take a message.
const NOTIFIED: Duration = Duration::from_secs(1);

/// Notifies the service manager, if there is one. Only who awaits the result waits for a manager that
/// is slow.
pub(crate) fn notify_manager<F>(notify: F) -> impl Future<Output = ()> + use<F>
where
    F: FnOnce() -> io::Result<()> + Send + 'static,
{
    let sent = spawn_blocking(|| {
        if let Err(error) = notify() {
            tracing::warn!("can't notify the service manager: {error}");
        }
    });
    // A manager that doesn't read holds up nothing.
    async { drop(tokio::time::timeout(NOTIFIED, sent).await) }
}

fn system(doing: &'static str) -> impl Fn(io::Error) -> Failure + Copy {
    move |error| Failure::System { doing, error }
}
