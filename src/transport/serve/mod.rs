//! Connections: accepting them, serving them with limits, and ending them in order.

mod accept;
pub(crate) mod accept_loop;
pub(crate) mod both;
pub(crate) mod connection;
mod connection_quota;
mod conversation;
mod exchange;
pub(crate) mod handshake;
pub(crate) mod handshaken;
#[cfg(feature = "http2")]
mod http2;
pub(crate) mod listener;
mod parked;
mod progress;
mod routes;
mod settings;
mod setup;
mod socket;
mod timers;
mod tracked;
mod upgrade;
