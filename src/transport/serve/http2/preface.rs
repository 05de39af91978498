//! [`speaks_http2`]: the first bytes of a client say which protocol it speaks.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::super::setup::ConnectionSetup;
use super::super::socket::Socket;
use super::super::timers::{Timer, Timers, Wait};
use crate::protocol::rejection::Reason;

/// What every client of HTTP/2 says first (RFC 9113, 3.4). No request of HTTP/1.1 begins like this.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether the client speaks HTTP/2. What it has said stays in the socket. `negotiated` says what a handshake
/// has settled; then a client that says something else gets the error of that protocol.
///
/// # Errors
///
/// The client has left, has said too little in time, or the server begins to stop. The reason is for a client
/// that has begun to speak.
pub(in crate::transport::serve) async fn speaks_http2<S, R>(
    setup: &ConnectionSetup<R>,
    negotiated: Option<bool>,
    socket: &mut Socket<S>,
    timers: &mut Timers,
) -> Result<bool, Option<Box<Reason>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if negotiated == Some(false) {
        return Ok(false);
    }
    let mut stop = pin!(setup.stop());
    poll_fn(|cx| {
        match poll_verdict(socket, cx) {
            Poll::Ready(Some(is_http2)) => {
                return Poll::Ready(Ok(is_http2 || negotiated == Some(true)));
            }
            Poll::Ready(None) => return Poll::Ready(Err(None)),
            Poll::Pending => {}
        }
        let has_begun = !socket.ahead().is_empty();
        if socket.progress().is_told_to_end() || stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(has_begun.then(|| Box::new(Reason::ShuttingDown))));
        }
        let timer = if has_begun { Timer::Head } else { Timer::Idle };
        let late = timers.poll(cx, Some(Wait { timer, nth: 0 }));
        late.map(|_| {
            Err(has_begun.then(|| {
                let limit = setup.timeouts.head;
                Box::new(Reason::HeadTimeout { limit })
            }))
        })
    })
    .await
}

/// Whether the client speaks HTTP/2; `None` if it leaves before it has said so.
pub(super) fn poll_verdict<S>(socket: &mut Socket<S>, cx: &mut Context<'_>) -> Poll<Option<bool>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        if let Some(verdict) = verdict(socket.ahead()) {
            return Poll::Ready(Some(verdict));
        }
        if !std::task::ready!(socket.poll_ahead(cx, PREFACE.len())) {
            return Poll::Ready(None);
        }
    }
}

/// Whether these first bytes are those of HTTP/2; `None` if they do not say yet.
fn verdict(said: &[u8]) -> Option<bool> {
    if PREFACE.starts_with(said) {
        (said.len() == PREFACE.len()).then_some(true)
    } else {
        Some(said.starts_with(PREFACE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_preface_is_http2() {
        for (said, expected) in [
            ("", None),
            ("P", None),
            ("PR", None),
            ("PO", Some(false)),
            ("GET / HTTP/1.1\r\n", Some(false)),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r", None),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(true)),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", Some(true)),
            ("PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n", Some(false)),
            ("pri * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(false)),
            ("\0\0\0\u{4}", Some(false)),
        ] {
            assert_eq!(verdict(said.as_bytes()), expected, "{said:?}");
        }
    }
}
