//! [`Portable`]: the names of portable sessions. A name contains the revision of its session and what its client
//! said of itself, so that another process can go on with the session (PITFALLS R-50).

use std::time::Duration;

use hyper::header::HeaderValue;
use serde_json::{Value, json};

use crate::protocol::capabilities::Capabilities;
use crate::protocol::client_info::{ClientInfo, Introduction};
use crate::protocol::party::Owner;
use crate::transport::access::seal::{Sealed, StateKeys, since_1970};
use crate::wire::id::SessionId;
use crate::wire::json::RawJson;
use crate::wire::version::ProtocolVersion;

/// The longest capabilities in a name, in bytes. They come with every request. The session of a client
/// with longer capabilities is not portable.
const MAX_CAPABILITIES: usize = 1024;

/// The longest texts of a client about itself in a name, together. In the session of a client with longer ones
/// another process does not know who the client is.
const MAX_INFO: usize = 160;

/// How portable sessions are named.
pub(crate) struct Portable {
    pub(crate) keys: StateKeys,
    /// How long after its beginning another process can take up a session.
    pub(crate) lifetime: Duration,
}

impl Portable {
    /// The name of an open session: its id and, sealed, its revision and client. `None` if the session is not
    /// portable.
    pub(crate) fn name(
        &self,
        id: SessionId,
        owner: Option<&Owner>,
        version: ProtocolVersion,
        client: &Introduction,
    ) -> Option<HeaderValue> {
        let capabilities = &client.capabilities;
        if capabilities.as_bytes().len() > MAX_CAPABILITIES {
            return None;
        }
        let info = client.info.as_ref().map(|info| written(info).to_string());
        let info = info.filter(|info| info.len() <= MAX_INFO);
        let content = format!(
            r#"{{"version":"{}","until":{},"capabilities":{capabilities},"client":{}}}"#,
            version.as_str(),
            since_1970().saturating_add(self.lifetime).as_secs(),
            info.as_deref().unwrap_or("null"),
        );
        let bound = bound(id, owner.map(|owner| &**owner));
        let sealed = self.keys.seal(Sealed::Session, &bound, content.as_bytes());
        HeaderValue::try_from(format!("{id}.{sealed}")).ok()
    }

    /// What the name of a session says that this process does not know: its revision and its client. `None` if
    /// no process with these keys made the name, if it belongs to another principal, or if the session began too
    /// long ago.
    pub(crate) fn read(
        &self,
        id: SessionId,
        owner: Option<&str>,
        sealed: &str,
    ) -> Option<(ProtocolVersion, Introduction)> {
        let content = self.keys.open(Sealed::Session, &bound(id, owner), sealed)?;
        let content = RawJson::of(&content);
        let until = std::str::from_utf8(content.member("until")?.as_bytes()).ok()?;
        if until.parse::<u64>().ok()? <= since_1970().as_secs() {
            return None;
        }
        let version = ProtocolVersion::parse(&content.member("version")?.as_str()?)?;
        let declared = content.member("capabilities");
        let client = Introduction {
            capabilities: Capabilities::read(declared, MAX_CAPABILITIES).ok()?,
            info: content.member("client").and_then(ClientInfo::read),
        };
        Some((version, client))
    }
}

fn written(info: &ClientInfo) -> Value {
    json!({"name": info.name(), "version": info.version(), "title": info.title()})
}

/// What the seal also covers: the id and the principal. An id always has the same length, so the two cannot
/// be divided differently.
fn bound(id: SessionId, owner: Option<&str>) -> Vec<u8> {
    match owner {
        Some(owner) => format!("{id} of {owner}").into_bytes(),
        None => format!("{id}").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn portable(lifetime: u64) -> Portable {
        Portable {
            keys: StateKeys::new(&[1; 32]).unwrap(),
            lifetime: Duration::from_secs(lifetime),
        }
    }

    const V06: ProtocolVersion = ProtocolVersion::V2025_06_18;

    fn client(note: &str) -> Introduction {
        client_named(note, "test")
    }

    fn client_named(note: &str, name: &str) -> Introduction {
        let capabilities = json!({"sampling": {"note": note}}).to_string();
        let capabilities = RawJson::of(capabilities.as_bytes());
        let info = json!({"name": name, "version": "1"}).to_string();
        Introduction {
            capabilities: Capabilities::read(Some(capabilities), usize::MAX).unwrap(),
            info: ClientInfo::read(RawJson::of(info.as_bytes())),
        }
    }

    /// PITFALLS R-50, SPEC C-72, G-20: a name is bound to its id, its principal and its time, and is visible
    /// ASCII.
    #[test]
    fn a_name_is_read_for_its_own_session_alone() {
        let portable = portable(60);
        let (id, ada) = (SessionId::random(), Owner::from("ada.lovelace"));
        let name = portable.name(id, Some(&ada), V06, &client("x")).unwrap();
        let name = name.to_str().unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic()) && !name.contains("ada.lovelace"));
        let sealed = name.strip_prefix(&format!("{id}.")).unwrap();
        let (version, read) = portable.read(id, Some("ada.lovelace"), sealed).unwrap();
        assert_eq!(version, V06);
        assert_eq!(read.capabilities, client("x").capabilities);
        assert_eq!(read.info, client("x").info);
        for (id, owner) in [
            (id, Some("bob")),
            (id, None),
            (SessionId::random(), Some("ada.lovelace")),
        ] {
            assert!(portable.read(id, owner, sealed).is_none());
        }
        assert!(
            portable
                .read(id, Some("ada.lovelace"), &sealed[1..])
                .is_none()
        );
    }

    #[test]
    fn a_name_that_is_too_old_is_not_read() {
        let id = SessionId::random();
        let name = portable(0).name(id, None, V06, &client("x")).unwrap();
        let (_, sealed) = name.to_str().unwrap().split_once('.').unwrap();
        assert!(portable(60).read(id, None, sealed).is_none());
    }

    /// It comes with every request.
    #[test]
    fn a_client_with_much_to_say_gets_a_plain_name() {
        let long = client(&"x".repeat(MAX_CAPABILITIES));
        let id = SessionId::random();
        assert!(portable(60).name(id, None, V06, &long).is_none());
        let fits = portable(60).name(id, None, V06, &client(&"x".repeat(900)));
        assert!(fits.is_some());
    }

    /// FIELD S-17: a name says who the client is, unless that is long.
    #[test]
    fn a_client_with_a_long_name_is_not_known_elsewhere() {
        for (len, is_known) in [(1, true), (100, true), (161, false), (60_000, false)] {
            let id = SessionId::random();
            let client = client_named("x", &"n".repeat(len));
            let name = portable(60).name(id, None, V06, &client).unwrap();
            let (_, sealed) = name.to_str().unwrap().split_once('.').unwrap();
            let (_, read) = portable(60).read(id, None, sealed).unwrap();
            assert_eq!(read.info, client.info.filter(|_| is_known), "{len}");
        }
    }

    proptest! {
        /// SPEC C-72: whatever its client says of itself, a name is short visible ASCII and says it again.
        #[test]
        fn a_name_says_what_it_was_told(
            note in ".{0,600}", principal in ".{0,40}", called in ".{0,300}",
        ) {
            let portable = portable(60);
            let (id, owner) = (SessionId::random(), Owner::from(principal));
            let said = client_named(&note, &called);
            if let Some(name) = portable.name(id, Some(&owner), V06, &said) {
                prop_assert!(name.len() <= 1800);
                prop_assert!(name.as_bytes().iter().all(u8::is_ascii_graphic));
                let (_, sealed) = name.to_str().unwrap().split_once('.').unwrap();
                let (_, read) = portable.read(id, Some(&owner), sealed).unwrap();
                prop_assert_eq!(read.capabilities, said.capabilities);
                prop_assert!(read.info.is_none() || read.info == said.info);
            } else {
                prop_assert!(note.len() > 150, "which JSON may make six times as long");
            }
        }

        /// PITFALLS R-50: text that was not sealed with these keys is not a name.
        #[test]
        fn what_was_not_sealed_is_not_read(sealed in "[A-Za-z0-9_+/=.-]{0,200}") {
            prop_assert!(portable(60).read(SessionId::random(), None, &sealed).is_none());
        }
    }
}
