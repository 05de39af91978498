//! What both transports of the legacy era do with the messages of a session: run requests, hear
//! notifications, take replies.

use std::sync::Arc;

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::protocol::capabilities::{Capabilities, TooLong};
use crate::protocol::rejection::{Reason, Rejection};
use crate::protocol::session::{Finished, Route, Terms, Ticket};
use crate::protocol::stream::Closed;
use crate::transport::dispatch::calls::Call;
use crate::transport::dispatch::context::Context;
use crate::transport::dispatch::link::{Link, SessionLink};
use crate::transport::future::BoxFuture;
use crate::transport::observe::events::{ServiceEvent, SessionEnd};
use crate::transport::panics::{Panicked, guarded};
use crate::transport::session::sessions::{SessionRow, now};
use crate::transport::shared::Shared;
use crate::wire::json::Json;
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing, Response as Reply};
use crate::wire::message::{Notification, ParseError, Request};
use crate::wire::method::Method;
use crate::wire::params::Params;
use crate::wire::pieces::Pieces;
use crate::wire::version::ProtocolVersion;

/// A session, and the server that it is one of.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) shared: Arc<Shared>,
    pub(crate) row: Arc<SessionRow>,
}

/// A request that was taken up.
pub(crate) struct Running {
    ticket: Ticket,
    /// Gives the answer as a message when no stream was begun for it.
    pub(crate) answer: BoxFuture<Option<Pieces>>,
}

/// The place of a request in its session, given back however the request ends: a future that is
/// dropped on its way leaves nothing behind.
struct Taken {
    place: Place,
    ticket: Ticket,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.place.row.with(|session| session.abandon(self.ticket));
    }
}

/// The place of a notification in its session, as long as a handler works on it.
struct Hearing<'a>(&'a Place);

impl<'a> Hearing<'a> {
    fn begin(place: &'a Place, limit: usize) -> Result<Self, Reason> {
        if place.row.with(|session| session.begin_hearing(limit)) {
            Ok(Self(place))
        } else {
            Err(Reason::TooManyNotifications { limit })
        }
    }
}

impl Drop for Hearing<'_> {
    fn drop(&mut self) {
        self.0.row.with(|session| session.end_hearing());
    }
}

impl Place {
    /// Takes up a request; nothing of it runs yet.
    pub(crate) fn begin(
        &self,
        head: Box<Parts>,
        request: Request,
        route: Route,
    ) -> Result<Running, Rejection> {
        // A session that opened while the drain went through the table has not heard of it.
        if self.shared.is_draining() {
            return Err(Reason::ShuttingDown.into());
        }
        let id = request.id();
        let initializes = *request.kind() == Method::Initialize;
        let client = initializes.then(|| declared(&self.shared, &request));
        let client = client.transpose()?;
        let limit = self.shared.config.limits.requests_per_session;
        let (ticket, terms) = self
            .row
            .with(|session| session.begin(&id, initializes, route, limit))?;
        let taken = Taken {
            place: self.clone(),
            ticket,
        };
        let calls = &self.shared.calls;
        let call = calls.begin(terms.version, &request, &head)?;
        let answer = Box::pin(answer(taken, call, head, (id, terms, client), request));
        Ok(Running { ticket, answer })
    }

    /// Whether requests of one body could all begin now, so that nothing else of the body is carried
    /// out when they cannot.
    pub(crate) fn admits(&self, requests: &[Request]) -> Result<(), Rejection> {
        let ids: Vec<_> = requests.iter().map(Request::id).collect();
        let limit = self.shared.config.limits.requests_per_session;
        self.row.with(|session| session.admits(&ids, limit))
    }

    fn context(
        &self,
        head: Box<Parts>,
        meta: Bytes,
        terms: Terms,
        request: Option<Ticket>,
    ) -> Context {
        let link = SessionLink {
            table: Arc::clone(&self.shared.table),
            row: Arc::clone(&self.row),
            reply_timeout: self.shared.config.timeouts.reply,
            terms,
            request,
        };
        Context::new(Link::Session(link), head, meta)
    }

    /// Hears a notification.
    pub(crate) async fn hear(
        &self,
        head: Box<Parts>,
        notification: Notification,
    ) -> Result<(), Reason> {
        if *notification.kind() == Method::Cancelled {
            // SPEC E-87, A-21: unknown, finished or malformed has no effect.
            let id = notification.params().and_then(|params| params.request_id());
            let work = id.and_then(|id| self.row.with(|session| session.cancel(&id)));
            if let Some(work) = work {
                work.abort();
            }
            return Ok(());
        }
        let limit = self.shared.config.limits.requests_per_session;
        let hearing = Hearing::begin(self, limit)?;
        let terms = self.row.with(|session| session.terms());
        let cx = self.context(head, notification.meta_part(), terms, None);
        // The client's 202 waits for it, which is all the back-pressure a notification can have.
        let heard = guarded(|| self.shared.dispatcher.notification(cx, notification)).await;
        drop(hearing);
        if let Err(Panicked) = heard {
            let observer = &self.shared.observer;
            observer.tell(&ServiceEvent::NotificationPanicked);
        }
        Ok(())
    }

    /// Refuses a body that cannot be read, unless it is a notification whose params alone are at fault:
    /// the client does not wait for an answer to that (SPEC A-21).
    pub(crate) fn refuse_body(&self, error: ParseError) -> Result<(), Rejection> {
        match error.id() {
            _ if error.code() != -32602 => Err(error.into()),
            _ if error.is_notification() => Ok(()),
            // An error under the id of a running request would answer that one (PITFALLS R-13).
            Some(id) if self.row.with(|session| session.is_running(id)) => {
                Err(Reason::IdInUse.to(id))
            }
            _ => Err(error.into()),
        }
    }

    /// Takes the answer to a request of the server.
    pub(crate) fn take(&self, reply: Reply) {
        let waiting = reply
            .id()
            .and_then(|id| id.as_u64())
            .and_then(|number| self.row.with(|session| session.answered(number)));
        // SPEC C-22: an answer that nobody waits for is dropped.
        if let Some(waiting) = waiting {
            let _ = waiting.send(reply);
        }
    }

    pub(crate) fn end(&self, reason: SessionEnd) {
        self.shared.table.end(&self.row, reason);
    }

    /// Ends a session of HTTP+SSE because its stream has ended.
    pub(crate) fn end_with_stream(&self) {
        self.shared.table.end_with_stream(&self.row);
    }
}

/// What the client of an `initialize` declares.
///
/// # Errors
///
/// It is more than is kept.
pub(crate) fn declared(shared: &Shared, request: &Request) -> Result<Capabilities, Rejection> {
    let params = request.params().map(Params::as_raw);
    let declared = params.and_then(|params| params.member("capabilities"));
    Capabilities::read(declared, shared.config.limits.capabilities)
        .map_err(|TooLong { limit }| Reason::LongCapabilities { limit }.to(&request.id()))
}

impl Running {
    /// Lets a request run on in a task of its own: its client may leave, and it goes on (SPEC C-28).
    pub(crate) fn hand_over(self, place: &Place) {
        // Without a runtime there is nobody to run it, and it ends here.
        if tokio::runtime::Handle::try_current().is_ok() {
            // What was kept for a response that is gone is lost with it.
            drop(self.spawn(place));
        }
    }

    /// Runs a request in a task of its own.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub(crate) fn spawn(self, place: &Place) -> JoinHandle<Option<Pieces>> {
        let Self { ticket, answer } = self;
        let task = tokio::spawn(answer);
        let late = place
            .row
            .with(|session| session.work(ticket, task.abort_handle()))
            .err();
        // Cancelled, or at its end, before the session knew of the task.
        if let Some(task) = late {
            task.abort();
        }
        task
    }
}

/// Runs a request to its end, and sends its answer unless that is for the response. `client` is what
/// the client declares in its `initialize`.
async fn answer(
    taken: Taken,
    call: Call,
    head: Box<Parts>,
    (id, terms, client): (Id, Terms, Option<Capabilities>),
    request: Request,
) -> Option<Pieces> {
    let Taken { place, ticket } = &taken;
    let ticket = *ticket;
    let initializes = *request.kind() == Method::Initialize;
    let cx = place.context(head, request.meta_part(), terms, Some(ticket));
    let dispatcher = Arc::clone(&place.shared.dispatcher);
    let outcome = call.run(move || dispatcher.request(cx, request)).await;
    let outcome = outcome.map_err(ErrorObject::into_legacy);
    let message = match &outcome {
        Ok(result) => Outgoing::Result(&id, result),
        Err(error) => Outgoing::Error(Some(&id), error),
    };
    let finished = place.row.with(|session| {
        if let (Ok(result), Some(client)) = (&outcome, client) {
            session.open(agreed_version(result), client);
        }
        session.finish(ticket, message, now())
    });
    // There is no session without its `initialize` (SPEC C-70); an HTTP+SSE client may try again.
    if initializes && outcome.is_err() && !place.row.with(|session| session.is_bound()) {
        place.end(SessionEnd::NotInitialized);
    }
    match finished {
        Ok(Finished::Kept) => Some(message.to_pieces()),
        Ok(Finished::Sent | Finished::Gone) => None,
        Err(Closed) => {
            place.end_with_stream();
            None
        }
    }
}

/// The revision that the result of `initialize` names; the dispatcher decided it.
fn agreed_version(result: &Json) -> ProtocolVersion {
    serde_json::from_slice::<Value>(result.as_bytes())
        .ok()
        .as_ref()
        .and_then(|result| result.get("protocolVersion")?.as_str())
        .and_then(ProtocolVersion::parse)
        .unwrap_or(ProtocolVersion::V2024_11_05)
}
