//! A client over TLS, of either protocol.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::fallible::Fallible;

/// What a client proves itself with.
pub(crate) type Proof = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A connection that is ready for requests.
pub(crate) enum Client {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    /// Connects, trusting this root alone, and offers these protocols (ALPN).
    ///
    /// # Errors
    ///
    /// The handshake fails.
    pub(crate) async fn connect(
        server: SocketAddr,
        root: &CertificateDer<'static>,
        proof: Option<Proof>,
        offered: &[&str],
    ) -> Fallible<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone())?;
        let config = ClientConfig::builder().with_root_certificates(roots);
        let mut config = match proof {
            Some((certificate, key)) => config.with_client_auth_cert(vec![certificate], key)?,
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = offered
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let socket = TcpStream::connect(server).await?;
        let connector = TlsConnector::from(Arc::new(config));
        let tls = connector
            .connect(ServerName::try_from("localhost")?, socket)
            .await?;
        let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        let io = TokioIo::new(tls);
        Ok(if is_http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            Self::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            Self::Http1(sender)
        })
    }

    /// The name of the protocol.
    pub(crate) fn protocol(&self) -> &'static str {
        match self {
            Self::Http1(_) => "HTTP/1.1",
            Self::Http2(_) => "HTTP/2",
        }
    }

    /// Asks the server who this client is, as a client of 2026-07-28 does.
    ///
    /// # Errors
    ///
    /// The server does not answer, or not with a text.
    pub(crate) async fn whoami(&mut self) -> Fallible<String> {
        let body = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "whoami",
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        });
        let target = match self {
            Self::Http1(_) => "/mcp",
            Self::Http2(_) => "https://localhost/mcp",
        };
        let mut request = Request::post(target)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "whoami");
        if matches!(self, Self::Http1(_)) {
            request = request.header("host", "localhost");
        }
        let response = self
            .send(request.body(Full::from(body.to_string()))?)
            .await?;
        let body = response.into_body().collect().await?.to_bytes();
        let answer: Value = serde_json::from_slice(&body)?;
        let text = answer["result"]["content"][0]["text"].as_str();
        Ok(text
            .ok_or_else(|| format!("an answer without a text: {answer}"))?
            .to_owned())
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => sender.send_request(request).await,
            Self::Http2(sender) => sender.send_request(request).await,
        }
    }
}
