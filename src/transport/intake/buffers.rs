//! [`Buffers`]: keeps the buffers of long request bodies for the next ones.
//!
//! A fresh buffer of 1 MiB costs more than everything that is done with it, because the system provides
//! each of its pages on the first write. So a service keeps a few buffers, limited in bytes and in time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;

/// A body of at least this length is long.
const LONG: usize = 64 * 1024;

/// Buffers that no body has used for one to two of these periods are freed.
const PERIOD: Duration = Duration::from_secs(5);

/// The buffers that a service keeps.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// How many bytes are kept at most.
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Invariant: the sum of their capacities is at most [`Buffers::limit`].
    free: Vec<Vec<u8>>,
    /// Whether a task exists that frees unused buffers.
    is_watched: bool,
    /// Whether a body has used a buffer since that task last looked.
    was_used: bool,
}

impl Buffers {
    /// Keeps at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            state: Mutex::default(),
        }
    }

    /// A buffer for a body that declares this length. It is a kept one if that is large enough and at most
    /// twice as large: a handler that keeps a part of the body keeps the whole buffer.
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

    /// A body that was read into a buffer. The buffer of a long body comes back when the last part of the
    /// body is dropped.
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
        // Without a runtime no task could free it later.
        let runtime = tokio::runtime::Handle::try_current();
        let (Ok(runtime), true) = (runtime, buffer.capacity() <= self.limit) else {
            return;
        };
        buffer.clear();
        let mut state = self.lock();
        state.was_used = true;
        state.free.push(buffer);
        let dropped = state.trim(self.limit);
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
    /// Takes out the smallest buffers until the rest is within the limit.
    fn trim(&mut self, limit: usize) -> Vec<Vec<u8>> {
        let mut dropped = Vec::new();
        while self.free.iter().map(Vec::capacity).sum::<usize>() > limit {
            let sizes = self.free.iter().enumerate();
            let smallest = sizes.min_by_key(|(_, buffer)| buffer.capacity());
            let Some((place, _)) = smallest else { break };
            dropped.push(self.free.swap_remove(place));
        }
        dropped
    }
}

/// Ends when no body has used a buffer for a while.
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

/// Belongs to the task that watches the buffers. When the task ends, which may be with its runtime, this
/// frees the buffers. The next buffer that is kept starts another task.
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

/// A long body, whose buffer comes back.
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

    /// FIELD X-13: the next long body is read into the buffer of the last one, once that is dropped.
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

    /// FIELD X-12: what is kept is bounded, and short bodies keep nothing.
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

    /// FIELD X-12: memory goes back to the system when no more long bodies come.
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

    /// Without a runtime no task could free it later. What a runtime keeps is freed with it.
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
