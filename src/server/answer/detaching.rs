//! `tools/call` of tools whose calls go on as tasks.

use std::sync::{Arc, Weak};

use serde_json::json;

use super::failures::tool_failed;
use super::open_request::{Answer, OpenRequest};
use super::rounds::Prepared;
use crate::protocol::task::EXTENSION;
use crate::server::catalog::Entry;
use crate::server::handler_error::HandlerError;
use crate::server::metadata::meta::Meta;
use crate::server::result::closing::Closing;
use crate::server::round::Ran;
use crate::server::shared::Shared;
use crate::server::tool::arguments::Arguments;
use crate::server::tool::definition::Tool;
use crate::server::tool::result::ToolResult;
use crate::server::tool::task_use::TaskUse;
use crate::transport::future::BoxFuture;
use crate::transport::tasks::handle::Task;
use crate::transport::tasks::table::Tasks;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::method::Method;
use crate::wire::pieces::PieceWriter;
use crate::wire::version::{Era, ProtocolVersion};

/// Running a handler, with its types erased.
type Running = BoxFuture<Result<ToolResult, HandlerError>>;

/// The error for a client that did not say that it has tasks (TASKS N-5, N-6).
pub(super) fn undeclared() -> ErrorObject {
    ErrorObject::missing_capability(json!({"extensions": {EXTENSION: {}}}))
}

impl OpenRequest<'_> {
    /// Whether the client said, with this request, that it has tasks (TASKS N-3).
    pub(super) fn has_tasks(&self) -> bool {
        let declared = self.call.client_capabilities();
        declared.is_some_and(|declared| declared.has_extension(EXTENSION))
    }

    /// The tasks of the service.
    pub(super) fn tasks(&self) -> Result<Arc<Tasks>, ErrorObject> {
        let publisher = self.server.publisher.get();
        let tasks = publisher.and_then(|publisher| publisher.tasks());
        tasks.ok_or_else(ErrorObject::internal)
    }

    /// Whether this call may go on as a task.
    ///
    /// # Errors
    ///
    /// -32021 if it must and cannot.
    pub(super) fn may_detach(&self, wanted: TaskUse) -> Result<bool, ErrorObject> {
        if self.version.era() == Era::Legacy {
            return Ok(false);
        }
        match (self.has_tasks(), wanted) {
            (false, TaskUse::Required) => Err(undeclared()),
            (has_tasks, _) => Ok(has_tasks),
        }
    }

    /// A call that goes on as a task, from the beginning of its handler or when the handler says so.
    pub(super) async fn detach_call(&mut self, tool: &Entry<Tool>) -> Answer {
        let arguments = match self.arguments_for(&tool.item) {
            Ok(arguments) => arguments,
            Err(error) => return self.complete_call(tool, Err(error)),
        };
        if tool.item.begins_in_request() {
            return self.begin_in_request(tool, arguments).await;
        }
        let (call, server) = (self.call.clone(), Arc::downgrade(self.server));
        let (handler, name) = (&tool.handler, tool.item.name().to_owned());
        let arguments = arguments.detached();
        self.request.trim();
        self.begin_task(move |task| match call.in_task(task) {
            Some(call) => Box::pin(concluded(handler(call, arguments), server, name)),
            None => Box::pin(std::future::ready(Err(ErrorObject::internal()))),
        })
        .await
    }

    /// Runs the handler in rounds, until it goes on as a task (TASKS C-5).
    async fn begin_in_request(&mut self, tool: &Entry<Tool>, arguments: Arguments) -> Answer {
        let Prepared { binding, .. } = self.prepare()?;
        let call = self.call.clone();
        let round = call.round().ok_or_else(ErrorObject::internal)?;
        round.may_detach();
        let mut running = (tool.handler)(call.clone(), arguments);
        match round.run_on(running.as_mut()).await {
            Ok(Ran::Complete(result)) => self.complete_call(tool, Ok(result)),
            Err(error) => self.complete_call(tool, Err(error)),
            Ok(Ran::Asks) => {
                // The handler is dropped before the questions of its round are read.
                drop(running);
                self.ask_all(round, binding)
            }
            Ok(Ran::Detaches) => {
                let (server, name) = (Arc::downgrade(self.server), tool.item.name().to_owned());
                self.begin_task(|task| {
                    round.detached(task);
                    Box::pin(concluded(running, server, name))
                })
                .await
            }
        }
    }

    /// Begins a task, and answers with it (TASKS C-1 to C-4).
    async fn begin_task(
        &self,
        make: impl FnOnce(Task) -> BoxFuture<Result<Json, ErrorObject>>,
    ) -> Answer {
        let party = self.call.party();
        let method = self.request.method();
        let begun = self.tasks()?.begin(method, party.as_ref(), make).await?;
        let mut out = PieceWriter::from(begun);
        self.closing.end(&mut out, "task", &Meta::default());
        Ok(Json::from_encoder(out.finish()))
    }

    /// The answer to a call whose handler ended in the request.
    fn complete_call(
        &self,
        tool: &Entry<Tool>,
        outcome: Result<ToolResult, HandlerError>,
    ) -> Answer {
        let name = tool.item.name();
        let result = outcome.or_else(|error| self.tool_failed(name, error))?;
        if let Err(reason) = tool.item.check_result(&result) {
            self.report(name, &reason);
            return Err(ErrorObject::internal());
        }
        Ok(result.into_json(self.version, self.closing))
    }
}

/// Runs the handler of a task, and makes of its outcome what the request would have been answered with, without the
/// members that every answer has (TASKS S-3). The tool is looked up again, because it may have been replaced.
#[expect(
    clippy::manual_async_fn,
    reason = "an `async fn` would keep its arguments twice"
)]
fn concluded(
    running: Running,
    server: Weak<Shared>,
    name: String,
) -> impl Future<Output = Result<Json, ErrorObject>> + Send {
    async move {
        let outcome = running.await;
        let version = ProtocolVersion::V2026_07_28;
        let server = server.upgrade().ok_or_else(ErrorObject::internal)?;
        let report = |reason: &str| server.report(Method::ToolsCall.as_str(), &name, reason);
        let result = outcome.or_else(|error| tool_failed(error, version, report))?;
        let registry = server.current.get();
        let tool = registry.tools.get(&name);
        let checked = tool.map_or(Ok(()), |tool| tool.item.check_result(&result));
        checked.map_err(|reason| {
            report(&reason);
            ErrorObject::internal()
        })?;
        Ok(result.into_json(version, Closing::LEGACY))
    }
}
