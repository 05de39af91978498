//! [`Routes`]: what a service has to be so that connections can be served with it.

use std::convert::Infallible;

use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response};

/// A service that answers the requests of every connection.
pub(super) trait Routes<B>:
    Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
    + Send
    + Sync
    + 'static
{
}

impl<R, B> Routes<B> for R where
    R: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Send
        + Sync
        + 'static
{
}
