//! The history on disk: loaded at the start, saved each minute and at the end.
//!
//! A thread of its own saves, so nothing that serves waits for the disk. If it can't save, it says so, counts
//! that, and tries again a minute later. At the end of the program it gets [`LAST_SAVE`] for the last time.

mod file;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tickring::History;

pub(crate) use self::file::{StateError, StateFile};

/// How long the end of the program waits for a disk.
const LAST_SAVE: Duration = Duration::from_secs(5);
/// The shortest time between two savings.
const SHORTEST: Duration = Duration::from_millis(10);

/// How saving went so far.
#[derive(Debug, Default)]
pub(crate) struct Saves {
    /// Relaxed, both of them: each stands for itself.
    failures: AtomicU64,
    /// Milliseconds since 1970.
    last: AtomicU64,
    /// Relaxed as well: whoever asks for its health asks again.
    ended: AtomicBool,
}

/// Says that the thread has ended, however it did.
struct Ends(Arc<Saves>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

impl Saves {
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// When the state was last saved, in seconds since 1970; `None` before that.
    pub(crate) fn last(&self) -> Option<f64> {
        let millis = self.last.load(Ordering::Relaxed);
        (millis > 0).then(|| Duration::from_millis(millis).as_secs_f64())
    }

    /// Whether the thread that saves is there.
    pub(crate) fn is_running(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }

    fn now(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last.store(u64::try_from(now.as_millis()).unwrap_or(0), Ordering::Relaxed);
    }
}

/// The thread that saves.
#[derive(Debug)]
pub(crate) struct Saver {
    stop: Sender<()>,
    ended: Receiver<()>,
    pub(crate) saves: Arc<Saves>,
}

impl Saver {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// If the system has no thread for it.
    pub(crate) fn start(file: StateFile, history: History, pause: Duration) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let (end, ended) = channel();
        let saves = Arc::<Saves>::default();
        let counted = Ends(Arc::clone(&saves));
        thread::Builder::new().name("tickring-state".into()).spawn(move || {
            save_until(&stopped, &file, &history, pause.max(SHORTEST), &counted.0);
            let _gone = end.send(());
        })?;
        Ok(Self { stop, ended, saves })
    }

    /// Saves once more, and ends. Waits a moment for a slow disk, and no longer.
    pub(crate) fn finish(self) {
        let _gone = self.stop.send(());
        match self.ended.recv_timeout(LAST_SAVE) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => {
                tracing::error!("the history is not saved: the disk takes too long");
            }
            Err(RecvTimeoutError::Disconnected) => {
                tracing::error!("the history is not saved: the thread that saves it has died");
            }
        }
    }
}

fn save_until(
    stopped: &Receiver<()>,
    file: &StateFile,
    history: &History,
    pause: Duration,
    saves: &Saves,
) {
    let mut failed = false;
    loop {
        let is_last = stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout);
        match file.save(&history.state()) {
            Ok(()) => {
                if std::mem::take(&mut failed) {
                    tracing::info!("the history is saved again");
                }
                saves.now();
            }
            Err(error) => {
                failed = true;
                saves.failures.fetch_add(1, Ordering::Relaxed);
                let file = file.path().display();
                if is_last {
                    tracing::error!("can't save the history in {file}: {error}");
                } else {
                    let again = format_args!("tried again in {pause:?}");
                    tracing::error!("can't save the history in {file}: {error}; {again}");
                }
            }
        }
        if is_last {
            return;
        }
    }
}

/// The file at this path, which no other server has, and the history with what it has.
///
/// # Errors
///
/// If another server has the file, or if it can't be read. A damaged file is no error: it is set aside.
pub(crate) fn restore(path: &Path, history: &History) -> Result<StateFile, StateError> {
    let file = StateFile::open(path)?;
    if let Some(state) = file.load()? {
        let (events, file) = (state.len(), file.path().display());
        tracing::info!(events, "the history goes on from {file}");
        history.restore(state);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickring::Registry;

    #[test]
    fn thread_that_has_ended_shows() {
        let saves = Arc::<Saves>::default();
        let ends = Ends(Arc::clone(&saves));
        assert!(saves.is_running());
        let died = thread::spawn(move || {
            let _ends = ends;
            panic!("on purpose");
        });
        assert!(died.join().is_err() && !saves.is_running());
    }

    #[test]
    fn saver_runs_until_it_is_told_to_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::open(&folder.path().join("state")).unwrap();
        let history = History::new(Registry::from_catalogue());
        let saver = Saver::start(file, history, Duration::from_secs(3600)).unwrap();
        let shown = Arc::clone(&saver.saves);
        assert!(shown.is_running());
        saver.finish();
        assert!(shown.last().is_some());
    }
}
