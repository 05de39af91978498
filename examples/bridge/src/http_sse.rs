//! [`HttpSse`]: servers of 2024-11-05, whose answers arrive on one stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::header::{ACCEPT, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::http::{Failure, PATIENCE, PAUSE, Server, json_headers};
use crate::stream::{Stream, is_stream};

/// The session with the server. The client does not notice when its stream breaks: it is opened again, and the
/// session with it.
pub(crate) struct HttpSse {
    server: Arc<Server>,
    lines: mpsc::Sender<Value>,
    state: Mutex<State>,
    /// Where messages go, while there is a stream on which they are answered.
    open: watch::Sender<Option<Endpoint>>,
    /// Told when an answer was passed on.
    answered: Notify,
}

#[derive(Clone, PartialEq)]
struct Endpoint {
    /// How many streams there were before this one.
    nth: u64,
    path: String,
}

#[derive(Default)]
struct State {
    /// The client's `initialize`, once it was answered: what it takes to open the session again.
    initialize: Option<Value>,
    /// The client's `initialize`, until it is answered.
    initializing: Option<Value>,
    /// The requests without an answer, by id.
    waiting: HashMap<String, Waiting>,
}

/// What is known of a request that waits for its answer.
struct Waiting {
    id: Value,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Who sends it sees what becomes of it.
    Sending,
    /// Only the stream can bring its answer.
    Sent,
}

impl HttpSse {
    /// Opens the stream, if the server has one. A task of its own reads it.
    pub(crate) async fn open(
        server: &Arc<Server>,
        lines: &mpsc::Sender<Value>,
        reading: &mut JoinSet<()>,
    ) -> Result<Option<Arc<Self>>, Failure> {
        let Some((stream, path)) = connect(server).await? else {
            return Ok(None);
        };
        let (open, _) = watch::channel(None);
        let session = Arc::new(Self {
            server: Arc::clone(server),
            lines: lines.clone(),
            state: Mutex::default(),
            open,
            answered: Notify::new(),
        });
        reading.spawn(Arc::clone(&session).read(stream, path));
        Ok(Some(session))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one stream after the other.
    async fn read(self: Arc<Self>, mut stream: Stream, mut path: String) {
        for nth in 0.. {
            let endpoint = Endpoint { nth, path };
            if self.renew(&mut stream, &endpoint).await {
                self.open.send_replace(Some(endpoint));
                while let Some(message) = stream.next().await {
                    if self.lines.send(message.clone()).await.is_err() {
                        return;
                    }
                    self.note(&message);
                }
            }
            for id in self.close() {
                let _ = self.lines.send(Failure::Lost.answer(&id)).await;
            }
            (stream, path) = loop {
                sleep(PAUSE).await;
                if let Ok(Some(again)) = connect(&self.server).await {
                    break again;
                }
            };
        }
    }

    /// Opens the session again on a new stream, if there was one before. Whether the stream can be used.
    async fn renew(&self, stream: &mut Stream, endpoint: &Endpoint) -> bool {
        let Some(mut initialize) = self.state().initialize.clone() else {
            return true;
        };
        initialize["id"] = format!("bridge-{}", endpoint.nth).into();
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let answered = async {
            self.post(endpoint, &initialize).await.ok()?;
            loop {
                let message = stream.next().await?;
                if message["id"] == initialize["id"] {
                    return Some(message);
                }
                self.lines.send(message).await.ok()?;
            }
        };
        let answer = timeout(PATIENCE, answered).await.ok().flatten();
        answer.is_some_and(|answer| answer["result"].is_object())
            && self.post(endpoint, &initialized).await.is_ok()
    }

    /// Notes that a request is answered.
    fn note(&self, message: &Value) {
        if !message["method"].is_null() {
            return;
        }
        let mut state = self.state();
        state.waiting.remove(&message["id"].to_string());
        let is_first = |first: &mut Value| first["id"] == message["id"];
        self.answered.notify_waiters();
        if let Some(first) = state.initializing.take_if(is_first)
            && message["result"].is_object()
        {
            state.initialize = Some(first);
        }
    }

    /// Waits until all requests are answered.
    pub(crate) async fn settle(&self) {
        loop {
            let answered = self.answered.notified();
            if self.state().waiting.is_empty() {
                return;
            }
            answered.await;
        }
    }

    /// Nothing can be sent from now on. Gives the ids of the requests whose answers are lost.
    fn close(&self) -> Vec<Value> {
        let mut state = self.state();
        self.open.send_replace(None);
        let lost = state.waiting.extract_if(|_, it| it.phase == Phase::Sent);
        lost.map(|(_, waiting)| waiting.id).collect()
    }

    /// Passes a message on, however often it takes. If that is in vain, a request is answered with an error.
    pub(crate) async fn pass(&self, message: &Value) {
        let end = Instant::now() + PATIENCE;
        let is_request = !message["id"].is_null() && message["method"].is_string();
        let key = message["id"].to_string();
        if message["method"] == "initialize" {
            self.state().initializing = Some(message.clone());
        }
        if message["method"] == "notifications/cancelled" {
            let id = message["params"]["requestId"].to_string();
            self.state().waiting.remove(&id);
        }
        let mut not = None;
        let failure = loop {
            let Some(endpoint) = self.endpoint(end, not).await else {
                break Failure::Unreachable;
            };
            if is_request {
                let waiting = Waiting {
                    id: message["id"].clone(),
                    phase: Phase::Sending,
                };
                self.state().waiting.insert(key.clone(), waiting);
            }
            match self.post(&endpoint, message).await {
                Ok(()) if self.is_sent(&key, &endpoint) => return,
                Ok(()) => break Failure::Lost,
                // Another stream brings another session.
                Err(Failure::SessionGone) => not = Some(endpoint.nth),
                Err(Failure::Unreachable) => sleep(PAUSE).await,
                Err(failure) => break failure,
            }
        };
        self.state().waiting.remove(&key);
        eprintln!("{failure}: {}", message["method"]);
        if is_request {
            let _ = self.lines.send(failure.answer(&message["id"])).await;
        }
    }

    /// Where messages go: waits for a stream, and for another than one that is of no use any more.
    async fn endpoint(&self, end: Instant, not: Option<u64>) -> Option<Endpoint> {
        let mut open = self.open.subscribe();
        let is_usable = |open: &Option<Endpoint>| {
            let nth = open.as_ref().map(|endpoint| endpoint.nth);
            nth.is_some() && nth != not
        };
        let found = timeout_at(end, open.wait_for(is_usable)).await.ok()?;
        found.ok()?.clone()
    }

    /// Whether the answer to a request that was sent can still come, or came.
    fn is_sent(&self, key: &str, endpoint: &Endpoint) -> bool {
        let mut state = self.state();
        let Some(waiting) = state.waiting.get_mut(key) else {
            return true;
        };
        waiting.phase = Phase::Sent;
        self.open.borrow().as_ref() == Some(endpoint)
    }

    /// Sends a message once.
    async fn post(&self, endpoint: &Endpoint, message: &Value) -> Result<(), Failure> {
        let body = Bytes::from(message.to_string());
        let sent = self
            .server
            .send_to(&endpoint.path, Method::POST, json_headers(), body)
            .await?;
        match sent.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(Failure::SessionGone),
            status if status.is_success() => Ok(()),
            status => Err(Failure::Refused(status)),
        }
    }
}

/// Opens a stream, and reads where its messages go. `None` if the server has no such stream.
async fn connect(server: &Server) -> Result<Option<(Stream, String)>, Failure> {
    let accept = (ACCEPT, HeaderValue::from_static("text/event-stream"));
    let headers: HeaderMap = [accept].into_iter().collect();
    let opened = server.send(Method::GET, headers, Bytes::new()).await?;
    if !opened.status().is_success() || !is_stream(&opened) {
        return Ok(None);
    }
    let mut stream = Stream::of(opened);
    // "The server MUST send an `endpoint` event" first (2024-11-05, Transports, HTTP with SSE).
    let first = timeout(PATIENCE, stream.event()).await.ok().flatten();
    let Some(event) = first.filter(|event| event.name == "endpoint") else {
        return Ok(None);
    };
    let path = server.resolve(&event.data);
    if path.is_none() {
        eprintln!(
            "the server wants messages at another origin: {}",
            event.data
        );
    }
    Ok(path.map(|path| (stream, path)))
}
