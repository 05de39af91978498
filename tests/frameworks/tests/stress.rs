//! 64 clients with 200 calls each, where others serve the connections: axum, and the server of hyper-util that speaks
//! both protocols.

#[path = "../../it/support/stress.rs"]
mod stress;
#[path = "../../it/support/stress_http2.rs"]
mod stress_http2;

use std::convert::Infallible;

use axum::Router;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mcp_wire::McpService;
use stress::{http1, service, stress};
use stress_http2::http2;
use tokio::net::{TcpListener, TcpStream};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axum_keeps_clients_apart_and_nothing_of_them() {
    let (mcp, tally) = service();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback_service(mcp.clone());
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let connect = move || async move { http1(TcpStream::connect(address).await.unwrap()).await };
    stress(&mcp, &tally, connect).await;
    serving.abort();
}

/// Serves the connections of a listener as hyper-util does.
async fn serve_either(listener: TcpListener, mcp: McpService) {
    loop {
        let (socket, peer) = listener.accept().await.unwrap();
        let mcp = mcp.with_peer_addr(peer);
        let answer = service_fn(move |request| {
            let mcp = mcp.clone();
            async move { Ok::<_, Infallible>(mcp.call(request).await) }
        });
        tokio::spawn(async move {
            let either = auto::Builder::new(TokioExecutor::new());
            // It is an error that a client leaves.
            drop(either.serve_connection(TokioIo::new(socket), answer).await);
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hyper_util_keeps_clients_apart_and_nothing_of_them() {
    let (mcp, tally) = service();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve_either(listener, mcp.clone()));
    let connect = move || async move { http1(TcpStream::connect(address).await.unwrap()).await };
    stress(&mcp, &tally, connect).await;
    let connect = move || async move { http2(TcpStream::connect(address).await.unwrap()).await };
    stress(&mcp, &tally, connect).await;
    serving.abort();
}
