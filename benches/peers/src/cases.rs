//! Who is compared with whom, doing what.

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
    pub(crate) streams: Streams,
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

/// Whether idle streams of the server are measured. Those of the two floors are the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streams {
    Measured,
    None,
}

const fn floor(
    name: &'static str,
    exchange: Exchange,
    who: &'static str,
    server: fn() -> Server,
    streams: Streams,
) -> Case {
    Case {
        is_greeted: false,
        ..peer(name, exchange, who, server, streams)
    }
}

const fn peer(
    name: &'static str,
    exchange: Exchange,
    who: &'static str,
    server: fn() -> Server,
    streams: Streams,
) -> Case {
    Case {
        name,
        exchange,
        who,
        server,
        is_greeted: true,
        streams,
    }
}

const LEAN: &str = "hyper, lean";
const TREE: &str = "hyper, `Value`";
const OURS: &str = "mcp-wire";

pub(crate) const CASES: &[Case] = &[
    floor(
        "lean-2026",
        Exchange::Modern,
        LEAN,
        Server::lean_modern,
        Streams::None,
    ),
    floor(
        "tree-2026",
        Exchange::Modern,
        TREE,
        Server::tree_modern,
        Streams::None,
    ),
    peer(
        "ours-2026",
        Exchange::Modern,
        OURS,
        Server::ours,
        Streams::None,
    ),
    peer(
        "rmcp-2026",
        Exchange::Modern,
        "rmcp 3.11",
        Server::rmcp_json,
        Streams::None,
    ),
    floor(
        "lean-2025",
        Exchange::Session,
        LEAN,
        Server::lean,
        Streams::Measured,
    ),
    floor(
        "tree-2025",
        Exchange::Session,
        TREE,
        Server::tree,
        Streams::None,
    ),
    peer(
        "ours-2025",
        Exchange::Session,
        OURS,
        Server::ours,
        Streams::Measured,
    ),
    peer(
        "rmcp-2025",
        Exchange::Session,
        "rmcp 3.11",
        Server::rmcp,
        Streams::Measured,
    ),
    peer(
        "rmcp-json-2025",
        Exchange::Session,
        "rmcp 3.11, no sessions",
        Server::rmcp_json,
        Streams::None,
    ),
    floor(
        "lean-2024",
        Exchange::Sse,
        LEAN,
        Server::lean,
        Streams::Measured,
    ),
    floor(
        "tree-2024",
        Exchange::Sse,
        TREE,
        Server::tree,
        Streams::None,
    ),
    peer(
        "ours-2024",
        Exchange::Sse,
        OURS,
        Server::ours,
        Streams::Measured,
    ),
    peer(
        "rmcp-2024",
        Exchange::Sse,
        "rmcp 0.10",
        Server::rmcp_sse,
        Streams::Measured,
    ),
];
