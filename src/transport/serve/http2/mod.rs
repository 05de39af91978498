//! HTTP/2 (RFC 9113), with the limits and the end that connections of HTTP/1.1 have.

mod answer;
pub(super) mod conversation;
mod pace;
pub(super) mod preface;
pub(super) mod refusal;
mod streams;
mod wire;
