//! Requests without a socket: straight into the service, so that the clock can be paused.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use mcp_wire::{McpService, ResponseBody};
use serde_json::{Value, json};

use super::{envelope, hello, message};

pub(crate) type Asked = Request<Full<Bytes>>;

/// A request with these headers; `Host` is one of them.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Asked {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

/// A POST of JSON.
pub(crate) fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Asked {
    let always = [("host", "localhost"), ("content-type", "application/json")];
    request("POST", path, &[&always, headers].concat(), body)
}

/// A request of a session at `/mcp`.
pub(crate) fn in_session(
    session: &str,
    id: impl Into<Value>,
    method: &str,
    params: Value,
) -> Asked {
    let body = message(id, method, params);
    post("/mcp", &[("mcp-session-id", session)], &body)
}

/// A request of 2026-07-28. `params` may have its own `_meta`, which is merged.
pub(crate) fn alone(id: impl Into<Value>, method: &str, mut params: Value) -> Asked {
    let mut meta = envelope(json!({}));
    if let Some(own) = params["_meta"].as_object() {
        for (key, value) in own {
            meta[key] = value.clone();
        }
    }
    params["_meta"] = meta;
    let mut headers = vec![
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", method),
    ];
    let name = params["name"].as_str().map(str::to_owned);
    if let Some(name) = &name {
        headers.push(("mcp-name", name));
    }
    post("/mcp", &headers, &message(id, method, params))
}

/// Opens a session for a revision, and returns its id.
pub(crate) async fn open(mcp: &McpService, version: &str) -> String {
    let hello = message(1, "initialize", hello(version, json!({})));
    let response = mcp.call(post("/mcp", &[], &hello)).await;
    let id = &response.headers()["mcp-session-id"];
    id.to_str().unwrap().to_owned()
}

/// The whole body.
pub(crate) async fn text(response: Response<ResponseBody>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// The next piece of a body; `None` at its end.
pub(crate) async fn piece(body: &mut ResponseBody) -> Option<String> {
    let frame = body.frame().await?.unwrap();
    let bytes = frame.into_data().unwrap();
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}

/// Opens an HTTP+SSE stream; returns its body and the path to POST to.
pub(crate) async fn open_sse(mcp: &McpService) -> (ResponseBody, String) {
    let response = mcp.call(request("GET", "/sse", &[("host", "localhost")], ""));
    let mut body = response.await.into_body();
    let first = piece(&mut body).await.unwrap();
    let path = first.lines().find_map(|line| line.strip_prefix("data: "));
    (body, path.unwrap().to_owned())
}
