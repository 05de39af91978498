//! Answers the batches of 2025-03-26 (SPEC ).

use hyper::Response;
use hyper::http::request::Parts;
use tokio::task::JoinHandle;

use super::handle::SessionHandle;
use super::json_shape::{JsonShape, array_response};
use super::running::RunningRequest;
use super::session_request::{Answered, ask, begin_stream, open_stream, unanswered};
use super::stream_connection::StreamConnection;
use crate::protocol::exchange::Form;
use crate::protocol::rejection::{Reason, Rejection};
use crate::transport::access::identity::Identity;
use crate::transport::answer::response::accepted;
use crate::transport::stream::body::ResponseBody;
use crate::wire::jsonrpc::Id;
use crate::wire::message::{Message, Request};
use crate::wire::pieces::Pieces;

/// Answers the messages of a batch.
///
/// # Cancel safety
///
/// Dropping the future means that the client has left. Its requests run on (SPEC C-28).
pub(super) async fn answer(
    session: &SessionHandle,
    head: Box<Parts>,
    messages: Vec<Message>,
    form: Form,
) -> Answered {
    let mut requests = Vec::new();
    let mut notifications = Vec::new();
    for message in messages {
        match message {
            Message::Request(request) => requests.push(request),
            Message::Notification(notification) => notifications.push(notification),
            Message::Response(reply) => session.deliver(reply),
        }
    }
    admit(session, &requests)?;
    for notification in notifications {
        session.notify(head.clone(), notification).await?;
    }
    match requests.len() {
        0 => Ok(accepted()),
        1 => {
            let request = requests.swap_remove(0);
            let pending = ask(session.clone(), head, request, form, JsonShape::Array)?;
            // In a box, because otherwise the future would contain itself.
            Box::pin(pending.answer()).await
        }
        _ => answer_requests(session, head, requests, form).await,
    }
}

/// Checks that all requests of a body can begin now. If not, nothing else of the body is carried out.
fn admit(session: &SessionHandle, requests: &[Request]) -> Result<(), Rejection> {
    let ids: Vec<_> = requests.iter().map(Request::id).collect();
    let limit = session.shared.config.limits.requests_per_session;
    session.row.with(|session| session.admits(&ids, limit))
}

/// Answers several requests: each in an event of its own, or all in one JSON array.
async fn answer_requests(
    session: &SessionHandle,
    head: Box<Parts>,
    requests: Vec<Request>,
    form: Form,
) -> Answered {
    let end = Identity::of(&head).and_then(Identity::end);
    let (stream, route) = open_stream(session, form);
    let mut running = Vec::new();
    for request in requests {
        let id = request.id();
        match RunningRequest::begin(session, head.clone(), request, route) {
            Ok(request) => running.push((id, request)),
            Err(why) => {
                // Nothing of a refused body is carried out.
                drop(running);
                session.row.with(|session| session.end_stream(stream));
                return Err(why);
            }
        }
    }
    // Connected before anything runs, so that no message has to wait for the connection.
    let connection = match form {
        Form::Json => None,
        Form::Either | Form::Stream => {
            begin_stream(session, stream);
            let connection = StreamConnection::attach(session, stream, end);
            Some(connection.ok_or(Reason::UnknownSession)?)
        }
    };
    let tasks: Vec<_> = running
        .into_iter()
        .map(|(id, request)| (id, request.spawn(session)))
        .collect();
    match connection {
        Some(connection) => Ok(connection.into_response()),
        None => Ok(json_answers(session, tasks).await),
    }
}

/// Waits for all answers.
async fn json_answers(
    session: &SessionHandle,
    tasks: Vec<(Id, JoinHandle<Option<Pieces>>)>,
) -> Response<ResponseBody> {
    let mut answers = Vec::new();
    for (id, task) in tasks {
        let answer = task.await.ok().flatten();
        answers.push(answer.unwrap_or_else(|| unanswered(session, &id)));
    }
    array_response(&answers)
}
