//! `initialize` and `server/discover`: what the server tells of itself.

use serde_json::{Map, Value, json};

use super::open_request::{Answer, OpenRequest};
use crate::server::metadata::meta::Meta;
use crate::wire::json::{Json, RawJson};
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::version::ProtocolVersion;

impl OpenRequest<'_> {
    /// SPEC E-1 to E-3, and its table of outcomes.
    pub(super) fn initialize(&self) -> Answer {
        let params = self.request.params().map(|params| params.as_raw());
        let member = |name: &str| params?.member(name);
        let invalid = |message: &'static str| ErrorObject::invalid_params(message);
        let requested = member("protocolVersion").and_then(RawJson::as_str);
        let requested = requested.ok_or_else(|| invalid("`protocolVersion` must be a string"))?;
        if !member("capabilities").is_some_and(RawJson::is_object) {
            return Err(invalid("`capabilities` must be an object"));
        }
        let is_named = member("clientInfo").is_some_and(|info| {
            let has = |key: &str| info.member(key).is_some_and(RawJson::is_string);
            has("name") && has("version")
        });
        if !is_named {
            return Err(invalid(
                "`clientInfo` must have `name` and `version`, both strings",
            ));
        }
        let version = ProtocolVersion::negotiate(&requested);
        let mut result = json!({
            "protocolVersion": version.as_str(),
            "capabilities": self.capabilities(version),
            "serverInfo": self.server.info(version),
        });
        self.put_instructions(&mut result);
        Ok(Json::try_from(&result)?)
    }

    /// SPEC D-62, D-63.
    pub(super) fn discover(&self) -> Answer {
        let versions = ProtocolVersion::MODERN.map(ProtocolVersion::as_str);
        let mut result = json!({
            "supportedVersions": versions,
            "capabilities": self.capabilities(self.version),
        });
        self.put_instructions(&mut result);
        let closing = self.closing.kept(self.kept(self.registry.lists_cache));
        Ok(closing.close(&result, &Meta::default()))
    }

    fn put_instructions(&self, result: &mut Value) {
        if let Some(instructions) = self.server.instructions() {
            result["instructions"] = instructions.into();
        }
    }

    /// SPEC E-15, E-17, D-67: what the server declares, in the form of the revision.
    fn capabilities(&self, version: ProtocolVersion) -> Value {
        let registry = self.registry;
        let hears = self.call.can_receive_changes();
        let changes = json!({ "listChanged": hears });
        let mut offered = Map::new();
        let mut offer = |key: &str, settings: Value| offered.insert(key.to_owned(), settings);
        if registry.tools.is_offered() {
            offer("tools", changes.clone());
        }
        if registry.offers_resources() {
            let subscribe = registry.subscriptions && hears;
            offer(
                "resources",
                json!({"subscribe": subscribe, "listChanged": hears}),
            );
        }
        if registry.prompts.is_offered() {
            offer("prompts", changes);
        }
        if registry.logging.is_on() {
            offer("logging", json!({}));
        }
        if registry.completion.is_some() && version.has_completions_capability() {
            offer("completions", json!({}));
        }
        if let Some(experimental) = registry.extensions.experimental() {
            offer("experimental", experimental);
        }
        let extensions = registry.extensions.of(version);
        if let Some(extensions) = extensions {
            offer("extensions", extensions);
        }
        offered.into()
    }
}
