//! MCP on hyper: the only floor with async code, tasks and timers.

pub(crate) mod auth;
pub(crate) mod body;
mod buffers;
mod calls;
pub(crate) mod config;
pub(crate) mod dispatch;
mod documents;
mod http_sse;
pub(crate) mod identity;
mod intake;
mod lease;
mod legacy;
mod listen;
pub(crate) mod observe;
mod panics;
mod parked;
mod peer;
#[cfg(feature = "request-state")]
mod portable;
mod progress;
pub(crate) mod queue;
#[cfg(feature = "request-state")]
pub(crate) mod seal;
pub(crate) mod serve;
pub(crate) mod service;
mod sessions;
mod socket;
#[cfg(feature = "tracing")]
mod spans;
mod stateless;
pub(crate) mod static_tokens;
mod streamable;
mod timers;
mod turn;
