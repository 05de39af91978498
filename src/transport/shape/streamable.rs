//! Streamable HTTP, the transport of 2025-03-26, 2025-06-18 and 2025-11-25 (SPEC C).

use std::sync::Arc;

use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::batch;
use super::handle::SessionHandle;
use super::json_shape::JsonShape;
use super::lookup::find;
use super::running::introduction;
use super::session_request::{Answered, PendingResponse, ask, refuse};
use super::stream_connection::StreamConnection;
use crate::protocol::era::Read;
use crate::protocol::exchange::{Claim, Form, Position};
use crate::protocol::rejection::{Reason, Rejection};
use crate::protocol::session::Session;
use crate::protocol::table::Row;
use crate::transport::access::identity::Identity;
use crate::transport::access::peer::party_of;
use crate::transport::answer::response::{accepted, name_session, response};
use crate::transport::clock::now;
use crate::transport::observe::events::SessionEnd;
use crate::transport::shared::Shared;
use crate::transport::stream::body::ResponseBody;
use crate::transport::stream::queue::{QueueLimits, resumable_queue};
use crate::wire::id::Tag;
use crate::wire::message::{Message, Payload, Request};
use crate::wire::method::Method;
use crate::wire::version::ProtocolVersion;

/// Opens a session with its `initialize`. If that fails, there is no session (SPEC C-70).
///
/// # Cancel safety
///
/// Dropping the future means that the client has left, which ends the session.
pub(crate) async fn initialize(
    shared: &Arc<Shared>,
    head: Box<Parts>,
    request: Request,
    form: Form,
) -> Answered {
    if shared.is_draining() {
        return Err(Reason::ShuttingDown.into());
    }
    // Checked first, because opening the session may evict another one (PITFALLS R-2).
    shared.calls.room(&head)?;
    if let Err(why) = introduction(shared, &request) {
        return refuse(shared, why);
    }
    let resumption = shared.config.resumption(Some(Tag::random()));
    let mut session = Session::resumable(resumption, now());
    if let Some(version) = asked_version(&request) {
        session.expect(version);
    }
    let row = shared.table.open(session, party_of(&head).as_ref())?;
    shared.reaper.start();
    let session = SessionHandle::new(shared, row);
    let answered = match ask(session.clone(), head, request, form, JsonShape::Object) {
        Ok(pending) => pending.answer().await,
        Err(rejection) => Err(rejection),
    };
    // The request was refused before it began, so no client will use the session.
    if session.row.with(|session| session.is_fresh()) {
        session.end(SessionEnd::NotInitialized);
    }
    let response = answered?;
    if shared.table.has(session.row.id()) {
        return Ok(name_session(response, name(&session)?));
    }
    Ok(response)
}

/// The revision that an `initialize` asks for, if it is one with a handshake.
fn asked_version(request: &Request) -> Option<ProtocolVersion> {
    let asked = request.params()?.as_raw().member("protocolVersion")?;
    let version = ProtocolVersion::parse(&asked.as_str()?)?;
    ProtocolVersion::LEGACY
        .contains(&version)
        .then_some(version)
}

/// The name that the client gets for its session. It is not portable while `initialize` still runs,
/// because the terms are not known yet.
fn name(session: &SessionHandle) -> Result<HeaderValue, Reason> {
    let id = session.row.id();
    #[cfg(feature = "request-state")]
    if let Some(portable) = &session.shared.config.portable {
        let (version, client) = session
            .row
            .with(|session| (session.version(), session.introduction()));
        let owner = session.row.owner();
        let name = client.and_then(|client| portable.name(id, owner, version, &client));
        if let Some(name) = name {
            return Ok(name);
        }
    }
    // Hex digits are always a valid header value.
    HeaderValue::try_from(id.to_string()).map_err(|_| Reason::UnknownSession)
}

/// Begins to answer the messages of a POST for a session. It does not wait, so that its result is moved
/// only once, to where it is awaited.
pub(crate) fn post(
    shared: &Arc<Shared>,
    claim: &Claim,
    read: Read,
    head: Box<Parts>,
    form: Form,
) -> Result<PendingResponse, Rejection> {
    let session = find(shared, claim, &head)?;
    if let Ok(Payload::Single(Message::Request(request))) = &read
        && *request.kind() == Method::Initialize
    {
        return Err(Reason::InitializedAlready.to(&request.id()));
    }
    claim.check_version()?;
    let version = session.row.with(|session| session.version());
    answer(session, head, read, version, form)
}

/// Begins to answer the messages of a POST in a service without sessions (SPEC C-83).
pub(crate) fn alone(
    shared: &Arc<Shared>,
    version: ProtocolVersion,
    read: Read,
    head: Box<Parts>,
    form: Form,
) -> Result<PendingResponse, Rejection> {
    if shared.is_draining() {
        return Err(Reason::ShuttingDown.into());
    }
    let resumption = shared.config.resumption(None);
    let initializes = matches!(&read, Ok(Payload::Single(Message::Request(request)))
        if *request.kind() == Method::Initialize);
    let session = if initializes {
        Session::resumable(resumption, now())
    } else {
        Session::of_one_request(resumption, version, now())
    };
    let row = Arc::new(Row::alone(session, party_of(&head)));
    answer(SessionHandle::new(shared, row), head, read, version, form)
}

/// Begins to answer the messages of one body.
fn answer(
    session: SessionHandle,
    head: Box<Parts>,
    read: Read,
    version: ProtocolVersion,
    form: Form,
) -> Result<PendingResponse, Rejection> {
    match read {
        Ok(Payload::Single(Message::Request(request))) => {
            ask(session, head, request, form, JsonShape::Object)
        }
        Ok(Payload::Single(Message::Notification(notification))) => {
            Ok(PendingResponse::Other(Box::pin(async move {
                session.notify(head, notification).await?;
                Ok(accepted())
            })))
        }
        Ok(Payload::Single(Message::Response(reply))) => {
            session.deliver(reply);
            Ok(PendingResponse::Ready(accepted()))
        }
        Ok(Payload::Batch(messages)) if version.has_batches() => {
            Ok(PendingResponse::Other(Box::pin(async move {
                batch::answer(&session, head, messages, form).await
            })))
        }
        Ok(Payload::Batch(_)) => Err(Reason::BatchNotAllowed.into()),
        Err(error) => {
            let refused = session.refuse_body(error);
            let answered =
                refused.map_or_else(|why| refuse(&session.shared, why), |()| Ok(accepted()));
            answered.map(PendingResponse::Ready)
        }
    }
}

/// Opens the standalone stream of a session, or resumes a stream whose connection was lost (SPEC C.2).
pub(crate) fn listen(
    shared: &Arc<Shared>,
    claim: &Claim,
    position: Position,
    head: &Parts,
) -> Answered {
    let session = find(shared, claim, head)?;
    claim.check_version()?;
    // A drain ended the standalone stream. The answers of running requests can still be resumed.
    if shared.is_draining() && position == Position::Standalone {
        return Err(Reason::ShuttingDown.into());
    }
    // Room for everything that the client can have missed, in addition to what follows.
    let (queue, replay) = (shared.config.limits.queue, shared.config.limits.replay);
    let limits = QueueLimits {
        bytes: queue.bytes.saturating_add(replay.bytes),
        events: queue.events.saturating_add(replay.events),
    };
    let end = Identity::of(head).and_then(Identity::end);
    let (sender, receiver) = resumable_queue(limits, &shared.observer, end);
    let connection = sender.clone();
    let (attachment, otherwise) = session.row.with(|session| match &position {
        // It has ended since it was found.
        _ if session.is_closed() => (None, Reason::UnknownSession),
        Position::Standalone => (session.listen(connection, now()), Reason::UnknownSession),
        Position::After(last) => (session.resume(last, connection), Reason::EventUnknown),
        Position::Nowhere => (None, Reason::EventUnknown),
    });
    let attachment = attachment.ok_or(otherwise)?;
    let connection = StreamConnection::new(&session, attachment, (sender, receiver), end);
    Ok(name_session(connection.into_response(), claim.name.clone()))
}

/// Ends a session (SPEC C.3, J-16).
pub(crate) fn delete(
    shared: &Arc<Shared>,
    claim: &Claim,
    head: &Parts,
) -> Result<Response<ResponseBody>, Rejection> {
    let session = find(shared, claim, head)?;
    claim.check_version()?;
    shared.bury(session.row.id());
    session.end(SessionEnd::Deleted);
    Ok(response(StatusCode::OK, ResponseBody::empty()))
}
