//! Bytes to lines: one line of a datagram, and why it can't be used.

use super::amount::{Amount, counted, number};
use crate::fleet::RejectionReason;

/// One line of a datagram, checked completely.
///
/// ```
/// use tickring::statsd::{Kind, Line};
///
/// let line = Line::parse(b"sports-data.api_call:3|c|@0.5|#region:eu").unwrap();
/// assert_eq!(line.name(), b"sports-data.api_call");
/// assert_eq!((line.kind(), line.amount().whole), (Kind::Counter, 6));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'a> {
    name: &'a [u8],
    kind: Kind,
    values: Values,
    amount: Amount,
    rate: f64,
    tags: Tags<'a>,
}

/// The text of a line's tags.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tags<'a> {
    text: &'a [u8],
    /// What is between a key and its value.
    separator: u8,
}

/// What a line's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `c`: numbers of events.
    Counter,
    /// `ms`: milliseconds that an event took. Each value is one event.
    Timer,
    /// `h`, `d`: sizes; if the event is timed, milliseconds that it took. Each value is one event.
    Distribution,
}

/// The values of a line. Nearly all lines have one; the others allocate.
#[derive(Clone, Debug, PartialEq)]
struct Values {
    first: f64,
    packed: Vec<f64>,
}

impl<'a> Line<'a> {
    /// Reads one line, without its line end. Allocates nothing for a line with one value.
    ///
    /// ```
    /// use tickring::{RejectionReason, statsd::Line};
    ///
    /// assert_eq!(Line::parse(b"shop.visitors:3|g"), Err(RejectionReason::UnsupportedType));
    /// assert_eq!(Line::parse(b"shop.order:-3|c"), Err(RejectionReason::Negative));
    /// assert_eq!(Line::parse(b"shop.order:3"), Err(RejectionReason::Malformed));
    /// ```
    ///
    /// # Errors
    ///
    /// The reason why the line can't be used: [`Malformed`](RejectionReason::Malformed),
    /// [`Negative`](RejectionReason::Negative) or
    /// [`UnsupportedType`](RejectionReason::UnsupportedType). The name is only checked not to be
    /// empty.
    pub fn parse(line: &'a [u8]) -> Result<Self, RejectionReason> {
        // DogStatsD's events and service checks have another form.
        if line.starts_with(b"_e{") || line.starts_with(b"_sc|") {
            return Err(RejectionReason::UnsupportedType);
        }
        let (name, mut tags, rest) = name(line).ok_or(RejectionReason::Malformed)?;
        let (texts, rest) = split_at(rest, b'|').ok_or(RejectionReason::Malformed)?;
        let mut sections = rest.split(|&byte| byte == b'|');
        let kind = kind(sections.next().unwrap_or_default())?;
        if name.is_empty() {
            return Err(RejectionReason::Malformed);
        }
        let mut rate = None;
        for section in sections {
            match section {
                [b'@', text @ ..] if rate.is_none() => rate = Some(sample_rate(text)?),
                [b'#', text @ ..] => tags = Tags { text, separator: b':' },
                // What DogStatsD adds for others, today or one day: a container, a timestamp (an event
                // counts when it comes in) …
                [first, ..] if first.is_ascii_alphabetic() => {}
                _ => return Err(RejectionReason::Malformed),
            }
        }
        let (values, sum) = values(kind, texts)?;
        let rate = rate.unwrap_or(1.0);
        Ok(Self { name, kind, values, amount: sum.sampled(rate)?, rate, tags })
    }

    /// `SERVICE.EVENT`, or a service alone: what comes before the first colon, without the tags that
    /// some dialects put there.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    /// What the values are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The events that the line stands for: the sum over its packed values, divided by its sample
    /// rate.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// The values one by one, as they were sent; at least one. Each value of a timer or a
    /// distribution stands for [`events_per_value`](Self::events_per_value) events.
    ///
    /// ```
    /// let line = tickring::statsd::Line::parse(b"shop.order:12.5:30|ms|@0.5").unwrap();
    /// assert_eq!(line.values().collect::<Vec<_>>(), [12.5, 30.0]);
    /// assert_eq!(line.events_per_value().whole, 2);
    /// ```
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        std::iter::once(self.values.first).chain(self.values.packed.iter().copied())
    }

    /// The keys and values of the tags, in the order in which they were sent. A tag without a value has an
    /// empty one.
    ///
    /// ```
    /// let line = tickring::statsd::Line::parse(b"shop.order:1|c|#country:fi,url:/a:b,new").unwrap();
    /// let tags: Vec<_> = line.tags().collect();
    /// let expected = [(&b"country"[..], &b"fi"[..]), (b"url", b"/a:b"), (b"new", b"")];
    /// assert_eq!(tags, expected);
    /// ```
    pub fn tags(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let Tags { text, separator } = self.tags;
        let tags = text.split(|&byte| byte == b',').filter(|tag| !tag.is_empty());
        tags.map(move |tag| split_at(tag, separator).unwrap_or((tag, b"")))
    }

    /// The events that one value of a timer or a distribution stands for: 1 divided by the sample
    /// rate.
    #[must_use]
    pub fn events_per_value(&self) -> Amount {
        // No more than the line's amount, which is not too large.
        Amount::events(1).sampled(self.rate).unwrap_or_default()
    }
}

/// The lines of a datagram. A line ends with `\n` or `\r\n`; empty lines are left out.
///
/// ```
/// let lines: Vec<_> = tickring::statsd::lines(b"shop.order:1|c\r\n\nshop.visit:2|c").collect();
/// assert_eq!(lines, [&b"shop.order:1|c"[..], b"shop.visit:2|c"]);
/// ```
pub fn lines(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = datagram.split(|&byte| byte == b'\n');
    whole.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty())
}

/// The name of a line, its tags, and what comes after its colon. The tags of other dialects stand in the
/// name: `name,tag=v:1|c` (Influx), `name#tag=v:1|c` (Librato), `name[tag=v]:1|c` (`SignalFx`).
#[inline]
fn name(line: &[u8]) -> Option<(&[u8], Tags<'_>, &[u8])> {
    let index = line.iter().position(|byte| matches!(byte, b':' | b',' | b'#' | b'['))?;
    let (name, rest) = (&line[..index], &line[index + 1..]);
    let (text, rest) = match line[index] {
        b':' => (&b""[..], rest),
        b'[' => {
            let (text, rest) = split_at(rest, b']')?;
            (text, rest.strip_prefix(b":")?)
        }
        _ => split_at(rest, b':')?,
    };
    Some((name, Tags { text, separator: b'=' }, rest))
}

fn split_at(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let index = text.iter().position(|&byte| byte == separator)?;
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

/// The values between colons, and the events that they are together.
fn values(kind: Kind, texts: &[u8]) -> Result<(Values, Amount), RejectionReason> {
    let Some((first, rest)) = split_at(texts, b':') else {
        let (first, amount) = value(kind, texts)?;
        return Ok((Values { first, packed: Vec::new() }, amount));
    };
    let (first, mut sum) = value(kind, first)?;
    let mut packed = Vec::new();
    for text in rest.split(|&byte| byte == b':') {
        let (value, amount) = value(kind, text)?;
        packed.push(value);
        sum = sum.plus(amount)?;
    }
    Ok((Values { first, packed }, sum))
}

/// A value, and the events that it is.
fn value(kind: Kind, text: &[u8]) -> Result<(f64, Amount), RejectionReason> {
    match kind {
        Kind::Counter => counted(text),
        Kind::Timer | Kind::Distribution => Ok((number(text)?, Amount::events(1))),
    }
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
    fn usable_lines_count() {
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
            ("s.e:-0|c", (Counter, 0, 0.0)),
            ("s.e:-0|ms", (Timer, 1, 0.0)),
            ("s.e:9007199254740993|c", (Counter, (1 << 53) + 1, 0.0)),
            ("s.e:9007199254740992:1|c", (Counter, (1 << 53) + 1, 0.0)),
            // Sections that may come one day.
            ("s.e:1|c|x", (Counter, 1, 0.0)),
            ("s.e:1|c|x:1|@0.5|card:low", (Counter, 2, 0.0)),
            // Tags of other dialects.
            ("s.e,region=eu,host=a:2|c", (Counter, 2, 0.0)),
            ("s.e#region=eu:2|c", (Counter, 2, 0.0)),
            ("s.e[region=eu,url=http://a]:2|c|@0.5", (Counter, 4, 0.0)),
        ] {
            assert_eq!(parsed(line), Ok(expected), "{line}");
        }
        let thirds = parsed("s.e:1|c|@0.3").unwrap();
        assert!(thirds.1 == 3 && (thirds.2 - 1.0 / 3.0).abs() < 1e-12, "{thirds:?}");
    }

    #[test]
    fn unusable_lines_have_a_reason() {
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
            ("s.e:1|c|1", Malformed),
            ("s.e,a=b", Malformed),
            ("s.e[a=b:1|c", Malformed),
            ("s.e[a=b]f:1|c", Malformed),
            (",a=b:1|c", Malformed),
            ("s.e:1|c|@", Malformed),
            ("s.e:1|c|@0", Malformed),
            ("s.e:1|c|@1.5", Malformed),
            ("s.e:1|c|@nan", Malformed),
            ("s.e:1|c|@0.5|@0.5", Malformed),
            ("s.e:1|c|@1e-300", Malformed),
            ("s.e:x|ms", Malformed),
            ("s.e:9223372036854775807:1|c", Malformed),
            ("s.e:9007199254740993|c|@0.5", Malformed),
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
    fn values_are_as_they_were_sent() {
        let line = Line::parse(b"s.e:1.5:20:3e1|ms|@0.5").unwrap();
        assert_eq!(line.values().collect::<Vec<_>>(), [1.5, 20.0, 30.0]);
        assert_eq!((line.events_per_value(), line.amount().whole), (Amount::events(2), 6));
        let line = Line::parse(b"s.e:2.5:3|c").unwrap();
        assert_eq!(line.values().collect::<Vec<_>>(), [2.5, 3.0]);
    }

    #[test]
    fn datagram_is_split_into_lines() {
        let of = |text: &'static str| lines(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(of("a\nb"), [b"a", b"b"]);
        assert_eq!(of("a\n"), [b"a"]);
        assert_eq!(of("a\r\n\r\n\n\nb\r\n"), [b"a", b"b"]);
        assert_eq!(of(""), [b""; 0]);
    }
}
