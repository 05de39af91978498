//! Any request, to a server with sessions and to one without: the server answers it, a refusal has a matching status
//! and JSON-RPC error code, and a POST to `/mcp` has the outcome that the oracle expects.
//!
//! An input is an HTTP/1.1 request with bare line feeds, so that seeds can be written by hand. `$3` and `$1` in a header stand for sessions of 2025-03-26 and 2025-11-25. See
//! [`Input::read`].

#![no_main]

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use libfuzzer_sys::fuzz_target;
use mcp_wire::jsonrpc::{ErrorObject, Json, Request as Asked};
use mcp_wire::sse::Decoder;
use mcp_wire::{BoxFuture, Context, Dispatcher, McpService, ResponseBody};
use mcp_wire_fuzz::era::{self, Server};
use mcp_wire_fuzz::runtime;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let Some(input) = Input::read(bytes) else {
        return;
    };
    runtime::paused().block_on(async {
        let with = McpService::builder(ByMethod)
            .timeouts(|timeouts| timeouts.keep_alive = None)
            .build();
        let without = McpService::builder(ByMethod).timeouts(|timeouts| timeouts.keep_alive = None);
        let without = without.without_sessions().build();
        ask(&with.unwrap(), true, &input).await;
        ask(&without.unwrap(), false, &input).await;
    });
});

/// A dispatcher that answers by the method alone.
struct ByMethod;

impl Dispatcher for ByMethod {
    fn request(&self, cx: Context, request: Asked) -> BoxFuture<Result<Json, ErrorObject>> {
        Box::pin(async move {
            match request.method() {
                "initialize" => {
                    let version = request.params().and_then(|params| params.name());
                    let version = version.as_deref().unwrap_or("2025-11-25");
                    Ok(Json::try_from(&json!({"protocolVersion": version})).expect("an object"))
                }
                "tools/call" => {
                    let _ = cx.notify("said", None);
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    let _ = cx.notify("said", None);
                    Ok(Json::empty())
                }
                "prompts/get" => {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    Ok(Json::empty())
                }
                method => match refuses(method) {
                    Some(code) => Err(ErrorObject::new(code, "no")),
                    None => Ok(Json::empty()),
                },
            }
        })
    }
}

fn refuses(method: &str) -> Option<i64> {
    match method {
        "initialize" | "ping" | "tools/call" | "prompts/get" => None,
        "resources/read" => Some(-32602),
        _ => Some(-32601),
    }
}

struct Input<'a> {
    method: Method,
    uri: Uri,
    headers: Vec<(HeaderName, &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Input<'a> {
    /// `<method> <path>` LF, lines of `<name>: <value>`, an empty line, the body. `None` if no
    /// HTTP server would accept it.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
        let (head, body) = (&bytes[..end], &bytes[end + 2..]);
        let mut lines = head.split(|byte| *byte == b'\n');
        let (method, uri) = split(lines.next()?, b' ')?;
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = split(line, b':')?;
            let value = value.strip_prefix(b" ").unwrap_or(value);
            HeaderValue::from_bytes(value).ok()?;
            headers.push((HeaderName::from_bytes(name).ok()?, value));
        }
        Some(Self {
            method: Method::from_bytes(method).ok()?,
            uri: Uri::try_from(uri).ok()?,
            headers,
            body,
        })
    }

    fn lines(&self, name: &str) -> Vec<&[u8]> {
        let lines = self.headers.iter().filter(|(it, _)| *it == name);
        lines.map(|(_, value)| *value).collect()
    }

    /// Whether the head passes all checks in the simplest way, so that the outcome depends on the body.
    fn is_plain(&self) -> bool {
        let accept = self.lines("accept");
        self.method == Method::POST
            && self.uri.path() == "/mcp"
            && self.uri.authority().is_none()
            && self.lines("host").is_empty()
            && self.lines("origin").is_empty()
            && self.lines("content-type") == [b"application/json"]
            && (accept.is_empty() || accept == [b"application/json, text/event-stream"])
    }
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let middle = text.iter().position(|byte| *byte == at)?;
    Some((&text[..middle], &text[middle + 1..]))
}

async fn ask(service: &McpService, sessions: bool, input: &Input<'_>) {
    let mut open = [String::new(), String::new()];
    if sessions {
        for (open, version) in open.iter_mut().zip(["2025-03-26", "2025-11-25"]) {
            *open = open_session(service, version).await;
        }
    }
    let headers: Vec<(String, Vec<u8>)> = input
        .headers
        .iter()
        .map(|(name, value)| {
            let value = match *value {
                b"$3" => open[0].as_bytes(),
                b"$1" => open[1].as_bytes(),
                value => value,
            };
            (name.as_str().to_owned(), value.to_vec())
        })
        .collect();
    let mut request = Request::builder().method(&input.method).uri(&input.uri);
    if input.lines("host").is_empty() {
        request = request.header("host", "127.0.0.1");
    }
    for (name, value) in &headers {
        request = request.header(name, value.as_slice());
    }
    let body = Full::new(Bytes::copy_from_slice(input.body));
    let Ok(request) = request.body(body) else {
        return;
    };
    let answer = Answer::read(service.call(request).await).await;
    answer.check(&input.method);
    if !input.is_plain() {
        return;
    }
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.clone(), value.as_slice()))
        .collect();
    let server = Server {
        sessions,
        open: [&open[0], &open[1]],
        refuses,
    };
    let expected = era::outcome(&server, &headers, input.body);
    assert_eq!(answer.status, expected.status, "{expected:?} {answer:?}");
    let code = answer
        .json
        .as_ref()
        .and_then(|body| body["error"]["code"].as_i64());
    assert_eq!(code, expected.code, "{expected:?} {answer:?}");
    let session = answer.headers.get("mcp-session-id");
    let session = session.map(|session| session.to_str().unwrap());
    let is_new = session.is_some_and(|session| open.iter().all(|open| open != session));
    assert_eq!(is_new, expected.opens, "{expected:?} {answer:?}");
    // SPEC D-3.
    assert!(!(expected.is_modern && session.is_some()), "{answer:?}");
}

async fn open_session(service: &McpService, version: &str) -> String {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"name": version}});
    let request = Request::post("/mcp")
        .header("host", "127.0.0.1")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())));
    let response = service.call(request.unwrap()).await;
    assert_eq!(response.status(), 200);
    let session = &response.headers()["mcp-session-id"];
    session.to_str().unwrap().to_owned()
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: Vec<u8>,
    json: Option<Value>,
}

impl Answer {
    /// Reads an answer to its end, or until a minute of silence.
    async fn read(response: Response<ResponseBody>) -> Self {
        let (head, mut body) = response.into_parts();
        let mut text = Vec::new();
        let patience = Duration::from_secs(60);
        while let Ok(Some(frame)) = tokio::time::timeout(patience, body.frame()).await {
            text.extend_from_slice(frame.unwrap().data_ref().unwrap());
        }
        let kind = head.headers.get("content-type");
        let is_json = kind.is_some_and(|kind| kind == "application/json");
        Self {
            status: head.status.as_u16(),
            json: is_json.then(|| serde_json::from_slice(&text).expect("JSON")),
            headers: head.headers,
            text,
        }
    }

    /// Checks what holds for every answer.
    fn check(&self, method: &Method) {
        let error = self.json.as_ref().map(|body| &body["error"]);
        let code = error.and_then(|error| error["code"].as_i64());
        let fits = match self.status {
            200 | 202 | 204 => true,
            400 => matches!(code, Some(-32700 | -32600 | -32602 | -32022..=-32020)),
            404 => matches!(code, Some(-32600 | -32601)),
            403 | 406 | 408 | 413 | 415 => code == Some(-32600),
            // A client that looks for the transport would take a JSON-RPC error for one (SPEC B-18).
            405 => {
                self.json.is_none()
                    && self.headers["content-type"] == "text/plain; charset=utf-8"
                    && self.headers.contains_key("allow")
            }
            503 => code == Some(-32603),
            _ => false,
        };
        assert!(fits, "{self:?}");
        if self.status >= 400 && self.status != 405 {
            let body = self.json.as_ref().unwrap();
            assert_eq!(body["jsonrpc"], "2.0");
            assert!(body["error"]["message"].is_string());
            assert!(body.get("result").is_none());
            assert_ne!(body.get("id"), Some(&Value::Null));
        }
        assert_eq!(
            self.status == 204,
            method == Method::OPTIONS && self.status < 400
        );
        if self.status == 200 && self.json.is_none() && !self.text.is_empty() {
            assert_eq!(self.headers["content-type"], "text/event-stream");
            assert!(self.text.ends_with(b"\n\n"));
            for event in Decoder::new().feed(&self.text) {
                if event.name == "message" && !event.data.is_empty() {
                    let message: Value = serde_json::from_str(&event.data).expect("JSON");
                    assert_eq!(message["jsonrpc"], "2.0");
                }
            }
        }
    }
}
