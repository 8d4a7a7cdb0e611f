//! The targets that Prometheus gets from its HTTP service discovery.
//!
//! Each series must be scraped exactly once, whatever listeners there are. The main listener shows
//! all services; a dedicated listener shows its service alone. So a service whose dedicated listener
//! can be reached is a separate target, and the main target asks to leave such services out. Which
//! listeners can be reached depends on the client: a Prometheus on another machine can't use a
//! loopback listener.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::Serialize;

use crate::fleet::Services;

/// A listener of this process.
#[derive(Clone, Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    /// The service this port is dedicated to; `None` for the main listener.
    pub(crate) service: Option<String>,
}

impl Listening {
    /// Whether a client that reached `here` can reach this listener too.
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

/// For each service with a dedicated port: its address, if a client that reached `here` can reach
/// it too.
pub(crate) fn dedicated_listeners(
    listening: &[Listening],
    here: SocketAddr,
) -> impl Iterator<Item = (&str, SocketAddr)> {
    let reached = listening.iter().filter(move |listener| listener.is_reached_with(here));
    reached.filter_map(|listener| Some((listener.service.as_deref()?, listener.address)))
}

/// All targets for a client. `here` is the listeners of the process and the address of the one that
/// the client reached; `None` if the process is served by other code. `authority` is the host, with
/// or without a port, that the request names. `metrics_path` is where `/metrics` is, if it is elsewhere.
pub(crate) fn targets(
    services: &Services,
    here: Option<(&[Listening], SocketAddr)>,
    authority: Option<&str>,
    metrics_path: Option<&str>,
) -> Vec<TargetGroup> {
    let mut groups = groups(services, here, authority);
    if let Some(path) = metrics_path {
        for group in &mut groups {
            group.labels.insert("__metrics_path__", path.to_owned());
        }
    }
    groups
}

fn groups(
    services: &Services,
    here: Option<(&[Listening], SocketAddr)>,
    authority: Option<&str>,
) -> Vec<TargetGroup> {
    if services.is_empty() {
        return Vec::new();
    }
    let Some((listening, here)) = here else {
        // Only the client knows where the other code listens.
        let target = authority.map(|authority| group(authority.to_owned(), BTreeMap::new()));
        return target.into_iter().collect();
    };
    let reached =
        |listener: &&Listening| listener.service.is_none() && listener.is_reached_with(here);
    let main = listening.iter().find(reached).map(|listener| listener.address);
    // The same services that the main listener will leave out.
    let mut dedicated = BTreeMap::new();
    for (service, address) in dedicated_listeners(listening, main.unwrap_or(here)) {
        dedicated.entry(service).or_insert(address);
    }
    dedicated.retain(|service, _| services.get(service).is_some());
    let mut groups = Vec::with_capacity(dedicated.len() + 1);
    if let Some(main) = main {
        let mut labels = BTreeMap::new();
        if !dedicated.is_empty() {
            labels.insert("__param_own_ports", "0".to_owned());
        }
        groups.push(group(target(main, authority), labels));
    }
    for service in services {
        if let Some(address) = dedicated.get(service.name()) {
            let labels = BTreeMap::from([
                ("__meta_tickring_service", service.name().to_owned()),
                ("__meta_tickring_category", service.spec().category.clone()),
            ]);
            groups.push(group(target(*address, authority), labels));
        }
    }
    groups
}

fn group(target: String, labels: BTreeMap<&'static str, String>) -> TargetGroup {
    TargetGroup { targets: [target], labels }
}

/// The target for a listener. A listener on all addresses is reached by the name that the client
/// used.
fn target(address: SocketAddr, authority: Option<&str>) -> String {
    if !address.ip().is_unspecified() {
        return address.to_string();
    }
    let port = address.port();
    let name = authority.and_then(|name| name.parse::<hyper::http::uri::Authority>().ok());
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

    fn found(listening: &[Listening], here: Option<&str>, authority: Option<&str>) -> Value {
        let registry = Registry::new();
        for name in ["admin-api", "data-api", "sports-data"] {
            registry.register(Service::from_catalogue(name).unwrap()).unwrap();
        }
        let here = here.map(|here| (listening, here.parse().unwrap()));
        serde_json::to_value(targets(&registry.services(), here, authority, None)).unwrap()
    }

    #[test]
    fn one_listener_is_one_target() {
        let one = [listening("127.0.0.1:8003", None)];
        let expected = json!([{ "targets": ["127.0.0.1:8003"], "labels": {} }]);
        assert_eq!(found(&one, Some("127.0.0.1:8003"), Some("elsewhere:1")), expected);
        assert_eq!(found(&one, Some("127.0.0.1:8003"), None), expected);
    }

    #[test]
    fn dedicated_listeners_are_targets_left_out_of_main() {
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
            assert_eq!(found(&three, Some(here), None), expected);
        }
    }

    #[test]
    fn loopback_is_no_target_for_another_machine() {
        let two =
            [listening("127.0.0.1:8005", Some("sports-data")), listening("0.0.0.0:8003", None)];
        let expected = json!([{ "targets": ["meter-1.example:8003"], "labels": {} }]);
        for here in ["0.0.0.0:8003", "127.0.0.1:8005"] {
            assert_eq!(found(&two, Some(here), Some("meter-1.example:9")), expected, "{here}");
            let dedicated = dedicated_listeners(&two, two[1].address).count();
            assert_eq!(dedicated, 0, "only a target is left out of the main one");
        }
    }

    #[test]
    fn listener_on_all_addresses_takes_the_clients_name() {
        for (address, authority, target) in [
            ("0.0.0.0:8003", Some("10.1.2.3:80"), "10.1.2.3:8003"),
            ("[::]:8003", Some("[2001:db8::7]"), "[2001:db8::7]:8003"),
            ("0.0.0.0:8003", Some("no name"), "127.0.0.1:8003"),
            ("[::]:8003", None, "[::1]:8003"),
        ] {
            let found = found(&[listening(address, None)], Some(address), authority);
            assert_eq!(found[0]["targets"][0], target);
        }
    }

    #[test]
    fn each_target_has_the_path_below_a_prefix() {
        let two =
            [listening("127.0.0.1:8003", None), listening("127.0.0.1:8005", Some("sports-data"))];
        let registry = Registry::new();
        registry.register(Service::from_catalogue("sports-data").unwrap()).unwrap();
        let here = Some((&two[..], two[0].address));
        let groups = targets(&registry.services(), here, None, Some("/ops/metrics"));
        assert_eq!(groups.len(), 2);
        for group in groups {
            assert_eq!(group.labels["__metrics_path__"], "/ops/metrics", "{group:?}");
        }
    }

    #[test]
    fn no_services_or_no_name_give_no_target() {
        let one = [listening("127.0.0.1:8003", None)];
        let none = Registry::new().services();
        assert_eq!(targets(&none, Some((&one, one[0].address)), None, None), []);
        assert_eq!(found(&[], None, None), json!([]));
        assert_eq!(found(&[], None, Some("app:80"))[0]["targets"][0], "app:80");
    }
}
