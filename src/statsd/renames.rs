//! Names as they are sent to names as they are looked up.

use std::borrow::Cow;

/// Prefixes of names, and what stands for each, the longest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Renames(Vec<(String, String)>);

impl Renames {
    pub(super) fn add(&mut self, prefix: String, replacement: String) {
        self.0.push((prefix, replacement));
        self.0.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    }

    /// The name to look up.
    pub(super) fn apply<'a>(&self, name: &'a [u8]) -> Cow<'a, [u8]> {
        let fits = |(prefix, replacement): &(String, String)| {
            let rest = name.strip_prefix(prefix.as_bytes())?;
            Some([replacement.as_bytes(), rest].concat())
        };
        self.0.iter().find_map(fits).map_or(Cow::Borrowed(name), Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_prefix_counts_and_once() {
        let mut renames = Renames::default();
        for (prefix, replacement) in [("a.", "x."), ("a.b.", "a."), ("plain", "")] {
            renames.add(prefix.into(), replacement.into());
        }
        for (name, expected) in
            [("a.c", "x.c"), ("a.b.c", "a.c"), ("plain", ""), ("b.a.c", "b.a.c"), ("a", "a")]
        {
            assert_eq!(renames.apply(name.as_bytes()), expected.as_bytes(), "{name}");
        }
    }
}
