//! [`Exchanges`]: answers the requests of one connection.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Either};
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HOST};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Version};

use super::parked::{ReclaimSlot, ReclaimableBody};
use super::progress::{AnswerGuard, Progress};
use super::routes::Routes;
use super::setup::ConnectionSetup;
use super::upgrade::Upgrade;
use crate::protocol::rejection::Reason;
use crate::transport::intake::detach::InLargeBuffer;
use crate::transport::intake::request_body::BoxError;

/// Answers the requests of one connection, for as long as hyper serves it.
pub(super) struct Exchanges<'c, R> {
    setup: &'c ConnectionSetup<R>,
    pub(super) progress: Arc<Progress>,
    pub(super) reclaim: Arc<ReclaimSlot>,
    pub(super) upgrade: Upgrade,
}

impl<'c, R> Exchanges<'c, R> {
    pub(super) fn new(setup: &'c ConnectionSetup<R>, progress: Arc<Progress>) -> Self {
        Self {
            setup,
            progress,
            reclaim: Arc::default(),
            upgrade: Upgrade::default(),
        }
    }

    /// Answers a request.
    pub(super) async fn answer<B>(
        &self,
        guard: AnswerGuard,
        verdict: Result<(), Reason>,
        mut request: Request<Incoming>,
    ) -> Result<Response<impl Body<Data = Bytes, Error = BoxError> + use<R, B>>, Infallible>
    where
        R: Routes<B>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mcp = &self.setup.mcp;
        let version = request.version();
        let slot = is_reclaimable(&request).then(|| Arc::clone(&self.reclaim));
        if self.progress.is_wide() {
            request.extensions_mut().insert(InLargeBuffer);
        }
        self.setup.mark(&mut request);
        let response = match verdict.and_then(|()| check_host(&request)) {
            Err(why) => mcp.refuse(why, version),
            Ok(()) if mcp.endpoint(request.uri().path()).is_some() => mcp.call(request).await,
            Ok(()) => {
                let response = self.route(request).await;
                return Ok(response.map(|body| Either::Right(guarded(body, guard))));
            }
        };
        Ok(response.map(|body| Either::Left(ReclaimableBody::new(body, guard, slot))))
    }

    /// Has a route of the embedder answer a request, and gives it the connection if it upgrades.
    async fn route<B>(&self, request: Request<Incoming>) -> Response<B>
    where
        R: Routes<B>,
    {
        let is_connect = request.method() == Method::CONNECT;
        let can_upgrade = request.extensions().get::<OnUpgrade>().is_some();
        let Ok(response) = self.setup.routes.call(request).await;
        let status = response.status();
        let upgrades =
            status == StatusCode::SWITCHING_PROTOCOLS || is_connect && status.is_success();
        if can_upgrade && upgrades {
            self.progress.upgrade(self.upgrade.begin().await);
        }
        response
    }

    /// Keeps the upgrade alone. It ends when the last `Progress` of the connection is gone.
    pub(super) fn into_upgrade(self) -> Upgrade {
        self.upgrade
    }
}

/// Keeps a request in progress for as long as the body of its response lives.
fn guarded<B: Body>(body: B, guard: AnswerGuard) -> impl Body<Data = B::Data, Error = B::Error> {
    body.map_err(move |error| {
        let _ = &guard;
        error
    })
}

/// Whether a stream that answers this request can go on without hyper. It must be sent in chunks, the
/// connection must continue after it, and the request must be read to its end, because hyper would
/// skip an unread rest.
fn is_reclaimable(request: &Request<Incoming>) -> bool {
    let wishes = request.headers().get_all(CONNECTION).iter();
    let closes = wishes
        .flat_map(|wishes| wishes.as_bytes().split(|byte| *byte == b','))
        .any(|wish| wish.trim_ascii().eq_ignore_ascii_case(b"close"));
    // A POST is read to its end before a stream answers it.
    let is_read = request.body().is_end_stream() || request.method() == Method::POST;
    request.version() == Version::HTTP_11 && !closes && is_read
}

/// RFC 9112, 3.2: exactly one `Host`, whatever the path.
fn check_host(request: &Request<Incoming>) -> Result<(), Reason> {
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11) {
        Ok(())
    } else {
        Err(Reason::BadHost)
    }
}
