//! [`Shared`]: what all handles of one server share.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::about::About;
use super::announce::{Announce, Audience};
use super::metadata::icon::put_icons;
use super::registry::Current;
use crate::protocol::change::Change;
#[cfg(feature = "request-state")]
use crate::transport::access::seal::StateKeys;
use crate::transport::dispatch::publisher::Publisher;
use crate::wire::version::ProtocolVersion;

pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) about: OnceLock<About>,
    pub(crate) current: Current,
    /// The way to the clients, once the server belongs to a service.
    pub(crate) publisher: OnceLock<Publisher>,
    #[cfg(feature = "request-state")]
    pub(crate) state_keys: OnceLock<StateKeys>,
    modern_info: OnceLock<String>,
}

impl Shared {
    pub(crate) fn new(name: String, version: String) -> Self {
        Self {
            name,
            version,
            about: OnceLock::new(),
            current: Current::default(),
            publisher: OnceLock::new(),
            #[cfg(feature = "request-state")]
            state_keys: OnceLock::new(),
            modern_info: OnceLock::new(),
        }
    }

    /// Tells the operator why something failed, once there is a service to do so.
    pub(crate) fn report(&self, method: &str, name: &str, reason: &str) {
        if let Some(publisher) = self.publisher.get() {
            publisher.report_failure(method, name, reason);
        }
    }

    /// Tells the operator of names that several skills have, once there is a service to do so.
    #[cfg(feature = "skills")]
    pub(crate) fn report_repeated_names(&self, names: &[(String, usize)]) {
        if let Some(publisher) = self.publisher.get() {
            for (name, count) in names {
                publisher.report_repeated_skill(name, *count);
            }
        }
    }

    pub(crate) fn instructions(&self) -> Option<&str> {
        self.about.get()?.instructions.as_deref()
    }

    /// `serverInfo`, each member from its revision on (SPEC E-1).
    pub(crate) fn info(&self, version: ProtocolVersion) -> Value {
        let mut info = json!({"name": self.name, "version": self.version});
        let Some(about) = self.about.get() else {
            return info;
        };
        let mut put = |key: &str, text: &Option<String>| {
            if let Some(text) = text {
                info[key] = text.as_str().into();
            }
        };
        if version.has_titles() {
            put("title", &about.title);
        }
        if version.has_implementation_details() {
            put("description", &about.description);
            put("websiteUrl", &about.website_url);
        }
        put_icons(&about.icons, &mut info, version);
        info
    }

    /// `serverInfo` as every result of 2026-07-28 holds it: JSON text, written once.
    pub(crate) fn modern_info(&self) -> &str {
        self.modern_info
            .get_or_init(|| self.info(ProtocolVersion::V2026_07_28).to_string())
    }

    #[cfg(feature = "request-state")]
    pub(crate) fn state_keys(&self) -> &StateKeys {
        self.state_keys.get_or_init(StateKeys::of_this_process)
    }
}

impl Announce for Shared {
    fn announce(&self, audience: Audience<'_>, change: &Change) {
        if !self.current.get().declares(change) {
            return;
        }
        match (self.publisher.get(), audience) {
            (Some(publisher), Audience::All) => publisher.publish(change),
            (Some(publisher), Audience::Principal(principal)) => {
                publisher.publish_to(principal, change);
            }
            (None, _) => {}
        }
    }
}
