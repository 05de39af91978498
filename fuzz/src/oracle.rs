//! The verdict on a JSON-RPC body by the rules of SPEC part A, reached over a tree.
//!
//! The tree is built from serde_json's `RawValue`, level by level. So numbers keep their digits
//! (`1e999` is JSON, and an id is compared byte for byte), objects keep repeated members, and
//! depth is what this file counts instead of serde_json's own limit.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The limits of the crate's defaults, written down a second time.
const DEPTH: usize = 64;
const ID_LEN: usize = 256;
const METHOD_LEN: usize = 256;
const BATCH_LEN: usize = 64;

/// One JSON value. Objects keep the order and the repetition of their members.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    Object(Vec<(String, Node<'a>)>),
    Array(Vec<Node<'a>>),
    /// The text, and the token it came as.
    String(String, &'a str),
    /// The token.
    Number(&'a str),
    /// The token: `true`, `false` or `null`.
    Word(&'a str),
}

impl<'a> Node<'a> {
    /// Reads JSON text; `None` if it is not JSON or nests deeper than allowed.
    pub fn read(text: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        Self::build(serde_json::from_str(text).ok()?, 0)
    }

    fn build(raw: &'a RawValue, depth: usize) -> Option<Self> {
        let token = raw.get();
        Some(match token.as_bytes()[0] {
            b'{' | b'[' if depth == DEPTH => return None,
            b'{' => {
                let members: Members<'a> = serde_json::from_str(token).ok()?;
                let build = |(name, raw)| Some((name, Self::build(raw, depth + 1)?));
                Self::Object(members.0.into_iter().map(build).collect::<Option<_>>()?)
            }
            b'[' => {
                let elements: Vec<&'a RawValue> = serde_json::from_str(token).ok()?;
                let build = |raw| Self::build(raw, depth + 1);
                Self::Array(elements.into_iter().map(build).collect::<Option<_>>()?)
            }
            // Here serde_json refuses what its `RawValue` has let pass: lone surrogates.
            b'"' => Self::String(serde_json::from_str(token).ok()?, token),
            b't' | b'f' | b'n' => Self::Word(token),
            _ => Self::Number(token),
        })
    }

    /// The first member of this name.
    pub fn member(&self, name: &str) -> Option<&Self> {
        let members = self.members()?;
        members.iter().find(|(it, _)| it == name).map(|(_, it)| it)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text, _) => Some(text),
            _ => None,
        }
    }

    fn members(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    pub fn is_object(&self) -> bool {
        self.members().is_some()
    }

    fn is_null(&self) -> bool {
        *self == Self::Word("null")
    }

    /// The token of a string or an integer.
    pub fn name_token(&self) -> Option<&'a str> {
        match self {
            Self::String(_, token) => Some(token),
            Self::Number(token) if !token.contains(['.', 'e', 'E']) => Some(token),
            _ => None,
        }
    }

    /// Whether two members of this object have one name.
    fn repeats(&self) -> bool {
        let mut seen = HashSet::new();
        let members = self.members().unwrap_or_default();
        members.iter().any(|(name, _)| !seen.insert(name))
    }

    fn count(&self, name: &str) -> usize {
        let members = self.members().unwrap_or_default();
        members.iter().filter(|(it, _)| it == name).count()
    }
}

/// An object's members, the repeated ones too.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Each)
    }
}

/// What a body is.
#[derive(Debug, PartialEq)]
pub enum Verdict<'n, 'a> {
    Single(Kind<'n, 'a>),
    Batch(Vec<Kind<'n, 'a>>),
}

/// What a message is, and the parts of it that the crate gives out.
#[derive(Debug, PartialEq)]
pub enum Kind<'n, 'a> {
    Request {
        id: &'a str,
        method: &'n str,
        params: Option<&'n Node<'a>>,
    },
    Notification {
        method: &'n str,
        params: Option<&'n Node<'a>>,
    },
    Result {
        id: &'a str,
        result: &'n Node<'a>,
    },
    Error {
        id: Option<&'a str>,
        error: &'n Node<'a>,
    },
}

/// Why a body is refused.
#[derive(Debug, PartialEq)]
pub struct Refusal<'a> {
    pub code: i64,
    /// The token of the id to echo.
    pub id: Option<&'a str>,
    pub is_notification: bool,
}

impl Refusal<'_> {
    fn new(code: i64) -> Self {
        Self {
            code,
            id: None,
            is_notification: false,
        }
    }
}

const PARSE: i64 = -32700;
const REQUEST: i64 = -32600;
const PARAMS: i64 = -32602;

/// Judges a body that [`Node::read`] has read.
pub fn judge<'n, 'a>(body: Option<&'n Node<'a>>) -> Result<Verdict<'n, 'a>, Refusal<'a>> {
    match body {
        None => Err(Refusal::new(PARSE)),
        Some(Node::Array(elements)) => batch(elements).map(Verdict::Batch),
        Some(body) => message(body).map(Verdict::Single),
    }
}

/// SPEC A.3. Every fault of a batch is one refusal of the whole, without an id.
fn batch<'n, 'a>(elements: &'n [Node<'a>]) -> Result<Vec<Kind<'n, 'a>>, Refusal<'a>> {
    let refuse = || Refusal::new(REQUEST);
    if elements.is_empty() || elements.len() > BATCH_LEN {
        return Err(refuse());
    }
    let kinds: Vec<_> = elements
        .iter()
        .map(|element| message(element).map_err(|_| refuse()))
        .collect::<Result<_, _>>()?;
    let mut texts = HashSet::new();
    let mut integers = HashSet::new();
    let mut responses = 0;
    for (kind, element) in kinds.iter().zip(elements) {
        match kind {
            Kind::Request { method, id, .. } => {
                // Ids are equal when their values are: `"a"` and `"\u0061"`, but not `1` and `"1"`.
                let fresh = match element.member("id").and_then(Node::as_str) {
                    Some(text) => texts.insert(text),
                    None => integers.insert(*id),
                };
                if *method == "initialize" || !fresh {
                    return Err(refuse());
                }
            }
            Kind::Notification { .. } => {}
            Kind::Result { .. } | Kind::Error { .. } => responses += 1,
        }
    }
    if responses != 0 && responses != kinds.len() {
        return Err(refuse());
    }
    Ok(kinds)
}

/// SPEC A.1.
fn message<'n, 'a>(body: &'n Node<'a>) -> Result<Kind<'n, 'a>, Refusal<'a>> {
    let [method, result, error] = ["method", "result", "error"].map(|name| body.member(name));
    let id = body.member("id");
    let token = id
        .and_then(Node::name_token)
        .filter(|token| token.len() <= ID_LEN);
    let refuse = |code| Refusal {
        code,
        // The id of a response is ours and not echoed; an id that is there twice is nobody's.
        id: token.filter(|_| {
            body.count("id") == 1 && (method.is_some() || (result.is_none() && error.is_none()))
        }),
        is_notification: method.is_some() && id.is_none(),
    };
    if body.members().is_none()
        || body.repeats()
        || body.member("jsonrpc").and_then(Node::as_str) != Some("2.0")
        || (id.is_some() && token.is_none())
    {
        return Err(refuse(REQUEST));
    }
    let is_object = |node: &&Node<'_>| node.members().is_some();
    match (method, result, error) {
        (Some(Node::String(method, written)), None, None) if written.len() <= METHOD_LEN => {
            let params = params(body).map_err(refuse)?;
            Ok(match token {
                Some(id) => Kind::Request { id, method, params },
                None => Kind::Notification { method, params },
            })
        }
        (None, Some(result), None) => match token {
            Some(id) if is_object(&result) => Ok(Kind::Result { id, result }),
            _ => Err(refuse(REQUEST)),
        },
        (None, None, Some(error)) if is_object(&error) => Ok(Kind::Error { id: token, error }),
        _ => Err(refuse(REQUEST)),
    }
}

/// SPEC: the params, or the code of the refusal.
fn params<'n, 'a>(body: &'n Node<'a>) -> Result<Option<&'n Node<'a>>, i64> {
    let params = match body.member("params") {
        None => return Ok(None),
        Some(params) if params.is_null() => return Ok(None),
        Some(Node::Array(_)) => return Err(PARAMS),
        Some(params) => params,
    };
    if params.members().is_none() || params.repeats() {
        return Err(REQUEST);
    }
    let Some(meta) = params.member("_meta") else {
        return Ok(Some(params));
    };
    if meta.members().is_none() {
        return Err(PARAMS);
    }
    if meta.repeats() {
        return Err(REQUEST);
    }
    match meta.member("progressToken").map(Node::name_token) {
        Some(None) => Err(PARAMS),
        _ => Ok(Some(params)),
    }
}
