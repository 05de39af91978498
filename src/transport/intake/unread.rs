//! [`Unread`]: the body of a request, until somebody reads it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::Buf;
use hyper::body::Body;

/// The body of a request, until somebody reads it. Many refusals need the head alone.
pub(crate) struct Unread<B>(Option<B>);

impl<B: Body> Unread<B> {
    pub(crate) fn new(body: B) -> Self {
        Self(Some(body))
    }

    /// The body; `None` if it was taken before.
    pub(crate) fn take(&mut self) -> Option<B> {
        self.0.take()
    }

    /// What nobody has read, if the request has a body.
    pub(crate) fn into_rest(self) -> Option<Pin<Box<B>>> {
        // On the heap, so that the future of an exchange has no room for a second body.
        self.0.filter(|body| !body.is_end_stream()).map(Box::pin)
    }
}

/// How much of a body is dropped to keep its connection, in bytes.
const DROPPED: usize = 64 * 1024;

/// Whether the client may still be sending this body. hyper closes such a connection after the answer, which has to
/// say so, or the client loses the next request that it sends there (RFC 9112 section 9.6). What has arrived
/// already is read and dropped, so that most connections stay.
///
/// Never waits.
pub(crate) async fn is_arriving<B: Body>(mut rest: Pin<Box<B>>) -> bool {
    let mut dropped = 0;
    poll_fn(|cx| {
        while dropped <= DROPPED {
            match rest.as_mut().poll_frame(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => return Poll::Ready(false),
                Poll::Ready(Some(Err(_))) => break,
                Poll::Ready(Some(Ok(frame))) => {
                    dropped += frame.data_ref().map_or(1, Buf::remaining);
                }
            }
        }
        Poll::Ready(true)
    })
    .await
}
