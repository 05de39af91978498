//! The server under test. It has one tool, whose arguments say what a call does and which token it answers with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mcp_wire::McpService;
use mcp_wire::server::{Arguments, Call, HandlerError, Server, Tool};
use serde_json::json;

/// The idle time of sessions. It is much longer than the pauses of the clients, also on a busy machine, so that a
/// session that expires too early is a failure.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(15);
/// The limit on sessions, calls, listening requests and connections. All clients share one address, which may use
/// half of it.
pub(crate) const MOST: usize = 20_000;
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// Short, so that some slow calls are answered with JSON and some with a stream.
const SILENCE: Duration = Duration::from_millis(200);

/// How many handlers started, and how they ended.
#[derive(Clone, Default)]
pub(crate) struct Handlers(Arc<Counts>);

#[derive(Default)]
struct Counts {
    begun: AtomicU64,
    finished: AtomicU64,
    dropped: AtomicU64,
}

impl Handlers {
    fn begin(&self) -> Running {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Running {
            handlers: self.clone(),
            is_finished: false,
        }
    }

    pub(crate) fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::Relaxed)
    }

    pub(crate) fn finished(&self) -> u64 {
        self.0.finished.load(Ordering::Relaxed)
    }

    /// The handlers that were cancelled, or that ended with their session or client.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

struct Running {
    handlers: Handlers,
    is_finished: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        let counts = &self.handlers.0;
        let count = if self.is_finished {
            &counts.finished
        } else {
            &counts.dropped
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The tool `work` makes `steps` steps of `ms` milliseconds, reports each as progress with `pad` bytes of padding,
/// and answers with `token`.
pub(crate) fn server(handlers: Handlers) -> Server {
    let work = Tool::new("work").input(json!({"type": "object", "required": ["token"]}));
    Server::new("Soak", "1.0.0").tool(work, move |cx: Call, args: Arguments| {
        let running = handlers.begin();
        work_on(cx, args, running)
    })
}

async fn work_on(cx: Call, args: Arguments, mut running: Running) -> Result<String, HandlerError> {
    let number = |name| {
        args.value(name)
            .and_then(|value| value.as_u64())
            .unwrap_or(0)
    };
    let token = args.str("token")?.to_owned();
    let pause = Duration::from_millis(number("ms"));
    let pad = "x".repeat(number("pad") as usize);
    for step in 1..=number("steps") {
        tokio::time::sleep(pause).await;
        cx.progress(step as f64, None, Some(&pad));
    }
    // A call without arguments is answered at once, without a timer.
    if args.value("steps").is_none() && !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    running.is_finished = true;
    Ok(token)
}

pub(crate) fn service(server: Server) -> Result<McpService, mcp_wire::Error> {
    McpService::builder(server)
        .timeouts(|timeouts| {
            timeouts.session_idle = IDLE_TIME;
            timeouts.keep_alive = Some(KEEP_ALIVE);
            timeouts.stream_after = SILENCE;
        })
        .limits(|limits| {
            limits.sessions = MOST;
            limits.calls = MOST;
            limits.listen_streams = MOST;
        })
        .build()
}
