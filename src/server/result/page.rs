//! [`Page`]: what a list handler gives, and [`Cursor`]: where its next page begins.

use crate::wire::jsonrpc::ErrorObject;

/// A page of a list, as a list handler gives it
/// ([`Server::list_tools`](crate::server::Server::list_tools) and its kind).
///
/// ```
/// use mcp_wire::server::{Page, Tool};
///
/// let all = Page::new([Tool::new("one"), Tool::new("two")]);
/// let first = Page::new([Tool::new("one")]).next("after:one");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<Cursor>,
}

/// Where a page of a list handler begins: a text that means something to the handler alone (*2025-11-25,
/// Pagination*). A client gets it in another form, and returns it without reading it.
///
/// A cursor comes from the client and is neither secret nor protected: check it as you would any argument, and
/// refuse a wrong one with [`Cursor::refusal`]. It should mean the same in every process that serves the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl<T> Page<T> {
    /// The last page: these items, and nothing after them.
    pub fn new(items: impl IntoIterator<Item = T>) -> Self {
        Self {
            items: items.into_iter().collect(),
            next: None,
        }
    }

    /// Sets the cursor of the next page. With it the handler is called again when the client asks for more.
    #[must_use]
    pub fn next(self, cursor: impl Into<Cursor>) -> Self {
        self.maybe_next(Some(cursor.into()))
    }

    /// Sets the cursor of the next page, if there is one.
    #[must_use]
    pub fn maybe_next(mut self, cursor: Option<Cursor>) -> Self {
        self.next = cursor;
        self
    }
}

impl Cursor {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a client is answered whose cursor the handler did not give: -32602.
    #[must_use]
    pub fn refusal() -> ErrorObject {
        ErrorObject::invalid_params("`cursor` is not a cursor of this list")
    }
}

impl<T: Into<String>> From<T> for Cursor {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}
