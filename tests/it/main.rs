//! Whole exchanges over real sockets, one module a topic.

mod layering;
mod support;
