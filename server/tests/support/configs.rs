//! Checks that hold for any configuration file.

use std::path::Path;

use tickring_server::config::File;

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match File::parse(Path::new("any.toml"), text.into()) {
        Ok(file) => {
            let services = &file.config.services;
            for (index, service) in services.iter().enumerate() {
                service.spec.check().unwrap();
                let name = &service.spec.name;
                assert!(services[..index].iter().all(|other| other.spec.name != *name));
            }
        }
        Err(error) => {
            let said = error.to_string();
            let rest = said.strip_prefix("any.toml:").expect("the error names the file");
            assert!(!said.contains('\n'), "more than one line: {said:?}");
            let line = rest.split(':').next().unwrap_or_default();
            if let Ok(line) = line.parse::<usize>() {
                let lines = text.split('\n').count();
                assert!((1..=lines).contains(&line), "line {line} of {lines}");
            }
        }
    }
}
