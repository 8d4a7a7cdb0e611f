//! What holds for any datagram that the `StatsD` parser gets.

use tickring::statsd::{Kind, Line, lines};

/// Up to here totals are exact.
const MAX: u64 = i64::MAX as u64;

pub(crate) fn check(datagram: &[u8]) {
    let mut read = 0;
    for line in lines(datagram) {
        assert!(!line.is_empty() && !line.contains(&b'\n'));
        read += line.len();
        check_line(line);
    }
    let ends = datagram.iter().filter(|&&byte| byte == b'\n' || byte == b'\r').count();
    assert!(read + ends >= datagram.len(), "bytes went unread");
}

fn check_line(line: &[u8]) {
    let parsed = Line::parse(line);
    assert_eq!(parsed, Line::parse(line), "the same line, another answer");
    if let Some((name, count)) = plain_counter(line) {
        let parsed = parsed.as_ref().expect("a plain counter");
        assert_eq!((parsed.name(), parsed.kind()), (name, Kind::Counter));
        assert_eq!((parsed.amount().whole, parsed.amount().fraction), (count, 0.0));
    }
    let Ok(parsed) = parsed else { return };
    let name = parsed.name();
    assert!(!name.is_empty() && line.starts_with(name));
    assert!(!name.iter().any(|byte| b":,#[".contains(byte)), "{name:?}");
    let amount = parsed.amount();
    assert!(amount.whole <= MAX && (0.0..1.0).contains(&amount.fraction), "{amount:?}");
    let values: Vec<f64> = parsed.values().collect();
    assert!(!values.is_empty());
    assert!(values.iter().all(|value| value.is_finite() && *value >= 0.0), "{values:?}");
    // Packed values are so many lines of their own.
    if line[name.len()] == b':' {
        let packed = line[name.len() + 1..].split(|&byte| byte == b'|').next().unwrap_or_default();
        assert_eq!(values.len(), packed.split(|&byte| byte == b':').count());
    }
    // Without a sample rate, each value of a timer or distribution is one event.
    if parsed.kind() != Kind::Counter && !line.contains(&b'@') {
        assert_eq!((amount.whole, amount.fraction), (values.len() as u64, 0.0));
    }
}

/// The form that every client sends, read independently: `NAME:DIGITS|c`.
fn plain_counter(line: &[u8]) -> Option<(&[u8], u64)> {
    let line = line.strip_suffix(b"|c")?;
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, digits) = (&line[..colon], &line[colon + 1..]);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    if name.is_empty() || !name.iter().all(plain) || name.starts_with(b"_") {
        return None;
    }
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((name, std::str::from_utf8(digits).ok()?.parse().ok()?))
}
