//! [`StateKeys`]: seals what clients keep for the server. It comes back unchanged, or it is not accepted.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::Error;
use crate::wire::base64;

/// How long the state of a request is accepted.
const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// The shortest secret, in bytes: as long as the MAC.
const MIN_SECRET: usize = 32;
const KEY_ID: usize = 4;
const TAG: usize = 32;

/// What is sealed. One kind is never accepted as another.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sealed {
    /// The state of a request of several rounds (SPEC D-107).
    State,
    /// The terms of a portable session, in its name (PITFALLS R-50).
    Session,
}

impl Sealed {
    fn label(self) -> &'static [u8] {
        match self {
            Self::State => b"request state",
            Self::Session => b"session name",
        }
    }
}

/// Keys that seal what clients keep for the server: the state of a request between its rounds
/// (*2026-07-28, Multi Round-Trip Requests*), and the names of portable sessions.
///
/// All machines behind one address need the same secret. Otherwise a client that comes back to another
/// machine is refused. A server without keys makes a random secret when it starts.
///
/// To change the secret, pass the new one to [`StateKeys::new`] and the old one to
/// [`StateKeys::accept`], until everything that was sealed with the old one has expired.
///
/// ```
/// use std::time::Duration;
/// use mcp_wire::StateKeys;
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
    /// Keys that seal with this secret: at least 32 random bytes.
    ///
    /// # Errors
    ///
    /// The secret is shorter than 32 bytes.
    pub fn new(secret: &[u8]) -> Result<Self, Error> {
        Ok(Self {
            keys: vec![Key::new(secret)?],
            lifetime: LIFETIME,
        })
    }

    /// Also accepts what was sealed with this secret.
    ///
    /// # Errors
    ///
    /// As [`StateKeys::new`].
    pub fn accept(mut self, secret: &[u8]) -> Result<Self, Error> {
        self.keys.push(Key::new(secret)?);
        Ok(self)
    }

    /// How long a client may take between two rounds of a request. Default 10 min.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Keys with a random secret, which live as long as this process.
    pub(crate) fn of_this_process() -> Self {
        let secret = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes);
        Self {
            keys: vec![Key::derive(&secret.concat())],
            lifetime: LIFETIME,
        }
    }

    pub(crate) fn lifetime_of_states(&self) -> Duration {
        self.lifetime
    }

    /// Seals `content`. The text does not contain `bound`, which must be the same to open it.
    pub(crate) fn seal(&self, what: Sealed, bound: &[u8], content: &[u8]) -> String {
        let key = &self.keys[0];
        let tag = key.over(what, bound, content).finalize().into_bytes();
        base64::encode(&[&key.id[..], &tag, content].concat())
    }

    /// Opens what was sealed with one of these keys for the same purpose; `None` for any other text.
    pub(crate) fn open(&self, what: Sealed, bound: &[u8], text: &str) -> Option<Vec<u8>> {
        let mut bytes = base64::decode(text)?;
        let (id, rest) = bytes.split_at_checked(KEY_ID)?;
        let (tag, content) = rest.split_at_checked(TAG)?;
        let key = self.keys.iter().find(|key| key.id == id)?;
        // In constant time (SPEC D-116).
        key.over(what, bound, content).verify_slice(tag).ok()?;
        Some(bytes.split_off(KEY_ID + TAG))
    }
}

impl Key {
    fn new(secret: &[u8]) -> Result<Self, Error> {
        if secret.len() < MIN_SECRET {
            return Err(Error::setup(format!(
                "the secret of `StateKeys` must have at least {MIN_SECRET} bytes, but has {}",
                secret.len()
            )));
        }
        Ok(Self::derive(secret))
    }

    /// The id tells keys apart and reveals nothing about the secret.
    fn derive(secret: &[u8]) -> Self {
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&Sha256::digest([b"mcp-wire key id", secret].concat())[..KEY_ID]);
        let mac = Hmac::new_from_slice(secret).expect("HMAC takes keys of every length");
        Self { id, mac }
    }

    /// Each part but the last is preceded by its length, so that the parts cannot be divided differently.
    fn over(&self, what: Sealed, bound: &[u8], content: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        for part in [&self.id[..], what.label(), bound] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.update(content);
        mac
    }
}

/// The wall-clock time, which tells whether something sealed is too old.
pub(crate) fn since_1970() -> Duration {
    // With a clock before 1970 nothing is too old, but the seal is still checked.
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
    use proptest::prelude::*;

    use super::*;

    fn keys(secret: u8) -> StateKeys {
        StateKeys::new(&[secret; 32]).unwrap()
    }

    /// SPEC D-107: one bit, one byte less, nothing at all, another key.
    #[test]
    fn what_was_tampered_with_does_not_open() {
        let text = keys(1).seal(Sealed::State, b"b", b"content");
        let open = |text: &str| keys(1).open(Sealed::State, b"b", text);
        assert_eq!(open(&text).as_deref(), Some(&b"content"[..]));
        let bytes = base64::decode(&text).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert_eq!(open(&base64::encode(&flipped)), None, "{at}");
        }
        let shorter = base64::encode(&bytes[..bytes.len() - 1]);
        for text in [
            &*shorter,
            &format!("{text}-TAMPERED"),
            "",
            "AAAA",
            "not base64",
        ] {
            assert_eq!(open(text), None, "{text}");
        }
        assert_eq!(keys(2).open(Sealed::State, b"b", &text), None);
    }

    /// SPEC D-116: an old key opens what it sealed, the new one seals.
    #[test]
    fn keys_rotate() {
        let seal = |keys: &StateKeys| keys.seal(Sealed::Session, b"b", b"content");
        let open = |keys: &StateKeys, text: &str| keys.open(Sealed::Session, b"b", text).is_some();
        let rotated = keys(2).accept(&[1; 32]).unwrap();
        assert!(open(&rotated, &seal(&keys(1))));
        assert!(open(&keys(2), &seal(&rotated)));
        assert!(!open(&keys(1), &seal(&rotated)));
        assert!(StateKeys::new(&[1; 31]).unwrap_err().is_setup());
    }

    proptest! {
        /// Nothing sealed for one thing is taken for another, wherever the parts are divided.
        #[test]
        fn what_is_sealed_for_one_thing_opens_for_no_other(
            bound in ".{0,8}", content in ".{0,8}", other in ".{0,8}",
        ) {
            let text = keys(1).seal(Sealed::State, bound.as_bytes(), content.as_bytes());
            let open = |what, bound: &str| keys(1).open(what, bound.as_bytes(), &text);
            prop_assert_eq!(open(Sealed::State, &bound), Some(content.into_bytes()));
            prop_assert_eq!(open(Sealed::Session, &bound), None);
            if other != bound {
                prop_assert_eq!(open(Sealed::State, &other), None);
            }
        }
    }
}
