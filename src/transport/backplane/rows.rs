//! [`Rows`]: a store of small rows that processes can share.

use std::error::Error;
use std::time::SystemTime;

use bytes::Bytes;

use crate::transport::future::BoxFuture;

/// A row: bytes with a version and an end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "stores make rows of their own")]
pub struct Row {
    /// What the row holds. A store keeps it as it is.
    pub bytes: Bytes,
    /// The version, which the caller of [`Rows::set`] chooses. No two versions of a row are equal.
    pub version: i64,
    /// When the row ends. From then on it does not exist.
    pub end: SystemTime,
}

/// Why a store could not do what it was asked. Only the operator reads it. A store that has no room for a row says so
/// with a [`std::io::Error`] of the kind [`StorageFull`](std::io::ErrorKind::StorageFull): a result for which there is
/// no room is given up, and its task has failed. After other errors it is written again.
pub type StoreError = Box<dyn Error + Send + Sync>;

/// A store of rows, each under a key, that several processes can share. mcp-wire keeps its tasks there. Keys,
/// contents and versions are its own affair, so a store is little more than a table with the columns *key*,
/// *bytes*, *version* and *end*.
///
/// A row whose end has come does not exist, whether the store has removed it or not. Remove such rows when it
/// suits the store: in each [`set`](Self::set), for example.
///
/// Futures own what they need. A future may be dropped at any await; what it was to write is then written or
/// not, but never in part.
pub trait Rows: Send + Sync + 'static {
    /// The row with this key; `None` if there is none.
    fn get(&self, key: &str) -> BoxFuture<Result<Option<Row>, StoreError>>;

    /// Writes a row if the one with this key has the version `seen`, or, for `None`, if there is none
    /// (compare-and-set). Gives false, and changes nothing, if it is otherwise. Once the future is ready with true,
    /// [`get`](Self::get) gives this row in every process.
    fn set(&self, key: &str, seen: Option<i64>, row: Row) -> BoxFuture<Result<bool, StoreError>>;

    /// Removes the row with this key, if there is one.
    fn remove(&self, key: &str) -> BoxFuture<Result<(), StoreError>>;

    /// Waits until the row with this key is written in another version than `seen`, or is removed; it is ready at
    /// once if that has happened. The end of a row need not wake who waits, because the caller knows it. It may be
    /// ready earlier, but not always at once: the caller looks at the row and waits again. A store that is not told
    /// of changes looks at the row from time to time, a few times a second.
    ///
    /// Each running task waits for its row, and so does each client that listens to a task.
    fn changed(&self, key: &str, seen: i64) -> BoxFuture<Result<(), StoreError>>;
}
