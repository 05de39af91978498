//! `Serve` over any listener: the same routes, limits and end on each of them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mcp_wire::listener::Accepted;
use mcp_wire::server::Server;
use mcp_wire::{McpService, Serve, ServiceEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::handshake::KINDS;
use crate::support::doors::{Kind, Open, Setting, open};
use crate::support::soon;

/// Short for a limit, but long enough on a machine that is busy with other tests.
const SHORT: Duration = Duration::from_millis(300);

fn mcp() -> McpService {
    McpService::builder(Server::new("test", "1"))
        .build()
        .unwrap()
}

/// The answer to a GET of this path on a new connection.
async fn got(running: &Open, path: &str) -> String {
    let mut socket = running.connect().await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon("an answer", socket.read_to_string(&mut answer))
        .await
        .unwrap();
    answer
}

#[tokio::test]
async fn own_routes_are_served_beside_the_service() {
    for kind in KINDS {
        let running = open(kind, mcp(), &[]).await;
        // Several listeners are all asked.
        for _ in 0..6 {
            assert!(got(&running, "/own").await.ends_with("\r\n\r\nown /own"));
            assert!(got(&running, "/mcp").await.starts_with("HTTP/1.1 400 "));
        }
        soon("the end", running.stop()).await.unwrap().unwrap();
    }
}

/// One address may have half of the connections. A Unix socket and memory have no addresses.
#[tokio::test]
async fn the_share_of_one_address_applies_where_there_are_addresses() {
    for (kind, admitted) in [
        (Kind::Tcp, 2),
        (Kind::Several, 2),
        (Kind::Handshake, 2),
        (Kind::Unix, 4),
        (Kind::Memory, 4),
    ] {
        let running = open(kind, mcp(), &[Setting::MaxConnections(4)]).await;
        let mut held = Vec::new();
        for _ in 0..admitted {
            let mut socket = running.connect().await;
            socket
                .write_all(b"GET /own HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await
                .unwrap();
            let mut first = [0; 12];
            soon("an answer", socket.read_exact(&mut first))
                .await
                .unwrap();
            assert_eq!(&first, b"HTTP/1.1 200");
            held.push(socket);
        }
        let mut refused = String::new();
        let mut socket = running.connect().await;
        soon("the refusal", socket.read_to_string(&mut refused))
            .await
            .unwrap();
        let status = if admitted == 2 { "429" } else { "503" };
        assert!(
            refused.starts_with(&format!("HTTP/1.1 {status} ")),
            "{kind:?}: {refused}"
        );
    }
}

/// A client that stalls in its handshake delays no other, and is cut in time without a word, as is one whose
/// handshake fails.
#[tokio::test]
async fn a_handshake_that_stalls_or_fails_concerns_no_other() {
    let settings = [Setting::HandshakeTimeout(3 * SHORT)];
    let running = open(Kind::Handshake, mcp(), &settings).await;
    let mut silent = Vec::new();
    let began = Instant::now();
    for at in 0..100 {
        let mut socket = running.connect_silently().await;
        socket.write_all(&b"knock"[..at % 5]).await.unwrap();
        silent.push(socket);
    }
    assert!(got(&running, "/own").await.ends_with("own /own"));
    let mut failed = running.connect_silently().await;
    failed.write_all(b"GET /").await.unwrap();
    assert_eq!(soon("the end", failed.read(&mut [0])).await.unwrap(), 0);
    assert!(
        began.elapsed() < 3 * SHORT,
        "nobody has waited for the silent clients"
    );
    for mut socket in silent {
        assert_eq!(soon("the end", socket.read(&mut [0])).await.unwrap(), 0);
    }
    assert!(began.elapsed() >= 3 * SHORT, "they had their time");
    assert!(got(&running, "/own").await.ends_with("own /own"));
}

/// PITFALLS R-24: a handshake is no request that the end would wait for.
#[tokio::test]
async fn the_end_does_not_wait_for_a_handshake() {
    let settings = [
        Setting::HandshakeTimeout(Duration::MAX),
        Setting::DrainDeadline(Duration::from_secs(3600)),
    ];
    let running = open(Kind::Handshake, mcp(), &settings).await;
    let mut silent = running.connect_silently().await;
    assert!(got(&running, "/own").await.ends_with("own /own"));
    soon("the end", running.stop()).await.unwrap().unwrap();
    assert_eq!(soon("its end", silent.read(&mut [0])).await.unwrap(), 0);
}

/// A connection over the limit gets its answer in the transport of its listener.
#[tokio::test]
async fn a_refusal_comes_after_the_handshake() {
    let settings = [Setting::MaxConnections(1), Setting::HandshakeTimeout(SHORT)];
    let running = open(Kind::Handshake, mcp(), &settings).await;
    let first = running.connect().await;
    let mut silent = running.connect_silently().await;
    let mut second = running.connect().await;
    let mut refused = String::new();
    soon("the refusal", second.read_to_string(&mut refused))
        .await
        .unwrap();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert_eq!(soon("its end", silent.read(&mut [0])).await.unwrap(), 0);
    drop(first);
}

/// The operator learns whose handshakes fail, why, and how many; the texts of peers fit into a line of a log.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_fails_is_an_event() {
    let (told, mut events) = mpsc::unbounded_channel();
    let builder = McpService::builder(Server::new("test", "1")).on_event(move |event| {
        if let ServiceEvent::HandshakeFailed { peer, reason, .. } = event {
            told.send((*peer, (*reason).to_owned())).unwrap();
        }
    });
    let mcp = builder.build().unwrap();
    let (connections, listener) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = Serve::new(listener, mcp.clone())
        .max_connections(2)
        .handshake_timeout(SHORT);
    let serving = tokio::spawn(serve.run(async { drop(stopped.await) }));
    let failing = |text: &str| {
        let error = io::Error::other(text);
        Accepted::after(std::future::ready(Err::<DuplexStream, _>(error)))
    };
    let stalled = || Accepted::after(std::future::pending::<io::Result<DuplexStream>>());
    let client: SocketAddr = "192.0.2.1:4711".parse().unwrap();
    let long = "x".repeat(10_000);
    let late = "it took longer than 300ms (limit: `Serve::handshake_timeout`)";
    for (accepted, peer, reason) in [
        (failing("unknown issuer"), None, "unknown issuer"),
        (failing("bad").with_peer_addr(client), Some(client), "bad"),
        (failing("a\nb"), None, r"a\nb"),
        (failing(&long), None, &format!("{}...", &long[..256])),
        (stalled().with_peer_addr(client), Some(client), late),
    ] {
        connections.send(accepted).await.unwrap();
        let event = soon("the event", events.recv());
        assert_eq!(event.await, Some((peer, reason.to_owned())));
    }
    // One that is refused has to finish its handshake too.
    let mut clients = Vec::new();
    for _ in 0..2 {
        let (near, far) = tokio::io::duplex(1024);
        connections.send(Accepted::new(far)).await.unwrap();
        clients.push(near);
    }
    let refused = failing("too late").with_peer_addr(client);
    connections.send(refused).await.unwrap();
    let event = soon("the event", events.recv()).await.unwrap();
    assert_eq!(event, (Some(client), "too late".to_owned()));
    // The end of the server is no fault of a handshake.
    drop(clients);
    connections.send(stalled()).await.unwrap();
    tokio::task::yield_now().await;
    drop(stop);
    soon("the end", serving).await.unwrap().unwrap();
    assert_eq!(mcp.snapshot().handshakes_failed, 6);
    drop(mcp);
    assert_eq!(events.recv().await, None);
}

/// A setting with which nothing could be served is an error of `run`, which names it.
#[tokio::test]
async fn a_bad_setting_is_refused_by_name() {
    for (setting, name) in [
        (Setting::MaxConnections(0), "`Serve::max_connections`"),
        (Setting::HeaderLimit(0), "`Serve::header_limit`"),
        (Setting::HeaderLimit(1 << 20), "`Serve::header_limit`"),
        (
            Setting::HandshakeTimeout(Duration::ZERO),
            "`Serve::handshake_timeout`",
        ),
        (
            Setting::HeaderTimeout(Duration::ZERO),
            "`Serve::header_timeout`",
        ),
        (
            Setting::IdleTimeout(Duration::ZERO),
            "`Serve::idle_timeout`",
        ),
        (Setting::WriteStall(Duration::ZERO), "`Serve::write_stall`"),
    ] {
        for kind in [Kind::Tcp, Kind::Memory] {
            let running = open(kind, mcp(), &[setting]).await;
            let error = soon("the error", running.stop())
                .await
                .unwrap()
                .unwrap_err();
            assert!(error.is_setup());
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }
}
