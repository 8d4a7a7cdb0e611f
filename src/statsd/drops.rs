//! What the kernel dropped because a socket's receive buffer was full.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

/// Follows the kernel's count of datagrams that it dropped for a UDP socket. Only Linux has one;
/// elsewhere no drop is noticed.
#[derive(Debug)]
pub(super) struct Drops {
    inode: u64,
    /// The socket tables of this network namespace that may list the socket.
    tables: &'static [&'static str],
    seen: u64,
}

impl Drops {
    /// `None` if the system doesn't say which inode the socket has.
    pub(super) fn of(socket: &UdpSocket) -> Option<Self> {
        let descriptor = OwnedFd::from(socket.try_clone().ok()?);
        let inode = File::from(descriptor).metadata().ok()?.ino();
        let tables = &["/proc/self/net/udp", "/proc/self/net/udp6"];
        Some(Self { inode, tables, seen: 0 })
    }

    /// The datagrams that were dropped since the last call.
    pub(super) fn since_last(&mut self) -> u64 {
        let mut tables = self.tables.iter().filter_map(|table| fs::read_to_string(table).ok());
        let count = tables.find_map(|table| drops_in(&table, self.inode));
        // The kernel's counter has 32 bits.
        let new = count.unwrap_or(self.seen).wrapping_sub(self.seen) & u64::from(u32::MAX);
        self.seen = self.seen.wrapping_add(new);
        new
    }
}

/// The last column of the row whose tenth column is the inode.
fn drops_in(table: &str, inode: u64) -> Option<u64> {
    table.lines().skip(1).find_map(|row| {
        let mut columns = row.split_ascii_whitespace();
        let found = columns.nth(9)?.parse() == Ok(inode);
        found.then(|| columns.last())??.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  106: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 123456 2 0000000000000000 0
 4711: 00000000:1F90 00000000:0000 07 00000000:00000300 00:00000000 00000000   999        0 98765 2 0000000000000000 4294967290
";

    #[test]
    fn row_is_found_by_its_inode() {
        assert_eq!(drops_in(TABLE, 123_456), Some(0));
        assert_eq!(drops_in(TABLE, 98_765), Some(4_294_967_290));
        assert_eq!(drops_in(TABLE, 2), None);
        assert_eq!(drops_in("", 2), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn datagram_that_does_not_fit_is_counted_once() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut drops = Drops::of(&socket).unwrap();
        assert_eq!(drops.since_last(), 0);
        let size = 4096_usize;
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::RcvBuf, &size).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender.send_to(&[0; 1000], socket.local_addr().unwrap()).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        let received = std::iter::from_fn(|| socket.recv(&mut [0; 1000]).ok()).count() as u64;
        assert_eq!(drops.since_last(), 100 - received);
        assert_eq!(drops.since_last(), 0);
    }
}
