//! The oracles of the fuzz targets. Nothing here shares code or design with the crate: the JSON-RPC [`oracle`] is
//! built on serde_json, the [`era`] of a POST on that oracle, the [`stream`] reader on the text of the WHATWG
//! standard, and the [`header`] reader on the text of RFC 4648.

pub mod era;
pub mod header;
pub mod http;
pub mod oracle;
pub mod runtime;
pub mod stream;
