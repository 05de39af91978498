//! [`SubscriptionFilter`]: which changes a `subscriptions/listen` subscribes to.

use std::collections::BTreeSet;

use super::change::{Change, KeyedChange};
#[cfg(feature = "server")]
use super::task::row::TaskRow;
use super::uris::{Uris, UrisFull};
use crate::wire::json::{Json, RawJson, put_string};
use crate::wire::jsonrpc::{ErrorObject, Id};
use crate::wire::params::Params;

/// The changes that a `subscriptions/listen` subscribes to: its member `notifications` (2026-07-28,
/// Subscriptions).
///
/// A dispatcher reads it from the params, removes the changes that it does not report, and passes it to
/// [`Context::listen`](crate::Context::listen).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionFilter {
    /// Whether the list of tools has changed: `toolsListChanged`.
    pub tools: bool,
    /// Whether the list of prompts has changed: `promptsListChanged`.
    pub prompts: bool,
    /// Whether the list of resources or of resource templates has changed: `resourcesListChanged`.
    pub resources: bool,
    /// The resources whose contents are watched: `resourceSubscriptions`.
    pub(crate) uris: Uris,
    /// The tasks that are followed: `taskIds`.
    pub(crate) tasks: Box<[Box<str>]>,
}

impl SubscriptionFilter {
    /// Reads the filter from the params of a `subscriptions/listen`.
    ///
    /// # Errors
    ///
    /// -32602 if `notifications` is missing or mistyped, or if its URIs take more than 64 KiB. Each URI
    /// counts as its bytes plus 64, and its normal form as the same again where it differs.
    // From the text: a parsed tree could take a hundred times as much memory.
    pub fn read(params: Option<Params<'_>>) -> Result<Self, ErrorObject> {
        let wanted = params
            .and_then(|params| params.as_raw().member("notifications"))
            .filter(|wanted| wanted.is_object())
            .ok_or_else(|| ErrorObject::invalid_params("`notifications` must be an object"))?;
        let flag = |key: &str| match wanted.optional(key).map(RawJson::as_bytes) {
            None | Some(b"false") => Ok(false),
            Some(b"true") => Ok(true),
            Some(_) => Err(ErrorObject::invalid_params(format!(
                "`notifications.{key}` must be true or false"
            ))),
        };
        Ok(Self {
            tools: flag("toolsListChanged")?,
            prompts: flag("promptsListChanged")?,
            resources: flag("resourcesListChanged")?,
            uris: match wanted.optional("resourceSubscriptions") {
                None => Uris::default(),
                Some(uris) => read_uris(uris)?,
            },
            tasks: match wanted.optional("taskIds") {
                None => Box::default(),
                Some(ids) => read_tasks(ids)?,
            },
        })
    }

    /// Keeps the resources for which `keeps` returns true, and drops the others from the filter.
    pub fn retain_resources(&mut self, keeps: impl FnMut(&str) -> bool) {
        self.uris.retain(keeps);
    }

    /// Whether it asks for nothing but tasks.
    pub(crate) fn is_of_tasks_alone(&self) -> bool {
        let changes = self.tools || self.prompts || self.resources;
        !changes && self.uris.is_empty()
    }

    /// Whether the subscriber gets this change (SPEC D-122).
    pub(crate) fn wants(&self, change: &KeyedChange<'_>) -> bool {
        match change.change {
            Change::Tools => self.tools,
            Change::Prompts => self.prompts,
            Change::Resources => self.resources,
            Change::Resource(_) => change.resource().is_some_and(|key| self.uris.contains(key)),
        }
    }

    /// The params of the acknowledgement: the accepted changes, and the request (SPEC D-121).
    pub(crate) fn acknowledgement(&self, id: &Id) -> Json {
        tagged(id, |out| {
            out.extend_from_slice(b",\"notifications\":");
            let start = out.len();
            for (key, is_honoured) in [
                ("promptsListChanged", self.prompts),
                ("resourcesListChanged", self.resources),
                ("toolsListChanged", self.tools),
            ] {
                if is_honoured {
                    out.extend_from_slice(format!(",\"{key}\":true").as_bytes());
                }
            }
            if !self.uris.is_empty() {
                out.extend_from_slice(b",\"resourceSubscriptions\":");
                put_list(out, self.uris.iter());
            }
            if !self.tasks.is_empty() {
                out.extend_from_slice(b",\"taskIds\":");
                put_list(out, self.tasks.iter().map(|id| &**id));
            }
            match out.get_mut(start) {
                Some(comma) => *comma = b'{',
                None => out.push(b'{'),
            }
            out.push(b'}');
        })
    }
}

/// Writes an array of strings that is not empty.
fn put_list<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a str>) {
    for (at, text) in texts.enumerate() {
        out.push(if at == 0 { b'[' } else { b',' });
        put_string(out, text);
    }
    out.push(b']');
}

/// Skips empty URIs, which name nothing that could change.
fn read_uris(uris: RawJson<'_>) -> Result<Uris, ErrorObject> {
    let invalid = || {
        ErrorObject::invalid_params("`notifications.resourceSubscriptions` must be a list of URIs")
    };
    let mut read = Uris::default();
    for uri in uris.elements().ok_or_else(invalid)? {
        let uri = uri.as_str().ok_or_else(invalid)?;
        if !uri.is_empty() {
            read.insert(&uri).map_err(|UrisFull| too_many())?;
        }
    }
    Ok(read)
}

/// Each id once, in their order (TASKS L-1).
fn read_tasks(ids: RawJson<'_>) -> Result<Box<[Box<str>]>, ErrorObject> {
    let invalid =
        || ErrorObject::invalid_params("`notifications.taskIds` must be a list of strings");
    let (mut read, mut bytes) = (Vec::new(), 0);
    let mut known = BTreeSet::new();
    for id in ids.elements().ok_or_else(invalid)? {
        let id: Box<str> = id.as_str().ok_or_else(invalid)?.into();
        if !known.insert(id.clone()) {
            continue;
        }
        bytes += id.len() + Uris::ENTRY;
        if bytes > Uris::LIMIT {
            return Err(ErrorObject::invalid_params(format!(
                "`notifications.taskIds` takes more than {} bytes, each id with {} of its own",
                Uris::LIMIT,
                Uris::ENTRY
            )));
        }
        read.push(id);
    }
    Ok(read.into())
}

/// The params of the notification of a task, for the listener with this id: the members of the task, and the
/// request (TASKS L-2).
#[cfg(feature = "server")]
pub(crate) fn task_params(task: &TaskRow, task_id: &str, id: &Id) -> Json {
    tagged(id, |out| {
        out.push(b',');
        task.put_task(task_id, out);
        task.put_state(out);
    })
}

fn too_many() -> ErrorObject {
    ErrorObject::invalid_params(format!(
        "`notifications.resourceSubscriptions` takes more than {} bytes, each URI with {} of its own",
        Uris::LIMIT,
        Uris::ENTRY
    ))
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

/// An object whose `_meta` names the request that a message belongs to. It repeats the bytes of the id, so
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
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::jsonrpc::MessageLimits;
    use crate::wire::message::{Message, Payload, parse};

    fn read_params(params: &Value) -> Result<SubscriptionFilter, ErrorObject> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "m", "params": params});
        match parse(&Bytes::from(body.to_string()), &MessageLimits::default()) {
            Ok(Payload::Single(Message::Request(request))) => {
                SubscriptionFilter::read(request.params())
            }
            other => panic!("{other:?}"),
        }
    }

    fn read(notifications: Value) -> Result<SubscriptionFilter, i64> {
        read_params(&json!({ "notifications": notifications })).map_err(|error| error.code())
    }

    fn of(uris: &[&str]) -> SubscriptionFilter {
        read(json!({ "resourceSubscriptions": uris })).unwrap()
    }

    /// SPEC D-120: a required object of optional booleans and a list of texts.
    #[test]
    fn a_filter_is_read_strictly() {
        assert_eq!(read(json!({})), Ok(SubscriptionFilter::default()));
        let filter = read(json!({
            "toolsListChanged": true, "promptsListChanged": false,
            "resourceSubscriptions": ["a://b"], "unknown": 1,
        }));
        let expected = SubscriptionFilter {
            tools: true,
            ..of(&["a://b"])
        };
        assert_eq!(filter, Ok(expected));
        let nothing = json!({"toolsListChanged": null, "resourceSubscriptions": null});
        assert_eq!(read(nothing), Ok(SubscriptionFilter::default()));
        for bad in [
            json!(null),
            json!([]),
            json!({"toolsListChanged": 1}),
            json!({"resourceSubscriptions": "a://b"}),
            json!({"resourceSubscriptions": {"0": "a://b"}}),
            json!({"resourceSubscriptions": [1]}),
            json!({"resourceSubscriptions": ["a://b", null]}),
        ] {
            assert_eq!(read(bad.clone()), Err(-32602), "{bad}");
        }
        assert!(read_params(&json!({})).is_err());
        assert!(SubscriptionFilter::read(None).is_err());
    }

    /// FIELD X-2: empty and repeated URIs cost nothing; the sum of all others is bounded, and the refusal
    /// names the bound.
    #[test]
    fn a_list_of_uris_is_bounded_with_its_overhead() {
        assert_eq!(of(&[""; 10_000]), SubscriptionFilter::default());
        assert_eq!(of(&["a://b"; 10_000]), of(&["a://b"]));
        let half = Uris::LIMIT / 2;
        let two = |len: usize| ["x".repeat(half - Uris::ENTRY), "y".repeat(len)];
        let list = |uris: &[String]| json!({ "resourceSubscriptions": uris });
        assert!(read(list(&two(half - Uris::ENTRY))).is_ok());
        let long = json!({"notifications": list(&two(half - Uris::ENTRY + 1))});
        let refused = read_params(&long).unwrap_err();
        assert_eq!(refused.code(), -32602);
        assert!(refused.message().contains("65536"), "{refused:?}");
        let tiny: Vec<String> = (0..5000).map(|number| number.to_string()).collect();
        assert_eq!(read(list(&tiny)), Err(-32602));
    }

    /// SPEC D-122: only the requested changes.
    #[test]
    fn a_filter_wants_what_it_names() {
        let filter = SubscriptionFilter {
            prompts: true,
            ..of(&["a://b"])
        };
        for (change, wanted) in [
            (Change::Tools, false),
            (Change::Prompts, true),
            (Change::Resources, false),
            (Change::Resource("a://b".into()), true),
            (Change::Resource("a://c".into()), false),
        ] {
            assert_eq!(
                filter.wants(&KeyedChange::of(&change)),
                wanted,
                "{change:?}"
            );
        }
    }

    /// SPEC D-121, D-123: tagged with the id in its own type.
    #[test]
    fn messages_of_a_listen_carry_its_id() {
        let acknowledged = |filter: &SubscriptionFilter| {
            let ack = filter.acknowledgement(&Id::from("1"));
            let mut ack: Value = serde_json::from_slice(ack.as_bytes()).unwrap();
            let id = &ack["_meta"]["io.modelcontextprotocol/subscriptionId"];
            assert_eq!(*id, "1");
            ack["notifications"].take()
        };
        assert_eq!(acknowledged(&SubscriptionFilter::default()), json!({}));
        let tools = SubscriptionFilter {
            tools: true,
            ..SubscriptionFilter::default()
        };
        assert_eq!(acknowledged(&tools), json!({"toolsListChanged": true}));
        let all = SubscriptionFilter {
            tools: true,
            prompts: true,
            resources: true,
            ..of(&["b://\"", "a://"])
        };
        let honoured = json!({
            "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
            "resourceSubscriptions": ["a://", "b://\""],
        });
        assert_eq!(acknowledged(&all), honoured);
        let change = change_params(&Change::Resource("a://b".into()), &Id::from(1));
        assert_eq!(
            change.as_bytes(),
            br#"{"_meta":{"io.modelcontextprotocol/subscriptionId":1},"uri":"a://b"}"#
        );
    }
}
