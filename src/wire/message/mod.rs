//! The messages of MCP: requests, notifications, responses and batches, and how a body is read.
//!
//! [`parse()`] goes once over a body and gives a [`Payload`]: which kind of message it is, and where
//! its parts lie. Ids, params and results stay the bytes they came as; serde_json reads a value when
//! the caller asks for it.

mod batch;
mod call;
mod error;
mod parse;
mod payload;
#[cfg(test)]
mod tests;

pub use self::call::{Notification, Request};
pub use self::error::ParseError;
pub use self::parse::parse;
pub use self::payload::{Message, Payload};
