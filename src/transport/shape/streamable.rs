//! Streamable HTTP, the transport of 2025-03-26, 2025-06-18 and 2025-11-25 (SPEC C).

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::handle::{Place, Running, declared};
use super::lookup::find;
use crate::protocol::era::Read;
use crate::protocol::exchange::{Claim, Form, Position};
use crate::protocol::rejection::{Reason, Rejection};
use crate::protocol::session::{Route, Session};
use crate::protocol::stream::{Attachment, Connection};
use crate::protocol::table::Row;
use crate::transport::access::identity::Identity;
use crate::transport::access::peer::party_of;
use crate::transport::answer::first::{First, first};
use crate::transport::answer::response::{json_response, name_session, response, stream_response};
use crate::transport::future::{BoxFuture, at_once};
use crate::transport::observe::events::SessionEnd;
use crate::transport::session::sessions::{ENDED, now};
use crate::transport::shared::Shared;
use crate::transport::stream::body::ResponseBody;
use crate::transport::stream::lease::Lease;
use crate::transport::stream::queue::{QueueLimits, Receiver, Sender, resumable_queue};
use crate::wire::id::{StreamId, Tag};
use crate::wire::jsonrpc::{ErrorObject, Id, Outgoing};
use crate::wire::message::{Message, Payload, Request};
use crate::wire::method::Method;
use crate::wire::pieces::{PieceWriter, Pieces, SHARED_FROM};
use crate::wire::version::ProtocolVersion;

type Answered = Result<Response<ResponseBody>, Rejection>;

/// Opens a session with its `initialize`. There is none unless that succeeds (SPEC C-70).
pub(crate) async fn initialize(
    shared: &Arc<Shared>,
    head: Box<Parts>,
    request: Request,
    form: Form,
) -> Answered {
    if shared.is_draining() {
        return Err(Reason::ShuttingDown.into());
    }
    // Before it has a place, which may be that of another session (PITFALLS R-2).
    shared.calls.room(&head)?;
    if let Err(why) = declared(shared, &request) {
        return refuse(shared, why);
    }
    let resumption = shared.config.resumption(Some(Tag::random()));
    let mut session = Session::resumable(resumption, now());
    if let Some(version) = asked_version(&request) {
        session.expect(version);
    }
    let row = shared.table.open(session, party_of(&head).as_ref())?;
    shared.reaper.start();
    let place = Place {
        shared: Arc::clone(shared),
        row,
    };
    let answered = match place.clone().ask(head, request, form, Shape::Object) {
        Ok(work) => work.answer().await,
        Err(rejection) => Err(rejection),
    };
    // Refused before it began: nobody will come for the session.
    if place.row.with(|session| session.is_fresh()) {
        place.end(SessionEnd::NotInitialized);
    }
    let response = answered?;
    if shared.table.has(place.row.id()) {
        return Ok(name_session(response, place.name()?));
    }
    Ok(response)
}

/// The revision that an `initialize` asks for, if it is one of a handshake.
fn asked_version(request: &Request) -> Option<ProtocolVersion> {
    let asked = request.params()?.as_raw().member("protocolVersion")?;
    let version = ProtocolVersion::parse(&asked.as_str()?)?;
    ProtocolVersion::LEGACY
        .contains(&version)
        .then_some(version)
}

/// Takes messages for a session. Nothing waits here, so that what came of them is moved to where it stays
/// at once.
pub(crate) fn post(
    shared: &Arc<Shared>,
    claim: &Claim,
    read: Read,
    head: Box<Parts>,
    form: Form,
) -> Result<Work, Rejection> {
    let place = find(shared, claim, &head)?;
    if let Ok(Payload::Single(Message::Request(request))) = &read
        && *request.kind() == Method::Initialize
    {
        return Err(Reason::InitializedAlready.to(&request.id()));
    }
    claim.check_version()?;
    let version = place.row.with(|session| session.version());
    place.take_all(head, read, version, form)
}

/// Takes messages that belong to no session (SPEC C-83).
pub(crate) fn alone(
    shared: &Arc<Shared>,
    version: ProtocolVersion,
    read: Read,
    head: Box<Parts>,
    form: Form,
) -> Result<Work, Rejection> {
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
    let place = Place {
        shared: Arc::clone(shared),
        row: Arc::new(Row::alone(session, party_of(&head))),
    };
    place.take_all(head, read, version, form)
}

/// Opens the standalone stream of a session, or goes on with a stream that was lost (SPEC C.2).
pub(crate) fn listen(
    shared: &Arc<Shared>,
    claim: &Claim,
    position: Position,
    head: &Parts,
) -> Answered {
    let place = find(shared, claim, head)?;
    claim.check_version()?;
    // What ended with a drain does not begin again; the answers of running requests are still had.
    if shared.is_draining() && position == Position::Standalone {
        return Err(Reason::ShuttingDown.into());
    }
    // Room for all that can have been missed beside what is to come.
    let (queue, replay) = (shared.config.limits.queue, shared.config.limits.replay);
    let limits = QueueLimits {
        bytes: queue.bytes.saturating_add(replay.bytes),
        events: queue.events.saturating_add(replay.events),
    };
    let end = Identity::of(head).and_then(Identity::end);
    let (sender, receiver) = resumable_queue(limits, &shared.observer, end);
    let connection = sender.clone();
    let (attachment, otherwise) = place.row.with(|session| match &position {
        // It ended since it was found.
        _ if session.is_closed() => (None, Reason::UnknownSession),
        Position::Standalone => (session.listen(connection, now()), Reason::UnknownSession),
        Position::After(last) => (session.resume(last, connection), Reason::EventUnknown),
        Position::Nowhere => (None, Reason::EventUnknown),
    });
    let attachment = attachment.ok_or(otherwise)?;
    let response = place.stream(place.connected(attachment, (sender, receiver)), end);
    Ok(name_session(response, claim.name.clone()))
}

/// Ends a session (SPEC C.3, J-16).
pub(crate) fn delete(shared: &Arc<Shared>, claim: &Claim, head: &Parts) -> Answered {
    let place = find(shared, claim, head)?;
    claim.check_version()?;
    shared.bury(place.row.id());
    place.end(SessionEnd::Deleted);
    Ok(response(StatusCode::OK, ResponseBody::empty()))
}

/// What a JSON answer is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Object,
    /// The body was an array, and so is the answer, also to one request (SPEC A-67, J-17).
    Array,
}

impl Shape {
    /// The answer to one request.
    fn json(self, answer: Pieces) -> Response<ResponseBody> {
        match self {
            Self::Object => json_response(StatusCode::OK, answer),
            Self::Array => array(&[answer]),
        }
    }
}

/// The answers to a batch.
fn array(answers: &[Pieces]) -> Response<ResponseBody> {
    let mut out = PieceWriter::with_capacity(SHARED_FROM);
    out.put(b"[");
    for (at, answer) in answers.iter().enumerate() {
        if at > 0 {
            out.put(b",");
        }
        out.share_all(answer.as_slice());
    }
    out.put(b"]");
    json_response(StatusCode::OK, out.finish())
}

impl Place {
    /// The name that the client is told. One whose `initialize` still runs is not portable: what was
    /// agreed on is not known yet.
    fn name(&self) -> Result<HeaderValue, Reason> {
        let id = self.row.id();
        #[cfg(feature = "request-state")]
        if let Some(portable) = &self.shared.config.portable {
            let terms = self.row.with(|session| session.terms());
            if let Some(name) = portable.name(id, self.row.owner(), &terms) {
                return Ok(name);
            }
        }
        // Hex digits are a header's value.
        HeaderValue::try_from(id.to_string()).map_err(|_| Reason::UnknownSession)
    }

    /// Takes the messages of one body.
    fn take_all(
        self,
        head: Box<Parts>,
        read: Read,
        version: ProtocolVersion,
        form: Form,
    ) -> Result<Work, Rejection> {
        match read {
            Ok(Payload::Single(Message::Request(request))) => {
                self.ask(head, request, form, Shape::Object)
            }
            Ok(Payload::Single(Message::Notification(notification))) => {
                Ok(Work::Other(Box::pin(async move {
                    self.hear(head, notification).await?;
                    Ok(accepted())
                })))
            }
            Ok(Payload::Single(Message::Response(reply))) => {
                self.take(reply);
                Ok(Work::Done(accepted()))
            }
            Ok(Payload::Batch(messages)) if version.has_batches() => {
                Ok(Work::Other(Box::pin(async move {
                    self.take_batch(head, messages, form).await
                })))
            }
            Ok(Payload::Batch(_)) => Err(Reason::BatchNotAllowed.into()),
            Err(error) => {
                let refused = self.refuse_body(error);
                let answered =
                    refused.map_or_else(|why| refuse(&self.shared, why), |()| Ok(accepted()));
                answered.map(Work::Done)
            }
        }
    }

    /// SPEC.
    async fn take_batch(&self, head: Box<Parts>, messages: Vec<Message>, form: Form) -> Answered {
        let mut requests = Vec::new();
        let mut notifications = Vec::new();
        for message in messages {
            match message {
                Message::Request(request) => requests.push(request),
                Message::Notification(notification) => notifications.push(notification),
                Message::Response(reply) => self.take(reply),
            }
        }
        self.admits(&requests)?;
        for notification in notifications {
            self.hear(head.clone(), notification).await?;
        }
        match requests.len() {
            0 => Ok(accepted()),
            1 => {
                let request = requests.swap_remove(0);
                let work = self.clone().ask(head, request, form, Shape::Array)?;
                // The future would contain itself.
                Box::pin(work.answer()).await
            }
            _ => self.answer_all(head, requests, form).await,
        }
    }

    /// Takes up one request.
    fn ask(
        self,
        head: Box<Parts>,
        request: Request,
        form: Form,
        shape: Shape,
    ) -> Result<Work, Rejection> {
        let id = request.id();
        let initializes = *request.kind() == Method::Initialize;
        let end = Identity::of(&head).and_then(Identity::end);
        let (stream, route) = self.open_stream(form);
        let running = match self.begin(head, request, route) {
            Ok(running) => running,
            Err(why) => {
                self.row.with(|session| session.end_stream(stream));
                return refuse(&self.shared, why).map(Work::Done);
            }
        };
        if form == Form::Stream {
            self.begin_stream(stream);
        }
        let turn = Turn {
            place: self,
            running: Some(running),
            initializes,
        };
        Ok(Work::Asked(Asked {
            turn,
            id,
            stream,
            form,
            shape,
            end,
        }))
    }

    /// Answers several requests of one body: each in its own event, or all in one JSON array.
    async fn answer_all(&self, head: Box<Parts>, requests: Vec<Request>, form: Form) -> Answered {
        let end = Identity::of(&head).and_then(Identity::end);
        let (stream, route) = self.open_stream(form);
        let mut taken = Vec::new();
        for request in requests {
            let id = request.id();
            match self.begin(head.clone(), request, route) {
                Ok(running) => taken.push((id, running)),
                Err(why) => {
                    // Nothing of a refused body is carried out.
                    drop(taken);
                    self.row.with(|session| session.end_stream(stream));
                    return Err(why);
                }
            }
        }
        // Before anything runs, so that nothing is sent that has to wait for the connection.
        let connected = match form {
            Form::Json => None,
            Form::Either | Form::Stream => {
                self.begin_stream(stream);
                Some(self.connect(stream, end).ok_or(Reason::UnknownSession)?)
            }
        };
        let tasks: Vec<(Id, JoinHandle<Option<Pieces>>)> = taken
            .into_iter()
            .map(|(id, running)| (id, running.spawn(self)))
            .collect();
        if let Some(connected) = connected {
            return Ok(self.stream(connected, end));
        }
        let mut answers = Vec::new();
        for (id, task) in tasks {
            let answer = task.await.ok().flatten();
            answers.push(answer.unwrap_or_else(|| self.unanswered(&id)));
        }
        Ok(array(&answers))
    }

    fn open_stream(&self, form: Form) -> (StreamId, Route) {
        let stream = self.row.with(|session| session.open_stream());
        let route = match form {
            Form::Json => Route::Answer(stream),
            Form::Either | Form::Stream => Route::Stream(stream),
        };
        (stream, route)
    }

    /// Connects the client of a POST to its stream, up to the end of its identity, with room for what
    /// its request has sent already, beside what is to come. `None` when all is over.
    fn connect(&self, stream: StreamId, end: Option<Instant>) -> Option<Connected> {
        let early = self.row.with(|session| session.early(stream));
        let limits = self.shared.config.limits.queue.with_room_for(early);
        let ends = resumable_queue(limits, &self.shared.observer, end);
        let connection = ends.0.clone();
        let attached = self.row.with(|session| session.attach(stream, connection));
        attached.map(|attachment| self.connected(attachment, ends))
    }

    fn connected(&self, attachment: Attachment, ends: (Sender, Receiver)) -> Connected {
        Connected {
            attached: Attached {
                place: self.clone(),
                attachment,
            },
            ends,
        }
    }

    fn begin_stream(&self, stream: StreamId) {
        self.row.with(|session| session.begin_stream(stream, now()));
    }

    /// The answer to a request that has none: HTTP wants one, the client ignores it (SPEC E-88,
    /// J-24).
    fn unanswered(&self, id: &Id) -> Pieces {
        let is_closed = self.row.with(|session| session.is_closed());
        let why = if is_closed {
            ENDED
        } else {
            "Request cancelled"
        };
        Outgoing::Error(Some(id), &ErrorObject::new(-32603, why)).to_pieces()
    }

    /// A stream for the client that is attached, up to the end of the identity that it came with; then
    /// the client may come back with another (SPEC F-51, F-52).
    fn stream(&self, connected: Connected, end: Option<Instant>) -> Response<ResponseBody> {
        let Connected {
            attached,
            ends: (mut sender, receiver),
        } = connected;
        let mut lease = Lease::until(end);
        if let Some(owner) = self.row.owner()
            && !self.shared.table.has(self.row.id())
        {
            // A revocation does not find it by its session.
            lease = lease.listed(&self.shared.leases, owner, &sender);
        }
        let keep_alive = self.shared.config.timeouts.keep_alive;
        let body = ResponseBody::events(receiver, keep_alive, attached);
        stream_response(body.leased(lease, move || sender.finish()))
    }
}

fn accepted() -> Response<ResponseBody> {
    response(StatusCode::ACCEPTED, ResponseBody::empty())
}

/// Refuses a request: with an answer if it was understood, else with an HTTP error.
fn refuse(shared: &Shared, why: Rejection) -> Answered {
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

/// What became of the messages of a body.
pub(crate) enum Work {
    Done(Response<ResponseBody>),
    /// One request, as it nearly always is.
    Asked(Asked),
    /// On the heap, so that what is rare does not make the future of what is frequent larger.
    Other(BoxFuture<Answered>),
}

impl Work {
    /// The response, when there is one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is the client's leaving: a request runs on (SPEC C-28).
    pub(crate) async fn answer(self) -> Answered {
        match self {
            Self::Done(response) => Ok(response),
            Self::Asked(asked) => Ok(asked.answer().await),
            Self::Other(answered) => answered.await,
        }
    }
}

/// A request that was taken up.
pub(crate) struct Asked {
    turn: Turn,
    id: Id,
    stream: StreamId,
    form: Form,
    shape: Shape,
    /// When the identity of the request ends.
    end: Option<Instant>,
}

impl Asked {
    /// Answers it: with JSON when there is nothing but the answer, else with a stream.
    async fn answer(self) -> Response<ResponseBody> {
        let Self {
            mut turn,
            id,
            stream,
            form,
            shape,
            end,
        } = self;
        // Most answers are ready at once, and need no stream.
        if let Some(Some(answer)) = at_once(pin!(poll_fn(|cx| turn.poll(cx)))).await {
            return shape.json(answer);
        }
        let place = turn.place.clone();
        let Some(connected) = place.connect(stream, end) else {
            turn.running = None;
            return shape.json(place.unanswered(&id));
        };
        let (_, receiver) = &connected.ends;
        let patience = (form != Form::Json).then_some(place.shared.config.timeouts.stream_after);
        let came = first(pin!(poll_fn(|cx| turn.poll(cx))), receiver, patience).await;
        match came {
            First::Answer(Some(answer)) => return shape.json(answer),
            First::Answer(None) | First::Output if receiver.is_empty_for_good() => {
                turn.running = None;
                return shape.json(place.unanswered(&id));
            }
            First::Silence => place.begin_stream(stream),
            First::Answer(None) | First::Output => {}
        }
        turn.hand_over();
        place.stream(connected, end)
    }
}

/// A client that is connected to a stream. When it is dropped the client is gone: the session knows, and
/// nothing more waits to be written.
struct Connected {
    attached: Attached,
    ends: (Sender, Receiver),
}

/// A request that is polled in place, for a client that may leave: then it runs on without one
/// (SPEC C-28), but an `initialize` that nobody waits for takes its session with it (PITFALLS R-4).
struct Turn {
    place: Place,
    running: Option<Running>,
    initializes: bool,
}

impl Turn {
    /// The answer, if it is for the response and not on the stream.
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<Pieces>> {
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
            running.hand_over(&self.place);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.initializes && self.running.take().is_some() {
            self.place.end(SessionEnd::NotInitialized);
        }
        self.hand_over();
    }
}

/// Lets the session know when a connection is gone. A session that was about to be opened for it
/// goes as well, unless the client can come back (PITFALLS R-4, SPEC C-28).
struct Attached {
    place: Place,
    attachment: Attachment,
}

impl Drop for Attached {
    fn drop(&mut self) {
        let is_given_up = self.place.row.with(|session| {
            session.detach(self.attachment, now());
            session.is_given_up()
        });
        if is_given_up {
            self.place.end(SessionEnd::NotInitialized);
        }
    }
}
