//! A minimal HTTP client.

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::fallible::Fallible;

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The header `WWW-Authenticate`; empty if it is missing.
    pub(crate) challenge: String,
    pub(crate) body: String,
}

pub(crate) async fn get(url: &str) -> Fallible<Answer> {
    send(Request::get(url).body(String::new())?).await
}

/// Sends a request whose URI is an absolute `http` URL.
pub(crate) async fn send(request: Request<String>) -> Fallible<Answer> {
    let (mut head, body) = request.into_parts();
    let host = head.uri.authority().ok_or("the URL has no host")?.clone();
    head.headers.insert("host", host.as_str().parse()?);
    head.uri = head
        .uri
        .path_and_query()
        .ok_or("the URL has no path")?
        .as_str()
        .parse()?;
    let socket = TcpStream::connect(host.as_str()).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::from_parts(head, Full::new(Bytes::from(body)));
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let challenge = match response.headers().get("www-authenticate") {
        Some(challenge) => challenge.to_str()?.to_owned(),
        None => String::new(),
    };
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok(Answer {
        status,
        challenge,
        body: String::from_utf8(body.to_vec())?,
    })
}
