//! [`Tombs`]: names that ended for good, for as long as somebody could come back with them.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::wire::id::SessionId;

/// How many names are remembered; beyond them the oldest is forgotten.
const MAX_TOMBS: usize = 10_000;

/// The names of sessions that were deleted or revoked, which nobody may take up again. A name
/// whose seal is too old opens nothing, so it is kept no longer than that.
///
/// Each is in `names` and in `order`, or in neither.
#[derive(Debug, Default)]
pub(crate) struct Tombs {
    names: HashSet<SessionId>,
    /// The oldest first, with the end of its time, if it has one.
    order: VecDeque<(SessionId, Option<Instant>)>,
}

impl Tombs {
    /// Remembers a name for `lifetime`, which is the same for all.
    pub(crate) fn bury(&mut self, name: SessionId, lifetime: Duration, now: Instant) {
        self.forget(now);
        if !self.names.insert(name) {
            return;
        }
        // A time beyond what the clock can say never comes.
        self.order.push_back((name, now.checked_add(lifetime)));
        if self.order.len() > MAX_TOMBS {
            self.drop_oldest();
        }
    }

    /// Whether a name ended for good.
    pub(crate) fn have(&mut self, name: SessionId, now: Instant) -> bool {
        self.forget(now);
        self.names.contains(&name)
    }

    /// Lets go of the names whose time is over.
    fn forget(&mut self, now: Instant) {
        let is_over =
            |(_, until): &(SessionId, Option<Instant>)| until.is_some_and(|until| until <= now);
        if !self.order.front().is_some_and(is_over) {
            return;
        }
        while self.order.front().is_some_and(is_over) {
            self.drop_oldest();
        }
        // What a crowd left behind goes back to the allocator.
        self.names.shrink_to_fit();
        self.order.shrink_to_fit();
    }

    fn drop_oldest(&mut self) {
        if let Some((name, _)) = self.order.pop_front() {
            self.names.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// for their time, and nothing stays of them.
    #[test]
    fn a_name_is_remembered_for_its_time() {
        let (mut tombs, start) = (Tombs::default(), Instant::now());
        let [first, second, never] = [(); 3].map(|()| SessionId::random());
        tombs.bury(first, HOUR, start);
        tombs.bury(second, HOUR, start + HOUR / 2);
        for (after, has) in [
            (Duration::ZERO, [true, true, false]),
            (HOUR - Duration::from_nanos(1), [true, true, false]),
            (HOUR, [false, true, false]),
            (HOUR * 3 / 2, [false, false, false]),
        ] {
            let names = [first, second, never];
            assert_eq!(
                names.map(|name| tombs.have(name, start + after)),
                has,
                "{after:?}"
            );
        }
        assert_eq!((tombs.names.capacity(), tombs.order.capacity()), (0, 0));
    }

    #[test]
    fn the_oldest_makes_room() {
        let (mut tombs, now) = (Tombs::default(), Instant::now());
        let (first, second) = (SessionId::random(), SessionId::random());
        tombs.bury(first, HOUR, now);
        tombs.bury(second, Duration::MAX, now);
        // Once more is no second tomb.
        tombs.bury(second, HOUR, now);
        (2..MAX_TOMBS).for_each(|_| tombs.bury(SessionId::random(), HOUR, now));
        assert!(tombs.have(first, now) && tombs.have(second, now));
        tombs.bury(SessionId::random(), HOUR, now);
        assert!(!tombs.have(first, now) && tombs.have(second, now));
        assert_eq!(
            (tombs.names.len(), tombs.order.len()),
            (MAX_TOMBS, MAX_TOMBS)
        );
    }
}
