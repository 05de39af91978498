//! [`answer`]: answers a request of HTTP/2.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Either;
use hyper::body::{Body, Incoming};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response};

use super::super::routes::Routes;
use super::super::setup::ConnectionSetup;
use super::pace::PacedBody;
use crate::protocol::guard::requested_host;
use crate::protocol::rejection::Reason;
use crate::transport::intake::request_body::BoxError;

/// Answers a request of HTTP/2, in the task of its stream.
pub(super) async fn answer<R, B>(
    setup: Arc<ConnectionSetup<R>>,
    mut request: Request<Incoming>,
) -> Result<Response<impl Body<Data = Bytes, Error = BoxError> + Send + use<R, B>>, Infallible>
where
    R: Routes<B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // A tunnel is no stream of a request: none of the limits would hold for it.
    request.extensions_mut().remove::<OnUpgrade>();
    setup.mark(&mut request);
    let mcp = &setup.mcp;
    let response = match has_host(&request) {
        Err(why) => mcp.refuse(why, request.version()).map(Either::Left),
        Ok(()) if mcp.endpoint(request.uri().path()).is_some() => {
            mcp.call(request).await.map(Either::Left)
        }
        Ok(()) => {
            let Ok(response) = setup.routes.call(request).await;
            response.map(Either::Right)
        }
    };
    Ok(response.map(PacedBody::new))
}

/// RFC 9113, 8.3.1: a request names its host once, whatever the path, or twice in the same way.
fn has_host(request: &Request<Incoming>) -> Result<(), Reason> {
    let host = requested_host(request.version(), request.uri(), request.headers())?;
    host.map(drop).ok_or(Reason::BadHost)
}
