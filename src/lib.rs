//! Model Context Protocol servers over HTTP, directly on [hyper]: no web framework.
//!
//! `mcp-wire` turns a hyper request into a hyper response. In between it checks who may ask, keeps the
//! sessions, frames the events, and hands every JSON-RPC message to one trait object, the
//! [`Dispatcher`]. [`Server`] is a dispatcher with tools, resources and prompts; a gateway brings its
//! own.
//!
#![cfg_attr(feature = "server", doc = "```")]
#![cfg_attr(not(feature = "server"), doc = "```text")]
//! use mcp_wire::McpService;
//! use mcp_wire::server::{Arguments, Call, Server, Tool, HandlerError};
//! use serde_json::json;
//!
//! async fn echo(_cx: Call, args: Arguments) -> Result<String, HandlerError> {
//!     Ok(format!("Tool echo: {}", args.str("message")?))
//! }
//!
//! let schema = json!({
//!     "type": "object",
//!     "properties": {"message": {"type": "string"}},
//!     "required": ["message"],
//! });
//! let server = Server::new("Echo", "1.0.0").tool(Tool::new("echo_tool").input(schema), echo);
//! let mcp = McpService::builder(server).build()?;
//! assert!(mcp.endpoint("/sse").is_some());
//! # Ok::<(), mcp_wire::Error>(())
//! ```
//!
//! # Layers
//!
//! ```text
//!  face/        stdio; clients in memory, for tests
//!  server/      MCP methods: tools, resources, prompts
//!  transport/   hyper: service, bodies, serve; tasks and timers
//!  protocol/    decisions over values
//!  wire/        bytes <-> values
//! ```
//!
//! # Testing
//!
//! [`mod@test`] has clients in memory, of every revision, and makes the [`Call`] of a handler that a test
//! calls directly.
//!
//! # Cancel safety
//!
//! When a call is cancelled or its session ends, its handler is dropped at an await. Each async function
//! of this crate says what dropping its future does.
//!
//! # Security
//!
//! These protections are on by default. Every endpoint checks `Host` and `Origin`. Session ids are
//! random. Bodies, heads, nesting, sessions, running requests and queues are limited ([`Limits`],
//! [`Timeouts`], [`Serve`]). A panic of a handler is answered -32603 without detail.
//!
//! You choose the address to bind to, and who may use the server: without an authorizer everybody may.
//! [`auth`] shows what to use in a private network, behind a proxy that authenticates, and with tokens.
//!
//! # What is served
//!
//! Every published revision, at the same time and on one mount: HTTP+SSE (2024-11-05) at `/sse` and
//! `/messages/`, Streamable HTTP (2025-03-26, 2025-06-18, 2025-11-25) and the stateless 2026-07-28
//! at `/mcp`. Each request says which revision it uses. One handler serves them all, even when it asks
//! the client something ([`Call::elicit`]).
//!
//! Connections come from any [`Listener`](listener::Listener): TCP, Unix sockets, TLS, memory, several at
//! once. [`serve_stdio`] serves clients that start the server as a command.
//!
//! # Features
//!
//! - `server`, on by default: [`Server`] and everything that belongs to it. A gateway with its own
//!   dispatcher builds without it: `default-features = false`.
//!
//! - `http2`: [`Serve`] and [`serve_connection`] speak HTTP/2 too, to each client that begins with it (adds hyper's
//!   `http2`, which brings `h2` and eleven crates below it).
//!
//! - `request-state`: carries what a handler of 2026-07-28 learned in one round of a request to the next
//!   round, sealed with a MAC (adds `hmac` and `sha2`). Without it such a handler asks everything in one
//!   round. It also makes sessions portable (`Builder::portable_sessions`).
//!
//! - `skills`: serves Agent Skills (`server::Skills`; adds `granit-parser`, which reads YAML, with two crates behind
//!   it, and `sha2`).
//!
//! - `gzip`: compresses long JSON answers (`Builder::gzip`; adds `flate2` and four crates behind it).
//!
//! - `tower`: [`McpService`] is a service of tower, for axum and its like (adds `tower-service`, which is one trait).
//!
//! - `validation`: arguments and results of tools are held to schemas that are written by hand (adds
//!   `jsonschema`, with 66 crates).
//!
//! - `serde`: arguments and results of types with serde's traits: `Arguments::parse`, `server::Json`. It brings no
//!   crate that is not there anyway.
//!
//! - `schemars`: typed tools, whose schemas are made from types: `Server::typed_tool`. It turns on `serde`, and re-exports
//!   schemars 1 as `mcp_wire::schemars`.
//!
//! - `tracing`: spans and events for the subscribers of that crate.
//!
//! The [`manual`] describes the threats, the reason for each default, and how to let the right people
//! in.
//!
//! # What this crate will not do
//!
//! Routing, templates, TLS certificates, a client, an authorization server.
//!
//! # Stability
//!
//! Before 1.0 a minor version may contain breaking changes, and may raise the rust-version.
//!
#![cfg_attr(feature = "server", doc = "[`Server`]: server::Server")]
#![cfg_attr(feature = "server", doc = "[`Call`]: server::Call")]
#![cfg_attr(feature = "server", doc = "[`Call::elicit`]: server::Call::elicit")]
#![cfg_attr(
    not(feature = "server"),
    doc = "[`Server`]: https://docs.rs/mcp-wire/latest/mcp_wire/server/struct.Server.html"
)]
#![cfg_attr(
    not(feature = "server"),
    doc = "[`Call`]: https://docs.rs/mcp-wire/latest/mcp_wire/server/struct.Call.html"
)]
#![cfg_attr(
    not(feature = "server"),
    doc = "[`Call::elicit`]: https://docs.rs/mcp-wire/latest/mcp_wire/server/struct.Call.html#method.elicit"
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod auth;
#[cfg(feature = "server")]
#[cfg_attr(docsrs, doc(cfg(feature = "server")))]
pub mod backplane;
mod error;
mod face;
pub mod jsonrpc;
pub mod listener;
pub mod manual;
mod protocol;
#[cfg(feature = "server")]
#[cfg_attr(docsrs, doc(cfg(feature = "server")))]
pub mod server;
mod transport;
mod wire;

pub use error::Error;
pub use face::stdio::{Stdio, serve_stdio};
pub use face::test;
pub use protocol::capabilities::Capabilities;
pub use protocol::change::Change;
pub use protocol::client_info::ClientInfo;
pub use protocol::exchange::Endpoint;
pub use protocol::filter::SubscriptionFilter;
pub use protocol::level::LogLevel;
pub use protocol::replay::ReplayLimits;
pub use protocol::trace::TraceContext;
#[cfg(feature = "schemars")]
#[cfg_attr(docsrs, doc(cfg(feature = "schemars")))]
pub use schemars;
#[cfg(feature = "request-state")]
#[cfg_attr(docsrs, doc(cfg(feature = "request-state")))]
pub use transport::access::seal::StateKeys;
pub use transport::builder::Builder;
pub use transport::dispatch::context::Context;
pub use transport::dispatch::dispatcher::Dispatcher;
pub use transport::dispatch::intercept::intercept;
pub use transport::dispatch::publisher::Publisher;
pub use transport::dispatch::request_error::{Needed, RequestError};
pub use transport::future::BoxFuture;
pub use transport::limits::Limits;
pub use transport::observe::events::{Hint, Outcome, ServiceEvent, SessionEnd, Snapshot, TaskEnd};
pub use transport::serve::accept_loop::{Serve, serve};
pub use transport::serve::connection::{Connection, serve_connection};
pub use transport::service::McpService;
pub use transport::stream::body::ResponseBody;
pub use transport::stream::queue::QueueLimits;
pub use transport::timeouts::Timeouts;
pub use wire::id::{EventId, SessionId};
pub use wire::version::{Era, ProtocolVersion};
pub use wire::{header_value, sse};

/// Compiles the example of the README.
#[cfg(all(doctest, feature = "schemars", feature = "skills"))]
#[doc = include_str!("../README.md")]
struct Readme;
