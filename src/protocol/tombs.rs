//! [`Tombs`]: the ids of sessions that ended for good, for as long as a client could present them.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use crate::wire::id::SessionId;

/// How many ids of one generation are stored exactly.
const FEW: usize = 8_192;

/// How many bits the filter of a generation has, and how many of them each id sets.
const BITS: usize = 1 << 22;
const MARKS: usize = 4;

/// The ids of deleted or revoked sessions, which no client may restore (PITFALLS R-50).
///
/// No id displaces another, and yet the memory is bounded: a generation with more than a few ids stores all
/// of them in a Bloom filter. It can then take a live id for an ended one, and that client initializes again:
/// one in 14,000 with 100,000 ids in a generation, one in seven with a million. It never takes an ended id
/// for a live one.
///
/// An id whose seal has expired is refused anyway. So a generation takes ids for a quarter of the lifetime of
/// a seal. It is kept until all its seals have expired, and another quarter, because the clocks of processes
/// differ. So there are at most seven, of half a mebibyte each.
#[derive(Debug, Default)]
pub(crate) struct Tombs {
    /// The oldest first.
    generations: VecDeque<Generation>,
}

/// `None` is a time that the clock cannot express; it never comes.
#[derive(Debug)]
struct Generation {
    names: Names,
    takes_until: Option<Instant>,
    ends: Option<Instant>,
}

enum Names {
    Few(HashSet<SessionId>),
    Many(Box<[u64]>),
}

impl Tombs {
    /// Remembers an id for `lifetime`, which is the same for all.
    pub(crate) fn bury(&mut self, name: SessionId, lifetime: Duration, now: Instant) {
        self.forget(now);
        let takes = |last: &&mut Generation| !is_over(last.takes_until, now);
        if let Some(last) = self.generations.back_mut().filter(takes) {
            last.names.add(name);
            return;
        }
        let quarter = lifetime / 4;
        let takes_until = now.checked_add(quarter);
        let kept = lifetime.checked_add(quarter);
        let mut names = Names::Few(HashSet::new());
        names.add(name);
        self.generations.push_back(Generation {
            names,
            takes_until,
            ends: takes_until
                .zip(kept)
                .and_then(|(time, kept)| time.checked_add(kept)),
        });
    }

    /// Whether the session with this id ended for good.
    pub(crate) fn have(&mut self, name: SessionId, now: Instant) -> bool {
        self.forget(now);
        let mut generations = self.generations.iter();
        generations.any(|generation| generation.names.have(name))
    }

    /// Drops the generations that have expired.
    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.generations.front()
            && is_over(oldest.ends, now)
        {
            self.generations.pop_front();
        }
    }
}

fn is_over(until: Option<Instant>, now: Instant) -> bool {
    until.is_some_and(|until| until <= now)
}

impl Names {
    fn add(&mut self, name: SessionId) {
        match self {
            Self::Few(names) if names.len() < FEW => {
                names.insert(name);
            }
            Self::Few(names) => {
                let names = std::mem::take(names);
                let mut field = vec![0; BITS / 64].into_boxed_slice();
                for name in names.into_iter().chain([name]) {
                    mark(&mut field, name);
                }
                *self = Self::Many(field);
            }
            Self::Many(field) => mark(field, name),
        }
    }

    fn have(&self, name: SessionId) -> bool {
        match self {
            Self::Few(names) => names.contains(&name),
            Self::Many(field) => marks(name).all(|(word, bit)| field[word] & bit != 0),
        }
    }
}

fn mark(field: &mut [u64], name: SessionId) {
    for (word, bit) in marks(name) {
        field[word] |= bit;
    }
}

/// The bits of an id in the filter: taken from its own bits, which are random and not chosen by a client.
fn marks(name: SessionId) -> impl Iterator<Item = (usize, u64)> {
    let random = name.random_bits();
    (0..MARKS).map(move |nth| {
        // Each part has 24 bits, and the filter needs 22.
        let place = (random[nth] as usize) % BITS;
        (place / 64, 1 << (place % 64))
    })
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// PITFALLS: an id is kept for its lifetime and a while, and then leaves nothing.
    #[test]
    fn a_name_is_remembered_for_its_time() {
        let (mut tombs, start) = (Tombs::default(), Instant::now());
        let [first, second, never] = [(); 3].map(|()| SessionId::random());
        tombs.bury(first, HOUR, start);
        tombs.bury(second, HOUR, start + HOUR / 2);
        for (after, has) in [
            (Duration::ZERO, [true, true, false]),
            (HOUR, [true, true, false]),
            (HOUR * 3 / 2, [false, true, false]),
            (HOUR * 7 / 4, [false, true, false]),
            (HOUR * 2, [false, false, false]),
        ] {
            let names = [first, second, never];
            let found = names.map(|name| tombs.have(name, start + after));
            assert_eq!(found, has, "{after:?}");
        }
        assert!(tombs.generations.is_empty());
    }

    /// FIELD X-11: however many other sessions end, an ended id stays ended while its seal is valid.
    #[test]
    fn no_name_makes_another_one_forgotten() {
        let (mut tombs, start) = (Tombs::default(), Instant::now());
        let ended: Vec<_> = (0..100).map(|_| SessionId::random()).collect();
        for name in &ended {
            tombs.bury(*name, HOUR, start);
        }
        // Two generations in a row.
        let many = 3 * FEW;
        for n in 0..many {
            let now = start + HOUR * u32::try_from(n).unwrap() / u32::try_from(many).unwrap();
            tombs.bury(SessionId::random(), HOUR, now);
        }
        let end = start + HOUR;
        assert!(ended.iter().all(|name| tombs.have(*name, end)));
        let mistaken = (0..1_000).filter(|_| tombs.have(SessionId::random(), end));
        assert!(mistaken.count() <= 1);
    }

    /// FIELD X-11, PITFALLS R-3: the memory is bounded, and false positives are as rare as documented.
    #[test]
    fn a_flood_of_names_is_bounded() {
        let (mut tombs, now) = (Tombs::default(), Instant::now());
        let first = SessionId::random();
        tombs.bury(first, Duration::MAX, now);
        for _ in 0..100_000 {
            tombs.bury(SessionId::random(), Duration::MAX, now);
        }
        assert!(tombs.have(first, now + 100 * HOUR));
        assert_eq!(tombs.generations.len(), 1);
        assert!(
            matches!(&tombs.generations[0].names, Names::Many(field) if field.len() == BITS / 64)
        );
        let mistaken = (0..50_000).filter(|_| tombs.have(SessionId::random(), now));
        assert!(mistaken.count() < 25, "one in 14,000");
        // Many generations do not get around the bound.
        let mut tombs = Tombs::default();
        for n in 0..1_000 {
            tombs.bury(first, HOUR, now + HOUR * n / 16);
            assert!(tombs.generations.len() <= 7);
        }
    }
}
