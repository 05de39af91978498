//! Whole exchanges over real sockets, one module a topic.

mod http_sse;
mod layering;
mod support;
