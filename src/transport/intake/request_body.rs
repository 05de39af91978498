//! Reads the body of a request, limited in bytes and in time.

use std::error::Error as StdError;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, LengthLimitError};
use hyper::body::Body;

use super::buffers::Buffers;
use super::unread::Unread;
use crate::protocol::rejection::Reason;
use crate::transport::future::at_once;

/// Any error of a body.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// The limits of a request body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    pub(crate) bytes: usize,
    pub(crate) time: Duration,
}

/// Reads a request body. A body that comes in one piece is not copied. A longer one is copied into one
/// buffer, whose size follows what has arrived.
///
/// # Errors
///
/// The body is too large, whether declared or received (SPEC B.1, PITFALLS R-43) or for a limit of the host
/// around the service, too slow (PITFALLS R-45), or incomplete.
///
/// # Cancel safety
///
/// Dropping the future drops what has been read.
pub(crate) async fn read<B>(
    unread: &mut Unread<B>,
    limits: BodyLimits,
    buffers: &Arc<Buffers>,
) -> Result<Bytes, Reason>
where
    B: Body<Error: Into<BoxError>>,
{
    let Some(body) = unread.take() else {
        return Ok(Bytes::new());
    };
    let BodyLimits { bytes: limit, time } = limits;
    let declared = body.size_hint().lower();
    if declared > limit as u64 {
        return Err(Reason::BodyTooLarge { limit: Some(limit) });
    }
    let mut reading = pin!(gather(body, declared as usize, limit, buffers));
    // Most bodies arrive with their head and need no timer.
    if let Some(body) = at_once(reading.as_mut()).await {
        return body;
    }
    tokio::time::timeout(time, reading)
        .await
        .unwrap_or(Err(Reason::BodyTimeout { limit: time }))
}

async fn gather<B: Body<Error: Into<BoxError>>>(
    body: B,
    declared: usize,
    limit: usize,
    buffers: &Arc<Buffers>,
) -> Result<Bytes, Reason> {
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut buffer = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure(&*error.into()))?;
        // Trailers are ignored.
        let Ok(mut piece) = frame.into_data() else {
            continue;
        };
        if first.len() + buffer.len() + piece.remaining() > limit {
            return Err(Reason::BodyTooLarge { limit: Some(limit) });
        }
        // If the body declares more, its first piece is copied at once too. hyper can reuse the buffer of
        // a piece as soon as the piece is dropped.
        let may_be_all = piece.remaining() >= declared;
        if may_be_all && first.is_empty() && buffer.is_empty() {
            first = piece.copy_to_bytes(piece.remaining());
            continue;
        }
        if buffer.capacity() == 0 {
            buffer = buffers.for_body(declared);
        }
        if !first.is_empty() {
            make_room(&mut buffer, first.len(), declared);
            buffer.extend_from_slice(&std::mem::take(&mut first));
        }
        make_room(&mut buffer, piece.remaining(), declared);
        while piece.has_remaining() {
            let chunk = piece.chunk();
            let len = chunk.len();
            buffer.extend_from_slice(chunk);
            piece.advance(len);
        }
    }
    Ok(if buffer.is_empty() {
        first
    } else {
        buffers.body(buffer)
    })
}

/// Why a body cannot be read to its end. A host may limit bodies too, and wrap its errors in its own.
fn failure(error: &(dyn StdError + 'static)) -> Reason {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    match causes.any(|cause| cause.is::<LengthLimitError>()) {
        true => Reason::BodyTooLarge { limit: None },
        false => Reason::BodyIncomplete,
    }
}

/// How much a buffer grows at most when the client did not declare a length.
const GROWTH: usize = 256 * 1024;

/// How many times larger than what has arrived a buffer may be when the client declared a length. hyper
/// gives pieces of some 400 KiB, so the buffer of a body of 1 MiB is allocated once, at its final size.
const AHEAD: usize = 3;

/// Makes room for a piece that has arrived. A client gets memory for bytes that it has sent, not for a
/// length that it declares: the buffer is at most [`AHEAD`] times what has arrived. While the buffer moves,
/// two copies exist, which take at most two bodies together (PITFALLS R-44). So the buffer does not exceed
/// a declared length, and grows in smaller steps when none is declared.
fn make_room(buffer: &mut Vec<u8>, piece: usize, declared: usize) {
    let needed = buffer.len() + piece;
    if needed <= buffer.capacity() {
        return;
    }
    let larger = match declared {
        declared if declared >= needed => declared.min(AHEAD * needed),
        // No length is declared, or less than has arrived.
        _ => buffer.capacity() + buffer.capacity().min(GROWTH),
    };
    buffer.reserve_exact(needed.max(larger) - buffer.len());
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Mutex;
    use std::task::{Context, Poll};

    use hyper::body::{Frame, SizeHint};

    use super::*;

    /// PITFALLS R-44, SPEC G-43: memory follows what has arrived, and two buffers never exceed two bodies.
    #[test]
    fn a_buffer_grows_with_what_arrives() {
        const PIECE: usize = 10_000;
        for (declared, total) in [
            (4_000_000, 4_000_000),
            (1_050_000, 1_050_000),
            (0, 1_050_000),
            (0, 4_000_000),
            (0, 20_000),
        ] {
            let mut buffer = Vec::new();
            while buffer.len() < total {
                let before = buffer.capacity();
                let piece = PIECE.min(total - buffer.len());
                make_room(&mut buffer, piece, declared);
                buffer.resize(buffer.len() + piece, 0);
                let now = buffer.capacity();
                assert!(now <= AHEAD * buffer.len(), "{now} for {}", buffer.len());
                let alive = if now > before { before + now } else { now };
                assert!(alive <= 2 * total + GROWTH, "{alive} for a body of {total}");
            }
        }
    }

    /// A request body in pieces, as hyper reads them from a socket.
    struct Reading {
        pieces: VecDeque<Bytes>,
        declared: u64,
        /// The last piece that was read.
        last: Option<Bytes>,
        /// How many pieces were still held when the next one was read.
        held: Arc<Mutex<Vec<usize>>>,
    }

    impl Body for Reading {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if let Some(last) = self.last.take() {
                self.held
                    .lock()
                    .unwrap()
                    .push(usize::from(!last.is_unique()));
            }
            let piece = self.pieces.pop_front();
            self.last.clone_from(&piece);
            Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
        }

        fn size_hint(&self) -> SizeHint {
            let mut hint = SizeHint::new();
            hint.set_lower(self.declared);
            hint
        }
    }

    /// FIELD X-13: hyper reuses the buffer of a piece as soon as the piece is dropped. PITFALLS R-44: a body
    /// that is shorter or longer than declared is what arrived.
    #[tokio::test]
    async fn the_pieces_of_a_body_are_not_held() {
        const ALL: usize = 3 * 1000;
        for (declared, held) in [
            (ALL, [0, 0, 0]),
            (4 * ALL, [0, 0, 0]),
            (1001, [0, 0, 0]),
            // Only here may the first piece be the whole body.
            (1000, [1, 0, 0]),
            (0, [1, 0, 0]),
        ] {
            let told = Arc::default();
            let body = Reading {
                pieces: [b'a', b'b', b'c']
                    .map(|byte| vec![byte; 1000].into())
                    .into(),
                declared: declared as u64,
                last: None,
                held: Arc::clone(&told),
            };
            let limits = BodyLimits {
                bytes: 4 * ALL,
                time: Duration::from_secs(1),
            };
            let read = read(&mut Unread::new(body), limits, &Arc::new(Buffers::new(0)))
                .await
                .unwrap();
            assert_eq!(read, [b'a', b'b', b'c'].map(|byte| [byte; 1000]).concat());
            assert_eq!(*told.lock().unwrap(), held, "{declared}");
        }
    }
}
