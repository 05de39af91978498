//! Classifying a request by its head, and then by its body.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use hyper::Request;
use hyper::http::request::Parts;

use crate::protocol::capabilities::CAPABILITIES_LIMIT;
use crate::protocol::era::settle;
use crate::protocol::exchange::{Endpoint, StreamableRules, classify};
use crate::protocol::fields::Fields;
use crate::wire::jsonrpc::MessageLimits;
use crate::wire::message;

const RULES: StreamableRules = StreamableRules {
    sessions: true,
    strict_accept: false,
};
const ID: &str = "0123456789abcdef0123456789abcdef";
/// A member of the params of a call.
const NAME: &str = r#""name":"echo""#;

pub(crate) fn head(c: &mut Criterion) {
    let mut group = c.benchmark_group("classify/head");
    for (name, endpoint, head, is_taken) in [
        ("POST to /mcp", Endpoint::Mcp, post(&session()), true),
        ("GET of /mcp", Endpoint::Mcp, listen("00c0ffee/0/17"), true),
        ("GET of /sse", Endpoint::Sse, get("text/event-stream"), true),
        ("POST to /messages/", Endpoint::Messages, message(ID), true),
        // A head may be 64 KiB long.
        (
            "Accept of 60 KiB",
            Endpoint::Sse,
            get(&accepted("text/x;q=0.5, ")),
            true,
        ),
        (
            "Accept of quotes",
            Endpoint::Sse,
            get(&accepted(r#"a/b;c="\",", "#)),
            true,
        ),
        ("Accept of commas", Endpoint::Sse, get(&accepted(",")), true),
        (
            "event id of 60 KiB",
            Endpoint::Mcp,
            listen(&"1".repeat(60 << 10)),
            true,
        ),
        (
            "a thousand headers",
            Endpoint::Mcp,
            post(&many_headers()),
            true,
        ),
        (
            "a thousand session ids",
            Endpoint::Messages,
            message(&many_ids()),
            false,
        ),
    ] {
        let classified = |head: &Parts| {
            let fields = Fields::read(&head.headers);
            classify(black_box(endpoint), head, &fields, RULES).is_ok()
        };
        assert_eq!(classified(&head), is_taken, "{name}");
        group.bench_function(name, |b| b.iter(|| classified(black_box(&head))));
    }
    group.finish();
}

pub(crate) fn body(c: &mut Criterion) {
    let mut group = c.benchmark_group("classify/body");
    for (name, headers, body, is_taken) in [
        ("modern call", modern(), call(&with_meta("", "{}")), true),
        ("call in a session", session(), call(NAME), true),
        ("initialize", Vec::new(), initialize(), true),
        (
            "argument of 1 MiB",
            modern(),
            call(&with_meta("", &string_of(1 << 20))),
            true,
        ),
        (
            "capabilities of 64 KiB",
            modern(),
            call(&with_meta(&many_keys(), "{}")),
            false,
        ),
        ("deep", modern(), call(&with_meta("", &deep())), true),
        ("batch of 64", session(), batch(), true),
        (
            "header that differs",
            differing(),
            call(&with_meta("", "{}")),
            false,
        ),
        ("modern without _meta", modern(), call(NAME), false),
        ("no message", modern(), string_of(64 << 10), false),
    ] {
        let head = post(&headers);
        let read = message::parse(&Bytes::from(body), &MessageLimits::default());
        let fields = Fields::read(&head.headers);
        assert_eq!(
            settle(&fields, read.clone(), true, CAPABILITIES_LIMIT).is_ok(),
            is_taken,
            "{name}"
        );
        group.bench_function(name, |b| {
            b.iter_batched(
                || read.clone(),
                |read| settle(black_box(&fields), read, true, CAPABILITIES_LIMIT),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

type Lines = Vec<(String, String)>;

fn lines(lines: &[(&str, &str)]) -> Lines {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    lines.iter().map(owned).collect()
}

fn session() -> Lines {
    lines(&[
        ("mcp-session-id", ID),
        ("mcp-protocol-version", "2025-11-25"),
    ])
}

fn modern() -> Lines {
    lines(&[
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "echo"),
    ])
}

fn differing() -> Lines {
    lines(&[
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "=?base64?b3RoZXI=?="),
    ])
}

fn many_headers() -> Lines {
    let line = |number| (format!("mcp-param-{number}"), "=?base64?".to_owned());
    session().into_iter().chain((0..1_000).map(line)).collect()
}

fn post(lines: &[(String, String)]) -> Parts {
    let mut request = Request::post("/mcp")
        .header("host", "127.0.0.1:8000")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    for (name, value) in lines {
        request = request.header(name, value);
    }
    parts(request)
}

fn get(accept: &str) -> Parts {
    parts(Request::get("/sse").header("accept", accept))
}

fn listen(last: &str) -> Parts {
    let request = Request::get("/mcp")
        .header("accept", "text/event-stream")
        .header("mcp-session-id", ID)
        .header("last-event-id", last);
    parts(request)
}

fn message(session: &str) -> Parts {
    parts(Request::post(format!("/messages/?session_id={session}")))
}

fn parts(request: hyper::http::request::Builder) -> Parts {
    request.body(()).expect("a request").into_parts().0
}

/// An `Accept` header whose last media type is the accepted one.
fn accepted(part: &str) -> String {
    part.repeat((60 << 10) / part.len()) + "text/event-stream"
}

fn many_ids() -> String {
    [ID; 1_000].join("&session_id=")
}

fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{{{params}}}}}"#)
}

fn with_meta(capabilities: &str, argument: &str) -> String {
    format!(
        r#"{NAME},"arguments":{{"a":{argument}}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"bench","version":"1.0"}},"io.modelcontextprotocol/clientCapabilities":{{{capabilities}}}}}"#
    )
}

fn initialize() -> String {
    r#"{"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1.0"}},"jsonrpc":"2.0","id":0}"#.to_owned()
}

fn batch() -> String {
    let calls: Vec<_> = (0..64)
        .map(|id| call(NAME).replace(r#""id":17"#, &format!(r#""id":{id}"#)))
        .collect();
    format!("[{}]", calls.join(","))
}

fn string_of(len: usize) -> String {
    format!("\"{}\"", "x".repeat(len))
}

/// Nested as deep as the limit allows.
fn deep() -> String {
    let inner = MessageLimits::MAX_DEPTH - 4;
    "[".repeat(inner) + &"]".repeat(inner)
}

fn many_keys() -> String {
    let keys: Vec<_> = (0..6_000).map(|key| format!(r#""k{key}":{{}}"#)).collect();
    keys.join(",")
}
