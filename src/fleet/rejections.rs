//! Counts of input that could not be used, by reason, and the last examples of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use portable_atomic::AtomicU64;

use super::examples::Examples;

/// Why a piece of input (a line, a datagram) was not used. Input that can't be used is never
/// guessed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionReason {
    /// It names a service that the registry doesn't have.
    UnknownService,
    /// It names an event that the service doesn't have, or can't record.
    UnknownEvent,
    /// It is well-formed, but a gauge, a set or another kind that is not counted.
    UnsupportedType,
    /// It can't be read: it is not UTF-8, a part is missing, a value is not a number or is above
    /// 2^53 (2^63 for a whole number), or a sample rate is outside (0, 1].
    Malformed,
    /// Its value is negative. Events can't be taken back.
    Negative,
    /// It is longer than the buffer that it is read into.
    TooLong,
    /// It names a new service or event, and the cap for registering those on first sight is
    /// reached.
    OverCap,
    /// The kernel dropped the datagram, because the receive buffer was full.
    KernelDrop,
    /// It is a duration of an event that is not timed. The event counts all the same, as any timer
    /// of `StatsD` does; its duration is not kept.
    Untimed,
    /// It begins with a prefix that is to be ignored: somebody else's names, which come to the same
    /// port. That is no fault.
    Ignored,
}

impl RejectionReason {
    /// All reasons, in the order in which they are shown.
    pub const ALL: &'static [Self] = &[
        Self::UnknownService,
        Self::UnknownEvent,
        Self::UnsupportedType,
        Self::Malformed,
        Self::Negative,
        Self::TooLong,
        Self::OverCap,
        Self::KernelDrop,
        Self::Untimed,
        Self::Ignored,
    ];

    /// The reason as a label: lower case, with underscores.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownService => "unknown_service",
            Self::UnknownEvent => "unknown_event",
            Self::UnsupportedType => "unsupported_type",
            Self::Malformed => "malformed",
            Self::Negative => "negative",
            Self::TooLong => "too_long",
            Self::OverCap => "over_cap",
            Self::KernelDrop => "kernel_drop",
            Self::Untimed => "untimed",
            Self::Ignored => "ignored",
        }
    }
}

impl fmt::Display for RejectionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Counts of input that was not used, by [`RejectionReason`], with the last examples. Clones are the same counts, so
/// that one can be given to what receives and another to what serves them.
///
/// ```
/// use tickring::{RejectionReason, Rejections};
///
/// let rejections = Rejections::new();
/// let received = rejections.clone();
/// received.count(RejectionReason::Malformed);
/// received.count_n(RejectionReason::KernelDrop, 12);
/// assert_eq!(rejections.get(RejectionReason::Malformed), 1);
/// let all: u64 = rejections.iter().map(|(_, count)| count).sum();
/// assert_eq!(all, 13);
/// ```
// Relaxed throughout: no count says anything about another one or about other memory.
#[derive(Clone, Debug, Default)]
pub struct Rejections(Arc<[OfReason; REASONS]>);

#[derive(Debug, Default)]
struct OfReason {
    count: AtomicU64,
    examples: Examples,
}

/// An example of rejected input; see [`Rejections::examples`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectedExample {
    /// The beginning of the input. Bytes other than printable ASCII are escaped, as in `\\x1b`.
    pub text: String,
    /// How long ago it came.
    pub age: Duration,
}

const REASONS: usize = RejectionReason::ALL.len();

impl Rejections {
    /// All counts at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one piece of input.
    pub fn count(&self, reason: RejectionReason) {
        self.count_n(reason, 1);
    }

    /// Counts `n` pieces of input.
    pub fn count_n(&self, reason: RejectionReason, n: u64) {
        self.0[reason as usize].count.fetch_add(n, Ordering::Relaxed);
    }

    /// Counts one piece of input, and keeps the beginning of it as an example. Of each reason the last
    /// eight names are kept, which end at the first colon, with the last input of each. Waits for
    /// nothing: while another thread is at the examples of this reason, it only counts.
    ///
    /// ```
    /// use tickring::{RejectionReason, Rejections};
    ///
    /// let rejections = Rejections::new();
    /// rejections.count_example(RejectionReason::UnknownService, b"shpo.order:1|c");
    /// rejections.count_example(RejectionReason::UnknownService, b"shpo.order:2|c");
    /// let examples = rejections.examples(RejectionReason::UnknownService);
    /// assert_eq!((examples.len(), examples[0].text.as_str()), (1, "shpo.order:2|c"));
    /// ```
    pub fn count_example(&self, reason: RejectionReason, input: &[u8]) {
        self.count(reason);
        self.0[reason as usize].examples.keep(input, Instant::now());
    }

    /// The last examples of a reason, the latest first.
    #[must_use]
    pub fn examples(&self, reason: RejectionReason) -> Vec<RejectedExample> {
        let examples = self.0[reason as usize].examples.read(Instant::now());
        let example = |(text, age): (Vec<u8>, _)| RejectedExample {
            text: text.escape_ascii().to_string(),
            age,
        };
        examples.into_iter().map(example).collect()
    }

    /// The number of pieces of input that were not used for this reason.
    #[must_use]
    pub fn get(&self, reason: RejectionReason) -> u64 {
        self.0[reason as usize].count.load(Ordering::Relaxed)
    }

    /// Every reason with its count, zeros included.
    pub fn iter(&self) -> impl Iterator<Item = (RejectionReason, u64)> + '_ {
        RejectionReason::ALL.iter().map(|&reason| (reason, self.get(reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_count() {
        let rejections = Rejections::new();
        for (times, reason) in RejectionReason::ALL.iter().enumerate() {
            (0..times).for_each(|_| rejections.clone().count(*reason));
        }
        let counts: Vec<_> = rejections.iter().map(|(_, count)| count).collect();
        assert_eq!(counts, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}
