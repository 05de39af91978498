//! What hyper alone needs for the same exchange: an echo server without a protocol.
//!
//! `lean` finds the id and the argument with a bare scan that checks nothing, and writes the answer into one
//! buffer; `tree` reads the whole body into a `serde_json::Value` and prints the answer from another.

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

/// What the answers of a revision have beyond the text.
pub(crate) const MODERN: &str = r#","resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"Echo","version":"1.0.0"}}"#;

/// How a floor makes the answer from a body.
pub(crate) type Answer = fn(&[u8], &str) -> Vec<u8>;

pub(crate) fn lean(body: &[u8], behind: &str) -> Vec<u8> {
    let id = part(body, b"\"id\":", b",}");
    let text = part(body, b"\"message\":\"", b"\"");
    let head = br#"{"jsonrpc":"2.0","id":"#;
    let mut out = Vec::with_capacity(id.len() + text.len() + behind.len() + 128);
    out.extend_from_slice(head);
    out.extend_from_slice(id);
    out.extend_from_slice(br#","result":{"content":[{"type":"text","text":""#);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\"}]");
    out.extend_from_slice(behind.as_bytes());
    out.extend_from_slice(b"}}");
    out
}

fn part<'a>(body: &'a [u8], before: &[u8], behind: &[u8]) -> &'a [u8] {
    // The first byte is a quote, of which there are few.
    let mut at = 0;
    while !body[at..].starts_with(before) {
        at += 1;
    }
    let rest = &body[at + before.len()..];
    let end = rest.iter().position(|byte| behind.contains(byte));
    &rest[..end.unwrap_or(rest.len())]
}

pub(crate) fn tree(body: &[u8], behind: &str) -> Vec<u8> {
    let call: Value = serde_json::from_slice(body).expect("JSON");
    let text = &call["params"]["arguments"]["message"];
    let mut answer = json!({
        "jsonrpc": "2.0",
        "id": call["id"],
        "result": {"content": [{"type": "text", "text": text}]},
    });
    if !behind.is_empty() {
        answer["result"]["resultType"] = "complete".into();
        answer["result"]["_meta"] = json!({
            "io.modelcontextprotocol/serverInfo": {"name": "Echo", "version": "1.0.0"},
        });
    }
    serde_json::to_vec(&answer).expect("a Vec takes every byte")
}

/// A stream that a POST puts events on.
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

    /// An event that other streams have as well.
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

/// JSON for JSON.
pub(crate) async fn post(request: Request<Incoming>, answer: Answer, behind: &str) -> Answered {
    let body = body_of(request).await;
    full(StatusCode::OK, answer(&body, behind))
}

/// A stream for a GET; a POST puts its answer on it.
pub(crate) async fn sse(request: Request<Incoming>, stream: Stream, answer: Answer) -> Answered {
    match *request.method() {
        Method::GET => opened(stream, 1),
        _ => event(request, &stream, answer).await,
    }
}

/// A stream that says where its messages go.
pub(crate) fn opened(stream: Stream, session: usize) -> Answered {
    let endpoint = format!("event: endpoint\ndata: /messages/?session_id={session}\n\n");
    stream.put(endpoint.into());
    let mut response = Response::new(Either::Right(stream));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

/// The answer as an event.
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
