//! [`serve_stdio`] and [`Stdio`]: a server on standard input and output.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::connection::Connection;
use crate::auth::Identity;
use crate::transport::service::McpService;

/// How long what runs at the end of the input may go on. Clients wait 2 s before they end the process.
const DRAIN_DEADLINE: Duration = Duration::from_secs(1);

/// Serves one client on standard input and output, until its input ends (*2025-11-25, Transports, stdio*;
/// *2026-07-28, Transports, stdio*). This is how desktop clients start servers: as a command.
///
/// Every revision is served, by the same dispatcher and with the same limits, timeouts and hooks as over HTTP.
/// Legacy clients have a session, which ends with the input. [`Stdio`] has settings.
///
/// **Write nothing else to standard output**: no `println!`, and no log. Clients take each line for a message.
/// Standard error is free for logs.
///
/// ```no_run
/// # use mcp_wire::{Dispatcher, McpService, serve_stdio};
/// # async fn example(dispatcher: impl Dispatcher) -> Result<(), Box<dyn std::error::Error>> {
/// let mcp = McpService::builder(dispatcher).build()?;
/// serve_stdio(mcp).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`Stdio::run`].
///
/// # Cancel safety
///
/// As [`Stdio::run`].
pub async fn serve_stdio(mcp: McpService) -> io::Result<()> {
    Stdio::new(mcp).run().await
}

/// A server for one client whose messages are lines, as on standard input and output.
///
/// These limits of [`Limits`](crate::Limits) apply: `body` is how long a line may be; `queue` is how much may
/// wait for a legacy client that does not read, after which its session ends; `requests_per_session` is how many
/// requests of its session may run, and how many of 2026-07-28. One more is refused. Nothing is read while a
/// refusal waits to be written, nor while so many requests of 2026-07-28 have begun and their answers wait.
///
/// No authorizer is asked and no header is checked: whoever starts the process has its rights. What needs scopes
/// is refused unless you say who the client is ([`Stdio::identity`]).
///
/// The same service may be served over HTTP at the same time.
#[must_use = "nothing is served until `run`"]
pub struct Stdio {
    mcp: McpService,
    identity: Option<Identity>,
    drain_deadline: Duration,
}

impl Stdio {
    /// A server with the default settings.
    pub fn new(mcp: McpService) -> Self {
        Self {
            mcp,
            identity: None,
            drain_deadline: DRAIN_DEADLINE,
        }
    }

    /// Says who the client is, for example from the environment of the process. Default: no identity.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// How long running requests may go on once the input has ended. After that they are cancelled without
    /// an answer. Zero cancels them at once. Default 1 s.
    pub fn drain_deadline(mut self, time: Duration) -> Self {
        self.drain_deadline = time;
        self
    }

    /// Serves the client on standard input and output of this process, until the input ends or the session
    /// of a legacy client does.
    ///
    /// If it ends before the input does, a thread of the runtime still waits for input, and dropping the
    /// runtime waits for that thread: end the process, or use `Runtime::shutdown_background`.
    ///
    /// # Errors
    ///
    /// Reading or writing failed, but not because the client closed its end.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime whose time driver is enabled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the session and cancels everything that runs for the client.
    pub async fn run(self) -> io::Result<()> {
        self.run_on(tokio::io::stdin(), tokio::io::stdout()).await
    }

    /// Serves a client on any input and output, with the same framing: pipes, a socket, memory.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub async fn run_on(
        self,
        input: impl AsyncRead + Unpin + Send,
        output: impl AsyncWrite + Unpin + Send,
    ) -> io::Result<()> {
        let client = self.mcp.line_client(self.identity);
        let mut connection = Connection::new(client, input, output);
        let served = async {
            while let Some(line) = poll_fn(|cx| connection.poll_line(cx)).await? {
                connection.carry_out(line).await;
            }
            connection.drain();
            let end = poll_fn(|cx| connection.poll_end(cx));
            // Past the deadline everything is dropped.
            timeout(self.drain_deadline, end).await.unwrap_or(Ok(()))
        };
        match served.await {
            Err(error) if is_end(&error) => Ok(()),
            served => served,
        }
    }
}

/// Whether the client has closed its end.
fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::WriteZero
    )
}

impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdio")
            .field("mcp", &self.mcp)
            .field("identity", &self.identity)
            .field("drain_deadline", &self.drain_deadline)
            .finish()
    }
}
