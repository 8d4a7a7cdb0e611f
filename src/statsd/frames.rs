//! Bytes of a connection to pieces: whole lines, or frames with a length.

/// The longest line or frame. Longer ones are refused before they are read.
pub(super) const LONGEST: usize = 65_536;
/// The bytes of a frame's length.
const HEAD: usize = 4;

/// How a connection is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Each line ends with a line end.
    Lines,
    /// Four bytes of length, the lowest one first; then the lines of the frame.
    Length,
}

/// What a connection has sent and is not a whole piece yet.
#[derive(Debug)]
pub(super) struct Frames {
    framing: Framing,
    pending: Vec<u8>,
}

/// A piece is longer than [`LONGEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Frames {
    pub(super) fn new(framing: Framing) -> Self {
        Self { framing, pending: Vec::new() }
    }

    /// Whether a piece has begun and is not complete.
    pub(super) fn has_begun(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes bytes that have come, and hands on what is complete. Several lines may be one piece.
    /// Returns whether there was any.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        mut piece: impl FnMut(&[u8]),
    ) -> Result<bool, TooLong> {
        self.pending.extend_from_slice(bytes);
        let (mut done, mut too_long) = (0, false);
        match self.framing {
            Framing::Lines => {
                let end = self.pending.iter().rposition(|&byte| byte == b'\n');
                if let Some(end) = end {
                    done = end + 1;
                    piece(&self.pending[..done]);
                }
                too_long = self.pending.len() - done > LONGEST;
            }
            Framing::Length => {
                while let Some((head, rest)) = self.pending[done..].split_first_chunk::<HEAD>() {
                    let length = u32::from_le_bytes(*head);
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    too_long = length > LONGEST;
                    let Some(frame) = rest.get(..length).filter(|_| !too_long) else { break };
                    piece(frame);
                    done += HEAD + length;
                }
            }
        }
        self.pending.drain(..done);
        // What an idle connection keeps is little.
        if self.pending.is_empty() {
            self.pending = Vec::new();
        }
        if too_long { Err(TooLong) } else { Ok(done > 0) }
    }

    /// What is left when the connection has ended: a last line needs no line end.
    pub(super) fn last_line(&self) -> Option<&[u8]> {
        (self.framing == Framing::Lines && self.has_begun()).then_some(&*self.pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of a stream that comes in parts of this size.
    fn pieces(framing: Framing, stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Frames) {
        let (mut frames, mut pieces) = (Frames::new(framing), Vec::new());
        for part in stream.chunks(size) {
            frames.take(part, |piece| pieces.push(piece.to_vec())).unwrap();
        }
        (pieces, frames)
    }

    fn frame(text: &[u8]) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap();
        [&length.to_le_bytes(), text].concat()
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        for size in 1..20 {
            let (pieces, frames) = pieces(Framing::Lines, b"a:1|c\nb:2|c\r\n\nc:3", size);
            assert_eq!(pieces.concat(), b"a:1|c\nb:2|c\r\n\n", "{size}");
            assert!(pieces.iter().all(|piece| piece.ends_with(b"\n")));
            assert_eq!(frames.last_line(), Some(&b"c:3"[..]));
        }
    }

    #[test]
    fn frames_are_whole_however_they_come() {
        let stream = [frame(b"a:1|c\nb:2|c"), frame(b""), frame(b"c:3|c"), vec![9, 0]].concat();
        for size in 1..40 {
            let (pieces, frames) = pieces(Framing::Length, &stream, size);
            assert_eq!(pieces, [&b"a:1|c\nb:2|c"[..], b"", b"c:3|c"], "{size}");
            assert!(frames.has_begun() && frames.last_line().is_none());
        }
    }

    #[test]
    fn longest_piece_is_taken_and_a_longer_one_refused() {
        let longest = vec![b'x'; LONGEST];
        let mut frames = Frames::new(Framing::Lines);
        assert_eq!(frames.take(&longest, |_| {}), Ok(false));
        assert_eq!(frames.take(b"x", |_| {}), Err(TooLong));
        let mut frames = Frames::new(Framing::Length);
        assert_eq!(frames.take(&frame(&longest), |piece| assert_eq!(piece, longest)), Ok(true));
        assert!(!frames.has_begun());
        let head = u32::try_from(LONGEST + 1).unwrap().to_le_bytes();
        assert_eq!(frames.take(&head, |_| {}), Err(TooLong));
    }
}
