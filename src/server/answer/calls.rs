//! `tools/call`, `resources/read`, `prompts/get` and `completion/complete`: requests that a handler
//! answers.

use super::open_request::{Answer, OpenRequest};
use super::rounds::Run;
use crate::protocol::mirror::Headers;
use crate::server::completion::CompletionRequest;
use crate::server::handler_error::HandlerError;
use crate::server::metadata::meta::Meta;
use crate::server::resource::contents::ResourceContents;
use crate::server::result::cache::Cache;
use crate::server::result::closing::Closing;
use crate::server::tool::arguments::Arguments;
use crate::server::tool::definition::Tool;
use crate::server::tool::task_use::TaskUse;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::params::Params;
use crate::wire::pieces::PieceWriter;
use crate::wire::version::{Era, ProtocolVersion};

impl OpenRequest<'_> {
    /// SPEC E-33 to E-35, E-38.
    pub(super) async fn call_tool(&mut self) -> Answer {
        let name = self.name()?;
        let Some(tool) = self.registry.tools.get(&name) else {
            let name = name.into_owned();
            return Box::pin(self.call_unregistered_tool(name)).await;
        };
        drop(name);
        if tool.item.task_use() != TaskUse::Never && self.may_detach(tool.item.task_use())? {
            return Box::pin(self.detach_call(tool)).await;
        }
        let (closing, version) = (self.closing, self.version);
        let arguments = match self.arguments_for(&tool.item) {
            Ok(arguments) => arguments,
            Err(error) => {
                let told = self.tool_failed(tool.item.name(), error)?;
                return Ok(told.into_json(version, closing));
            }
        };
        let run = self.run(|call| (tool.handler)(call, arguments)).await;
        let result = match run {
            Ok(Run::Complete(result)) => result.output,
            Ok(Run::InputRequired(answer)) => return Ok(answer),
            Err(error) => self.tool_failed(tool.item.name(), error)?,
        };
        if let Err(reason) = tool.item.check_result(&result) {
            self.report(tool.item.name(), &reason);
            return Err(ErrorObject::internal());
        }
        Ok(result.into_json(version, closing))
    }

    /// The arguments of a call of this tool, checked (SPEC E-36, J-11).
    pub(super) fn arguments_for(&self, tool: &Tool) -> Result<Arguments, HandlerError> {
        let arguments = Arguments::of(self.request)?;
        if self.version.era() == Era::Modern && self.call.has_headers() {
            let headers = Headers::new(self.call.headers());
            tool.check_mirrored(headers, &arguments)?;
        }
        tool.check(&arguments)?;
        Ok(arguments)
    }

    /// SPEC E-52 to E-54.
    pub(super) async fn read_resource(&mut self) -> Answer {
        let uri = self.uri()?;
        let found = self.registry.readable(&uri);
        let found = found.ok_or_else(|| ErrorObject::resource_not_found(&uri))?;
        let cache = self.kept(found.cache);
        let (closing, version) = (self.closing, self.version);
        let run = self.run(|call| (found.reader)(call, found.read)).await;
        match run.map_err(|error| self.failed(found.key, error))? {
            Run::Complete(result) => {
                // SPEC D-74: what depends on the answers of one person is not to be kept.
                let cache = if result.is_retry {
                    Cache::default()
                } else {
                    cache
                };
                Ok(contents_json(result.output, version, closing.kept(cache)))
            }
            Run::InputRequired(answer) => Ok(answer),
        }
    }

    /// SPEC E-66, E-67.
    pub(super) async fn get_prompt(&mut self) -> Answer {
        let name = self.name()?;
        let Some(prompt) = self.registry.prompts.get(&name) else {
            let name = name.into_owned();
            return Box::pin(self.get_unregistered_prompt(name)).await;
        };
        let given = self.request.params().and_then(Params::arguments);
        let arguments = prompt.item.read_arguments(given)?;
        drop(name);
        let (closing, version) = (self.closing, self.version);
        let run = self.run(|call| (prompt.handler)(call, arguments)).await;
        match run.map_err(|error| self.failed(prompt.item.name(), error))? {
            Run::Complete(result) => {
                let description = prompt.item.described();
                Ok(result.output.to_json(description, version, closing))
            }
            Run::InputRequired(answer) => Ok(answer),
        }
    }

    /// SPEC E-70 to E-72.
    pub(super) async fn complete(&mut self) -> Answer {
        let Some(handler) = &self.registry.completion else {
            return Err(ErrorObject::method_not_found(self.request.method()));
        };
        let wanted = CompletionRequest::read(self.params(), self.version)?;
        let exists = self
            .registry
            .has_argument(wanted.target(), wanted.argument());
        if !exists {
            let message = "`argument` names nothing of the prompt or template in `ref`";
            return Err(ErrorObject::invalid_params(message));
        }
        self.request.trim();
        // SPEC D-100: this method cannot end with a question.
        let completion = handler(self.call.without_round(), wanted).await;
        let completion = completion.map_err(|error| self.failed("", error))?;
        let result = completion.to_value();
        Ok(self.closing.close(&result, &Meta::default()))
    }
}

/// The result of a read.
fn contents_json(
    contents: Vec<ResourceContents>,
    version: ProtocolVersion,
    closing: Closing<'_>,
) -> Json {
    let mut out = PieceWriter::with_capacity(256);
    out.put(b"{\"contents\":[");
    for (at, one) in contents.into_iter().enumerate() {
        if at > 0 {
            out.put(b",");
        }
        one.put(&mut out, version);
    }
    out.put(b"]");
    closing.end(&mut out, "complete", &Meta::default());
    Json::from_encoder(out.finish())
}
