//! The handler of a prompt, and what it may return.

use std::future::Future;
use std::sync::Arc;

use super::arguments::PromptArguments;
use super::result::PromptResult;
use crate::server::call::Call;
use crate::server::metadata::role::Role;
use crate::transport::future::BoxFuture;
use crate::wire::jsonrpc::ErrorObject;

/// What the handler of a prompt may return: text, which becomes one message of the user, a [`PromptResult`],
/// or a `Result` of one of these with an [`ErrorObject`].
pub trait IntoPromptResult {
    /// The messages.
    ///
    /// # Errors
    ///
    /// The JSON-RPC error that the client is answered.
    fn into_prompt_result(self) -> Result<PromptResult, ErrorObject>;
}

impl IntoPromptResult for PromptResult {
    fn into_prompt_result(self) -> Result<PromptResult, ErrorObject> {
        Ok(self)
    }
}

impl IntoPromptResult for String {
    fn into_prompt_result(self) -> Result<PromptResult, ErrorObject> {
        Ok(PromptResult::new().message(Role::User, self))
    }
}

impl IntoPromptResult for &str {
    fn into_prompt_result(self) -> Result<PromptResult, ErrorObject> {
        Ok(PromptResult::new().message(Role::User, self))
    }
}

impl<T: IntoPromptResult> IntoPromptResult for Result<T, ErrorObject> {
    fn into_prompt_result(self) -> Result<PromptResult, ErrorObject> {
        self?.into_prompt_result()
    }
}

/// A handler with its types erased.
pub(crate) type PromptHandler = Arc<
    dyn Fn(Call, PromptArguments) -> BoxFuture<Result<PromptResult, ErrorObject>> + Send + Sync,
>;

pub(crate) fn prompt_handler<F, R>(
    handler: impl Fn(Call, PromptArguments) -> F + Send + Sync + 'static,
) -> PromptHandler
where
    F: Future<Output = R> + Send + 'static,
    R: IntoPromptResult,
{
    Arc::new(move |call, arguments| {
        let running = handler(call, arguments);
        Box::pin(async move { running.await.into_prompt_result() })
    })
}
