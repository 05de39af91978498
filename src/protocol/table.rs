//! Sessions by id: open, find, close, reap. The caps are here, and whose a session is.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
#[cfg(feature = "request-state")]
use std::time::{Duration, Instant};

#[cfg(feature = "request-state")]
use super::tombs::Tombs;
use crate::wire::id::SessionId;

/// The sessions of one server. Generic over what a session is, so that it is tested with numbers.
///
/// The lock of the map covers a look-up, the lock of a row what is done to one session: arithmetic,
/// never an await, never a write to a client.
pub(crate) struct Table<S> {
    rows: Mutex<Rows<S>>,
    caps: Caps,
}

struct Rows<S> {
    by_id: HashMap<SessionId, Arc<Row<S>>>,
    /// How many there are of each owner; no entry for one who has none.
    owned: HashMap<Owner, usize>,
    #[cfg(feature = "request-state")]
    tombs: Tombs,
}

/// Whom a session belongs to: the principal of the request that opened it. Sessions that were opened
/// without one belong to all who come without one, and to nobody else (SPEC F-50, G-20).
pub(crate) type Owner = Arc<str>;

/// How many sessions there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) all: usize,
    /// Of one owner (SPEC C-77, R-7).
    pub(crate) each: usize,
}

/// One session, its name and its owner.
pub(crate) struct Row<S> {
    id: SessionId,
    owner: Option<Owner>,
    session: Mutex<S>,
}

/// There are as many sessions as there may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// In the table.
    All(usize),
    /// Of this owner.
    Each(usize),
}

/// A session that was found or added under a name that a client brought.
#[cfg(feature = "request-state")]
pub(crate) struct Restored<S> {
    pub(crate) row: Arc<Row<S>>,
    /// Whether it was added.
    pub(crate) is_new: bool,
}

impl<S> Table<S> {
    pub(crate) fn new(caps: Caps) -> Self {
        Self {
            rows: Mutex::new(Rows {
                by_id: HashMap::new(),
                owned: HashMap::new(),
                #[cfg(feature = "request-state")]
                tombs: Tombs::default(),
            }),
            caps,
        }
    }

    /// Adds a session under a fresh name.
    pub(crate) fn open(&self, session: S, owner: Option<&Owner>) -> Result<Arc<Row<S>>, Full> {
        let mut rows = lock(&self.rows);
        self.insert(&mut rows, Row::alone(session, None), owner)
    }

    /// Adds a session under the name that it has, unless it is there already; `None` if that ended for
    /// good, or is another owner's.
    #[cfg(feature = "request-state")]
    pub(crate) fn restore(
        &self,
        id: SessionId,
        session: S,
        owner: Option<&Owner>,
        now: Instant,
    ) -> Result<Option<Restored<S>>, Full> {
        let mut rows = lock(&self.rows);
        if let Some(row) = rows.by_id.get(&id) {
            let row = Arc::clone(row);
            return Ok((row.owner.as_ref() == owner).then_some(Restored { row, is_new: false }));
        }
        if rows.tombs.have(id, now) {
            return Ok(None);
        }
        let mut row = Row::alone(session, None);
        row.id = id;
        let row = self.insert(&mut rows, row, owner)?;
        Ok(Some(Restored { row, is_new: true }))
    }

    /// Remembers for `lifetime` that a session ended for good.
    #[cfg(feature = "request-state")]
    pub(crate) fn bury(&self, id: SessionId, lifetime: Duration, now: Instant) {
        lock(&self.rows).tombs.bury(id, lifetime, now);
    }

    fn insert(
        &self,
        rows: &mut Rows<S>,
        mut row: Row<S>,
        owner: Option<&Owner>,
    ) -> Result<Arc<Row<S>>, Full> {
        if rows.by_id.len() >= self.caps.all {
            return Err(Full::All(self.caps.all));
        }
        if let Some(owner) = owner {
            // All sessions of an owner share one name, though each request brings its own.
            let known = rows.owned.get_key_value(owner);
            let (name, has) = known.map_or((owner, 0), |(name, has)| (name, *has));
            if has >= self.caps.each {
                return Err(Full::Each(self.caps.each));
            }
            let name = Arc::clone(name);
            row.owner = Some(Arc::clone(&name));
            rows.owned.insert(name, has + 1);
        }
        let row = Arc::new(row);
        rows.by_id.insert(row.id, Arc::clone(&row));
        Ok(row)
    }

    /// The session of this name, if it is this owner's; another's is as unknown as none at all
    /// (SPEC G-20, R-57).
    pub(crate) fn find(&self, id: SessionId, owner: Option<&str>) -> Option<Arc<Row<S>>> {
        let row = lock(&self.rows).by_id.get(&id).cloned();
        row.filter(|row| row.owner.as_deref() == owner)
    }

    /// Whether there is a session of this name, whoever's.
    pub(crate) fn has(&self, id: SessionId) -> bool {
        lock(&self.rows).by_id.contains_key(&id)
    }

    /// Takes out the sessions that `is_gone` says so of, and gives them back.
    pub(crate) fn reap(&self, mut is_gone: impl FnMut(&mut S) -> bool) -> Vec<Arc<Row<S>>> {
        // Not under the map's lock: a session's own may be held for longer.
        let mut rows = self.all();
        rows.retain(|row| row.with(&mut is_gone));
        rows.retain(|row| self.close(row));
        rows
    }

    /// Takes a session out; `false` when it is out already, also when it was taken up again since, under
    /// the same name: that is another row, and whoever still holds this one must not end it.
    pub(crate) fn close(&self, row: &Row<S>) -> bool {
        let mut rows = lock(&self.rows);
        let is_in = rows.by_id.get(&row.id);
        if !is_in.is_some_and(|one| ptr::eq(&raw const **one, row)) {
            return false;
        }
        rows.by_id.remove(&row.id);
        if let Some(owner) = &row.owner {
            rows.disown(owner);
        }
        give_back(&mut rows.by_id);
        true
    }

    /// All sessions as they are now.
    pub(crate) fn all(&self) -> Vec<Arc<Row<S>>> {
        lock(&self.rows).by_id.values().cloned().collect()
    }

    /// All sessions of an owner as they are now.
    pub(crate) fn of(&self, owner: &str) -> Vec<Arc<Row<S>>> {
        let rows = lock(&self.rows);
        let is_his = |row: &&Arc<Row<S>>| row.owner.as_deref() == Some(owner);
        rows.by_id.values().filter(is_his).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.rows).by_id.len()
    }
}

impl<S> Rows<S> {
    fn disown(&mut self, owner: &Owner) {
        match self.owned.get_mut(owner) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                self.owned.remove(owner);
                give_back(&mut self.owned);
            }
        }
    }
}

/// Memory that a crowd left behind goes back to the allocator.
fn give_back<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if map.is_empty() || map.len() < map.capacity() / 4 {
        map.shrink_to_fit();
    }
}

impl<S> Row<S> {
    /// A session that is in no table, and so found by nobody.
    pub(crate) fn alone(session: S, owner: Option<&Owner>) -> Self {
        Self {
            id: SessionId::random(),
            owner: owner.cloned(),
            session: Mutex::new(session),
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
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
            .field("caps", &self.caps)
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

    fn capped<S>(all: usize, each: usize) -> Table<S> {
        Table::new(Caps { all, each })
    }

    /// the cap refuses one more and leaves the others alone.
    #[test]
    fn a_full_table_refuses_one_more() {
        let table = capped(2, 9);
        let first = table.open(1, None).unwrap();
        let second = table.open(2, None).unwrap();
        assert_eq!(table.open(3, None).err(), Some(Full::All(2)));
        let found = table.find(first.id(), None).unwrap();
        assert_eq!(found.with(|number| *number), 1);
        assert!(table.close(&second));
        assert!(table.open(3, None).is_ok());
    }

    /// once, for its owner alone, and not when it has ended for good; the last are remembered.
    #[cfg(feature = "request-state")]
    #[test]
    fn a_session_is_restored_once_and_not_from_its_grave() {
        let table = capped(2, 9);
        let ada = Owner::from("ada");
        let id = SessionId::random();
        let now = Instant::now();
        let restore = |id, owner| {
            let restored = table.restore(id, 1, owner, now).unwrap();
            restored.map(|one| one.is_new)
        };
        assert_eq!(restore(id, Some(&ada)), Some(true));
        assert_eq!(restore(id, Some(&ada)), Some(false));
        assert_eq!(restore(id, None), None);
        table.bury(id, Duration::from_secs(1), now);
        table.close(&table.find(id, Some("ada")).unwrap());
        assert_eq!(restore(id, Some(&ada)), None);
        assert_eq!(table.len(), 0);
        let later = table.restore(id, 1, Some(&ada), now + Duration::from_secs(1));
        assert!(later.unwrap().is_some(), "long ago");
        assert_eq!(restore(SessionId::random(), None), Some(true));
        let full = table.restore(SessionId::random(), 1, None, now).err();
        assert_eq!(full, Some(Full::All(2)));
    }

    /// who still holds a session that has ended does not end the one that came after it.
    #[cfg(feature = "request-state")]
    #[test]
    fn a_session_that_was_restored_outlives_the_one_before_it() {
        let table = capped(9, 9);
        let ada = Owner::from("ada");
        let before = table.open(1, Some(&ada)).unwrap();
        assert!(table.close(&before));
        let id = before.id();
        let restored = table.restore(id, 2, Some(&ada), Instant::now());
        let restored = restored.unwrap().unwrap().row;
        assert!(!table.close(&before));
        assert!(
            table
                .find(id, Some("ada"))
                .unwrap()
                .with(|number| *number == 2)
        );
        assert!(table.close(&restored));
        assert!(lock(&table.rows).owned.is_empty());
    }

    /// SPEC C-77, R-7: one owner's cap is nobody else's, and what is closed counts no more.
    #[test]
    fn an_owner_has_a_cap_of_its_own() {
        let table = capped(9, 2);
        // Each request brings a name of its own.
        let (ada, bob) = (|| Owner::from("ada"), Owner::from("bob"));
        let first = table.open((), Some(&ada())).unwrap();
        table.open((), Some(&ada())).unwrap();
        assert_eq!(table.open((), Some(&ada())).err(), Some(Full::Each(2)));
        assert!(table.open((), Some(&bob)).is_ok());
        for _ in 0..3 {
            table.open((), None).unwrap();
        }
        assert!(table.close(&first));
        assert!(!table.close(&first));
        assert!(table.open((), Some(&ada())).is_ok());
        assert_eq!(table.open((), Some(&ada())).err(), Some(Full::Each(2)));
        assert_eq!((table.of("ada").len(), table.of("bob").len()), (2, 1));
        let names = |row: &Arc<Row<()>>| row.owner().map(Arc::as_ptr);
        let of_ada = table.of("ada");
        assert_eq!(names(&of_ada[0]), names(&of_ada[1]), "one name in memory");
    }

    /// SPEC F-50, G-20, R-57: for everybody but its owner a session is not there.
    #[test]
    fn a_session_is_found_by_its_owner_alone() {
        let table = capped(9, 9);
        let ada = Owner::from("ada");
        let owned = table.open((), Some(&ada)).unwrap().id();
        let free = table.open((), None).unwrap().id();
        for (id, owner, is_found) in [
            (owned, Some("ada"), true),
            (owned, Some("bob"), false),
            (owned, Some(""), false),
            (owned, None, false),
            (free, None, true),
            (free, Some("ada"), false),
        ] {
            assert_eq!(table.find(id, owner).is_some(), is_found, "{owner:?}");
            assert!(table.has(id));
        }
    }

    /// SPEC B-12: a closed session is unknown.
    #[test]
    fn a_closed_session_is_gone() {
        let table = capped(2, 2);
        let row = table.open((), None).unwrap();
        let id = row.id();
        assert!(table.close(&row));
        assert!(!table.close(&row));
        assert!(table.find(id, None).is_none() && !table.has(id));
        assert_eq!(table.len(), 0);
    }

    /// SPEC C-77: what is idle goes, the rest stays.
    #[test]
    fn reaping_takes_out_what_is_gone() {
        let table = capped(9, 9);
        let kept = table.open(1, None).unwrap();
        let gone = table.open(2, None).unwrap();
        let reaped = table.reap(|number| *number == 2);
        assert_eq!(reaped.len(), 1);
        assert_eq!(reaped[0].id(), gone.id());
        assert!(table.has(kept.id()) && !table.has(gone.id()));
    }

    /// nothing stays allocated for sessions that are gone.
    #[test]
    fn an_emptied_table_gives_its_memory_back() {
        let table = capped(10_000, 10_000);
        let owner = |n: u32| Owner::from(format!("owner {}", n % 1_000));
        let open = |n| table.open(n, Some(&owner(n))).unwrap();
        let opened: Vec<_> = (0..5_000).map(open).collect();
        for row in opened {
            table.close(&row);
        }
        let rows = lock(&table.rows);
        assert_eq!((rows.by_id.capacity(), rows.owned.capacity()), (0, 0));
    }
}
