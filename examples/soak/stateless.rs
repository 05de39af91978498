//! Clients of 2026-07-28: there are no sessions, and disconnecting cancels a call.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::client::{Client, Failure, in_time, message, parsed, text};
use crate::http::{Connection, Response};
use crate::ledger::{Expected, Outcome};

const POST: &str = "Content-Type: application/json\r\n\
    Accept: application/json, text/event-stream\r\n\
    MCP-Protocol-Version: 2026-07-28\r\n";

pub(crate) async fn visit(client: &mut Client) -> Result<(), Failure> {
    let mut listening = None;
    for id in 1..client.random.within(2..13) {
        client.pause().await;
        if client.is_over() {
            break;
        }
        match client.random.below(20) {
            0..8 => {
                let work = client.random_work();
                let connection = client.connection().await?;
                call(client, connection, id, work, Duration::ZERO).await?;
            }
            8..11 => call_several(client).await?,
            11..13 => {
                let connection = client.narrow_connection().await?;
                let pause = client.random.millis(100..1_500);
                call(client, connection, id, Client::long_work(), pause).await?;
            }
            13..16 => {
                let work = client.random_work();
                abandon(client, id, work).await?;
            }
            16 => abandon(client, id, Client::endless_work()).await?,
            17..19 => {
                listening = match listening.take() {
                    Some(stream) => {
                        stop_listening(stream).await?;
                        None
                    }
                    None => Some(listen(client, id).await?),
                };
            }
            _ => client.send_invalid(POST).await?,
        }
    }
    if client.random.below(2) == 0 {
        client.disconnect_idle();
    }
    Ok(())
}

async fn send(
    client: &mut Client,
    connection: &mut Connection,
    id: u64,
    arguments: Value,
) -> Result<Expected, Failure> {
    let (call, mut params) = client.begin_call(id, arguments);
    identify(&mut params);
    let body = text(Some(id), "tools/call", params);
    let headers = format!("{POST}Mcp-Method: tools/call\r\nMcp-Name: work\r\n");
    in_time("a write", connection.send("POST /mcp", &headers, &body)).await?;
    Ok(call)
}

/// Adds to `_meta` what a session would know.
fn identify(params: &mut Value) {
    let meta = &mut params["_meta"];
    meta["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    meta["io.modelcontextprotocol/clientInfo"] = json!({"name": "soak", "version": "1"});
}

/// Calls, pauses, and then reads the answer.
pub(crate) async fn call(
    client: &mut Client,
    mut connection: Connection,
    id: u64,
    arguments: Value,
    pause: Duration,
) -> Result<(), Failure> {
    let call = send(client, &mut connection, id, arguments).await?;
    tokio::time::sleep(pause).await;
    await_answer(client, connection, call).await
}

/// Makes concurrent calls with the same id: each exchange is independent.
async fn call_several(client: &mut Client) -> Result<(), Failure> {
    let mut sent = Vec::new();
    for _ in 0..client.random.within(2..5) {
        let work = client.random_work();
        let mut connection = client.connection().await?;
        let call = send(client, &mut connection, 1, work).await?;
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
) -> Result<(), Failure> {
    let mut response = in_time("the head of a response", connection.response()).await?;
    if response.is_stream() {
        while let Some(message) = message(&mut response).await? {
            call.check(&message)?;
        }
        if !call.is_answered {
            return Err(format!(
                "the stream of call {} ended without an answer",
                call.id
            ));
        }
        client.keep(response.into_connection());
    } else {
        let body = client.finish(response, 200).await?;
        call.check(&parsed(&body)?)?;
    }
    client.settle_call(Outcome::Answered);
    Ok(())
}

/// Disconnects during a call, which cancels it.
async fn abandon(client: &mut Client, id: u64, arguments: Value) -> Result<(), Failure> {
    let mut connection = client.narrow_connection().await?;
    send(client, &mut connection, id, arguments).await?;
    let pause = client.random.millis(0..500);
    tokio::time::sleep(pause).await;
    client.settle_call(Outcome::Left);
    connection.reset().map_err(|error| error.to_string())
}

/// Opens a listening request.
async fn listen(client: &mut Client, id: u64) -> Result<Response, Failure> {
    let mut params = json!({"notifications": {"toolsListChanged": true}});
    identify(&mut params);
    let body = text(Some(id), "subscriptions/listen", params);
    let headers = format!("{POST}Mcp-Method: subscriptions/listen\r\n");
    let mut connection = client.narrow_connection().await?;
    in_time("a write", connection.send("POST /mcp", &headers, &body)).await?;
    let mut response = in_time("the head of a response", connection.response()).await?;
    if !response.is_stream() {
        let body = client.finish(response, 200).await?;
        return Err(format!(
            "the answer to a listening request is not a stream: {body}"
        ));
    }
    match message(&mut response).await? {
        Some(first) if first["method"] == "notifications/subscriptions/acknowledged" => {
            Ok(response)
        }
        other => Err(format!(
            "the first message is {other:?} instead of the acknowledgement"
        )),
    }
}

/// Checks the received messages, and disconnects.
async fn stop_listening(mut stream: Response) -> Result<(), Failure> {
    let looking = timeout(Duration::from_millis(20), async {
        while let Some(message) = message(&mut stream).await? {
            if message["method"] != "notifications/tools/list_changed" {
                return Err(format!("a message outside of the filter: {message}"));
            }
        }
        Err("the server ended a listening request".to_owned())
    });
    looking.await.unwrap_or(Ok(()))?;
    stream.reset().map_err(|error| error.to_string())
}
