//! The messages of MCP: requests, notifications, responses and batches, and how a body is read.

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
