//! What a request of the modern era says of itself, in `_meta` and in the headers that mirror it.

use super::capabilities::{Capabilities, TooLong};
use super::fields::{Field, Fields};
use super::header::{MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION};
use super::level::LogLevel;
use super::mirror::{self, Mismatch, Scalar};
use super::rejection::Reason;
use crate::wire::json::RawJson;
use crate::wire::message::Request;
use crate::wire::method::Method;
use crate::wire::params::Params;
use crate::wire::version::{Era, ProtocolVersion};

/// The metadata that every modern request carries, checked.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) version: ProtocolVersion,
    pub(crate) capabilities: Capabilities,
    /// The least grave level that the client wants to be told of; it hears nothing without one
    /// (SPEC D-89).
    pub(crate) log_level: Option<LogLevel>,
}

impl Envelope {
    /// Steps 9 to 13 and 18 of the ladder of SPEC D.2, in their order. Nothing but this request is
    /// looked at (SPEC D-10).
    pub(crate) fn check(
        fields: &Fields<'_>,
        request: &Request,
        capabilities_limit: usize,
    ) -> Result<Self, Reason> {
        let meta =
            Meta::read(request.params()).map_err(|expected| Reason::BadEnvelope { expected })?;
        // Before the version is known, because a proxy may have routed by the header.
        mirror::check_literal(fields.version, &MCP_PROTOCOL_VERSION, &meta.version)
            .map_err(Reason::HeaderMismatch)?;
        let version = meta.served_version()?;
        mirror::check_literal(fields.method, &MCP_METHOD, request.method())
            .map_err(Reason::HeaderMismatch)?;
        check_name(fields.name, request).map_err(Reason::HeaderMismatch)?;
        Self::of(meta, version, capabilities_limit)
    }

    /// The same for a transport without headers (SPEC N-5).
    pub(crate) fn check_alone(
        request: &Request,
        capabilities_limit: usize,
    ) -> Result<Self, Reason> {
        let meta =
            Meta::read(request.params()).map_err(|expected| Reason::BadEnvelope { expected })?;
        let version = meta.served_version()?;
        Self::of(meta, version, capabilities_limit)
    }

    fn of(
        meta: Meta<'_>,
        version: ProtocolVersion,
        capabilities_limit: usize,
    ) -> Result<Self, Reason> {
        let capabilities = Capabilities::read(Some(meta.capabilities), capabilities_limit);
        let long = |TooLong { limit }| Reason::LongCapabilities { limit };
        Ok(Self {
            version,
            capabilities: capabilities.map_err(long)?,
            log_level: meta.log_level,
        })
    }
}

struct Meta<'r> {
    version: std::borrow::Cow<'r, str>,
    capabilities: RawJson<'r>,
    log_level: Option<LogLevel>,
}

impl<'r> Meta<'r> {
    /// SPEC D-24: the revision, if it is a modern one that is served.
    fn served_version(&self) -> Result<ProtocolVersion, Reason> {
        ProtocolVersion::parse(&self.version)
            .filter(|version| version.era() == Era::Modern)
            .ok_or_else(|| Reason::VersionUnknown {
                requested: self.version.as_ref().into(),
            })
    }

    /// SPEC D-20 to D-23, and step 18; `Err` says what was expected.
    fn read(params: Option<Params<'r>>) -> Result<Self, &'static str> {
        let params = params.ok_or("`params` with `_meta`")?;
        params.meta().ok_or("`_meta` in `params`")?;
        let version = params
            .protocol_version()
            .and_then(RawJson::as_str)
            .ok_or("the string `io.modelcontextprotocol/protocolVersion` in `_meta`")?;
        let capabilities = params
            .client_capabilities()
            .filter(|capabilities| capabilities.is_object())
            .ok_or("the object `io.modelcontextprotocol/clientCapabilities` in `_meta`")?;
        if !params.is_client_named() {
            return Err("`io.modelcontextprotocol/clientInfo` with `name` and `version`");
        }
        let log_level = match params.log_level() {
            None => None,
            Some(level) => Some(
                level
                    .as_str()
                    .and_then(|level| LogLevel::parse(&level))
                    .ok_or("a log level in `io.modelcontextprotocol/logLevel`")?,
            ),
        };
        Ok(Self {
            version,
            capabilities,
            log_level,
        })
    }
}

/// `Mcp-Name` on the methods that have one (SPEC D.3, D-32); ignored on others (SPEC D-35).
fn check_name(field: Field<'_>, request: &Request) -> Result<(), Mismatch> {
    let params = request.params();
    let name = match request.kind() {
        Method::ToolsCall | Method::PromptsGet => params.and_then(Params::name),
        Method::ResourcesRead => params.and_then(Params::uri),
        Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => {
            params.and_then(Params::task_id)
        }
        _ => return Ok(()),
    };
    mirror::check_copies(field, &MCP_NAME, name.as_deref().map(Scalar::Text))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::header::{HeaderMap, HeaderName, HeaderValue};
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::capabilities::CAPABILITIES_LIMIT;
    use crate::wire::jsonrpc::MessageLimits;
    use crate::wire::message::{self, Message, Payload};

    const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    const CLIENT: &str = "io.modelcontextprotocol/clientInfo";
    const LEVEL: &str = "io.modelcontextprotocol/logLevel";

    fn checked(headers: &[(&str, &[u8])], body: &Value) -> Result<Envelope, Reason> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let body = Bytes::from(body.to_string());
        let Ok(Payload::Single(Message::Request(request))) =
            message::parse(&body, &MessageLimits::default())
        else {
            panic!("{body:?} is no request");
        };
        Envelope::check(&Fields::read(&map), &request, CAPABILITIES_LIMIT)
    }

    /// Sends a request with these headers beside the ones that every request has.
    fn sent(method: &str, params: &Value, headers: &[(&str, &[u8])]) -> Result<Envelope, Reason> {
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let version: (&str, &[u8]) = ("mcp-protocol-version", b"2026-07-28");
        let all = [&[version, ("mcp-method", method.as_bytes())], headers].concat();
        checked(&all, &body)
    }

    fn with_meta(meta: Value) -> Result<Envelope, Reason> {
        sent("tools/list", &json!({ "_meta": meta }), &[])
    }

    fn meta() -> Value {
        json!({VERSION: "2026-07-28", CAPABILITIES: {}})
    }

    /// The code of a refusal, and its `error`.
    #[track_caller]
    fn refusal(checked: Result<Envelope, Reason>) -> (i64, Value) {
        let refusal = checked.unwrap_err().refusal();
        assert_eq!(refusal.status.as_u16(), 400);
        let mut body: Value = serde_json::from_slice(&refusal.body(None)).unwrap();
        (
            body["error"]["code"].as_i64().unwrap(),
            body["error"].take(),
        )
    }

    /// SPEC D-20 to D-23, D.2 steps 9 and 18: what `_meta` has to hold, and what it may.
    #[test]
    fn metadata_is_held_to_its_shape() {
        for good in [
            json!({}),
            json!({CLIENT: {"name": "c", "version": "1", "icons": [1]}}),
            json!({LEVEL: "debug"}),
            json!({CLIENT: null, LEVEL: null}),
            json!({CAPABILITIES: {"roots": {"listChanged": true}, "x": [1, {"y": null}]}}),
            json!({"progressToken": 1, "x.y/z": null}),
        ] {
            let mut whole = meta();
            let members = good.as_object().unwrap().clone();
            whole.as_object_mut().unwrap().extend(members);
            assert!(with_meta(whole).is_ok(), "{good}");
        }
        for (bad, says) in [
            (json!({VERSION: 1}), "protocolVersion"),
            (json!({VERSION: null}), "protocolVersion"),
            (json!({VERSION: ["2026-07-28"]}), "protocolVersion"),
            (json!({CAPABILITIES: null}), "clientCapabilities"),
            (json!({CAPABILITIES: []}), "clientCapabilities"),
            (json!({CAPABILITIES: "{}"}), "clientCapabilities"),
            (json!({CLIENT: "c"}), "clientInfo"),
            (json!({CLIENT: {"name": "c"}}), "clientInfo"),
            (json!({CLIENT: {"version": "1"}}), "clientInfo"),
            (json!({CLIENT: {"name": 1, "version": "1"}}), "clientInfo"),
            (json!({LEVEL: "loud"}), "logLevel"),
            (json!({LEVEL: "Debug"}), "logLevel"),
            (json!({LEVEL: 1}), "logLevel"),
        ] {
            let mut whole = meta();
            let members = bad.as_object().unwrap().clone();
            whole.as_object_mut().unwrap().extend(members);
            let (code, error) = refusal(with_meta(whole));
            assert_eq!(code, -32602, "{bad}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(says), "{message}");
        }
        for params in [
            json!({}),
            json!({"_meta": {}}),
            json!({"_meta": {VERSION: "2026-07-28"}}),
            json!({"_meta": {CAPABILITIES: {}}}),
        ] {
            assert_eq!(refusal(sent("tools/list", &params, &[])).0, -32602);
        }
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"});
        assert_eq!(refusal(checked(&[], &body)).0, -32602);
    }

    /// What the rest of the server goes by.
    #[test]
    fn an_envelope_carries_what_it_says() {
        let capabilities = json!({"sampling": {}, "x": 1.50});
        let meta = json!({VERSION: "2026-07-28", CAPABILITIES: capabilities, LEVEL: "warning"});
        let envelope = with_meta(meta).unwrap();
        assert_eq!(envelope.version, ProtocolVersion::V2026_07_28);
        assert_eq!(envelope.capabilities.to_string(), capabilities.to_string());
        assert_eq!(envelope.log_level, Some(LogLevel::Warning));
        assert_eq!(
            with_meta(self::meta()).unwrap().log_level,
            None,
            "SPEC D-89"
        );
    }

    /// SPEC D-24, D-25, D.5: what is served is named, and what was asked for is echoed.
    #[test]
    fn an_unknown_revision_is_told_the_known_ones() {
        for version in [
            "v999.0.0",
            "2025-11-25",
            "2024-11-05",
            "2026-07-2",
            "1\u{9}",
        ] {
            let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params":
                {"_meta": {VERSION: version, CAPABILITIES: {}}}});
            let header: (&str, &[u8]) = ("mcp-protocol-version", version.as_bytes());
            let (code, error) = refusal(checked(&[header, ("mcp-method", b"tools/list")], &body));
            if version.ends_with('\t') {
                // The blank is not of the header's value, and so they differ.
                assert_eq!(code, -32020);
                continue;
            }
            assert_eq!(code, -32022, "{version}");
            let data = json!({"supported": ["2026-07-28"], "requested": version});
            assert_eq!(error["data"], data);
        }
    }

    /// SPEC D-30, D-31, D-33, D-34: the headers of every request, once and equal.
    #[test]
    fn the_headers_of_every_request_mirror_its_body() {
        const VERSION_HEADER: &str = "mcp-protocol-version";
        type Headers<'h> = &'h [(&'h str, &'h [u8])];
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params":
            {"_meta": meta()}});
        let good: [Headers<'_>; 3] = [
            &[
                (VERSION_HEADER, b"2026-07-28"),
                ("mcp-method", b"tools/list"),
            ],
            &[
                ("MCP-PROTOCOL-VERSION", b" 2026-07-28"),
                ("Mcp-Method", b"\ttools/list  "),
            ],
            &[
                (VERSION_HEADER, b"2026-07-28"),
                (VERSION_HEADER, b"2026-07-28, 2026-07-28"),
                ("mcp-method", b"tools/list,tools/list"),
            ],
        ];
        for headers in good {
            assert!(checked(headers, &body).is_ok(), "{headers:?}");
        }
        let bad: [(Headers<'_>, &str); 10] = [
            (&[("mcp-method", b"tools/list")], VERSION_HEADER),
            (
                &[(VERSION_HEADER, b""), ("mcp-method", b"tools/list")],
                VERSION_HEADER,
            ),
            (
                &[
                    (VERSION_HEADER, b"2026-07-29"),
                    ("mcp-method", b"tools/list"),
                ],
                VERSION_HEADER,
            ),
            (
                &[
                    (VERSION_HEADER, b"2026-07-28\xff"),
                    ("mcp-method", b"tools/list"),
                ],
                VERSION_HEADER,
            ),
            (
                &[
                    (VERSION_HEADER, b"2026-07-28"),
                    (VERSION_HEADER, b"2025-11-25"),
                    ("mcp-method", b"tools/list"),
                ],
                VERSION_HEADER,
            ),
            (
                // SPEC D.3: no Base64 here.
                &[
                    (VERSION_HEADER, b"=?base64?MjAyNi0wNy0yOA==?="),
                    ("mcp-method", b"tools/list"),
                ],
                VERSION_HEADER,
            ),
            (&[(VERSION_HEADER, b"2026-07-28")], "mcp-method"),
            (
                &[
                    (VERSION_HEADER, b"2026-07-28"),
                    ("mcp-method", b"Tools/list"),
                ],
                "mcp-method",
            ),
            (
                &[
                    (VERSION_HEADER, b"2026-07-28"),
                    ("mcp-method", b"=?base64?dG9vbHMvbGlzdA==?="),
                ],
                "mcp-method",
            ),
            (
                &[
                    (VERSION_HEADER, b"2026-07-28"),
                    ("mcp-method", b"tools/list"),
                    ("mcp-method", b"tools/call"),
                ],
                "mcp-method",
            ),
        ];
        for (headers, says) in bad {
            let (code, error) = refusal(checked(headers, &body));
            assert_eq!(code, -32020, "{headers:?}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(says), "SPEC D-38: {message}");
        }
    }

    /// SPEC D.3, D-32, D-35 to D-37, J-10: the methods with a name, where it is in their params,
    /// and in which forms it may come.
    #[test]
    fn the_name_of_what_is_asked_for_is_mirrored() {
        #[track_caller]
        fn check(method: &str, params: Value, headers: &[&[u8]], good: bool) {
            let mut params = params;
            params["_meta"] = meta();
            let headers: Vec<_> = headers.iter().map(|value| ("mcp-name", *value)).collect();
            let outcome = sent(method, &params, &headers);
            if good {
                assert!(outcome.is_ok(), "{method} {params} {headers:?}");
            } else {
                let (code, error) = refusal(outcome);
                assert_eq!(code, -32020);
                assert!(error["message"].as_str().unwrap().contains("mcp-name"));
            }
        }
        for (method, key) in [
            ("tools/call", "name"),
            ("prompts/get", "name"),
            ("resources/read", "uri"),
            ("tasks/get", "taskId"),
            ("tasks/update", "taskId"),
            ("tasks/cancel", "taskId"),
        ] {
            let named = json!({key: "a"});
            check(method, named.clone(), &[b"a"], true);
            check(method, named.clone(), &[b" a\t"], true);
            check(method, named.clone(), &[b"=?base64?YQ==?="], true);
            check(method, named.clone(), &[], false);
            check(method, named.clone(), &[b"b"], false);
            check(method, named.clone(), &[b"A"], false);
            check(method, named.clone(), &[b"=?base64?YQ?="], false);
            check(method, named.clone(), &[b"=?BASE64?YQ==?="], false);
            check(method, named.clone(), &[b"\xe9"], false);
            check(method, named.clone(), &[b"a", b"b"], false);
            check(method, named.clone(), &[b"a, b"], false);
            // SPEC D-34: copies are one, unless the name itself looks like copies.
            check(method, named.clone(), &[b"a", b"a"], true);
            check(method, named.clone(), &[b"a, a", b"a"], true);
            let twice: &[u8] = b"=?base64?YQ==?=, =?base64?YQ==?=";
            check(method, named, &[twice], true);
            check(method, json!({key: "a, a"}), &[b"a, a"], true);
            check(method, json!({key: "a,a"}), &[b"a, a"], false);
            check(method, json!({key: "\u{e9}"}), &[b"=?base64?w6k=?="], true);
            check(method, json!({key: ""}), &[b""], true);
            check(method, json!({key: ""}), &[b"=?base64??="], true);
            check(method, json!({key: ""}), &[], false);
            // SPEC D.2: with no name in the body, its absence is for the method to tell.
            for unnamed in [json!({}), json!({key: 1}), json!({key: null})] {
                check(method, unnamed.clone(), &[], true);
                check(method, unnamed, &[b"a"], false);
            }
        }
        for method in [
            "tools/list",
            "resources/subscribe",
            "completion/complete",
            "x",
        ] {
            check(
                method,
                json!({"name": "a", "uri": "a", "taskId": "a"}),
                &[],
                true,
            );
            check(method, json!({}), &[b"a", b"\xff"], true);
        }
    }

    /// SPEC D-3, D-4, D-14: nothing else in the head counts.
    #[test]
    fn the_rest_of_the_head_is_ignored() {
        let headers: [(&str, &[u8]); 4] = [
            ("mcp-session-id", b"a b"),
            ("last-event-id", b"\xff"),
            ("mcp-param-x", b"\xff"),
            ("mcp-name", b"x"),
        ];
        assert!(sent("tools/list", &json!({"_meta": meta()}), &headers).is_ok());
    }
}
