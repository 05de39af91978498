//! The messages of MCP, which are JSON-RPC 2.0 messages: read from bytes, and made to be sent.
//!
//! [`parse()`] goes once over a body and returns a [`Payload`]: which kind of message it is, and where
//! its parts lie. Ids, params and results stay the bytes they came as; serde_json reads a value when
//! the caller asks for it.

pub use crate::wire::json::{InvalidJson, Json, RawJson};
pub use crate::wire::jsonrpc::{ErrorObject, Id, MessageLimits, Response};
pub use crate::wire::message::{Message, Notification, ParseError, Payload, Request, parse};
pub use crate::wire::params::Params;
