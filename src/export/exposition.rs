//! A writer of the two text formats that Prometheus reads. It knows no family and no figure.
//!
//! The formats differ in four ways. `OpenMetrics` adds a counter's suffix `_total` to its samples
//! only, and the text format to its family as well. `OpenMetrics` has units, a type for information
//! and a mark for the end. It has start times. They escape help differently.

use std::fmt::{self, Display, Write};
use std::time::Duration;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The value of the header `Content-Type`.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a family is, whatever its samples are.
pub(super) struct Family<'a> {
    /// The name without the suffix that samples of this kind have.
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) unit: Option<&'static str>,
    pub(super) help: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    /// Always 1; the labels are the information.
    Info,
    /// Counts up to some bounds, a sum and a count, each kind of sample with its suffix.
    Histogram,
}

impl Kind {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Gauge | Self::Histogram => "",
            Self::Info => "_info",
        }
    }

    const fn in_text(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge | Self::Info => "gauge",
            Self::Histogram => "histogram",
        }
    }

    const fn in_openmetrics(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Info => "info",
            Self::Histogram => "histogram",
        }
    }
}

/// A document that is being written. What it is written to can't fail, so results are ignored.
pub(super) struct Page<'a> {
    format: Format,
    out: &'a mut dyn Write,
}

/// A family whose samples are being written.
pub(super) struct Samples<'a> {
    format: Format,
    name: &'a str,
    suffix: &'static str,
    /// A line is put together here: the writer is asked once for each.
    line: String,
    out: &'a mut dyn Write,
}

impl<'a> Page<'a> {
    pub(super) fn new(format: Format, out: &'a mut dyn Write) -> Self {
        Self { format, out }
    }

    /// Ends the document.
    pub(super) fn end(self) {
        if self.format == Format::OpenMetrics {
            let _ = self.out.write_str("# EOF\n");
        }
    }

    /// Begins a family. All its samples must follow.
    pub(super) fn family<'s>(&'s mut self, family: &Family<'s>) -> Samples<'s> {
        let Family { name, kind, unit, help } = family;
        let (suffix, help) = (kind.suffix(), Help(help, self.format));
        let out = &mut *self.out;
        let _ = match self.format {
            Format::Text => {
                let kind = kind.in_text();
                writeln!(out, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}")
            }
            Format::OpenMetrics => {
                let kind = kind.in_openmetrics();
                let _ = writeln!(out, "# TYPE {name} {kind}");
                if let Some(unit) = unit {
                    let _ = writeln!(out, "# UNIT {name} {unit}");
                }
                writeln!(out, "# HELP {name} {help}")
            }
        };
        Samples { format: self.format, name, suffix, line: String::new(), out }
    }
}

impl Samples<'_> {
    /// Writes a sample of a kind that has one suffix.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.part(self.suffix, labels, value);
    }

    /// Writes a sample of a kind that has several suffixes.
    pub(super) fn part(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = self.write(suffix, labels, value);
    }

    /// Writes when a counter or a histogram began, since the Unix epoch. In the text format it would be a
    /// family of its own, so it is left out.
    pub(super) fn created(&mut self, labels: &[(&str, &str)], created: Duration) {
        if self.format == Format::OpenMetrics {
            let (seconds, millis) = (created.as_secs(), created.subsec_millis());
            self.part("_created", labels, format_args!("{seconds}.{millis:03}"));
        }
    }

    fn write(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) -> fmt::Result {
        let line = &mut self.line;
        line.clear();
        line.push_str(self.name);
        line.push_str(suffix);
        for (index, (name, text)) in labels.iter().enumerate() {
            line.push(if index == 0 { '{' } else { ',' });
            line.push_str(name);
            line.push_str("=\"");
            escape(line, text);
            line.push('"');
        }
        if !labels.is_empty() {
            line.push('}');
        }
        writeln!(line, " {value}")?;
        self.out.write_str(line)
    }
}

/// A help text as it is written. Quotes are escaped in `OpenMetrics` only.
struct Help<'a>(&'a str, Format);

impl Display for Help<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '\\' => f.write_str("\\\\"),
            '\n' => f.write_str("\\n"),
            '"' if self.1 == Format::OpenMetrics => f.write_str("\\\""),
            letter => f.write_char(letter),
        })
    }
}

/// Writes a label's value. Both formats escape the same three characters in it.
fn escape(line: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        line.push_str(&rest[..at]);
        line.push_str(match rest.as_bytes()[at] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        });
        rest = &rest[at + 1..];
    }
    line.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: Family<'_> = Family {
        name: "queue_bytes",
        kind: Kind::Counter,
        unit: Some("bytes"),
        help: "Bytes that have waited.",
    };

    fn page(format: Format) -> String {
        let mut out = String::new();
        let mut page = Page::new(format, &mut out);
        let mut family = page.family(&QUEUE);
        family.sample(&[], 1);
        family.sample(&[("a", "\\ \" \n é"), ("b", "")], 2.5);
        page.end();
        out
    }

    #[test]
    fn formats_differ_in_heads_and_ends() {
        let samples = "queue_bytes_total 1\nqueue_bytes_total{a=\"\\\\ \\\" \\n é\",b=\"\"} 2.5\n";
        let text = "# HELP queue_bytes_total Bytes that have waited.\n\
                    # TYPE queue_bytes_total counter\n";
        assert_eq!(page(Format::Text), format!("{text}{samples}"));
        let openmetrics = "# TYPE queue_bytes counter\n# UNIT queue_bytes bytes\n\
                           # HELP queue_bytes Bytes that have waited.\n";
        assert_eq!(page(Format::OpenMetrics), format!("{openmetrics}{samples}# EOF\n"));
    }

    #[test]
    fn help_is_one_line_whatever_is_in_it() {
        let family = Family { help: "a \\ \"b\"\nc", ..QUEUE };
        for (format, line) in [
            (Format::Text, r#"# HELP queue_bytes_total a \\ "b"\nc"#),
            (Format::OpenMetrics, r#"# HELP queue_bytes a \\ \"b\"\nc"#),
        ] {
            let mut out = String::new();
            Page::new(format, &mut out).family(&family);
            assert!(out.lines().any(|found| found == line), "{line} is missing in {out}");
        }
    }
}
