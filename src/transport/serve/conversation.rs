//! [`converse`]: serves a connection with hyper, for as long as hyper is needed.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Body;
use hyper::server::conn::http1::{self, Parts};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::exchange::Exchanges;
use super::parked::{ParkedStream, ReclaimSlot, take_back};
use super::progress::Progress;
use super::routes::Routes;
use super::setup::ConnectionSetup;
use super::socket::Socket;
use super::timers::{ConnectionTimeouts, Timer, Timers};
use crate::protocol::rejection::Reason;
use crate::transport::intake::request_body::BoxError;

/// What follows on a socket that hyper has let go.
pub(super) enum Ending {
    /// Nothing more.
    Over,
    /// The rest of a quiet stream, written without hyper.
    Parked(Box<ParkedStream>),
    /// A refusal that says why nothing more is read. In a box, because the task of an idle stream has
    /// room for this enum.
    Refused(Box<Reason>),
}

/// Why hyper is no longer polled.
enum Cause {
    /// It is done.
    Done,
    /// A route of the embedder takes the connection for another protocol.
    Upgrade,
    /// The stream that it sends has nothing to say.
    Quiet,
    /// The server stops in the middle of a head.
    Stop,
    /// This timer went off.
    TimedOut(Timer),
}

/// Serves requests with hyper until the connection ends or a stream is quiet. Then the socket is back
/// in its slot, unless the connection was upgraded.
///
/// # Cancel safety
///
/// Dropping the future drops the socket and the request that is being answered.
pub(super) async fn converse<S, R, B>(
    setup: &ConnectionSetup<R>,
    slot: &mut Option<Socket<S>>,
    timers: &mut Timers,
) -> Ending
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Routes<B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Some(socket) = slot.take() else {
        return Ending::Over;
    };
    let exchanges = Exchanges::new(setup, Arc::clone(socket.progress()));
    let progress = &exchanges.progress;
    // On the heap while a request is answered: hyper keeps room for the future from the first request
    // to the end of the connection, which is 7.5 KB for an idle connection.
    let service = service_fn(|request| {
        // Not inside the future: hyper reads on before it polls the future.
        let (guard, verdict) = progress.begin();
        Box::pin(exchanges.answer(guard, verdict, request))
    });
    let mut serving = http1(setup.header_limit).serve_connection(TokioIo::new(socket), service);
    let mut stop = pin!(setup.stop());
    let mut is_stopping = false;
    let cause = poll_fn(|cx| {
        if !is_stopping && (progress.is_told_to_end() || stop.as_mut().poll(cx).is_ready()) {
            is_stopping = true;
            // hyper would end an idle connection without a word, even in the middle of a head.
            if progress.is_in_head() {
                return Poll::Ready(Cause::Stop);
            }
            Pin::new(&mut serving).graceful_shutdown();
        }
        if poll_hyper(&mut serving, progress, cx).is_ready() {
            return Poll::Ready(Cause::Done);
        }
        // PITFALLS R-24: a request that has not begun does not delay the stop.
        if is_stopping && progress.is_in_head() {
            return Poll::Ready(Cause::Stop);
        }
        poll_cause(&exchanges, timers, cx)
    })
    .await;
    if let Cause::Upgrade = cause {
        exchanges.upgrade.allow();
        let serving = Box::pin(serving.with_upgrades());
        let served = timers.limit(Timer::Write, serving).await;
        let upgrade = exchanges.into_upgrade();
        if let Some(Ok(())) = served {
            upgrade.end().await;
        }
        return Ending::Over;
    }
    let parts = serving.into_parts();
    ending(cause, parts, &exchanges.reclaim, &setup.timeouts, slot)
}

fn http1(header_limit: usize) -> http1::Builder {
    let mut http1 = http1::Builder::new();
    http1
        .header_read_timeout(None)
        .max_header_size(header_limit)
        // A client that is gone and one that only ends its writing side look the same until a
        // write fails, which on a quiet stream takes two keep-alives. A session ends with its
        // client at once (SPEC B-12) and so does a request of 2026-07-28 (SPEC D-84), so both
        // count as gone, although SPEC D-87 asks for the opposite.
        .half_close(false);
    http1
}

/// Polls hyper until it has nothing left to do for now; ready when it is done with the connection.
fn poll_hyper(
    serving: &mut (impl Future + Unpin),
    progress: &Progress,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let was_stuck = !progress.is_written();
    let mut served = Pin::new(&mut *serving).poll(cx);
    if served.is_pending() && was_stuck && progress.is_written() {
        // hyper 1.12 may have read a request while the response before it waited for room. It does
        // not look at the request again when there is room.
        served = Pin::new(&mut *serving).poll(cx);
    }
    // hyper looks for the next request before it has answered this one, and not again afterwards.
    let mut begun = None;
    while served.is_pending() && progress.is_next() && begun != Some(progress.begun()) {
        begun = Some(progress.begun());
        served = Pin::new(&mut *serving).poll(cx);
    }
    served.map(|_| ())
}

/// Ready when something else than hyper ends the conversation.
fn poll_cause<R>(
    exchanges: &Exchanges<'_, R>,
    timers: &mut Timers,
    cx: &mut Context<'_>,
) -> Poll<Cause> {
    let progress = &exchanges.progress;
    if exchanges.upgrade.is_wanted() {
        return Poll::Ready(Cause::Upgrade);
    }
    if exchanges.reclaim.is_quiet() && progress.is_written() {
        return Poll::Ready(Cause::Quiet);
    }
    timers.poll(cx, progress.wait()).map(Cause::TimedOut)
}

/// What follows now that hyper's connection has been taken apart. The socket comes back into its slot.
fn ending<S, V>(
    cause: Cause,
    parts: Parts<TokioIo<Socket<S>>, V>,
    reclaim: &ReclaimSlot,
    timeouts: &ConnectionTimeouts,
    slot: &mut Option<Socket<S>>,
) -> Ending
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Cause::Quiet = cause {
        let Some((socket, stream)) = take_back(parts, reclaim) else {
            return Ending::Over;
        };
        *slot = Some(socket);
        return Ending::Parked(stream);
    }
    let socket = slot.insert(parts.io.into_inner());
    match cause {
        Cause::Done
        | Cause::Upgrade
        | Cause::Quiet
        | Cause::TimedOut(Timer::Handshake | Timer::Idle | Timer::Close) => Ending::Over,
        Cause::Stop => Ending::Refused(Box::new(Reason::ShuttingDown)),
        Cause::TimedOut(Timer::Head) => Ending::Refused(Box::new(Reason::HeadTimeout {
            limit: timeouts.head,
        })),
        Cause::TimedOut(Timer::Write) => {
            socket.abandon();
            Ending::Over
        }
    }
}
