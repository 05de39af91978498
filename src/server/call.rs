//! [`Call`]: what a handler gets besides its arguments.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::announce::{Announcer, Audience};
use super::handler_error::HandlerError;
use super::metadata::scopes::check_scopes;
use super::round::Round;
use crate::protocol::change::Change;
use crate::protocol::level::LogLevel;
use crate::transport::dispatch::context::Context;
use crate::transport::tasks::handle::Task;
use crate::wire::json::{Json, RawJson};
use crate::wire::message::Request;
use crate::wire::method::Method;

/// The request that a handler answers: its [`Context`], and ways to talk to the client while the handler
/// runs. Cheap to clone.
///
/// # Cancel safety
///
/// A handler is dropped at an await when its request is cancelled or its session ends, and in 2026-07-28 also
/// when its client leaves. Spawn a task for work that must not be cut short.
#[derive(Clone)]
pub struct Call(Arc<Inner>);

/// Whether the server declared that it logs (SPEC E-80).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Logging {
    #[default]
    Off,
    On,
}

impl Logging {
    pub(super) fn is_on(self) -> bool {
        self == Self::On
    }
}

struct Inner {
    cx: Context,
    /// The progress token of the request, as JSON text.
    progress_token: Option<Bytes>,
    logging: Logging,
    /// The bits of the last `progress` that was sent.
    progress: AtomicU64,
    asking: Asking,
    announcer: Announcer,
}

/// What happens to a question to the client.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one in a call, and a box would be an allocation in each of 2026-07-28"
)]
pub(super) enum Asking {
    /// It is sent, and the handler waits for the answer.
    Waits,
    /// It ends the run of the handler.
    Ends(Round),
    /// It is asked by the task, and the handler waits for the answer.
    InTask(Task),
    /// It fails, because nobody may be asked.
    Fails,
}

impl Call {
    pub(super) fn new(
        cx: Context,
        request: &Request,
        logging: Logging,
        asking: Asking,
        announcer: Announcer,
    ) -> Self {
        let params = request.params();
        let token = params.and_then(|params| params.progress_token());
        let progress_token = token.map(|token| request.part(token));
        Self::over(cx, progress_token, logging, asking, announcer)
    }

    /// A call that can neither ask the client nor tell it anything, and keeps nothing of its request but the
    /// context.
    pub(super) fn silent(cx: Context, announcer: Announcer) -> Self {
        Self::over(cx.muted(), None, Logging::Off, Asking::Fails, announcer)
    }

    /// The call of a handler that runs without a service. Its client wants to be told of progress.
    pub(crate) fn alone(cx: Context, announcer: Announcer) -> Self {
        let token = Bytes::from_static(b"1");
        Self::over(cx, Some(token), Logging::On, Asking::Waits, announcer)
    }

    fn over(
        cx: Context,
        progress_token: Option<Bytes>,
        logging: Logging,
        asking: Asking,
        announcer: Announcer,
    ) -> Self {
        let progress = AtomicU64::new(f64::NEG_INFINITY.to_bits());
        Self(Arc::new(Inner {
            cx,
            progress_token,
            logging,
            progress,
            asking,
            announcer,
        }))
    }

    pub(super) fn round(&self) -> Option<&Round> {
        match &self.0.asking {
            Asking::Ends(round) => Some(round),
            Asking::Waits | Asking::InTask(_) | Asking::Fails => None,
        }
    }

    /// The task that this call goes on as, with which its handler can say what it does and hear that it is
    /// cancelled. `None` while the call is a request like any other.
    #[must_use]
    pub fn task(&self) -> Option<Task> {
        match &self.0.asking {
            Asking::InTask(task) => Some(task.clone()),
            Asking::Ends(round) => round.task(),
            Asking::Waits | Asking::Fails => None,
        }
    }

    /// Goes on as a task, in a tool with [`Tool::asks_first`](super::Tool::asks_first): the request is answered
    /// with the task, and what follows runs without it. `None` if the client cannot follow a task; the handler then
    /// goes on in the request.
    ///
    /// If there can be no task, because there are too many, the request is answered so and the handler is dropped.
    ///
    /// ```
    /// use mcp_wire::server::{Arguments, Call, Elicitation, HandlerError};
    /// use serde_json::json;
    ///
    /// async fn report(cx: Call, _args: Arguments) -> Result<String, HandlerError> {
    ///     let form = json!({"type": "object", "properties": {"year": {"type": "integer"}}});
    ///     let asked = cx.elicit(&Elicitation::form("Which year?", form)).await?; // in rounds
    ///     let task = cx.detach().await;
    ///     if let Some(task) = &task {
    ///         task.status("reading the books");
    ///     }
    ///     Ok(format!("{asked:?}"))
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Do not drop the future before it is ready: the call may become a task all the same.
    pub async fn detach(&self) -> Option<Task> {
        match &self.0.asking {
            Asking::InTask(task) => Some(task.clone()),
            Asking::Ends(round) => round.detach().await,
            Asking::Waits | Asking::Fails => None,
        }
    }

    /// The same call as a task, without what only its request has.
    pub(super) fn in_task(&self, task: Task) -> Option<Self> {
        let inner = &self.0;
        let announcer = inner.announcer.clone();
        let asking = Asking::InTask(task);
        let cx = inner.cx.detached()?;
        Some(Self::over(cx, None, Logging::Off, asking, announcer))
    }

    /// Whether the client may be asked.
    pub(super) fn may_ask(&self) -> bool {
        !matches!(self.0.asking, Asking::Fails)
    }

    /// The same call, in which no question can end the run.
    pub(super) fn without_round(&self) -> Self {
        self.with_asking(Asking::Waits)
    }

    /// The same call, in which every question fails.
    pub(super) fn without_questions(&self) -> Self {
        self.with_asking(Asking::Fails)
    }

    fn with_asking(&self, asking: Asking) -> Self {
        let inner = &self.0;
        let token = inner.progress_token.clone();
        let announcer = inner.announcer.clone();
        Self::over(inner.cx.clone(), token, inner.logging, asking, announcer)
    }

    /// Runs the handler of this call to its end, or until it can only wait for answers, which gives `None`.
    pub(super) async fn run<T>(
        &self,
        handler: impl Future<Output = Result<T, HandlerError>>,
    ) -> Result<Option<T>, HandlerError> {
        match self.round() {
            Some(round) => round.run(handler).await,
            None => handler.await.map(Some),
        }
    }

    /// What [`Call::set_state`] stored in an earlier round of this request; `null` in the first round
    /// (*2026-07-28, Multi Round-Trip Requests*).
    #[cfg(feature = "request-state")]
    #[cfg_attr(docsrs, doc(cfg(feature = "request-state")))]
    #[must_use]
    pub fn state(&self) -> Value {
        self.round().map_or(Value::Null, Round::note)
    }

    /// Stores a value for the next round of this request, in which the handler runs again with the answers
    /// to its questions. The value travels through the client: a seal keeps the client from changing it, but
    /// not from reading it. In the legacy era a request has one round, and nothing happens.
    #[cfg(feature = "request-state")]
    #[cfg_attr(docsrs, doc(cfg(feature = "request-state")))]
    pub fn set_state(&self, state: impl Into<Value>) {
        if let Some(round) = self.round() {
            round.set_note(state.into());
        }
    }

    /// The `_meta` of the request, with every key that the client put there; empty if there is none. The map
    /// is built in each call.
    ///
    /// An entry that serde_json cannot hold, such as the number `1e400`, is a string with its JSON text.
    #[must_use]
    pub fn meta(&self) -> Map<String, Value> {
        let entries = self.raw_meta().into_iter().flat_map(RawJson::members);
        let entry = |(name, value): (RawJson<'_>, RawJson<'_>)| {
            let text = || String::from_utf8_lossy(value.as_bytes()).into();
            let value = value.to_value().unwrap_or_else(|_| text());
            (name.as_str().unwrap_or_default().into_owned(), value)
        };
        entries.map(entry).collect()
    }

    /// Tells every client that subscribed to a resource that it has new contents, as
    /// [`Server::resource_updated`](super::Server::resource_updated) does. A handler needs no handle of the
    /// server for it. Never waits.
    pub fn resource_updated(&self, uri: impl Into<String>) {
        self.publish(&Change::Resource(uri.into()));
    }

    /// Tells clients of a change, as [`Server::publish`](super::Server::publish) does. Never waits.
    pub fn publish(&self, change: &Change) {
        self.announce(Audience::All, change);
    }

    /// Tells the clients of one principal of a change, as [`Server::publish_to`](super::Server::publish_to)
    /// does. Never waits.
    pub fn publish_to(&self, principal: &str, change: &Change) {
        self.announce(Audience::Principal(principal), change);
    }

    fn announce(&self, audience: Audience<'_>, change: &Change) {
        let server = self.0.announcer.as_ref().and_then(Weak::upgrade);
        if let Some(server) = server {
            server.announce(audience, change);
        }
    }

    /// Checks that the caller has all of these scopes: for what a handler can only know itself, such as the
    /// scopes of a tool that only a list handler told of, or those that an argument makes necessary. The scopes
    /// of registered items are checked before a handler runs.
    ///
    /// # Errors
    ///
    /// A JSON-RPC error that names the scopes. Return it with `?`.
    ///
    /// ```
    /// use mcp_wire::server::{Arguments, Call, HandlerError};
    ///
    /// async fn remove(cx: Call, args: Arguments) -> Result<&'static str, HandlerError> {
    ///     if args.str("place")? == "archive" {
    ///         cx.require_scopes(["archive:write"])?;
    ///     }
    ///     Ok("removed")
    /// }
    /// ```
    pub fn require_scopes<T: Into<String>>(
        &self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<(), HandlerError> {
        let scopes: Vec<String> = scopes.into_iter().map(Into::into).collect();
        Ok(check_scopes(self.identity(), &scopes)?)
    }

    /// Whether the client asked for notifications of progress.
    #[must_use]
    pub fn wants_progress(&self) -> bool {
        self.0.progress_token.is_some()
    }

    /// Sends the client how far the call is: `progress` of `total`, if a total is known, and what is being
    /// done (*2025-11-25, Progress*). The message is sent from 2025-03-26 on. Never waits.
    ///
    /// Nothing is sent if the client did not ask for progress, or if `progress` is not greater than the last
    /// one.
    pub fn progress(&self, progress: f64, total: impl Into<Option<f64>>, message: Option<&str>) {
        let Some(token) = &self.0.progress_token else {
            return;
        };
        // A task has a status instead (TASKS L-3).
        if self.task().is_some() || !progress.is_finite() || !self.advances(progress) {
            return;
        }
        // The token goes out as its own bytes: a `Value` would not keep the digits of an integer beyond
        // 64 bits.
        let mut params = Map::new();
        params.insert("progress".to_owned(), number(progress));
        if let Some(total) = total.into().filter(|total| total.is_finite()) {
            params.insert("total".to_owned(), number(total));
        }
        if let Some(message) = message.filter(|_| self.version().has_progress_message()) {
            params.insert("message".to_owned(), message.into());
        }
        let rest = Value::Object(params).to_string();
        let mut text = b"{\"progressToken\":".to_vec();
        text.extend_from_slice(token);
        text.push(b',');
        text.extend_from_slice(&rest.as_bytes()[1..]);
        // If the client is gone, its call is about to be dropped.
        let _ = self.notify(Method::Progress.as_str(), Some(&Json::from_encoder(text)));
    }

    /// Whether `progress` is greater than every earlier one; it is the last one from then on.
    fn advances(&self, progress: f64) -> bool {
        let above = |last: u64| (progress > f64::from_bits(last)).then_some(progress.to_bits());
        self.0
            .progress
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, above)
            .is_ok()
    }

    /// Sends the client a log message, on the stream of this call (*2025-11-25, Logging*). The client gets
    /// `data`: put no secrets in it. Never waits.
    ///
    /// Nothing is sent below the level that the client asked for, and nothing by a server without
    /// [`Server::logging`](super::Server::logging).
    pub fn log(&self, level: LogLevel, logger: Option<&str>, data: impl Into<Value>) {
        let is_wanted = |least| self.0.logging.is_on() && level >= least && self.task().is_none();
        if !self.log_level().is_some_and(is_wanted) {
            return;
        }
        let mut params = json!({"level": level.as_str(), "data": data.into()});
        if let Some(logger) = logger {
            params["logger"] = logger.into();
        }
        let params = Json::try_from(&params).expect("an object");
        // As for progress.
        let _ = self.notify(Method::LoggingMessage.as_str(), Some(&params));
    }
}

impl Deref for Call {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.0.cx
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.0.cx).finish()
    }
}

/// Writes a whole number without a fraction: some clients read progress as an integer.
fn number(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}
