//! `Serve` over TLS: the handshake is the embedder's, the limits and the end are those of `Serve`.

use std::time::Duration;

use mcp_wire::listener::WithHandshake;
use mcp_wire::server::Server;
use mcp_wire::{McpService, Serve, ServiceEvent};
use mcp_wire_tls::both;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::pki_types::ServerName;

const PATIENCE: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(2);

/// Everything that the server sends until the end.
async fn rest(socket: &mut (impl AsyncRead + Unpin)) -> String {
    let mut said = Vec::new();
    // A client that never spoke TLS gets no `close_notify`.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut said))
        .await
        .expect("the end");
    String::from_utf8_lossy(&said).into_owned()
}

async fn asked(mut socket: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let request = b"GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    socket.write_all(request).await.unwrap();
    rest(&mut socket).await
}

/// Clients that stall in the handshake, or do not speak TLS, are cut in time and delay nobody. One connection too many
/// is told so over TLS. The end waits for none of them.
#[tokio::test]
async fn a_stalled_handshake_delays_nobody() {
    let (connector, acceptor) = both(&["http/1.1"]);
    let (told, mut failed) = mpsc::unbounded_channel();
    let mcp = McpService::builder(Server::new("Test", "1"))
        .trusted_proxies(["127.0.0.1"])
        .on_event(move |event| {
            if let ServiceEvent::HandshakeFailed { peer, reason, .. } = event {
                told.send((*peer, (*reason).to_owned())).unwrap();
            }
        })
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = WithHandshake::new(listener, move |socket| acceptor.accept(socket));
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = Serve::new(tls, mcp)
        .handshake_timeout(LIMIT)
        .max_connections(51);
    let serving = tokio::spawn(serve.run(async { drop(stopped.await) }));
    let name = ServerName::try_from("localhost").unwrap();
    let connect = async || {
        let socket = TcpStream::connect(address).await.unwrap();
        connector.connect(name.clone(), socket).await.unwrap()
    };
    let began = Instant::now();
    let mut stalled = Vec::new();
    for at in 0..49 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        // The beginning of a ClientHello.
        socket
            .write_all(&[22, 3, 1, 2, 0, 1][..at % 7])
            .await
            .unwrap();
        stalled.push(socket);
    }
    let kept = connect().await;
    assert!(asked(connect().await).await.starts_with("HTTP/1.1 404 "));
    let _last = connect().await;
    assert!(asked(connect().await).await.starts_with("HTTP/1.1 503 "));
    assert!(
        began.elapsed() < LIMIT,
        "nobody waited for those that stall"
    );
    for mut socket in stalled {
        rest(&mut socket).await;
    }
    assert!(began.elapsed() >= LIMIT);
    let plain = TcpStream::connect(address).await.unwrap();
    assert!(!asked(plain).await.contains("HTTP/1.1"));
    for _ in 0..49 {
        let (_, reason) = timeout(PATIENCE, failed.recv()).await.unwrap().unwrap();
        assert!(reason.contains("Serve::handshake_timeout"), "{reason}");
    }
    let (_, reason) = timeout(PATIENCE, failed.recv()).await.unwrap().unwrap();
    assert!(reason.contains("corrupt message"), "{reason}");
    // A client that does not trust the certificate says so, and the operator reads it.
    let (distrustful, _) = both(&[]);
    let socket = TcpStream::connect(address).await.unwrap();
    distrustful.connect(name.clone(), socket).await.unwrap_err();
    let (peer, reason) = timeout(PATIENCE, failed.recv()).await.unwrap().unwrap();
    assert!(peer.is_some_and(|peer| peer.ip().is_loopback()));
    assert!(reason.contains("received fatal alert"), "{reason}");
    let mut late = TcpStream::connect(address).await.unwrap();
    stop.send(()).unwrap();
    timeout(PATIENCE, serving)
        .await
        .expect("the end")
        .unwrap()
        .unwrap();
    assert_eq!(rest(&mut late).await, "");
    drop(kept);
}
