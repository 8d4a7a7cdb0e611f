//! Unix sockets, by path or by abstract name.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// A Unix datagram socket with a path, which it removes when it is dropped.
#[derive(Debug)]
pub struct UnixSocket {
    socket: UnixDatagram,
    path: BoundPath,
}

/// A Unix stream socket with a path, which it removes when it is dropped.
#[derive(Debug)]
pub struct UnixStreamSocket {
    listener: UnixListener,
    path: BoundPath,
}

impl UnixSocket {
    /// Binds a socket to a path. A socket that a dead server left there is replaced; that of a live
    /// server is not.
    ///
    /// On Linux a path that begins with `@` is an abstract name: it belongs to the network namespace
    /// and has no file. `./@name` is a file.
    ///
    /// Every process that can reach the path may send. To restrict that, restrict the directory.
    /// Blocks for as long as another process binds in the same directory.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::statsd::UnixSocket;
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("statsd.sock");
    /// let socket = UnixSocket::bind(&path)?;
    /// assert_eq!(socket.path(), path);
    /// drop(socket);
    /// assert!(!path.exists());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `AddrInUse` if a live server listens on the path, `AlreadyExists` if the path is a file
    /// that is not a socket, and every error that the system has with the path.
    pub fn bind(path: impl Into<PathBuf>) -> io::Result<Self> {
        let (socket, path) = bind(path.into(), UnixDatagram::bind_addr)?;
        Ok(Self { socket, path })
    }

    /// The path of the socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path.path
    }
}

impl UnixStreamSocket {
    /// Binds a socket to a path, as [`UnixSocket::bind`] does.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::os::unix::net::UnixStream;
    /// use tickring::statsd::UnixStreamSocket;
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("statsd.sock");
    /// let socket = UnixStreamSocket::bind(&path)?;
    /// UnixStream::connect(socket.path())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`UnixSocket::bind`].
    pub fn bind(path: impl Into<PathBuf>) -> io::Result<Self> {
        let (listener, path) = bind(path.into(), UnixListener::bind_addr)?;
        Ok(Self { listener, path })
    }

    /// The path of the socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path.path
    }

    pub(super) fn set_nonblocking(&self) -> io::Result<()> {
        self.listener.set_nonblocking(true)
    }

    pub(super) fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().map(|(stream, _)| stream)
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsFd for UnixStreamSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// The path that a socket is bound to. Dropping it removes the file.
#[derive(Debug)]
struct BoundPath {
    path: PathBuf,
    /// Device and inode; `None` for an abstract name.
    file: Option<(u64, u64)>,
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        // Another server may have replaced it.
        if self.file.is_some() && file_of(&self.path).ok() == self.file {
            let _gone = fs::remove_file(&self.path);
        }
    }
}

fn bind<S>(
    path: PathBuf,
    bind: impl Fn(&SocketAddr) -> io::Result<S>,
) -> io::Result<(S, BoundPath)> {
    if let Some(name) = path.as_os_str().as_bytes().strip_prefix(b"@") {
        let socket = bind(&abstract_name(OsStr::from_bytes(name))?)?;
        return Ok((socket, BoundPath { path, file: None }));
    }
    let address = SocketAddr::from_pathname(&path)?;
    // Two servers that start at the same time must not remove each other's socket.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = File::open(directory.unwrap_or(Path::new(".")))?;
    let _turn = Flock::lock(directory, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    let socket = match bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(&path)?;
            bind(&address)?
        }
        bound => bound?,
    };
    fs::set_permissions(&path, Permissions::from_mode(0o666))?;
    let file = Some(file_of(&path)?);
    Ok((socket, BoundPath { path, file }))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_name(name: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "android")]
    use std::os::android::net::SocketAddrExt;
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name.as_bytes())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_name(_: &OsStr) -> io::Result<SocketAddr> {
    let message = "abstract names are Linux's; for a file whose name begins with @, write ./@…";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

fn file_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Removes the socket of a dead server.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        let message = "there is a file of this name that is not a socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // It takes datagrams, or is a stream socket, or belongs to another user.
        _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "a live server listens there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_socket_is_replaced_and_removed_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("statsd.sock");
        // Dropping a socket of the standard library leaves its path, as a killed server does.
        drop(UnixDatagram::bind(&path).unwrap());
        assert!(path.exists());
        let bound = UnixSocket::bind(&path).unwrap();
        UnixDatagram::unbound().unwrap().send_to(b"x", &path).unwrap();
        assert_eq!(bound.socket.recv(&mut [0; 9]).unwrap(), 1);
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn live_socket_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("datagrams");
        let first = UnixSocket::bind(&path).unwrap();
        let error = UnixSocket::bind(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(path.exists());
        drop(first);
        let path = directory.path().join("stream");
        let _stream = UnixListener::bind(&path).unwrap();
        assert_eq!(UnixSocket::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(path.exists());
    }

    #[test]
    fn file_that_is_no_socket_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "precious").unwrap();
        assert_eq!(UnixSocket::bind(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn path_of_another_server_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("statsd.sock");
        let first = UnixSocket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _second = UnixSocket::bind(&path).unwrap();
        drop(first);
        assert!(path.exists());
    }

    #[test]
    fn stream_socket_is_bound_and_removed_as_well() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("statsd.sock");
        drop(UnixListener::bind(&path).unwrap());
        let bound = UnixStreamSocket::bind(&path).unwrap();
        assert_eq!(bound.path(), path);
        UnixStream::connect(&path).unwrap();
        assert_eq!(UnixStreamSocket::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(UnixSocket::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(bound);
        assert!(!path.exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn name_with_an_at_sign_has_no_file() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("tickring-test-{}", std::process::id());
        let path = PathBuf::from(format!("@{name}"));
        let bound = UnixSocket::bind(&path).unwrap();
        assert!(!path.exists());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        UnixDatagram::unbound().unwrap().send_to_addr(b"x", &address).unwrap();
        assert_eq!(bound.socket.recv(&mut [0; 9]).unwrap(), 1);
        assert_eq!(UnixSocket::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(bound);
        UnixStreamSocket::bind(&path).unwrap();
    }
}
