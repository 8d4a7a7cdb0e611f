//! Bytes to lines: no socket, no allocation, and nothing guessed.

use super::number::{Amount, number};
use crate::fleet::RejectionReason;

/// One line of a datagram, checked through and through.
///
/// ```
/// use tickring::statsd::{Kind, Line};
///
/// let line = Line::parse(b"sports-data.api_call:3|c|@0.5|#region:eu").unwrap();
/// assert_eq!(line.name(), b"sports-data.api_call");
/// assert_eq!((line.kind(), line.amount().whole), (Kind::Counter, 6));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line<'a> {
    name: &'a [u8],
    kind: Kind,
    values: &'a [u8],
    amount: Amount,
    rate: f64,
}

/// What a line's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `c`: numbers of events.
    Counter,
    /// `ms`: milliseconds that an event took. Each value is one event.
    Timer,
    /// `h`, `d`: sizes of something; of an event that is timed, milliseconds that it took. Each
    /// value is one event.
    Distribution,
}

impl<'a> Line<'a> {
    /// Reads one line, without its line end.
    ///
    /// # Errors
    ///
    /// Why it can't be used. Names are not looked at.
    pub fn parse(line: &'a [u8]) -> Result<Self, RejectionReason> {
        // DogStatsD's events and service checks have a form of their own.
        if line.starts_with(b"_e{") || line.starts_with(b"_sc|") {
            return Err(RejectionReason::UnsupportedType);
        }
        let (name, rest) = split(line, b':').ok_or(RejectionReason::Malformed)?;
        let (values, rest) = split(rest, b'|').ok_or(RejectionReason::Malformed)?;
        let mut sections = rest.split(|&byte| byte == b'|');
        let kind = kind(sections.next().unwrap_or_default())?;
        if name.is_empty() {
            return Err(RejectionReason::Malformed);
        }
        let mut rate = None;
        for section in sections {
            match section {
                [b'@', text @ ..] if rate.is_none() => rate = Some(sample_rate(text)?),
                // What DogStatsD adds for others: tags, a container, an environment, how many
                // tags are wanted, and a timestamp (an event counts when it comes in).
                [b'#' | b'T', ..] | [b'c' | b'e', b':', ..] => {}
                extension if extension.starts_with(b"card:") => {}
                _ => return Err(RejectionReason::Malformed),
            }
        }
        let amount = amount(kind, values)?;
        let rate = rate.unwrap_or(1.0);
        Ok(Self { name, kind, values, amount: amount.sampled(rate)?, rate })
    }

    /// What comes before the first colon: `SERVICE.EVENT`, or a service alone.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    /// What the values are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The events that the line stands for: packed values taken together, and a sample for all
    /// that it was drawn from.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// The values one by one, as they were sent. Of a timer or distribution each stands for
    /// [`each`](Self::each) events.
    pub fn values(&self) -> impl Iterator<Item = f64> + use<'a> {
        self.values.split(|&byte| byte == b':').filter_map(|value| number(value).ok())
    }

    /// The events that one sample stands for.
    #[must_use]
    pub fn each(&self) -> Amount {
        // No more than the line's amount, which could be had.
        Amount::events(1).sampled(self.rate).unwrap_or_default()
    }
}

/// The lines of a datagram. Line ends are `\n` or `\r\n`, and empty lines are left out.
pub fn lines(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = datagram.split(|&byte| byte == b'\n');
    whole.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty())
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let index = text.iter().position(|&byte| byte == at)?;
    Some((&text[..index], &text[index + 1..]))
}

fn kind(text: &[u8]) -> Result<Kind, RejectionReason> {
    match text {
        b"c" => Ok(Kind::Counter),
        b"ms" => Ok(Kind::Timer),
        b"h" | b"d" => Ok(Kind::Distribution),
        // Gauges, sets and whatever else a client may have.
        [_, ..] if text.iter().all(u8::is_ascii_alphanumeric) => {
            Err(RejectionReason::UnsupportedType)
        }
        _ => Err(RejectionReason::Malformed),
    }
}

fn sample_rate(text: &[u8]) -> Result<f64, RejectionReason> {
    match number(text)? {
        rate if rate > 0.0 && rate <= 1.0 => Ok(rate),
        _ => Err(RejectionReason::Malformed),
    }
}

fn amount(kind: Kind, values: &[u8]) -> Result<Amount, RejectionReason> {
    let mut values = values.split(|&byte| byte == b':');
    values.try_fold(Amount::default(), |sum, value| match kind {
        Kind::Counter => sum.plus(Amount::parse(value)?),
        Kind::Timer | Kind::Distribution => {
            number(value)?;
            sum.plus(Amount::events(1))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(Kind, u64, f64), RejectionReason> {
        let line = Line::parse(line.as_bytes())?;
        assert_eq!(line.name(), b"s.e");
        Ok((line.kind(), line.amount().whole, line.amount().fraction))
    }

    #[test]
    fn lines_that_count() {
        use Kind::{Counter, Distribution, Timer};
        for (line, expected) in [
            ("s.e:1|c", (Counter, 1, 0.0)),
            ("s.e:0|c", (Counter, 0, 0.0)),
            ("s.e:12|c|@0.1", (Counter, 120, 0.0)),
            ("s.e:3|c|@1", (Counter, 3, 0.0)),
            ("s.e:2.5|c", (Counter, 2, 0.5)),
            ("s.e:1|c|#a:b,c,d:e:f", (Counter, 1, 0.0)),
            ("s.e:1|c|#", (Counter, 1, 0.0)),
            ("s.e:1|c|#a:b|@0.25", (Counter, 4, 0.0)),
            ("s.e:1|c|@0.5|#a|c:ci-8|e:it-false|card:low|T1656581400", (Counter, 2, 0.0)),
            ("s.e:1:2:3.5|c", (Counter, 6, 0.5)),
            ("s.e:1:2|c|@0.5", (Counter, 6, 0.0)),
            ("s.e:320|ms", (Timer, 1, 0.0)),
            ("s.e:1.5:2.5|ms|@0.5", (Timer, 4, 0.0)),
            ("s.e:17|h", (Distribution, 1, 0.0)),
            ("s.e:17:18:19|d|#a", (Distribution, 3, 0.0)),
        ] {
            assert_eq!(parsed(line), Ok(expected), "{line}");
        }
        let thirds = parsed("s.e:1|c|@0.3").unwrap();
        assert!(thirds.1 == 3 && (thirds.2 - 1.0 / 3.0).abs() < 1e-12, "{thirds:?}");
    }

    #[test]
    fn lines_that_can_not_be_used() {
        use RejectionReason::{Malformed, Negative, UnsupportedType};
        for (line, reason) in [
            ("", Malformed),
            ("s.e", Malformed),
            ("s.e:", Malformed),
            ("s.e:1", Malformed),
            ("s.e:1|", Malformed),
            ("s.e|c", Malformed),
            (":1|c", Malformed),
            ("s.e:|c", Malformed),
            ("s.e::1|c", Malformed),
            ("s.e:1:|c", Malformed),
            ("s.e:one|c", Malformed),
            ("s.e:1:x:3|c", Malformed),
            ("s.e: 1|c", Malformed),
            ("s.e:1|c ", Malformed),
            ("s.e:1|c|", Malformed),
            ("s.e:1|c|x", Malformed),
            ("s.e:1|c|@", Malformed),
            ("s.e:1|c|@0", Malformed),
            ("s.e:1|c|@1.5", Malformed),
            ("s.e:1|c|@nan", Malformed),
            ("s.e:1|c|@0.5|@0.5", Malformed),
            ("s.e:1|c|@1e-300", Malformed),
            ("s.e:x|ms", Malformed),
            ("s.e:9007199254740992:1|c", Malformed),
            ("s.e:-1|c", Negative),
            ("s.e:1:-1|c", Negative),
            ("s.e:-3|ms", Negative),
            ("s.e:1|c|@-0.5", Negative),
            ("s.e:1|g", UnsupportedType),
            ("s.e:-1|g", UnsupportedType),
            ("s.e:user7|s", UnsupportedType),
            ("_e{5,4}:title|text", UnsupportedType),
            ("_e{5,4}:title|t x t|d:1", UnsupportedType),
            ("_sc|database|0|#a:b", UnsupportedType),
        ] {
            assert_eq!(Line::parse(line.as_bytes()), Err(reason), "{line:?}");
        }
    }

    #[test]
    fn values_one_by_one() {
        let line = Line::parse(b"s.e:1.5:20:3e1|ms|@0.5").unwrap();
        assert_eq!(line.values().collect::<Vec<_>>(), [1.5, 20.0, 30.0]);
        assert_eq!((line.each(), line.amount()), (Amount::events(2), Amount::events(6)));
    }

    #[test]
    fn datagrams_fall_into_lines() {
        let of = |text: &'static str| lines(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(of("a\nb"), [b"a", b"b"]);
        assert_eq!(of("a\n"), [b"a"]);
        assert_eq!(of("a\r\n\r\n\n\nb\r\n"), [b"a", b"b"]);
        assert_eq!(of(""), [b""; 0]);
    }
}
