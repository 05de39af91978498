//! What broken and hostile peers do behind TLS: the tests of `tests/it/faults.rs`, and its neighbours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../it/faults.rs"]
mod faults;
#[allow(dead_code, reason = "shared with `it`, which uses the rest")]
#[path = "../../it/support/mod.rs"]
mod support;

/// The handshake of rustls.
mod handshake {
    use std::io;
    use std::sync::LazyLock;

    use mcp_wire_tls::both;
    use tokio::net::TcpStream;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::{TlsAcceptor, TlsConnector, server};

    use crate::support::doors::{Io, Kind};

    pub(crate) const KINDS: [Kind; 1] = [Kind::Handshake];

    static BOTH: LazyLock<(TlsConnector, TlsAcceptor)> = LazyLock::new(|| both(&[]));

    pub(crate) async fn accept(socket: TcpStream) -> io::Result<server::TlsStream<TcpStream>> {
        BOTH.1.accept(socket).await
    }

    pub(crate) async fn connect(io: Box<dyn Io>) -> Box<dyn Io> {
        let name = ServerName::try_from("localhost").unwrap();
        Box::new(BOTH.0.connect(name, io).await.unwrap())
    }
}
