//! The parser never panics, and agrees with the oracle on any bytes: accepted or refused, the error code, the echoed
//! id, the kind of message, and the position of every part.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mcp_wire::jsonrpc::{self, Id, Json, Message, MessageLimits, Params, Payload, RawJson};
use mcp_wire_fuzz::oracle::{self, Costs, Kind, Node, Verdict};

fuzz_target!(|body: &[u8]| {
    let node = Node::read(body);
    let body = Bytes::copy_from_slice(body);
    same_verdict(&body, node.as_ref(), Costs::DEFAULT);
    // Limits that short bodies can reach. Each is exact.
    for (tree, members) in [(1500, 1000), (2500, 4), (6000, 12)] {
        same_verdict(&body, node.as_ref(), Costs { tree, members });
    }
    // Only one JSON object may be sent on unchanged.
    let json = Json::parse(body.clone());
    assert_eq!(json.is_ok(), matches!(node, Some(Node::Object(_))));
    if let Ok(json) = json {
        assert!(
            !json
                .as_bytes()
                .iter()
                .any(|byte| matches!(byte, b'\r' | b'\n'))
        );
        assert_eq!(Node::read(json.as_bytes()), node);
    }
});

fn same_verdict(body: &Bytes, node: Option<&Node<'_>>, costs: Costs) {
    let expected = oracle::judge(node, body.len(), costs);
    let mut limits = MessageLimits::default();
    limits.tree = costs.tree;
    limits.members = costs.members;
    match (jsonrpc::parse(body, &limits), expected) {
        (Ok(Payload::Single(message)), Ok(Verdict::Single(kind))) => same(&message, &kind),
        (Ok(Payload::Batch(messages)), Ok(Verdict::Batch(kinds))) => {
            assert_eq!(messages.len(), kinds.len());
            messages
                .iter()
                .zip(&kinds)
                .for_each(|(message, kind)| same(message, kind));
        }
        (Err(error), Err(refusal)) => {
            assert_eq!(error.code(), refusal.code, "{error}");
            assert_eq!(
                error.id().map(Id::as_bytes),
                refusal.id.map(str::as_bytes),
                "{error}"
            );
            assert_eq!(error.is_notification(), refusal.is_notification, "{error}");
        }
        (parsed, expected) => panic!("parsed {parsed:?}, expected {expected:?}, {costs:?}"),
    }
}

fn same(message: &Message, kind: &Kind<'_, '_>) {
    match (message, kind) {
        (Message::Request(request), Kind::Request { id, method, params }) => {
            assert_eq!(request.id().as_bytes(), id.as_bytes());
            assert_eq!(request.method(), *method);
            same_params(request.params(), *params);
        }
        (Message::Notification(notification), Kind::Notification { method, params }) => {
            assert_eq!(notification.method(), *method);
            same_params(notification.params(), *params);
        }
        (Message::Response(response), Kind::Result { id, result }) => {
            assert_eq!(
                response.id().as_ref().map(Id::as_bytes),
                Some(id.as_bytes())
            );
            same_value(response.outcome().ok(), Some(result));
        }
        (Message::Response(response), Kind::Error { id, error }) => {
            assert_eq!(
                response.id().as_ref().map(Id::as_bytes),
                id.map(str::as_bytes)
            );
            same_value(response.outcome().err(), Some(error));
        }
        _ => panic!("parsed {message:?}, expected {kind:?}"),
    }
    // The Debug output must not panic.
    let _ = format!("{message:?}");
}

fn same_params(parsed: Option<Params<'_>>, expected: Option<&Node<'_>>) {
    let Some(params) = parsed else {
        return assert_eq!(expected, None);
    };
    same_value(Some(params.as_raw()), expected);
    let member = |name| expected.and_then(|params| params.member(name));
    let text = |name| member(name).and_then(Node::as_str);
    assert_eq!(params.name().as_deref(), text("name"));
    assert_eq!(params.uri().as_deref(), text("uri"));
    assert_eq!(params.task_id().as_deref(), text("taskId"));
    same_value(params.arguments(), member("arguments"));
    let request_id = member("requestId")
        .and_then(Node::name_token)
        .filter(|token| token.len() <= MessageLimits::MAX_ID_LEN);
    let parsed = params.request_id();
    assert_eq!(
        parsed.as_ref().map(Id::as_bytes),
        request_id.map(str::as_bytes)
    );

    same_value(params.meta(), member("_meta"));
    let meta = |name: &str| member("_meta").and_then(|meta| meta.member(name));
    same_value(params.progress_token(), meta("progressToken"));
    for (parsed, name) in [
        (params.protocol_version(), "protocolVersion"),
        (params.client_capabilities(), "clientCapabilities"),
        (params.client_info(), "clientInfo"),
        (params.log_level(), "logLevel"),
    ] {
        let name = format!("io.modelcontextprotocol/{name}");
        same_value(parsed, meta(&name));
    }
}

/// The bytes of a part parse to the value that the oracle has there. Numbers and strings are compared by their
/// tokens, so they agree byte for byte.
fn same_value(parsed: Option<RawJson<'_>>, expected: Option<&Node<'_>>) {
    assert_eq!(parsed.is_some(), expected.is_some());
    if let Some(raw) = parsed {
        assert_eq!(Node::read(raw.as_bytes()).as_ref(), expected);
        assert_eq!(raw.as_str().as_deref(), expected.and_then(Node::as_str));
    }
}
