//! MCP on hyper: the only floor with async code, tasks and timers.

pub(crate) mod access;
pub(crate) mod answer;
#[cfg(feature = "server")]
pub(crate) mod backplane;
pub(crate) mod builder;
pub(crate) mod clock;
pub(crate) mod config;
pub(crate) mod dispatch;
pub(crate) mod future;
pub(crate) mod intake;
pub(crate) mod limits;
pub(crate) mod observe;
pub(crate) mod panics;
pub(crate) mod paths;
pub(crate) mod serve;
pub(crate) mod service;
pub(crate) mod session;
pub(crate) mod shape;
pub(crate) mod shared;
pub(crate) mod stream;
#[cfg(feature = "server")]
pub(crate) mod tasks;
pub(crate) mod timeouts;
#[cfg(feature = "tower")]
mod tower;
