//! Which methods there are in an era.

use std::sync::Arc;

use super::open_request::{Answer, OpenRequest};
use crate::server::call::Call;
use crate::server::prompt::definition::Prompt;
use crate::server::registry::Registry;
use crate::server::resource::definition::Resource;
use crate::server::resource::template::ResourceTemplate;
use crate::server::shared::Shared;
#[cfg(feature = "skills")]
use crate::server::skill::entry::SkillEntry;
use crate::server::tool::definition::Tool;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::Request;
use crate::wire::method::Method;
use crate::wire::version::Era;

/// Answers any request but `subscriptions/listen`.
pub(crate) async fn answer(
    server: &Arc<Shared>,
    registry: &Registry,
    call: Call,
    request: &mut Request,
) -> Answer {
    let mut open = OpenRequest::new(server, registry, call, request);
    match open.version.era() {
        Era::Legacy => open.answer_legacy().await,
        Era::Modern => open.answer_modern().await,
    }
}

impl OpenRequest<'_> {
    /// The methods that only the legacy era has (SPEC D-60, K), and those that both have.
    async fn answer_legacy(&mut self) -> Answer {
        let registry = self.registry;
        match self.request.kind() {
            Method::Initialize => self.initialize(),
            Method::Ping => Ok(Json::empty()),
            Method::ResourcesSubscribe
                if registry.subscriptions && self.call.can_receive_changes() =>
            {
                self.subscribe().await
            }
            Method::ResourcesUnsubscribe if registry.subscriptions => self.unsubscribe(),
            Method::LoggingSetLevel if registry.logging.is_on() => self.set_log_level(),
            _ => self.answer_common().await,
        }
    }

    /// The methods that only the modern era has, and those that both have.
    async fn answer_modern(&mut self) -> Answer {
        match self.request.kind() {
            Method::ServerDiscover => self.discover(),
            #[cfg(feature = "skills")]
            Method::SkillsList if self.registry.skills.is_offered() => {
                self.list::<SkillEntry>().await
            }
            #[cfg(feature = "skills")]
            Method::SkillsGet if self.registry.skills.is_offered() => self.get_skill(),
            #[cfg(feature = "skills")]
            Method::ResourcesDirectoryRead if self.registry.served_skills.directories.is_some() => {
                self.read_directory()
            }
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel
                if self.registry.has_tasks =>
            {
                Box::pin(self.answer_task()).await
            }
            _ => self.answer_common().await,
        }
    }

    /// A method of a capability that the server does not declare does not exist (SPEC E-16, D-61).
    async fn answer_common(&mut self) -> Answer {
        let registry = self.registry;
        match self.request.kind() {
            Method::ToolsCall if registry.tools.is_offered() => self.call_tool().await,
            Method::ToolsList if registry.tools.is_offered() => self.list::<Tool>().await,
            Method::ResourcesRead if registry.offers_resources() => self.read_resource().await,
            Method::ResourcesList if registry.offers_resources() => self.list::<Resource>().await,
            Method::ResourceTemplatesList if registry.offers_resources() => {
                self.list::<ResourceTemplate>().await
            }
            Method::PromptsGet if registry.prompts.is_offered() => self.get_prompt().await,
            Method::PromptsList if registry.prompts.is_offered() => self.list::<Prompt>().await,
            Method::CompletionComplete if registry.completion.is_some() => self.complete().await,
            other => Err(ErrorObject::method_not_found(other.as_str())),
        }
    }
}
