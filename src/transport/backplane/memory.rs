//! [`MemoryRows`]: rows in the memory of this process.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, ready};
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use super::rows::{Row, Rows, StoreError};
use crate::transport::clock::wall;
use crate::transport::future::BoxFuture;

/// What a row costs in addition to its bytes and its key: its entries in both trees, the blocks of its key and
/// its bytes, and a reader that waits.
const OVERHEAD: usize = 256;

/// Rows in memory, limited in bytes of heap. Trees and not hash maps, because they give memory back.
pub(crate) struct MemoryRows(Arc<Mutex<State>>);

struct State {
    rows: BTreeMap<Arc<str>, Entry>,
    ends: BTreeSet<(SystemTime, Arc<str>)>,
    /// The charged size of the rows.
    bytes: usize,
    limit: usize,
    /// The number of the next reader that waits.
    next: u64,
}

struct Entry {
    row: Row,
    waiting: Vec<(u64, Waker)>,
}

/// A row of so many bytes may change even if there is no room for a new one.
const SMALL: usize = 1024;

impl MemoryRows {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            rows: BTreeMap::new(),
            ends: BTreeSet::new(),
            bytes: 0,
            limit,
            next: 0,
        })))
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing under the lock panics.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn charge(key: &str, row: &Row) -> usize {
    key.len() + row.bytes.len() + OVERHEAD
}

fn wake(waiting: Vec<(u64, Waker)>) {
    for (_, waker) in waiting {
        waker.wake();
    }
}

impl State {
    /// Removes a row, and gives those who wait for it.
    fn remove(&mut self, key: &str) -> Vec<(u64, Waker)> {
        let Some((key, entry)) = self.rows.remove_entry(key) else {
            return Vec::new();
        };
        self.bytes -= charge(&key, &entry.row);
        self.ends.remove(&(entry.row.end, key));
        entry.waiting
    }

    /// Removes the rows whose end has come, and gives those who wait for them.
    fn purge(&mut self) -> Vec<(u64, Waker)> {
        let now = wall();
        let mut waiting = Vec::new();
        while let Some((end, key)) = self.ends.first()
            && *end <= now
        {
            let key = Arc::clone(key);
            waiting.append(&mut self.remove(&key));
        }
        waiting
    }

    fn set(
        &mut self,
        key: &str,
        seen: Option<i64>,
        row: Row,
    ) -> Result<Option<Vec<(u64, Waker)>>, StoreError> {
        let known = self.rows.get(key);
        if known.map(|entry| entry.row.version) != seen {
            return Ok(None);
        }
        let freed = known.map_or(0, |entry| charge(key, &entry.row));
        let bytes = self.bytes - freed + charge(key, &row);
        // A row may always become smaller, and a small one may always change, so that what ended can be written down.
        let may_change = bytes <= self.bytes || known.is_some() && charge(key, &row) <= SMALL;
        if bytes > self.limit && !may_change {
            let limit = self.limit;
            return Err(Box::new(io::Error::new(
                io::ErrorKind::StorageFull,
                format!(
                    "the rows in memory would take more than {limit} bytes (limit: `Backplane::in_memory`)"
                ),
            )));
        }
        let key: Arc<str> = match self.rows.get_key_value(key) {
            Some((key, entry)) => {
                let key = Arc::clone(key);
                self.ends.remove(&(entry.row.end, Arc::clone(&key)));
                key
            }
            None => key.into(),
        };
        self.bytes = bytes;
        self.ends.insert((row.end, Arc::clone(&key)));
        let waiting = Vec::new();
        let old = self.rows.insert(key, Entry { row, waiting });
        Ok(Some(old.map_or_else(Vec::new, |old| old.waiting)))
    }
}

impl Rows for MemoryRows {
    fn get(&self, key: &str) -> BoxFuture<Result<Option<Row>, StoreError>> {
        let state = lock(&self.0);
        let row = state.rows.get(key).map(|entry| entry.row.clone());
        drop(state);
        let row = row.filter(|row| row.end > wall());
        Box::pin(ready(Ok(row)))
    }

    fn set(&self, key: &str, seen: Option<i64>, row: Row) -> BoxFuture<Result<bool, StoreError>> {
        let mut state = lock(&self.0);
        let ended = state.purge();
        let outcome = state.set(key, seen, row);
        drop(state);
        wake(ended);
        Box::pin(ready(outcome.map(|waiting| {
            let is_set = waiting.is_some();
            wake(waiting.unwrap_or_default());
            is_set
        })))
    }

    fn remove(&self, key: &str) -> BoxFuture<Result<(), StoreError>> {
        let waiting = lock(&self.0).remove(key);
        wake(waiting);
        Box::pin(ready(Ok(())))
    }

    fn changed(&self, key: &str, seen: i64) -> BoxFuture<Result<(), StoreError>> {
        // The key is that of the row: many wait, and each for a long time.
        let state = lock(&self.0);
        let key = state
            .rows
            .get_key_value(key)
            .map(|(key, _)| Arc::clone(key));
        drop(state);
        let Some(key) = key else {
            return Box::pin(ready(Ok(())));
        };
        Box::pin(Waiting {
            state: Arc::clone(&self.0),
            key,
            seen,
            number: None,
        })
    }
}

/// Waits for a change of a row. The end of a row does not wake it, because each who waits knows that end.
struct Waiting {
    state: Arc<Mutex<State>>,
    key: Arc<str>,
    seen: i64,
    number: Option<u64>,
}

impl Future for Waiting {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut guard = lock(&this.state);
        let state = &mut *guard;
        let Some(entry) = state.rows.get_mut(&*this.key) else {
            return Poll::Ready(Ok(()));
        };
        if entry.row.version != this.seen {
            return Poll::Ready(Ok(()));
        }
        let number = *this.number.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        let mut waiting = entry.waiting.iter_mut();
        match waiting.find(|(one, _)| *one == number) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => {
                // Most rows have one reader.
                entry.waiting.reserve_exact(1);
                entry.waiting.push((number, cx.waker().clone()));
            }
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        let number = self.number;
        let mut gone = None;
        if let Some(entry) = state.rows.get_mut(&*self.key)
            && let Some(at) = entry
                .waiting
                .iter()
                .position(|(one, _)| Some(*one) == number)
        {
            gone = Some(entry.waiting.swap_remove(at));
            if entry.waiting.is_empty() {
                mem::take(&mut entry.waiting);
            }
        }
        // A waker can own a task, so it is dropped outside the lock.
        drop(state);
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    fn row(text: &str, version: i64, seconds: u64) -> Row {
        Row {
            bytes: Bytes::copy_from_slice(text.as_bytes()),
            version,
            end: wall() + Duration::from_secs(seconds),
        }
    }

    async fn text(rows: &MemoryRows, key: &str) -> Option<Bytes> {
        rows.get(key).await.unwrap().map(|row| row.bytes)
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_is_written_by_whom_saw_its_last_version() {
        let rows = MemoryRows::new(10_000);
        assert!(!rows.set("a", Some(1), row("x", 2, 9)).await.unwrap());
        assert!(rows.set("a", None, row("x", 1, 9)).await.unwrap());
        assert!(!rows.set("a", None, row("y", 1, 9)).await.unwrap());
        assert!(rows.set("a", Some(1), row("y", 2, 9)).await.unwrap());
        assert!(!rows.set("a", Some(1), row("z", 2, 9)).await.unwrap());
        assert_eq!(text(&rows, "a").await.as_deref(), Some(&b"y"[..]));
        rows.remove("a").await.unwrap();
        assert_eq!(text(&rows, "a").await, None);
        rows.remove("a").await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_ends_with_its_time_and_gives_its_memory_back() {
        let rows = MemoryRows::new(10_000);
        rows.set("a", None, row("x", 1, 9)).await.unwrap();
        tokio::time::advance(Duration::from_millis(8_990)).await;
        assert!(text(&rows, "a").await.is_some());
        tokio::time::advance(Duration::from_millis(20)).await;
        assert_eq!(text(&rows, "a").await, None);
        assert!(rows.set("a", None, row("y", 1, 9)).await.unwrap());
        rows.remove("a").await.unwrap();
        let state = lock(&rows.0);
        assert_eq!((state.bytes, state.rows.len(), state.ends.len()), (0, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn rows_take_so_much_memory_and_no_more() {
        let rows = MemoryRows::new(2 * (OVERHEAD + 5));
        for key in ["a", "b"] {
            assert!(rows.set(key, None, row("four", 1, 9)).await.unwrap());
        }
        let refused = rows.set("c", None, row("", 1, 9)).await.unwrap_err();
        assert!(refused.to_string().contains("`Backplane::in_memory`"));
        let long = "l".repeat(SMALL);
        let refused = rows.set("a", Some(1), row(&long, 2, 9)).await.unwrap_err();
        let refused = refused.downcast_ref::<io::Error>().map(io::Error::kind);
        assert_eq!(refused, Some(io::ErrorKind::StorageFull));
        assert_eq!(text(&rows, "a").await.as_deref(), Some(&b"four"[..]));
        // So that what ended can be written down.
        assert!(rows.set("a", Some(1), row("longer", 2, 9)).await.unwrap());
        assert!(rows.set("a", Some(2), row("", 3, 9)).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken_by_a_change_and_leaves_nothing() {
        let rows = Arc::new(MemoryRows::new(10_000));
        rows.set("a", None, row("x", 1, 9)).await.unwrap();
        assert!(rows.changed("a", 0).await.is_ok());
        assert!(rows.changed("none", 1).await.is_ok());
        for is_removed in [false, true] {
            let seen = rows.get("a").await.unwrap().unwrap().version;
            let waits = tokio::spawn(rows.changed("a", seen));
            tokio::task::yield_now().await;
            assert!(!waits.is_finished());
            match is_removed {
                true => rows.remove("a").await.unwrap(),
                false => drop(rows.set("a", Some(seen), row("y", seen + 1, 9)).await),
            }
            waits.await.unwrap().unwrap();
        }
        rows.set("a", None, row("x", 1, 9)).await.unwrap();
        let mut waits = rows.changed("a", 1);
        let pending = std::future::poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending()));
        assert!(pending.await);
        drop(waits);
        assert!(lock(&rows.0).rows["a"].waiting.is_empty());
    }
}
