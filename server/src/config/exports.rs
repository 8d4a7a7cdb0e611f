//! What can be wrong with the families that services export their events as.

use tickring::ServiceSpec;

use super::Described;

/// The key that says something of the family of an event.
pub(super) fn key_of(service: &ServiceSpec, event: &str) -> &'static str {
    if service.exported_as.contains_key(event) {
        "exported_as"
    } else if service.help.contains_key(event) {
        "help"
    } else {
        "buckets"
    }
}

/// Why a service can't have its families beside those of the services before it.
pub(super) fn clash(before: &[Described], service: &ServiceSpec) -> Option<String> {
    let is_timed = |service: &ServiceSpec, event| service.timed.contains(event);
    service.exported_as.iter().find_map(|(event, name)| {
        let timed = is_timed(service, event);
        let other = before.iter().map(|described| &described.spec).find(|other| {
            other.exported_as.iter().any(|(e, n)| n == name && is_timed(other, e) != timed)
        })?;
        Some(format!(
            "service {:?} exports an event as {name:?} as well, and only one of them is timed",
            other.name
        ))
    })
}
