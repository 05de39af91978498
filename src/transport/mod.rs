//! MCP on hyper: the only floor with async code, tasks and timers.

pub(crate) mod body;
mod calls;
pub(crate) mod config;
pub(crate) mod dispatch;
mod http_sse;
mod legacy;
mod listen;
pub(crate) mod observe;
mod panics;
pub(crate) mod serve;
pub(crate) mod service;
mod sessions;
mod stateless;
mod streamable;
mod turn;
