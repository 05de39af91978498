//! Where a shape stands in a request, and the request with it there.

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
    /// Bytes behind the request, ahead of its answer.
    Behind,
}

impl Place {
    /// The shapes that can be sent here.
    pub(crate) fn shapes(self) -> &'static [Shape] {
        match self {
            Self::Head => &IN_HEADS,
            Self::Behind => &BEHIND,
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
const BEHIND: [Shape; 2] = [Shape::Nothing, Shape::Padding];

/// A shape at a place, as long as it is to be.
#[derive(Clone, Copy)]
pub(crate) struct Dear {
    pub(crate) place: Place,
    pub(crate) shape: Shape,
    pub(crate) bytes: usize,
}

impl Dear {
    /// The members for a place, with a comma in front; nothing if it is another one's.
    pub(crate) fn members(&self, place: Place) -> String {
        if self.place != place || self.shape == Shape::Nothing {
            return String::new();
        }
        format!(",{}", self.shape.members(self.bytes))
    }

    /// The same for an object that has no other members.
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

    /// A request with a message as its body.
    pub(crate) fn request(&self, line: &str, headers: &str, body: &str) -> Bytes {
        let fields = match self.place {
            Place::Head => self.shape.fields(self.bytes),
            _ => String::new(),
        };
        let behind = match (self.place, self.shape) {
            (Place::Behind, Shape::Padding) => self.bytes,
            _ => 0,
        };
        let len = body.len();
        let mut text = Vec::with_capacity(fields.len() + headers.len() + len + behind + 256);
        for part in [line, " HTTP/1.1\r\nHost: localhost\r\n", headers, &fields] {
            text.extend_from_slice(part.as_bytes());
        }
        text.extend_from_slice(format!("Content-Length: {len}\r\n\r\n{body}").as_bytes());
        // The beginning of a request, of which the rest never comes.
        let next = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n";
        text.extend(
            next.iter()
                .copied()
                .chain(std::iter::repeat(b' '))
                .take(behind),
        );
        text.into()
    }

    /// A message with this method and these members of `params`, each with a comma behind it.
    pub(crate) fn message(&self, method: &str, params: &str, meta: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}"_meta":{{{meta}"a/b":1{}}}{}}}{}}}"#,
            self.members(Place::Meta),
            self.members(Place::Params),
            self.members(Place::Envelope),
        )
    }
}
