//! The feature `tower`: [`McpService`] is a service of that ecosystem too.

use std::convert::Infallible;
use std::task::{Context, Poll};

use hyper::body::Body;
use hyper::{Request, Response};
use tower_service::Service;

use super::future::BoxFuture;
use super::intake::request_body::BoxError;
use super::service::McpService;
use super::stream::body::ResponseBody;

/// For routers and layers of tower, such as axum. It is always ready, because its limits are answered with a
/// status.
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
impl<B> Service<Request<B>> for McpService
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        hyper::service::Service::call(self, request)
    }
}
