//! Makes names of services and events from routes, label sets and other free text.

use std::collections::HashMap;
use std::fmt::Write;

/// The longest that a name may be; see [`ServiceSpec::check`](crate::ServiceSpec::check).
const NAME_MAX: usize = 128;
/// A hyphen and eight hexadecimal digits.
const MARK: usize = 9;

/// Gives each original text a name, and no name to two originals.
#[derive(Debug, Default)]
pub(crate) struct Naming {
    /// The original of each name.
    given: HashMap<String, String>,
}

impl Naming {
    /// Reserves a name: only the empty original can get it.
    pub(crate) fn reserve(&mut self, name: &str) {
        self.given.insert(name.into(), String::new());
    }

    /// The name of `original`, the same at each call. It is the original's [`plain`] form; if
    /// another original or `others` have that, a mark is added, made from the original. `None` if
    /// the name with the mark is taken, too.
    pub(crate) fn name(&mut self, original: &str, others: impl Fn(&str) -> bool) -> Option<String> {
        let plain = plain(original);
        let marked = marked(&plain, original);
        for name in [plain, marked] {
            match self.given.get(&name) {
                Some(owner) if owner == original => return Some(name),
                None if !others(&name) => {
                    self.given.insert(name.clone(), original.into());
                    return Some(name);
                }
                _ => {}
            }
        }
        None
    }
}

/// The original in the alphabet of names: each run of other characters becomes one `_`, or
/// nothing at the ends.
fn plain(original: &str) -> String {
    let in_name = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    let parts = original.split(|char| !in_name(char)).filter(|part| !part.is_empty());
    let plain = parts.collect::<Vec<_>>().join("_");
    match plain.len() {
        0 => "_".into(),
        1..=NAME_MAX => plain,
        _ => marked(&plain, original),
    }
}

fn marked(plain: &str, original: &str) -> String {
    let mut name: String = plain.chars().take(NAME_MAX - MARK).collect();
    let _ = write!(name, "-{:08x}", fnv1a(original.as_bytes()));
    name
}

/// FNV-1a with 32 bits: short, and the same in every process and version.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Service;

    fn none(_: &str) -> bool {
        false
    }

    fn check(name: &str) {
        Service::builder(name).event(name).build().unwrap();
    }

    #[test]
    fn names_are_readable_and_of_the_alphabet() {
        for (original, name) in [
            ("/items/{id}", "items_id"),
            ("GET /items/{id}", "GET_items_id"),
            ("http.requests.total", "http_requests_total"),
            ("_private-1", "_private-1"),
            ("/", "_"),
            ("", "_"),
            ("größe", "gr_e"),
            ("a\0\n\"b", "a_b"),
        ] {
            assert_eq!(plain(original), name, "{original:?}");
            check(&plain(original));
        }
    }

    #[test]
    fn different_originals_never_share_a_name() {
        let mut naming = Naming::default();
        let first = naming.name("/items/{id}", none).unwrap();
        let second = naming.name("/items/id", none).unwrap();
        assert_eq!(first, "items_id");
        assert_eq!(second, format!("items_id-{:08x}", fnv1a(b"/items/id")));
        // And each keeps its own.
        assert_eq!(naming.name("/items/id", none).unwrap(), second);
        assert_eq!(naming.name("/items/{id}", none).unwrap(), first);
        // An original that looks like the marked name of another.
        let third = naming.name(&second, none).unwrap();
        assert_ne!(third, second);
        check(&third);
    }

    #[test]
    fn reserved_and_foreign_names_are_not_given() {
        let mut naming = Naming::default();
        naming.reserve("overflow");
        let name = naming.name("overflow", none).unwrap();
        assert!(name.starts_with("overflow-"), "{name}");
        let name = naming.name("data-api", |name| name == "data-api").unwrap();
        assert!(name.starts_with("data-api-"), "{name}");
        assert_eq!(naming.name("else", |_| true), None);
    }

    #[test]
    fn long_originals_get_different_names() {
        let mut naming = Naming::default();
        let long = "x".repeat(128);
        assert_eq!(naming.name(&long, none).unwrap(), long);
        let one = naming.name(&format!("{long}1"), none).unwrap();
        let two = naming.name(&format!("{long}2"), none).unwrap();
        assert_ne!(one, two);
        assert_eq!((one.len(), two.len()), (128, 128));
    }

    #[test]
    fn the_hash_is_fnv1a() {
        // From the reference's test vectors.
        assert_eq!(fnv1a(b""), 0x811c_9dc5);
        assert_eq!(fnv1a(b"a"), 0xe40c_292c);
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
    }
}
