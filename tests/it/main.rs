//! Whole exchanges over real sockets, one module a topic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod auth;
mod features;
mod http_sse;
mod isolation;
mod layering;
mod limits;
mod matrix;
mod rounds;
mod server;
mod stateless;
mod streamable;
mod support;
mod transcripts;
