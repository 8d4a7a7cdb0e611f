//! What came in from outside and could not be used, counted by reason.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use portable_atomic::AtomicU64;

/// Why a piece of input was not used. Nothing is ever guessed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionReason {
    /// It names a service that is not hosted here.
    UnknownService,
    /// It names an event that the service does not count.
    UnknownEvent,
    /// It is well-formed, but of a kind that is not counted here (a gauge, a set, …).
    UnsupportedType,
    /// It can't be read: not UTF-8, a part missing, not a number, a rate outside (0, 1],
    /// a value beyond 2^53.
    Malformed,
    /// Its value is negative. Events don't go away.
    Negative,
    /// It was longer than is read.
    TooLong,
    /// It names something new, and the cap for what is registered on the way is reached.
    OverCap,
    /// A datagram that the kernel dropped, because more came than the receive buffer holds.
    KernelDrop,
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
        }
    }
}

impl fmt::Display for RejectionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Counts of input that was not used, by [`RejectionReason`]. Clones are the same counts.
///
/// Relaxed throughout: each count stands for itself.
#[derive(Clone, Debug, Default)]
pub struct Rejections(Arc<[AtomicU64; REASONS]>);

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
        self.0[reason as usize].fetch_add(n, Ordering::Relaxed);
    }

    /// How many pieces of input were not used for this reason.
    #[must_use]
    pub fn get(&self, reason: RejectionReason) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
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
    fn each_reason_has_a_count_of_its_own() {
        let rejections = Rejections::new();
        for (times, reason) in RejectionReason::ALL.iter().enumerate() {
            (0..times).for_each(|_| rejections.clone().count(*reason));
        }
        let counts: Vec<_> = rejections.iter().map(|(_, count)| count).collect();
        assert_eq!(counts, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
