//! JSON-RPC 2.0: ids, errors, the envelope of a message, and messages to bytes.
//!
//! Nothing here knows what a method means or what `params` hold: the protocol above says so with
//! [`Protocol`].

mod encode;
mod envelope;
mod error;
mod fault;
mod id;
mod limits;
mod response;

pub use self::error::ErrorObject;
pub use self::id::Id;
pub use self::limits::MessageLimits;
pub use self::response::Response;

pub(crate) use self::encode::Outgoing;

pub(in crate::wire) use self::envelope::{Content, Envelope, Member, Protocol, Unfit, id};
pub(in crate::wire) use self::error::shortened;
pub(in crate::wire) use self::fault::Fault;
