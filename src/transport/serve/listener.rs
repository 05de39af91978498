//! [`serve`] and [`Serve`]: an accept loop with limits and an orderly end, for those who have none
//! (PITFALLS R-62). [`serve_connection`]: the same care for a connection that somebody else accepted.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Either};
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HOST};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::parked::{Loan, Stream, carry};
use super::progress::{Answering, Progress};
use super::socket::Socket;
use super::timers::{Patience, Timer, Timers};
use crate::error::Error;
use crate::protocol::party::{Net, Whose, half};
use crate::protocol::quota::{Held, Quota};
use crate::protocol::rejection::{Counted, Rejection};
use crate::transport::intake::detach::Wide;
use crate::transport::service::McpService;
use crate::transport::stream::body::ResponseBody;

/// How many connections there may be; more are answered 503.
const MAX_CONNECTIONS: usize = 10_000;
/// The longest head of a request, in bytes; a longer one is answered 431.
const HEADER_LIMIT: usize = 64 * 1024;
/// How long the head of a request may take, from its first byte (PITFALLS R-45): then it is answered 408. How
/// long a connection may stay without a request, before the first one and between two. How long a
/// client may take no byte of what is written to it (PITFALLS R-17). How long the end of a connection may take, once
/// all is said.
const PATIENCE: Patience = Patience {
    head: Duration::from_secs(10),
    rest: Duration::from_secs(60),
    write: Duration::from_secs(30),
    close: Duration::from_secs(2),
};
/// How long running requests have to finish once the end has begun (PITFALLS R-24).
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);
/// How long what was said last has to be written, when the deadline is over.
const GRACE: Duration = Duration::from_millis(25);
/// How long to wait when no connection can be accepted, for want of open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How many refused connections are told so at a time; more are closed without a word.
const REFUSALS: usize = 128;

/// Serves one MCP service, and nothing else, until `shutdown` is ready. The limits are the defaults
/// of [`Serve`], which also has room for routes of your own.
///
/// # Errors
///
/// As [`Serve::run`].
///
/// # Cancel safety
///
/// As [`Serve::run`].
pub async fn serve(
    listener: TcpListener,
    mcp: McpService,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    Serve::new(listener, mcp).run(shutdown).await
}

/// Serves one connection that you have accepted, whatever it is made of: TLS, a Unix socket, memory.
/// The limits are the defaults of [`Serve`], and an idle stream costs as little as there, which is a
/// tenth of what it costs on a connection of hyper's own.
///
/// That a client takes what is written to it is seen by flushes: one that has not taken for 30 s what the
/// transport holds for it, 64 KiB with rustls, is cut.
///
/// Tell the service first where the connection arrived and whom it is from, with [`McpService::on`] and
/// [`McpService::for_peer`]; set `TCP_NODELAY` below TLS. It ends when its client does, or is idle for
/// too long; [`McpService::shutdown`] ends its streams and what runs.
///
/// ```
/// # use mcp_wire::{Dispatcher, McpService, serve_connection};
/// # async fn example(dispatcher: impl Dispatcher) -> Result<(), Box<dyn std::error::Error>> {
/// let mcp = McpService::builder(dispatcher).build()?;
/// let (client, server) = tokio::io::duplex(4096);
/// tokio::spawn(serve_connection(server, mcp.clone()));
/// # drop(client);
/// # Ok(())
/// # }
/// ```
///
/// What goes wrong on the connection concerns nobody else, so there is no error.
///
/// # Panics
///
/// When it is polled outside a Tokio runtime that has its timers on.
///
/// # Cancel safety
///
/// Dropping the future drops the connection, and what belongs to it.
pub fn serve_connection<S>(io: S, mcp: McpService) -> impl Future<Output = ()> + Send + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let host = Host {
        routes: mcp.clone(),
        mcp,
        header_limit: HEADER_LIMIT,
        patience: Arc::new(PATIENCE),
        stopped: None,
    };
    host.connection(io, None)
}

/// An accept loop: HTTP/1.1 on TCP, with a limit to everything that a client can drag out.
///
/// `TCP_NODELAY` is set on every connection. A request that has not exactly one `Host` is answered 400, your
/// own routes included, and so is one whose length could be read in two ways: it says it twice, has a transfer
/// coding other than `chunked`, or ends a line with LF alone. What is refused before its body was read
/// is answered all the same: the connection then takes in for a moment what the client still sends,
/// so that the answer is not lost.
///
/// ```no_run
/// # use mcp_wire::{Dispatcher, McpService, Serve};
/// # use std::time::Duration;
/// # async fn example(dispatcher: impl Dispatcher) -> Result<(), Box<dyn std::error::Error>> {
/// let mcp = McpService::builder(dispatcher).build()?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
/// Serve::new(listener, mcp)
///     .max_connections(500)
///     .drain_deadline(Duration::from_secs(3))
///     .run(std::future::pending())
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is served until `run`"]
pub struct Serve<R = McpService> {
    listener: TcpListener,
    mcp: McpService,
    routes: R,
    max_connections: usize,
    header_limit: usize,
    patience: Patience,
    drain_deadline: Duration,
}

impl Serve {
    /// Serves the endpoints of an MCP service on a listener; other paths are answered 404.
    pub fn new(listener: TcpListener, mcp: McpService) -> Self {
        Self {
            listener,
            routes: mcp.clone(),
            mcp,
            max_connections: MAX_CONNECTIONS,
            header_limit: HEADER_LIMIT,
            patience: PATIENCE,
            drain_deadline: DRAIN_DEADLINE,
        }
    }
}

impl<R> Serve<R> {
    /// Serves routes of your own beside the service: they get every request whose path is not one of
    /// the service's. How long the body of such a request may be and take is theirs to decide.
    ///
    /// Nobody checks `Host` or `Origin` for your routes, and no authorizer is asked: a page of another web
    /// site can reach them, and can open a WebSocket where they upgrade. Check both in the route.
    ///
    /// A route may upgrade its connection to another protocol: it answers 101, and has the connection from
    /// [`hyper::upgrade::on`]. No time of this loop applies to it from then on. It counts as a connection until
    /// the route drops it, and at the end it is cut when [`Serve::drain_deadline`] is over.
    pub fn routes<S>(self, routes: S) -> Serve<S> {
        Serve {
            listener: self.listener,
            mcp: self.mcp,
            routes,
            max_connections: self.max_connections,
            header_limit: self.header_limit,
            patience: self.patience,
            drain_deadline: self.drain_deadline,
        }
    }

    /// How many connections there may be; one more is answered 503 at once and closed. By default
    /// 10,000: each open stream is one, and each takes an open file. Let the process open more files than that
    /// (`ulimit -n`): otherwise it runs out of files first, and no share of an address protects anybody. One address
    /// may have half of them; a further one from that address is answered 429 and closed. There is no such limit for
    /// [`Builder::trusted_proxies`](crate::Builder::trusted_proxies).
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long the head of a request may take from its first byte to its last; then it is answered
    /// 408, and nobody else waits for it. By default 10 s.
    pub fn header_timeout(mut self, time: Duration) -> Self {
        self.patience.head = time;
        self
    }

    /// How many bytes the head of a request may have, its first line included; a longer one is
    /// answered 431, as is one with more than 100 fields. By default 64 KiB, and never more than
    /// 408 KiB, which is what hyper reads. A path longer than 65,534 bytes is answered 414 where the
    /// head may be that long.
    pub fn header_limit(mut self, bytes: usize) -> Self {
        self.header_limit = bytes;
        self
    }

    /// How long a connection may rest, before its first request and between two; then it is closed.
    /// A stream is a request that is being answered, and does not rest; but a client that sends more than
    /// [`header_limit`](Self::header_limit) ahead behind such a request has this time too, because nobody could
    /// see it leave. By default 60 s.
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.patience.rest = time;
        self
    }

    /// How long a client may take no byte of what is written to it; then its connection is closed, a
    /// request of 2026-07-28 is cancelled, and a stream that can be resumed is detached. By default
    /// 30 s.
    pub fn write_stall(mut self, time: Duration) -> Self {
        self.patience.write = time;
        self
    }

    /// How long running requests may go on once the end has begun; what runs then is cancelled, and
    /// answered with an error. By default 10 s.
    pub fn drain_deadline(mut self, time: Duration) -> Self {
        self.drain_deadline = time;
        self
    }

    /// Serves until `shutdown` is ready and what ran has ended.
    ///
    /// From then on new connections and requests are answered 503, running requests finish and
    /// streams end; at the deadline the rest is cancelled.
    ///
    /// # Errors
    ///
    /// None at present: an accept that fails is tried again, and a connection that fails concerns
    /// nobody else.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the listener and all connections at once.
    pub async fn run<B>(self, shutdown: impl Future<Output = ()>) -> Result<(), Error>
    where
        R: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        R::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (stop, stopped) = watch::channel(());
        let host = Host {
            mcp: self.mcp.clone(),
            routes: self.routes,
            header_limit: self.header_limit,
            patience: Arc::new(self.patience),
            stopped: Some(stopped),
        };
        let mut connections = JoinSet::new();
        let mut refused = JoinSet::new();
        let max = self.max_connections;
        let places = Places::new(max);
        accept(&self.listener, pin!(shutdown), |cx, socket| {
            clear(cx, &mut connections);
            clear(cx, &mut refused);
            let Some(socket) = socket else { return };
            match places.take(&host.mcp, &socket, connections.len()) {
                Ok(place) => drop(connections.spawn(host.clone().tcp_connection(socket, place))),
                Err(why) if refused.len() < REFUSALS => {
                    refused.spawn(host.refuse(socket, &why));
                }
                Err(_) => {}
            }
        })
        .await;
        drop(stop);
        let end = pin!(end(&self.mcp, self.drain_deadline, connections));
        accept(&self.listener, end, |cx, socket| {
            clear(cx, &mut refused);
            let Some(socket) = socket else { return };
            if refused.len() < REFUSALS {
                refused.spawn(host.refuse(socket, &Rejection::ShuttingDown));
            }
        })
        .await;
        Ok(())
    }
}

impl<R> fmt::Debug for Serve<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("mcp", &self.mcp)
            .field("max_connections", &self.max_connections)
            .field("header_limit", &self.header_limit)
            .field("patience", &self.patience)
            .field("drain_deadline", &self.drain_deadline)
            .finish_non_exhaustive()
    }
}

/// Accepts connections until `end` is ready. `take` is given each, and is asked without one whenever
/// something has happened, which may be that a connection is over.
async fn accept(
    listener: &TcpListener,
    mut end: Pin<&mut impl Future<Output = ()>>,
    mut take: impl FnMut(&mut Context<'_>, Option<TcpStream>),
) {
    loop {
        let accepted = poll_fn(|cx| {
            take(cx, None);
            if end.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            let accepted = std::task::ready!(listener.poll_accept(cx));
            Poll::Ready(Some(accepted.map(|(socket, _)| take(cx, Some(socket)))))
        });
        match accepted.await {
            None => return,
            Some(Ok(())) => {}
            Some(Err(error)) if is_of_one_connection(&error) => {}
            // Out of files or memory: those who are served free some in time.
            Some(Err(_)) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Errors that `accept` hands on from a connection that failed before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Clears away the connections that are over.
fn clear(cx: &mut Context<'_>, connections: &mut JoinSet<()>) {
    while let Poll::Ready(Some(_)) = connections.poll_join_next(cx) {}
}

/// The end: the service's first, then that of the connections, which write what they have.
async fn end(mcp: &McpService, deadline: Duration, mut connections: JoinSet<()>) {
    let began = Instant::now();
    mcp.shutdown(deadline).await;
    let left = deadline.saturating_sub(began.elapsed()).max(GRACE);
    let all_gone = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(left, all_gone).await;
    connections.shutdown().await;
}

type BoxError = Box<dyn StdError + Send + Sync>;

/// How many connections there may be, in all and from one address.
struct Places {
    all: usize,
    of_one: usize,
    held: Arc<Quota<Net>>,
}

impl Places {
    fn new(all: usize) -> Self {
        Self {
            all,
            of_one: half(all),
            held: Arc::default(),
        }
    }

    /// Takes a place for a connection beside those that are `open`; `None` is one that is nobody's.
    fn take(
        &self,
        mcp: &McpService,
        socket: &TcpStream,
        open: usize,
    ) -> Result<Option<Held<Net>>, Rejection> {
        let limit = self.all;
        if open >= limit {
            return Err(Rejection::TooManyConnections { limit });
        }
        let limit = self.of_one;
        let peer = socket.peer_addr().ok().map(|peer| peer.ip());
        let counted = peer.filter(|peer| limit < self.all && !mcp.trusts_proxy(*peer));
        let Some(peer) = counted else {
            return Ok(None);
        };
        let held = self.held.take(Net::of(peer), limit);
        held.map(Some).ok_or(Rejection::TooManyOfOne {
            of: Counted::Connections,
            limit,
            whose: Whose::Address,
        })
    }
}

/// A service that answers the requests of every connection.
trait Routes<B>:
    Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
    + Send
    + Sync
    + 'static
{
}

impl<R, B> Routes<B> for R where
    R: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Send
        + Sync
        + 'static
{
}

/// What all connections share.
#[derive(Clone)]
struct Host<R> {
    mcp: McpService,
    routes: R,
    header_limit: usize,
    patience: Arc<Patience>,
    stopped: Option<watch::Receiver<()>>,
}

impl<R> Host<R> {
    /// Serves a connection that was accepted on TCP.
    fn tcp_connection<B>(
        mut self,
        socket: TcpStream,
        place: Option<Held<Net>>,
    ) -> impl Future<Output = ()> + Send + use<R, B>
    where
        R: Routes<B>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        // Without it an event waits some 40 ms for a delayed acknowledgement. A socket that refuses
        // either call is dead, and hyper will notice.
        let _ = socket.set_nodelay(true);
        if let Ok(local) = socket.local_addr() {
            self.mcp = self.mcp.on(local);
        }
        if let Ok(peer) = socket.peer_addr() {
            self.mcp = self.mcp.for_peer(peer);
        }
        self.connection(socket, place)
    }

    /// Serves one connection to its end. What goes wrong on it concerns nobody else.
    ///
    /// What comes and goes is in boxes, and nothing is moved into the future twice: the task of an idle
    /// stream is no larger than what waits with it.
    fn connection<S, B>(
        self,
        io: S,
        place: Option<Held<Net>>,
    ) -> impl Future<Output = ()> + Send + use<R, S, B>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        R: Routes<B>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut slot = Some(Socket::new(io, self.header_limit, Arc::default()));
        let mut timers = Timers::new(Arc::clone(&self.patience));
        async move {
            let refusal = loop {
                match Box::pin(self.converse(&mut slot, &mut timers)).await {
                    Ending::Over => break None,
                    Ending::Refused(why) => break Some(why),
                    Ending::Waits(stream) => {
                        let Some(socket) = &mut slot else { break None };
                        if !carry(stream, socket, &mut timers).await {
                            break None;
                        }
                    }
                }
            };
            if let Some(socket) = slot {
                let refused = |why: Box<_>| printed(&self.mcp.refuse(&why, Version::HTTP_11));
                Box::pin(socket.close(refusal.map(refused), &mut timers)).await;
            }
            drop(place);
        }
    }

    /// Serves what comes, with hyper, to the end of the connection, or up to a stream that waits. The socket
    /// is back in its slot then, unless the connection was one of another protocol in the end.
    ///
    /// hyper gives a socket to whoever asked for an upgrade last, whatever the answer was, so it may do so only
    /// from the moment on when a route upgrades.
    async fn converse<S, B>(&self, slot: &mut Option<Socket<S>>, timers: &mut Timers) -> Ending
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        R: Routes<B>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let Some(socket) = slot.take() else {
            return Ending::Over;
        };
        let progress = Arc::clone(socket.progress());
        let loan = Arc::<Loan>::default();
        let upgrade = Upgrade::default();
        // On the heap while a request is answered: hyper has room for the future from the first request
        // to the end of the connection, which is 7.5 KB for one that rests.
        let service = service_fn(|request| {
            // Not in the future: hyper reads on before it polls that.
            let begun = progress.begin();
            Box::pin(self.answer(&progress, begun, (&loan, &upgrade), request))
        });
        let mut serving = http1::Builder::new()
            .header_read_timeout(None)
            .max_header_size(self.header_limit)
            // A client that is gone and one that only ends its writing side look the same until a
            // write fails, which on a quiet stream takes two keep-alives. A session ends with its
            // client at once (SPEC B-12) and so does a request of 2026-07-28 (SPEC D-84), so both
            // count as gone, though SPEC D-87 would have it otherwise.
            .half_close(false)
            .serve_connection(TokioIo::new(socket), service);
        let mut stop = pin!(self.stop());
        let mut stopping = false;
        let cause = poll_fn(|cx| {
            if !stopping && stop.as_mut().poll(cx).is_ready() {
                stopping = true;
                // hyper would end a connection that rests, half a head or not, without a word.
                if progress.is_in_head() {
                    return Poll::Ready(Cause::Stops);
                }
                Pin::new(&mut serving).graceful_shutdown();
            }
            let was_stuck = !progress.is_written();
            let mut served = Pin::new(&mut serving).poll(cx);
            if served.is_pending() && was_stuck && progress.is_written() {
                // hyper 1.12 may have read a request while the answer before it waited for room, and does not
                // look at it when there is some.
                served = Pin::new(&mut serving).poll(cx);
            }
            // hyper has looked for a next request before this one was answered.
            let mut begun = None;
            while served.is_pending() && progress.is_next() && begun != Some(progress.begun()) {
                begun = Some(progress.begun());
                served = Pin::new(&mut serving).poll(cx);
            }
            if served.is_ready() {
                return Poll::Ready(Cause::Hyper);
            }
            if upgrade.is_wanted() {
                return Poll::Ready(Cause::Upgrades);
            }
            if loan.is_waiting() && progress.is_written() {
                return Poll::Ready(Cause::Waits);
            }
            // PITFALLS R-24: what has not begun is not waited for.
            if stopping && progress.is_in_head() {
                return Poll::Ready(Cause::Stops);
            }
            timers.poll(cx, progress.wait()).map(Cause::Late)
        })
        .await;
        if let Cause::Upgrades = cause {
            upgrade.allow();
            let serving = Box::pin(serving.with_upgrades());
            let said = timers.limit(Timer::Write, serving).await;
            drop(progress);
            if let Some(Ok(())) = said {
                upgrade.end().await;
            }
            return Ending::Over;
        }
        // Nothing is lost with what hyper has read: it was given no more than one request.
        let parts = serving.into_parts();
        let socket = slot.insert(parts.io.into_inner());
        self.ending(cause, &loan, socket)
    }

    /// Ready when the server begins its end, if it is one that has an end.
    fn stop(&self) -> impl Future<Output = ()> + use<R> {
        let stopped = self.stopped.clone();
        async move {
            match stopped {
                Some(mut stopped) => drop(stopped.changed().await),
                None => pending().await,
            }
        }
    }

    fn ending<S>(&self, cause: Cause, loan: &Loan, socket: &mut Socket<S>) -> Ending
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match cause {
            Cause::Hyper | Cause::Upgrades | Cause::Late(Timer::Rest | Timer::Close) => {
                Ending::Over
            }
            Cause::Waits => loan.take().map_or(Ending::Over, Ending::Waits),
            Cause::Stops => Ending::Refused(Box::new(Rejection::ShuttingDown)),
            Cause::Late(Timer::Head) => Ending::Refused(Box::new(Rejection::HeadTimeout {
                limit: self.patience.head,
            })),
            Cause::Late(Timer::Write) => {
                socket.abandon();
                Ending::Over
            }
        }
    }

    /// Answers a request.
    async fn answer<B>(
        &self,
        progress: &Arc<Progress>,
        (answering, verdict): (Answering, Result<(), Rejection>),
        (loan, upgrade): (&Arc<Loan>, &Upgrade),
        mut request: Request<Incoming>,
    ) -> Result<Response<impl Body<Data = Bytes, Error = BoxError> + use<R, B>>, Infallible>
    where
        R: Routes<B>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let version = request.version();
        let can_be_carried = can_be_carried(&request);
        if progress.is_wide() {
            request.extensions_mut().insert(Wide);
        }
        let response = match verdict.and_then(|()| sound(&request)) {
            Err(why) => self.mcp.refuse(&why, version),
            Ok(()) if self.mcp.owns(request.uri().path()) => self.mcp.call(request).await,
            Ok(()) => {
                let is_connect = request.method() == Method::CONNECT;
                let can_upgrade = request.extensions().get::<OnUpgrade>().is_some();
                let Ok(response) = self.routes.call(request).await;
                let status = response.status();
                let upgrades =
                    status == StatusCode::SWITCHING_PROTOCOLS || is_connect && status.is_success();
                if can_upgrade && upgrades {
                    progress.upgrade(upgrade.begin().await);
                }
                return Ok(response.map(|body| Either::Right(held(body, answering))));
            }
        };
        Ok(response.map(|body| Either::Left(loan.lend(body, answering, can_be_carried))))
    }

    /// Tells a client that it is not served.
    fn refuse(&self, socket: TcpStream, why: &Rejection) -> impl Future<Output = ()> + use<R> {
        let answer = printed(&self.mcp.refuse(why, Version::HTTP_11));
        let socket = Socket::new(socket, self.header_limit, Arc::default());
        let mut timers = Timers::new(Arc::clone(&self.patience));
        async move { socket.close(Some(answer), &mut timers).await }
    }
}

/// The upgrade of a connection by a route of the embedder.
#[derive(Default)]
struct Upgrade {
    /// The connection is cut when this is gone. It is there as soon as a route wants the connection.
    end: OnceLock<watch::Sender<()>>,
    /// Whether hyper may give the connection away.
    allowed: Notify,
}

impl Upgrade {
    /// Ready when the route may have its answer written, with what tells that the connection is to end.
    async fn begin(&self) -> watch::Receiver<()> {
        let (end, ends) = watch::channel(());
        let _ = self.end.set(end);
        self.allowed.notified().await;
        ends
    }

    fn is_wanted(&self) -> bool {
        self.end.get().is_some()
    }

    fn allow(&self) {
        self.allowed.notify_one();
    }

    /// Ready when nobody has the connection any more; it is cut when this is dropped.
    async fn end(self) {
        if let Some(end) = self.end.into_inner() {
            end.closed().await;
        }
    }
}

/// Why hyper has let go of a socket.
enum Ending {
    /// Nothing more is to be said on it.
    Over,
    /// A stream waits on it, which is carried on.
    Waits(Box<Stream>),
    /// Its client is told why nothing more is read. In a box, as the task of an idle stream has room for it.
    Refused(Box<Rejection>),
}

/// Why hyper is not polled any more.
enum Cause {
    /// It is done.
    Hyper,
    /// A route of the embedder takes the connection for another protocol.
    Upgrades,
    /// The stream that it sends has nothing to say.
    Waits,
    /// The server stops in the middle of a head.
    Stops,
    /// The time is up for this.
    Late(Timer),
}

/// The answer goes on for as long as its body is there, and so for as long as what belongs to the body.
fn held<B: Body>(body: B, answering: Answering) -> impl Body<Data = B::Data, Error = B::Error> {
    body.map_err(move |error| {
        let _ = &answering;
        error
    })
}

/// Whether a stream that answers the request can be carried on without hyper: it is in chunks, the
/// connection goes on after it, and nothing of the request is unread that hyper would pass over.
fn can_be_carried(request: &Request<Incoming>) -> bool {
    let wishes = request.headers().get_all(CONNECTION).iter();
    let closes = wishes
        .flat_map(|wishes| wishes.as_bytes().split(|byte| *byte == b','))
        .any(|wish| wish.trim_ascii().eq_ignore_ascii_case(b"close"));
    // A POST is read to its end before a stream answers it.
    let is_read = request.body().is_end_stream() || request.method() == Method::POST;
    request.version() == Version::HTTP_11 && !closes && is_read
}

/// RFC 9112, 3.2: one `Host`, neither none nor several, whatever the path.
fn sound(request: &Request<Incoming>) -> Result<(), Rejection> {
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11) {
        Ok(())
    } else {
        Err(Rejection::BadHost)
    }
}

/// An answer in the form that it has on the wire, for connections that hyper has let go.
fn printed(response: &Response<ResponseBody>) -> Vec<u8> {
    let body = response.body().bytes();
    let mut wire = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        wire.extend_from_slice(name.as_str().as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    wire.extend_from_slice(&body);
    wire
}
