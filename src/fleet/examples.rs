//! The last examples of what was rejected for one reason.
//!
//! A sender that repeats one bad name would push out all others. So an example is known by its name (what
//! comes before the first colon), and each name has one place, with its latest text.

use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

/// The most names that are kept of each reason.
const NAMES: usize = 8;
/// The bytes that are kept of a text.
const SHOWN: usize = 120;

/// The examples of one reason. Takes at most a kibibyte and a half.
#[derive(Debug, Default)]
pub(super) struct Examples(Mutex<Vec<Example>>);

#[derive(Clone, Copy, Debug)]
struct Example {
    text: [u8; SHOWN],
    length: u8,
    last: Instant,
}

impl Example {
    fn new(text: &[u8], last: Instant) -> Self {
        let length = text.len().min(SHOWN);
        let mut kept = [0; SHOWN];
        kept[..length].copy_from_slice(&text[..length]);
        #[allow(clippy::cast_possible_truncation)] // At most SHOWN.
        Self { text: kept, length: length as u8, last }
    }

    fn text(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }
}

fn name(text: &[u8]) -> &[u8] {
    let shown = &text[..text.len().min(SHOWN)];
    shown.split(|&byte| byte == b':').next().unwrap_or(shown)
}

impl Examples {
    /// Keeps an example, in the place of its name or of the one that came longest ago. Waits for nobody:
    /// while another thread is at the examples, this one is left out.
    pub(super) fn keep(&self, text: &[u8], now: Instant) {
        let mut examples = match self.0.try_lock() {
            Ok(examples) => examples,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let example = Example::new(text, now);
        let known = examples.iter().position(|known| name(known.text()) == name(text));
        let oldest = || {
            let full = examples.len() >= NAMES;
            let ages = examples.iter().enumerate().min_by_key(|(_, known)| known.last);
            ages.filter(|_| full).map(|(place, _)| place)
        };
        match known.or_else(oldest) {
            Some(place) => examples[place] = example,
            None => examples.push(example),
        }
    }

    /// The examples, the latest first, each with its age.
    pub(super) fn read(&self, now: Instant) -> Vec<(Vec<u8>, Duration)> {
        // Copied, so that texts are made of them without the lock.
        let mut examples = match self.0.lock() {
            Ok(examples) => examples.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        };
        examples.sort_by_key(|example| std::cmp::Reverse(example.last));
        let age = |example: &Example| now.saturating_duration_since(example.last);
        examples.iter().map(|example| (example.text().to_vec(), age(example))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(examples: &Examples, now: Instant) -> Vec<String> {
        let read = examples.read(now).into_iter();
        read.map(|(text, _)| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn each_name_has_one_place_and_the_oldest_goes() {
        let (examples, start) = (Examples::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        for second in 0..8 {
            examples.keep(format!("s{second}.e:1|c").as_bytes(), after(second));
        }
        // One that repeats itself pushes out none.
        for second in 8..100 {
            examples.keep(format!("s0.e:{second}|c").as_bytes(), after(second));
        }
        let kept = texts(&examples, after(100));
        assert_eq!((kept.len(), kept[0].as_str(), kept[7].as_str()), (8, "s0.e:99|c", "s1.e:1|c"));
        examples.keep(b"new", after(100));
        let kept = texts(&examples, after(101));
        assert_eq!((kept.len(), kept[0].as_str()), (8, "new"));
        assert!(!kept.contains(&"s1.e:1|c".to_owned()));
        assert_eq!(examples.read(after(101))[0].1, Duration::from_secs(1));
    }

    #[test]
    fn long_texts_are_cut_off_and_none_waits() {
        let (examples, now) = (Examples::default(), Instant::now());
        examples.keep(&vec![b'x'; 70_000], now);
        examples.keep(&vec![b'x'; 60_000], now);
        assert_eq!(examples.read(now).len(), 1, "the name is what is kept of it");
        assert_eq!(examples.read(now)[0].0, [b'x'; SHOWN]);
        let held = examples.0.lock().unwrap();
        examples.keep(b"while it is read", now);
        drop(held);
        assert_eq!(examples.read(now).len(), 1);
    }
}
