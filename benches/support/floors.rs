//! The floors of the comparison: bare hyper with the same echo, and without MCP.
//!
//! `lean` finds the id and the argument with a scan that validates nothing, and writes the answer into one
//! buffer. `tree` parses the whole body into a `serde_json::Value`, and serializes the answer from another.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

/// The members that an answer of 2026-07-28 has in addition to the text.
pub(crate) const MODERN: &str = r#","resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"Echo","version":"1.0.0"}}"#;

/// Makes the answer from a body and the suffix of the revision.
pub(crate) type Answer = fn(&[u8], &str) -> Vec<u8>;

pub(crate) fn lean(body: &[u8], suffix: &str) -> Vec<u8> {
    let id = part(body, b"\"id\":", b",}");
    let text = part(body, b"\"message\":\"", b"\"");
    let head = br#"{"jsonrpc":"2.0","id":"#;
    let mut out = Vec::with_capacity(id.len() + text.len() + suffix.len() + 128);
    out.extend_from_slice(head);
    out.extend_from_slice(id);
    out.extend_from_slice(br#","result":{"content":[{"type":"text","text":""#);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\"}]");
    out.extend_from_slice(suffix.as_bytes());
    out.extend_from_slice(b"}}");
    out
}

fn part<'a>(body: &'a [u8], before: &[u8], ends: &[u8]) -> &'a [u8] {
    // A plain search is fast enough: `before` starts with a quote, which is rare.
    let mut at = 0;
    while !body[at..].starts_with(before) {
        at += 1;
    }
    let rest = &body[at + before.len()..];
    let end = rest.iter().position(|byte| ends.contains(byte));
    &rest[..end.unwrap_or(rest.len())]
}

pub(crate) fn tree(body: &[u8], suffix: &str) -> Vec<u8> {
    let call: Value = serde_json::from_slice(body).expect("JSON");
    let text = &call["params"]["arguments"]["message"];
    let mut answer = json!({
        "jsonrpc": "2.0",
        "id": call["id"],
        "result": {"content": [{"type": "text", "text": text}]},
    });
    if !suffix.is_empty() {
        answer["result"]["resultType"] = "complete".into();
        answer["result"]["_meta"] = json!({
            "io.modelcontextprotocol/serverInfo": {"name": "Echo", "version": "1.0.0"},
        });
    }
    serde_json::to_vec(&answer).expect("a Vec takes every byte")
}

/// The body of an event stream. A POST appends events to it.
#[derive(Clone, Default)]
pub(crate) struct Stream(Rc<RefCell<Events>>);

#[derive(Default)]
struct Events {
    waiting: VecDeque<Bytes>,
    reader: Option<Waker>,
}

impl Stream {
    fn put(&self, event: Vec<u8>) {
        self.put_shared(event.into());
    }

    /// Appends an event that several streams share.
    pub(crate) fn put_shared(&self, event: Bytes) {
        let mut events = self.0.borrow_mut();
        events.waiting.push_back(event);
        if let Some(reader) = events.reader.take() {
            reader.wake();
        }
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut events = self.0.borrow_mut();
        match events.waiting.pop_front() {
            Some(event) => Poll::Ready(Some(Ok(Frame::data(event)))),
            None => {
                events.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

pub(crate) type Answered = Response<Either<Full<Bytes>, Stream>>;

/// Answers a POST with JSON.
pub(crate) async fn post(request: Request<Incoming>, answer: Answer, suffix: &str) -> Answered {
    let body = body_of(request).await;
    full(StatusCode::OK, answer(&body, suffix))
}

/// Answers a GET with the stream, and a POST with an event on it.
pub(crate) async fn sse(request: Request<Incoming>, stream: Stream, answer: Answer) -> Answered {
    match *request.method() {
        Method::GET => opened(stream, 1),
        _ => event(request, &stream, answer).await,
    }
}

/// Answers with a stream that starts with the `endpoint` event.
pub(crate) fn opened(stream: Stream, session: usize) -> Answered {
    let endpoint = format!("event: endpoint\ndata: /messages/?session_id={session}\n\n");
    stream.put(endpoint.into());
    let mut response = Response::new(Either::Right(stream));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

/// Puts the answer on the stream as an event.
pub(crate) async fn event(request: Request<Incoming>, stream: &Stream, answer: Answer) -> Answered {
    let body = body_of(request).await;
    let message = answer(&body, "");
    stream.put([b"event: message\ndata: ", &message[..], b"\n\n"].concat());
    full(StatusCode::ACCEPTED, b"Accepted".to_vec())
}

async fn body_of(request: Request<Incoming>) -> Bytes {
    let body = request.into_body().collect().await;
    body.expect("a body").to_bytes()
}

fn full(status: StatusCode, body: Vec<u8>) -> Answered {
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
