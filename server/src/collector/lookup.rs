//! From a host's name to its addresses.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use tokio::task::{JoinHandle, spawn_blocking};

use super::address::Address;

/// The look-up of one remote's name. The system's own takes a thread for as long as name servers are silent, so
/// there is one at a time: who comes before it has ended waits for the same one.
#[derive(Debug, Default)]
pub(super) struct Lookup(Option<JoinHandle<io::Result<Vec<SocketAddr>>>>);

impl Lookup {
    /// The addresses. May be given up at any moment.
    pub(super) async fn addresses(&mut self, address: &Address) -> io::Result<Vec<SocketAddr>> {
        let (host, port) = address.socket();
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let host = host.to_owned();
        let lookup = move || Ok((host, port).to_socket_addrs()?.collect());
        let found = self.0.get_or_insert_with(|| spawn_blocking(lookup)).await;
        self.0 = None;
        found?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn look_up_that_was_given_up_goes_on() {
        let mut lookup = Lookup::default();
        let address = |text: &str| text.parse::<Address>().unwrap();
        let found = lookup.addresses(&address("http://[::1]:8003")).await.unwrap();
        assert_eq!(found, ["[::1]:8003".parse().unwrap()]);
        let name = address("http://localhost:8003");
        let given_up = tokio::time::timeout(Duration::ZERO, lookup.addresses(&name)).await;
        assert!(given_up.is_err() == lookup.0.is_some());
        let found = lookup.addresses(&name).await.unwrap();
        assert!(found.iter().all(|found| found.ip().is_loopback() && found.port() == 8003));
        assert!(lookup.0.is_none());
    }
}
