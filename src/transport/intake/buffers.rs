//! [`Buffers`]: the buffers of long request bodies, kept for the bodies that come next.
//!
//! A fresh buffer of 1 MiB costs more than all that is done with it, because the system hands out each of its
//! pages as it is written to first. So a service keeps a few, bounded in bytes and in time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;

/// From which length on a body is long.
const LONG: usize = 64 * 1024;

/// Buffers that no body used for one to two of these periods are freed.
const PERIOD: Duration = Duration::from_secs(5);

/// The buffers that a service keeps.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// How many bytes there are at most: a service that takes short bodies alone keeps less.
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Invariant: their capacities are [`Buffers::most`] together at most.
    free: Vec<Vec<u8>>,
    /// Whether there is a task that frees what is not used.
    is_watched: bool,
    /// Whether a body used a buffer since that task looked last.
    was_used: bool,
}

impl Buffers {
    /// Keeps so many bytes at most.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            state: Mutex::default(),
        }
    }

    /// A buffer for a body that declares this length: one that was kept, if it is large enough and at most
    /// twice as large, because a part of the body that somebody keeps keeps all of it.
    pub(crate) fn for_body(&self, declared: usize) -> Vec<u8> {
        if declared < LONG {
            return Vec::new();
        }
        let mut state = self.lock();
        let found = state
            .free
            .iter()
            .position(|buffer| (declared..=2 * declared).contains(&buffer.capacity()));
        match found {
            Some(place) => {
                state.was_used = true;
                state.free.swap_remove(place)
            }
            None => Vec::new(),
        }
    }

    /// What was read into a buffer. The buffer of a long body comes back when nobody has the body any more.
    pub(crate) fn body(self: &Arc<Self>, buffer: Vec<u8>) -> Bytes {
        if buffer.capacity() < LONG {
            return buffer.into();
        }
        Bytes::from_owner(Body {
            buffer,
            buffers: Arc::downgrade(self),
        })
    }

    fn keep(self: &Arc<Self>, mut buffer: Vec<u8>) {
        // Without a runtime there is nobody to free it later.
        let runtime = tokio::runtime::Handle::try_current();
        let (Ok(runtime), true) = (runtime, buffer.capacity() <= self.most) else {
            return;
        };
        buffer.clear();
        let mut state = self.lock();
        state.was_used = true;
        state.free.push(buffer);
        let dropped = state.trim(self.most);
        let is_watched = std::mem::replace(&mut state.is_watched, true);
        drop(state);
        drop(dropped);
        if !is_watched {
            runtime.spawn(free_unused(Watch(Arc::downgrade(self))));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes out the smallest buffers until the others are not too much.
    fn trim(&mut self, most: usize) -> Vec<Vec<u8>> {
        let mut dropped = Vec::new();
        while self.free.iter().map(Vec::capacity).sum::<usize>() > most {
            let sizes = self.free.iter().enumerate();
            let smallest = sizes.min_by_key(|(_, buffer)| buffer.capacity());
            let Some((place, _)) = smallest else { break };
            dropped.push(self.free.swap_remove(place));
        }
        dropped
    }
}

/// Ends when no body used a buffer for a while.
async fn free_unused(watch: Watch) {
    loop {
        tokio::time::sleep(PERIOD).await;
        let buffers = watch.0.upgrade();
        let was_used = |buffers: Arc<Buffers>| std::mem::take(&mut buffers.lock().was_used);
        if !buffers.is_some_and(was_used) {
            return;
        }
    }
}

/// The task that looks after the buffers. When it ends, also with its runtime, it frees them, and the next
/// that is kept begins another.
struct Watch(Weak<Buffers>);

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(buffers) = self.0.upgrade() {
            let mut state = buffers.lock();
            state.is_watched = false;
            let freed = std::mem::take(&mut state.free);
            drop(state);
            drop(freed);
        }
    }
}

/// A long body.
struct Body {
    buffer: Vec<u8>,
    buffers: Weak<Buffers>,
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if let Some(buffers) = self.buffers.upgrade() {
            buffers.keep(std::mem::take(&mut self.buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;
    const KEPT: usize = 2 * MIB;

    fn capacities(buffers: &Buffers) -> Vec<usize> {
        let state = buffers.lock();
        let mut capacities: Vec<_> = state.free.iter().map(Vec::capacity).collect();
        capacities.sort_unstable();
        capacities
    }

    fn use_one(buffers: &Arc<Buffers>, len: usize) -> Bytes {
        let mut buffer = buffers.for_body(len);
        buffer.reserve_exact(len);
        buffer.resize(len, b'x');
        buffers.body(buffer)
    }

    /// FIELD X-13: the next long body is read into the buffer of the last one, once nobody has that.
    #[tokio::test(start_paused = true)]
    async fn a_buffer_is_used_again_when_its_body_is_gone() {
        let buffers = Arc::new(Buffers::new(KEPT));
        let body = use_one(&buffers, MIB);
        let part = body.slice(10..20);
        let place = body.as_ptr();
        drop(body);
        assert_ne!(
            use_one(&buffers, MIB).as_ptr(),
            place,
            "a part of it is left"
        );
        drop(part);
        assert_eq!(capacities(&buffers), [MIB, MIB]);
        let again = use_one(&buffers, MIB - 1);
        assert_eq!(again, vec![b'x'; MIB - 1]);
        assert_eq!(capacities(&buffers), [MIB]);
        assert_eq!(
            use_one(&buffers, MIB + 1).len(),
            MIB + 1,
            "none is large enough"
        );
    }

    /// FIELD X-3: what keeps a part of a body keeps no buffer that is much larger than the body.
    #[tokio::test(start_paused = true)]
    async fn a_short_body_gets_no_large_buffer() {
        let buffers = Arc::new(Buffers::new(KEPT));
        drop(use_one(&buffers, MIB));
        let half = use_one(&buffers, MIB / 2);
        assert!(capacities(&buffers).is_empty());
        drop(half);
        let less = use_one(&buffers, MIB / 2 - 1);
        assert_eq!(capacities(&buffers), [MIB]);
        drop(less);
    }

    /// FIELD X-12: what is kept is bounded, and short bodies have nothing to do with it.
    #[tokio::test(start_paused = true)]
    async fn the_largest_are_kept_within_the_bound() {
        let buffers = Arc::new(Buffers::new(KEPT));
        let bodies: Vec<_> = (1..=12).map(|n| use_one(&buffers, n * LONG)).collect();
        drop(bodies);
        assert_eq!(capacities(&buffers), [11 * LONG, 12 * LONG]);
        drop(use_one(&buffers, KEPT + 1));
        assert_eq!(capacities(&buffers).len(), 2, "too large to be kept");
        drop(use_one(&buffers, LONG - 1));
        assert_eq!(capacities(&buffers).len(), 2, "too short to be kept");
        drop(use_one(&buffers, KEPT));
        assert_eq!(capacities(&buffers), [KEPT]);
    }

    /// FIELD X-12: memory comes back to the system when no long bodies come any more.
    #[tokio::test(start_paused = true)]
    async fn what_is_not_used_is_freed() {
        let buffers = Arc::new(Buffers::new(KEPT));
        for _ in 0..2 {
            for _ in 0..20 {
                drop(use_one(&buffers, MIB));
                tokio::time::sleep(PERIOD / 2).await;
                assert_eq!(capacities(&buffers), [MIB]);
            }
            tokio::time::sleep(2 * PERIOD).await;
            assert!(capacities(&buffers).is_empty());
        }
    }

    /// Without a runtime there is nobody to free it later; what one kept goes with it.
    #[test]
    fn without_a_runtime_nothing_is_kept() {
        let buffers = Arc::new(Buffers::new(KEPT));
        drop(use_one(&buffers, MIB));
        assert!(capacities(&buffers).is_empty());
        for _ in 0..2 {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap();
            runtime.block_on(async { drop(use_one(&buffers, MIB)) });
            assert_eq!(capacities(&buffers), [MIB]);
            drop(runtime);
            assert!(capacities(&buffers).is_empty());
        }
    }
}
