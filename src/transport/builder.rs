//! [`Builder`]: sets up a service.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "request-state")]
use std::time::Duration;

use super::access::authorizer::Authorizer;
#[cfg(feature = "request-state")]
use super::access::seal::StateKeys;
#[cfg(feature = "server")]
use super::backplane::place::Backplane;
use super::config::Config;
use super::dispatch::admission::Access;
use super::dispatch::dispatcher::Dispatcher;
use super::limits::Limits;
use super::observe::events::ServiceEvent;
use super::observe::observer::{Hook, Observer};
use super::paths::PathSettings;
use super::service::McpService;
#[cfg(feature = "request-state")]
use super::session::portable::Portable;
use super::shared::Shared;
use super::timeouts::Timeouts;
use crate::error::Error;
use crate::protocol::cors::Cors;
use crate::protocol::exchange::StreamableRules;
use crate::protocol::forwarded::Proxies;
use crate::protocol::guard::{Allowed, Guard};
use crate::protocol::host::Host;
use crate::protocol::origin::Origin;
use crate::protocol::protected::{ProtectedResource, Published};

/// Sets up an [`McpService`]. Every setting has a default; the defaults suit a server on a loopback
/// address. [`Limits`] and [`Timeouts`] are groups of settings with defaults of their own.
///
/// ```
/// # use mcp_wire::{Dispatcher, McpService};
/// # fn example(dispatcher: impl Dispatcher) -> Result<(), mcp_wire::Error> {
/// let mcp = McpService::builder(dispatcher)
///     .mount("/api/mcp")
///     .allowed_hosts(["mcp.example.com"])
///     .limits(|limits| limits.sessions = 5_000)
///     .build()?;
/// assert!(mcp.endpoint("/api/mcp/sse").is_some());
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct Builder<D> {
    dispatcher: D,
    paths: PathSettings,
    rules: StreamableRules,
    /// `None` allows any host.
    hosts: Option<Vec<String>>,
    /// `None` allows any origin.
    origins: Option<Vec<String>>,
    cors: Cors,
    #[cfg(feature = "gzip")]
    gzip: Option<usize>,
    limits: Limits,
    timeouts: Timeouts,
    #[cfg(feature = "server")]
    backplane: Backplane,
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
            paths: PathSettings::default(),
            rules: StreamableRules {
                sessions: true,
                strict_accept: false,
            },
            hosts: Some(Vec::new()),
            origins: Some(Vec::new()),
            cors: Cors::Off,
            #[cfg(feature = "gzip")]
            gzip: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            #[cfg(feature = "server")]
            backplane: Backplane::default(),
            hook: None,
            proxies: Vec::new(),
            authorizer: None,
            protected: None,
            #[cfg(feature = "request-state")]
            portable: None,
        }
    }

    /// Puts all endpoints below a path, such as `/api/mcp`. Requests carry this prefix, and so do the
    /// paths that clients are told.
    ///
    /// Default: no prefix.
    pub fn mount(mut self, prefix: impl Into<String>) -> Self {
        self.paths.mount = prefix.into();
        self
    }

    /// The prefix that a proxy in front of the server removes. Requests do not carry it, but the paths
    /// that clients are told do.
    ///
    /// Default: no prefix.
    pub fn public_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.paths.public_prefix = prefix.into();
        self
    }

    /// Lets a proxy say in `X-Forwarded-Prefix` which prefix it removes. The header counts on a request
    /// that opens an HTTP+SSE stream, and replaces [`public_prefix`](Self::public_prefix) in the path of
    /// messages that its client is told; the [`mount`](Self::mount) still follows it.
    ///
    /// The header must be one absolute path of letters, digits and `-._~/`, at most 256 bytes long, or
    /// empty for no prefix. A request with any other value is answered 400, so that a faulty proxy is
    /// noticed before messages go to the wrong path. Use this only behind a proxy that sets or removes
    /// the header.
    ///
    /// Default: the header is ignored.
    pub fn trust_forwarded_prefix(mut self) -> Self {
        self.paths.trusts_forwarded_prefix = true;
        self
    }

    /// The path of Streamable HTTP (2025-03-26 to 2025-11-25) and of 2026-07-28. `None` switches both
    /// off.
    ///
    /// Default: `/mcp`.
    pub fn mcp_path<'a>(mut self, path: impl Into<Option<&'a str>>) -> Self {
        self.paths.mcp = path.into().map(ToOwned::to_owned);
        self
    }

    /// The path of the HTTP+SSE stream (2024-11-05). `None` switches HTTP+SSE off.
    ///
    /// Default: `/sse`.
    pub fn sse_path<'a>(mut self, path: impl Into<Option<&'a str>>) -> Self {
        self.paths.sse = path.into().map(ToOwned::to_owned);
        self
    }

    /// The path that clients of HTTP+SSE POST their messages to.
    ///
    /// Default: `/messages/`.
    pub fn messages_path(mut self, path: impl Into<String>) -> Self {
        self.paths.messages = path.into();
        self
    }

    /// Serves Streamable HTTP without sessions, which *2025-11-25, Transports, Session Management* makes
    /// optional: each POST is independent, GET and DELETE are answered 405, and handlers cannot send
    /// requests to a client of these revisions. Use this for several machines behind one address.
    /// HTTP+SSE always has sessions, 2026-07-28 never does.
    ///
    /// Default: with sessions.
    pub fn without_sessions(mut self) -> Self {
        self.rules.sessions = false;
        self
    }

    /// Makes the sessions of Streamable HTTP portable: a process that does not know a session restores
    /// it, after a restart or on another machine behind the same address. The session id carries what
    /// the client and the server agreed on, sealed with `keys`. All processes need the same secret. With
    /// an authorizer, a session still belongs to its principal.
    ///
    /// An id is valid for `lifetime` after its session began. Choose the time for which clients keep a
    /// session across a redeploy, for example a day.
    ///
    /// Client and server agree on the revision and on the client's capabilities. The client can read
    /// both in the id, and the name, version and title that it gave itself if they are short, about 100
    /// characters. The principal is not in it. The id is up to 1.8 KB long instead of 32 bytes. A
    /// session whose client has more than 1 KiB of capabilities, or whose `initialize` is still being
    /// answered, has an id that is not portable.
    ///
    /// Everything else stays in the process that has it:
    ///
    /// - Running requests and their answers, and open streams. A `Last-Event-ID` of another process is
    ///   answered 400, like that of an event which is no longer kept.
    /// - Requests to the client. Its answer has to reach the process that sent the request; otherwise the
    ///   handler waits for [`Timeouts::reply`].
    /// - Subscriptions and the log level. The client has to set them again.
    ///
    /// A session that ended because it was idle for too long, or because it was evicted, is restored
    /// when its client comes back ([`ServiceEvent::SessionTakenUp`]). A restored session counts like an
    /// opened one, and may evict an idle one.
    ///
    /// The process in which a session was deleted or revoked does not restore it for as long as its id
    /// is valid. Remembering this takes up to 4 MiB. If more than 8,000 sessions end this way within a
    /// quarter of `lifetime`, a live session may be mistaken for an ended one (with 100,000, one in
    /// 14,000 is); its client is answered 404 and initializes again. Other processes do not learn of the
    /// end: a client that sends DELETE to one process may still use the id at another, and only the
    /// authorizer keeps a revoked principal out.
    ///
    /// Default: off, and an unknown session is answered 404.
    #[cfg(feature = "request-state")]
    #[cfg_attr(docsrs, doc(cfg(feature = "request-state")))]
    pub fn portable_sessions(mut self, keys: StateKeys, lifetime: Duration) -> Self {
        self.portable = Some(Portable { keys, lifetime });
        self
    }

    /// Requires that the `Accept` header of a POST to `/mcp` admits both `application/json` and
    /// `text/event-stream`, as *2025-11-25, Transports, Sending Messages to the Server* asks of clients.
    /// Other requests are answered 406.
    ///
    /// Default: a client that accepts only one of them is answered in that form, and a client without
    /// `Accept` in either.
    pub fn strict_accept(mut self) -> Self {
        self.rules.strict_accept = true;
        self
    }

    /// The hosts that requests may be for, such as `mcp.example.com` (any port) or
    /// `mcp.example.com:8443`. On a loopback address the loopback names are always allowed as well. A
    /// request for another host is answered 403.
    ///
    /// Default: none. On an address that is not a loopback address this admits any host, so that a page
    /// can rebind its own name to the server's address: list the names of a server that others can
    /// reach.
    pub fn allowed_hosts<T: Into<String>>(mut self, hosts: impl IntoIterator<Item = T>) -> Self {
        self.hosts = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Accepts requests for any host, on a loopback address too. Pages of any web site can then reach
    /// the server by rebinding their own name to its address.
    pub fn allow_any_host(mut self) -> Self {
        self.hosts = None;
        self
    }

    /// The origins whose pages may call the server, such as `https://app.example.com`. The server's own
    /// origin is always allowed, and on a loopback address so are the origins of loopback names. Apps and
    /// extensions have origins too, such as `vscode-webview://…`; any page can take on the origin `null`.
    /// A request of another origin is answered 403 (2025-11-25, Transports, Security Warning).
    ///
    /// A browser lets pages of other origins read the answers only with [`cors`](Self::cors).
    ///
    /// Default: none.
    pub fn allowed_origins<T: Into<String>>(
        mut self,
        origins: impl IntoIterator<Item = T>,
    ) -> Self {
        self.origins = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Lets pages of any web site call the server.
    pub fn allow_any_origin(mut self) -> Self {
        self.origins = None;
        self
    }

    /// Answers with CORS headers: browsers then let the pages of allowed origins send what MCP clients
    /// send, and read the answers, refusals included. Without it only pages of the server's own origin
    /// can. Allowed are the origins of [`allowed_origins`](Self::allowed_origins) or
    /// [`allow_any_origin`](Self::allow_any_origin), the server's own, and on a loopback address those of
    /// loopback names.
    ///
    /// Each answer names the one origin that it is for. A preflight is answered 204 without asking the
    /// authorizer. It allows the headers of every revision, `Mcp-Param-*`, `Authorization` and those of
    /// tracing. Pages can read `Mcp-Session-Id`, `MCP-Protocol-Version`, `WWW-Authenticate` and
    /// `Retry-After`. Cookies and other credentials of the browser are not allowed.
    ///
    /// Default: off. No CORS header is sent, so a proxy can send them.
    pub fn cors(mut self) -> Self {
        self.cors = Cors::On;
        self
    }

    /// Compresses JSON answers of at least `min_len` bytes with gzip, for clients that accept it. Streams are never
    /// compressed. Two answers are compressed at a time; one more goes out as it is. Default: off. 16 KiB is a good length: shorter answers take longer to compress than to
    /// send.
    ///
    /// An answer that holds both a secret and text that an attacker chooses gives the secret away by its
    /// compressed length (the BREACH attack). Use it if your tools make no such answers.
    #[cfg(feature = "gzip")]
    #[cfg_attr(docsrs, doc(cfg(feature = "gzip")))]
    pub fn gzip(mut self, min_len: usize) -> Self {
        self.gzip = Some(min_len);
        self
    }

    /// Changes how much clients may use. `set` is called at once with the [`Limits`] so far, which begin
    /// as their defaults.
    ///
    /// ```
    /// # use mcp_wire::{Dispatcher, McpService};
    /// # fn example(dispatcher: impl Dispatcher) {
    /// let builder = McpService::builder(dispatcher).limits(|limits| {
    ///     limits.sessions = 5_000;
    ///     limits.replay.events = 64;
    /// });
    /// # }
    /// ```
    pub fn limits(mut self, set: impl FnOnce(&mut Limits)) -> Self {
        set(&mut self.limits);
        self
    }

    /// Changes how long the service waits. `set` is called at once with the [`Timeouts`] so far, which
    /// begin as their defaults.
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

    /// Decides who may use the service.
    ///
    /// The authorizer sees the head of every request to an endpoint before the body is read. Sessions,
    /// and everything in them, belong to the principal that it names; a stream ends when the identity
    /// that opened it does. [`StaticTokens`](crate::auth::StaticTokens) and
    /// [`FromExtensions`](crate::auth::FromExtensions) are authorizers.
    ///
    /// Default: everybody may.
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorizer = Some(Box::new(authorizer));
        self
    }

    /// Tells clients where to get a token: in documents at the well-known paths of RFC 9728, and in
    /// challenges, which say where the documents are. Needs an [`authorizer`](Self::authorizer).
    ///
    /// Default: clients are told nothing.
    pub fn protected_resource(mut self, resource: ProtectedResource) -> Self {
        self.protected = Some(resource);
        self
    }

    /// The proxies in front of the server, as addresses or as networks such as `10.0.0.0/8` or
    /// `fd00::/8`. For a request that comes from one of them, the client's address is taken from
    /// `X-Forwarded-For`: it is the last address there that is not a trusted proxy. If an entry is not an
    /// address, the next one to its right counts, or the proxy itself. From all other peers the header is
    /// ignored.
    ///
    /// Where requests have no identity, limits go by this address: one address may have half of the
    /// sessions, of the running requests and of the listen streams. It may also have half of the
    /// connections of [`Serve`](crate::Serve), where the peer of the connection counts, and trusted
    /// proxies are not limited. IPv6 addresses with the same first 64 bits count as one, because one host
    /// commonly has all of them. Authorizers and handlers are always told the peer of the connection.
    ///
    /// All clients behind a proxy that is not listed share its address, and so one half of everything.
    /// This includes a proxy on the same machine, whose address is `127.0.0.1` or `::1`. List only
    /// proxies that set the header or add to it; otherwise a client can claim any address. Clients on a
    /// Unix socket, and those of an accept loop that does not call [`McpService::with_peer_addr`], have
    /// no address and no such limit.
    ///
    /// Default: none.
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

    /// Where the service keeps its tasks, and what processes that serve one address share. Give the same store to
    /// each of them.
    ///
    /// Default: [`Backplane::default`], in the memory of the process.
    #[cfg(feature = "server")]
    #[cfg_attr(docsrs, doc(cfg(feature = "server")))]
    pub fn backplane(mut self, backplane: Backplane) -> Self {
        self.backplane = backplane;
        self
    }

    /// Calls `hook` for every [`ServiceEvent`]: refusals, requests, sessions, streams that are cut. The
    /// hook runs where the event happens, so it should be quick and must not block. A panic in it is
    /// caught and ignored.
    ///
    /// Default: no hook. [`McpService::snapshot`] counts without one.
    pub fn on_event(mut self, hook: impl Fn(&ServiceEvent<'_>) + Send + Sync + 'static) -> Self {
        self.hook = Some(Hook::new(hook));
        self
    }

    /// Checks the settings and makes the service.
    ///
    /// # Errors
    ///
    /// A setting cannot be served, settings contradict each other, or the dispatcher or the authorizer
    /// refuses in [`Dispatcher::attach`] or [`Authorizer::check`]. The error names the setting and says what is expected.
    /// [`Error::is_setup`] is true for all of them.
    pub fn build(self) -> Result<McpService, Error> {
        self.limits.check()?;
        self.timeouts.check()?;
        #[cfg(feature = "request-state")]
        if self.portable.is_some() && !self.rules.sessions {
            return Err(Error::setup(
                "`Builder::portable_sessions` needs sessions, but `Builder::without_sessions` switches \
                 them off"
                    .to_owned(),
            ));
        }
        if let Some(authorizer) = &self.authorizer {
            authorizer.check()?;
        }
        let paths = self.paths.check()?;
        let published = self.publish(&paths.public())?;
        let config = Config {
            paths,
            rules: self.rules,
            guard: Guard {
                hosts: listed(&HOSTS, self.hosts, Host::parse)?,
                origins: listed(&ORIGINS, self.origins, Origin::parse)?,
            },
            cors: self.cors,
            #[cfg(feature = "gzip")]
            gzip: self.gzip,
            limits: self.limits,
            timeouts: self.timeouts,
            #[cfg(feature = "server")]
            backplane: self.backplane,
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

    /// The documents about the authorization, for these paths.
    fn publish(&self, paths: &[String]) -> Result<Option<Published>, Error> {
        let Some(resource) = &self.protected else {
            return Ok(None);
        };
        if self.authorizer.is_none() {
            return Err(Error::setup(
                "`Builder::protected_resource` needs `Builder::authorizer`, which protects the resource"
                    .to_owned(),
            ));
        }
        resource.publish(paths).map(Some).map_err(Error::setup)
    }
}

/// Without the authorizer and the keys, which are secret.
impl<D: fmt::Debug> fmt::Debug for Builder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("dispatcher", &self.dispatcher)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// A list of a builder, as a message names it.
struct Listing {
    setting: &'static str,
    expected: &'static str,
}

const HOSTS: Listing = Listing {
    setting: "Builder::allowed_hosts",
    expected: "a host with or without a port, such as `mcp.example.com`, `127.0.0.1:8080` or `[::1]`; no \
               scheme and no path",
};

const ORIGINS: Listing = Listing {
    setting: "Builder::allowed_origins",
    expected: "a scheme and a host, such as `https://app.example.com` or `http://127.0.0.1:8080`; no path",
};

fn listed<T>(
    listing: &Listing,
    entries: Option<Vec<String>>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Allowed<T>, Error> {
    let Some(entries) = entries else {
        return Ok(Allowed::Any);
    };
    let parse = |entry: &String| {
        let Listing { setting, expected } = listing;
        parse(entry)
            .ok_or_else(|| Error::setup(format!("`{setting}` has {entry:?}: expected {expected}")))
    };
    entries
        .iter()
        .map(parse)
        .collect::<Result<_, _>>()
        .map(Allowed::Listed)
}
