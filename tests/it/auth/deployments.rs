//! Two of the three ways to deploy, as in the examples `trusted_header` and `private_network`; the
//! other tests are about the third, tokens at the server.

use std::future::ready;
use std::net::IpAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode};

use super::*;

/// Takes the name of the user from a proxy, and from no other peer.
struct TrustedHeader(IpAddr);

impl Authorizer for TrustedHeader {
    fn authorize(
        &self,
        head: &Parts,
        peer: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>> {
        let user = head.headers.get("x-forwarded-user");
        let user = user.and_then(|user| user.to_str().ok());
        let is_proxy = peer.is_some_and(|peer| peer.ip() == self.0);
        let verdict = user.filter(|_| is_proxy).map(Identity::new);
        Box::pin(ready(verdict.ok_or_else(Challenge::missing)))
    }
}

/// Names machines by their addresses.
struct ByAddress;

impl Authorizer for ByAddress {
    fn authorize(
        &self,
        _: &Parts,
        peer: Option<SocketAddr>,
    ) -> BoxFuture<Result<Identity, Challenge>> {
        let identity = peer.map(|peer| Identity::new(peer.ip().to_string()));
        Box::pin(ready(identity.ok_or_else(Challenge::missing)))
    }
}

async fn status(
    mcp: &McpService,
    peer: Option<&str>,
    method: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, Option<String>) {
    let mcp = match peer {
        Some(peer) => mcp.with_peer_addr(SocketAddr::new(peer.parse().unwrap(), 1234)),
        None => mcp.clone(),
    };
    let mut request = Request::builder()
        .method(method)
        .uri("/mcp")
        .header("host", "localhost")
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = message(1, "initialize", hello("2025-11-25", json!({})));
    let body = if method == "POST" {
        body
    } else {
        String::new()
    };
    let response = mcp
        .call(request.body(Full::new(Bytes::from(body))).unwrap())
        .await;
    let session = response.headers().get("mcp-session-id");
    let session = session.map(|id| id.to_str().unwrap().to_owned());
    (response.status(), session)
}

/// SPEC F-50, F-53, PITFALLS R-7: the header counts only from the proxy's address, and sessions are
/// bound to its name.
#[tokio::test]
async fn behind_a_proxy_its_header_names_the_principal() {
    let proxy = "10.0.0.1";
    let mcp = McpService::builder(Server::new("Behind", "1"))
        .authorizer(TrustedHeader(proxy.parse().unwrap()))
        .build()
        .unwrap();
    let ada = ("x-forwarded-user", "ada");
    for (peer, headers, expected) in [
        (Some(proxy), &[ada][..], 200),
        (Some(proxy), &[], 401),
        (Some("10.0.0.2"), &[ada], 401),
        (None, &[ada], 401),
    ] {
        let (status, _) = status(&mcp, peer, "POST", headers).await;
        assert_eq!(status, expected, "{peer:?} {headers:?}");
    }
    let (_, session) = status(&mcp, Some(proxy), "POST", &[ada]).await;
    let session = session.expect("an id");
    let session = ("mcp-session-id", &*session);
    for (user, expected) in [("bob", 404), ("ada", 200)] {
        let headers = [("x-forwarded-user", user), session];
        let (status, _) = status(&mcp, Some(proxy), "DELETE", &headers).await;
        assert_eq!(status, expected, "{user}");
    }
}

/// SPEC C-77, C-78, PITFALLS R-7: machines of a private network have their own sessions and limits.
#[tokio::test]
async fn in_a_private_network_each_machine_is_one_principal() {
    let mcp = McpService::builder(Server::new("Private", "1"))
        .authorizer(ByAddress)
        .limits(|limits| {
            limits.sessions_per_principal = Some(1);
            limits.listen_streams_per_principal = Some(1);
        })
        .build()
        .unwrap();
    let (here, there) = (Some("10.0.0.1"), Some("10.0.0.2"));
    let (opened, first) = status(&mcp, here, "POST", &[]).await;
    assert_eq!(opened, 200);
    let (opened, second) = status(&mcp, there, "POST", &[]).await;
    assert_eq!(opened, 200);
    // Here an older session gives way to the next.
    let (opened, third) = status(&mcp, here, "POST", &[]).await;
    assert_eq!(opened, 200);
    for (session, place, found) in [
        (first, here, 404),
        (second, there, 200),
        (third.clone(), there, 404),
        (third, here, 200),
    ] {
        let session = session.unwrap();
        let session = [("mcp-session-id", &*session)];
        assert_eq!(status(&mcp, place, "DELETE", &session).await.0, found);
    }
}
