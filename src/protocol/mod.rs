//! Decisions over values: no async, no runtime, no clock. Where time matters, `now` is an argument.

pub(crate) mod bearer;
pub(crate) mod capabilities;
pub(crate) mod challenge;
pub(crate) mod change;
pub(crate) mod client_info;
pub(crate) mod cors;
pub(crate) mod envelope;
pub(crate) mod era;
pub(crate) mod exchange;
pub(crate) mod fields;
pub(crate) mod filter;
pub(crate) mod forwarded;
pub(crate) mod forwarded_prefix;
pub(crate) mod framing;
pub(crate) mod guard;
pub(crate) mod header;
pub(crate) mod host;
pub(crate) mod level;
#[cfg(test)]
pub(crate) mod line;
pub(crate) mod media;
pub(crate) mod mirror;
pub(crate) mod operator_text;
pub(crate) mod origin;
pub(crate) mod party;
pub(crate) mod protected;
pub(crate) mod quota;
pub(crate) mod rejection;
pub(crate) mod replay;
pub(crate) mod session;
pub(crate) mod stranger;
pub(crate) mod stream;
pub(crate) mod table;
#[cfg(feature = "server")]
pub(crate) mod task;
#[cfg(feature = "request-state")]
pub(crate) mod tombs;
pub(crate) mod trace;
pub(crate) mod turnover;
pub(crate) mod uri;
pub(crate) mod uris;
pub(crate) mod version_header;

#[cfg(test)]
mod tests;
