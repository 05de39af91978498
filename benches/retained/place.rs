//! The places of a request that can hold a shape, and requests with a shape in such a place.

use bytes::Bytes;

use crate::shape::Shape;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Lines of the head.
    Head,
    /// Members of the message, beside `method`.
    Envelope,
    /// Members of `params`.
    Params,
    /// Members of `_meta`.
    Meta,
    /// Members of `capabilities.experimental`.
    Capabilities,
    /// Members of `clientInfo`.
    ClientInfo,
    /// Members of a tool's arguments.
    Arguments,
    /// The URIs of a filter.
    Filter,
    /// The text of a URI.
    Uri,
    /// Bytes after the request, sent before its answer.
    Ahead,
}

impl Place {
    /// The shapes that can be sent here.
    pub(crate) fn shapes(self) -> &'static [Shape] {
        match self {
            Self::Head => &IN_HEADS,
            Self::Ahead => &AHEAD,
            _ => &IN_BODIES,
        }
    }
}

const IN_BODIES: [Shape; 13] = [
    Shape::Nothing,
    Shape::Padding,
    Shape::Numbers,
    Shape::Exponents,
    Shape::EmptyTexts,
    Shape::ShortTexts,
    Shape::EmptyObjects,
    Shape::SmallObjects,
    Shape::DeepArrays,
    Shape::DeepObjects,
    Shape::Escapes,
    Shape::Names,
    Shape::RepeatedNames,
];
const IN_HEADS: [Shape; 3] = [Shape::Nothing, Shape::Padding, Shape::ManyFields];
const AHEAD: [Shape; 2] = [Shape::Nothing, Shape::Padding];

/// A shape of this length, at a place.
#[derive(Clone, Copy)]
pub(crate) struct Payload {
    pub(crate) place: Place,
    pub(crate) shape: Shape,
    pub(crate) bytes: usize,
}

impl Payload {
    /// The members for this place, with a leading comma; empty if the shape has another place.
    pub(crate) fn members(&self, place: Place) -> String {
        if self.place != place || self.shape == Shape::Nothing {
            return String::new();
        }
        format!(",{}", self.shape.members(self.bytes))
    }

    /// The same without the comma, for an object that has no other members.
    pub(crate) fn only_members(&self, place: Place) -> String {
        self.members(place).split_off(usize::from(
            self.place == place && self.shape != Shape::Nothing,
        ))
    }

    /// The URIs of a filter.
    pub(crate) fn uris(&self) -> String {
        match self.place {
            Place::Filter => self.shape.elements(self.bytes),
            _ => String::new(),
        }
    }

    /// A request with this body, and with the shape if its place is outside of the body.
    pub(crate) fn request(&self, line: &str, headers: &str, body: &str) -> Bytes {
        let fields = match self.place {
            Place::Head => self.shape.fields(self.bytes),
            _ => String::new(),
        };
        let ahead = match (self.place, self.shape) {
            (Place::Ahead, Shape::Padding) => self.bytes,
            _ => 0,
        };
        let len = body.len();
        let mut text = Vec::with_capacity(fields.len() + headers.len() + len + ahead + 256);
        for part in [line, " HTTP/1.1\r\nHost: localhost\r\n", headers, &fields] {
            text.extend_from_slice(part.as_bytes());
        }
        text.extend_from_slice(format!("Content-Length: {len}\r\n\r\n{body}").as_bytes());
        // The beginning of a request that never becomes complete.
        let next = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n";
        text.extend(
            next.iter()
                .copied()
                .chain(std::iter::repeat(b' '))
                .take(ahead),
        );
        text.into()
    }

    /// A message with this method, and with these members of `params` and `_meta`, each with a trailing comma.
    pub(crate) fn message(&self, method: &str, params: &str, meta: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}"_meta":{{{meta}"a/b":1{}}}{}}}{}}}"#,
            self.members(Place::Meta),
            self.members(Place::Params),
            self.members(Place::Envelope),
        )
    }
}
