//! [`LineClient`]: a client that sends each message as a line, without HTTP around it (SPEC N). It has at most
//! one session, whose answers come on one stream, and any number of requests of 2026-07-28.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Request as HttpRequest;
use hyper::http::request::Parts;
use tokio::sync::mpsc;

use super::handle::SessionHandle;
use super::http_sse::take_request;
use super::message_lines::MessageLines;
use super::stateless;
use crate::protocol::envelope::Envelope;
use crate::protocol::era::{Read, id_of};
use crate::protocol::exchange::{Endpoint, Form};
use crate::protocol::rejection::{Reason, Rejection};
use crate::protocol::session::Session;
use crate::transport::access::identity::Identity;
use crate::transport::access::peer::party_of;
use crate::transport::clock::now;
use crate::transport::dispatch::context::WithoutHeaders;
use crate::transport::future::{BoxFuture, at_once};
use crate::transport::shared::Shared;
use crate::transport::stream::queue::{Receiver, queue};
use crate::wire::json::Json;
use crate::wire::jsonrpc::{Id, MessageLimits, Outgoing};
use crate::wire::message::{self, Message, Notification, ParseError, Payload, Request};
use crate::wire::method::Method;
use crate::wire::params::Params;

/// What a line leads to, apart from answers on the stream of the session.
pub(crate) enum Step {
    /// A session begins, and this is its stream.
    Stream(Receiver),
    /// A request of 2026-07-28 begins.
    Exchange(Exchange),
    /// The client cancels its request with this id.
    Cancel(Id),
    /// The handler of a notification is not ready yet.
    Handler(BoxFuture<()>),
    /// Something is refused.
    Refusal(Rejection),
}

/// A client without HTTP. Dropping it ends its session.
pub(crate) struct LineClient {
    shared: Arc<Shared>,
    /// Stands for the head of an HTTP request. It has the identity of the client, if there is one.
    head: Box<Parts>,
    session: Option<SessionHandle>,
}

impl LineClient {
    pub(crate) fn new(shared: Arc<Shared>, identity: Option<Identity>) -> Self {
        let (mut head, ()) = HttpRequest::new(()).into_parts();
        head.extensions.insert(WithoutHeaders);
        if let Some(identity) = identity {
            head.extensions.insert(identity);
        }
        Self {
            shared,
            head: Box::new(head),
            session: None,
        }
    }

    /// The longest line that is read.
    pub(crate) fn limit(&self) -> usize {
        self.shared.config.limits.body
    }

    /// How many requests of 2026-07-28 may run, and how many of the session.
    pub(crate) fn requests(&self) -> usize {
        self.shared.config.limits.requests_per_session
    }

    /// Takes a line. It never waits: what has to wait is one of the steps.
    pub(crate) async fn take(&mut self, line: &Bytes, steps: &mut Vec<Step>) {
        let read = message::parse(line, &self.shared.config.limits.message);
        let id = id_of(&read);
        if let Err(why) = self.carry_out(read, steps).await {
            steps.push(Step::Refusal(why.of(id)));
        }
    }

    async fn carry_out(&mut self, read: Read, steps: &mut Vec<Step>) -> Result<(), Rejection> {
        self.shared.permit(Endpoint::Mcp, &self.head, &read)?;
        match read {
            Ok(Payload::Single(message)) => self.carry_out_one(message, steps).await,
            Ok(Payload::Batch(messages)) if self.has_batches() => {
                for message in messages {
                    let id = match &message {
                        Message::Request(request) => Some(request.id()),
                        Message::Notification(_) | Message::Response(_) => None,
                    };
                    if let Err(why) = self.carry_out_one(message, steps).await {
                        steps.push(Step::Refusal(why.of(id)));
                    }
                }
                Ok(())
            }
            Ok(Payload::Batch(_)) => Err(Reason::BatchNotAllowed.into()),
            Err(error) => self.refuse_unread(error),
        }
    }

    async fn carry_out_one(
        &mut self,
        message: Message,
        steps: &mut Vec<Step>,
    ) -> Result<(), Rejection> {
        match message {
            Message::Request(request) if self.is_modern(&request) => {
                let limit = self.shared.config.limits.capabilities;
                let envelope = Envelope::check_alone(&request, limit)?;
                steps.push(Step::Exchange(Exchange {
                    shared: Arc::clone(&self.shared),
                    head: self.head.clone(),
                    request,
                    envelope,
                }));
                Ok(())
            }
            Message::Request(request) => {
                let session = self.session(steps)?;
                take_request(&session, self.head.clone(), request).await
            }
            Message::Notification(notification) => self.hear(notification, steps).await,
            Message::Response(reply) => {
                if let Some(session) = &self.session {
                    session.deliver(reply);
                }
                Ok(())
            }
        }
    }

    /// SPEC N-6: an envelope makes a request modern, and so does a method that only the modern era has, unless
    /// there is a session.
    fn is_modern(&self, request: &Request) -> bool {
        let params = request.params();
        let is_enveloped = params.is_some_and(|params| params.protocol_version().is_some());
        is_enveloped
            || (self.session.is_none()
                && matches!(
                    request.kind(),
                    Method::ServerDiscover | Method::SubscriptionsListen
                ))
    }

    /// SPEC N-7 to N-9: of the notifications of the modern era only the cancellation means something.
    async fn hear(
        &self,
        notification: Notification,
        steps: &mut Vec<Step>,
    ) -> Result<(), Rejection> {
        if *notification.kind() == Method::Cancelled {
            let id = notification.params().and_then(Params::request_id);
            steps.extend(id.map(Step::Cancel));
        } else if notification
            .params()
            .is_some_and(|params| params.protocol_version().is_some())
        {
            return Ok(());
        }
        let Some(session) = self.session.clone() else {
            return Ok(());
        };
        let head = self.head.clone();
        let mut handler: BoxFuture<()> = Box::pin(async move {
            if let Err(why) = session.notify(head, notification).await {
                let refusal = why.refusal();
                let status = refusal.status.as_u16();
                session.shared.observer.refused(&why, refusal.name, status);
            }
        });
        if at_once(handler.as_mut()).await.is_none() {
            steps.push(Step::Handler(handler));
        }
        Ok(())
    }

    /// The session of the client, which begins with its first request of the legacy era.
    fn session(&mut self, steps: &mut Vec<Step>) -> Result<SessionHandle, Reason> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        let shared = &self.shared;
        if shared.is_draining() {
            return Err(Reason::ShuttingDown);
        }
        let end = Identity::of(&self.head).and_then(Identity::end);
        let (sender, receiver) = queue(shared.config.limits.queue, &shared.observer, end);
        let session = Session::bound(sender, now());
        let row = shared.table.open(session, party_of(&self.head).as_ref())?;
        steps.push(Step::Stream(receiver));
        let session = SessionHandle::new(shared, row);
        Ok(self.session.insert(session).clone())
    }

    fn has_batches(&self) -> bool {
        let version = |session: &SessionHandle| session.row.with(|session| session.version());
        self.session
            .as_ref()
            .is_some_and(|session| version(session).has_batches())
    }

    fn refuse_unread(&self, error: ParseError) -> Result<(), Rejection> {
        if error.is_notification() {
            // SPEC N-12: only the operator is told.
            drop(self.refuse(error.into()));
            return Ok(());
        }
        Err(error.into())
    }

    /// The line that refuses something. An error with the id of a running request would answer that request
    /// (PITFALLS R-13).
    pub(crate) fn refuse(&self, why: Rejection) -> Bytes {
        let is_running = |id: &Id| {
            let session = self.session.as_ref();
            session.is_some_and(|session| session.row.with(|session| session.is_running(id)))
        };
        match &why.id {
            Some(id) if is_running(id) => refuse(&self.shared, Reason::IdInUse.into()),
            _ => refuse(&self.shared, why),
        }
    }

    /// Lets what runs in the session finish. Then its stream ends.
    pub(crate) fn drain(&self) {
        if let Some(session) = &self.session {
            session.row.with(|session| session.drain(now()));
        }
    }
}

impl Drop for LineClient {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            session.end_with_stream();
        }
    }
}

/// A request of 2026-07-28. Dropping it while it runs cancels it (SPEC N-7).
pub(crate) struct Exchange {
    shared: Arc<Shared>,
    head: Box<Parts>,
    request: Request,
    envelope: Envelope,
}

impl Exchange {
    pub(crate) fn id(&self) -> Id {
        self.request.id()
    }

    /// Whether it goes on until its client cancels it.
    pub(crate) fn listens(&self) -> bool {
        *self.request.kind() == Method::SubscriptionsListen
    }

    /// Runs it, and sends its messages.
    pub(crate) async fn run(self, lines: mpsc::Sender<Bytes>) {
        let (id, listens) = (self.id(), self.listens());
        let Self {
            shared,
            head,
            request,
            envelope,
        } = self;
        let begun = stateless::begin(&shared, head, request, envelope, Form::Either);
        let response = match begun {
            Ok(pending) => pending.answer().await,
            Err(reason) => {
                let _ = lines.send(refuse(&shared, reason.to(&id))).await;
                return;
            }
        };
        let mut messages = MessageLines::of(response);
        while let Some(line) = messages.next().await {
            if listens && is_result(&line) {
                // SPEC N-10: the server ends the stream.
                let _ = lines.send(cancelled(&id)).await;
            }
            if lines.send(line).await.is_err() {
                return;
            }
        }
    }
}

/// The line that refuses something, of which the operator is told.
fn refuse(shared: &Shared, why: Rejection) -> Bytes {
    let Rejection { reason, id } = why;
    let refusal = reason.refusal();
    let status = refusal.status.as_u16();
    shared.observer.refused(&reason, refusal.name, status);
    Outgoing::Error(id.as_ref(), &refusal.error).to_bytes()
}

fn is_result(line: &Bytes) -> bool {
    let read = message::parse(line, &MessageLimits::default());
    matches!(read, Ok(Payload::Single(Message::Response(reply))) if reply.outcome().is_ok())
}

fn cancelled(id: &Id) -> Bytes {
    let params = [b"{\"requestId\":", id.as_bytes(), b"}"].concat();
    let params = Json::parse(params).ok();
    Outgoing::Notification(Method::Cancelled.as_str(), params.as_ref()).to_bytes()
}
