//! What can change in a server, and the notification that tells of it.

use std::borrow::Cow;

use serde_json::json;

use super::uri::normal_form;
use crate::wire::json::Json;
use crate::wire::method::Method;

/// A change that clients may want to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Tools came or went.
    Tools,
    /// Prompts came or went.
    Prompts,
    /// Resources or resource templates came or went.
    Resources,
    /// The resource with this URI has new contents.
    Resource(String),
}

impl Change {
    /// The method of its notification (SPEC E-43, E-59, E-60, E-69).
    pub(crate) fn method(&self) -> Method {
        match self {
            Self::Tools => Method::ToolsListChanged,
            Self::Prompts => Method::PromptsListChanged,
            Self::Resources => Method::ResourcesListChanged,
            Self::Resource(_) => Method::ResourcesUpdated,
        }
    }

    /// The params of its notification.
    pub(crate) fn params(&self) -> Option<Json> {
        match self {
            Self::Resource(uri) => Some(Json::try_from(&json!({ "uri": uri })).expect("an object")),
            Self::Tools | Self::Prompts | Self::Resources => None,
        }
    }
}

/// A change that is told to clients now, with what their subscriptions are compared with.
#[derive(Clone, Debug)]
pub(crate) struct KeyedChange<'c> {
    pub(crate) change: &'c Change,
    key: Option<Cow<'c, str>>,
}

impl<'c> KeyedChange<'c> {
    pub(crate) fn of(change: &'c Change) -> Self {
        let key = match change {
            Change::Resource(uri) => Some(normal_form(uri)),
            Change::Tools | Change::Prompts | Change::Resources => None,
        };
        Self { change, key }
    }

    /// The normal form of the URI of the resource; `None` for a list.
    pub(crate) fn resource(&self) -> Option<&str> {
        self.key.as_deref()
    }
}
