//! All sockets, bound before anything is served.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use tickring::statsd::{UnixSocket, UnixStreamSocket, bind_udp};

use crate::failure::Failure;
use crate::settings::Settings;

/// The sockets that the program serves.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// Each with its default service.
    pub(crate) http: Vec<(TcpListener, String)>,
    pub(crate) statsd: StatsdSockets,
}

/// The sockets on which `StatsD` is received.
#[derive(Debug)]
pub(crate) struct StatsdSockets {
    pub(crate) udp: Option<UdpSocket>,
    pub(crate) tcp: Option<TcpListener>,
    pub(crate) unix: Option<UnixSocket>,
    pub(crate) unix_stream: Option<UnixStreamSocket>,
}

impl Sockets {
    /// Binds all sockets or, if one of them fails, none.
    pub(crate) fn bind(settings: &Settings) -> Result<Self, Failure> {
        let http = http_addresses(settings)?;
        let http = http.into_iter().map(|(address, service)| {
            let listener = TcpListener::bind(address);
            match listener {
                Ok(listener) => Ok((listener, service)),
                Err(error) => Err(refused(format!("TCP port {address}"), service, error)),
            }
        });
        let http = http.collect::<Result<_, _>>()?;
        Ok(Self { http, statsd: StatsdSockets::bind(settings)? })
    }
}

impl StatsdSockets {
    fn bind(settings: &Settings) -> Result<Self, Failure> {
        let refused = |socket| move |error| refused(socket, "StatsD".into(), error);
        let on_port = |kind: &str, address: SocketAddr| refused(format!("{kind} port {address}"));
        let on_path = |path: &Path| refused(format!("socket {}", path.display()));
        let udp = |address| bind_udp(address).map_err(on_port("UDP", address));
        let tcp = |address| TcpListener::bind(address).map_err(on_port("TCP", address));
        let unix = |path: &PathBuf| UnixSocket::bind(path).map_err(on_path(path));
        let unix_stream = |path: &PathBuf| UnixStreamSocket::bind(path).map_err(on_path(path));
        Ok(Self {
            udp: settings.statsd_udp.map(udp).transpose()?,
            tcp: settings.statsd_tcp.map(tcp).transpose()?,
            unix: settings.statsd_unix.as_ref().map(unix).transpose()?,
            unix_stream: settings.statsd_unix_stream.as_ref().map(unix_stream).transpose()?,
        })
    }
}

impl StatsdSockets {
    /// How many of them are for connections.
    pub(crate) fn of_connections(&self) -> usize {
        usize::from(self.tcp.is_some()) + usize::from(self.unix_stream.is_some())
    }
}

fn refused(socket: String, wanted_by: String, error: io::Error) -> Failure {
    Failure::Bind { socket, wanted_by, error }
}

/// The addresses of the HTTP listeners, each with its default service. The main listener also serves
/// the own port of the server's own service, if it covers that port on loopback.
fn http_addresses(settings: &Settings) -> Result<Vec<(SocketAddr, String)>, Failure> {
    let mut addresses = vec![(settings.listen, settings.service.clone())];
    let covers_loopback = match settings.listen.ip() {
        IpAddr::V4(ip) => ip == Ipv4Addr::LOCALHOST || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unspecified(),
    };
    let specs = settings.specs.iter().filter(|_| settings.service_ports);
    for spec in specs {
        let Some(port) = spec.port else { continue };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if covers_loopback && port == settings.listen.port() && port != 0 {
            if spec.name == settings.service {
                continue;
            }
            let error = io::ErrorKind::AddrInUse.into();
            let wanted_by = format!("{} and by the main listener", spec.name);
            return Err(refused(format!("TCP port {address}"), wanted_by, error));
        }
        addresses.push((address, spec.name.clone()));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Layer;
    use crate::settings::Sources;

    fn settings(listen: &str) -> Settings {
        let flags = Layer {
            listen: Some(listen.parse().unwrap()),
            service_ports: Some(true),
            ..Layer::default()
        };
        Settings::settle(&Sources { flags, ..Sources::default() }).unwrap()
    }

    #[test]
    fn each_service_has_a_port_and_a_listener() {
        for (listen, listeners) in
            [("127.0.0.1:8003", 15), ("0.0.0.0:8003", 15), ("[::1]:8003", 16), ("127.0.0.1:9", 16)]
        {
            let addresses = http_addresses(&settings(listen)).unwrap();
            assert_eq!(addresses.len(), listeners, "{listen}");
            assert_eq!(addresses[0], (listen.parse().unwrap(), "admin-api".into()));
            let data_api = ("127.0.0.1:8006".parse().unwrap(), "data-api".into());
            assert!(addresses.contains(&data_api));
        }
        let alone = Settings { service_ports: false, ..settings("127.0.0.1:8003") };
        assert_eq!(http_addresses(&alone).unwrap().len(), 1);
    }

    #[test]
    fn main_listener_leaves_other_services_their_ports() {
        let error = http_addresses(&settings("0.0.0.0:8006")).unwrap_err();
        let expected =
            "TCP port 127.0.0.1:8006 is in use (wanted by data-api and by the main listener)";
        assert_eq!(error.to_string(), expected);
    }
}
