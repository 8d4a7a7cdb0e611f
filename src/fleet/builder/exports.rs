//! What is said of an event that is exported as a family of its own.

use super::ServiceBuilder;
#[cfg(feature = "metrics")]
use crate::fleet::ExportedAs;
use crate::fleet::ServiceError;
use crate::fleet::exports::bounds_of;

impl ServiceBuilder {
    /// Exports the event that was added last as a family of its own in `/metrics`, so that existing dashboards
    /// and alerts carry over. An event is the counter `NAME_total`. A timed one is the classic histogram
    /// `NAME_bucket`, `NAME_sum` and `NAME_count` of its durations, in seconds.
    ///
    /// Its labels are `service` and those of the event. Events of several services may have one name if they
    /// are of one kind: they are one family. The event stays in tickring's own families, which are other
    /// metrics, so nothing counts twice.
    ///
    /// A name has letters, digits and `_`. It has no suffix of samples (`_total`, `_bucket`, `_sum`, `_count`,
    /// `_created`, `_info`), and does not begin with `tickring_`.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::Service;
    ///
    /// let shop = Service::builder("shop")
    ///     .event("request")
    ///     .labels(["route", "method"])
    ///     .exported_as("http_requests") // http_requests_total{service="shop",route="/",method="GET"}
    ///     .help("Requests that were answered.")
    ///     .build()?;
    /// let bad = Service::builder("shop").event("request").exported_as("http_requests_total").build();
    /// assert_eq!(
    ///     bad.unwrap_err().to_string(),
    ///     "event \"request\" of service \"shop\" can't be exported as \"http_requests_total\": leave out \
    ///      _total, which is added to each counter"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn exported_as(mut self, name: impl Into<String>) -> Self {
        self.spec.exported_as.insert(self.last_event(), name.into());
        self
    }

    /// Exports the timed event that was added last as the counter `NAME_total` as well, as programs have it that
    /// export the number and the durations of requests under two names. It counts each event, also one whose
    /// duration nobody has recorded.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let shop = tickring::Service::builder("shop")
    ///     .timed_event("request")
    ///     .exported_as("http_request_duration_seconds")
    ///     .counted_as("http_requests") // http_requests_total{service="shop"}
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn counted_as(mut self, name: impl Into<String>) -> Self {
        self.spec.counted_as.insert(self.last_event(), name.into());
        self
    }

    /// The help text of the family that the event that was added last is [exported as](Self::exported_as). Where
    /// several services share a family, the text of the first one is shown.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.spec.help.insert(self.last_event(), text.into());
        self
    }

    /// The upper bounds, in seconds, of the buckets of the family that the event that was added last is
    /// [exported as](Self::exported_as); `+Inf` is added. The event is timed. Without this, the family has all
    /// bounds by which a timer counts: 1, 10, 100, 250 and 500 µs; 1, 2.5, 5, 10, 25, 50, 100, 250 and 500 ms;
    /// 1, 2.5, 5, 10, 30, 60 and 300 s.
    ///
    /// A bucket is any of these, so its count is exact: a duration that is as long as the bound is in it. Another
    /// bound is refused, since a count for it would be a guess. Services that share a family should have the
    /// same buckets.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use tickring::Service;
    ///
    /// let builder = || Service::builder("shop").timed_event("request");
    /// let shop = builder().exported_as("http_request_duration_seconds").buckets([0.005, 0.05, 0.5]).build()?;
    /// let bad = builder().exported_as("http_request_duration_seconds").buckets([0.005, 0.3]).build();
    /// assert!(bad.unwrap_err().to_string().contains("0.3 s is no bound by which timers count: these are"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn buckets(mut self, seconds: impl IntoIterator<Item = f64>) -> Self {
        let event = self.last_event();
        match bounds_of(seconds) {
            Ok(bounds) => drop(self.spec.buckets.insert(event, bounds)),
            Err(why) => {
                let service = self.spec.name.clone();
                self.fault.get_or_insert(ServiceError::BadBuckets { service, event, why });
            }
        }
        self
    }

    /// Exports an event as a family; nothing changes without one.
    #[cfg(feature = "metrics")]
    pub(in crate::fleet) fn export_of(
        mut self,
        event: &str,
        exported: Option<ExportedAs<'_>>,
    ) -> Self {
        let Some(ExportedAs { name, help, buckets }) = exported else { return self };
        self.spec.exported_as.insert(event.into(), name.into());
        match help {
            Some(help) => drop(self.spec.help.insert(event.into(), help.into())),
            None => drop(self.spec.help.remove(event)),
        }
        if let Some(buckets) = buckets {
            self.spec.buckets.insert(event.into(), buckets.into());
        }
        self
    }
}
