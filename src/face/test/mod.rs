//! Tests of your server without a socket: a [`Client`] in memory for every revision, and [`call()`] for a
//! handler alone.
//!
//! A [`Client`] sends real HTTP requests into [`McpService::call`](crate::McpService::call) and reads the
//! real bytes of the answers. So a test sees what a client sees: the authorizer, the scopes, the limits, the
//! form of each revision.
//!
#![cfg_attr(feature = "server", doc = "```")]
#![cfg_attr(not(feature = "server"), doc = "```text")]
//! use mcp_wire::McpService;
//! use mcp_wire::server::{Call, Elicitation, Elicited, HandlerError, Server, Tool};
//! use mcp_wire::test::{Client, Reply};
//! use serde_json::json;
//!
//! async fn greet(cx: Call) -> Result<String, HandlerError> {
//!     let form = json!({"type": "object", "properties": {"name": {"type": "string"}}});
//!     match cx.elicit(&Elicitation::form("What is your name?", form)).await? {
//!         Elicited::Accepted(answer) => Ok(format!("Hello, {}!", answer["name"].as_str().unwrap_or("you"))),
//!         _ => Ok("Hello, stranger!".to_owned()),
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::new("Greeter", "1.0.0").tool(Tool::new("greet"), |cx, _args| greet(cx));
//! let mcp = McpService::builder(server).build()?;
//!
//! for version in mcp_wire::ProtocolVersion::ALL.into_iter().skip(2) {
//!     let client = Client::new(&mcp)
//!         .version(version)
//!         .on_elicit(|question| {
//!             assert_eq!(question.message(), "What is your name?");
//!             Reply::accept(json!({"name": "Ada"}))
//!         });
//!     assert_eq!(client.call("greet", json!({})).await?.text(), "Hello, Ada!");
//! }
//! # Ok(())
//! # }
//! ```

mod alone;
#[cfg(feature = "server")]
mod changes;
mod client;
mod connection;
mod error;
mod http;
mod http_sse;
mod inbox;
mod mirrored;
mod notification;
mod post;
mod profile;
mod question;
mod result;
mod stateless;
mod streamable;

#[cfg(feature = "server")]
pub use alone::arguments;
pub use alone::{Caller, call};
pub use client::Client;
pub use error::Error;
pub use notification::{Notification, Progress};
pub use question::{Question, Reply};
pub use result::{CallResult, CompletionResult, PromptResult, ReadResult};
