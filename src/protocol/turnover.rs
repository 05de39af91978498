//! [`Turnover`]: which of many sessions is evicted next, found without a walk over all of them.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::wire::id::SessionId;

/// How long a busy session is skipped before it is checked again. The same as the `Retry-After` of a refusal
/// because all sessions are busy.
const AGAIN: Duration = Duration::from_secs(1);

/// How many busy sessions are checked early when none is idle, so that a session that has just become idle is
/// found at once.
const LOOKS: usize = 64;

/// One in this many sessions may be in its handshake before those are evicted first. Otherwise, if all others
/// are settled, the next `initialize` of a flood would evict a client that is about to continue.
const IN_HANDSHAKE: usize = 32;

/// Since when a session is idle, and how far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Whether it completed its handshake.
    pub(crate) is_settled: bool,
    pub(crate) since: Instant,
}

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Gone,
    Busy,
    Idle(Rest),
}

/// The order in which sessions are evicted, as of the last check of each: first those that never completed
/// their handshake; within each kind the one that has been idle longest first; a busy one never.
///
/// It is not notified when a session is used or ends; it finds out when it checks the session. A session only
/// ever moves back in the order, so the first one that is unchanged has been idle longest. So each check is
/// caused by one event of that session since the last check (it opened, was used or ended). Only busy
/// sessions are checked again without one, once per `AGAIN`.
///
/// It exists only while a limit is reached, and costs nothing otherwise.
#[derive(Debug)]
pub(crate) struct Turnover {
    in_handshake: Line,
    settled: Line,
    /// Each with the time of its next check, in that order.
    busy: VecDeque<(Instant, SessionId)>,
    /// How many sessions may be in their handshake before those are evicted first.
    reserve: usize,
    /// Distinguishes sessions that became idle at the same time.
    added: u64,
}

/// Idle sessions, the one that has been idle longest first.
type Line = BTreeMap<(Instant, u64), SessionId>;

impl Turnover {
    /// Starts with sessions in an unknown state, where `places` are allowed.
    pub(crate) fn of(
        places: usize,
        sessions: impl Iterator<Item = SessionId>,
        now: Instant,
    ) -> Self {
        Self {
            in_handshake: Line::new(),
            settled: Line::new(),
            busy: sessions.map(|id| (now, id)).collect(),
            reserve: places / IN_HANDSHAKE,
            added: 0,
        }
    }

    /// Adds a session that was opened or became idle.
    pub(crate) fn add(&mut self, id: SessionId, rest: Rest) {
        self.added += 1;
        let place = (rest.since, self.added);
        self.line(rest.is_settled).insert(place, id);
    }

    fn line(&mut self, is_settled: bool) -> &mut Line {
        match is_settled {
            true => &mut self.settled,
            false => &mut self.in_handshake,
        }
    }

    /// Drops ended sessions, once far more entries are kept than there are `live` sessions.
    pub(crate) fn tidy(&mut self, live: usize, is_there: impl Fn(SessionId) -> bool) {
        let known = self.in_handshake.len() + self.settled.len() + self.busy.len();
        if known > live.saturating_mul(2).saturating_add(LOOKS) {
            self.in_handshake.retain(|_, id| is_there(*id));
            self.settled.retain(|_, id| is_there(*id));
            self.busy.retain(|(_, id)| is_there(*id));
        }
    }

    /// Removes and returns the session to evict; `None` if all are busy.
    pub(crate) fn next(
        &mut self,
        now: Instant,
        mut look: impl FnMut(SessionId) -> Look,
    ) -> Option<SessionId> {
        while self.busy.front().is_some_and(|(again, _)| *again <= now) {
            self.look_again(now, &mut look);
        }
        if let Some(id) = self.idlest(now, &mut look) {
            return Some(id);
        }
        for _ in 0..LOOKS.min(self.busy.len()) {
            self.look_again(now, &mut look);
        }
        self.idlest(now, &mut look)
    }

    /// Puts a session back that became busy after it was removed.
    pub(crate) fn put_back(&mut self, id: SessionId, now: Instant) {
        self.busy.push_back((now + AGAIN, id));
    }

    fn look_again(&mut self, now: Instant, look: &mut impl FnMut(SessionId) -> Look) {
        let Some((_, id)) = self.busy.pop_front() else {
            return;
        };
        match look(id) {
            Look::Gone => {}
            Look::Busy => self.put_back(id, now),
            Look::Idle(rest) => self.add(id, rest),
        }
    }

    fn idlest(
        &mut self,
        now: Instant,
        look: &mut impl FnMut(SessionId) -> Look,
    ) -> Option<SessionId> {
        loop {
            let is_settled = self.in_handshake.len() <= self.reserve && !self.settled.is_empty();
            let ((since, _), id) = self.line(is_settled).pop_first()?;
            let known = Rest { is_settled, since };
            match look(id) {
                Look::Gone => {}
                Look::Busy => self.put_back(id, now),
                Look::Idle(rest) if rest != known => self.add(id, rest),
                Look::Idle(_) => return Some(id),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sessions, and how often they were checked.
    struct Crowd {
        now: Instant,
        members: HashMap<SessionId, Look>,
        turnover: Turnover,
        looks: usize,
    }

    impl Crowd {
        fn of(members: impl IntoIterator<Item = Look>) -> (Self, Vec<SessionId>) {
            let named = members.into_iter().map(|look| (SessionId::random(), look));
            let named: Vec<_> = named.collect();
            let ids: Vec<_> = named.iter().map(|(id, _)| *id).collect();
            let now = Instant::now();
            let crowd = Self {
                now,
                members: named.into_iter().collect(),
                turnover: Turnover::of(ids.len(), ids.iter().copied(), now),
                looks: 0,
            };
            (crowd, ids)
        }

        fn next(&mut self) -> Option<SessionId> {
            let (members, looks) = (&self.members, &mut self.looks);
            let next = self.turnover.next(self.now, |id| {
                *looks += 1;
                members.get(&id).copied().unwrap_or(Look::Gone)
            })?;
            self.members.remove(&next);
            Some(next)
        }

        fn open(&mut self, look: Look) -> SessionId {
            let id = SessionId::random();
            self.members.insert(id, look);
            let rest = Rest {
                is_settled: false,
                since: self.now,
            };
            self.turnover.add(id, rest);
            let members = &self.members;
            let is_there = |id| members.contains_key(&id);
            self.turnover.tidy(members.len(), is_there);
            id
        }
    }

    fn idle(is_settled: bool, since: Instant) -> Look {
        Look::Idle(Rest { is_settled, since })
    }

    /// FIELD X-9, PITFALLS R-2: first those without a complete handshake, then the idlest, never a busy one.
    #[test]
    fn the_idlest_gives_way() {
        let start = Instant::now();
        let (mut crowd, ids) = Crowd::of([
            idle(true, start),
            idle(true, start + 3 * SECOND),
            Look::Busy,
            idle(false, start + 2 * SECOND),
            idle(false, start + SECOND),
        ]);
        let turns: Vec<_> = std::iter::from_fn(|| crowd.next()).collect();
        assert_eq!(turns, [ids[4], ids[3], ids[0], ids[1]]);
        // Among so few, a session that becomes idle is found at once, and one that becomes busy is skipped.
        crowd.members.insert(ids[2], idle(true, start));
        let newer = crowd.open(Look::Busy);
        assert_eq!(crowd.next(), Some(ids[2]));
        assert_eq!(crowd.next(), None);
        assert!(crowd.members.contains_key(&newer));
    }

    /// FIELD X-9: a session that was used since its last check moves back in the order.
    #[test]
    fn one_that_was_used_goes_back_in_the_order() {
        let start = Instant::now();
        let (mut crowd, ids) = Crowd::of((0..3_u32).map(|n| idle(true, start + n * SECOND)));
        assert_eq!(crowd.next(), Some(ids[0]));
        crowd.members.insert(ids[1], idle(true, start + 9 * SECOND));
        assert_eq!(crowd.next(), Some(ids[2]));
        assert_eq!(crowd.next(), Some(ids[1]));
        assert_eq!(crowd.next(), None);
    }

    /// FIELD X-9: 20,000 bare `initialize` on 10,000 sessions, half of them busy, cost a check or two each.
    #[test]
    fn a_flood_looks_at_a_few_sessions_each() {
        let start = Instant::now();
        let one = |n: usize| match n % 2 {
            0 => Look::Busy,
            _ => idle(true, start),
        };
        let (mut crowd, _) = Crowd::of((0..10_000).map(one));
        for n in 0..20_000 {
            assert!(crowd.next().is_some(), "{n}");
            let opened = crowd.open(Look::Busy);
            crowd.members.insert(opened, idle(false, crowd.now));
            crowd.now += Duration::from_micros(100);
        }
        assert!(crowd.members.len() == 10_000);
        assert!(crowd.looks < 5 * 20_000, "{} looks", crowd.looks);
    }

    /// FIELD X-9: a client has time to complete its handshake, even if all other sessions are settled and
    /// another client opens one session after the other.
    #[test]
    fn a_flood_does_not_end_a_handshake_at_once() {
        let start = Instant::now();
        let (mut crowd, _) = Crowd::of((0..10_000).map(|_| idle(true, start)));
        crowd.now += SECOND;
        let open = |crowd: &mut Crowd| {
            crowd.next().unwrap();
            let rest = idle(false, crowd.now);
            crowd.now += Duration::from_micros(1);
            crowd.open(rest)
        };
        for _ in 0..20_000 {
            open(&mut crowd);
        }
        let fresh = open(&mut crowd);
        for _ in 0..10_000 / IN_HANDSHAKE {
            open(&mut crowd);
        }
        assert!(crowd.members.contains_key(&fresh));
        open(&mut crowd);
        assert!(!crowd.members.contains_key(&fresh));
        let is_settled = |look: &&Look| matches!(look, Look::Idle(rest) if rest.is_settled);
        let settled = crowd.members.values().filter(is_settled).count();
        assert_eq!(settled, 10_000 - 10_000 / IN_HANDSHAKE - 1);
    }

    /// FIELD X-9: when all are busy, each new session costs a few checks, and an idle session is overlooked
    /// for at most a second.
    #[test]
    fn a_busy_crowd_is_gone_through_once_a_second() {
        let start = Instant::now();
        let (mut crowd, ids) = Crowd::of(std::iter::repeat_n(Look::Busy, 10_000));
        assert_eq!(crowd.next(), None);
        let before = crowd.looks;
        assert!((0..10).all(|_| crowd.next().is_none()));
        assert!(crowd.looks - before <= 10 * LOOKS);
        crowd.members.insert(ids[9_999], idle(true, start));
        crowd.now += SECOND;
        assert_eq!(crowd.next(), Some(ids[9_999]));
    }

    /// FIELD X-9, PITFALLS R-3: entries of sessions that ended by themselves do not pile up.
    #[test]
    fn who_has_ended_is_let_go() {
        let (mut crowd, _) = Crowd::of([Look::Busy]);
        for _ in 0..10_000 {
            let id = crowd.open(Look::Busy);
            crowd.members.remove(&id);
        }
        let turnover = &crowd.turnover;
        let kept = turnover.in_handshake.len() + turnover.busy.len();
        assert!(kept <= LOOKS + 4, "{kept}");
    }
}
