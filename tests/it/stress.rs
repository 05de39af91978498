//! 64 clients with 200 calls each, in each way in which this crate serves connections itself.

use mcp_wire::Serve;
use tokio::net::{TcpListener, TcpStream};

use crate::support::stress::{http1, service, stress};
#[cfg(feature = "http2")]
use crate::support::stress_http2::http2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_keeps_clients_apart_and_nothing_of_them() {
    let (mcp, tally) = service();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(Serve::new(listener, mcp.clone()).run(std::future::pending()));
    let connect = move || async move { http1(TcpStream::connect(address).await.unwrap()).await };
    stress(&mcp, &tally, connect).await;
    #[cfg(feature = "http2")]
    {
        let connect =
            move || async move { http2(TcpStream::connect(address).await.unwrap()).await };
        stress(&mcp, &tally, connect).await;
    }
    serving.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_connection_keeps_clients_apart_and_nothing_of_them() {
    let (mcp, tally) = service();
    let serve = {
        let mcp = mcp.clone();
        move || {
            let (near, far) = tokio::io::duplex(64 * 1024);
            tokio::spawn(mcp_wire::serve_connection(far, mcp.clone()));
            near
        }
    };
    let connect = {
        let serve = serve.clone();
        move || http1(serve())
    };
    stress(&mcp, &tally, connect).await;
    #[cfg(feature = "http2")]
    stress(&mcp, &tally, move || http2(serve())).await;
}
