//! Where a server is, and what a client has to know of it.

use std::net::SocketAddr;

#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    /// The paths of the two transports.
    pub(crate) mcp: String,
    pub(crate) sse: String,
    /// The tool that echoes its argument `message`.
    pub(crate) tool: String,
    /// Whether it speaks the protocol, or only answers.
    pub(crate) has_protocol: bool,
}

impl Place {
    /// Of a server that this program is.
    pub(crate) fn own(address: SocketAddr, has_protocol: bool) -> Self {
        Self {
            address,
            mcp: "/mcp".to_owned(),
            sse: "/sse".to_owned(),
            tool: "echo".to_owned(),
            has_protocol,
        }
    }
}
