//! [`SessionRequest`]: a POST with one request of a session, from the request to the response.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::time::Instant;

use super::handle::SessionHandle;
use super::json_shape::JsonShape;
use super::running::RunningRequest;
use super::stream_connection::StreamConnection;
use crate::protocol::exchange::Form;
use crate::protocol::rejection::Rejection;
use crate::protocol::session::Route;
use crate::transport::access::identity::Identity;
use crate::transport::answer::first::{First, first};
use crate::transport::answer::response::json_response;
use crate::transport::clock::now;
use crate::transport::future::{BoxFuture, at_once};
use crate::transport::observe::events::SessionEnd;
use crate::transport::session::sessions::ENDED;
use crate::transport::shared::Shared;
use crate::transport::stream::body::ResponseBody;
use crate::wire::id::StreamId;
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing};
use crate::wire::message::Request;
use crate::wire::method::Method;
use crate::wire::pieces::Pieces;

/// The response to a POST.
pub(super) type Answered = Result<Response<ResponseBody>, Rejection>;

/// The response to a POST, which may have to wait for its handlers.
pub(crate) enum PendingResponse {
    Ready(Response<ResponseBody>),
    /// A single request, as in nearly every POST.
    Request(SessionRequest),
    /// Anything else that waits. On the heap, so that this rare case does not make the future of the
    /// frequent one larger.
    Other(BoxFuture<Answered>),
}

impl PendingResponse {
    /// The response, when it exists.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future means that the client has left. A request runs on (SPEC C-28).
    pub(crate) async fn answer(self) -> Answered {
        match self {
            Self::Ready(response) => Ok(response),
            Self::Request(request) => Ok(request.answer().await),
            Self::Other(answered) => answered.await,
        }
    }
}

/// A POST with one request that its session has accepted.
pub(crate) struct SessionRequest {
    request: AttendedRequest,
    id: Id,
    stream: StreamId,
    form: Form,
    shape: JsonShape,
    /// When the identity of the client ends.
    end: Option<Instant>,
}

/// Begins one request.
///
/// # Errors
///
/// The request is refused with an HTTP error.
pub(super) fn ask(
    session: SessionHandle,
    head: Box<Parts>,
    request: Request,
    form: Form,
    shape: JsonShape,
) -> Result<PendingResponse, Rejection> {
    let id = request.id();
    let initializes = *request.kind() == Method::Initialize;
    let end = Identity::of(&head).and_then(Identity::end);
    let (stream, route) = open_stream(&session, form);
    let running = match RunningRequest::begin(&session, head, request, route) {
        Ok(running) => running,
        Err(why) => {
            session.row.with(|session| session.end_stream(stream));
            return refuse(&session.shared, why).map(PendingResponse::Ready);
        }
    };
    if form == Form::Stream {
        begin_stream(&session, stream);
    }
    Ok(PendingResponse::Request(SessionRequest {
        request: AttendedRequest {
            session,
            running: Some(running),
            initializes,
        },
        id,
        stream,
        form,
        shape,
        end,
    }))
}

impl SessionRequest {
    /// Answers the request: with JSON if the answer comes first, otherwise with a stream.
    async fn answer(self) -> Response<ResponseBody> {
        let Self {
            mut request,
            id,
            stream,
            form,
            shape,
            end,
        } = self;
        // Most answers are ready at once and need no stream.
        if let Some(Some(answer)) = at_once(pin!(poll_fn(|cx| request.poll(cx)))).await {
            return shape.response(answer);
        }
        let session = request.session.clone();
        let Some(connection) = StreamConnection::attach(&session, stream, end) else {
            request.running = None;
            return shape.response(unanswered(&session, &id));
        };
        let receiver = &connection.receiver;
        let silence = (form != Form::Json).then_some(session.shared.config.timeouts.stream_after);
        let came = first(pin!(poll_fn(|cx| request.poll(cx))), receiver, silence).await;
        match came {
            First::Answer(Some(answer)) => return shape.response(answer),
            First::Answer(None) | First::Output if receiver.is_empty_for_good() => {
                request.running = None;
                return shape.response(unanswered(&session, &id));
            }
            First::Silence => begin_stream(&session, stream),
            First::Answer(None) | First::Output => {}
        }
        request.hand_over();
        connection.into_response()
    }
}

/// Opens the stream of a POST. The route says whether answers go onto it or into the response.
pub(super) fn open_stream(session: &SessionHandle, form: Form) -> (StreamId, Route) {
    let stream = session.row.with(|session| session.open_stream());
    let route = match form {
        Form::Json => Route::Answer(stream),
        Form::Either | Form::Stream => Route::Stream(stream),
    };
    (stream, route)
}

pub(super) fn begin_stream(session: &SessionHandle, stream: StreamId) {
    session
        .row
        .with(|session| session.begin_stream(stream, now()));
}

/// The answer for a request that has none. HTTP needs a response; the client ignores it (SPEC E-88,
/// J-24).
pub(super) fn unanswered(session: &SessionHandle, id: &Id) -> Pieces {
    let is_closed = session.row.with(|session| session.is_closed());
    let why = if is_closed {
        ENDED
    } else {
        "Request cancelled"
    };
    Outgoing::Error(Some(id), &ErrorObject::new(-32603, why)).to_pieces()
}

/// Refuses a request: with an answer if the request was understood, otherwise with an HTTP error.
pub(super) fn refuse(shared: &Shared, why: Rejection) -> Answered {
    let Rejection { reason, id } = why;
    if !reason.is_answer() {
        return Err(Rejection { reason, id });
    }
    let refusal = reason.refusal();
    let message = Outgoing::Error(id.as_ref(), &refusal.error);
    let response = json_response(StatusCode::OK, message.to_pieces());
    let status = response.status().as_u16();
    shared.observer.refused(&reason, refusal.name, status);
    Ok(response)
}

/// A request that is polled in place, for a client that may leave. Then the request runs on without it
/// (SPEC C-28), but an `initialize` ends with its session (PITFALLS R-4).
struct AttendedRequest {
    session: SessionHandle,
    running: Option<RunningRequest>,
    initializes: bool,
}

impl AttendedRequest {
    /// The answer; `None` if it went onto the stream.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Pieces>> {
        let Some(running) = &mut self.running else {
            return Poll::Ready(None);
        };
        let answer = running.answer.as_mut().poll(cx);
        if answer.is_ready() {
            self.running = None;
        }
        answer
    }

    fn hand_over(&mut self) {
        if let Some(running) = self.running.take() {
            running.hand_over(&self.session);
        }
    }
}

impl Drop for AttendedRequest {
    fn drop(&mut self) {
        if self.initializes && self.running.take().is_some() {
            self.session.end(SessionEnd::NotInitialized);
        }
        self.hand_over();
    }
}
