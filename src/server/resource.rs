//! Resources and resource templates: what can be read.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::call::Call;
use super::closing::{Cache, CacheScope};
use super::content::{Annotations, put_with};
use super::icon::{Icon, icons_fault, put_icons};
use super::meta::Meta;
use super::scopes::scopes_fault;
use super::text::Text;
use super::uri_template::{UriTemplate, Variables};
use crate::transport::future::BoxFuture;
use crate::wire::base64;
use crate::wire::json::put_owned_string;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::pieces::PieceWriter;
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

        pub(super) fn needed_scopes(&self) -> &[String] {
            &self.about.scopes
        }

        pub(super) fn kept(&self) -> Cache {
            self.about.cache
        }

        /// What is wrong with the registration, beside its URI.
        pub(super) fn fault(&self) -> Option<String> {
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

    pub(super) fn mime(&self) -> Option<&str> {
        self.about.mime_type.as_deref()
    }

    pub(super) fn to_value(&self, version: ProtocolVersion) -> Value {
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

    pub(super) fn text(&self) -> &str {
        &self.template
    }

    pub(super) fn mime(&self) -> Option<&str> {
        self.about.mime_type.as_deref()
    }

    pub(super) fn parse(&self) -> Result<UriTemplate, String> {
        UriTemplate::parse(&self.template)
    }

    pub(super) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut out = json!({"uriTemplate": self.template});
        self.about.put(&mut out, version);
        out
    }
}

/// What is to be read.
#[derive(Clone, Debug)]
pub struct Read {
    uri: String,
    variables: Variables,
}

impl Read {
    pub(super) fn new(uri: &str, variables: Variables) -> Self {
        Self {
            uri: uri.to_owned(),
            variables,
        }
    }

    /// The URI as the client gave it.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// What a variable of the template stands for in the URI, percent-decoded once. It never holds
    /// a `..` path segment or a NUL. `None` when the template has no such variable, or an optional
    /// one is absent.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name)
    }
}

/// What was read: text or bytes under a URI.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceContents {
    uri: String,
    mime_type: Option<String>,
    body: Body,
    meta: Meta,
}

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Text(Text),
    Blob(String),
}

impl ResourceContents {
    /// Text under a URI.
    pub fn text(uri: impl Into<String>, text: impl Into<Text>) -> Self {
        Self {
            uri: uri.into(),
            mime_type: None,
            body: Body::Text(text.into()),
            meta: Meta::default(),
        }
    }

    /// Bytes under a URI, sent in Base64.
    pub fn blob(uri: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            uri: uri.into(),
            mime_type: None,
            body: Body::Blob(base64::encode(bytes)),
            meta: Meta::default(),
        }
    }

    /// The MIME type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Adds to its `_meta`. From 2025-06-18 on. A key that is malformed, or that the protocol
    /// reserves, is left out (SPEC ).
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key, value);
        self
    }

    pub(super) fn to_value(&self, version: ProtocolVersion) -> Value {
        let mut out = self.to_value_without_body(version);
        match &self.body {
            Body::Text(text) => out["text"] = text.as_str().into(),
            Body::Blob(blob) => out["blob"] = blob.as_str().into(),
        }
        out
    }

    /// Appends them, without a copy of what is long.
    pub(super) fn put(self, out: &mut PieceWriter, version: ProtocolVersion) {
        let others = self.to_value_without_body(version);
        match self.body {
            Body::Text(text) => put_with(out, &others, "text", |out| text.put(out)),
            Body::Blob(blob) => {
                put_with(out, &others, "blob", |out| put_owned_string(out, blob));
            }
        }
    }

    fn to_value_without_body(&self, version: ProtocolVersion) -> Value {
        let mut out = json!({"uri": self.uri});
        if let Some(mime_type) = &self.mime_type {
            out["mimeType"] = mime_type.as_str().into();
        }
        if version.has_titles() {
            self.meta.put(&mut out);
        }
        out
    }
}

/// What a reader may return: text, bytes, contents, or a `Result` of these with an
/// [`ErrorObject`].
pub trait IntoContents {
    /// The contents under `uri`; `mime_type` is that of the resource, if it has one.
    ///
    /// # Errors
    ///
    /// What the client is answered instead; [`ErrorObject::resource_not_found`] for a URI that
    /// names nothing.
    fn into_contents(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, ErrorObject>;
}

fn typed(contents: ResourceContents, mime_type: Option<&str>) -> Vec<ResourceContents> {
    vec![match mime_type {
        Some(mime_type) => contents.mime_type(mime_type),
        None => contents,
    }]
}

impl IntoContents for String {
    fn into_contents(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, ErrorObject> {
        Ok(typed(
            ResourceContents::text(uri, self),
            mime_type.or(Some("text/plain")),
        ))
    }
}

impl IntoContents for &str {
    fn into_contents(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, ErrorObject> {
        self.to_owned().into_contents(uri, mime_type)
    }
}

impl IntoContents for Bytes {
    fn into_contents(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, ErrorObject> {
        Ok(typed(ResourceContents::blob(uri, &self), mime_type))
    }
}

impl IntoContents for ResourceContents {
    fn into_contents(
        self,
        _uri: &str,
        _mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, ErrorObject> {
        Ok(vec![self])
    }
}

impl IntoContents for Vec<ResourceContents> {
    fn into_contents(
        self,
        _uri: &str,
        _mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, ErrorObject> {
        Ok(self)
    }
}

impl<T: IntoContents> IntoContents for Result<T, ErrorObject> {
    fn into_contents(
        self,
        uri: &str,
        mime_type: Option<&str>,
    ) -> Result<Vec<ResourceContents>, ErrorObject> {
        self?.into_contents(uri, mime_type)
    }
}

/// A reader with its types erased.
pub(super) type Reader =
    Arc<dyn Fn(Call, Read) -> BoxFuture<Result<Vec<ResourceContents>, ErrorObject>> + Send + Sync>;

pub(super) fn reader<F, R>(
    mime_type: Option<&str>,
    handler: impl Fn(Call, Read) -> F + Send + Sync + 'static,
) -> Reader
where
    F: Future<Output = R> + Send + 'static,
    R: IntoContents,
{
    let mime_type: Option<Arc<str>> = mime_type.map(Into::into);
    Arc::new(move |call, read| {
        let uri = read.uri.clone();
        let mime_type = mime_type.clone();
        let reading = handler(call, read);
        Box::pin(async move { reading.await.into_contents(&uri, mime_type.as_deref()) })
    })
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

    /// SPEC E-52, K: contents have `_meta` from 2025-06-18 on.
    #[test]
    fn contents_take_the_form_of_the_revision() {
        let contents = ResourceContents::blob("a://b", b"f").meta("a", 1);
        for version in ProtocolVersion::ALL {
            let mut expected = json!({"uri": "a://b", "blob": "Zg=="});
            if version.has_titles() {
                expected["_meta"] = json!({"a": 1});
            }
            assert_eq!(contents.to_value(version), expected, "{version}");
        }
    }
}
