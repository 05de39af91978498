//! [`Resource`] and [`ResourceTemplate`]: what can be read.

use std::time::Duration;

use serde_json::{Value, json};

use crate::server::metadata::annotations::Annotations;
use crate::server::metadata::icon::{Icon, icons_fault, put_icons};
use crate::server::metadata::meta::Meta;
use crate::server::metadata::scopes::scopes_fault;
use crate::server::result::cache::{Cache, CacheScope};
use crate::server::uri_template::template::UriTemplate;
use crate::wire::version::ProtocolVersion;

/// A resource with a fixed URI.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    uri: String,
    size: Option<u64>,
    about: About,
}

/// What resources and templates tell of themselves alike.
#[derive(Clone, Debug, Default, PartialEq)]
struct About {
    name: String,
    title: Option<String>,
    description: Option<String>,
    mime_type: Option<String>,
    annotations: Option<Annotations>,
    icons: Vec<Icon>,
    meta: Meta,
    cache: Cache,
    scopes: Vec<String>,
}

impl About {
    /// What is wrong with it, if anything.
    fn fault(&self) -> Option<String> {
        self.meta
            .fault()
            .or_else(|| icons_fault(&self.icons))
            .or_else(|| scopes_fault(&self.scopes))
    }

    fn put(&self, out: &mut Value, version: ProtocolVersion) {
        let mut text = |key: &str, text: &Option<String>| {
            if let Some(text) = text {
                out[key] = text.as_str().into();
            }
        };
        text("description", &self.description);
        text("mimeType", &self.mime_type);
        if version.has_titles() {
            text("title", &self.title);
            self.meta.put(out);
        }
        out["name"] = self.name.as_str().into();
        if let Some(annotations) = &self.annotations {
            out["annotations"] = annotations.to_value(version);
        }
        put_icons(&self.icons, out, version);
    }
}

macro_rules! about {
    () => {
        /// What it is, for people and models.
        #[must_use]
        pub fn description(mut self, description: impl Into<String>) -> Self {
            self.about.description = Some(description.into());
            self
        }

        /// A name for people. From 2025-06-18 on.
        #[must_use]
        pub fn title(mut self, title: impl Into<String>) -> Self {
            self.about.title = Some(title.into());
            self
        }

        /// The MIME type of its contents.
        #[must_use]
        pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
            self.about.mime_type = Some(mime_type.into());
            self
        }

        /// Hints for the client.
        #[must_use]
        pub fn annotations(mut self, annotations: Annotations) -> Self {
            self.about.annotations = Some(annotations);
            self
        }

        /// Adds an icon. From 2025-11-25 on.
        #[must_use]
        pub fn icon(mut self, icon: Icon) -> Self {
            self.about.icons.push(icon);
            self
        }

        /// Adds to its `_meta`. From 2025-06-18 on. A key that is malformed, or that the protocol
        /// reserves, fails the service's build; on a link it is left out (SPEC ).
        #[must_use]
        pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
            self.about.meta.insert(key, value);
            self
        }

        /// How long clients of 2026-07-28 may keep what is read, and for whom. Default: not at all,
        /// and private (SPEC D-70, D-73). What is read with an identity is private, whatever is set.
        #[must_use]
        pub fn cache(mut self, ttl: Duration, scope: CacheScope) -> Self {
            self.about.cache = Cache { ttl, scope };
            self
        }

        /// The scopes that reading and subscribing to it need, all of them: who lacks one is answered 403 with the list
        /// ([`Identity::satisfies`](crate::auth::Identity::satisfies)), before anything runs. Default: none.
        /// Without [`Builder::authorizer`](crate::Builder::authorizer) nobody has scopes, and the
        /// service's build fails.
        #[must_use]
        pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
            self.about.scopes = scopes.into_iter().map(Into::into).collect();
            self
        }

        pub(crate) fn needed_scopes(&self) -> &[String] {
            &self.about.scopes
        }

        pub(crate) fn kept(&self) -> Cache {
            self.about.cache
        }

        /// What is wrong with the registration, beside its URI.
        pub(crate) fn fault(&self) -> Option<String> {
            self.about.fault()
        }
    };
}

impl Resource {
    /// A resource by its absolute URI and a name for programs.
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        let about = About {
            name: name.into(),
            ..About::default()
        };
        Self {
            uri: uri.into(),
            size: None,
            about,
        }
    }

    about!();

    /// The length of its contents in bytes, before any encoding.
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// The URI.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    pub(crate) fn mime(&self) -> Option<&str> {
        self.about.mime_type.as_deref()
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

/// Resources whose URIs follow an RFC 6570 template, such as `echo://{message}`.
#[derive(Clone, Debug)]
pub struct ResourceTemplate {
    template: String,
    about: About,
}

impl ResourceTemplate {
    /// A template and a name for programs. All operators of RFC 6570 are understood, the modifiers
    /// `*` and `:n` are not; a template that cannot be read fails the service's build.
    pub fn new(template: impl Into<String>, name: impl Into<String>) -> Self {
        let about = About {
            name: name.into(),
            ..About::default()
        };
        Self {
            template: template.into(),
            about,
        }
    }

    about!();

    pub(crate) fn text(&self) -> &str {
        &self.template
    }

    pub(crate) fn mime(&self) -> Option<&str> {
        self.about.mime_type.as_deref()
    }

    pub(crate) fn parse(&self) -> Result<UriTemplate, String> {
        UriTemplate::parse(&self.template)
    }

    pub(crate) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut out = json!({"uriTemplate": self.template});
        self.about.put(&mut out, version);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let mut listed = template.to_value(version);
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
        assert!(resource().meta("dev.mcp/a", 1).fault().is_some());
        assert!(resource().icon(Icon::new("i.png")).fault().is_some());
        let template = ResourceTemplate::new("a://{b}", "b").meta("a b", 1);
        assert!(template.fault().is_some());
    }
}
