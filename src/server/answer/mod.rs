//! How a server answers each method of the protocol, in each era.

mod calls;
mod detaching;
mod failures;
mod fallbacks;
pub(crate) mod listening;
mod lists;
pub(crate) mod methods;
mod open_request;
mod opening;
mod rounds;
mod settings;
#[cfg(feature = "skills")]
mod skills;
mod subscribing;
mod tasks;
