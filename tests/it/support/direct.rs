//! Requests without a socket, so that the clock can be paused and a body left unread.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode};
use mcp_wire::ResponseBody;
use mcp_wire::sse::{Decoder, Received};

/// A request with these header lines, each ended by CRLF, to `localhost`.
pub(crate) fn direct(line: &str, headers: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("host", "localhost");
    for header in headers.lines() {
        let (name, value) = header.split_once(": ").expect("a header line");
        request = request.header(name, value);
    }
    request.body(Full::new(body.into())).unwrap()
}

/// The whole body, once it has ended.
pub(crate) async fn whole(response: Response<ResponseBody>) -> (StatusCode, String) {
    let status = response.status();
    let Ok(body) = response.into_body().collect().await;
    (status, String::from_utf8(body.to_bytes().into()).unwrap())
}

/// The next event of a body; `None` at its end.
pub(crate) async fn event(body: &mut ResponseBody, decoder: &mut Decoder) -> Option<Received> {
    loop {
        let Ok(frame) = body.frame().await?;
        let events = decoder.feed(&frame.into_data().unwrap());
        assert!(events.len() < 2, "a frame is an event: {events:?}");
        if let Some(event) = events.into_iter().next() {
            return Some(event);
        }
    }
}
