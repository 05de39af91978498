//! Clients of 2026-07-28: no sessions; a client that leaves has cancelled.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::client::{Client, Fault, message, parsed, soon, text};
use crate::http::{Connection, Response};
use crate::ledger::{Expected, Outcome};

const POST: &str = "Content-Type: application/json\r\n\
    Accept: application/json, text/event-stream\r\n\
    MCP-Protocol-Version: 2026-07-28\r\n";

pub(crate) async fn visit(client: &mut Client) -> Result<(), Fault> {
    let mut listening = None;
    for id in 1..client.random.within(2..13) {
        client.pause().await;
        if client.is_over() {
            break;
        }
        match client.random.below(20) {
            0..8 => {
                let errand = client.errand();
                let connection = client.connection().await?;
                call(client, connection, id, errand, Duration::ZERO).await?;
            }
            8..11 => call_several(client).await?,
            11..13 => {
                let connection = client.narrow_connection().await?;
                let pause = client.random.millis(100..1_500);
                call(client, connection, id, Client::long_talk(), pause).await?;
            }
            13..16 => {
                let errand = client.errand();
                abandon(client, id, errand).await?;
            }
            16 => abandon(client, id, Client::endless_talk()).await?,
            17..19 => {
                listening = match listening.take() {
                    Some(stream) => {
                        stop_listening(stream).await?;
                        None
                    }
                    None => Some(listen(client, id).await?),
                };
            }
            _ => client.offend(POST).await?,
        }
    }
    if client.random.below(2) == 0 {
        client.vanish();
    }
    Ok(())
}

async fn send(
    client: &mut Client,
    connection: &mut Connection,
    id: u64,
    arguments: Value,
) -> Result<Expected, Fault> {
    let (call, mut params) = client.begins(id, arguments);
    identify(&mut params);
    let body = text(Some(id), "tools/call", params);
    let headers = format!("{POST}Mcp-Method: tools/call\r\nMcp-Name: work\r\n");
    soon("a write", connection.send("POST /mcp", &headers, &body)).await?;
    Ok(call)
}

/// Says in the params what a session would know.
fn identify(params: &mut Value) {
    let meta = &mut params["_meta"];
    meta["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "soak", "version": "1"});
}

/// Calls, does not read for a while, and reads the answer.
pub(crate) async fn call(
    client: &mut Client,
    mut connection: Connection,
    id: u64,
    arguments: Value,
    pause: Duration,
) -> Result<(), Fault> {
    let call = send(client, &mut connection, id, arguments).await?;
    tokio::time::sleep(pause).await;
    await_answer(client, connection, call).await
}

/// Calls with the same id at the same time: each exchange stands for itself.
async fn call_several(client: &mut Client) -> Result<(), Fault> {
    let mut sent = Vec::new();
    for _ in 0..client.random.within(2..5) {
        let errand = client.errand();
        let mut connection = client.connection().await?;
        let call = send(client, &mut connection, 1, errand).await?;
        sent.push((connection, call));
    }
    for (connection, call) in sent {
        await_answer(client, connection, call).await?;
    }
    Ok(())
}

async fn await_answer(
    client: &mut Client,
    connection: Connection,
    mut call: Expected,
) -> Result<(), Fault> {
    let mut response = soon("the head of a response", connection.response()).await?;
    if response.is_stream() {
        while let Some(message) = message(&mut response).await? {
            call.takes(&message)?;
        }
        if !call.is_answered {
            return Err(format!("call {} ended unanswered", call.id));
        }
        client.keep(response.into_connection());
    } else {
        let body = client.finish(response, 200).await?;
        call.takes(&parsed(&body)?)?;
    }
    client.settles(Outcome::Answered);
    Ok(())
}

/// Leaves while a call runs, which cancels it.
async fn abandon(client: &mut Client, id: u64, arguments: Value) -> Result<(), Fault> {
    let mut connection = client.narrow_connection().await?;
    send(client, &mut connection, id, arguments).await?;
    let pause = client.random.millis(0..500);
    tokio::time::sleep(pause).await;
    client.settles(Outcome::Left);
    connection.reset().map_err(|error| error.to_string())
}

/// Asks to be told of changes.
async fn listen(client: &mut Client, id: u64) -> Result<Response, Fault> {
    let mut params = json!({"notifications": {"toolsListChanged": true}});
    identify(&mut params);
    let body = text(Some(id), "subscriptions/listen", params);
    let headers = format!("{POST}Mcp-Method: subscriptions/listen\r\n");
    let mut connection = client.narrow_connection().await?;
    soon("a write", connection.send("POST /mcp", &headers, &body)).await?;
    let mut response = soon("the head of a response", connection.response()).await?;
    if !response.is_stream() {
        let body = client.finish(response, 200).await?;
        return Err(format!("no stream to a client that listens: {body}"));
    }
    match message(&mut response).await? {
        Some(first) if first["method"] == "notifications/subscriptions/acknowledged" => {
            Ok(response)
        }
        other => Err(format!("no acknowledgement but {other:?}")),
    }
}

/// Looks at what came, and goes.
async fn stop_listening(mut stream: Response) -> Result<(), Fault> {
    let looking = timeout(Duration::from_millis(20), async {
        while let Some(message) = message(&mut stream).await? {
            if message["method"] != "notifications/tools/list_changed" {
                return Err(format!("nobody asked for {message}"));
            }
        }
        Err("a subscription ended by itself".to_owned())
    });
    looking.await.unwrap_or(Ok(()))?;
    stream.reset().map_err(|error| error.to_string())
}
