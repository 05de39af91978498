//! [`Http`]: the HTTP side of a client, without a socket.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use serde_json::Value;

use super::error::Error;
use super::inbox::Inbox;
use super::profile::Profile;
use crate::transport::service::McpService;
use crate::transport::stream::body::ResponseBody;
use crate::wire::sse::{Decoder, EventName, Received};

/// Sends the requests of one client, and counts them.
pub(super) struct Http {
    pub(super) mcp: McpService,
    pub(super) profile: Arc<Profile>,
    pub(super) inbox: Arc<Inbox>,
    last_id: AtomicU64,
}

pub(super) type Headers = Vec<(HeaderName, String)>;

impl Http {
    pub(super) fn new(mcp: McpService, profile: Arc<Profile>) -> Self {
        Self {
            mcp,
            profile,
            inbox: Arc::default(),
            last_id: AtomicU64::new(0),
        }
    }

    /// A number that was not used before, for a request or a progress token.
    pub(super) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) async fn post(
        &self,
        path: &str,
        headers: Headers,
        message: &Value,
    ) -> Result<Incoming, Error> {
        let accepted = "application/json, text/event-stream".to_owned();
        let mut all = vec![
            (CONTENT_TYPE, "application/json".to_owned()),
            (ACCEPT, accepted),
        ];
        all.extend(headers);
        self.send(Method::POST, path, all, message.to_string())
            .await
    }

    pub(super) async fn get(&self, path: &str, headers: Headers) -> Result<Incoming, Error> {
        let mut all = vec![(ACCEPT, "text/event-stream".to_owned())];
        all.extend(headers);
        self.send(Method::GET, path, all, String::new()).await
    }

    pub(super) async fn delete(&self, path: &str, headers: Headers) -> Result<Incoming, Error> {
        self.send(Method::DELETE, path, headers, String::new())
            .await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: Headers,
        body: String,
    ) -> Result<Incoming, Error> {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Full::new(Bytes::from(body)));
        let mut request =
            request.map_err(|_| Error::unexpected(format!("{path:?} is no path of a request")))?;
        *request.headers_mut() = self.headers(headers)?;
        if let Some(identity) = &self.profile.identity {
            request.extensions_mut().insert(identity.clone());
        }
        let (head, body) = self.mcp.call(request).await.into_parts();
        if !head.status.is_success() {
            let body = whole(body).await;
            return Err(Error::refused(head.status, head.headers, &body));
        }
        Ok(Incoming::new(head.headers, body))
    }

    /// The headers of a request. What the test sets replaces the client's own.
    fn headers(&self, own: Headers) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost"));
        for (name, value) in own {
            headers.insert(name, header_value(&value)?);
        }
        let mut set = HeaderMap::new();
        for (name, value) in &self.profile.headers {
            let name: HeaderName = name
                .parse()
                .map_err(|_| Error::unexpected(format!("{name:?} is no name of a header")))?;
            set.append(name, header_value(value)?);
        }
        for name in set.keys() {
            headers.remove(name);
        }
        headers.extend(set);
        Ok(headers)
    }
}

fn header_value(value: &str) -> Result<HeaderValue, Error> {
    let read = HeaderValue::from_str(value);
    read.map_err(|_| Error::unexpected(format!("{value:?} is no value of a header")))
}

async fn whole(body: ResponseBody) -> Bytes {
    let Ok(body) = body.collect().await;
    body.to_bytes()
}

/// A response that is read as it arrives. Dropping it means that the client leaves.
pub(super) struct Incoming {
    headers: HeaderMap,
    body: ResponseBody,
    /// `None` if the body is one JSON message.
    events: Option<Events>,
}

#[derive(Default)]
struct Events {
    decoder: Decoder,
    ready: VecDeque<Received>,
    /// The id of the last event that was read.
    last_id: String,
}

impl Incoming {
    fn new(headers: HeaderMap, body: ResponseBody) -> Self {
        let kind = headers.get(CONTENT_TYPE);
        let is_events = kind.is_some_and(|kind| kind == "text/event-stream");
        Self {
            headers,
            body,
            events: is_events.then(Events::default),
        }
    }

    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next message; `None` at the end.
    pub(super) async fn message(&mut self) -> Result<Option<Value>, Error> {
        if self.events.is_none() {
            let body = std::mem::replace(&mut self.body, ResponseBody::empty());
            let body = whole(body).await;
            return match body.is_empty() {
                true => Ok(None),
                false => read(&body).map(Some),
            };
        }
        while let Some(event) = self.event().await {
            if event.name != EventName::Message.as_str() {
                let came = format!("an event {:?} came, which is no message", event.name);
                return Err(Error::unexpected(came));
            }
            // A priming event has no data.
            if !event.data.is_empty() {
                return read(event.data.as_bytes()).map(Some);
            }
        }
        Ok(None)
    }

    /// The next event; `None` at the end.
    pub(super) async fn event(&mut self) -> Option<Received> {
        let events = self.events.as_mut()?;
        while events.ready.is_empty() {
            let Ok(frame) = self.body.frame().await?;
            let bytes = frame.into_data().unwrap_or_default();
            events.ready.extend(events.decoder.feed(&bytes));
        }
        let event = events.ready.pop_front()?;
        if !event.id.is_empty() {
            events.last_id.clone_from(&event.id);
        }
        Some(event)
    }

    /// Where the stream can be resumed, and after which time. `None` if it cannot.
    pub(super) fn resumption(&self) -> Option<(String, Duration)> {
        let events = self.events.as_ref()?;
        if events.last_id.is_empty() {
            return None;
        }
        let wait = events.decoder.retry().unwrap_or(RETRY);
        Some((events.last_id.clone(), Duration::from_millis(wait)))
    }
}

/// After how many milliseconds a client resumes that was not told a time.
const RETRY: u64 = 1000;

fn read(text: &[u8]) -> Result<Value, Error> {
    let came = || format!("{:?} came, which is no JSON", String::from_utf8_lossy(text));
    serde_json::from_slice(text).map_err(|_| Error::unexpected(came()))
}
