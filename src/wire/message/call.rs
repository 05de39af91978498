//! Requests and notifications.

use std::fmt;

use bytes::Bytes;

use crate::wire::json::{RawJson, Span};
use crate::wire::jsonrpc::Id;
use crate::wire::method::Method;
use crate::wire::params::{ParamSpans, Params};

/// A method call that expects an answer. It shares the bytes of the body that it was read from, so a
/// dispatcher that waits for long copies what it needs and drops the request.
#[derive(Clone)]
pub struct Request {
    pub(super) body: Bytes,
    pub(super) id: Span,
    pub(super) method: Method,
    pub(super) params: Option<ParamSpans>,
}

impl Request {
    /// The id, which the answer repeats.
    #[must_use]
    pub fn id(&self) -> Id {
        Id::from_token(&self.body[self.id.range()])
    }

    /// The name of the method, with its escapes decoded.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The method itself.
    pub(crate) fn kind(&self) -> &Method {
        &self.method
    }

    /// The params; `None` if they are absent or `null`.
    #[must_use]
    pub fn params(&self) -> Option<Params<'_>> {
        let spans = self.params.as_ref();
        spans.map(|spans| Params::new(&self.body, spans))
    }

    /// A [`part`](Self::part) with `params._meta`; empty if there is none.
    pub(crate) fn meta_part(&self) -> Bytes {
        meta_part(self.params())
    }

    /// A part of this request that can outlive it: copied if the rest of the request is long.
    #[cfg(feature = "server")]
    pub(crate) fn part(&self, part: RawJson<'_>) -> Bytes {
        owned_part(&self.body, part)
    }

    /// Whether the text holds much more than what is asked for: `name`, `uri` and `arguments`.
    #[cfg(feature = "server")]
    pub(crate) fn is_padded(&self) -> bool {
        if self.body.len() <= SLACK {
            return false;
        }
        let params = self.params.iter();
        let asked = params.flat_map(|params| [params.name, params.uri, params.arguments]);
        let asked: usize = asked.flatten().map(|span| span.range().len()).sum();
        self.body.len() - asked > SLACK
    }

    /// Frees the text of a long request, except for the id.
    #[cfg(feature = "server")]
    pub(crate) fn trim(&mut self) {
        if self.body.len() > SLACK {
            let id = Bytes::copy_from_slice(&self.body[self.id.range()]);
            self.id = Span::new(0, id.len());
            self.params = None;
            self.body = id;
        }
    }
}

/// A method call that expects no answer.
#[derive(Clone)]
pub struct Notification {
    pub(super) body: Bytes,
    pub(super) method: Method,
    pub(super) params: Option<ParamSpans>,
}

impl Notification {
    /// The name of the method, with its escapes decoded.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The method itself.
    pub(crate) fn kind(&self) -> &Method {
        &self.method
    }

    /// The params; `None` if they are absent or `null`.
    #[must_use]
    pub fn params(&self) -> Option<Params<'_>> {
        let spans = self.params.as_ref();
        spans.map(|spans| Params::new(&self.body, spans))
    }

    /// The text of `params._meta`, which can outlive the notification; empty if there is none.
    pub(crate) fn meta_part(&self) -> Bytes {
        meta_part(self.params())
    }
}

fn meta_part(params: Option<Params<'_>>) -> Bytes {
    params
        .and_then(|params| Some(owned_part(params.body(), params.meta()?)))
        .unwrap_or_default()
}

/// A part of a message may keep up to this many other bytes of it in memory: fewer are not worth a
/// copy.
const SLACK: usize = 4 * 1024;

/// A part of `body` that can outlive it: a copy, unless the part is nearly all of the body.
fn owned_part(body: &Bytes, part: RawJson<'_>) -> Bytes {
    if body.len() - part.as_bytes().len() > SLACK {
        Bytes::copy_from_slice(part.as_bytes())
    } else {
        body.slice_ref(part.as_bytes())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("id", &self.id())
            .field("method", &self.method())
            .field("params", &self.params())
            .finish()
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("method", &self.method())
            .field("params", &self.params())
            .finish()
    }
}
