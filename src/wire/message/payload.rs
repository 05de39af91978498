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
    /// An array of messages; never empty, every id in it once, requests and notifications never
    /// mixed with responses, never an `initialize` (SPEC A.3). Whether a revision allows batches
    /// is decided by the caller.
    Batch(Vec<Message>),
}

/// One JSON-RPC message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Message {
    /// A method call that wants an answer.
    Request(Request),
    /// A method call that wants none.
    Notification(Notification),
    /// The answer to a request of ours.
    Response(Response),
}

/// MCP, as what JSON-RPC carries.
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
