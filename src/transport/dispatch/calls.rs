//! [`Calls`]: the requests that handlers work on. It limits how many there are and how long each runs.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::http::request::Parts;
use tokio::sync::watch;
use tokio::time::Instant;

use super::dispatcher::Answer;
use crate::protocol::party::{Caps, Full, Party};
use crate::protocol::quota::{Held, Quota};
use crate::protocol::rejection::{Reason, Resource};
use crate::transport::access::peer::party_of;
use crate::transport::future::BoxFuture;
use crate::transport::observe::events::{Outcome, ServiceEvent};
use crate::transport::observe::observer::Observer;
#[cfg(feature = "tracing")]
use crate::transport::observe::spans;
use crate::transport::panics::{Contained, Panicked};
use crate::transport::session::listeners::ListenPlace;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::Request;
use crate::wire::version::ProtocolVersion;

/// All calls of a service.
pub(crate) struct Calls {
    observer: Arc<Observer>,
    caps: Caps,
    /// How many each known party has.
    parties: Arc<Quota<Party>>,
    timeout: Option<Duration>,
    /// True once the service is closed, which ends all calls.
    closing: watch::Sender<bool>,
}

impl Calls {
    pub(crate) fn new(observer: Arc<Observer>, caps: Caps, timeout: Option<Duration>) -> Self {
        Self {
            observer,
            caps,
            parties: Arc::default(),
            timeout,
            closing: watch::Sender::new(false),
        }
    }

    /// Begins a call.
    ///
    /// # Errors
    ///
    /// There are too many calls, in total or of one party.
    pub(crate) fn begin(
        self: &Arc<Self>,
        version: ProtocolVersion,
        request: &Request,
        head: &Parts,
    ) -> Result<CallSlot, Reason> {
        let method = request.method();
        let held = self.take(head)?;
        self.observer.request(version);
        let is_heard = self.observer.is_heard();
        Ok(CallSlot {
            calls: Arc::clone(self),
            version,
            is_counted: true,
            held,
            listens: None,
            report: is_heard.then(|| (method.into(), Instant::now())),
            outcome: Outcome::Cancelled,
            #[cfg(feature = "tracing")]
            span: spans::of_request(version, request, &head.headers),
        })
    }

    /// Whether a call of this request could begin now.
    pub(crate) fn room(&self, head: &Parts) -> Result<(), Reason> {
        drop(self.take(head)?);
        self.observer.call_ended();
        Ok(())
    }

    /// Counts a call in total and for its party.
    fn take(&self, head: &Parts) -> Result<Option<Box<Held<Party>>>, Reason> {
        let held = self.hold(head)?;
        // Counted before the check, so that no two calls take the last place.
        let limit = self.caps.all;
        if self.observer.call_began() >= limit {
            self.observer.call_ended();
            return Err(full(Full::All(limit)));
        }
        Ok(held)
    }

    /// Counts a call for its party, if the party is known and has a limit of its own.
    fn hold(&self, head: &Parts) -> Result<Option<Box<Held<Party>>>, Reason> {
        let Some(party) = party_of(head) else {
            return Ok(None);
        };
        let Some(limit) = self.caps.share(&party) else {
            return Ok(None);
        };
        let whose = party.whose();
        let held = self.parties.take(party, limit);
        held.map(|held| Some(Box::new(held)))
            .ok_or_else(|| full(Full::Each(limit, whose)))
    }

    /// Ends every call with an error that says why.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Ready when something else than its handler ends a call. On the heap, so that the few calls that
    /// wait do not make the many others larger.
    fn end(&self, limit: Option<Duration>) -> BoxFuture<Ended> {
        let mut closing = self.closing.subscribe();
        Box::pin(async move {
            let mut closed = pin!(closing.wait_for(|closing| *closing));
            let mut late = pin!(async {
                match limit {
                    Some(limit) => tokio::time::sleep(limit).await,
                    None => std::future::pending().await,
                }
            });
            poll_fn(|cx| {
                if closed.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ended::Closed);
                }
                late.as_mut().poll(cx).map(|()| Ended::TimedOut)
            })
            .await
        })
    }
}

fn full(full: Full) -> Reason {
    Reason::Full(Resource::Calls, full)
}

/// One call. It counts until it is dropped, or until it listens.
pub(crate) struct CallSlot {
    calls: Arc<Calls>,
    version: ProtocolVersion,
    /// Whether it counts and has a time limit.
    is_counted: bool,
    /// Its count for its party. On the heap, so that calls without one are smaller.
    held: Option<Box<Held<Party>>>,
    /// Its place among the listening requests, if it is to be one. On the heap, as above.
    listens: Option<Box<ListenPlace>>,
    /// The method and the beginning, if the observer is heard.
    report: Option<(Box<str>, Instant)>,
    outcome: Outcome,
    /// Entered whenever the handler runs.
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl CallSlot {
    /// The call of a request that is to listen. What its handler does before that is work like any other; from
    /// then on this place limits it instead, and no time.
    pub(crate) fn listening(mut self, place: Option<ListenPlace>) -> Self {
        self.listens = place.map(Box::new);
        self
    }

    /// Makes the future of a handler, and runs it under the limits of the call.
    pub(crate) fn run(self, make: impl FnOnce() -> BoxFuture<Answer>) -> RunningCall {
        // Entered when the handler is made, polled and dropped.
        #[cfg(feature = "tracing")]
        let within = self.span.enter();
        let handler = Contained::new(make);
        #[cfg(feature = "tracing")]
        drop(within);
        RunningCall {
            handler,
            end: None,
            call: self,
        }
    }

    /// Stops counting if the request has begun to listen since it was last asked, and then gives true.
    fn is_let_go(&mut self) -> bool {
        let listens = self.listens.as_ref();
        let is_let_go = self.is_counted && listens.is_some_and(|place| place.is_listening());
        if is_let_go {
            self.is_counted = false;
            self.held = None;
            self.calls.observer.call_ended();
        }
        is_let_go
    }
}

/// A handler that runs until it is done, panics (SPEC A-49, PITFALLS R-8), exceeds its time limit
/// (PITFALLS R-10, SPEC C-31), or the service is closed. There is always an answer (SPEC A-7, PITFALLS R-9),
/// and it reveals nothing that a peer may not know (SPEC A-48). It is polled in place, so that an answer
/// that is ready at once costs nothing more.
///
/// # Cancel safety
///
/// Dropping the future drops the handler's; that counts as cancelled.
pub(crate) struct RunningCall {
    handler: Contained<Answer>,
    /// Ends it from outside. Made when the handler first waits.
    end: Option<BoxFuture<Ended>>,
    call: CallSlot,
}

impl RunningCall {
    fn limit(&self) -> Option<Duration> {
        self.call.calls.timeout.filter(|_| self.call.is_counted)
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        #[cfg(feature = "tracing")]
        let within = self.call.span.enter();
        if let Poll::Ready(outcome) = self.handler.poll(cx) {
            // Dropping the future also runs code of the embedder, which may panic.
            let outcome = self.handler.empty().and(outcome);
            return Poll::Ready(Ended::ByItself(outcome));
        }
        #[cfg(feature = "tracing")]
        drop(within);
        if self.call.is_let_go() {
            self.end = None;
        }
        let limit = self.limit();
        let calls = &self.call.calls;
        let end = self.end.get_or_insert_with(|| calls.end(limit));
        end.as_mut().poll(cx)
    }
}

impl Future for RunningCall {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let ended = ready!(self.poll_end(cx));
        let (outcome, answer) = ended.answer(self.limit());
        self.call.outcome = outcome;
        Poll::Ready(answer)
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        #[cfg(feature = "tracing")]
        let _within = self.call.span.enter();
        // The answer is already decided.
        let _ = self.handler.empty();
    }
}

impl Drop for CallSlot {
    fn drop(&mut self) {
        #[cfg(feature = "tracing")]
        self.span.record("outcome", self.outcome.as_str());
        #[cfg(feature = "tracing")]
        let _within = self.span.enter();
        let observer = &self.calls.observer;
        let report = self.report.as_ref();
        observer.tell(&ServiceEvent::Finished {
            version: self.version,
            method: report.map_or("", |(method, _)| method),
            outcome: self.outcome,
            elapsed: report.map_or(Duration::ZERO, |(_, began)| began.elapsed()),
        });
        if self.is_counted {
            observer.call_ended();
        }
    }
}

/// How a handler came to its end.
enum Ended {
    ByItself(Result<Answer, Panicked>),
    TimedOut,
    Closed,
}

impl Ended {
    fn answer(self, timeout: Option<Duration>) -> (Outcome, Answer) {
        match self {
            Self::ByItself(Ok(Ok(result))) => (Outcome::Result, Ok(result)),
            Self::ByItself(Ok(Err(error))) => (Outcome::Error(error.code()), Err(error)),
            Self::ByItself(Err(Panicked)) => (Outcome::Panicked, Err(ErrorObject::internal())),
            Self::TimedOut => {
                let limit = timeout.unwrap_or_default();
                let message = format!(
                    "the request was ended because it ran for more than {limit:?} \
                     (limit: `Timeouts::request`)"
                );
                (Outcome::TimedOut, Err(ErrorObject::new(-32603, message)))
            }
            Self::Closed => {
                let message = "the server was closed before the request was answered";
                (Outcome::Closed, Err(ErrorObject::new(-32603, message)))
            }
        }
    }
}
