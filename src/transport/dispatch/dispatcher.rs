//! [`Dispatcher`]: who answers messages.

use super::context::Context;
use super::publisher::Publisher;
use crate::error::Error;
use crate::transport::future::BoxFuture;
use crate::wire::jsonrpc::{ErrorObject, Json, Notification, Request};

/// Answers the messages of clients. [`Server`] is one; a gateway brings its own.
///
/// The trait is object-safe and takes `&self`; futures are boxed and own what they need (clone an
/// `Arc` into them), because the transport decides where they run.
///
/// # Cancel safety
///
/// The future of a request is dropped at any await when the request is cancelled or its session ends. A panic
/// becomes -32603 for its caller alone.
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
#[cfg_attr(feature = "server", doc = "\n[`Server`]: crate::server::Server")]
#[cfg_attr(
    not(feature = "server"),
    doc = "\n[`Server`]: https://docs.rs/mcp-wire/latest/mcp_wire/server/struct.Server.html"
)]
pub trait Dispatcher: Send + Sync + 'static {
    /// Answers a request. The result of `initialize` must have `protocolVersion`: from then on the
    /// session speaks it.
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Result<Json, ErrorObject>>;

    /// Hears of a notification. `notifications/cancelled` is not among them: the transport drops the
    /// request's future by itself. The POST that brought the notification is answered when the
    /// future is ready; the future is dropped when that POST's client leaves. The default does
    /// nothing.
    fn notification(&self, cx: Context, notification: Notification) -> BoxFuture<()> {
        let _ = (cx, notification);
        Box::pin(std::future::ready(()))
    }

    /// The scopes that a request needs, all of them. Asked before anything of a body is dispatched: a
    /// client whose identity lacks one is answered 403 with the list, one without an identity 401. The
    /// default needs none.
    fn scopes(&self, request: &Request) -> Vec<String> {
        let _ = request;
        Vec::new()
    }

    /// Is told once, when a service is built, how to reach the clients. The default does nothing.
    ///
    /// # Errors
    ///
    /// A dispatcher that was put together wrongly says so here, and the service is not built.
    fn attach(&self, publisher: Publisher) -> Result<(), Error> {
        let _ = publisher;
        Ok(())
    }
}
