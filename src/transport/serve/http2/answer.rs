//! [`answer`]: answers a request of HTTP/2.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::{Body, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response};

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
    let is_head = request.method() == Method::HEAD;
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
    Ok(if is_head {
        head_of(response).map(Either::Right)
    } else {
        response.map(PacedBody::new).map(Either::Left)
    })
}

/// RFC 9110, 9.3.2: the head of a response, with the length that its body has, and no body. On HTTP/1.1 hyper
/// does this, on HTTP/2 it sends the body, which is a protocol error.
fn head_of<B: Body>(response: Response<B>) -> Response<Empty<Bytes>> {
    let (mut head, body) = response.into_parts();
    let len = body.size_hint().exact().filter(|len| *len > 0);
    if let Some(len) = len {
        head.headers
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| len.into());
    }
    Response::from_parts(head, Empty::new())
}

/// RFC 9113, 8.3.1: a request names its host once, whatever the path, or twice in the same way.
fn has_host(request: &Request<Incoming>) -> Result<(), Reason> {
    let host = requested_host(request.version(), request.uri(), request.headers())?;
    host.map(drop).ok_or(Reason::BadHost)
}
