//! Sets of label values, and how they are looked up.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use papaya::Equivalent;

/// The label keys of a family.
pub(crate) type Keys = Arc<[Box<str>]>;

/// Values in the order of the label keys, without empty ones at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Values(Arc<[Box<str>]>);

/// Values that are looked up.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a>(&'a [&'a str]);

impl Values {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|value| &**value)
    }
}

impl<'a> Wanted<'a> {
    #[inline]
    pub(super) fn new(values: &'a [&'a str]) -> Self {
        let end = values.iter().rposition(|value| !value.is_empty()).map_or(0, |last| last + 1);
        Self(&values[..end])
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'a str> {
        self.0.iter().copied()
    }

    pub(super) fn to_values(self) -> Values {
        Values(self.iter().map(Box::from).collect())
    }
}

/// Both write the same bytes, so a map finds the one by the other.
fn hash<'a, H: Hasher>(values: impl Iterator<Item = &'a str>, state: &mut H) {
    values.for_each(|value| value.hash(state));
}

impl Hash for Values {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.iter(), state);
    }
}

impl Hash for Wanted<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(self.iter(), state);
    }
}

impl Equivalent<Values> for Wanted<'_> {
    #[inline]
    fn equivalent(&self, known: &Values) -> bool {
        self.0.len() == known.0.len() && self.iter().eq(known.iter())
    }
}

/// The label keys of a family and the values of a child: what is shown of it.
#[derive(Clone, Debug)]
pub(crate) struct LabelSet {
    keys: Keys,
    values: Values,
}

impl LabelSet {
    pub(super) fn new(keys: &Keys, values: &Values) -> Self {
        Self { keys: Arc::clone(keys), values: values.clone() }
    }

    /// Each key with its value, which may be empty.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.values.iter().chain(std::iter::repeat(""));
        self.keys.iter().map(|key| &**key).zip(values)
    }

    /// The keys that have a value. In Prometheus an empty value is none.
    #[cfg(feature = "http")]
    pub(crate) fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(|(_, value)| !value.is_empty())
    }
}
