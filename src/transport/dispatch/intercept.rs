//! [`intercept`]: a dispatcher with code of your own around its requests.

use std::future::Future;
use std::sync::Arc;

use super::context::Context;
use super::dispatcher::{Answer, Dispatcher};
use super::publisher::Publisher;
use crate::error::Error;
use crate::transport::future::BoxFuture;
use crate::wire::message::{Notification, Request};

/// Puts `handler` around the requests of a dispatcher: to count, to log, to refuse, or to answer them itself.
/// The handler gets the dispatcher, and passes on what it does not answer. Scopes, notifications and the
/// publisher are the business of the dispatcher as before.
///
/// ```
/// use std::sync::Arc;
///
/// use mcp_wire::jsonrpc::{ErrorObject, Json, Request};
/// use mcp_wire::{Context, Dispatcher, McpService, intercept};
///
/// async fn counted<D: Dispatcher>(next: Arc<D>, cx: Context, request: Request) -> Result<Json, ErrorObject> {
///     let method = request.method().to_owned();
///     let answer = next.request(cx, request).await;
///     println!("{method}: {}", answer.is_ok());
///     answer
/// }
///
/// # fn example(dispatcher: impl Dispatcher) -> Result<(), mcp_wire::Error> {
/// let mcp = McpService::builder(intercept(dispatcher, counted)).build()?;
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// The future of the handler is dropped when the request is cancelled or its session ends.
pub fn intercept<D, F>(
    dispatcher: D,
    handler: impl Fn(Arc<D>, Context, Request) -> F + Send + Sync + 'static,
) -> impl Dispatcher
where
    D: Dispatcher,
    F: Future<Output = Answer> + Send + 'static,
{
    Intercepted {
        dispatcher: Arc::new(dispatcher),
        handler,
    }
}

struct Intercepted<D, H> {
    dispatcher: Arc<D>,
    handler: H,
}

impl<D, H, F> Dispatcher for Intercepted<D, H>
where
    D: Dispatcher,
    H: Fn(Arc<D>, Context, Request) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    fn request(&self, cx: Context, request: Request) -> BoxFuture<Answer> {
        Box::pin((self.handler)(Arc::clone(&self.dispatcher), cx, request))
    }

    fn notification(&self, cx: Context, notification: Notification) -> BoxFuture<()> {
        self.dispatcher.notification(cx, notification)
    }

    fn scopes(&self, request: &Request) -> Vec<String> {
        self.dispatcher.scopes(request)
    }

    fn attach(&self, publisher: Publisher) -> Result<(), Error> {
        self.dispatcher.attach(publisher)
    }
}
