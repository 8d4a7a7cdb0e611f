//! Which label keys an event may have.

use crate::fleet::ServiceError;

/// The value of all labels of the child that counts what is past the cap.
pub(crate) const OTHER: &str = "other";

/// The number of sets of values that an event has, unless it is set.
pub(in crate::fleet) const DEFAULT_CAP: usize = 256;

/// What the exporters and Prometheus write themselves.
const RESERVED: [&str; 4] = ["le", "quantile", "service", "event"];

/// The most label keys of an event.
pub(crate) const KEYS_MAX: usize = 16;

/// Checks the label keys of an event.
pub(in crate::fleet) fn check_keys(
    service: &str,
    event: &str,
    keys: &[String],
) -> Result<(), ServiceError> {
    let bad = |label: &str, why: String| {
        let (service, event, label) = (service.into(), event.into(), label.into());
        Err(ServiceError::BadLabel { service, event, label, why })
    };
    if keys.len() > KEYS_MAX {
        return bad(&keys[KEYS_MAX], format!("an event has at most {KEYS_MAX} labels"));
    }
    for (index, key) in keys.iter().enumerate() {
        if RESERVED.contains(&key.as_str()) {
            let why = format!("it is reserved: these are {}", RESERVED.join(", "));
            return bad(key, why);
        }
        if key.starts_with("__") {
            return bad(key, "names that begin with __ are reserved".into());
        }
        if !is_name(key) {
            return bad(key, "a label is named by A-Z a-z 0-9 _, and no digit is first".into());
        }
        if keys[..index].contains(key) {
            return bad(key, "it is named twice".into());
        }
    }
    Ok(())
}

/// Prometheus' grammar of label names.
fn is_name(key: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !key.is_empty()
        && key.len() <= 128
        && key.bytes().all(plain)
        && !key.starts_with(|first: char| first.is_ascii_digit())
}
