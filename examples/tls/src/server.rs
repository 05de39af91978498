//! The server: who its clients are, and what it serves them.

use std::io;
use std::sync::Arc;

use mcp_wire::auth::{FromExtensions, Identity};
use mcp_wire::listener::{Negotiated, WithHandshake};
use mcp_wire::server::{Arguments, Call, Server, Tool};
use mcp_wire::{McpService, serve};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::server::TlsStream;

use crate::certificates::Certificates;
use crate::fallible::Fallible;
use crate::options::Options;
use crate::signals;

async fn whoami(cx: Call, _: Arguments) -> String {
    let principal = cx.identity().map(Identity::principal);
    principal.unwrap_or("anybody").to_owned()
}

/// The service. With `known_clients` it refuses requests whose connection brought no certificate.
fn service(known_clients: bool) -> Result<McpService, mcp_wire::Error> {
    let whoami_tool = Tool::new("whoami").description("Returns whose certificate the client has");
    let server = Server::new("TLS", "1.0.0").tool(whoami_tool, whoami);
    let service = McpService::builder(server);
    match known_clients {
        true => service.authorizer(FromExtensions).build(),
        false => service.build(),
    }
}

/// The handshake of one connection. What it settles is the protocol, and who the client is.
async fn handshake(
    certificates: Arc<Certificates>,
    socket: TcpStream,
) -> io::Result<Negotiated<TlsStream<TcpStream>>> {
    // Asked for each connection, so a renewed certificate is used from the next one on.
    let tls = certificates.acceptor().accept(socket).await?;
    let client = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let identity = client.map(identity);
    let tls = Negotiated::new(tls, |tls| tls.get_ref().1.alpn_protocol());
    Ok(match identity {
        Some(identity) => tls.extension(identity),
        None => tls,
    })
}

/// The identity of a certificate that rustls has verified: its fingerprint, which no two clients share. With a parser
/// of X.509 it could be the name in the certificate, which outlasts its renewal.
pub(crate) fn identity(certificate: &CertificateDer<'_>) -> Identity {
    let digest = Sha256::digest(certificate);
    Identity::new(
        digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
    )
}

/// Serves until the process is told to stop.
pub(crate) async fn run(
    listener: TcpListener,
    certificates: Arc<Certificates>,
    mcp: McpService,
) -> Fallible<()> {
    let tls = WithHandshake::new(listener, move |socket| {
        handshake(Arc::clone(&certificates), socket)
    });
    Ok(serve(tls, mcp, signals::stop()).await?)
}

/// Reads the certificates again on every SIGHUP.
#[cfg(unix)]
pub(crate) async fn reload_on_hangup(certificates: Arc<Certificates>) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup()).expect("a signal handler");
    while hangup.recv().await.is_some() {
        match certificates.reload() {
            Ok(()) => println!("The certificates were read again."),
            Err(why) => eprintln!("The certificates stay as they were: {why}"),
        }
    }
}

/// What the command line asks for, ready to be served.
///
/// # Errors
///
/// Which file or address cannot be used, and why, in one line.
pub(crate) async fn prepare(
    options: Options,
) -> Result<(TcpListener, Arc<Certificates>, McpService), String> {
    let knows_clients = options.client_authority.is_some();
    let certificates = Certificates::load(options.files, options.client_authority)?;
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.map_err(|error| format!("{}: {error}", options.listen))?;
    let mcp = service(knows_clients).map_err(|error| error.to_string())?;
    Ok((listener, Arc::new(certificates), mcp))
}
