//! The label keys of a counter, as Prometheus takes them.

use ::metrics::Key;

/// What the exporters and Prometheus write themselves.
const RESERVED: [&str; 4] = ["le", "quantile", "service", "event"];

/// The most label keys of a counter. Events have no more.
const KEYS_MAX: usize = 16;

/// The label keys that a counter has had so far, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// As they came.
    originals: Vec<String>,
    /// As they are shown; no two are the same.
    pub(super) shown: Vec<String>,
}

impl Names {
    /// Learns the keys of a label set. Returns whether there is a new one; `None` if there are too many.
    pub(super) fn learn(&mut self, key: &Key) -> Option<bool> {
        let before = self.shown.len();
        for label in key.labels().filter(|label| !label.value().is_empty()) {
            if self.originals.iter().any(|known| known == label.key()) {
                continue;
            }
            if self.originals.len() == KEYS_MAX {
                return None;
            }
            let mut name = plain(label.key());
            while self.shown.contains(&name) {
                name.push('_');
            }
            self.originals.push(label.key().into());
            self.shown.push(name);
        }
        Some(self.shown.len() > before)
    }

    /// The values of a label set, in the order of the keys.
    pub(super) fn values<'a>(&self, key: &'a Key) -> Vec<&'a str> {
        let value = |original: &String| {
            let label = key.labels().find(|label| label.key() == original);
            label.map_or("", ::metrics::Label::value)
        };
        self.originals.iter().map(value).collect()
    }
}

/// What Prometheus doesn't take becomes `_`. A reserved name is marked as Prometheus marks one that a
/// target exports.
fn plain(original: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let name: String = original.chars().take(100).map(plain).collect();
    let bad_start = name.is_empty()
        || name == "_"
        || name.starts_with("__")
        || name.starts_with(|first: char| first.is_ascii_digit());
    if bad_start || RESERVED.contains(&name.as_str()) {
        return format!("exported_{name}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_label_names_and_stay_apart() {
        let mut names = Names::default();
        let key = Key::from_parts(
            "c",
            &[("a-b", "1"), ("a_b", "2"), ("le", "3"), ("9", "4"), ("__x", "5")],
        );
        assert_eq!(names.learn(&key), Some(true));
        assert_eq!(names.shown, ["a_b", "a_b_", "exported_le", "exported_9", "exported___x"]);
        assert_eq!(names.learn(&Key::from_parts("c", &[("le", "7"), ("new", "")])), Some(false));
        let key = Key::from_parts("c", &[("le", "7"), ("a_b", "8")]);
        assert_eq!(names.values(&key), ["", "8", "7", "", ""]);
        let many: Vec<_> = (0..12).map(|n| ::metrics::Label::new(format!("k{n}"), "v")).collect();
        assert_eq!(names.learn(&Key::from_parts("c", many)), None);
    }
}
