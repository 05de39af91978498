//! The JSON-RPC 2.0 envelope, read without building values.
//!
//! [`parse()`] goes once over a body and gives a [`Payload`]: which kind of message it is, and where
//! its parts lie. Ids, params and results stay the bytes they came as; serde_json reads a value
//! when somebody asks for it. SPEC part A says what is accepted.

mod encode;
mod error;
mod id;
mod json;
mod members;
mod message;
mod names;
mod parse;
mod plain;
mod price;
mod scan;
#[cfg(test)]
mod tests;
mod token;
mod walk;

pub use self::error::ErrorObject;
pub use self::id::Id;
pub use self::json::{InvalidJson, Json, RawJson};
pub use self::message::{Message, Notification, Params, Payload, Request, Response};
pub use self::parse::{MessageLimits, ParseError, parse};

#[cfg(feature = "server")]
pub(crate) use self::encode::put_owned_string;
pub(crate) use self::encode::{Outgoing, put_string};
