//! `StatsD` through real sockets.

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use tickring::statsd::{AutoRegister, Config, Listener, UnixSocket, bind_udp};
use tickring::{Registry, RejectionReason, Rejections};

use crate::support::PATIENCE;
use crate::support::fleet;

pub(crate) fn total(registry: &Registry, service: &str) -> u64 {
    registry.get(service).map_or(0, |_| fleet::total(registry, service, None))
}

pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "it doesn't happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn udp(receiver: &Config) -> (Listener, SocketAddr) {
    let socket = bind_udp("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (receiver.udp(socket).unwrap(), address)
}

#[test]
fn datagrams_of_all_sizes_are_counted_whole() {
    let registry = fleet::catalogue();
    let (listener, address) = udp(&Config::new(registry.clone()));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(address).unwrap();
    client.send(b"").unwrap();
    client.send(b"data-api.request:1|c\n").unwrap();
    let line = "data-api.request:1|c\n";
    let largest = line.repeat(65_507 / line.len());
    client.send(largest.as_bytes()).unwrap();
    let expected = 1 + (65_507 / line.len()) as u64;
    wait_until(|| total(&registry, "data-api") == expected);
    listener.stop();
    assert_eq!(total(&registry, "data-api"), expected);
}

#[test]
fn udp_and_unix_sockets_make_one_total() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("statsd.sock");
    let registry = fleet::catalogue();
    let receiver = Config::new(registry.clone());
    let (_udp, address) = udp(&receiver);
    let listener = receiver.unix(UnixSocket::bind(&path).unwrap()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            for _ in 0..200 {
                client.send_to(b"sports-data.api_call:1|c", address).unwrap();
            }
        });
        scope.spawn(|| {
            // It waits when the listener is busy, so nothing is lost however fast it sends.
            let client = UnixDatagram::unbound().unwrap();
            for _ in 0..20_000 {
                client.send_to(b"sports-data.data_fetch:1|c", &path).unwrap();
            }
        });
    });
    wait_until(|| total(&registry, "sports-data") == 20_200);
    listener.stop();
    assert!(!path.exists());
}

#[test]
fn what_was_sent_before_the_stop_is_counted() {
    let registry = fleet::catalogue();
    let (listener, address) = udp(&Config::new(registry.clone()));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..100 {
        client.send_to(b"data-api.request:1|c", address).unwrap();
    }
    listener.stop();
    assert_eq!(total(&registry, "data-api"), 100);
}

#[test]
fn long_unix_datagram_loses_its_end_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("statsd.sock");
    let (registry, rejections) = (fleet::catalogue(), Rejections::new());
    let receiver = Config::new(registry.clone()).rejections(rejections.clone());
    let _listener = receiver.unix(UnixSocket::bind(&path).unwrap()).unwrap();
    let line = "data-api.request:1|c\n";
    let client = UnixDatagram::unbound().unwrap();
    client.send_to(line.repeat(4_000).as_bytes(), &path).unwrap();
    client.send_to(b"admin-api:1|c", &path).unwrap();
    wait_until(|| total(&registry, "admin-api") == 1);
    assert_eq!(total(&registry, "data-api"), (65_536 / line.len()) as u64);
    assert_eq!(rejections.get(RejectionReason::TooLong), 1);
}

#[test]
fn flood_is_counted_or_shown_as_dropped() {
    let (registry, rejections) = (fleet::catalogue(), Rejections::new());
    let receiver = Config::new(registry.clone()).rejections(rejections.clone());
    let (listener, address) = udp(&receiver);
    let sent = 40_000;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let client = UdpSocket::bind("127.0.0.1:0").unwrap();
                let datagram = "data-api.request:1|c\nnobody.request:1|c\n".repeat(10);
                for _ in 0..sent / 2 {
                    client.send_to(datagram.as_bytes(), address).unwrap();
                }
            });
        }
    });
    // Drops are looked for each second.
    wait_until(|| {
        total(&registry, "data-api") / 10 + rejections.get(RejectionReason::KernelDrop) == sent
    });
    assert_eq!(rejections.get(RejectionReason::UnknownService), total(&registry, "data-api"));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"admin-api.request:1|c", address).unwrap();
    wait_until(|| total(&registry, "admin-api") == 1);
    listener.stop();
}

#[test]
fn two_listeners_admit_the_same_and_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (registry, rejections) = (Registry::new(), Rejections::new());
    let caps = AutoRegister::new().max_services(20).max_events(10);
    let receiver = Config::new(registry.clone()).rejections(rejections.clone()).auto_register(caps);
    let paths = [directory.path().join("a"), directory.path().join("b")];
    let listeners = paths.each_ref().map(|path| {
        let socket = UnixSocket::bind(path).unwrap();
        receiver.unix(socket).unwrap()
    });
    std::thread::scope(|scope| {
        for path in &paths {
            scope.spawn(move || {
                let client = UnixDatagram::unbound().unwrap();
                for number in 0..2_500 {
                    let (service, event) = (number / 10 % 25, number % 10);
                    let line = format!("service-{service}.event-{event}:1|c");
                    client.send_to(line.as_bytes(), path).unwrap();
                }
            });
        }
    });
    listeners.into_iter().for_each(Listener::stop);
    assert_eq!(registry.services().len(), 20);
    let counted: u64 = registry.services().iter().map(|s| s.snapshot().unwrap().total()).sum();
    assert_eq!((counted, rejections.get(RejectionReason::OverCap)), (4_000, 1_000));
}
