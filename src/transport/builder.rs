//! [`Builder`]: how a service is set up.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "request-state")]
use std::time::Duration;

use super::access::authorizer::Authorizer;
#[cfg(feature = "request-state")]
use super::access::seal::StateKeys;
use super::config::{Config, SsePaths, same_path};
use super::dispatch::admission::Access;
use super::dispatch::dispatcher::Dispatcher;
use super::limits::Limits;
use super::observe::events::ServiceEvent;
use super::observe::observer::{Hook, Observer};
use super::service::McpService;
#[cfg(feature = "request-state")]
use super::session::portable::Portable;
use super::shared::Shared;
use super::timeouts::Timeouts;
use crate::error::Error;
use crate::protocol::cors::Cors;
use crate::protocol::exchange::Terms;
use crate::protocol::forwarded::Proxies;
use crate::protocol::guard::{Allowed, Guard};
use crate::protocol::host::Host;
use crate::protocol::origin::Origin;
use crate::protocol::protected::{ProtectedResource, Published};

const MCP_PATH: &str = "/mcp";
const SSE_PATH: &str = "/sse";
const MESSAGES_PATH: &str = "/messages/";

/// Sets up a [`McpService`]. Every setting has a default; those of the guard suit a server on a
/// loopback address.
///
/// ```
/// # use mcp_wire::{Dispatcher, McpService};
/// # fn example(dispatcher: impl Dispatcher) -> Result<(), mcp_wire::Error> {
/// let mcp = McpService::builder(dispatcher)
///     .mount("/api/mcp")
///     .allowed_hosts(["mcp.example.com"])
///     .build()?;
/// assert!(mcp.owns("/api/mcp/sse"));
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct Builder<D> {
    dispatcher: D,
    mount: String,
    public_prefix: String,
    trusts_forwarded_prefix: bool,
    mcp_path: Option<String>,
    sse_path: Option<String>,
    messages_path: String,
    terms: Terms,
    hosts: Option<Vec<String>>,
    origins: Option<Vec<String>>,
    cors: Cors,
    limits: Limits,
    timeouts: Timeouts,
    hook: Option<Hook>,
    proxies: Vec<String>,
    authorizer: Option<Box<dyn Authorizer>>,
    protected: Option<ProtectedResource>,
    #[cfg(feature = "request-state")]
    portable: Option<Portable>,
}

impl McpService {
    /// Starts to set up a service for a dispatcher: a `Server`, or one of your own.
    pub fn builder<D: Dispatcher>(dispatcher: D) -> Builder<D> {
        Builder::new(dispatcher)
    }
}

impl<D: Dispatcher> Builder<D> {
    fn new(dispatcher: D) -> Self {
        Self {
            dispatcher,
            mount: String::new(),
            public_prefix: String::new(),
            trusts_forwarded_prefix: false,
            mcp_path: Some(MCP_PATH.to_owned()),
            sse_path: Some(SSE_PATH.to_owned()),
            messages_path: MESSAGES_PATH.to_owned(),
            terms: Terms {
                sessions: true,
                strict_accept: false,
            },
            hosts: Some(Vec::new()),
            origins: Some(Vec::new()),
            cors: Cors::Off,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            hook: None,
            proxies: Vec::new(),
            authorizer: None,
            protected: None,
            #[cfg(feature = "request-state")]
            portable: None,
        }
    }

    /// Puts all endpoints below a path, such as `/api/mcp`: requests carry it, and clients are told
    /// of it. Default: none.
    pub fn mount(mut self, prefix: impl Into<String>) -> Self {
        self.mount = prefix.into();
        self
    }

    /// A prefix that a proxy in front takes away: requests do not carry it, but clients are told of
    /// it. Default: none.
    pub fn public_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.public_prefix = prefix.into();
        self
    }

    /// Lets a proxy say in `X-Forwarded-Prefix` what it takes away: a request to the stream of HTTP+SSE
    /// that has the header is told of that prefix, in front of the mount and in place of
    /// [`public_prefix`](Self::public_prefix). It must be one absolute path of letters, digits and
    /// `-._~`, at most 256 bytes long, or empty for none; with anything else the request is answered
    /// 400, so that a faulty proxy is noticed before messages go astray. Default: the header is
    /// ignored. Choose it only behind a proxy that sets the header or takes it out.
    pub fn trust_forwarded_prefix(mut self) -> Self {
        self.trusts_forwarded_prefix = true;
        self
    }

    /// The path of Streamable HTTP and the stateless protocol; `None` switches both off. Default
    /// `/mcp`.
    pub fn mcp_path<'a>(mut self, path: impl Into<Option<&'a str>>) -> Self {
        self.mcp_path = path.into().map(ToOwned::to_owned);
        self
    }

    /// The path of the HTTP+SSE stream; `None` switches HTTP+SSE off. Default `/sse`.
    pub fn sse_path<'a>(mut self, path: impl Into<Option<&'a str>>) -> Self {
        self.sse_path = path.into().map(ToOwned::to_owned);
        self
    }

    /// The path that HTTP+SSE messages are POSTed to. Default `/messages/`.
    pub fn messages_path(mut self, path: impl Into<String>) -> Self {
        self.messages_path = path.into();
        self
    }

    /// Serves Streamable HTTP without sessions: each POST stands for itself, GET and DELETE are
    /// 405, and handlers cannot ask the client of a legacy revision. For several machines behind
    /// one address. 2026-07-28 never has sessions, HTTP+SSE always has.
    pub fn without_sessions(mut self) -> Self {
        self.terms.sessions = false;
        self
    }

    /// Makes the sessions of Streamable HTTP portable: their names say, sealed with these keys, what was
    /// agreed on, so that a process that does not know a session takes it up, after a restart or on
    /// another machine behind the same address. The processes need the same secret; with an authorizer
    /// a session stays its principal's. A name is taken for `lifetime` after its session began: as long as
    /// clients keep sessions across a redeploy, a day for example. Default: off, and an unknown session is 404.
    ///
    /// What was agreed on is the revision and the client's capabilities. Both are in the name, for its
    /// client to read, so it has up to 1.6 KB instead of 32 bytes; the principal is not. A client with more
    /// than 1 KiB of capabilities, or whose `initialize` is still being answered, has a name that is
    /// not portable.
    ///
    /// All else stays where it was:
    ///
    /// - Running requests and their answers, and open streams. `Last-Event-ID` of another process is 400,
    ///   as for events that are kept no longer.
    /// - Questions to the client: its answer has to come to the process that asked, or the handler waits
    ///   until [`Timeouts::reply`].
    /// - Subscriptions and the log level, which the client has to set again.
    ///
    /// A session that was idle for too long ends here, and is taken up again when its client comes back
    /// ([`ServiceEvent::SessionTakenUp`]); so does one that gave its place to another. One that was taken up
    /// counts like one that was opened, and takes the place of an idle one where there are as many as there
    /// may be.
    ///
    /// A session that was deleted or revoked is not taken up again by the process that was told so, for as
    /// long as its name is valid and whatever others do. That takes up to 4 MiB: beyond 8,000 of them in
    /// a quarter of `lifetime` a session that did not end can be taken for one that did, and its client
    /// is answered 404 and initializes again (with 100,000, one in 14,000 is). Other processes cannot know: a client that sends DELETE to
    /// one may still use the name at another, and a principal is kept out by the authorizer.
    #[cfg(feature = "request-state")]
    #[cfg_attr(docsrs, doc(cfg(feature = "request-state")))]
    pub fn portable_sessions(mut self, keys: StateKeys, lifetime: Duration) -> Self {
        self.portable = Some(Portable { keys, lifetime });
        self
    }

    /// Demands that the `Accept` of a POST to `/mcp` admits both `application/json` and
    /// `text/event-stream`, as the specification asks of clients (*2025-11-25, Transports, Sending
    /// Messages to the Server*). Without it a client that takes one of them is answered in that
    /// form, and one without `Accept` in any.
    pub fn strict_accept(mut self) -> Self {
        self.terms.strict_accept = true;
        self
    }

    /// Hosts to be asked for by, such as `mcp.example.com` (any port) or `mcp.example.com:8443`,
    /// beside the loopback names on a loopback address. Default: none, which elsewhere admits any
    /// host, and with it pages that rebind their own name to the server's address: list the names
    /// of a server that others can reach.
    pub fn allowed_hosts<T: Into<String>>(mut self, hosts: impl IntoIterator<Item = T>) -> Self {
        self.hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Takes requests for any host, also on a loopback address. Pages of any web site can then
    /// reach the server by rebinding their own name to its address.
    pub fn allow_any_host(mut self) -> Self {
        self.hosts = None;
        self
    }

    /// Origins whose pages may call, such as `https://app.example.com`, beside the server's own and,
    /// on a loopback address, those of loopback names. Also origins of apps and extensions, such as
    /// `vscode-webview://…`, and `null`, which any page can take on. Default: none. A browser lets pages of
    /// other origins read the answers only with [`cors`](Self::cors).
    pub fn allowed_origins<T: Into<String>>(
        mut self,
        origins: impl IntoIterator<Item = T>,
    ) -> Self {
        self.origins = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Lets pages of any web site call.
    pub fn allow_any_origin(mut self) -> Self {
        self.origins = None;
        self
    }

    /// Tells browsers that the pages of admitted origins may read the answers, refusals included, and
    /// may send what MCP clients send: without it they can do so only on pages of the server's own
    /// origin. Admitted are those of [`allowed_origins`](Self::allowed_origins) or
    /// [`allow_any_origin`](Self::allow_any_origin) and the server's own; on a loopback address all pages
    /// of loopback names.
    ///
    /// Each answer names the one origin it is for. A browser's preflight is answered 204 without asking
    /// who calls; it allows the headers of every revision, `Mcp-Param-*`, `Authorization` and those of
    /// tracing. Pages can read `Mcp-Session-Id`, `MCP-Protocol-Version`, `WWW-Authenticate` and
    /// `Retry-After`. Cookies and other credentials of the browser are not allowed. Default: off, and no
    /// such header is sent, so that a proxy can.
    pub fn cors(mut self) -> Self {
        self.cors = Cors::On;
        self
    }

    /// Changes what clients may use: `set` is given the [`Limits`], which begin as their defaults.
    ///
    /// ```
    /// # use mcp_wire::{Dispatcher, McpService};
    /// # fn example(dispatcher: impl Dispatcher) {
    /// let builder = McpService::builder(dispatcher)
    ///     .limits(|limits| limits.sessions = 5_000);
    /// # }
    /// ```
    pub fn limits(mut self, set: impl FnOnce(&mut Limits)) -> Self {
        set(&mut self.limits);
        self
    }

    /// Changes how long the service waits: `set` is given the [`Timeouts`], which begin as their
    /// defaults.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mcp_wire::{Dispatcher, McpService};
    /// # fn example(dispatcher: impl Dispatcher) {
    /// let builder = McpService::builder(dispatcher)
    ///     .timeouts(|timeouts| timeouts.reply = Duration::from_secs(20));
    /// # }
    /// ```
    pub fn timeouts(mut self, set: impl FnOnce(&mut Timeouts)) -> Self {
        set(&mut self.timeouts);
        self
    }

    /// Who may ask. Default: everybody.
    ///
    /// Every request to an endpoint is put to the authorizer before its body is read; sessions and
    /// all that belongs to them are bound to the principal that it names, streams end with the
    /// identity that opened them. Some authorizers: [`StaticTokens`](crate::auth::StaticTokens),
    /// [`FromExtensions`](crate::auth::FromExtensions).
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Some(Box::new(authorizer));
        self
    }

    /// What clients are told of the authorization, so that they can get a token: documents at the
    /// well-known paths of RFC 9728, and their address in challenges. Default: nothing. What cannot be
    /// told fails the build, and so does a server without an authorizer.
    pub fn protected_resource(mut self, resource: ProtectedResource) -> Self {
        self.protected = Some(resource);
        self
    }

    /// The proxies in front of the server, as addresses or as networks such as `10.0.0.0/8` or `fd00::/8`:
    /// for a request that comes from one of them, the client's address is taken from `X-Forwarded-For`. It
    /// is the last one there that is not itself a trusted proxy's. If an entry is not an address, the next
    /// one to its right counts, or the proxy itself. For all other peers the header is ignored. Default: none.
    ///
    /// The address is what limits go by where nobody is identified: half of the sessions, the running
    /// calls and the listening requests for one address, and half of the connections of
    /// [`Serve`](crate::Serve), but for those of trusted proxies, which have no such limit. IPv6 addresses
    /// with the same first 64 bits count as one, because one host commonly has all of them. Authorizers
    /// and handlers are told of the connection's own peer all the same.
    ///
    /// Behind a proxy that is not listed, all clients share the proxy's address, and so one half of
    /// everything; one on the same machine too, which asks from `127.0.0.1` or `::1`. List only proxies
    /// that set the header or add to it: otherwise a client can claim any address. Clients on a Unix socket, and
    /// those of an accept loop that does not say where they come from
    /// ([`McpService::for_peer`]), have no address, and no limit of their own.
    ///
    /// ```
    /// # use mcp_wire::{Dispatcher, McpService};
    /// # fn example(dispatcher: impl Dispatcher) -> Result<(), mcp_wire::Error> {
    /// let builder = McpService::builder(dispatcher);
    /// builder.trusted_proxies(["127.0.0.1", "10.0.0.0/8"]).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn trusted_proxies<T: Into<String>>(
        mut self,
        proxies: impl IntoIterator<Item = T>,
    ) -> Self {
        self.proxies = proxies.into_iter().map(Into::into).collect();
        self
    }

    /// Is told of what happens: refusals, requests, sessions, cuts. The hook is called where it
    /// happens, so it should be quick and must not wait; one that panics disturbs nobody. Default:
    /// none. Numbers are counted without it: [`McpService::snapshot`].
    pub fn on_event(mut self, hook: impl Fn(&ServiceEvent<'_>) + Send + Sync + 'static) -> Self {
        self.hook = Some(Hook::new(hook));
        self
    }

    /// Checks the settings and makes the service.
    ///
    /// # Errors
    ///
    /// A path, host, origin or limit that cannot be served, or a dispatcher that was put together
    /// wrongly. [`Error::is_setup`] is true for all of them.
    pub fn build(self) -> Result<McpService, Error> {
        self.limits.check()?;
        self.timeouts.check()?;
        let public_prefix = prefix("public_prefix", &self.public_prefix)?;
        let Endpoints { mcp_path, sse } = self.endpoints(public_prefix)?;
        #[cfg(feature = "request-state")]
        if self.portable.is_some() && !self.terms.sessions {
            return Err(Error::setup(
                "sessions cannot be portable in a service without sessions".to_owned(),
            ));
        }
        let endpoints = mcp_path.iter().chain(sse.iter().map(|sse| &sse.stream));
        let published = self.published(public_prefix, endpoints)?;
        let config = Config {
            mcp_path,
            sse,
            terms: self.terms,
            guard: Guard {
                hosts: listed("host", self.hosts, Host::parse)?,
                origins: listed("origin", self.origins, Origin::parse)?,
            },
            cors: self.cors,
            limits: self.limits,
            timeouts: self.timeouts,
            proxies: Proxies::parse(&self.proxies).map_err(|entry| {
                Error::setup(format!(
                    "{entry:?} is not a trusted proxy: expected an IP address, or a network such as \
                     `10.0.0.0/8`"
                ))
            })?,
            access: Access {
                authorizer: self.authorizer,
                published,
            },
            #[cfg(feature = "request-state")]
            portable: self.portable,
        };
        let observer = Observer::new(self.hook);
        let shared = Shared::new(config, Arc::new(self.dispatcher), observer)?;
        Ok(McpService::new(shared))
    }

    /// The checked paths of the endpoints.
    fn endpoints(&self, public_prefix: &str) -> Result<Endpoints, Error> {
        let mount = prefix("mount", &self.mount)?;
        let mounted = |name, given: &str| Ok(format!("{mount}{}", path(name, given)?));
        let mcp_path = self.mcp_path.as_deref();
        let mcp_path = mcp_path.map(|path| mounted("mcp_path", path)).transpose()?;
        let sse = match &self.sse_path {
            None => None,
            Some(stream) => {
                let messages = mounted("messages_path", &self.messages_path)?;
                Some(SsePaths {
                    stream: mounted("sse_path", stream)?,
                    announced: format!("{public_prefix}{messages}"),
                    messages,
                    trusts_forwarded_prefix: self.trusts_forwarded_prefix,
                })
            }
        };
        let sse_paths = sse.iter().flat_map(|sse| [&sse.stream, &sse.messages]);
        let paths: Vec<&String> = mcp_path.iter().chain(sse_paths).collect();
        if paths.is_empty() {
            return Err(Error::setup("every endpoint is switched off".to_owned()));
        }
        let is_twin = |(at, path): (usize, &&String)| {
            paths[..at].iter().any(|before| same_path(before, path))
        };
        if paths.iter().enumerate().any(is_twin) {
            return Err(Error::setup(
                "mcp_path, sse_path and messages_path must differ".to_owned(),
            ));
        }
        Ok(Endpoints { mcp_path, sse })
    }

    /// The documents about the authorization, and the path prefix that clients see before ours.
    fn published<'p>(
        &self,
        public_prefix: &str,
        endpoints: impl Iterator<Item = &'p String>,
    ) -> Result<Option<(Published, String)>, Error> {
        let Some(resource) = &self.protected else {
            return Ok(None);
        };
        if self.authorizer.is_none() {
            return Err(Error::setup(
                "a protected resource needs an authorizer to protect it".to_owned(),
            ));
        }
        let endpoints: Vec<String> = endpoints
            .map(|path| format!("{public_prefix}{path}"))
            .collect();
        let published = resource.publish(&endpoints).map_err(Error::setup)?;
        Ok(Some((published, public_prefix.to_owned())))
    }
}

/// Where the endpoints are; `None` for those that are switched off.
struct Endpoints {
    mcp_path: Option<String>,
    sse: Option<SsePaths>,
}

/// The authorizer may hold secrets.
impl<D: fmt::Debug> fmt::Debug for Builder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("dispatcher", &self.dispatcher)
            .field("mount", &self.mount)
            .finish_non_exhaustive()
    }
}

/// A path as it stands in a URI: absolute, and without anything that would need an escape, since it
/// goes into the `endpoint` event as it is (SPEC B-3, B-4).
fn path<'a>(name: &str, path: &'a str) -> Result<&'a str, Error> {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&byte);
    if path.starts_with('/') && !path.starts_with("//") && path.bytes().all(is_plain) {
        return Ok(path);
    }
    Err(Error::setup(format!(
        "{name} must be a percent-encoded path that begins with one `/`, not {path:?}"
    )))
}

/// A path without its trailing slash, or nothing.
fn prefix<'a>(name: &str, prefix: &'a str) -> Result<&'a str, Error> {
    match prefix.strip_suffix('/').unwrap_or(prefix) {
        "" => Ok(""),
        prefix => path(name, prefix),
    }
}

fn listed<T>(
    what: &str,
    entries: Option<Vec<String>>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Allowed<T>, Error> {
    let Some(entries) = entries else {
        return Ok(Allowed::Any);
    };
    let parse = |entry: &String| {
        parse(entry).ok_or_else(|| Error::setup(format!("{entry:?} is not a valid {what}")))
    };
    entries
        .iter()
        .map(parse)
        .collect::<Result<_, _>>()
        .map(Allowed::Listed)
}
