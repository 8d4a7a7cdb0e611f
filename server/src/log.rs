//! The log: lines on stderr, for which nothing waits.
//!
//! One thread writes the lines. If stderr takes none (a full pipe that nobody reads, a full disk), lines
//! are lost and counted, and all else goes on.

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How many lines wait to be written before further ones are lost.
const WAITING_LINES: usize = 4096;
/// How long the end of the program waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_millis(500);

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line, for programs.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected text or json"),
        }
    }
}

/// The running log.
#[derive(Debug)]
pub(crate) struct Log {
    lost: LostLines,
    writer: WorkerGuard,
}

/// Counts the lines that were not written. Clones show the same count.
#[derive(Clone, Debug)]
pub(crate) struct LostLines {
    not_queued: ErrorCounter,
    not_written: Arc<AtomicU64>,
}

impl Log {
    /// Starts the log of this process. The messages of panics go there as well: the default is to
    /// write them to stderr at once, and a thread that panics would wait.
    ///
    /// # Panics
    ///
    /// If the system has no thread for it.
    pub(crate) fn start(format: LogFormat) -> Self {
        let not_written = Arc::<AtomicU64>::default();
        let lines = NonBlockingBuilder::default().thread_name("tickring-log").lossy(true);
        let lines = lines.buffered_lines_limit(WAITING_LINES);
        let (lines, writer) = lines.finish(CountedStderr(Arc::clone(&not_written)));
        let lost = LostLines { not_queued: lines.error_counter(), not_written };
        subscribe(format, lines);
        panic::set_hook(Box::new(|panic| {
            // A log line is one line.
            tracing::error!("{}", panic.to_string().replace('\n', " "));
        }));
        Self { lost, writer }
    }

    pub(crate) fn lost(&self) -> LostLines {
        self.lost.clone()
    }
}

impl LostLines {
    pub(crate) fn count(&self) -> u64 {
        // Relaxed: the count stands for itself.
        self.not_queued.dropped_lines() as u64 + self.not_written.load(Ordering::Relaxed)
    }
}

fn subscribe(format: LogFormat, lines: NonBlocking) {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter.from_env_lossy())
        .with_writer(lines)
        .with_ansi(format == LogFormat::Text && io::stderr().is_terminal())
        .with_target(false)
        // A line that can't be written is lost. Reporting it on the same full disk would panic.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Writes the lines that wait, and then the last one. Returns after a moment, whether stderr took them
/// or not.
pub(crate) fn end(log: Option<Log>, last: Option<String>) {
    let print = |last: Option<String>| {
        if let Some(last) = last {
            // If it can't be written, the exit code still reports the failure.
            let _ = writeln!(io::stderr(), "tickring: {last}");
        }
    };
    let (done, ended) = mpsc::channel();
    let for_thread = last.clone();
    let thread = thread::Builder::new().spawn(move || {
        drop(log.map(|log| log.writer));
        print(for_thread);
        let _gone = done.send(());
    });
    match thread {
        Ok(_) => drop(ended.recv_timeout(LAST_LINES)),
        // The lack of a thread may be the very message.
        Err(_) => print(last),
    }
}

/// Stderr, with a count of the lines that it didn't take.
#[derive(Debug)]
struct CountedStderr(Arc<AtomicU64>);

impl Write for CountedStderr {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        io::stderr().write(part)
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        io::stderr().write_all(line).inspect_err(|_| {
            self.0.fetch_add(1, Ordering::Relaxed);
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
