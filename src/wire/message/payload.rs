//! What a body can hold: requests, notifications, responses, or a batch of these.

use bytes::Bytes;

use super::call::{Notification, Request};
use crate::wire::json::Scanner;
use crate::wire::jsonrpc::{Content, Envelope, Member, MessageLimits, Protocol, Response, Unfit};
use crate::wire::method::Method;
use crate::wire::params::{ParamSpans, ParamsFault};

/// A parsed body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Payload {
    /// One message.
    Single(Message),
    /// An array of messages (2025-03-26, Base Protocol, Batching). It is not empty, its request ids
    /// differ, it does not mix responses with requests and notifications, and it has no `initialize`.
    /// The caller decides whether the revision of the client has batches.
    Batch(Vec<Message>),
}

/// One JSON-RPC message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Message {
    /// A method call that expects an answer.
    Request(Request),
    /// A method call that expects no answer.
    Notification(Notification),
    /// The answer to a request of the server.
    Response(Response),
}

/// MCP as the protocol above JSON-RPC.
pub(super) enum Mcp {}

impl Protocol for Mcp {
    type Method = Method;
    type Params = ParamSpans;
    type Fault = ParamsFault;

    fn method(name: &[u8]) -> Option<Method> {
        Method::of_protocol(name)
    }

    fn params(
        scanner: &mut Scanner<'_>,
        limits: &MessageLimits,
    ) -> Member<ParamSpans, ParamsFault> {
        ParamSpans::read(scanner, limits)
    }

    fn positional() -> ParamsFault {
        ParamsFault::Positional
    }
}

impl Message {
    /// The message that an envelope of `body` holds.
    pub(super) fn of(
        envelope: &mut Envelope<Mcp>,
        body: &Bytes,
    ) -> Result<Self, Unfit<ParamsFault>> {
        Ok(match envelope.content(body)? {
            Content::Call { id, method, params } => {
                let body = body.clone();
                match id {
                    Some(id) => Self::Request(Request {
                        body,
                        id,
                        method,
                        params,
                    }),
                    None => Self::Notification(Notification {
                        body,
                        method,
                        params,
                    }),
                }
            }
            Content::Response(response) => Self::Response(response),
        })
    }
}
