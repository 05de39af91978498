//! `Serve` over any listener: the same routes, limits and end on each of them.

use std::time::Duration;

use mcp_wire::McpService;
use mcp_wire::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::support::doors::{KINDS, Kind, Open, Setting, open};
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
