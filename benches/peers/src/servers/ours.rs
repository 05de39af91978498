//! mcp-wire with its defaults: every limit and check is enabled.

use mcp_wire::McpService;

use crate::echo;

pub(crate) fn service() -> McpService {
    let mcp = McpService::builder(echo::server());
    mcp.build().expect("a service")
}
