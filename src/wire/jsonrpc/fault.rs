//! Why a text is no message.

use std::fmt;

use crate::wire::json;

/// What is wrong with a message, or with a batch. `P` is what the protocol finds wrong with `params`.
#[derive(Clone, Debug)]
pub(in crate::wire) enum Fault<P> {
    Json(json::Fault),
    NotAMessage,
    Version,
    IdType,
    LongId { limit: usize },
    MethodType,
    LongMethod { limit: usize },
    Params(P),
    ParamsType,
    ResultType,
    ErrorType,
    ResultWithoutId,
    Mixed,
    EmptyBatch,
    LongBatch { limit: usize },
    Element(Box<Self>),
    MethodInBatch { method: Box<str> },
    DuplicateId,
    MixedBatch,
}

impl<P> Fault<P> {
    /// The code of the answer: -32700 for bytes that are not JSON, -32602 for params, else -32600.
    pub(in crate::wire) fn code(&self) -> i64 {
        match self {
            Self::Json(fault) if fault.is_syntax() => -32700,
            Self::Params(_) => -32602,
            _ => -32600,
        }
    }
}

impl<P> From<Box<json::Fault>> for Box<Fault<P>> {
    fn from(fault: Box<json::Fault>) -> Self {
        Self::new(Fault::Json(*fault))
    }
}

/// The setting of a limit, for the operator of the server.
fn setting(of: &json::Fault) -> &'static str {
    match of {
        json::Fault::TooDeep { .. } => " (limit: `Limits::message.depth`)",
        json::Fault::TooManyMembers { .. } => " (limit: `Limits::message.members`)",
        json::Fault::LargeTree { .. } => " (limit: `Limits::message.tree`)",
        _ => "",
    }
}

impl<P: fmt::Display> fmt::Display for Fault<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(fault) => write!(f, "{fault}{}", setting(fault)),
            Self::NotAMessage => {
                f.write_str("expected an object with `method`, `result` or `error`")
            }
            Self::Version => f.write_str("`jsonrpc` must be the string \"2.0\""),
            Self::IdType => f.write_str("`id` must be a string or an integer"),
            Self::LongId { limit } => write!(
                f,
                "`id` is longer than {limit} bytes (limit: `Limits::message.id_len`)"
            ),
            Self::MethodType => f.write_str("`method` must be a string"),
            Self::LongMethod { limit } => write!(
                f,
                "`method` is longer than {limit} bytes (limit: `Limits::message.method_len`)"
            ),
            Self::Params(fault) => fault.fmt(f),
            Self::ParamsType => f.write_str("`params` must be an object"),
            Self::ResultType => f.write_str("`result` must be an object"),
            Self::ErrorType => f.write_str("`error` must be an object"),
            Self::ResultWithoutId => f.write_str("a `result` needs the `id` of its request"),
            Self::Mixed => f.write_str("`method`, `result` and `error` are mutually exclusive"),
            Self::EmptyBatch => f.write_str("the batch is empty"),
            Self::LongBatch { limit } => write!(
                f,
                "the batch has more than {limit} messages (limit: `Limits::message.batch_len`)"
            ),
            Self::Element(fault) => write!(f, "in the batch: {fault}"),
            Self::MethodInBatch { method } => write!(f, "`{method}` cannot be part of a batch"),
            Self::DuplicateId => f.write_str("two requests of the batch have the same `id`"),
            Self::MixedBatch => {
                f.write_str("a batch must not mix responses with requests and notifications")
            }
        }
    }
}
