//! What a service reports about itself: a [`ServiceEvent`] for each thing that happens, and a [`Snapshot`]
//! of its counters and gauges.

use std::net::SocketAddr;
use std::time::Duration;

use crate::wire::version::ProtocolVersion;

/// Something that happened, reported to [`Builder::on_event`](crate::Builder::on_event).
///
/// It contains no id, no token and no content, unless your handlers put one into an error. The only text of a
/// client in it is the name of a method, a host or origin that was refused, or what the error of a handshake
/// quotes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServiceEvent<'a> {
    /// The transport refused a request, and no handler saw it.
    ///
    /// | `reason` | `status` | Meaning |
    /// | --- | --- | --- |
    /// | `bad_host` | 400 | The request has no `Host`, several, or one that is not valid. |
    /// | `host_not_allowed` | 403 | `Host` is not allowed; see `hint`. |
    /// | `origin_not_allowed` | 403 | `Origin` is not allowed; see `hint`. |
    /// | `bad_forwarded_prefix` | 400 | `X-Forwarded-Prefix` is not one plain absolute path. |
    /// | `head_timeout` | 408 | The head of the request did not arrive in time. |
    /// | `ambiguous_length` | 400 | The head gives the length of the body more than once. |
    /// | `unsupported_transfer_coding` | 400 | `Transfer-Encoding` is not `chunked`. |
    /// | `bare_line_feed` | 400 | A line of the head ends with LF alone. |
    /// | `unknown_path` | 404 | The path is no endpoint, or one that is switched off. |
    /// | `method_not_allowed` | 405 | The endpoint does not have this HTTP method. |
    /// | `not_acceptable` | 406 | `Accept` does not admit the answer. |
    /// | `session_id_missing` | 400 | The request names no session, and needs one. |
    /// | `session_id_malformed` | 400 | The name of the session is not valid. |
    /// | `unsupported_version` | 400 | The request names a revision that is not served. |
    /// | `unknown_event` | 400 | The session cannot resume after `Last-Event-ID`. |
    /// | `already_initialized` | 400 * | A second `initialize` in a session. |
    /// | `unknown_session` | 404 | The session does not exist, or belongs to another principal. |
    /// | `not_json` | 415 | The body is not declared as uncompressed JSON in UTF-8. |
    /// | `body_too_large` | 413 | The body is longer than the limit. |
    /// | `body_timeout` | 408 | The body did not arrive in time. |
    /// | `body_incomplete` | 400 | The body was cut short, or its chunks are malformed. |
    /// | `invalid_message` | 400 * | The body is not a valid JSON-RPC message. |
    /// | `batch_not_allowed` | 400 | The revision has no batches. |
    /// | `response_not_allowed` | 400 | The revision has no responses from clients. |
    /// | `bad_envelope` | 400 | `_meta` of a request of 2026-07-28 is incomplete or malformed. |
    /// | `capabilities_too_large` | 400 * | The client declares more capabilities than are kept. |
    /// | `header_mismatch` | 400 | A header differs from the part of the body that it mirrors. |
    /// | `id_in_use` | 400 | The session still runs a request with the same id. |
    /// | `too_many_requests` | 503 | The session runs as many requests as it may. |
    /// | `too_many_notifications` | 503 | The session handles as many notifications as it may. |
    /// | `too_many_sessions` | 503 | The server has as many sessions as it may, and all are busy. |
    /// | `too_many_sessions_per_client` | 429 | The same for one principal or one address. |
    /// | `too_many_calls` | 503 | The server runs as many requests as it may. |
    /// | `too_many_calls_per_client` | 429 | The same for one principal or one address. |
    /// | `too_many_listen_streams` | 503 | The server has as many `subscriptions/listen` as it may. |
    /// | `too_many_listen_streams_per_client` | 429 | The same for one principal or one address. |
    /// | `too_many_connections` | 503 | The server has as many connections as it may. |
    /// | `too_many_connections_per_client` | 429 | The same for one address. |
    /// | `credentials_missing` | 401 | The request has no credentials of a kind that is accepted. |
    /// | `invalid_token` | 401 | The authorizer does not accept the token. |
    /// | `credentials_malformed` | 400 | The credentials cannot be read. |
    /// | `insufficient_scope` | 403 | The token lacks a scope that the operation needs. |
    /// | `authorizer_unavailable` | 503 | The authorizer could not check the credentials. |
    /// | `shutting_down` | 503 | The service is draining or closed. |
    ///
    /// \* In a session, where the request was understood, the refusal is a JSON-RPC error alone: the
    /// status is 200 on Streamable HTTP and 202 on HTTP+SSE. On HTTP+SSE this also holds for a valid
    /// message that is refused because of a scope, a limit or a shutdown.
    Refused {
        /// Why, as in the table.
        reason: &'static str,
        /// The HTTP status of the answer.
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
    /// A stream was cut because its client does not read: the queue of the stream was full
    /// ([`Limits::queue`](crate::Limits::queue)). Reported when the response is dropped;
    /// [`Snapshot::cuts`] counts it at once.
    ///
    /// No other end of a stream is reported here. A connection that accepts no byte for
    /// [`Serve::write_stall`](crate::Serve::write_stall) is closed, which looks as if the client had left.
    StreamCut,
    /// A handler failed, and the peer was told only that it did; or a list handler gave an item that cannot be
    /// listed ([`Publisher::report_failure`](crate::Publisher::report_failure)).
    #[non_exhaustive]
    HandlerFailed {
        /// The method of the request.
        method: &'a str,
        /// Which tool, resource, resource template or prompt, by the name, URI or text that it was registered
        /// with; for one that is not registered, the name that the client or a list handler gave. Empty for
        /// another handler.
        name: &'a str,
        /// The text of the error with those of its sources, or what is wrong with the result. It may contain
        /// whatever your handlers put into their errors.
        reason: &'a str,
    },
    /// Several skills have one name, so that hosts can tell them apart by their paths alone (*Extension
    /// `io.modelcontextprotocol/skills`*). They are served. Reported when the service is built and when its skills are
    /// replaced, with the feature `skills`.
    #[non_exhaustive]
    SkillNameRepeated {
        /// The name.
        name: &'a str,
        /// How many skills have it.
        count: usize,
    },
    /// The handler of a notification panicked.
    NotificationPanicked,
    /// The handshake of a connection failed or took too long
    /// ([`WithHandshake`](crate::listener::WithHandshake)), and the connection was closed. A few of them are
    /// health checks and scanners, which leave before they have said anything. If all clients fail with the same
    /// reason, look at the certificates.
    #[non_exhaustive]
    HandshakeFailed {
        /// The other end of the connection, if the listener knows it: the client, or the proxy before it.
        peer: Option<SocketAddr>,
        /// The text of the error with those of its sources: printable, and cut if it is long.
        reason: &'a str,
    },
    /// A call that went on as a task has ended.
    #[non_exhaustive]
    TaskEnded {
        /// How.
        end: TaskEnd,
        /// How long it ran.
        elapsed: Duration,
    },
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskEnd {
    /// With a result, which may say that the tool failed.
    Completed,
    /// With this error code.
    Failed(i64),
    /// Its handler panicked.
    Panicked,
    /// Its client cancelled it.
    Cancelled,
    /// Its time was over before its handler had ended ([`Timeouts::task`](crate::Timeouts::task)).
    Expired,
    /// [`McpService::revoke`](crate::McpService::revoke).
    Revoked,
    /// The service was closed.
    Closed,
}

impl TaskEnd {
    /// The end as an identifier, such as `completed`, for logs and labels of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed(_) => "failed",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Closed => "closed",
        }
    }
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
    /// It took longer than [`Timeouts::request`](crate::Timeouts::request); it was
    /// answered -32603.
    TimedOut,
    /// The service was closed; it was answered -32603.
    Closed,
    /// Its handler was dropped before it finished: the client cancelled the request or left, its session
    /// or authorization ended, or another message of the same body was refused. A client that is still
    /// connected may get -32603.
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
    /// Its HTTP+SSE client left, or its connection was closed because it accepted no byte for
    /// [`Serve::write_stall`](crate::Serve::write_stall).
    Left,
    /// Its `initialize` failed, or the client left before the answer.
    NotInitialized,
    /// Its HTTP+SSE client does not read, and the queue of its stream was full.
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
    /// Open `subscriptions/listen` requests now. Until one is acknowledged, it is also in `running`.
    pub listens: usize,
    /// Tasks that run now, or whose results are kept for their clients.
    pub tasks: usize,
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
    /// Handlers that failed for a reason that only the operator was told ([`ServiceEvent::HandlerFailed`]).
    pub failures: u64,
    /// Handlers that panicked, of requests, of tasks and of notifications.
    pub panics: u64,
    /// Requests that exceeded [`Timeouts::request`](crate::Timeouts::request).
    pub timeouts: u64,
    /// Requests that were cancelled, or whose client left.
    pub cancelled: u64,
    /// Notifications that were dropped because their client does not read.
    pub dropped: u64,
    /// Streams that were cut because their client does not read, and their queue was full.
    pub cuts: u64,
    /// Keep-alive comments that were written.
    pub keep_alives: u64,
    /// Handshakes that failed or took too long ([`ServiceEvent::HandshakeFailed`]).
    pub handshakes_failed: u64,
}

#[cfg(test)]
mod tests {
    use crate::protocol::rejection::tests::every_reason;

    /// The table of [`ServiceEvent::Refused`](super::ServiceEvent::Refused) has every reason, in the order of
    /// the protocol's own table, with its status.
    #[test]
    fn the_table_of_refusals_is_complete_and_true() {
        let told: Vec<String> = include_str!("events.rs")
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("/// | `"))
            .filter(|row| !row.starts_with("reason`"))
            .map(|row| {
                let mut cells = row.split(" | ");
                let (name, status) = (cells.next().unwrap(), cells.next().unwrap());
                assert!(cells.next().unwrap().ends_with(". |"), "{row}");
                format!("`{name} {status}")
            })
            .collect();
        let mut expected: Vec<String> = Vec::new();
        for reason in every_reason() {
            let refusal = reason.refusal();
            let star = if reason.is_answer() { " *" } else { "" };
            let row = format!("`{}` {}", refusal.name, refusal.status.as_u16());
            let seen = expected
                .iter()
                .position(|other| other.trim_end_matches(" *") == row);
            match seen {
                Some(at) if !star.is_empty() => expected[at] = row + star,
                Some(_) => {}
                None => expected.push(row + star),
            }
        }
        assert_eq!(told, expected);
    }
}
