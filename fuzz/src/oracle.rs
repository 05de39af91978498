//! The verdict on a JSON-RPC body by the rules of SPEC part A, over a tree.
//!
//! The tree is built level by level from the `RawValue` of serde_json. So numbers keep their digits (`1e999` is JSON,
//! and ids are compared byte for byte), objects keep repeated members, and this file counts the depth itself
//! instead of using the limit of serde_json.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The default limits of the crate, repeated here.
const DEPTH: usize = 64;
const ID_LEN: usize = 256;
const METHOD_LEN: usize = 256;
const BATCH_LEN: usize = 64;

/// The limit on the tree of a body, in bytes, and on the members of the objects that the parser inspects.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    pub tree: usize,
    pub members: usize,
}

impl Costs {
    /// The defaults of the crate.
    pub const DEFAULT: Self = Self {
        tree: 32 * 1024 * 1024,
        members: 1000,
    };
}

/// A JSON value. Objects keep the order of their members, and repeated ones.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    Object(Vec<(String, Node<'a>)>),
    Array(Vec<Node<'a>>),
    /// The text, and its token.
    String(String, &'a str),
    /// The token.
    Number(&'a str),
    /// The token: `true`, `false` or `null`.
    Word(&'a str),
}

impl<'a> Node<'a> {
    /// Parses JSON; `None` if the text is not JSON or nested too deeply.
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
            // Here serde_json refuses lone surrogates, which `RawValue` accepts.
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

    fn is_wider_than(&self, members: usize) -> bool {
        self.members().is_some_and(|it| it.len() > members)
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

    /// Whether two members of this object have the same name.
    fn repeats(&self) -> bool {
        let mut seen = HashSet::new();
        let members = self.members().unwrap_or_default();
        members.iter().any(|(name, _)| !seen.insert(name))
    }

    fn count(&self, name: &str) -> usize {
        let members = self.members().unwrap_or_default();
        members.iter().filter(|(it, _)| it == name).count()
    }

    /// The cost of this value as a tree, without its text, by the rules of `MessageLimits::tree`.
    fn price(&self) -> usize {
        match self {
            Self::Word(_) | Self::Number(_) => 0,
            Self::String(..) => 32,
            Self::Array(elements) if elements.is_empty() => 0,
            Self::Array(elements) => {
                let prices = elements.iter().map(|it| 64 + it.price());
                80 + prices.sum::<usize>()
            }
            Self::Object(members) if members.is_empty() => 0,
            Self::Object(members) => {
                let prices = members.iter().map(|(_, it)| 132 + 32 + it.price());
                544 + prices.sum::<usize>()
            }
        }
    }

    /// Whether it contains a member name that has a special meaning for serde_json.
    fn has_reserved_name(&self) -> bool {
        match self {
            Self::Word(_) | Self::Number(_) | Self::String(..) => false,
            Self::Array(elements) => elements.iter().any(Self::has_reserved_name),
            Self::Object(members) => members.iter().any(|(name, value)| {
                name == "$serde_json::private::RawValue"
                    || name == "$serde_json::private::Number"
                    || value.has_reserved_name()
            }),
        }
    }
}

/// The members of an object, including repeated ones.
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

/// The kind of a valid body.
#[derive(Debug, PartialEq)]
pub enum Verdict<'n, 'a> {
    Single(Kind<'n, 'a>),
    Batch(Vec<Kind<'n, 'a>>),
}

/// The kind of a message, with the parts that the crate exposes.
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

/// The refusal of a body.
#[derive(Debug, PartialEq)]
pub struct Refusal<'a> {
    pub code: i64,
    /// The token of the id to echo.
    pub id: Option<&'a str>,
    pub is_notification: bool,
    /// Whether `_meta` names a revision.
    pub is_enveloped: bool,
}

impl Refusal<'_> {
    fn new(code: i64) -> Self {
        Self {
            code,
            id: None,
            is_notification: false,
            is_enveloped: false,
        }
    }
}

const PARSE: i64 = -32700;
const REQUEST: i64 = -32600;
const PARAMS: i64 = -32602;

/// Judges a body of `len` bytes that [`Node::read`] has read.
pub fn judge<'n, 'a>(
    body: Option<&'n Node<'a>>,
    len: usize,
    costs: Costs,
) -> Result<Verdict<'n, 'a>, Refusal<'a>> {
    match body {
        None => Err(Refusal::new(PARSE)),
        Some(Node::Array(elements)) => batch(elements, len, costs).map(Verdict::Batch),
        Some(body) => message(body, len, costs).map(Verdict::Single),
    }
}

/// SPEC A.3. Any error in a batch refuses the whole batch, without an id.
fn batch<'n, 'a>(
    elements: &'n [Node<'a>],
    len: usize,
    costs: Costs,
) -> Result<Vec<Kind<'n, 'a>>, Refusal<'a>> {
    let refuse = || Refusal::new(REQUEST);
    let price: usize = elements.iter().map(Node::price).sum();
    if elements.is_empty() || elements.len() > BATCH_LEN || len + price > costs.tree {
        return Err(refuse());
    }
    let kinds: Vec<_> = elements
        .iter()
        .map(|element| message(element, len, costs).map_err(|_| refuse()))
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
fn message<'n, 'a>(
    body: &'n Node<'a>,
    len: usize,
    costs: Costs,
) -> Result<Kind<'n, 'a>, Refusal<'a>> {
    if body.is_wider_than(costs.members) {
        // The parser does not search for its id.
        return Err(Refusal::new(REQUEST));
    }
    let [method, result, error] = ["method", "result", "error"].map(|name| body.member(name));
    let id = body.member("id");
    let token = id_token(body);
    let refuse = |code| refusal(body, code);
    if body.members().is_none()
        || len + body.price() > costs.tree
        || body.has_reserved_name()
        || body.repeats()
        || body.member("jsonrpc").and_then(Node::as_str) != Some("2.0")
        || (id.is_some() && token.is_none())
    {
        return Err(refuse(REQUEST));
    }
    let is_object = |node: &&Node<'_>| node.members().is_some();
    match (method, result, error) {
        (Some(Node::String(method, written)), None, None) if written.len() <= METHOD_LEN => {
            let params = params(body, costs).map_err(refuse)?;
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

/// The token of a valid id.
fn id_token<'a>(body: &Node<'a>) -> Option<&'a str> {
    let token = body.member("id").and_then(Node::name_token);
    token.filter(|token| token.len() <= ID_LEN)
}

/// The refusal of a message: with its id, unless it is a response, whose id belongs to the server, or has two ids.
fn refusal<'a>(body: &Node<'a>, code: i64) -> Refusal<'a> {
    let [method, result, error, id] =
        ["method", "result", "error", "id"].map(|name| body.member(name).is_some());
    Refusal {
        code,
        id: id_token(body).filter(|_| body.count("id") == 1 && (method || !(result || error))),
        is_notification: method && !id,
        is_enveloped: body
            .member("params")
            .and_then(|params| params.member("_meta"))
            .and_then(|meta| meta.member("io.modelcontextprotocol/protocolVersion"))
            .is_some(),
    }
}

/// SPEC: the params, or the code of the refusal.
fn params<'n, 'a>(body: &'n Node<'a>, costs: Costs) -> Result<Option<&'n Node<'a>>, i64> {
    let params = match body.member("params") {
        None => return Ok(None),
        Some(params) if params.is_null() => return Ok(None),
        Some(Node::Array(_)) => return Err(PARAMS),
        Some(params) => params,
    };
    if params.members().is_none() || params.repeats() || params.is_wider_than(costs.members) {
        return Err(REQUEST);
    }
    let Some(meta) = params.member("_meta") else {
        return Ok(Some(params));
    };
    if meta.members().is_none() {
        return Err(PARAMS);
    }
    let client = meta.member("io.modelcontextprotocol/clientInfo");
    let are_wide = [Some(meta), client]
        .into_iter()
        .flatten()
        .any(|node| node.is_wider_than(costs.members));
    if meta.repeats() || are_wide {
        return Err(REQUEST);
    }
    match meta.member("progressToken").map(Node::name_token) {
        Some(None) => Err(PARAMS),
        _ => Ok(Some(params)),
    }
}
