//! The bytes of one message: in one piece, or in several that share memory with their source.

use bytes::Bytes;

/// Bytes of this length or more become a piece of their own. Shorter ones are copied into the piece
/// before them, because a piece costs an allocation and some hundred instructions in hyper.
pub(crate) const SHARED_FROM: usize = 8 * 1024;

/// The bytes of one message, in their order.
#[derive(Clone, Debug)]
pub(crate) enum Pieces {
    One(Bytes),
    /// Invariant: none of them is empty.
    Several(Vec<Bytes>),
}

impl Pieces {
    pub(crate) fn as_slice(&self) -> &[Bytes] {
        match self {
            Self::One(piece) => std::slice::from_ref(piece),
            Self::Several(pieces) => pieces,
        }
    }
}

impl From<Bytes> for Pieces {
    fn from(bytes: Bytes) -> Self {
        Self::One(bytes)
    }
}

impl From<Vec<u8>> for PieceWriter {
    fn from(buffer: Vec<u8>) -> Self {
        Self {
            finished: Vec::new(),
            buffer,
        }
    }
}

impl From<Vec<u8>> for Pieces {
    fn from(bytes: Vec<u8>) -> Self {
        Self::One(bytes.into())
    }
}

/// Writes a message piece by piece: short parts into a buffer, long ones shared.
#[derive(Debug)]
pub(crate) struct PieceWriter {
    finished: Vec<Bytes>,
    /// The piece that is being written.
    buffer: Vec<u8>,
}

impl PieceWriter {
    /// A writer whose first piece has room for `len` bytes.
    pub(crate) fn with_capacity(len: usize) -> Self {
        Self {
            finished: Vec::new(),
            buffer: Vec::with_capacity(len),
        }
    }

    /// The number of bytes written so far.
    #[cfg(any(test, feature = "server"))]
    pub(crate) fn len(&self) -> usize {
        self.finished.iter().map(Bytes::len).sum::<usize>() + self.buffer.len()
    }

    /// The piece that is being written, to append to.
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Appends a copy of these bytes.
    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Appends these bytes, without a copy if they are long.
    pub(crate) fn share(&mut self, bytes: Bytes) {
        if bytes.len() < SHARED_FROM {
            return self.put(&bytes);
        }
        self.finish_piece();
        self.finished.push(bytes);
    }

    /// Appends these pieces, the long ones without a copy.
    pub(crate) fn share_all(&mut self, pieces: &[Bytes]) {
        for piece in pieces {
            self.share(piece.clone());
        }
    }

    /// Begins a piece with room for `len` bytes, so that the bytes written before do not move.
    #[cfg(any(test, feature = "server"))]
    pub(crate) fn begin_piece(&mut self, len: usize) {
        self.finish_piece();
        self.buffer = Vec::with_capacity(len);
    }

    /// Everything that was written.
    #[inline]
    pub(crate) fn finish(mut self) -> Pieces {
        if self.finished.is_empty() {
            return Pieces::One(self.buffer.into());
        }
        self.finish_piece();
        Pieces::Several(self.finished)
    }

    fn finish_piece(&mut self) {
        if !self.buffer.is_empty() {
            let piece = std::mem::take(&mut self.buffer);
            self.finished.push(piece.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is written to a writer, one after the other.
    #[derive(Clone, Debug)]
    enum Part {
        Copied(Vec<u8>),
        Shared(Vec<u8>),
    }

    fn any_part() -> impl Strategy<Value = Part> {
        let len = prop_oneof![0..40usize, SHARED_FROM - 2..SHARED_FROM + 2];
        (any::<bool>(), any::<u8>(), len).prop_map(|(is_shared, byte, len)| match is_shared {
            true => Part::Shared(vec![byte; len]),
            false => Part::Copied(vec![byte; len]),
        })
    }

    proptest! {
        /// However a message is written, it is what one buffer would hold, and only long pieces are shared.
        #[test]
        fn pieces_are_together_what_was_written(parts in prop::collection::vec(any_part(), 0..8)) {
            let mut writer = PieceWriter::with_capacity(0);
            let mut expected = Vec::new();
            let mut long = 0;
            for part in parts {
                match part {
                    Part::Copied(bytes) => {
                        writer.put(&bytes);
                        expected.extend(bytes);
                    }
                    Part::Shared(bytes) => {
                        expected.extend(&bytes);
                        long += usize::from(bytes.len() >= SHARED_FROM);
                        writer.share(bytes.into());
                    }
                }
            }
            prop_assert_eq!(writer.len(), expected.len());
            let pieces = writer.finish();
            prop_assert_eq!(&pieces.as_slice().concat(), &expected);
            prop_assert!(pieces.as_slice().len() <= 2 * long + 1);
            let is_one = matches!(pieces, Pieces::One(_));
            prop_assert_eq!(is_one, long == 0);
            prop_assert!(is_one || pieces.as_slice().iter().all(|piece| !piece.is_empty()));
        }
    }

    /// FIELD X-13: what is long goes out as the bytes that were given.
    #[test]
    fn a_long_part_is_shared_and_not_copied() {
        let long = Bytes::from(vec![b'x'; SHARED_FROM]);
        let mut writer = PieceWriter::with_capacity(8);
        writer.put(b"before");
        writer.share(long.clone());
        writer.put(b"after");
        let pieces = writer.finish();
        let [before, shared, after] = pieces.as_slice() else {
            panic!("{} pieces", pieces.as_slice().len());
        };
        assert_eq!((&before[..], &after[..]), (&b"before"[..], &b"after"[..]));
        assert_eq!(shared.as_ptr(), long.as_ptr());
    }
}
