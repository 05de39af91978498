//! [`Dispatcher`]: answers the messages of clients.

use super::context::Context;
use super::publisher::Publisher;
use crate::error::Error;
use crate::transport::future::BoxFuture;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::{Notification, Request};

/// The answer to a request.
pub(crate) type Answer = Result<Json, ErrorObject>;

/// Answers the messages of clients. [`Server`] is a dispatcher; a gateway brings its own. To put code around the
/// requests of a dispatcher use [`intercept`](crate::intercept()): a wrapper of your own has to pass on all four
/// methods.
///
/// The trait is object-safe and takes `&self`. Futures are boxed and own what they need (clone an `Arc`
/// into them), because the transport decides which task polls them. If a handler panics, its caller is
/// answered -32603, and nothing else is affected.
///
/// # Cancel safety
///
/// The future of a request is dropped, at any await, when the request is cancelled or its session ends.
///
/// ```
/// use mcp_wire::jsonrpc::{ErrorObject, Json, Request};
/// use mcp_wire::{BoxFuture, Context, Dispatcher};
///
/// struct Pong;
///
/// impl Dispatcher for Pong {
///     fn request(&self, _cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>> {
///         let answer = match request.method() {
///             "ping" => Ok(Json::empty()),
///             method => Err(ErrorObject::method_not_found(method)),
///         };
///         Box::pin(std::future::ready(answer))
///     }
/// }
/// ```
///
#[cfg_attr(feature = "server", doc = "[`Server`]: server/struct.Server.html")]
#[cfg_attr(
    not(feature = "server"),
    doc = "[`Server`]: https://docs.rs/mcp-wire/latest/mcp_wire/server/struct.Server.html"
)]
pub trait Dispatcher: Send + Sync + 'static {
    /// Answers a request. The result of `initialize` must have a `protocolVersion`, which is the revision
    /// of the session from then on.
    ///
    /// # Errors
    ///
    /// The error object that the client gets.
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>>;

    /// Handles a notification. The default does nothing.
    ///
    /// `notifications/cancelled` does not come here: the transport drops the future of the cancelled
    /// request itself.
    ///
    /// # Cancel safety
    ///
    /// The POST that carried the notification is answered when the future is ready. If the client leaves
    /// before that, the future is dropped.
    fn notification(&self, cx: Context, notification: Notification) -> BoxFuture<()> {
        let _ = (cx, notification);
        Box::pin(std::future::ready(()))
    }

    /// The scopes that a request needs, all of them. The default is none.
    ///
    /// The transport asks for them before it dispatches any message of a body. A client without an
    /// identity is answered 401. A client whose identity lacks a scope is answered 403, with the list
    /// (*2025-11-25, Authorization, Scope Challenge Handling*).
    fn scopes(&self, request: &Request) -> Vec<String> {
        let _ = request;
        Vec::new()
    }

    /// Gets a [`Publisher`], once, when a service is built. The default does nothing.
    ///
    /// # Errors
    ///
    /// The dispatcher is not valid. The service is then not built, and
    /// [`Builder::build`](crate::Builder::build) gives this error.
    fn attach(&self, publisher: Publisher) -> Result<(), Error> {
        let _ = publisher;
        Ok(())
    }
}
