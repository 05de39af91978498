//! [`refusal`]: tells a client of HTTP/2 that its connection is not served.

use std::future::poll_fn;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::super::socket::Socket;
use super::preface::poll_verdict;

/// How long a client that is refused has to say which protocol it speaks. One that says nothing is answered in
/// HTTP/1.1.
const PATIENCE: Duration = Duration::from_millis(500);

/// The code of a `GOAWAY` that asks the client to come back later (RFC 9113, 7).
const ENHANCE_YOUR_CALM: u32 = 0xb;

/// Whether a client that is refused has to hear that in HTTP/2.
pub(in crate::transport::serve) async fn hears_http2<S>(
    negotiated: Option<bool>,
    socket: &mut Socket<S>,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match negotiated {
        Some(is_http2) => is_http2,
        None => {
            let verdict = timeout(PATIENCE, poll_fn(|cx| poll_verdict(socket, cx)));
            verdict.await == Ok(Some(true))
        }
    }
}

/// An empty `SETTINGS`, with which a server begins, and a `GOAWAY` with the reason: no stream was or will be
/// processed (RFC 9113, 3.4 and 6.8).
pub(in crate::transport::serve) fn refusal(why: &[u8]) -> Vec<u8> {
    const HEAD: usize = 9;
    let mut wire = vec![0; HEAD];
    wire[3] = 4;
    let len = u32::try_from(8 + why.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    wire.extend_from_slice(&len[1..]);
    wire.extend_from_slice(&[7, 0, 0, 0, 0, 0]);
    wire.extend_from_slice(&0_u32.to_be_bytes());
    wire.extend_from_slice(&ENHANCE_YOUR_CALM.to_be_bytes());
    wire.extend_from_slice(why);
    wire
}
