//! [`Timeouts`]: how long a service waits.

use std::time::Duration;

use crate::error::Error;
use crate::wire::method::Method;

/// How long a service waits, for clients and for handlers. Set with
/// [`Builder::timeouts`](crate::Builder::timeouts); those of connections are set on
/// [`Serve`](crate::Serve).
///
/// ```
/// # use std::time::Duration;
/// # use mcp_wire::{Dispatcher, McpService};
/// # fn example(dispatcher: impl Dispatcher) -> Result<(), mcp_wire::Error> {
/// let mcp = McpService::builder(dispatcher)
///     .timeouts(|timeouts| {
///         timeouts.request = Some(Duration::from_secs(120));
///         timeouts.keep_alive = None;
///     })
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timeouts {
    /// How long a request body may take to arrive. After that the request is answered 408.
    ///
    /// Default: 30 s.
    pub body: Duration,
    /// How long a handler may take for a request. After that the handler is dropped and its caller is
    /// answered -32603. `None` sets no limit; a handler that hangs then keeps its session for ever.
    /// For a `subscriptions/listen` this is the time until it is acknowledged; how long it is open after that
    /// does not count.
    ///
    /// Default: 1 h, because people who are asked something may take their time.
    pub request: Option<Duration>,
    /// How long a request to the client waits for its answer, if no person has to give it: roots, and a
    /// completion by the client's model. After that the client is told that the request is cancelled, and
    /// the handler that sent it gets [`RequestError::TimedOut`](crate::RequestError::TimedOut).
    ///
    /// Default: 60 s.
    pub reply: Duration,
    /// The same for what a person answers: forms, and pages to visit. In 2026-07-28 nobody waits, because
    /// the client asks again when it has the answer.
    ///
    /// Default: 10 min.
    pub elicitation: Duration,
    /// How long a session of Streamable HTTP may be idle, which means that it has no running request
    /// and no open connection. After that the session ends and its name is answered 404.
    ///
    /// Default: 30 min.
    pub session_idle: Duration,
    /// How long a stream stays quiet before a comment is sent on it. `None` sends no comments. A stream
    /// that begins with nothing to say begins with a comment in any case.
    ///
    /// Default: 15 s, well below the 30 s and 60 s after which proxies close a quiet stream.
    pub keep_alive: Option<Duration>,
    /// How long a client of `/mcp` waits for the first byte of an answer. After that the answer becomes
    /// a stream, with comments that keep it alive and, from 2025-11-25 on, an event that the client can
    /// resume from. Zero makes a stream of every answer that is not ready at once.
    ///
    /// Default: 1 s.
    pub stream_after: Duration,
    /// How long a task lives from its creation on, whose client can then no longer ask for it (`Tool::task`). A
    /// handler that still runs is dropped. It is at most 24 h, and sent in whole milliseconds.
    ///
    /// Default: 1 h.
    pub task: Duration,
    /// How often clients are asked to look at a task, in whole milliseconds.
    ///
    /// Default: 1 s.
    pub task_poll: Duration,
    /// How long a client is asked to wait before it reconnects to a stream whose connection the server
    /// closes on purpose ([`Context::release_connection`](crate::Context::release_connection), a drain).
    /// Sent in whole milliseconds, as the `retry` field of the last event on that connection, and nowhere
    /// else (2025-11-25, Transports, Sending Messages to the Server).
    ///
    /// Default: 1 s.
    pub retry: Duration,
}

/// How long the requests to a client wait for their answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyTimeouts {
    /// What a person answers.
    elicitation: Duration,
    other: Duration,
}

impl ReplyTimeouts {
    pub(crate) fn of(self, method: &str) -> Duration {
        if method == Method::ElicitationCreate.as_str() {
            self.elicitation
        } else {
            self.other
        }
    }
}

impl Timeouts {
    const BODY: Duration = Duration::from_secs(30);
    const REQUEST: Duration = Duration::from_secs(60 * 60);
    const REPLY: Duration = Duration::from_secs(60);
    const ELICITATION: Duration = Duration::from_secs(10 * 60);
    const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);
    const KEEP_ALIVE: Duration = Duration::from_secs(15);
    const STREAM_AFTER: Duration = Duration::from_secs(1);
    const TASK: Duration = Duration::from_secs(60 * 60);
    const LONGEST_TASK: Duration = Duration::from_secs(24 * 60 * 60);
    const TASK_POLL: Duration = Duration::from_secs(1);
    const RETRY: Duration = Duration::from_secs(1);

    pub(crate) fn replies(&self) -> ReplyTimeouts {
        ReplyTimeouts {
            elicitation: self.elicitation,
            other: self.reply,
        }
    }

    /// Refuses timeouts under which nothing could be served.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let named = [
            ("body", self.body, ""),
            ("reply", self.reply, ""),
            ("elicitation", self.elicitation, ""),
            ("session_idle", self.session_idle, ""),
            (
                "request",
                self.request.unwrap_or(Self::REQUEST),
                "; `None` sets no limit",
            ),
            (
                "keep_alive",
                self.keep_alive.unwrap_or(Self::KEEP_ALIVE),
                "; `None` sends no comments",
            ),
        ];
        let in_millis = [("task", self.task), ("task_poll", self.task_poll)];
        if let Some((name, _)) = in_millis.iter().find(|(_, time)| time.as_millis() == 0) {
            return Err(Error::setup(format!(
                "`Timeouts::{name}` must be at least 1 ms"
            )));
        }
        if self.task > Self::LONGEST_TASK {
            let (longest, task) = (Self::LONGEST_TASK, self.task);
            return Err(Error::setup(format!(
                "`Timeouts::task` must be at most {longest:?}, not {task:?}"
            )));
        }
        match named.iter().find(|(_, time, _)| time.is_zero()) {
            Some((name, _, instead)) => Err(Error::setup(format!(
                "`Timeouts::{name}` must be longer than zero{instead}"
            ))),
            None => Ok(()),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            body: Self::BODY,
            request: Some(Self::REQUEST),
            reply: Self::REPLY,
            elicitation: Self::ELICITATION,
            session_idle: Self::SESSION_IDLE,
            keep_alive: Some(Self::KEEP_ALIVE),
            stream_after: Self::STREAM_AFTER,
            task: Self::TASK,
            task_poll: Self::TASK_POLL,
            retry: Self::RETRY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_served() {
        Timeouts::default().check().unwrap();
    }

    /// Numbers are written for people in the documentation, so they are compared here.
    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let timeouts = Timeouts::default();
        let seconds = [
            timeouts.body,
            timeouts.request.unwrap(),
            timeouts.reply,
            timeouts.elicitation,
            timeouts.session_idle,
            timeouts.keep_alive.unwrap(),
            timeouts.stream_after,
            timeouts.retry,
        ]
        .map(|time| time.as_secs());
        assert_eq!(seconds, [30, 60 * 60, 60, 10 * 60, 30 * 60, 15, 1, 1]);
    }

    #[test]
    fn a_timeout_of_nothing_is_refused_by_name() {
        type Set = fn(&mut Timeouts);
        let cases: [(Set, &str); 6] = [
            (
                |t| t.body = Duration::ZERO,
                "`Timeouts::body` must be longer than zero",
            ),
            (
                |t| t.reply = Duration::ZERO,
                "`Timeouts::reply` must be longer than zero",
            ),
            (
                |t| t.elicitation = Duration::ZERO,
                "`Timeouts::elicitation` must be longer than zero",
            ),
            (
                |t| t.session_idle = Duration::ZERO,
                "`Timeouts::session_idle` must be longer than zero",
            ),
            (
                |t| t.request = Some(Duration::ZERO),
                "`Timeouts::request` must be longer than zero; `None` sets no limit",
            ),
            (
                |t| t.keep_alive = Some(Duration::ZERO),
                "`Timeouts::keep_alive` must be longer than zero; `None` sends no comments",
            ),
        ];
        for (set, told) in cases {
            let mut timeouts = Timeouts::default();
            set(&mut timeouts);
            assert_eq!(timeouts.check().unwrap_err().to_string(), told);
        }
    }

    #[test]
    fn what_may_happen_at_once_may_be_zero() {
        let timeouts = Timeouts {
            stream_after: Duration::ZERO,
            retry: Duration::ZERO,
            request: None,
            keep_alive: None,
            ..Timeouts::default()
        };
        timeouts.check().unwrap();
    }
}
