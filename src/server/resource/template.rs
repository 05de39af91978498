//! [`ResourceTemplate`]: what can be read at many URIs.

use std::time::Duration;

use serde_json::{Value, json};

use super::description::{Description, described, described_with_any_type};
use super::handler::Reader;
use super::page_uri::has_page_scheme;
use crate::protocol::change::Change;
use crate::server::item::Item;
use crate::server::metadata::annotations::Annotations;
use crate::server::metadata::icon::Icon;
use crate::server::result::cache::{Cache, CacheScope};
use crate::server::result::first_pages::List;
use crate::server::uri_template::template::UriTemplate;
use crate::server::uri_template::variables::Variables;
use crate::wire::version::ProtocolVersion;

/// Resources whose URIs follow an RFC 6570 template, such as `echo://{message}` (*2025-11-25, Resources,
/// Resource Templates*).
#[derive(Clone, Debug)]
pub struct ResourceTemplate {
    text: String,
    /// The template, or why it cannot be read.
    parsed: Result<UriTemplate, String>,
    about: Description,
}

impl ResourceTemplate {
    /// A template and a name for programs. Every operator of RFC 6570 is understood; the modifiers `*` and
    /// `:n` are not. A template that cannot be read, or that no absolute URI can match, fails the build of the
    /// service.
    ///
    /// Literals match in the form that they have in URIs (*RFC 6570, 3.1*): `file:///my docs/{name}` matches
    /// `file:///my%20docs/a`. The scheme and the host match in any case.
    pub fn new(template: impl Into<String>, name: impl Into<String>) -> Self {
        let text = template.into();
        Self {
            parsed: UriTemplate::parse(&text),
            text,
            about: Description::new(name.into()),
        }
    }

    described_with_any_type!();

    /// The variables of a URI in its normal spelling; `None` if it does not follow the template.
    pub(crate) fn match_uri(&self, uri: &str) -> Option<Variables> {
        self.parsed.as_ref().ok()?.match_uri(uri)
    }

    pub(crate) fn has_variable(&self, name: &str) -> bool {
        let mut variables = self.parsed.iter().flat_map(UriTemplate::variables);
        variables.any(|variable| variable == name)
    }
}

impl Item for ResourceTemplate {
    type Handler = Reader;

    const NOUN: &'static str = "resource template";
    const LIST: List = List::Templates;
    const CHANGE: Change = Change::Resources;

    fn key(&self) -> &str {
        &self.text
    }

    fn fault(&self) -> Option<String> {
        match &self.parsed {
            Ok(_) => self.about.fault(),
            Err(fault) => Some(fault.clone()),
        }
    }

    fn gives_pages(&self) -> bool {
        has_page_scheme(&self.text)
    }

    fn needed_scopes(&self) -> &[String] {
        &self.about.scopes
    }

    fn to_text(&self, version: ProtocolVersion) -> String {
        let mut out = json!({"uriTemplate": self.text});
        self.about.put(&mut out, version);
        out.to_string()
    }
}
