//! The answer to a request of this side.

use std::fmt;

use bytes::Bytes;

use super::id::Id;
use crate::wire::json::{RawJson, Span};

/// The answer to a request that this side sent (JSON-RPC 2.0, section 5).
#[derive(Clone)]
pub struct Response {
    pub(super) body: Bytes,
    pub(super) id: Option<Span>,
    pub(super) outcome: Result<Span, Span>,
}

impl Response {
    /// The id of the request. An error may come without one, if the peer could not read it.
    #[must_use]
    pub fn id(&self) -> Option<Id> {
        self.id.map(|id| Id::from_token(&self.body[id.range()]))
    }

    /// The `result` object, or the `error` object as `Err`.
    ///
    /// # Errors
    ///
    /// The `error` object of the response, as JSON text. The parser did not check its members.
    pub fn outcome(&self) -> Result<RawJson<'_>, RawJson<'_>> {
        let raw = |span: Span| RawJson::of(&self.body[span.range()]);
        self.outcome.map(raw).map_err(raw)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("id", &self.id())
            .field("outcome", &self.outcome())
            .finish()
    }
}
