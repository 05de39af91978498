//! Where connections come from: TCP, Unix sockets, TLS, memory, several at once.
//!
//! A [`Listener`] is what [`serve`](crate::serve()) and [`Serve`](crate::Serve) accept connections from.
//! Limits, routes of your own and the orderly end are the same on all of them.

pub use crate::transport::serve::both::{Both, BothIo};
pub use crate::transport::serve::handshake::WithHandshake;
pub use crate::transport::serve::handshaken::{Handshaken, Negotiated};
pub use crate::transport::serve::listener::{Accepted, Listener};
