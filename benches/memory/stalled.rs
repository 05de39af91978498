//! A client that does not read costs the server little memory, and does not slow down other clients (PITFALLS
//!

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mcp_wire::jsonrpc::Json;
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire::{McpService, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::error::BoxError;
use crate::heap::HEAP;

#[allow(dead_code, reason = "the soak uses more of it")]
#[path = "../../examples/soak/http.rs"]
mod http;

use http::{Connection, Response};

/// The limit on the heap that a client that does not read may use, in bytes.
const BUDGET: usize = 4_000_000;
const CHUNK: usize = 64 * 1024;
/// The pause between two chunks, so that the machine has capacity left for the calls that are timed.
const PAUSE: Duration = Duration::from_millis(1);
/// The pause between two timed calls.
const BREATH: Duration = Duration::from_millis(2);
/// The number of calls that are timed before the stall, and the minimum during it.
const CALLS: usize = 300;

const POST: &str =
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";

/// The stream that the client stops reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    /// The stream of a session of 2024-11-05.
    Sse,
    /// The response to a POST of 2025-11-25.
    Post,
    /// The same stream, after the client has resumed it.
    Resumed,
    /// The response to a POST of 2026-07-28.
    Modern,
}

impl Stream {
    const ALL: [Self; 4] = [Self::Sse, Self::Post, Self::Resumed, Self::Modern];

    const fn revision(self) -> &'static str {
        match self {
            Self::Sse => "2024-11-05",
            Self::Post | Self::Resumed => "2025-11-25",
            Self::Modern => "2026-07-28",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self {
            Self::Sse => "the stream",
            Self::Post => "of a POST",
            Self::Resumed => "resumed",
            Self::Modern => "of a POST",
        };
        write!(f, "{}, {of}", self.revision())
    }
}

/// The state of the tool `flood`.
#[derive(Default)]
struct Flood {
    sent: AtomicUsize,
    is_over: AtomicBool,
}

struct Flooding(Arc<Flood>);

impl Drop for Flooding {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

/// The tool `flood` sends this many bytes of notifications; the tool `echo` answers at once.
fn server(flood: Arc<Flood>, bytes: usize) -> Server {
    let tool = |name: &str| Tool::new(name).input(json!({"type": "object"}));
    let chunk = Json::try_from(&json!({"pad": "x".repeat(CHUNK)})).expect("an object");
    Server::new("Bench", "1.0.0")
        .tool(tool("echo"), async |_: Call, _: Arguments| "echo")
        .tool(tool("flood"), move |cx: Call, _: Arguments| {
            let (flooding, chunk) = (Flooding(Arc::clone(&flood)), chunk.clone());
            async move {
                for _ in 0..bytes / CHUNK {
                    // The flood continues when the client is gone.
                    let _ = cx.notify("notifications/note", Some(&chunk));
                    flooding.0.sent.fetch_add(CHUNK, Ordering::SeqCst);
                    tokio::time::sleep(PAUSE).await;
                }
                "over"
            }
        })
}

/// A client that reads, and times its calls.
struct Caller {
    address: SocketAddr,
    /// The stream of an HTTP+SSE session.
    stream: Option<Response>,
    line: String,
    headers: String,
    modern: bool,
    next_id: u64,
    /// The idle connection; `None` while it is in use.
    idle: Option<Connection>,
}

impl Caller {
    async fn open(address: SocketAddr, stream: Stream) -> Result<Self, BoxError> {
        let mut caller = Self {
            address,
            stream: None,
            line: "POST /mcp".to_owned(),
            headers: POST.to_owned(),
            modern: stream == Stream::Modern,
            next_id: 1,
            idle: Some(Connection::open(address).await?),
        };
        if caller.modern {
            caller.headers += "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n";
            return Ok(caller);
        }
        let params = json!({
            "protocolVersion": stream.revision(),
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"},
        });
        if stream == Stream::Sse {
            let mut connection = Connection::narrow(address).await?;
            connection.send("GET /sse", "", "").await?;
            let mut stream = connection.response().await?;
            let endpoint = stream.event().await?.ok_or("an endpoint")?;
            caller.line = format!("POST {}", endpoint.data);
            caller.stream = Some(stream);
            caller.answer("initialize", params).await?;
            return Ok(caller);
        }
        let response = caller.exchange("initialize", params).await?;
        let id = response.header("mcp-session-id").ok_or("a session")?;
        caller.headers += &format!(
            "Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {}\r\n",
            stream.revision()
        );
        caller.idle = Some(response.body().await?.1);
        Ok(caller)
    }

    fn body(&mut self, method: &str, params: Value) -> String {
        self.next_id += 1;
        let id = self.next_id;
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
    }

    async fn exchange(&mut self, method: &str, params: Value) -> Result<Response, BoxError> {
        let body = self.body(method, params);
        let mut connection = self.idle.take().ok_or("a connection")?;
        connection.send(&self.line, &self.headers, &body).await?;
        Ok(connection.response().await?)
    }

    /// Sends a request, and reads its answer.
    async fn answer(&mut self, method: &str, params: Value) -> Result<(), BoxError> {
        let response = self.exchange(method, params).await?;
        let (body, connection) = response.body().await?;
        self.idle = Some(connection);
        let answer = match &mut self.stream {
            Some(stream) => stream.event().await?.ok_or("an answer")?.data,
            None => body,
        };
        match answer.contains("\"result\"") {
            true => Ok(()),
            false => Err(answer.into()),
        }
    }

    fn params(&self, tool: &str) -> Value {
        let mut params = json!({"name": tool});
        if self.modern {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            });
        }
        params
    }

    async fn time_call(&mut self) -> Result<Duration, BoxError> {
        let params = self.params("echo");
        let headers = self.add_name("echo");
        let begun = Instant::now();
        self.answer("tools/call", params).await?;
        let took = begun.elapsed();
        self.headers.truncate(headers);
        Ok(took)
    }

    /// Adds the `Mcp-Name` header if the revision requires it. Returns the length of the headers before.
    fn add_name(&mut self, tool: &str) -> usize {
        let end = self.headers.len();
        if self.modern {
            self.headers += &format!("Mcp-Name: {tool}\r\n");
        }
        end
    }

    /// Starts the flood in the session of this client, on a connection that the client does not read. The return
    /// value keeps it open.
    async fn begin_flood(&mut self, stream: Stream) -> Result<Stalled, BoxError> {
        let params = self.params("flood");
        let body = self.body("tools/call", params);
        let end = self.add_name("flood");
        let mut connection = match stream {
            // The answers arrive on the stream, which the client stops reading now.
            Stream::Sse => self.idle.take().ok_or("a connection")?,
            _ => Connection::narrow(self.address).await?,
        };
        connection.send(&self.line, &self.headers, &body).await?;
        self.headers.truncate(end);
        if stream != Stream::Resumed {
            return Ok(Stalled {
                connection,
                stream: self.stream.take(),
            });
        }
        let mut response = connection.response().await?;
        // Reads the first events, lets the session fill its replay buffer, then resumes.
        response.event().await?;
        response.event().await?;
        let last = response.last_event_id.take().ok_or("an event id")?;
        response.reset()?;
        tokio::time::sleep(PAUSE * 8).await;
        let mut connection = Connection::narrow(self.address).await?;
        let headers = format!("{}Last-Event-ID: {last}\r\n", self.headers);
        connection.send("GET /mcp", &headers, "").await?;
        Ok(Stalled {
            connection,
            stream: None,
        })
    }
}

/// The connections of a client that does not read.
struct Stalled {
    connection: Connection,
    stream: Option<Response>,
}

impl Stalled {
    fn reset(self) -> Result<(), BoxError> {
        self.connection.reset()?;
        match self.stream {
            Some(stream) => Ok(stream.reset()?),
            None => Ok(()),
        }
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Times calls of two clients in turns, so that other work of the machine affects both alike.
async fn time_in_turn(
    one: &mut Caller,
    other: &mut Caller,
    mut goes_on: impl FnMut(usize) -> bool,
) -> Result<(Duration, Duration, usize), BoxError> {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    while goes_on(ones.len()) {
        ones.push(one.time_call().await?);
        tokio::time::sleep(BREATH).await;
        others.push(other.time_call().await?);
        tokio::time::sleep(BREATH).await;
    }
    Ok((median(&mut ones), median(&mut others), ones.len()))
}

async fn stall(stream: Stream, bytes: usize) -> Result<(), BoxError> {
    let flood = Arc::new(Flood::default());
    let mcp = McpService::builder(server(Arc::clone(&flood), bytes)).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(serve(listener, mcp.clone(), std::future::pending()));

    let mut own = Caller::open(address, stream).await?;
    let mut other = Caller::open(address, stream).await?;
    let (before, _, _) = time_in_turn(&mut own, &mut other, |calls| calls < CALLS).await?;
    let heap = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let stalled = own.begin_flood(stream).await?;
    if stream == Stream::Sse {
        // All answers of this session arrive on the stalled stream, so another session makes the timed calls.
        own = Caller::open(address, stream).await?;
    }
    let begun = Instant::now();
    // The client never reads, even after the server has cut it off.
    let is_over = || flood.is_over.load(Ordering::SeqCst);
    let goes_on = |calls| calls < CALLS || !is_over();
    let (beside, elsewhere, calls) = time_in_turn(&mut own, &mut other, goes_on).await?;
    let grown = HEAP.peak_usage().saturating_sub(heap);
    let whose = match stream {
        Stream::Sse | Stream::Modern => "another",
        Stream::Post | Stream::Resumed => "the same",
    };
    println!("  {stream}:");
    println!(
        "    heap: at most {grown} bytes more, while the handler sent {} bytes in {:.1} s",
        flood.sent.load(Ordering::SeqCst),
        begun.elapsed().as_secs_f64(),
    );
    println!(
        "    time of a call: {beside:?} in {whose} session, {elsewhere:?} in a quiet one, {before:?} before the \
         stall (medians of {calls}; ratios {:.2} and {:.2})",
        beside.as_secs_f64() / elsewhere.as_secs_f64(),
        beside.as_secs_f64() / before.as_secs_f64(),
    );
    stalled.reset()?;
    serving.abort();
    assert!(
        grown < BUDGET,
        "a client that does not read uses more heap than the limit"
    );
    Ok(())
}

pub(crate) async fn measure(bytes: usize) -> Result<(), BoxError> {
    println!("one client stops reading a stream of {bytes} bytes:");
    for stream in Stream::ALL {
        stall(stream, bytes).await?;
    }
    Ok(())
}
