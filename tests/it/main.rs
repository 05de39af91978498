//! Whole exchanges over real sockets, one module a topic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod auth;
mod features;
mod http_sse;
mod layering;
mod limits;
mod matrix;
mod observe;
mod rounds;
mod server;
#[cfg(feature = "tracing")]
mod spans;
mod stateless;
mod streamable;
mod support;
mod trace;
mod transcripts;
