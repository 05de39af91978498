//! What a service tells of itself: an event hook, and a snapshot of counters and gauges.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::protocol::rejection::Rejection;
use crate::wire::version::ProtocolVersion;

/// Something that happened, told to [`Builder::on_event`](crate::Builder::on_event).
///
/// There is no id, no token and no content in it (SPEC G-13), but for the name of a method, and a host
/// or origin that was refused.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServiceEvent<'a> {
    /// A request was answered by the transport and not carried out.
    Refused {
        /// Why, in one word of this crate, such as `host_not_allowed`.
        reason: &'static str,
        /// The HTTP status of the answer; 200 or 202 where the refusal is a JSON-RPC error alone.
        status: u16,
        /// For a `Host` or `Origin` that is not allowed: which it was, and what would admit it.
        hint: Option<Hint<'a>>,
    },
    /// A request was carried out, or given up.
    #[non_exhaustive]
    Finished {
        /// The revision that it was answered in.
        version: ProtocolVersion,
        /// Its method, as the client spelled it.
        method: &'a str,
        /// What became of it.
        outcome: Outcome,
        /// From when it was taken up to its answer.
        elapsed: Duration,
    },
    /// A session was opened.
    SessionOpened,
    /// A session that another process opened, or this one before it was started anew or the session
    /// was idle for too long, was taken up under its name (`Builder::portable_sessions`).
    SessionTakenUp,
    /// A session ended.
    SessionEnded {
        /// Why.
        reason: SessionEnd,
    },
    /// A stream was cut because its client does not read.
    StreamCut,
    /// The handler of a notification panicked.
    NotificationPanicked,
}

/// What an operator can do about a refusal; the peer is not told (PITFALLS R-27).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hint<'a> {
    /// The value that was refused: printable, and cut where it is long.
    pub value: &'a str,
    /// The method of [`Builder`](crate::Builder) that would admit it, if there is one.
    pub setting: Option<&'static str>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It has a result.
    Result,
    /// It was answered with this error code.
    Error(i64),
    /// Its handler panicked; it was answered -32603.
    Panicked,
    /// It took longer than [`Builder::request_timeout`](crate::Builder::request_timeout); it was
    /// answered -32603.
    TimedOut,
    /// The service was closed; it was answered -32603.
    Closed,
    /// The client cancelled it, or left, or its session or authorization ended; or what came in one
    /// body with it was refused.
    Cancelled,
}

impl Outcome {
    /// The outcome in one word, such as `timed_out`, to be counted or told by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Result => "result",
            Self::Error(_) => "error",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed_out",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEnd {
    /// Its client deleted it.
    Deleted,
    /// Its time was up.
    Idle,
    /// There were as many sessions as there may be, and it gave its place to another: it had been idle for
    /// longest, or had never gone past its handshake. Its client initializes again.
    Evicted,
    /// The client of HTTP+SSE left.
    Left,
    /// Its `initialize` failed, or nobody waited for it.
    NotInitialized,
    /// Its HTTP+SSE client does not read.
    Cut,
    /// The authorization of its HTTP+SSE stream ended.
    Expired,
    /// [`McpService::revoke`](crate::McpService::revoke).
    Revoked,
    /// The service was closed.
    Closed,
}

impl SessionEnd {
    /// The reason in one word, such as `not_initialized`, to be counted or told by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Idle => "idle",
            Self::Evicted => "evicted",
            Self::Left => "left",
            Self::NotInitialized => "not_initialized",
            Self::Cut => "cut",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Closed => "closed",
        }
    }
}

/// The numbers of a service at one time. Counters count from when it was built.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// Sessions now.
    pub sessions: usize,
    /// Open `subscriptions/listen` requests now.
    pub listens: usize,
    /// Open streams of events now, those of listening requests among them.
    pub streams: usize,
    /// Requests that run now.
    pub running: usize,
    /// Bytes of heap that wait in the queues of streams now: the text of each event, and 64 bytes
    /// that it costs beside it.
    pub queued_bytes: usize,
    /// Sessions that were opened, or taken up.
    pub sessions_opened: u64,
    /// Those of them that were taken up under a name that they had before.
    pub sessions_taken_up: u64,
    /// Sessions that ended.
    pub sessions_ended: u64,
    /// Those of them that gave their place to another ([`SessionEnd::Evicted`]): a number that grows
    /// says that there is less room than clients want.
    pub sessions_evicted: u64,
    /// Requests that were taken up, by revision.
    pub requests: Vec<(ProtocolVersion, u64)>,
    /// Requests that were refused, by the reason that [`ServiceEvent::Refused`] gives.
    pub refusals: Vec<(&'static str, u64)>,
    /// Handlers that panicked, of requests and of notifications.
    pub panics: u64,
    /// Requests that took longer than they may.
    pub timeouts: u64,
    /// Requests that were cancelled, or whose client left.
    pub cancelled: u64,
    /// Notifications that were left out because their client does not read.
    pub dropped: u64,
    /// Streams that were cut because their client does not read.
    pub cuts: u64,
    /// Keep-alive comments that were written.
    pub keep_alives: u64,
}

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

/// Counts, and tells the hook. Counters are relaxed: each is right, and no two have to agree.
#[derive(Default)]
pub(crate) struct Observer {
    hook: Option<Hook>,
    running: AtomicUsize,
    streams: AtomicUsize,
    /// Told when the last call or the last stream ends.
    ended: Notify,
    queued_bytes: AtomicUsize,
    sessions_opened: AtomicU64,
    sessions_taken_up: AtomicU64,
    sessions_ended: AtomicU64,
    sessions_evicted: AtomicU64,
    requests: [AtomicU64; ProtocolVersion::ALL.len()],
    refusals: Mutex<BTreeMap<&'static str, u64>>,
    panics: AtomicU64,
    timeouts: AtomicU64,
    cancelled: AtomicU64,
    dropped: AtomicU64,
    cuts: AtomicU64,
    keep_alives: AtomicU64,
}

impl Observer {
    pub(crate) fn new(hook: Option<Hook>) -> Self {
        Self {
            hook,
            ..Self::default()
        }
    }

    /// Whether anybody listens; what costs time to find out is left out otherwise.
    pub(crate) fn is_heard(&self) -> bool {
        // A subscriber is told as the hook is.
        #[cfg(feature = "tracing")]
        if tracing::level_filters::LevelFilter::current()
            != tracing::level_filters::LevelFilter::OFF
        {
            return true;
        }
        self.hook.is_some()
    }

    /// Counts an event and tells of it. Never under a lock: the hook is the embedder's code.
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
            // Counted when it happens, told when that can be told.
            ServiceEvent::StreamCut => None,
            ServiceEvent::NotificationPanicked => Some(&self.panics),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Relaxed);
        }
        #[cfg(feature = "tracing")]
        super::spans::tell(event);
        if let Some(hook) = &self.hook {
            // A hook that panics takes nobody with it.
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

    pub(crate) fn refused(&self, rejection: &Rejection, status: u16) {
        let hint = rejection.stranger().map(|stranger| Hint {
            value: &stranger.value,
            setting: stranger.setting,
        });
        self.tell(&ServiceEvent::Refused {
            reason: rejection.name(),
            status,
            hint,
        });
    }

    /// A request that was understood is refused by a JSON-RPC error alone.
    pub(crate) fn refused_inside(&self, reason: &'static str, status: u16) {
        let hint = None;
        self.tell(&ServiceEvent::Refused {
            reason,
            status,
            hint,
        });
    }

    pub(crate) fn request(&self, version: ProtocolVersion) {
        let at = ProtocolVersion::ALL.iter().position(|one| *one == version);
        if let Some(at) = at {
            self.requests[at].fetch_add(1, Relaxed);
        }
    }

    /// Counts a call, and says how many ran before it.
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

    /// Ready when nothing runs and no stream is open.
    pub(crate) async fn quiet(&self) {
        loop {
            let mut ended = pin!(self.ended.notified());
            // From here on no end is missed.
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

    /// The numbers, but for those that others know.
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
            panics: count(&self.panics),
            timeouts: count(&self.timeouts),
            cancelled: count(&self.cancelled),
            dropped: count(&self.dropped),
            cuts: count(&self.cuts),
            keep_alives: count(&self.keep_alives),
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
