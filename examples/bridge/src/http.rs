//! The HTTP side of the bridge: one connection for each request.

use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::trust::Trust;

/// How long a message waits for a server that cannot be reached, and how often it is tried again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const PAUSE: Duration = Duration::from_millis(300);

/// Where the server is, and what every request to it says.
pub struct Server {
    authority: String,
    address: String,
    path: String,
    headers: HeaderMap,
    tls: Option<Tls>,
}

struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// A connection, encrypted or not.
trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Why a request has no response.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was not sent, so it can be sent again.
    Unreachable,
    /// The certificate of the server is not believed. It was not sent, and waiting would not help.
    Untrusted(String),
    /// The connection broke before the answer. Nobody knows whether the server has carried it out.
    Lost,
    /// The server does not know the session any more, and has not carried it out.
    SessionGone,
    /// The server has refused it.
    Refused(StatusCode),
}

impl Failure {
    /// What the client is answered.
    pub(crate) fn answer(&self, id: &Value) -> Value {
        let error = json!({"code": -32603, "message": self.to_string()});
        json!({"jsonrpc": "2.0", "id": id, "error": error})
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "the server cannot be reached",
            Self::Untrusted(why) => {
                return write!(f, "the certificate of the server is not believed: {why}");
            }
            Self::Lost => "the connection to the server broke before the answer",
            Self::SessionGone => "the server does not keep the session",
            Self::Refused(status) => return write!(f, "the server answered {status}"),
        })
    }
}

impl Server {
    /// Reads a URL, and headers such as `Authorization: Bearer …`.
    ///
    /// # Errors
    ///
    /// Says what cannot be read.
    pub fn parse(url: &str, headers: &[String], trust: Trust) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|_| format!("{url:?} is not a URL"))?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) =
            (uri.scheme_str(), uri.authority())
        else {
            return Err(format!("{url:?} does not begin with http:// or https://"));
        };
        let mut all = HeaderMap::new();
        for header in headers {
            let fault = || format!("{header:?} is not a header such as `Name: value`");
            let (name, value) = header.split_once(':').ok_or_else(fault)?;
            let name: HeaderName = name.trim().parse().map_err(|_| fault())?;
            let value = HeaderValue::from_str(value.trim()).map_err(|_| fault())?;
            all.append(name, value);
        }
        let host = authority.host();
        let tls = match scheme {
            "https" => {
                // An IPv6 address has brackets in a URL alone.
                let name = host.trim_start_matches('[').trim_end_matches(']');
                let name = ServerName::try_from(name.to_owned());
                Some(Tls {
                    connector: trust.connector(),
                    name: name.map_err(|_| format!("{host:?} is not the name of a host"))?,
                })
            }
            _ => None,
        };
        let default_port = if tls.is_some() { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(default_port);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            authority: authority.to_string(),
            address: format!("{host}:{port}"),
            path: path.to_owned(),
            headers: all,
            tls,
        })
    }

    /// The path to which a reference of the server leads, from the path of the URL; `None` if it leads to another
    /// origin.
    pub(crate) fn resolve(&self, reference: &str) -> Option<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let base = self.path.split('?').next().unwrap_or_default();
        let path = if reference.contains("://") {
            let uri: Uri = reference.parse().ok()?;
            let is_same = uri.scheme_str() == Some(scheme)
                && uri.authority().map(|it| it.as_str()) == Some(&*self.authority);
            is_same.then(|| uri.path_and_query().map(ToString::to_string))??
        } else if reference.starts_with("//") {
            return None;
        } else if reference.starts_with('/') {
            reference.to_owned()
        } else if reference.starts_with('?') {
            format!("{base}{reference}")
        } else {
            let folder = base.rfind('/').map_or("/", |end| &base[..=end]);
            format!("{folder}{reference}")
        };
        path.parse::<Uri>().ok().map(|_| path)
    }

    /// Sends a request to the path of the URL. Dropping the body of the response closes its connection.
    pub(crate) async fn send(
        &self,
        method: Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        self.send_to(&self.path, method, headers, body).await
    }

    /// Sends a request to another path of the server.
    pub(crate) async fn send_to(
        &self,
        path: &str,
        method: Method,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let connection = TokioIo::new(self.connect().await?);
        let handshake = http1::handshake(connection).await;
        let (mut sender, connection) = handshake.map_err(|_| Failure::Unreachable)?;
        tokio::spawn(connection);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("the path of a URL");
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        let host = HeaderValue::from_str(&self.authority).expect("the authority of a URL");
        headers.insert(HOST, host);
        *request.headers_mut() = headers;
        sender
            .send_request(request)
            .await
            .map_err(|_| Failure::Lost)
    }

    async fn connect(&self) -> Result<Box<dyn Connection>, Failure> {
        let socket = TcpStream::connect(&self.address).await;
        let socket = socket.map_err(|_| Failure::Unreachable)?;
        let _ = socket.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return Ok(Box::new(socket));
        };
        match tls.connector.connect(tls.name.clone(), socket).await {
            Ok(encrypted) => Ok(Box::new(encrypted)),
            // What rustls refuses, in contrast to a connection that breaks because the server restarts.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Failure::Untrusted(error.to_string()))
            }
            Err(_) => Err(Failure::Unreachable),
        }
    }
}

/// The headers of a message.
pub(crate) fn json_headers() -> HeaderMap {
    let accept = HeaderValue::from_static("application/json, text/event-stream");
    let json = HeaderValue::from_static("application/json");
    [(ACCEPT, accept), (CONTENT_TYPE, json)]
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GOTCHAS 1: where messages go is a reference to the origin of the stream, and to no other.
    #[test]
    fn an_endpoint_leads_to_the_same_origin() {
        let of = |url: &str| Server::parse(url, &[], Trust::default()).unwrap();
        let plain = of("http://a.example:8000/x/sse?key=1");
        for (reference, path) in [
            ("/messages/?session_id=1", Some("/messages/?session_id=1")),
            ("?session_id=1", Some("/x/sse?session_id=1")),
            ("messages", Some("/x/messages")),
            ("http://a.example:8000/m", Some("/m")),
            ("http://b.example:8000/m", None),
            ("https://a.example:8000/m", None),
            ("http://a.example/m", None),
            ("//b.example/m", None),
            ("/a b", None),
        ] {
            assert_eq!(plain.resolve(reference).as_deref(), path, "{reference}");
        }
        let encrypted = of("https://a.example/sse");
        assert_eq!(encrypted.address, "a.example:443");
        assert_eq!(
            encrypted.resolve("https://a.example/m").as_deref(),
            Some("/m")
        );
        assert_eq!(encrypted.resolve("http://a.example/m"), None);
    }
}
