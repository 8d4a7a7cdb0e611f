//! The file of the history: its form, and how it is written so that it is whole at any moment.
//!
//! The first line is `tickring-state VERSION LENGTH CHECKSUM`: of what follows, the length in bytes and the
//! CRC-32 in hexadecimal digits. A JSON document follows.
//!
//! It is written beside the old one, and takes its place when it is on the disk. So whoever reads it, and
//! whenever the power fails, finds the old or the new one. What is damaged all the same is set aside under
//! another name.
//!
//! A server holds a lock on a file beside it, which stays when the server ends; the lock does not.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use tickring::HistoryState;

const NAME: &str = "tickring-state";
const VERSION: u32 = 1;
/// The longest file that can be a state file, in bytes. 5,000 events have 10 MiB.
const LARGEST: u64 = 64 << 20;

/// The file, which is this process's own as long as this lives.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    _lock: Flock<File>,
}

/// Why a state file can't be used.
#[derive(Debug)]
pub(crate) enum StateError {
    /// Another process has it.
    InUse(PathBuf),
    /// The system says no.
    System { doing: &'static str, file: PathBuf, error: io::Error },
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(file) => {
                let file = file.display();
                write!(f, "the state file {file} belongs to another server that is running: ")?;
                f.write_str("give each server a file of its own")
            }
            Self::System { doing, file, error } => {
                write!(f, "can't {doing} {}: {error}", file.display())
            }
        }
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InUse(_) => None,
            Self::System { error, .. } => Some(error),
        }
    }
}

impl StateFile {
    /// Takes possession of the file at this path. It need not exist, but its folder must.
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        let failed = |doing, file: &Path| {
            let file = file.to_owned();
            move |error| StateError::System { doing, file, error }
        };
        let path = resolved(path).map_err(failed("find the folder of the state file", path))?;
        let lock = beside(&path, "lock");
        let mut options = private();
        // A link or a pipe of this name is nobody's lock.
        options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
        let file = options.open(&lock).map_err(failed("open", &lock))?;
        let lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((_, Errno::EWOULDBLOCK)) => return Err(StateError::InUse(path)),
            Err((_, error)) => return Err(failed("lock", &lock)(error.into())),
        };
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is in the file; `None` if there is none. A damaged one is set aside, and there is none then.
    pub(crate) fn load(&self) -> Result<Option<HistoryState>, StateError> {
        match fs::metadata(&self.path) {
            Ok(found) if !found.is_file() || found.len() > LARGEST => {
                let why = "it is no file, or has more than 64 MiB";
                let error = io::Error::new(io::ErrorKind::InvalidInput, why);
                return Err(self.failed("use as the state file", error));
            }
            _ => {}
        }
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("read the state file", error)),
        };
        match parse(&bytes) {
            Ok(state) => Ok(Some(state)),
            Err(why) => {
                let aside = self.set_aside().map_err(|error| {
                    self.failed("set the damaged state file aside, which is", error)
                })?;
                let (file, aside) = (self.path.display(), aside.display());
                tracing::error!(
                    "the state file {file} is damaged: {why}. It is now {aside}, and the history begins anew"
                );
                Ok(None)
            }
        }
    }

    fn failed(&self, doing: &'static str, error: io::Error) -> StateError {
        StateError::System { doing, file: self.path.clone(), error }
    }

    fn set_aside(&self) -> io::Result<PathBuf> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut number = now;
        loop {
            let aside = beside(&self.path, &format!("damaged-{number}"));
            if !aside.try_exists()? {
                fs::rename(&self.path, &aside)?;
                return Ok(aside);
            }
            number += 1;
        }
    }

    /// Replaces what is in the file.
    pub(crate) fn save(&self, state: &HistoryState) -> io::Result<()> {
        let temporary = beside(&self.path, "tmp");
        self.write(&temporary, state).inspect_err(|_| {
            // It may be what fills the disk.
            let _ = fs::remove_file(&temporary);
        })
    }

    fn write(&self, temporary: &Path, state: &HistoryState) -> io::Result<()> {
        let text = serialize(state)?;
        let mut file = private().truncate(true).open(temporary)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(temporary, &self.path)?;
        // The name, too.
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// To write a file that only its owner may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

/// The path without links, so that two of them that mean the same file are the same.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    if let Ok(path) = fs::canonicalize(path) {
        return Ok(path);
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(fs::canonicalize(folder.unwrap_or(Path::new(".")))?.join(name))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn serialize(state: &HistoryState) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(state)?;
    let (length, checksum) = (body.len(), crc32fast::hash(&body));
    let mut text = format!("{NAME} {VERSION} {length} {checksum:08x}\n").into_bytes();
    text.extend(body);
    Ok(text)
}

/// What a file says, or what is wrong with it.
fn parse(bytes: &[u8]) -> Result<HistoryState, String> {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (line, body) = bytes.split_at(end);
    let (line, body) = (String::from_utf8_lossy(line), body.get(1..).unwrap_or_default());
    let words: Vec<&str> = line.split(' ').collect();
    let &[NAME, version, length, checksum] = &words[..] else {
        return Err(format!("it does not begin with {NAME}, a version, a length and a checksum"));
    };
    if version != VERSION.to_string() {
        return Err(format!("it has version {version}, and this program reads {VERSION}"));
    }
    if length != body.len().to_string() {
        return Err(format!(
            "{} bytes follow the first line, where {length} are right",
            body.len()
        ));
    }
    if checksum != format!("{:08x}", crc32fast::hash(body)) {
        return Err("its checksum is wrong".into());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickring::{History, Registry};

    fn state(events: u64) -> HistoryState {
        let registry = Registry::from_catalogue();
        registry.get("sports-data").unwrap().meter("api_call").unwrap().record_n(events);
        History::new(registry).state()
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::open(&folder.path().join("state")).unwrap();
        assert_eq!(file.load().unwrap(), None);
        for events in [3, 4] {
            file.save(&state(events)).unwrap();
            assert_eq!(file.load().unwrap(), Some(state(events)));
        }
        assert_eq!(names(folder.path()), ["state", "state.lock"]);
    }

    #[test]
    fn file_has_one_owner_by_whatever_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let first = StateFile::open(&path).unwrap();
        first.save(&state(1)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for other in [&path, &link] {
            let error = StateFile::open(other).unwrap_err();
            assert!(matches!(error, StateError::InUse(_)), "{error}");
            assert!(error.to_string().contains("belongs to another server"), "{error}");
        }
        drop(first);
        assert_eq!(StateFile::open(&link).unwrap().load().unwrap(), Some(state(1)));
    }

    /// Any byte that is lost, changed or added shows, and the file is still there under another name.
    #[test]
    fn damaged_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let file = StateFile::open(&path).unwrap();
        file.save(&state(7)).unwrap();
        let good = fs::read(&path).unwrap();
        let mut aside = 0;
        for place in (0..good.len()).step_by(97).chain([good.len() - 1]) {
            let mut changed = good.clone();
            changed[place] ^= 1;
            let cut = good[..place].to_vec();
            let more = [&good[..], b"x"].concat();
            for damaged in [changed, cut, more] {
                assert!(parse(&damaged).is_err(), "at {place}");
                fs::write(&path, &damaged).unwrap();
                if aside < 3 {
                    assert_eq!(file.load().unwrap(), None);
                    aside += 1;
                    let kept = names(folder.path()).into_iter().filter(|n| n.contains(".damaged-"));
                    assert_eq!(kept.count(), aside);
                }
            }
        }
        let newer = String::from_utf8(good).unwrap().replacen(" 1 ", " 2 ", 1);
        let why = parse(newer.as_bytes()).unwrap_err();
        assert_eq!(why, "it has version 2, and this program reads 1");
    }

    /// `/dev/full` takes nothing. A server must not lose what it saved before.
    #[cfg(target_os = "linux")]
    #[test]
    fn full_disk_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let file = StateFile::open(&path).unwrap();
        file.save(&state(1)).unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("state.tmp")).unwrap();
        let error = file.save(&state(2)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.load().unwrap(), Some(state(1)));
        // The link is gone, as a file that fills the disk would be.
        file.save(&state(3)).unwrap();
        assert_eq!(file.load().unwrap(), Some(state(3)));
    }

    #[test]
    fn folder_must_be_there() {
        let error = StateFile::open(Path::new("/no/such/folder/state")).unwrap_err().to_string();
        assert!(error.starts_with("can't find the folder of the state file /no/such"), "{error}");
    }
}
