//! 64 clients with 200 calls each, behind rustls: by `Serve` in the protocol that ALPN has settled, and by
//! `serve_connection`.

#[path = "../../it/support/stress.rs"]
mod stress;
#[path = "../../it/support/stress_http2.rs"]
mod stress_http2;

use mcp_wire::Serve;
use mcp_wire::listener::{Negotiated, WithHandshake};
use mcp_wire_tls::both;
use stress::{http1, service, stress};
use stress_http2::http2;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, client};

async fn connected(
    connector: TlsConnector,
    address: std::net::SocketAddr,
) -> client::TlsStream<TcpStream> {
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    connector.connect(name, socket).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_keeps_clients_apart_and_nothing_of_them() {
    for protocol in ["http/1.1", "h2"] {
        let (mcp, tally) = service();
        let (connector, acceptor) = both(&[protocol]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = WithHandshake::new(listener, move |socket| {
            let acceptor = acceptor.clone();
            async move {
                let tls = acceptor.accept(socket).await?;
                Ok(Negotiated::new(tls, |tls| tls.get_ref().1.alpn_protocol()))
            }
        });
        let serving = tokio::spawn(Serve::new(tls, mcp.clone()).run(std::future::pending()));
        let connect = move || {
            let connector = connector.clone();
            async move {
                let tls = connected(connector, address).await;
                match protocol {
                    "h2" => http2(tls).await,
                    _ => http1(tls).await,
                }
            }
        };
        stress(&mcp, &tally, connect).await;
        assert_eq!(mcp.snapshot().handshakes_failed, 0);
        serving.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_connection_keeps_clients_apart_and_nothing_of_them() {
    let (mcp, tally) = service();
    let (connector, acceptor) = both(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = mcp.clone();
    let serving = tokio::spawn(async move {
        loop {
            let (socket, peer) = listener.accept().await.unwrap();
            let (acceptor, mcp) = (acceptor.clone(), served.with_peer_addr(peer));
            tokio::spawn(async move {
                let tls = acceptor.accept(socket).await.unwrap();
                mcp_wire::serve_connection(tls, mcp).await;
            });
        }
    });
    let connect = move || {
        let connector = connector.clone();
        async move { http1(connected(connector, address).await).await }
    };
    stress(&mcp, &tally, connect).await;
    serving.abort();
}
