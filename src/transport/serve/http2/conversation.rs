//! [`converse`]: serves a connection of HTTP/2 with hyper.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::progress::Progress;
use super::super::routes::Routes;
use super::super::setup::ConnectionSetup;
use super::super::socket::Socket;
use super::super::timers::{Timer, Timers, Wait};
use super::answer::answer;
use super::streams::{StreamExecutor, Streams};
use super::wire::{ReadBudget, Wire};
use crate::transport::intake::request_body::BoxError;

/// How much of the body of one request, and of those of one connection, may arrive before it is read.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// The longest frame that a client may send. RFC 9113, 6.5.2 allows no less.
const MAX_FRAME: u32 = 16 * 1024;
/// How much of the answer of one stream waits for the socket.
const SEND_BUFFER: usize = 64 * 1024;
/// How many streams a client may reset before they were looked at. One more ends the connection (rapid reset).
const EARLY_RESETS: usize = 20;
/// How many streams the server may reset because of what the client does. One more ends the connection. A request
/// that is one too many counts once, and once more for each piece of its body. A client may have sent 1,000 of them
/// before it reads how many it may send.
const FAULTY_STREAMS: usize = 2048;
/// hyper adds its times to the present, so none of them may be endless.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Serves a connection to its end.
///
/// # Cancel safety
///
/// Dropping the future drops the connection and its streams.
pub(in crate::transport::serve) async fn converse<S, R, B>(
    setup: ConnectionSetup<R>,
    socket: Socket<S>,
    mut timers: Timers,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Routes<B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let progress = Arc::clone(socket.progress());
    let setup = Arc::new(setup);
    let (mut streams, executor) = Streams::new(&setup.timeouts);
    let mut stop = pin!(setup.stop());
    let builder = http2(&setup, executor);
    // In a box, because hyper keeps room for it in each stream.
    let service = service_fn(move |request| Box::pin(answer(Arc::clone(&setup), request)));
    let budget = ReadBudget::default();
    let wire = Wire::new(socket, budget.clone());
    let mut serving = pin!(builder.serve_connection(TokioIo::new(wire), service));
    let mut is_ending = false;
    poll_fn(|cx| {
        budget.renew();
        let mut ends =
            !is_ending && (progress.is_told_to_end() || stop.as_mut().poll(cx).is_ready());
        loop {
            if ends && !is_ending {
                is_ending = true;
                // The client is told with GOAWAY, and the streams that it has opened go on.
                serving.as_mut().graceful_shutdown();
            }
            let served = serving.as_mut().poll(cx);
            streams.poll(cx);
            if served.is_ready() {
                return Poll::Ready(());
            }
            match timers.poll(cx, wait(&progress, &streams, is_ending)) {
                Poll::Ready(Timer::Idle) => ends = true,
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
}

/// What the connection waits for; `None` while a request of a client that reads is answered.
fn wait(progress: &Progress, streams: &Streams, is_ending: bool) -> Option<Wait> {
    let timer = if progress.is_closing() {
        Timer::Close
    } else if let Some(wait) = progress.write() {
        return Some(wait);
    } else if !streams.is_empty() {
        return None;
    } else if is_ending {
        // The client has to confirm that it opens no more streams.
        Timer::Close
    } else {
        Timer::Idle
    };
    let nth = streams.count();
    Some(Wait { timer, nth })
}

fn http2<R>(
    setup: &ConnectionSetup<R>,
    executor: StreamExecutor,
) -> http2::Builder<StreamExecutor> {
    let header_limit = u32::try_from(setup.header_limit).unwrap_or(u32::MAX);
    let settings = &setup.http2;
    let is_finite = settings.ping_interval <= YEAR;
    let mut http2 = http2::Builder::new(executor);
    http2
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.max_streams)
        .max_header_list_size(header_limit)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(EARLY_RESETS)
        .max_local_error_reset_streams(FAULTY_STREAMS)
        .keep_alive_interval(is_finite.then_some(settings.ping_interval))
        .keep_alive_timeout(setup.timeouts.write.min(YEAR));
    http2
}
