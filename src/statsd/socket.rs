//! Sockets to listen on.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{getsockopt, setsockopt, sockopt};

/// What the kernel is asked to keep while the listener is busy: about a tenth of a second of
/// small datagrams at the rate that one core takes in.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Binds a UDP socket with a large receive buffer.
///
/// The buffer is as large as the system allows: without the privilege to go further, that is
/// `net.core.rmem_max`.
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

/// Elsewhere, more than the limit is an error, and the system's choice stays.
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
    /// Binds a socket to a path. One that a dead server left there is removed; a live one is not.
    ///
    /// Everybody who can reach the path may send; to restrict that, restrict its directory.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if a live server listens there, `AlreadyExists` if what is there is no socket,
    /// and whatever the system says against the path.
    pub fn bind(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        // Two servers that start at once must not remove each other's socket.
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

    /// Where the socket is.
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
        // Somebody may have put another in its place.
        if file_of(&self.path).is_ok_and(|file| file == self.file) {
            let _gone = fs::remove_file(&self.path);
        }
    }
}

fn file_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Removes a socket that nobody listens on.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        let message = "there is a file of this name that is not a socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    match UnixDatagram::unbound()?.connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // It takes datagrams, or is of another kind, or belongs to somebody else.
        _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "a live server listens there")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_socket_left_by_the_dead_is_replaced_and_removed_at_the_end() {
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
    fn a_live_socket_is_not_stolen() {
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
    fn what_is_no_socket_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "precious").unwrap();
        assert_eq!(UnixSocket::bind(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_path_that_another_took_over_is_left_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("statsd.sock");
        let first = UnixSocket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _second = UnixSocket::bind(&path).unwrap();
        drop(first);
        assert!(path.exists());
    }

    #[test]
    fn udp_gets_more_room_than_it_comes_with() {
        let plain = UdpSocket::bind("127.0.0.1:0").unwrap();
        let grown = bind_udp("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(receive_buffer(&grown) >= receive_buffer(&plain));
    }
}
