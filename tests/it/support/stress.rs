//! Many clients at once, for any embedding of the service: each call is checked, some are cancelled, some streams are
//! resumed, and at the end nothing is left. Tests of other packages include this file, so it names nothing of its
//! neighbours.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use mcp_wire::McpService;
use mcp_wire::server::{Arguments, Call, HandlerError, Server, Tool};
use mcp_wire::sse::{Decoder, Received};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};

const CLIENTS: usize = 64;
const CALLS: usize = 200;
/// Only a hang takes longer.
const PATIENCE: Duration = Duration::from_secs(180);

/// What the handlers did.
#[derive(Default)]
pub(crate) struct Tally {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

/// Counts a run of a handler, until it ends in whatever way.
struct Run(Arc<Tally>);

impl Run {
    fn begin(tally: &Arc<Tally>) -> Self {
        tally.begun.fetch_add(1, SeqCst);
        Self(Arc::clone(tally))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, SeqCst);
    }
}

/// The service that the clients call. `echo` answers at once; `talk` begins a stream, and answers later; `hang`
/// begins a stream, and never answers.
pub(crate) fn service() -> (McpService, Arc<Tally>) {
    let tally = Arc::<Tally>::default();
    let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
    let mut server = Server::new("Stressed", "1.0.0");
    for (name, pause) in [
        ("echo", None),
        ("talk", Some(Duration::from_millis(20))),
        ("hang", Some(Duration::MAX)),
    ] {
        let tally = Arc::clone(&tally);
        let run = move |cx: Call, args: Arguments| {
            let run = Run::begin(&tally);
            async move {
                let _run = run;
                if let Some(pause) = pause {
                    let _ = cx.notify("notifications/note", None);
                    sleep(pause).await;
                }
                Ok::<_, HandlerError>(args.str("text")?.to_owned())
            }
        };
        server = server.tool(Tool::new(name).input(schema.clone()), run);
    }
    let mcp = McpService::builder(server).build();
    (mcp.expect("a service"), tally)
}

/// Sends requests on one connection. Their URIs are absolute.
pub(crate) type Sender = Box<
    dyn FnMut(
            Request<Full<Bytes>>,
        ) -> Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>
        + Send,
>;

/// A client of HTTP/1.1.
pub(crate) async fn http1(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Sender {
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.expect("a client");
    tokio::spawn(connection);
    Box::new(move |mut request| {
        let path = request.uri().path().to_owned();
        *request.uri_mut() = path.parse().expect("a path");
        let host = HeaderValue::from_static("localhost");
        request.headers_mut().insert(HOST, host);
        let ready = sender.try_send_request(request);
        Box::pin(async { ready.await.map_err(|error| error.into_error()) })
    })
}

/// A response whose events are read one by one. Dropping it means that the client leaves.
struct Reading {
    body: Incoming,
    decoder: Decoder,
    events: VecDeque<Received>,
}

impl Reading {
    fn new(response: Response<Incoming>) -> Self {
        assert_eq!(response.status(), 200);
        Self {
            body: response.into_body(),
            decoder: Decoder::new(),
            events: VecDeque::new(),
        }
    }

    /// The next event; `None` at the end.
    async fn event(&mut self) -> Option<Received> {
        while self.events.is_empty() {
            let frame = self.body.frame().await?.expect("a whole body");
            let data = frame.into_data().unwrap_or_default();
            self.events.extend(self.decoder.feed(&data));
        }
        self.events.pop_front()
    }

    /// The messages up to the end.
    async fn messages(&mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        while let Some(event) = self.event().await {
            if !event.data.is_empty() {
                messages.push(serde_json::from_str(&event.data).expect("a message"));
            }
        }
        messages
    }

    /// The id of the first event that has a message.
    async fn begun(&mut self) -> String {
        loop {
            let event = self.event().await.expect("an event before the end");
            if !event.data.is_empty() {
                return event.id;
            }
        }
    }
}

/// The one answer among these messages.
fn check_answer(messages: &[Value], id: usize, text: &str) {
    let answers = messages.iter().filter(|message| message["id"] == id);
    let texts: Vec<_> = answers
        .map(|answer| &answer["result"]["content"][0]["text"])
        .collect();
    assert_eq!(texts, [text], "{messages:?}");
    let notes = messages
        .iter()
        .filter(|message| message["method"] == "notifications/note");
    assert_eq!(notes.count() + 1, messages.len(), "{messages:?}");
}

/// One client, which opens a new connection when it has left the old one.
struct Client<C> {
    connect: C,
    sender: Option<Sender>,
    /// The session; none in 2026-07-28.
    session: Option<HeaderValue>,
}

impl<C, F> Client<C>
where
    C: Fn() -> F,
    F: Future<Output = Sender>,
{
    async fn send(
        &mut self,
        method: &str,
        fields: &[(&str, &str)],
        body: String,
    ) -> Response<Incoming> {
        let sender = match &mut self.sender {
            Some(sender) => sender,
            none => none.insert((self.connect)().await),
        };
        let uri = Uri::from_static("http://localhost/mcp");
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("accept", "application/json, text/event-stream");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        let request = request.body(Full::from(body)).expect("a request");
        sender(request).await.expect("a response")
    }

    /// Posts a message of the session.
    async fn post(&mut self, message: Value) -> Response<Incoming> {
        let version = [("mcp-protocol-version", "2025-11-25")];
        self.send("POST", &version, message.to_string()).await
    }

    async fn call(&mut self, id: usize, tool: &str, text: &str) -> Response<Incoming> {
        let mut params = json!({"name": tool, "arguments": {"text": text}});
        let modern = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", tool),
        ];
        let fields = match self.session {
            Some(_) => &[("mcp-protocol-version", "2025-11-25")][..],
            None => &modern,
        };
        if self.session.is_none() {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        self.send("POST", fields, body.to_string()).await
    }

    async fn open_session(&mut self) {
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "stress", "version": "1"}});
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let opened = self.send("POST", &[], hello.to_string()).await;
        self.session = opened.headers().get("mcp-session-id").cloned();
        drop(opened.into_body().collect().await);
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let told = self.post(ready).await;
        assert_eq!(told.status(), 202);
    }

    /// A call whose answer comes as JSON.
    async fn echo(&mut self, id: usize, text: &str) {
        let answer = self.call(id, "echo", text).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/json");
        let body = answer.into_body().collect().await.expect("a whole body");
        let message = serde_json::from_slice(&body.to_bytes()).expect("a message");
        check_answer(&[message], id, text);
    }

    /// A call whose answer comes on a stream.
    async fn talk(&mut self, id: usize, text: &str) {
        let mut reading = Reading::new(self.call(id, "talk", text).await);
        check_answer(&reading.messages().await, id, text);
    }

    /// A call that is cancelled: in 2026-07-28 by leaving, in a session by a notification.
    async fn cancel(&mut self, id: usize, text: &str) {
        let mut reading = Reading::new(self.call(id, "hang", text).await);
        reading.begun().await;
        if self.session.is_none() {
            self.sender = None;
            return;
        }
        // HTTP/1.1 answers one request at a time, so the notification needs a connection of its own.
        let busy = self.sender.take();
        let params = json!({"requestId": id});
        let cancel =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
        assert_eq!(self.post(cancel).await.status(), 202);
        assert_eq!(reading.messages().await, [] as [Value; 0]);
        drop(busy);
    }

    /// A call whose connection breaks before its answer, and that goes on with another connection.
    async fn resume(&mut self, id: usize, text: &str) {
        let mut reading = Reading::new(self.call(id, "talk", text).await);
        let last = reading.begun().await;
        drop(reading);
        self.sender = None;
        let fields = [
            ("mcp-protocol-version", "2025-11-25"),
            ("last-event-id", &*last),
        ];
        let response = self.send("GET", &fields, String::new()).await;
        check_answer(&Reading::new(response).messages().await, id, text);
    }

    async fn run(mut self, nth: usize) {
        if nth % 2 == 1 {
            self.open_session().await;
        }
        for call in 1..=CALLS {
            let text = format!("{nth}-{call}");
            match (call + nth) % 20 {
                5 => self.talk(call, &text).await,
                10 => self.cancel(call, &text).await,
                15 if self.session.is_some() => self.resume(call, &text).await,
                _ => self.echo(call, &text).await,
            }
        }
        if self.session.is_some() {
            let version = [("mcp-protocol-version", "2025-11-25")];
            let deleted = self.send("DELETE", &version, String::new()).await;
            assert!(deleted.status().is_success());
        }
    }
}

/// Lets the clients come, each with connections of its own, and checks that nothing of them is left.
pub(crate) async fn stress<C, F>(mcp: &McpService, tally: &Tally, connect: C)
where
    C: Fn() -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Sender> + Send + 'static,
{
    let before = (tally.begun.load(SeqCst), mcp.snapshot().cancelled);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|nth| {
            let connect = connect.clone();
            let client = async move {
                let client = Client {
                    connect,
                    sender: None,
                    session: None,
                };
                client.run(nth).await;
            };
            tokio::spawn(timeout(PATIENCE, client))
        })
        .collect();
    for client in clients {
        client.await.expect("no panic").expect("in time");
    }
    let left = || {
        let now = mcp.snapshot();
        let unended = tally.begun.load(SeqCst) - tally.ended.load(SeqCst);
        (
            now.sessions,
            now.running,
            now.streams,
            now.queued_bytes,
            now.listens,
            unended,
        )
    };
    // The server hears a little later that a client has left.
    let gone = async {
        while left() != (0, 0, 0, 0, 0, 0) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let gone = timeout(PATIENCE, gone).await;
    assert!(gone.is_ok(), "left: {:?}", left());
    let begun = tally.begun.load(SeqCst) - before.0;
    assert_eq!(begun, CLIENTS * CALLS, "each call was carried out once");
    let now = mcp.snapshot();
    assert_eq!((now.cuts, now.dropped, now.panics), (0, 0, 0));
    let cancelled = (now.cancelled - before.1) as usize;
    assert_eq!(cancelled, CLIENTS * CALLS / 20);
}
