//! The numbers of a line, and the events that they amount to.

use crate::fleet::RejectionReason;

/// The most events of a line that are written as whole numbers: totals are exact up to here.
const MAX: u64 = i64::MAX as u64;
/// The most events of a line with a fraction, an exponent or a sample rate. Up to here floating point
/// has all whole numbers.
const MAX_FLOAT: u64 = 1 << 53;

/// A number of events: whole events, and a part of one.
///
/// Whole numbers never go through floating point, so they add up exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amount {
    /// Whole events, at most 2^63 − 1.
    pub whole: u64,
    /// The part of a further event, in \[0, 1).
    pub fraction: f64,
}

impl Amount {
    pub(super) const fn events(whole: u64) -> Self {
        Self { whole, fraction: 0.0 }
    }

    /// As many events as a number says; it is refused if it isn't in \[0, 2^53\].
    fn from_f64(number: f64) -> Result<Self, RejectionReason> {
        #[allow(clippy::cast_precision_loss)] // A power of two.
        if !(0.0..=MAX_FLOAT as f64).contains(&number) {
            return Err(RejectionReason::Malformed);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // In range: see above.
        let whole = number as u64;
        Ok(Self { whole, fraction: number.fract() })
    }

    pub(super) fn plus(self, other: Self) -> Result<Self, RejectionReason> {
        let fraction = self.fraction + other.fraction;
        let carry = fraction >= 1.0;
        let whole = self.whole.saturating_add(other.whole).saturating_add(u64::from(carry));
        if whole > MAX {
            return Err(RejectionReason::Malformed);
        }
        Ok(Self { whole, fraction: if carry { fraction - 1.0 } else { fraction } })
    }

    /// The events that this amount stands for, if it is a sample of one in `1 / rate`.
    pub(super) fn sampled(self, rate: f64) -> Result<Self, RejectionReason> {
        // A whole number above 2^53 is rounded, and refused. The rate is compared with exactly 1.
        #[allow(clippy::cast_precision_loss, clippy::float_cmp)]
        if rate == 1.0 {
            Ok(self)
        } else {
            Self::from_f64((self.whole as f64 + self.fraction) / rate)
        }
    }
}

/// A number of events as it was sent, and as an amount.
#[inline]
pub(super) fn counted(text: &[u8]) -> Result<(f64, Amount), RejectionReason> {
    #[allow(clippy::cast_precision_loss)] // The number as it was sent is for show.
    if let Some(whole) = whole(text) {
        return Ok((whole as f64, Amount::events(whole)));
    }
    let number = number(text)?;
    Ok((number, Amount::from_f64(number)?))
}

/// The plain case: nothing but digits, and few enough to fit. Further digits are a number that is too
/// large, or nearly so; as floating point they are refused.
#[inline]
fn whole(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    // Nineteen digits fit into 64 bits.
    let whole = text.iter().try_fold(0, |whole: u64, byte| {
        byte.is_ascii_digit().then(|| whole * 10 + u64::from(byte - b'0'))
    });
    whole.filter(|&whole| whole <= MAX)
}

/// A decimal number that isn't negative: `2.5`, `.5`, `1e3`, `-0`.
pub(super) fn number(text: &[u8]) -> Result<f64, RejectionReason> {
    // Rust would also read `inf` and `nan`.
    if !text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
        return Err(RejectionReason::Malformed);
    }
    let text = str::from_utf8(text).map_err(|_| RejectionReason::Malformed)?;
    match text.parse::<f64>() {
        Ok(number) if number < 0.0 => Err(RejectionReason::Negative),
        // The sum makes a zero of a negative zero.
        Ok(number) if number.is_finite() => Ok(number + 0.0),
        _ => Err(RejectionReason::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decimal_numbers() {
        let amount = |whole, fraction| Ok(Amount { whole, fraction });
        for (text, expected) in [
            ("0", amount(0, 0.0)),
            ("1", amount(1, 0.0)),
            ("007", amount(7, 0.0)),
            ("999999999999999", amount(999_999_999_999_999, 0.0)),
            ("9007199254740992", amount(1 << 53, 0.0)),
            ("9007199254740993", amount((1 << 53) + 1, 0.0)),
            ("9223372036854775807", amount(i64::MAX as u64, 0.0)),
            ("9223372036854775808", Err(RejectionReason::Malformed)),
            ("9007199254740994.0", Err(RejectionReason::Malformed)),
            ("-0", amount(0, 0.0)),
            ("-0.0", amount(0, 0.0)),
            ("99999999999999999999999999", Err(RejectionReason::Malformed)),
            ("2.5", amount(2, 0.5)),
            (".5", amount(0, 0.5)),
            ("+3", amount(3, 0.0)),
            ("1e3", amount(1000, 0.0)),
            ("1e400", Err(RejectionReason::Malformed)),
            ("-1", Err(RejectionReason::Negative)),
            ("-0.5", Err(RejectionReason::Negative)),
            ("-", Err(RejectionReason::Malformed)),
            ("", Err(RejectionReason::Malformed)),
            ("1x", Err(RejectionReason::Malformed)),
            ("inf", Err(RejectionReason::Malformed)),
            ("nan", Err(RejectionReason::Malformed)),
            ("1 ", Err(RejectionReason::Malformed)),
            ("1_000", Err(RejectionReason::Malformed)),
            ("0x10", Err(RejectionReason::Malformed)),
            ("\u{661}", Err(RejectionReason::Malformed)),
        ] {
            assert_eq!(counted(text.as_bytes()).map(|(_, amount)| amount), expected, "{text:?}");
        }
    }

    #[test]
    fn amounts_add_up_and_scale() {
        let large = Amount::events(MAX_FLOAT);
        assert_eq!(large.plus(Amount::events(1)), Ok(Amount::events(MAX_FLOAT + 1)));
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
