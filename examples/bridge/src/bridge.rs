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
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Mutex, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use crate::http::{Failure, PATIENCE, PAUSE, Server, json_headers};
use crate::http_sse::HttpSse;
use crate::stream::{Stream, is_stream};

/// How long what runs at the end of the input may go on.
const DRAIN: Duration = Duration::from_secs(1);

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

struct Bridge {
    server: Arc<Server>,
    way: Mutex<Way>,
    session: Mutex<Session>,
    lines: mpsc::Sender<Value>,
}

/// How the server is talked to.
enum Way {
    /// It has not accepted a message yet.
    Unknown,
    /// Each message is a request of its own: Streamable HTTP and 2026-07-28.
    Post,
    /// As 2024-11-05 has it. The second value reads the stream until it is dropped.
    HttpSse(
        Arc<HttpSse>,
        #[allow(dead_code, reason = "it is dropped")] JoinSet<()>,
    ),
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
///
/// # Errors
///
/// When the input cannot be read, or the output not written.
pub async fn run(
    server: Server,
    input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let (lines, mut answers) = mpsc::channel::<Value>(16);
    let bridge = Arc::new(Bridge {
        server: Arc::new(server),
        way: Mutex::new(Way::Unknown),
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
        if let Some(session) = bridge.http_sse().await {
            let _ = timeout(DRAIN, session.settle()).await;
        }
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
                let is_modern = cancelled.as_ref().is_some_and(|request| request.is_modern);
                if !is_modern || self.http_sse().await.is_some() {
                    self.pass(&message).await;
                }
                if let Some(request) = cancelled {
                    request.task.abort();
                }
            }
            "notifications/initialized" => {
                self.pass(&message).await;
                if self.http_sse().await.is_none() {
                    running.listen(Arc::clone(self).listen());
                }
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
        if let Some(session) = self.http_sse().await {
            return session.pass(message).await;
        }
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
        eprintln!("{failure}: {}", message["method"]);
        if !message["id"].is_null() && message["method"].is_string() {
            let _ = self.lines.send(failure.answer(&message["id"])).await;
        }
    }

    /// The session with a server of 2024-11-05, if this is one.
    async fn http_sse(&self) -> Option<Arc<HttpSse>> {
        match &*self.way.lock().await {
            Way::HttpSse(session, _) => Some(Arc::clone(session)),
            Way::Unknown | Way::Post => None,
        }
    }

    /// Asks whether this is a server of 2024-11-05, after it has refused the first message (2025-11-25, Transports,
    /// Backwards Compatibility).
    async fn fall_back(&self) -> Result<Option<Arc<HttpSse>>, Failure> {
        let mut way = self.way.lock().await;
        match &*way {
            Way::HttpSse(session, _) => return Ok(Some(Arc::clone(session))),
            Way::Post => return Ok(None),
            Way::Unknown => {}
        }
        let mut reading = JoinSet::new();
        let session = HttpSse::open(&self.server, &self.lines, &mut reading).await?;
        if let Some(session) = &session {
            *way = Way::HttpSse(Arc::clone(session), reading);
        }
        Ok(session)
    }

    /// Notes that the server takes each message as a request of its own.
    async fn accepted(&self) {
        let mut way = self.way.lock().await;
        if matches!(*way, Way::Unknown) {
            *way = Way::Post;
        }
    }

    /// Sends a message once, and passes what the server answers.
    async fn post(&self, message: &Value) -> Result<(), Failure> {
        let headers = self.headers_of(message).await;
        let has_session = headers.contains_key(SESSION);
        let body = Bytes::from(message.to_string());
        let response = self.server.send(Method::POST, headers, body).await?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND && has_session {
            return Err(Failure::SessionGone);
        }
        if may_be_http_sse(&response)
            && let Some(session) = self.fall_back().await?
        {
            session.pass(message).await;
            return Ok(());
        }
        if status.is_success() {
            self.accepted().await;
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
                Err(_) => {}
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
                Err(_) => {}
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
        *self.way.lock().await = Way::Unknown;
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

/// Whether a refusal is one of those that servers of 2024-11-05 have for a message to their stream.
fn may_be_http_sse(response: &Response<Incoming>) -> bool {
    let media = response.headers().get(CONTENT_TYPE);
    match response.status() {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => true,
        // With JSON it is an answer.
        StatusCode::BAD_REQUEST => {
            !media.is_some_and(|media| media.as_bytes().starts_with(b"application/json"))
        }
        _ => false,
    }
}

fn to_bytes(message: &Value) -> Bytes {
    message.to_string().into()
}
