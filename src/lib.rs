//! wip
mod protocol;
mod wire;
pub use wire::id::{EventId, SessionId};
pub use wire::version::{Era, ProtocolVersion};
pub use wire::{jsonrpc, sse};
