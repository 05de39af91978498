//! The parts of the bridge, which its tests use too.

// It is an example, whose documentation is the code.
#![allow(missing_docs)]

mod bridge;
mod http;
mod http_sse;
mod stream;
mod trust;

pub use bridge::run;
pub use http::Server;
pub use trust::Trust;
