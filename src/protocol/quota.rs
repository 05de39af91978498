//! [`Quota`]: how many places each party has, where each place is counted on its own.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The number of shards of the counts, so that threads rarely wait for each other.
const PARTS: usize = 16;

/// The counts of the parties that have a place now.
pub(crate) struct Quota<K> {
    hasher: RandomState,
    parts: [Mutex<HashMap<K, usize>>; PARTS],
}

/// A place, given back when it is dropped.
pub(crate) struct Held<K: Eq + Hash> {
    quota: Arc<Quota<K>>,
    key: K,
}

impl<K: Eq + Hash + Clone> Quota<K> {
    /// Takes a place for a party, unless it has `limit` of them already.
    pub(crate) fn take(self: &Arc<Self>, key: K, limit: usize) -> Option<Held<K>> {
        let mut part = self.part(&key);
        match part.get_mut(&key) {
            Some(count) if *count >= limit => return None,
            Some(count) => *count += 1,
            None if limit == 0 => return None,
            None => {
                part.insert(key.clone(), 1);
            }
        }
        drop(part);
        let quota = Arc::clone(self);
        Some(Held { quota, key })
    }
}

impl<K: Eq + Hash> Quota<K> {
    fn part(&self, key: &K) -> MutexGuard<'_, HashMap<K, usize>> {
        let [first, ..] = self.hasher.hash_one(key).to_ne_bytes();
        let part = &self.parts[usize::from(first) % PARTS];
        // Nothing under the lock panics.
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Held<K> {
    fn drop(&mut self) {
        let mut part = self.quota.part(&self.key);
        match part.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                part.remove(&self.key);
                // Return unused memory to the allocator (PITFALLS R-3).
                if part.is_empty() {
                    part.shrink_to_fit();
                }
            }
        }
    }
}

impl<K> Default for Quota<K> {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            parts: Default::default(),
        }
    }
}

impl<K> fmt::Debug for Quota<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota").finish_non_exhaustive()
    }
}

impl<K: Eq + Hash> fmt::Debug for Held<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIELD X-10: the limit of one party does not affect another, and a place that is given back is free.
    #[test]
    fn each_has_so_many_places_and_no_more() {
        let quota = Arc::<Quota<u32>>::default();
        let first = quota.take(1, 2).unwrap();
        let second = quota.take(1, 2).unwrap();
        assert!(quota.take(1, 2).is_none());
        assert!(quota.take(2, 2).is_some());
        assert!(quota.take(3, 0).is_none());
        drop(first);
        let third = quota.take(1, 2).unwrap();
        assert!(quota.take(1, 2).is_none());
        drop((second, third));
        assert!(quota.take(1, 1).is_some());
    }

    /// FIELD X-10, PITFALLS R-3: a party without a place costs nothing.
    #[test]
    fn nothing_stays_of_those_who_have_left() {
        let quota = Arc::<Quota<u32>>::default();
        let held: Vec<_> = (0..10_000).map(|one| quota.take(one, 1)).collect();
        assert!(held.iter().all(Option::is_some));
        drop(held);
        for part in &quota.parts {
            assert_eq!(part.lock().unwrap().capacity(), 0);
        }
        assert_eq!(Arc::strong_count(&quota), 1);
    }
}
