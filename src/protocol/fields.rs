//! [`Fields`]: the headers that decide what a request is.

use hyper::header::{
    ACCEPT, AsHeaderName, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};

use super::header::{MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION, MCP_SESSION_ID};

/// The headers that are needed for every request, found in one pass over all headers. A look-up in the map
/// costs half as much as the pass, because it hashes the name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'h> {
    pub(crate) accept: Field<'h>,
    pub(crate) content_encoding: Field<'h>,
    pub(crate) content_type: Field<'h>,
    pub(crate) method: Field<'h>,
    pub(crate) name: Field<'h>,
    pub(crate) session: Field<'h>,
    pub(crate) version: Field<'h>,
    /// For all other headers.
    pub(crate) headers: &'h HeaderMap,
}

/// Whether a header is absent, present once, or repeated. In [`Fields`] equal copies count as one: some
/// clients send a header twice (SPEC D-34).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'h> {
    Absent,
    One(&'h HeaderValue),
    /// A proxy on the way may have used any of them.
    Several,
}

impl<'h> Fields<'h> {
    pub(crate) fn read(headers: &'h HeaderMap) -> Self {
        let mut fields = Self {
            accept: Field::Absent,
            content_encoding: Field::Absent,
            content_type: Field::Absent,
            method: Field::Absent,
            name: Field::Absent,
            session: Field::Absent,
            version: Field::Absent,
            headers,
        };
        for (name, value) in headers {
            if let Some(field) = fields.of(name) {
                field.add_copy(value);
            }
        }
        fields
    }

    fn of(&mut self, name: &HeaderName) -> Option<&mut Field<'h>> {
        Some(match name {
            name if name == ACCEPT => &mut self.accept,
            name if name == CONTENT_TYPE => &mut self.content_type,
            name if name == CONTENT_ENCODING => &mut self.content_encoding,
            name if name == MCP_METHOD => &mut self.method,
            name if name == MCP_NAME => &mut self.name,
            name if name == MCP_SESSION_ID => &mut self.session,
            name if name == MCP_PROTOCOL_VERSION => &mut self.version,
            _ => return None,
        })
    }
}

impl<'h> Field<'h> {
    /// A header that is rarely needed.
    pub(crate) fn of(headers: &'h HeaderMap, name: impl AsHeaderName) -> Self {
        let mut field = Self::Absent;
        let values = headers.get_all(name).iter();
        values.for_each(|value| field.add(value));
        field
    }

    fn add(&mut self, value: &'h HeaderValue) {
        *self = match self {
            Self::Absent => Self::One(value),
            Self::One(_) | Self::Several => Self::Several,
        };
    }

    /// As `add`, but equal copies count as one.
    fn add_copy(&mut self, value: &'h HeaderValue) {
        match self {
            Self::One(first) if one_of_copies(first) == one_of_copies(value) => {}
            _ => self.add(value),
        }
    }

    pub(crate) fn is_absent(self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The only line of a header in visible ASCII, not empty (SPEC C-72, H-18), with its text; `Err` for
    /// several lines and for other bytes (SPEC C-80).
    pub(crate) fn visible(self) -> Result<Option<(&'h HeaderValue, &'h str)>, ()> {
        match self {
            Self::Absent => Ok(None),
            Self::One(line) => {
                let text = line.to_str().map_err(drop)?;
                let is_visible =
                    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
                is_visible.then_some(Some((line, text))).ok_or(())
            }
            Self::Several => Err(()),
        }
    }
}

/// One value of a line that a proxy has joined from equal copies: `a` of `a, a` (SPEC D-34). Other lines are
/// one value as they are.
pub(crate) fn one_of_copies(line: &HeaderValue) -> &[u8] {
    let line = line.as_bytes();
    let mut copies = line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    match copies.next() {
        Some(first) if copies.all(|copy| copy == first) => first,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC D-34, FIELD T-3: only a list of nothing but equal values is one of them.
    #[test]
    fn joined_copies_are_one_value() {
        for (line, one) in [
            ("a", "a"),
            (" a ", "a"),
            ("a,a", "a"),
            ("a, a ,\ta", "a"),
            ("a b, a b", "a b"),
            ("a, b", "a, b"),
            ("a, a, b", "a, a, b"),
            ("a,", "a,"),
            ("a,,a", "a,,a"),
            ("a, A", "a, A"),
            ("", ""),
            (",", ""),
        ] {
            let line = HeaderValue::from_str(line).unwrap();
            assert_eq!(one_of_copies(&line), one.as_bytes(), "{line:?}");
        }
    }

    /// SPEC D-34, FIELD T-3: none of several different lines is used, and equal ones count as one in a pass
    /// over all headers. A header that is looked up by its name has to be there once.
    #[test]
    fn a_header_is_absent_or_there_once_or_several_times() {
        type Found = for<'f, 'h> fn(&'f Fields<'h>) -> Field<'h>;
        let found: [(HeaderName, Found); 7] = [
            (ACCEPT, |fields| fields.accept),
            (CONTENT_ENCODING, |fields| fields.content_encoding),
            (CONTENT_TYPE, |fields| fields.content_type),
            (MCP_METHOD, |fields| fields.method),
            (MCP_NAME, |fields| fields.name),
            (MCP_SESSION_ID, |fields| fields.session),
            (MCP_PROTOCOL_VERSION, |fields| fields.version),
        ];
        let says = |field: Field<'_>| match field {
            Field::Absent => "absent".to_owned(),
            Field::One(value) => format!("{value:?}"),
            Field::Several => "several".to_owned(),
        };
        for (name, field) in found {
            let mut headers = HeaderMap::new();
            headers.insert("x-other", HeaderValue::from_static("x"));
            for (next, in_pass, looked_up) in [
                ("a", "absent", "absent"),
                ("a", "\"a\"", "\"a\""),
                ("a,a", "\"a\"", "several"),
                ("b", "\"a\"", "several"),
                ("a", "several", "several"),
            ] {
                assert_eq!(says(field(&Fields::read(&headers))), in_pass, "{name}");
                assert_eq!(says(Field::of(&headers, &name)), looked_up, "{name}");
                headers.append(&name, HeaderValue::from_static(next));
            }
        }
    }
}
