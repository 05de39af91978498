//! [`Elicitation`]: a question to the person at the client. SPEC E-101 to E-109.

use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::form::{form_fault, plain_form, read_form};
use crate::server::uri_template::uri::is_absolute_uri;
use crate::transport::dispatch::request_error::RequestError;
use crate::wire::version::ProtocolVersion;

/// A question to the person at the client (*2025-11-25, Elicitation*). From 2025-06-18 on.
///
/// Never ask for secrets in a form: use [`Elicitation::url`].
#[derive(Clone, Debug)]
pub struct Elicitation {
    message: String,
    kind: Kind,
    key: Option<String>,
    timeout: Option<Duration>,
}

#[derive(Clone, Debug)]
enum Kind {
    Form(Value),
    Url(String),
}

/// What the person did with the question.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Elicited {
    /// They answered. The content fits the schema of the form; it is empty for a page. A field that the
    /// client left empty with `null` is absent, and the value of an integer is an integer, also where the
    /// client wrote `5.0`.
    Accepted(Map<String, Value>),
    /// They refused.
    Declined,
    /// They dismissed the question without an answer.
    Cancelled,
}

impl Elicitation {
    /// A form. `schema` is a flat object of primitives: `{"type": "object", "properties": {…}}`.
    ///
    /// A property is a string, a number, an integer, a boolean, or a choice: `enum`, `oneOf` of
    /// `{const, title}`, or an `array` whose `items` are such a choice (with `anyOf`) for several.
    /// 2025-06-18 has defaults only for booleans, so others are left out, and titled choices become
    /// `enumNames`. It has no choice of several: [`Call::elicit`](crate::server::Call::elicit) fails there with
    /// [`RequestError::NotOffered`].
    ///
    /// Asking fails with [`RequestError::Faulty`] if the schema is not of this form, or if the person would type
    /// a secret into a field, as its name tells by its last words: `password`, `client_secret`, `apiKey`,
    /// `access_token` and the like.
    pub fn form(message: impl Into<String>, schema: Value) -> Self {
        Self {
            message: message.into(),
            kind: Kind::Form(schema),
            key: None,
            timeout: None,
        }
    }

    /// A page to visit, for what must not pass through the client. From 2025-11-25 on.
    ///
    /// Asking fails with [`RequestError::Faulty`] if the URL is not absolute, or its scheme is neither `https`
    /// nor, for development, `http`. Put nothing personal into the URL and nothing that signs its visitor in,
    /// and let the page check who visits it (*2025-11-25, Elicitation, Security Considerations*).
    pub fn url(message: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            kind: Kind::Url(url.into()),
            key: None,
            timeout: None,
        }
    }

    /// The key of the question in `inputRequests` of 2026-07-28, under which the client answers. Default:
    /// `elicitation`. When a handler asks several questions of one key, the later ones get a number.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// How long to wait for the answer, which must be longer than zero. Default: 10 minutes
    /// ([`Timeouts::elicitation`](crate::Timeouts::elicitation)).
    /// The call that asks ends in any case after [`Timeouts::request`](crate::Timeouts::request). In
    /// 2026-07-28 nobody waits, and this has no effect.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.timeout
    }

    pub(crate) fn key_or_default(&self) -> &str {
        self.key.as_deref().unwrap_or("elicitation")
    }

    /// The params for a client that declared this of `elicitation` (SPEC E-95): an empty capability
    /// means forms only, `null` means nothing.
    pub(crate) fn params(
        &self,
        version: ProtocolVersion,
        declared: &Value,
    ) -> Result<Value, RequestError> {
        if let Some(fault) = self.fault() {
            return Err(RequestError::Faulty(fault));
        }
        let declared = declared.as_object().filter(|_| version.has_elicitation());
        let params = declared.and_then(|declared| match &self.kind {
            Kind::Form(schema) => {
                let offered = declared.contains_key("form") || !declared.contains_key("url");
                self.form_params(schema, version).filter(|_| offered)
            }
            Kind::Url(url) => {
                let offered = version.has_elicitation_modes() && declared.contains_key("url");
                offered.then(|| self.url_params(url, version))
            }
        });
        params.ok_or_else(|| RequestError::not_offered(self.needed(declared)))
    }

    /// What a client has to declare to be asked. One that declared pages to visit has to name forms too.
    fn needed(&self, declared: Option<&Map<String, Value>>) -> Value {
        let has_url = declared.is_some_and(|declared| declared.contains_key("url"));
        match &self.kind {
            Kind::Form(_) if has_url => json!({"elicitation": {"form": {}}}),
            Kind::Form(_) => json!({"elicitation": {}}),
            Kind::Url(_) => json!({"elicitation": {"url": {}}}),
        }
    }

    /// Why no client may be asked; `None` if clients may.
    fn fault(&self) -> Option<String> {
        match &self.kind {
            Kind::Form(schema) => form_fault(schema),
            Kind::Url(url) if is_web_url(url) => None,
            Kind::Url(_) => {
                Some("the URL must be absolute, with the scheme https or http".to_owned())
            }
        }
    }

    /// `None` if the revision has no such form.
    fn form_params(&self, schema: &Value, version: ProtocolVersion) -> Option<Value> {
        if version.has_elicitation_modes() {
            return Some(
                json!({"mode": "form", "message": self.message, "requestedSchema": schema}),
            );
        }
        let schema = plain_form(schema)?;
        Some(json!({"message": self.message, "requestedSchema": schema}))
    }

    fn url_params(&self, url: &str, version: ProtocolVersion) -> Value {
        let mut params = json!({"mode": "url", "message": self.message, "url": url});
        if version.has_elicitation_ids() {
            params["elicitationId"] = Uuid::new_v4().simple().to_string().into();
        }
        params
    }

    /// Reads the answer; `None` if it is malformed or does not fit the form (SPEC E-109, D-114).
    pub(crate) fn read(&self, mut answer: Value) -> Option<Elicited> {
        match answer.get("action")?.as_str()? {
            "decline" => Some(Elicited::Declined),
            "cancel" => Some(Elicited::Cancelled),
            "accept" => {
                let content = match answer.get_mut("content").map(Value::take) {
                    Some(Value::Object(content)) => content,
                    // Clients write what is absent as `null` too.
                    None | Some(Value::Null) => Map::new(),
                    Some(_) => return None,
                };
                let content = match &self.kind {
                    Kind::Form(schema) => read_form(schema, content)?,
                    Kind::Url(_) => content,
                };
                Some(Elicited::Accepted(content))
            }
            _ => None,
        }
    }
}

/// "The url parameter MUST contain a valid URL": one that a browser can open.
fn is_web_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let is_of_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    is_of_web && !host.is_empty() && is_absolute_uri(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V03: ProtocolVersion = ProtocolVersion::V2025_03_26;
    const V06: ProtocolVersion = ProtocolVersion::V2025_06_18;
    const V11: ProtocolVersion = ProtocolVersion::V2025_11_25;
    const V26: ProtocolVersion = ProtocolVersion::V2026_07_28;

    fn form_of(properties: Value) -> Elicitation {
        Elicitation::form("?", json!({"type": "object", "properties": properties}))
    }

    /// SPEC E-95, E-101, E-103: the mode is in the revisions that have it, and only what was
    /// declared is asked.
    #[test]
    fn elicitation_takes_the_form_of_the_revision() {
        let form = Elicitation::form("who?", json!({"type": "object"}));
        let url = Elicitation::url("sign in", "https://example.com");
        let offered = |what: &Elicitation, version, declared| {
            let params = what.params(version, &declared).ok()?;
            Some(params.get("mode").cloned())
        };
        assert_eq!(offered(&form, V03, json!({})), None);
        assert_eq!(offered(&form, V06, json!({})), Some(None));
        for version in [V11, V26] {
            let form_mode = Some(Some("form".into()));
            assert_eq!(offered(&form, version, json!({})), form_mode);
            assert_eq!(offered(&form, version, json!({"url": {}})), None);
            assert_eq!(offered(&url, version, json!({})), None);
            let url_mode = Some(Some("url".into()));
            assert_eq!(offered(&url, version, json!({"url": {}})), url_mode);
        }
        assert_eq!(offered(&url, V06, json!({"url": {}})), None);
        let refused = url.params(V11, &json!({}));
        assert!(matches!(refused, Err(RequestError::NotOffered(_))));
    }

    /// SPEC E-103: `elicitationId` in 2025-11-25 only.
    #[test]
    fn an_elicitation_id_is_in_one_revision() {
        let url = Elicitation::url("sign in", "https://example.com");
        let params = |version| url.params(version, &json!({"url": {}})).unwrap();
        assert!(params(V11)["elicitationId"].is_string());
        assert_ne!(params(V11)["elicitationId"], params(V11)["elicitationId"]);
        assert_eq!(
            params(V26),
            json!({"mode": "url", "message": "sign in", "url": "https://example.com"})
        );
    }

    /// SPEC E-103: a URL is absolute, valid, and of the web.
    #[test]
    fn a_url_must_be_one() {
        for url in [
            "https://example.com",
            "HTTPS://example.com/a?b=c#d",
            "http://localhost:8080/x",
            "http://[::1]/",
        ] {
            assert!(is_web_url(url), "{url}");
        }
        for url in [
            "",
            "example.com",
            "/x",
            "//example.com",
            "https:",
            "https://",
            "https:///x",
            "https://?x",
            "https://a b",
            "https://a/%zz",
            "javascript:x()",
            "file:///x",
        ] {
            let refused = Elicitation::url("go", url).params(V11, &json!({"url": {}}));
            assert!(matches!(refused, Err(RequestError::Faulty(_))), "{url}");
        }
    }

    /// SPEC E-101: a form is a flat object of primitives.
    #[test]
    fn a_form_is_flat() {
        for property in [
            json!({"type": "string", "format": "email"}),
            json!({"type": "integer"}),
            json!({"type": "array", "items": {"type": "string", "enum": ["a"]}}),
            json!({"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}]}}),
        ] {
            let form = form_of(json!({"x": property}));
            assert!(form.params(V11, &json!({})).is_ok(), "{property}");
        }
        let faulty = |form: Elicitation| {
            matches!(form.params(V11, &json!({})), Err(RequestError::Faulty(_)))
        };
        for property in [
            json!({}),
            json!("string"),
            json!({"type": "object", "properties": {}}),
            json!({"type": "array", "items": {"type": "string"}}),
            json!({"type": "null"}),
        ] {
            assert!(faulty(form_of(json!({"x": property}))), "{property}");
        }
        assert!(faulty(Elicitation::form("?", json!({"type": "string"}))));
        assert!(faulty(Elicitation::form("?", json!([]))));
    }

    /// SPEC E-106: a form does not ask for secrets, in any revision.
    #[test]
    fn a_form_does_not_ask_for_secrets() {
        for name in [
            "password",
            "Password",
            "new_password",
            "newPassword2",
            "user-password",
            "apiKey",
            "API_KEY",
            "openaiAPIKey",
            "apikey",
            "access_token",
            "accessToken",
            "token",
            "client.secret",
            "clientSecret",
            "sshPrivateKey",
            "credentials",
            "cvv",
        ] {
            for kind in ["string", "integer"] {
                let form = form_of(json!({name: {"type": kind}}));
                for version in [V06, V11, V26] {
                    let refused = form.params(version, &json!({}));
                    assert!(matches!(refused, Err(RequestError::Faulty(_))), "{name}");
                }
            }
            let chosen = json!({"type": "string", "enum": ["a", "b"]});
            for property in [json!({"type": "boolean"}), chosen] {
                let form = form_of(json!({name: property}));
                assert!(form.params(V11, &json!({})).is_ok(), "{name}");
            }
        }
    }

    fn choices() -> Value {
        json!({
            "untitled": {"type": "string", "enum": ["a", "b"], "default": "a"},
            "titled": {"type": "string", "default": "a", "oneOf": [
                {"const": "a", "title": "A"}, {"const": "b", "title": "B"}]},
            "legacy": {"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]},
            "name": {"type": "string", "minLength": 2, "default": "Ada"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 1.5},
            "sure": {"type": "boolean", "default": true},
        })
    }

    /// SPEC E-102: from 2025-11-25 on a form goes out as it is.
    #[test]
    fn variants_and_defaults_pass_as_they_are() {
        let mut all = choices();
        all["several"] = json!({"type": "array", "minItems": 1, "default": ["a"],
            "items": {"anyOf": [{"const": "a", "title": "A"}]}});
        let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object", "properties": all, "required": ["name"]});
        let form = Elicitation::form("?", schema.clone());
        for version in [V11, V26] {
            let params = form.params(version, &json!({})).unwrap();
            assert_eq!(params["requestedSchema"], schema);
        }
        assert_eq!(
            form.params(V06, &json!({})),
            Err(RequestError::not_offered(json!({"elicitation": {}}))),
            "2025-06-18 has no choice of several"
        );
    }

    /// SPEC E-102: 2025-06-18 has no titled choices and no defaults but a boolean's.
    #[test]
    fn a_form_takes_the_form_of_2025_06_18() {
        let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object", "properties": choices(), "required": ["name"]});
        let params = Elicitation::form("?", schema)
            .params(V06, &json!({}))
            .unwrap();
        let titled = json!({"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]});
        assert_eq!(
            params,
            json!({"message": "?", "requestedSchema": {"type": "object", "required": ["name"],
            "properties": {
                "untitled": {"type": "string", "enum": ["a", "b"]},
                "titled": titled,
                "legacy": titled,
                "name": {"type": "string", "minLength": 2},
                "age": {"type": "integer"},
                "score": {"type": "number"},
                "sure": {"type": "boolean", "default": true},
            }}})
        );
    }

    /// SPEC E-109: three actions, and content that fits the schema.
    #[test]
    fn an_answer_must_fit_the_form() {
        let form = Elicitation::form(
            "who?",
            json!({"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "age": {"type": "integer"},
                "kind": {"type": "string", "enum": ["a", "b"]},
            }}),
        );
        let accept = |content: Value| form.read(json!({"action": "accept", "content": content}));
        assert!(matches!(
            accept(json!({"name": "x"})),
            Some(Elicited::Accepted(_))
        ));
        assert_eq!(accept(json!({})), None);
        assert_eq!(accept(json!({"name": 1})), None);
        assert_eq!(accept(json!({"name": "x", "age": 1.5})), None);
        assert_eq!(accept(json!({"name": "x", "kind": "c"})), None);
        assert_eq!(
            form.read(json!({"action": "decline"})),
            Some(Elicited::Declined)
        );
        assert_eq!(
            form.read(json!({"action": "cancel", "content": null})),
            Some(Elicited::Cancelled)
        );
        assert_eq!(form.read(json!({"action": "other"})), None);
        assert_eq!(form.read(json!({})), None);
    }

    /// FIELD S-1, SPEC E-109: a content of `null` is none, for a page and for a form in which nothing is required.
    #[test]
    fn a_content_of_null_is_none() {
        let schema = |required: Value| {
            json!({"type": "object", "required": required,
                "properties": {"name": {"type": "string"}}})
        };
        let page = Elicitation::url("go", "https://example.com");
        let free = Elicitation::form("?", schema(json!([])));
        let strict = Elicitation::form("?", schema(json!(["name"])));
        let empty = || Some(Elicited::Accepted(Map::new()));
        for answer in [
            json!({"action": "accept", "content": null}),
            json!({"action": "accept", "content": {}}),
            json!({"action": "accept"}),
        ] {
            assert_eq!(page.read(answer.clone()), empty(), "{answer}");
            assert_eq!(free.read(answer.clone()), empty(), "{answer}");
            assert_eq!(strict.read(answer.clone()), None, "{answer}");
        }
        for content in [json!([]), json!(""), json!(0), json!(false)] {
            let answer = json!({"action": "accept", "content": content});
            assert_eq!(page.read(answer.clone()), None, "{answer}");
            assert_eq!(free.read(answer.clone()), None, "{answer}");
        }
    }
}
