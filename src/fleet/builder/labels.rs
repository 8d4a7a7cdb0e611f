//! What is said of the labels of an event.

use std::time::Duration;

use super::ServiceBuilder;

impl ServiceBuilder {
    /// Gives labels to the event that was added last: it has a child for each set of values, which
    /// [`Service::family`](crate::Service::family) finds. Its figures are the sum of its children's.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::Service;
    ///
    /// let shop = Service::builder("shop").event("request").labels(["route", "method"]).build()?;
    /// shop.family("request")?.record(["/items", "GET"]);
    /// let bad = Service::builder("shop").event("request").labels(["le"]).build();
    /// assert_eq!(
    ///     bad.unwrap_err().to_string(),
    ///     "bad label \"le\" of event \"request\" of service \"shop\": it is reserved: these are le, \
    ///      quantile, service, event"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn labels<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let keys = keys.into_iter().map(Into::into).collect();
        self.spec.labels.insert(self.last_event(), keys);
        self
    }

    /// The most sets of label values of the event that was added last. The default is 256. What is past
    /// that counts on the child whose values are all `other`.
    pub fn label_sets(mut self, max: usize) -> Self {
        self.spec.label_sets.insert(self.last_event(), max);
        self
    }

    /// After how long without an event a set of label values makes room; see [`Family`](crate::Family). The
    /// default is an hour. It is whole seconds, and two minutes at least.
    pub fn retire_after(mut self, idle: Duration) -> Self {
        self.spec.retire_after_seconds = Some(idle.as_secs());
        self
    }

    /// Gives labels to an event.
    #[cfg(feature = "metrics")]
    pub(in crate::fleet) fn labels_of(
        mut self,
        event: &str,
        keys: &[String],
        label_sets: usize,
    ) -> Self {
        self.spec.labels.insert(event.into(), keys.to_vec());
        self.spec.label_sets.insert(event.into(), label_sets);
        self
    }
}
