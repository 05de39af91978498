//! [`Item`]: what a server registers: a tool, a resource, a resource template or a prompt.

use std::borrow::Cow;

use super::result::first_pages::List;
use crate::protocol::change::Change;
use crate::wire::version::ProtocolVersion;

/// A definition that clients find in a list and use by its key.
pub(crate) trait Item: Clone {
    /// What answers requests for the item, with its types erased.
    type Handler: Clone;

    /// What messages to the embedder call an item of this kind.
    const NOUN: &'static str;
    /// The list that clients find it in.
    const LIST: List;
    /// What clients are told when that list changes.
    const CHANGE: Change;

    /// The name, the URI or the text of the template: unique among items of this kind.
    fn key(&self) -> &str;

    /// What all spellings of a key have in common.
    fn normal_key(key: &str) -> Cow<'_, str> {
        Cow::Borrowed(key)
    }

    /// Why the item cannot be served; `None` if it can.
    fn fault(&self) -> Option<String>;

    /// Why the item cannot be registered in this way, although a list handler may tell of it.
    fn registration_fault(&self) -> Option<String> {
        None
    }

    /// The scopes that a request for the item needs, all of them.
    fn needed_scopes(&self) -> &[String];

    /// Whether its list has the item. What is not listed is served all the same.
    fn is_listed(&self) -> bool {
        true
    }

    /// The URI of the page that shows what the item answers, if there is one.
    fn page(&self) -> Option<&str> {
        None
    }

    /// Whether it is a page that hosts show, or a template of such pages.
    fn gives_pages(&self) -> bool {
        false
    }

    /// Whether a request for it can go on as a task.
    fn may_be_task(&self) -> bool {
        false
    }

    /// The JSON text of the item, as a list of this revision holds it.
    fn to_text(&self, version: ProtocolVersion) -> String;
}
