//! The address of a server, and requests to it.

use std::net::{SocketAddr, ToSocketAddrs};

use serde_json::Value;

#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// The value of the `Host` header.
    host: String,
    /// The paths of the two transports.
    pub(crate) mcp: String,
    pub(crate) sse: String,
    /// The tool that echoes its argument `message`.
    pub(crate) tool: String,
    /// Whether it implements MCP. Bare hyper only answers calls.
    pub(crate) has_protocol: bool,
}

impl Target {
    /// A server that is part of this program.
    pub(crate) fn own(address: SocketAddr, has_protocol: bool) -> Self {
        Self {
            address,
            host: address.to_string(),
            mcp: "/mcp".to_owned(),
            sse: "/sse".to_owned(),
            tool: "echo".to_owned(),
            has_protocol,
        }
    }

    /// Reads the URL of the `/mcp` endpoint, or of the server without a path.
    pub(crate) fn of(url: &str, tool: String) -> Result<Self, String> {
        let rest = url
            .strip_prefix("http://")
            .ok_or("the URL has to begin with http://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let addresses = match host.contains(':') {
            true => host.to_socket_addrs(),
            false => (host, 80).to_socket_addrs(),
        };
        let address = addresses.ok().and_then(|mut addresses| addresses.next());
        let own = Self::own(
            address.ok_or_else(|| format!("the host {host} cannot be resolved"))?,
            true,
        );
        Ok(Self {
            host: host.to_owned(),
            mcp: if path.is_empty() {
                own.mcp
            } else {
                format!("/{path}")
            },
            tool,
            ..own
        })
    }

    /// A POST; `lines` are whole header lines.
    pub(crate) fn post(&self, path: &str, lines: &str, body: &Value) -> Vec<u8> {
        let (host, body) = (&self.host, body.to_string());
        let len = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench/1.0\r\n\
             Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             {lines}Content-Length: {len}\r\n\r\n{body}"
        )
        .into()
    }

    /// A DELETE, which ends a session.
    pub(crate) fn delete(&self, path: &str, lines: &str) -> Vec<u8> {
        let host = &self.host;
        format!("DELETE {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n").into()
    }

    /// A GET, which opens a stream.
    pub(crate) fn get(&self, path: &str, lines: &str) -> Vec<u8> {
        let host = &self.host;
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n{lines}\r\n")
            .into()
    }
}
