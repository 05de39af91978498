//! What a service reports about itself: a [`ServiceEvent`] for each thing that happens, and a [`Snapshot`]
//! of its counters and gauges.

use std::time::Duration;

use crate::wire::version::ProtocolVersion;

/// Something that happened, reported to [`Builder::on_event`](crate::Builder::on_event).
///
/// It contains no id, no token and no content. The only text of a client in it is the name of a method,
/// or a host or origin that was refused.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServiceEvent<'a> {
    /// The transport refused a request.
    Refused {
        /// Why, as an identifier of this crate, such as `host_not_allowed`.
        reason: &'static str,
        /// The HTTP status of the response. It is 200 or 202 if only the JSON-RPC error says that the
        /// request was refused.
        status: u16,
        /// For a `Host` or `Origin` that is not allowed: its value, and the setting that would admit it.
        hint: Option<Hint<'a>>,
    },
    /// A request was dispatched and has ended.
    #[non_exhaustive]
    Finished {
        /// The revision of its answer.
        version: ProtocolVersion,
        /// Its method, as the client spelled it.
        method: &'a str,
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        elapsed: Duration,
    },
    /// A session was opened.
    SessionOpened,
    /// A portable session that this process did not know was restored from its name
    /// (`Builder::portable_sessions`). Another process had opened it, or this one had, before it was
    /// restarted or before the session was idle for too long.
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

/// What an operator can do about a refused `Host` or `Origin`. The peer does not get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hint<'a> {
    /// The refused value: printable, and cut if it is long.
    pub value: &'a str,
    /// The method of [`Builder`](crate::Builder) that would admit it, if any.
    pub setting: Option<&'static str>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was answered with a result.
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
    /// It has no answer: the client cancelled it or left, its session or authorization ended, or another
    /// message of the same body was refused.
    Cancelled,
}

impl Outcome {
    /// The outcome as an identifier, such as `timed_out`, for logs and labels of metrics.
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
    /// It was idle for too long.
    Idle,
    /// The limit of sessions was reached and a new one replaced it, because it had been idle for the
    /// longest time or had never completed its handshake. Its client initializes again.
    Evicted,
    /// Its HTTP+SSE client left.
    Left,
    /// Its `initialize` failed, or the client left before the answer.
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
    /// The reason as an identifier, such as `not_initialized`, for logs and labels of metrics.
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

/// The counters and gauges of a service at one time. Counters start when the service is built.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// Sessions that exist now.
    pub sessions: usize,
    /// Open `subscriptions/listen` requests now.
    pub listens: usize,
    /// Open streams of events now, including those of listening requests.
    pub streams: usize,
    /// Requests that are running now.
    pub running: usize,
    /// Bytes of heap in the queues of streams now: the text of each event, and 64 bytes of overhead for
    /// each.
    pub queued_bytes: usize,
    /// Sessions that were opened, including those that were taken up.
    pub sessions_opened: u64,
    /// Sessions that were taken up ([`ServiceEvent::SessionTakenUp`]).
    pub sessions_taken_up: u64,
    /// Sessions that ended.
    pub sessions_ended: u64,
    /// Sessions that were evicted ([`SessionEnd::Evicted`]). If this grows, the limit of sessions is
    /// lower than what clients want.
    pub sessions_evicted: u64,
    /// Requests that were dispatched, by revision.
    pub requests: Vec<(ProtocolVersion, u64)>,
    /// Requests that were refused, by the reason in [`ServiceEvent::Refused`].
    pub refusals: Vec<(&'static str, u64)>,
    /// Handlers that panicked, of requests and of notifications.
    pub panics: u64,
    /// Requests that exceeded [`Builder::request_timeout`](crate::Builder::request_timeout).
    pub timeouts: u64,
    /// Requests that were cancelled, or whose client left.
    pub cancelled: u64,
    /// Notifications that were dropped because their client does not read.
    pub dropped: u64,
    /// Streams that were cut because their client does not read.
    pub cuts: u64,
    /// Keep-alive comments that were written.
    pub keep_alives: u64,
}
