//! [`Call`]: what a handler is given beside its arguments.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::round::Round;
use crate::protocol::level::LogLevel;
use crate::transport::dispatch::context::Context;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::Request;
use crate::wire::method::Method;

/// The call that a handler answers: the [`Context`] of its request, and ways to talk to the client
/// while it runs. Cheap to clone.
///
/// A handler is dropped at an await when its call is cancelled or its session ends; what must not
/// be cut goes into a task of its own.
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
    /// What progress is told under, as JSON text.
    progress_token: Option<Bytes>,
    logging: Logging,
    /// The bits of the last progress that was sent.
    progress: AtomicU64,
    /// Where questions end the run of the handler instead of waiting for their answers.
    round: Option<Round>,
}

impl Call {
    pub(super) fn new(
        cx: Context,
        request: &Request,
        logging: Logging,
        round: Option<Round>,
    ) -> Self {
        let params = request.params();
        let token = params.and_then(|params| params.progress_token());
        let progress_token = token.map(|token| request.part(token));
        Self::over(cx, progress_token, logging, round)
    }

    fn over(
        cx: Context,
        progress_token: Option<Bytes>,
        logging: Logging,
        round: Option<Round>,
    ) -> Self {
        let progress = AtomicU64::new(f64::NEG_INFINITY.to_bits());
        Self(Arc::new(Inner {
            cx,
            progress_token,
            logging,
            progress,
            round,
        }))
    }

    pub(super) fn round(&self) -> Option<&Round> {
        self.0.round.as_ref()
    }

    /// The same call where questions end nothing.
    pub(super) fn without_round(&self) -> Self {
        let inner = &self.0;
        let token = inner.progress_token.clone();
        Self::over(inner.cx.clone(), token, inner.logging, None)
    }

    /// Runs the handler of this call to its end, or until it can only wait for answers: then `None`.
    pub(super) async fn run<T>(
        &self,
        handler: impl Future<Output = Result<T, ErrorObject>>,
    ) -> Result<Option<T>, ErrorObject> {
        match self.round() {
            Some(round) => round.run(handler).await,
            None => handler.await.map(Some),
        }
    }

    /// What [`Call::set_state`] put aside in an earlier round of this request; `null` in the first.
    #[cfg(feature = "request-state")]
    #[cfg_attr(docsrs, doc(cfg(feature = "request-state")))]
    #[must_use]
    pub fn state(&self) -> Value {
        self.round().map_or(Value::Null, Round::note)
    }

    /// Puts something aside for the next round of this request, when the handler runs again with the
    /// answers to what it asked. It goes through the client: sealed, so that it cannot be altered,
    /// but not hidden (SPEC D-107). In the legacy era there is one round, and nothing happens.
    #[cfg(feature = "request-state")]
    #[cfg_attr(docsrs, doc(cfg(feature = "request-state")))]
    pub fn set_state(&self, state: impl Into<Value>) {
        if let Some(round) = self.round() {
            round.set_note(state.into());
        }
    }

    /// The `_meta` of the request, with every key that the client put there (SPEC A-28); empty when
    /// there is none.
    #[must_use]
    pub fn meta(&self) -> Map<String, Value> {
        match self.raw_meta().and_then(|meta| meta.to_value().ok()) {
            Some(Value::Object(meta)) => meta,
            _ => Map::new(),
        }
    }

    /// Whether the client asked to hear of progress.
    #[must_use]
    pub fn wants_progress(&self) -> bool {
        self.0.progress_token.is_some()
    }

    /// Tells how far the call is: `progress` of `total`, if a total is known, and what is being
    /// done. Nothing is sent to a client that did not ask, nor when `progress` is not above the
    /// last one (SPEC E-85). Never waits.
    pub fn progress(&self, progress: f64, total: impl Into<Option<f64>>, message: Option<&str>) {
        let Some(token) = &self.0.progress_token else {
            return;
        };
        if !progress.is_finite() || !self.advances(progress) {
            return;
        }
        // The token was read as a string or an integer; an integer beyond 64 bits would not keep
        // its digits in a `Value`, so its own bytes go out.
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
        // A client that is gone will have dropped the call.
        let _ = self.notify(Method::Progress.as_str(), Some(&Json::from_encoder(text)));
    }

    /// Whether `progress` is above all that was sent before; then it counts as sent.
    fn advances(&self, progress: f64) -> bool {
        let above = |last: u64| (progress > f64::from_bits(last)).then_some(progress.to_bits());
        self.0
            .progress
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, above)
            .is_ok()
    }

    /// Logs to the client, on the stream of this call (SPEC E-84). Nothing is sent below the level
    /// that the session wants, nor by a server without [`Server::logging`](super::Server::logging).
    /// The data goes out: no secrets in it. Never waits.
    pub fn log(&self, level: LogLevel, logger: Option<&str>, data: impl Into<Value>) {
        let is_wanted = |least| self.0.logging.is_on() && level >= least;
        if !self.log_level().is_some_and(is_wanted) {
            return;
        }
        let mut params = json!({"level": level.as_str(), "data": data.into()});
        if let Some(logger) = logger {
            params["logger"] = logger.into();
        }
        let params = Json::try_from(&params).expect("an object");
        // As above.
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

/// A whole number is written without a fraction, as clients with integers in mind expect.
fn number(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}
