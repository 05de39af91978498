//! The HTTP side of the bridge: one connection for each request.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Where the server is, and what every request to it says.
pub(crate) struct Server {
    authority: String,
    address: String,
    path: String,
    headers: HeaderMap,
}

/// Why a request has no response.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was not sent, so it can be sent again.
    Unreachable,
    /// The connection broke before the answer. Nobody knows whether the server has carried it out.
    Lost,
    /// The server does not know the session any more, and has not carried it out.
    SessionGone,
}

impl Server {
    /// Reads a URL, and headers such as `Authorization: Bearer …`.
    pub(crate) fn parse(url: &str, headers: &[String]) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|_| format!("{url:?} is not a URL"))?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("{url:?} does not begin with http://"));
        };
        let mut all = HeaderMap::new();
        for header in headers {
            let fault = || format!("{header:?} is not a header such as `Name: value`");
            let (name, value) = header.split_once(':').ok_or_else(fault)?;
            let name: HeaderName = name.trim().parse().map_err(|_| fault())?;
            let value = HeaderValue::from_str(value.trim()).map_err(|_| fault())?;
            all.append(name, value);
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self {
            authority: authority.to_string(),
            address: format!("{}:{port}", authority.host()),
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
            headers: all,
        })
    }

    /// Sends a request. Dropping the body of the response closes its connection.
    pub(crate) async fn send(
        &self,
        method: Method,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let socket = TcpStream::connect(&self.address).await;
        let socket = socket.map_err(|_| Failure::Unreachable)?;
        let _ = socket.set_nodelay(true);
        let handshake = http1::handshake(TokioIo::new(socket)).await;
        let (mut sender, connection) = handshake.map_err(|_| Failure::Unreachable)?;
        tokio::spawn(connection);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.path.parse().expect("the path of a URL");
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
}
