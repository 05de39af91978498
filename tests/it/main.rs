//! Whole exchanges over real sockets, one module a topic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "`support` is read as a crate of its own")]

mod http_sse;
mod layering;
mod server;
mod support;
mod transcripts;
