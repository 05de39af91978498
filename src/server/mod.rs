//! MCP's own methods: tools, resources, prompts and what belongs to them. Knows nothing of HTTP.
//!
//! Start with [`Server`].

mod about;
pub(crate) mod announce;
mod answer;
#[cfg(feature = "schemars")]
mod asking;
mod call;
mod catalog;
mod client;
mod completion;
mod content;
mod dynamic;
mod extensions;
mod fallback;
mod handle;
mod handler_error;
mod item;
#[cfg(feature = "serde")]
mod located;
mod lookup;
mod metadata;
mod mismatch;
mod object_text;
mod prompt;
mod question;
mod registration;
mod registry;
mod resource;
mod result;
mod round;
#[cfg(feature = "schemars")]
mod schema_of;
#[cfg(feature = "skills")]
mod served_skills;
#[cfg(feature = "skills")]
mod serving_skills;
mod shared;
#[cfg(feature = "skills")]
mod skill;
#[cfg(feature = "request-state")]
mod state;
mod tool;
#[cfg(feature = "schemars")]
mod typed;
#[cfg(feature = "schemars")]
mod typed_prompt;
mod uri_template;
mod with_state;

pub use self::about::About;
pub use self::call::Call;
pub use self::completion::{Completion, CompletionRequest, CompletionTarget};
pub use self::content::Content;
pub use self::fallback::{PromptCall, ToolCall};
pub use self::handle::Server;
pub use self::handler_error::HandlerError;
pub use self::metadata::annotations::Annotations;
pub use self::metadata::icon::{Icon, Theme};
pub use self::metadata::role::Role;
pub use self::prompt::arguments::PromptArguments;
pub use self::prompt::definition::{Presence, Prompt, PromptArgument};
pub use self::prompt::handler::IntoPromptResult;
pub use self::prompt::result::PromptResult;
pub use self::question::elicitation::{Elicitation, Elicited};
pub use self::question::root::Root;
pub use self::question::sampled::{Sampled, ToolUse};
pub use self::question::sampling::{IncludedContext, Sampling, ToolChoice};
pub use self::resource::contents::ResourceContents;
pub use self::resource::definition::Resource;
pub use self::resource::handler::{IntoResourceContents, ReadRequest};
pub use self::resource::template::ResourceTemplate;
pub use self::resource::ui::UiResource;
pub use self::result::cache::CacheScope;
pub use self::result::page::{Cursor, Page};
pub use self::result::text::Text;
#[cfg(feature = "skills")]
#[cfg_attr(docsrs, doc(cfg(feature = "skills")))]
pub use self::skill::definition::Skill;
#[cfg(feature = "skills")]
#[cfg_attr(docsrs, doc(cfg(feature = "skills")))]
pub use self::skill::set::Skills;
pub use self::tool::arguments::Arguments;
pub use self::tool::definition::Tool;
pub use self::tool::task_use::TaskUse;

pub use self::tool::handler::IntoToolResult;
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
pub use self::tool::json::Json;
pub use self::tool::result::ToolResult;
#[cfg(feature = "schemars")]
#[cfg_attr(docsrs, doc(cfg(feature = "schemars")))]
pub use self::typed::ToolOutput;
pub use self::with_state::with_state;
pub use crate::transport::tasks::handle::Task;
