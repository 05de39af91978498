//! Answers requests for the documents about the authorization, which anyone may read (SPEC F-20, F-27,
//! F-28).

use bytes::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL,
    CONTENT_LENGTH, HeaderValue, ORIGIN,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use crate::protocol::exchange::METADATA_METHODS;
use crate::protocol::protected::Published;
use crate::protocol::rejection::Reason;
use crate::transport::answer::response::{json_response, response};
use crate::transport::stream::body::ResponseBody;

/// Answers a request for a document.
pub(crate) fn answer(
    published: &Published,
    head: &Parts,
) -> Result<Response<ResponseBody>, Reason> {
    let document = published
        .document(head.uri.path())
        .ok_or(Reason::UnknownPath)?;
    let mut response = match head.method {
        Method::GET => json_response(StatusCode::OK, document.clone()),
        Method::HEAD => {
            let mut response = json_response(StatusCode::OK, Bytes::new());
            let len = HeaderValue::from(document.len());
            response.headers_mut().insert(CONTENT_LENGTH, len);
            response
        }
        Method::OPTIONS => {
            let mut response = response(StatusCode::NO_CONTENT, ResponseBody::empty());
            let headers = response.headers_mut();
            headers.insert(ALLOW, HeaderValue::from_static(METADATA_METHODS));
            let methods = HeaderValue::from_static(METADATA_METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            response
        }
        _ => {
            return Err(Reason::MethodNotAllowed {
                allow: METADATA_METHODS,
            });
        }
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let for_an_hour = HeaderValue::from_static("public, max-age=3600");
    headers.insert(CACHE_CONTROL, for_an_hour);
    Ok(response)
}

/// Removes the `Origin`, so that it is not checked: pages of any origin may read the documents.
pub(crate) fn forget_origin(head: &mut Parts) {
    head.headers.remove(ORIGIN);
}
