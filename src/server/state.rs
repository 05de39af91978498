//! `requestState`: what a handler of 2026-07-28 carries from one round to the next, in the hands of
//! the client and so sealed (SPEC D-107, D-108, D-116).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::round::{Carried, Purpose};
use crate::error::Error;
use crate::wire::base64;
use crate::wire::jsonrpc::ErrorObject;

/// The longest state that is taken, in bytes of its text.
const MAX_STATE: usize = 64 * 1024;
/// How long a state is taken.
const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// The shortest secret, in bytes: as long as the MAC.
const MIN_SECRET: usize = 32;
const KEY_ID: usize = 4;
const TAG: usize = 32;

/// The keys that seal the state of requests between rounds.
///
/// The machines behind one address need the same secret, else a client that comes back to another
/// machine is refused. Without keys of its own a server seals with a secret that it makes at its
/// start and that nobody else knows.
///
/// To change the secret, give the new one to [`StateKeys::new`] and the old one to
/// [`StateKeys::accept`] until the lifetime of a state is over.
///
/// ```
/// use std::time::Duration;
/// use mcp_wire::server::StateKeys;
///
/// # let (new, old) = ([7; 32], [8; 32]);
/// let keys = StateKeys::new(&new)?.accept(&old)?.lifetime(Duration::from_secs(300));
/// # Ok::<(), mcp_wire::Error>(())
/// ```
#[derive(Clone)]
pub struct StateKeys {
    /// The first one seals.
    keys: Vec<Key>,
    lifetime: Duration,
}

#[derive(Clone)]
struct Key {
    id: [u8; KEY_ID],
    mac: Hmac<Sha256>,
}

impl StateKeys {
    /// Seals with this secret: at least 32 bytes, from a source of random bytes.
    ///
    /// # Errors
    ///
    /// When the secret is shorter.
    pub fn new(secret: &[u8]) -> Result<Self, Error> {
        Ok(Self {
            keys: vec![Key::new(secret)?],
            lifetime: LIFETIME,
        })
    }

    /// Takes states that were sealed with this secret, too.
    ///
    /// # Errors
    ///
    /// As [`StateKeys::new`].
    pub fn accept(mut self, secret: &[u8]) -> Result<Self, Error> {
        self.keys.push(Key::new(secret)?);
        Ok(self)
    }

    /// How long a client has to come back. Default 10 min.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Keys that live as long as this process.
    pub(super) fn of_this_process() -> Self {
        let secret = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes);
        Self {
            keys: vec![Key::derive(&secret.concat())],
            lifetime: LIFETIME,
        }
    }

    /// Seals what is carried, for a request that asks for the same thing. `None` when the answers of
    /// the client are too much to carry: it has to bring them all again.
    ///
    /// # Errors
    ///
    /// -32603 when it is the handler that put too much aside.
    pub(super) fn seal(
        &self,
        carried: &Carried,
        purpose: &Purpose<'_>,
    ) -> Result<Option<String>, ErrorObject> {
        let state = self.seal_at(carried, &binding(purpose), now());
        if state.len() <= MAX_STATE {
            Ok(Some(state))
        } else if carried.note.is_null() {
            Ok(None)
        } else {
            Err(ErrorObject::new(
                -32603,
                format!("what is carried to the next round is longer than {MAX_STATE} bytes"),
            ))
        }
    }

    fn seal_at(&self, carried: &Carried, binding: &str, now: Duration) -> String {
        let expires = now.saturating_add(self.lifetime).as_secs();
        let content = json!({
            "answers": carried.answers,
            "note": carried.note,
            "round": carried.rounds,
            "expires": expires,
            "for": binding,
        });
        let content = content.to_string();
        let key = &self.keys[0];
        let tag = key.over(content.as_bytes()).finalize().into_bytes();
        base64::encode(&[&key.id[..], &tag, content.as_bytes()].concat())
    }

    /// Opens the state of a retry; nothing is carried by a request without one.
    ///
    /// # Errors
    ///
    /// -32602 for a state that was not sealed here, or for another principal or request, or too long
    /// ago: never a new round (SPEC D-107).
    pub(super) fn open(&self, purpose: &Purpose<'_>) -> Result<Carried, ErrorObject> {
        match purpose.params.get("requestState") {
            None => Ok(Carried::default()),
            Some(state) => state
                .as_str()
                .and_then(|state| self.open_at(state, &binding(purpose), now()))
                .ok_or_else(refused),
        }
    }

    fn open_at(&self, state: &str, binding: &str, now: Duration) -> Option<Carried> {
        if state.len() > MAX_STATE {
            return None;
        }
        let bytes = base64::decode(state)?;
        let (id, rest) = bytes.split_at_checked(KEY_ID)?;
        let (tag, content) = rest.split_at_checked(TAG)?;
        let key = self.keys.iter().find(|key| key.id == id)?;
        // In constant time (SPEC D-116).
        key.over(content).verify_slice(tag).ok()?;
        let mut content: Map<String, Value> = serde_json::from_slice(content).ok()?;
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

impl Key {
    fn new(secret: &[u8]) -> Result<Self, Error> {
        if secret.len() < MIN_SECRET {
            return Err(Error::setup(format!(
                "a secret for request states has {MIN_SECRET} bytes or more, not {}",
                secret.len()
            )));
        }
        Ok(Self::derive(secret))
    }

    /// The id tells keys apart and nothing of the secret.
    fn derive(secret: &[u8]) -> Self {
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&Sha256::digest([b"mcp-wire key id", secret].concat())[..KEY_ID]);
        let mac = Hmac::new_from_slice(secret).expect("HMAC takes keys of every length");
        Self { id, mac }
    }

    fn over(&self, content: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(&self.id);
        mac.update(content);
        mac
    }
}

/// What a state is for: the principal, the method, and all params that say what is asked for (SPEC
/// D-108, F-50). A `Value` prints its members in one order, whatever the order that the client wrote
/// them in, and a text without line breaks, so that the parts cannot run into each other.
fn binding(purpose: &Purpose<'_>) -> String {
    let mut asked = purpose.params.clone();
    for key in ["_meta", "inputResponses", "requestState"] {
        asked.remove(key);
    }
    let principal = Value::from(purpose.principal);
    let method = Value::from(purpose.method);
    let digest = Sha256::digest(format!("{principal}\n{method}\n{}", Value::Object(asked)));
    base64::encode(&digest)
}

fn refused() -> ErrorObject {
    ErrorObject::invalid_params(
        "`requestState` is not one of this server's, is for another request, or is too old: begin \
         again without it",
    )
}

fn now() -> Duration {
    // A clock before 1970 makes every state fresh, which its seal still guards.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

impl fmt::Debug for StateKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateKeys")
            .field("keys", &self.keys.len())
            .field("lifetime", &self.lifetime)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// SPEC D-107: one bit, one byte less, nothing at all, another key.
    #[test]
    fn a_tampered_state_is_refused() {
        let keys_1 = keys(1);
        let state = keys_1.seal_at(&carried(), "b", NOW);
        let bytes = base64::decode(&state).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let flipped = base64::encode(&flipped);
            assert!(keys_1.open_at(&flipped, "b", NOW).is_none(), "{at}");
        }
        let shorter = base64::encode(&bytes[..bytes.len() - 1]);
        let tampered = format!("{state}-TAMPERED");
        for state in [&*shorter, &*tampered, "", "AAAA", "not base64"] {
            assert!(keys_1.open_at(state, "b", NOW).is_none(), "{state}");
        }
        assert!(keys(2).open_at(&state, "b", NOW).is_none());
        let long = "A".repeat(MAX_STATE + 4);
        assert!(keys_1.open_at(&long, "b", NOW).is_none());
    }

    /// SPEC D-108: bound to the request and to its time.
    #[test]
    fn a_state_is_for_one_request_and_for_a_while() {
        let state = keys(1).seal_at(&carried(), "b", NOW);
        assert!(keys(1).open_at(&state, "c", NOW).is_none());
        let late = NOW + LIFETIME;
        assert!(keys(1).open_at(&state, "b", late).is_none());
        assert!(
            keys(1)
                .open_at(&state, "b", late - Duration::from_secs(1))
                .is_some()
        );
    }

    fn bound(principal: Option<&str>, method: &str, params: &Map<String, Value>) -> String {
        binding(&Purpose {
            principal,
            method,
            params,
        })
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

    /// SPEC D-116: an old key opens what it sealed, the new one seals.
    #[test]
    fn keys_rotate() {
        let old = keys(1).seal_at(&carried(), "b", NOW);
        let rotated = keys(2).accept(&[1; 32]).unwrap();
        assert!(rotated.open_at(&old, "b", NOW).is_some());
        let new = rotated.seal_at(&carried(), "b", NOW);
        assert!(keys(2).open_at(&new, "b", NOW).is_some());
        assert!(keys(1).open_at(&new, "b", NOW).is_none());
        assert!(StateKeys::new(&[1; 31]).unwrap_err().is_setup());
    }

    /// SPEC D-106, D-111: no state goes out that would not be taken back.
    #[test]
    fn a_state_that_would_be_too_long_is_not_given_out() {
        let keys = keys(1);
        let asked = params("a");
        let purpose = Purpose {
            principal: None,
            method: "m",
            params: &asked,
        };
        let long = "x".repeat(MAX_STATE);
        let mut carried = carried();
        carried.note = Value::Null;
        assert!(keys.seal(&carried, &purpose).unwrap().is_some());
        carried
            .answers
            .insert("long".to_owned(), json!({"text": long}));
        assert_eq!(keys.seal(&carried, &purpose), Ok(None));
        carried.note = long.into();
        assert_eq!(keys.seal(&carried, &purpose).unwrap_err().code(), -32603);
    }

    /// SPEC D-112: a state of another type is refused, an absent one carries nothing.
    #[test]
    fn only_a_text_is_a_state() {
        let keys = StateKeys::of_this_process();
        let open = |params: &Map<String, Value>| {
            keys.open(&Purpose {
                principal: None,
                method: "tools/call",
                params,
            })
        };
        assert!(open(&params("a")).unwrap().answers.is_empty());
        for state in [json!(null), json!(1), json!({})] {
            let mut params = params("a");
            params.insert("requestState".to_owned(), state);
            assert_eq!(open(&params).unwrap_err().code(), -32602);
        }
    }
}
