//! [`Resource`]: what can be read at one URI.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Value, json};

use super::description::{Description, described, described_with_any_type};
use super::handler::Reader;
use super::page_uri::has_page_scheme;
use crate::protocol::change::Change;
use crate::protocol::uri::normal_form;
use crate::server::item::Item;
use crate::server::metadata::annotations::Annotations;
use crate::server::metadata::icon::Icon;
#[cfg(feature = "skills")]
use crate::server::metadata::meta::Meta;
use crate::server::result::cache::{Cache, CacheScope};
use crate::server::result::first_pages::List;
use crate::server::uri_template::uri::is_absolute_uri;
use crate::wire::version::ProtocolVersion;

/// A resource with a fixed URI (*2025-11-25, Resources, Resource*).
///
/// Clients find it under every spelling of the URI: `HTTP://Example.com` is `http://example.com/`
/// (*RFC 3986, 6.2.2*). Lists have the spelling that it is registered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    uri: String,
    size: Option<u64>,
    about: Description,
    listing: Listing,
    kind: Kind,
}

/// What a resource is for.
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Plain,
    /// A page that hosts show, and why it cannot be served.
    Page(Option<Box<str>>),
}

/// Whether lists of resources have a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Listing {
    #[default]
    Listed,
    Unlisted,
}

impl Resource {
    /// A resource by its absolute URI and a name for programs. Another URI fails the build of the service, and so
    /// does one that begins with `ui://`: pages are registered as [`UiResource`](crate::server::UiResource).
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            size: None,
            about: Description::new(name.into()),
            listing: Listing::default(),
            kind: Kind::Plain,
        }
    }

    /// A page for hosts to show.
    pub(super) fn of_page(
        uri: String,
        about: Description,
        listing: Listing,
        fault: Option<String>,
    ) -> Self {
        Self {
            uri,
            size: None,
            about,
            listing,
            kind: Kind::Page(fault.map(Into::into)),
        }
    }

    described_with_any_type!();

    /// The length of its contents in bytes, before any encoding.
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// Leaves it out of lists. It is read all the same.
    #[cfg(feature = "skills")]
    pub(crate) fn unlisted(mut self) -> Self {
        self.listing = Listing::Unlisted;
        self
    }

    /// Sets its `_meta`, whose keys were checked.
    #[cfg(feature = "skills")]
    pub(crate) fn with_meta(mut self, meta: Meta) -> Self {
        self.about.meta = meta;
        self
    }

    /// The URI.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    pub(crate) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut out = json!({"uri": self.uri});
        if let Some(size) = self.size {
            out["size"] = size.into();
        }
        self.about.put(&mut out, version);
        out
    }
}

impl Item for Resource {
    type Handler = Reader;

    const NOUN: &'static str = "resource";
    const LIST: List = List::Resources;
    const CHANGE: Change = Change::Resources;

    fn key(&self) -> &str {
        &self.uri
    }

    fn normal_key(uri: &str) -> Cow<'_, str> {
        normal_form(uri)
    }

    fn fault(&self) -> Option<String> {
        if let Kind::Page(Some(fault)) = &self.kind {
            Some(fault.to_string())
        } else if is_absolute_uri(&self.uri) {
            self.about.fault()
        } else {
            Some(format!(
                "the URI of a resource must be absolute: {:?}",
                self.uri
            ))
        }
    }

    fn registration_fault(&self) -> Option<String> {
        let is_misplaced = self.kind == Kind::Plain && has_page_scheme(&self.uri);
        is_misplaced.then(|| {
            format!(
                "the resource {:?} has the scheme of pages: register it with `Server::ui_resource` or \
                 `Server::add_ui_resource`",
                self.uri
            )
        })
    }

    fn needed_scopes(&self) -> &[String] {
        &self.about.scopes
    }

    fn gives_pages(&self) -> bool {
        self.kind != Kind::Plain
    }

    fn is_listed(&self) -> bool {
        self.listing == Listing::Listed
    }

    fn to_text(&self, version: ProtocolVersion) -> String {
        self.to_value(version).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::resource::template::ResourceTemplate;

    /// SPEC E-50, E-51, K: `title` and `_meta` from 2025-06-18 on, `icons` from 2025-11-25 on.
    #[test]
    fn resources_and_templates_take_the_form_of_the_revision() {
        let resource = Resource::new("a://b", "b")
            .title("B")
            .size(3)
            .mime_type("text/plain")
            .icon(Icon::new("data:,x"))
            .meta("com.example/a", 1);
        let template = ResourceTemplate::new("a://{b}", "b")
            .title("B")
            .mime_type("text/plain")
            .icon(Icon::new("data:,x"))
            .meta("com.example/a", 1);
        for version in ProtocolVersion::ALL {
            let mut expected = json!({"name": "b", "mimeType": "text/plain"});
            if version.has_titles() {
                expected["title"] = "B".into();
                expected["_meta"] = json!({"com.example/a": 1});
            }
            if version.has_icons() {
                expected["icons"] = json!([{"src": "data:,x"}]);
            }
            let mut listed: Value = serde_json::from_str(&template.to_text(version)).unwrap();
            assert_eq!(listed["uriTemplate"].take(), "a://{b}");
            expected["uriTemplate"] = Value::Null;
            assert_eq!(listed, expected, "{version}");
            let mut listed = resource.to_value(version);
            assert_eq!(listed["uri"].take(), "a://b");
            assert_eq!(listed["size"].take(), 3);
            listed["uriTemplate"] = Value::Null;
            expected["uri"] = Value::Null;
            expected["size"] = Value::Null;
            assert_eq!(listed, expected, "{version}");
        }
    }

    /// SPEC: what could not be served is a fault.
    #[test]
    fn a_wrong_resource_is_a_fault() {
        let resource = || Resource::new("a://b", "b");
        assert_eq!(resource().fault(), None);
        assert!(Resource::new("b", "b").fault().is_some());
        assert!(resource().meta("dev.mcp/a", 1).fault().is_some());
        assert!(resource().icon(Icon::new("i.png")).fault().is_some());
        let template = ResourceTemplate::new("a://{b}", "b").meta("a b", 1);
        assert!(template.fault().is_some());
    }
}
