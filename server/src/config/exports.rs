//! What can be wrong with the families that services export their events as.

use std::collections::BTreeMap;

use tickring::ServiceSpec;

use super::Described;

/// The key of a service that has caused an error about the family of an event; `name` is the family's, if the
/// error is about that.
pub(super) fn key_of(service: &ServiceSpec, event: &str, name: Option<&str>) -> &'static str {
    let has = |names: &BTreeMap<String, String>| {
        names.get(event).is_some_and(|known| name.is_none_or(|name| name == known))
    };
    if has(&service.exported_as) {
        "exported_as"
    } else if has(&service.counted_as) {
        "counted_as"
    } else if service.help.contains_key(event) {
        "help"
    } else {
        "buckets"
    }
}

/// Why a service can't have its families beside those of the services before it, and at which key.
pub(super) fn clash(before: &[Described], service: &ServiceSpec) -> Option<(&'static str, String)> {
    families(service).find_map(|(key, name, timed)| {
        let is_other_kind = |known: (_, &str, bool)| known.1 == name && known.2 != timed;
        let specs = before.iter().map(|described| &described.spec);
        let other = specs.clone().find(|other| families(other).any(is_other_kind))?;
        let what = format!(
            "service {:?} exports an event as {name:?} as well, and only one of them is a histogram",
            other.name
        );
        Some((key, what))
    })
}

/// The families of a service: the key that names each, its name, and whether it is a histogram.
fn families(service: &ServiceSpec) -> impl Iterator<Item = (&'static str, &str, bool)> {
    let exported = service.exported_as.iter();
    let exported =
        exported.map(|(event, name)| ("exported_as", &**name, service.timed.contains(event)));
    exported.chain(service.counted_as.values().map(|name| ("counted_as", &**name, false)))
}
