//! [`Description`]: what resources and resource templates both tell of themselves.

use serde_json::Value;

use crate::server::metadata::annotations::Annotations;
use crate::server::metadata::icon::{Icon, icons_fault, put_icons};
use crate::server::metadata::meta::Meta;
use crate::server::metadata::scopes::scopes_fault;
use crate::server::result::cache::Cache;
use crate::wire::version::ProtocolVersion;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) mime_type: Option<String>,
    pub(crate) annotations: Option<Annotations>,
    pub(crate) icons: Vec<Icon>,
    pub(crate) meta: Meta,
    pub(crate) cache: Cache,
    pub(crate) scopes: Vec<String>,
}

impl Description {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Why it cannot be served; `None` if it can.
    pub(crate) fn fault(&self) -> Option<String> {
        self.meta
            .fault()
            .or_else(|| icons_fault(&self.icons))
            .or_else(|| scopes_fault(&self.scopes))
    }

    /// Adds its members to an entry of a list.
    pub(crate) fn put(&self, out: &mut Value, version: ProtocolVersion) {
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

/// The setters of a type whose member `about` is a [`Description`].
macro_rules! described {
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

        /// Adds an entry to its `_meta`. From 2025-06-18 on. A key that is malformed, or that the
        /// protocol reserves (*2025-11-25, Overview, `_meta`*), fails the build of the service; in a link
        /// ([`Content::link`](crate::server::Content::link)) it is left out.
        #[must_use]
        pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
            self.about.meta.insert(key, value);
            self
        }

        /// How long clients of 2026-07-28 may keep what they read, and who may share it. Default: it may
        /// not be kept, and is private. What a client with an identity reads is private whatever `scope`
        /// says.
        #[must_use]
        pub fn cache(mut self, ttl: Duration, scope: CacheScope) -> Self {
            self.about.cache = Cache { ttl, scope };
            self
        }

        /// The scopes that a client needs to read it and to subscribe to it, all of them. Default: none.
        ///
        /// A client that lacks one is answered 403 with the list, before any handler runs
        /// ([`Identity::satisfies`](crate::auth::Identity::satisfies)). The build of the service fails
        /// without an authorizer ([`Builder::authorizer`](crate::Builder::authorizer)), because then no
        /// client has a scope.
        ///
        /// A URI is read by the resource that has it, or else by the first template that matches, and the scopes
        /// of that one count. So a broader template needs them too, or has to check what it reads: beside
        /// `vault:///secret/{name}`, the template `vault:///{+path}` matches `vault:///secret%2Fa` and gives its
        /// handler the path `secret/a`.
        #[must_use]
        pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
            self.about.scopes = scopes.into_iter().map(Into::into).collect();
            self
        }
    };
}

/// The setters of a type whose member `about` is a [`Description`], if its contents may be of any type.
macro_rules! described_with_any_type {
    () => {
        described!();

        /// The MIME type of its contents. Contents of another type say so themselves
        /// ([`ResourceContents::mime_type`](crate::server::ResourceContents::mime_type)).
        #[must_use]
        pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
            self.about.mime_type = Some(mime_type.into());
            self
        }

        pub(crate) fn kept(&self) -> Cache {
            self.about.cache
        }

        pub(crate) fn mime(&self) -> Option<&str> {
            self.about.mime_type.as_deref()
        }
    };
}

pub(crate) use {described, described_with_any_type};
