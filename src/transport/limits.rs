//! [`Limits`]: how much of the server its clients may use.

use crate::error::Error;
use crate::protocol::capabilities::CAPABILITIES_LIMIT;
use crate::protocol::party::{Caps, Each};
use crate::protocol::replay::ReplayLimits;
use crate::transport::stream::queue::QueueLimits;
use crate::wire::jsonrpc::MessageLimits;

/// How much of a service its clients may use. Set with
/// [`Builder::limits`](crate::Builder::limits); times are in [`Timeouts`](crate::Timeouts).
///
/// The answer to a request that exceeds a limit says which limit it was, and what it is set to.
///
/// Four limits are shared: sessions, calls, listen streams and tasks. A principal (the
/// [`Identity`](crate::auth::Identity) of a request) may have a part of them, the `…_per_principal`
/// fields. Where requests have no identity, one network address may have half of each
/// ([`Builder::trusted_proxies`](crate::Builder::trusted_proxies) says which address counts). A client
/// that reaches such a limit does not affect others.
///
/// ```
/// # use mcp_wire::{Dispatcher, McpService};
/// # fn example(dispatcher: impl Dispatcher) -> Result<(), mcp_wire::Error> {
/// let mcp = McpService::builder(dispatcher)
///     .limits(|limits| {
///         limits.sessions = 50_000;
///         limits.sessions_per_principal = Some(20);
///         limits.message.depth = 32;
///     })
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The longest request body, in bytes. A longer one is answered 413. If you raise this above
    /// 32 MiB, raise [`MessageLimits::tree`] too, because it counts the bytes of the body.
    ///
    /// Default: 4 MiB.
    pub body: usize,
    /// The longest capabilities that a client may declare, in bytes of JSON text. The server keeps
    /// them for as long as the session, or in 2026-07-28 for as long as the request. A client that
    /// declares more is answered -32602 (in 2026-07-28 with status 400) and gets no session.
    ///
    /// Default: 8 KiB.
    pub capabilities: usize,
    /// What one JSON-RPC message or batch may measure. A message that exceeds a limit is answered 400
    /// with -32600, or with -32700 if it is nested too deeply.
    ///
    /// Default: [`MessageLimits::default`].
    pub message: MessageLimits,
    /// The number of sessions. One more session replaces an idle one: first a session to which nothing
    /// came after `initialize`, then the session that has been idle for longest. The client of the
    /// replaced session is answered 404 and initializes again, as the protocol has it
    /// ([`SessionEnd::Evicted`](crate::SessionEnd::Evicted)).
    ///
    /// A session is busy while it has a running request or an open stream; a stream of HTTP+SSE on
    /// which the client has sent nothing counts for 10 s. If all sessions are busy, one more is
    /// answered 503 with `Retry-After`. If all sessions of one address are busy and it already has
    /// half of all, one more is answered 429.
    ///
    /// Default: 10,000.
    pub sessions: usize,
    /// The number of sessions of one principal. One more session replaces an idle session of the same
    /// principal; if all of them are busy, it is answered 429. `None` stands for 1,000, or for half of
    /// [`sessions`](Self::sessions) if that is less.
    ///
    /// Default: `None`.
    pub sessions_per_principal: Option<usize>,
    /// The number of running requests of one session, and likewise the number of its notifications that
    /// are being handled. One more is answered 503 with `Retry-After`. A client on standard input and
    /// output may have as many running requests of 2026-07-28.
    ///
    /// Default: 64.
    pub requests_per_session: usize,
    /// The number of running requests of the whole service: all clients, sessions and revisions. One
    /// more is answered 503 with `Retry-After` and leaves nothing behind, or 429 if its address already
    /// has half of all.
    ///
    /// Default: 10,000.
    pub calls: usize,
    /// The number of running requests of one principal, in all its sessions. One more is answered 429
    /// with `Retry-After`. A `subscriptions/listen` request counts until it is acknowledged, which is
    /// while its resources are checked. `None` stands for 1,000, or for half of [`calls`](Self::calls) if that
    /// is less.
    ///
    /// Default: `None`.
    pub calls_per_principal: Option<usize>,
    /// The number of open listen streams, which are the answers to `subscriptions/listen`
    /// (2026-07-28). A request has its place before its resources are checked. One more is answered 503 with `Retry-After`, or 429 if its address already has half
    /// of all. With 0 there are none.
    ///
    /// Default: 10,000.
    pub listen_streams: usize,
    /// The number of open listen streams of one principal. One more is answered 429 with `Retry-After`.
    /// `None` stands for 1,000, or for half of [`listen_streams`](Self::listen_streams) if that is less.
    ///
    /// Default: `None`.
    pub listen_streams_per_principal: Option<usize>,
    /// The number of tasks, which are calls that go on after their request has been answered
    /// (`Tool::task`). A task counts until its time is over ([`Timeouts::task`](crate::Timeouts::task)), so
    /// that its client can get the result. A call that would be one more is answered -32603.
    ///
    /// Default: 10,000.
    pub tasks: usize,
    /// The number of tasks of one principal. One more is answered -32603. `None` stands for 1,000, or for
    /// half of [`tasks`](Self::tasks) if that is less.
    ///
    /// Default: `None`.
    pub tasks_per_principal: Option<usize>,
    /// The bytes that are kept of one task: of its result, of its open questions, and of the answers to them.
    /// A task with a longer result has failed.
    ///
    /// Default: 1 MiB.
    pub task_bytes: usize,
    /// The number of questions that one task may have open.
    ///
    /// Default: 16.
    pub task_questions: usize,
    /// What may wait on one stream for a client that reads slowly.
    ///
    /// Default: [`QueueLimits::default`].
    pub queue: QueueLimits,
    /// What a session keeps of the events that it sent, for a client that resumes a stream.
    ///
    /// Default: [`ReplayLimits::default`].
    pub replay: ReplayLimits,
}

impl Limits {
    const BODY: usize = 4 * 1024 * 1024;
    const SESSIONS: usize = 10_000;
    const REQUESTS_PER_SESSION: usize = 64;
    const CALLS: usize = 10_000;
    const LISTEN_STREAMS: usize = 10_000;
    const TASKS: usize = 10_000;
    const TASK_BYTES: usize = 1024 * 1024;
    const TASK_QUESTIONS: usize = 16;
    /// What `None` stands for, where half of all is not less.
    const PER_PRINCIPAL: usize = 1_000;

    pub(crate) fn session_caps(&self) -> Caps {
        caps(self.sessions, self.sessions_per_principal)
    }

    pub(crate) fn call_caps(&self) -> Caps {
        caps(self.calls, self.calls_per_principal)
    }

    pub(crate) fn listen_stream_caps(&self) -> Caps {
        caps(self.listen_streams, self.listen_streams_per_principal)
    }

    #[cfg(feature = "server")]
    pub(crate) fn task_caps(&self) -> Caps {
        caps(self.tasks, self.tasks_per_principal)
    }

    /// Refuses limits under which nothing could be served. Zero is valid for what a server can do without.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let of_principal = |limit: Option<usize>| limit.unwrap_or(Self::PER_PRINCIPAL);
        let at_least_one = [
            ("Limits::body", self.body),
            ("Limits::sessions", self.sessions),
            (
                "Limits::sessions_per_principal",
                of_principal(self.sessions_per_principal),
            ),
            ("Limits::requests_per_session", self.requests_per_session),
            ("Limits::calls", self.calls),
            (
                "Limits::calls_per_principal",
                of_principal(self.calls_per_principal),
            ),
            ("Limits::task_bytes", self.task_bytes),
            ("QueueLimits::bytes", self.queue.bytes),
            ("QueueLimits::events", self.queue.events),
            ("MessageLimits::depth", self.message.depth),
            ("MessageLimits::id_len", self.message.id_len),
            ("MessageLimits::method_len", self.message.method_len),
            ("MessageLimits::members", self.message.members),
            ("MessageLimits::tree", self.message.tree),
        ];
        if let Some((name, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Err(Error::setup(format!("`{name}` must be at least 1, not 0")));
        }
        if self.message.depth > MessageLimits::DEPTH_CEILING {
            return Err(Error::setup(format!(
                "`MessageLimits::depth` must be at most {}, which is what the parser can track, not {}",
                MessageLimits::DEPTH_CEILING,
                self.message.depth,
            )));
        }
        Ok(())
    }
}

fn caps(all: usize, per_principal: Option<usize>) -> Caps {
    let usual = Each::Usual(Limits::PER_PRINCIPAL);
    Caps {
        all,
        each: per_principal.map_or(usual, Each::Set),
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: Self::BODY,
            capabilities: CAPABILITIES_LIMIT,
            message: MessageLimits::default(),
            sessions: Self::SESSIONS,
            sessions_per_principal: None,
            requests_per_session: Self::REQUESTS_PER_SESSION,
            calls: Self::CALLS,
            calls_per_principal: None,
            listen_streams: Self::LISTEN_STREAMS,
            listen_streams_per_principal: None,
            tasks: Self::TASKS,
            tasks_per_principal: None,
            task_bytes: Self::TASK_BYTES,
            task_questions: Self::TASK_QUESTIONS,
            queue: QueueLimits::default(),
            replay: ReplayLimits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_served() {
        Limits::default().check().unwrap();
    }

    /// Numbers are written for people in the documentation, so they are compared here.
    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let code = include_str!("limits.rs");
        for (told, field) in [
            ("4 MiB", "body: usize"),
            ("8 KiB", "capabilities: usize"),
            ("10,000", "sessions: usize"),
            ("64", "requests_per_session: usize"),
            ("10,000", "calls: usize"),
            ("10,000", "listen_streams: usize"),
            ("10,000", "tasks: usize"),
            ("1 MiB", "task_bytes: usize"),
            ("16", "task_questions: usize"),
        ] {
            let documented = format!("    /// Default: {told}.\n    pub {field},\n");
            assert!(code.contains(&documented), "{field}");
        }
        let limits = Limits::default();
        assert_eq!((limits.body, limits.capabilities), (4 << 20, 8 << 10));
        let shared = (limits.sessions, limits.calls, limits.listen_streams);
        assert_eq!(shared, (10_000, 10_000, 10_000));
        assert_eq!(limits.requests_per_session, 64);
        let of_tasks = (limits.tasks, limits.task_bytes, limits.task_questions);
        assert_eq!(of_tasks, (10_000, 1 << 20, 16));
        assert_eq!((limits.queue.bytes, limits.queue.events), (1 << 20, 256));
        assert_eq!((limits.replay.bytes, limits.replay.events), (1 << 20, 256));
        assert_eq!(limits.replay.age.as_secs(), 5 * 60);
    }

    /// Zero switches off batches, listen streams, tasks and replay, and admits only clients without capabilities.
    #[test]
    fn zero_switches_off_what_a_server_can_do_without() {
        let mut limits = Limits {
            capabilities: 0,
            listen_streams: 0,
            listen_streams_per_principal: Some(0),
            tasks: 0,
            task_questions: 0,
            ..Limits::default()
        };
        limits.message.batch_len = 0;
        (limits.replay.bytes, limits.replay.events) = (0, 0);
        limits.check().unwrap();
    }

    #[test]
    fn limits_that_serve_nothing_are_refused_by_name() {
        type Set = fn(&mut Limits);
        let cases: [(Set, &str); 15] = [
            (|l| l.body = 0, "`Limits::body` must be at least 1, not 0"),
            (
                |l| l.sessions = 0,
                "`Limits::sessions` must be at least 1, not 0",
            ),
            (
                |l| l.sessions_per_principal = Some(0),
                "`Limits::sessions_per_principal` must be at least 1, not 0",
            ),
            (
                |l| l.requests_per_session = 0,
                "`Limits::requests_per_session` must be at least 1, not 0",
            ),
            (|l| l.calls = 0, "`Limits::calls` must be at least 1, not 0"),
            (
                |l| l.calls_per_principal = Some(0),
                "`Limits::calls_per_principal` must be at least 1, not 0",
            ),
            (
                |l| l.task_bytes = 0,
                "`Limits::task_bytes` must be at least 1, not 0",
            ),
            (
                |l| l.queue.bytes = 0,
                "`QueueLimits::bytes` must be at least 1, not 0",
            ),
            (
                |l| l.queue.events = 0,
                "`QueueLimits::events` must be at least 1, not 0",
            ),
            (
                |l| l.message.depth = 0,
                "`MessageLimits::depth` must be at least 1, not 0",
            ),
            (
                |l| l.message.id_len = 0,
                "`MessageLimits::id_len` must be at least 1, not 0",
            ),
            (
                |l| l.message.method_len = 0,
                "`MessageLimits::method_len` must be at least 1, not 0",
            ),
            (
                |l| l.message.members = 0,
                "`MessageLimits::members` must be at least 1, not 0",
            ),
            (
                |l| l.message.tree = 0,
                "`MessageLimits::tree` must be at least 1, not 0",
            ),
            (
                |l| l.message.depth = 513,
                "`MessageLimits::depth` must be at most 512, which is what the parser can track, not 513",
            ),
        ];
        for (set, told) in cases {
            let mut limits = Limits::default();
            set(&mut limits);
            let error = limits.check().unwrap_err();
            assert!(error.is_setup());
            assert_eq!(error.to_string(), told);
        }
    }
}
