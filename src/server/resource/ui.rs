//! [`UiResource`]: a page that hosts show beside what a tool answers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::contents::ResourceContents;
use super::definition::{Listing, Resource};
use super::description::{Description, described};
use super::handler::{IntoResourceContents, ReadRequest, Reader, reader};
use super::page_settings::PageSettings;
use super::page_uri::is_page_uri;
use crate::server::call::Call;
use crate::server::handler_error::HandlerError;
use crate::server::metadata::annotations::Annotations;
use crate::server::metadata::icon::Icon;
use crate::server::result::cache::{Cache, CacheScope};

/// A page in HTML that hosts with MCP Apps show beside what a tool answers (*MCP Apps 2026-01-26, UI Resource
/// Format*). Register it with [`Server::ui_resource`](crate::server::Server::ui_resource), and name it in a tool
/// with [`Tool::ui`](crate::server::Tool::ui).
///
/// The host runs the page in a sandbox, and talks to it by `postMessage`: it hands over the arguments and the
/// results of the tool. The server takes no part in that. A page may not load or reach anything outside itself,
/// unless the setters here ask for it; the host decides.
///
/// The settings go to the host with the page, in the `_meta.ui` of what is read, unless the handler returns
/// [`ResourceContents`] that have a `ui` of their own there.
///
/// ```
/// use std::time::Duration;
/// use mcp_wire::server::{CacheScope, Server, Tool, ToolResult, UiResource};
/// use serde_json::json;
///
/// let page = UiResource::new("ui://weather/view", "weather_view")
///     .connect_domains(["https://api.example.com"])
///     .prefers_border(true)
///     .cache(Duration::from_secs(300), CacheScope::Public);
/// let server = Server::new("Weather", "1.0.0")
///     .ui_resource(page, async |_, _| "<!doctype html><title>Weather</title>…")
///     .tool(Tool::new("weather").ui("ui://weather/view"), async |_, _| {
///         ToolResult::text("Sunny, 22 °C").with_structured(json!({"celsius": 22}))
///     });
/// ```
#[derive(Clone, Debug)]
pub struct UiResource {
    uri: String,
    about: Description,
    settings: PageSettings,
    listing: Listing,
    settings_in_lists: bool,
}

impl UiResource {
    /// The id of the extension. A server with a registered page declares it.
    pub const EXTENSION: &'static str = "io.modelcontextprotocol/ui";

    /// The MIME type of pages.
    pub const MIME_TYPE: &'static str = "text/html;profile=mcp-app";

    /// A page by its URI, which begins with `ui://`, and a name for programs. Another URI fails the build of
    /// the service.
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        let mut about = Description::new(name.into());
        about.mime_type = Some(Self::MIME_TYPE.to_owned());
        Self {
            uri: uri.into(),
            about,
            settings: PageSettings::default(),
            listing: Listing::default(),
            settings_in_lists: false,
        }
    }

    described!();

    /// Adds origins that scripts of the page may connect to: `https://api.example.com`,
    /// `https://*.example.com`. What is no origin fails the build of the service, as for all lists of origins.
    /// Default: none.
    #[must_use]
    pub fn connect_domains<T: Into<String>>(self, origins: impl IntoIterator<Item = T>) -> Self {
        self.allow("connectDomains", origins)
    }

    /// Adds origins that the page may load scripts, styles, images, fonts and media from. Default: none.
    #[must_use]
    pub fn resource_domains<T: Into<String>>(self, origins: impl IntoIterator<Item = T>) -> Self {
        self.allow("resourceDomains", origins)
    }

    /// Adds origins of pages that the page may have frames of. Default: none.
    #[must_use]
    pub fn frame_domains<T: Into<String>>(self, origins: impl IntoIterator<Item = T>) -> Self {
        self.allow("frameDomains", origins)
    }

    /// Adds origins that the page may take as the base of its URLs. Default: its own.
    #[must_use]
    pub fn base_uri_domains<T: Into<String>>(self, origins: impl IntoIterator<Item = T>) -> Self {
        self.allow("baseUriDomains", origins)
    }

    /// Asks for the camera. As with all that a page asks for, it has to work without.
    #[must_use]
    pub fn camera(self) -> Self {
        self.permit("camera")
    }

    /// Asks for the microphone.
    #[must_use]
    pub fn microphone(self) -> Self {
        self.permit("microphone")
    }

    /// Asks for the place where the person is.
    #[must_use]
    pub fn geolocation(self) -> Self {
        self.permit("geolocation")
    }

    /// Asks to write to the clipboard.
    #[must_use]
    pub fn clipboard_write(self) -> Self {
        self.permit("clipboardWrite")
    }

    /// Asks for an origin of its own, for callbacks and lists of allowed origins elsewhere. Each host documents
    /// which form it takes. Default: the host decides.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.settings.set_domain(domain.into());
        self
    }

    /// Says whether the host should draw a border and a background. Default: the host decides, and hosts
    /// differ.
    #[must_use]
    pub fn prefers_border(mut self, is_so: bool) -> Self {
        self.settings.set_prefers_border(is_so);
        self
    }

    /// Leaves it out of `resources/list`: hosts find it by the tools that name it. Clients are not told when it
    /// is added or removed.
    #[must_use]
    pub fn unlisted(mut self) -> Self {
        self.listing = Listing::Unlisted;
        self
    }

    /// Puts the settings into `resources/list` too, for hosts that show them before they read the page.
    #[must_use]
    pub fn settings_in_lists(mut self) -> Self {
        self.settings_in_lists = true;
        self
    }

    fn allow<T: Into<String>>(
        mut self,
        list: &'static str,
        origins: impl IntoIterator<Item = T>,
    ) -> Self {
        self.settings.allow(list, origins);
        self
    }

    fn permit(mut self, permission: &'static str) -> Self {
        self.settings.permit(permission);
        self
    }

    /// Why it cannot be served; `None` if it can.
    fn fault(&self) -> Option<String> {
        let uri = &self.uri;
        if !is_page_uri(uri) {
            return Some(format!(
                "the URI of a page must begin with `ui://`: {uri:?}"
            ));
        }
        if self.about.meta.has("ui") {
            return Some(format!(
                "the page {uri:?} has a `ui` in its `_meta`: use the setters of `UiResource`"
            ));
        }
        let fault = self.settings.fault()?;
        Some(format!("the page {uri:?} cannot be served: {fault}"))
    }

    /// The resource that it is, and what reads it.
    pub(crate) fn into_resource<F, R>(
        mut self,
        handler: impl Fn(Call, ReadRequest) -> F + Send + Sync + 'static,
    ) -> (Resource, Reader)
    where
        F: Future<Output = R> + Send + 'static,
        R: IntoResourceContents,
    {
        let fault = self.fault();
        let settings = self.settings.to_value();
        if let Some(settings) = settings.as_ref().filter(|_| self.settings_in_lists) {
            self.about.meta.insert("ui", settings.clone());
        }
        let resource = Resource::of_page(self.uri, self.about, self.listing, fault);
        (resource, page_reader(settings, handler))
    }
}

/// A reader that gives a page its type and its settings.
fn page_reader<F, R>(
    settings: Option<Value>,
    handler: impl Fn(Call, ReadRequest) -> F + Send + Sync + 'static,
) -> Reader
where
    F: Future<Output = R> + Send + 'static,
    R: IntoResourceContents,
{
    let read = reader(Some(UiResource::MIME_TYPE), handler);
    Arc::new(move |call, request| {
        let reading = read(call, request);
        let settings = settings.clone();
        Box::pin(async move { as_page(reading.await?, settings) })
    })
}

/// Checks that what a handler returned is one page, and puts the settings to it.
fn as_page(
    contents: Vec<ResourceContents>,
    settings: Option<Value>,
) -> Result<Vec<ResourceContents>, HandlerError> {
    let [page] = <[_; 1]>::try_from(contents).map_err(|contents| {
        let count = contents.len();
        HandlerError::internal(format!(
            "the handler of a page must return one `ResourceContents`, and returned {count}"
        ))
    })?;
    let page = match page.mime() {
        None => page.mime_type(UiResource::MIME_TYPE),
        Some(UiResource::MIME_TYPE) => page,
        Some(other) => {
            return Err(HandlerError::internal(format!(
                "the handler of a page returned contents of the type {other:?}: pages are of the type {:?}",
                UiResource::MIME_TYPE
            )));
        }
    };
    Ok(vec![match settings.filter(|_| !page.has_meta("ui")) {
        Some(settings) => page.meta("ui", settings),
        None => page,
    }])
}
