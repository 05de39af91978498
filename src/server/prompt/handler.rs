//! The handler of a prompt, and what it may return.

use std::future::Future;
use std::sync::Arc;

use super::arguments::PromptArguments;
use super::result::PromptResult;
use crate::server::call::Call;
use crate::server::handler_error::HandlerError;
use crate::server::metadata::role::Role;
use crate::transport::future::BoxFuture;

/// What the handler of a prompt may return: text, which becomes one message of the user, a [`PromptResult`],
/// or a `Result` of one of these with a [`HandlerError`] or what converts to it.
pub trait IntoPromptResult {
    /// The messages.
    ///
    /// # Errors
    ///
    /// Why the handler failed.
    fn into_prompt_result(self) -> Result<PromptResult, HandlerError>;
}

impl IntoPromptResult for PromptResult {
    fn into_prompt_result(self) -> Result<PromptResult, HandlerError> {
        Ok(self)
    }
}

impl IntoPromptResult for String {
    fn into_prompt_result(self) -> Result<PromptResult, HandlerError> {
        Ok(PromptResult::new().message(Role::User, self))
    }
}

impl IntoPromptResult for &str {
    fn into_prompt_result(self) -> Result<PromptResult, HandlerError> {
        Ok(PromptResult::new().message(Role::User, self))
    }
}

impl<T: IntoPromptResult, E: Into<HandlerError>> IntoPromptResult for Result<T, E> {
    fn into_prompt_result(self) -> Result<PromptResult, HandlerError> {
        self.map_err(Into::into)?.into_prompt_result()
    }
}

/// A handler with its types erased.
pub(crate) type PromptHandler = Arc<
    dyn Fn(Call, PromptArguments) -> BoxFuture<Result<PromptResult, HandlerError>> + Send + Sync,
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
