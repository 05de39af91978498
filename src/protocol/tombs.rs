//! [`Tombs`]: names that ended for good, for as long as somebody could come back with them.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use crate::wire::id::SessionId;

/// How many names of one generation are remembered as they are.
const FEW: usize = 8_192;

/// How many bits the rest of a generation has, and how many of them each name sets.
const BITS: usize = 1 << 22;
const MARKS: usize = 4;

/// The names of sessions that were deleted or revoked, which nobody may take up again (PITFALLS R-50).
///
/// No name makes another one forgotten, and the memory is bounded all the same: a generation with more
/// than a few names remembers all of them as marks in a field of bits. Names that never ended can then
/// be taken for ended ones, and their clients initialize again: with 100,000 names in a generation one
/// in 14,000, with a million one in seven. A name that ended is never taken for one that did not.
///
/// A name whose seal is too old opens nothing. So a generation takes names for a quarter of the
/// lifetime of a seal, and is kept until they are all too old, and another quarter, since clocks of
/// processes differ. So there are never more than seven, of half a mebibyte each.
#[derive(Debug, Default)]
pub(crate) struct Tombs {
    /// The oldest first.
    generations: VecDeque<Generation>,
}

/// A time beyond what the clock can say never comes, and is `None`.
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
    /// Remembers a name for `lifetime`, which is the same for all.
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

    /// Whether a name ended for good.
    pub(crate) fn have(&mut self, name: SessionId, now: Instant) -> bool {
        self.forget(now);
        let mut generations = self.generations.iter();
        generations.any(|generation| generation.names.have(name))
    }

    /// Lets go of the generations whose time is over.
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

/// The marks of a name: its own bits say which, since they are random and nobody can choose them.
fn marks(name: SessionId) -> impl Iterator<Item = (usize, u64)> {
    let random = name.random_bits();
    (0..MARKS).map(move |nth| {
        // Each part has 24 bits, and the field needs 22.
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

    /// PITFALLS: for their time and a while, and nothing stays of them.
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

    /// FIELD X-11: however many others end, a name that ended stays ended while it is valid.
    #[test]
    fn no_name_makes_another_one_forgotten() {
        let (mut tombs, start) = (Tombs::default(), Instant::now());
        let ended: Vec<_> = (0..100).map(|_| SessionId::random()).collect();
        for name in &ended {
            tombs.bury(*name, HOUR, start);
        }
        // Two in a row, in a row of generations.
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

    /// FIELD X-11, PITFALLS R-3: the memory is bounded, and who is taken for ended by mistake is no more than told.
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
        // One generation after the other is no way around it.
        let mut tombs = Tombs::default();
        for n in 0..1_000 {
            tombs.bury(first, HOUR, now + HOUR * n / 16);
            assert!(tombs.generations.len() <= 7);
        }
    }
}
