//! Tests of services that are built to replace another, and are put or thrown away.

use std::sync::Arc;
use std::time::Duration;

use crate::fleet::{Registry, Service, ServiceBuilder};

fn described(keys: &[&str]) -> ServiceBuilder {
    Service::builder("shop").event("order").labels(keys.iter().copied())
}

fn timed(shop: &Arc<Service>) -> Service {
    let timed = Service::builder("shop").timed_event("order").labels(["route"]);
    timed.continuing(shop).build().unwrap()
}

fn registered(keys: &[&str]) -> (Registry, Arc<Service>) {
    let registry = Registry::new();
    let shop = registry.register(described(keys).build().unwrap()).unwrap();
    (registry, shop)
}

#[test]
fn thrown_away_build_changes_no_label() {
    let (registry, shop) = registered(&["route"]);
    let orders = shop.family::<1>("order").unwrap();
    let other = || described(&["route", "method"]).label_sets(0).continuing(&shop);
    drop(other().build().unwrap());
    assert_eq!(orders.keys(), ["route"]);
    orders.record(["/a"]);
    assert_eq!(orders.series()[1].labels, [("route".into(), "/a".into())]);
    // Put, it changes all of this.
    let now = registry.replace(other().build().unwrap());
    assert_eq!(orders.keys(), ["route", "method"]);
    now.family("order").unwrap().record(["/b", "GET"]);
    let labels: Vec<_> = orders.series()[1..].iter().map(|s| s.labels[0].1.clone()).collect();
    assert_eq!(labels, ["/a", "other"]);
}

#[test]
fn thrown_away_build_times_nothing() {
    let (registry, shop) = registered(&["route"]);
    let children = Arc::clone(shop.event("order").unwrap().children().unwrap());
    drop(timed(&shop));
    assert!(children.own_timer().is_none());
    let now = registry.replace(timed(&shop));
    now.timed_family::<1>("order").unwrap().with([""]).record(Duration::from_millis(1));
    let read = now.timer("order").unwrap().snapshot();
    assert_eq!((read.events().total(), read.since_start().count()), (1, 1));
}

#[test]
fn refused_service_changes_no_label() {
    let (registry, shop) = registered(&["route"]);
    let again = described(&["route", "method"]).continuing(&shop).build().unwrap();
    registry.register(again).unwrap_err();
    assert_eq!(shop.family::<1>("order").unwrap().keys(), ["route"]);
}

/// Both were built from the service that the first of them has replaced.
#[test]
fn builds_that_race_keep_each_key_in_its_place() {
    let (registry, shop) = registered(&["route"]);
    let build = |keys: &[&str]| described(keys).continuing(&shop).build().unwrap();
    let (method, status, fewer) =
        (build(&["route", "method"]), build(&["route", "status"]), build(&["route"]));
    registry.replace(method).family("order").unwrap().record(["/a", "GET"]);
    let now = registry.replace(fewer);
    assert_eq!(now.family::<1>("order").unwrap().series()[1].labels.len(), 2);
    let now = registry.replace(status);
    now.family("order").unwrap().record(["/a", "200"]);
    let series = now.family::<2>("order").unwrap().series();
    assert_eq!(series.len(), 2);
    assert_eq!(series[1].labels, [("route", "/a"), ("status", "200")].map(owned));
    assert_eq!(now.snapshot().unwrap().total(), 2);
}

#[test]
fn builds_that_race_have_one_timer() {
    let (registry, shop) = registered(&["route"]);
    let (first, second) = (timed(&shop), timed(&shop));
    registry.replace(first).timer("order").unwrap().record(Duration::from_millis(1));
    let second = registry.replace(second);
    second.timer("order").unwrap().record(Duration::from_millis(1));
    let both = second.timed_family::<1>("order").unwrap().with([""]);
    assert_eq!(both.snapshot().since_start().count(), 2);
}

/// Its second column would be another label of the one that was put.
#[test]
fn build_that_lost_a_race_waits_to_be_put() {
    let (registry, shop) = registered(&["route"]);
    let method = described(&["route", "method"]).continuing(&shop).build().unwrap();
    let status = described(&["route", "status"]).label_sets(0).continuing(&shop).build().unwrap();
    let now = registry.replace(method);
    let error = status.family::<2>("order").unwrap_err().to_string();
    assert!(
        error.starts_with("bad label \"status\" of event \"order\" of service \"shop\": "),
        "{error}"
    );
    // Nor has the try changed the other's cap.
    now.family("order").unwrap().record(["/a", "GET"]);
    assert_eq!(now.family::<2>("order").unwrap().series()[1].labels[1].1, "GET");
    registry.replace(status).family::<2>("order").unwrap();
}

/// Without a registry, the first use of a family counts as putting the service.
#[test]
fn service_without_a_registry_has_its_labels() {
    let shop = Arc::new(described(&["route"]).build().unwrap());
    let more = described(&["route", "method"]).continuing(&shop).build().unwrap();
    more.family("order").unwrap().record(["/a", "GET"]);
    let series = more.family::<2>("order").unwrap().series();
    assert_eq!(series[1].labels, [("route", "/a"), ("method", "GET")].map(owned));
    // A use of the one before changes nothing back.
    shop.family::<1>("order").unwrap().record(["/a"]);
    assert_eq!(more.family::<2>("order").unwrap().keys(), ["route", "method"]);
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.into(), value.into())
}
