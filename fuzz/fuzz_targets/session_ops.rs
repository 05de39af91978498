//! Whatever clients of Streamable HTTP do, and in whatever order: each receives every message once and in order,
//! across connections that break and are resumed.
//!
//! An input is a list of operations, each a letter and a digit, so that seeds can be written by hand. See [`World::apply`].

#![no_main]

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::{Method, Request, Response};
use libfuzzer_sys::fuzz_target;
use mcp_wire::jsonrpc::{ErrorObject, Json, Request as Asked};
use mcp_wire::sse::Decoder;
use mcp_wire::{
    BoxFuture, Change, Context, Dispatcher, Error, McpService, Publisher, ResponseBody,
};
use mcp_wire_fuzz::runtime;
use serde_json::{Value, json};
use tokio::time::Instant;

/// How long a session keeps events, and how long it may be idle.
const AGE: Duration = Duration::from_secs(300);
const IDLE: Duration = Duration::from_secs(600);
/// The number of subscriptions of a session.
const CHANGES: usize = 64;
/// The times that a wait may take, in seconds.
const WAITS: [u64; 10] = [0, 1, 2, 5, 10, 30, 60, 299, 301, 601];

fuzz_target!(|bytes: &[u8]| {
    runtime::paused().block_on(async {
        let mut world = World::new();
        for op in bytes.chunks_exact(2).take(100) {
            if op[1].is_ascii_digit() {
                world.apply(op[0], usize::from(op[1] - b'0')).await;
            }
        }
        world.conclude().await;
    });
});

/// A dispatcher whose calls are described by their name, and which exposes its publisher.
#[derive(Clone, Default)]
struct Scripted {
    publisher: Arc<Mutex<Option<Publisher>>>,
}

impl Dispatcher for Scripted {
    fn request(&self, cx: Context, request: Asked) -> BoxFuture<Result<Json, ErrorObject>> {
        Box::pin(async move {
            let name = request.params().and_then(|params| params.name());
            let name = name.unwrap_or_default();
            match request.method() {
                "initialize" => {
                    for change in 0..CHANGES {
                        assert!(cx.subscribe(&uri(change)));
                    }
                    Ok(Json::try_from(&json!({"protocolVersion": name})).expect("an object"))
                }
                _ => {
                    work(&cx, &name).await;
                    Ok(Json::try_from(&json!({"said": "done"})).expect("an object"))
                }
            }
        })
    }

    fn attach(&self, publisher: Publisher) -> Result<(), Error> {
        *self.publisher.lock().unwrap() = Some(publisher);
        Ok(())
    }
}

/// Sends as many messages as the digit says. After `s` they are a second apart; after `p` the server also closes the
/// connection after the first.
async fn work(cx: &Context, name: &str) {
    let steps = name[1..].parse().unwrap();
    for step in 0..steps {
        let said = Json::try_from(&json!({ "said": step })).expect("an object");
        let _ = cx.notify("said", Some(&said));
        if name.starts_with('p') && step == 0 {
            cx.release_connection();
        }
        if !name.starts_with('f') {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn uri(change: usize) -> String {
    format!("n:{change}")
}

/// The part of a message that identifies it.
fn gist(data: &str) -> String {
    let message: Value = serde_json::from_str(data).expect("JSON");
    let params = &message["params"];
    match (&params["uri"], &params["said"], &message["result"]["said"]) {
        (Value::String(uri), _, _) => uri.clone(),
        (_, Value::Number(step), _) => step.to_string(),
        (_, _, Value::String(done)) => done.clone(),
        _ => panic!("{data}"),
    }
}

/// A stream, as its client sees it.
struct Stream {
    /// All messages of the stream, and when each was sent.
    said: Vec<(String, Instant)>,
    /// The index of the next expected message.
    next: usize,
    /// How many messages were given to a connection.
    given: usize,
    last_id: Option<String>,
    /// The index of the message after the last event id.
    after_last: usize,
    /// When the event with the last id was sent, at the latest.
    last_at: Instant,
    connected_at: Instant,
    body: Option<ResponseBody>,
    decoder: Decoder,
}

impl Stream {
    fn new(said: Vec<String>) -> Self {
        let now = Instant::now();
        Self {
            said: said.into_iter().map(|said| (said, now)).collect(),
            next: 0,
            given: 0,
            last_id: None,
            after_last: 0,
            last_at: now,
            connected_at: now,
            body: None,
            decoder: Decoder::new(),
        }
    }

    fn connect(&mut self, body: ResponseBody) {
        self.body = Some(body);
        self.decoder = Decoder::new();
        self.connected_at = Instant::now();
    }

    /// Reads what has arrived, up to this many frames. True at the end.
    async fn read(&mut self, most: usize) -> bool {
        for _ in 0..most {
            let Some(body) = &mut self.body else {
                return true;
            };
            let frame = poll_fn(|cx| match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Ready(frame) => Poll::Ready(Some(frame)),
                Poll::Pending => Poll::Ready(None),
            });
            match frame.await {
                None => return false,
                Some(None) => {
                    self.body = None;
                    return true;
                }
                Some(Some(frame)) => self.take(frame.unwrap().data_ref().unwrap()),
            }
        }
        false
    }

    fn take(&mut self, bytes: &[u8]) {
        for event in self.decoder.feed(bytes) {
            assert!(!event.id.is_empty(), "SPEC C-50");
            self.last_id = Some(event.id);
            if event.data.is_empty() {
                self.last_at = self.connected_at;
                self.after_last = self.next;
                continue;
            }
            let gist = gist(&event.data);
            // Events that were not received in time have expired.
            while self
                .said
                .get(self.next)
                .is_some_and(|(said, since)| *said != gist && since.elapsed() >= AGE)
            {
                self.next += 1;
            }
            let (said, since) = &self.said[self.next];
            assert_eq!(*said, gist, "each once and in order");
            self.last_at = *since;
            self.next += 1;
            self.after_last = self.next;
        }
    }
}

/// A session, as its client sees it.
struct Session {
    id: String,
    /// The standalone stream, then the stream of each call.
    streams: Vec<Stream>,
    is_deleted: bool,
    last_contact: Instant,
}

impl Session {
    /// Whether the server may have removed it.
    fn may_be_gone(&self) -> bool {
        self.is_deleted || (self.last_contact.elapsed() >= IDLE && self.streams[0].body.is_none())
    }
}

struct World {
    service: McpService,
    publisher: Publisher,
    sessions: Vec<Session>,
    at: usize,
    published: usize,
    calls: usize,
}

impl World {
    fn new() -> Self {
        let scripted = Scripted::default();
        let service = McpService::builder(scripted.clone())
            .timeouts(|timeouts| {
                timeouts.keep_alive = None;
                timeouts.session_idle = IDLE;
            })
            .limits(|limits| {
                limits.queue.bytes = 1 << 20;
                limits.queue.events = 1 << 12;
                limits.replay.bytes = 1 << 20;
                limits.replay.events = 1 << 12;
                limits.replay.age = AGE;
            })
            .build()
            .unwrap();
        let publisher = scripted.publisher.lock().unwrap().clone().unwrap();
        Self {
            service,
            publisher,
            sessions: Vec::new(),
            at: 0,
            published: 0,
            calls: 0,
        }
    }

    async fn apply(&mut self, op: u8, digit: usize) {
        match op {
            b'i' => self.initialize(digit).await,
            b'o' if digit < self.sessions.len() => self.at = digit,
            b'w' => tokio::time::sleep(Duration::from_secs(WAITS[digit])).await,
            b'n' => self.publish(),
            _ if self.sessions.is_empty() => {}
            b'f' | b's' | b'p' => self.call(op, digit, None).await,
            // The client disconnects before the answer, or soon after it.
            b'q' => {
                let patience = Duration::from_millis(100 * digit as u64);
                self.call(b's', 3, Some(patience)).await;
            }
            b'h' => self.send_initialized().await,
            b'g' => self.listen().await,
            b'l' => self.resume(digit).await,
            b'd' => self.drop_connection(digit),
            b'r' => {
                if let Some(stream) = self.session().streams.get_mut(digit) {
                    stream.read(2).await;
                }
            }
            b'R' => {
                if let Some(stream) = self.session().streams.get_mut(digit) {
                    stream.read(usize::MAX).await;
                }
            }
            b'x' => self.delete().await,
            _ => {}
        }
    }

    fn session(&mut self) -> &mut Session {
        &mut self.sessions[self.at]
    }

    async fn ask(
        &mut self,
        method: Method,
        session: Option<&str>,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Response<ResponseBody> {
        let mut request = Request::builder()
            .method(method)
            .uri("/mcp")
            .header("host", "127.0.0.1")
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        let body = Full::new(Bytes::from(body.to_string()));
        self.service.call(request.body(body).unwrap()).await
    }

    /// Sends a request in the current session; `None` if the session is gone.
    async fn ask_here(
        &mut self,
        method: Method,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Option<Response<ResponseBody>> {
        let session = self.session();
        let may_be_gone = session.may_be_gone();
        let id = session.id.clone();
        let response = self.ask(method, Some(&id), headers, body).await;
        let session = self.session();
        session.last_contact = Instant::now();
        if response.status() == 404 {
            assert!(may_be_gone, "SPEC C-75");
            session.is_deleted = true;
            return None;
        }
        assert!(!session.is_deleted, "SPEC C-75");
        Some(response)
    }

    /// An even digit: 2025-06-18; an odd one: 2025-11-25.
    async fn initialize(&mut self, digit: usize) {
        if self.sessions.len() == 3 {
            return;
        }
        let name = ["2025-06-18", "2025-11-25"][digit % 2];
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {"name": name}});
        let response = self.ask(Method::POST, None, &[], body).await;
        assert_eq!(response.status(), 200);
        let id = response.headers()["mcp-session-id"].to_str().unwrap();
        assert!(self.sessions.iter().all(|session| session.id != id));
        self.sessions.push(Session {
            id: id.to_owned(),
            streams: vec![Stream::new(Vec::new())],
            is_deleted: false,
            last_contact: Instant::now(),
        });
        self.at = self.sessions.len() - 1;
    }

    fn publish(&mut self) {
        if self.published == CHANGES {
            return;
        }
        let uri = uri(self.published);
        self.published += 1;
        self.publisher.publish(&Change::Resource(uri.clone()));
        for session in &mut self.sessions {
            let stream = &mut session.streams[0];
            stream.said.push((uri.clone(), Instant::now()));
            if stream.body.is_some() {
                stream.given = stream.said.len();
            }
        }
    }

    async fn call(&mut self, kind: u8, steps: usize, patience: Option<Duration>) {
        if self.session().streams.len() == 10 {
            return;
        }
        self.calls += 1;
        let name = format!("{}{steps}", char::from(kind));
        let body = json!({"jsonrpc": "2.0", "id": self.calls, "method": "work",
            "params": {"name": name}});
        let mut said: Vec<_> = (0..steps).map(|step| step.to_string()).collect();
        said.push("done".to_owned());
        let stream = Stream::new(said);
        let asked = self.ask_here(Method::POST, &[], body);
        let response = match patience {
            None => asked.await,
            Some(patience) => match tokio::time::timeout(patience, asked).await {
                Ok(response) => response,
                // The call continues, but the client does not know its stream.
                Err(_) => return self.session().last_contact = Instant::now(),
            },
        };
        let Some(response) = response else {
            return;
        };
        assert_eq!(response.status(), 200);
        let is_json = response.headers()["content-type"] == "application/json";
        assert_eq!(
            is_json,
            steps == 0,
            "the answer is a stream if there is a message before it"
        );
        if is_json {
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(gist(std::str::from_utf8(&body).unwrap()), "done");
            return;
        }
        let mut stream = stream;
        stream.connect(response.into_body());
        self.session().streams.push(stream);
    }

    async fn send_initialized(&mut self) {
        let body = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        if let Some(response) = self.ask_here(Method::POST, &[], body).await {
            assert_eq!(response.status(), 202);
        }
    }

    async fn listen(&mut self) {
        let Some(response) = self.ask_here(Method::GET, &[], Value::Null).await else {
            return;
        };
        assert_eq!(response.status(), 200);
        let stream = &mut self.session().streams[0];
        // SPEC C-40: the older one ends, after everything that it was given.
        if stream.body.is_some() {
            assert!(stream.read(usize::MAX).await, "SPEC C-40");
        }
        stream.next = stream.given;
        stream.given = stream.said.len();
        stream.connect(response.into_body());
    }

    async fn resume(&mut self, digit: usize) {
        let Some(stream) = self.session().streams.get(digit) else {
            return;
        };
        let Some(last) = stream.last_id.clone() else {
            return;
        };
        // Frames in the broken connection are lost, and arrive again.
        let next = stream.after_last;
        let has_all = digit > 0 && next == stream.said.len();
        let last = [("last-event-id", &*last)];
        let Some(response) = self.ask_here(Method::GET, &last, Value::Null).await else {
            return;
        };
        let stream = &mut self.session().streams[digit];
        if response.status() == 400 {
            let is_old = stream.last_at.elapsed() >= AGE;
            assert!(has_all || is_old, "SPEC C-53, C-59");
            return;
        }
        assert_eq!(response.status(), 200);
        assert!(!has_all, "a stream that is over is not resumed");
        stream.next = next;
        stream.given = stream.said.len();
        stream.connect(response.into_body());
    }

    fn drop_connection(&mut self, digit: usize) {
        let session = self.session();
        // A session that is gone does not notice.
        let is_heard = !session.may_be_gone();
        if let Some(stream) = session.streams.get_mut(digit)
            && stream.body.take().is_some()
            && is_heard
        {
            session.last_contact = Instant::now();
        }
    }

    async fn delete(&mut self) {
        let Some(response) = self.ask_here(Method::DELETE, &[], Value::Null).await else {
            return;
        };
        assert_eq!(response.status(), 200);
        let session = self.session();
        session.is_deleted = true;
        // SPEC C.3 row 6. The streams of running calls end with an error.
        let standalone = &mut session.streams[0];
        assert!(standalone.read(usize::MAX).await, "its stream ends");
        for stream in &mut session.streams {
            stream.body = None;
        }
    }

    /// At the end, every client has received every message.
    async fn conclude(&mut self) {
        tokio::time::sleep(Duration::from_secs(20)).await;
        for at in 0..self.sessions.len() {
            self.at = at;
            for digit in 0..self.session().streams.len() {
                let session = self.session();
                if session.is_deleted || session.may_be_gone() {
                    break;
                }
                let stream = &mut session.streams[digit];
                stream.read(usize::MAX).await;
                let is_whole = stream.next == stream.said.len();
                if is_whole || stream.last_id.is_none() || stream.last_at.elapsed() >= AGE {
                    continue;
                }
                self.resume(digit).await;
                let stream = &mut self.session().streams[digit];
                let ended = stream.read(usize::MAX).await;
                assert_eq!(ended, digit > 0, "SPEC C-27");
                // Events that were not received in time have expired.
                let mut missing = stream.said[stream.next..].iter();
                let is_gone = missing.all(|(_, since)| since.elapsed() >= AGE);
                assert!(is_gone, "stream {digit}");
            }
        }
    }
}
