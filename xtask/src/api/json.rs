//! A small reader of JSON that is known to be valid: what rustdoc writes.

/// A JSON value that borrows nothing. Numbers stay text, because ids are only compared.
#[derive(Debug)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

pub(super) const NULL: &Json = &Json::Null;

impl Json {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text };
        reader.value()
    }

    /// The member of that name; null where there is none.
    pub(super) fn get(&self, name: &str) -> &Self {
        let Self::Object(members) = self else {
            return NULL;
        };
        let found = members.iter().find(|(member, _)| member == name);
        found.map_or(NULL, |(_, value)| value)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(super) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// The text of a string or of a number.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            _ => "",
        }
    }

    pub(super) fn list(&self) -> &[Self] {
        match self {
            Self::List(values) => values,
            _ => &[],
        }
    }

    pub(super) fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// Name and content of an enum's variant, as serde writes it: a string alone has no content.
    pub(super) fn variant(&self) -> (&str, &Self) {
        match self {
            Self::Object(members) => members
                .first()
                .map_or(("", NULL), |(name, value)| (name, value)),
            _ => (self.text(), NULL),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Json, String> {
        match self.peek() {
            Some('{') => {
                let members = self.sequence('}', |reader| {
                    let name = reader.string()?;
                    reader.take(':')?;
                    Ok((name, reader.value()?))
                })?;
                Ok(Json::Object(members))
            }
            Some('[') => Ok(Json::List(self.sequence(']', Self::value)?)),
            Some('"') => Ok(Json::Text(self.string()?)),
            _ => {
                let end = self.rest.find([',', '}', ']']).unwrap_or(self.rest.len());
                let word = self.rest[..end].trim_end();
                self.rest = &self.rest[end..];
                Ok(match word {
                    "null" => Json::Null,
                    "true" | "false" => Json::Bool(word == "true"),
                    _ => Json::Number(word.to_owned()),
                })
            }
        }
    }

    /// What stands between brackets, separated by commas.
    fn sequence<T>(
        &mut self,
        end: char,
        element: impl Fn(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut elements = Vec::new();
        self.advance();
        while self.peek() != Some(end) {
            if self.rest.is_empty() {
                return Err(format!("a sequence does not end with {end}"));
            }
            elements.push(element(self)?);
            if self.peek() == Some(',') {
                self.advance();
            }
        }
        self.advance();
        Ok(elements)
    }

    fn string(&mut self) -> Result<String, String> {
        self.take('"')?;
        let mut text = String::new();
        loop {
            let stop = self.rest.find(['"', '\\']).ok_or("a string does not end")?;
            text.push_str(&self.rest[..stop]);
            let escaped = self.rest[stop..].starts_with('\\');
            self.rest = &self.rest[stop + 1..];
            if !escaped {
                return Ok(text);
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let escape = self.rest.chars().next().ok_or("an escape does not end")?;
        self.advance();
        Ok(match escape {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            // No text that is read here has a pair of surrogates.
            'u' => {
                let digits = self.rest.get(..4).ok_or("an escape does not end")?;
                let code = u32::from_str_radix(digits, 16).map_err(|error| error.to_string())?;
                self.rest = &self.rest[4..];
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => other,
        })
    }

    fn take(&mut self, expected: char) -> Result<(), String> {
        if self.peek() != Some(expected) {
            return Err(format!("expected {expected} before: {:.40}", self.rest));
        }
        self.advance();
        Ok(())
    }

    /// The next character that is not white space.
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn advance(&mut self) {
        let mut rest = self.rest.chars();
        rest.next();
        self.rest = rest.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name() {
        let json = Json::parse(r#" {"a": [1, {"b\n\u0041": "c\"d"}], "e": null, "f": true} "#);
        let json = json.expect("it is valid");
        let [one, object] = json.get("a").list() else {
            panic!("{json:?}");
        };
        assert_eq!(one.text(), "1");
        assert_eq!(object.get("b\nA").text(), "c\"d");
        assert!(json.get("e").is_null() && json.get("missing").is_null());
        assert!(json.get("f").is_true());
    }

    #[test]
    fn text_that_ends_early_is_an_error() {
        assert!(Json::parse(r#"{"a"#).is_err());
        assert!(Json::parse("[1, [2]").is_err());
        assert!(Json::parse(r#"{"a" 1}"#).is_err());
    }
}
