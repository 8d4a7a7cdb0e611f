//! Where in a file a key is.

use toml::de::{DeTable, DeValue};

/// A step on the way to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The line, counted from 1, of what is at the end of the path, or of as much of the path as
/// there is. `None` if the text is not TOML, or has nothing of the path.
pub(crate) fn line_of(text: &str, path: &[Step<'_>]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let (Step::Key(first), rest) = path.split_first()? else { return None };
    let (key, mut value) = document.get_ref().get_key_value(*first)?;
    let mut at = key.span().start;
    for step in rest {
        let found = match (step, value.get_ref()) {
            (Step::Key(key), DeValue::Table(table)) => {
                table.get_key_value(*key).map(|(key, value)| (key.span(), value))
            }
            (Step::Index(index), DeValue::Array(array)) => {
                array.get(*index).map(|value| (value.span(), value))
            }
            _ => None,
        };
        let Some((span, next)) = found else { break };
        (at, value) = (span.start, next);
    }
    Some(line_at(text, at))
}

/// The line, counted from 1, of a byte of the text.
pub(crate) fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Index, Key};

    const TEXT: &str = "# first\n[server]\nlisten = 1\n\n[[service]]\nname = \"a\"\n\n[[service]]\n\
                        name = \"b\"\nevents = [\n  \"x\",\n  \"y\",\n]\n";

    #[test]
    fn lines_of_keys() {
        for (path, line) in [
            (&[Key("server"), Key("listen")][..], Some(3)),
            (&[Key("service"), Index(0)], Some(5)),
            (&[Key("service"), Index(0), Key("name")], Some(6)),
            (&[Key("service"), Index(1), Key("events")], Some(10)),
            (&[Key("service"), Index(1), Key("events"), Index(1)], Some(12)),
            // As far as there is something.
            (&[Key("service"), Index(1), Key("timed")], Some(8)),
            (&[Key("none")], None),
            (&[], None),
        ] {
            assert_eq!(line_of(TEXT, path), line, "{path:?}");
        }
        assert_eq!(line_of("= not TOML", &[Key("a")]), None);
    }
}
