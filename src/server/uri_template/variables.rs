//! [`Variables`]: what a URI gave to a template.

/// The values that a URI gave to the variables of a template, percent-decoded once.
///
/// No value contains a NUL or a `..` path segment (SPEC E-56). A value may still start with a `/`, or
/// be a path that is absolute on some platform, so code that joins one to a directory must refuse
/// absolute paths itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    values: Vec<(Box<str>, String)>,
}

impl Variables {
    /// The value of the variable `name`; `None` when the URI left it out, which only variables of
    /// `{?…}`, `{&…}` and `{;…}` can be, or when the template has no such variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The names and values, in the order of the URI.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(name, value)| (&**name, value.as_str()))
    }

    /// Decodes and keeps a value. A variable that a template repeats has one value, so a second
    /// one that differs means that the template did not make the URI.
    pub(crate) fn insert(&mut self, name: &str, raw: &str) -> Option<()> {
        let value = percent_decode(raw).filter(|value| is_harmless(value))?;
        if let Some(earlier) = self.get(name) {
            return (earlier == value).then_some(());
        }
        self.values.push((name.into(), value));
        Some(())
    }
}

/// One pass over the escapes, so that `%2541` stays the text `%41`.
fn percent_decode(raw: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => (hex_digit(bytes.next()?)? << 4) | hex_digit(bytes.next()?)?,
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Whether a decoded value is free of NULs and of `..` segments, so that a matched variable never
/// escapes into path traversal (SPEC E-56). Backslashes count because they separate paths on Windows.
fn is_harmless(value: &str) -> bool {
    !value.contains('\0') && value.split(['/', '\\']).all(|segment| segment != "..")
}
