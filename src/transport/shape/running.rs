//! [`RunningRequest`]: a request of a session, from when the session accepts it to its answer.

use std::sync::Arc;

use hyper::http::request::Parts;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::handle::SessionHandle;
use crate::protocol::capabilities::{Capabilities, TooLong};
use crate::protocol::client_info::{ClientInfo, Introduction};
use crate::protocol::rejection::{Reason, Rejection};
use crate::protocol::session::{Finished, Kind, Route, Terms, Ticket};
use crate::protocol::stream::Closed;
use crate::transport::clock::now;
use crate::transport::dispatch::calls::CallSlot;
use crate::transport::future::BoxFuture;
use crate::transport::observe::events::SessionEnd;
use crate::transport::shared::Shared;
use crate::wire::json::Json;
use crate::wire::jsonrpc::{Id, Outgoing};
use crate::wire::message::Request;
use crate::wire::method::Method;
use crate::wire::params::Params;
use crate::wire::pieces::Pieces;
use crate::wire::version::ProtocolVersion;

/// A request that its session has accepted. Dropping it cancels the request.
pub(super) struct RunningRequest {
    ticket: Ticket,
    /// Runs the request. Gives the answer if no stream was begun for it.
    pub(super) answer: BoxFuture<Option<Pieces>>,
}

impl RunningRequest {
    /// Has a session accept a request. Nothing of it runs yet.
    ///
    /// # Errors
    ///
    /// The session or the service cannot run it.
    pub(super) fn begin(
        session: &SessionHandle,
        head: Box<Parts>,
        request: Request,
        route: Route,
    ) -> Result<Self, Rejection> {
        let shared = &session.shared;
        let id = request.id();
        // A session that was opened while the drain went through the table does not know of the drain.
        if shared.is_draining() {
            return Err(Reason::ShuttingDown.to(&id));
        }
        let kind = match request.kind() {
            Method::Initialize => Kind::Initialize,
            _ => Kind::Other,
        };
        let client = (kind == Kind::Initialize).then(|| introduction(shared, &request));
        let client = client.transpose()?;
        let limit = shared.config.limits.requests_per_session;
        let (ticket, terms) = session
            .row
            .with(|session| session.begin(&id, kind, route, limit))?;
        let slot = RequestSlot {
            session: session.clone(),
            ticket,
        };
        let call = shared.calls.begin(terms.version, &request, &head);
        let call = call.map_err(|why| why.to(&id))?;
        let accepted = AcceptedRequest {
            slot,
            call,
            head,
            request,
            id,
            terms,
            client,
        };
        let answer = Box::pin(accepted.run());
        Ok(Self { ticket, answer })
    }

    /// Lets the request run on in a task of its own after its client has left (SPEC C-28).
    pub(super) fn hand_over(self, session: &SessionHandle) {
        // Without a runtime no task can run it, and it ends here.
        if tokio::runtime::Handle::try_current().is_ok() {
            // An answer for a response that is gone is dropped.
            drop(self.spawn(session));
        }
    }

    /// Runs the request in a task of its own.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub(super) fn spawn(self, session: &SessionHandle) -> JoinHandle<Option<Pieces>> {
        let Self { ticket, answer } = self;
        let task = tokio::spawn(answer);
        let late = session
            .row
            .with(|session| session.work(ticket, task.abort_handle()))
            .err();
        // The request was cancelled or has ended before the session knew of the task.
        if let Some(task) = late {
            task.abort();
        }
        task
    }
}

/// What the client says of itself in an `initialize`.
///
/// # Errors
///
/// Its capabilities are longer than what is kept.
pub(super) fn introduction(shared: &Shared, request: &Request) -> Result<Introduction, Rejection> {
    let params = request.params().map(Params::as_raw);
    let member = |name: &str| params.and_then(|params| params.member(name));
    let limit = shared.config.limits.capabilities;
    let capabilities = Capabilities::read(member("capabilities"), limit)
        .map_err(|TooLong { limit }| Reason::LongCapabilities { limit }.to(&request.id()))?;
    Ok(Introduction {
        capabilities,
        info: member("clientInfo").and_then(ClientInfo::read),
    })
}

/// A request in the table of its session. However the request ends, dropping this removes it.
struct RequestSlot {
    session: SessionHandle,
    ticket: Ticket,
}

impl Drop for RequestSlot {
    fn drop(&mut self) {
        self.session
            .row
            .with(|session| session.abandon(self.ticket));
    }
}

/// Everything that it takes to run a request.
struct AcceptedRequest {
    slot: RequestSlot,
    call: CallSlot,
    head: Box<Parts>,
    request: Request,
    id: Id,
    terms: Terms,
    /// What the client says of itself in its `initialize`.
    client: Option<Introduction>,
}

impl AcceptedRequest {
    /// Runs the request to its end, and sends its answer unless the answer is for the response.
    async fn run(self) -> Option<Pieces> {
        let Self {
            slot,
            call,
            head,
            request,
            id,
            terms,
            client,
        } = self;
        let RequestSlot { session, ticket } = &slot;
        let ticket = *ticket;
        let initializes = *request.kind() == Method::Initialize;
        let version = terms.version;
        let cx = session.context(head, request.meta_part(), terms, Some(ticket));
        let dispatcher = Arc::clone(&session.shared.dispatcher);
        let outcome = call.run(move || dispatcher.request(cx, request)).await;
        let outcome = outcome.map_err(|error| error.into_legacy(version));
        let message = match &outcome {
            Ok(result) => Outgoing::Result(&id, result),
            Err(error) => Outgoing::Error(Some(&id), error),
        };
        let finished = session.row.with(|session| {
            if let (Ok(result), Some(client)) = (&outcome, client) {
                session.open(agreed_version(result), client);
            }
            session.finish(ticket, message, now())
        });
        // A session needs its `initialize` (SPEC C-70). A client of HTTP+SSE may try again.
        if initializes && outcome.is_err() && !session.row.with(|session| session.is_bound()) {
            session.end(SessionEnd::NotInitialized);
        }
        match finished {
            Ok(Finished::Kept) => Some(message.to_pieces()),
            Ok(Finished::Sent | Finished::Gone) => None,
            Err(Closed) => {
                session.end_with_stream();
                None
            }
        }
    }
}

/// The revision in the result of `initialize`, which the dispatcher has decided.
fn agreed_version(result: &Json) -> ProtocolVersion {
    serde_json::from_slice::<Value>(result.as_bytes())
        .ok()
        .as_ref()
        .and_then(|result| result.get("protocolVersion")?.as_str())
        .and_then(ProtocolVersion::parse)
        .unwrap_or(ProtocolVersion::V2024_11_05)
}
