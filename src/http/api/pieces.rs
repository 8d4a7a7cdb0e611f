//! A document that is being written, in pieces.
//!
//! A long document in one block would have to be moved each time that it outgrows the block, and a
//! client that has read half of it would keep all of it. Each piece is a block for itself instead.

use std::fmt;
use std::io;

use bytes::Bytes;

/// The most bytes of a piece. A client that stops reading holds one or two of them.
pub(crate) const PIECE: usize = 16 * 1024;

/// The first piece begins as small as most documents are.
const USUAL_LENGTH: usize = 1024;

/// What has been written of a document.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    full: Vec<Bytes>,
    /// The piece that is being written.
    open: Vec<u8>,
    length: usize,
}

impl Pieces {
    /// Ends the last piece. Returns all pieces, and their length in bytes.
    pub(super) fn finish(mut self) -> (Vec<Bytes>, usize) {
        if !self.open.is_empty() {
            self.full.push(Bytes::from(self.open));
        }
        (self.full, self.length)
    }

    fn push(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len();
        while !bytes.is_empty() {
            if self.open.capacity() == 0 {
                let first = self.full.is_empty();
                self.open.reserve_exact(if first { USUAL_LENGTH } else { PIECE });
            }
            let (now, rest) = bytes.split_at(bytes.len().min(PIECE - self.open.len()));
            self.open.extend_from_slice(now);
            bytes = rest;
            if self.open.len() == PIECE {
                self.full.push(Bytes::from(std::mem::take(&mut self.open)));
            }
        }
    }
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Write for Pieces {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_together_are_what_was_written() {
        let text: Vec<u8> = (0..=250).cycle().take(3 * PIECE + 7).collect();
        let mut pieces = Pieces::default();
        for part in text.chunks(1001) {
            pieces.push(part);
        }
        let (pieces, length) = pieces.finish();
        assert_eq!(length, text.len());
        assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [PIECE, PIECE, PIECE, 7]);
        assert_eq!(pieces.concat(), text);
        assert_eq!(Pieces::default().finish().0.len(), 0);
    }
}
