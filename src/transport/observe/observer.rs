//! [`Observer`]: counts what happens in a service, and tells the embedder's hook about it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::events::{Hint, Outcome, ServiceEvent, SessionEnd, Snapshot, TaskEnd};
use crate::protocol::operator_text::printable;
use crate::protocol::rejection::Reason;
use crate::wire::version::ProtocolVersion;

/// How much of the reason is shown why a handshake failed, in bytes.
const SHOWN: usize = 256;

/// The hook of the embedder.
pub(crate) struct Hook(Box<dyn Fn(&ServiceEvent<'_>) + Send + Sync>);

impl Hook {
    pub(crate) fn new(hook: impl Fn(&ServiceEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(Box::new(hook))
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}

/// Counts events and tells the hook. The counters are relaxed: each is correct by itself, and no two of
/// them have to agree.
#[derive(Default)]
pub(crate) struct Observer {
    hook: Option<Hook>,
    running: AtomicUsize,
    streams: AtomicUsize,
    /// Notified when the last call or the last stream ends.
    ended: Notify,
    queued_bytes: AtomicUsize,
    sessions_opened: AtomicU64,
    sessions_taken_up: AtomicU64,
    sessions_ended: AtomicU64,
    sessions_evicted: AtomicU64,
    requests: [AtomicU64; ProtocolVersion::ALL.len()],
    refusals: Mutex<BTreeMap<&'static str, u64>>,
    failures: AtomicU64,
    panics: AtomicU64,
    timeouts: AtomicU64,
    cancelled: AtomicU64,
    dropped: AtomicU64,
    cuts: AtomicU64,
    keep_alives: AtomicU64,
    handshakes_failed: AtomicU64,
}

impl Observer {
    pub(crate) fn new(hook: Option<Hook>) -> Self {
        Self {
            hook,
            ..Self::default()
        }
    }

    /// Whether a hook or a subscriber listens. If not, details that cost time are left out.
    pub(crate) fn is_heard(&self) -> bool {
        // A `tracing` subscriber gets the same events as the hook.
        #[cfg(feature = "tracing")]
        if tracing::level_filters::LevelFilter::current()
            != tracing::level_filters::LevelFilter::OFF
        {
            return true;
        }
        self.hook.is_some()
    }

    /// Counts an event and reports it. Never call it under a lock: the hook is the embedder's code.
    pub(crate) fn tell(&self, event: &ServiceEvent<'_>) {
        let counter = match event {
            ServiceEvent::Refused { reason, .. } => {
                let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
                *refusals.entry(reason).or_default() += 1;
                None
            }
            ServiceEvent::Finished { outcome, .. } => self.counter(*outcome),
            ServiceEvent::SessionOpened => Some(&self.sessions_opened),
            ServiceEvent::SessionTakenUp => {
                self.sessions_opened.fetch_add(1, Relaxed);
                Some(&self.sessions_taken_up)
            }
            ServiceEvent::SessionEnded { reason } => {
                if *reason == SessionEnd::Evicted {
                    self.sessions_evicted.fetch_add(1, Relaxed);
                }
                Some(&self.sessions_ended)
            }
            // Counted when it happens, which is under locks, and reported later.
            ServiceEvent::StreamCut | ServiceEvent::SkillNameRepeated { .. } => None,
            ServiceEvent::HandlerFailed { .. } => Some(&self.failures),
            ServiceEvent::NotificationPanicked
            | ServiceEvent::TaskEnded {
                end: TaskEnd::Panicked,
                ..
            } => Some(&self.panics),
            ServiceEvent::TaskEnded { .. } => None,
            ServiceEvent::HandshakeFailed { .. } => Some(&self.handshakes_failed),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Relaxed);
        }
        #[cfg(feature = "tracing")]
        super::spans::tell(event);
        if let Some(hook) = &self.hook {
            // A hook that panics disturbs nothing else.
            let _ = catch_unwind(AssertUnwindSafe(|| (hook.0)(event)));
        }
    }

    fn counter(&self, outcome: Outcome) -> Option<&AtomicU64> {
        match outcome {
            Outcome::Panicked => Some(&self.panics),
            Outcome::TimedOut => Some(&self.timeouts),
            Outcome::Cancelled => Some(&self.cancelled),
            Outcome::Result | Outcome::Error(_) | Outcome::Closed => None,
        }
    }

    /// Tells of a refusal, by its name in the table and by the status of its answer.
    pub(crate) fn refused(&self, reason: &Reason, name: &'static str, status: u16) {
        let hint = reason.stranger().map(|stranger| Hint {
            value: &stranger.value,
            setting: stranger.setting,
        });
        self.tell(&ServiceEvent::Refused {
            reason: name,
            status,
            hint,
        });
    }

    /// Tells of a handshake that failed. The reason can have the text of a peer in it.
    pub(crate) fn handshake_failed(&self, peer: Option<SocketAddr>, reason: &str) {
        let reason = &printable(reason.as_bytes(), SHOWN);
        self.tell(&ServiceEvent::HandshakeFailed { peer, reason });
    }

    pub(crate) fn request(&self, version: ProtocolVersion) {
        let at = ProtocolVersion::ALL.iter().position(|one| *one == version);
        if let Some(at) = at {
            self.requests[at].fetch_add(1, Relaxed);
        }
    }

    /// Counts a call, and gives how many were running before it.
    pub(crate) fn call_began(&self) -> usize {
        self.running.fetch_add(1, SeqCst)
    }

    pub(crate) fn call_ended(&self) {
        self.one_less(&self.running);
    }

    pub(crate) fn stream_opened(&self) {
        self.streams.fetch_add(1, SeqCst);
    }

    pub(crate) fn stream_ended(&self) {
        self.one_less(&self.streams);
    }

    fn one_less(&self, gauge: &AtomicUsize) {
        if gauge.fetch_sub(1, SeqCst) == 1 {
            self.ended.notify_waiters();
        }
    }

    /// Ready when no request is running and no stream is open.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub(crate) async fn quiet(&self) {
        loop {
            let mut ended = pin!(self.ended.notified());
            // From here on no notification is missed.
            ended.as_mut().enable();
            if self.running.load(SeqCst) == 0 && self.streams.load(SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    pub(crate) fn queued(&self, bytes: usize) {
        self.queued_bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn unqueued(&self, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes, Relaxed);
    }

    pub(crate) fn dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    pub(crate) fn cut(&self) {
        self.cuts.fetch_add(1, Relaxed);
    }

    pub(crate) fn kept_alive(&self) {
        self.keep_alives.fetch_add(1, Relaxed);
    }

    /// The numbers that are counted here. The tables know the number of sessions and listens.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = ProtocolVersion::ALL.iter().zip(&self.requests);
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        Snapshot {
            running: self.running.load(SeqCst),
            streams: self.streams.load(SeqCst),
            queued_bytes: self.queued_bytes.load(Relaxed),
            sessions_opened: count(&self.sessions_opened),
            sessions_taken_up: count(&self.sessions_taken_up),
            sessions_ended: count(&self.sessions_ended),
            sessions_evicted: count(&self.sessions_evicted),
            requests: requests
                .map(|(version, requests)| (*version, count(requests)))
                .collect(),
            refusals: refusals
                .iter()
                .map(|(reason, times)| (*reason, *times))
                .collect(),
            failures: count(&self.failures),
            panics: count(&self.panics),
            timeouts: count(&self.timeouts),
            cancelled: count(&self.cancelled),
            dropped: count(&self.dropped),
            cuts: count(&self.cuts),
            keep_alives: count(&self.keep_alives),
            handshakes_failed: count(&self.handshakes_failed),
            ..Snapshot::default()
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer")
            .field("is_heard", &self.is_heard())
            .finish_non_exhaustive()
    }
}
