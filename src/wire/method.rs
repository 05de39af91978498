//! The methods of MCP, in every revision: told apart once, where a message is read.

use std::borrow::Cow;

/// Writes the table below as an enum, and as both directions between a method and its name.
macro_rules! methods {
    ($($method:ident = $name:literal,)*) => {
        /// The method of a request or a notification.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Method {
            $($method,)*
            /// A method that is not part of the protocol: its name.
            Other(Box<str>),
        }

        impl Method {
            /// The method of this name, if the protocol has it.
            pub(crate) fn of_protocol(name: &[u8]) -> Option<Self> {
                Some(match name {
                    $(name if name == $name.as_bytes() => Self::$method,)*
                    _ => return None,
                })
            }

            /// The name of this method.
            pub(crate) fn as_str(&self) -> &str {
                match self {
                    $(Self::$method => $name,)*
                    Self::Other(name) => name,
                }
            }
        }

        #[cfg(test)]
        const NAMES: &[(&str, Method)] = &[$(($name, Method::$method),)*];
    };
}

// The order is that of comparison: the most frequent method comes first.
methods! {
    ToolsCall = "tools/call",
    ToolsList = "tools/list",
    Initialize = "initialize",
    Ping = "ping",
    Initialized = "notifications/initialized",
    Cancelled = "notifications/cancelled",
    Progress = "notifications/progress",
    RootsListChanged = "notifications/roots/list_changed",
    ResourcesRead = "resources/read",
    ResourcesList = "resources/list",
    ResourceTemplatesList = "resources/templates/list",
    ResourcesSubscribe = "resources/subscribe",
    ResourcesUnsubscribe = "resources/unsubscribe",
    PromptsGet = "prompts/get",
    PromptsList = "prompts/list",
    CompletionComplete = "completion/complete",
    LoggingSetLevel = "logging/setLevel",
    ServerDiscover = "server/discover",
    SubscriptionsListen = "subscriptions/listen",
    SkillsList = "skills/list",
    SkillsGet = "skills/get",
    ResourcesDirectoryRead = "resources/directory/read",
    TasksGet = "tasks/get",
    TasksUpdate = "tasks/update",
    TasksCancel = "tasks/cancel",
    // What the server sends.
    ElicitationCreate = "elicitation/create",
    SamplingCreateMessage = "sampling/createMessage",
    RootsList = "roots/list",
    LoggingMessage = "notifications/message",
    SubscriptionsAcknowledged = "notifications/subscriptions/acknowledged",
    ToolsListChanged = "notifications/tools/list_changed",
    PromptsListChanged = "notifications/prompts/list_changed",
    ResourcesListChanged = "notifications/resources/list_changed",
    ResourcesUpdated = "notifications/resources/updated",
    TaskChanged = "notifications/tasks",
}

impl From<Cow<'_, str>> for Method {
    fn from(name: Cow<'_, str>) -> Self {
        Self::of_protocol(name.as_bytes()).unwrap_or_else(|| Self::Other(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_and_its_name_lead_to_each_other() {
        for (name, method) in NAMES {
            assert_eq!(Method::from(Cow::Borrowed(*name)), *method);
            assert_eq!(method.as_str(), *name);
        }
    }

    #[test]
    fn a_method_that_the_protocol_does_not_have_keeps_its_name() {
        for name in ["", "tools/call2", "Tools/call", "tools/call ", "x"] {
            let method = Method::from(Cow::Borrowed(name));
            assert_eq!(method, Method::Other(name.into()));
            assert_eq!(method.as_str(), name);
        }
    }
}
