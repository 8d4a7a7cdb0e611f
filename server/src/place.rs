//! The line of a file where a key is.

use toml::de::{DeTable, DeValue};

/// A part of the path to a key: the key of a table, or the index in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathSegment<'a> {
    Key(&'a str),
    Index(usize),
}

/// The line, counted from 1, of the value at the end of the path. Where the path leads on to nothing,
/// the line of the last part that exists. `None` if the text is not TOML or has no such first key.
pub(crate) fn line_of(text: &str, path: &[PathSegment<'_>]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let (PathSegment::Key(first), rest) = path.split_first()? else { return None };
    let (key, mut value) = document.get_ref().get_key_value(*first)?;
    let mut at = key.span().start;
    for segment in rest {
        let found = match (segment, value.get_ref()) {
            (PathSegment::Key(key), DeValue::Table(table)) => {
                table.get_key_value(*key).map(|(key, value)| (key.span(), value))
            }
            (PathSegment::Index(index), DeValue::Array(array)) => {
                array.get(*index).map(|value| (value.span(), value))
            }
            _ => None,
        };
        let Some((span, next)) = found else { break };
        (at, value) = (span.start, next);
    }
    Some(line_at(text, at))
}

/// The line, counted from 1, of the byte at this offset in the text.
pub(crate) fn line_at(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use PathSegment::{Index, Key};

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
            // Only a part of the path exists.
            (&[Key("service"), Index(1), Key("timed")], Some(8)),
            (&[Key("none")], None),
            (&[], None),
        ] {
            assert_eq!(line_of(TEXT, path), line, "{path:?}");
        }
        assert_eq!(line_of("= not TOML", &[Key("a")]), None);
    }
}
