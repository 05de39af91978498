//! The servers and revisions to compare.

use crate::client::messages::Revision::{self, Modern, Session, Sse};
use crate::client::workload::Workload;
use crate::servers::Server;

/// One server in one revision.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) revision: Revision,
    /// The name of the server in the table.
    pub(crate) server_name: &'static str,
    pub(crate) server: fn() -> Server,
    /// Whether the server implements MCP. Bare hyper only answers calls.
    pub(crate) has_protocol: bool,
    /// Whether to measure its idle streams. Those of the two floors are the same.
    pub(crate) has_streams: bool,
}

impl Case {
    const fn peer(
        name: &'static str,
        revision: Revision,
        server_name: &'static str,
        server: fn() -> Server,
    ) -> Self {
        Self {
            name,
            revision,
            server_name,
            server,
            has_protocol: true,
            has_streams: false,
        }
    }

    const fn floor(
        name: &'static str,
        revision: Revision,
        server_name: &'static str,
        server: fn() -> Server,
    ) -> Self {
        Self {
            has_protocol: false,
            ..Self::peer(name, revision, server_name, server)
        }
    }

    const fn with_streams(self) -> Self {
        Self {
            has_streams: true,
            ..self
        }
    }
}

/// The cases that run a workload: one floor, and the servers with sessions if the revision has them.
pub(crate) fn of_workload(workload: &Workload) -> Vec<&'static Case> {
    let is_wanted = |case: &&Case| {
        case.revision == workload.revision && ![TREE, RMCP_JSON].contains(&case.server_name)
    };
    CASES.iter().filter(is_wanted).collect()
}

const LEAN: &str = "hyper, lean";
const TREE: &str = "hyper, `Value`";
const OURS: &str = "mcp-wire";
const RMCP: &str = "rmcp 3.11";
const RMCP_JSON: &str = "rmcp 3.11, no sessions";

pub(crate) const CASES: &[Case] = &[
    Case::floor("lean-2026", Modern, LEAN, Server::lean_modern),
    Case::floor("tree-2026", Modern, TREE, Server::tree_modern),
    Case::peer("ours-2026", Modern, OURS, Server::ours),
    Case::peer("rmcp-2026", Modern, RMCP, Server::rmcp_json),
    Case::floor("lean-2025", Session, LEAN, Server::lean).with_streams(),
    Case::floor("tree-2025", Session, TREE, Server::tree),
    Case::peer("ours-2025", Session, OURS, Server::ours).with_streams(),
    Case::peer("rmcp-2025", Session, RMCP, Server::rmcp).with_streams(),
    Case::peer("rmcp-json-2025", Session, RMCP_JSON, Server::rmcp_json),
    Case::floor("lean-2024", Sse, LEAN, Server::lean).with_streams(),
    Case::floor("tree-2024", Sse, TREE, Server::tree),
    Case::peer("ours-2024", Sse, OURS, Server::ours).with_streams(),
    Case::peer("rmcp-2024", Sse, "rmcp 0.10", Server::rmcp_sse).with_streams(),
];
