//! [`McpService`]: a hyper request to a hyper response.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Body;
use hyper::header::{ALLOW, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode, Version};

use super::access::identity::Identity;
use super::access::peer::Peer;
use super::answer::documents;
#[cfg(feature = "gzip")]
use super::answer::gzip;
use super::answer::response::{announce_close, name_session, refuse, response};
use super::clock::now;
use super::dispatch::admission::{hide_credentials, identify};
use super::future::BoxFuture;
use super::intake::detach;
use super::intake::request_body::{self, BoxError};
use super::intake::unread::{Unread, is_arriving};
use super::observe::events::{SessionEnd, Snapshot};
use super::session::listeners::ListenStream;
use super::shape::line_client::LineClient;
use super::shape::{http_sse, stateless, streamable};
use super::shared::Shared;
use super::stream::body::ResponseBody;
use super::stream::lease::Revocation;
use crate::protocol::cors::Sharing;
use crate::protocol::era::{Posted, id_of, settle};
use crate::protocol::exchange::{Endpoint, Exchange, Form, classify};
use crate::protocol::fields::Fields;
#[cfg(feature = "gzip")]
use crate::protocol::media;
use crate::protocol::party::Net;
use crate::protocol::rejection::{Reason, Rejection};
use crate::wire::message;

/// How long the last answers of a closed service may take to be written.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(50);

/// An MCP server as a hyper service. Cheap to clone; all clones are one server.
///
/// It works wherever hyper does: in [`serve`](crate::serve()), which accepts from TCP, Unix sockets, TLS and more
/// ([`Listener`](crate::listener::Listener)), in an accept loop of your own, and next to your routes in a
/// `service_fn`. Set `TCP_NODELAY` on the sockets that
/// you accept: without it an event waits some 40 ms for a delayed acknowledgement.
///
/// An accept loop of your own tells the service about each connection with
/// [`with_local_addr`](Self::with_local_addr) and [`with_peer_addr`](Self::with_peer_addr). A router of
/// your own that has already chosen the endpoint says so with [`with_endpoint`](Self::with_endpoint).
///
/// ```no_run
/// # use mcp_wire::{Dispatcher, McpService};
/// # use hyper::{Request, Response, body::Incoming};
/// # async fn own_routes(_: Request<Incoming>) -> Response<mcp_wire::ResponseBody> { std::future::pending().await }
/// # fn example(dispatcher: impl Dispatcher) -> Result<(), mcp_wire::Error> {
/// let mcp = McpService::builder(dispatcher).build()?;
/// let service = hyper::service::service_fn(move |request: Request<Incoming>| {
///     let mcp = mcp.clone();
///     async move {
///         Ok::<_, std::convert::Infallible>(match mcp.endpoint(request.uri().path()) {
///             Some(_) => mcp.call(request).await,
///             None => own_routes(request).await,
///         })
///     }
/// });
/// # let _ = service;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct McpService {
    shared: Arc<Shared>,
    /// What the embedder's router has chosen; `None` goes by the path of each request.
    endpoint: Option<Endpoint>,
    /// Where the connection arrived, and where it comes from, if the accept loop said so.
    local: Option<IpAddr>,
    peer: Option<SocketAddr>,
}

impl McpService {
    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
            endpoint: None,
            local: None,
            peer: None,
        }
    }

    /// The service for a connection that was accepted on this local address.
    ///
    /// The address decides which hosts a request may be for
    /// ([`Builder::allowed_hosts`](crate::Builder::allowed_hosts)). Without it the stricter rule of
    /// loopback addresses applies. [`Serve`](crate::Serve) does this for its connections.
    #[must_use]
    pub fn with_local_addr(&self, local: SocketAddr) -> Self {
        Self {
            local: Some(local.ip()),
            ..self.clone()
        }
    }

    /// The service for a connection that comes from this address.
    ///
    /// Limits go by the address where requests have no identity, trusted proxies are recognized by it
    /// ([`Builder::trusted_proxies`](crate::Builder::trusted_proxies)), and authorizers and handlers see
    /// it ([`Context::peer`](crate::Context::peer)). [`Serve`](crate::Serve) does this for its
    /// connections.
    #[must_use]
    pub fn with_peer_addr(&self, peer: SocketAddr) -> Self {
        Self {
            peer: Some(peer),
            ..self.clone()
        }
    }

    /// The service for requests that your router has already brought to an endpoint: their paths no
    /// longer count. This is for a router that takes a prefix off the path, or that serves an endpoint
    /// under several paths, such as `/tenants/7/mcp`. Such a router keeps one service for each route, so
    /// the endpoint belongs to the service and not to each call. An endpoint that is switched off is
    /// answered 404.
    ///
    /// Clients of HTTP+SSE are still told the configured path for messages. Route that path to
    /// [`Endpoint::Messages`], or choose
    /// [`Builder::trust_forwarded_prefix`](crate::Builder::trust_forwarded_prefix) and add an
    /// `X-Forwarded-Prefix` header that leads to your route to each request for [`Endpoint::Sse`].
    ///
    /// ```
    /// # use mcp_wire::{Dispatcher, Endpoint, McpService};
    /// # fn example(dispatcher: impl Dispatcher) -> Result<(), mcp_wire::Error> {
    /// let mcp = McpService::builder(dispatcher).build()?;
    /// let for_tenants = mcp.with_endpoint(Endpoint::Mcp);
    /// // In the route of `/tenants/{id}/mcp`: for_tenants.call(request).await
    /// # let _ = for_tenants;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_endpoint(&self, endpoint: Endpoint) -> Self {
        Self {
            endpoint: Some(endpoint),
            ..self.clone()
        }
    }

    /// The endpoint that a request path belongs to, with or without a trailing slash. `None` if the path
    /// is not one of this service's.
    #[must_use]
    pub fn endpoint(&self, path: &str) -> Option<Endpoint> {
        self.shared.config.endpoint(path)
    }

    /// The path of [`Endpoint::Mcp`]; `None` if it is switched off.
    #[must_use]
    pub fn mcp_path(&self) -> Option<&str> {
        self.shared.config.paths.mcp.as_deref()
    }

    /// The path of [`Endpoint::Sse`]; `None` if HTTP+SSE is switched off.
    #[must_use]
    pub fn sse_path(&self) -> Option<&str> {
        let sse = self.shared.config.paths.sse.as_ref();
        sse.map(|sse| &*sse.stream)
    }

    /// The number of sessions.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.shared.table.len()
    }

    /// The number of open listen streams, which are the answers to `subscriptions/listen` (2026-07-28), and of
    /// such requests whose resources are still checked.
    #[must_use]
    pub fn listen_streams(&self) -> usize {
        self.shared.listens.len()
    }

    /// Answers a request. There is no error: a request that cannot be served is answered with its
    /// status.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime whose time driver is enabled, as soon as a timer or a task is needed:
    /// when the body of the request does not arrive at once, when a session begins, when a handler
    /// waits, when the answer is a stream, or when it is compressed (`Builder::gzip`). The same runtime has to poll the body of the response.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the request. In 2026-07-28 its handler is dropped too. In a session
    /// the handler continues in a task of its own, because a lost connection cancels nothing
    /// (2025-11-25, Transports, Sending Messages to the Server).
    pub fn call<B>(
        &self,
        request: Request<B>,
    ) -> impl Future<Output = Response<ResponseBody>> + Send
    where
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let config = &self.shared.config;
        let endpoint = match self.endpoint {
            Some(endpoint) => config.serves(endpoint).then_some(endpoint),
            None => config.endpoint(request.uri().path()),
        };
        // Not an `async fn` around another: each of them moves the whole request.
        self.exchange(endpoint, request)
    }

    async fn exchange<B>(
        &self,
        endpoint: Option<Endpoint>,
        request: Request<B>,
    ) -> Response<ResponseBody>
    where
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let config = &self.shared.config;
        let (head, body) = request.into_parts();
        let mut body = Unread::new(body);
        // Boxed, because the future of an exchange has room for the head in each function that takes it.
        let mut head = Box::new(head);
        let version = head.version;
        #[cfg(feature = "gzip")]
        let accepts_gzip = config.gzip.is_some() && media::accepts_gzip(&head.headers);
        let published = match endpoint {
            Some(Endpoint::Metadata) => config.access.published.as_ref(),
            _ => None,
        };
        if published.is_some() {
            documents::forget_origin(&mut head);
        }
        // SPEC G-1: before anything else, on every endpoint.
        let checked = config
            .guard
            .check(version, &head.uri, &head.headers, self.local);
        let (sharing, answered) = match (checked, published) {
            (Err(reason), _) => (config.cors.share(None), Err(reason.into())),
            (Ok(_), Some(published)) => (
                Sharing::Unsaid,
                documents::answer(published, &head).map_err(Rejection::from),
            ),
            (Ok(origin), None) => {
                let sharing = config.cors.share(origin);
                (sharing, self.respond(endpoint, head, &mut body).await)
            }
        };
        let mut response = answered.unwrap_or_else(|rejection| self.refuse(rejection, version));
        if let Some(rest) = body.into_rest()
            && is_arriving(rest).await
        {
            announce_close(&mut response, version);
        }
        #[cfg(feature = "gzip")]
        if let Some(min_len) = config.gzip {
            // On the heap, so that the future of an exchange does not grow.
            response = Box::pin(gzip::compress(response, min_len, accepts_gzip)).await;
        }
        sharing.add_to(response.headers_mut());
        response
    }

    /// A client that sends its messages as lines.
    pub(crate) fn line_client(&self, identity: Option<Identity>) -> LineClient {
        LineClient::new(Arc::clone(&self.shared), identity)
    }

    /// Whether this is the address of a proxy that is trusted to say for whom it asks.
    pub(crate) fn trusts_proxy(&self, address: IpAddr) -> bool {
        self.shared.config.proxies.trust(address)
    }

    /// The answer to what is not carried out.
    pub(crate) fn refuse(
        &self,
        why: impl Into<Rejection>,
        version: Version,
    ) -> Response<ResponseBody> {
        let Rejection { reason, id } = why.into();
        let refusal = reason.refusal();
        let status = refusal.status.as_u16();
        self.shared.observer.refused(&reason, refusal.name, status);
        refuse(refusal, id.as_ref(), version)
    }

    /// Tells of a handshake that failed, so that no request could be read.
    pub(crate) fn handshake_failed(&self, reason: &str) {
        self.shared.observer.handshake_failed(self.peer, reason);
    }

    /// Answers a request that the guard admitted.
    async fn respond<B>(
        &self,
        endpoint: Option<Endpoint>,
        mut head: Box<Parts>,
        body: &mut Unread<B>,
    ) -> Result<Response<ResponseBody>, Rejection>
    where
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let shared = &self.shared;
        // SPEC F-40: a preflight is for no endpoint and comes without credentials.
        if let Some(allowed) = shared.config.cors.preflight(&head.method, &head.headers) {
            return Ok(allowing(allowed));
        }
        let endpoint = endpoint.ok_or(Reason::UnknownPath)?;
        self.admit(endpoint, &mut head).await?;
        let fields = Fields::read(&head.headers);
        match (
            classify(endpoint, &head, &fields, shared.config.rules)?,
            &shared.config.paths.sse,
        ) {
            (Exchange::Post(form), _) => {
                let limits = shared.config.body_limits();
                let mut body = request_body::read(body, limits, &shared.buffers).await?;
                let fields = match detach::is_long(&head, &body) {
                    true => {
                        detach::detach(&mut head, &mut body);
                        Fields::read(&head.headers)
                    }
                    false => fields,
                };
                let read = message::parse(&body, &shared.config.limits.message);
                // Everything that waits from here on has its own copy of what it needs.
                drop(body);
                let id = id_of(&read);
                shared.permit(Endpoint::Mcp, &head, &read)?;
                let limit = shared.config.limits.capabilities;
                let answered = match settle(&fields, read, shared.config.rules.sessions, limit) {
                    Ok(posted) => self.answer(head, posted, form).await,
                    Err(reason) => Err(reason.into()),
                };
                answered.map_err(|rejection| rejection.of(id))
            }
            (Exchange::Listen(claim, position), _) => {
                streamable::listen(shared, &claim, position, &head)
            }
            (Exchange::Delete(claim), _) => streamable::delete(shared, &claim, &head),
            (Exchange::OpenSse, Some(paths)) => Ok(http_sse::open(shared, paths, &head)?),
            (Exchange::OpenSse, None) => Err(Reason::UnknownPath.into()),
            (Exchange::PostToSse { session, is_json }, _) => {
                let post = http_sse::InboxPost { session, is_json };
                http_sse::post(shared, post, head, body).await
            }
            (Exchange::Options { allow }, _) => {
                let allow = (ALLOW, HeaderValue::from_static(allow));
                Ok(allowing(HeaderMap::from_iter([allow])))
            }
        }
    }

    /// Finds out who asks, and leaves it in the head, for handlers and for what is bound to it
    /// (SPEC F-1, F-16: on every request, before its body is read).
    async fn admit(&self, endpoint: Endpoint, head: &mut Parts) -> Result<(), Reason> {
        let config = &self.shared.config;
        if let Some(address) = self.peer {
            let client = config.proxies.client(address.ip(), &head.headers);
            let client = Net::of(client);
            head.extensions.insert(Peer { address, client });
        }
        let Some(authorizer) = &config.access.authorizer else {
            return Ok(());
        };
        // A preflight comes without credentials.
        if head.method == Method::OPTIONS {
            return Ok(());
        }
        hide_credentials(head);
        match identify(&**authorizer, head, self.peer).await {
            Ok(identity) => {
                head.extensions.insert(identity);
                Ok(())
            }
            Err(challenge) => Err(config.challenge(challenge, endpoint, head.uri.path())),
        }
    }

    /// Answers what was posted to `/mcp`.
    async fn answer(
        &self,
        head: Box<Parts>,
        posted: Posted,
        form: Form,
    ) -> Result<Response<ResponseBody>, Rejection> {
        let shared = &self.shared;
        match posted {
            Posted::Modern(request, envelope) => {
                let pending = stateless::begin(shared, head, request, envelope, form)?;
                Ok(pending.answer().await)
            }
            Posted::Unheard => Ok(response(StatusCode::ACCEPTED, ResponseBody::empty())),
            Posted::Initialize(request) => {
                // On the heap, as there is one in a session.
                Box::pin(streamable::initialize(shared, head, request, form)).await
            }
            Posted::InSession(claim, read) => {
                let pending = streamable::post(shared, &claim, read, head, form)?;
                Ok(name_session(pending.answer().await?, claim.name))
            }
            Posted::Alone(version, read) => {
                let pending = streamable::alone(shared, version, read, head, form)?;
                pending.answer().await
            }
        }
    }

    /// Begins an orderly end. New sessions and requests are refused with 503. Running requests finish,
    /// then their streams end. Listen streams end with their result. Calling it again does nothing.
    pub fn drain(&self) {
        self.shared.start_draining();
        let now = now();
        for row in self.shared.table.all() {
            row.with(|session| session.drain(now));
        }
        self.shared.end_listens();
    }

    /// Ends everything that a principal has: its sessions and what runs in them, its listen streams, and
    /// its calls of 2026-07-28. Its tasks of this process end, and nothing is left of them. Other principals notice nothing.
    ///
    /// Let the authorizer refuse the principal first; otherwise its client simply starts again. A
    /// request that was admitted just before may still begin.
    pub fn revoke(&self, principal: &str) {
        for row in self.shared.table.of(principal) {
            self.shared.bury(row.id());
            self.shared.table.end(&row, SessionEnd::Revoked);
        }
        // A listen stream ends with its result, even if a dispatcher awaits it where its lease does not wake it.
        for row in self.shared.listens.of(principal) {
            row.with(ListenStream::end);
        }
        #[cfg(feature = "server")]
        self.shared.tasks.revoke(principal);
        // The other exchanges.
        for row in self.shared.leases.of(principal) {
            row.with(Revocation::revoke);
        }
    }

    /// Ends everything at once: sessions end, and running requests are cancelled and answered -32603. Running tasks
    /// have failed, which a store that other processes share tells their clients.
    /// Calling it again does nothing.
    pub fn close(&self) {
        self.drain();
        for row in self.shared.table.all() {
            self.shared.table.end(&row, SessionEnd::Closed);
        }
        self.shared.calls.close();
        #[cfg(feature = "server")]
        self.shared.tasks.close();
    }

    /// Ends in order: [`drain`](Self::drain) first. The future is ready as soon as nothing runs and all
    /// streams are closed. After `deadline` the rest is cancelled as by [`close`](Self::close) and has
    /// 50 ms to be written. Tasks that still run have failed then: nothing waits for their handlers, but for the
    /// store that tells their clients, to the end of `deadline` or for 50 ms. The accept loop closes the connections. You may call this again, even at the
    /// same time.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime whose time driver is enabled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the service draining.
    pub async fn shutdown(&self, deadline: Duration) {
        self.drain();
        let quiet = || self.shared.observer.quiet();
        #[cfg(feature = "server")]
        let end = tokio::time::Instant::now() + deadline;
        if tokio::time::timeout(deadline, quiet()).await.is_err() {
            self.close();
            // Clients that do not read must not hold up the end.
            let _ = tokio::time::timeout(LAST_WORDS, quiet()).await;
        }
        // Tasks may run for hours, so they are not waited for; but a store that is shared has to be told.
        #[cfg(feature = "server")]
        {
            self.shared.tasks.close();
            let end = end.max(tokio::time::Instant::now() + LAST_WORDS);
            let _ = tokio::time::timeout_at(end, self.shared.tasks.ended()).await;
        }
    }

    /// The current numbers: gauges of what there is now, and counters since the service was built.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            sessions: self.sessions(),
            listens: self.listen_streams(),
            #[cfg(feature = "server")]
            tasks: self.shared.tasks.len(),
            ..self.shared.observer.snapshot()
        }
    }
}

impl<B> Service<Request<B>> for McpService
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(Self::call(&service, request).await) })
    }
}

/// The empty response that says what is allowed.
fn allowing(headers: HeaderMap) -> Response<ResponseBody> {
    let mut response = response(StatusCode::NO_CONTENT, ResponseBody::empty());
    response.headers_mut().extend(headers);
    response
}

impl fmt::Debug for McpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpService")
            .field("config", &self.shared.config)
            .field("sessions", &self.sessions())
            .finish_non_exhaustive()
    }
}
