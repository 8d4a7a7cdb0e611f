//! A name that has been resolved, and how a line is recorded on what it stands for.

use super::resolve::Found;
use super::{Amount, Kind, Line};
use crate::fleet::{KEYS_MAX, OTHER, TargetRef};

/// A carried fraction this close to a whole event counts as one. This makes up for what floating
/// point loses: ten times 0.1 is one event.
const SLACK: f64 = 1e-6;

/// What a name stands for.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) found: Found,
    /// The part of an event that has come in but is not recorded yet.
    pub(super) carry: f64,
    /// The generation in which the target was last resolved.
    pub(super) generation: u64,
}

impl Known {
    /// Records a line. Returns whether its duration was kept, or it had none.
    pub(super) fn record(&mut self, line: &Line<'_>) -> bool {
        let Self { found: Found { target, family }, carry, .. } = self;
        match family {
            Some((family, keys)) => {
                let values = values(line, keys);
                family.on(&values[..keys.len()], |child| {
                    record(line, child.target(target.timer.is_some()), carry)
                })
            }
            None => record(line, target.as_ref(), carry),
        }
    }
}

fn record(line: &Line<'_>, target: TargetRef<'_>, carry: &mut f64) -> bool {
    if line.kind() == Kind::Counter || target.timer.is_none() {
        target.record(whole_events(line.amount(), carry));
        return line.kind() != Kind::Timer;
    }
    for ms in line.values() {
        target.record_ms(ms, whole_events(line.events_per_value(), carry));
    }
    true
}

/// The values of these label keys, as the tags of a line give them: of a key that comes twice the first one
/// that isn't empty; none for a key that doesn't come. Text that isn't UTF-8 counts as past the cap.
fn values<'a>(line: &Line<'a>, keys: &[Box<str>]) -> [&'a str; KEYS_MAX] {
    let mut values = [""; KEYS_MAX];
    for (key, value) in line.tags() {
        let known = keys.iter().position(|known| known.as_bytes() == key);
        if let Some(place) = known.map(|known| &mut values[known]).filter(|place| place.is_empty())
        {
            *place = str::from_utf8(value).unwrap_or(OTHER);
        }
    }
    values
}

/// The whole events of `amount` and of the fractions carried so far. At any time, what was recorded is
/// the sum of all that came in, rounded down (to within [`SLACK`]). So no fraction is lost, however many
/// there are. The children of an event share what is carried.
fn whole_events(amount: Amount, carry: &mut f64) -> u64 {
    if amount.fraction == 0.0 {
        return amount.whole;
    }
    let sum = *carry + amount.fraction;
    let carried = (sum + SLACK).floor();
    *carry = sum - carried;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 or 1.
    let carried = carried as u64;
    amount.whole + carried
}
