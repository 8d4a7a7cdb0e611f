//! Lines that nobody would send: whatever comes in, nothing breaks, and what is counted is what
//! the good lines say.

use tickring::statsd::{Line, lines};

/// The same sequence each time (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

const SEEDS: [&str; 8] = [
    "sports-data.api_call:1|c",
    "sports-data.api_call:2.5:3:1e2|c|@0.3|#a:b,c",
    "sports-data:12|ms|@1",
    "a.b:0.0001:99999|h|#|T12|c:x|e:y|card:low",
    "_e{5,4}:title|text|#a",
    "_sc|check|0",
    "a.b:-1|c",
    "\u{e9}.\u{20ac}:1|c",
];
const ALPHABET: &[u8] = b"0123456789.:|@#-+eEcmshd_\n\r\0\xff aT{";

#[test]
fn mangled_lines_break_nothing() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..100_000 {
        let mut datagram = SEEDS[random.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(datagram.len().max(1)).min(datagram.len());
            match random.below(3) {
                0 => datagram.insert(at, ALPHABET[random.below(ALPHABET.len())]),
                1 if at < datagram.len() => drop(datagram.remove(at)),
                _ => datagram.truncate(at + datagram.len() / 2),
            }
        }
        for line in lines(&datagram) {
            assert!(!line.is_empty() && !line.contains(&b'\n'));
            let Ok(line) = Line::parse(line) else {
                refused += 1;
                continue;
            };
            read += 1;
            assert!(!line.name().is_empty());
            assert!((0.0..1.0).contains(&line.amount().fraction), "{line:?}");
            assert!(i64::try_from(line.amount().whole).is_ok(), "{line:?}");
            assert!(line.values().all(|value| value >= 0.0 && value.is_finite()), "{line:?}");
            assert!(line.values().count() > 0, "{line:?}");
        }
    }
    // Both sides are well visited.
    assert!(read > 10_000 && refused > 10_000, "{read} read, {refused} refused");
}
