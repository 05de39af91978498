//! Ids in URLs, headers and SSE fields: which text they accept, and how they print.

use std::fmt;

use uuid::Uuid;

/// The id of a session: 122 random bits, printed as 32 lower-case hex digits (2025-11-25, Transports,
/// Session Management).
///
/// Whoever has the id can send messages to the session, so `Debug` hides it. `Display` prints it, for
/// headers and URLs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(Uuid);

impl SessionId {
    /// A new id from the operating system's random source.
    ///
    /// # Panics
    ///
    /// If the operating system provides no random bytes.
    #[must_use]
    pub(crate) fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Four parts of the id, of 24 random bits each.
    #[cfg(feature = "request-state")]
    pub(crate) fn random_bits(self) -> [u32; 4] {
        // These skip the bits that name the version and the variant of the UUID.
        let bits = self.0.as_u128();
        [0, 24, 80, 104].map(|shift| (bits >> shift) as u32 & 0xFF_FFFF)
    }

    /// Reads the id that a peer sent: a UUID, with or without dashes, in upper or lower case. All these
    /// forms name the same session. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text.as_bytes())
    }

    /// The same from bytes that may not be UTF-8.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        // The length excludes the braced and URN forms, which the library would accept too.
        if text.len() != 32 && text.len() != 36 {
            return None;
        }
        Uuid::try_parse_ascii(text).ok().map(Self)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// The id of one SSE event: visible ASCII, not empty, because clients send it back in the header
/// `Last-Event-ID` (2025-11-25, Transports, Resumability and Redelivery).
///
/// A value of this type never holds a line break or a NUL, so the encoder does not check again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventId(Box<str>);

impl EventId {
    /// The longest event id that is accepted, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Accepts text of 1 to [`EventId::MAX_LEN`] bytes, all of them in `0x21..=0x7E`; `None` for any
    /// other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.into()))
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A stream of a session. Streams are numbered in the order in which they were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamId(u64);

impl StreamId {
    /// The stream that belongs to no request.
    pub(crate) const STANDALONE: Self = Self(0);

    pub(crate) fn nth(number: u64) -> Self {
        Self(number)
    }
}

/// Tells the event ids of one session from those of another without naming the session: event ids
/// appear in logs, and the session id is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(u32);

impl Tag {
    pub(crate) fn random() -> Self {
        Self(Uuid::new_v4().as_fields().0)
    }

    /// The id of an event: it names the session, the stream and the position in the stream (SPEC C-51
    /// and C-52).
    pub(crate) fn event_id(self, stream: StreamId, number: u64) -> EventId {
        EventId(format!("{:08x}/{}/{number}", self.0, stream.0).into())
    }

    /// Which event of this session an id names; `None` for text that this session never wrote
    /// (SPEC C-57).
    pub(crate) fn read(self, id: &EventId) -> Option<(StreamId, u64)> {
        let mut parts = id.0.split('/').skip(1);
        let stream = StreamId(parts.next()?.parse().ok()?);
        let number = parts.next()?.parse().ok()?;
        // `+1` and `01` parse as well, but this server never writes them.
        (self.event_id(stream, number) == *id).then_some((stream, number))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// SPEC B-11, G-10: unguessable means random and never repeated.
    #[test]
    fn session_ids_are_unique_and_print_as_32_hex_digits() {
        let ids: HashSet<String> = (0..100_000)
            .map(|_| SessionId::random().to_string())
            .collect();
        assert_eq!(ids.len(), 100_000);
        for id in ids {
            assert_eq!(id.len(), 32);
            assert!(
                id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
                "{id}"
            );
        }
    }

    #[test]
    fn a_session_id_reads_in_every_form_that_clients_send() {
        let id = SessionId::random();
        let simple = id.to_string();
        let dashed = id.0.hyphenated().to_string();
        for text in [
            &simple,
            &dashed,
            &simple.to_uppercase(),
            &dashed.to_uppercase(),
        ] {
            assert_eq!(SessionId::parse(text), Some(id), "{text}");
        }
        let urn = format!("urn:uuid:{dashed}");
        let braced = format!("{{{dashed}}}");
        let padded = format!("{simple} ");
        for text in [
            "",
            "abc",
            &urn,
            &braced,
            &padded,
            &"g".repeat(32),
            &"0".repeat(33),
        ] {
            assert_eq!(SessionId::parse(text), None, "{text}");
        }
    }

    /// SPEC G-13: ids stay out of logs.
    #[test]
    fn debug_does_not_show_a_session_id() {
        assert_eq!(format!("{:?}", SessionId::random()), "SessionId(..)");
    }

    /// SPEC C-51, C-52, C-57: an event id leads back to its event in its own session only.
    #[test]
    fn an_event_id_names_its_session_stream_and_place() {
        let (tag, other) = (Tag(0xAB), Tag(0xCD));
        let id = tag.event_id(StreamId(3), 17);
        assert_eq!(id.as_str(), "000000ab/3/17");
        assert_eq!(tag.read(&id), Some((StreamId(3), 17)));
        assert_eq!(other.read(&id), None);
        for text in [
            "000000ab/3",
            "000000ab/3/+17",
            "000000ab/03/17",
            "000000AB/3/17",
            "000000ab/3/17/1",
            "ab/3/17",
            "x",
        ] {
            assert_eq!(tag.read(&EventId::parse(text).unwrap()), None, "{text}");
        }
    }

    /// SPEC H-8: no NUL, CR or LF, visible ASCII only, never empty.
    #[test]
    fn event_ids_are_visible_ascii() {
        for text in ["1", "s/17", "!~"] {
            assert_eq!(EventId::parse(text).unwrap().as_str(), text);
        }
        let long = "x".repeat(EventId::MAX_LEN + 1);
        for text in ["", " ", "a b", "a\n", "a\r", "a\0", "é", &long] {
            assert_eq!(EventId::parse(text), None, "{text:?}");
        }
    }
}
