//! What the tests speak: a running server, raw requests, and a client of HTTP+SSE that takes
//! nothing for granted.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use mcp_wire::McpService;
use mcp_wire::sse::{Decoder, Received};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Nothing here takes longer, unless it hangs.
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
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { drop(stopped.await) };
    let task = tokio::spawn(mcp_wire::serve(listener, mcp.clone(), shutdown));
    Running {
        address,
        mcp,
        stop,
        task,
    }
}

impl Running {
    /// Begins the orderly end; await the handle for its end.
    pub(crate) fn stop(self) -> JoinHandle<Result<(), mcp_wire::Error>> {
        let _ = self.stop.send(());
        self.task
    }
}

/// An HTTP response, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The head as it came, lines ended by CRLF.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
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
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// Sends bytes on a connection of their own and reads to its end. The request must ask for the end
/// with `Connection: close`, or be one after which the server closes.
pub(crate) async fn raw(address: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_ref()).await.unwrap();
    let mut answer = Vec::new();
    let end = soon("the end of the answer", socket.read_to_end(&mut answer)).await;
    // A server that closes with a body unread resets the connection behind its answer.
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

/// A client with one open stream.
pub(crate) struct Client {
    address: SocketAddr,
    socket: TcpStream,
    decoder: Decoder,
    chunks: Chunked,
    events: VecDeque<Received>,
    /// Messages that came while another was waited for.
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
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(
                soon("the head of the stream", socket.read_u8())
                    .await
                    .unwrap(),
            );
        }
        let mut client = Self {
            address,
            socket,
            decoder: Decoder::new(),
            chunks: Chunked::default(),
            events: VecDeque::new(),
            passed: VecDeque::new(),
            next_id: 1000,
            head: String::from_utf8(head).unwrap(),
            endpoint: String::new(),
        };
        assert!(client.head.starts_with("HTTP/1.1 200 "), "{}", client.head);
        let first = client.event().await.expect("a first event");
        assert_eq!(first.name, "endpoint");
        client.endpoint = first.data;
        client
    }

    /// A client that has done its `initialize` for a revision, with these capabilities.
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
        while self.events.is_empty() && self.read().await {}
        self.events.pop_front()
    }

    /// Waits for a comment, on a stream that is quiet by itself.
    pub(crate) async fn comment(&mut self) {
        let before = self.decoder.comments();
        while self.decoder.comments() == before {
            assert!(self.read().await, "a comment before the end");
        }
    }

    /// Reads what the stream has next; false at its end.
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

    /// Sends a request and gives its id, without waiting for the answer.
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

/// Takes the chunks of HTTP/1.1 off a body.
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
