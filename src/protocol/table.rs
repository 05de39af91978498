//! Opens, finds, closes and reaps sessions; enforces the caps; decides which session is evicted.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
#[cfg(feature = "request-state")]
use std::time::Duration;
use std::time::Instant;

use super::party::{Caps, Full, Owner, Party};
#[cfg(feature = "request-state")]
use super::tombs::Tombs;
use super::turnover::{Look, Rest, Turnover};
use crate::wire::id::SessionId;

/// The sessions of one server. Generic over the session type, so that tests can use numbers.
///
/// The lock of the map covers a look-up; the lock of a row covers one operation on its session. Neither is
/// held over an await or a write to a client. While the map is locked, a row is only locked if that does not
/// wait.
pub(crate) struct Table<S> {
    rows: Mutex<Rows<S>>,
    caps: Caps,
}

struct Rows<S> {
    by_id: HashMap<SessionId, Arc<Row<S>>>,
    /// How many sessions each party has; a party without any has no entry.
    parties: HashMap<Party, usize>,
    /// Eviction orders, of all parties or of one; each exists only since a limit was reached.
    turnovers: HashMap<Option<Party>, Turnover>,
    #[cfg(feature = "request-state")]
    tombs: Tombs,
}

/// One session, with its id and its party.
pub(crate) struct Row<S> {
    id: SessionId,
    /// All rows of a principal share one allocation of its name, though each request brings its own.
    party: Option<Party>,
    session: Mutex<S>,
}

/// A session that can be evicted when a limit is reached.
pub(crate) trait GivesWay {
    /// Since when the session is idle; `None` while it is busy.
    fn rest(&self, now: Instant) -> Option<Rest>;
    /// The session is evicted: it starts nothing more.
    fn give_way(&mut self);
}

/// A session that was opened or found.
pub(crate) struct Opened<S> {
    pub(crate) row: Arc<Row<S>>,
    /// Whether it did not exist before.
    pub(crate) is_new: bool,
    /// The session that was evicted to make room for it.
    pub(crate) evicted: Option<Arc<Row<S>>>,
}

impl<S> Table<S> {
    pub(crate) fn new(caps: Caps) -> Self {
        Self {
            rows: Mutex::new(Rows {
                by_id: HashMap::new(),
                parties: HashMap::new(),
                turnovers: HashMap::new(),
                #[cfg(feature = "request-state")]
                tombs: Tombs::default(),
            }),
            caps,
        }
    }

    /// Adds a session under a fresh name, if there is room.
    pub(crate) fn open(&self, session: S, party: Option<&Party>) -> Result<Arc<Row<S>>, Full> {
        let mut rows = lock(&self.rows);
        rows.room(self.caps, party)?;
        Ok(rows.insert(Row::alone(session, None), party))
    }

    /// Remembers for `lifetime` that a session ended for good.
    #[cfg(feature = "request-state")]
    pub(crate) fn bury(&self, id: SessionId, lifetime: Duration, now: Instant) {
        lock(&self.rows).tombs.bury(id, lifetime, now);
    }

    /// The session with this id, if it belongs to this owner. The session of another owner is reported as
    /// unknown (SPEC G-20, PITFALLS R-57).
    pub(crate) fn find(&self, id: SessionId, owner: Option<&str>) -> Option<Arc<Row<S>>> {
        let row = lock(&self.rows).by_id.get(&id).cloned();
        row.filter(|row| row.owner().map(|owner| &**owner) == owner)
    }

    /// Whether a session with this id exists, whoever owns it.
    pub(crate) fn has(&self, id: SessionId) -> bool {
        lock(&self.rows).by_id.contains_key(&id)
    }

    /// Removes and returns the sessions for which `is_gone` returns true.
    pub(crate) fn reap(&self, mut is_gone: impl FnMut(&mut S) -> bool) -> Vec<Arc<Row<S>>> {
        // Without the lock of the map: the lock of a session may be held for longer.
        let mut rows = self.all();
        rows.retain(|row| row.with(&mut is_gone));
        rows.retain(|row| self.close(row));
        rows
    }

    /// Removes a session. `false` if it is gone, or if its name has been restored as another row, which the
    /// holder of this one must not end.
    pub(crate) fn close(&self, row: &Row<S>) -> bool {
        let mut rows = lock(&self.rows);
        let is_in = rows.by_id.get(&row.id);
        if !is_in.is_some_and(|one| ptr::eq(&raw const **one, row)) {
            return false;
        }
        rows.remove(row);
        rows.calm(self.caps, row.party.as_ref());
        true
    }

    /// All sessions at this moment.
    pub(crate) fn all(&self) -> Vec<Arc<Row<S>>> {
        lock(&self.rows).by_id.values().cloned().collect()
    }

    /// All sessions of an owner at this moment.
    pub(crate) fn of(&self, owner: &str) -> Vec<Arc<Row<S>>> {
        let rows = lock(&self.rows);
        let is_his = |row: &&Arc<Row<S>>| row.owner().is_some_and(|one| **one == *owner);
        rows.by_id.values().filter(is_his).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.rows).by_id.len()
    }
}

impl<S: GivesWay> Table<S> {
    /// Adds a session under a fresh id. If there is no room, it replaces the session that has been idle
    /// longest (PITFALLS ).
    pub(crate) fn open_in_turn(
        &self,
        session: S,
        party: Option<&Party>,
        now: Instant,
    ) -> Result<Opened<S>, Full> {
        let mut rows = lock(&self.rows);
        self.insert_in_turn(&mut rows, Row::alone(session, None), party, now)
    }

    /// Adds a session under its own id, unless it exists already. `None` if a session with this id ended for
    /// good, or belongs to another owner.
    #[cfg(feature = "request-state")]
    pub(crate) fn restore(
        &self,
        id: SessionId,
        session: S,
        party: Option<&Party>,
        now: Instant,
    ) -> Result<Option<Opened<S>>, Full> {
        let mut rows = lock(&self.rows);
        if let Some(row) = rows.by_id.get(&id) {
            let opened = Opened {
                row: Arc::clone(row),
                is_new: false,
                evicted: None,
            };
            let is_his = row.owner() == party.and_then(Party::owner);
            return Ok(is_his.then_some(opened));
        }
        if rows.tombs.have(id, now) {
            return Ok(None);
        }
        let mut row = Row::alone(session, None);
        row.id = id;
        self.insert_in_turn(&mut rows, row, party, now).map(Some)
    }

    fn insert_in_turn(
        &self,
        rows: &mut Rows<S>,
        row: Row<S>,
        party: Option<&Party>,
        now: Instant,
    ) -> Result<Opened<S>, Full> {
        let evicted = match rows.room(self.caps, party) {
            Ok(()) => None,
            Err(full) => {
                let among = party.filter(|_| matches!(full, Full::Each(..)));
                Some(rows.idlest(self.caps, among, now).ok_or(full)?)
            }
        };
        // Before the evicted session is removed, so that its party keeps its entries.
        let row = rows.insert(row, party);
        rows.await_turn(&row, now);
        if let Some(evicted) = &evicted {
            rows.remove(evicted);
        }
        Ok(Opened {
            row,
            is_new: true,
            evicted,
        })
    }
}

impl<S> Rows<S> {
    fn room(&self, caps: Caps, party: Option<&Party>) -> Result<(), Full> {
        if let Some(party) = party
            && let Some(share) = caps.share(party)
            && self.parties.get(party).is_some_and(|rows| *rows >= share)
        {
            return Err(Full::Each(share, party.whose()));
        }
        if self.by_id.len() >= caps.all {
            return Err(Full::All(caps.all));
        }
        Ok(())
    }

    fn insert(&mut self, mut row: Row<S>, party: Option<&Party>) -> Arc<Row<S>> {
        if let Some(party) = party {
            let known = self.parties.get_key_value(party);
            let party = known.map_or(party, |(known, _)| known).clone();
            *self.parties.entry(party.clone()).or_default() += 1;
            row.party = Some(party);
        }
        let row = Arc::new(row);
        self.by_id.insert(row.id, Arc::clone(&row));
        row
    }

    fn remove(&mut self, row: &Row<S>) {
        self.by_id.remove(&row.id);
        if let Some(party) = &row.party {
            match self.parties.get_mut(party) {
                Some(rows) if *rows > 1 => *rows -= 1,
                _ => {
                    self.parties.remove(party);
                    give_back(&mut self.parties);
                    if !self.turnovers.is_empty() {
                        self.turnovers.remove(&Some(party.clone()));
                    }
                }
            }
        }
        give_back(&mut self.by_id);
    }

    /// Drops the eviction order once at most half of the limit is used.
    fn calm(&mut self, caps: Caps, party: Option<&Party>) {
        if self.turnovers.is_empty() {
            return;
        }
        if self.by_id.len() <= caps.all / 2 {
            self.turnovers.remove(&None);
        }
        if let Some(party) = party {
            let rows = self.parties.get(party).copied().unwrap_or(0);
            if caps.share(party).is_none_or(|cap| rows <= cap / 2) {
                self.turnovers.remove(&Some(party.clone()));
            }
        }
        give_back(&mut self.turnovers);
    }
}

impl<S: GivesWay> Rows<S> {
    /// The session to evict, of all parties or of one. It is removed from the eviction order only.
    fn idlest(&mut self, caps: Caps, party: Option<&Party>, now: Instant) -> Option<Arc<Row<S>>> {
        let of = party.cloned();
        let known = self.turnovers.remove(&of);
        let mut turnover = known.unwrap_or_else(|| self.turnover_of(caps, party, now));
        let evicted = self.next_of(&mut turnover, now);
        self.turnovers.insert(of, turnover);
        evicted
    }

    fn turnover_of(&self, caps: Caps, party: Option<&Party>, now: Instant) -> Turnover {
        match party {
            None => Turnover::of(caps.all, self.by_id.keys().copied(), now),
            Some(party) => {
                let rows = self.by_id.values();
                let its = rows.filter(|row| row.party.as_ref() == Some(party));
                let places = caps.share(party).unwrap_or(caps.all);
                Turnover::of(places, its.map(|row| row.id), now)
            }
        }
    }

    fn next_of(&self, turnover: &mut Turnover, now: Instant) -> Option<Arc<Row<S>>> {
        loop {
            let id = turnover.next(now, |id| match self.by_id.get(&id) {
                None => Look::Gone,
                Some(row) => row.look(now),
            })?;
            let row = self.by_id.get(&id)?;
            if row.gives_way(now) {
                return Some(Arc::clone(row));
            }
            turnover.put_back(id, now);
        }
    }

    /// Adds a new session to the eviction orders that exist.
    fn await_turn(&mut self, row: &Row<S>, now: Instant) {
        let rest = Rest {
            is_settled: false,
            since: now,
        };
        if self.turnovers.is_empty() {
            return;
        }
        let of_party = row.party.as_ref().and_then(|party| self.parties.get(party));
        let lives = [
            (None, Some(self.by_id.len())),
            (row.party.clone(), of_party.copied()),
        ];
        for (of, live) in lives {
            if let Some(turnover) = self.turnovers.get_mut(&of)
                && let Some(live) = live
            {
                turnover.add(row.id, rest);
                turnover.tidy(live, |id| self.by_id.contains_key(&id));
            }
        }
    }
}

/// Returns memory to the allocator once most of it is unused.
fn give_back<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if map.is_empty() || map.len() < map.capacity() / 4 {
        map.shrink_to_fit();
    }
}

impl<S> Row<S> {
    /// A session that is in no table, so no look-up finds it.
    pub(crate) fn alone(session: S, party: Option<Party>) -> Self {
        Self {
            id: SessionId::random(),
            party,
            session: Mutex::new(session),
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    /// The principal that owns it; `None` if every client without a principal shares it.
    pub(crate) fn owner(&self) -> Option<&Owner> {
        self.party.as_ref()?.owner()
    }

    /// Runs `act` with exclusive access to the session.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut S) -> T) -> T {
        act(&mut lock(&self.session))
    }
}

impl<S: GivesWay> Row<S> {
    /// The state of the session. A session whose lock is held is busy.
    fn look(&self, now: Instant) -> Look {
        let rest = self.try_with(|session| session.rest(now)).flatten();
        rest.map_or(Look::Busy, Look::Idle)
    }

    /// Evicts the session, unless it has become busy.
    fn gives_way(&self, now: Instant) -> bool {
        let gives_way = self.try_with(|session| {
            let is_idle = session.rest(now).is_some();
            if is_idle {
                session.give_way();
            }
            is_idle
        });
        gives_way == Some(true)
    }

    /// Like `with`, unless that would have to wait.
    fn try_with<T>(&self, act: impl FnOnce(&mut S) -> T) -> Option<T> {
        match self.session.try_lock() {
            Ok(mut session) => Some(act(&mut session)),
            Err(TryLockError::Poisoned(poisoned)) => Some(act(&mut poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Nothing under these locks panics, and a session is consistent between its methods, so poisoning means
/// nothing.
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
    use std::time::Duration;

    use super::super::party::{Each, Net, Whose};
    use super::*;

    fn capped<S>(all: usize, each: usize) -> Table<S> {
        let each = Each::Set(each);
        Table::new(Caps { all, each })
    }

    /// PITFALLS R-2: the cap refuses one more session and leaves the others alone.
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

    fn ada() -> Party {
        Party::Principal("ada".into())
    }

    fn at(address: [u8; 4]) -> Party {
        Party::Address(Net::of(address.into()))
    }

    /// When it became idle; `None` if it is busy.
    #[derive(Debug, PartialEq, Eq)]
    struct Idle(Option<Rest>);

    impl GivesWay for Idle {
        fn rest(&self, _: Instant) -> Option<Rest> {
            self.0
        }

        fn give_way(&mut self) {
            self.0 = None;
        }
    }

    fn busy() -> Idle {
        Idle(None)
    }

    fn idle(since: Instant) -> Idle {
        let is_settled = true;
        Idle(Some(Rest { is_settled, since }))
    }

    /// PITFALLS R-50: only once, only for its owner, and not after it has ended for good.
    #[cfg(feature = "request-state")]
    #[test]
    fn a_session_is_restored_once_and_not_from_its_grave() {
        let table = capped(2, 9);
        let id = SessionId::random();
        let now = Instant::now();
        let restore = |id, party: Option<&Party>| {
            let restored = table.restore(id, busy(), party, now).unwrap();
            restored.map(|one| one.is_new)
        };
        assert_eq!(restore(id, Some(&ada())), Some(true));
        assert_eq!(restore(id, Some(&ada())), Some(false));
        assert_eq!(restore(id, None), None);
        assert_eq!(restore(id, Some(&at([127, 0, 0, 1]))), None);
        table.bury(id, Duration::from_secs(1), now);
        table.close(&table.find(id, Some("ada")).unwrap());
        assert_eq!(restore(id, Some(&ada())), None);
        assert_eq!(table.len(), 0);
        let long_after = now + Duration::from_secs(2);
        let later = table.restore(id, busy(), Some(&ada()), long_after);
        assert!(later.unwrap().is_some(), "long ago");
        assert_eq!(restore(SessionId::random(), None), Some(true));
        let full = table.restore(SessionId::random(), busy(), None, now).err();
        assert_eq!(full, Some(Full::All(2)));
    }

    /// PITFALLS: the holder of an ended session cannot end the one restored under its id.
    #[cfg(feature = "request-state")]
    #[test]
    fn a_session_that_was_restored_outlives_the_one_before_it() {
        let table = capped(9, 9);
        let now = Instant::now();
        let before = table.open(busy(), Some(&ada())).unwrap();
        assert!(table.close(&before));
        let id = before.id();
        let restored = table.restore(id, idle(now), Some(&ada()), now);
        let restored = restored.unwrap().unwrap().row;
        assert!(!table.close(&before));
        let found = table.find(id, Some("ada")).unwrap();
        assert!(found.with(|session| *session == idle(now)));
        assert!(table.close(&restored));
        assert!(lock(&table.rows).parties.is_empty());
    }

    /// FIELD X-9, PITFALLS R-2: a new session replaces the one that has been idle longest, never a busy one.
    #[test]
    fn one_more_takes_the_place_of_the_idlest() {
        let (table, start) = (capped(3, 9), Instant::now());
        let open = |session| table.open_in_turn(session, None, start);
        let at_work = open(busy()).unwrap().row;
        let newer = open(idle(start + Duration::from_secs(1))).unwrap().row;
        let older = open(idle(start)).unwrap().row;
        for idlest in [older, newer] {
            let opened = open(busy()).unwrap();
            assert!(opened.is_new);
            let evicted = opened.evicted.unwrap();
            assert_eq!(evicted.id(), idlest.id());
            assert!(evicted.with(|session| *session == busy()), "it was told");
            assert!(!table.has(idlest.id()) && !table.close(&idlest));
        }
        assert_eq!(open(busy()).err(), Some(Full::All(3)));
        assert!(table.has(at_work.id()));
        // A session that became idle, or ended, makes room.
        at_work.with(|session| *session = idle(start));
        let evicted = open(busy()).unwrap().evicted.unwrap();
        assert_eq!(evicted.id(), at_work.id());
        let row = table.all().pop().unwrap();
        assert!(table.close(&row));
        assert!(open(busy()).unwrap().evicted.is_none());
        assert_eq!(table.len(), 3);
    }

    /// FIELD X-9: a session whose lock is held is busy: the table neither waits for it nor evicts it.
    #[test]
    fn one_that_is_locked_is_busy() {
        let (table, now) = (capped(1, 1), Instant::now());
        let row = table.open_in_turn(idle(now), None, now).unwrap().row;
        row.with(|_| {
            assert!(table.open_in_turn(busy(), None, now).is_err());
        });
        assert!(table.open_in_turn(busy(), None, now).is_ok());
    }

    /// FIELD X-9, PITFALLS R-7: a principal or an address at its own limit evicts only its own sessions.
    #[test]
    fn a_party_gives_way_to_itself() {
        let here = at([192, 0, 2, 1]);
        for (party, whose) in [(ada(), Whose::Principal), (here, Whose::Address)] {
            let (table, older) = (capped(4, 2), Instant::now());
            let start = older + Duration::from_secs(9);
            let open = |session, party| table.open_in_turn(session, party, start);
            let other = open(idle(older), None).unwrap().row;
            let first = open(idle(start), Some(&party)).unwrap().row;
            open(busy(), Some(&party)).unwrap();
            let evicted = open(busy(), Some(&party)).unwrap().evicted.unwrap();
            assert_eq!(evicted.id(), first.id());
            let full = open(busy(), Some(&party)).err();
            assert_eq!(full, Some(Full::Each(2, whose)));
            // The table is full, and another client comes.
            assert!(open(busy(), None).unwrap().evicted.is_none());
            let evicted = open(busy(), None).unwrap().evicted.unwrap();
            assert_eq!(evicted.id(), other.id());
            assert_eq!(open(busy(), None).err(), Some(Full::All(4)));
        }
    }

    /// FIELD X-9: after 20,000 sessions on 10,000 places the eviction order is still bounded, and it is
    /// dropped when most sessions have ended.
    #[test]
    fn a_flood_leaves_nothing_behind() {
        let (table, now) = (capped(10_000, 10_000), Instant::now());
        let here = at([192, 0, 2, 1]);
        for n in 0..20_000 {
            let opened = table.open_in_turn(idle(now), Some(&here), now).unwrap();
            assert_eq!(opened.evicted.is_some(), n >= 5_000);
        }
        assert_eq!(table.len(), 5_000);
        let fresh = table.open_in_turn(idle(now), Some(&ada()), now).unwrap();
        assert!(fresh.evicted.is_none());
        assert!(lock(&table.rows).turnovers.contains_key(&Some(here)));
        table.all().iter().take(2_600).for_each(|row| {
            table.close(row);
        });
        assert_eq!(lock(&table.rows).turnovers.capacity(), 0);
    }

    /// SPEC C-77, PITFALLS R-7: each owner has its own cap, and a closed session no longer counts.
    #[test]
    fn an_owner_has_a_cap_of_its_own() {
        let table = capped(9, 2);
        // Each call allocates its own name, as each request does.
        let bob = || Party::Principal("bob".into());
        let first = table.open((), Some(&ada())).unwrap();
        table.open((), Some(&ada())).unwrap();
        assert_eq!(
            table.open((), Some(&ada())).err(),
            Some(Full::Each(2, Whose::Principal))
        );
        assert!(table.open((), Some(&bob())).is_ok());
        for _ in 0..3 {
            table.open((), None).unwrap();
        }
        assert!(table.close(&first));
        assert!(!table.close(&first));
        assert!(table.open((), Some(&ada())).is_ok());
        assert_eq!(
            table.open((), Some(&ada())).err(),
            Some(Full::Each(2, Whose::Principal))
        );
        assert_eq!((table.of("ada").len(), table.of("bob").len()), (2, 1));
        let names = |row: &Arc<Row<()>>| row.owner().map(Arc::as_ptr);
        let of_ada = table.of("ada");
        assert_eq!(names(&of_ada[0]), names(&of_ada[1]), "one name in memory");
    }

    /// SPEC F-50, G-20, PITFALLS R-57: only its owner can find a session.
    #[test]
    fn a_session_is_found_by_its_owner_alone() {
        let table = capped(9, 9);
        let owned = table.open((), Some(&ada())).unwrap().id();
        let free = table.open((), Some(&at([192, 0, 2, 1]))).unwrap().id();
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

    /// SPEC C-77: idle sessions are removed, the others stay.
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

    /// PITFALLS R-3: nothing stays allocated for sessions that are gone.
    #[test]
    fn an_emptied_table_gives_its_memory_back() {
        let table = capped(10_000, 10_000);
        let owner = |n: u32| Party::Principal(format!("owner {}", n % 1_000).into());
        let open = |n| table.open(n, Some(&owner(n))).unwrap();
        let opened: Vec<_> = (0..5_000).map(open).collect();
        for row in opened {
            table.close(&row);
        }
        let rows = lock(&table.rows);
        assert_eq!((rows.by_id.capacity(), rows.parties.capacity()), (0, 0));
    }
}
