//! What the clients of all revisions have in common: calls, connections, and their account in the ledger.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_wire::ProtocolVersion;
use serde_json::{Value, json};

use crate::http::{Connection, Response};
use crate::ledger::{Expected, Ledger, Outcome};
use crate::random::Random;

/// The time after which anything that has not happened counts as hanging.
const PATIENCE: Duration = Duration::from_secs(30);
/// The server may close a connection that was idle for longer at any moment.
const REUSABLE: Duration = Duration::from_secs(4);

/// A POST to a session that never existed.
const UNKNOWN: &str = "POST /messages/?session_id=00000000000000000000000000000000";

/// What the server did wrong, as a sentence.
pub(crate) type Failure = String;

/// The state that the clients of one round share.
pub(crate) struct Round {
    pub(crate) address: SocketAddr,
    pub(crate) ledger: Ledger,
    pub(crate) seed: u64,
    pub(crate) until: Instant,
}

pub(crate) struct Client {
    pub(crate) round: Arc<Round>,
    pub(crate) revision: ProtocolVersion,
    pub(crate) random: Random,
    pub(crate) number: u64,
    serial: u64,
    /// A connection to reuse, and since when it is idle.
    idle: Option<(Connection, Instant)>,
}

impl Client {
    pub(crate) fn new(round: Arc<Round>, number: u64) -> Self {
        let revisions = ProtocolVersion::ALL;
        Self {
            revision: revisions[number as usize % revisions.len()],
            random: Random::new(round.seed, number),
            round,
            number,
            serial: 0,
            idle: None,
        }
    }

    /// A client of 2026-07-28, whatever its number.
    pub(crate) fn modern(round: Arc<Round>, number: u64) -> Self {
        Self {
            revision: ProtocolVersion::V2026_07_28,
            ..Self::new(round, number)
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.round.until
    }

    pub(crate) async fn pause(&mut self) {
        let pause = self.random.millis(50..4_000);
        tokio::time::sleep(pause).await;
    }

    // --- calls

    /// Records a call with this id. Returns what its answer has to be, and the params to send.
    pub(crate) fn begin_call(&mut self, id: u64, mut arguments: Value) -> (Expected, Value) {
        self.serial += 1;
        let token = format!("{}-{}", self.number, self.serial);
        self.round.ledger.count_call(self.revision);
        arguments["token"] = token.as_str().into();
        let params = json!({
            "name": "work",
            "arguments": arguments,
            "_meta": {"progressToken": token},
        });
        let may_skip_progress = self.revision == ProtocolVersion::V2026_07_28;
        (Expected::new(id, token, may_skip_progress), params)
    }

    pub(crate) fn settle_call(&self, outcome: Outcome) {
        self.round.ledger.settle_call(self.revision, outcome);
    }

    /// Arguments of a call that is answered at once, takes a while, or reports progress.
    pub(crate) fn random_work(&mut self) -> Value {
        match self.random.below(3) {
            0 => json!({}),
            1 => json!({"ms": self.random.within(10..1_500)}),
            _ => self.progress_work(),
        }
    }

    /// Arguments of a call that reports progress.
    pub(crate) fn progress_work(&mut self) -> Value {
        json!({
            "steps": self.random.within(1..20),
            "ms": self.random.within(1..40),
            "pad": self.random.within(0..2_000),
        })
    }

    /// Arguments of a call that sends more than the buffer of a socket, and less than the limit of a stream.
    pub(crate) fn long_work() -> Value {
        json!({"steps": 40, "ms": 1, "pad": 16 * 1024})
    }

    /// Arguments of a call that sends more than the limit of a stream.
    pub(crate) fn endless_work() -> Value {
        json!({"steps": 100, "ms": 1, "pad": 16 * 1024})
    }

    // --- connections

    /// A connection for one exchange: the idle one, or a new one.
    pub(crate) async fn connection(&mut self) -> Result<Connection, Failure> {
        match self.idle.take() {
            Some((connection, since)) if since.elapsed() < REUSABLE => Ok(connection),
            _ => in_time("a connection", Connection::open(self.round.address)).await,
        }
    }

    pub(crate) async fn narrow_connection(&self) -> Result<Connection, Failure> {
        in_time("a connection", Connection::narrow(self.round.address)).await
    }

    /// Keeps a connection for the next exchange.
    pub(crate) fn keep(&mut self, connection: Connection) {
        self.idle = Some((connection, Instant::now()));
    }

    /// Sends a request, and reads the head of the response.
    pub(crate) async fn exchange(
        &mut self,
        line: &str,
        headers: &str,
        body: &str,
    ) -> Result<Response, Failure> {
        let connection = self.connection().await?;
        ask(connection, line, headers, body).await
    }

    /// Reads the body of a response that is not a stream, and checks its status.
    pub(crate) async fn finish(
        &mut self,
        response: Response,
        status: u16,
    ) -> Result<String, Failure> {
        let was = response.status;
        let closes = response.header("connection") == Some("close");
        let (body, connection) = in_time("a body", response.body()).await?;
        if was != status {
            return Err(format!("the status is {was} instead of {status}: {body}"));
        }
        if !closes {
            self.keep(connection);
        }
        Ok(body)
    }

    /// Sends a request that the server has to refuse. All but one of the headers are those of a valid POST.
    pub(crate) async fn send_invalid(&mut self, good: &str) -> Result<(), Failure> {
        let (line, headers, body, status) = match self.random.below(5) {
            0 => ("PUT /mcp", good.to_owned(), "{}", 405),
            1 => ("POST /mcp", good.to_owned(), "{", 400),
            2 => (
                "POST /mcp",
                good.replace("application/json", "text/plain"),
                "{}",
                415,
            ),
            3 => ("POST /nowhere", good.to_owned(), "{}", 404),
            _ => (UNKNOWN, good.to_owned(), "{}", 404),
        };
        let response = self.exchange(line, &headers, body).await?;
        self.finish(response, status).await?;
        Ok(())
    }

    /// Drops the idle connection, which an error may have left unusable.
    pub(crate) fn forget_connection(&mut self) {
        self.idle = None;
    }

    /// Resets the idle connection.
    pub(crate) fn disconnect_idle(&mut self) {
        if let Some((connection, _)) = self.idle.take() {
            // The server may have closed the connection already.
            let _ = connection.reset();
        }
    }
}

pub(crate) async fn ask(
    mut connection: Connection,
    line: &str,
    headers: &str,
    body: &str,
) -> Result<Response, Failure> {
    in_time("a write", connection.send(line, headers, body)).await?;
    in_time("the head of a response", connection.response()).await
}

/// The next message of a stream, skipping priming events; `None` at the end of the stream.
pub(crate) async fn message(response: &mut Response) -> Result<Option<Value>, Failure> {
    loop {
        let Some(event) = in_time("an event", response.event()).await? else {
            return Ok(None);
        };
        if !event.data.is_empty() {
            return parsed(&event.data).map(Some);
        }
    }
}

/// The text of a request, or of a notification if there is no id.
pub(crate) fn text(id: Option<u64>, method: &str, params: Value) -> String {
    let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
    if let Some(id) = id {
        message["id"] = id.into();
    }
    message.to_string()
}

pub(crate) fn initialize_params(revision: ProtocolVersion) -> Value {
    json!({
        "protocolVersion": revision.as_str(),
        "capabilities": {},
        "clientInfo": {"name": "soak", "version": "1"},
    })
}

pub(crate) fn parsed(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))
}

/// Fails if the future takes too long.
pub(crate) async fn in_time<T>(
    what: &str,
    future: impl Future<Output = io::Result<T>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(result) => result.map_err(|error| format!("{what}: {error}")),
        Err(_) => Err(format!("{what} took longer than {PATIENCE:?}")),
    }
}
