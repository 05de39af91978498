//! What a service tells of itself: [`ServiceEvent`]s as they happen, and a [`Snapshot`] of its numbers.

use std::time::Duration;

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
