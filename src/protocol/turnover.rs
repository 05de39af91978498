//! [`Turnover`]: which of many sessions gives way next, found without going through all of them.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::wire::id::SessionId;

/// One that was busy is not looked at again for so long: as long as a client is asked to wait that was
/// refused because all were busy.
const AGAIN: Duration = Duration::from_secs(1);

/// How many of the busy are looked at again before that when nobody else is idle, so that in a small
/// crowd who became idle just now is found at once.
const LOOKS: usize = 64;

/// One in so many may be in its handshake before those go first. Otherwise, where all others are settled,
/// the next `initialize` of a flood would take the place of a client that was about to go on.
const IN_HANDSHAKE: usize = 32;

/// How a session rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Whether it went past its handshake.
    pub(crate) is_settled: bool,
    pub(crate) since: Instant,
}

/// What a session does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Gone,
    Busy,
    Idle(Rest),
}

/// The order in which sessions give way, as it was when each of them was looked at last: those who never
/// went past their handshake first, of each kind the idlest first, the busy never.
///
/// Nobody tells it when a session is used or ends: it finds that out when the session's turn comes. A
/// rest only ever moves back in the order, so the first whose rest is still the same is the idlest. So
/// each look is paid for by what happened to that session since the last one (it opened, was used or
/// ended), but for the busy, who are looked at once in `AGAIN`.
///
/// It is there only where there are too many, and so costs nobody else anything.
#[derive(Debug)]
pub(crate) struct Turnover {
    in_handshake: Line,
    settled: Line,
    /// With the time from which each is looked at again, in its order.
    busy: VecDeque<(Instant, SessionId)>,
    /// How many may be in their handshake before they go first.
    reserve: usize,
    /// Tells those apart who rest alike.
    added: u64,
}

/// Who rests, the idlest first.
type Line = BTreeMap<(Instant, u64), SessionId>;

impl Turnover {
    /// Of sessions of which nothing is known, where there is room for `places`.
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

    /// A session was opened, or rests.
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

    /// Lets go of those who ended, once they are more than the `live` ones.
    pub(crate) fn tidy(&mut self, live: usize, is_there: impl Fn(SessionId) -> bool) {
        let known = self.in_handshake.len() + self.settled.len() + self.busy.len();
        if known > live.saturating_mul(2).saturating_add(LOOKS) {
            self.in_handshake.retain(|_, id| is_there(*id));
            self.settled.retain(|_, id| is_there(*id));
            self.busy.retain(|(_, id)| is_there(*id));
        }
    }

    /// Takes out who gives way; `None` if all are busy.
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

    /// Puts one back that became busy after it was taken out.
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

    /// A crowd whose members are looked at, and how often that was.
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

    /// FIELD X-9, PITFALLS R-2: those who never went past their handshake first, then the idlest, the busy never.
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
        // Who becomes idle is found at once in a crowd so small, who becomes busy is passed over.
        crowd.members.insert(ids[2], idle(true, start));
        let newer = crowd.open(Look::Busy);
        assert_eq!(crowd.next(), Some(ids[2]));
        assert_eq!(crowd.next(), None);
        assert!(crowd.members.contains_key(&newer));
    }

    /// FIELD X-9: a session that was used since its turn came near goes back in the order.
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

    /// FIELD X-9: 20,000 bare `initialize` on 10,000 sessions, half of them busy, cost a look or two each.
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

    /// FIELD X-9: a client that is about to go past its handshake has the time for it, though all others
    /// are settled and somebody else opens one session after the other.
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

    /// FIELD X-9: when all are busy, each who asks costs a few looks, and nobody idle is overlooked for
    /// longer than a second.
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

    /// FIELD X-9, PITFALLS R-3: those who ended by themselves do not pile up.
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
