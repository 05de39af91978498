//! Passes messages on: lines on one side, HTTP requests on the other.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use mcp_wire::header_value;
use mcp_wire::sse::Decoder;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Mutex, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::http::{Failure, Server};

/// How long a message waits for a server that cannot be reached, and how often it is tried again.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(300);
/// How long what runs at the end of the input may go on.
const DRAIN: Duration = Duration::from_secs(1);

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

struct Bridge {
    server: Server,
    session: Mutex<Session>,
    lines: mpsc::Sender<Value>,
}

/// The session of a legacy client, and what it takes to open it again.
#[derive(Default)]
struct Session {
    id: Option<HeaderValue>,
    version: Option<HeaderValue>,
    initialize: Option<Value>,
    /// How many times it was opened.
    nth: u64,
}

/// Passes messages on until the input ends.
pub(crate) async fn run(
    server: Server,
    input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let (lines, mut answers) = mpsc::channel::<Value>(16);
    let bridge = Arc::new(Bridge {
        server,
        session: Mutex::default(),
        lines,
    });
    let read = async move {
        let mut input = BufReader::new(input).lines();
        let mut running = Running::default();
        while let Some(line) = input.next_line().await? {
            match serde_json::from_str(&line) {
                Ok(message) => bridge.take(message, &mut running).await,
                Err(_) if line.trim().is_empty() => {}
                Err(error) => eprintln!("the client wrote a line that is no message: {error}"),
            }
        }
        running.end().await;
        bridge.leave().await;
        Ok(())
    };
    let write = async move {
        while let Some(message) = answers.recv().await {
            output.write_all(format!("{message}\n").as_bytes()).await?;
            output.flush().await?;
        }
        Ok(())
    };
    tokio::try_join!(read, write).map(drop)
}

/// The requests that run, by id, and the stream of the session.
#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    requests: HashMap<String, Request>,
    listening: Option<AbortHandle>,
}

struct Request {
    task: AbortHandle,
    is_modern: bool,
}

impl Running {
    /// Replaces the stream of the session, which is another one after an `initialize`.
    fn listen(&mut self, listening: impl Future<Output = ()> + Send + 'static) {
        let before = self.listening.replace(self.tasks.spawn(listening));
        before.inspect(AbortHandle::abort);
    }

    async fn end(mut self) {
        self.listening.inspect(AbortHandle::abort);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _ = timeout(DRAIN, all).await;
    }
}

impl Bridge {
    /// Takes a message of the client.
    async fn take(self: &Arc<Self>, message: Value, running: &mut Running) {
        let method = message["method"].as_str().unwrap_or_default();
        running
            .requests
            .retain(|_, request| !request.task.is_finished());
        match method {
            // Nothing else may come before its answer.
            "initialize" => self.pass(&message).await,
            "notifications/cancelled" => {
                let id = message["params"]["requestId"].to_string();
                let cancelled = running.requests.remove(&id);
                // Closing the connection cancels a request of 2026-07-28, and no other.
                if !cancelled.as_ref().is_some_and(|request| request.is_modern) {
                    self.pass(&message).await;
                }
                if let Some(request) = cancelled {
                    request.task.abort();
                }
            }
            "notifications/initialized" => {
                self.pass(&message).await;
                running.listen(Arc::clone(self).listen());
            }
            _ if message["id"].is_null() || method.is_empty() => self.pass(&message).await,
            _ => {
                let id = message["id"].to_string();
                let is_modern = version_of(&message).is_some();
                let bridge = Arc::clone(self);
                let task = running
                    .tasks
                    .spawn(async move { bridge.pass(&message).await });
                running.requests.insert(id, Request { task, is_modern });
            }
        }
    }

    /// Passes a message on, however often it takes. If that is in vain, a request is answered with an error.
    async fn pass(&self, message: &Value) {
        let began = Instant::now();
        loop {
            let nth = self.session.lock().await.nth;
            let failure = match self.post(message).await {
                Ok(()) => return,
                Err(failure) => failure,
            };
            match failure {
                Failure::Unreachable if began.elapsed() < PATIENCE => sleep(PAUSE).await,
                Failure::SessionGone if began.elapsed() < PATIENCE => self.renew(nth).await,
                failure => return self.give_up(message, &failure).await,
            }
        }
    }

    async fn give_up(&self, message: &Value, failure: &Failure) {
        let why = match failure {
            Failure::Unreachable => "the server cannot be reached",
            Failure::Lost => "the connection to the server broke before the answer",
            Failure::SessionGone => "the server does not keep the session",
        };
        eprintln!("{why}: {}", message["method"]);
        if !message["id"].is_null() && message["method"].is_string() {
            let error = json!({"code": -32603, "message": why});
            let answer = json!({"jsonrpc": "2.0", "id": message["id"], "error": error});
            let _ = self.lines.send(answer).await;
        }
    }

    /// Sends a message once, and passes what the server answers.
    async fn post(&self, message: &Value) -> Result<(), Failure> {
        let headers = self.headers_of(message).await;
        let has_session = headers.contains_key(SESSION);
        let body = Bytes::from(message.to_string());
        let response = self.server.send(Method::POST, headers, body).await?;
        if response.status() == StatusCode::NOT_FOUND && has_session {
            return Err(Failure::SessionGone);
        }
        let opens = message["method"] == "initialize" && version_of(message).is_none();
        let id = response.headers().get(SESSION).cloned();
        let answer = match is_stream(&response) {
            true => self.pass_stream(response, message).await?,
            false => read(response, message).await?,
        };
        if let (true, Some(answer)) = (opens, &answer) {
            self.session.lock().await.open(message, answer, id);
        }
        if let Some(answer) = answer {
            let _ = self.lines.send(answer).await;
        }
        Ok(())
    }

    /// Passes the messages of the stream on which a request is answered. Gives the answer.
    async fn pass_stream(
        &self,
        response: Response<Incoming>,
        request: &Value,
    ) -> Result<Option<Value>, Failure> {
        let mut stream = Stream::of(response);
        loop {
            match stream.next().await {
                Some(message) if message["id"] == request["id"] && message["method"].is_null() => {
                    return Ok(Some(message));
                }
                Some(message) => drop(self.lines.send(message).await),
                // The server may close a connection whose stream goes on (2025-11-25, Transports, Resumability).
                None if !stream.last_event.is_empty() && version_of(request).is_none() => {
                    stream = self.catch_up(stream.last_event).await?;
                }
                None => return Err(Failure::Lost),
            }
        }
    }

    /// Opens a stream that was interrupted. If that fails, the answer is lost: it is not known whether the server has
    /// carried the request out, so it is not sent again.
    async fn catch_up(&self, last_event: String) -> Result<Stream, Failure> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            sleep(PAUSE).await;
            match self.resume(last_event.clone()).await {
                Ok(Some(stream)) => return Ok(stream),
                Ok(None) | Err(Failure::SessionGone) => break,
                Err(Failure::Unreachable | Failure::Lost) => {}
            }
        }
        Err(Failure::Lost)
    }

    /// Opens the stream of the session, or one that was interrupted. `None` if the server has none.
    async fn resume(&self, last_event: String) -> Result<Option<Stream>, Failure> {
        let mut headers = self.session.lock().await.headers();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Ok(last) = HeaderValue::from_str(&last_event)
            && !last_event.is_empty()
        {
            headers.insert(LAST_EVENT, last);
        }
        let response = self.server.send(Method::GET, headers, Bytes::new()).await?;
        match response.status() {
            StatusCode::OK if is_stream(&response) => {
                let mut stream = Stream::of(response);
                stream.last_event = last_event;
                Ok(Some(stream))
            }
            StatusCode::NOT_FOUND => Err(Failure::SessionGone),
            _ => Ok(None),
        }
    }

    /// Passes what the server sends on the stream of the session. The stream is opened again as long as the bridge
    /// lives, in whatever session there is then.
    async fn listen(self: Arc<Self>) {
        let (mut last_event, mut of) = (String::new(), 0);
        loop {
            let nth = self.session.lock().await.nth;
            if nth != of {
                (last_event, of) = (String::new(), nth);
            }
            match self.resume(last_event.clone()).await {
                Ok(Some(mut stream)) => {
                    while let Some(message) = stream.next().await {
                        let _ = self.lines.send(message).await;
                    }
                    last_event = stream.last_event;
                }
                Ok(None) if last_event.is_empty() => return,
                Ok(None) => last_event.clear(),
                Err(Failure::SessionGone) => self.renew(nth).await,
                Err(Failure::Unreachable | Failure::Lost) => {}
            }
            sleep(PAUSE).await;
        }
    }

    /// Opens the session again, unless that was done meanwhile. The client does not notice.
    async fn renew(&self, nth: u64) {
        let mut session = self.session.lock().await;
        let Some(mut initialize) = session.initialize.clone().filter(|_| session.nth == nth) else {
            return;
        };
        initialize["id"] = format!("bridge-{nth}").into();
        session.id = None;
        let Ok(response) = self
            .server
            .send(Method::POST, json_headers(), to_bytes(&initialize))
            .await
        else {
            return sleep(PAUSE).await;
        };
        let id = response.headers().get(SESSION).cloned();
        let answer = match is_stream(&response) {
            true => Stream::of(response).answer(&initialize["id"]).await,
            false => read(response, &initialize).await.ok().flatten(),
        };
        let Some(answer) = answer.filter(|answer| answer["result"].is_object()) else {
            return sleep(PAUSE).await;
        };
        let first = session.initialize.take().unwrap_or_default();
        session.open(&first, &answer, id);
        let mut headers = json_headers();
        headers.extend(session.headers());
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let _ = self
            .server
            .send(Method::POST, headers, to_bytes(&initialized))
            .await;
    }

    async fn headers_of(&self, message: &Value) -> HeaderMap {
        let mut headers = json_headers();
        match version_of(message) {
            Some(version) => {
                let params = &message["params"];
                let names = [&params["name"], &params["uri"], &params["taskId"]];
                let name = names.into_iter().find_map(Value::as_str);
                for (header, text) in [
                    (VERSION, Some(version)),
                    (METHOD, message["method"].as_str()),
                    (NAME, name),
                ] {
                    let value = text.map(|text| HeaderValue::from_str(&header_value::encode(text)));
                    if let Some(Ok(value)) = value {
                        headers.insert(header, value);
                    }
                }
            }
            None if message["method"] == "initialize" => {}
            None => headers.extend(self.session.lock().await.headers()),
        }
        headers
    }

    /// Ends the session.
    async fn leave(&self) {
        let session = self.session.lock().await;
        if session.id.is_some() {
            let deleted = self
                .server
                .send(Method::DELETE, session.headers(), Bytes::new());
            let _ = timeout(DRAIN, deleted).await;
        }
    }
}

impl Session {
    fn open(&mut self, initialize: &Value, answer: &Value, id: Option<HeaderValue>) {
        let version = answer["result"]["protocolVersion"].as_str();
        self.version = version.and_then(|version| HeaderValue::from_str(version).ok());
        self.id = id;
        self.initialize = Some(initialize.clone());
        self.nth += 1;
    }

    fn headers(&self) -> HeaderMap {
        let headers = [(SESSION, &self.id), (VERSION, &self.version)];
        let some = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)));
        some.collect()
    }
}

/// The messages of a stream of events.
struct Stream {
    body: Incoming,
    decoder: Decoder,
    messages: std::vec::IntoIter<(String, Value)>,
    last_event: String,
}

impl Stream {
    fn of(response: Response<Incoming>) -> Self {
        Self {
            body: response.into_body(),
            decoder: Decoder::new(),
            messages: Vec::new().into_iter(),
            last_event: String::new(),
        }
    }

    /// The next message; `None` when the connection has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            for (id, message) in self.messages.by_ref() {
                self.last_event = id;
                if !message.is_null() {
                    return Some(message);
                }
            }
            let Ok(bytes) = self.body.frame().await?.ok()?.into_data() else {
                continue;
            };
            let events = self.decoder.feed(&bytes).into_iter();
            let messages = events.map(|event| {
                let message = serde_json::from_str(&event.data).unwrap_or_default();
                (event.id, message)
            });
            self.messages = messages.collect::<Vec<_>>().into_iter();
        }
    }

    async fn answer(mut self, id: &Value) -> Option<Value> {
        loop {
            let message = self.next().await?;
            if message["id"] == *id {
                return Some(message);
            }
        }
    }
}

/// A body of JSON. An error that does not say which request it is about is about this one.
async fn read(response: Response<Incoming>, message: &Value) -> Result<Option<Value>, Failure> {
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|_| Failure::Lost)?
        .to_bytes();
    let is_request = !message["id"].is_null() && message["method"].is_string();
    if !is_request {
        if !status.is_success() {
            eprintln!(
                "the server answered {status}: {}",
                String::from_utf8_lossy(&body)
            );
        }
        return Ok(None);
    }
    let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !answer.is_object() {
        let error = json!({"code": -32603, "message": format!("the server answered {status}")});
        answer = json!({"jsonrpc": "2.0", "error": error});
    }
    if answer["id"].is_null() {
        answer["id"] = message["id"].clone();
    }
    Ok(Some(answer))
}

/// The revision that a request of 2026-07-28 names.
fn version_of(message: &Value) -> Option<&str> {
    message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str()
}

fn json_headers() -> HeaderMap {
    let accept = HeaderValue::from_static("application/json, text/event-stream");
    let json = HeaderValue::from_static("application/json");
    [(ACCEPT, accept), (CONTENT_TYPE, json)]
        .into_iter()
        .collect()
}

fn is_stream(response: &Response<Incoming>) -> bool {
    let media = response.headers().get(CONTENT_TYPE);
    media.is_some_and(|media| media.as_bytes().starts_with(b"text/event-stream"))
}

fn to_bytes(message: &Value) -> Bytes {
    message.to_string().into()
}
