//! Bare hyper on a socket, with the answers of `support/floors.rs`: what mcp-wire is compared with.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Interval, interval_at};

use crate::client::messages::Revision;
use crate::error::BoxError;

use crate::floors::{self, Stream};

const CHANGE: &[u8] =
    b"event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";
/// The default of mcp-wire.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(crate) async fn serve(
    listener: TcpListener,
    revision: Revision,
    keep_alive: Option<Duration>,
    orders: &mut mpsc::UnboundedReceiver<()>,
) -> Result<(), BoxError> {
    let floor = Rc::new(Floor::new(revision, keep_alive));
    let serving = async {
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            spawn_local(Rc::clone(&floor).connection(TokioIo::new(socket)));
        }
    };
    let ordered = async {
        while orders.recv().await.is_some() {
            floor.announce();
        }
    };
    LocalSet::new()
        .run_until(async {
            tokio::select! {
                served = serving => served,
                () = ordered => Ok(()),
            }
        })
        .await
}

pub(crate) struct Floor {
    suffix: &'static str,
    keep_alive: Duration,
    /// The open streams, by the id in their endpoint.
    streams: RefCell<HashMap<usize, Stream>>,
    next: Cell<usize>,
}

impl Floor {
    /// A server that answers as in this revision.
    pub(crate) fn new(revision: Revision, keep_alive: Option<Duration>) -> Self {
        Self {
            suffix: match revision {
                Revision::Modern => floors::MODERN,
                Revision::Session | Revision::Sse => "",
            },
            keep_alive: keep_alive.unwrap_or(KEEP_ALIVE),
            streams: RefCell::default(),
            next: Cell::new(1),
        }
    }

    pub(crate) async fn connection(self: Rc<Self>, socket: impl Read + Write + Unpin + 'static) {
        let opened = Cell::new(None);
        let service =
            service_fn(async |request| Ok::<_, Infallible>(self.answer(request, &opened).await));
        // Clients disconnect with a reset, which is an error here.
        let _ = http1::Builder::new()
            .serve_connection(socket, service)
            .await;
        if let Some(id) = opened.get() {
            self.streams.borrow_mut().remove(&id);
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        opened: &Cell<Option<usize>>,
    ) -> Response<KeptAlive> {
        if request.method() == Method::GET {
            let (id, stream) = (self.next.get(), Stream::default());
            self.next.set(id + 1);
            opened.set(Some(id));
            self.streams.borrow_mut().insert(id, stream.clone());
            let response = floors::opened(stream, id);
            return response.map(|body| KeptAlive::stream(body, self.keep_alive));
        }
        let id = request
            .uri()
            .query()
            .and_then(|query| query.strip_prefix("session_id="));
        let id = id.and_then(|id| id.parse::<usize>().ok());
        let stream = id.and_then(|id| self.streams.borrow().get(&id).cloned());
        let response = match stream {
            Some(stream) => floors::event(request, &stream, floors::lean).await,
            None => floors::post(request, floors::lean, self.suffix).await,
        };
        response.map(KeptAlive::full)
    }

    /// Writes one event to all streams.
    fn announce(&self) {
        for stream in self.streams.borrow().values() {
            stream.put_shared(Bytes::from_static(CHANGE));
        }
    }
}

type Answering = Either<Full<Bytes>, Stream>;

/// A body with a keep-alive, if it is a stream.
struct KeptAlive {
    body: Answering,
    timer: Option<Pin<Box<Interval>>>,
}

impl KeptAlive {
    fn stream(body: Answering, period: Duration) -> Self {
        let first = tokio::time::Instant::now() + period;
        Self {
            body,
            timer: Some(Box::pin(interval_at(first, period))),
        }
    }

    fn full(body: Answering) -> Self {
        Self { body, timer: None }
    }
}

impl Body for KeptAlive {
    type Data = Bytes;
    type Error = <Answering as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &mut self.timer {
            Some(timer) if frame.is_pending() => {
                ready!(timer.poll_tick(cx));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b": ping\n\n")))))
            }
            _ => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
