//! A server on standard input and output, which a client starts as a command.

mod connection;
mod input;
mod output;
mod server;

pub use server::{Stdio, serve_stdio};
