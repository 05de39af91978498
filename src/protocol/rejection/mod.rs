//! Refusals at the HTTP boundary: why a request is refused, and what goes out for it.

mod reason;
mod refusal;

pub(crate) use reason::{Reason, Resource};
pub(crate) use refusal::{Refusal, modern_status};

use crate::wire::jsonrpc::Id;
use crate::wire::message::ParseError;

/// A refusal. Nothing of the request was carried out.
#[derive(Clone, Debug)]
pub(crate) struct Rejection {
    pub(crate) reason: Reason,
    /// The id of the refused request, where it could be read (SPEC ).
    pub(crate) id: Option<Id>,
}

impl Rejection {
    /// The same refusal, under this id unless it has one already (SPEC A-11). A lost session is the end of more
    /// than the request: a client that matches answers by their ids would take it for the error of one call, and
    /// not open a new session.
    pub(crate) fn of(self, id: Option<Id>) -> Self {
        let id = id.filter(|_| !matches!(self.reason, Reason::UnknownSession));
        Self {
            id: self.id.or(id),
            ..self
        }
    }
}

impl Reason {
    /// The refusal of the request with this id.
    pub(crate) fn to(self, id: &Id) -> Rejection {
        Rejection {
            reason: self,
            id: Some(id.clone()),
        }
    }
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Self { reason, id: None }
    }
}

impl From<ParseError> for Rejection {
    fn from(error: ParseError) -> Self {
        Self {
            id: error.id().cloned(),
            reason: Reason::Invalid(error),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
