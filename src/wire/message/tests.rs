//! What the parser accepts, and what it says about the rest. A case is a body and one line:
//!
//! - `request <id> <method> <params>`, `notification <method> <params>`
//! - `result <id> <object>`, `error <id or -> <object>`
//! - a batch is its messages in brackets
//! - a refusal is `<code> <id or -> <text for people>`, with `notification` in place of the id if the
//!   sender expects no answer

use std::fmt::Write;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::wire::json::{self, RawJson, steps};
use crate::wire::jsonrpc::{Id, MessageLimits};

fn read(body: impl AsRef<[u8]>) -> Result<Payload, ParseError> {
    parse(
        &Bytes::copy_from_slice(body.as_ref()),
        &MessageLimits::default(),
    )
}

#[track_caller]
fn request(body: &str) -> Request {
    match read(body) {
        Ok(Payload::Single(Message::Request(request))) => request,
        other => panic!("expected a request, got {other:?}"),
    }
}

fn line(payload: &Result<Payload, ParseError>) -> String {
    match payload {
        Ok(Payload::Single(message)) => message_line(message),
        Ok(Payload::Batch(messages)) => {
            let lines: Vec<_> = messages.iter().map(message_line).collect();
            format!("[{}]", lines.join(", "))
        }
        Err(error) => {
            let place = match error.id() {
                Some(id) => id.to_string(),
                None if error.is_notification() => "notification".into(),
                None => "-".into(),
            };
            format!("{} {place} {error}", error.code())
        }
    }
}

fn message_line(message: &Message) -> String {
    let (mut line, params) = match message {
        Message::Request(it) => (format!("request {} {}", it.id(), it.method()), it.params()),
        Message::Notification(it) => (format!("notification {}", it.method()), it.params()),
        Message::Response(it) => {
            let id = it.id().map_or_else(|| "-".into(), |id| id.to_string());
            return match it.outcome() {
                Ok(result) => format!("result {id} {result:?}"),
                Err(error) => format!("error {id} {error:?}"),
            };
        }
    };
    if let Some(params) = params {
        write!(line, " {params:?}").unwrap();
    }
    line
}

#[track_caller]
fn check(body: impl AsRef<[u8]>, expected: &str) {
    assert_eq!(line(&read(body)), expected);
}

/// Checks an object that has `jsonrpc` and these members.
#[track_caller]
fn envelope(members: &str, expected: &str) {
    check(format!(r#"{{"jsonrpc":"2.0",{members}}}"#), expected);
}

/// Checks the id of a request, given as its token.
#[track_caller]
fn id(token: &str, expected: &str) {
    envelope(&format!(r#""id":{token},"method":"m""#), expected);
}

/// Checks the params of request 1.
#[track_caller]
fn params(token: &str, expected: &str) {
    envelope(
        &format!(r#""id":1,"method":"m","params":{token}"#),
        expected,
    );
}

/// Checks the messages of a batch, each given without braces and `jsonrpc`.
#[track_caller]
fn batch(messages: &[&str], expected: &str) {
    let messages: Vec<_> = messages
        .iter()
        .map(|members| format!(r#"{{"jsonrpc":"2.0",{members}}}"#))
        .collect();
    check(format!("[{}]", messages.join(",")), expected);
}

const VERSION: &str = r#"invalid request: `jsonrpc` must be the string "2.0""#;
const ID_TYPE: &str = "-32600 - invalid request: `id` must be a string or an integer";
const MIXED: &str = "invalid request: `method`, `result` and `error` are mutually exclusive";
const NO_MESSAGE: &str = "invalid request: expected an object with `method`, `result` or `error`";

/// SPEC A-1: "`jsonrpc` is the string "2.0"; a missing or different value makes the message
/// invalid".
#[test]
fn the_version_is_the_string_2_0() {
    let refused = format!("-32600 1 {VERSION}");
    for version in [
        "\"1.0\"",
        "\"2\"",
        "2.0",
        "2",
        "null",
        "[\"2.0\"]",
        "\" 2.0\"",
    ] {
        check(
            format!(r#"{{"jsonrpc":{version},"id":1,"method":"m"}}"#),
            &refused,
        );
    }
    check(r#"{"id":1,"method":"m"}"#, &refused);
    check(r#"{"JSONRPC":"2.0","id":1,"method":"m"}"#, &refused);
    check(
        r#"{"method":"m"}"#,
        &format!("-32600 notification {VERSION}"),
    );
    check(r#"{"id":1,"result":{}}"#, &format!("-32600 - {VERSION}"));
    check(
        r#"{"jsonrpc":"\u0032.0","id":1,"method":"m"}"#,
        "request 1 m",
    );
}

/// SPEC A-2: "Classify by members as in A.1; a mixed object is invalid".
#[test]
fn the_members_decide_the_kind() {
    envelope(r#""id":1,"method":"m""#, "request 1 m");
    envelope(r#""method":"m""#, "notification m");
    envelope(r#""id":1,"result":{"a":[]}"#, r#"result 1 {"a":[]}"#);
    envelope(r#""id":1,"error":{"code":1}"#, r#"error 1 {"code":1}"#);
    envelope(r#""error":{}"#, "error - {}");

    envelope(
        r#""id":1,"method":"m","result":{}"#,
        &format!("-32600 1 {MIXED}"),
    );
    envelope(
        r#""id":1,"method":"m","error":{}"#,
        &format!("-32600 1 {MIXED}"),
    );
    envelope(
        r#""id":1,"method":"m","result":null"#,
        &format!("-32600 1 {MIXED}"),
    );
    envelope(
        r#""id":1,"result":{},"error":{}"#,
        &format!("-32600 - {MIXED}"),
    );
    envelope(
        r#""id":1,"result":{},"error":null"#,
        &format!("-32600 - {MIXED}"),
    );
    envelope(
        r#""method":"m","result":{}"#,
        &format!("-32600 notification {MIXED}"),
    );
    envelope(r#""id":1"#, &format!("-32600 1 {NO_MESSAGE}"));
    envelope(r#""a":1"#, &format!("-32600 - {NO_MESSAGE}"));
    check("{}", &format!("-32600 - {VERSION}"));
}

/// SPEC A.1: "everything else (scalar, …)" is an invalid request, not a parse error.
#[test]
fn a_scalar_is_json_and_no_message() {
    for scalar in ["1", "-1.5e3", "\"ping\"", "true", "false", " null\n"] {
        check(scalar, &format!("-32600 - {NO_MESSAGE}"));
    }
}

/// SPEC A.1: `method` is a string, `result` and `error` are objects, a result has its id.
#[test]
fn members_have_their_types() {
    let text = "-32600 1 invalid request: `method` must be a string";
    for method in ["5", "null", "[\"m\"]", "{}", "true"] {
        envelope(&format!(r#""id":1,"method":{method}"#), text);
    }
    envelope(
        r#""method":5"#,
        "-32600 notification invalid request: `method` must be a string",
    );
    for value in ["null", "[]", "\"x\"", "0"] {
        envelope(
            &format!(r#""id":1,"result":{value}"#),
            "-32600 - invalid request: `result` must be an object",
        );
        envelope(
            &format!(r#""id":1,"error":{value}"#),
            "-32600 - invalid request: `error` must be an object",
        );
    }
    envelope(
        r#""result":{}"#,
        "-32600 - invalid request: a `result` needs the `id` of its request",
    );
}

/// SPEC A-3: "A request id is a string or an integer. `null`, booleans, fractions, arrays, objects
/// → -32600. Empty string, 0 and negative integers are valid."
#[test]
fn a_request_id_is_a_string_or_an_integer() {
    for token in ["\"\"", "\"a b\"", "0", "-7", "9007199254740993"] {
        id(token, &format!("request {token} m"));
    }
    for token in ["true", "false", "1.5", "[]", "[1]", "{}", "{\"a\":1}"] {
        id(token, ID_TYPE);
    }
    envelope(r#""id":1.5,"result":{}"#, ID_TYPE);
    envelope(r#""id":null,"error":{}"#, ID_TYPE);
}

/// SPEC A-4: "`id:null` together with `method` is an invalid request, never a notification".
#[test]
fn an_id_of_null_makes_no_notification() {
    id("null", ID_TYPE);
    let error = read(r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#).unwrap_err();
    assert!(!error.is_notification());
}

/// SPEC A-5: "Echo the id with the same JSON type and exact value". PITFALLS R-39: byte for byte.
#[test]
fn an_id_keeps_its_bytes() {
    for token in [
        "1",
        "\"1\"",
        "-0",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        r#""\u00e9""#,
        r#""\/\"\\\ud83e\udd80""#,
        "\"é🦀\"",
    ] {
        id(token, &format!("request {token} m"));
        let body = format!(r#"{{"jsonrpc":"2.0","id": {token} ,"method":"m"}}"#);
        assert_eq!(request(&body).id().as_bytes(), token.as_bytes());
    }
}

/// SPEC A-6, PITFALLS R-39: `1.0` and `1e0` are refused as ids: no client may find its id changed.
#[test]
fn an_id_with_a_fraction_or_an_exponent_is_refused() {
    for token in ["1.0", "1e0", "1E2", "-0.0", "1e+2", "1e999"] {
        id(token, ID_TYPE);
    }
}

/// SPEC A-5: "Larger literals: reject rather than round". PITFALLS R-39: up to a length limit.
#[test]
fn a_long_id_is_refused() {
    let longest = "9".repeat(256);
    id(&longest, &format!("request {longest} m"));
    let text =
        "-32600 - invalid request: `id` is longer than 256 bytes (limit: `Limits::message.id_len`)";
    id(&"9".repeat(257), text);
    id(&format!("\"{}\"", "x".repeat(255)), text);
}

#[test]
fn a_long_method_is_refused() {
    let longest = "m".repeat(254);
    envelope(
        &format!(r#""id":1,"method":"{longest}""#),
        &format!("request 1 {longest}"),
    );
    envelope(
        &format!(r#""id":1,"method":"m{longest}""#),
        "-32600 1 invalid request: `method` is longer than 256 bytes (limit: `Limits::message.method_len`)",
    );
}

/// SPEC A-9: "When the request id could not be read, leave the `id` member out."
#[test]
fn an_id_that_could_not_be_read_is_not_echoed() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"m""#,
        r#"{"jsonrpc":"2.0","id":{},"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":1,"method":"m"}"#,
        // A second repeated member does not hide the first.
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"id":2,"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":1,"i\u0064":2,"method":"m","method":"m"}"#,
        "[1]",
    ] {
        let error = read(body).unwrap_err();
        assert_eq!(error.id(), None, "{body}");
        assert!(!error.is_notification(), "{body}");
    }
}

/// SPEC A-11: "If the id was readable, errors for that request carry it". GOTCHAS 22: clients
/// write the members in any order, and the id after the params.
#[test]
fn a_readable_id_is_echoed_wherever_it_stands() {
    let bad = [r#""params":[]"#, r#""params":{"_meta":5}"#, r#""params":5"#];
    for bad in bad {
        for members in [
            format!(r#""id":"a","method":"m",{bad}"#),
            format!(r#""method":"m",{bad},"id":"a""#),
            format!(r#"{bad},"id":"a","method":"m""#),
        ] {
            let body = format!(r#"{{"jsonrpc":"2.0",{members}}}"#);
            let error = read(&body).unwrap_err();
            assert_eq!(error.id(), Some(&Id::from("a")), "{body}");
        }
    }
    check(r#"{"method":"m","id":7}"#, &format!("-32600 7 {VERSION}"));
    check(
        r#"{"method":"m","params":{"x":1},"jsonrpc":"2.0","id":7}"#,
        r#"request 7 m {"x":1}"#,
    );
    check(r#"{"result":{},"id":7,"jsonrpc":"2.0"}"#, "result 7 {}");
}

/// The id of a response is one of ours: an error that carried it would answer a request of the
/// client that happens to have the same id.
#[test]
fn the_id_of_a_response_is_not_echoed() {
    for members in [r#""result":5"#, r#""error":5"#, r#""result":{},"error":{}"#] {
        let error = read(format!(r#"{{"jsonrpc":"2.0","id":1,{members}}}"#)).unwrap_err();
        assert_eq!(error.id(), None, "{members}");
    }
}

/// SPEC A-16: "`params`, when present, is an object." SPEC A-17: "`params` as array → -32602;
/// `params:null` → treat as absent".
#[test]
fn params_are_an_object() {
    params("{}", "request 1 m {}");
    params("null", "request 1 m");
    for token in ["\"x\"", "5", "true"] {
        params(
            token,
            "-32600 1 invalid request: `params` must be an object",
        );
    }
    for token in ["[]", "[1,{}]"] {
        params(
            token,
            "-32602 1 invalid params: `params` must be an object, positional parameters are not used",
        );
    }
    envelope(
        r#""method":"m","params":5"#,
        "-32600 notification invalid request: `params` must be an object",
    );
    envelope(r#""method":"m","params":null"#, "notification m");
    // A response has no params, so there they are an extra member.
    envelope(r#""id":1,"result":{},"params":5"#, "result 1 {}");
}

/// SPEC A-18: "Extra members on the envelope or in params are ignored, not rejected".
#[test]
fn extra_members_are_ignored() {
    envelope(
        r#""id":1,"foo":1,"method":"m","params":{"foo":[{}]},"bar":{"id":2,"id":3}"#,
        r#"request 1 m {"foo":[{}]}"#,
    );
    envelope(r#""":0,"method":"m","Id":null"#, "notification m");
}

/// SPEC A-20, A-22: the parser knows no method. Names are case-sensitive and unknown ones pass, so
/// that a request gets -32601 and a notification is dropped by those who know.
#[test]
fn any_method_name_passes_as_it_is() {
    for method in [
        "Tools/List",
        "rpc.x",
        "foo/bar",
        "",
        "notifications/foo",
        "é",
    ] {
        envelope(
            &format!(r#""id":1,"method":"{method}""#),
            &format!("request 1 {method}"),
        );
        envelope(
            &format!(r#""method":"{method}""#),
            &format!("notification {method}"),
        );
    }
    envelope(
        r#""id":1,"method":"tools\/l\u0069st""#,
        "request 1 tools/list",
    );
}

/// SPEC A-23: "Bodies are UTF-8. Invalid UTF-8 or JSON → -32700 without id". PITFALLS R-40: each a defined
/// refusal: trailing garbage, an empty body, lone surrogates.
#[test]
fn bytes_that_are_not_utf8_json_are_a_parse_error() {
    #[track_caller]
    fn refused(body: impl AsRef<[u8]>, text: &str) {
        check(body, &format!("-32700 - parse error: {text}"));
    }
    refused("", "the body is empty");
    refused(" \r\n\t", "the body is empty");
    refused(
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xFF\"}",
        "the body is not UTF-8 from byte 34 on",
    );
    refused(b"\"\xED\xA0\x80\"", "the body is not UTF-8 from byte 1 on");
    refused("{", "expected a member name at byte 1");
    refused("{\"a\"", "expected `:` at byte 4");
    refused("{\"a\":", "expected a value at byte 5");
    refused("{\"a\":1", "expected `,` or `}` at byte 6");
    refused("{\"a\":1,}", "expected a member name at byte 7");
    refused("[1", "expected `,` or `]` at byte 2");
    refused("[1,]", "expected a value at byte 3");
    refused("[01]", "expected `,` or `]` at byte 2");
    refused("[-]", "expected a digit at byte 2");
    refused("[1.]", "expected a digit at byte 3");
    refused("[1e]", "expected a digit at byte 3");
    refused("[+1]", "expected a value at byte 1");
    refused("[tru]", "expected a value at byte 1");
    refused("[NaN]", "expected a value at byte 1");
    refused("['a']", "expected a value at byte 1");
    refused("[1]//", "expected the end of the body at byte 3");
    refused("{}{}", "expected the end of the body at byte 2");
    refused("\"a", "expected the end of a string at byte 2");
    refused(
        "\"a\nb\"",
        "expected no raw control character in a string at byte 2",
    );
    refused("\"\\x\"", "expected an escape at byte 1");
    refused("\"\\u12g4\"", "expected four hex digits at byte 1");
    refused("\"\\ud800\"", "expected a surrogate pair at byte 7");
    refused("\"\\udc00\"", "expected a surrogate pair at byte 7");
    refused("\"\\ud800\\u0041\"", "expected a low surrogate at byte 13");
    refused("null\0", "expected the end of the body at byte 4");
    // A valid request does not excuse what follows it.
    refused(
        r#"{"jsonrpc":"2.0","id":1,"method":"m"}x"#,
        "expected the end of the body at byte 37",
    );
    // That it is not JSON goes before what else is wrong.
    refused(
        r#"{"id":null,"id":[],"#,
        "expected a member name at byte 19",
    );
    refused(r#"[1,"#, "expected a value at byte 3");
}

/// SPEC A-24: "BOM + valid JSON": reject as -32700.
#[test]
fn a_byte_order_mark_is_not_json() {
    check(
        "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}",
        "-32700 - parse error: the body begins with a byte order mark",
    );
    // U+FF5B begins with the same byte as the mark.
    check(
        "\u{ff5b}}",
        "-32700 - parse error: expected a value at byte 0",
    );
}

/// SPEC A-25, G-47: "Refuse duplicate member names at least in the envelope, `params` and `_meta`".
/// PITFALLS R-38: escapes in names are decoded before they are compared.
#[test]
fn duplicate_member_names_are_refused() {
    #[track_caller]
    fn refused(members: &str, id: &str, name: &str, of: &str) {
        let text = format!("invalid request: the member `{name}` of {of} is duplicated");
        envelope(members, &format!("-32600 {id} {text}"));
    }
    let envelope = "the message";
    refused(
        r#""id":1,"method":"m","jsonrpc":"2.0""#,
        "1",
        "jsonrpc",
        envelope,
    );
    refused(r#""id":1,"id":1,"method":"m""#, "-", "id", envelope);
    refused(
        r#""id":1,"method":"m","method":"m""#,
        "1",
        "method",
        envelope,
    );
    refused(
        r#""id":1,"method":"m","\u006dethod":"n""#,
        "1",
        "method",
        envelope,
    );
    refused(
        r#""method":"m","params":{},"params":{}"#,
        "notification",
        "params",
        envelope,
    );
    refused(r#""id":1,"result":{},"result":{}"#, "-", "result", envelope);
    refused(r#""id":1,"error":{},"error":{}"#, "-", "error", envelope);
    refused(r#""id":1,"method":"m","x":1,"x":1"#, "1", "x", envelope);
    let params = "`params`";
    refused(
        r#""id":1,"method":"m","params":{"name":1,"name":1}"#,
        "1",
        "name",
        params,
    );
    refused(
        r#""id":1,"method":"m","params":{"uri":1,"ur\u0069":1}"#,
        "1",
        "uri",
        params,
    );
    refused(
        r#""id":1,"method":"m","params":{"_meta":{},"_meta":5}"#,
        "1",
        "_meta",
        params,
    );
    refused(
        r#""id":1,"method":"m","params":{"_meta":{"a":1,"a":2}}"#,
        "1",
        "a",
        "`_meta`",
    );
    // Ten names, so that the set of many is asked too.
    let many: String = (0..10).map(|n| format!(r#""k{n}":0,"#)).collect();
    refused(
        &format!(r#""id":1,"method":"m","params":{{{many}"k9":0}}"#),
        "1",
        "k9",
        params,
    );
}

/// SPEC A-25 ends at `_meta`: the handler decides what duplicates in its arguments mean.
#[test]
fn arguments_may_have_duplicate_names() {
    params(
        r#"{"arguments":{"a":1,"a":2}}"#,
        r#"request 1 m {"arguments":{"a":1,"a":2}}"#,
    );
}

/// PITFALLS R-38: "NUL-suffixed keys are other keys", and so are keys of another case.
#[test]
fn names_are_compared_byte_for_byte() {
    envelope(
        r#""id":1,"method":"m","method\u0000":"n","Method":"o","METHOD":5,"ｍethod":0"#,
        "request 1 m",
    );
    envelope(r#""\u0069d":1,"\u006d\u0065thod":"m""#, "request 1 m");
    envelope(r#""id\u0000":1,"method":"m""#, "notification m");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"name\u0000":"x","Name":"y"}}"#;
    assert_eq!(request(body).params().unwrap().name(), None);
}

/// SPEC A-26, PITFALLS R-40: "Depth > 64": -32700, without a stack that grows.
#[test]
fn depth_ends_at_64() {
    let deep = |depth: usize| {
        // The envelope and the params are two of the levels.
        let inner = depth - 2;
        let (open, close) = ("[".repeat(inner), "]".repeat(inner));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"x":{open}{close}}}}}"#)
    };
    assert_eq!(request(&deep(64)).method(), "m");
    let refused =
        "-32700 - parse error: nested deeper than 64 levels (limit: `Limits::message.depth`)";
    check(deep(65), refused);
    check("[".repeat(100_000), refused);
    check("{\"a\":".repeat(100_000), refused);
    check(format!("{}{}", "[".repeat(65), "]".repeat(65)), refused);
    // In a batch the array is one level more.
    check(format!("[{}]", deep(64)), refused);
    assert!(matches!(
        read(format!("[{}]", deep(63))),
        Ok(Payload::Batch(_))
    ));
    // Siblings add nothing.
    let wide = "[],".repeat(1000);
    params(
        &format!(r#"{{"x":[{wide}{{}}]}}"#),
        &format!(r#"request 1 m {{"x":[{wide}{{}}]}}"#),
    );
}

/// PITFALLS R-40: "time linear in size". A quadratic reader would need minutes for this test.
#[test]
fn hostile_objects_cost_linear_time() {
    let names = |last: &str| {
        let names: String = (0..100_000).map(|n| format!(r#""{n}":0,"#)).collect();
        format!(r#"{names}"{last}":0"#)
    };
    let (distinct, repeated) = (names("x"), names("99999"));
    let limits = MessageLimits {
        members: 200_000,
        ..MessageLimits::default()
    };
    for (inner, refused) in [(&distinct, false), (&repeated, true)] {
        for members in [
            format!(r#""id":1,"method":"m",{inner}"#),
            format!(r#""id":1,"method":"m","params":{{{inner}}}"#),
            format!(r#""id":1,"method":"m","params":{{"_meta":{{{inner}}}}}"#),
        ] {
            let body = format!(r#"{{"jsonrpc":"2.0",{members}}}"#);
            let verdict = parse(&body.into(), &limits);
            assert_eq!(verdict.is_err(), refused);
        }
    }
    let escapes = r"\u0061".repeat(100_000);
    params(
        &format!(r#"{{"name":"{escapes}"}}"#),
        &format!(r#"request 1 m {{"name":"{escapes}"}}"#),
    );
}

/// PITFALLS R-40: "time linear in size", in steps: four times the body, four times the steps, and never more
/// than a few for a byte. So for what is refused, too.
#[test]
fn steps_are_linear_in_size() {
    let call =
        |params: String| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{params}}}"#);
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(60), close.repeat(60));
    type Make<'a> = &'a dyn Fn(usize) -> String;
    let bodies: [(&str, Make<'_>); 15] = [
        ("digits of a fraction", &|n| {
            call(format!("{{\"x\":-0.{}}}", "1234".repeat(n)))
        }),
        ("digits of an exponent", &|n| {
            call(format!("{{\"x\":1.0e{}}}", "1234".repeat(n)))
        }),
        ("members with escapes in arguments", &|n| {
            let inner = r#""\u0024a":0,"\nb":0,"#.repeat(n);
            call(format!("{{\"arguments\":{{{inner}\"x\":0}}}}"))
        }),
        ("members", &|n| {
            call(format!("{{{}\"x\":0}}", r#""a\u0062":0,"#.repeat(n)))
        }),
        ("names", &|n| {
            let names: String = (0..n).map(|n| format!(r#""{n}":0,"#)).collect();
            call(format!("{{{names}\"x\":0}}"))
        }),
        ("metas", &|n| {
            call(format!("{{{}\"x\":0}}", r#""_meta":{},"#.repeat(n)))
        }),
        ("nested objects", &|n| {
            let inner = nested("{\"a\":", "}").replace(":}", ":0}");
            call(format!(
                "{{\"arguments\":[{}0]}}",
                format!("{inner},").repeat(n)
            ))
        }),
        ("nested arrays", &|n| {
            call(format!(
                "{{\"x\":[{}0]}}",
                format!("{},", nested("[", "]")).repeat(n)
            ))
        }),
        ("escapes", &|n| {
            call(format!("{{\"name\":\"{}\"}}", r"\u0061\n".repeat(n)))
        }),
        ("a string", &|n| {
            call(format!("{{\"name\":\"{}\"}}", "abcdefgh".repeat(n)))
        }),
        ("digits", &|n| {
            call(format!("{{\"x\":{}}}", "1234".repeat(n)))
        }),
        ("white space", &|n| {
            call(format!("{{ {} }}", " \n\t".repeat(n)))
        }),
        ("an open array", &|n| "[".repeat(n)),
        ("an open string", &|n| format!("\"{}", "\\\\".repeat(n))),
        ("a batch", &|n| {
            format!(
                "[{}0]",
                r#"{"jsonrpc":"2.0","id":1,"method":"m"},"#.repeat(n)
            )
        }),
    ];
    for (what, body) in bodies {
        let steps = |n| {
            let body = body(n);
            let len = body.len();
            let steps = steps::of(|| drop(read(body)));
            assert!(steps <= 2 * len, "{what}: {steps} for {len} bytes");
            steps
        };
        let (few, many) = (steps(500), steps(2000));
        assert!(many <= 4 * few, "{what}: {few}, {many}");
    }
}

/// Limits of which only these two are low.
fn low(tree: usize, members: usize) -> MessageLimits {
    MessageLimits {
        tree,
        members,
        ..MessageLimits::default()
    }
}

/// FIELD X-4: the price of a tree is a sum over its parts, and one byte less than the sum is too little.
#[test]
fn the_price_of_a_tree_is_added_up_as_values_go_by() {
    #[track_caller]
    fn priced(value: &str, price: usize) {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{"arguments":{value}}}}}"#);
        let body = Bytes::from(body);
        // The message has three members and two strings; the params have one member.
        let price = body.len() + (544 + 3 * 164 + 2 * 32) + (544 + 164) + price;
        assert!(parse(&body, &low(price, 10)).is_ok(), "{value}");
        let error = parse(&body, &low(price - 1, 10)).unwrap_err();
        assert_eq!(error.code(), -32600, "{value}");
        let says = format!(
            "more than {} bytes of memory (limit: `Limits::message.tree`)",
            price - 1
        );
        assert!(error.to_string().ends_with(&says), "{error}");
    }
    for nothing in ["1", "-1.5e3", "true", "null", "[]", "{}", "[ ]", "{ }"] {
        priced(nothing, 0);
    }
    priced(r#""""#, 32);
    priced(r#""\u00e9""#, 32);
    priced("[1]", 80 + 64);
    priced("[1,2 , 3]", 80 + 3 * 64);
    priced("[[],[]]", 80 + 2 * 64);
    priced("[[1],{}]", 80 + 2 * 64 + 80 + 64);
    priced(r#"[["",1]]"#, 80 + 64 + 80 + 2 * 64 + 32);
    priced(r#"{"":0}"#, 544 + 164);
    priced(r#"{"a":"b", "a":{}}"#, 544 + 2 * 164 + 32);
    priced(r#"{"a":{"b":[0,{"c":0}]}}"#, 3 * (544 + 164) + 80 + 2 * 64);
}

/// FIELD X-4: the messages of a batch share the limit, and a refused request keeps its id.
#[test]
fn a_tree_that_is_too_large_is_refused_under_the_id_of_its_request() {
    let refused = "as a tree, the values take more than 2400 bytes of memory (limit: \
                   `Limits::message.tree`)";
    let with = |body: String| line(&parse(&body.into(), &low(2400, 10)));
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"m","params":{"x":[0,0,0]}}"#;
    assert!(with(call.to_owned()).starts_with("request 7 m"));
    let large = call.replace("[0,0,0]", "[[0],[0],[0]]");
    assert_eq!(
        with(large.clone()),
        format!("-32600 7 invalid request: {refused}")
    );
    let note = large.replace(r#""id":7,"#, "");
    assert_eq!(
        with(note),
        format!("-32600 notification invalid request: {refused}")
    );
    assert_eq!(
        with(format!("[{call},{}]", call.replace('7', "8"))),
        format!("-32600 - invalid request: in the batch: {refused}")
    );
    let response = r#"{"jsonrpc":"2.0","id":7,"result":{"x":[[0],[0],[0],[0],[0],[0]]}}"#;
    assert_eq!(
        with(response.to_owned()),
        format!("-32600 - invalid request: {refused}")
    );
    // Bytes that are not JSON take precedence.
    assert!(with(format!("{large}x")).starts_with("-32700"));
}

/// FIELD X-4: the defaults refuse a body that is made to become a huge tree, and accept long arrays of
/// numbers, long texts and wide objects.
#[test]
fn only_a_body_that_becomes_a_huge_tree_is_refused() {
    const BODY: usize = 4 * 1024 * 1024;
    let fill = |part: &str, open: &str, close: &str| {
        let list = part.repeat((BODY - 200) / part.len());
        format!("{open}{}{close}", list.trim_end_matches(','))
    };
    for (value, is_fine) in [
        (fill("-0.0123456,", "[", "]"), true),
        (fill("1234567890123456.5,", "[", "]"), true),
        (format!("[{}0]", "0,".repeat(400_000)), true),
        (fill("plain text ", "\"", "\""), true),
        (fill(r"\u00e9", "\"", "\""), true),
        (
            fill(
                r#"{"name":"a thing","text":"of the ordinary kind, with a text of two hundred bytes or a few more, as items of lists in use have it, and with a link as well: https://example.com/things/1234567890"},"#,
                "[",
                "]",
            ),
            true,
        ),
        (fill(r#"{"":1},"#, "[", "]"), false),
        (fill(r#""","#, "[", "]"), false),
        (fill("0,", "[", "]"), false),
        (fill("[0],", "[", "]"), false),
        (fill(r#""":0,"#, "{", "}"), false),
    ] {
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"cursor":{value}}}}}"#);
        assert!(body.len() <= BODY);
        match read(&body) {
            Ok(_) => assert!(is_fine, "{}", &body[..100]),
            Err(error) => {
                assert!(
                    !is_fine && error.code() == -32600,
                    "{} {error}",
                    &body[..100]
                );
            }
        }
    }
}

/// FIELD X-4: an exponent alone marks nothing; only what may be beyond a double is read twice.
#[test]
fn a_number_is_noted_only_when_it_may_overflow() {
    let long = "9".repeat(301);
    let fraction = format!("0.{}", "0".repeat(500));
    for (number, may_overflow) in [
        ("1e1", false),
        ("1E+299", false),
        ("-2.5e10", false),
        ("1e-999", false),
        ("0e999999999999999999999999", false),
        ("-0.000E+400", false),
        (&fraction, false),
        (&format!("{fraction}1"), false),
        (&long[1..], false),
        ("1e300", true),
        ("0.1e400", true),
        ("1e+999999999999999999999999", true),
        (&long, true),
        (&format!("{long}.5"), true),
        (&format!("{}e9", &long[..292]), true),
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"arguments":{{"x":{number}}}}}}}"#
        );
        let is_held = serde_json::from_str::<serde_json::Value>(number).is_ok();
        assert!(may_overflow || is_held, "{number}");
        assert_eq!(
            request(&body).params().unwrap().may_overflow(),
            may_overflow,
            "{number}"
        );
    }
}

/// FIELD X-4, X-5: the members of each checked object are capped, and the refusal names the setting.
#[test]
fn members_at_the_checked_levels_are_capped() {
    let names = |n: usize| {
        let names: Vec<_> = (0..n).map(|n| format!(r#""\u006e{n}":0"#)).collect();
        names.join(",")
    };
    let with = |members: String| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m",{members}}}"#);
        line(&parse(&body.into(), &low(MessageLimits::MAX_TREE, 20)))
    };
    type Make<'a> = &'a dyn Fn(String) -> String;
    let client = "io.modelcontextprotocol/clientInfo";
    let levels: [(&str, usize, Make<'_>); 4] = [
        ("the message", 17, &|names| names),
        ("`params`", 20, &|names| format!(r#""params":{{{names}}}"#)),
        ("`_meta`", 20, &|names| {
            format!(r#""params":{{"_meta":{{{names}}}}}"#)
        }),
        ("`clientInfo`", 20, &|names| {
            format!(r#""params":{{"_meta":{{"{client}":{{{names}}}}}}}"#)
        }),
    ];
    for (of, most, make) in levels {
        let fits = with(make(names(most)));
        assert!(fits.starts_with("request 1 m"), "{of}: {fits}");
        // The parser does not look for the id of a message that is too wide itself.
        let id = if of == "the message" { "-" } else { "1" };
        let refused = format!(
            "-32600 {id} invalid request: {of} has more than 20 members (limit: `Limits::message.members`)"
        );
        assert_eq!(with(make(names(most + 1))), refused);
        assert_eq!(with(make(names(5000))), refused);
    }
    let inside = format!(r#""params":{{"arguments":{{{}}}}}"#, names(5000));
    assert!(
        with(inside).starts_with("request 1 m"),
        "others are not counted"
    );
    // It is refused aloud, though it has no id.
    let note = format!(r#"{{"jsonrpc":"2.0","method":"m",{}}}"#, names(19));
    let note = line(&parse(&note.into(), &low(MessageLimits::MAX_TREE, 20)));
    assert!(note.starts_with("-32600 - "), "{note}");
    // Duplicates count as well.
    let same = format!(r#""params":{{{}"x":0}}"#, r#""_meta":{},"#.repeat(20));
    assert!(with(same).contains("more than 20 members"));
}

/// FIELD X-5: a name that is duplicated is told by its beginning, and nothing is kept after it.
#[test]
fn a_duplicate_is_told_by_its_beginning() {
    let name = "\u{e9}".repeat(5000);
    let error = read(format!(r#"{{"{name}":1,"\u00e9{}":1}}"#, &name[2..])).unwrap_err();
    let told = "\u{e9}".repeat(100);
    assert_eq!(
        error.to_string(),
        format!("invalid request: the member `{told}` of the message is duplicated")
    );
}

/// serde_json reads a string again, as JSON, where it is the first member of this name: another tree
/// than all other readers see, and one that nothing bounds.
#[test]
fn names_that_serde_json_keeps_for_itself_are_refused() {
    let raw = "$serde_json::private::RawValue";
    let whole = |name: &str| {
        let inner = format!(r#"{{"{name}":"[[0,0]]"}}"#);
        [
            format!(r#""arguments":{inner}"#),
            format!(r#""x":[0,{{"y":{inner}}}]"#),
            format!(r#""{name}":"0""#),
            format!(r#""_meta":{inner}"#),
        ]
    };
    let escaped: String = raw
        .chars()
        .map(|c| format!("\\u{:04X}", u32::from(c)))
        .collect();
    for name in [
        raw,
        "$serde_json::private::Number",
        r"\u0024serde_json::private::RawValue",
        r"$serde\u005fjson::private::RawValue",
        &escaped,
    ] {
        for members in whole(name) {
            params(
                &format!("{{{members}}}"),
                "-32600 1 invalid request: a member has a name that JSON readers keep for themselves",
            );
        }
    }
    for name in [
        "$serde_json::private::RawValues",
        "$ref",
        "$serde_json",
        r"\$",
    ] {
        for members in whole(&name.replace(r"\$", r"\u0024")) {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{{members}}}}}"#);
            assert_eq!(request(&body).method(), "m", "{name}");
        }
    }
}

/// PITFALLS R-40, RFC 8259: the digits of an escape are of either case.
#[test]
fn hex_digits_of_escapes_have_either_case() {
    for (escape, text) in [
        (r"\u00AB", "\u{ab}"),
        (r"\u00aB", "\u{ab}"),
        (r"\uD83E\uDD80", "\u{1f980}"),
        (r"\uABCD\uEF01", "\u{abcd}\u{ef01}"),
    ] {
        envelope(
            &format!(r#""method":"{escape}""#),
            &format!("notification {text}"),
        );
        let body = format!(r#"{{"jsonrpc":"2.0","id":"{escape}","method":"m"}}"#);
        assert_eq!(request(&body).id(), Id::from(text));
    }
}

/// SPEC A-23: no test has a body of 4 GiB, which is not read as JSON at all.
#[test]
fn a_body_beyond_all_limits_is_a_parse_error() {
    let error = ParseError::from(Box::new(json::Fault::TooLong));
    assert_eq!(error.code(), -32700);
    assert_eq!(
        error.to_string(),
        "parse error: the body is longer than 4 GiB"
    );
}

/// SPEC A-27: "`_meta`, wherever present, is an object; otherwise -32602."
#[test]
fn meta_is_an_object() {
    for token in ["5", "[]", "\"x\"", "true"] {
        params(
            &format!(r#"{{"_meta":{token}}}"#),
            "-32602 1 invalid params: `_meta` must be an object",
        );
    }
    params(r#"{"_meta":{}}"#, r#"request 1 m {"_meta":{}}"#);
    envelope(
        r#""method":"m","params":{"_meta":5}"#,
        "-32602 notification invalid params: `_meta` must be an object",
    );
}

/// SPEC A-28: "Unknown `_meta` keys are tolerated and are passed to handlers unchanged."
#[test]
fn meta_keeps_its_bytes() {
    let meta = r#"{ "com.example\/x":1.0, "traceparent":"?","o":{"a":1,"a":2} }"#;
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"_meta":{meta}}}}}"#);
    let request = request(&body);
    let params = request.params().unwrap();
    assert_eq!(params.meta().unwrap().as_bytes(), meta.as_bytes());
}

/// SPEC A-31: "`_meta.progressToken` is a string or integer, kept type-exact; another type →
/// -32602."
#[test]
fn a_progress_token_is_a_string_or_an_integer() {
    for token in [
        "7",
        "\"7\"",
        "-0",
        "\"\"",
        r#""\u00e9""#,
        "18446744073709551616",
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"_meta":{{"progressToken":{token}}}}}}}"#
        );
        let request = request(&body);
        let parsed = request.params().unwrap().progress_token().unwrap();
        assert_eq!(parsed.as_bytes(), token.as_bytes());
    }
    for token in ["1.0", "1e2", "true", "{}", "[7]"] {
        params(
            &format!(r#"{{"_meta":{{"progressToken":{token}}}}}"#),
            "-32602 1 invalid params: `_meta.progressToken` must be a string or an integer",
        );
    }
}

#[test]
fn the_members_that_routing_needs_are_found_at_their_level_only() {
    let decoy = r#"{"name":0,"uri":0,"arguments":0,"requestId":0,"_meta":{"progressToken":0}}"#;
    let request = request(&format!(
        r#"{{"x":{decoy},"jsonrpc":"2.0","id":1,"method":"m","params":{{
            "decoy":{decoy}, "name":"a\u0062", "uri" : "u:\/\/v", "taskId":"t",
            "arguments":{decoy} , "requestId":"\u0061",
            "_meta": {{"decoy":{decoy}, "progressToken":"p",
                "io.modelcontextprotocol/protocolVersion":"2026-07-28",
                "io.modelcontextprotocol\/clientCapabilities":{{"a":[]}},
                "io.modelcontextprotocol/clientInfo":7,
                "io.modelcontextprotocol/logLevel":5
            }}
        }}}}"#
    ));
    let params = request.params().unwrap();
    let raw = |raw: Option<RawJson<'_>>| String::from_utf8(raw.unwrap().as_bytes().into()).unwrap();
    assert_eq!(params.name().unwrap(), "ab");
    assert_eq!(params.uri().unwrap(), "u://v");
    assert_eq!(params.task_id().unwrap(), "t");
    assert_eq!(params.request_id().unwrap(), Id::from("a"));
    assert_eq!(raw(params.arguments()), decoy);
    assert_eq!(raw(params.progress_token()), r#""p""#);
    assert_eq!(raw(params.protocol_version()), r#""2026-07-28""#);
    assert_eq!(raw(params.client_capabilities()), r#"{"a":[]}"#);
    assert_eq!(raw(params.client_info()), "7");
    assert_eq!(raw(params.log_level()), "5");
    let value = params.as_raw().to_value().unwrap();
    assert_eq!(value["_meta"], params.meta().unwrap().to_value().unwrap());
}

/// A handler says what is wrong with such params; routing sees them as absent.
#[test]
fn routing_members_of_another_type_are_absent() {
    let request = request(
        r#"{"jsonrpc":"2.0","id":1,"method":"m",
            "params":{"name":5,"uri":null,"taskId":{},"requestId":1.5}}"#,
    );
    let params = request.params().unwrap();
    assert_eq!(params.name(), None);
    assert_eq!(params.uri(), None);
    assert_eq!(params.task_id(), None);
    assert_eq!(params.request_id(), None);
    assert!(params.meta().is_none());
}

/// SPEC A-60: "Accept arrays of requests and/or notifications, or arrays of responses."
#[test]
fn a_batch_holds_calls_or_responses() {
    batch(&[r#""id":1,"method":"m""#], "[request 1 m]");
    batch(
        &[
            r#""id":1,"method":"m""#,
            r#""method":"n""#,
            r#""id":"1","method":"m""#,
        ],
        r#"[request 1 m, notification n, request "1" m]"#,
    );
    batch(
        &[r#""method":"n""#, r#""method":"n""#],
        "[notification n, notification n]",
    );
    batch(
        &[
            r#""id":1,"result":{}"#,
            r#""id":1,"error":{}"#,
            r#""error":{}"#,
        ],
        "[result 1 {}, error 1 {}, error - {}]",
    );
}

/// SPEC A-61: "Array that mixes responses with requests/notifications → -32600".
#[test]
fn a_batch_does_not_mix_calls_and_responses() {
    let text =
        "-32600 - invalid request: a batch must not mix responses with requests and notifications";
    batch(&[r#""id":1,"result":{}"#, r#""id":2,"method":"m""#], text);
    batch(&[r#""method":"m""#, r#""error":{}"#], text);
}

/// SPEC A-62: "`initialize` inside a batch is refused".
#[test]
fn a_batch_does_not_initialize() {
    let text = "-32600 - invalid request: `initialize` cannot be part of a batch";
    batch(&[r#""id":1,"method":"initialize""#], text);
    batch(
        &[
            r#""id":1,"method":"m""#,
            r#""id":2,"method":"\u0069nitialize""#,
        ],
        text,
    );
}

/// SPEC A-63: "Empty array → -32600".
#[test]
fn an_empty_batch_is_refused() {
    check("[]", "-32600 - invalid request: the batch is empty");
    check(" [ ] ", "-32600 - invalid request: the batch is empty");
}

/// SPEC A-64: "One invalid element → refuse the whole array with -32600", without an id.
#[test]
fn an_invalid_element_refuses_the_batch() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let no_message = format!(
        "-32600 - {}",
        NO_MESSAGE.replace("expected", "in the batch: expected")
    );
    check(format!("[1,{ping}]"), &no_message);
    check(format!("[{ping},[{ping}]]"), &no_message);
    check(format!("[{ping},null]"), &no_message);
    batch(
        &[r#""id":1,"method":"m""#, r#""id":null,"method":"m""#],
        "-32600 - invalid request: in the batch: `id` must be a string or an integer",
    );
    // The code of the element does not become the code of the array.
    batch(
        &[r#""id":1,"method":"m","params":[]"#],
        "-32600 - invalid request: in the batch: `params` must be an object, positional parameters are not used",
    );
    check(
        format!("[1,{ping}"),
        "-32700 - parse error: expected `,` or `]` at byte 43",
    );
}

/// SPEC A-69: "Bound batch length; duplicated ids inside one batch → -32600".
#[test]
fn a_batch_is_short_and_its_ids_differ() {
    let pings = |len: usize| {
        let pings: Vec<_> = (0..len)
            .map(|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#))
            .collect();
        format!("[{}]", pings.join(","))
    };
    assert!(matches!(read(pings(64)), Ok(Payload::Batch(it)) if it.len() == 64));
    let text = "-32600 - invalid request: the batch has more than 64 messages (limit: `Limits::message.batch_len`)";
    check(pings(65), text);
    check(pings(10_000), text);
    let text = "-32600 - invalid request: two requests of the batch have the same `id`";
    batch(&[r#""id":1,"method":"m""#, r#""id":1,"method":"n""#], text);
    batch(
        &[r#""id":"a","method":"m""#, r#""id":"\u0061","method":"m""#],
        text,
    );
}

/// The limits of the caller count, not the defaults.
#[test]
fn limits_can_be_set() {
    #[track_caller]
    fn check(limits: &MessageLimits, body: &'static str, expected: &str) {
        assert_eq!(
            line(&parse(&Bytes::from_static(body.as_bytes()), limits)),
            expected
        );
    }
    let limits = MessageLimits {
        depth: 1,
        id_len: 2,
        method_len: 3,
        batch_len: 1,
        ..MessageLimits::default()
    };
    check(
        &limits,
        r#"{"jsonrpc":"2.0","id":12,"method":"m"}"#,
        "request 12 m",
    );
    check(
        &limits,
        r#"{"jsonrpc":"2.0","id":12,"method":"m","params":{}}"#,
        "-32700 - parse error: nested deeper than 1 levels (limit: `Limits::message.depth`)",
    );
    check(
        &limits,
        r#"{"jsonrpc":"2.0","id":123,"method":"m"}"#,
        "-32600 - invalid request: `id` is longer than 2 bytes (limit: `Limits::message.id_len`)",
    );
    check(
        &limits,
        r#"{"jsonrpc":"2.0","id":1,"method":"mm"}"#,
        "-32600 1 invalid request: `method` is longer than 3 bytes (limit: `Limits::message.method_len`)",
    );
    check(
        &limits,
        "[1,2]",
        "-32600 - invalid request: the batch has more than 1 messages (limit: `Limits::message.batch_len`)",
    );
}

/// A peer's text comes back in a message for people, so it is cut.
#[test]
fn messages_for_people_stay_short() {
    let name = "é".repeat(10_000);
    let error = read(format!(r#"{{"{name}":1,"{name}":1}}"#)).unwrap_err();
    assert!(error.to_string().len() < 300);
    assert_eq!(error.to_error_object().message(), error.to_string());
    assert_eq!(error.to_error_object().code(), -32600);
}

/// One member of an envelope as a generator chooses it: its name, its token, whether the token is
/// good in that place.
type Choice = (&'static str, &'static str, bool);

fn member() -> impl Strategy<Value = Choice> {
    let choices: Vec<Choice> = vec![
        ("jsonrpc", r#""2.0""#, true),
        ("jsonrpc", "2.0", false),
        ("id", "7", true),
        ("id", r#""\u0061""#, true),
        ("id", "null", false),
        ("method", r#""m""#, true),
        ("method", "5", false),
        ("params", "{}", true),
        ("params", "null", true),
        ("params", r#""x""#, false),
        ("result", "{}", true),
        ("result", "null", false),
        ("error", "{}", true),
        ("error", "[]", false),
        ("extra", "[1e999]", true),
    ];
    prop::sample::select(choices)
}

proptest! {
    /// SPEC A.1, said a second time over a list of members instead of text.
    #[test]
    fn the_kind_follows_from_the_members_in_any_order(
        members in prop::collection::vec(member(), 0..7),
        has_version in any::<bool>(),
    ) {
        let mut members = members;
        if has_version {
            members.retain(|(name, ..)| *name != "jsonrpc");
            members.insert(members.len() / 2, ("jsonrpc", r#""2.0""#, true));
        }
        let of = |name| members.iter().filter(move |it| it.0 == name).count();
        let names = ["jsonrpc", "id", "method", "params", "result", "error", "extra"];
        let [_, id, method, _, result, error, _] = names.map(of);
        let once = names.iter().all(|name| of(name) <= 1) && of("jsonrpc") == 1;
        let good = members.iter().all(|it| it.2);
        let good = good || {
            // Params are looked at in calls only.
            result + error == 1 && members.iter().all(|it| it.2 || it.0 == "params")
        };
        let expected = match (method, result, error) {
            (1, 0, 0) if id == 1 => Some("request"),
            (1, 0, 0) => Some("notification"),
            (0, 1, 0) if id == 1 => Some("result"),
            (0, 0, 1) => Some("error"),
            _ => None,
        };
        let expected = expected.filter(|_| once && good);

        let text: Vec<_> = members.iter().map(|(name, token, _)| format!(r#""{name}":{token}"#)).collect();
        let verdict = line(&read(format!("{{{}}}", text.join(","))));
        match expected {
            Some(kind) => prop_assert!(verdict.starts_with(kind), "{}", verdict),
            None => prop_assert!(verdict.starts_with("-32600"), "{}", verdict),
        }
    }

    /// PITFALLS R-40: "agreement with serde_json on validity". One byte of a body is changed, so that the
    /// damage is near to JSON.
    #[test]
    fn a_damaged_body_is_json_when_serde_json_says_so(
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![any::<u8>(), prop::sample::select(&b"\"\\{}[]:,0-.eu \n"[..])],
        insert in any::<bool>(),
    ) {
        let mut body = br#" {"jsonrpc":"2.0","id":-10.5e1,"a":["\u00e9\ud83e\udd80\n",true,null,{}], "method":"m"} "#.to_vec();
        let at = at.index(body.len());
        if insert {
            body.insert(at, byte);
        } else {
            body[at] = byte;
        }
        let is_json = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
        let code = read(&body).map_or_else(|error| error.code(), |_| 0);
        prop_assert_eq!(code != -32700, is_json, "{}", String::from_utf8_lossy(&body));
    }
}

/// SPEC D-22: by name and version, each there once; nothing said of it is fine.
#[test]
fn a_client_is_named_by_name_and_version() {
    for (info, is_named) in [
        (r#"{"name":"c","version":"1"}"#, true),
        (
            r#"{"title":[{"name":1}],"version":"","n\u0061me":""}"#,
            true,
        ),
        (r#"{"name":"c"}"#, false),
        (r#"{"version":"1"}"#, false),
        (r#"{"name":null,"version":"1"}"#, false),
        (r#"{"name":"c","version":1}"#, false),
        // Readers differ in which of two they take.
        (r#"{"name":"c","name":1,"version":"1"}"#, false),
        (r#"{"name":1,"name":"c","version":"1"}"#, false),
        ("{}", false),
        ("[]", false),
        (r#""c""#, false),
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"_meta":{{"io.modelcontextprotocol/clientInfo":{info}}}}}}}"#
        );
        let Ok(Payload::Single(Message::Request(request))) =
            parse(&Bytes::from(body), &MessageLimits::default())
        else {
            panic!("{info}");
        };
        let params = request.params().unwrap();
        assert_eq!(params.is_client_named(), is_named, "{info}");
        assert_eq!(params.client_info().unwrap().as_bytes(), info.as_bytes());
    }
    let body = Bytes::from(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{}}}"#);
    let Ok(Payload::Single(Message::Request(request))) = parse(&body, &MessageLimits::default())
    else {
        panic!("a request");
    };
    assert!(request.params().unwrap().is_client_named());
}
