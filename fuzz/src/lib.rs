//! What the fuzz targets share. No oracle shares code or design with the crate: the JSON-RPC [`oracle`] is
//! built on serde_json, the [`era`] of a POST on that oracle, the [`stream`] reader on the text of the WHATWG
//! standard, and the [`header`] reader on the text of RFC 4648. The targets that run a whole service share its
//! [`tools`], the [`request`]s to it, and the [`allocator`] that counts its heap.

pub mod allocator;
pub mod era;
pub mod header;
pub mod http;
pub mod oracle;
pub mod request;
pub mod runtime;
pub mod stream;
pub mod tools;
