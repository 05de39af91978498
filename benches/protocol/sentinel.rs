//! Mirrored headers, plain or in the Base64 form `=?base64?…?=`.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::protocol::fields::Field;
use crate::protocol::header::MCP_NAME;
use crate::protocol::mirror::{Scalar, check};
use crate::wire::header_value::{decode, encode};

pub(crate) fn sentinel(c: &mut Criterion) {
    reading(c);
    writing(c);
    checking(c);
}

const LARGE: usize = 48 << 10;

fn reading(c: &mut Criterion) {
    let large = encode(&"Zürich".repeat(LARGE / 7)).into_owned();
    for (name, value, is_read) in [
        ("literal", "search_documents".to_owned(), true),
        ("Base64", encode("Zürich").into_owned(), true),
        ("literal of 48 KiB", "x".repeat(LARGE), true),
        ("Base64 of 48 KiB", large.clone(), true),
        // Only one level is decoded.
        ("Base64 in itself", nested(8), true),
        ("never closed", large.replace("?=", "? ="), true),
        (
            "spaces",
            " ".repeat(LARGE / 2) + "x" + &" ".repeat(LARGE / 2),
            true,
        ),
        // The last byte is invalid.
        ("bad alphabet", large.replace("?=", "!?="), false),
        ("invalid UTF-8", not_utf8(), false),
    ] {
        assert_eq!(decode(value.as_bytes()).is_ok(), is_read, "{name}");
        let mut group = c.benchmark_group("sentinel/read");
        group.throughput(Throughput::Bytes(value.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| decode(black_box(value.as_bytes())).is_ok());
        });
        group.finish();
    }
}

fn writing(c: &mut Criterion) {
    for (name, text) in [
        ("literal", "search_documents".to_owned()),
        ("Base64", "Zürich".to_owned()),
        ("literal of 48 KiB", "x".repeat(LARGE)),
        ("Base64 of 48 KiB", "Zürich".repeat(LARGE / 7)),
        ("space at the end", "x".repeat(LARGE) + " "),
        ("text that looks encoded", nested(8)),
    ] {
        let mut group = c.benchmark_group("sentinel/write");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| encode(black_box(&text)).len()));
        group.finish();
    }
}

fn checking(c: &mut Criterion) {
    let mut group = c.benchmark_group("sentinel/check");
    let large = "x".repeat(LARGE);
    let zeros = "1".to_owned() + &"0".repeat(LARGE);
    let fraction = "1.".to_owned() + &"0".repeat(LARGE);
    for (name, value, body, is_carried) in [
        ("text", "echo", Some(Scalar::Text("echo")), true),
        ("integer", "42", Some(Scalar::Integer(42)), true),
        ("text of 48 KiB", &large, Some(Scalar::Text(&large)), true),
        (
            "fraction of 48 KiB",
            &fraction,
            Some(Scalar::Integer(1)),
            true,
        ),
        ("number of 48 KiB", &zeros, Some(Scalar::Integer(1)), false),
        (
            "exponent",
            "1e999999999999999999",
            Some(Scalar::Integer(1)),
            false,
        ),
        ("not in the body", "echo", None, false),
    ] {
        let headers = header(MCP_NAME, value);
        let field = Field::of(&headers, &MCP_NAME);
        assert_eq!(check(field, &MCP_NAME, body).is_ok(), is_carried, "{name}");
        group.bench_function(name, |b| {
            b.iter(|| check(black_box(field), &MCP_NAME, black_box(body)).is_ok());
        });
    }
    group.finish();
}

fn header(name: HeaderName, value: &str) -> HeaderMap {
    let value = HeaderValue::from_str(value).expect("visible ASCII");
    HeaderMap::from_iter([(name, value)])
}

/// A text that was encoded this many times.
fn nested(times: usize) -> String {
    (0..times).fold("Zürich".to_owned(), |text, _| encode(&text).into_owned())
}

/// Base64 of bytes whose last three are not UTF-8.
fn not_utf8() -> String {
    let text = encode(&"é".repeat(LARGE / 3 / 2)).into_owned();
    let (text, _) = text.rsplit_once("?=").unwrap_or_default();
    let (text, _) = text.split_at(text.len() - 4);
    format!("{text}////?=")
}
