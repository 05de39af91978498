//! [`Input`]: lines of bounded length.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// A line of the client.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// Without its end.
    Whole(Bytes),
    /// It was longer than the limit, and was skipped.
    TooLong,
}

/// Lines of bounded length.
pub(super) struct Input<R> {
    io: R,
    chunk: Box<[u8]>,
    /// Which bytes of the chunk are not yet taken.
    unread: std::ops::Range<usize>,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    is_too_long: bool,
    limit: usize,
}

impl<R: AsyncRead + Unpin> Input<R> {
    pub(super) fn new(io: R, limit: usize) -> Self {
        Self {
            io,
            chunk: vec![0; CHUNK].into(),
            unread: 0..0,
            line: Vec::new(),
            is_too_long: false,
            limit,
        }
    }

    /// The next line that is not blank; `None` at the end. The last line needs no line break.
    pub(super) fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Line>>> {
        loop {
            while !self.unread.is_empty() {
                if let Some(line) = self.take() {
                    return Poll::Ready(Ok(Some(line)));
                }
            }
            let mut buffer = ReadBuf::new(&mut self.chunk);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            self.unread = 0..buffer.filled().len();
            if self.unread.is_empty() {
                return Poll::Ready(Ok(self.end_of_line()));
            }
        }
    }

    /// Takes what has come, up to the end of a line. Gives the line, if it ends and is not blank.
    fn take(&mut self) -> Option<Line> {
        let unread = &self.chunk[self.unread.clone()];
        let end = unread.iter().position(|byte| *byte == b'\n');
        let part = &unread[..end.unwrap_or(unread.len())];
        self.is_too_long |= self.line.len() + part.len() > self.limit;
        match self.is_too_long {
            true => self.line = Vec::new(),
            false => self.line.extend_from_slice(part),
        }
        self.unread.start += part.len() + usize::from(end.is_some());
        end.and_then(|_| self.end_of_line())
    }

    fn end_of_line(&mut self) -> Option<Line> {
        let line = mem::take(&mut self.line);
        if mem::take(&mut self.is_too_long) {
            return Some(Line::TooLong);
        }
        // A line in an allocation of its own length, because parts of it may be kept.
        let is_blank = line.trim_ascii().is_empty();
        (!is_blank).then(|| Line::Whole(line.into_boxed_slice().into()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// SPEC N-1, N-3.
    #[tokio::test]
    async fn lines_are_found_wherever_the_text_is_cut() {
        let long = "x".repeat(2 * CHUNK);
        for (text, expected) in [
            ("", vec![]),
            ("\n\r\n  \n", vec![]),
            ("a\nb\n", vec!["a", "b"]),
            ("a\r\nb", vec!["a\r", "b"]),
            ("12345678\n", vec!["12345678"]),
            ("123456789\nb\n", vec!["(too long)", "b"]),
            ("123456789", vec!["(too long)"]),
            (
                &format!("{long}\n{long}\na"),
                vec!["(too long)", "(too long)", "a"],
            ),
        ] {
            for size in [1, 2, 3, 7, 2 * CHUNK] {
                let mut input = in_pieces(text.as_bytes(), size);
                let mut lines = Vec::new();
                while let Some(line) = poll_fn(|cx| input.poll_line(cx)).await.unwrap() {
                    lines.push(match line {
                        Line::Whole(line) => String::from_utf8(line.to_vec()).unwrap(),
                        Line::TooLong => "(too long)".to_owned(),
                    });
                }
                assert_eq!(lines, expected, "{size}");
            }
        }
    }

    /// Gives a text in pieces.
    struct Pieces<'a>(std::slice::Chunks<'a, u8>);

    impl AsyncRead for Pieces<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let piece = self.0.next().unwrap_or_default();
            buffer.put_slice(&piece[..piece.len().min(buffer.remaining())]);
            Poll::Ready(Ok(()))
        }
    }

    fn in_pieces(text: &[u8], size: usize) -> Input<Pieces<'_>> {
        Input::new(Pieces(text.chunks(size.min(CHUNK))), 8)
    }
}
