//! Numbers of events, exact as far as they are whole.

use crate::fleet::RejectionReason;

/// The most events of a line: up to here all whole numbers are exact, here and in JSON.
const MAX: u64 = 1 << 53;

/// A number of events: whole events, and a part of one.
///
/// Whole numbers never go through floating point, so they add up exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amount {
    /// Whole events, at most 2^53.
    pub whole: u64,
    /// The part of a further event, in \[0, 1).
    pub fraction: f64,
}

impl Amount {
    pub(super) const fn events(whole: u64) -> Self {
        Self { whole, fraction: 0.0 }
    }

    /// As many events as a number says; it is refused if it isn't in \[0, 2^53\].
    pub(super) fn from_f64(number: f64) -> Result<Self, RejectionReason> {
        #[allow(clippy::cast_precision_loss)] // A power of two.
        if !(0.0..=MAX as f64).contains(&number) {
            return Err(RejectionReason::Malformed);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // In range: see above.
        let whole = number as u64;
        Ok(Self { whole, fraction: number.fract() })
    }

    pub(super) fn plus(self, other: Self) -> Result<Self, RejectionReason> {
        let fraction = self.fraction + other.fraction;
        let carry = fraction >= 1.0;
        let whole = self.whole + other.whole + u64::from(carry);
        if whole > MAX {
            return Err(RejectionReason::Malformed);
        }
        Ok(Self { whole, fraction: if carry { fraction - 1.0 } else { fraction } })
    }

    /// The events that this amount stands for, if it is a sample of one in `1 / rate`.
    pub(super) fn sampled(self, rate: f64) -> Result<Self, RejectionReason> {
        #[allow(clippy::cast_precision_loss, clippy::float_cmp)] // At most 2^53; exactly 1.
        if rate == 1.0 {
            Ok(self)
        } else {
            Self::from_f64((self.whole as f64 + self.fraction) / rate)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_add_up_and_scale() {
        let amount = |whole, fraction| Ok(Amount { whole, fraction });
        let half = Amount { whole: 2, fraction: 0.5 };
        assert_eq!(half.plus(half), amount(5, 0.0));
        assert_eq!(half.plus(Amount::events(1)), amount(3, 0.5));
        assert_eq!(Amount::events(MAX).plus(Amount::events(0)), amount(MAX, 0.0));
        assert_eq!(Amount::events(MAX).plus(Amount::events(1)), Err(RejectionReason::Malformed));
        assert_eq!(half.sampled(1.0), Ok(half));
        assert_eq!(half.sampled(0.5), amount(5, 0.0));
        assert_eq!(Amount::events(1 << 53).sampled(0.5), Err(RejectionReason::Malformed));
    }
}
