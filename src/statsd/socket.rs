//! The sockets that listeners receive on.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{getsockopt, setsockopt, sockopt};

/// Bytes that the kernel is asked to keep while the listener is busy: about a tenth of a second
/// of small datagrams, at the rate that one core can receive.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Binds a UDP socket with a large receive buffer.
///
/// The buffer is 8 MiB, or as large as the system allows. Without the privilege to go further,
/// that is `net.core.rmem_max` on Linux. [`Listener::receive_buffer`](super::Listener::receive_buffer)
/// returns what it is.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let socket = tickring::statsd::bind_udp(([127, 0, 0, 1], 0).into())?;
/// assert_ne!(socket.local_addr()?.port(), 0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If the address can't be bound.
pub fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    grow(&socket)?;
    Ok(socket)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn grow(socket: &UdpSocket) -> nix::Result<()> {
    setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
        .or_else(|_| setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BUFFER))
}

/// On other systems more than the limit is an error, and the buffer stays as it is.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn grow(socket: &UdpSocket) -> nix::Result<()> {
    let _refused = setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
    Ok(())
}

/// The size of a socket's receive buffer in bytes, as the kernel counts them.
pub(super) fn receive_buffer(socket: &impl AsFd) -> Option<usize> {
    getsockopt(socket, sockopt::RcvBuf).ok()
}

/// A Unix datagram socket with a path, which it removes when it is dropped.
#[derive(Debug)]
pub struct UnixSocket {
    socket: UnixDatagram,
    path: PathBuf,
    file: (u64, u64),
}

impl UnixSocket {
    /// Binds a socket to a path. A socket that a dead server left there is replaced; that of a live
    /// server is not.
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
        let path = path.into();
        // Two servers that start at the same time must not remove each other's socket.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(directory.unwrap_or(Path::new(".")))?;
        let _turn = Flock::lock(directory, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
        let socket = match UnixDatagram::bind(&path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_stale(&path)?;
                UnixDatagram::bind(&path)?
            }
            bound => bound?,
        };
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        let file = file_of(&path)?;
        Ok(Self { socket, path, file })
    }

    /// The path of the socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // Another server may have replaced it.
        if file_of(&self.path).is_ok_and(|file| file == self.file) {
            let _gone = fs::remove_file(&self.path);
        }
    }
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
    use std::os::unix::net::UnixListener;

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
    fn udp_buffer_is_larger_than_the_default() {
        let plain = UdpSocket::bind("127.0.0.1:0").unwrap();
        let grown = bind_udp("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(receive_buffer(&grown) >= receive_buffer(&plain));
    }
}
