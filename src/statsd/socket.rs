//! UDP sockets with a large buffer.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn udp_buffer_is_larger_than_the_default() {
        let plain = UdpSocket::bind("127.0.0.1:0").unwrap();
        let grown = bind_udp("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(receive_buffer(&grown) >= receive_buffer(&plain));
    }
}
