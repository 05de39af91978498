//! The servers. All have the same tool, and run on hyper in the same way.

mod floor;
mod ours;
mod rmcp;
mod rmcp_sse;

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::rc::Rc;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use mcp_wire::McpService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::error::BoxError;
use crate::floors::{self, MODERN};
use floor::Floor;

#[derive(Clone)]
pub(crate) enum Server {
    Floor(Rc<Floor>),
    Ours(McpService),
    Rmcp(rmcp::Service),
    RmcpSse(axum::Router),
}

impl Server {
    pub(crate) fn lean() -> Self {
        Self::Floor(Rc::new(Floor::new(floors::lean, "")))
    }

    pub(crate) fn lean_modern() -> Self {
        Self::Floor(Rc::new(Floor::new(floors::lean, MODERN)))
    }

    pub(crate) fn tree() -> Self {
        Self::Floor(Rc::new(Floor::new(floors::tree, "")))
    }

    pub(crate) fn tree_modern() -> Self {
        Self::Floor(Rc::new(Floor::new(floors::tree, MODERN)))
    }

    pub(crate) fn ours() -> Self {
        Self::Ours(ours::service())
    }

    /// The default settings: with sessions, and with streams as answers.
    pub(crate) fn rmcp() -> Self {
        Self::Rmcp(rmcp::service(rmcp::Config::default()))
    }

    /// The cheapest settings.
    pub(crate) fn rmcp_json() -> Self {
        let config = rmcp::Config::default();
        let config = config.with_legacy_session_mode(false);
        Self::Rmcp(rmcp::service(config.with_json_response(true)))
    }

    pub(crate) fn rmcp_sse() -> Self {
        Self::RmcpSse(rmcp_sse::router())
    }

    /// Serves one connection.
    pub(crate) async fn connection(&self, io: impl AsyncRead + AsyncWrite + Unpin + 'static) {
        match self {
            Self::Floor(floor) => {
                let answer = async |request| infallible(floor.answer(request).await);
                over_hyper(io, service_fn(answer)).await;
            }
            // Like the accept loop of mcp-wire, this does not box each call.
            Self::Ours(mcp) => {
                let answer = async |request| infallible(mcp.call(request).await);
                over_hyper(io, service_fn(answer)).await;
            }
            Self::Rmcp(service) => over_hyper(io, TowerToHyperService::new(service.clone())).await,
            Self::RmcpSse(router) => over_hyper(io, TowerToHyperService::new(router.clone())).await,
        }
    }

    /// Serves all connections. mcp-wire uses its own accept loop, with its limits.
    pub(crate) async fn listen(self, listener: TcpListener) -> Result<(), BoxError> {
        if let Self::Ours(mcp) = self {
            return Ok(mcp_wire::serve(listener, mcp, pending()).await?);
        }
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let server = self.clone();
            tokio::task::spawn_local(async move { server.connection(socket).await });
        }
    }
}

fn infallible<T>(answer: T) -> Result<T, Infallible> {
    Ok(answer)
}

async fn over_hyper<S>(io: impl AsyncRead + AsyncWrite + Unpin + 'static, service: S)
where
    S: HttpService<Incoming, Error: Into<Box<dyn Error + Send + Sync>>, ResBody: 'static>,
    <S::ResBody as Body>::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // A client may disconnect at any time. The client itself notices a missing answer.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(io), service)
        .await;
}
