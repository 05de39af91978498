//! [`Filter`]: which changes a `subscriptions/listen` asks to be told of.

use serde_json::{Map, Value, json};

use super::change::Change;
use crate::wire::jsonrpc::{ErrorObject, Id, Json, put_string};

/// How many bytes of resource URIs one filter may have.
const MAX_URI_BYTES: usize = 64 * 1024;

/// The `notifications` member of `subscriptions/listen` (SPEC D-120).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) tools: bool,
    pub(crate) prompts: bool,
    pub(crate) resources: bool,
    pub(crate) uris: Vec<String>,
}

impl Filter {
    /// # Errors
    ///
    /// -32602 for a filter that is missing or mistyped.
    pub(crate) fn read(params: &Map<String, Value>) -> Result<Self, ErrorObject> {
        let wanted = params
            .get("notifications")
            .and_then(Value::as_object)
            .ok_or_else(|| ErrorObject::invalid_params("`notifications` must be an object"))?;
        let flag = |key: &str| match wanted.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(ErrorObject::invalid_params(format!(
                "`notifications.{key}` must be true or false"
            ))),
        };
        Ok(Self {
            tools: flag("toolsListChanged")?,
            prompts: flag("promptsListChanged")?,
            resources: flag("resourcesListChanged")?,
            uris: match wanted.get("resourceSubscriptions") {
                None => Vec::new(),
                Some(uris) => read_uris(uris)?,
            },
        })
    }

    /// Whether a change is to be told (SPEC D-122).
    pub(crate) fn wants(&self, change: &Change) -> bool {
        match change {
            Change::Tools => self.tools,
            Change::Prompts => self.prompts,
            Change::Resources => self.resources,
            Change::Resource(uri) => self.uris.contains(uri),
        }
    }

    /// The params of the acknowledgement: what will be told, and of which request (SPEC D-121).
    pub(crate) fn acknowledgement(&self, id: &Id) -> Json {
        let mut honoured = Map::new();
        let mut honour = |key: &str, value: Value| honoured.insert(key.to_owned(), value);
        if self.tools {
            honour("toolsListChanged", true.into());
        }
        if self.prompts {
            honour("promptsListChanged", true.into());
        }
        if self.resources {
            honour("resourcesListChanged", true.into());
        }
        if !self.uris.is_empty() {
            honour("resourceSubscriptions", json!(self.uris));
        }
        let honoured = Value::Object(honoured).to_string();
        tagged(id, |out| {
            out.extend_from_slice(b",\"notifications\":");
            out.extend_from_slice(honoured.as_bytes());
        })
    }
}

fn read_uris(uris: &Value) -> Result<Vec<String>, ErrorObject> {
    let invalid = || {
        ErrorObject::invalid_params(format!(
            "`notifications.resourceSubscriptions` must be a list of URIs, {MAX_URI_BYTES} bytes \
             at most"
        ))
    };
    let uris: Option<Vec<String>> = uris.as_array().and_then(|uris| {
        uris.iter()
            .map(|uri| Some(uri.as_str()?.to_owned()))
            .collect()
    });
    uris.filter(|uris| uris.iter().map(String::len).sum::<usize>() <= MAX_URI_BYTES)
        .ok_or_else(invalid)
}

/// The params of the notification of a change, for the listener with this id.
pub(crate) fn change_params(change: &Change, id: &Id) -> Json {
    tagged(id, |out| {
        if let Change::Resource(uri) = change {
            out.extend_from_slice(b",\"uri\":");
            put_string(out, uri);
        }
    })
}

/// The result of a listen that the server ends (SPEC D-127).
pub(crate) fn end_of_listen(id: &Id) -> Json {
    tagged(id, |_| {})
}

/// An object whose `_meta` names the request that a message belongs to, by the bytes of its id, so
/// that value and type are the same (SPEC D-123, J-26).
fn tagged(id: &Id, rest: impl FnOnce(&mut Vec<u8>)) -> Json {
    let mut out = b"{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":".to_vec();
    out.extend_from_slice(id.as_bytes());
    out.push(b'}');
    rest(&mut out);
    out.push(b'}');
    Json::from_encoder(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(notifications: Value) -> Result<Filter, i64> {
        let params = json!({ "notifications": notifications });
        Filter::read(params.as_object().unwrap()).map_err(|error| error.code())
    }

    /// SPEC D-120: a required object of optional booleans and a list of texts.
    #[test]
    fn a_filter_is_read_strictly() {
        assert_eq!(read(json!({})), Ok(Filter::default()));
        let filter = read(json!({
            "toolsListChanged": true, "promptsListChanged": false,
            "resourceSubscriptions": ["a://b"], "unknown": 1,
        }));
        let expected = Filter {
            tools: true,
            uris: vec!["a://b".into()],
            ..Filter::default()
        };
        assert_eq!(filter, Ok(expected));
        for bad in [
            json!(null),
            json!([]),
            json!({"toolsListChanged": 1}),
            json!({"resourcesListChanged": null}),
            json!({"resourceSubscriptions": "a://b"}),
            json!({"resourceSubscriptions": [1]}),
            json!({"resourceSubscriptions": ["x".repeat(MAX_URI_BYTES + 1)]}),
        ] {
            assert_eq!(read(bad.clone()), Err(-32602), "{bad}");
        }
        assert!(Filter::read(&Map::new()).is_err());
    }

    /// SPEC D-122: only what was asked for.
    #[test]
    fn a_filter_wants_what_it_names() {
        let filter = Filter {
            prompts: true,
            uris: vec!["a://b".into()],
            ..Filter::default()
        };
        for (change, wanted) in [
            (Change::Tools, false),
            (Change::Prompts, true),
            (Change::Resources, false),
            (Change::Resource("a://b".into()), true),
            (Change::Resource("a://c".into()), false),
        ] {
            assert_eq!(filter.wants(&change), wanted, "{change:?}");
        }
    }

    /// SPEC D-121, D-123, D-127: tagged with the id in its own type.
    #[test]
    fn messages_of_a_listen_carry_its_id() {
        let filter = Filter {
            tools: true,
            ..Filter::default()
        };
        let ack = filter.acknowledgement(&Id::from("1"));
        assert_eq!(
            ack.as_bytes(),
            br#"{"_meta":{"io.modelcontextprotocol/subscriptionId":"1"},"notifications":{"toolsListChanged":true}}"#
        );
        let change = change_params(&Change::Resource("a://b".into()), &Id::from(1));
        assert_eq!(
            change.as_bytes(),
            br#"{"_meta":{"io.modelcontextprotocol/subscriptionId":1},"uri":"a://b"}"#
        );
        assert_eq!(
            end_of_listen(&Id::from(1)).as_bytes(),
            br#"{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}"#
        );
    }
}
