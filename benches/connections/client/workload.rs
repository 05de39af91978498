//! Workloads other than short calls over long-lived connections and sessions.

use crate::client::caller::{CallPlan, Fresh};
use crate::client::messages::Revision;

/// What the clients do repeatedly.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) revision: Revision,
    pub(crate) clients: usize,
    /// The length of the text that the tool echoes.
    len: usize,
    fresh: Fresh,
}

pub(crate) const WORKLOADS: [Workload; 4] = [
    Workload {
        name: "echo of 16 KiB",
        revision: Revision::Modern,
        clients: 4,
        len: 16 * 1024,
        fresh: Fresh::Nothing,
    },
    Workload {
        name: "echo of 1 MiB",
        revision: Revision::Modern,
        clients: 4,
        len: 1024 * 1024,
        fresh: Fresh::Nothing,
    },
    Workload {
        name: "a session for each call",
        revision: Revision::Session,
        clients: 16,
        len: 12,
        fresh: Fresh::Session,
    },
    Workload {
        name: "a connection for each call",
        revision: Revision::Modern,
        clients: 16,
        len: 12,
        fresh: Fresh::Connection,
    },
];

impl Workload {
    /// The text of the calls, without the number that follows it.
    pub(crate) fn text(&self) -> String {
        "x".repeat(self.len)
    }

    pub(crate) fn plan<'t>(&self, text: &'t str) -> CallPlan<'t> {
        CallPlan {
            clients: self.clients,
            text,
            fresh: self.fresh,
        }
    }
}
