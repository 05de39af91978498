//! [`call()`]: what a handler gets, without a server or a service.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "server")]
use std::sync::Weak;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method as HttpMethod, Request};
use serde_json::{Map, Value};

#[cfg(feature = "server")]
use super::changes::Changes;
use super::inbox::Inbox;
use super::notification::{Notification, Progress};
use super::profile::Profile;
use super::question::{Answer, Question, Reply};
use crate::protocol::capabilities::{CAPABILITIES_LIMIT, Capabilities};
#[cfg(feature = "server")]
use crate::protocol::change::Change;
use crate::protocol::client_info::ClientInfo;
use crate::protocol::level::LogLevel;
#[cfg(feature = "server")]
use crate::server::announce::Announce;
#[cfg(feature = "server")]
use crate::server::{Arguments, Call};
use crate::transport::access::identity::Identity;
use crate::transport::dispatch::context::Context;
use crate::transport::dispatch::link::{AloneLink, Link};
use crate::transport::dispatch::request_error::RequestError;
use crate::wire::json::{Json, RawJson};
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::method::Method;
use crate::wire::version::ProtocolVersion;

/// The client of a handler that runs alone: makes the [`Call`] that the handler gets, answers its questions,
/// and keeps what it tells. See [`Caller`].
///
#[cfg_attr(feature = "server", doc = "[`Call`]: crate::server::Call")]
#[cfg_attr(
    not(feature = "server"),
    doc = "[`Call`]: https://docs.rs/mcp-wire/latest/mcp_wire/server/struct.Call.html"
)]
#[must_use]
pub fn call() -> Caller {
    Caller {
        profile: Profile {
            log_level: Some(LogLevel::Debug),
            ..Profile::new()
        },
        meta: Map::new(),
        inbox: Arc::default(),
        #[cfg(feature = "server")]
        changes: Arc::default(),
    }
}

/// The arguments of a tool, for a handler that is called directly.
///
/// # Panics
///
/// If `arguments` is not an object.
#[cfg(feature = "server")]
#[cfg_attr(docsrs, doc(cfg(feature = "server")))]
#[must_use]
pub fn arguments(arguments: Value) -> Arguments {
    match arguments {
        Value::Object(arguments) => arguments.into(),
        other => panic!("the arguments of a tool are an object, and not {other}"),
    }
}

/// A client made of values, for a handler that is called directly. Made by [`call()`].
///
#[cfg_attr(feature = "server", doc = "```")]
#[cfg_attr(not(feature = "server"), doc = "```text")]
/// use mcp_wire::server::{Arguments, Call, HandlerError};
/// use mcp_wire::test;
/// use serde_json::json;
///
/// async fn import(cx: Call, args: Arguments) -> Result<String, HandlerError> {
///     let total = args.integer("lines")?;
///     cx.progress(total as f64, total as f64, None);
///     Ok(format!("{total} lines"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = test::call();
/// let imported = import(client.cx(), test::arguments(json!({"lines": 3}))).await;
/// assert_eq!(imported.unwrap(), "3 lines");
/// assert_eq!(client.progress()[0].progress, 3.0);
/// # Ok(())
/// # }
/// ```
///
/// Nothing checks the scopes or the schema of the tool, because there is no service: use a
/// [`Client`](super::Client) for that. A question is answered at once in every revision; the rounds of
/// 2026-07-28, in which a handler runs again, are seen with a `Client` too.
#[derive(Clone)]
pub struct Caller {
    profile: Profile,
    meta: Map<String, Value>,
    inbox: Arc<Inbox>,
    #[cfg(feature = "server")]
    changes: Arc<Changes>,
}

impl Caller {
    /// Sets the revision of the client. Default: 2025-11-25.
    #[must_use]
    pub fn version(mut self, version: ProtocolVersion) -> Self {
        self.profile.version = version;
        self
    }

    /// Sets the name that the client gives itself in `clientInfo`. Default: `test`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.profile.name = name.into();
        self
    }

    /// Sets who calls. Default: unknown.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.profile.identity = Some(identity);
        self
    }

    /// Adds a header to the head of the request. One that is not valid is left out.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.profile.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a member to the `_meta` of the request.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }

    /// Sets what the client declares: an object such as `{"sampling": {}}`. Default: what it has answers
    /// to.
    #[must_use]
    pub fn capabilities(mut self, capabilities: impl Into<Value>) -> Self {
        self.profile.capabilities = Some(capabilities.into());
        self
    }

    /// Sets the least severity of log messages that the client wants. Default: all.
    #[must_use]
    pub fn log_level(mut self, level: LogLevel) -> Self {
        self.profile.log_level = Some(level);
        self
    }

    /// Answers what the handler asks the person.
    #[must_use]
    pub fn on_elicit(self, reply: impl Fn(Question) -> Reply + Send + Sync + 'static) -> Self {
        self.on(Method::ElicitationCreate, reply)
    }

    /// Answers what the handler asks the model.
    #[must_use]
    pub fn on_sample(self, reply: impl Fn(Question) -> Reply + Send + Sync + 'static) -> Self {
        self.on(Method::SamplingCreateMessage, reply)
    }

    /// Answers with the roots of the client.
    #[must_use]
    pub fn on_roots(self, reply: impl Fn(Question) -> Reply + Send + Sync + 'static) -> Self {
        self.on(Method::RootsList, reply)
    }

    fn on(
        mut self,
        method: Method,
        reply: impl Fn(Question) -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.profile.replies.set(method, reply);
        self
    }

    /// A call for a handler of a [`Server`](crate::server::Server). Its client wants to be told of progress
    /// and of log messages.
    #[cfg(feature = "server")]
    #[cfg_attr(docsrs, doc(cfg(feature = "server")))]
    #[must_use]
    pub fn cx(&self) -> Call {
        let announcer: Weak<dyn Announce> = Arc::<Changes>::downgrade(&self.changes);
        Call::alone(self.context(), Some(announcer))
    }

    /// A context, for a [`Dispatcher`](crate::Dispatcher).
    ///
    /// # Panics
    ///
    /// If the client declares more than 8 KiB.
    #[must_use]
    pub fn context(&self) -> Context {
        let declared = self.profile.capabilities().to_string();
        let declared = RawJson::of(declared.as_bytes());
        let capabilities = Capabilities::read(Some(declared), CAPABILITIES_LIMIT);
        let info = self.profile.info().to_string();
        let replies = self.profile.replies.clone();
        let inbox = Arc::clone(&self.inbox);
        let link = AloneLink {
            version: self.profile.version,
            client: ClientInfo::read(RawJson::of(info.as_bytes())),
            capabilities: capabilities.expect("a test declares less"),
            log_level: self.profile.log_level,
            notified: Box::new(move |method, params| {
                inbox.hear(Notification::new(method, value_of(params)));
            }),
            asked: Box::new(move |method, params| {
                let question = Question::new(method, value_of(params));
                let unknown = || Answer::Error(ErrorObject::method_not_found(method));
                match replies.to(&question).unwrap_or_else(unknown) {
                    Answer::Result(result) => {
                        Some(Json::try_from(&result).map_err(|_| RequestError::Malformed))
                    }
                    Answer::Error(error) => Some(Err(RequestError::Refused(error))),
                    Answer::Never => None,
                }
            }),
        };
        let meta = match self.meta.is_empty() {
            true => String::new(),
            false => Value::Object(self.meta.clone()).to_string(),
        };
        Context::new(
            Link::Alone(Box::new(link)),
            Box::new(self.head()),
            meta.into(),
        )
    }

    fn head(&self) -> hyper::http::request::Parts {
        let mut request = Request::new(());
        *request.method_mut() = HttpMethod::POST;
        for (name, value) in &self.profile.headers {
            let (name, value) = (name.parse::<HeaderName>(), HeaderValue::from_str(value));
            if let (Ok(name), Ok(value)) = (name, value) {
                request.headers_mut().append(name, value);
            }
        }
        if let Some(identity) = &self.profile.identity {
            request.extensions_mut().insert(identity.clone());
        }
        request.into_parts().0
    }

    /// What handlers told and was not taken yet, in order: progress, log messages and other notifications.
    pub fn notifications(&self) -> Vec<Notification> {
        self.inbox.take()
    }

    /// The changes that handlers told of and that were not taken yet, in order: each with the principal whose
    /// clients are told, or `None` for all clients.
    #[cfg(feature = "server")]
    #[cfg_attr(docsrs, doc(cfg(feature = "server")))]
    pub fn changes(&self) -> Vec<(Change, Option<String>)> {
        self.changes.take()
    }

    /// What handlers told of their progress, in order.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        self.inbox.progress_of(&Value::from(1))
    }
}

fn value_of(json: Option<&Json>) -> Value {
    let value = json.map(|json| serde_json::from_slice(json.as_bytes()));
    value.and_then(Result::ok).unwrap_or_default()
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("version", &self.profile.version)
            .field("identity", &self.profile.identity)
            .finish_non_exhaustive()
    }
}
