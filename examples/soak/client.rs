//! What clients of all revisions do alike: they come, do this and that with pauses between, and go.

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

/// Nothing that is waited for takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// A connection that was idle for longer may be closed by the server at any moment.
const FRESH: Duration = Duration::from_secs(4);

/// A session that there never was.
const UNKNOWN: &str = "POST /messages/?session_id=00000000000000000000000000000000";

/// What the server did wrong, in words.
pub(crate) type Fault = String;

/// What the clients of one round share.
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
    /// A connection that can be used again, and since when it is idle.
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

    /// One of 2026-07-28, whatever its number.
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

    /// Begins the account of a call with this id: what has to come back, and the params to ask with.
    pub(crate) fn begins(&mut self, id: u64, mut arguments: Value) -> (Expected, Value) {
        self.serial += 1;
        let token = format!("{}-{}", self.number, self.serial);
        self.round.ledger.calls(self.revision);
        arguments["token"] = token.as_str().into();
        let params = json!({
            "name": "work",
            "arguments": arguments,
            "_meta": {"progressToken": token},
        });
        let may_miss = self.revision == ProtocolVersion::V2026_07_28;
        (Expected::new(id, token, may_miss), params)
    }

    pub(crate) fn settles(&self, outcome: Outcome) {
        self.round.ledger.settles(self.revision, outcome);
    }

    /// Work that is done at once, takes a while, or tells of itself.
    pub(crate) fn errand(&mut self) -> Value {
        match self.random.below(3) {
            0 => json!({}),
            1 => json!({"ms": self.random.within(10..1_500)}),
            _ => self.talk(),
        }
    }

    pub(crate) fn talk(&mut self) -> Value {
        json!({
            "steps": self.random.within(1..20),
            "ms": self.random.within(1..40),
            "pad": self.random.within(0..2_000),
        })
    }

    /// Work that tells more than a socket holds, and less than a stream may.
    pub(crate) fn long_talk() -> Value {
        json!({"steps": 40, "ms": 1, "pad": 16 * 1024})
    }

    /// Work that tells more than a stream may hold.
    pub(crate) fn endless_talk() -> Value {
        json!({"steps": 100, "ms": 1, "pad": 16 * 1024})
    }

    // --- connections

    /// A connection for one exchange: the idle one, or a new one.
    pub(crate) async fn connection(&mut self) -> Result<Connection, Fault> {
        match self.idle.take() {
            Some((connection, since)) if since.elapsed() < FRESH => Ok(connection),
            _ => soon("a connection", Connection::open(self.round.address)).await,
        }
    }

    pub(crate) async fn narrow_connection(&self) -> Result<Connection, Fault> {
        soon("a connection", Connection::narrow(self.round.address)).await
    }

    /// Keeps a connection for the next exchange.
    pub(crate) fn keep(&mut self, connection: Connection) {
        self.idle = Some((connection, Instant::now()));
    }

    /// Sends a request on a connection and reads the head of the response.
    pub(crate) async fn exchange(
        &mut self,
        line: &str,
        headers: &str,
        body: &str,
    ) -> Result<Response, Fault> {
        let connection = self.connection().await?;
        ask(connection, line, headers, body).await
    }

    /// Reads the body of a response that is no stream, which has to have this status.
    pub(crate) async fn finish(
        &mut self,
        response: Response,
        status: u16,
    ) -> Result<String, Fault> {
        let was = response.status;
        let closes = response.header("connection") == Some("close");
        let (body, connection) = soon("a body", response.body()).await?;
        if was != status {
            return Err(format!("{was} instead of {status}: {body}"));
        }
        if !closes {
            self.keep(connection);
        }
        Ok(body)
    }

    /// Asks for something that is refused, with the headers of a good POST but one.
    pub(crate) async fn offend(&mut self, good: &str) -> Result<(), Fault> {
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

    /// Goes without a goodbye.
    pub(crate) fn vanish(&mut self) {
        if let Some((connection, _)) = self.idle.take() {
            // A socket that is gone already needs no reset.
            let _ = connection.reset();
        }
    }
}

pub(crate) async fn ask(
    mut connection: Connection,
    line: &str,
    headers: &str,
    body: &str,
) -> Result<Response, Fault> {
    soon("a write", connection.send(line, headers, body)).await?;
    soon("the head of a response", connection.response()).await
}

/// The next message of a stream, past priming events; `None` at its proper end.
pub(crate) async fn message(response: &mut Response) -> Result<Option<Value>, Fault> {
    loop {
        let Some(event) = soon("an event", response.event()).await? else {
            return Ok(None);
        };
        if !event.data.is_empty() {
            return parsed(&event.data).map(Some);
        }
    }
}

/// The text of a request, or of a notification if it has no id.
pub(crate) fn text(id: Option<u64>, method: &str, params: Value) -> String {
    let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
    if let Some(id) = id {
        message["id"] = id.into();
    }
    message.to_string()
}

pub(crate) fn hello(revision: ProtocolVersion) -> Value {
    json!({
        "protocolVersion": revision.as_str(),
        "capabilities": {},
        "clientInfo": {"name": "soak", "version": "1"},
    })
}

pub(crate) fn parsed(text: &str) -> Result<Value, Fault> {
    serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))
}

/// Fails instead of hanging.
pub(crate) async fn soon<T>(
    what: &str,
    future: impl Future<Output = io::Result<T>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(result) => result.map_err(|error| format!("{what}: {error}")),
        Err(_) => Err(format!("{what} did not come within {PATIENCE:?}")),
    }
}
