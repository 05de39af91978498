//! Other calls than short ones over connections and sessions that stay.

use crate::client::caller::{Calling, Fresh};
use crate::client::messages::Revision;

/// What clients do, again and again.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) revision: Revision,
    pub(crate) clients: usize,
    /// How long the text is that the tool says again.
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
    /// The text of the calls, up to the number that follows it.
    pub(crate) fn text(&self) -> String {
        "x".repeat(self.len)
    }

    pub(crate) fn calling<'t>(&self, text: &'t str) -> Calling<'t> {
        Calling {
            clients: self.clients,
            before: text,
            fresh: self.fresh,
        }
    }
}
