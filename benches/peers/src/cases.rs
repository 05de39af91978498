//! Who is compared with whom, doing what.

use Exchange::{Modern, Session, Sse};

use crate::servers::Server;

/// One server in one revision.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) exchange: Exchange,
    /// As the table calls the server.
    pub(crate) who: &'static str,
    pub(crate) server: fn() -> Server,
    /// Whether it is greeted first: hyper alone takes calls, and nothing else.
    pub(crate) is_greeted: bool,
    /// Whether its idle streams are measured. Those of the two floors are the same.
    pub(crate) has_streams: bool,
}

/// What a call of the echo tool is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// 2026-07-28: one POST.
    Modern,
    /// 2025-11-25: a POST in a session.
    Session,
    /// 2024-11-05: a POST that is accepted, and an event on the stream.
    Sse,
}

impl Exchange {
    pub(crate) const ALL: [Self; 3] = [Self::Modern, Self::Session, Self::Sse];

    pub(crate) fn revision(self) -> &'static str {
        match self {
            Self::Modern => "2026-07-28",
            Self::Session => "2025-11-25",
            Self::Sse => "2024-11-05",
        }
    }
}

impl Case {
    const fn peer(
        name: &'static str,
        exchange: Exchange,
        who: &'static str,
        server: fn() -> Server,
    ) -> Self {
        Self {
            name,
            exchange,
            who,
            server,
            is_greeted: true,
            has_streams: false,
        }
    }

    const fn floor(
        name: &'static str,
        exchange: Exchange,
        who: &'static str,
        server: fn() -> Server,
    ) -> Self {
        Self {
            is_greeted: false,
            ..Self::peer(name, exchange, who, server)
        }
    }

    const fn with_streams(self) -> Self {
        Self {
            has_streams: true,
            ..self
        }
    }
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
