//! The fifteen services of the fleet, embedded as the TOML file beside this one.

use std::sync::OnceLock;

use serde::Deserialize;

use super::ServiceSpec;

#[derive(Deserialize)]
struct File {
    service: Vec<ServiceSpec>,
}

/// The specs of the fifteen services of the fleet. They are read once, at the first call.
///
/// ```
/// let ports: Vec<u16> = tickring::catalogue().iter().filter_map(|spec| spec.port).collect();
/// assert_eq!(ports.len(), 15);
/// ```
#[must_use]
#[allow(clippy::missing_panics_doc)] // The file is part of the program, and tested.
pub fn catalogue() -> &'static [ServiceSpec] {
    static CATALOGUE: OnceLock<Vec<ServiceSpec>> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let file: File = toml::from_str(include_str!("services.toml")).expect("embedded TOML");
        file.service
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::RateBasis;

    #[test]
    fn every_spec_is_sound_and_no_name_or_port_repeats() {
        let specs = catalogue();
        assert_eq!(specs.len(), 15);
        for (index, spec) in specs.iter().enumerate() {
            spec.check().unwrap();
            for other in &specs[..index] {
                assert_ne!(spec.name, other.name);
                assert_ne!(spec.port, other.port);
            }
        }
    }

    /// The six services that were specified one by one.
    #[test]
    fn six_services_row_by_row() {
        let rows: [(&str, u16, RateBasis, &[&str]); 6] = [
            ("websocket-ingestion", 8001, RateBasis::Rolling, &["event"]),
            ("enrichment-pipeline", 8002, RateBasis::Rolling, &["event"]),
            ("data-api", 8006, RateBasis::Rolling, &["request"]),
            ("sports-data", 8005, RateBasis::Lifetime, &["api_call", "data_fetch"]),
            ("weather-api", 8009, RateBasis::Lifetime, &["weather_request", "enrichment_call"]),
            (
                "ai-automation-service",
                8018,
                RateBasis::Lifetime,
                &["analysis_request", "pattern_detection", "suggestion_generated"],
            ),
        ];
        for (name, port, basis, events) in rows {
            let spec = catalogue().iter().find(|spec| spec.name == name).unwrap();
            assert_eq!((spec.port, spec.basis), (Some(port), basis), "{name}");
            assert_eq!(spec.events, events, "{name}");
        }
    }
}
