//! A service over TLS in memory, with rustls on both sides, so that tests can pause the clock.

pub mod frames;

use std::sync::Arc;

use mcp_wire::McpService;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client};

/// A client after the TLS handshake, and the task of its connection. `pipe` limits the bytes in flight in each
/// direction.
pub async fn connected(
    mcp: McpService,
    pipe: usize,
) -> (client::TlsStream<DuplexStream>, JoinHandle<()>) {
    let (connector, acceptor) = both(&[]);
    let (near, far) = tokio::io::duplex(pipe);
    let serving = tokio::spawn(async move {
        let tls = acceptor.accept(far).await.expect("the server's handshake");
        mcp_wire::serve_connection(tls, mcp).await;
    });
    let name = ServerName::try_from("localhost").expect("a name");
    let client = connector.connect(name, near).await;
    (client.expect("the client's handshake"), serving)
}

/// Both sides of TLS. The client offers these protocols, and the server knows both (ALPN).
pub fn both(offered: &[&str]) -> (TlsConnector, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let certificate = made.cert.der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let mut client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
    client.alpn_protocols = names(offered);
    let mut server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::from(key))
        .expect("a server");
    server.alpn_protocols = names(&["h2", "http/1.1"]);
    (Arc::new(client).into(), Arc::new(server).into())
}
