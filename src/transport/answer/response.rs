//! The responses of the service: JSON, a stream of events, a refusal.

use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode, Version};

use crate::protocol::header::{MCP_SESSION_ID, X_ACCEL_BUFFERING};
use crate::protocol::rejection::Refusal;
use crate::transport::stream::body::ResponseBody;
use crate::wire::jsonrpc::Id;
use crate::wire::pieces::Pieces;

/// A response that no cache may keep, because it belongs to one session (SPEC C-103).
pub(crate) fn response(status: StatusCode, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A response with a JSON body.
pub(crate) fn json_response(status: StatusCode, body: impl Into<Pieces>) -> Response<ResponseBody> {
    let mut response = response(status, ResponseBody::full(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A response with a stream of events (SPEC C-102, H-1, PITFALLS R-21).
pub(crate) fn stream_response(body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// A response that refuses a request.
pub(crate) fn refuse(
    refusal: Refusal,
    id: Option<&Id>,
    version: Version,
) -> Response<ResponseBody> {
    let mut response = json_response(refusal.status, refusal.body(id));
    let headers = response.headers_mut();
    if refusal.is_plain {
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(CONTENT_TYPE, plain);
    }
    if let Some((name, value)) = refusal.header {
        headers.insert(name, value);
    }
    if refusal.closes {
        announce_close(&mut response, version);
    }
    response
}

/// Says that the connection ends after this response (RFC 9112 section 9.6). HTTP/2 forbids the header
/// (PITFALLS R-21).
pub(crate) fn announce_close(response: &mut Response<ResponseBody>, version: Version) {
    if version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
}

/// The answer to messages that have no other (202).
pub(crate) fn accepted() -> Response<ResponseBody> {
    response(StatusCode::ACCEPTED, ResponseBody::empty())
}

/// Names the session in a response, as the client spells it (SPEC C-82, J-31).
pub(crate) fn name_session(
    mut response: Response<ResponseBody>,
    name: HeaderValue,
) -> Response<ResponseBody> {
    response.headers_mut().insert(MCP_SESSION_ID, name);
    response
}
