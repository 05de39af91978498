//! What MCP reads from `params`: the members that decide what happens to a message, found while the
//! parser passes over them.

mod client;
mod fault;
mod meta;
mod spans;
mod view;

pub use self::view::Params;

pub(in crate::wire) use self::fault::ParamsFault;
pub(in crate::wire) use self::spans::ParamSpans;
