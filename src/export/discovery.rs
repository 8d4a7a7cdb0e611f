//! The targets that Prometheus is told of, in the format of its HTTP service discovery.
//!
//! Each series is to be scraped exactly once, whatever listeners there are. A listener of the
//! host shows all services; a service's own listener shows that service alone. So a service
//! whose own listener can be reached is a target of its own, and the host's target is asked to
//! leave those out. What can be reached depends on who asks: a loopback listener is of no use to
//! a Prometheus on another machine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::Serialize;

use crate::fleet::Services;

/// A listener of this process.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    /// The service that it is the own one of; none for the host's.
    pub(crate) service: Option<String>,
}

impl Listening {
    /// Whether who reaches `here` reaches this listener.
    fn is_reached_with(&self, here: SocketAddr) -> bool {
        !self.address.ip().is_loopback() || here.ip().is_loopback()
    }
}

/// Targets with the same labels.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TargetGroup {
    targets: [String; 1],
    labels: BTreeMap<&'static str, String>,
}

/// The listener where each service that has one of its own can be reached by who reaches `here`.
pub(crate) fn own_listeners(
    listening: &[Listening],
    here: SocketAddr,
) -> impl Iterator<Item = (&str, SocketAddr)> {
    let reached = listening.iter().filter(move |listener| listener.is_reached_with(here));
    reached.filter_map(|listener| Some((listener.service.as_deref()?, listener.address)))
}

/// All targets, for who asked at `here`, under the name `host` if that is known.
pub(crate) fn targets(
    services: &Services,
    listening: &[Listening],
    here: Option<SocketAddr>,
    host: Option<&str>,
) -> Vec<TargetGroup> {
    if services.is_empty() {
        return Vec::new();
    }
    let Some(here) = here else {
        // Somebody else's server hands us the requests: only the client knows where it listens.
        let host = host.map(str::to_owned);
        return host.map(|host| group(host, BTreeMap::new())).into_iter().collect();
    };
    let reached =
        |listener: &&Listening| listener.service.is_none() && listener.is_reached_with(here);
    let main = listening.iter().find(reached).map(|listener| listener.address);
    // As the host's listener will see it when it is asked to leave them out.
    let mut own = BTreeMap::new();
    for (service, address) in own_listeners(listening, main.unwrap_or(here)) {
        own.entry(service).or_insert(address);
    }
    own.retain(|service, _| services.get(service).is_some());
    let mut groups = Vec::with_capacity(own.len() + 1);
    if let Some(main) = main {
        let mut labels = BTreeMap::new();
        if !own.is_empty() {
            labels.insert("__param_own_ports", "0".to_owned());
        }
        groups.push(group(authority(main, host), labels));
    }
    for service in services {
        if let Some(address) = own.get(service.name()) {
            let labels = BTreeMap::from([
                ("__meta_tickring_service", service.name().to_owned()),
                ("__meta_tickring_category", service.spec().category.clone()),
            ]);
            groups.push(group(authority(*address, host), labels));
        }
    }
    groups
}

fn group(target: String, labels: BTreeMap<&'static str, String>) -> TargetGroup {
    TargetGroup { targets: [target], labels }
}

/// Where to connect to: a listener on all addresses is reached under the name by which the
/// client has come.
fn authority(address: SocketAddr, host: Option<&str>) -> String {
    if !address.ip().is_unspecified() {
        return address.to_string();
    }
    let port = address.port();
    let name = host.and_then(|host| host.parse::<hyper::http::uri::Authority>().ok());
    match name {
        Some(name) => format!("{}:{port}", name.host()),
        None if address.is_ipv4() => SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string(),
        None => SocketAddr::from((IpAddr::V6(Ipv6Addr::LOCALHOST), port)).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Registry, Service};

    fn listening(address: &str, service: Option<&str>) -> Listening {
        Listening { address: address.parse().unwrap(), service: service.map(str::to_owned) }
    }

    fn told(listening: &[Listening], here: Option<&str>, host: Option<&str>) -> Value {
        let registry = Registry::new();
        for name in ["admin-api", "data-api", "sports-data"] {
            registry.register(Service::from_catalogue(name).unwrap()).unwrap();
        }
        let here = here.map(|here| here.parse().unwrap());
        serde_json::to_value(targets(&registry.services(), listening, here, host)).unwrap()
    }

    #[test]
    fn one_listener_is_one_target_for_everything() {
        let one = [listening("127.0.0.1:8003", None)];
        let expected = json!([{ "targets": ["127.0.0.1:8003"], "labels": {} }]);
        assert_eq!(told(&one, Some("127.0.0.1:8003"), Some("elsewhere:1")), expected);
        assert_eq!(told(&one, Some("127.0.0.1:8003"), None), expected);
    }

    #[test]
    fn own_listeners_are_targets_and_the_host_leaves_them_out() {
        let three = [
            listening("127.0.0.1:8003", None),
            listening("127.0.0.1:8005", Some("sports-data")),
            listening("127.0.0.1:8099", Some("not-registered")),
            listening("[::1]:8005", Some("sports-data")),
        ];
        let expected = json!([
            { "targets": ["127.0.0.1:8003"], "labels": { "__param_own_ports": "0" } },
            {
                "targets": ["127.0.0.1:8005"],
                "labels": {
                    "__meta_tickring_service": "sports-data",
                    "__meta_tickring_category": "data",
                },
            },
        ]);
        // The same list wherever it is asked for.
        for here in ["127.0.0.1:8003", "127.0.0.1:8005"] {
            assert_eq!(told(&three, Some(here), None), expected);
        }
    }

    #[test]
    fn loopback_is_of_no_use_to_another_machine() {
        let two =
            [listening("127.0.0.1:8005", Some("sports-data")), listening("0.0.0.0:8003", None)];
        let expected = json!([{ "targets": ["meter-1.example:8003"], "labels": {} }]);
        for here in ["0.0.0.0:8003", "127.0.0.1:8005"] {
            assert_eq!(told(&two, Some(here), Some("meter-1.example:9")), expected, "{here}");
            let own = own_listeners(&two, two[1].address).count();
            assert_eq!(own, 0, "what is no target is not left out");
        }
    }

    #[test]
    fn a_listener_on_all_addresses_has_the_name_by_which_it_was_reached() {
        for (address, host, target) in [
            ("0.0.0.0:8003", Some("10.1.2.3:80"), "10.1.2.3:8003"),
            ("[::]:8003", Some("[2001:db8::7]"), "[2001:db8::7]:8003"),
            ("0.0.0.0:8003", Some("no name"), "127.0.0.1:8003"),
            ("[::]:8003", None, "[::1]:8003"),
        ] {
            let told = told(&[listening(address, None)], Some(address), host);
            assert_eq!(told[0]["targets"][0], target);
        }
    }

    #[test]
    fn without_services_or_a_name_there_is_nothing_to_tell() {
        let one = [listening("127.0.0.1:8003", None)];
        let none = Registry::new().services();
        assert_eq!(targets(&none, &one, Some(one[0].address), None), []);
        assert_eq!(told(&[], None, None), json!([]));
        assert_eq!(told(&[], None, Some("app:80"))[0]["targets"][0], "app:80");
    }
}
