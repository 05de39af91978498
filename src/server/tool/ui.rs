//! [`ToolUi`]: which page shows what a tool answers, and who may call the tool.

use serde_json::{Value, json};

use crate::server::metadata::meta::Meta;
use crate::server::resource::page_uri::is_page_uri;

/// What a tool says to hosts with MCP Apps (*MCP Apps 2026-01-26, Resource Discovery*).
#[derive(Clone, Debug, Default)]
pub(super) struct ToolUi {
    /// The URI of the page.
    pub(super) page: Option<String>,
    /// `None`: both.
    pub(super) visibility: Option<Visibility>,
    /// Whether the page is also named in the way that older hosts read.
    pub(super) has_flat_key: bool,
}

/// Who alone may call a tool.
#[derive(Clone, Copy, Debug)]
pub(super) enum Visibility {
    Model,
    App,
}

impl ToolUi {
    /// What cannot be served; `None` if everything can.
    pub(super) fn fault(&self, tool: &str, meta: &Meta) -> Option<String> {
        if meta.has("ui") || meta.has("ui/resourceUri") {
            return Some(format!(
                "the tool {tool:?} has a `ui` by `Tool::meta` and by its setters: use the setters alone"
            ));
        }
        match &self.page {
            Some(page) if !is_page_uri(page) => Some(format!(
                "the URI of the page of the tool {tool:?} must begin with `ui://`: {page:?}"
            )),
            None if self.has_flat_key => Some(format!(
                "the tool {tool:?} has no page (`Tool::ui`) that `Tool::ui_flat_key` could name"
            )),
            _ => None,
        }
    }

    /// Adds what hosts read to the `_meta` of the tool.
    pub(super) fn put(&self, meta: &mut Meta) {
        let mut ui = json!({});
        if let Some(page) = &self.page {
            ui["resourceUri"] = page.as_str().into();
            if self.has_flat_key {
                meta.insert("ui/resourceUri", page.as_str());
            }
        }
        if let Some(visibility) = self.visibility {
            ui["visibility"] = Value::from([match visibility {
                Visibility::Model => "model",
                Visibility::App => "app",
            }]);
        }
        meta.insert("ui", ui);
    }
}
