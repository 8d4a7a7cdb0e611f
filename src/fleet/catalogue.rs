//! The fifteen services of the fleet, embedded as the TOML file beside this one.

use std::sync::OnceLock;

use serde::Deserialize;

use super::Profile;

#[derive(Deserialize)]
struct File {
    service: Vec<Profile>,
}

/// The fifteen services of the fleet.
///
/// ```
/// let ports: Vec<u16> = tickring::catalogue().iter().filter_map(|profile| profile.port).collect();
/// assert_eq!(ports.len(), 15);
/// ```
#[must_use]
#[allow(clippy::missing_panics_doc)] // The file is part of the program, and tested.
pub fn catalogue() -> &'static [Profile] {
    static CATALOGUE: OnceLock<Vec<Profile>> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let file: File = toml::from_str(include_str!("services.toml")).expect("embedded TOML");
        file.service
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Basis;

    #[test]
    fn every_profile_is_sound_and_no_name_or_port_comes_twice() {
        let profiles = catalogue();
        assert_eq!(profiles.len(), 15);
        for (index, profile) in profiles.iter().enumerate() {
            profile.check().unwrap();
            for other in &profiles[..index] {
                assert_ne!(profile.name, other.name);
                assert_ne!(profile.port, other.port);
            }
        }
    }

    /// The six services that were specified one by one.
    #[test]
    fn six_services_row_by_row() {
        let rows: [(&str, u16, Basis, &[&str]); 6] = [
            ("websocket-ingestion", 8001, Basis::Rolling, &["event"]),
            ("enrichment-pipeline", 8002, Basis::Rolling, &["event"]),
            ("data-api", 8006, Basis::Rolling, &["request"]),
            ("sports-data", 8005, Basis::Lifetime, &["api_call", "data_fetch"]),
            ("weather-api", 8009, Basis::Lifetime, &["weather_request", "enrichment_call"]),
            (
                "ai-automation-service",
                8018,
                Basis::Lifetime,
                &["analysis_request", "pattern_detection", "suggestion_generated"],
            ),
        ];
        for (name, port, basis, events) in rows {
            let profile = catalogue().iter().find(|profile| profile.name == name).unwrap();
            assert_eq!((profile.port, profile.basis), (Some(port), basis), "{name}");
            assert_eq!(profile.events, events, "{name}");
        }
    }
}
