//! The requests of the cases, from two addresses.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::timeout;

use crate::error::BoxError;
use crate::http::{Connection, Response};
use crate::server::ServerProcess;

/// The address of the abusive client.
pub(crate) const ABUSIVE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// The address of another client.
pub(crate) const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The longest time until an answer that waits for nothing, on a busy machine.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(2);
/// Longer than any refusal or response takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const POST: &str =
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
pub(crate) const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

pub(crate) async fn connect(
    server: &ServerProcess,
    from: Ipv4Addr,
) -> Result<Connection, BoxError> {
    Ok(Connection::open_from(from, server.address).await?)
}

/// Sends a request, and reads the head of the response.
pub(crate) async fn ask(
    mut connection: Connection,
    line: &str,
    headers: &str,
    body: &str,
) -> Result<Response, BoxError> {
    let exchange = async {
        connection.send(line, headers, body).await?;
        connection.response().await
    };
    Ok(timeout(PATIENCE, exchange).await??)
}

/// Reads a response that is not a stream. Returns its status and body, and the connection for the next exchange.
pub(crate) async fn whole(response: Response) -> Result<(u16, String, Connection), BoxError> {
    let status = response.status;
    let (body, connection) = timeout(PATIENCE, response.body()).await??;
    Ok((status, body, connection))
}

/// The headers of a request of 2026-07-28.
pub(crate) fn modern(method: &str, more: &str) -> String {
    format!("{POST}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{more}")
}

/// An `initialize` with these capabilities.
pub(crate) fn hello(capabilities: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{{{capabilities}}},"clientInfo":{{"name":"bench","version":"1"}}}}}}"#
    )
}

/// A session of 2025-11-25: its headers, and the connection that opened it.
pub(crate) async fn open_session(connection: Connection) -> Result<(String, Connection), BoxError> {
    let response = ask(connection, "POST /mcp", POST, &hello("")).await?;
    let id = response
        .header("mcp-session-id")
        .unwrap_or_default()
        .to_owned();
    let (status, body, connection) = whole(response).await?;
    match status {
        200 => Ok((format!("{POST}Mcp-Session-Id: {id}\r\n"), connection)),
        _ => Err(format!("the answer to initialize has status {status}: {body}").into()),
    }
}

/// Checks that the server serves a client from this address without delay: a session, and a ping in it.
pub(crate) async fn is_served(server: &ServerProcess, from: Ipv4Addr) -> Result<(), BoxError> {
    let served = async {
        let (session, connection) = open_session(connect(server, from).await?).await?;
        ping(connection, &session).await
    };
    timeout(AT_ONCE, served).await??;
    Ok(())
}

pub(crate) async fn ping(connection: Connection, session: &str) -> Result<(), BoxError> {
    let ping = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;
    let (status, body, _) = whole(ask(connection, "POST /mcp", session, ping).await?).await?;
    match status {
        200 => Ok(()),
        _ => Err(format!("the answer to ping has status {status}: {body}").into()),
    }
}
