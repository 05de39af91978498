//! [`Backplane`]: where a service keeps what other processes can share with it.

use std::fmt;
use std::sync::Arc;

use super::memory::MemoryRows;
use super::rows::Rows;

/// Where a service keeps what other processes can share with it. Set with
/// [`Builder::backplane`](crate::Builder::backplane). Cheap to clone; services that are given clones share one.
///
/// ```
/// # use mcp_wire::{Dispatcher, McpService};
/// use mcp_wire::backplane::Backplane;
/// # fn example(dispatcher: impl Dispatcher) -> Result<(), mcp_wire::Error> {
/// let mcp = McpService::builder(dispatcher)
///     .backplane(Backplane::in_memory(16 * 1024 * 1024))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Backplane {
    pub(crate) rows: Arc<dyn Rows>,
}

impl Backplane {
    /// A backplane with rows in this store.
    pub fn new(rows: impl Rows) -> Self {
        Self {
            rows: Arc::new(rows),
        }
    }

    /// A backplane in the memory of this process, which keeps at most so many bytes of heap. A row counts as its
    /// key, its bytes and 256 more. A row that is there may change within 1 KiB even beyond the limit, so that what
    /// ended can be written down. What it keeps ends with the process.
    #[must_use]
    pub fn in_memory(limit: usize) -> Self {
        Self::new(MemoryRows::new(limit))
    }
}

/// In memory, at most 64 MiB.
impl Default for Backplane {
    fn default() -> Self {
        Self::in_memory(64 * 1024 * 1024)
    }
}

impl fmt::Debug for Backplane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backplane").finish_non_exhaustive()
    }
}
