//! Clients that do what is expensive for a server, from an address of their own. The server may refuse them, with
//! the right status for each refusal. Other clients must not notice.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::timeout;

use crate::client::{Failure, Round, ask, in_time, text};
use crate::http::{Connection, Response};
use crate::random::Random;

/// The address of all hostile clients, so that limits by address do not affect the others.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const POST: &str =
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// The length of padding. A body may be longer, but there are many clients.
const PADDING: usize = 250_000;
const CAPABILITIES: usize = 60_000;
const HEAD: usize = 60_000;
const INITIALIZES: usize = 30;
const CALLS: usize = 64;

/// The statuses of a refusal: of the message, or of a client that has reached its limits.
const REFUSED: [u16; 2] = [400, 429];

pub(crate) struct Hostile {
    round: Arc<Round>,
    random: Random,
    number: u64,
}

impl Hostile {
    /// Whether the client with this number is hostile: one in ten of each revision is.
    pub(crate) fn is_one(number: u64) -> bool {
        number / 5 % 10 == 9
    }

    pub(crate) fn new(round: Arc<Round>, number: u64) -> Self {
        Self {
            random: Random::new(round.seed, number),
            round,
            number,
        }
    }

    /// Does one thing after another until the round is over.
    pub(crate) async fn run(mut self) {
        loop {
            let pause = self.random.millis(50..2_000);
            tokio::time::sleep(pause).await;
            if Instant::now() >= self.round.until {
                return;
            }
            let act = self.random.below(12);
            if let Err(failure) = self.act(act).await {
                let who = format!("hostile client {}, act {act}", self.number);
                self.round.ledger.fail(format!("{who}: {failure}"));
            }
        }
    }

    async fn act(&mut self, act: u64) -> Result<(), Failure> {
        match act {
            0 => self.initialize(&deep(CAPABILITIES)).await,
            1 => self.initialize(&small_objects(CAPABILITIES)).await,
            2 => {
                let uris = format!(
                    r#""resourceSubscriptions":[{}""]"#,
                    "\"\",".repeat(PADDING / 3)
                );
                self.listen(&uris, "", "", &REFUSED).await
            }
            3 => {
                let padding = format!(r#","pad":"{}""#, "x".repeat(PADDING));
                self.listen("", &padding, "", &[429]).await
            }
            4 => {
                let head = format!("X-Pad: {}\r\n", "x".repeat(HEAD));
                self.listen("", "", &head, &[429]).await
            }
            5 => self.send_names().await,
            6 => self.list_with_cursor().await,
            7 => self.resume_after_large_event().await,
            8 => self.leave_before_first_event().await,
            9 => self.send_ahead().await,
            10 => self.open_sessions().await,
            _ => self.exceed_call_limit().await,
        }
    }

    async fn connection(&self) -> Result<Connection, Failure> {
        in_time(
            "a connection",
            Connection::open_from(ADDRESS, self.round.address),
        )
        .await
    }

    async fn ask(&self, line: &str, headers: &str, body: &str) -> Result<Response, Failure> {
        ask(self.connection().await?, line, headers, body).await
    }

    /// Opens and abandons a session with expensive capabilities.
    async fn initialize(&self, capabilities: &str) -> Result<(), Failure> {
        let response = self
            .ask("POST /mcp", POST, &initialize_body(capabilities))
            .await?;
        is_one_of(&response, &[200, 400, 429])?;
        response.reset().map_err(|error| error.to_string())
    }

    /// Listens for a while. The server has to serve a request that is only long.
    async fn listen(
        &mut self,
        filter: &str,
        padding: &str,
        head: &str,
        refused: &[u16],
    ) -> Result<(), Failure> {
        let headers = modern("subscriptions/listen", head);
        let body = listen_body(filter, padding);
        let response = self.ask("POST /mcp", &headers, &body).await?;
        if !response.is_stream() && response.status != 200 {
            is_one_of(&response, refused)?;
        }
        let pause = self.random.millis(0..2_000);
        tokio::time::sleep(pause).await;
        response.reset().map_err(|error| error.to_string())
    }

    /// Sends member names that are all different or all the same, in an object whose names the server compares.
    async fn send_names(&mut self) -> Result<(), Failure> {
        let is_same = self.random.below(2) == 0;
        let name = |at: usize| if is_same { 0 } else { at };
        let names: String = (0..PADDING / 12)
            .map(|at| format!(r#""\n{}":0,"#, name(at)))
            .collect();
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{names}{META}}}}}"#
        );
        let response = self
            .ask("POST /mcp", &modern("tools/list", ""), &body)
            .await?;
        is_one_of(&response, &[200, 400, 429])?;
        response.reset().map_err(|error| error.to_string())
    }

    /// Sends small objects, or numbers with exponents, in place of a cursor.
    async fn list_with_cursor(&mut self) -> Result<(), Failure> {
        let piece = ["{\"\":0},", "1e1,"][self.random.below(2) as usize];
        let cursor = piece.repeat(PADDING / piece.len());
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"cursor":[{cursor}0],{META}}}}}"#
        );
        let response = self
            .ask("POST /mcp", &modern("tools/list", ""), &body)
            .await?;
        is_one_of(&response, &[200, 400, 429])?;
        response.reset().map_err(|error| error.to_string())
    }

    /// Receives an event that is longer than the replay buffer, disconnects, and resumes.
    async fn resume_after_large_event(&self) -> Result<(), Failure> {
        let Some(session) = self.open_session().await? else {
            return Ok(());
        };
        let headers = format!("{session}{POST}");
        let call = work(&json!({"steps": 2, "ms": 300, "pad": 1_200_000}));
        let mut response = self.ask("POST /mcp", &headers, &call).await?;
        is_one_of(&response, &[200, 429])?;
        let first = timeout(Duration::from_secs(1), response.event()).await;
        let last = response.last_event_id.take();
        response.reset().map_err(|error| error.to_string())?;
        let (Ok(Ok(Some(_))), Some(last)) = (first, last) else {
            return Ok(());
        };
        let headers = format!("{session}Accept: text/event-stream\r\nLast-Event-ID: {last}\r\n");
        let response = self.ask("GET /mcp", &headers, "").await?;
        is_one_of(&response, &[200, 400, 429])?;
        response.reset().map_err(|error| error.to_string())
    }

    /// Disconnects before the first event of a call that sends many.
    async fn leave_before_first_event(&self) -> Result<(), Failure> {
        let Some(session) = self.open_session().await? else {
            return Ok(());
        };
        let mut connection = self.connection().await?;
        let call = work(&json!({"steps": 40, "ms": 10, "pad": 16 * 1024}));
        let headers = format!("{session}{POST}");
        in_time("a write", connection.send("POST /mcp", &headers, &call)).await?;
        // The server has to read the request before the reset.
        tokio::time::sleep(Duration::from_millis(5)).await;
        connection.reset().map_err(|error| error.to_string())
    }

    /// Sends many bytes after a request that waits. Bytes that the server does not read stay with the client.
    async fn send_ahead(&mut self) -> Result<(), Failure> {
        let mut connection = self.connection().await?;
        let headers = modern("subscriptions/listen", "");
        in_time(
            "a write",
            connection.send("POST /mcp", &headers, &listen_body("", "")),
        )
        .await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let padding = " ".repeat(PADDING);
        let ahead = connection.send("POST /mcp", POST, &padding);
        // The server may read nothing, or close the connection: both are correct.
        let _ = timeout(self.random.millis(100..1_000), ahead).await;
        connection.reset().map_err(|error| error.to_string())
    }

    /// Opens and abandons sessions.
    async fn open_sessions(&self) -> Result<(), Failure> {
        let mut connection = self.connection().await?;
        let body = initialize_body("");
        for _ in 0..INITIALIZES {
            let response = ask(connection, "POST /mcp", POST, &body).await?;
            is_one_of(&response, &[200, 429])?;
            if response.header("connection") == Some("close") {
                return Ok(());
            }
            connection = in_time("a body", response.body()).await?.1;
        }
        Ok(())
    }

    /// Makes more concurrent calls than a session may have.
    async fn exceed_call_limit(&mut self) -> Result<(), Failure> {
        let accept = "Accept: text/event-stream\r\n";
        let mut stream = self.ask("GET /sse", accept, "").await?;
        is_one_of(&stream, &[200, 429])?;
        if !stream.is_stream() {
            return Ok(());
        }
        let endpoint = in_time("an event", stream.event()).await?;
        let path = endpoint
            .map(|event| format!("POST {}", event.data))
            .unwrap_or_default();
        let mut connection = self.connection().await?;
        for id in 0..CALLS + 10 {
            let call =
                work(&json!({"ms": 1_500})).replacen(r#""id":1"#, &format!(r#""id":{id}"#), 1);
            let response = ask(connection, &path, POST, &call).await?;
            is_one_of(&response, &[202, 429, 503])?;
            let closes = response.header("connection") == Some("close");
            let (_, same) = in_time("a body", response.body()).await?;
            connection = if closes {
                self.connection().await?
            } else {
                same
            };
        }
        let pause = self.random.millis(0..2_000);
        tokio::time::sleep(pause).await;
        stream.reset().map_err(|error| error.to_string())
    }

    /// Opens a session of 2025-11-25. Returns its headers, or `None` if the limit is reached.
    async fn open_session(&self) -> Result<Option<String>, Failure> {
        let response = self.ask("POST /mcp", POST, &initialize_body("")).await?;
        is_one_of(&response, &[200, 429])?;
        let id = response.header("mcp-session-id");
        Ok(id.map(|id| format!("Mcp-Session-Id: {id}\r\n")))
    }
}

fn is_one_of(response: &Response, statuses: &[u16]) -> Result<(), Failure> {
    match statuses.contains(&response.status) {
        true => Ok(()),
        false => Err(format!(
            "the status is {} instead of one of {statuses:?}",
            response.status
        )),
    }
}

fn modern(method: &str, more: &str) -> String {
    format!("{POST}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{more}")
}

fn initialize_body(capabilities: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{{{capabilities}}},"clientInfo":{{"name":"soak","version":"1"}}}}}}"#
    )
}

fn listen_body(filter: &str, padding: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{{filter}}},{META}{padding}}}}}"#
    )
}

/// A call whose answer the client ignores.
fn work(arguments: &serde_json::Value) -> String {
    let mut arguments = arguments.clone();
    arguments["token"] = "hostile".into();
    let meta = json!({"progressToken": "hostile"});
    text(
        Some(1),
        "tools/call",
        json!({"name": "work", "arguments": arguments, "_meta": meta}),
    )
}

fn deep(bytes: usize) -> String {
    let one = format!("{}{{}}{}", "{\"\":".repeat(50), "}".repeat(50));
    let all = vec![&*one; bytes / one.len()];
    format!(r#""experimental":{{"x":[{}]}}"#, all.join(","))
}

fn small_objects(bytes: usize) -> String {
    format!(
        r#""experimental":{{"x":[{}{{}}]}}"#,
        "{\"\":1},".repeat(bytes / 7)
    )
}
