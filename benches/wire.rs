//! The time of `src/wire`: parsing a body, compared with three ways of parsing it with serde_json, and encoding
//! what the server sends.

use std::collections::HashMap;
use std::fmt::Write;
use std::hint::black_box;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use mcp_wire::EventId;
use mcp_wire::jsonrpc::{self, Id, Json, MessageLimits};
use mcp_wire::sse::{Event, EventName};
use serde_json::Value;
use serde_json::value::RawValue;

#[path = "support/criterion.rs"]
mod settings;

use settings::short_runs;

/// A call as the Python client of 2024-11-05 sends it.
const CALL: &str = r#"{"method":"tools/call","params":{"name":"search_documents","arguments":{"query":"server-sent events","limit":10,"include_archived":false,"tags":["http","sse"],"note":"caf\u00e9"},"_meta":{"progressToken":17}},"jsonrpc":"2.0","id":17}"#;

/// A call of 2026-07-28, with the client info in `_meta`.
const MODERN: &str = r#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello, world"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;

const PING: &str = r#"{"jsonrpc":"2.0","id":3,"method":"ping","params":{}}"#;

const INITIALIZE: &str = r#"{"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{"sampling":{},"roots":{"listChanged":true}},"clientInfo":{"name":"mcp","version":"0.1.0"}},"jsonrpc":"2.0","id":0}"#;

/// A call with one argument of `len` bytes. Like the contents of a file, each line ends with an escape.
fn long_call(len: usize) -> String {
    let line = r"The quick brown fox jumps over the lazy dog, and the dog does not mind.\n";
    let text = line.repeat(len / line.len());
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"write_file","arguments":{{"contents":"{text}"}}}}}}"#
    )
}

/// A call whose argument is nested as deep as the limit allows.
fn deep_call() -> String {
    let inner = MessageLimits::MAX_DEPTH - 3;
    let (open, close) = (r#"{"a":["#.repeat(inner / 2), "]}".repeat(inner / 2));
    call_with(&(open + &close))
}

/// A call with one argument, given as JSON.
fn call_with(argument: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{{"a":{argument}}}}}}}"#
    )
}

/// A string of 64 KiB that repeats `part`.
fn string_of(part: &str) -> String {
    call_with(&format!("\"{}\"", part.repeat((64 << 10) / part.len())))
}

/// An array of 64 KiB that repeats `part`.
fn array_of(part: &str) -> String {
    call_with(&format!("[{}0]", part.repeat((64 << 10) / part.len())))
}

/// An object with as many members as the limit allows, all of whose names a parser has to compare.
fn many_keys() -> String {
    let mut body = String::from(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"#);
    for key in 1..MessageLimits::MAX_MEMBERS {
        write!(body, r#""key{key}":0,"#).expect("a String takes every text");
    }
    body + r#""name":"t"}}"#
}

fn batch() -> String {
    let calls: Vec<_> = (0..64)
        .map(|id| CALL.replace(r#""id":17"#, &format!(r#""id":{id}"#)))
        .collect();
    format!("[{}]", calls.join(","))
}

fn parse(c: &mut Criterion) {
    for (name, body) in [
        ("modern call", MODERN.to_owned()),
        ("call", CALL.to_owned()),
        ("ping", PING.to_owned()),
        ("initialize", INITIALIZE.to_owned()),
        ("argument of 64 KiB", long_call(64 << 10)),
        ("argument of 1 MiB", long_call(1 << 20)),
        ("deep", deep_call()),
        ("many keys", many_keys()),
        ("batch of 64", batch()),
        ("escapes", string_of(r"\n")),
        ("code points", string_of(r"\ud83d\ude00")),
        ("not ASCII", string_of("привет ")),
        ("white space", array_of("\n        1,")),
        ("numbers", array_of("-12.5e-6,")),
        (
            "small objects",
            array_of(r#"{"a":1,"b":"x","c":[true,null]},"#),
        ),
    ] {
        let body = Bytes::from(body);
        let mut group = group(c, &format!("parse/{name}"), body.len());
        group.bench_function("mcp_wire", |b| {
            b.iter(|| {
                jsonrpc::parse(black_box(&body), &MessageLimits::default()).expect("a message")
            });
        });
        group.bench_function("Value", |b| {
            b.iter(|| serde_json::from_slice::<Value>(black_box(&body)).expect("JSON"));
        });
        group.bench_function("RawValue maps", |b| {
            b.iter(|| split(black_box(&body)));
        });
        // Not an option for a server: member names with escapes are errors here.
        group.bench_function("borrowed RawValue maps", |b| {
            b.iter(|| split_borrowed(black_box(&body)));
        });
        group.finish();
    }
}

/// Messages of 1 MiB that are expensive for a parser that builds a tree: they cost no more than reading their text
/// (FIELD X-4 and X-5). The first two are ordinary messages, for comparison.
fn refuse(c: &mut Criterion) {
    let filled = |part: &str, open: &str, close: &str| {
        let parts = part.repeat((1 << 20) / part.len());
        call_with_params(&format!("{open}{parts}{close}"))
    };
    let array = |part: &str| filled(part, r#""a":["#, "0]");
    let object = |part: &str| filled(part, r#""a":{"#, r#""x":0}"#);
    let params = |part: &str| filled(part, "", r#""x":0"#);
    for (name, is_refused, body) in [
        ("numbers", false, array("-12.5e-6,")),
        (
            "names in arguments",
            false,
            object(&format!("\"{}\":0,", "name".repeat(40))),
        ),
        ("small objects", true, array(r#"{"":1},"#)),
        ("small members", false, object(r#""na":0,"#)),
        ("small members with escapes", false, object(r#""\na":0,"#)),
        ("names in params", true, params(r#""na":0,"#)),
        ("names in params with escapes", true, params(r#""\na":0,"#)),
    ] {
        let body = Bytes::from(body);
        let mut group = group(c, &format!("refuse/{name}"), body.len());
        group.bench_function("mcp_wire", |b| {
            b.iter(|| {
                let parsed = jsonrpc::parse(black_box(&body), &MessageLimits::default());
                assert_eq!(parsed.is_err(), is_refused, "{name}");
            });
        });
        group.finish();
    }
}

fn call_with_params(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{params}}}}}"#)
}

type Members = HashMap<String, Box<RawValue>>;

/// How serde_json leaves values unparsed: maps of the members of each envelope, then of its params. Both maps own
/// their keys, because borrowed keys cannot have escapes.
fn split(body: &[u8]) -> Vec<(Members, Members)> {
    let envelopes: Vec<Members> = if body.starts_with(b"[") {
        serde_json::from_slice(body).expect("a batch")
    } else {
        vec![serde_json::from_slice(body).expect("an envelope")]
    };
    let with_params = |envelope: Members| {
        let params = serde_json::from_str(envelope["params"].get()).expect("params");
        (envelope, params)
    };
    envelopes.into_iter().map(with_params).collect()
}

type Borrowed<'a> = HashMap<&'a str, &'a RawValue>;

/// The same without copies.
fn split_borrowed(body: &[u8]) -> Vec<(Borrowed<'_>, Borrowed<'_>)> {
    let envelopes: Vec<Borrowed<'_>> = if body.starts_with(b"[") {
        serde_json::from_slice(body).expect("a batch")
    } else {
        vec![serde_json::from_slice(body).expect("an envelope")]
    };
    fn with_params(envelope: Borrowed<'_>) -> (Borrowed<'_>, Borrowed<'_>) {
        let params = serde_json::from_str(envelope["params"].get()).expect("params");
        (envelope, params)
    }
    envelopes.into_iter().map(with_params).collect()
}

fn encode(c: &mut Criterion) {
    for (name, data) in [
        ("small", result_with(r#"{"type":"text","text":"hello"}"#)),
        ("64 KiB", long_call(64 << 10)),
        ("deep", deep_call()),
        ("code points", string_of(r"\ud83d\ude00")),
        ("controls", string_of(r"\u0001")),
        ("not ASCII", string_of("привет ")),
        ("numbers", array_of("-12.5e-6,")),
    ] {
        event(c, name, &data);
        let mut group = group(c, &format!("encode/json, {name}"), data.len());
        let text = Bytes::copy_from_slice(data.as_bytes());
        group.bench_function("from text", |b| {
            b.iter(|| Json::parse(black_box(text.clone())).expect("an object"));
        });
        let value: Value = serde_json::from_str(&data).expect("JSON");
        group.bench_function("from value", |b| {
            b.iter(|| Json::try_from(black_box(&value)))
        });
        group.finish();
    }
    // The encoder writes a `data` field for each line, whatever ends the line.
    event(c, "line feeds", &"\n".repeat(64 << 10));
    event(c, "carriage returns", &"\r\n".repeat(32 << 10));
    c.bench_function("encode/id", |b| {
        b.iter(|| (Id::from(black_box(17)), Id::from(black_box("a-17"))));
    });
}

fn event(c: &mut Criterion, name: &str, data: &str) {
    let mut group = group(c, &format!("encode/event, {name}"), data.len());
    let id = EventId::parse("0/17").expect("visible ASCII");
    group.bench_function("with id", |b| {
        b.iter(|| {
            let event = Event::new(black_box(data)).name(EventName::Message);
            event.id(id.clone()).encode()
        });
    });
    group.finish();
}

fn result_with(content: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":17,"result":{{"content":[{content}]}}}}"#)
}

fn group<'a>(c: &'a mut Criterion, name: &str, bytes: usize) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes as u64));
    group
}

criterion_group! {
    name = benches;
    config = short_runs();
    targets = parse, refuse, encode
}
criterion_main!(benches);
