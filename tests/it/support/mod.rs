//! What the tests use: a running server, raw requests, and clients that check everything.

#[cfg(feature = "server")]
pub(crate) mod acts;
#[cfg(feature = "server")]
pub(crate) mod desktop;
pub(crate) mod direct;
#[cfg(feature = "server")]
pub(crate) mod doors;
pub(crate) mod inside;
#[cfg(feature = "server")]
pub(crate) mod knock;
#[cfg(feature = "server")]
pub(crate) mod probe;
#[cfg(feature = "server")]
pub(crate) mod stress;
#[cfg(all(feature = "server", feature = "http2"))]
pub(crate) mod stress_http2;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use mcp_wire::sse::{Decoder, Received};
use mcp_wire::{McpService, Serve};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Only a hang takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Fails instead of hanging.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen"),
    }
}

/// A server on a free loopback port; stops with `stop`, or with the test's runtime.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) mcp: McpService,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), mcp_wire::Error>>,
}

pub(crate) async fn start(mcp: McpService) -> Running {
    start_with(mcp, |serve| serve).await
}

/// As `start`, with an accept loop of other limits.
pub(crate) async fn start_with(mcp: McpService, set: impl FnOnce(Serve) -> Serve) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { drop(stopped.await) };
    let serve = set(Serve::new(listener, mcp.clone()));
    let task = tokio::spawn(serve.run(shutdown));
    Running {
        address,
        mcp,
        stop,
        task,
    }
}

impl Running {
    /// Begins to drain; await the handle for the end.
    pub(crate) fn stop(self) -> JoinHandle<Result<(), mcp_wire::Error>> {
        let _ = self.stop.send(());
        self.task
    }
}

/// An HTTP response, in parts.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The head as it came, lines ended by CRLF.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a response head");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let (head, body) = (head.to_owned(), body.to_owned());
        Self {
            status: status.expect("a status"),
            head,
            body,
        }
    }

    /// The first header of this name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Sends bytes on a new connection and reads to its end. The request must ask for the end with
/// `Connection: close`, or be one after which the server closes.
pub(crate) async fn raw(address: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_ref()).await.unwrap();
    let mut answer = Vec::new();
    let end = soon("the end of the answer", socket.read_to_end(&mut answer)).await;
    // A server that closes with a body unread resets the connection after its answer.
    if let Err(error) = end {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    Answer::parse(&String::from_utf8(answer).unwrap())
}

/// A request with these header lines (each ended by CRLF) and this body, on its own connection.
/// `Host` and `Connection: close` are added, `Content-Length` if there is a body.
pub(crate) async fn request(
    address: SocketAddr,
    line: &str,
    headers: &str,
    body: impl AsRef<[u8]>,
) -> Answer {
    let body = body.as_ref();
    let mut text = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}");
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    raw(address, bytes).await
}

/// A response that is read as it arrives, on its own connection. Dropping it means that the client
/// leaves.
pub(crate) struct Stream {
    socket: TcpStream,
    decoder: Decoder,
    chunks: Chunked,
    events: VecDeque<Received>,
    /// The head as it came, lines ended by CRLF.
    pub(crate) head: String,
}

impl Stream {
    /// Sends a request with these header lines (each ended by CRLF) and this body, and reads the
    /// head of the response.
    pub(crate) async fn open(
        address: SocketAddr,
        line: &str,
        headers: &str,
        body: impl AsRef<[u8]>,
    ) -> Self {
        let mut stream = Self::send(address, line, headers, body).await;
        stream.read_head().await;
        stream
    }

    /// As `open`, without waiting for a response.
    pub(crate) async fn send(
        address: SocketAddr,
        line: &str,
        headers: &str,
        body: impl AsRef<[u8]>,
    ) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let body = body.as_ref();
        let mut text = format!("{line} HTTP/1.1\r\nHost: {address}\r\n{headers}");
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        let request = [text.as_bytes(), body].concat();
        socket.write_all(&request).await.unwrap();
        Self {
            socket,
            decoder: Decoder::new(),
            chunks: Chunked::default(),
            events: VecDeque::new(),
            head: String::new(),
        }
    }

    /// Reads the head of the response to a request that was sent.
    pub(crate) async fn read_head(&mut self) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = soon("the head of a response", self.socket.read_u8()).await;
            head.push(byte.unwrap());
        }
        self.head = String::from_utf8(head).unwrap();
    }

    pub(crate) fn status(&self) -> u16 {
        let status = self.head.split(' ').nth(1);
        status
            .and_then(|status| status.parse().ok())
            .expect("a status")
    }

    /// The first header of this name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub(crate) fn is_events(&self) -> bool {
        self.header("content-type") == Some("text/event-stream")
    }

    /// The body of a response that is not a stream of events.
    pub(crate) async fn body(&mut self) -> String {
        let len = self.header("content-length").expect("a length");
        let mut body = vec![0; len.parse().unwrap()];
        soon("the body", self.socket.read_exact(&mut body))
            .await
            .unwrap();
        String::from_utf8(body).unwrap()
    }

    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.body().await).expect("a JSON body")
    }

    /// The body as it came, up to its end.
    pub(crate) async fn text(&mut self) -> String {
        if self.header("transfer-encoding").is_none() {
            return match self.header("content-length") {
                Some(_) => self.body().await,
                None => String::new(),
            };
        }
        let mut text = Vec::new();
        while !self.chunks.ended {
            let mut bytes = [0; 16 * 1024];
            let read = soon("the end of the body", self.socket.read(&mut bytes)).await;
            let len = read.unwrap();
            assert_ne!(len, 0, "the end is told");
            text.extend(self.chunks.feed(&bytes[..len]));
        }
        String::from_utf8(text).unwrap()
    }

    /// The next event; `None` at the end.
    pub(crate) async fn event(&mut self) -> Option<Received> {
        while self.events.is_empty() && self.read().await {}
        self.events.pop_front()
    }

    /// The next message, past priming events; `None` at the end.
    pub(crate) async fn message(&mut self) -> Option<Value> {
        loop {
            let event = self.event().await?;
            assert_eq!(event.name, "message");
            if !event.data.is_empty() {
                return Some(serde_json::from_str(&event.data).expect("a JSON message"));
            }
        }
    }

    /// All messages up to the end.
    pub(crate) async fn messages(&mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        while let Some(message) = self.message().await {
            messages.push(message);
        }
        messages
    }

    /// The answer, whichever form it has: the JSON body, or the last message of the stream.
    pub(crate) async fn answer(&mut self) -> Value {
        if self.is_events() {
            self.messages().await.pop().expect("an answer")
        } else {
            self.json().await
        }
    }

    /// The reconnection time in milliseconds, if the stream set one.
    pub(crate) fn retry(&self) -> Option<u64> {
        self.decoder.retry()
    }

    /// Waits for a comment on a quiet stream.
    pub(crate) async fn comment(&mut self) {
        let before = self.decoder.comments();
        while self.decoder.comments() == before {
            assert!(self.read().await, "a comment before the end");
        }
    }

    /// Reads the next part of the stream; false at its end.
    async fn read(&mut self) -> bool {
        if self.chunks.ended {
            return false;
        }
        let mut bytes = [0; 16 * 1024];
        let read = soon("more of the stream", self.socket.read(&mut bytes)).await;
        let len = read.unwrap_or(0);
        let payload = self.chunks.feed(&bytes[..len]);
        self.events.extend(self.decoder.feed(&payload));
        len > 0
    }
}

/// A client with one open HTTP+SSE stream.
pub(crate) struct Client {
    address: SocketAddr,
    stream: Stream,
    /// Messages that arrived while waiting for another.
    passed: VecDeque<Value>,
    next_id: u64,
    /// The head of the stream's response.
    pub(crate) head: String,
    /// The path to POST to, as the first event gave it.
    pub(crate) endpoint: String,
}

impl Client {
    /// Opens a stream at `/sse` and reads its first event.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::open_at(address, "/sse", "").await
    }

    pub(crate) async fn open_at(address: SocketAddr, path: &str, headers: &str) -> Self {
        let line = format!("GET {path}");
        let mut stream = Stream::open(address, &line, headers, "").await;
        assert_eq!(stream.status(), 200, "{}", stream.head);
        let first = stream.event().await.expect("a first event");
        assert_eq!(first.name, "endpoint");
        Self {
            address,
            head: stream.head.clone(),
            stream,
            passed: VecDeque::new(),
            next_id: 1000,
            endpoint: first.data,
        }
    }

    /// A client that has initialized for a revision, with these capabilities.
    pub(crate) async fn initialized(
        address: SocketAddr,
        version: &str,
        capabilities: Value,
    ) -> Self {
        let mut client = Self::open(address).await;
        let params = json!({
            "protocolVersion": version,
            "capabilities": capabilities,
            "clientInfo": {"name": "test", "version": "1"},
        });
        let answer = client.call("initialize", params).await;
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer}");
        client.notify("notifications/initialized", json!({})).await;
        client
    }

    /// The next event of the stream; `None` at its end.
    pub(crate) async fn event(&mut self) -> Option<Received> {
        self.stream.event().await
    }

    /// Waits for a comment on a quiet stream.
    pub(crate) async fn comment(&mut self) {
        self.stream.comment().await;
    }

    /// The next message of the stream; `None` at its end.
    pub(crate) async fn message(&mut self) -> Option<Value> {
        if let Some(message) = self.passed.pop_front() {
            return Some(message);
        }
        self.fresh_message().await
    }

    async fn fresh_message(&mut self) -> Option<Value> {
        let event = self.event().await?;
        assert_eq!(event.name, "message");
        Some(serde_json::from_str(&event.data).expect("a JSON message"))
    }

    /// POSTs a body as it is to the session.
    pub(crate) async fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        let line = format!("POST {}", self.endpoint);
        request(
            self.address,
            &line,
            "Content-Type: application/json\r\n",
            body,
        )
        .await
    }

    /// POSTs a message, which must be accepted.
    pub(crate) async fn send(&self, message: Value) {
        let answer = self.post(message.to_string()).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (202, "Accepted"),
            "{message}"
        );
    }

    pub(crate) async fn notify(&self, method: &str, params: Value) {
        self.send(json!({"jsonrpc": "2.0", "method": method, "params": params}))
            .await;
    }

    /// Sends a request and returns its id, without waiting for the answer.
    pub(crate) async fn begin(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await;
        id
    }

    /// The answer to a request that was begun; other messages are kept for `message`.
    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        let is_answer = |message: &Value| message["id"] == id && message.get("method").is_none();
        if let Some(at) = self.passed.iter().position(is_answer) {
            return self.passed.remove(at).expect("it is there");
        }
        loop {
            let message = self
                .fresh_message()
                .await
                .expect("an answer before the end");
            if is_answer(&message) {
                return message;
            }
            self.passed.push_back(message);
        }
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.answer(id).await
    }

    /// As `call`, for the `result` of a call that succeeds.
    pub(crate) async fn result(&mut self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params).await;
        answer
            .get("result")
            .unwrap_or_else(|| panic!("{method}: {answer}"))
            .clone()
    }

    /// As `call`, for the code of a call that fails.
    pub(crate) async fn error_code(&mut self, method: &str, params: Value) -> i64 {
        let answer = self.call(method, params).await;
        answer["error"]["code"]
            .as_i64()
            .unwrap_or_else(|| panic!("{method}: {answer}"))
    }
}

/// A client of a Streamable HTTP session at `/mcp`.
pub(crate) struct Session {
    address: SocketAddr,
    pub(crate) id: String,
    version: String,
    next_id: std::cell::Cell<u64>,
}

/// What every POST to `/mcp` has.
pub(crate) const POST_HEADERS: &str =
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";

/// The params of an `initialize`.
pub(crate) fn hello(version: &str, capabilities: Value) -> Value {
    json!({
        "protocolVersion": version,
        "capabilities": capabilities,
        "clientInfo": {"name": "test", "version": "1"},
    })
}

/// A request, as the text of a body.
pub(crate) fn message(id: impl Into<Value>, method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params}).to_string()
}

impl Session {
    /// Opens a session for a revision with these capabilities, and says that it is initialized.
    pub(crate) async fn open(address: SocketAddr, version: &str, capabilities: Value) -> Self {
        let body = message("hello", "initialize", hello(version, capabilities));
        let mut stream = Stream::open(address, "POST /mcp", POST_HEADERS, body).await;
        assert_eq!(stream.status(), 200, "{}", stream.head);
        let answer = stream.answer().await;
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer}");
        let session = Self {
            address,
            id: stream.header("mcp-session-id").expect("an id").to_owned(),
            version: version.to_owned(),
            next_id: 1.into(),
        };
        let status = session.notify("notifications/initialized", json!({})).await;
        assert_eq!(status, 202);
        session
    }

    /// A session known only by its id.
    pub(crate) fn named(address: SocketAddr, name: &str, version: &str) -> Self {
        Self {
            address,
            id: name.to_owned(),
            version: version.to_owned(),
            next_id: 1.into(),
        }
    }

    /// The same session, for a client that has moved to another process.
    #[cfg(feature = "request-state")]
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self {
            address,
            id: self.id.clone(),
            version: self.version.clone(),
            next_id: self.next_id.clone(),
        }
    }

    /// The header lines of a request in this session.
    pub(crate) fn headers(&self) -> String {
        format!(
            "Mcp-Session-Id: {}\r\nMCP-Protocol-Version: {}\r\n",
            self.id, self.version
        )
    }

    /// POSTs a body as it is and reads the head of the response.
    pub(crate) async fn post(&self, body: impl AsRef<[u8]>) -> Stream {
        let headers = format!("{}{POST_HEADERS}", self.headers());
        self.post_with(&headers, body).await
    }

    /// As `post`, with these header lines and no others.
    pub(crate) async fn post_with(&self, headers: &str, body: impl AsRef<[u8]>) -> Stream {
        Stream::open(self.address, "POST /mcp", headers, body).await
    }

    /// POSTs a notification and returns the status.
    pub(crate) async fn notify(&self, method: &str, params: Value) -> u16 {
        let body = json!({"jsonrpc": "2.0", "method": method, "params": params});
        self.post(body.to_string()).await.status()
    }

    fn id(&self) -> u64 {
        self.next_id.replace(self.next_id.get() + 1)
    }

    /// POSTs a request, and reads the head of the response.
    pub(crate) async fn begin(&self, method: &str, params: Value) -> Stream {
        self.post(message(self.id(), method, params)).await
    }

    /// POSTs a request without waiting for a response; returns its id.
    pub(crate) async fn send(&self, method: &str, params: Value) -> (u64, Stream) {
        let id = self.id();
        let headers = format!("{}{POST_HEADERS}", self.headers());
        let body = message(id, method, params);
        let stream = Stream::send(self.address, "POST /mcp", &headers, body).await;
        (id, stream)
    }

    /// The answer to a request, whichever form it has.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        self.begin(method, params).await.answer().await
    }

    /// Opens the standalone stream, or resumes a stream after an event.
    pub(crate) async fn listen(&self, last: Option<&str>) -> Stream {
        let mut headers = format!("{}Accept: text/event-stream\r\n", self.headers());
        if let Some(last) = last {
            headers.push_str(&format!("Last-Event-ID: {last}\r\n"));
        }
        Stream::open(self.address, "GET /mcp", &headers, "").await
    }

    /// Ends the session, and returns the status.
    pub(crate) async fn delete(&self) -> u16 {
        Stream::open(self.address, "DELETE /mcp", &self.headers(), "")
            .await
            .status()
    }
}

/// The `_meta` of a request of 2026-07-28 by a client with these capabilities.
pub(crate) fn envelope(capabilities: Value) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    })
}

/// The header lines of such a request; `Mcp-Name` from its params.
pub(crate) fn mirrored(method: &str, params: &Value) -> String {
    let mut headers =
        format!("{POST_HEADERS}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n");
    let name = match method {
        "tools/call" | "prompts/get" => params["name"].as_str(),
        "resources/read" => params["uri"].as_str(),
        "tasks/get" | "tasks/update" | "tasks/cancel" => params["taskId"].as_str(),
        _ => None,
    };
    if let Some(name) = name {
        headers.push_str(&format!("Mcp-Name: {name}\r\n"));
    }
    headers
}

/// Sends a request of 2026-07-28 and reads the head of the response. `params` may have its own
/// `_meta`, which is merged with an envelope without capabilities.
pub(crate) async fn modern(
    address: SocketAddr,
    id: impl Into<Value>,
    method: &str,
    mut params: Value,
) -> Stream {
    let mut meta = envelope(json!({}));
    if let Some(own) = params["_meta"].as_object() {
        for (key, value) in own {
            meta[key] = value.clone();
        }
    }
    params["_meta"] = meta;
    let headers = mirrored(method, &params);
    Stream::open(address, "POST /mcp", &headers, message(id, method, params)).await
}

/// The text of a tool's answer.
#[track_caller]
pub(crate) fn text_of(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
}

/// Checks that an error status carries a JSON-RPC error of the legacy era, with this text (SPEC
///
#[track_caller]
pub(crate) fn check_refused(answer: &Answer, status: u16, code: i64, says: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(body["jsonrpc"], "2.0", "{body}");
    assert_eq!(body["error"]["code"], code, "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains(says), "{message}");
    let is_busy = matches!(status, 429 | 503);
    assert_eq!(answer.header("retry-after").is_some(), is_busy);
}

/// Checks that a method is refused, with those that there are. The body is no JSON-RPC message, by which a client
/// would take the endpoint for one of Streamable HTTP.
#[track_caller]
pub(crate) fn check_method_refused(answer: &Answer, allow: &str) {
    assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)));
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("text/plain; charset=utf-8"));
    let says = format!("this endpoint accepts only the methods {allow}");
    assert_eq!(answer.body, says);
}

/// Waits until the condition holds, within a bound.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    soon(what, async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A connection kept for several requests.
pub(crate) struct Kept {
    socket: TcpStream,
    pending: Vec<u8>,
}

impl Kept {
    pub(crate) async fn open(running: &Running) -> Self {
        Self {
            socket: TcpStream::connect(running.address).await.unwrap(),
            pending: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(crate) async fn read_through(&mut self, end: &str) -> String {
        loop {
            let found = self
                .pending
                .windows(end.len())
                .position(|at| at == end.as_bytes());
            if let Some(at) = found {
                let rest = self.pending.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.pending, rest)).unwrap();
            }
            let read = self.socket.read_buf(&mut self.pending);
            assert_ne!(soon(end, read).await.unwrap(), 0, "{end:?} before the end");
        }
    }

    /// The next answer, which has a `Content-Length`.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.read_through("\r\n\r\n").await;
        let mut answer = Answer {
            status: head[9..12].parse().unwrap(),
            head: head.trim_end().to_owned(),
            body: String::new(),
        };
        let len: usize = answer
            .header("content-length")
            .unwrap_or("0")
            .parse()
            .unwrap();
        while self.pending.len() < len {
            let read = self.socket.read_buf(&mut self.pending);
            assert_ne!(soon("a body", read).await.unwrap(), 0);
        }
        let rest = self.pending.split_off(len);
        answer.body = String::from_utf8(std::mem::replace(&mut self.pending, rest)).unwrap();
        answer
    }
}

/// Removes the chunked framing of HTTP/1.1 from a body.
#[derive(Default)]
struct Chunked {
    pending: Vec<u8>,
    ended: bool,
}

impl Chunked {
    fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.pending.extend_from_slice(bytes);
        let mut payload = Vec::new();
        while let Some(line) = self.pending.windows(2).position(|pair| pair == b"\r\n") {
            let size = std::str::from_utf8(&self.pending[..line]).unwrap();
            let size = usize::from_str_radix(size, 16).expect("a chunk size");
            if self.pending.len() < line + 2 + size + 2 {
                break;
            }
            payload.extend_from_slice(&self.pending[line + 2..line + 2 + size]);
            self.pending.drain(..line + 2 + size + 2);
            self.ended |= size == 0;
        }
        payload
    }
}
