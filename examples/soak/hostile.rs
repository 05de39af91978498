//! Clients that do what makes a server dear, from an address of their own, beside those that behave. They
//! may be refused, each with the statuses that are right for it; nobody else may notice.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::timeout;

use crate::client::{Fault, Round, ask, soon, text};
use crate::http::{Connection, Response};
use crate::random::Random;

/// Where they come from, so that what one address may have is not that of the others.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

const POST: &str =
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// How much they send beside what they ask for. A body may be longer, but there are many of them.
const PADDING: usize = 250_000;
const CAPABILITIES: usize = 60_000;
const HEAD: usize = 60_000;
const INITIALIZES: usize = 30;
const CALLS: usize = 64;

/// What the server may answer to something that it need not take: the message is refused, its client has
/// too much already.
const REFUSED: [u16; 2] = [400, 429];

pub(crate) struct Hostile {
    round: Arc<Round>,
    random: Random,
    number: u64,
}

impl Hostile {
    /// Whether a client is one of them: one in ten, of each revision.
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
    pub(crate) async fn live(mut self) {
        loop {
            let pause = self.random.millis(50..2_000);
            tokio::time::sleep(pause).await;
            if Instant::now() >= self.round.until {
                return;
            }
            let act = self.random.below(12);
            if let Err(fault) = self.act(act).await {
                let who = format!("hostile client {}, act {act}", self.number);
                self.round.ledger.fails(format!("{who}: {fault}"));
            }
        }
    }

    async fn act(&mut self, act: u64) -> Result<(), Fault> {
        match act {
            0 => self.say_hello(&deep(CAPABILITIES)).await,
            1 => self.say_hello(&small_objects(CAPABILITIES)).await,
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
            6 => self.ask_for_lists().await,
            7 => self.come_back_for_large_events().await,
            8 => self.leave_before_the_first_word().await,
            9 => self.send_ahead().await,
            10 => self.open_sessions().await,
            _ => self.call_at_once().await,
        }
    }

    async fn connection(&self) -> Result<Connection, Fault> {
        soon(
            "a connection",
            Connection::open_from(ADDRESS, self.round.address),
        )
        .await
    }

    async fn ask(&self, line: &str, headers: &str, body: &str) -> Result<Response, Fault> {
        ask(self.connection().await?, line, headers, body).await
    }

    /// A session with dear capabilities, which nobody comes back to.
    async fn say_hello(&self, capabilities: &str) -> Result<(), Fault> {
        let response = self.ask("POST /mcp", POST, &hello(capabilities)).await?;
        is_one_of(&response, &[200, 400, 429])?;
        response.reset().map_err(|error| error.to_string())
    }

    /// Listens for a while; what is only long, and asks for nothing dear, has to be served.
    async fn listen(
        &mut self,
        filter: &str,
        padding: &str,
        head: &str,
        refused: &[u16],
    ) -> Result<(), Fault> {
        let headers = modern("subscriptions/listen", head);
        let body = listening(filter, padding);
        let response = self.ask("POST /mcp", &headers, &body).await?;
        if !response.is_stream() && response.status != 200 {
            is_one_of(&response, refused)?;
        }
        let pause = self.random.millis(0..2_000);
        tokio::time::sleep(pause).await;
        response.reset().map_err(|error| error.to_string())
    }

    /// Names that all are different, or all the same, where each is looked at.
    async fn send_names(&mut self) -> Result<(), Fault> {
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

    /// Small objects, or numbers with exponents, where a cursor belongs.
    async fn ask_for_lists(&mut self) -> Result<(), Fault> {
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

    /// An event that is longer than all that a session keeps, and back to where it was.
    async fn come_back_for_large_events(&self) -> Result<(), Fault> {
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

    /// A call that tells much, and whose client hears nothing of it.
    async fn leave_before_the_first_word(&self) -> Result<(), Fault> {
        let Some(session) = self.open_session().await? else {
            return Ok(());
        };
        let mut connection = self.connection().await?;
        let call = work(&json!({"steps": 40, "ms": 10, "pad": 16 * 1024}));
        let headers = format!("{session}{POST}");
        soon("a write", connection.send("POST /mcp", &headers, &call)).await?;
        // So that it is read before it is reset.
        tokio::time::sleep(Duration::from_millis(5)).await;
        connection.reset().map_err(|error| error.to_string())
    }

    /// Much behind a request that waits; what the server does not read stays with its client.
    async fn send_ahead(&mut self) -> Result<(), Fault> {
        let mut connection = self.connection().await?;
        let headers = modern("subscriptions/listen", "");
        soon(
            "a write",
            connection.send("POST /mcp", &headers, &listening("", "")),
        )
        .await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let padding = " ".repeat(PADDING);
        let ahead = connection.send("POST /mcp", POST, &padding);
        // It may take none of it, or end the connection: both are right.
        let _ = timeout(self.random.millis(100..1_000), ahead).await;
        connection.reset().map_err(|error| error.to_string())
    }

    /// Sessions that nobody comes back to.
    async fn open_sessions(&self) -> Result<(), Fault> {
        let mut connection = self.connection().await?;
        let body = hello("");
        for _ in 0..INITIALIZES {
            let response = ask(connection, "POST /mcp", POST, &body).await?;
            is_one_of(&response, &[200, 429])?;
            if response.header("connection") == Some("close") {
                return Ok(());
            }
            connection = soon("a body", response.body()).await?.1;
        }
        Ok(())
    }

    /// As many calls as a session may have, and some more.
    async fn call_at_once(&mut self) -> Result<(), Fault> {
        let accept = "Accept: text/event-stream\r\n";
        let mut stream = self.ask("GET /sse", accept, "").await?;
        is_one_of(&stream, &[200, 429])?;
        if !stream.is_stream() {
            return Ok(());
        }
        let endpoint = soon("an event", stream.event()).await?;
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
            let (_, same) = soon("a body", response.body()).await?;
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

    /// The headers of a session of 2025-11-25; `None` where it may have no more.
    async fn open_session(&self) -> Result<Option<String>, Fault> {
        let response = self.ask("POST /mcp", POST, &hello("")).await?;
        is_one_of(&response, &[200, 429])?;
        let id = response.header("mcp-session-id");
        Ok(id.map(|id| format!("Mcp-Session-Id: {id}\r\n")))
    }
}

fn is_one_of(response: &Response, statuses: &[u16]) -> Result<(), Fault> {
    match statuses.contains(&response.status) {
        true => Ok(()),
        false => Err(format!(
            "{}, and only {statuses:?} are right",
            response.status
        )),
    }
}

fn modern(method: &str, more: &str) -> String {
    format!("{POST}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{more}")
}

fn hello(capabilities: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{{{capabilities}}},"clientInfo":{{"name":"soak","version":"1"}}}}}}"#
    )
}

fn listening(filter: &str, padding: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{{filter}}},{META}{padding}}}}}"#
    )
}

/// A call of the tool, whose answer nobody waits for.
fn work(arguments: &serde_json::Value) -> String {
    let mut arguments = arguments.clone();
    arguments["token"] = "nobody's".into();
    let meta = json!({"progressToken": "nobody's"});
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
