//! The clients of `stress` on HTTP/2.

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::stress::Sender;

/// A client of HTTP/2.
pub(crate) async fn http2(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Sender {
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io))
        .await
        .expect("a client");
    tokio::spawn(connection);
    Box::new(move |request| Box::pin(sender.send_request(request)))
}
