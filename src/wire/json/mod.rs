//! JSON text, read and written without building values.

mod fault;
mod integer;
mod members;
mod names;
mod object;
mod plain;
mod price;
mod raw;
mod scan;
mod span;
#[cfg(test)]
pub(in crate::wire) mod steps;
mod string;
mod token;
mod walk;

pub use self::object::{InvalidJson, Json};
pub use self::raw::RawJson;

pub(crate) use self::integer::integer_of_text;
#[cfg(feature = "server")]
pub(crate) use self::integer::{NoInteger, integer};
#[cfg(any(test, feature = "server"))]
pub(crate) use self::string::put_owned_string;
pub(crate) use self::string::put_string;

pub(in crate::wire) use self::fault::{Fault, Scanned};
pub(in crate::wire) use self::members::{Part, parts};
pub(in crate::wire) use self::scan::{DEPTH_CEILING, MAX_DEPTH, Scanner};
pub(in crate::wire) use self::span::{Kind, Span};
pub(in crate::wire) use self::string::decode;
