//! `requestState`: what a request of 2026-07-28 carries from one round to the next. The client keeps it, so it
//! is sealed (SPEC D-107, D-108, D-116).

use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::round::{Carried, Purpose};
use crate::transport::access::seal::{Sealed, StateKeys, since_1970};
use crate::wire::base64;
use crate::wire::jsonrpc::ErrorObject;

/// The longest state that is sent and accepted, in bytes of its text.
const MAX_STATE: usize = 64 * 1024;

impl StateKeys {
    /// Seals what a request carries to its next round, which must have the same `binding`. `None` if the
    /// answers of the client are too long to carry: it has to send all of them again.
    ///
    /// # Errors
    ///
    /// -32603 if the handler stored too much.
    pub(super) fn seal_state(
        &self,
        carried: &Carried,
        binding: &str,
    ) -> Result<Option<String>, ErrorObject> {
        let state = self.seal_at(carried, binding, since_1970());
        if state.len() <= MAX_STATE {
            Ok(Some(state))
        } else if carried.note.is_null() {
            Ok(None)
        } else {
            Err(ErrorObject::new(
                -32603,
                format!("the state of the request is longer than {MAX_STATE} bytes"),
            ))
        }
    }

    fn seal_at(&self, carried: &Carried, binding: &str, now: Duration) -> String {
        let expires = now.saturating_add(self.lifetime_of_states()).as_secs();
        let content = json!({
            "answers": carried.answers,
            "note": carried.note,
            "round": carried.rounds,
            "expires": expires,
            "for": binding,
        });
        let content = content.to_string();
        self.seal(Sealed::State, b"", content.as_bytes())
    }

    /// Opens the state of a retry. A request without one carries nothing.
    ///
    /// # Errors
    ///
    /// -32602 for a state that was sealed with other keys, for another principal or request, or too long
    /// ago. Such a request does not begin a new round (SPEC D-107).
    pub(super) fn open_state(&self, purpose: &Purpose<'_>) -> Result<Carried, ErrorObject> {
        let Some(state) = purpose.state() else {
            return Ok(Carried::default());
        };
        let state = state.as_str().ok_or_else(refused)?;
        let binding = binding(purpose)?;
        let carried = self.open_at(&state, &binding, since_1970());
        carried.ok_or_else(refused)
    }

    fn open_at(&self, state: &str, binding: &str, now: Duration) -> Option<Carried> {
        if state.len() > MAX_STATE {
            return None;
        }
        let content = self.open(Sealed::State, b"", state)?;
        let mut content: Map<String, Value> = serde_json::from_slice(&content).ok()?;
        let is_fresh = content.get("expires")?.as_u64()? > now.as_secs();
        let is_bound = content.get("for")?.as_str()? == binding;
        if !is_fresh || !is_bound {
            return None;
        }
        let Some(Value::Object(answers)) = content.remove("answers") else {
            return None;
        };
        Some(Carried {
            answers,
            note: content.remove("note")?,
            rounds: content.get("round")?.as_u64()?,
        })
    }
}

/// What a state is bound to: the principal, the method, and all params that say what is asked for (SPEC
/// D-108 and F-50). A `Value` prints its members in one order, whatever order the client wrote them in, and
/// without line breaks, so that the three parts cannot run into each other.
///
/// # Errors
///
/// -32602 for params that serde_json cannot hold.
pub(super) fn binding(purpose: &Purpose<'_>) -> Result<String, ErrorObject> {
    let mut asked = Map::new();
    for (name, value) in purpose.params.members() {
        let name = name.as_str().unwrap_or_default();
        if matches!(&*name, "_meta" | "inputResponses" | "requestState") {
            continue;
        }
        let value = value
            .to_value()
            .map_err(|_| ErrorObject::invalid_params("`params` cannot be read"))?;
        asked.insert(name.into_owned(), value);
    }
    let principal = Value::from(purpose.principal);
    let method = Value::from(purpose.method);
    let mut asked = Value::Object(asked);
    // With serde_json's feature `preserve_order`, a client that sorts otherwise would ask something else.
    asked.sort_all_objects();
    let digest = Sha256::digest(format!("{principal}\n{method}\n{asked}"));
    Ok(base64::encode(&digest))
}

fn refused() -> ErrorObject {
    ErrorObject::invalid_params(
        "`requestState` is not of this server, is for another request, or is too old: begin again \
         without it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::RawJson;

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn keys(byte: u8) -> StateKeys {
        StateKeys::new(&[byte; 32]).unwrap()
    }

    fn carried() -> Carried {
        let answers = json!({"step": {"action": "accept"}});
        Carried {
            answers: answers.as_object().unwrap().clone(),
            note: "note".into(),
            rounds: 1,
        }
    }

    fn params(name: &str) -> Map<String, Value> {
        json!({"name": name, "_meta": {"x": 1}})
            .as_object()
            .unwrap()
            .clone()
    }

    /// SPEC D-106: what was sealed comes back, on any machine with the secret.
    #[test]
    fn a_state_opens_where_the_secret_is_known() {
        let state = keys(1).seal_at(&carried(), "b", NOW);
        let opened = keys(1).open_at(&state, "b", NOW).unwrap();
        assert_eq!(opened.answers, carried().answers);
        assert_eq!((opened.note, opened.rounds), (json!("note"), 1));
    }

    /// SPEC D-107: what does not open, and what nobody wants to read.
    #[test]
    fn a_state_that_is_no_state_is_refused() {
        let state = keys(1).seal_at(&carried(), "b", NOW);
        let tampered = format!("{state}-TAMPERED");
        let long = "A".repeat(MAX_STATE + 4);
        for state in [&*tampered, &*long, "", "AAAA"] {
            assert!(keys(1).open_at(state, "b", NOW).is_none(), "{state}");
        }
        assert!(keys(2).open_at(&state, "b", NOW).is_none());
    }

    /// SPEC D-108: bound to the request and to its time.
    #[test]
    fn a_state_is_for_one_request_and_for_a_while() {
        let state = keys(1).seal_at(&carried(), "b", NOW);
        assert!(keys(1).open_at(&state, "c", NOW).is_none());
        let late = NOW + keys(1).lifetime_of_states();
        assert!(keys(1).open_at(&state, "b", late).is_none());
        assert!(
            keys(1)
                .open_at(&state, "b", late - Duration::from_secs(1))
                .is_some()
        );
    }

    fn bound(principal: Option<&str>, method: &str, params: &Map<String, Value>) -> String {
        let params = Value::from(params.clone()).to_string();
        let params = RawJson::of(params.as_bytes());
        let purpose = Purpose {
            principal,
            method,
            params,
        };
        binding(&purpose).unwrap()
    }

    /// SPEC D-108, F-50: another principal, method or argument is another purpose.
    #[test]
    fn a_state_is_for_one_purpose() {
        let mine = bound(Some("ada"), "tools/call", &params("a"));
        for (principal, method, name) in [
            (Some("bob"), "tools/call", "a"),
            (Some(""), "tools/call", "a"),
            (Some("null"), "tools/call", "a"),
            (None, "tools/call", "a"),
            (Some("ada"), "prompts/get", "a"),
            (Some("ada"), "tools/call", "b"),
        ] {
            assert_ne!(bound(principal, method, &params(name)), mine);
        }
        assert_ne!(
            bound(None, "m", &params("a")),
            bound(Some("null"), "m", &params("a"))
        );
        let mut retry = params("a");
        retry.insert("requestState".to_owned(), "x".into());
        retry.insert("inputResponses".to_owned(), json!({}));
        retry.remove("_meta");
        assert_eq!(bound(Some("ada"), "tools/call", &retry), mine);
    }

    /// SPEC D-106, D-111: no state goes out that would not be taken back.
    #[test]
    fn a_state_that_would_be_too_long_is_not_given_out() {
        let keys = keys(1);
        let long = "x".repeat(MAX_STATE);
        let mut carried = carried();
        carried.note = Value::Null;
        assert!(keys.seal_state(&carried, "b").unwrap().is_some());
        carried
            .answers
            .insert("long".to_owned(), json!({"text": long}));
        assert_eq!(keys.seal_state(&carried, "b"), Ok(None));
        carried.note = long.into();
        assert_eq!(keys.seal_state(&carried, "b").unwrap_err().code(), -32603);
    }

    /// SPEC D-112: a state of another type is refused, an absent one carries nothing.
    #[test]
    fn only_a_text_is_a_state() {
        let keys = StateKeys::of_this_process();
        let open = |params: &Map<String, Value>| {
            let params = Value::from(params.clone()).to_string();
            let params = RawJson::of(params.as_bytes());
            keys.open_state(&Purpose {
                principal: None,
                method: "tools/call",
                params,
            })
        };
        assert!(open(&params("a")).unwrap().answers.is_empty());
        for state in [json!(false), json!(1), json!({})] {
            let mut params = params("a");
            params.insert("requestState".to_owned(), state);
            assert_eq!(open(&params).unwrap_err().code(), -32602);
        }
    }
}
