//! Sessions by id: open, find, close, reap. The cap is here.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::wire::id::SessionId;

/// The sessions of one server. Generic over what a session is, so that it is tested with numbers.
///
/// The lock of the map covers a look-up, the lock of a row what is done to one session: arithmetic,
/// never an await, never a write to a client.
pub(crate) struct Table<S> {
    rows: Mutex<HashMap<SessionId, Arc<Row<S>>>>,
    capacity: usize,
}

/// One session and its name.
pub(crate) struct Row<S> {
    id: SessionId,
    session: Mutex<S>,
}

/// The table has as many sessions as it may.
#[derive(Debug)]
pub(crate) struct Full {
    pub(crate) limit: usize,
}

impl<S> Table<S> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            rows: Mutex::default(),
            capacity,
        }
    }

    /// Adds a session under a fresh name.
    pub(crate) fn open(&self, session: S) -> Result<Arc<Row<S>>, Full> {
        let row = Arc::new(Row::alone(session));
        let mut rows = lock(&self.rows);
        if rows.len() >= self.capacity {
            return Err(Full {
                limit: self.capacity,
            });
        }
        rows.insert(row.id, Arc::clone(&row));
        Ok(row)
    }

    pub(crate) fn find(&self, id: SessionId) -> Option<Arc<Row<S>>> {
        lock(&self.rows).get(&id).cloned()
    }

    /// Takes out the sessions that `is_gone` says so of, and gives them back.
    pub(crate) fn reap(&self, mut is_gone: impl FnMut(&mut S) -> bool) -> Vec<Arc<Row<S>>> {
        // Not under the map's lock: a session's own may be held for longer.
        let mut rows = self.all();
        rows.retain(|row| row.with(&mut is_gone));
        rows.retain(|row| self.close(row.id).is_some());
        rows
    }

    /// Takes a session out; `None` when it is out already.
    pub(crate) fn close(&self, id: SessionId) -> Option<Arc<Row<S>>> {
        let mut rows = lock(&self.rows);
        let row = rows.remove(&id);
        // Memory that a crowd left behind goes back to the allocator.
        if rows.is_empty() || rows.len() < rows.capacity() / 4 {
            rows.shrink_to_fit();
        }
        row
    }

    /// All sessions as they are now.
    pub(crate) fn all(&self) -> Vec<Arc<Row<S>>> {
        lock(&self.rows).values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.rows).len()
    }
}

impl<S> Row<S> {
    /// A session that is in no table, and so found by nobody.
    pub(crate) fn alone(session: S) -> Self {
        Self {
            id: SessionId::random(),
            session: Mutex::new(session),
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    /// Does something to the session, alone.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut S) -> T) -> T {
        act(&mut lock(&self.session))
    }
}

/// Nothing under these locks panics, and a session is whole between its methods, so a poisoned
/// lock tells nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> fmt::Debug for Table<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("len", &self.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Row<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// the cap refuses one more and leaves the others alone.
    #[test]
    fn a_full_table_refuses_one_more() {
        let table = Table::new(2);
        let first = table.open(1).unwrap();
        let second = table.open(2).unwrap();
        assert_eq!(table.open(3).unwrap_err().limit, 2);
        assert_eq!(table.find(first.id()).unwrap().with(|number| *number), 1);
        assert!(table.close(second.id()).is_some());
        assert!(table.open(3).is_ok());
    }

    /// SPEC B-12: a closed session is unknown.
    #[test]
    fn a_closed_session_is_gone() {
        let table = Table::new(2);
        let id = table.open(()).unwrap().id();
        assert!(table.close(id).is_some());
        assert!(table.close(id).is_none());
        assert!(table.find(id).is_none());
        assert_eq!(table.len(), 0);
    }

    /// SPEC C-77: what is idle goes, the rest stays.
    #[test]
    fn reaping_takes_out_what_is_gone() {
        let table = Table::new(9);
        let kept = table.open(1).unwrap();
        let gone = table.open(2).unwrap();
        let reaped = table.reap(|number| *number == 2);
        assert_eq!(reaped.len(), 1);
        assert_eq!(reaped[0].id(), gone.id());
        assert!(table.find(kept.id()).is_some() && table.find(gone.id()).is_none());
    }

    /// nothing stays allocated for sessions that are gone.
    #[test]
    fn an_emptied_table_gives_its_memory_back() {
        let table = Table::new(10_000);
        let ids: Vec<_> = (0..5_000).map(|n| table.open(n).unwrap().id()).collect();
        for id in ids {
            table.close(id);
        }
        assert_eq!(lock(&table.rows).capacity(), 0);
    }
}
