//! [`Reader`]: the handler of a resource, what it is given and what it may return.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

use super::contents::ResourceContents;
use crate::server::call::Call;
use crate::server::handler_error::HandlerError;
use crate::server::uri_template::variables::Variables;
use crate::transport::future::BoxFuture;

/// What is to be read.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    uri: String,
    variables: Variables,
}

impl ReadRequest {
    pub(crate) fn new(uri: &str, variables: Variables) -> Self {
        Self {
            uri: uri.to_owned(),
            variables,
        }
    }

    /// The URI, as the client wrote it.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The value of a variable of the template, percent-decoded once. It never has a `..` path segment or
    /// a NUL, but it can start with `/`, or be an absolute path of another system: check it before you join it
    /// to a directory. `None` if the template has no such variable, or if the URI leaves it out, which only
    /// variables of `{?…}`, `{&…}` and `{;…}` can be.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name)
    }
}

/// What the handler of a resource may return: text, bytes, contents, or a `Result` of one of these with a
/// [`HandlerError`] or what converts to it.
pub trait IntoResourceContents {
    /// The contents under `uri`; `mime_type` is that of the resource, if it has one.
    ///
    /// # Errors
    ///
    /// Why the handler failed:
    /// [`ErrorObject::resource_not_found`](crate::jsonrpc::ErrorObject::resource_not_found) if the URI names
    /// nothing.
    fn into_contents(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, HandlerError>;
}

fn typed(contents: ResourceContents, mime_type: Option<&str>) -> Vec<ResourceContents> {
    vec![match mime_type {
        Some(mime_type) => contents.mime_type(mime_type),
        None => contents,
    }]
}

impl IntoResourceContents for String {
    fn into_contents(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, HandlerError> {
        Ok(typed(
            ResourceContents::text(uri, self),
            mime_type.or(Some("text/plain")),
        ))
    }
}

impl IntoResourceContents for &str {
    fn into_contents(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, HandlerError> {
        self.to_owned().into_contents(uri, mime_type)
    }
}

impl IntoResourceContents for Bytes {
    fn into_contents(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, HandlerError> {
        Ok(typed(ResourceContents::blob(uri, &self), mime_type))
    }
}

impl IntoResourceContents for ResourceContents {
    fn into_contents(
        self,
        _uri: &str,
        _mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, HandlerError> {
        Ok(vec![self])
    }
}

impl IntoResourceContents for Vec<ResourceContents> {
    fn into_contents(
        self,
        _uri: &str,
        _mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, HandlerError> {
        Ok(self)
    }
}

impl<T: IntoResourceContents, E: Into<HandlerError>> IntoResourceContents for Result<T, E> {
    fn into_contents(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, HandlerError> {
        self.map_err(Into::into)?.into_contents(uri, mime_type)
    }
}

/// The handler of a resource, with its types erased.
pub(crate) type Reader = Arc<
    dyn Fn(Call, ReadRequest) -> BoxFuture<Result<Vec<ResourceContents>, HandlerError>>
        + Send
        + Sync,
>;

pub(crate) fn reader<F, R>(
    mime_type: Option<&str>,
    handler: impl Fn(Call, ReadRequest) -> F + Send + Sync + 'static,
) -> Reader
where
    F: Future<Output = R> + Send + 'static,
    R: IntoResourceContents,
{
    let mime_type: Option<Arc<str>> = mime_type.map(Into::into);
    Arc::new(move |call, read| {
        let uri = read.uri.clone();
        let mime_type = mime_type.clone();
        let reading = handler(call, read);
        Box::pin(async move { reading.await.into_contents(&uri, mime_type.as_deref()) })
    })
}
