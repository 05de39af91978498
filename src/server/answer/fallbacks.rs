//! `tools/call` and `prompts/get` for names that are not registered.

use super::open_request::{Answer, OpenRequest};
use super::rounds::Run;
use crate::server::fallback::{PromptCall, ToolCall, unknown};
use crate::server::mismatch::shortened;
use crate::server::prompt::definition::Prompt;
use crate::server::tool::arguments::Arguments;
use crate::wire::params::Params;

impl OpenRequest<'_> {
    /// A call of a tool that only a list handler may know.
    pub(super) async fn call_unregistered_tool(&mut self, name: String) -> Answer {
        let Some(fallback) = &self.registry.tool_fallback else {
            return Err(unknown("tool", &name));
        };
        let (closing, version) = (self.closing, self.version);
        let run = match Arguments::of(self.request) {
            Ok(arguments) => {
                let asked = ToolCall::new(name.clone(), arguments);
                self.run(|call| fallback(call, asked)).await
            }
            Err(error) => Err(error),
        };
        let result = match run {
            Ok(Run::Complete(result)) => result.output,
            Ok(Run::InputRequired(answer)) => return Ok(answer),
            Err(error) => self.tool_failed(&shortened(&name), error)?,
        };
        Ok(result.into_json(version, closing))
    }

    /// A request for a prompt that only a list handler may know.
    pub(super) async fn get_unregistered_prompt(&mut self, name: String) -> Answer {
        let Some(fallback) = &self.registry.prompt_fallback else {
            return Err(unknown("prompt", &name));
        };
        let given = self.request.params().and_then(Params::arguments);
        // A prompt without arguments of its own requires none of them.
        let arguments = Prompt::new(&*name).read_arguments(given)?;
        let asked = PromptCall::new(name.clone(), arguments);
        let (closing, version) = (self.closing, self.version);
        let run = self.run(|call| fallback(call, asked)).await;
        match run.map_err(|error| self.failed(&shortened(&name), error))? {
            Run::Complete(result) => Ok(result.output.to_json(None, version, closing)),
            Run::InputRequired(answer) => Ok(answer),
        }
    }
}
